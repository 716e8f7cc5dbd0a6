"""AVIF (AV1 intra pictures in HEIF) as libaom writes it, through the package pillow-avif-plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PIL import Image
from pillow_avif import AvifImagePlugin, _avif
from pillow_avif import __version__ as plugin_version

from baselines import pillow
from bench.codecs.codec import Codec, QualityScale
from bench.system.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.codecs.codec import Scalar
    from bench.images.picture import Picture

_FORM = pillow.Format("AVIF", ())
_MAX_SIDE = 65536  # AV1 has 16 bits for a side

# Decoding takes all cores otherwise, and its time would not stand beside that of others.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class Avif(Codec):
    """AVIF at full chroma resolution, tuned for PSNR.

    libaom's own tuning of still pictures is for the eye; it needs about a tenth more rate at equal PSNR. 267 bytes of
    each file are boxes around the picture.

    libavif cuts chroma off where it should round it: without any coding, 49.5 dB are left of Kodak, where 53.1 could be
    (`baselines.conversion`). At 45 dB, a third of the squared error is that.
    """

    title = "AVIF 4:4:4 (libaom)"
    scale = QualityScale("libavif's quality", (5, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90), lowest=0, highest=100)
    backends = ("pillow-avif-plugin",)
    settings: ClassVar[Mapping[str, Scalar]] = {
        "subsampling": "4:4:4",
        "speed": 6,
        "codec": "aom",
        "tune": "psnr",
        "range": "full",
        "max_threads": 1,
    }

    @classmethod
    def missing(cls, backend: str | None = None, **options: str) -> str | None:
        """Say that the plug-in lacks libaom, or None if it has it."""
        del backend, options
        if _avif.encoder_codec_available("aom"):
            return None
        return "this pillow-avif-plugin was built without libaom; pip install --force-reinstall pillow-avif-plugin"

    @property
    def backend_version(self) -> str:
        """The libraries that code, and the plug-in of Pillow that is registered for AVIF at this moment.

        Raises:
            CodecError: it is another plug-in than the one that this class drives.
        """
        _check_plugin()
        aom = AvifImagePlugin.get_codec_version("aom")
        return f"libaom {aom}, libavif {_avif.libavif_version} (pillow-avif-plugin {plugin_version})"

    def encode(self, picture: Picture) -> bytes:
        """Compress a picture to an AVIF file.

        Raises:
            CodecError: the picture is too large, or the library fails.
        """
        if max(picture.width, picture.height) > _MAX_SIDE:
            size = f"{picture.width} x {picture.height}"
            raise CodecError(f"{self.title} holds at most {_MAX_SIDE} pixels a side; this picture is {size}")
        _check_plugin()
        options = {**self.settings, "advanced": {"tune": self.settings["tune"]}}
        del options["tune"]
        return pillow.encode(picture, _FORM, {"quality": int(self.quality), **options})

    def decode(self, data: bytes) -> Picture:
        """Decompress an AVIF file.

        Raises:
            DecodeError: the bytes are damaged, are not of this format, or claim an absurd size.
        """
        return pillow.decode(data, _FORM)


def _check_plugin() -> None:
    """Refuse to work with Pillow's own AVIF plug-in, which has the same name and other libraries."""
    Image.preinit()
    module = Image.SAVE[_FORM.name].__module__
    if module != AvifImagePlugin.__name__:
        raise CodecError(f"AVIF is written by {module}, which replaced pillow-avif-plugin; import pillow_avif last")
