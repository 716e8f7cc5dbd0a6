"""Each codec is fed what it takes, and what it gives back is compared with what there was."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from bench.codecs import adapter
from bench.codecs.codec import Codec, QualityScale, Yuv420Codec
from bench.harness.measure import measure, time_stages
from bench.images.colour import from_yuv420, to_yuv420
from bench.images.picture import Picture, Yuv420
from bench.images.pixel_format import FrameFormat
from bench.images.set_images import ClipFrame, ImageFile
from bench.metrics.distortion import MS_SSIM_Y, MSE_U, MSE_V, MSE_Y
from bench.results.resume_key import Configuration
from bench.system.errors import CodecError

if TYPE_CHECKING:
    from pathlib import Path

METRICS = (MSE_Y, MSE_U, MSE_V, MS_SSIM_Y)


class OfRgb(Codec):
    """Keeps every pixel, and remembers what it was given."""

    title = "RGB"
    scale = QualityScale("none", (1,), 1, 1)
    seen: ClassVar[list[object]] = []

    def encode(self, picture: Picture) -> bytes:
        self.seen.append(picture)
        return np.array(picture.pixels.shape, "<u2").tobytes() + picture.pixels.tobytes()

    def decode(self, data: bytes) -> Picture:
        return Picture(np.frombuffer(data[6:], np.uint8).reshape(np.frombuffer(data[:6], "<u2")))


class OfPlanes(Yuv420Codec):
    """Keeps every sample."""

    title = "planes"
    scale = OfRgb.scale
    backends = ("python", "external")
    yuv420_backends = ("python",)

    def encode_yuv420(self, picture: Yuv420) -> bytes:
        return np.array([picture.width, picture.height], "<u2").tobytes() + picture.to_bytes()

    def decode_yuv420(self, data: bytes) -> Yuv420:
        width, height = np.frombuffer(data[:4], "<u2").tolist()
        return Yuv420.of_bytes(data[4:], width, height)


class Short(OfPlanes):
    """Loses a row."""

    def decode_yuv420(self, data: bytes) -> Yuv420:
        whole = super().decode_yuv420(data)
        return whole.cropped(whole.width, whole.height - 1)


@pytest.fixture
def planes(photographs: dict[str, Picture]) -> Yuv420:
    return to_yuv420(photographs["chelsea"], full_range=False)


def test_a_codec_that_keeps_the_planes_has_no_error(planes: Yuv420) -> None:
    result = measure(OfPlanes(1), adapter.decoder(OfPlanes(1)), planes, METRICS)
    assert result.values == {"mse_y": 0, "mse_u": 0, "mse_v": 0, "ms_ssim_y": pytest.approx(1, abs=1e-12)}
    assert result.num_bytes == 4 + planes.y.size + planes.u.size + planes.v.size
    assert result.diagnostics == {}


def test_a_lossless_codec_of_rgb_has_the_errors_of_the_round_trip_and_these_are_kept(planes: Yuv420) -> None:
    result = measure(OfRgb(1), adapter.decoder(OfRgb(1)), planes, METRICS)
    back = to_yuv420(from_yuv420(planes), full_range=False)
    for metric, a, b in zip(METRICS, planes.planes, back.planes, strict=False):
        error = np.mean((a.astype(float) - b) ** 2)
        assert result.values[metric.name] == pytest.approx(error, rel=1e-12)
        assert result.diagnostics[f"round_trip_{metric.name}"] == pytest.approx(error, rel=1e-12)
        assert 0 < error < 1
    assert set(result.diagnostics) == {"round_trip_mse_y", "round_trip_mse_u", "round_trip_mse_v"}


@pytest.mark.parametrize("full_range", [True, False])
def test_the_round_trip_keeps_the_range(full_range: bool, planes: Yuv420) -> None:
    grey = Yuv420(np.full_like(planes.y, 30), np.full_like(planes.u, 128), np.full_like(planes.v, 128), full_range)
    OfRgb.seen.clear()
    result = measure(OfRgb(1), adapter.decoder(OfRgb(1)), grey, METRICS[:3])
    level = 30 if full_range else round((30 - 16) * 255 / 219)
    (picture,) = OfRgb.seen
    assert isinstance(picture, Picture)
    assert np.unique(picture.pixels).tolist() == [level]
    assert set(result.values.values()) == {0}


def test_a_backend_that_takes_no_planes_gets_rgb(planes: Yuv420) -> None:
    assert isinstance(adapter.given(OfPlanes(1), planes), Yuv420)
    assert isinstance(adapter.given(OfPlanes(1, backend="external"), planes), Picture)


def test_a_picture_of_another_size_is_an_error(planes: Yuv420) -> None:
    with pytest.raises(CodecError, match="decoded picture is 451x299, the original 451x300"):
        measure(Short(1), adapter.decoder(Short(1)), planes, METRICS)


def test_rgb_pictures_reach_codecs_of_planes_by_their_own_conversion(photo: Picture) -> None:
    codec = OfPlanes(1)
    assert np.array_equal(codec.decode(codec.encode(photo)).pixels, from_yuv420(to_yuv420(photo)).pixels)


def test_what_is_timed_is_the_codec_and_not_the_adapter(planes: Yuv420, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(adapter, "from_yuv420", lambda picture: calls.append("in") or from_yuv420(picture))
    monkeypatch.setattr(adapter, "to_yuv420", lambda *_, **__: calls.append("out"))
    samples = time_stages(OfRgb(1), OfRgb(1), planes, repeats=3, threads=1)
    assert [sample.stage for sample in samples] == ["encode", "decode"] * 3
    assert calls == ["in"]


def test_how_a_codec_was_fed_is_part_of_what_its_rows_go_by(tmp_path: Path) -> None:
    frame = functools.partial(ClipFrame, "frame0000", tmp_path, "0" * 64, 0)
    forms = [FrameFormat((4, 4), full_range=full) for full in (True, False)]
    images = [ImageFile("photo", tmp_path, "0" * 64), *map(frame, forms)]

    def curves(codec: Codec) -> list[str]:
        return [Configuration.of("codec", codec, adapter.settings(codec, image)).curve for image in images]

    of_rgb, of_planes = curves(OfRgb(1)), curves(OfPlanes(1))
    assert of_rgb[0] == Configuration.of("codec", OfRgb(1)).curve
    assert len(set(of_rgb)) == 3
    assert len(set(of_planes)) == 3


def test_the_largest_error_of_a_plane_is_finite_and_that_of_equal_planes_infinite_in_decibels() -> None:
    from bench.analysis.axis import psnr_db  # noqa: PLC0415

    flat = np.zeros((2, 2), np.uint8)
    black, other = Yuv420(np.zeros((4, 4), np.uint8), flat, flat), Yuv420(np.full((4, 4), 255, np.uint8), flat, flat)
    assert psnr_db(MSE_Y.function(black, other)) == 0
    assert math.isinf(psnr_db(MSE_U.function(black, other)))


def test_what_is_no_file_or_no_picture_says_so(photo: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = OfRgb(1)
    monkeypatch.setattr(OfRgb, "decode", lambda _, data: np.frombuffer(data, np.uint8))
    with pytest.raises(CodecError, match=r"^decode returned ndarray, not a Picture$"):
        measure(codec, adapter.decoder(codec), photo, METRICS[:1])
    monkeypatch.setattr(OfRgb, "encode", lambda *_: None)
    with pytest.raises(CodecError, match=r"^encode returned NoneType, not bytes$"):
        measure(codec, adapter.decoder(codec), photo, METRICS[:1])
