"""Jobs: measuring or timing a task, in any process."""

from __future__ import annotations

import dataclasses
import functools
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from bench.codecs import adapter
from bench.codecs.registry import is_ours, load_metric
from bench.harness.fresh_process import FreshProcess
from bench.harness.measure import Measured, measure, time_stages
from bench.harness.recipe import ANOTHER
from bench.system.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.codecs.adapter import Decode
    from bench.codecs.codec import Codec
    from bench.harness.measure import Sample
    from bench.harness.recipe import Recipe
    from bench.harness.task import Task
    from bench.images.picture import AnyPicture
    from bench.images.set_images import ImageFile

PICTURES_BYTES = 2**28
"""Size of the cache of decoded pictures, enough for all of Kodak (1.2 MB each)."""

OBJECT_BYTES = 2**12
"""Approximate overhead of a picture object, so that a cache of tiny pictures is limited, too."""

OPEN_CODECS = 4
"""Number of encoder-decoder pairs kept open: codecs of a family are timed in turn, but weights are large."""

Value_co = TypeVar("Value_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Timed:
    """Result of timing a task."""

    device: str
    samples: Sequence[Sample]


class Job(Generic[Value_co]):
    """The work to do for each task of a run; it can be pickled."""

    __slots__ = ()

    @property
    def rounds(self) -> int:
        """Number of times that each picture is coded."""
        return 1

    def prepare(self, task: Task) -> None:
        """Open the codecs of a task, and whatever else it needs except its picture.

        Raises:
            BenchError: something is missing here, or differs from what was planned.
        """
        recipe, (encoder, _) = task.point.recipe, _opened(task.point.recipe)
        if recipe.configuration(encoder, adapter.settings(encoder, task.image)) != task.point.configuration:
            raise CodecError(f"{recipe.name} {ANOTHER}")

    def read(self, task: Task) -> None:
        """Read the picture of a task.

        Raises:
            BenchError: the picture cannot be read, or differs from the one that was planned.
        """
        picture_of(task.image)

    def execute(self, task: Task) -> Value_co:
        """Execute a prepared task; raises exceptions of the codec, the metric or the picture."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class MeasuringJob(Job[Measured]):
    """Measures rate and distortion."""

    metrics: tuple[tuple[str, str], ...]
    """Names of metrics as given by the user, with the planned versions."""

    @classmethod
    def by(cls, metrics: Iterable[str]) -> MeasuringJob:
        """Create a job with the current versions of some metrics."""
        return cls(tuple((name, load_metric(name).version) for name in metrics))

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of the metrics, by their names in the results."""
        return {load_metric(name).name: version for name, version in self.metrics}

    def prepare(self, task: Task) -> None:
        """See `Job.prepare`."""
        for name, version in self.metrics:
            if load_metric(name).version != version:
                raise CodecError(f"{name} {ANOTHER}")
        super(MeasuringJob, self).prepare(task)
        if not is_ours(task.point.recipe.name):
            _process().open(task.point.recipe)

    def execute(self, task: Task) -> Measured:
        """Encode and decode the picture, and compute the metrics."""
        encoder, decoder = _opened(task.point.recipe)
        decode = _decoding(task.point.recipe, decoder)
        return measure(encoder, decode, picture_of(task.image), [load_metric(name) for name, _ in self.metrics])


@dataclass(frozen=True, slots=True)
class TimingJob(Job[Timed]):
    """Measures the times of encoding and decoding."""

    repeats: int
    threads: int

    @property
    def rounds(self) -> int:
        """Each repeat codes the picture once, and so does the warm-up."""
        return self.repeats + 1

    def execute(self, task: Task) -> Timed:
        """Time the stages of the codec."""
        encoder, decoder = _opened(task.point.recipe)
        picture = picture_of(task.image)
        samples = time_stages(encoder, decoder, picture, repeats=self.repeats, threads=self.threads)
        return Timed(encoder.device, samples)


@functools.lru_cache(maxsize=OPEN_CODECS)
def _opened(recipe: Recipe) -> tuple[Codec, Codec]:
    """Open an encoder and a decoder as separate objects, so that only the bytes pass between them."""
    return recipe.open(), recipe.open()


@functools.cache
def _process() -> FreshProcess:
    return FreshProcess()


def _decoding(recipe: Recipe, decoder: Codec) -> Decode:
    """Return the function that decodes the files of a codec.

    Foreign codecs decode in another process, where they cannot use a picture that the encoder has kept in memory. For
    the package's own codecs, tests exclude this.
    """
    return adapter.decoder(decoder) if is_ours(recipe.name) else functools.partial(_process().decode, recipe)


class _PictureCache:
    """Least-recently-used cache of pictures, limited by their total size."""

    def __init__(self) -> None:
        self._kept: OrderedDict[ImageFile, AnyPicture] = OrderedDict()
        self._bytes = 0

    def take(self, image: ImageFile) -> AnyPicture | None:
        picture = self._kept.pop(image, None)
        self._bytes -= _size(picture) if picture else 0
        return picture

    def put(self, image: ImageFile, picture: AnyPicture) -> None:
        self.take(image)
        self._kept[image] = picture
        self._bytes += _size(picture)
        while len(self._kept) > 1 and self._bytes > PICTURES_BYTES:
            self.take(next(iter(self._kept)))


def _size(picture: AnyPicture) -> int:
    return picture.nbytes + OBJECT_BYTES


_pictures = _PictureCache()


def picture_of(image: ImageFile) -> AnyPicture:
    """Return the picture of an image, from the cache if possible."""
    picture = _pictures.take(image) or image.read()
    _pictures.put(image, picture)
    return picture


def keep_picture(image: ImageFile, picture: AnyPicture) -> None:
    """Add a picture that another process has sent to the cache."""
    _pictures.put(image, dataclasses.replace(picture))  # unpickled arrays are writable; a picture's are not
