from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from bench.learned.coding.entropy_parameters import ContextNetwork
from bench.learned.coding.loaded_model import latent_codec
from bench.learned.coding.wavefront import causal_taps, wavefront
from bench.learned.models import ModelConfig, build
from bench.learned.weights.full import finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Fitter
    from torch import nn

GRIDS = [(1, 1), (4, 4), (7, 3), (3, 9), (32, 48)]


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize(("height", "width"), GRIDS)
def test_whatever_a_position_sees_was_coded_in_an_earlier_step(height: int, width: int, kernel: int) -> None:
    wave = wavefront(height, width, kernel)
    step_of_row = np.full(wave.num_rows, -1)  # the border is known from the start
    for number, part in enumerate(wave.steps):
        step_of_row[wave.rows[part]] = number
    for number, part in enumerate(wave.steps):
        assert (step_of_row[wave.context[part]] < number).all()


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize(("height", "width"), GRIDS)
def test_every_position_comes_once_in_as_few_steps_as_there_can_be(height: int, width: int, kernel: int) -> None:
    wave = wavefront(height, width, kernel)
    assert sorted(wave.order.tolist()) == list(range(height * width))
    assert len(wave.rows.unique()) == height * width
    # The last position waits for the end of each row above it, except for the part that the kernel does not cover.
    assert len(wave.steps) <= width + (kernel // 2 + 1) * (height - 1)


def test_a_kodak_picture_takes_141_steps() -> None:
    assert len(wavefront(32, 48, 5).steps) == 141


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_the_taps_are_those_of_the_mask(kernel: int, fitted: Fitter) -> None:
    mask = fitted("context", kernel=kernel, steps=2).context_prediction.mask[0, 0].flatten()
    assert torch.equal(torch.nonzero(mask)[:, 0], torch.from_numpy(causal_taps(kernel)))


@pytest.mark.parametrize("family", ["context", "joint", "attn"])
@torch.no_grad()
def test_matrices_say_what_the_convolutions_say(family: str, fitted: Fitter) -> None:
    model = fitted(family)
    M, height, width = model.config.M, 5, 6  # noqa: N806 - the paper's name
    y_hat = torch.randn(1, M, height, width).mul(3).round()
    params = None if family == "context" else torch.randn(1, 2 * M, height, width)
    scales, means = model.distribution(y_hat, params)
    wave, network = wavefront(height, width, 5), ContextNetwork.of(model)
    known = torch.zeros(wave.num_rows, M)
    known[wave.rows] = y_hat[0].flatten(1).t()[wave.order]
    hyper = None if params is None else params[0].flatten(1).t()[wave.order]
    outputs = network(known[wave.context.flatten()].view(len(wave.order), -1), network.prepare(hyper, len(wave.order)))
    expected = torch.cat((scales, means), 1)[0].flatten(1).t()[wave.order]
    torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_latents_of_attn_with_other_channels_than_its_transforms_are_decoded(
    liven: Callable[[nn.Module], None],
) -> None:
    torch.manual_seed(3)
    model = build(ModelConfig("attn", 8, 20))
    liven(model)
    coder, y = latent_codec(finish(model)), 4 * torch.randn(1, 20, 8, 12)
    coded = coder.encode(y)
    assert (y - coded.latents.y_hat).abs().max() <= 0.5
    decoded = coder.decode(coded.payload, (8, 12), coded.crc)
    assert torch.equal(decoded.y_hat, coded.latents.y_hat)
