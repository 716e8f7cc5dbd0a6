"""The plan of a run: its tasks, each one codec at one quality on one image.

A plan holds points and images only. Tasks are generated lazily, and codecs are closed as soon as their configuration is
known: a run may have a million tasks, and models that do not fit into memory together.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.codecs import adapter
from bench.codecs.registry import codec_class, label_of
from bench.harness.recipe import Recipe
from bench.system.errors import FROM_USERS, BenchError, MissingError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bench.codecs.codec import CodecSpec
    from bench.images.set_images import ImageFile
    from bench.results.resume_key import Configuration


@dataclass(frozen=True, slots=True)
class CodecPoint:
    """A codec at one quality: how it is opened, and its stored configuration."""

    recipe: Recipe
    configuration: Configuration

    def __str__(self) -> str:
        return f"{self.configuration.codec}@{self.configuration.quality:g}"


@dataclass(frozen=True, slots=True)
class Task:
    """One codec at one quality on one image; it can be pickled."""

    point: CodecPoint
    image: ImageFile

    @property
    def key(self) -> str:
        """Identity of the task's measurement."""
        return self.point.configuration.key(self.image.sha256)

    def __str__(self) -> str:
        return f"{self.point} on {self.image.name}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The points and images of a run, and the reasons why other codecs cannot run.

    Tasks are ordered by codec and quality, so that whole RD points are finished early.
    """

    points: Sequence[CodecPoint]
    images: Sequence[ImageFile]
    missing: Sequence[str] = ()
    about: Sequence[str] = ()
    """A line for each point whose codec has a note (`Codec.about`)."""
    shard: tuple[int, int] = (1, 1)
    """Number of this shard, and the number of shards: each has every n-th task, so that shards take equally long."""

    def of(self, place: int) -> Iterator[Task]:
        """The tasks of one point."""
        number, shards = self.shard
        first = (number - 1 - place * len(self.images)) % shards
        return (Task(self.points[place], image) for image in itertools.islice(self.images, first, None, shards))

    def __iter__(self) -> Iterator[Task]:
        return (task for place in range(len(self.points)) for task in self.of(place))

    def __len__(self) -> int:
        number, shards = self.shard
        return len(range(number - 1, len(self.points) * len(self.images), shards))


def plan(specs: Iterable[CodecSpec], images: Sequence[ImageFile], *, backend: str | None = None) -> Plan:
    """Plan the tasks of a run.

    The last quality, which is the highest, comes first: high rates take longest, and a long task at the end would keep
    one worker busy while the others wait.

    Raises:
        MissingError: none of the codecs can run here.
    """
    points: list[CodecPoint] = []
    missing: list[str] = []
    about: dict[tuple[str, float], str] = {}
    for spec in specs:
        try:
            if (reason := codec_class(spec.name).missing(backend, **spec.options)) is None:
                opened = [_open(spec, quality, backend, images[0]) for quality in reversed(spec.qualities)]
                points += [point for point, _ in opened]
                about |= {
                    (p.configuration.codec, p.configuration.quality): f"{p} is {note}" for p, note in opened if note
                }
        except BenchError:
            raise
        except FROM_USERS as error:
            reason = one_line(error)
        if reason is not None:
            missing.append(f"{label_of(spec.name)}: {reason}")
    if missing and not points:
        raise MissingError("; ".join(missing))
    return Plan(points, images, missing, [about[point] for point in sorted(about)])


def _open(spec: CodecSpec, quality: float, backend: str | None, image: ImageFile) -> tuple[CodecPoint, str]:
    """A point, and the note of its codec (`Codec.about`)."""
    recipe, codec = Recipe(spec.name, quality, backend, tuple(sorted(spec.options.items()))).pinned()
    # The adapter treats all images of a set alike.
    return CodecPoint(recipe, recipe.configuration(codec, adapter.settings(codec, image))), codec.about
