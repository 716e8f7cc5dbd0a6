"""Models with CompressAI's interface as codecs: `compress` to strings and a shape, `decompress` back.

The class is CompressAI's or the user's own; the weights are a checkpoint. The output of `compress` is written to a file
(`bench.learned.coding.strings`), which another instance decompresses. Such a codec detects damaged files. Unlike the
families, it does not detect a decoder with different arithmetic, which decodes a wrong picture.
"""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from bench.codecs.codec import Codec, QualityScale
from bench.images.picture import Picture
from bench.learned import architectures
from bench.learned.codecs.learned_codec import device_name
from bench.learned.weights import file_selection
from bench.system.errors import CodecError, DecodeError, MissingError, UsageError
from bench.system.files import fingerprint, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from bench.learned.coding.strings import Value

MULTIPLE = 64
"""Pictures are padded to a multiple of this if a model has no `downsampling_factor`."""

MODELS = 4
"""Number of loaded models to cache: encoder and decoder of two qualities."""


class ModelCodec(Codec):
    """A model with `compress`, `decompress` and `update` as a codec.

    Subclasses set `model_class`. They may also define further arguments of `compress` and `decompress` (`arguments`)
    and prepare a loaded model (`prepare`).
    """

    scale = QualityScale("number of the checkpoint in --weights", (1,), 0, math.inf, integral=False)
    backends = ("torch",)
    options: ClassVar[Mapping[str, str]] = {"weights": "", "device": "cpu"}

    model_class: ClassVar[Any] = None
    """The class of the model; None if `load` chooses it."""

    def __init__(self, quality: float, *, backend: str | None = None, **options: str) -> None:
        super().__init__(quality, backend=backend, **options)
        self.weights = self.chosen["weights"]
        self._path = self.checkpoint()
        # Not cached, because the files that a codec opens are recorded each time.
        self.weights_sha256 = sha256_of(self._path)
        if self.chosen["device"] != "cpu":
            self.device = device_name(self.chosen["device"])

    @classmethod
    def missing(cls, backend: str | None = None, **options: str) -> str | None:
        """Message that weights must be given; None if they are."""
        del backend
        return None if options.get("weights") else "it needs weights of your own; add --weights my.pth.tar"

    @classmethod
    def points(cls, **options: str) -> tuple[float, ...]:
        """The numbers of the checkpoints."""
        return tuple(_files(options["weights"])) if options.get("weights") else cls.scale.points

    @classmethod
    def load(cls, path: Path) -> nn.Module:
        """Load a checkpoint: a model in evaluation mode on the CPU, with CDFs.

        Raises:
            UsageError: the checkpoint is of another model.
        """
        from bench.learned.weights.own_models import load_own  # noqa: PLC0415

        return load_own(cls.model_class, path)

    @property
    def about(self) -> str:
        """The weights file."""
        return f"{self._path}, SHA-256 {(self.weights_sha256 or '')[:12]}…"

    @property
    def backend_version(self) -> str:
        """The libraries that determine the bytes."""
        return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "compressai"))

    @classmethod
    def arguments(cls, quality: float) -> Mapping[str, Any]:
        """Further arguments of `compress` and `decompress`, which are not stored in the file."""
        del quality
        return {}

    @classmethod
    def prepare(cls, model: nn.Module, quality: float) -> None:
        """Prepare a loaded model for a quality."""

    def encode(self, picture: Picture) -> bytes:
        """Compress a picture of any size."""
        import torch  # noqa: PLC0415

        from bench.learned.coding import container, stages, strings  # noqa: PLC0415

        container.require_size(picture.width, picture.height, CodecError, container.MAX_WHOLE_PIXELS)
        model = self._model("encoder")
        x = _tensor(picture, int(getattr(model, "downsampling_factor", MULTIPLE)), self.chosen["device"])
        with torch.no_grad(), stages.encoding(model):
            out = model.compress(x, **self.arguments(self.quality))  # type: ignore[operator]
        arguments = [_output(out, name) for name in _required_arguments(model, self.arguments(self.quality))]
        content = strings.Strings(picture.width, picture.height, arguments)
        return strings.pack(self._fingerprint, content, self.device)

    def decode(self, data: bytes) -> Picture:
        """Decompress a file that the same model wrote."""
        import torch  # noqa: PLC0415

        from bench.learned.coding import stages, strings  # noqa: PLC0415

        content = strings.unpack(data, self._fingerprint, self.device)
        model = self._model("decoder")
        names = _required_arguments(model, self.arguments(self.quality))
        if len(content.arguments) != len(names):
            raise DecodeError("the file does not have the arguments of the model's decompress")
        given = dict(zip(names, content.arguments, strict=True))
        with torch.no_grad(), stages.decoding(model):
            out = model.decompress(**given, **self.arguments(self.quality))  # type: ignore[operator]
        return _picture(out["x_hat"] if isinstance(out, dict) else out, content.height, content.width)

    def checkpoint(self) -> Path:
        """The weights file of this quality.

        Raises:
            MissingError: there is none.
        """
        files = _files(self.chosen["weights"])
        if self.quality not in files:
            available = ", ".join(f"{number:g}" for number in files)
            raise MissingError(f"no weights {self.quality:g} in {self.chosen['weights']} (available: {available})")
        return files[self.quality]

    @property
    def _fingerprint(self) -> bytes:
        from bench.learned.coding.container import FINGERPRINT_BYTES  # noqa: PLC0415

        return bytes.fromhex(self.weights_sha256 or "")[:FINGERPRINT_BYTES]

    def _model(self, role: str) -> nn.Module:
        """The model of this quality. Encoder and decoder use separate instances, so that they share no state."""
        model = _loaded(type(self), self._path, self.weights_sha256 or "", self.quality, (role, self.chosen["device"]))
        if fingerprint(self._path) != self.weights_sha256:
            raise CodecError(f"{self._path} has changed since it was opened; run the same command again")
        return model


