"""Codecs of the families: a model, its latent codec, and a container.

torch is imported only when a picture is coded, so that `bench list` starts fast.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from bench.codecs.codec import Codec, QualityScale, Yuv420Codec
from bench.codecs.probe import note, stage
from bench.images.colour import to_yuv420
from bench.images.picture import Yuv420
from bench.learned.weights import catalogue, tensor_file
from bench.system.errors import CodecError, MissingError, UsageError, unknown
from bench.system.files import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor

    from bench.images.picture import AnyPicture, Picture
    from bench.learned.coding.container import FileContent, Identity
    from bench.learned.coding.diagnosis import Diagnosis
    from bench.learned.coding.latent_codecs import LatentCodec, Latents
    from bench.learned.coding.loaded_model import LoadedModel
    from bench.learned.coding.transforms import Precision
    from bench.learned.models import Codable

PRECISIONS = ("fp32", "bf16")

LOADED_MODELS = 2
"""Number of loaded models to cache: a run codes one quality after the other."""


@dataclass(frozen=True, slots=True)
class Source:
    """The weights of a model."""

    weights: str
    family: str
    quality: float
    path: Path
    sha256: str


class LearnedCodec(Codec):
    """A learned model as a codec.

    The bytes depend on quality and weights. The last bits of the latents also depend on the processor and the version
    of torch. A file can be decoded on the same machine; other machines may reject it, but never decode it wrongly.
    """

    family: ClassVar[str]
    """Name in `bench.learned.families.FAMILIES`, followed by -int if the entropy model is in integers."""

    scale = QualityScale("index of the family's weights; 1 has the smallest files", tuple(range(1, 9)), 1, 8)
    backends = ("torch",)
    options: ClassVar[Mapping[str, str]] = {"weights": "compact", "device": "cpu", "synthesis": "fp32"}

    def __init__(self, quality: float, *, backend: str | None = None, **options: str) -> None:
        if (precision := options.get("synthesis", "fp32")) not in PRECISIONS:
            raise unknown("precision of the synthesis", precision, PRECISIONS)
        super().__init__(quality, backend=backend, **options)
        self.check(self.family, quality, **options)
        self.weights = self.chosen["weights"]
        self._path = catalogue.find(self.weights, self.file_stem(), quality)
        self.weights_sha256 = fingerprint(self._path)
        self._encoder_sha256 = self.weights_sha256
        if self.chosen["device"] != "cpu":
            self.device = device_name(self.chosen["device"])

    @classmethod
    def file_stem(cls) -> str:
        """Prefix of the names of its weights files: the family and the modifier, if any."""
        return cls.family

    @classmethod
    def missing(cls, backend: str | None = None, **options: str) -> str | None:
        """Message about missing weights and how to get them; None if nothing is missing."""
        del backend
        return catalogue.missing(options.get("weights", cls.options["weights"]), cls.file_stem())

    @classmethod
    def points(cls, **options: str) -> tuple[float, ...]:
        """Qualities that have weights; all qualities if none has."""
        return catalogue.qualities(options.get("weights", cls.options["weights"]), cls.file_stem()) or cls.scale.points

    @classmethod
    def check(cls, name: str, quality: float, **options: str) -> float:
        """Return the quality if it is valid. With files given by the user, any number is.

        Raises:
            UsageError: it is invalid.
        """
        weights = options.get("weights", cls.options["weights"])
        return quality if catalogue.is_of_files(weights) else cls.scale.check(name, quality)

    @property
    def about(self) -> str:
        """The weights file given by the user, with its architecture."""
        if not catalogue.is_of_files(self.weights or ""):
            return ""
        return f"{self._path}: {self._widths()}, SHA-256 {(self.weights_sha256 or '')[:12]}…"

    def _widths(self) -> str:
        if catalogue.is_foreign(self._path):
            from bench.learned.weights import recognition  # noqa: PLC0415 - imports torch

            return str(recognition.identify(self._path))
        config = tensor_file.read_header(self._path)["config"]
        return f"{self.family}, N={config['N']}, M={config['M']}"

    @property
    def backend_version(self) -> str:
        """The libraries that determine the bytes."""
        return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "constriction"))

    def encode(self, picture: Picture) -> bytes:
        """Compress a picture of any size; see `Codec.encode`."""
        return self._encoded(picture)

    def decode(self, data: bytes) -> Picture:
        """Decompress a file that the same model wrote, with the same arithmetic; see `Codec.decode`."""
        return cast("Picture", self._decoded(data))

    def diagnose(self, picture: Picture) -> Diagnosis:
        """Latents, scales, means and bits of each element of a picture's latents."""
        from bench.learned.coding.diagnosis import diagnose  # noqa: PLC0415

        return diagnose(self._loaded_model, self._analysis(picture))

    @property
    def model(self) -> Codable:
        """The model, including its rectifier; loaded on first use."""
        return self._loaded_model.whole

    def _analysis(self, picture: AnyPicture) -> Tensor:
        """The latents of a picture, before quantisation."""
        from bench.learned.coding import tiles  # noqa: PLC0415

        y: Tensor = self._transforms.analysis(picture, tiles.side_of(picture.width, picture.height))
        return y

    def _encoded(self, picture: AnyPicture) -> bytes:
        """The file of an RGB or YUV 4:2:0 picture."""
        from bench.learned.coding import container, tiles  # noqa: PLC0415

        container.require_size(picture.width, picture.height, CodecError)
        with stage("analysis"):
            y = self._analysis(picture)
        loaded_model = self._loaded_model
        with stage("entropy encoding"):
            coded = loaded_model.coder.encode(y)
        _note_latents(loaded_model, y, coded.latents)
        side = tiles.side_of(picture.width, picture.height)
        full_range = picture.full_range if isinstance(picture, Yuv420) else True
        indicator = self._indicator(picture, coded.latents.y_hat, side)
        content = container.FileContent(
            picture.width, picture.height, coded.crc, coded.payload, side, full_range, indicator
        )
        self._note_unquantized(picture, y, content)
        return container.pack(self._identity, content)

    def _indicator(self, picture: AnyPicture, y_hat: Tensor, side: int) -> int:  # noqa: ARG002 - for planes
        """The components for which the file enables the filter."""
        return 0

    def _decoded(self, data: bytes) -> AnyPicture:
        """The RGB or YUV 4:2:0 picture of a file."""
        from bench.learned.coding import container  # noqa: PLC0415

        content = container.unpack(data, self._identity)
        loaded_model = self._loaded_model
        loaded_model.transforms.require_memory(content.height, content.width, content.side)
        with stage("entropy decoding"):
            size = loaded_model.transforms.latent_size(content.height, content.width)
            y_hat = loaded_model.coder.decode(content.payload, size, content.latents_crc).y_hat
        if loaded_model.rectifier is not None:
            with stage("rectification"):
                y_hat = loaded_model.rectified(y_hat)
        with stage("synthesis"):
            return self._synthesised(y_hat, content)

    def _synthesised(self, y_hat: Tensor, content: FileContent) -> AnyPicture:
        """Synthesise the picture of a file."""
        picture: Picture = self._transforms.synthesis(y_hat, (content.height, content.width), side=content.side)
        return picture

    def _note_unquantized(self, picture: AnyPicture, y: Tensor, content: FileContent) -> None:
        """Report the errors of the picture synthesised from the unquantised latents y."""
        from bench.metrics.distortion import ERRORS  # noqa: PLC0415

        def error(function: Callable[..., float | None]) -> float:
            return cast("float", function(picture, unquantized()))

        unquantized = functools.cache(lambda: self._synthesised(y, content))
        for metric in ERRORS:
            if picture.kind in metric.kinds:
                note(f"unquantized_{metric.name}", functools.partial(error, metric.function))

    @property
    def _transforms(self) -> Any:  # noqa: ANN401 - PictureTransforms or those of planes
        return self._loaded_model.transforms

    @property
    def _identity(self) -> Identity:
        from bench.learned.coding.container import Identity  # noqa: PLC0415

        return Identity(self.family, numbered(self.quality), self._encoder_sha256)

    @property
    def _loaded_model(self) -> LoadedModel:
        source = Source(self.weights or "", self.family, self.quality, self._path, self.weights_sha256 or "")
        return _open(type(self), source, self.chosen["device"], cast("Precision", self.chosen["synthesis"]))

    @classmethod
    def _load(cls, source: Source) -> tuple[str, Codable, LatentCodec | None]:
        """Load a model; returns the SHA-256 of the weights, the model, and a latent codec or None for the default."""
        from bench.learned.weights.foreign import load_named  # noqa: PLC0415

        loaded = load_named(source.weights, source.path, source.family, int(source.quality))
        return loaded.sha256, loaded.model, None


