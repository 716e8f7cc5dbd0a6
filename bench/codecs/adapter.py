"""The one adapter between the kind of a picture and what a codec takes.

Codecs that take the planes of 4:2:0 get them as they are. The others get RGB made of the planes, and what they decode
is converted back: the round trip of `bench.images.colour.ROUND_TRIP`, which alone costs some quality, see `ceiling`.
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
"""What decodes a file to the kind of picture that the codec was given, here or in another process."""

CEILING = "round_trip_"
"""Begins the names of the diagnostics that `ceiling` gives: a metric's name follows."""


def settings(codec: Codec, image: ImageFile) -> Mapping[str, Scalar]:
    """What the adapter adds to a codec's settings, because it decides the bytes: nothing for RGB pictures."""
    if image.kind == "rgb":
        return {}
    if codec.takes_yuv420:
        # Limited range is what video has, and goes without saying.
        return {"input": "planes, full range" if image.full_range else "planes"}
    return {"input": f"{ROUND_TRIP}, {'full' if image.full_range else 'limited'} range"}


def given(codec: Codec, picture: AnyPicture) -> AnyPicture:
    """What a codec is given of a picture: the picture, or RGB made of its planes.

    It is in memory of its own. Arrays of pictures are read-only, but who really wants to write into one, a library in C
    perhaps, can; the other codecs of a run, and the metrics, must not see that.
    """
    return from_yuv420(picture) if _needs_rgb(picture, codec) else picture.copy()


def _needs_rgb(picture: AnyPicture, codec: Codec) -> TypeGuard[Yuv420]:
    return isinstance(picture, Yuv420) and not codec.takes_yuv420


def encode(codec: Codec, picture: AnyPicture) -> bytes:
    """Encode what a codec was `given`.

    Raises:
        CodecError: this picture cannot be encoded, or the codec gave something else than bytes.
    """
    data: object = codec.encode_yuv420(picture) if isinstance(picture, Yuv420) else codec.encode(picture)
    if not isinstance(data, bytes):
        raise CodecError(f"encode returned {type(data).__name__}, not bytes")
    return data


def decode(codec: Codec, data: bytes, kind: Kind) -> AnyPicture:
    """Decode a file to the kind of picture that the codec was `given`, if pictures are of this kind.

    Raises:
        CodecError: these are not the bytes of such a file, or the codec gave something else than a picture.
    """
    is_planar = kind == "yuv420" and codec.takes_yuv420
    decoded: object = codec.decode_yuv420(data) if is_planar else codec.decode(data)
    wanted = Yuv420 if is_planar else Picture
    if not isinstance(decoded, wanted):
        raise CodecError(f"decode returned {type(decoded).__name__}, not a {wanted.__name__}")
    return decoded


def decoder(codec: Codec) -> Decode:
    """What decodes by this codec, as `decode` does."""
    return functools.partial(decode, codec)


def restored(decoded: AnyPicture, original: AnyPicture) -> AnyPicture:
    """What a codec decoded, as a picture of the original's kind."""
    if isinstance(original, Yuv420) and isinstance(decoded, Picture):
        return to_yuv420(decoded, full_range=original.full_range)
    return decoded


def ceiling(codec: Codec, picture: AnyPicture, metrics: Iterable[Metric]) -> dict[str, float]:
    """The errors of the round trip alone, by name ("round_trip_mse_u"), for a codec that needs one; else nothing."""
    if not _needs_rgb(picture, codec):
        return {}
    back = restored(from_yuv420(picture), picture)
    errors = {metric.name: metric.function(picture, back) for metric in metrics if metric.name.startswith("mse_")}
    return {CEILING + name: value for name, value in errors.items() if value is not None}
