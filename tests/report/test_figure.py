"""Descriptions of figures, and their curves, numbers and looks in every output format."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure as Canvas
from matplotlib.text import Text

from bench.analysis.axis import PSNR
from bench.report.against import cost_figures, front_figures
from bench.report.canvas import drawing, file_bytes, inline_svg, log_ticks, svg_file
from bench.report.experiment_plots import gain_figure, interval_figure, psnr_figure
from bench.report.explorer import described
from bench.report.figure import Curves, Figure, FigureAxis, Series, segments
from bench.report.pages import epoch_plots
from bench.report.pgfplots import pgf_text
from bench.report.style import HELPER, Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

    from bench.analysis.axis import Axis
    from bench.report.content import Content

LOOKS = {name: Look.at(place, f"series-{place}") for place, name in enumerate(("joint", "jpeg"))}


def figure(**options: object) -> Figure:
    """Two curves, the second unreliable and with a gap, and an auxiliary line."""
    series = (
        Series.of(
            "joint", "Joint & more", LOOKS["joint"], ([0.1, 0.2, 0.4], [30, 32, 34]), notes=["q 1", "q 2", "q 3"]
        ),
        Series.of("jpeg", "JPEG", LOOKS["jpeg"], ([0.2, np.nan, 0.8], [28, np.nan, 33]), every=2, faded=True),
        Series.of("", "", HELPER, ([0.1, 0.8], [31, 31]), markers=False),
    )
    scales = FigureAxis("rate", log=True, limits=(0.05, 1.0)), FigureAxis("PSNR (dB)", limits=(26.0, 36.0))
    return Figure("rd_x", "A caption.", *scales, series, **options)  # type: ignore[arg-type]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Axes, Legend | None]]:
    """Axes and legend of each figure that matplotlib saves."""
    found: list[tuple[Axes, Legend | None]] = []
    save = Canvas.savefig

    def spy(self: Canvas, *args: object, **options: object) -> None:
        found.append((self.axes[0], self.legends[0] if self.legends else None))
        save(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Canvas, "savefig", spy)
    return found


def test_matplotlib_draws_the_series_on_their_scales(drawn: list[tuple[Axes, Legend | None]]) -> None:
    drawing(figure())
    ((axes, legend),) = drawn
    for line, series in zip(axes.lines, figure().series, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), series.x)
        np.testing.assert_array_equal(line.get_ydata(), series.y)
    assert [line.get_marker() for line in axes.lines] == [LOOKS["joint"].marker, LOOKS["jpeg"].marker, ""]
    assert axes.lines[1].get_alpha() is not None
    assert (axes.get_xscale(), axes.get_xlim(), axes.get_ylim()) == ("log", (0.05, 1.0), (26.0, 36.0))
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["Joint & more", "JPEG"]


def test_curves_of_one_title_have_their_own_lines_in_the_legend(drawn: list[tuple[Axes, Legend | None]]) -> None:
    series = [Series.of(f"{name}/x", "Mine", LOOKS[name], ([1, 2], [3, 4])) for name in LOOKS]
    drawing(Figure("a", "", FigureAxis("x"), FigureAxis("y"), tuple(series)))
    legend = drawn[0][1]
    assert legend is not None
    assert [line.get_marker() for line in legend.get_lines()] == [look.marker for look in LOOKS.values()]


def test_page_and_file_are_one_drawing_in_the_colours_of_each(drawn: list[tuple[Axes, Legend | None]]) -> None:
    svg = drawing(figure())
    inline, file = inline_svg("rd_x", svg), svg_file(svg).decode()
    assert len(drawn) == 1
    assert "var(--series-0)" in inline
    assert "var(" not in file
    assert "#0b62a4" in file
    for text in (inline, file):
        assert "Joint &amp; more" in text
        assert "#fe" not in text
    assert file == svg_file(drawing(figure())).decode()
    assert file_bytes(figure(), "pdf").startswith(b"%PDF")


def test_the_table_has_every_point_with_curve_title_and_note() -> None:
    table = figure().table
    assert list(table) == ["curve", "title", "note", "rate", "PSNR (dB)"]
    assert table["rate"].tolist() == [0.1, 0.2, 0.4, 0.2, 0.8]
    assert table["note"].tolist() == ["q 1", "q 2", "q 3", "", ""]
    assert set(table["curve"]) == {"joint", "jpeg"}


def test_json_has_what_plotly_draws() -> None:
    found = described(figure(), LOOKS, {})
    assert found["x"] == {"label": "rate", "log": True, "limits": [0.05, 1.0]}
    first, second, helper = found["series"]
    assert (first["curve"], first["x"], first["y"], first["mode"]) == (
        "joint",
        [0.1, 0.2, 0.4],
        [30, 32, 34],
        "lines+markers",
    )
    assert second["y"] == [28, None, 33]
    assert (second["faded"], second["every"]) == (True, 2)
    assert "look" not in first
    assert helper["look"]["colour"] == "muted"
    even = Series.of("joint", "", LOOKS["joint"], (np.linspace(30, 40, 61), np.zeros(61)))
    x = described(Figure("a", "", FigureAxis(""), FigureAxis(""), (even,)), LOOKS, {})["series"][0]
    assert (x["x0"], x["dx"]) == (30, pytest.approx(1 / 6))


def test_latex_has_the_points_and_the_legend_and_is_balanced() -> None:
    text = pgf_text(figure())
    assert "(0.1,30) (0.2,32) (0.4,34)" in text
    assert "(nan,nan)" in text
    assert re.findall(r"\\addlegendentry\{(.*)\}", text) == [r"Joint \& more", "JPEG"]
    assert text.count("{") == text.count("}")
    assert "xmode=log" in text
    assert text.count("forget plot") == 1


def test_an_axis_on_which_lower_is_better_is_reversed_in_every_format(drawn: list[tuple[Axes, Legend | None]]) -> None:
    turned = Figure("a", "", FigureAxis("x"), FigureAxis("error", descending=True), figure().series)
    drawing(turned)
    assert drawn[0][0].yaxis_inverted()
    assert described(turned, LOOKS, {})["y"]["descending"]
    assert "y dir=reverse" in pgf_text(turned)


def test_names_at_points_replace_the_legend(drawn: list[tuple[Axes, Legend | None]]) -> None:
    points = [Series.of(n, n.title(), LOOKS[n], ([x], [1]), line=False) for n, x in (("joint", 1), ("jpeg", 2))]
    drawing(Figure("a", "", FigureAxis("x"), FigureAxis("y"), tuple(points), names_at_points=True))
    axes, legend = drawn[0]
    assert legend is None
    assert [text.get_text() for text in axes.texts] == ["Joint", "Jpeg"]


def test_ticks_of_a_logarithmic_axis_are_round_and_few() -> None:
    assert log_ticks(0.12, 0.95) == pytest.approx([0.2, 0.3, 0.5, 0.7])
    assert log_ticks(0.09, 1.1) == pytest.approx([0.1, 0.2, 0.5, 1])
    assert log_ticks(2, 3000) == pytest.approx([3, 10, 30, 100, 300, 1000, 3000])
    assert log_ticks(1e-5, 1) == pytest.approx([1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1])


def test_tick_labels_do_not_overlap_or_leave_the_figure(drawn: list[tuple[Axes, Legend | None]]) -> None:
    rows = pd.DataFrame({"label": ["VVC 4:2:0 10 bit (vvenc)"], "value": [100.0], "low": [-20.0], "high": [250.0]})
    found = interval_figure("x", "", "difference", rows, ("label", "value", "low", "high"))
    assert found is not None
    drawing(found)
    axes = drawn[0][0]
    axes.figure.draw_without_rendering()
    inside = [
        label for label in axes.get_xticklabels() if axes.get_xlim()[0] <= label.get_position()[0] <= axes.get_xlim()[1]
    ]
    boxes = [Text.get_window_extent(label) for label in inside]
    assert len(boxes) >= 3
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))
    assert boxes[-1].x1 <= axes.figure.bbox.width


def test_segments_have_gaps_between_them() -> None:
    x, y = segments([(1, 2), (3, 4)], [(0, 0), (1, 1)])
    np.testing.assert_array_equal(x, [1, 2, np.nan, 3, 4, np.nan])
    np.testing.assert_array_equal(y, [0, 0, np.nan, 1, 1, np.nan])


# ---- kinds of figures


@dataclass(frozen=True)
class Stored:
    """Content of a page whose tables are all the same."""

    table: pd.DataFrame
    curves: Curves

    def rows(self, _table: str, _axis: Axis, _anchor: str) -> pd.DataFrame:
        return self.table

    def curves_against(self, _axis: Axis, _anchor: str) -> Curves:
        return self.curves


def test_the_front_steps_from_point_to_point_and_names_each() -> None:
    rows = pd.DataFrame(
        {
            "group": 1,
            "stage": "encode",
            "anchor": "jpeg",
            "test": ["jpeg", "joint", "hyper"],
            "median_s": [0.01, 0.1, 0.2],
            "bd_rate_percent": [0.0, -30.0, -20.0],
            "on_front": [True, True, False],
        }
    )
    titles = {"jpeg": "JPEG", "joint": "Joint", "hyper": "Hyper"}
    looks = {name: Look.at(place, "series-0") for place, name in enumerate(titles)}
    content = cast("Content", Stored(rows, Curves(titles, looks, {"hyper"})))
    ((key, found),) = front_figures(content, PSNR, "jpeg", list(titles)).items()
    assert key == ("1", "encode")
    front, *points = found.series
    assert (front.x.tolist(), front.y.tolist()) == ([10, 100, 100], [0, 0, -30])
    assert [(s.title, float(s.x[0]), float(s.y[0])) for s in points] == [
        ("JPEG", 10, 0), ("Joint", 100, -30), ("Hyper", 200, -20)
    ]  # fmt: skip
    assert [s.faded for s in points] == [False, False, True]
    assert found.x.limits is not None
    assert found.x.limits[0] < 10
    assert found.x.limits[1] > 200


def test_published_costs_have_hollow_markers_and_a_legend() -> None:
    rows = pd.DataFrame(
        [
            ("macs", "joint", "Joint", 24.0, False, "measured", 10.0, "", False),
            ("macs", "c3/c3", "C3", 3.0, True, "authors", -5.0, "", True),
            ("macs", "x/y", "Y", 90.0, False, "counted", -9.0, "few points", False),
            ("memory", "joint", "Joint", 900.0, False, "measured", 10.0, "", True),
        ],
        columns=["cost", "test", "label", "value", "at_most", "by", "bd_rate_percent", "doubt", "on_front"],
    ).assign(anchor="jpeg", source="")
    content = cast("Content", Stored(rows, Curves({"jpeg": "JPEG"}, {})))
    (found,) = cost_figures(content, PSNR, "jpeg", ["joint"])  # one point alone is no figure
    assert found.x.log
    points = {series.title: series for series in found.series if series.title}
    assert set(points) == {"Joint", "\N{LESS-THAN OR EQUAL TO}C3", "Y"}
    assert [series.look.hollow for series in points.values()] == [False, True, True]
    assert [series.faded for series in points.values()] == [False, False, True]
    assert len({series.look.marker for series in points.values()}) == 3
    assert [key.title for key in found.legend] == [
        "measured here", "published points, cost counted here", "published points, cost stated by others"
    ]  # fmt: skip
    svg, latex = drawing(found), pgf_text(found)
    for key in found.legend:
        assert key.title in svg
        assert f"\\addlegendentry{{{key.title}}}" in latex
    assert len(found.table) == 3


def test_each_value_of_a_column_has_a_line() -> None:
    rows = pd.DataFrame({"epoch": [1, 2, 1, 2], "psnr_db": [30, 31, 30, 32], "line": ["a", "a", "b", "b"]})
    found = psnr_figure("x", "A caption.", rows, "epoch", FigureAxis("epoch"))
    assert found is not None
    assert [(s.title, s.y.tolist()) for s in found.series] == [("a", [30, 31]), ("b", [30, 32])]
    assert psnr_figure("x", "", rows.assign(psnr_db=np.nan), "epoch", FigureAxis("epoch")) is None


def test_epochs_have_integer_ticks() -> None:
    rows = pd.DataFrame({"model": "joint+qr", "quality": 3.0, "metric": "mse", "alpha": 0.1, "epoch": [1, 2]})
    (found,) = epoch_plots(rows.assign(psnr_db=[30.0, 31.0]))
    assert found.x.whole


def test_gains_have_a_panel_for_each_model_in_its_colour() -> None:
    rows = pd.DataFrame(
        {
            "panel": ["joint", "joint", "attn", "attn"],
            "modifier": ["+qr", "+qr", "+qr", "+ft"],
            "quality": [1, 3, 1, 1],
            "gain": [0.1, 0.2, 0.3, 0.1],
            "low": [0.05, 0.1, 0.2, 0.0],
            "high": [0.2, 0.3, 0.4, 0.2],
        }
    )
    roles = {"joint": "series-1", "attn": "series-2"}
    found = gain_figure("gain", "Gain (dB)", rows, roles, ("low", "high"))
    assert found is not None
    assert [(text, role) for _, text, role in found.headings] == list(roles.items())
    assert [s.title for s in found.legend] == ["+qr (rectifier)", "+ft (control)"]
    by_name = {s.name: s for s in found.series if s.name}
    assert by_name["joint+qr"].look.colour == "series-1"
    assert by_name["joint+qr"].y.tolist() == [0.1, 0.2]
    assert by_name["attn+qr"].x[0] > by_name["joint+qr"].x.max()
    assert {s.y[:2].tolist()[1] for s in found.series if not s.markers} == {0.2, 0.4}


def test_intervals_are_rows_with_their_names() -> None:
    rows = pd.DataFrame({"label": ["a", "b"], "value": [1.0, 2.0], "low": [0.5, 1.0], "high": [2.0, 3.0]})
    found = interval_figure("x", "", "difference", rows, ("label", "value", "low", "high"))
    assert found is not None
    assert found.y.ticks == {0: "a", 1: "b"}
    dots, bars = found.series
    assert (dots.x.tolist(), dots.y.tolist()) == ([1, 2], [0, 1])
    assert bars.x[~np.isnan(bars.x)].tolist() == [0.5, 2, 1, 3]
