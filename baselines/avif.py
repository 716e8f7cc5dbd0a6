"""AVIF (AV1 intra pictures in HEIF), encoded by libaom through the package pillow-avif-plugin."""

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
_MAX_SIDE = 65536  # AV1 stores a side in 16 bits

# By default decoding uses all cores, so that times would not be comparable.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class Avif(Codec):
    """AVIF at full chroma resolution, tuned for PSNR.

    libaom's default tuning for still pictures is perceptual and needs about 10 % more rate at equal PSNR. The boxes
    around the picture take 267 bytes in each file.

    libavif truncates chroma instead of rounding it: without any coding, Kodak reaches 49.5 dB, where 53.1 dB would be
    possible (`baselines.conversion`). At 45 dB this causes a third of the squared error.
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
        """Return a message if the plug-in lacks libaom, otherwise None."""
        del backend, options
        if _avif.encoder_codec_available("aom"):
            return None
        return "this pillow-avif-plugin was built without libaom; pip install --force-reinstall pillow-avif-plugin"

    @property
    def backend_version(self) -> str:
        """Versions of libaom, libavif and the plug-in.

        Raises:
            CodecError: another plug-in is registered for AVIF.
        """
        _check_plugin()
        aom = AvifImagePlugin.get_codec_version("aom")
        return f"libaom {aom}, libavif {_avif.libavif_version} (pillow-avif-plugin {plugin_version})"

    def encode(self, picture: Picture) -> bytes:
        """Compress a picture to an AVIF file."""
        pillow.check_size(picture, self.title, _MAX_SIDE)
        _check_plugin()
        options = {**self.settings, "advanced": {"tune": self.settings["tune"]}}
        del options["tune"]
        return pillow.encode(picture, _FORM, {"quality": int(self.quality), **options})

    def decode(self, data: bytes) -> Picture:
        """Decompress an AVIF file."""
        return pillow.decode(data, _FORM)


def _check_plugin() -> None:
    """Refuse Pillow's own AVIF plug-in, which has the same name but other libraries."""
    Image.preinit()
    module = Image.SAVE[_FORM.name].__module__
    if module != AvifImagePlugin.__name__:
        raise CodecError(f"AVIF is written by {module}, which replaced pillow-avif-plugin; import pillow_avif last")
