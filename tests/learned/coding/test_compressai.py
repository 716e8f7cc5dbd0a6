"""The same weights in CompressAI 1.2.8: the same latents, the same pictures, and files that are no larger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from compressai.models import (
    Cheng2020Attention,
    FactorizedPrior,
    JointAutoregressiveHierarchicalPriors,
    MeanScaleHyperprior,
    ScaleHyperprior,
)

from bench.picture import read_picture
from bench.registry import codec_class

if TYPE_CHECKING:
    from pathlib import Path

    from bench.learned.models import LearnedModel

THEIRS = {
    "factorized": FactorizedPrior,
    "scale": ScaleHyperprior,
    "hyper": MeanScaleHyperprior,
    "joint": JointAutoregressiveHierarchicalPriors,
    "attn": Cheng2020Attention,
}


def compressai_model(model: LearnedModel) -> torch.nn.Module:
    """CompressAI's own class with a model's parameters and tables."""
    config = model.config
    theirs = THEIRS[config.family](*((config.N,) if config.family == "attn" else (config.N, config.M)))
    theirs.load_state_dict(model.state_dict())
    return theirs.eval()


def code(model: Any, x: torch.Tensor) -> tuple[int, torch.Tensor, torch.Tensor]:  # noqa: ANN401 - CompressAI's
    """Bytes of CompressAI's strings, the latents that its decoder sees, and its picture."""
    seen: list[torch.Tensor] = []
    hook = model.g_s.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        out = model.compress(x)
        x_hat = model.decompress(out["strings"], out["shape"])["x_hat"]
    hook.remove()
    return sum(len(parts[0]) for parts in out["strings"]), seen[-1], x_hat


@pytest.mark.kodak
@pytest.mark.slow
@pytest.mark.parametrize("family", THEIRS)
def test_kodak_in_both(family: str, weights: Path, kodak: list[Path]) -> None:
    codec = codec_class(family)(3, weights=str(weights))
    system = codec._system  # type: ignore[attr-defined]
    model = compressai_model(system.model)
    equal = total = 0
    for path in kodak:
        picture = read_picture(path)
        data = codec.encode(picture)
        ours = system.coder.encode(system.transforms.analysis(picture)).latents.y_hat
        x = torch.from_numpy(picture.pixels).permute(2, 0, 1)[None].float() / 255
        num_bytes, theirs, x_hat = code(model, x)
        same = (ours - theirs).abs() < 1e-3
        equal, total = equal + int(same.sum()), total + same.numel()
        assert len(data) <= 1.003 * num_bytes + 64, path.name
        decoded = codec.decode(data).pixels.astype(int)
        reference = x_hat[0].permute(1, 2, 0).mul(255).round().clamp(0, 255).numpy().astype(int)
        assert abs(psnr_db(picture.pixels, decoded) - psnr_db(picture.pixels, reference)) <= 0.001, path.name
        if same.all():
            assert np.abs(decoded - reference).max() <= 1
    assert equal / total >= 0.9999


def psnr_db(original: np.ndarray[Any, Any], decoded: np.ndarray[Any, Any]) -> float:
    return float(10 * np.log10(255**2 / np.mean((original.astype(float) - decoded) ** 2)))
