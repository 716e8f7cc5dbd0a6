"""`bench verify` finds what it is there to find, and lets pass what is right."""

from __future__ import annotations

import dataclasses
import math
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from bench.cli.main import main
from bench.codecs.codec import Codec, QualityScale
from bench.codecs.registry import CODECS, codec_class
from bench.harness.fresh_process import FreshProcess
from bench.harness.recipe import Recipe
from bench.images.picture import Picture
from bench.learned.weights import checkpoints
from bench.results import published
from bench.system.errors import MissingError, UsageError
from bench.verification import zoo
from bench.verification.check import CheckRequest
from bench.verification.round_trip import verify_round_trips

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = '''
import multiprocessing
import os
import numpy as np
from bench.codecs.codec import Codec, QualityScale
from bench.system.errors import CodecError
from bench.images.picture import Picture

class Raw(Codec):
    """Keeps every sample."""
    title = "Raw"
    scale = QualityScale("none", (1, 2, 3, 4, 5), 1, 5)

    def encode(self, picture):
        return np.array(picture.pixels.shape, "<u2").tobytes() + picture.pixels.tobytes()

    def decode(self, data):
        return Picture(np.frombuffer(data[6:], np.uint8).reshape(np.frombuffer(data[:6], "<u2")))

class Forgetful(Raw):
    """Decodes only what this process has encoded."""
    seen = {}
    def encode(self, picture):
        data = super().encode(picture)
        self.seen[data[:6]] = picture
        return data[:6]
    def decode(self, data):
        return self.seen[data]

class Threaded(Raw):
    """Its arithmetic depends on the number of threads, in one pixel."""
    def decode(self, data):
        pixels = super().decode(data).pixels.copy()
        pixels[0, 0, 1] = os.environ["OMP_NUM_THREADS"]
        return Picture(pixels)

class Cropping(Raw):
    """Loses a row elsewhere."""
    def decode(self, data):
        pixels = super().decode(data).pixels
        return Picture(pixels[1:] if multiprocessing.parent_process() else pixels)

class Deadly(Raw):
    """Kills the process that decodes a high picture."""
    def decode(self, data):
        picture = super().decode(data)
        if multiprocessing.parent_process() and picture.height > picture.width:
            os._exit(9)
        return picture

class Carried(Raw):
    """Is right with one of its backends."""
    backends = ("first", "second")
    def decode(self, data):
        if self.backend == "first":
            raise CodecError("by first")
        return super().decode(data)

class Odd(Exception):
    def __init__(self, one, two):
        super().__init__("strange\\nerror")

class Raising(Raw):
    """Raises what cannot be sent between processes."""
    def decode(self, data):
        if multiprocessing.parent_process():
            raise Odd(1, 2)
        return super().decode(data)
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a file of codecs, beside a folder of a wide and a high picture; one thread here, two there."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "photos").mkdir()
    for name, shape in {"high": (9, 5, 3), "wide": (5, 9, 3)}.items():
        pixels = np.random.default_rng(1).integers(100, 200, shape).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{name}.png")
    return str(tmp_path / "own.py")


def request(own: str, *codecs: str) -> CheckRequest:
    folder = Path(own).parent
    names = tuple(f"{own}:{codec}" for codec in codecs)
    return CheckRequest(codecs=names, dataset=str(folder / "photos"), threads=1)


def test_an_honest_codec_passes_at_both_ends_and_the_middle(own: str) -> None:
    verdict = verify_round_trips(request(own, "Raw"))
    assert verdict.failures == ()
    assert verdict.rows == tuple(("raw", quality, "2", "the same pictures") for quality in ("1", "3", "5"))


@pytest.mark.parametrize(
    ("codec", "reason"),
    [
        ("Forgetful@2", "in the process that decodes: KeyError"),
        ("Threaded@2", "1 of 45 pixels differ, by up to 1 levels"),
        ("Cropping@2", "9x5 here, 9x4 in the other process"),
        ("Raising@2", "in the process that decodes: Odd: strange error"),
    ],
)
def test_a_file_that_is_another_picture_elsewhere_is_found(own: str, codec: str, reason: str) -> None:
    verdict = verify_round_trips(request(own, codec))
    assert [row[1:] for row in verdict.rows] == [("2", "2", "2 of 2 failed")]
    assert reason in verdict.failures[1]
    assert verdict.failures[1].startswith(f"{codec.lower()} on wide: ")


def test_a_process_that_dies_costs_one_picture(own: str) -> None:
    verdict = verify_round_trips(request(own, "Deadly@2", "Raw@1"))
    assert verdict.failures == ("deadly@2 on high: the process that decodes exited with code 9",)
    assert [row[3] for row in verdict.rows] == ["1 of 2 failed", "the same pictures"]


def test_a_picture_that_cannot_be_read_costs_itself(own: str) -> None:
    (Path(own).parent / "photos" / "broken.png").write_bytes(b"not a picture")
    (failure,) = verify_round_trips(request(own, "Raw@1")).failures
    assert failure.startswith("raw@1 on broken: cannot read image")


def test_the_other_process_has_other_threads_and_ours_stay(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(f"{own}:Threaded", 1)
    data = recipe.open().encode(Picture(np.zeros((2, 2, 3), np.uint8)))
    for before in ("7", None):
        if before is None:
            monkeypatch.delenv("OMP_NUM_THREADS")
        else:
            monkeypatch.setenv("OMP_NUM_THREADS", before)
        with FreshProcess(3) as process:
            decoded = process.decode(recipe, data)
        assert isinstance(decoded, Picture)
        assert decoded.pixels[0, 0, 1] == 3


def test_the_command_passes_jpeg_and_webp(own: str) -> None:
    photos = str(Path(own).parent / "photos")
    arguments = ["verify", "--codec", "jpeg@50", "--codec", "webp@50", "--dataset", photos, "--threads", "2"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "2 here, 1 in the process that decodes" in result.output
    assert result.output.count("the same pictures") == 2


def test_the_command_fails_where_a_picture_differs(own: str) -> None:
    photos = str(Path(own).parent / "photos")
    result = CliRunner().invoke(main, ["verify", "--codec", f"{own}:Forgetful@1", "--dataset", photos])
    assert result.exit_code == 1
    assert "failed: forgetful@1 on high" in result.output


@pytest.mark.parametrize("option", [{"families": ("joint",)}, {"qualities": (1,)}, {"db": Path("r.sqlite")}])
def test_options_of_the_zoo_are_refused_without_it(option: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--weights zoo"):
        CheckRequest(**option, threads=1)


@pytest.mark.parametrize(
    ("option", "reason"), [({"images": ("kodim01",)}, "all of Kodak"), ({"backend": "external"}, "only one backend")]
)
def test_options_of_round_trips_are_refused_with_the_zoo(option: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        CheckRequest(weights="zoo", **option, threads=1)


def test_the_backend_codes_here_and_there(own: str) -> None:
    asked = dataclasses.replace(request(own, "Carried@1"), backend="second")
    assert verify_round_trips(asked).failures == ()
    (failure, _) = verify_round_trips(request(own, "Carried@1")).failures
    assert "by first" in failure


def test_a_codec_that_is_named_has_the_backend_and_of_a_glob_those_that_have_it_are_checked(own: str) -> None:
    with pytest.raises(UsageError, match="raw has no backend 'second'; it has: python"):
        verify_round_trips(dataclasses.replace(request(own, "Raw"), backend="second"))
    with pytest.raises(UsageError, match=r"jpeg\* has no backend 'second'; it has: "):
        verify_round_trips(CheckRequest(codecs=("jpeg*",), backend="second", threads=1))
    photos = str(Path(own).parent / "photos")
    verdict = verify_round_trips(CheckRequest(codecs=("[mw]*@50",), backend="pillow", dataset=photos, threads=1))
    assert [row[0] for row in verdict.rows] == ["webp"]


LEVEL = 5
"""How far the fake codec's pictures are from the originals: a PSNR of 34.15 dB."""

NUM_BYTES = 100


class FakeJoint(Codec):
    """Stores the one colour of a grey picture in 100 bytes a quality, and gives it back LEVEL brighter."""

    title = "Joint"
    scale = QualityScale("point", (1, 2), 1, 8)
    options: ClassVar = {"weights": "compact"}

    def __init__(self, quality: float, *, backend: str | None = None, **options: str) -> None:
        super().__init__(quality, backend=backend, **options)
        self.weights = self.chosen["weights"]

    def encode(self, picture: Picture) -> bytes:
        start = bytes([picture.height, picture.width, picture.pixels[0, 0, 0]])
        return start + bytes(NUM_BYTES * int(self.quality) - 3)

    def decode(self, data: bytes) -> Picture:
        return Picture(np.full((data[0], data[1], 3), data[2] + LEVEL, np.uint8))


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[float, float]]:
    """A zoo of two files, a codec for them, and a Kodak of two pictures; rate (bpp) at quality 1 and PSNR (dB)."""
    module = types.ModuleType("fake_learned")
    module.FakeJoint = FakeJoint  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fake_learned", module)
    monkeypatch.setitem(CODECS, "joint", "fake_learned:FakeJoint")
    codec_class.cache_clear()
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for quality in (1, 2):
        (tmp_path / "weights" / checkpoints.find("joint", quality).file).touch()
    (tmp_path / "kodak").mkdir()
    for grey in (10, 200):
        Image.fromarray(np.full((32, 64, 3), grey, np.uint8)).save(tmp_path / "kodak" / f"{grey}.png")
    monkeypatch.setattr(zoo, "DATASET", str(tmp_path / "kodak"))
    yield 8 * NUM_BYTES / (32 * 64), 10 * math.log10(255**2 / LEVEL**2)
    codec_class.cache_clear()


def publish(monkeypatch: pytest.MonkeyPatch, *points: tuple[float, float]) -> None:
    """Let these be the published points of the joint family."""
    rows = [
        {"source": "compressai-8bit", "method": "compressai-mbt2018_mse_ans_cuda", "metric": "psnr_rgb", **point}
        for point in ({"rate_bpp": bpp, "value": psnr} for bpp, psnr in points)
    ]
    monkeypatch.setattr(zoo, "published", types.SimpleNamespace(load=lambda: pd.DataFrame(rows)))


def zoo_request(tmp_path: Path, *qualities: int) -> CheckRequest:
    return CheckRequest(weights="zoo", families=("joint",), qualities=qualities, db=tmp_path / "v.sqlite", threads=1)


@pytest.mark.parametrize(
    ("rate", "psnr_db", "verdict"),
    [
        (1.0, 0.0, "agrees"),
        (1.0049, 0.0099, "agrees"),
        (0.9951, -0.0099, "agrees"),
        (1.0051, 0.0, "rate differs"),
        (0.9949, 0.0, "rate differs"),
        (1.0, 0.0101, "PSNR differs"),
        (1.0, -0.0101, "PSNR differs"),
        (1.1, 1.0, "rate and PSNR differ"),
    ],
)
def test_the_bounds_are_half_a_percent_and_a_hundredth_of_a_decibel(rate: float, psnr_db: float, verdict: str) -> None:
    assert zoo.verdict(rate - 1, psnr_db) == verdict


def test_weights_that_agree_pass_and_are_not_measured_again(
    measured: tuple[float, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bpp, psnr_db = measured
    publish(monkeypatch, (2 * bpp, psnr_db), (bpp, psnr_db))
    verdict = zoo.verify_zoo(zoo_request(tmp_path, 1, 2))
    assert verdict.failures == ()
    assert [(row[0], row[-1]) for row in verdict.rows] == [("joint@1", "agrees"), ("joint@2", "agrees")]
    monkeypatch.setattr(FakeJoint, "encode", None)
    assert zoo.verify_zoo(zoo_request(tmp_path, 1, 2)) == verdict


def test_weights_that_do_not_agree_fail(
    measured: tuple[float, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bpp, psnr_db = measured
    publish(monkeypatch, (bpp, psnr_db), (bpp * 2.02, psnr_db + 0.02))
    verdict = zoo.verify_zoo(zoo_request(tmp_path, 1, 2))
    assert verdict.failures == ("joint@2: rate and PSNR differ",)
    assert verdict.rows[1] == (
        "joint@2",
        f"{2.02 * bpp:.4f}",
        f"{2 * bpp:.4f}",
        "-0.99 %",
        f"{psnr_db + 0.02:.3f}",
        f"{psnr_db:.3f}",
        "-0.020",
        "rate and PSNR differ",
    )


def test_a_picture_that_fails_leaves_a_point_unmeasured_and_fails(
    measured: tuple[float, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, measured)
    monkeypatch.setattr(FakeJoint, "decode", lambda _, data: Picture(np.zeros((data[2], 64, 3), np.uint8)))
    verdict = zoo.verify_zoo(zoo_request(tmp_path, 1))
    assert verdict.rows[0][-1] == "not measured"
    assert len(verdict.failures) == 2


def test_weights_that_are_not_here_are_named_with_the_command(
    measured: tuple[float, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, measured, (1, 40), (2, 41))
    verdict = zoo.verify_zoo(zoo_request(tmp_path, 1, 3))
    assert verdict.failures == ()
    assert verdict.left_out == ("joint@3 (mse): `bench fetch weights --family joint --quality 3`",)
    with pytest.raises(MissingError, match="`bench fetch weights --family joint --quality 4 --quality 5` downloads"):
        zoo.verify_zoo(zoo_request(tmp_path, 4, 5))


def test_the_command_ends_with_the_verdict(
    measured: tuple[float, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, measured)
    command = ["verify", "--weights", "zoo", "--quality", "1", "--family", "joint", "--db", str(tmp_path / "v.sqlite")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "bounds: rate 0.5%, PSNR 0.01 dB" in result.output
    publish(monkeypatch, (1.0, 20.0))
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert "failed: joint@1: rate and PSNR differ" in result.output


def test_every_checkpoint_has_its_published_point() -> None:
    points = published.load()
    ours = {
        entry: zoo.published_point(entry, points) for entry in checkpoints.all_checkpoints() if entry.metric == "mse"
    }
    assert ours[checkpoints.find("factorized", 1)] == pytest.approx((0.1226230197482639, 26.905718167622883), rel=1e-12)
    assert ours[checkpoints.find("attn", 6)] == pytest.approx((0.8058878580729166, 36.59522501627604), rel=1e-12)
    for entry, (bpp, psnr_db) in ours.items():
        if entry.quality > 1:
            below = ours[checkpoints.find(entry.family, entry.quality - 1)]
            assert bpp > below[0]
            assert psnr_db > below[1]
