"""From a codec and a picture to numbers: the only clock, and the only place where bytes are counted."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.errors import CodecError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bench.codec import Codec
    from bench.metrics import Metric
    from bench.picture import Picture


BUSY_FRACTION = 0.15
"""Share of all cores that other work may use before timings are not worth taking."""


@dataclass(frozen=True, slots=True)
class Result:
    """What coding one picture gave."""

    num_bytes: int
    bitstream_sha256: str
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Sample:
    """Wall time of one stage, once."""

    stage: str
    repeat: int
    seconds: float


def measure(encoder: Codec, decoder: Codec, picture: Picture, metrics: Iterable[Metric]) -> Result:
    """Code a picture, decode it with another codec object from the bytes alone, and compare.

    Rate is every byte of the file; distortion is between the 8-bit pictures.

    Raises:
        CodecError: the codec failed, or gave something else than bytes and a picture of the same size.
    """
    data = encoder.encode(picture)
    decoded = decoder.decode(data)
    if decoded.pixels.shape != picture.pixels.shape:
        raise CodecError(
            f"decoded picture is {decoded.width}x{decoded.height}, the original {picture.width}x{picture.height}"
        )
    values = {metric.name: metric.function(picture, decoded) for metric in metrics}
    return Result(len(data), hashlib.sha256(data).hexdigest(), values)


def time_stages(encoder: Codec, decoder: Codec, picture: Picture, repeats: int) -> Sequence[Sample]:
    """Time encoding (picture in memory to bytes) and decoding (bytes to picture), after one warm-up of each."""
    data = encoder.encode(picture)
    decoder.decode(data)
    samples = []
    for repeat in range(repeats):
        samples.append(Sample("encode", repeat, _seconds(lambda: encoder.encode(picture))))
        samples.append(Sample("decode", repeat, _seconds(lambda: decoder.decode(data))))
    return samples


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def require_quiet_machine(seconds: float = 2.0) -> None:
    """Refuse to go on while other work uses the processor.

    Raises:
        UsageError: more than `BUSY_FRACTION` of the cores was in use over the last `seconds`.
    """
    import psutil  # noqa: PLC0415

    busy = psutil.cpu_percent(interval=seconds) / 100
    if busy > BUSY_FRACTION:
        raise UsageError(f"other work uses {busy:.0%} of this machine, timings would be wrong; wait, or add --force")
