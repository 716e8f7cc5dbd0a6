"""The reference encoders of VVC (VTM) and HEVC (HM), one intra picture: the anchors of most papers.

They are external binaries, which no package manager provides and users must build. The command lines are those of
CompressAI's benchmark (`compressai/utils/bench/codecs.py`), the source of the curves `compressai/vtm` and
`compressai/hm`: 8-bit YCbCr 4:4:4 of BT.709 in full range, with the authors' configuration for intra pictures. There
are two differences: samples are rounded, not truncated, and the chroma of grey is 128, not 127.5.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines import external
from baselines.bpg.bits import ByteReader, framed
from baselines.external import Binary
from baselines.ffmpeg_codec import MAX_PIXELS, check_size
from bench.codecs.codec import Codec, QualityScale
from bench.images.colour import BT709_LUMA, to_rgb, to_ycbcr
from bench.system.errors import CodecError, DecodeError, MissingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from bench.codecs.codec import Scalar
    from bench.images.picture import Picture

ENCODING_LIMIT_S = 3600.0
"""Time limit of an encoder for one picture in seconds. It takes minutes, and more at higher quality."""

_PLANES, _STREAM = "planes.yuv", "coded.bin"
_POINTS = (47, 42, 37, 32, 27, 22, 17, 12)


class _ReferenceCodec(Codec):
    """An encoder and a decoder on PATH, and a configuration file.

    A file consists of width and height in pixels, the length of the stream in bytes (all ue7, as in BPG), and the
    stream. The size is needed because decoders write samples without it.
    """

    backends: ClassVar[tuple[str, ...]] = ("external",)
    settings: ClassVar[Mapping[str, Scalar]] = {
        "subsampling": "4:4:4",
        "bit_depth": 8,
        "color_space": "YCbCr, BT.709, full range",
    }

    software: ClassVar[str]
    """Short name, as in versions and in the environment variable BENCH_..._CONFIG."""

    programs: ClassVar[tuple[str, str]]
    """Names of encoder and decoder; on PATH, "Static" may be appended."""

    config: ClassVar[str]
    """Name of the configuration file, in the folder `../cfg` of the binaries."""

    further_arguments: ClassVar[tuple[str, ...]]
    """Arguments of the encoder besides files, size and quantiser."""

    @classmethod
    def missing(cls, backend: str | None = None, **options: str) -> str | None:
        """Return the missing binaries or configuration file, and how to get them; None if nothing is missing."""
        del backend, options
        if reason := external.missing(cls._binaries()):
            return reason
        if cls._config_path() is None:
            if given := os.environ.get(cls._variable()):
                return f"{cls._variable()} is set to {given}, which is not a file"
            return f"{cls.config} is not in ../cfg beside {cls._binaries()[0].name}; set {cls._variable()} to its path"
        return None

    @classmethod
    def _binaries(cls) -> tuple[Binary, Binary]:
        return _binary(cls.programs[0], cls.software), _binary(cls.programs[1], cls.software)

    @classmethod
    def _variable(cls) -> str:
        return f"BENCH_{cls.software}_CONFIG"

    @classmethod
    def _config_path(cls) -> Path | None:
        """The configuration file given by the environment, else that in the source tree of the encoder."""
        if given := os.environ.get(cls._variable()):
            return Path(given).absolute() if Path(given).is_file() else None
        built = Path(external.find(cls._binaries()[0])).resolve().parent.parent / "cfg" / cls.config
        return built if built.is_file() else None

    @property
    def backend_version(self) -> str:
        """Versions of encoder and decoder: "VTM 23.4 (EncoderApp, DecoderApp)"."""
        return external.version(self._binaries())

    @property
    def backend_settings(self) -> Mapping[str, Scalar]:
        """The settings, the arguments, and name and hash of the configuration file."""
        path = self._found_config()
        content = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        return {
            **self.settings,
            "arguments": " ".join(self.further_arguments),
            "config": f"{path.name} {content}",
        }

    def _found_config(self) -> Path:
        path = self._config_path()
        if path is None:
            raise MissingError(f"{self.title}: {self.missing()}")
        return path

    def encode(self, picture: Picture) -> bytes:
        """Compress a picture."""
        check_size(picture, self.title, MAX_PIXELS)
        arguments = [
            *("-i", _PLANES, "-c", str(self._found_config()), "-q", str(int(self.quality))),
            *("-o", os.devnull, "-b", _STREAM, "-wdt", str(picture.width), "-hgt", str(picture.height)),
            *("-fr", "1", "-f", "1", "--InputChromaFormat=444", "--InputBitDepth=8", *self.further_arguments),
        ]
        command = [external.find(self._binaries()[0]), *arguments]
        stream = external.run(command, {_PLANES: to_planes(picture).tobytes()}, _STREAM, time_limit_s=ENCODING_LIMIT_S)
        return framed(picture.width, picture.height, stream)

    def decode(self, data: bytes) -> Picture:
        """Decompress a file."""
        width, height, stream = ByteReader(data).framed(self.software, MAX_PIXELS)
        command = [external.find(self._binaries()[1]), "-b", _STREAM, "-o", _PLANES, "-d", "8"]
        try:
            samples = external.run(command, {_STREAM: stream}, _PLANES)
        except CodecError as error:
            raise DecodeError(str(error)) from error
        if len(samples) != 3 * width * height:
            raise DecodeError(f"damaged file: {len(samples)} samples, not three planes of {width} x {height}")
        return to_picture(np.frombuffer(samples, np.uint8).reshape(3, height, width))


class Vtm(_ReferenceCodec):
    """VVC intra, 4:4:4, encoded by VTM with encoder_intra_vtm.cfg."""

    title = "VVC 4:4:4 (VTM)"
    scale = QualityScale("quantiser, lower is better", _POINTS, 0, 63, falling=True)
    software = "VTM"
    programs = ("EncoderApp", "DecoderApp")
    config = "encoder_intra_vtm.cfg"
    further_arguments = ("--ConformanceWindowMode=1",)  # pads to whole coding units; the decoder crops the padding


class Hm(_ReferenceCodec):
    """HEVC intra, 4:4:4, encoded by HM with encoder_intra_main_rext.cfg."""

    title = "HEVC 4:4:4 (HM)"
    scale = QualityScale("quantiser, lower is better", _POINTS, 0, 51, falling=True)
    software = "HM"
    programs = ("TAppEncoder", "TAppDecoder")
    config = "encoder_intra_main_rext.cfg"
    # The last option pads, as with VTM; the others are what the profile needs.
    further_arguments = ("--SEIDecodedPictureHash", "--Level=5.1", "--CUNoSplitIntraACT=0", "--ConformanceMode=1")


def _binary(program: str, software: str) -> Binary:
    """Describe a program, with the name that it has on PATH."""
    names = (program, f"{program}Static")
    name = next(filter(shutil.which, names), program)
    source = f"build {software} from the repository of its authors, JVET, and put its folder bin on PATH"
    return Binary(name, source, "--help", r"(?:En|De)coder Version \[?([^\s\]]+)", rf"{software} \1")


def to_planes(picture: Picture) -> NDArray[np.uint8]:
    """Convert a picture to Y, Cb and Cr of BT.709 in full range, rounded to 8 bits: (3, height, width)."""
    planes = np.rint(to_ycbcr(picture.pixels, BT709_LUMA))
    return np.clip(planes, 0, 255).astype(np.uint8)


def to_picture(planes: NDArray[np.uint8]) -> Picture:
    """Convert decoded planes to a picture."""
    luma, cb, cr = planes.astype(np.float32)
    return to_rgb(luma, cb, cr, weights=BT709_LUMA)
