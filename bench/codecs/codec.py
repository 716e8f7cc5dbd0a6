"""The contract of a codec: pictures in, bytes out, and back.

A codec never measures itself. It says what it is (its settings, the library or binary that does the work, its
weights), and `bench.harness.measure` owns the clock and counts the bytes.
"""

from __future__ import annotations

import fnmatch
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from bench.images.colour import from_yuv420, to_yuv420
from bench.system.errors import MissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.images.picture import Picture, Yuv420

Scalar = str | int | float | bool
"""A value of a setting: what JSON can hold and a person can read."""


@dataclass(frozen=True, slots=True)
class QualityScale:
    """What a codec's quality number means, its range, and the points that a run takes by default, cheapest first."""

    meaning: str
    points: tuple[float, ...]
    lowest: float
    highest: float
    integral: bool = True
    falling: bool = False
    """Whether a lower number is a better picture, as with quantisers. `points` go from the worst picture up."""

    def check(self, codec: str, quality: float) -> float:
        """Return `quality` if a codec of this scale takes it, and raise a UsageError if not."""
        if not self.lowest <= quality <= self.highest or (self.integral and quality != int(quality)):
            kind = "a whole number" if self.integral else "a number"
            span = f"{self.lowest:g} to {self.highest:g}"
            raise UsageError(f"{codec}@{quality:g}: quality is {kind} from {span} ({self.meaning})")
        return quality


class Codec(ABC):
    """One codec at one quality.

    A subclass sets the class attributes and defines `encode` and `decode`. A variant with other settings is a
    subclass with another `settings`.
    """

    title: ClassVar[str]
    """Name in legends and tables."""

    scale: ClassVar[QualityScale]

    backends: ClassVar[tuple[str, ...]] = ("python",)
    """What can do the work, the default first: an in-process library ("pillow"), or "external" binaries."""

    settings: ClassVar[Mapping[str, Scalar]] = {}
    """Everything besides the quality that decides the bytes. It is stored with each row."""

    options: ClassVar[Mapping[str, str]] = {}
    """What the user can choose besides the quality, with its default: "weights", "device". Stored with each row."""

    yuv420_backends: ClassVar[tuple[str, ...]] = ()
    """The backends that take the planes of a 4:2:0 picture as they are; the harness converts for the others."""

    revision: ClassVar[str] = "1"
    """Changed whenever this code writes other bytes or decodes to another picture than before."""

    files: Sequence[str | Path] = ()
    """What else decides the bytes of a codec of one's own: files or folders of weights, relative to its code.

    Those that Python opens while it is constructed are found without that. A library in C may open others, and
    `encode` may do so later.
    """

    weights: str | None = None
    """Name of the weights of a learned codec ("compact", "zoo")."""

    weights_sha256: str | None = None

    device: str = "cpu"
    """What does the work: "cpu", or the name of the accelerator."""

    def __init__(self, quality: float, *, backend: str | None = None, **options: str) -> None:
        """Open the codec at one quality.

        Raises:
            UsageError: the quality is out of range, or there is no such backend or option.
            MissingError: the backend is not installed, or the weights are not there.
        """
        self.backend = backend or self.backends[0]
        self.quality = quality
        self.chosen = {**self.options, **options}
        """The options, as they were chosen."""
        if strange := options.keys() - self.options.keys():
            raise UsageError(f"{self.title} has no option '{min(strange)}'")
        if self.backend not in self.backends:
            raise UsageError(f"{self.title} has no backend '{backend}'; it has: {', '.join(self.backends)}")
        if reason := self.missing(self.backend, **options):
            raise MissingError(f"{self.title}: {reason}")

    @classmethod
    def missing(cls, backend: str | None = None, **options: str) -> str | None:
        """Say what this codec lacks on this machine and how to get it, or None if it can run."""
        del backend, options
        return None

    @classmethod
    def points(cls, **options: str) -> tuple[float, ...]:
        """The qualities that a run takes by default."""
        del options
        return cls.scale.points

    @classmethod
    def check(cls, name: str, quality: float, **options: str) -> float:
        """Return a quality that this codec, called `name`, takes with these options.

        Raises:
            UsageError: it does not take it.
        """
        del options
        return cls.scale.check(name, quality)

    @property
    def about(self) -> str:
        """What a run says of the open codec, such as the widths of a model that the user brought; "" for nothing."""
        return ""

    @property
    def backend_version(self) -> str:
        """The library or binary that does the work and its version, as in "libwebp 1.6.0 (Pillow 12.0.0)"."""
        return ""

    @property
    def backend_settings(self) -> Mapping[str, Scalar]:
        """What is stored as the settings: `settings`, unless the backend goes by other ones."""
        return self.settings

    @property
    def takes_yuv420(self) -> bool:
        """Whether `encode_yuv420` and `decode_yuv420` are defined for the backend."""
        return self.backend in self.yuv420_backends

    @abstractmethod
    def encode(self, picture: Picture) -> bytes:
        """Compress a picture to a complete file: all that `decode` needs.

        Raises:
            CodecError: this picture cannot be encoded.
        """

    @abstractmethod
    def decode(self, data: bytes) -> Picture:
        """Decompress a file, from its bytes alone.

        Raises:
            DecodeError: these are not the bytes of such a file.
        """

    def encode_yuv420(self, picture: Yuv420) -> bytes:
        """Compress the planes of a picture, as they are, to a complete file: all that `decode_yuv420` needs.

        Raises:
            CodecError: this picture cannot be encoded.
        """
        raise NotImplementedError

    def decode_yuv420(self, data: bytes) -> Yuv420:
        """Decompress a file of `encode_yuv420` to planes, from its bytes alone.

        Raises:
            DecodeError: these are not the bytes of such a file.
        """
        raise NotImplementedError


