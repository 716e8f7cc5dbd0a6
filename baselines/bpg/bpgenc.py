"""The backend "external" of BPG: bpgenc and bpgdec of libbpg.

bpgenc includes two HEVC encoders. For the same quantiser parameter, x265 uses one that is lower by three, so that the
points of the two encoders are not on one curve. Each row records the encoder.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from baselines import external, pillow
from baselines.external import Binary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.codecs.codec import Scalar
    from bench.images.picture import Picture

_WAYS = "build libbpg from bellard.org/bpg, or port install libbpg (macOS)"
_CODED = "coded.bpg"
# bpgenc reads PNG or JPEG. Pillow writes PNG without gamma or profile.
_PICTURE = "picture.png"
_PNG = pillow.Format("PNG", ())


def _binary(name: str, kind: str) -> Binary:
    return Binary(name, _WAYS, "-h", rf"^BPG Image {kind} version (\S+)", r"libbpg \1")


ENCODER = _binary("bpgenc", "Encoder")
DECODER = _binary("bpgdec", "Decoder")


def missing(hevc_encoder: str) -> str | None:
    """Return what is missing of the binaries and of the HEVC encoder in bpgenc; None if nothing is missing."""
    if reason := external.missing((ENCODER, DECODER)):
        return reason
    # bpgenc lists its encoders in the help of its option -e.
    listed = re.search(r"^-e .*\(([^,)]*)", external.output_of(external.find(ENCODER), "-h"), re.MULTILINE)
    built = listed[1].split() if listed else []
    if hevc_encoder in built:
        return None
    return f"this bpgenc was built without {hevc_encoder}; it has: {' '.join(built) or 'no listed encoder'}"


def version() -> str:
    """Version of libbpg: "libbpg 0.9.8 (bpgenc, bpgdec)". The versions of its HEVC encoders are not available."""
    return external.version((ENCODER, DECODER))


def encode(picture: Picture, settings: Mapping[str, Scalar], qp: int) -> bytes:
    """Encode a picture to a BPG file.

    Raises:
        CodecError: bpgenc fails, hangs or crashes.
        MissingError: there is no bpgenc.
    """
    png = pillow.encode(picture, _PNG, {"compress_level": 1})
    return external.run([external.find(ENCODER), *arguments(settings, qp)], {_PICTURE: png}, _CODED)


def decode(data: bytes) -> Picture:
    """Decode a BPG file.

    Raises:
        DecodeError: bpgdec rejects the bytes, hangs or crashes.
        MissingError: there is no bpgdec.
    """
    return external.decode(DECODER, ["-o", external.PICTURE, _CODED], data, _CODED)


def arguments(settings: Mapping[str, Scalar], qp: int) -> Sequence[str]:
    """Convert settings to arguments of bpgenc."""
    return [
        *("-e", str(settings["encoder"])),
        *("-m", str(settings["level"])),
        *("-f", str(settings["subsampling"]).replace(":", "")),
        *("-c", str(settings["color_space"])),
        *("-b", str(settings["bit_depth"])),
        *("-q", str(qp)),
        *("-o", _CODED, _PICTURE),
    ]
