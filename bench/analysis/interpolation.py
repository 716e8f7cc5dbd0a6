"""Vectorised piecewise cubic interpolation, PCHIP and Akima: values and integrals of many curves at once.

The interpolants are those of PchipInterpolator and Akima1DInterpolator in `scipy.interpolate`, with which the tests
compare them. A thousand resampled curves take milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Hermite:
    """Cubics between points. `x`, which rises along each row, and `y` have shape (rows, points).

    The value is y + t (slope + t (curvature + t twist)), where t is the distance from the first point of the piece.
    """

    x: Array
    y: Array
    slope: Array
    curvature: Array
    twist: Array

    @classmethod
    def through(cls, x: Array, y: Array, method: str = "pchip") -> Self:
        """Interpolate at least two points per row; `method` is "pchip" or "akima"."""
        width = np.diff(x, axis=1)
        secant = np.diff(y, axis=1) / width
        slope = _akima_slopes(secant) if method == "akima" else _pchip_slopes(width, secant)
        curvature = (3 * secant - 2 * slope[:, :-1] - slope[:, 1:]) / width
        twist = (slope[:, :-1] + slope[:, 1:] - 2 * secant) / width**2
        return cls(x, y, slope[:, :-1], curvature, twist)

    def integral(self, low: Array, high: Array) -> Array:
        """Integral of each row between two limits inside the range of its points."""
        width = np.diff(self.x, axis=1)
        start, end = (np.clip(limit[:, None] - self.x[:, :-1], 0, width) for limit in (low, high))
        return np.asarray((self._antiderivative(end) - self._antiderivative(start)).sum(axis=1))

    def _antiderivative(self, t: Array) -> Array:
        cubic = self.slope / 2 + t * (self.curvature / 3 + t * self.twist / 4)
        return np.asarray(t * (self.y[:, :-1] + t * cubic))

    def at(self, x: Array) -> Array:
        """Values of each row at positions inside the range of its points: shape (rows, positions)."""
        found = np.empty((len(self.x), len(x)))
        for row, points in enumerate(self.x):
            piece = np.clip(np.searchsorted(points, x, side="right") - 1, 0, len(points) - 2)
            t = x - points[piece]
            cubic = self.slope[row, piece] + t * (self.curvature[row, piece] + t * self.twist[row, piece])
            found[row] = self.y[row, piece] + t * cubic
        return found


def _pchip_slopes(width: Array, secant: Array) -> Array:
    """Slopes at the points (Fritsch and Butland 1984): harmonic means inside, one-sided parabolas at the ends."""
    if width.shape[1] == 1:
        return np.repeat(secant, 2, axis=1)
    left, right = 2 * width[:, 1:] + width[:, :-1], width[:, 1:] + 2 * width[:, :-1]
    same_sign = secant[:, :-1] * secant[:, 1:] > 0
    safe = np.where(same_sign[..., None], np.stack([secant[:, :-1], secant[:, 1:]], axis=-1), 1.0)
    inner = np.where(same_sign, (left + right) / (left / safe[..., 0] + right / safe[..., 1]), 0.0)
    first = _end_slope(width[:, 0], width[:, 1], secant[:, 0], secant[:, 1])
    last = _end_slope(width[:, -1], width[:, -2], secant[:, -1], secant[:, -2])
    return np.column_stack([first, inner, last])


def _end_slope(width: Array, next_width: Array, secant: Array, next_secant: Array) -> Array:
    slope = ((2 * width + next_width) * secant - width * next_secant) / (width + next_width)
    slope = np.where(slope * secant <= 0, 0.0, slope)
    too_steep = (secant * next_secant <= 0) & (np.abs(slope) > 3 * np.abs(secant))
    return np.asarray(np.where(too_steep, 3 * secant, slope))


def _akima_slopes(secant: Array) -> Array:
    """Slopes at the points (Akima 1970): means of two secants, weighted by the slope change on the other side."""
    if secant.shape[1] == 1:
        return np.repeat(secant, 2, axis=1)
    before, after = 2 * secant[:, :1] - secant[:, 1:2], 2 * secant[:, -1:] - secant[:, -2:-1]
    ends = 2 * before - secant[:, :1], 2 * after - secant[:, -1:]
    secants = np.concatenate([ends[0], before, secant, after, ends[1]], axis=1)
    turn = np.abs(np.diff(secants, axis=1))
    total = turn[:, 2:] + turn[:, :-2]
    straight = total <= 1e-9 * total.max(axis=1, keepdims=True)
    weighted = turn[:, 2:] * secants[:, 1:-2] + turn[:, :-2] * secants[:, 2:-1]
    return np.where(straight, (secants[:, 3:] + secants[:, :-3]) / 2, weighted / np.where(straight, 1.0, total))
