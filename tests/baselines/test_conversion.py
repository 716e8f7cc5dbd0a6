from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baselines.conversion import CONVERSIONS, ceiling_db
from bench.analysis.anchors import conversion_ceilings_db
from bench.picture import Picture, read_picture
from bench.registry import codec_class

if TYPE_CHECKING:
    from pathlib import Path


def test_a_codec_at_its_best_comes_near_its_ceiling_and_not_above(photo: Picture) -> None:
    for name, convert in CONVERSIONS.items():
        cls = codec_class(name)
        codec = cls(cls.scale.lowest)
        decoded = codec.decode(codec.encode(photo))
        coded_db, converted_db = _psnr_db(photo, decoded), _psnr_db(photo, convert(photo))
        assert converted_db - 6 < coded_db < converted_db + 0.1, name


def _psnr_db(original: Picture, other: Picture) -> float:
    from skimage.metrics import peak_signal_noise_ratio  # noqa: PLC0415  # an independent one

    return float(peak_signal_noise_ratio(original.pixels, other.pixels))


def test_every_codec_with_a_conversion_states_its_ceiling() -> None:
    assert set(conversion_ceilings_db()) == set(CONVERSIONS)


def test_an_odd_size_is_converted(photo: Picture) -> None:
    odd = Picture(photo.pixels[:31, :45])
    for convert in CONVERSIONS.values():
        assert convert(odd).pixels.shape == odd.pixels.shape


@pytest.mark.kodak
@pytest.mark.slow
def test_the_stated_ceilings_are_those_of_kodak(kodak: list[Path]) -> None:
    pictures = [read_picture(path) for path in kodak]
    for name, stated_db in conversion_ceilings_db().items():
        assert ceiling_db(name, pictures) == pytest.approx(stated_db, abs=0.006), name
