"""Schema of measurements, timings and runs, with units. This module performs no input or output.

Only primitives are stored (bytes, squared errors). `bench.analysis` computes rates and decibels from them, so that
every convention in the literature can be computed from the same rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.results.fields import FILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.results.resume_key import Configuration

DIAGNOSTICS: Mapping[str, str] = {
    "coder_bits": "bits of the coded latents under the integer tables of the range coder: the file without its header",
    "coder_bits_y": "coder bits of the latents y",
    "coder_bits_z": "coder bits of the hyper-latents z",
    "estimated_bits": "bits of the same latents by the trained likelihoods, as most papers report them",
    "latent_error_quantized": "||y_hat - y||_2: Euclidean distance of the decoded latents from those of the encoder",
    "latent_error_rectified": "the same distance after the quantization rectifier was applied to the decoded latents",
    "unquantized_mse": "mean squared error of the codec's decoder on latents that were not rounded",
    "unquantized_mse_y": "that of luma",
    "unquantized_mse_u": "that of U",
    "unquantized_mse_v": "that of V",
    "acem_indicator": "planes that cca's filter enhances, as in the file: 1 luma, 2 chroma, 3 both, 0 neither",
    "round_trip_mse_y": "mean squared error of Y after converting planes to RGB and back for the codec, without coding",
    "round_trip_mse_u": "that of U",
    "round_trip_mse_v": "that of V",
}
"""Diagnostics of measurements, and their meaning.

Most are reported by the codec during encoding (`bench.codecs.probe.note`); the errors of the round trip to RGB come
from `bench.codecs.adapter`.

The distances are over the whole latent tensor of a picture, in units of the quantisation step (1), and not normalised:
they grow with the square root of the picture's size. A user's codec may report other diagnostics. Rate and distortion
do not depend on them: the rate is that of the file, the distortion that of the pictures."""

_COLUMNS = frozenset(FILES["measurements"]) | {
    "started", "name", "title", "default_backend", "conventional", "place", "images", "mean_bytes", "bpp",
    "bpp_of_all_pixels",
}  # fmt: skip
"""Stored columns, and columns added by the analysis."""

_MEASURED_NAME = re.compile(r"[A-Za-z_][\w.+-]*")


def is_measured_name(name: str) -> bool:
    """Whether a metric or diagnostic may have this name, as a column of an export."""
    return _MEASURED_NAME.fullmatch(name) is not None


def is_column(name: str) -> bool:
    """Whether this is the name of another column of measurements, which a metric or diagnostic must not have."""
    return name in _COLUMNS or name.endswith("_db")


@dataclass(frozen=True, slots=True)
class Measurement:
    """Rate and distortion of one configuration on one image."""

    configuration: Configuration
    image_sha256: str
    width: int  # pixels
    height: int  # pixels
    num_bytes: int  # the whole file
    bitstream_sha256: str
    values: Mapping[str, float | None]  # metric name to value on the 8-bit pictures; None where it is not defined
    run_id: str
    diagnostics: Mapping[str, float] = field(default_factory=dict)  # reported by the codec; see DIAGNOSTICS

    @property
    def key(self) -> str:
        """Identity of this measurement; see `Configuration.key`."""
        return self.configuration.key(self.image_sha256)


@dataclass(frozen=True, slots=True)
class Timing:
    """One time sample of a stage of a configuration on an image."""

    key: str
    run_id: str
    machine: str
    threads: int
    device: str  # "cpu", or the name of the accelerator
    stage: str  # "encode" or "decode": from picture to bytes in memory, or back; or a part of these
    repeat: int  # 0, 1, ... within the run
    seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A task without a measurement, and the reason."""

    configuration: Configuration
    image_sha256: str
    run_id: str
    message: str


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Provenance of the rows of a run."""

    run_id: str
    started: str  # ISO 8601, UTC
    command: str
    machine: str
    provenance: Mapping[str, object] = field(default_factory=dict)