class ArchitectureCodec(ModelCodec):
    """An architecture of CompressAI that is not a family in bench."""

    architecture: ClassVar[str]

    def __init__(self, quality: float, *, backend: str | None = None, **options: str) -> None:
        super().__init__(quality, backend=backend, **options)
        from bench.learned.weights import recognition  # noqa: PLC0415 - imports torch

        self._identity = recognition.require(self._path, self.architecture)

    @classmethod
    def load(cls, path: Path) -> nn.Module:
        """See `ModelCodec.load`."""
        from bench.learned.weights.foreign import load_theirs  # noqa: PLC0415

        return load_theirs(path, cls.architecture)

    @property
    def about(self) -> str:
        """The weights file, with its architecture."""
        return f"{self._path}: {self._identity}, SHA-256 {(self.weights_sha256 or '')[:12]}…"


class VariableModelCodec(ModelCodec):
    """A model with all rates in one checkpoint. Subclasses define the scale of qualities."""

    @classmethod
    def points(cls, **options: str) -> tuple[float, ...]:
        """All rates."""
        del options
        return cls.scale.points

    def checkpoint(self) -> Path:
        """The single weights file.

        Raises:
            UsageError: it does not exist.
        """
        if not (path := Path(self.chosen["weights"])).is_file():
            raise UsageError(f"--weights {path}: {self.title} takes a single file with all rates")
        return path


class VariableArchitectureCodec(VariableModelCodec, ArchitectureCodec):
    """CompressAI's variable-rate models. Qualities are the trained gains; 1 is the coarsest."""

    scale = QualityScale("gain of the model; 1 has the smallest files", tuple(range(1, 9)), 1, 8)

    @classmethod
    def arguments(cls, quality: float) -> Mapping[str, Any]:
        """The gain."""
        return {"s": int(quality) - 1}

    @classmethod
    def prepare(cls, model: nn.Module, quality: float) -> None:
        """Build the CDFs of the hyper-latents, which depend on the gain."""
        if hasattr(model, "gayn2zqstep"):
            gains = cast("Tensor", model.Gain)
            model.update(force=True, scale=gains[int(quality) - 1].abs().detach())  # type: ignore[operator]


