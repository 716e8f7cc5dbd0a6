"""Convolutions in row tiles equal PyTorch's, and are bit-identical on any number of threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fresh
import pytest
import torch
from compressai.layers import GDN
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from bench.learned.coding.row_tiles import RowTiled
from bench.learned.coding.subpixel import SubpixelConv2d
from bench.learned.models.layers import FusedGDN

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

LAYERS = {
    "pointwise": {"kernel": 1, "padding": 0},
    "3x3": {"kernel": 3, "padding": 1},
    "3x3, stride 2": {"kernel": 3, "padding": 1, "stride": 2},
    "5x5, stride 2": {"kernel": 5, "padding": 2, "stride": 2},
    "5x3, wide": {"kernel": (5, 3), "padding": (4, 2), "stride": (1, 2), "dilation": (2, 3)},
    "in groups": {"kernel": 3, "padding": 0, "groups": 4},
}
SIZES = [(1, 1), (2, 3), (6, 8), (33, 17), (96, 128)]


def layer(name: str, inputs: int = 96, outputs: int = 128) -> torch.nn.Conv2d:
    settings = dict(LAYERS[name])
    torch.manual_seed(1)
    made = torch.nn.Conv2d(inputs, outputs, settings.pop("kernel"), **settings)
    return made.requires_grad_(requires_grad=False).to(memory_format=torch.channels_last)


def features(height: int, width: int, channels: int = 96) -> Tensor:
    return torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_values_are_those_of_pytorch(name: str, layout: torch.memory_format) -> None:
    conv, x = layer(name).double(), features(96, 127).double().contiguous(memory_format=layout)
    expected = conv(x)
    with RowTiled():
        found = conv(x)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_bits_do_not_depend_on_the_number_of_threads(name: str) -> None:
    for height, width in SIZES:
        if name in {"5x3, wide", "in groups"} and height < 6:
            continue  # smaller than the kernel
        found = []
        for threads in (1, 2, 3, 7):
            torch.set_num_threads(threads)
            with RowTiled():
                found.append(layer(name)(features(height, width)))
        assert all(torch.equal(found[0], other) for other in found[1:]), (height, width)


@pytest.mark.parametrize("func", [torch.sigmoid, torch.nn.Sigmoid(), lambda x: torch.softmax(x, dim=1)])
def test_functions_that_end_a_share_in_another_way_have_the_same_bits_too(func: Callable[[Tensor], Tensor]) -> None:
    x = 8 * features(64, 96, channels=24)  # the share of each of 7 threads is not a multiple of the vector length
    found = []
    for threads in (1, 2, 3, 7):
        torch.set_num_threads(threads)
        with RowTiled():
            found.append(func(x))
    assert all(torch.equal(found[0], other) for other in found[1:])


@pytest.mark.parametrize("inverse", [False, True])
def test_gdn_has_compressais_values_and_the_same_bits_on_any_number_of_threads(inverse: bool) -> None:
    torch.manual_seed(3)
    channels = 96
    theirs, ours = GDN(channels, inverse=inverse), FusedGDN(channels, inverse=inverse)
    for height, width in SIZES:
        found = []
        with torch.inference_mode():
            expected = theirs(features(height, width))
            for threads in (1, 2, 3, 7):
                torch.set_num_threads(threads)
                with RowTiled():
                    found.append(ours(features(height, width)))
        torch.testing.assert_close(found[0], expected)
        assert all(torch.equal(found[0], other) for other in found[1:]), (height, width)


@pytest.mark.parametrize("outputs", [3, 24])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (7, 2), (33, 17)])
def test_a_transposed_convolution_has_the_values_of_pytorchs(outputs: int, size: tuple[int, int]) -> None:
    torch.manual_seed(4)
    transposed = torch.nn.ConvTranspose2d(6, outputs, 5, 2, 2, 1).double()
    ordinary, x = SubpixelConv2d(transposed), torch.randn(2, 6, *size).double()
    with torch.no_grad():
        expected = transposed(x)
        for found in (ordinary(x), ordinary(x.contiguous(memory_format=torch.channels_last))):
            assert found.is_contiguous(memory_format=torch.channels_last)
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_autocast_holds_in_all_tiles() -> None:
    conv, x = layer("3x3"), features(96, 128)
    with torch.autocast("cpu", torch.bfloat16), RowTiled():
        found = conv(x)
    expected = F.conv2d(x.bfloat16(), conv.weight.bfloat16(), conv.bias.bfloat16(), padding=1)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected)


def test_settings_of_threads_are_left_as_they_were() -> None:
    for threads in (3, 2):
        torch.set_num_threads(threads)
        with RowTiled():
            layer("3x3")(features(96, 128))
            layer("3x3")(features(2, 2))
        assert torch.get_num_threads() == threads


def test_the_first_large_convolution_leaves_one_thread_to_its_caller() -> None:
    # In a separate process, because the pool of threads is created once.
    code = """
import torch
from bench.learned.coding.row_tiles import RowTiled
from bench.learned.coding.entropy_parameters import one_thread
torch.set_num_threads(2)
with torch.inference_mode(), RowTiled(), one_thread():
    torch.conv2d(torch.zeros(1, 96, 96, 128), torch.zeros(128, 96, 3, 3))
    print(torch.get_num_threads())
print(torch.get_num_threads())
"""
    assert fresh.printed(code, threads=2).split() == ["1", "2"]


def test_what_goes_wrong_in_a_band_is_an_error() -> None:
    with RowTiled(), pytest.raises(RuntimeError, match="expected input"):
        layer("3x3")(features(96, 128, channels=95))
