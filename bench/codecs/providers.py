"""The folders that provide codecs, and the tables that they provide."""

from __future__ import annotations

import importlib

PROVIDERS = ("baselines", "bench.learned.families")
"""Modules with the tables `CODECS` and `SYNONYMS`. They are named, not imported, because they lie above this folder."""


def codecs() -> dict[str, str]:
    """Codec name to "module:attribute"."""
    return {name: target for module in PROVIDERS for name, target in importlib.import_module(module).CODECS.items()}


def synonyms() -> dict[str, tuple[str, ...]]:
    """Codec name to other names of the same codec, in papers and in published results."""
    return {name: others for module in PROVIDERS for name, others in importlib.import_module(module).SYNONYMS.items()}