def adapted(cls: type[Any], name: str) -> type[ModelCodec] | None:
    """Create a codec from a user's model class; None if the class is not a model.

    Raises:
        UsageError: it has only part of the interface.
    """
    if not any(hasattr(cls, method) for method in ("compress", "decompress")):
        return None
    for method in ("compress", "decompress", "update", "load_state_dict"):
        if not callable(getattr(cls, method, None)):
            raise UsageError(
                f"{name} has no {method}; a model needs compress, decompress, update and load_state_dict, and a codec "
                "without weights is a subclass of bench.codecs.codec.Codec (docs/extending.md)"
            )
    return type(
        cls.__name__,
        (ModelCodec,),
        {"__doc__": cls.__doc__, "__module__": cls.__module__, "title": cls.__name__, "model_class": cls},
    )


def architecture_codec(name: str) -> type[ArchitectureCodec]:
    """Create the codec of an architecture of CompressAI."""
    entry = architectures.FURTHER[name]
    base = VariableArchitectureCodec if entry.is_variable else ArchitectureCodec
    return type(name, (base,), {"__module__": __name__, "title": entry.title, "architecture": name})


def _files(weights: str) -> dict[float, Path]:
    """The checkpoints given by --weights, by number."""
    if (chosen := file_selection.selected(weights)) is not None:
        return chosen
    if not (path := Path(weights)).is_file():
        raise UsageError(f"--weights {weights}: no such file; use a file, 'runs/*.pth.tar' or q1=a.pth,q2=b.pth")
    return {file_selection.number_of(path): path}


@functools.lru_cache(maxsize=MODELS)
def _loaded(codec: type[ModelCodec], path: Path, _sha256: str, quality: float, place: tuple[str, str]) -> nn.Module:
    import torch  # noqa: PLC0415

    from bench.learned.coding.symbol_limit import limit_symbols  # noqa: PLC0415

    limit_symbols()
    model = codec.load(path).requires_grad_(requires_grad=False)
    codec.prepare(model, quality)
    return model.to(torch.device(place[1]))


def _required_arguments(model: nn.Module, given: Mapping[str, Any]) -> list[str]:
    """Names of the arguments of `decompress` without a default, which `compress` must return; `given` are omitted."""
    parameters = inspect.signature(model.decompress).parameters.values()  # type: ignore[arg-type]
    named = [p.name for p in parameters if p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY} and p.default is p.empty]
    return [name for name in named or ("strings", "shape") if name not in given]


def _output(out: object, name: str) -> Value:
    if not isinstance(out, dict) or name not in out:
        raise CodecError(f"compress did not return '{name}', which decompress needs")
    value: Value = out[name]
    return value


def _tensor(picture: Picture, multiple: int, device: str) -> Tensor:
    """A picture as (1, 3, H, W) in [0, 1], padded to a multiple at the right and bottom by repeating the edges."""
    import torch  # noqa: PLC0415

    x = torch.tensor(picture.pixels, device=device).permute(2, 0, 1)[None].float().div(255).contiguous()
    below, right = -picture.height % multiple, -picture.width % multiple
    return torch.nn.functional.pad(x, (0, right, 0, below), mode="replicate")


def _picture(x_hat: object, height: int, width: int) -> Picture:
    """The picture in a model's output, cropped to its size, clamped and rounded to 8 bits."""
    import torch  # noqa: PLC0415

    from bench.learned.coding.transforms import eight_bits  # noqa: PLC0415

    if not isinstance(x_hat, torch.Tensor) or x_hat.ndim != 4 or x_hat.shape[:2] != (1, 3):
        shape = tuple(x_hat.shape) if isinstance(x_hat, torch.Tensor) else type(x_hat).__name__
        raise CodecError(f"decompress gave {shape} as x_hat, not a picture (1, 3, H, W)")
    if x_hat.shape[2] < height or x_hat.shape[3] < width:
        raise CodecError(f"decompress gave {x_hat.shape[3]}x{x_hat.shape[2]} pixels, fewer than {width}x{height}")
    if not x_hat.isfinite().all():
        raise CodecError("decompress gave a picture with values that are not finite")
    return Picture(np.ascontiguousarray(eight_bits(x_hat[:, :, :height, :width].float())))
