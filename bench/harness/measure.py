"""Measurement of one codec on one picture. All reported file sizes and times are measured here."""

from __future__ import annotations

import contextlib
import hashlib
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsFloat

from bench.codecs import adapter
from bench.codecs.probe import Listener, listening
from bench.results.schema import Measurement, is_column, is_measured_name
from bench.system.environment import set_threads, synchronize, threads_in_force
from bench.system.errors import BenchError, BusyError, CodecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bench.codecs.adapter import Decode
    from bench.codecs.codec import Codec
    from bench.harness.task import Task
    from bench.images.picture import AnyPicture
    from bench.metrics.distortion import Metric

BUSY_FRACTION = 0.15
"""Maximum share of all cores that other processes may use while times are measured."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Size of a picture in pixels, and the result of coding it."""

    width: int
    height: int
    num_bytes: int
    bitstream_sha256: str
    values: Mapping[str, float | None]
    diagnostics: Mapping[str, float]

    def row(self, task: Task, run_id: str) -> Measurement:
        """Return the row to store."""
        return Measurement(
            configuration=task.point.configuration,
            image_sha256=task.image.sha256,
            width=self.width,
            height=self.height,
            num_bytes=self.num_bytes,
            bitstream_sha256=self.bitstream_sha256,
            values=self.values,
            run_id=run_id,
            diagnostics=self.diagnostics,
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of the wall-clock time of a stage."""

    stage: str
    repeat: int
    seconds: float


def measure(encoder: Codec, decode: Decode, picture: AnyPicture, metrics: Sequence[Metric]) -> Measured:
    """Encode a picture, decode it with another codec object from the bytes alone, and compute the metrics.

    The size counts every byte of the file; distortion is measured between 8-bit pictures, or between YUV planes.

    Raises:
        CodecError: the codec failed, did not return bytes and a picture of the same size, or reported a diagnostic with
            the name of a metric or of another column of the results.
        BenchError: a metric did not return a number.
    """
    notes: dict[str, float] = {}
    with listening(Listener(note=notes.__setitem__)):
        data = adapter.encode(encoder, adapter.given(encoder, picture))
    decoded = adapter.restored(decode(data, picture.kind), picture)
    if (decoded.width, decoded.height) != (picture.width, picture.height):
        raise CodecError(
            f"decoded picture is {decoded.width}x{decoded.height}, the original {picture.width}x{picture.height}"
        )
    values = {metric.name: _value(metric, picture, decoded) for metric in metrics}
    if taken := [name for name in notes if name in values or is_column(name)]:
        raise CodecError(f"its diagnostic '{taken[0]}' has the name of a metric or column; rename it")
    if invalid := [name for name in notes if not is_measured_name(name)]:
        raise CodecError(f"its diagnostic '{invalid[0]}' has an invalid name: use letters, digits, _, ., + and -")
    notes |= adapter.ceiling(encoder, picture, metrics)
    sha256 = hashlib.sha256(data).hexdigest()
    return Measured(picture.width, picture.height, len(data), sha256, values, notes)


def _value(metric: Metric, original: AnyPicture, decoded: AnyPicture) -> float | None:
    value: object = metric.function(original, decoded)
    if value is None:
        return None
    if not isinstance(value, SupportsFloat) or math.isnan(number := float(value)):
        raise BenchError(f"metric {metric.name} returned {value!r}, not a number (use None where it is undefined)")
    return number


def time_stages(encoder: Codec, decoder: Codec, picture: AnyPicture, *, repeats: int, threads: int) -> Sequence[Sample]:
    """Time encoding (picture in memory to bytes) and decoding (bytes to picture), after one warm-up of each.

    Stages that the codec marks are timed, too; conversions of the adapter are not.

    Raises:
        CodecError: the codec failed, or changed the number of threads of a library.
    """
    given = adapter.given(encoder, picture)
    set_threads(threads)
    data = adapter.encode(encoder, given)
    adapter.decode(decoder, data, picture.kind)
    for library, found in threads_in_force().items():
        if found != threads:
            raise CodecError(f"times with {threads} threads are requested, but the codec sets {library} to {found}")
    samples: list[Sample] = []
    for repeat in range(repeats):
        samples += _timed("encode", repeat, lambda: adapter.encode(encoder, given))
        samples += _timed("decode", repeat, lambda: adapter.decode(decoder, data, picture.kind))
    return samples


def _timed(name: str, repeat: int, work: Callable[[], object]) -> list[Sample]:
    """Time some work and the stages that it marks, including work of accelerators; the sample of all work is first."""
    samples: list[Sample] = []

    @contextlib.contextmanager
    def clock(stage: str) -> Iterator[None]:
        synchronize()
        start = time.perf_counter()
        yield
        synchronize()
        samples.append(Sample(stage, repeat, time.perf_counter() - start))

    with listening(Listener(stage=clock)), clock(name):
        work()
    return [samples[-1], *samples[:-1]]


def require_quiet_machine(seconds: float = 2.0) -> None:
    """Check that no other work uses the processor.

    Raises:
        BusyError: more than `BUSY_FRACTION` of the cores were in use over the last `seconds`.
    """
    import psutil  # noqa: PLC0415

    busy = psutil.cpu_percent(interval=seconds) / 100
    if busy > BUSY_FRACTION:
        raise BusyError(f"other work uses {busy:.0%} of this machine, so times would be wrong; wait, or add --force")
