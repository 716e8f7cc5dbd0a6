from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch

from bench.learned.models import ModelConfig, build
from bench.learned.weights import packing, tensor_file
from bench.learned.weights.full import ModelCard, load, save
from bench.learned.weights.packing import WeightBits, deflate, inflate, pack, rounded, unpack
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

CARD = ModelCard(3, 0.0067, "mse")


def kernels() -> Tensor:
    weights = torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(0))
    weights[2] *= 1e-3
    weights[3] *= 1e-7  # below the steps of float16
    weights[4] = 0
    return weights


@pytest.mark.parametrize("bits", [2, 8, 9, 11, 12])
def test_rounding_is_to_half_a_step_and_exact_in_float16(bits: int) -> None:
    weights = kernels()
    found = rounded(weights, bits)
    largest = weights.abs().amax((1, 2, 3), keepdim=True)
    # The step is at most the largest weight / 2^(bits - 2); the largest integer may be clipped by one.
    step = (largest / 2 ** (bits - 2)).clamp(min=2.0**-24)
    assert ((found - weights).abs() <= step).all()
    assert ((found - weights).abs() <= step / 2)[weights.abs() < largest / 2].all()
    assert torch.equal(found, found.half().float())
    assert torch.equal(rounded(found, bits), found)


@pytest.mark.parametrize("bits", [2, 8, 9, 11, 12])
def test_packing_is_lossless_and_takes_as_many_bits_as_said(bits: int) -> None:
    weights = rounded(kernels(), bits).half()
    names, stored = pack({"a.weight": weights, "a.bias": torch.randn(6).half()})
    assert names == ["a.weight"]
    assert torch.equal(unpack(names, stored)["a.weight"], weights)
    assert stored["a.weight.high"].nbytes + stored["a.weight.low"].nbytes == pytest.approx(
        max(bits, 8) * weights.numel() / 8, abs=bits
    )


def test_weights_with_more_bits_are_stored_as_they_are() -> None:
    weights = kernels().half()
    names, stored = pack({"a.weight": weights})
    assert (names, list(stored)) == ([], ["a.weight"])
    assert stored["a.weight"] is weights


def test_taps_that_a_masked_convolution_never_uses_are_not_stored() -> None:
    weights = rounded(torch.randn(4, 3, 5, 5), 9).half()
    weights[..., 3:, :] = 0
    weights[..., 2, 2:] = 0
    names, stored = pack({"c.weight": weights})
    assert stored["c.weight.high"].shape == (4, 3, 12)
    assert torch.equal(unpack(names, stored)["c.weight"], weights)


def test_a_rounded_model_comes_back_from_a_smaller_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build(ModelConfig("joint", 8, 12))
    whole, small = tmp_path / "whole.safetensors", tmp_path / "small.safetensors"
    save(whole, model, CARD)
    trained = {name for name, _ in model.named_parameters() if not name.startswith("h_a.")}
    packing.round_weights(model, trained, WeightBits(transforms=11, entropy_model=9))
    save(small, model, CARD)
    back = dict(load(small).model.named_parameters())
    for name, value in model.named_parameters():
        # Masked taps are written as zeros; the quantiles belong to the CDFs.
        if name not in {"context_prediction.weight", "entropy_bottleneck.quantiles"}:
            assert torch.equal(back[name], value.half().float()), name
    packed = tensor_file.read(small)[0]
    assert "packed" not in packed
    names = {name for name in back if back[name].dim() == 4}
    header, stored = pack(tensor_file.read(small)[1])
    assert set(header) == {name for name in names if not name.startswith("h_a.")}
    low = {name.removesuffix(".low"): value for name, value in stored.items() if name.endswith(".low")}
    assert len(low["g_a.0.weight"]) == 3
    assert len(low["h_s.0.weight"]) == 1
    assert small.stat().st_size < whole.stat().st_size


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("high", None),
        ("high", torch.zeros(6, 5, 8, dtype=torch.int8)),
        ("low", torch.zeros(5, 34, dtype=torch.uint8)),
        ("low", torch.zeros(3, 2, dtype=torch.uint8)),
        ("exponent", torch.zeros(5, dtype=torch.int8)),
        ("exponent", torch.zeros(6, dtype=torch.int32)),
        ("taps", torch.ones(3, 4, dtype=torch.uint8)),
        ("taps", torch.ones(300, 300, dtype=torch.uint8)),
    ],
)
def test_parts_that_do_not_fit_are_refused(field: str, value: Tensor | None) -> None:
    names, stored = pack({"a.weight": rounded(kernels(), 11).half()})
    stored = {name: part for name, part in stored.items() if name != f"a.weight.{field}"}
    if value is not None:
        stored[f"a.weight.{field}"] = value
    with pytest.raises(ValueError, match=r"a\.weight"):
        unpack(names, stored)


