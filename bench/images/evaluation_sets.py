"""Pictures of the evaluation sets, which are refused as training data."""

from __future__ import annotations

import importlib.resources
import tomllib


def fingerprints() -> frozenset[str]:
    """SHA-256 of each file of the named image sets."""
    text = importlib.resources.files(__package__).joinpath("datasets.toml").read_text(encoding="utf-8")
    sets = tomllib.loads(text).values()
    return frozenset(sha256 for entry in sets for sha256 in entry.get("files", {}).values())
