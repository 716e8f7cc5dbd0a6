"""Pictures that several tests look at, and the markers of tests that need more than the package."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data

from bench.picture import Picture, read_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.codec import Codec

BINARIES = ("cjpeg", "djpeg", "cwebp", "dwebp", "opj_compress", "opj_decompress")
DATA = Path(os.environ.get("BENCH_DATA") or Path(__file__).parents[1] / "data")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("kodak") and not (DATA / "kodak" / "kodim24.png").is_file():
        pytest.skip(f"no Kodak pictures in {DATA / 'kodak'}")
    if item.get_closest_marker("binaries"):
        absent = [name for name in BINARIES if not shutil.which(name)]
        if absent:
            pytest.skip(f"not on PATH: {', '.join(absent)}")


@pytest.fixture(scope="session")
def kodak() -> list[Path]:
    return [DATA / "kodak" / f"kodim{number:02d}.png" for number in range(1, 25)]


@pytest.fixture
def kodak_point(kodak: list[Path]) -> Callable[[Codec], tuple[float, float]]:
    """A codec's point on Kodak, by hand and not through the harness: mean bits per pixel, mean PSNR of RGB in dB."""

    def point(codec: Codec) -> tuple[float, float]:
        rates_bpp, psnrs_db = [], []
        for path in kodak:
            picture = read_picture(path)
            data = codec.encode(picture)
            difference = picture.pixels.astype(float) - codec.decode(data).pixels
            rates_bpp.append(8 * len(data) / (picture.width * picture.height))
            psnrs_db.append(10 * np.log10(255**2 / np.mean(difference**2)))
        return float(np.mean(rates_bpp)), float(np.mean(psnrs_db))

    return point


@pytest.fixture(scope="session")
def photo() -> Picture:
    """A piece of a real photograph: skin, hair, cloth; 128 x 96 pixels."""
    return Picture(np.ascontiguousarray(skimage.data.astronaut()[60:156, 150:278]))


@pytest.fixture(scope="session")
def photographs() -> dict[str, Picture]:
    """Whole photographs, large enough for MS-SSIM."""
    names = ("astronaut", "chelsea", "coffee", "rocket")
    return {name: Picture(np.ascontiguousarray(getattr(skimage.data, name)())) for name in names}