class DecoderCodec(LearnedCodec):
    """+qr and +ft: a codec with the files of its base and a fine-tuned decoder.

    +qr has a quantization rectifier between entropy decoder and synthesis, and a synthesis trained with it (Luo and
    Chen 2023, arXiv 2403.17236). +ft has only a synthesis, trained in the same way for the same time, so that the
    difference between the two is the gain of the rectifier. Encoder, entropy model and the identity in the header are
    those of the base: base, +qr and +ft decode each other's files.
    """

    modifier: ClassVar[str]
    """qr or ft, which follows the family in the names of the codec and its weights files."""

    def __init__(self, quality: float, *, backend: str | None = None, **options: str) -> None:
        super().__init__(quality, backend=backend, **options)
        self._encoder_sha256 = fingerprint(catalogue.base(self._path))

    @classmethod
    def file_stem(cls) -> str:
        """Family and modifier."""
        return f"{cls.family}+{cls.modifier}"

    @classmethod
    def _load(cls, source: Source) -> tuple[str, Codable, LatentCodec | None]:
        from bench.learned.weights.rectified import load_rectified  # noqa: PLC0415

        loaded = load_rectified(source.path)
        return loaded.sha256, loaded.model, None


class FixedPointCodec(LearnedCodec):
    """An autoregressive model with an entropy model in integers; see `bench.learned.coding.fixed_point`.

    The decoded latents are equal on every machine. Analysis and synthesis are in floats: encoders on different machines
    may write different bytes, and decoded pictures may differ by one grey level.
    """

    @classmethod
    def _load(cls, source: Source) -> tuple[str, Codable, LatentCodec | None]:
        from bench.learned.coding.fixed_point.fixed_point_latent_codecs import fixed_point_latent_codec  # noqa: PLC0415
        from bench.learned.coding.fixed_point.weights import load_fixed_point  # noqa: PLC0415

        loaded = load_fixed_point(source.path, source.family)
        model = loaded.base.model
        return loaded.sha256, model, fixed_point_latent_codec(model, loaded.network)


