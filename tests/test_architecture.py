"""The import direction of DESIGN: lower layers never import higher ones, and the quick commands never import torch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.results.schema import DIAGNOSTICS

ROOT = Path(__file__).parents[1]

LAYERS = [
    {"errors", "environment", "files", "manifest", "probe", "progress", "download"},
    {"picture", "image_files", "colour", "ffmpeg", "clips", "pixel_format", "codec", "measurement", "ms_ssim"},
    {"metrics", "images", "datasets", "registry", "provenance"},
    {"baselines", "learned"},
    {"adapter", "measure", "store"},
    {"runner", "workers", "analysis", "trained"},
    {"budget", "evidence", "exhibits", "interchange", "export", "request", "report", "inventory", "tables", "verify"},
    {"ablation", "cca_ablation", "training_spread", "reproduce"},
    {"cli"},
    {"__main__"},
]
"""Bottom to top. A module imports from its own layer or from below."""

LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def _part(module: str) -> str:
    """The part of the house that a module is in: bench.learned.models -> learned, baselines.jpeg -> baselines.

    A command line is one wherever it lies.
    """
    first, *rest = module.split(".")
    if rest[-1:] == ["cli"]:
        return "cli"
    return rest[0] if first == "bench" and rest else first


def _imports() -> list[tuple[str, str]]:
    edges = []
    for path in [*ROOT.glob("bench/**/*.py"), *ROOT.glob("baselines/**/*.py")]:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                edges += [(module, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                # "from bench import datasets" imports a module, not a name of the package.
                submodules = node.module in {"bench", "baselines"}
                edges += [(module, f"{node.module}.{a.name}") for a in node.names if submodules]
                edges += [(module, node.module)] if not submodules else []
    return [(source, target) for source, target in edges if target.split(".")[0] in {"bench", "baselines"}]


def test_every_module_has_a_layer() -> None:
    parts = {_part(source) for source, _ in _imports()} - {"bench", "__version__"}
    assert parts <= set(LEVEL), f"give {parts - set(LEVEL)} a place in LAYERS"


def test_no_module_imports_from_a_higher_layer() -> None:
    wrong = [
        f"{source} imports {target}"
        for source, target in _imports()
        if LEVEL.get(_part(source), 0) < LEVEL.get(_part(target), 0)
    ]
    assert wrong == []


def test_what_codecs_note_of_themselves_is_described() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("bench/**/*.py"))
    noted = set(re.findall(r'\bnote\("(\w+)"', text))
    assert {"estimated_bits", "acem_indicator"} <= noted <= DIAGNOSTICS.keys()


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["run", "--help"], ["train", "--help"]])
def test_quick_commands_import_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from bench.cli.main import main\n"
        f"status = main({arguments!r}, standalone_mode=False)\n"
        "sys.exit(3 if 'torch' in sys.modules else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
