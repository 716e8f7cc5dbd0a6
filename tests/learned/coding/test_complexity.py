from __future__ import annotations

import pytest
from torch import nn

from bench.learned.coding.complexity import complexity
from bench.learned.families import FAMILIES
from bench.learned.models import ModelConfig, Rectified, Rectifier, build
from bench.results.published import stated_costs

KODAK = (512, 768)
SMALL = (128, 192)
"""A size without padding, at which convolutions cost the same per pixel as on Kodak."""


@pytest.mark.parametrize(
    ("config", "parameters_m", "kmac"),
    [
        (ModelConfig("factorized", 128, 192), 3.00, 73.6),
        (ModelConfig("scale", 128, 192), 5.08, 76.3),
        (ModelConfig("hyper", 128, 192), 7.03, 80.4),
        (ModelConfig("joint", 192, 192), 14.1, 178),
    ],
)
def test_costs_are_those_of_the_layers_widths(config: ModelConfig, parameters_m: float, kmac: float) -> None:
    """Compare with counts by hand of the convolutions alone, with all 25 taps of the context model's."""
    model = build(config)
    cost = complexity(model, *SMALL)
    N, M = config.N, config.M  # noqa: N806 - the paper's names
    gdn = 2 * N * N * (1 / 4 + 1 / 16 + 1 / 64) / 1000
    masked = 13 * M * 2 * M / 256 / 1000 if config.family == "joint" else 0
    assert cost.parameters / 1e6 == pytest.approx(parameters_m, rel=0.005)
    assert sum(cost.parts_kmac_per_pixel.values()) - gdn + masked == pytest.approx(kmac, rel=0.005)


@pytest.mark.parametrize("family", ["factorized", "scale", "hyper", "joint", "attn"])
def test_costs_counted_of_published_codecs_are_those_of_their_architecture(family: str) -> None:
    model = build(ModelConfig(family, 192, 192 if family == "attn" else 320))
    costs = stated_costs().query("by == 'counted'").set_index("curve")
    found = costs.loc[f"compressai/compressai-{FAMILIES[family].compressai}_mse_cuda"]
    cost = complexity(model, *SMALL)
    assert found["kmac_per_pixel"] == pytest.approx(cost.decoder_kmac_per_pixel, abs=0.001)
    assert found["parameters"] == cost.parameters
    assert f"N {model.config.N}" in found["source"]


def test_the_decoder_of_the_scale_hyperprior_costs_what_c3s_authors_found() -> None:
    """Their baselines/kodak.py has 43,542 multiply-accumulates per pixel for CompressAI's model, counted by fvcore."""
    cost = complexity(build(ModelConfig("scale", 128, 192)), *SMALL)
    assert cost.decoder_kmac_per_pixel == pytest.approx(43.542, abs=0.003)


def test_encoder_and_decoder_share_what_both_must_know() -> None:
    cost = complexity(build(ModelConfig("joint", 192, 192)), *SMALL)
    parts = cost.parts_kmac_per_pixel
    assert cost.encoder_kmac_per_pixel == pytest.approx(sum(parts.values()) - parts["g_s"])
    assert cost.decoder_kmac_per_pixel == pytest.approx(sum(parts.values()) - parts["g_a"] - parts["h_a"])


def test_a_rectifier_costs_the_decoder_what_its_layers_cost() -> None:
    """The authors' rectifier for M = 192 has convolutions of 59 kMAC per pixel and two products in its attention."""
    codec = build(ModelConfig("hyper", 128, 192))
    plain, cost = complexity(codec, *KODAK), complexity(Rectified(codec, Rectifier(192, 512)), *KODAK)
    products = 2 * 128 * (KODAK[0] * KODAK[1] / 256) ** 2 / (1000 * KODAK[0] * KODAK[1])
    assert products == pytest.approx(1.536)
    layers = 192 * 512 * 49 + 4 * 512 * 512 * 9 + 512 * 4 * 128 + 1024 * 64 * 9 + 64 * 64 * 9 + 1024 * 64 + 64 * 192
    assert cost.parts_kmac_per_pixel["rectifier"] == pytest.approx(layers / 256 / 1000 + products)
    assert cost.decoder_kmac_per_pixel == plain.decoder_kmac_per_pixel + cost.parts_kmac_per_pixel["rectifier"]
    assert cost.encoder_kmac_per_pixel == plain.encoder_kmac_per_pixel
    assert cost.parameters == plain.parameters + 15_311_488 - 82_432
    assert complexity(Rectified(codec, nn.Identity()), *SMALL) == complexity(codec, *SMALL)


def test_a_large_picture_costs_no_more_a_pixel_than_its_windows() -> None:
    model = Rectified(build(ModelConfig("factorized", 8, 12)), Rectifier(12, 16))
    one, two = (complexity(model, 1024, width).parts_kmac_per_pixel["rectifier"] for width in (1024, 2048))
    assert one == pytest.approx(two)


def test_a_picture_that_must_be_padded_costs_more_a_pixel() -> None:
    model = build(ModelConfig("factorized", 128, 192))
    whole, padded = complexity(model, 64, 64), complexity(model, 49, 64)
    assert padded.decoder_kmac_per_pixel == pytest.approx(whole.decoder_kmac_per_pixel * 64 / 49)


def test_planes_are_counted_per_pixel_of_luma() -> None:
    model = build(ModelConfig("joint-yuv", 8, 12))
    parts = complexity(model, 64, 128).parts_kmac_per_pixel
    # 6 to 8 and 8 to 8 channels at 1/2, 1/4, 1/8; 8 to 12 at 1/16; GDN at 1/2, 1/4, 1/8.
    layers = (6 * 8 * 25 + 64) / 4 + (8 * 8 * 25 + 64) / 16 + (8 * 8 * 25 + 64) / 64 + 8 * 12 * 25 / 256
    assert parts["g_a"] == pytest.approx(layers / 1000)


def test_an_encoder_that_chooses_where_to_filter_decodes_as_well() -> None:
    found = complexity(build(ModelConfig("cca", 16, 24)), 64, 64)
    assert found.encoder_kmac_per_pixel == pytest.approx(sum(found.parts_kmac_per_pixel.values()))
    assert found.parts_kmac_per_pixel["acem"] > 0
