"""Figures of experiments: values over alpha or epochs, gains by model and quality, and differences with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.family import each_alone
from bench.report.figure import Figure, FigureAxis, Series, segments, slug
from bench.report.numbers import tick
from bench.report.style import Look, family_colours, looks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

HEIGHT_INCHES = 3.4


def psnr_figure(name: str, caption: str, rows: pd.DataFrame, column: str, axis: FigureAxis) -> Figure | None:
    """Plot PSNR (column "psnr_db") over a column, with one line per value of the column "line"; None without points."""
    rows = rows[rows[column].notna() & rows["psnr_db"].notna()]
    if rows.empty:
        return None
    families = each_alone(dict.fromkeys(rows["line"]))
    how = looks(families, [], family_colours([families]))
    series = [
        Series.of(str(title), str(title), how[str(title)], (own[column], own["psnr_db"]))
        for title, own in rows.sort_values(column).groupby("line", sort=False)
    ]
    return Figure(slug(name), caption, axis, FigureAxis("PSNR (dB)"), tuple(series), HEIGHT_INCHES)


GAIN_LOOKS = {"+qr": Look("muted", "o", (), 1.8), "+ft": Look("muted", "s", (2.4, 1.6), 1.8)}
"""Looks of the modifiers; the colours of their curves are those of the models."""

MODIFIERS = {"+qr": "+qr (rectifier)", "+ft": "+ft (control)"}
"""Legend of the figures of gains."""

LABELLED = 3
"""Largest number of qualities that are all labelled; of more, only the first and the last are labelled."""


def gain_figure(
    column: str, title: str, rows: pd.DataFrame, colours: Mapping[str, str], interval: tuple[str, str] | None = None
) -> Figure | None:
    """Plot gains by quality, one panel per model of `rows`; None without values.

    `rows` are those of `bench.analysis.rectifier_gain.gains` with the column "panel"; `colours` maps panels to roles;
    `interval` names the columns of the interval's ends, if there are any.
    """
    rows = rows[rows[column].notna()]
    if rows.empty:
        return None
    qualities = sorted(set(rows["quality"]))
    panels = list(dict.fromkeys(rows["panel"]))
    width = len(qualities) + 0.6  # of a panel, including the space after it
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
        series.append(Series.of(f"{panel}{modifier}", "", look, (x, own[column])))
        if interval:
            ends = segments([(place, place) for place in x], zip(*(own[end] for end in interval), strict=True))
            series.append(Series.of("", "", look.solid, ends, markers=False))
    caption = f"{title}, by quality" + (", with the 95 % interval over pictures." if interval else ".")
    drawn = [modifier for modifier in GAIN_LOOKS if modifier in set(rows["modifier"])]
    return Figure(
        slug(f"rectifier_{column}"),
        caption,
        FigureAxis("quality", limits=(-0.8, len(panels) * width - 0.8), ticks=ticks),
        FigureAxis(title, zero=True),
        # The legend is grey, because colours show models.
        (*series, *(Series.of("", MODIFIERS[modifier], GAIN_LOOKS[modifier], ([], [])) for modifier in drawn)),
        HEIGHT_INCHES,
        headings=[
            (number * width + (len(qualities) - 1) / 2, panel, colours[panel]) for number, panel in enumerate(panels)
        ],
    )


def interval_figure(name: str, caption: str, title: str, rows: pd.DataFrame, columns: Sequence[str]) -> Figure | None:
    """Plot differences around zero, with a dot and an interval bar per row; None without values.

    `title` is that of the axis of values, and `columns` are those of the label, the value and the ends of its interval.
    """
    label, value, low, high = columns
    rows = rows[rows[value].notna()]
    if rows.empty:
        return None
    places = range(len(rows))
    bars = segments(zip(rows[low], rows[high], strict=True), [(place, place) for place in places])
    look, labels = Look("series-0", "o", (), 2.2), list(rows[label])
    return Figure(
        slug(name),
        caption,
        FigureAxis(title, percent=True, zero=True),
        FigureAxis.of_rows(labels),
        (
            Series.of("mean", "", look, (rows[value], places), line=False, notes=labels),
            Series.of("", "", look, bars, markers=False),
        ),
        1.2 + 0.34 * len(rows),
    )
