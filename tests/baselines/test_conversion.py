from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from baselines.conversion import CONVERSIONS, ceiling_db, luma_ceiling_db
from bench.codecs.registry import CODECS, codec_class
from bench.images.image_files import read_picture
from bench.images.picture import Picture
from bench.results.published import conversion_ceilings

if TYPE_CHECKING:
    from pathlib import Path

    from bench.codecs.codec import Codec

ROUND_NOTHING = {"jpeg2000", "jpeg2000-53", "jpegxl"}
"""Conventional codecs that transform colour without rounding it to 8 or 10 bits."""

UNKNOWN = {"bpg-444-jctvc", "bpg-420-jctvc"}
"""bpgenc converts by filters of its own."""

CODED_AGAINST_CONVERTED_DB = {
    # Rounded coefficients of the DCT: a twelfth of a squared level a sample and a bit.
    "jpeg": 50,
    "jpeg-opt": 50,
    "mozjpeg": 50,
    "jpeg-444": 52,
    # libwebp's finest quantiser has a step of 4.
    "webp": 42.5,
    "bpg-444": 65,
    "bpg-420": 65,
    "avif": 99,
    "avif-420": 49,
}
"""How near a codec at its best comes to the picture of its conversion, whatever the conversion has lost."""


def at_its_best(name: str) -> Codec:
    cls = codec_class(name)
    return cls(cls.scale.lowest if cls.scale.falling else cls.scale.highest)


@pytest.fixture(scope="module")
def colourful(photographs: dict[str, Picture]) -> Picture:
    """A photograph with noise in each colour, of which halved chroma keeps little: 15 dB."""
    pixels = 0.3 * photographs["coffee"].pixels[:128, :192] + np.random.default_rng(1).normal(80, 60, (128, 192, 3))
    return Picture(np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("name", CODED_AGAINST_CONVERTED_DB)
def test_a_codec_at_its_best_gives_the_picture_of_its_conversion(name: str, colourful: Picture) -> None:
    codec = at_its_best(name)
    coded, converted = codec.decode(codec.encode(colourful)), CONVERSIONS[name](colourful)
    difference = coded.pixels.astype(float) - converted.pixels
    assert 10 * np.log10(255**2 / max(np.mean(difference**2), 1e-9)) > CODED_AGAINST_CONVERTED_DB[name]
    assert np.abs(difference.mean((0, 1))).max() < 0.3  # no colour is shifted


def test_vvc_at_its_best_comes_near_its_ceiling_and_not_above(photo: Picture) -> None:
    # vvenc takes no noise at its best.
    codec = at_its_best("vvc")
    coded_db, converted_db = _psnr_db(photo, codec.decode(codec.encode(photo))), _psnr_db(photo, _converted(photo))
    assert converted_db - 0.5 < coded_db < converted_db + 0.1


def _converted(picture: Picture) -> Picture:
    return CONVERSIONS["vvc"](picture)


def _psnr_db(original: Picture, other: Picture) -> float:
    return float(peak_signal_noise_ratio(original.pixels, other.pixels))  # type: ignore[no-untyped-call]


def test_every_conventional_codec_that_converts_states_its_ceiling() -> None:
    conventional = {name for name, target in CODECS.items() if target.startswith("baselines.")}
    assert set(CONVERSIONS) == conventional - ROUND_NOTHING - UNKNOWN
    assert set(conversion_ceilings()["codec"]) == set(CONVERSIONS)


@pytest.mark.parametrize("name", ["jpeg", "bpg-420", "vvc"])
def test_halved_chroma_costs_luma_much_less_than_rgb(name: str, photo: Picture) -> None:
    assert luma_ceiling_db(name, [photo]) > ceiling_db(name, [photo]) + 5


def test_the_luma_ceiling_is_that_of_unrounded_bt709(photo: Picture) -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    error = (photo.pixels @ weights - CONVERSIONS["jpeg-444"](photo).pixels @ weights) ** 2
    assert luma_ceiling_db("jpeg-444", [photo]) == pytest.approx(10 * np.log10(255**2 / error.mean()), abs=1e-9)


@pytest.mark.parametrize("name", CONVERSIONS)
def test_an_odd_size_is_converted(name: str, photo: Picture) -> None:
    odd = Picture(np.ascontiguousarray(photo.pixels[:31, :45]))
    converted = CONVERSIONS[name](odd)
    assert converted.pixels.shape == odd.pixels.shape
    assert _psnr_db(odd, converted) > 30


@pytest.mark.kodak
@pytest.mark.slow
def test_the_stated_ceilings_are_those_of_kodak(kodak: list[Path]) -> None:
    pictures = [read_picture(path) for path in kodak]
    stated = conversion_ceilings()
    for codec, psnr_db in zip(stated["codec"], stated["psnr_rgb_db"], strict=True):
        assert ceiling_db(codec, pictures) == pytest.approx(psnr_db, abs=0.006), codec
