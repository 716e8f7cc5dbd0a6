"""The contract of a codec: pictures to bytes, and back.

A codec describes its settings, its backend and its weights. It does not measure itself: `bench.harness.measure` takes
the times and counts the bytes.
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
"""A value of a setting, as in JSON."""


@dataclass(frozen=True, slots=True)
class QualityScale:
    """The quality parameter of a codec: meaning, range, and default points of a run, lowest rate first."""

    meaning: str
    points: tuple[float, ...]
    lowest: float
    highest: float
    integral: bool = True
    falling: bool = False
    """Whether a lower number means a better picture, as for quantisers. `points` start with the worst picture."""

    def check(self, codec: str, quality: float) -> float:
        """Return `quality` if it is on the scale.

        Raises:
            UsageError: `quality` is not on the scale.
        """
        if not self.lowest <= quality <= self.highest or (self.integral and quality != int(quality)):
            kind = "a whole number" if self.integral else "a number"
            span = f"{self.lowest:g} to {self.highest:g}"
            raise UsageError(f"{codec}@{quality:g}: quality is {kind} from {span} ({self.meaning})")
        return quality


class Codec(ABC):
    """One codec at one quality.

    A subclass sets the class attributes and defines `encode` and `decode`. A variant is a subclass with other
    `settings`.
    """

    title: ClassVar[str]
    """Name in legends and tables."""

    scale: ClassVar[QualityScale]

    backends: ClassVar[tuple[str, ...]] = ("python",)
    """Backends, the default first: a library in this process ("pillow"), or "external" binaries."""

    settings: ClassVar[Mapping[str, Scalar]] = {}
    """All settings besides the quality that determine the bytes; stored with each row."""

    options: ClassVar[Mapping[str, str]] = {}
    """User options besides the quality ("weights", "device") with their defaults; stored with each row."""

    yuv420_backends: ClassVar[tuple[str, ...]] = ()
    """Backends that code the planes of 4:2:0 pictures directly; for the others, the harness converts to RGB."""

    revision: ClassVar[str] = "1"
    """Increased when a change of the code changes the bytes or the decoded pictures."""

    files: Sequence[str | Path] = ()
    """Further files or folders that determine the bytes of a user's codec, such as weights, relative to its code.

    Files that Python opens while the codec is constructed are detected. Others, which are opened later or by a C
    library, must be declared."""

    weights: str | None = None
    """Name of the weights of a learned codec ("compact", "zoo")."""

    weights_sha256: str | None = None

    device: str = "cpu"
    """Device that the codec runs on: "cpu", or the name of the accelerator."""

    def __init__(self, quality: float, *, backend: str | None = None, **options: str) -> None:
        """Open the codec at one quality.

        Raises:
            UsageError: the quality is out of range, or the backend or an option is unknown.
            MissingError: the backend is not installed, or the weights are missing.
        """
        self.backend = backend or self.backends[0]
        self.quality = quality
        self.chosen = {**self.options, **options}
        """All options, with the user's values."""
        if unknown := options.keys() - self.options.keys():
            raise UsageError(f"{self.title} has no option '{min(unknown)}'")
        if self.backend not in self.backends:
            raise UsageError(f"{self.title} has no backend '{backend}'; it has: {', '.join(self.backends)}")
        if reason := self.missing(self.backend, **options):
            raise MissingError(f"{self.title}: {reason}")

    @classmethod
    def missing(cls, backend: str | None = None, **options: str) -> str | None:
        """Return what is missing to run the codec on this machine, and how to get it; None if it can run."""
        del backend, options
        return None

    @classmethod
    def points(cls, **options: str) -> tuple[float, ...]:
        """Return the default qualities of a run."""
        del options
        return cls.scale.points

    @classmethod
    def check(cls, name: str, quality: float, **options: str) -> float:
        """Return `quality` if the codec supports it with these options; `name` is the codec's name in the message.

        Raises:
            UsageError: the quality is not supported.
        """
        del options
        return cls.scale.check(name, quality)

    @property
    def about(self) -> str:
        """Information that a run prints about the codec, such as the widths of a user's model; "" for none."""
        return ""

    @property
    def backend_version(self) -> str:
        """Library or binary of the backend with its version, as in "libwebp 1.6.0 (Pillow 12.0.0)"."""
        return ""

    @property
    def backend_settings(self) -> Mapping[str, Scalar]:
        """The settings to store: `settings`, unless the backend uses others."""
        return self.settings

    @property
    def takes_yuv420(self) -> bool:
        """Whether the backend defines `encode_yuv420` and `decode_yuv420`."""
        return self.backend in self.yuv420_backends

    @abstractmethod
    def encode(self, picture: Picture) -> bytes:
        """Compress a picture to a complete file, from which `decode` can restore it.

        Raises:
            CodecError: this picture cannot be encoded, for instance because it is too large.
        """

    @abstractmethod
    def decode(self, data: bytes) -> Picture:
        """Decompress a file, from its bytes alone.

        Raises:
            DecodeError: the bytes are not a file of this codec, are damaged, or claim an excessive size.
        """

    def encode_yuv420(self, picture: Yuv420) -> bytes:
        """Compress the planes of a picture to a complete file, from which `decode_yuv420` can restore them.

        Raises:
            CodecError: this picture cannot be encoded.
        """
        raise NotImplementedError

    def decode_yuv420(self, data: bytes) -> Yuv420:
        """Decompress a file of `encode_yuv420` to planes, from its bytes alone.

        Raises:
            DecodeError: the bytes are not such a file.
        """
        raise NotImplementedError


class Yuv420Codec(Codec):
    """Base class of codecs of planes; RGB pictures are converted by BT.601 in full range."""

    def encode(self, picture: Picture) -> bytes:
        """Convert a picture to planes and compress them."""
        return self.encode_yuv420(to_yuv420(picture))

    def decode(self, data: bytes) -> Picture:
        """Decompress a file and convert its planes to RGB."""
        return from_yuv420(self.decode_yuv420(data))

    @abstractmethod
    def encode_yuv420(self, picture: Yuv420) -> bytes:
        """See `Codec.encode_yuv420`."""

    @abstractmethod
    def decode_yuv420(self, data: bytes) -> Yuv420:
        """See `Codec.decode_yuv420`."""


@dataclass(frozen=True, slots=True)
class CodecSpec:
    """A codec on the command line: a name, glob or path, with optional qualities: `jpeg@10,50`, `joint+qr`."""

    name: str
    qualities: tuple[float, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> CodecSpec:
        """Parse `name` or `name@quality[,quality...]`.

        Raises:
            UsageError: the part after @ is not a list of numbers.
        """
        # A path may contain an @: qualities follow only the last one, and only if it is not part of the path.
        name, at, tail = text.rpartition("@")
        if not at or "/" in tail or ".py" in tail:
            return cls(text)
        try:
            qualities = tuple(dict.fromkeys(float(part) for part in tail.split(",")))
        except ValueError:
            raise UsageError(f"'{text}': '{tail}' is not a quality; use {name}@50 or {name}@10,50,90") from None
        return cls(name, qualities)

    @property
    def is_glob(self) -> bool:
        """Whether the name is a glob."""
        return any(character in self.name for character in "*?[")

    def matches(self, name: str) -> bool:
        """Whether the name of a codec matches."""
        return fnmatch.fnmatchcase(name, self.name)
