"""Content of the pages formatted for the templates, one module per section."""

from __future__ import annotations

import json


def script_json(value: object) -> str:
    """JSON that is safe inside a script element, which a name from outside must not end."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
