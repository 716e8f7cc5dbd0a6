"""Names in a scatter of codecs: beside their points, and not on one another."""

from __future__ import annotations

import itertools

import numpy as np

from bench.report.front_plot import MARKER_POINTS, PLACES, places


def test_names_of_crowded_points_do_not_cover_each_other_nor_a_point_nor_the_front() -> None:
    points = np.array([[100.0, 100.0], [104.0, 103.0], [98.0, 112.0], [300.0, 50.0]])
    names = ["Joint", "Attention", "Mean & scale hyperprior", "VVC"]
    lines = np.array([[104.0, 101, 301, 104], [298, 50, 301, 104]])
    found = places(points, names, lines)
    boxes = [place.box(point, name) for place, point, name in zip(found, points, names, strict=True)]
    markers = [np.concatenate([point - MARKER_POINTS / 2, point + MARKER_POINTS / 2]) for point in points]
    for one, other in [*itertools.combinations(boxes, 2), *itertools.product(boxes, [*markers, *lines])]:
        assert (np.minimum(one[2:], other[2:]) <= np.maximum(one[:2], other[:2])).any()


def test_a_point_alone_has_its_name_in_the_first_place() -> None:
    assert places(np.array([[10.0, 10.0]]), ["JPEG"], np.empty((0, 4))) == [PLACES[0]]
