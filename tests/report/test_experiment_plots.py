"""Names behind the ends of lines."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text

from bench.report.experiment_plots import LINE_POINTS, Lines, apart, line_plot


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=8))
def test_names_keep_their_order_and_their_distance(places: list[float]) -> None:
    found = apart(np.array(places), 10)
    order = np.argsort(places, kind="stable")
    assert (np.diff(found[order]) >= 10 - 1e-6).all()
    assert found.mean() == pytest.approx(np.mean(places), abs=1e-6)


def test_names_that_are_far_from_each_other_stay_where_they_are() -> None:
    assert apart(np.array([30.0, 0.0, 15.0]), 10).tolist() == [30, 0, 15]


def test_no_name_is_below_the_axes() -> None:
    assert apart(np.array([1.0, 2.0, 40.0]), 10, 5).tolist() == [5, 15, 40]


def test_names_of_lines_that_end_together_do_not_lie_on_each_other() -> None:
    ends = {"first": 2.7, "second": 2.75, "third": 2.5, "fourth": 4.7}
    rows = pd.DataFrame([{"x": x, "y": 6 - x + end, "line": name} for name, end in ends.items() for x in (3, 5)])
    plot = line_plot("example", "An example.", rows, Lines("x", "y", "line", "x", "y"))
    assert plot is not None
    figure = Figure(figsize=(6, plot.height_inches), dpi=72, layout="constrained")
    plot.draw(figure.subplots(), defaultdict(lambda: "black"))
    figure.draw_without_rendering()
    places = [Text.get_window_extent(text).y0 for text in figure.axes[0].texts]  # without the line to the curve
    assert len(places) == len(ends)
    assert np.diff(sorted(places)).min() >= 0.9 * LINE_POINTS
