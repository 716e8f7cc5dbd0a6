"""Mixtures in integers: frequencies are integers close to the densities, and the same in plain NumPy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from bench.learned.coding.cdfs import REACHES, MixtureCdfs, RangeDecoder, RangeEncoder
from bench.learned.coding.fixed_point.integer_mixture import LIMIT, LOGIT_GRID, MEAN_GRID, IntegerMixture, outputs
from bench.learned.coding.fixed_point.network import Outputs
from bench.learned.coding.fixed_point.reference import integer_mixture
from bench.learned.coding.mixture_latent_codec import elements_of, rows_of
from bench.learned.models.entropy import PRECISION
from bench.learned.models.mixture import COMPONENTS

TOTAL = 1 << PRECISION
CHANNELS, POSITIONS = 20, 50
COUNT = CHANNELS * POSITIONS
OUTPUTS = outputs(CHANNELS)


def some_outputs(spread: float = 1.0) -> torch.Tensor:
    """Return network outputs for some positions: narrow and wide mixtures, of one component and of several."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(3, POSITIONS, COMPONENTS * CHANNELS, generator=generator, dtype=torch.float64)
    values = torch.stack((values[0].mul(2).exp(), 8 * spread * values[1], 5 * values[2])).movedim(0, 1).flatten(1)
    return torch.clamp((values * OUTPUTS.grids).round(), OUTPUTS.low, OUTPUTS.high)


def extremes() -> torch.Tensor:
    """Return random combinations of the limits of the outputs."""
    generator = torch.Generator().manual_seed(1)
    high = torch.rand(POSITIONS, len(OUTPUTS.grids), generator=generator) < 0.5
    return torch.where(high, OUTPUTS.high, OUTPUTS.low).double()


def rows(values: torch.Tensor) -> MixtureCdfs:
    return IntegerMixture(OUTPUTS).rows(values)


def drawn(found: MixtureCdfs) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Draw an integer from each window, with its frequency as probability."""
    random, symbols = np.random.default_rng(2), np.empty(COUNT, np.int32)
    for part in found.parts:
        places = (part.frequencies[:, :-1].cumsum(1) < random.random((len(part.elements), 1)) * TOTAL).sum(1)
        symbols[part.elements] = found.first[part.elements] + np.minimum(places, part.frequencies.shape[1] - 2)
    return symbols


@pytest.mark.parametrize(
    "values", [some_outputs(), some_outputs(1000), extremes()], ids=["usual", "far apart", "extreme"]
)
def test_frequencies_are_whole_at_least_one_and_add_up(values: torch.Tensor) -> None:
    found = rows(values)
    assert sorted(np.concatenate([part.elements for part in found.parts])) == list(range(COUNT))
    for part in found.parts:
        assert (part.frequencies == np.floor(part.frequencies)).all()
        assert part.frequencies.min() >= 1
        assert (part.frequencies.sum(1) == TOTAL).all()


@pytest.mark.parametrize(
    "values", [some_outputs(), some_outputs(1000), extremes()], ids=["usual", "far apart", "extreme"]
)
def test_plain_numpy_finds_the_same_frequencies(values: torch.Tensor) -> None:
    tables = {name: table.numpy() for name, table in OUTPUTS.lookups.items()}
    ours, theirs = rows(values), integer_mixture(values.numpy().astype(np.int64), tables)
    assert np.array_equal(ours.first, theirs.first)
    assert len(ours.parts) == len(theirs.parts)
    for one, other in zip(ours.parts, theirs.parts, strict=True):
        assert np.array_equal(one.elements, other.elements)
        assert np.array_equal(one.frequencies, other.frequencies)


def test_frequencies_are_near_those_of_the_float_mixture() -> None:
    values = some_outputs()
    found, exact = rows(values), rows_of(elements_of((values / OUTPUTS.grids).float()))
    symbols = drawn(found)
    ours, theirs = (each.bits(np.arange(COUNT), symbols) for each in (found, exact))
    assert ours.sum() == pytest.approx(theirs.sum(), rel=1e-3)
    # The size of the window affects the probability of the rarest integers.
    assert np.quantile(np.abs(ours - theirs), 0.99) < 0.1


def test_the_windows_leave_little_outside() -> None:
    found = rows(some_outputs())
    unlimited = [part for part in found.parts if part.frequencies.shape[1] < 2 * REACHES[-1] + 2]
    outside = np.concatenate([part.frequencies[:, -1] for part in unlimited]) / TOTAL
    assert outside.max() < 2e-3  # each component 1e-4, and what floors leave


@pytest.mark.parametrize("symbol", [3, -3, 1000, -70_000, 1 << 23])
def test_what_lies_outside_its_window_is_written_all_the_same(symbol: int) -> None:
    found = rows(some_outputs())
    symbols = drawn(found)
    symbols[::7] += symbol
    writer = RangeEncoder()
    writer.code(found, np.arange(COUNT), symbols)
    assert np.array_equal(RangeDecoder(writer.finish()).code(rows(some_outputs()), np.arange(COUNT), None), symbols)


def test_a_certain_component_has_all_the_weight() -> None:
    values = some_outputs()
    values[:, 2 * COMPONENTS * CHANNELS :] = 0
    values[:, -CHANNELS:] = 20 * LOGIT_GRID  # the last component
    found = rows(values)
    means = values[:, (2 * COMPONENTS - 1) * CHANNELS : 2 * COMPONENTS * CHANNELS] / MEAN_GRID
    centres = found.first + found.sizes // 2
    assert np.array_equal(centres, (means + 0.5).floor().flatten().numpy())


@pytest.mark.parametrize(("low", "high"), [(0, LIMIT), (1, LIMIT + 1)])
def test_outputs_beyond_what_is_exact_are_refused(low: int, high: int) -> None:
    lowest, highest = (torch.full_like(OUTPUTS.low, limit) for limit in (low, high))
    with pytest.raises(ValueError, match="out of bounds"):
        IntegerMixture(Outputs(OUTPUTS.grids, lowest, highest, OUTPUTS.lookups))


def test_a_distribution_that_falls_is_refused() -> None:
    falling = OUTPUTS.lookups["normal"].flip(0)
    with pytest.raises(ValueError, match="decreases or is out of bounds"):
        IntegerMixture(dataclasses.replace(OUTPUTS, lookups={**OUTPUTS.lookups, "normal": falling}))
