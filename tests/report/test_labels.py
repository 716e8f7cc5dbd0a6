"""Names in scatter plots are beside their points and do not overlap."""

from __future__ import annotations

import itertools

import numpy as np

from bench.report.labels import LINE_POINTS, MARKER_POINTS, PLACES, places

AREA = np.array([370.0, 240.0])


def test_names_of_crowded_points_do_not_overlap_names_markers_or_lines() -> None:
    points = np.array([[100.0, 100.0], [104.0, 103.0], [98.0, 112.0], [300.0, 50.0]])
    names = ["Joint", "Attention", "Mean & scale hyperprior", "VVC"]
    line = np.array([[104.0, 103], [300, 103], [300, 50]])
    found = places(points, names, [line], AREA, 6.0)
    boxes = [place.box(point, 6.0 * len(name)) for place, point, name in zip(found, points, names, strict=True)]
    markers = [np.concatenate([point - MARKER_POINTS / 2, point + MARKER_POINTS / 2]) for point in points]
    half = LINE_POINTS / 2
    lines = [np.array([104 - half, 103 - half, 300 + half, 103 + half])]
    for one, other in [*itertools.combinations(boxes, 2), *itertools.product(boxes, [*markers, *lines])]:
        assert (np.minimum(one[2:], other[2:]) <= np.maximum(one[:2], other[:2])).any()


def test_a_name_is_nearest_to_its_own_marker() -> None:
    points = np.array([[150.0, 120.0], [162.0, 108.0], [150.0, 96.0]])
    names = ["Joint", "Context model", "Attention"]
    found = places(points, names, [], AREA, 6.0)
    for index, (place, point) in enumerate(zip(found, points, strict=True)):
        box = place.box(point, 6.0 * len(names[index]))
        away = [np.linalg.norm(np.maximum(np.maximum(box[:2] - p, p - box[2:]), 0)) for p in points]
        assert place.has_leader or int(np.argmin(away)) == index


def test_names_stay_within_the_axes() -> None:
    (place,) = places(np.array([[360.0, 120.0]]), ["VVC 4:2:0 10 bit"], [], AREA, 6.0)
    box = place.box(np.array([360.0, 120.0]), 96)
    assert (box[:2] >= 0).all()
    assert (box[2:] <= AREA).all()


def test_a_single_point_has_its_name_at_the_preferred_position() -> None:
    assert places(np.array([[10.0, 10.0]]), ["JPEG"], [], AREA, 6.0) == [PLACES[0]]
