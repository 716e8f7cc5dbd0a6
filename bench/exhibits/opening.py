"""Codecs opened again as a measurement had them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bench.registry import codec_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.codec import Codec


def open_again(row: Mapping[str, Any]) -> Codec:
    """The codec of a row of measurements.

    Raises:
        BenchError: it is not here any more, or lacks something on this machine.
    """
    kind = codec_class(row["codec"])
    settings = json.loads(row["settings"] or "{}")
    options = {name: str(settings[name]) for name in kind.options if name in settings}
    if row["weights"]:
        options["weights"] = row["weights"]
    return kind(row["quality"], carrier=row["carrier"], **options)
