from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bench.codecs import registry
from bench.codecs.codec import Codec, CodecSpec
from bench.codecs.registry import (
    CODECS,
    FURTHER_METRICS,
    METRICS,
    ON_REQUEST,
    codec_class,
    codec_names,
    family_of,
    label_of,
    load_metric,
    resolve_codecs,
)
from bench.metrics.distortion import Metric
from bench.system.errors import UsageError
from bench.system.wording import LISTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MINE = """
from bench.codecs.codec import Codec, QualityScale
from bench.images.picture import Picture

class Mine(Codec):
    title = "Mine"
    scale = QualityScale("nothing", (1, 2), lowest=1, highest=2)

    def encode(self, picture):
        return b"x"

    def decode(self, data):
        raise NotImplementedError

class Other(Mine):
    title = "Other"

class Jpeg(Mine):
    pass

class NoTitle(Codec):
    scale = Mine.scale

class NoScale(Codec):
    title = "No scale"

class NoPoints(Mine):
    scale = QualityScale("nothing", (), lowest=1, highest=2)

not_a_codec = 7
"""

METRIC = """
from bench.metrics.distortion import Metric

BRIGHTER = Metric("brighter", lambda a, b: float(b.pixels.mean() - a.pixels.mean()), "Brighter", higher_is_better=True)
"""


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Each test sees the registry as a new process does."""

    def clear() -> None:
        for cached in (codec_class, load_metric, registry.code_of, registry._entry_points):
            cached.cache_clear()
        for name in [name for name in sys.modules if name.startswith("bench_user_")]:
            del sys.modules[name]

    clear()
    yield
    clear()


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


@pytest.mark.parametrize("name", CODECS)
def test_every_registered_codec_loads(name: str) -> None:
    assert issubclass(codec_class(name), Codec)


@pytest.mark.parametrize("name", [*METRICS, *FURTHER_METRICS])
def test_every_registered_metric_loads(name: str) -> None:
    assert isinstance(load_metric(name), Metric)


@pytest.mark.parametrize(
    ("wrong", "near"), [("jpg", "jpeg"), ("jpeg200", "jpeg2000"), ("wepb", "webp"), ("jpeg444", "jpeg-444")]
)
def test_an_unknown_codec_suggests_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(UsageError, match=rf"^unknown codec '{wrong}'; did you mean '{near}'\?$"):
        codec_class(wrong)


def test_a_list_of_codecs_is_answered_with_the_options_that_are_meant() -> None:
    with pytest.raises(UsageError, match=r"^unknown codec 'jpeg,webp'; .* several: --codec jpeg --codec webp$"):
        codec_class("jpeg,webp")


def test_a_name_near_to_nothing_is_answered_with_the_names_and_of_many_with_the_first_few() -> None:
    more = len(codec_names()) + len(ON_REQUEST) - LISTED
    names = rf"(\S+, ){{{LISTED - 1}}}\S+"
    with pytest.raises(UsageError, match=rf"^unknown codec 'zzzzzz'; known: {names} and {more} more$"):
        codec_class("zzzzzz")
    more = len(METRICS) + len(FURTHER_METRICS) - LISTED
    with pytest.raises(UsageError, match=rf"^unknown metric 'zzzzzz'; known: {names} and {more} more$"):
        load_metric("zzzzzz")


def test_an_unknown_metric_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"^unknown metric 'ms-ssim'; did you mean 'ms_ssim'\?$"):
        load_metric("ms-ssim")


def test_a_codec_is_loaded_from_a_file(mine: Path) -> None:
    codec = codec_class(f"{mine}:Mine")
    assert codec.title == "Mine"
    assert codec(1).quality == 1
    assert resolve_codecs([f"{mine}:Mine@2"]) == [CodecSpec(f"{mine}:Mine", (2,))]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{mine}:Yours", "has no Yours"),
        ("{mine}:not_a_codec", "is not a subclass of bench.codecs.Codec"),
        ("{mine}:NoTitle", r"mine\.py:NoTitle needs title = "),
        ("{mine}:NoScale", r"mine\.py:NoScale needs scale = QualityScale\("),
        ("{mine}:NoPoints", r"mine\.py:NoPoints needs qualities to measure: points of its QualityScale"),
        ("{mine}", "does not name a codec; use .*mine.py:ClassName"),
        ("nowhere/mine.py:Mine", "there is no file nowhere/mine.py"),
    ],
)
def test_a_file_without_the_codec_is_told(name: str, message: str, mine: Path) -> None:
    with pytest.raises(UsageError, match=message):
        codec_class(name.format(mine=mine))


@pytest.mark.parametrize("text", ["import nothing_of_the_kind", "class (", "1 / 0"])
def test_a_file_that_does_not_run_is_told_in_one_line(text: str, mine: Path) -> None:
    mine.write_text(text)
    with pytest.raises(UsageError, match=r"mine\.py:Mine' cannot be loaded: \w+Error: [^\n]+$"):
        codec_class(f"{mine}:Mine")


def test_a_files_codec_is_stored_under_its_class(mine: Path) -> None:
    assert label_of(f"{mine}:Mine") == "mine"
    assert label_of("jpeg-444") == "jpeg-444"


def test_a_files_codec_must_not_pass_for_a_registered_one(mine: Path) -> None:
    with pytest.raises(UsageError, match="would be taken for the registered codec 'jpeg'; rename the class"):
        label_of(f"{mine}:Jpeg")


def test_a_metric_is_loaded_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "metric.py"
    path.write_text(METRIC)
    assert load_metric(f"{path}:BRIGHTER").name == "brighter"


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution of somebody else, as pip leaves it behind."""
    (tmp_path / "theirs.py").write_text(MINE + METRIC)
    metadata = tmp_path / "theirs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[bench.codecs]\nmine = theirs:Mine\nwebp = theirs:Mine\nbroken = theirs:Nothing\n"
        "[bench.metrics]\nbrighter = theirs:BRIGHTER\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "theirs", raising=False)


