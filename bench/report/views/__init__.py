"""Formatting of the content for the templates, one module per section."""

from __future__ import annotations

import json


def script_json(value: object) -> str:
    """Serialise a value to JSON that cannot end the script element that contains it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
