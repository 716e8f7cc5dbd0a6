"""Pictures in memory: `Picture` (RGB) and `Yuv420`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind: TypeAlias = Literal["rgb", "yuv420"]
"""Kinds of pictures: `Picture` and `Yuv420`."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An 8-bit RGB picture.

    `pixels` has shape (height, width, 3) and dtype uint8, and is contiguous and read-only.
    """

    kind: ClassVar[Kind] = "rgb"

    pixels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if len(shape) != 3 or shape[2] != 3 or 0 in shape or dtype != np.uint8:
            raise ValueError(f"a picture is (height, width, 3) of uint8, not {shape} of {dtype}")
        object.__setattr__(self, "pixels", _read_only(self.pixels))

    def copy(self) -> Picture:
        """A copy with its own memory."""
        return Picture(self.pixels.copy())

    def padded(self, width: int, height: int) -> Picture:
        """The picture extended to a larger size by repeating its last column and row."""
        margins = (0, height - self.height), (0, width - self.width), (0, 0)
        return Picture(np.pad(self.pixels, margins, mode="edge"))

    @property
    def nbytes(self) -> int:
        """Size in memory, in bytes."""
        return self.pixels.nbytes

    @property
    def width(self) -> int:
        """Columns."""
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        """Rows."""
        return self.pixels.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class Yuv420:
    """An 8-bit YUV 4:2:0 picture: luma, and chroma with half the rows and columns.

    The planes have dtype uint8, and are contiguous and read-only: `y` of shape (height, width), `u` (Cb) and `v` (Cr)
    of shape (ceil(height / 2), ceil(width / 2)). Black is 0 and white 255 in full range; in limited range, as in most
    video, they are 16 and 235. The range matters only for conversion to RGB.
    """

    kind: ClassVar[Kind] = "yuv420"

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]
    full_range: bool = True

    def __post_init__(self) -> None:
        shapes, half = [plane.shape for plane in self.planes], tuple(-(-size // 2) for size in self.y.shape)
        if len(half) != 2 or 0 in half or shapes[1:] != [half, half]:
            raise ValueError(f"planes of 4:2:0 are (h, w) and twice (ceil(h / 2), ceil(w / 2)), not {shapes}")
        if any(plane.dtype != np.uint8 or not plane.flags.c_contiguous for plane in self.planes):
            raise ValueError("planes of 4:2:0 are contiguous and of uint8")
        for name, plane in zip("yuv", self.planes, strict=True):
            object.__setattr__(self, name, _read_only(plane))

    def copy(self) -> Yuv420:
        """A copy with its own memory."""
        return Yuv420(self.y.copy(), self.u.copy(), self.v.copy(), self.full_range)

    @classmethod
    def of_bytes(cls, samples: bytes, width: int, height: int, *, full_range: bool = True) -> Self:
        """Create a picture from the samples of a .yuv file (I420): Y, U and V, each row by row.

        Raises:
            ValueError: the number of samples is wrong for this size.
        """
        half = -(-height // 2), -(-width // 2)
        sizes = height * width, half[0] * half[1], half[0] * half[1]
        if len(samples) != sum(sizes):
            raise ValueError(f"{width}x{height} in 4:2:0 takes {sum(sizes)} bytes, not {len(samples)}")
        y, u, v = np.split(np.frombuffer(samples, np.uint8), np.cumsum(sizes)[:2])
        return cls(y.reshape(height, width), u.reshape(half), v.reshape(half), full_range)

    @property
    def nbytes(self) -> int:
        """Size in memory, in bytes."""
        return sum(plane.nbytes for plane in self.planes)

    def to_bytes(self) -> bytes:
        """Return the samples as in a .yuv file; see `of_bytes`."""
        return b"".join(plane.tobytes() for plane in self.planes)

    def padded(self, width: int, height: int) -> Yuv420:
        """The picture extended to a larger size, with even sides, by repeating its last column and row."""
        shapes = (height, width), (height // 2, width // 2), (height // 2, width // 2)
        y, u, v = (
            np.pad(plane, [(0, shape[axis] - plane.shape[axis]) for axis in (0, 1)], mode="edge")
            for plane, shape in zip(self.planes, shapes, strict=True)
        )
        return Yuv420(y, u, v, self.full_range)

    def cropped(self, width: int, height: int) -> Yuv420:
        """The upper left part of the picture; the inverse of `padded`."""
        shapes = (height, width), *[(-(-height // 2), -(-width // 2))] * 2
        y, u, v = (
            np.ascontiguousarray(plane[: shape[0], : shape[1]])
            for plane, shape in zip(self.planes, shapes, strict=True)
        )
        return Yuv420(y, u, v, self.full_range)

    @property
    def planes(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        """Y, U and V."""
        return self.y, self.u, self.v

    @property
    def width(self) -> int:
        """Columns of luma."""
        return self.y.shape[1]

    @property
    def height(self) -> int:
        """Rows of luma."""
        return self.y.shape[0]


AnyPicture: TypeAlias = Picture | Yuv420


def _read_only(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A read-only view of the samples."""
    view = samples.view()
    view.flags.writeable = False
    return view
