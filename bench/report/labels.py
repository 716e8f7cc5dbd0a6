"""Placement of names in a scatter plot, near their markers and without overlaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MARKER_POINTS = 8
HEIGHT_POINTS = 12
"""Height of a name."""

NEAR_POINTS = 14
"""Distance from its marker above which a name has a leader line."""

LINE_POINTS = 3
"""Width of lines as obstacles for names."""

STEPS = 12
"""Number of parts of a leader line."""

CROSSING = 120
"""Cost of each part of a leader line that crosses something, in square points of overlap."""

UNREADABLE = 5
"""Cost of covering a name relative to that of covering a marker or a line."""

MISTAKEN = 400
"""Cost of a name that seems to belong to another marker, in square points of overlap."""

_SIDES: Mapping[int, Literal["left", "center", "right"]] = {1: "left", 0: "center", -1: "right"}


@dataclass(frozen=True, slots=True)
class Place:
    """Position of a name: the offset in points from its marker to its middle or to its nearer end (`side`)."""

    offset: tuple[float, float]
    side: Literal["left", "center", "right"]

    @property
    def distance(self) -> float:
        """Distance of the name from its marker."""
        return max(map(abs, self.offset))

    @property
    def has_leader(self) -> bool:
        """Whether a line connects the marker and the name."""
        return self.distance > NEAR_POINTS

    def box(self, point: Array, width: float) -> Array:
        """Left, bottom, right and top of a name of the given width at a point."""
        left = point[0] + self.offset[0] - {"left": 0, "center": width / 2, "right": width}[self.side]
        middle = point[1] + self.offset[1]
        return np.array([left, middle - HEIGHT_POINTS / 2, left + width, middle + HEIGHT_POINTS / 2])


PLACES = tuple(
    Place((x * distance, y * distance), _SIDES[x])
    for distance in (8, 12, 20, 30, 42, 56, 72)
    for x, y in ((1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1))
    if x or distance > MARKER_POINTS
)
"""Candidate positions, in order of preference."""


def places(points: Array, names: Sequence[str], lines: Sequence[Array], area: Array, letter: float) -> list[Place]:
    """Choose the position of each name near its point with the least overlap.

    Names must not overlap with markers, `lines`, the edge of the `area` and other names. Several passes let early names
    avoid later ones. All lengths are in points.

    Args:
        points: Markers, of shape (names, 2).
        names: Texts, one per marker.
        lines: Corners of lines with horizontal and vertical segments, each of shape (corners, 2).
        area: Width and height of the axes.
        letter: Width of a letter.
    """
    markers = np.concatenate([points - MARKER_POINTS / 2, points + MARKER_POINTS / 2], axis=1)
    pieces = np.concatenate([np.empty((0, 4)), *(_boxes(line) for line in lines)])
    widths = [letter * len(name) for name in names]
    found: dict[int, Place] = {}
    for index in [*range(len(names))] * 6:
        others = {other: place for other, place in found.items() if other != index}
        texts = np.reshape([place.box(points[other], widths[other]) for other, place in others.items()], (-1, 4))
        leaders = [_leader_boxes(place, points[other]) for other, place in others.items()]
        taken = np.concatenate([np.delete(markers, index, axis=0), pieces, texts, *leaders])
        boxes = np.array([place.box(points[index], widths[index]) for place in PLACES])
        costs = _overlaps(boxes, taken).sum(axis=1) + UNREADABLE * _overlaps(boxes, texts).sum(axis=1)
        costs += np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) - _overlaps(boxes, np.array([[0, 0, *area]]))[:, 0]
        costs += [_leader_cost(place, points[index], taken) for place in PLACES]
        costs += MISTAKEN * _is_mistaken(boxes, points, index)
        found[index] = PLACES[int(np.argmin(costs))]
    return [found[index] for index in range(len(names))]


def _leader_cost(place: Place, point: Array, taken: Array) -> float:
    """Cost of a leader line: what it crosses, and its length."""
    steps = _leader_steps(place, point)
    crossed = (steps[:, None] >= taken[:, :2]) & (steps[:, None] <= taken[:, 2:])
    return CROSSING * int(crossed.all(axis=2).any(axis=1).sum()) + place.distance * place.has_leader


def _leader_steps(place: Place, point: Array) -> Array:
    """Points along the leader line of a name; empty without one."""
    return np.asarray(point + np.linspace(0.2, 0.9, STEPS * place.has_leader)[:, None] * place.offset)


def _leader_boxes(place: Place, point: Array) -> Array:
    steps = _leader_steps(place, point)
    return np.concatenate([steps - LINE_POINTS / 2, steps + LINE_POINTS / 2], axis=1)


def _is_mistaken(boxes: Array, points: Array, own: int) -> NDArray[np.bool_]:
    """Whether each box is so near to another marker that it seems to be the name of that marker."""
    apart = np.maximum(np.maximum(boxes[:, None, :2] - points, points - boxes[:, None, 2:]), 0)
    distances = np.linalg.norm(apart, axis=2)
    led = np.array([place.has_leader for place in PLACES])
    others = np.delete(distances, own, axis=1).min(axis=1, initial=np.inf)
    return np.asarray(others <= np.where(led, NEAR_POINTS, distances[:, own] + 2))


def _boxes(corners: Array) -> Array:
    """Boxes (left, bottom, right, top) of the horizontal and vertical segments of a line."""
    half = LINE_POINTS / 2
    return np.concatenate(
        [np.minimum(corners[:-1], corners[1:]) - half, np.maximum(corners[:-1], corners[1:]) + half], axis=1
    )


def _overlaps(boxes: Array, others: Array) -> Array:
    """Area of the overlap of each box with each of the others, of shape (boxes, others)."""
    sides = np.minimum(boxes[:, None, 2:], others[:, 2:]) - np.maximum(boxes[:, None, :2], others[:, :2])
    return np.asarray(np.prod(np.maximum(sides, 0), axis=2))
