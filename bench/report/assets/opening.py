"""Opening codecs with the configuration of a stored measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.harness.recipe import recipe_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.codecs.codec import Codec


def open_again(row: Mapping[str, Any]) -> Codec:
    """The codec of a row of measurements.

    Raises:
        BenchError: it is not here any more, or lacks something on this machine.
    """
    return recipe_of(row).open()


def weights_found(row: Mapping[str, Any]) -> str:
    """The SHA-256 of the weights that the codec of a row of measurements would have now; "" without any.

    Raises:
        BenchError: as `open_again`.
    """
    recipe, _ = recipe_of(row).pinned()
    return (recipe.version and recipe.version[1]) or ""
