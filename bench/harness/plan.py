"""The plan of a run: its tasks, each of one codec at one quality on one image.

A plan stores only points and images. Tasks are generated lazily, and codecs are closed as soon as their configuration
is known, because a run may have a million tasks, and models that do not fit into memory together.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bench.codecs.registry import codec_class, label_of
from bench.harness.recipe import Recipe
from bench.harness.task import CodecPoint, Task
from bench.system.errors import FROM_USERS, BenchError, CodecError, MissingError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bench.codecs.codec import CodecSpec
    from bench.harness.opening import Opening
    from bench.images.set_images import ImageFile


@dataclass(frozen=True, slots=True)
class Plan:
    """Points and images of a run, and why other codecs cannot run.

    Tasks are ordered by codec and quality, so that whole RD points are finished early.
    """

    points: Sequence[CodecPoint]
    images: Sequence[ImageFile]
    missing: Sequence[str] = ()
    about: Sequence[str] = ()
    """A line for each point whose codec has a note (`Codec.about`)."""
    shard: tuple[int, int] = (1, 1)
    """Number of this shard, and number of shards n. A shard has every n-th task, so that all take equally long."""
    lost: Mapping[CodecPoint, CodecError] = field(default_factory=dict)
    """Points of codecs that ended the process opening them, with the reason. Their tasks are not in the plan."""

    def of(self, place: int) -> Iterator[Task]:
        """Generate the tasks of one point."""
        number, shards = self.shard
        first = (number - 1 - place * len(self.images)) % shards
        return (Task(self.points[place], image) for image in itertools.islice(self.images, first, None, shards))

    @property
    def failing(self) -> Iterator[tuple[Task, CodecError]]:
        """The tasks of the lost points, with the reasons."""
        tasks = replace(self, points=tuple(self.lost))
        return ((task, self.lost[task.point]) for task in tasks)

    def __iter__(self) -> Iterator[Task]:
        return (task for place in range(len(self.points)) for task in self.of(place))

    def __len__(self) -> int:
        number, shards = self.shard
        return len(range(number - 1, len(self.points) * len(self.images), shards))


def plan(
    specs: Iterable[CodecSpec],
    images: Sequence[ImageFile],
    *,
    backend: str | None = None,
    opening: Opening,
) -> Plan:
    """Plan the tasks of a run.

    The last quality, which is the highest, comes first: high rates take longest, and at the end a long task would keep
    one worker busy while the others are idle.

    Raises:
        MissingError: none of the codecs can run here.
    """
    points: list[CodecPoint] = []
    lost: dict[CodecPoint, CodecError] = {}
    missing: list[str] = []
    about: dict[tuple[str, float], str] = {}
    for spec in specs:
        found, reason = _opened(spec, images[0], backend, opening)
        if reason is not None:
            missing.append(f"{label_of(spec.name)}: {reason}")
        for quality, opened in found.items():
            if isinstance(opened, CodecError):
                lost[CodecPoint.unopened(spec.name, quality, backend)] = opened
                continue
            point, note = opened
            points.append(point)
            if note:
                about[point.configuration.codec, quality] = f"{point} is {note}"
    if missing and not points and not lost:
        raise MissingError("; ".join(missing))
    return Plan(points, images, missing, [about[point] for point in sorted(about)], lost=lost)


def _opened(
    spec: CodecSpec, image: ImageFile, backend: str | None, opening: Opening
) -> tuple[dict[float, tuple[CodecPoint, str] | CodecError], str | None]:
    """Open a codec at its qualities, the last one first; return the results, and why the codec cannot run."""
    options = tuple(sorted(spec.options.items()))
    try:
        if (reason := codec_class(spec.name).missing(backend, **spec.options)) is not None:
            return {}, reason
        recipes = [Recipe(spec.name, quality, backend, options) for quality in reversed(spec.qualities)]
        return {recipe.quality: opening.point(recipe, image) for recipe in recipes}, None
    except CodecError as error:
        return {}, str(error)
    except BenchError:
        raise
    except FROM_USERS as error:
        return {}, one_line(error)
