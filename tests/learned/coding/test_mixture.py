from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.learned.coding.cdfs import FEWEST_BITS, REACHES, MixtureCdfs, RangeDecoder, RangeEncoder
from bench.learned.coding.mixture_latent_codec import elements_of, rows_of
from bench.learned.models.entropy import PRECISION
from bench.learned.models.mixture import COMPONENTS, GaussianMixture, Mixture
from bench.learned.models.quantization import MAX_SYMBOL

TOTAL = 1 << PRECISION


def random_mixture(count: int = 2000) -> Mixture:
    """Return float64 mixtures: narrow and wide, near and far, of one component and of several."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(3, COMPONENTS, count, generator=generator, dtype=torch.float64)
    scales = values[0].mul(2).exp().clamp(0.11, 100)
    return Mixture(scales, 8 * values[1], values[2].mul(5).softmax(0))


def drawn(mixture: Mixture) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Draw an integer from each mixture."""
    generator = torch.Generator().manual_seed(1)
    chosen = torch.multinomial(mixture.weights.t(), 1, generator=generator).t()
    means, scales = mixture.means.gather(0, chosen)[0], mixture.scales.gather(0, chosen)[0]
    return torch.normal(means, scales, generator=generator).round().int().numpy()


def coded(rows: MixtureCdfs, symbols: np.ndarray[tuple[int], np.dtype[np.int32]]) -> bytes:
    writer = RangeEncoder()
    writer.code(rows, np.arange(len(symbols)), symbols)
    return writer.finish()


def test_frequencies_are_whole_at_least_one_and_add_up() -> None:
    for part in rows_of(random_mixture()).parts:
        assert (part.frequencies == np.floor(part.frequencies)).all()
        assert part.frequencies.min() >= 1
        assert (part.frequencies.sum(1) == TOTAL).all()


def test_every_element_is_in_one_group() -> None:
    rows = rows_of(random_mixture())
    elements = np.concatenate([part.elements for part in rows.parts])
    assert sorted(elements) == list(range(2000))
    for part in rows.parts:
        assert (rows.sizes[part.elements] == part.frequencies.shape[1] - 1).all()


def test_symbols_are_read_as_they_were_written() -> None:
    mixture = random_mixture()
    rows, symbols = rows_of(mixture), drawn(mixture)
    read = RangeDecoder(coded(rows, symbols)).code(rows_of(mixture), np.arange(len(symbols)), None)
    assert np.array_equal(read, symbols)


def test_elements_are_coded_in_any_order_but_each_once() -> None:
    mixture = random_mixture()
    rows, symbols = rows_of(mixture), drawn(mixture)
    indexes = np.random.default_rng(2).permutation(len(symbols))
    writer = RangeEncoder()
    writer.code(rows, indexes, symbols[indexes])
    assert np.array_equal(RangeDecoder(writer.finish()).code(rows, indexes, None), symbols[indexes])
    in_order = rows.bits(np.arange(len(symbols)), symbols)
    assert np.array_equal(rows.bits(indexes, symbols[indexes]), in_order[indexes])
    for strange in (indexes[1:], np.append(indexes, 0)):
        with pytest.raises(ValueError, match="each must be coded once"):
            rows.bits(strange, symbols[strange])


def test_a_payload_takes_the_bits_of_its_symbols() -> None:
    mixture = random_mixture()
    rows, symbols = rows_of(mixture), drawn(mixture)
    expected = rows.bits(np.arange(len(symbols)), symbols).sum() / 8
    # The coder rounds frequencies once more, to parts of 2^24.
    assert expected * 0.9999 <= len(coded(rows, symbols)) <= expected * 1.0001 + 8


def test_the_bits_are_those_of_the_densities() -> None:
    mixture = random_mixture()
    symbols = drawn(mixture)
    stacked = torch.cat([mixture.scales, mixture.means, mixture.weights.log()]).float()[None, :, :, None]
    # One channel, so that the components are adjacent.
    likelihoods = GaussianMixture()(torch.from_numpy(symbols).float()[None, None, :, None], stacked)
    expected = float(-likelihoods.double().log2().sum())
    assert rows_of(mixture).bits(np.arange(len(symbols)), symbols).sum() == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("symbol", [3, -3, 1000, -70_000, MAX_SYMBOL // 2])
def test_what_lies_outside_its_window_is_written_all_the_same(symbol: int) -> None:
    mixture = Mixture(torch.full((3, 5), 0.11).double(), torch.zeros(3, 5).double(), torch.full((3, 5), 1 / 3).double())
    symbols = np.array([0, symbol, 0, -symbol, 1], np.int32)
    payload = coded(rows_of(mixture), symbols)
    assert np.array_equal(RangeDecoder(payload).code(rows_of(mixture), np.arange(5), None), symbols)


def test_what_lies_outside_is_rare() -> None:
    mixture = random_mixture(20_000)
    rows, symbols = rows_of(mixture), drawn(mixture)
    _, _, escaped = rows.entries(np.arange(len(symbols)), symbols)
    unlimited = rows.sizes < 2 * REACHES[-1] + 1
    assert escaped[unlimited].mean() < 3e-4


def test_the_widest_mixtures_are_cut_to_the_largest_window() -> None:
    mixture = Mixture(*(torch.tensor([[value]] * 3, dtype=torch.float64) for value in (1e4, 1e9, 1 / 3)))
    rows = rows_of(mixture)
    assert rows.sizes.tolist() == [2 * REACHES[-1] + 1]
    symbols = np.array([-5], np.int32)
    assert RangeDecoder(coded(rows, symbols)).code(rows, np.arange(1), None).tolist() == [-5]


def test_nothing_is_surer_than_the_surest() -> None:
    mixture = Mixture(*(torch.tensor([[value]] * 3, dtype=torch.float64) for value in (0.11, 0.0, 1 / 3)))
    assert rows_of(mixture).bits(np.arange(1), np.zeros(1, np.int32))[0] >= FEWEST_BITS.costs_bits.min()


def test_elements_go_position_by_position() -> None:
    params = torch.randn(2, 3 * COMPONENTS * 4)
    mixture = elements_of(params)
    assert mixture.means.shape == (COMPONENTS, 8)
    assert mixture.means[1, 4 + 3] == params[1, COMPONENTS * 4 + 4 + 3].double()
    assert mixture.scales.min() >= 0.11
