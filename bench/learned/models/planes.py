"""Packing of YUV 4:2:0 pictures into six planes of equal size, the input of the models.

Luma is split into four planes, of the samples at (0, 0), (0, 1), (1, 0) and (1, 1) of each 2x2 block; U and V follow.
If a side of luma is odd, its last row or column is repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.images.picture import Yuv420

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHANNELS = 6
LUMA_PLANES = 4


def pack(picture: Yuv420) -> NDArray[np.uint8]:
    """Pack a picture into six planes, (ceil(h / 2), ceil(w / 2), 6)."""
    luma = np.pad(picture.y, [(0, side % 2) for side in picture.y.shape], mode="edge")
    split = [luma[down::2, right::2] for down in (0, 1) for right in (0, 1)]
    return np.ascontiguousarray(np.stack([*split, picture.u, picture.v], axis=-1))


def unpack(samples: NDArray[np.uint8], height: int, width: int) -> Yuv420:
    """Unpack six planes (h, w, 6) to a picture, with luma cropped to a height and width."""
    rows, columns = samples.shape[:2]
    blocks = samples[..., :LUMA_PLANES].reshape(rows, columns, 2, 2).transpose(0, 2, 1, 3)
    luma = blocks.reshape(2 * rows, 2 * columns)[:height, :width]
    half = -(-height // 2), -(-width // 2)
    y, u, v = map(np.ascontiguousarray, (luma, *np.moveaxis(samples[: half[0], : half[1], LUMA_PLANES:], 2, 0)))
    return Yuv420(y, u, v)
