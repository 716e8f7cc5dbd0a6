from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("*.py")), ids=lambda path: path.stem)
def test_what_a_script_imports_of_bench_is_there(path: Path) -> None:
    """They are run seldom, and a name that has changed would be noticed then."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in {"bench", "baselines"}:
            module = importlib.import_module(str(node.module))
            for name in node.names:
                assert hasattr(module, name.name) or importlib.util.find_spec(f"{node.module}.{name.name}")


@pytest.mark.parametrize(("script", "arguments"), [("estimate", ["joint-3.safetensors"]), ("portability", [])])
def test_what_reads_rgb_files_refuses_planes(script: str, arguments: list[str], tmp_path: Path) -> None:
    """A set of planes names the RGB files that it is converted from: its figures would be those of another set."""
    clip = tmp_path / "clip.y4m"
    clip.write_bytes(b"YUV4MPEG2 W16 H16 F25:1 C420jpeg\nFRAME\n" + bytes(384))
    spec = importlib.util.spec_from_file_location(script, BENCHMARKS / f"{script}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result = CliRunner().invoke(module.main, [*arguments, "--dataset", str(clip)])
    assert result.exit_code == 1
    assert "has yuv420 pictures" in result.output
