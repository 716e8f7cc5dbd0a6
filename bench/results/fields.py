"""Fields of the results: name, type, bounds, and whether a value may be missing. They define all columns.

A name has the same meaning in the database, in the CSV files of an export, and in imported files. `schema.sql` creates
the tables of the database; a test compares its columns with these fields.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.system.csv_files import SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Value = str | int | float | None

_UNUSABLE = re.compile("[\x00\ud800-\udfff]")
"""Characters that UTF-8 or SQLite cannot store."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
"""Characters that a terminal, a page or a figure cannot show."""


def parsed_json(text: str) -> object:
    """Parse JSON; None if the text is invalid or too deeply nested."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_time(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


_TEXTS: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "text": ("a text in UTF-8", lambda _: True),
    "name": ("a text in UTF-8 that is not empty", bool),
    "title": ("a text of at most 1,000 characters", lambda text: len(text) <= 1_000),
    "label": ("a text without control characters that is not empty", lambda text: text and not _CONTROL.search(text)),
    "hash": ("a hash in hexadecimal digits", re.compile("[0-9a-f]+").fullmatch),
    "time": ("a time such as 2026-01-31T12:00:00+00:00", _is_time),
    "json": ("a JSON object", lambda text: isinstance(parsed_json(text), dict)),
}
"""Kinds of text: description and check."""

_NUMBERS = {"integer": "a whole number", "number": "a number", "metric": "a number"}


@dataclass(frozen=True, slots=True)
class Field:
    """The valid values of a field: a kind of text, or numbers from `low` to `high`.

    A "number" is finite; a "metric" may be infinite, or NaN where it is not defined for a picture.
    """

    kind: str = "text"
    low: float = -math.inf
    high: float = math.inf
    nullable: bool = False

    @property
    def is_number(self) -> bool:
        """Whether values are stored as numbers."""
        return self.kind in _NUMBERS

    def parse(self, value: object) -> Value:
        """Convert a value from a database, CSV file or JSON file to the type of this field; None if it is missing.

        Raises:
            ValueError: the value is invalid; the message says what it must be.
        """
        if self.nullable and value in (None, ""):
            return None
        parsed = self._number(value) if self.is_number else self._text(value)
        if parsed is None:
            shown = "empty" if value in (None, "") else ascii(value)[:SHOWN]
            raise ValueError(f"must be {self}, not {shown}")
        return parsed

    def _text(self, value: object) -> str | None:
        _, is_valid = _TEXTS[self.kind]
        return value if isinstance(value, str) and not _UNUSABLE.search(value) and is_valid(value) else None

    def _number(self, value: object) -> float | None:
        convert = int if self.kind == "integer" else float
        if isinstance(value, bool) or not isinstance(value, str | int | convert):
            return None
        if isinstance(value, str) and ("_" in value or not value.isascii()):
            return None  # Python reads "1_0" as 10, and digits of other scripts
        try:
            number = convert(value)
        except (ValueError, OverflowError):
            return None
        if self.kind == "metric" and math.isnan(number):
            return number
        is_bounded = self.kind == "metric" or math.isfinite(number)
        return number if is_bounded and self.low <= number <= self.high else None

    def __str__(self) -> str:
        if not self.is_number:
            return _TEXTS[self.kind][0]
        if self.low == -math.inf:
            return _NUMBERS[self.kind]
        highest = f"{self.high:d}" if isinstance(self.high, int) else f"{self.high:g}"
        upwards = f"of at least {self.low:g}" if self.high == math.inf else f"from {self.low:g} to {highest}"
        return f"{_NUMBERS[self.kind]} {upwards}"


_NAME, _LABEL, _TEXT, _HASH = Field("name"), Field("label"), Field(), Field("hash")
_FLAG = Field("integer", 0, 1)
_SIDE = Field("integer", 1, 2**31 - 1)
_COUNT = Field("integer", 0, 2**53)
_SECONDS = Field("number", 0, 1e9)
_ERROR = Field("metric", 0, 255**2, nullable=True)  # of samples of 8 bits
_SIMILARITY = Field("metric", 0, 1 + 1e-6, nullable=True)

FIELDS: Mapping[str, Field] = {
    # runs
    "run_id": _NAME,
    "started": Field("time"),
    "command": _TEXT,
    "machine": _TEXT,
    "provenance": Field("json"),
    # image sets, codecs, metrics
    "dataset": _NAME,
    "title": Field("title"),
    "note": _TEXT,
    "image": _NAME,
    "image_sha256": _HASH,
    "quality_meaning": _TEXT,
    "default_backend": _TEXT,
    "metric": _NAME,
    "higher_is_better": _FLAG,
    "version": _TEXT,
    # configurations
    "codec": _NAME,
    "quality": Field("number", -1e9, 1e9),
    "settings": Field("json"),
    "backend": _NAME,
    "backend_version": _TEXT,
    "revision": _TEXT,
    "weights": Field(nullable=True),
    "weights_sha256": Field("hash", nullable=True),
    "configuration_id": Field("integer", 0),
    "digest": _HASH,
    "curve": _HASH,
    # measurements, failures, times
    "key": _HASH,
    "width": _SIDE,  # pixels
    "height": _SIDE,  # pixels
    "num_bytes": _COUNT,
    "bitstream_sha256": _HASH,
    "message": _TEXT,
    "threads": Field("integer", 1, 2**31 - 1),
    "device": _TEXT,
    "stage": _NAME,
    "repeat": _COUNT,
    "seconds": _SECONDS,
    # the metrics of every run
    "mse": _ERROR,
    "mse_y": _ERROR,
    "mse_u": _ERROR,
    "mse_v": _ERROR,
    "ms_ssim": _SIMILARITY,  # 32 bits leave a rounding error above 1
    "ms_ssim_y": _SIMILARITY,
    # published points
    "source": _LABEL,
    "method": _LABEL,
    "rate_bpp": Field("number", 1e-6, 1e6),
    "value": Field("number", 1e-6, 1e3),  # dB, or a similarity
    "encode_s": Field("number", 0, 1e9, nullable=True),
    "decode_s": Field("number", 0, 1e9, nullable=True),
    "drawn": _FLAG,
    "encoder": _TEXT,
    "url": _TEXT,
    "name": _NAME,
}
"""All fields with a fixed name."""

MEASURED = Field("metric", nullable=True)
"""Field of other metrics and diagnostics, such as the user's, which are columns of an export's measurements."""

CONFIGURATION = (
    "codec", "quality", "settings", "backend", "backend_version", "revision", "weights", "weights_sha256",
)  # fmt: skip
"""The fields of `bench.results.resume_key.Configuration`."""

_POINTS = (
    "dataset", "source", "method", "title", "metric", "rate_bpp", "value", "encode_s", "decode_s", "drawn", "encoder",
    "note", "url",
)  # fmt: skip

FILES: Mapping[str, tuple[str, ...]] = {
    "measurements": (
        "key", "curve", *CONFIGURATION, "dataset", "image", "image_sha256", "width", "height", "num_bytes",
        "bitstream_sha256", "run_id",
    ),
    "images": ("dataset", "image", "image_sha256"),
    "datasets": ("dataset", "title", "note"),
    "codecs": ("codec", "title", "quality_meaning", "default_backend"),
    "metrics": ("metric", "title", "higher_is_better", "version"),
    "timings": ("key", "run_id", "machine", "threads", "device", "stage", "repeat", "seconds"),
    "runs": ("run_id", "started", "command", "machine", "provenance"),
    "failures": (*CONFIGURATION, "dataset", "image", "image_sha256", "run_id", "message"),
    "imported": _POINTS,
    "published": _POINTS,
}  # fmt: skip
"""The columns of each CSV file of an export, in order. In `measurements`, metrics and diagnostics follow."""

FORMER_COLUMNS = {"carrier": "backend", "carrier_version": "backend_version", "default_carrier": "default_backend"}
"""Former names of columns in databases before schema 4 and their exports."""

FORMER_DIAGNOSTICS = {
    "estimated_bits": "coder_bits",
    "estimated_bits_y": "coder_bits_y",
    "estimated_bits_z": "coder_bits_z",
    "likelihood_bits": "estimated_bits",
}
"""Former names of diagnostics before schema 5, in an order in which they can be renamed one by one."""


def current_columns(columns: Sequence[str]) -> list[str]:
    """The current names of the columns of an exported CSV file.

    An export from before schema 5 is recognised by its column `likelihood_bits`.
    """
    names = FORMER_COLUMNS | (FORMER_DIAGNOSTICS if "likelihood_bits" in columns else {})
    return [names.get(column, column) for column in columns]


def field_of(column: str) -> Field:
    """The field of a column of an export."""
    return FIELDS.get(column, MEASURED)


def parse_column(name: str, values: Sequence[object]) -> list[Value]:
    """Convert the values of a column to the type of its field.

    Raises:
        ValueError: a value is invalid; the message names its row, counted from 1, and the column.
    """
    field, known = field_of(name), {}
    for value in dict.fromkeys(values):
        try:
            known[value] = field.parse(value)
        except ValueError as error:
            raise ValueError(f"row {values.index(value) + 1}: '{ascii(name)[1:-1]}' {error}") from None
    return [known[value] for value in values]
