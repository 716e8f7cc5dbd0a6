"""The pictures that codecs are compared on, which no training may see."""

from __future__ import annotations

import importlib.resources
import tomllib


def fingerprints() -> frozenset[str]:
    """The SHA-256 of every file of the image sets that `bench` knows."""
    text = importlib.resources.files(__package__).joinpath("datasets.toml").read_text(encoding="utf-8")
    sets = tomllib.loads(text).values()
    return frozenset(sha256 for entry in sets for sha256 in entry.get("files", {}).values())
