"""Of which version a codec or a metric of the user's own is: code, modules, files."""

from __future__ import annotations

import hashlib
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from bench.codecs import registry, user_code
from bench.codecs.registry import codec_class, load_metric
from bench.codecs.user_code import Code
from bench.harness.recipe import Recipe, Version
from bench.system.errors import CodecError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CODEC = """
from pathlib import Path
from bench.codecs.codec import Codec, QualityScale

class Mine(Codec):
    title = "Mine"
    scale = QualityScale("nothing", (1, 2), lowest=1, highest=3)
    options = {"model": ""}

    def __init__(self, quality, **options):
        super().__init__(quality, **options)
        self.set_up()

    def set_up(self):
        pass

    def encode(self, picture):
        return b"x"

    def decode(self, data):
        raise NotImplementedError

class Other(Mine):
    pass
"""


@pytest.fixture(autouse=True)
def _forget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # an edit within a second would be overlooked
    forget(tmp_path)
    yield
    forget(tmp_path)


def forget(folder: Path) -> None:
    """Let this process know as little of the code in a folder as a new one."""
    for cached in (codec_class, load_metric, registry.code_of):
        cached.cache_clear()
    user_code._kept.clear()
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


def version(path: Path, quality: float = 1, *, name: str = "Mine", **options: str) -> Version:
    """Revision of a codec and SHA-256 of its weights."""
    recipe, _ = Recipe(f"{path}:{name}", quality, options=tuple(options.items())).pinned()
    assert recipe.version is not None
    return recipe.version


def anew(path: Path, quality: float = 1) -> Version:
    """That which a new process finds."""
    forget(path.parent)
    return version(path, quality)


