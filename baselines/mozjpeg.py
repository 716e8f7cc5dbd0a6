"""JPEG encoded by mozjpeg, with trellis quantisation and progressive scans optimised for each picture."""

from __future__ import annotations

import functools
import importlib.util
import os
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines import pillow
from baselines.jpeg import Jpeg
from bench.codecs.codec import Codec
from bench.images.picture import Picture
from bench.system.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.codecs.codec import Scalar


class MozJpeg(Codec):
    """JPEG 4:2:0 with the defaults of mozjpeg's cjpeg, through libvips in the pyvips-binary package."""

    title = "JPEG, mozjpeg"
    scale = Jpeg.scale
    backends = ("pyvips",)
    settings: ClassVar[Mapping[str, Scalar]] = {
        "subsample_mode": "on",
        "interlace": True,  # progressive, with optimised Huffman tables
        "optimize_scans": True,
        "trellis_quant": True,
        "overshoot_deringing": True,
        "quant_table": 3,
    }

    @classmethod
    def missing(cls, backend: str | None = None, **options: str) -> str | None:
        """Return what is missing of pyvips and its mozjpeg, and how to get it; None if nothing is missing."""
        del backend, options
        if importlib.util.find_spec("pyvips") is None:
            return "the package pyvips is not installed: pip install 'pyvips[binary]'"
        try:
            found = _is_mozjpeg()
        except Exception as error:  # noqa: BLE001  # without libvips, pyvips raises any error of its loader
            return f"pyvips cannot be loaded ({type(error).__name__}): pip install 'pyvips[binary]'"
        return None if found else "this libvips was built without mozjpeg: pip install --force-reinstall pyvips-binary"

    @property
    def backend_version(self) -> str:
        """Versions of libvips and pyvips, because mozjpeg's own version is not available."""
        vips = _pyvips()
        number = ".".join(str(vips.version(part)) for part in range(3))
        return f"mozjpeg of libvips {number} (pyvips {vips.__version__})"

    def encode(self, picture: Picture) -> bytes:
        """Compress a picture to a JPEG file."""
        pillow.check_size(picture, self.title, Jpeg.max_side)
        return _save(picture, Q=int(self.quality), **self.settings)

    def decode(self, data: bytes) -> Picture:
        """Decompress a JPEG file with Pillow, like the other JPEG codecs."""
        return pillow.decode(data, Jpeg.form)


def _save(picture: Picture, **options: Scalar) -> bytes:
    vips = _pyvips()
    image = vips.Image.new_from_memory(picture.pixels.tobytes(), picture.width, picture.height, 3, "uchar")
    try:
        return bytes(image.jpegsave_buffer(keep="none", **options))
    except vips.Error as error:
        raise CodecError(f"JPEG through pyvips: {' '.join(str(error).split())}") from error


@functools.cache
def _pyvips() -> Any:  # noqa: ANN401  # pyvips has no types
    # libvips reads this when it starts; further threads would only wait for the encoder
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
    import pyvips  # noqa: PLC0415  # an extra

    pyvips.cache_set_max(0)  # otherwise a second encoding of a picture would take no time
    return pyvips


@functools.cache
def _is_mozjpeg() -> bool:
    """Whether the trellis option, which other libjpegs ignore, changes the bytes."""
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    sizes = {len(_save(Picture(noise), Q=50, trellis_quant=trellis)) for trellis in (False, True)}
    return len(sizes) > 1
