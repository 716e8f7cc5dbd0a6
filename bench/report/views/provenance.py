"""Provenance section: runs, weights, published curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.report.numbers import NOTHING, grouped, plain
from bench.report.views.table import Cell, Column, Table, number, records
from bench.results.fields import parsed_json
from bench.results.published import published_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from bench.report.content import Content


def runs(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Runs with their provenance as a flat table."""
    return [_run(row) for row in records(table)]


def _run(row: dict[str, Any]) -> dict[str, Any]:
    provenance = parsed_json(row["provenance"] or "{}")
    facts = dict(_flat(provenance)) if isinstance(provenance, dict) else {"provenance": row["provenance"]}
    return {**row, "started": row["started"][:16].replace("T", " "), "facts": facts}


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Flatten nested provenance to pairs (name, text), in the recorded order."""
    rows: list[tuple[str, str]] = []
    for key, entry in value.items():
        if isinstance(entry, dict):
            rows += _flat(entry, f"{prefix}{key}, ")
        elif isinstance(entry, bool):
            rows.append((f"{prefix}{key}", "yes" if entry else "no"))
        else:
            rows.append((f"{prefix}{key}", "unknown" if entry is None else str(entry)))
    return rows


def weights(table: pd.DataFrame) -> Table:
    """Table of the training records of the weights."""
    return Table.of(
        table,
        Column("Model", lambda row: f"{row['codec']}@{row['quality']:g}"),
        Column("Weights", "weights"),
        Column("Trained for", "metric"),
        number("Lambda", lambda row: plain(row["lmbda"], 4).rstrip("0").rstrip(".")),
        number("Steps", _steps),
        number("Minutes", lambda row: plain(row["seconds"] / 60, 0)),
        Column("Device", lambda row: row["device"] if isinstance(row["device"], str) else ""),
        number("Validation", _validation),
        Column("SHA-256", lambda row: Cell(row["weights_sha256"][:12], css="code")),
    )


def _steps(row: Mapping[str, Any]) -> Cell:
    source = row["quantized_from"]
    return Cell(f"quantised from {source}" if source else grouped(row["total_steps"]), css="wrap")


def _validation(row: Mapping[str, Any]) -> str:
    bpp, psnr_db = plain(row["validation_bpp"], 3), plain(row["validation_psnr_db"], 2)
    return NOTHING if bpp == NOTHING else f"{bpp} bpp, {psnr_db} dB"


def references(content: Content) -> list[dict[str, Any]]:
    """Titles and sources of the published curves shown."""
    rows = content.tables["published"]
    first = rows.assign(name=published_names(rows)).drop_duplicates("name").set_index("name")
    return [
        {
            "name": s.name,
            "title": s.title,
            **first.loc[s.name, ["encoder", "note", "url"]],
        }
        for s in content.rd_curves
        if s.name in first.index
    ]