@pytest.mark.usefixtures("_installed")
def test_entry_points_add_codecs_and_metrics() -> None:
    assert codec_class("mine").title == "Mine"
    assert load_metric("brighter").title == "Brighter"
    assert codec_names()[: len(CODECS)] == tuple(CODECS)
    assert "mine" in codec_names()


@pytest.mark.usefixtures("_installed")
def test_an_entry_point_does_not_replace_a_codec_of_ours() -> None:
    assert codec_class("webp").__module__ == "baselines.webp"


@pytest.mark.usefixtures("_installed")
def test_a_broken_entry_point_is_told() -> None:
    with pytest.raises(UsageError, match="codec 'broken' cannot be loaded from theirs:Nothing"):
        codec_class("broken")


def test_codecs_come_once_in_the_order_asked_for() -> None:
    specs = resolve_codecs(["webp@50", "jpeg@5", "webp@10,50"])
    assert specs == [CodecSpec("webp", (50, 10)), CodecSpec("jpeg", (5,))]


def test_a_name_without_qualities_means_the_default_points() -> None:
    assert resolve_codecs(["jpeg"]) == [CodecSpec("jpeg", tuple(range(5, 100, 5)))]


def test_a_glob_means_all_names_that_match() -> None:
    assert [spec.name for spec in resolve_codecs(["jpeg*@1"])] == [name for name in CODECS if name.startswith("jpeg")]


def test_a_glob_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"unknown codec 'gif\*'"):
        resolve_codecs(["gif*"])


def test_an_option_goes_to_the_codecs_that_have_it() -> None:
    specs = resolve_codecs(["joint@3", "jpeg@50"], {"weights": "zoo"})
    assert specs == [CodecSpec("joint", (3,), {"weights": "zoo"}), CodecSpec("jpeg", (50,))]


def test_an_option_that_no_codec_has_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^jpeg has no option --weights; omit it$"):
        resolve_codecs(["jpeg"], {"weights": "zoo"})
    with pytest.raises(UsageError, match=r"^none of the codecs has an option --weights; omit it$"):
        resolve_codecs(["jpeg", "webp"], {"weights": "zoo"})


def test_a_backend_is_had_by_all_that_are_named_and_chooses_among_those_that_a_glob_found() -> None:
    found = [spec.name for spec in resolve_codecs(["jpeg*@1"], backend="external")]
    assert {"jpeg", "jpeg2000"} < set(found)
    assert "jpegxl" not in found
    with pytest.raises(UsageError, match=r"^jpegxl has no backend 'external'; it has: "):
        resolve_codecs(["jpeg", "jpegxl"], backend="external")
    with pytest.raises(UsageError, match=r"^jpegx\* has no backend 'external'; it has: "):
        resolve_codecs(["jpeg", "jpegx*"], backend="external")


def test_codecs_of_two_files_are_not_stored_as_one(mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(MINE + "\n# another\n")
    with pytest.raises(UsageError, match=r"mine\.py:Mine and .*other\.py:Mine are both stored as 'mine'; rename one"):
        resolve_codecs([f"{mine}:Mine", f"{other}:Mine"])


def test_a_quality_off_the_scale_is_an_error_before_the_run() -> None:
    with pytest.raises(UsageError, match=r"^jpeg@101: quality is a whole number from 1 to 100"):
        resolve_codecs(["webp@50", "jpeg@101"])


@pytest.mark.parametrize(
    ("codec", "family"),
    [
        ("joint", "joint"),
        ("joint+qr", "joint"),
        ("joint-int", "joint"),
        ("joint-yuv", "joint-yuv"),  # another model
        ("joint-yuv-int", "joint-yuv"),
        ("bpg-444-jctvc", "bpg"),
        ("jpeg2000-53", "jpeg2000"),
        ("mozjpeg", "mozjpeg"),
        ("somebody-s", "somebody-s"),
    ],
)
def test_the_settings_of_a_codec_are_of_its_family(codec: str, family: str) -> None:
    assert family_of(codec) == family


def test_names_are_listed_without_importing_a_codec() -> None:
    code = "import sys; from bench.codecs.registry import codec_names; codec_names(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert not modules & {"torch", "PIL", "baselines.jpeg", "skimage"}