class Yuv420Codec(Codec):
    """A codec of planes: an RGB picture is converted on its way in and out, by BT.601 in full range."""

    def encode(self, picture: Picture) -> bytes:
        """Compress a picture by way of its planes.

        Raises:
            CodecError: this picture cannot be encoded.
        """
        return self.encode_yuv420(to_yuv420(picture))

    def decode(self, data: bytes) -> Picture:
        """Decompress a file and convert its planes.

        Raises:
            DecodeError: these are not the bytes of such a file.
        """
        return from_yuv420(self.decode_yuv420(data))

    @abstractmethod
    def encode_yuv420(self, picture: Yuv420) -> bytes:
        """See `Codec.encode_yuv420`."""

    @abstractmethod
    def decode_yuv420(self, data: bytes) -> Yuv420:
        """See `Codec.decode_yuv420`."""


@dataclass(frozen=True, slots=True)
class CodecSpec:
    """What the user asks for: a codec's name, or a glob or path, and perhaps qualities: `jpeg@10,50`, `joint+qr`."""

    name: str
    qualities: tuple[float, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> CodecSpec:
        """Parse `name` or `name@quality[,quality...]`.

        Raises:
            UsageError: the part behind @ is not a list of numbers.
        """
        # A path may hold an @; what follows the last one is a quality only if it is not part of the path.
        name, at, tail = text.rpartition("@")
        if not at or "/" in tail or ".py" in tail:
            return cls(text)
        try:
            qualities = tuple(dict.fromkeys(float(part) for part in tail.split(",")))
        except ValueError:
            raise UsageError(f"'{text}': '{tail}' is not a quality; write {name}@50 or {name}@10,50,90") from None
        return cls(name, qualities)

    @property
    def is_glob(self) -> bool:
        """Whether the name stands for all names that match it."""
        return any(character in self.name for character in "*?[")

    def matches(self, name: str) -> bool:
        """Whether a codec's name is meant."""
        return fnmatch.fnmatchcase(name, self.name)