class PlanarCodec(Yuv420Codec, LearnedCodec):
    """A learned model of YUV 4:2:0 planes, whose files also record where the filter is applied.

    Planes of limited range are coded without conversion.
    """

    scale = QualityScale("index of the family's weights; 1 has the smallest files", tuple(range(1, 5)), 1, 4)
    yuv420_backends = ("torch",)

    def encode_yuv420(self, picture: Yuv420) -> bytes:
        """Compress a picture of any size; see `Codec.encode_yuv420`."""
        return self._encoded(picture)

    def decode_yuv420(self, data: bytes) -> Yuv420:
        """Decompress a file that the same model wrote, with the same arithmetic; see `Codec.decode_yuv420`."""
        return cast("Yuv420", self._decoded(data))

    def _synthesised(self, y_hat: Tensor, content: FileContent) -> Yuv420:
        size = content.height, content.width
        planes: Yuv420 = self._transforms.synthesis(y_hat, size, content.indicator, side=content.side)
        return dataclasses.replace(planes, full_range=content.full_range)

    def _analysis(self, picture: AnyPicture) -> Tensor:
        return super()._analysis(picture if isinstance(picture, Yuv420) else to_yuv420(picture))

    def _indicator(self, picture: AnyPicture, y_hat: Tensor, side: int) -> int:
        indicator: int = self._transforms.best_indicator(y_hat, picture, side)
        note("acem_indicator", lambda: indicator)
        return indicator


def numbered(quality: float) -> int:
    """The byte for a quality in a file; 0 if it is not an integer in 0..255, so that only the weights identify it."""
    return int(quality) if quality in range(256) else 0


@functools.lru_cache(maxsize=LOADED_MODELS)
def _open(codec: type[LearnedCodec], source: Source, device: str, precision: Precision) -> LoadedModel:
    from bench.learned.coding.loaded_model import LoadedModel  # noqa: PLC0415

    sha256, model, coder = codec._load(source)  # noqa: SLF001 - a hook of its subclasses
    if sha256 != source.sha256:
        raise CodecError(f"{source.path} has changed since it was opened; run the same command again")
    return LoadedModel.of(model, device, precision, coder=coder)


def _note_latents(loaded_model: LoadedModel, y: Tensor, latents: Latents) -> None:
    """Report coder bits (total and per part), estimated bits, and errors of decoded latents.

    Errors are the Euclidean distances of decoded and of rectified latents from those of the encoder.
    """
    from bench.learned.coding.diagnosis import estimated_bits  # noqa: PLC0415

    parts = functools.cache(lambda: loaded_model.coder_bits(latents))
    note("coder_bits", lambda: sum(parts().values()))
    note("coder_bits_y", lambda: parts()["y"])
    if latents.z_hat is not None:
        note("coder_bits_z", lambda: parts()["z"])
    note("estimated_bits", lambda: sum(estimated_bits(loaded_model.model, latents).values()))
    note("latent_error_quantized", lambda: _distance(latents.y_hat, y))
    if loaded_model.rectifier is not None:
        note("latent_error_rectified", lambda: _distance(loaded_model.rectified(latents.y_hat), y))


def _distance(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other.double()).norm())


def device_name(device: str) -> str:
    """The name of an accelerator, such as a GPU.

    Raises:
        UsageError: torch has no such device.
        MissingError: this machine has no such device.
    """
    import torch  # noqa: PLC0415

    try:
        wanted = torch.device(device)
    except RuntimeError:
        raise UsageError(f"unknown device '{device}'; use cpu, cuda or cuda:N") from None
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted.type != "cuda" or (wanted.index or 0) >= available:
        raise MissingError(f"torch finds no device '{device}' here; omit --device")
    return torch.cuda.get_device_name(device)
