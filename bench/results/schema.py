"""Schema of measurements, timings and runs, with units. This module does no input or output.

Only primitives are stored (bytes, squared errors); `bench.analysis` computes rates and decibels from them, so that
every convention in the literature can be computed from the same rows.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from bench.results.fields import FILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.codecs.codec import Codec, Scalar


def canonical_json(value: object) -> str:
    """Canonical JSON: sorted keys, no spaces. Equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


_IN_KEYS = {"backend": "carrier", "backend_version": "carrier_version"}
"""Former names of fields, which keys are computed with."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything besides the picture that determines the bytes of a codec and the decoded picture."""

    codec: str
    quality: float
    settings: str  # canonical JSON
    backend: str
    backend_version: str
    revision: str
    weights: str | None
    weights_sha256: str | None

    @classmethod
    def of(cls, name: str, codec: Codec, further: Mapping[str, Scalar] | None = None) -> Configuration:
        """The configuration of an open codec with the name `name`; `further` settings are added to its own."""
        # Weights have separate columns.
        chosen = {option: value for option, value in codec.chosen.items() if option != "weights"}
        return cls(
            codec=name,
            quality=float(codec.quality),
            settings=canonical_json({**codec.backend_settings, **chosen, **(further or {})}),
            backend=codec.backend,
            backend_version=codec.backend_version,
            revision=codec.revision,
            weights=codec.weights,
            weights_sha256=codec.weights_sha256,
        )

    @property
    def identity(self) -> dict[str, object]:
        """The fields for computing keys, under constant names, so that results of earlier versions stay valid."""
        return {_IN_KEYS.get(name, name): value for name, value in asdict(self).items()}

    @property
    def curve(self) -> str:
        """Identity of the RD curve of this point, common to all its qualities: 16 hexadecimal digits."""
        common = self.identity
        # Each quality of a learned codec has other weights; the curve has their name in common.
        del common["quality"], common["weights_sha256"]
        return _digest(common)[:16]

    def key(self, image_sha256: str) -> str:
        """Identity of the measurement on one image, by which runs resume: 64 hexadecimal digits."""
        return _digest({**self.identity, "image_sha256": image_sha256})


def _digest(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


DIAGNOSTICS: Mapping[str, str] = {
    "coder_bits": "bits of the coded latents under the integer tables of the range coder: the file without its header",
    "coder_bits_y": "coder bits of the latents y",
    "coder_bits_z": "coder bits of the hyper-latents z",
    "estimated_bits": "bits of the same latents by the trained likelihoods, as most papers report them",
    "latent_error_quantized": "||y_hat - y||_2: Euclidean distance of the decoded latents from those of the encoder",
    "latent_error_rectified": "the same distance after the quantization rectifier has worked on the decoded latents",
    "acem_indicator": "what cca's filter enhances, as in the file: 1 luma, 2 chroma, 3 both, 0 neither",
    "round_trip_mse_y": "mean squared error of Y where planes went to RGB and back for the codec, uncoded",
    "round_trip_mse_u": "that of U",
    "round_trip_mse_v": "that of V",
}
"""Diagnostics of measurements, and their meaning.

Most are reported by the codec while it encodes (`bench.codecs.probe.note`); the errors of the round trip to RGB come
from `bench.codecs.adapter`.

The distances are over the whole latent tensor of a picture, in units of the quantisation step (1), and not normalised:
they grow with the square root of the picture's size. A user's codec may report other diagnostics. Rate and distortion
do not depend on any of them: the rate is that of the file, the distortion that of the pictures."""

_COLUMNS = frozenset(FILES["measurements"]) | {
    "started", "name", "title", "default_backend", "conventional", "place", "images", "mean_bytes", "bpp",
    "bpp_of_all_pixels",
}  # fmt: skip
"""The stored columns, and those added by the analysis."""


def is_column(name: str) -> bool:
    """Whether tables of measurements have a column of this name, which a metric or diagnostic must not have."""
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
    """One sample of the time that one stage of one configuration takes on one image."""

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
    """The provenance of the rows of a run."""

    run_id: str
    started: str  # ISO 8601, UTC
    command: str
    machine: str
    provenance: Mapping[str, object] = field(default_factory=dict)
