"""Adapter between the kind of a picture and the kind that a codec takes.

Codecs of 4:2:0 planes get the planes. Others get RGB, and their decoded pictures are converted back. This round trip
(`bench.images.colour.ROUND_TRIP`) by itself costs some quality; see `ceiling`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from bench.images.colour import ROUND_TRIP, from_yuv420, to_yuv420
from bench.images.picture import Picture, Yuv420
from bench.system.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.codecs.codec import Codec, Scalar
    from bench.images.picture import AnyPicture, Kind
    from bench.images.set_images import ImageFile
    from bench.metrics.distortion import Metric

Decode: TypeAlias = Callable[[bytes, "Kind"], "AnyPicture"]
"""Function that decodes a file to the kind of picture that the codec was given, in this or another process."""

CEILING = "round_trip_"
"""Prefix of the diagnostics of `ceiling`, before the name of a metric."""


def settings(codec: Codec, image: ImageFile) -> Mapping[str, Scalar]:
    """Return the settings that the adapter adds to those of the codec; none for RGB pictures."""
    if image.kind == "rgb":
        return {}
    if codec.takes_yuv420:
        # Limited range is the default of video.
        return {"input": "planes, full range" if image.full_range else "planes"}
    return {"input": f"{ROUND_TRIP}, {'full' if image.full_range else 'limited'} range"}


def given(codec: Codec, picture: AnyPicture) -> AnyPicture:
    """Return the input of a codec: a copy of the picture, or its planes converted to RGB.

    Pictures are read-only, but a C library could write to their memory. A copy protects other codecs and the metrics.
    """
    return from_yuv420(picture) if _needs_rgb(picture, codec) else picture.copy()


def _needs_rgb(picture: AnyPicture, codec: Codec) -> TypeGuard[Yuv420]:
    return isinstance(picture, Yuv420) and not codec.takes_yuv420


def encode(codec: Codec, picture: AnyPicture) -> bytes:
    """Encode a picture returned by `given`.

    Raises:
        CodecError: this picture cannot be encoded, or the codec did not return bytes.
    """
    data: object = codec.encode_yuv420(picture) if isinstance(picture, Yuv420) else codec.encode(picture)
    if not isinstance(data, bytes):
        raise CodecError(f"encode returned {type(data).__name__}, not bytes")
    return data


def decode(codec: Codec, data: bytes, kind: Kind) -> AnyPicture:
    """Decode a file to the kind of picture that the codec was `given`, for an image set with pictures of `kind`.

    Raises:
        CodecError: the bytes are not such a file, or the codec did not return a picture.
    """
    is_planar = kind == "yuv420" and codec.takes_yuv420
    decoded: object = codec.decode_yuv420(data) if is_planar else codec.decode(data)
    wanted = Yuv420 if is_planar else Picture
    if not isinstance(decoded, wanted):
        raise CodecError(f"decode returned {type(decoded).__name__}, not a {wanted.__name__}")
    return decoded


def decoder(codec: Codec) -> Decode:
    """Bind `decode` to a codec."""
    return functools.partial(decode, codec)


def restored(decoded: AnyPicture, original: AnyPicture) -> AnyPicture:
    """Convert a decoded picture to the kind of the original."""
    if isinstance(original, Yuv420) and isinstance(decoded, Picture):
        return to_yuv420(decoded, full_range=original.full_range)
    return decoded


def ceiling(codec: Codec, picture: AnyPicture, metrics: Iterable[Metric]) -> dict[str, float]:
    """Return the errors of the round trip alone by name ("round_trip_mse_u"); none if the codec does not need it."""
    if not _needs_rgb(picture, codec):
        return {}
    back = restored(from_yuv420(picture), picture)
    errors = {metric.name: metric.function(picture, back) for metric in metrics if metric.name.startswith("mse_")}
    return {CEILING + name: value for name, value in errors.items() if value is not None}
