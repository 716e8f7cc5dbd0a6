from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.images.picture import Yuv420
from bench.learned.models.planes import pack, unpack


def noise(height: int, width: int) -> Yuv420:
    generator = np.random.default_rng(height * 100 + width)
    half = -(-height // 2), -(-width // 2)
    y, u, v = (generator.integers(0, 256, size, np.uint8) for size in ((height, width), half, half))
    return Yuv420(y, u, v)


@given(st.integers(1, 9), st.integers(1, 9))
def test_what_is_packed_is_unpacked(height: int, width: int) -> None:
    picture = noise(height, width)
    assert unpack(pack(picture), height, width).to_bytes() == picture.to_bytes()


def test_the_planes_are_in_raster_order_and_then_u_and_v() -> None:
    picture = noise(4, 6)
    packed = pack(picture)
    assert packed[1, 2].tolist() == [*picture.y[2:4, 4:6].ravel(), picture.u[1, 2], picture.v[1, 2]]


@pytest.mark.parametrize("size", [(3, 4), (4, 3), (3, 3)])
def test_a_last_odd_row_or_column_counts_twice(size: tuple[int, int]) -> None:
    picture = noise(*size)
    last = pack(picture)[-1, -1, :4].reshape(2, 2)
    assert last[-1, -1] == picture.y[-1, -1]
