"""Figures of experiments: gains by model and quality, a value over alpha or epochs, and differences with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.family import each_alone
from bench.report.canvas import slug
from bench.report.figure import Figure, Scale, Series, segments
from bench.report.numbers import tick
from bench.report.style import Look, family_colours, looks

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

HEIGHT_INCHES = 3.6


@dataclass(frozen=True, slots=True)
class Lines:
    """What a figure draws: the column `y` over the column `x`, a line for each value of `line`."""

    x: str
    y: str
    line: str
    x_label: str
    title: str
    logarithmic: bool = False


def line_figure(name: str, caption: str, rows: pd.DataFrame, lines: Lines) -> Figure | None:
    """A figure of some rows; None where no row has both values."""
    rows = rows[rows[lines.x].notna() & rows[lines.y].notna()]
    if rows.empty:
        return None
    families = each_alone(dict.fromkeys(rows[lines.line]))
    how = looks(families, [], family_colours([families]))
    series = [
        Series.of(str(title), str(title), how[str(title)], (own[lines.x], own[lines.y]))
        for title, own in rows.sort_values(lines.x).groupby(lines.line, sort=False)
    ]
    # Qualities and epochs have nothing between them.
    whole = not lines.logarithmic and bool((rows[lines.x] % 1 == 0).all())
    x = Scale(lines.x_label, log=lines.logarithmic, whole=whole)
    return Figure(slug(name), caption, x, Scale(lines.title), tuple(series), HEIGHT_INCHES)


GAIN_LOOKS = {"+qr": Look("muted", "o", (), 1.8), "+ft": Look("muted", "s", (2.4, 1.6), 1.8)}
"""Markers of the modifiers; the colour is that of the model."""

MODIFIERS = {"+qr": "+qr, with the rectifier", "+ft": "+ft, the control"}
"""What the lines of the figures of gains are called."""

LABELLED = 3
"""Of more qualities than these only the first and the last have a number."""


@dataclass(frozen=True, slots=True)
class Gain:
    """What a figure of gains draws: a column, its title, and the columns of its interval if it has one."""

    column: str
    title: str
    interval: tuple[str, str] | None = None


def gain_figure(name: str, rows: pd.DataFrame, gain: Gain, colours: Mapping[str, str]) -> Figure | None:
    """A column of gains by quality, a panel for each model of `rows`; None without any value.

    `rows` are those of `bench.analysis.rectifier_gain.gains` with the column "panel", `colours` the roles by panel.
    """
    rows = rows[rows[gain.column].notna()]
    if rows.empty:
        return None
    qualities = sorted(set(rows["quality"]))
    panels = list(dict.fromkeys(rows["panel"]))
    width = len(qualities) + 0.6  # of a panel, the space to the next one included
    places = {
        (panel, quality): number * width + place
        for number, panel in enumerate(panels)
        for place, quality in enumerate(qualities)
    }
    labelled = qualities if len(qualities) <= LABELLED else (qualities[0], qualities[-1])
    ticks = {place: tick(quality) if quality in labelled else "" for (_, quality), place in places.items()}
    series: list[Series] = []
    for (panel, modifier), own in rows.sort_values("quality").groupby(["panel", "modifier"], sort=False):
        shape = GAIN_LOOKS[str(modifier)]
        look = Look(colours[str(panel)], shape.marker, shape.dash, shape.width)
        x = [places[str(panel), quality] for quality in own["quality"]]
        series.append(Series.of(f"{panel}{modifier}", "", look, (x, own[gain.column])))
        if gain.interval:
            ends = segments([(place, place) for place in x], zip(*(own[end] for end in gain.interval), strict=True))
            series.append(Series.of("", "", look.solid, ends, markers=False))
    caption = f"{gain.title}, by quality" + (", with the 95 % interval over pictures." if gain.interval else ".")
    drawn = [modifier for modifier in GAIN_LOOKS if modifier in set(rows["modifier"])]
    return Figure(
        slug(name),
        caption,
        Scale("quality", limits=(-0.8, len(panels) * width - 0.8), ticks=ticks),
        Scale(gain.title, zero=True),
        # The legend is in no model's colour.
        (*series, *(Series.of("", MODIFIERS[modifier], GAIN_LOOKS[modifier], ([], [])) for modifier in drawn)),
        HEIGHT_INCHES,
        headings=[
            (number * width + (len(qualities) - 1) / 2, panel, colours[panel]) for number, panel in enumerate(panels)
        ],
    )


@dataclass(frozen=True, slots=True)
class Columns:
    """What a figure of intervals draws of a frame: names of its columns, and the title of the axis of values."""

    label: str
    value: str
    low: str
    high: str
    title: str


def interval_figure(name: str, caption: str, rows: pd.DataFrame, columns: Columns) -> Figure | None:
    """A dot and a bar a row, around zero; None where no row has a value."""
    rows = rows[rows[columns.value].notna()]
    if rows.empty:
        return None
    places = range(len(rows))
    bars = segments(zip(rows[columns.low], rows[columns.high], strict=True), [(place, place) for place in places])
    look = Look("series-0", "o", (), 2.2)
    return Figure(
        slug(name),
        caption,
        Scale(columns.title, percent=True, zero=True),
        Scale.of_rows(list(rows[columns.label])),
        (
            Series.of("mean", "", look, (rows[columns.value], places), line=False, notes=list(rows[columns.label])),
            Series.of("", "", look, bars, markers=False),
        ),
        1.2 + 0.34 * len(rows),
    )
