"""Multithreaded convolutions whose results do not depend on the number of threads.

Libraries split a convolution by the number of threads, in some cases even its sums. The order of additions then affects
the last bits, and with them the rounding of some pixels. oneDNN does this for small pictures, narrow layers and
transposed convolutions, depending on the processor. Here, rows are split into tiles that depend only on the shape. Each
tile is a convolution on one thread; with more threads, more tiles are computed in parallel.

GDN is a convolution between squaring and square roots. In tiles, its intermediate values need the memory of one tile
only and stay in the cache.

Sigmoid and softmax are computed on one thread. If a thread's share is not a multiple of the vector length, the
remainder is computed by another function, whose last bits differ.
"""

from __future__ import annotations

import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it
from torch.overrides import TorchFunctionMode

from bench.learned.coding.entropy_parameters import one_thread
from bench.learned.models.layers import normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TILE_MACS = 2**27
"""Minimum number of multiplications per tile: one or two milliseconds, so that scheduling costs little."""

MAX_TILES = 8
"""Maximum number of tiles: each one rearranges the weights, which is relatively expensive for small tiles."""


class RowTiled(TorchFunctionMode):
    """Mode that computes convolutions and GDN on the CPU in row tiles, with PyTorch's number of threads at entry.

    Sigmoid and softmax use one thread; other operations and other devices are unaffected. For inference only: GDN
    overwrites its input, the output of a convolution that nothing else uses.
    """

    def __enter__(self) -> Self:
        self._threads = torch.get_num_threads()
        return cast("Self", super().__enter__())  # type: ignore[no-untyped-call]

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - any result of the function
        """Call a function of PyTorch."""
        replacement = _REPLACEMENTS.get(func)
        if replacement is not None and args[0].device.type == "cpu":
            func = functools.partial(replacement, self._threads)
        return func(*args, **(kwargs or {}))


def _convolved(  # noqa: PLR0917 - the arguments of `torch.conv2d`
    threads: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> Tensor:
    if torch.is_autocast_enabled("cpu"):  # thread-local: not set in the worker threads
        dtype = torch.get_autocast_dtype("cpu")
        x, weight, bias = x.to(dtype), weight.to(dtype), bias if bias is None else bias.to(dtype)
    x = x.contiguous(memory_format=torch.channels_last)  # so that rows are contiguous
    (down, across), (above, beside), spacing = (_pair(each) for each in (stride, padding, dilation))
    reach, breadth = (step * (side - 1) + 1 for step, side in zip(spacing, weight.shape[2:], strict=True))
    height, width = (x.shape[2] + 2 * above - reach) // down + 1, (x.shape[3] + 2 * beside - breadth) // across + 1

    size = (x.shape[0], weight.shape[0], height, width)
    features = torch.empty(size, dtype=x.dtype, memory_format=torch.channels_last)

    def compute(first: int, last: int) -> None:
        top, bottom = first * down - above, (last - 1) * down - above + reach
        rows = x[:, :, max(top, 0) : bottom]
        if top < 0 or bottom > x.shape[2]:
            rows = F.pad(rows, (0, 0, max(-top, 0), max(bottom - x.shape[2], 0)))
        features[:, :, first:last] = torch.conv2d(rows, weight, bias, stride, (0, beside), dilation, groups)

    _compute_tiles(compute, _cuts(height, height * width * weight.numel()), threads)
    return features


def _normalised(threads: int, x: Tensor, beta: Tensor, gamma: Tensor, *, inverse: bool) -> Tensor:
    weight = gamma[:, :, None, None]

    def compute(first: int, last: int) -> None:
        rows = x[:, :, first:last]
        n = torch.conv2d(rows.square(), weight, beta)
        rows.mul_(n.sqrt_() if inverse else n.rsqrt_())

    _compute_tiles(compute, _cuts(x.shape[2], x.shape[2] * x.shape[3] * gamma.numel()), threads)
    return x


def _on_one_thread(func: Callable[..., Tensor], _threads: int, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
    with one_thread():
        return func(*args, **kwargs)


_REPLACEMENTS: Mapping[Any, Callable[..., Tensor]] = {
    torch.conv2d: _convolved,
    normalised: _normalised,
    **{func: functools.partial(_on_one_thread, func) for func in (torch.sigmoid, torch.softmax)},
}
"""PyTorch function to the one that replaces it, whose first argument is the number of threads."""


def _compute_tiles(compute: Callable[[int, int], None], cuts: list[int], threads: int) -> None:
    """Call `compute` for the rows between each two cuts, with one thread per call."""
    if len(cuts) == 2:  # a single tile needs no other thread
        with one_thread():
            compute(*cuts)
        return
    list(_pool(threads).map(torch.inference_mode()(lambda rows: compute(*rows)), pairwise(cuts)))


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _cuts(height: int, macs: int) -> list[int]:
    """Return the boundaries of the tiles. Their number is a power of two, which few threads can share evenly."""
    most = min(height, MAX_TILES, max(1, macs // TILE_MACS))
    count = 1 << (most.bit_length() - 1)
    return [height * number // count for number in range(count + 1)]


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Create a pool of threads in each of which PyTorch uses one thread."""
    before, ready = torch.get_num_threads(), threading.Barrier(threads + 1)

    def begin() -> None:
        torch.get_num_threads()  # the first call in a thread adopts the process's number, even after a set
        torch.set_num_threads(1)
        ready.wait()

    pool = ThreadPoolExecutor(threads, "tile", begin)
    for _ in range(threads):
        pool.submit(int)
    ready.wait()
    torch.set_num_threads(before)  # restores the process's number for threads that start later
    return pool
