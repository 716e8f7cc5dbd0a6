"""Placement of labels in a scatter plot: near their marker, without overlaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MARKER_POINTS = 8
HEIGHT_POINTS = 12
"""Of a name."""

NEAR_POINTS = 14
"""A name that is farther from its marker than this has a line to it."""

LINE_POINTS = 3
"""The width that a line keeps free of names."""

STEPS = 12
CROSSING = 40
"""What a twelfth of the line to a name is worth where it lies on something, in square points of a covered name."""

MISTAKEN = 400
"""The same of a name that lies as near to another marker as names without such a line do to their own."""

_SIDES: Mapping[int, Literal["left", "center", "right"]] = {1: "left", 0: "center", -1: "right"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name stands: points of print from its marker to its middle or near end, and which of these it is."""

    offset: tuple[float, float]
    side: Literal["left", "center", "right"]

    @property
    def distance(self) -> float:
        """How far from its marker the name stands."""
        return max(map(abs, self.offset))

    @property
    def has_leader(self) -> bool:
        """Whether a line leads from the marker to the name."""
        return self.distance > NEAR_POINTS

    def box(self, point: Array, width: float) -> Array:
        """Left, bottom, right and top of a name of some width at a point."""
        left = point[0] + self.offset[0] - {"left": 0, "center": width / 2, "right": width}[self.side]
        middle = point[1] + self.offset[1]
        return np.array([left, middle - HEIGHT_POINTS / 2, left + width, middle + HEIGHT_POINTS / 2])


PLACES = tuple(
    Place((x * distance, y * distance), _SIDES[x])
    for distance in (8, 12, 20, 30, 42, 56, 72)
    for x, y in ((1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1))
    if x or distance > MARKER_POINTS
)
"""Those that come first are preferred."""


def places(points: Array, names: Sequence[str], lines: Sequence[Array], area: Array, letter: float) -> list[Place]:
    """A place for each name at its point (x, y in points of print), the one that covers least of what is there.

    There are the markers, the corners of `lines` with what is between them, the edge of the `area` (width, height), and
    the other names: these are gone through again once all have a place. `letter` is the width of one.
    """
    markers = np.concatenate([points - MARKER_POINTS / 2, points + MARKER_POINTS / 2], axis=1)
    pieces = np.concatenate([np.empty((0, 4)), *(_boxes(line) for line in lines)])
    widths = [letter * len(name) for name in names]
    found: dict[int, Place] = {}
    for index in [*range(len(names))] * 3:
        others = [
            box
            for other, place in found.items()
            if other != index
            for box in (place.box(points[other], widths[other]), *_leader_boxes(place, points[other]))
        ]
        taken = np.concatenate([np.delete(markers, index, axis=0), pieces, np.reshape(others, (-1, 4))])
        boxes = np.array([place.box(points[index], widths[index]) for place in PLACES])
        costs = _overlaps(boxes, taken).sum(axis=1)
        costs += np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) - _overlaps(boxes, np.array([[0, 0, *area]]))[:, 0]
        costs += [_leader_cost(place, points[index], taken) for place in PLACES]
        costs += MISTAKEN * _is_mistaken(boxes, points, index)
        found[index] = PLACES[int(np.argmin(costs))]
    return [found[index] for index in range(len(names))]


def _leader_cost(place: Place, point: Array, taken: Array) -> float:
    """What the line to a name crosses, and a little for its length."""
    steps = _leader_steps(place, point)
    crossed = (steps[:, None] >= taken[:, :2]) & (steps[:, None] <= taken[:, 2:])
    return CROSSING * int(crossed.all(axis=2).any(axis=1).sum()) + place.distance / 4


def _leader_steps(place: Place, point: Array) -> Array:
    """Places along the line to a name, if there is one."""
    return np.asarray(point + np.linspace(0.2, 0.9, STEPS * place.has_leader)[:, None] * place.offset)


def _leader_boxes(place: Place, point: Array) -> Array:
    steps = _leader_steps(place, point)
    return np.concatenate([steps - LINE_POINTS / 2, steps + LINE_POINTS / 2], axis=1)


def _is_mistaken(boxes: Array, points: Array, own: int) -> NDArray[np.bool_]:
    """Which boxes could belong to the marker of another point: with a line near to one, or nearer than to their own."""
    apart = np.maximum(np.maximum(boxes[:, None, :2] - points, points - boxes[:, None, 2:]), 0)
    distances = np.linalg.norm(apart, axis=2)
    led = np.array([place.has_leader for place in PLACES])
    others = np.delete(distances, own, axis=1).min(axis=1, initial=np.inf)
    return np.asarray(others <= np.where(led, NEAR_POINTS, distances[:, own] + 2))


def _boxes(corners: Array) -> Array:
    """What the pieces of a line cover, each upright or level, as left, bottom, right and top."""
    half = LINE_POINTS / 2
    return np.concatenate(
        [np.minimum(corners[:-1], corners[1:]) - half, np.maximum(corners[:-1], corners[1:]) + half], axis=1
    )


def _overlaps(boxes: Array, others: Array) -> Array:
    """The area that each of some boxes shares with each of others."""
    sides = np.minimum(boxes[:, None, 2:], others[:, 2:]) - np.maximum(boxes[:, None, :2], others[:, :2])
    return np.asarray(np.prod(np.maximum(sides, 0), axis=2))


def leader(colour: str) -> dict[str, Any]:
    """How matplotlib draws the line to a name."""
    return {"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": MARKER_POINTS / 2}