def write(path: Path, *, imports: str = "", set_up: str = "pass") -> Path:
    """A codec that imports something, and does something when it is constructed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = textwrap.indent(textwrap.dedent(set_up), 8 * " ").lstrip()
    path.write_text(f"{imports}\n{CODEC.replace('pass', body, 1)}")
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_edit_of_the_file_changes_the_revision(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.py")
    assert version(path) == (f"1-{sha256(path)[:16]}", None)
    path.write_text(path.read_text() + "\n# edited\n")
    assert anew(path) == (f"1-{sha256(path)[:16]}", None)


def test_the_same_content_has_the_same_revision_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "weights").write_bytes(b"w")
    (tmp_path / "a" / "helper.py").write_text("X = 1\n")
    here = write(
        tmp_path / "a" / "mine.py", imports="import helper", set_up="Path(__file__).with_name('weights').read_bytes()"
    )
    before = version(here)
    (tmp_path / "a").rename(tmp_path / "b")
    here = (tmp_path / "b" / "mine.py").rename(tmp_path / "b" / "yours.py")
    forget(tmp_path)
    sys.path[:] = [entry for entry in sys.path if not entry.startswith(str(tmp_path))]
    assert version(here) == before


def test_a_revision_does_not_depend_on_what_was_loaded_before(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.py")
    version(path)
    after_its_base = version(path, name="Other")
    forget(tmp_path)
    assert version(path, name="Other") == after_its_base


@pytest.mark.parametrize(
    "imports",
    [
        "import helper",
        "from helper import X",
        "import package.part",
        "from package import part",
        "def later():\n    from package.deep.relative import X",
    ],
)
def test_an_edit_of_a_local_module_changes_the_revision(tmp_path: Path, imports: str) -> None:
    path = write(tmp_path / "mine.py", imports=imports)
    deep = tmp_path / "package" / "deep"
    deep.mkdir(parents=True)
    for package in (deep, deep.parent):
        (package / "__init__.py").touch()
    (deep / "relative.py").write_text("from ..part import X\n")
    changed = []
    for name in ("helper.py", "package/part.py"):
        (tmp_path / name).write_text("X = 1\n")
    for name in ("helper.py", "package/part.py"):
        before = anew(path)
        (tmp_path / name).write_text("X = 2\n")
        changed += [name] * (anew(path) != before)
    assert changed == ["helper.py" if "helper" in imports else "package/part.py"]


def test_an_import_from_above_the_topmost_package_names_no_module(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.py", imports="def later():\n    from package.deep import relative")
    deep = tmp_path / "package" / "deep"
    deep.mkdir(parents=True)
    for package in (deep, deep.parent):
        (package / "__init__.py").touch()
    (deep / "relative.py").write_text("from ....helper import X\n")
    (deep.parent / "helper.py").write_text("X = 1\n")
    before = anew(path)
    (deep.parent / "helper.py").write_text("X = 2\n")
    assert anew(path) == before


def test_what_is_installed_or_of_python_is_no_part_of_the_revision(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.py", imports="import json, numpy.linalg, xml.dom\nfrom bench.images import Picture")
    assert Code.of(path).modules == {path}


def test_files_that_are_opened_for_a_codec_are_its_weights(tmp_path: Path) -> None:
    one, two = tmp_path / "q1.bin", tmp_path / "q2.bin"
    one.write_bytes(b"one")
    two.write_bytes(b"two")
    path = write(tmp_path / "mine.py", set_up="Path(__file__).with_name(f'q{self.quality:g}.bin').read_bytes()")
    first, second = version(path, 1), version(path, 2)
    # Qualities lie on one curve, so their revision is the same.
    assert first[0] == second[0]
    assert (first[1], second[1]) == (sha256(one), sha256(two))
    two.write_bytes(b"another")
    assert (anew(path, 1), anew(path, 2)) == (first, (second[0], sha256(two)))


@pytest.mark.parametrize(
    "set_up",
    [
        # Without the name of the file in the object: it is found when it is opened.
        "if not hasattr(Mine, 'kept'):\n    Mine.kept = Path(__file__).with_name('w.bin').read_bytes()",
        "import numpy\nnumpy.fromfile(Path(__file__).parent / 'w.bin', 'u1')",
        "import torch\ntorch.load(Path(__file__).parent / 'w.bin', weights_only=False)",
        "import os\nos.close(os.open(Path(__file__).parent / 'w.bin', os.O_RDONLY))",
        "self.files = ['w.bin']",
        "self.files = [Path(__file__).parent / 'w.bin']",
        "import importlib\nimportlib.import_module('late').X",
    ],
)
def test_each_way_to_files_counts_at_each_quality(tmp_path: Path, set_up: str) -> None:
    import torch  # noqa: PLC0415

    path = write(tmp_path / "mine.py", set_up=set_up)
    for content in (1, 2):
        torch.save(content, tmp_path / "w.bin")
        (tmp_path / "late.py").write_text(f"X = {content}\n")
        found = [anew(path, 1)[1], version(path, 2)[1], version(path, 3)[1]]
        assert found == [sha256(tmp_path / ("late.py" if "late" in set_up else "w.bin"))] * 3


def test_files_read_by_the_module_itself_count(tmp_path: Path) -> None:
    (tmp_path / "table.bin").write_bytes(b"1")
    (tmp_path / "helper.py").write_text(
        "from pathlib import Path\nX = Path(__file__).with_name('table.bin').read_bytes()"
    )
    path = write(tmp_path / "mine.py", imports="import helper")
    other = write(tmp_path / "other.py", imports="from helper import X")
    # The second finds the helper in memory.
    assert version(path)[1] == version(other)[1] == sha256(tmp_path / "table.bin")


def test_folders_and_options_that_name_files_count(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a.bin").write_bytes(b"a")
    (tmp_path / "b.bin").write_bytes(b"b")
    path = write(tmp_path / "mine.py")
    assert version(path, model=str(tmp_path / "b.bin"))[1] == sha256(tmp_path / "b.bin")
    assert version(path, model="no file" * 1000)[1] is None
    path = write(tmp_path / "mine.py", set_up="self.files = ('model',)")
    assert anew(path)[1] == sha256(tmp_path / "model" / "a.bin")


def test_files_of_work_do_not_count(tmp_path: Path) -> None:
    write_and_read = "p = Path(__file__).with_name('work')\np.write_text(str(id(self)))\np.read_text()"
    path = write(tmp_path / "mine.py", set_up=f"{write_and_read}\nopen('/proc/self/stat').close()")
    assert version(path)[1] is None


def test_a_hash_that_the_codec_gives_itself_is_kept_and_joined_by_what_it_does_not_cover(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"w")
    given = "import hashlib\nself.weights_sha256 = hashlib.sha256(b'w').hexdigest()\n"
    reads = "Path(__file__).with_name('w.bin').read_bytes()\n"
    assert version(write(tmp_path / "mine.py", set_up=given))[1] == sha256(tmp_path / "w.bin")
    assert anew(write(tmp_path / "mine.py", set_up=given + reads))[1] == sha256(tmp_path / "w.bin")
    (tmp_path / "c.bin").write_bytes(b"c")
    more = reads.replace("w.bin", "c.bin")
    seen = {anew(write(tmp_path / "mine.py", set_up=given + more))[1]}
    (tmp_path / "c.bin").write_bytes(b"d")
    seen.add(anew(tmp_path / "mine.py")[1])
    assert len(seen - {sha256(tmp_path / "w.bin")}) == 2


def test_a_file_that_is_named_and_not_there_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.py", set_up="self.files = ['gone.bin']")
    with pytest.raises(
        UsageError, match=r"^cannot read .*/gone\.bin, which the codec or metric declares: No such file"
    ):
        version(path)


def test_a_recipe_opens_the_version_that_it_is_of_and_no_other(tmp_path: Path) -> None:
    weights = tmp_path / "w.bin"
    weights.write_bytes(b"w")
    path = write(tmp_path / "mine.py", set_up="Path(__file__).with_name('w.bin').read_bytes()")
    recipe, _ = Recipe(f"{path}:Mine", 1).pinned()
    forget(tmp_path)  # another process, in which nothing is known but the recipe
    assert recipe.open().quality == 1
    weights.write_bytes(b"other")
    with pytest.raises(CodecError, match=r"mine\.py:Mine or its files differ from those of the planned run"):
        recipe.open()
    weights.write_bytes(b"w")
    path.write_text(path.read_text() + "\n")
    assert recipe.open().quality == 1  # what is loaded stays as it is
    forget(tmp_path)
    with pytest.raises(CodecError, match="differ from those of the planned run"):
        recipe.open()


def test_a_module_beside_the_file_is_imported_and_python_s_own_come_first(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("X = 1\n")
    (tmp_path / "colorsys.py").write_text("raise SystemExit('in the way')\n")
    path = write(tmp_path / "mine.py", imports="import beside, colorsys\nassert beside.X and colorsys.rgb_to_hls")
    assert codec_class(f"{path}:Mine").title == "Mine"


def test_a_module_in_place_of_the_one_beside_the_file_is_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder / "mine.py", imports=f"import shared_name  # {folder}")
        (tmp_path / folder / "shared_name.py").touch()
    codec_class(f"{tmp_path}/a/mine.py:Mine")
    with pytest.raises(UsageError, match=r"b/mine\.py imports 'shared_name', but gets .*/a/shared_name\.py instead of"):
        codec_class(f"{tmp_path}/b/mine.py:Mine")
    (tmp_path / "a" / "click.py").touch()
    write(tmp_path / "a" / "other.py", imports="import click")
    with pytest.raises(
        UsageError, match=r"imports 'click', but gets .*site-packages.* instead of .*a/click\.py; rename"
    ):
        codec_class(f"{tmp_path}/a/other.py:Mine")


METRIC = """
from pathlib import Path
import helper
from bench.metrics.distortion import Metric

TABLE = Path(__file__).with_name("table.bin").read_bytes()
MINE = Metric("mine", lambda a, b: helper.X, "Mine", higher_is_better=True, files=("w.bin",))
"""


def test_a_metric_has_the_version_of_its_code_modules_and_files(tmp_path: Path) -> None:
    names = {"metric.py": METRIC, "helper.py": "X = 1\n", "table.bin": "t", "w.bin": "w"}
    for name, text in names.items():
        (tmp_path / name).write_text(text)
    versions = [load_metric(f"{tmp_path}/metric.py:MINE").version]
    for name, text in names.items():
        forget(tmp_path)
        versions.append(load_metric(f"{tmp_path}/metric.py:MINE").version)
        assert versions[-1] == versions[-2]
        (tmp_path / name).write_text(text + "\n")
        forget(tmp_path)
        versions.append(load_metric(f"{tmp_path}/metric.py:MINE").version)
    assert len(set(versions)) == 1 + len(names)
    assert all(each.startswith("1-") for each in versions)