def test_a_file_that_names_a_packed_tensor_without_its_parts_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as changed:
        changed.setattr(packing, "pack", lambda tensors: (["g_a.0.weight"], tensors))
        tensor_file.write(tmp_path / "odd", {}, {"g_a.0.weight": torch.zeros(2, 2)})
    with pytest.raises(UsageError, match=r"odd: not a weights file \(parts of 'g_a.0.weight' are missing\)"):
        tensor_file.read(tmp_path / "odd")


def small_integers() -> Tensor:
    return torch.randn(40, 5, 3, generator=torch.Generator().manual_seed(0)).mul(9).to(torch.int8)


def test_small_integers_are_compressed_without_loss() -> None:
    tensors = {"a": small_integers(), "b": torch.tensor([1, 2], dtype=torch.int8), "c": torch.zeros(9, 9)}
    shapes, stored = deflate(tensors)
    assert shapes == {"a": [40, 5, 3]}
    # The entropy of rounded Gaussian samples of this spread is log2(9 sqrt(2 pi e)) = 5.2 bits.
    assert stored["a"].nbytes < 0.8 * 600
    back = inflate(shapes, stored)
    assert back.keys() == tensors.keys()
    assert all(torch.equal(back[name], value) and back[name].dtype == value.dtype for name, value in tensors.items())


@pytest.mark.parametrize(
    ("shape", "cut"), [([40, 5, 4], 0), ([40, 5, 2], 0), ([2**40, 2**40], 0), ([40, 5, 3], 1), ([40, 5, 3], 99)]
)
def test_compressed_integers_that_do_not_fit_are_refused(shape: list[int], cut: int) -> None:
    _, stored = deflate({"a": small_integers()})
    stored["a"] = stored["a"][: len(stored["a"]) - cut]
    with pytest.raises(ValueError, match="compressed integers of 'a'"):
        inflate({"a": shape}, stored)


@pytest.mark.parametrize("stored", [{}, {"a": torch.zeros(3)}, {"a": torch.arange(90, dtype=torch.uint8)}])
def test_what_is_not_a_compressed_tensor_is_refused(stored: dict[str, Tensor]) -> None:
    with pytest.raises(ValueError, match="compressed integers of 'a'"):
        inflate({"a": [3]}, stored)


@pytest.mark.parametrize("deflated", [{"a": 3}, {"a": [-1]}, {"a": [True]}, {"a": ["x"]}])
def test_shapes_in_a_header_are_natural_numbers(deflated: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="its field 'deflated' has no shapes"):
        tensor_file.parse_header(json.dumps({"deflated": deflated}))


@pytest.mark.parametrize("field", ["packed", "deflated"])
def test_a_file_without_compression_may_say_null(tmp_path: Path, field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as changed:
        changed.setattr(packing, "pack", lambda tensors: (None if field == "packed" else [], tensors))
        changed.setattr(packing, "deflate", lambda tensors: (None if field == "deflated" else {}, tensors))
        tensor_file.write(tmp_path / "plain", {}, {"a": torch.zeros(2)})
    assert torch.equal(tensor_file.read(tmp_path / "plain")[1]["a"], torch.zeros(2))
