"""Tables of the page on cca: BD-rates against anchors, ablation, fixed point, portability of the files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis.cca import FIXED_POINT
from bench.analysis.cca_ablation import REFERENCE
from bench.analysis.comparison import doubts
from bench.report.numbers import NOTHING, milliseconds, plain, signed, span
from bench.report.views.bd_rates import mark
from bench.report.views.table import Cell, Column, Table, interval, number, records
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    import pandas as pd

    from bench.analysis.axis import Axis

LARGEST_AS_RATE = 20
"""Largest difference in loss, in percent of the rate, that is also given as a difference in rate."""

_GUIDES = {"igu": "from luma to chroma (IGU)", "bgu": "both ways (BGU)", "none": "none"}


def rates(table: pd.DataFrame, axes: Sequence[Axis]) -> tuple[Table, list[str]]:
    """Table of BD-rates with one row per anchor (and curve) and one cell per axis, and the remarks on its cells."""
    several = len(set(table["test"])) > 1
    rows: list[dict[str, Any]] = []
    for _, group in table.groupby(["test", "anchor"], sort=False):
        by_axis = {row["axis"]: row for row in records(group)}
        first = next(iter(by_axis.values()))
        title = f"{first['anchor_title']}, by {first['test_title']}" if several else first["anchor_title"]
        rows.append({"title": title} | {axis.name: _rate(by_axis.get(axis.name, {})) for axis in axes})
    remarks = mark(row[axis.name] for row in rows for axis in axes)
    return Table.of(rows, Column("Anchor", "title"), *map(_rate_column, axes)), remarks


def _rate(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "rate": signed(row.get("bd_rate_pchip_percent"), 1),
        "interval": span(row.get("interval_low_percent"), row.get("interval_high_percent"), 1),
        "remark": "; ".join(doubts(row.get("notes", ""))),
    }


def _rate_column(axis: Axis) -> Column:
    def cell(row: Mapping[str, Any]) -> Cell:
        rate = row[axis.name]
        return Cell(rate["rate"], rate["interval"], mark=rate["mark"])

    return number(axis.title, cell, "%")


def rates_result(table: pd.DataFrame) -> str:
    """Summary: BD-rates of cca on the first axis against the first two anchors with a BD-rate."""
    first = table[table["axis"] == table["axis"].iloc[0]] if len(table) else table
    known = first.dropna(subset=["bd_rate_pchip_percent"])
    parts = [
        f"{signed(row['bd_rate_pchip_percent'], 1)} % against {row['anchor_title']}"
        f"{' (doubtful)' if doubts(row['notes']) else ''}"
        for row in records(known.head(2))
    ]
    return ", ".join(parts)


def parts_result(table: pd.DataFrame) -> str:
    """Summary: difference in loss from the reference, in the first setting."""
    first = next((group for _, group in table.groupby(["quality", "lambda", "dataset"], sort=False)), table)
    rows = first[first["variant"] != REFERENCE].to_dict("records")
    parts = [f"{part_name(row)} {signed(row['loss_difference_percent'], 1)} %" for row in rows]
    return f"difference in loss: {', '.join(parts)}" if parts else ""


def fixed_point_result(table: pd.DataFrame) -> str:
    """Summary: range of BD-rates of fixed point over all codecs and metrics."""
    rates = [float(row["bd_rate_pchip_percent"]) for row in records(table) if row["bd_rate_pchip_percent"] is not None]
    return f"{span(min(rates), max(rates), 1)} % of the bits" if rates else ""


def portability_result(table: pd.DataFrame) -> str:
    """Summary: number of files that did not decode elsewhere, by kind of entropy model."""
    counts: dict[str, list[int]] = {}
    for row in records(table):
        kind = "fixed point" if str(row["codec"]).partition("@")[0].endswith(FIXED_POINT) else "floats"
        failed, files = counts.get(kind, [0, 0])
        counts[kind] = [failed + int(row["failed"]), files + int(row["files"])]
    parts = [f"{failed} of {files} of {kind}" for kind, (failed, files) in counts.items()]
    return f"files that failed: {', '.join(parts)}" if parts else ""


def ceilings(table: pd.DataFrame) -> Table:
    """Table of PSNRs after conversion to RGB and back, without coding."""
    ceiling = number("Ceiling", lambda row: plain(row["ceiling_db"], 2), "dB")
    return Table.of(table, Column("Metric", "axis_title"), ceiling)


def parts(table: pd.DataFrame) -> list[tuple[str, Table]]:
    """Tables of `bench.analysis.cca_ablation`, one per setting, each with a description of the setting."""
    return [
        (f"lambda {lmbda:g}, {dataset}, {_extent(group)}", _parts(group))
        for (_, lmbda, dataset), group in table.groupby(["quality", "lambda", "dataset"], sort=False)
    ]


def part_name(row: Mapping[Hashable, Any]) -> str:
    """Short description of a variant, in the order of the columns: guide, attention, filter."""
    guide = "no guide" if row["guide"] == "none" else f"guide {row['guide'].upper()}"
    without = "" if row["attention"] == "yes" else ", no attention"
    return guide + without + (", filter" if row["acem"] == "yes" else "")


def _extent(group: pd.DataFrame) -> str:
    """Numbers of pictures and trainings per variant in a setting (minimum over variants)."""
    pictures, trainings = int(group["pictures"].min()), int(group["seeds"].min())
    return f"{count(pictures, 'picture')}, {count(trainings, 'training')} per variant"


def _parts(table: pd.DataFrame) -> Table:
    def psnr(title: str, plane: str) -> Column:
        return number(f"PSNR {title}", lambda row: plain(row[f"psnr_{plane}_db"], 2), "dB")

    return Table.of(
        table,
        Column("Guide", lambda row: _GUIDES.get(row["guide"], row["guide"])),
        Column("Attention", "attention"),
        Column("Filter", "acem"),
        number("Difference in loss", _difference, "%"),
        number("Equivalent in rate", _as_rate, "%"),
        number("Loss", lambda row: plain(row["loss"], 4)),
        number("Rate", lambda row: plain(row["bpp"], 4), "bpp"),
        psnr("6:1:1", "yuv"),
        *(psnr(plane.upper(), plane) for plane in "yuv"),
        number("Parameters", lambda row: f"{row['parameters'] / 1e6:.2f}", "M"),
        number("Steps", lambda row: f"{row['steps']:.0f}"),
    )


def _difference(row: Mapping[str, Any]) -> Cell:
    if row["variant"] == REFERENCE:
        return Cell(NOTHING)
    ends = row["loss_difference_low_percent"], row["loss_difference_high_percent"]
    return Cell(signed(row["loss_difference_percent"], 2), span(*ends, 2))


def _as_rate(row: Mapping[str, Any]) -> str:
    """Difference in loss as an equivalent difference in rate; missing if too large for the approximation."""
    percent = row["rate_equivalent_percent"]
    is_shown = row["variant"] != REFERENCE and abs(percent) <= LARGEST_AS_RATE
    return signed(percent, 1) if is_shown else NOTHING


def fixed_point(table: pd.DataFrame) -> Table:
    """Table of BD-rates of fixed-point models against their float models, by codec, image set and metric."""
    return Table.of(
        table,
        Column("Codec", "test_title"),
        Column("Over", "anchor_title"),
        Column("Pictures", "dataset"),
        Column("Metric", "axis_title"),
        interval("BD-rate", ("bd_rate_pchip_percent", "interval_low_percent", "interval_high_percent"), 2, "%"),
        number(
            "Per picture", lambda row: span(row["per_image_lowest_percent"], row["per_image_highest_percent"], 2), "%"
        ),
    )


def fixed_point_times(table: pd.DataFrame) -> Table:
    """Table of paired times of fixed-point and float models, with their ratios."""
    return Table.of(
        table,
        Column("Codec", lambda row: row["model"] + row["modifier"]),
        Column("Pictures", "dataset"),
        Column("Machine", "machine"),
        Column("Stage", "stage"),
        number("Threads", lambda row: f"{row['threads']:g}"),
        number("Pairs", "tasks"),
        number("Floats", lambda row: milliseconds(row["base_s"]), "ms"),
        number("Integers", lambda row: milliseconds(row["with_s"]), "ms"),
        number("Ratio", lambda row: plain(row["ratio"], 2)),
    )


def portability(table: pd.DataFrame) -> Table:
    """Table of failed files by codec and decoding environment."""
    rows = {codec: dict.fromkeys(table["decoded"], NOTHING) | {"codec": codec} for codec in table["codec"]}
    for row in records(table):
        failed = Cell(f"{row['failed']} of {row['files']}", sort=row["failed"], css="fails" if row["failed"] else "")
        rows[row["codec"]][row["decoded"]] = failed
    ways = [number(way, way, "failed") for way in dict.fromkeys(table["decoded"])]
    return Table.of(rows.values(), Column("Codec", "codec"), *ways)
