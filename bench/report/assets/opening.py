"""Codecs opened again as a measurement had them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bench.codecs.registry import codec_class
from bench.harness.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.codecs.codec import Codec


def open_again(row: Mapping[str, Any]) -> Codec:
    """The codec of a row of measurements.

    Raises:
        BenchError: it is not here any more, or lacks something on this machine.
    """
    return _recipe(row).open()


def weights_found(row: Mapping[str, Any]) -> str:
    """The SHA-256 of the weights that the codec of a row of measurements would have now; "" without any.

    Raises:
        BenchError: as `open_again`.
    """
    recipe, _ = _recipe(row).pinned()
    return (recipe.version and recipe.version[1]) or ""


def _recipe(row: Mapping[str, Any]) -> Recipe:
    kind = codec_class(row["codec"])
    settings = json.loads(row["settings"] or "{}")
    options = {name: str(settings[name]) for name in kind.options if name in settings}
    if row["weights"]:
        options["weights"] = row["weights"]
    return Recipe(row["codec"], row["quality"], row["backend"], tuple(options.items()))
