"""The key of a measurement, by which runs resume: a hash of everything that determines the coded file.

It covers the configuration of the codec and the SHA-256 of the image, and changes with the weights, the backend and the
settings. A task whose key is in the database is not measured again unless a metric is missing or has another version:
versions of metrics are not part of the key.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.codecs.codec import Codec, Scalar


def canonical_json(value: object) -> str:
    """Canonical JSON: sorted keys, no spaces. Equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


_NAMES_IN_KEYS = {"backend": "carrier", "backend_version": "carrier_version"}
"""Former names of fields, which are still used to compute keys."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything except the picture that determines a codec's bytes and the decoded picture."""

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
        """Create from an open codec with the name `name`; `further` settings are added to its own."""
        # Weights have their own columns.
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
        """The fields for computing keys, under unchanged names, so that results of earlier versions stay valid."""
        return {_NAMES_IN_KEYS.get(name, name): value for name, value in asdict(self).items()}

    @property
    def digest(self) -> str:
        """Identity of the configuration: 64 hexadecimal digits."""
        return _digest(self.identity)

    @property
    def curve(self) -> str:
        """Identity of the point's RD curve, common to all qualities: 16 hexadecimal digits."""
        common = self.identity
        # Each quality of a learned codec has other weights; only their name is common to the curve.
        del common["quality"], common["weights_sha256"]
        return _digest(common)[:16]

    def key(self, image_sha256: str) -> str:
        """Identity of the measurement on one image, by which runs resume: 64 hexadecimal digits."""
        return _digest({**self.identity, "image_sha256": image_sha256})


def _digest(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
