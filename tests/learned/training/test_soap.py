from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.learned.training.optimizers import Soap, _as_cube, _rotate


class Regression:
    """Find a kernel from inputs whose channels are correlated and differ in size by a factor of 100."""

    def __init__(self, seed: int = 0) -> None:
        random = torch.Generator().manual_seed(seed)
        mixing = torch.linalg.qr(torch.randn(12, 12, generator=random)).Q
        x = torch.randn(32, 12, 8, 8, generator=random) * torch.logspace(0, -2, 12).view(1, -1, 1, 1)
        self.x = torch.einsum("ij,bjhw->bihw", mixing, x)
        self.y = functional.conv2d(self.x, torch.randn(6, 12, 3, 3, generator=random), padding=1)

    def loss(self, kernel: Tensor) -> Tensor:
        return (functional.conv2d(self.x, kernel, padding=1) - self.y).square().mean()


def minimised(optimizer: torch.optim.Optimizer, kernel: nn.Parameter, problem: Regression, steps: int) -> float:
    for _ in range(steps):
        optimizer.zero_grad()
        problem.loss(kernel).backward()
        optimizer.step()
    return problem.loss(kernel).item()


def kernel_of(layout: torch.memory_format = torch.channels_last) -> nn.Parameter:
    return nn.Parameter(torch.zeros(6, 12, 3, 3).to(memory_format=layout))


def test_correlated_inputs_are_learned_faster_than_by_adam() -> None:
    problem = Regression()
    ours, theirs = kernel_of(), kernel_of()
    soap = minimised(Soap([ours], lr=0.03), ours, problem, 300)
    adam = minimised(torch.optim.Adam([theirs], lr=0.03), theirs, problem, 300)
    assert soap < adam / 3


def test_memory_layout_does_not_matter() -> None:
    problem = Regression()
    problem.x, problem.y = problem.x.double(), problem.y.double()
    last, first = (
        nn.Parameter(kernel.detach().double()) for kernel in (kernel_of(), kernel_of(torch.contiguous_format))
    )
    minimised(Soap([last], lr=0.01), last, problem, 20)
    minimised(Soap([first], lr=0.01), first, problem, 20)
    assert last.stride() != first.stride()
    assert torch.allclose(last, first, atol=1e-6)


def test_vectors_are_updated_as_adam_does() -> None:
    gradients = torch.randn(30, 5, generator=torch.Generator().manual_seed(0))
    ours, theirs = nn.Parameter(torch.ones(5)), nn.Parameter(torch.ones(5))
    soap, adam = Soap([ours], lr=0.01), torch.optim.Adam([theirs], lr=0.01, betas=(0.9, 0.99), eps=0.0)
    # The first step only learns the bases.
    ours.grad = gradients[0]
    soap.step()
    assert torch.equal(ours, torch.ones(5))
    for gradient in gradients:
        ours.grad, theirs.grad = gradient, gradient.clone()
        soap.step()
        adam.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("shape", [(4, 3, 5, 5), (6, 4), (4, 3, 1, 1), (7,), (4, 3, 3)])
def test_a_rotation_and_back_changes_nothing(shape: tuple[int, ...]) -> None:
    random = torch.Generator().manual_seed(1)
    parameter = nn.Parameter(torch.randn(shape, generator=random))
    optimizer = Soap([parameter])
    for _ in range(20):
        parameter.grad = torch.randn(shape, generator=random)
        optimizer.step()
    bases = optimizer.state[parameter]["bases"]
    cube = _as_cube(torch.randn(shape, generator=random))
    assert torch.allclose(_rotate(_rotate(cube, bases), bases, back=True), cube, atol=1e-5)
    assert bool(bases) == (len(shape) in (2, 4))


def test_a_restored_optimiser_goes_on_exactly() -> None:
    problem, kernel = Regression(), kernel_of()
    optimizer = Soap([kernel], lr=0.01)
    minimised(optimizer, kernel, problem, 21)
    state, other = copy.deepcopy(optimizer.state_dict()), nn.Parameter(kernel.detach().clone())
    restored = Soap([other], lr=0.5)
    restored.load_state_dict(state)
    minimised(optimizer, kernel, problem, 20)
    minimised(restored, other, problem, 20)
    assert torch.equal(kernel, other)
