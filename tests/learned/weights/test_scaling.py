from __future__ import annotations

import pytest
import torch

from bench.learned.weights import scaling


def random_half(*shape: int, scale: float = 1.0, seed: int = 0) -> torch.Tensor:
    return (scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed))).half()


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("scale", [1.0, 0.05, 2e-5])
def test_factors_are_found_and_give_the_same_bits(axis: int, scale: float) -> None:
    base = random_half(24, 32, 5, 5, scale=scale)
    base[0, 0] = 0
    factors = torch.exp(random_half(base.shape[axis], seed=1).float())
    tensor = scaling.scaled(base, factors, axis)
    found = scaling.find(tensor, base)
    assert found is not None
    assert found[0] == axis
    assert found[1].dtype == torch.float
    assert torch.equal(scaling.scaled(base, found[1], axis), tensor)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("seed", [65, 77, 103])
def test_factors_are_found_where_products_are_powers_of_two(sign: int, seed: int) -> None:
    """Below a power of two, float16 numbers are twice as dense: there the bounds of a factor are narrower."""
    generator = torch.Generator().manual_seed(seed)
    base = (torch.randint(-255, 256, (64, 16 if seed == 65 else 64), generator=generator) / 1024).half()
    factors = sign * torch.exp(torch.randn(64, generator=generator) * 0.2)
    tensor = scaling.scaled(base, factors, 0)
    found = scaling.find(tensor, base)
    assert found is not None
    assert torch.equal(scaling.scaled(base, found[1], found[0]), tensor)


def test_channels_of_zeros_have_a_factor_of_one() -> None:
    base = random_half(4, 8, 3, 3)
    base[2] = 0
    found = scaling.find((2 * base.float()).half(), base)
    assert found is not None
    assert found[1][[0, 2]].tolist() == [2, 1]


def test_what_is_no_multiple_has_no_factors() -> None:
    base = random_half(4, 8, 3, 3)
    other = base.clone()
    other[1, 2, 0, 0] *= 1.01
    assert scaling.find(other, base) is None
    assert scaling.find(random_half(4, 8, 3, 3, seed=2), base) is None
    assert scaling.find((2 * base.float()).half(), base[:2]) is None
    assert scaling.find(2 * base.float(), base.float()) is None


def test_factors_that_would_take_more_room_than_the_tensor_are_not_used() -> None:
    base = random_half(8, 1, 1, 1)
    factors = torch.exp(random_half(8, seed=1).float())
    assert scaling.find(scaling.scaled(base, factors, 0), base) is None


@pytest.mark.parametrize(("length", "axis"), [(3, 0), (4, 2), (8, 4), (4, -1)])
def test_factors_must_fit(length: int, axis: int) -> None:
    with pytest.raises(ValueError, match="factors"):
        scaling.scaled(random_half(4, 8, 3, 3), torch.ones(length), axis)
