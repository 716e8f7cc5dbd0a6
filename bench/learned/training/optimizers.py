"""Optimisers of phases, by name: Adam and SOAP.

SOAP is Adam in the slowly moving eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv 2409.11321).

For a gradient G with covariances L = E[G G^T] and R = E[G^T G], Adam runs on Q_L^T G Q_R, where Q_L and Q_R are the
eigenvectors of L and R. Convolutions have a third factor for the positions of the kernel.

Other implementations treat the two axes of a kernel separately and rotate by general tensor contractions, which on a
CPU takes half as long as the network. This one is faster: it uses the matrix layout of channels-last weights, merges
the two axes of a kernel, keeps the averaged gradient in the eigenbasis, and updates the bases of only a few parameters
per step.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from bench.system.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import nn

OPTIMIZERS = ("adam", "soap")

_LARGEST = 512
"""Maximum length of a rotated axis. The covariances of longer ones would be too expensive."""
_COVARIANCE_EVERY = 4
_BASIS_EVERY = 16


def make(name: str, parameters: Sequence[nn.Parameter], lr: float, dtype: torch.dtype) -> torch.optim.Optimizer:
    """Create an optimiser; `dtype` is the type of SOAP's matrix products.

    Raises:
        UsageError: there is no such optimiser.
    """
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    return Soap(parameters, lr, rotate_in=dtype) if name == "soap" else torch.optim.Adam(parameters, lr=lr, fused=True)


class Soap(torch.optim.Optimizer):
    """SOAP for matrices and convolutions, and Adam for all other parameters.

    Args:
        params: parameters or groups.
        lr: learning rate, of the same magnitude as for Adam.
        betas: decay of the averaged gradient, and decay of its averaged square and of the covariances.
        eps: added to the root of the averaged square.
        rotate_in: type of rotations and covariances. bfloat16 is four times as fast where the hardware supports it, and
            precise enough for gradients. Averages and bases keep the type of the parameters.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        rotate_in: torch.dtype | None = None,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "step": 0})
        self._rotate_in = rotate_in

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step. The first one only initialises the bases."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for number, parameter in enumerate(group["params"]):
                if parameter.grad is not None:
                    self._update(group, number, parameter, _as_cube(parameter.grad))
            group["step"] += 1
        return loss

    def _update(self, group: dict[str, Any], number: int, parameter: Tensor, gradient: Tensor) -> None:
        state, step = self.state[parameter], group["step"]
        beta1, beta2 = group["betas"]
        if not state:
            _begin(state, gradient)
            return
        if (step + number) % _COVARIANCE_EVERY == 0:
            _remember(state, gradient.to(self._rotate_in or gradient.dtype), 1 - beta2**_COVARIANCE_EVERY)
        if (step + number) % _BASIS_EVERY == 0:
            _renew(state)
        rotated = _rotate(gradient, state["bases"], self._rotate_in)
        state["steps"] += 1
        mean = state["mean"].lerp_(rotated, 1 - beta1)
        square = state["square"].lerp_(rotated.square_(), 1 - beta2)
        size = group["lr"] * math.sqrt(1 - beta2 ** state["steps"]) / (1 - beta1 ** state["steps"])
        # For gradients of low rank, a new basis can have a large mean where the squares are nearly 0.
        # In a constant basis, their ratio is at most this bound, 2.35 for the default betas (Cauchy-Schwarz).
        bound = (1 - beta1) / math.sqrt((1 - beta2) * (1 - beta1**2 / beta2))
        ratio = (mean / square.sqrt().add_(group["eps"])).clamp_(-bound, bound)
        update = _rotate(ratio, state["bases"], self._rotate_in, back=True)
        _as_cube(parameter).add_(update, alpha=-size)


def _as_cube(tensor: Tensor) -> Tensor:
    """A view of weights as (out, positions, in); other parameters, such as biases, have one axis."""
    if tensor.dim() == 4:
        return tensor.permute(0, 2, 3, 1).flatten(1, 2)
    return tensor.unsqueeze(1) if tensor.dim() == 2 else tensor.reshape(-1)


def _begin(state: dict[str, Any], gradient: Tensor) -> None:
    state["steps"] = 0
    state["mean"] = torch.zeros_like(gradient)
    state["square"] = torch.zeros_like(gradient)
    axes = [size if 1 < size <= _LARGEST else 0 for size in gradient.shape] if gradient.dim() == 3 else []
    state["covariances"] = [gradient.new_zeros(size, size) for size in axes]
    _remember(state, gradient, 1.0)
    state["bases"] = [torch.linalg.eigh(matrix).eigenvectors.flip(1) for matrix in state["covariances"]]


def _remember(state: dict[str, Any], gradient: Tensor, weight: float) -> None:
    """Update the covariance of each axis with the gradient."""
    for axis, covariance in enumerate(state["covariances"]):
        if covariance.numel():
            rows = gradient.movedim(axis, 0).flatten(1)
            covariance.lerp_((rows @ rows.T).to(covariance.dtype), weight)


def _renew(state: dict[str, Any]) -> None:
    """Update every basis by one power iteration, and rotate the moments accordingly."""
    if not state["covariances"]:
        return
    mean = _rotate(state["mean"], state["bases"], back=True)
    for axis, (covariance, basis) in enumerate(zip(state["covariances"], state["bases"], strict=True)):
        if covariance.numel():
            product = covariance @ basis
            order = (basis * product).sum(0).argsort(descending=True)
            state["square"] = state["square"].index_select(axis, order)
            state["bases"][axis] = torch.linalg.qr(product[:, order]).Q
    state["mean"] = _rotate(mean, state["bases"])


def _rotate(cube: Tensor, bases: list[Tensor], dtype: torch.dtype | None = None, *, back: bool = False) -> Tensor:
    """Rotate (out, positions, in) into the bases of its axes, or back, computed in `dtype`."""
    if not bases:
        return cube.clone()
    shape, kept = cube.shape, cube.dtype
    dtype = dtype or kept
    out, kernel, into = ((basis if back else basis.T).to(dtype) for basis in bases)
    cube = cube.to(dtype)
    if out.numel():
        cube = (out @ cube.reshape(shape[0], -1)).view(shape)
    if into.numel():
        cube = (cube.reshape(-1, shape[2]) @ into.T).view(shape)
    if kernel.numel():
        cube = torch.matmul(kernel, cube)
    return cube.to(kept) if cube.dtype != kept else cube.clone()
