from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from bench.learned.models import GradientRouting, Rectified, Rectifier
from bench.learned.models.rectifier import SelfAttention, StandardizedConv2d
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from tests.learned.conftest import Enlivener, Maker

TIME_EMBEDDING = 82_432
"""Parameters of the authors' unused time embedding: 64 to 256 to 256, with biases."""


@pytest.mark.parametrize(("channels", "published"), [(128, 13_701_696), (192, 15_311_488), (320, 18_531_072)])
def test_at_the_authors_width_the_parameters_are_theirs(channels: int, published: int) -> None:
    with torch.device("meta"):
        rectifier = Rectifier(channels, 512)
    assert sum(parameter.numel() for parameter in rectifier.parameters()) == published - TIME_EMBEDDING


def test_a_synthesis_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown synthesis 'detatched'"):
        GradientRouting("detatched")  # type: ignore[arg-type]


def test_an_untrained_rectifier_changes_nothing(liven: Enlivener) -> None:
    y_hat = torch.randn(2, 12, 5, 7)
    rectifier = Rectifier(12, 16)
    assert torch.equal(rectifier(y_hat), y_hat)
    liven(rectifier)
    assert not torch.allclose(rectifier(y_hat), y_hat, atol=1e-3)


def test_the_result_is_float32_under_autocast(liven: Enlivener) -> None:
    rectifier = Rectifier(12, 16)
    liven(rectifier)
    y_hat = 40 * torch.randn(1, 12, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = rectifier(y_hat)
    assert coarse.dtype == torch.float32
    # bf16 has 8 bits: only the residual may lose precision, not the latents that it is added to.
    residual = rectifier(y_hat) - y_hat
    assert (coarse - y_hat - residual).abs().max() < 0.1 * residual.abs().max()


def test_attention_is_that_of_the_formula() -> None:
    torch.manual_seed(0)
    attention, x = SelfAttention(16), torch.randn(2, 16, 3, 5)
    normalised = nn.functional.layer_norm(x.permute(0, 2, 3, 1), (16,), attention.norm.weight).reshape(2, 15, 16)
    q, k, v = (normalised @ attention.to_qkv.weight[:, :, 0, 0].T).reshape(2, 15, 3, 4, 32).permute(2, 0, 3, 1, 4)
    seen = torch.softmax(q @ k.transpose(-1, -2) / 32**0.5, dim=-1) @ v
    merged = seen.permute(0, 2, 1, 3).reshape(2, 15, 128) @ attention.to_out.weight[:, :, 0, 0].T
    expected = x + (merged + attention.to_out.bias).permute(0, 2, 1).reshape(2, 16, 3, 5)
    assert torch.allclose(attention(x), expected, atol=1e-5)


def test_windows_are_full_attention_up_to_their_size_and_local_above_it() -> None:
    torch.manual_seed(0)
    windowed, x = SelfAttention(16, window=8), torch.randn(1, 16, 8, 20)
    full = SelfAttention(16, window=64)
    full.load_state_dict(windowed.state_dict())
    assert torch.equal(windowed(x[..., :8]), full(x[..., :8]))
    # 20 columns are split into three windows, of 7, 7 and 6.
    alone = torch.cat([full(part) for part in x.split((7, 7, 6), dim=3)], dim=3)
    assert torch.allclose(windowed(x), alone, atol=1e-6)
    assert not torch.allclose(windowed(x), full(x), atol=1e-3)


def test_standardised_weights_have_mean_0_and_variance_1() -> None:
    conv = StandardizedConv2d(3, 4, 3, padding=1, bias=False)
    impulse = torch.zeros(1, 3, 9, 9)
    taps = []
    for channel in range(3):
        impulse.zero_()[0, channel, 4, 4] = 1
        taps.append(conv(impulse)[0, :, 3:6, 3:6])
    weights = torch.stack(taps, dim=1).flatten(1)
    assert torch.allclose(weights.mean(1), torch.zeros(4), atol=1e-6)
    assert torch.allclose(weights.var(1, correction=0), torch.ones(4), atol=1e-2)


def test_in_evaluation_the_synthesis_sees_rectified_latents_whatever_the_wiring(
    make: Maker, liven: Enlivener, pictures: Tensor
) -> None:
    rectifier = Rectifier(12, 16)
    liven(rectifier)
    codec = make("hyper")
    for synthesis in ("rectified", "detached", "unrectified", "none"):
        model = Rectified(codec, rectifier, GradientRouting(synthesis)).eval()  # type: ignore[arg-type]
        output = model(pictures)
        assert torch.equal(output["rectified"], rectifier(codec.entropy(codec.g_a(pictures))[0]))
        assert torch.equal(output["x_hat"], codec.g_s(output["rectified"]))


def gradients(model: Rectified, pictures: Tensor, term: str) -> dict[str, float]:
    """Return the norm of one loss term's gradient in each part."""
    torch.manual_seed(0)
    output = model.train()(pictures, "noise")
    losses = {
        "feature": (output["rectified"] - output["y"]).norm(),
        "distortion": (output["x_hat"] - pictures).square().mean(),
    }
    model.zero_grad()
    losses[term].backward()
    parts = {"g_a": model.codec.g_a, "g_s": model.codec.g_s, "rectifier": model.rectifier}
    norms = {}
    for name, part in parts.items():
        norms[name] = sum(float(p.grad.norm()) for p in part.parameters() if p.grad is not None)
    return norms


@pytest.mark.parametrize("synthesis", ["rectified", "detached", "unrectified"])
def test_the_feature_term_reaches_the_encoder_in_the_literal_reading_alone(
    make: Maker, liven: Enlivener, pictures: Tensor, synthesis: str
) -> None:
    rectifier = Rectifier(12, 16)
    liven(rectifier)
    for literal in (False, True):
        model = Rectified(make("joint"), rectifier, GradientRouting(synthesis, literal))  # type: ignore[arg-type]
        reached = gradients(model, pictures, "feature")
        assert (reached["g_a"] > 0) == literal
        assert reached["rectifier"] > 0
        assert reached["g_s"] == 0


@pytest.mark.parametrize("synthesis", ["rectified", "detached", "unrectified"])
def test_the_distortion_teaches_the_rectifier_only_through_it(
    make: Maker, liven: Enlivener, pictures: Tensor, synthesis: str
) -> None:
    rectifier = Rectifier(12, 16)
    liven(rectifier)
    reached = gradients(Rectified(make("joint"), rectifier, GradientRouting(synthesis)), pictures, "distortion")  # type: ignore[arg-type]
    assert (reached["rectifier"] > 0) == (synthesis == "rectified")
    assert reached["g_a"] > 0
    assert reached["g_s"] > 0
