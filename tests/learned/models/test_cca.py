from __future__ import annotations

import itertools

import pytest
import torch

from bench.learned.families import YUV420
from bench.learned.models import ModelConfig, build, compact_config, share
from bench.learned.models.cca.enhancement import Acem, choose
from bench.learned.models.cca.guidance import Bgu, ComponentAttention, Igu
from bench.learned.models.cca.model import BranchAnalysis, Cca
from bench.system.errors import UsageError

SMALL = (16, 24)


@pytest.fixture
def planes() -> torch.Tensor:
    """Two packed pictures (2, 6, 32, 64)."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(2, 6, 4, 8, generator=generator)
    return torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bilinear")


def small(family: str = "cca", **options: object) -> torch.nn.Module:
    torch.manual_seed(2)
    return build(ModelConfig(family, *SMALL, **options)).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("cca", {}),
        ("cca", {"guide": "bgu"}),
        ("cca", {"guide": "none", "acem": False}),
        ("cca", {"guide": "none", "attention": False}),
        ("cca", {"kernel": 3}),
        ("joint-yuv", {}),
    ],
)
def test_shapes(family: str, options: dict[str, object], planes: torch.Tensor) -> None:
    model = small(family, **options)
    with torch.no_grad():
        output = model(planes, "round")
        y = model.g_a(planes)
    assert y.shape == (2, SMALL[1], 4, 8)
    assert output["x_hat"].shape == planes.shape
    assert output["likelihoods"]["y"].shape == y.shape
    assert output["likelihoods"]["z"].shape == (2, SMALL[0], 1, 2)


def test_families_of_planes_have_equal_compact_widths() -> None:
    assert {(compact_config(family).N, compact_config(family).M) for family in YUV420} == {(48, 64)}


@pytest.mark.parametrize("options", [{"guide": "igu2"}, {"distribution": "laplacian"}, {"mean": False}])
def test_options_that_cca_lacks_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        ModelConfig("cca", *SMALL, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"guide": "none"}, {"attention": False}, {"acem": False}])
def test_the_options_of_cca_are_no_others(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="has no option"):
        ModelConfig("joint", *SMALL, **options)  # type: ignore[arg-type]


def test_what_files_say_of_models_that_were_there_before_has_not_changed() -> None:
    named = {"family", "N", "M", "kernel", "distribution", "mean"}
    assert set(ModelConfig("joint", 8, 12).described()) == named
    assert set(ModelConfig("cca", 16, 24).described()) == named | {"guide", "attention", "acem"}


def test_attention_adds_up_to_one_over_the_four_planes(planes: torch.Tensor) -> None:
    attention = ComponentAttention()
    torch.nn.init.normal_(attention.query.weight, std=9)
    weights = attention(planes[:, :4], planes[:, 4:])
    assert weights.shape == (2, 4, 32, 64)
    torch.testing.assert_close(weights.sum(1), torch.ones(2, 32, 64))
    assert weights.amin() < 0.1


def test_attention_at_first_is_the_softmax_of_the_products(planes: torch.Tensor) -> None:
    luma, u, v = planes[:, :4], planes[:, 4:5], planes[:, 5:]
    expected = torch.softmax(luma * u + luma * v, dim=1)
    torch.testing.assert_close(ComponentAttention()(luma, planes[:, 4:]), expected)


def test_igu_adds_the_attended_planes_of_luma_to_chroma_alone(planes: torch.Tensor) -> None:
    luma, chroma = torch.randn(2, 20, 32, 64), torch.randn(2, 5, 32, 64)
    igu, raw = Igu(), (planes[:, :4], planes[:, 4:])
    weights = igu.attention(*raw)
    expected = chroma + sum(weights[:, i : i + 1] * luma[:, 5 * i : 5 * i + 5] for i in range(4))
    same, guided = igu(raw, (luma, chroma))
    assert same is luma
    torch.testing.assert_close(guided, expected)


def test_bgu_guides_luma_too(planes: torch.Tensor) -> None:
    luma, chroma = torch.randn(2, 20, 32, 64), torch.randn(2, 5, 32, 64)
    bgu, raw = Bgu(), (planes[:, :4], planes[:, 4:])
    weights = bgu.back(*raw)
    guided, _ = bgu(raw, (luma, chroma))
    for plane in range(4):
        part = slice(5 * plane, 5 * plane + 5)
        torch.testing.assert_close(guided[:, part], luma[:, part] + weights[:, plane : plane + 1] * chroma)


@pytest.mark.parametrize(("guide", "luma_sees", "chroma_sees"), [("igu", 0, 1), ("bgu", 1, 1), ("none", 0, 0)])
def test_which_branch_sees_the_other(guide: str, luma_sees: int, chroma_sees: int, planes: torch.Tensor) -> None:
    torch.manual_seed(0)
    branches = BranchAnalysis(ModelConfig("cca", *SMALL, guide=guide))  # type: ignore[arg-type]
    other_luma, other_chroma = planes.clone(), planes.clone()
    other_luma[:, :4] = planes[:, :4].flip(0)
    other_chroma[:, 4:] = planes[:, 4:].flip(0)
    with torch.no_grad():
        (luma, chroma), *others = (branches(x).chunk(2, 1) for x in (planes, other_luma, other_chroma))
    assert torch.equal(chroma, others[0][1]) == (not chroma_sees)
    assert torch.equal(luma, others[1][0]) == (not luma_sees)


def test_the_filter_is_at_first_no_filter(planes: torch.Tensor) -> None:
    assert torch.equal(Acem(ModelConfig("cca", *SMALL))(planes), planes)


@pytest.mark.parametrize("bits", range(4))
def test_the_indicator_has_four_states(bits: int, planes: torch.Tensor) -> None:
    chosen = choose(planes, -planes, bits)
    assert torch.equal(chosen[:, :4], -planes[:, :4] if bits & 1 else planes[:, :4])
    assert torch.equal(chosen[:, 4:], -planes[:, 4:] if bits & 2 else planes[:, 4:])


def test_the_distribution_of_a_latent_depends_on_those_before_it_alone() -> None:
    model = small()
    assert isinstance(model, Cca)
    torch.manual_seed(4)
    y, params = torch.randn(1, SMALL[1], 6, 7).round(), torch.randn(1, 2 * SMALL[1], 6, 7)
    row, column = 3, 2
    changed = y.clone()
    changed[:, :, row, column] += 5
    with torch.no_grad():
        before, after = (
            model.entropy_parameters(torch.cat((params, model.context_prediction(each)), 1)) for each in (y, changed)
        )
    differs = (before != after).any(1)[0]
    for down, right in itertools.product(range(6), range(7)):
        later = (down, right) > (row, column)
        near = abs(right - column) <= 2 and down - row <= 2
        assert bool(differs[down, right]) == (later and near), (down, right)


def test_joint_yuv_has_the_entropy_model_of_cca() -> None:
    ours, theirs = small(), small("joint-yuv")
    for part in ("h_a", "h_s", "entropy_bottleneck", "context_prediction", "entropy_parameters"):
        shapes = [{name: p.shape for name, p in getattr(model, part).named_parameters()} for model in (ours, theirs)]
        assert shapes[0] == shapes[1]


def test_the_filter_goes_along_with_the_synthesis_that_it_was_trained_on() -> None:
    source, target = small(), small()
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.add_(0.1)
    assert "acem" in share(source, target)  # type: ignore[arg-type]
    assert all(torch.equal(a, b) for a, b in zip(source.acem.parameters(), target.acem.parameters(), strict=True))
    assert "acem" not in share(source, small(guide="none"))  # type: ignore[arg-type]
