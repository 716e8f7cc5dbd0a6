"""Names behind the ends of lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report.experiment_plots import apart


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=8))
def test_names_keep_their_order_and_their_distance(places: list[float]) -> None:
    found = apart(np.array(places), 10)
    order = np.argsort(places, kind="stable")
    assert (np.diff(found[order]) >= 10 - 1e-6).all()
    assert found.mean() == pytest.approx(np.mean(places), abs=1e-6)


def test_names_that_are_far_from_each_other_stay_where_they_are() -> None:
    assert apart(np.array([30.0, 0.0, 15.0]), 10).tolist() == [30, 0, 15]
