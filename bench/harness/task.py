"""The unit of a run: a codec at one quality on one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.codecs.registry import label_of
from bench.harness.recipe import Recipe
from bench.results.resume_key import Configuration

if TYPE_CHECKING:
    from bench.images.set_images import ImageFile


@dataclass(frozen=True, slots=True)
class CodecPoint:
    """A codec at one quality: its recipe, and the configuration to store."""

    recipe: Recipe
    configuration: Configuration

    @classmethod
    def unopened(cls, name: str, quality: float, backend: str | None) -> CodecPoint:
        """Create a placeholder for a codec that cannot be opened, so that its failures can be stored."""
        about = Configuration(label_of(name), float(quality), "{}", backend or "not opened", "", "", None, None)
        return cls(Recipe(name, quality, backend), about)

    def __str__(self) -> str:
        return f"{self.configuration.codec}@{self.configuration.quality:g}"


@dataclass(frozen=True, slots=True)
class Task:
    """One codec at one quality on one image; it can be sent to another process."""

    point: CodecPoint
    image: ImageFile

    @property
    def key(self) -> str:
        """Identity of the task's measurement."""
        return self.point.configuration.key(self.image.sha256)

    def __str__(self) -> str:
        return f"{self.point} on {self.image.name}"
