"""Names of codecs: tables of all providers, and suggestions for unknown names.

Papers and files of published points use other names for some codecs.
"""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

from bench.system.errors import UsageError, hint, of_source

if TYPE_CHECKING:
    from collections.abc import Iterable

PROVIDERS = ("baselines", "bench.learned.families")
"""Modules with the tables `CODECS` and `SYNONYMS`, given by name because they are below this folder."""


def provided(table: str) -> dict[str, Any]:
    """Merge a table of all providers: codec name to "module:attribute" (CODECS) or to synonyms (SYNONYMS)."""
    tables = (getattr(importlib.import_module(module), table) for module in PROVIDERS)
    return {name: value for each in tables for name, value in each.items()}


_SYNONYMS = tuple((name, *others) for name, others in provided("SYNONYMS").items())


def unknown_codec(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Return the error for a codec or curve that is not in `known`, with a suggestion."""
    return UsageError(f"unknown {kind} '{name}'{codec_hint(name, known)}")


def codec_hint(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown codec or curve; see `bench.system.errors.hint`."""
    known = tuple(known)
    return hint(name, known, _meant(name, of_source(name, known)))


def _meant(name: str, names: list[str]) -> str | None:
    """Find the first of `names` that denotes the same codec as `name`."""
    method = name.lower().rpartition("/")[2].partition("@")[0]
    words = [word for synonyms in _SYNONYMS if method in synonyms for word in synonyms] or [method]
    patterns = [re.compile(rf"(.*[/-])?{re.escape(word)}([@_].*|-(mse|msssim))?", re.IGNORECASE) for word in words]
    alike = [one for pattern in patterns for one in names if pattern.fullmatch(one)]
    # A curve without a metric in its name was optimised for MSE.
    return min(alike, key=lambda one: "ms-ssim" in one or "msssim" in one, default=None)
