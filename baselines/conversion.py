"""What colour conversion alone costs a codec: the PSNR that it cannot exceed, however many bits it spends.

A codec that works on YCbCr samples rounds twice before it has coded anything, and halves chroma if it is 4:2:0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines import vvc
from baselines.bpg import codec as bpg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bench.picture import Picture


def _through_bpg(subsampling: str) -> Callable[[Picture], Picture]:
    return lambda picture: bpg.to_picture(bpg.to_planes(picture, subsampling))


def _through_vvc(picture: Picture) -> Picture:
    rows, columns = picture.height % 2, picture.width % 2
    even = np.pad(picture.pixels, ((0, rows), (0, columns), (0, 0)), mode="edge")
    return vvc.to_picture(vvc.to_planes(even), picture.height, picture.width)


CONVERSIONS: Mapping[str, Callable[[Picture], Picture]] = {
    "bpg-444": _through_bpg("4:4:4"),
    "bpg-420": _through_bpg("4:2:0"),
    "vvc": _through_vvc,
}
"""Codec to what becomes of a picture that is converted and back, without being coded.

AVIF 4:4:4 converts as bpg-444 does, inside of libavif. JPEG XL's XYB is not rounded.
"""


def ceiling_db(codec: str, pictures: Iterable[Picture]) -> float:
    """The mean PSNR in dB of pictures that were only converted."""
    return float(np.mean([_psnr_db(picture, CONVERSIONS[codec](picture)) for picture in pictures]))


def _psnr_db(original: Picture, converted: Picture) -> float:
    mse = np.mean((original.pixels.astype(float) - converted.pixels) ** 2)
    return float(10 * np.log10(255**2 / mse))
