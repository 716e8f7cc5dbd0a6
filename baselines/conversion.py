"""PSNR after the colour conversion of a codec alone, which limits the codec's PSNR at any rate.

A codec of 8-bit YCbCr samples rounds twice even without coding, and halves chroma in 4:2:0. Each conversion here is
that of one codec, without coding. JPEG 2000 and JPEG XL do not round after conversion, and reversible JPEG 2000 is
lossless; they have no such limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from baselines import reference_encoders, vvc
from baselines.avif import Avif
from baselines.bpg import codec as bpg
from bench.images.colour import from_yuv420, luma, to_rgb, to_ycbcr, to_yuv420

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from bench.images.picture import Picture

# libwebp: BT.601 in limited range, in fixed point.
_WEBP_LUMA = np.array([16839, 33059, 6420]) / 2**16
_WEBP_CHROMA = np.array([[-9719, -19081, 28800], [28800, -24116, -4684]]) / 2**16
_WEBP_GAMMA = 0.8
_LIMITED_LUMA_GAIN, _LIMITED_CHROMA_GAIN = 219 / 255, 224 / 255
_BLACK, _CHROMA_ZERO = 16, 128


def _through_bpg(subsampling: str) -> Callable[[Picture], Picture]:
    return lambda picture: bpg.to_picture(bpg.to_planes(picture, subsampling))


def _through_reference_encoder(picture: Picture) -> Picture:
    return reference_encoders.to_picture(reference_encoders.to_planes(picture))


def _through_avif(picture: Picture) -> Picture:
    """libavif: chroma is truncated. At the highest quality, libaom is lossless and only this conversion loses."""
    codec = Avif(Avif.scale.highest)
    return codec.decode(codec.encode(picture))


def _through_jpeg_420(picture: Picture) -> Picture:
    """libjpeg: chroma is downsampled to the mean of four samples, and upsampled by "fancy upsampling"."""
    luma_plane, *chroma = to_ycbcr(_even(picture).pixels)
    full = [_rounded(luma_plane), *(_doubled(_rounded(_means_of_four(_rounded(plane)))) for plane in chroma)]
    return to_rgb(*(np.ascontiguousarray(plane[: picture.height, : picture.width]) for plane in full))


def _through_webp(picture: Picture) -> Picture:
    """libwebp: limited range; chroma is that of the mean of four pixels on a nearly linear scale."""
    even = _even(picture).pixels.astype(np.float64)
    luma_plane = _rounded(np.asarray(even @ _WEBP_LUMA + _BLACK))
    means = np.moveaxis(255 * _means_of_four(np.moveaxis((even / 255) ** _WEBP_GAMMA, 2, 0)) ** (1 / _WEBP_GAMMA), 0, 2)
    cb, cr = (_doubled(_rounded(means @ weights + _CHROMA_ZERO)) for weights in _WEBP_CHROMA)
    full = [(luma_plane - _BLACK) / _LIMITED_LUMA_GAIN]
    full += [(plane - _CHROMA_ZERO) / _LIMITED_CHROMA_GAIN + _CHROMA_ZERO for plane in (cb, cr)]
    return to_rgb(*(plane[: picture.height, : picture.width].astype(np.float32) for plane in full))


def _even(picture: Picture) -> Picture:
    """The picture with its last row or column repeated if their number is odd."""
    return picture.padded(picture.width + picture.width % 2, picture.height + picture.height % 2)


def _rounded(plane: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    rounded: NDArray[np.float32] = np.clip(np.rint(plane), 0, 255).astype(np.float32)
    return rounded


def _means_of_four(planes: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Mean of each square of two by two samples: (..., h, w) to (..., h / 2, w / 2)."""
    height, width = planes.shape[-2:]
    means: NDArray[np.floating[Any]] = planes.reshape(*planes.shape[:-2], height // 2, 2, width // 2, 2).mean((-3, -1))
    return means


def _doubled(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Upsample a plane by 2: 3/4 of the nearest sample and 1/4 of the next one in both directions, rounded."""
    return _rounded(_doubled_rows(_doubled_rows(plane).T).T)


def _doubled_rows(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    around = np.pad(plane, ((1, 1), (0, 0)), mode="edge")
    doubled = np.empty((2 * len(plane), plane.shape[1]), np.float32)
    doubled[0::2] = (3 * plane + around[:-2]) / 4
    doubled[1::2] = (3 * plane + around[2:]) / 4
    return doubled


CONVERSIONS: Mapping[str, Callable[[Picture], Picture]] = {
    "jpeg": _through_jpeg_420,
    "jpeg-444": lambda picture: to_rgb(*map(_rounded, to_ycbcr(picture.pixels))),
    "jpeg-opt": _through_jpeg_420,
    "mozjpeg": _through_jpeg_420,
    "webp": _through_webp,
    "bpg-444": _through_bpg("4:4:4"),
    "bpg-420": _through_bpg("4:2:0"),
    "avif": _through_avif,
    "avif-420": lambda picture: from_yuv420(to_yuv420(picture)),
    "vvc": lambda picture: vvc.to_picture(vvc.to_planes(_even(picture)), picture.height, picture.width),
    "vtm": _through_reference_encoder,
    "hm": _through_reference_encoder,
}
"""Codec name to the conversion of a picture and back, without coding."""


def ceiling_db(codec: str, pictures: Iterable[Picture]) -> float:
    """Mean PSNR over R, G and B of converted pictures, in dB."""
    return _mean_psnr_db(codec, pictures, lambda picture: picture.pixels.astype(float))


def luma_ceiling_db(codec: str, pictures: Iterable[Picture]) -> float:
    """Mean PSNR of the luma of converted pictures, in dB: the loss from rounding and clipping."""
    return _mean_psnr_db(codec, pictures, lambda picture: luma(picture.pixels))


def _mean_psnr_db(codec: str, pictures: Iterable[Picture], samples: Callable[[Picture], NDArray[Any]]) -> float:
    errors = [np.mean((samples(picture) - samples(CONVERSIONS[codec](picture))) ** 2) for picture in pictures]
    return float(np.mean(10 * np.log10(255**2 / np.array(errors))))
