from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from bench.learned.models import ModelConfig, Rectified, Rectifier, build
from bench.learned.weights import tensor_file
from bench.learned.weights.full import ModelCard, load, save
from bench.learned.weights.rectified import dequantize_int8, load_rectified, quantize_int8, save_rectified
from bench.system.errors import BenchError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

CARD = ModelCard(3, 0.0067, "mse")


def test_weights_come_back_within_half_a_step_of_their_channel() -> None:
    weights = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(0)).half()
    weights[2] *= 1e-3
    weights[4] = 0
    bias = torch.randn(6).half()
    stored = quantize_int8({"a.weight": weights, "a.bias": bias})
    assert stored["a.weight"].dtype == torch.int8
    assert stored["a.weight"].abs().amax((1, 2, 3)).tolist() == [127, 127, 127, 127, 0, 127]
    back = dequantize_int8(stored)
    assert back.keys() == {"a.weight", "a.bias"}
    assert torch.equal(back["a.bias"], bias)
    step = weights.float().abs().amax((1, 2, 3), keepdim=True) / 127
    assert ((back["a.weight"] - weights.float()).abs() <= 0.5001 * step).all()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "hyper-3.safetensors"
    save(path, build(ModelConfig("hyper", 8, 12)), CARD)
    return path


def rectified(base: Path) -> Rectified:
    rectifier = Rectifier(12, 16)
    with torch.no_grad():
        rectifier.last.weight.normal_(generator=torch.Generator().manual_seed(1))
    return Rectified(load(base).model, rectifier)


def test_a_rectifier_is_stored_in_8_bits_and_written_again_stays_as_it_is(base: Path) -> None:
    path, again = base.with_name("hyper+qr-3.safetensors"), base.with_name("again.safetensors")
    save_rectified(path, rectified(base), CARD, base)
    tensors = tensor_file.read(path)[1]
    assert {value.dtype for name, value in tensors.items() if value.dim() == 4} == {torch.int8}
    first = load_rectified(path).model
    save_rectified(again, first, CARD, base)
    second = load_rectified(again).model
    for name, value in first.rectifier.named_parameters():
        torch.testing.assert_close(value, second.rectifier.get_parameter(name), rtol=1e-3, atol=0)


def test_a_rectifier_that_diverged_is_not_saved(base: Path) -> None:
    model = rectified(base)
    with torch.no_grad():
        model.rectifier.last.weight[0] = float("nan")  # type: ignore[index, union-attr]
    with pytest.raises(BenchError, match="is not finite in float16"):
        save_rectified(base.with_name("hyper+qr-3.safetensors"), model, CARD, base)


def test_scales_that_do_not_fit_are_one_clear_line(base: Path) -> None:
    path = base.with_name("hyper+qr-3.safetensors")
    save_rectified(path, rectified(base), CARD, base)
    header, tensors = tensor_file.read(path)
    for scales in (torch.ones(5), torch.ones(16, dtype=torch.half)):
        tensor_file.write(path, header, {**tensors, "rectifier.first.weight.scale": scales})
        with pytest.raises(UsageError, match=r"'rectifier\.first\.weight' is in 8 bits and lacks matching scales"):
            load_rectified(path)
