from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from bench.results.fields import FIELDS, FILES, MEASURED, parse_column
from bench.results.store import Store

if TYPE_CHECKING:
    from pathlib import Path

SQL = {"integer": "INTEGER", "number": "REAL", "metric": "REAL"}


def test_the_fields_are_those_of_the_schema(tmp_path: Path) -> None:
    with Store.open(tmp_path / "r.sqlite", create=True) as store:
        columns = store.rows(
            """SELECT tables.name, columns.name, columns.type, columns."notnull"
            FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'"""
        )
    metrics = {name for name, field in FIELDS.items() if field.kind == "metric"}
    assert {column for _, column, _, _ in columns} == FIELDS.keys() - metrics
    for table, column, kind, is_needed in columns:
        # A distortion or diagnostic is a number of its own kind, which only its name tells.
        field = MEASURED if (table, column) in {("distortions", "value"), ("diagnostics", "value")} else FIELDS[column]
        assert SQL.get(field.kind, "TEXT") == kind, (table, column)
        assert not (is_needed and field.nullable), (table, column)


def test_every_column_of_an_export_is_a_field() -> None:
    assert {column for columns in FILES.values() for column in columns} <= FIELDS.keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", "0"),
        ("width", "-96"),
        ("width", "1" + "0" * 20),
        ("width", "96.0"),
        ("width", "1" * 5000),
        ("width", 1.5),
        ("num_bytes", "-5"),
        ("quality", "nan"),
        ("quality", "inf"),
        ("title", "a" * 1_001),
        ("rate_bpp", "1_0"),
        ("rate_bpp", "\u0660.\u0661"),
        ("quality", ""),
        ("seconds", "-1"),
        ("threads", "0"),
        ("drawn", "2"),
        ("mse", "-1"),
        ("mse", "inf"),
        ("ms_ssim", "2"),
        ("rate_bpp", 0),
        ("rate_bpp", True),
        ("value", 10**400),
        ("codec", ""),
        ("codec", None),
        ("codec", b"jpeg"),
        ("image", "\ud800"),
        ("title", "a\x00b"),
        ("method", "a\nb"),
        ("image_sha256", "G" * 64),
        ("provenance", "5"),
        ("provenance", "[" * 100_000),
        ("settings", "{"),
        ("started", "yesterday"),
    ],
)
def test_what_a_field_cannot_be_is_refused_with_its_row(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^row 1: '{name}' must be ") as caught:
        parse_column(name, [value])
    text = str(caught.value)
    assert len(text) < 200
    assert text.isprintable()


def test_values_come_in_the_type_of_their_field() -> None:
    assert parse_column("width", ["96", 8]) == [96, 8]
    assert parse_column("quality", ["0.1", 1]) == [0.1, 1.0]
    assert parse_column("weights", ["", None, "compact"]) == [None, None, "compact"]
    assert parse_column("mse", ["", "0"]) == [None, 0.0]
    assert parse_column("own", ["inf"]) == [math.inf]
    assert math.isnan(float(parse_column("own", ["nan"])[0] or 0))
    assert parse_column("title", ["", "NA", "=1"]) == ["", "NA", "=1"]


def test_the_row_of_the_first_wrong_value_is_named() -> None:
    with pytest.raises(ValueError, match=r"^row 3: 'num_bytes' must be a whole number from 0 to \d+, not '-5'$"):
        parse_column("num_bytes", ["1", "2", "-5", "-6"])
