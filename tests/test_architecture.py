"""The layout: a folder imports only those above it, no imports are circular, and quick commands import no torch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from bench.results.schema import DIAGNOSTICS

ROOT = Path(__file__).parents[1]

FOLDERS = [
    {"system"},
    {"images"},
    {"metrics"},
    {"codecs"},
    {"learned", "baselines"},
    {"results"},
    {"analysis"},
    {"harness"},
    {"experiments"},
    {"report"},
    {"verification"},
    {"reproduction"},
    {"cli"},
    {"__main__"},
]
"""From top to bottom, as drawn in docs/architecture.md: a folder imports only folders above it."""

LEARNED = ["quick_import", "families", "lambdas", "architectures", "models", "weights", "coding", "codecs", "training"]
"""Inside of bench/learned, likewise; codecs and training are neighbours."""

LEVEL = {name: level for level, names in enumerate(FOLDERS) for name in names}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in [*ROOT.glob("bench/**/*.py"), *ROOT.glob("baselines/**/*.py")]
}


@cache
def imports(module: str) -> frozenset[str]:
    """The modules of this project that a module imports, wherever in it, those for type checking included."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (names & MODULES.keys()) | ({node.module} if names - MODULES.keys() else set())
    return frozenset(found & MODULES.keys())


def folder(module: str) -> str:
    """The folder that a module is in: bench.learned.models.parts -> learned, baselines.jpeg -> baselines."""
    first, *rest = module.split(".")
    return rest[0] if first == "bench" and rest else first


def arrows() -> list[tuple[str, str]]:
    """Every import of one module by another, but for the version of the package."""
    return [(source, target) for source in MODULES for target in sorted(imports(source)) if target != "bench"]


def test_nothing_lies_loose_in_the_package() -> None:
    loose = {path.name for path in (ROOT / "bench").iterdir() if path.is_file()}
    assert loose == {"__init__.py", "__main__.py", "py.typed"}
    assert {folder(module) for module in MODULES} == LEVEL.keys() | {"bench"}


def test_every_folder_says_what_is_in_it() -> None:
    for module, path in MODULES.items():
        if path.name == "__init__.py" and module.count(".") == 1 and module.startswith("bench."):
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            inside = {name.rpartition(".")[2] for name in MODULES if name.rpartition(".")[0] == module}
            unnamed = {name for name in inside if not re.search(rf"\b{name}\b", text)}
            assert not unnamed, f"{module} does not say what {', '.join(sorted(unnamed))} is"


def test_no_folder_imports_from_one_below_it() -> None:
    wrong = [
        f"{source} imports {target}"
        for source, target in arrows()
        if LEVEL.get(folder(source), -1) < LEVEL[folder(target)] and folder(source) != "bench"
    ]
    assert wrong == []


def test_learned_and_baselines_do_not_see_each_other() -> None:
    wrong = [arrow for arrow in arrows() if {folder(module) for module in arrow} == {"learned", "baselines"}]
    assert wrong == []


def test_inside_of_learned_imports_go_up() -> None:
    def level(module: str) -> int:
        return LEARNED.index(module.split(".")[2])

    inside = [arrow for arrow in arrows() if all(module.startswith("bench.learned.") for module in arrow)]
    assert [f"{source} imports {target}" for source, target in inside if level(source) < level(target)] == []
    assert not [arrow for arrow in inside if {module.split(".")[2] for module in arrow} == {"codecs", "training"}]


def test_imports_do_not_go_in_a_circle() -> None:
    """Depth first; a package's __init__ that exports names of its modules is no circle with them."""
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for target in sorted(imports(module)):
                visit(target, (*path, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_no_two_classes_have_one_name() -> None:
    names = [
        node.name
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert sorted(name for name, number in Counter(names).items() if number > 1) == []


def test_what_codecs_note_of_themselves_is_described() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("bench/**/*.py"))
    noted = set(re.findall(r'\bnote\("(\w+)"', text))
    assert {"coder_bits", "acem_indicator"} <= noted <= DIAGNOSTICS.keys()


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
