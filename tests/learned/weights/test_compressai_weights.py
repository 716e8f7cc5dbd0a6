"""A checkpoint of the zoo becomes weights that compute and code as CompressAI's model does."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import torch
from compressai.zoo.image import model_architectures

from bench.learned.architectures import ALIASES
from bench.learned.weights import checkpoints
from bench.learned.weights.checkpoints import PublishedCheckpoint
from bench.learned.weights.foreign import load_zoo
from bench.system.errors import MissingError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from compressai.models import CompressionModel
    from torch import Tensor, nn

ARCHITECTURES = {family: name for name, family in ALIASES.items()}
FAMILIES = tuple(ARCHITECTURES)

Enlivener = Callable[["nn.Module"], None]
Publish = Callable[[str, Any], PublishedCheckpoint]


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Publish:
    """Put a checkpoint where a download would, as quality 1 of a family of small models."""
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def put(family: str, content: Any) -> PublishedCheckpoint:  # noqa: ANN401 - anything that torch can save
        buffer = io.BytesIO()
        torch.save(content, buffer)
        sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
        url = f"https://zoo.invalid/{family}-1-{sha256[:8]}.pth.tar"
        entry = PublishedCheckpoint(family, ARCHITECTURES[family], "mse", 1, 0.0018, url)
        (tmp_path / entry.file).write_bytes(buffer.getvalue())
        monkeypatch.setattr(checkpoints, "all_checkpoints", lambda: (entry,))
        return entry

    return put


def compressai_model(family: str, liven: Enlivener) -> CompressionModel:
    torch.manual_seed(3)
    model = model_architectures[ARCHITECTURES[family]](*((8,) if family == "attn" else (8, 12)))
    liven(model)
    return model.eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_checkpoint_computes_what_compressai_does_with_its_tables(
    family: str, publish: Publish, liven: Enlivener, pictures: Tensor
) -> None:
    reference = compressai_model(family, liven)
    reference.update(force=True, update_quantiles=True)
    entry = publish(family, reference.state_dict())
    weights = load_zoo(family, 1)
    assert not weights.model.training
    for name, tensor in reference.state_dict().items():
        assert torch.equal(weights.model.state_dict()[name], tensor), name
    with torch.no_grad():
        assert torch.equal(weights.model(pictures)["x_hat"], reference(pictures)["x_hat"])
    assert weights.sha256.startswith(entry.sha256_prefix)
    assert dataclasses.astuple(weights.card) == (1, 0.0018, "mse", {"source": entry.url})


def test_tables_in_the_file_are_not_rebuilt(publish: Publish, liven: Enlivener) -> None:
    reference = compressai_model("joint", liven)
    reference.update(force=True, update_quantiles=True)
    state = reference.state_dict()
    state["gaussian_conditional._quantized_cdf"][5, 1] += 1  # as a machine that rounds differently would have it
    publish("joint", state)
    loaded = load_zoo("joint", 1).model.state_dict()
    assert torch.equal(loaded["gaussian_conditional._quantized_cdf"], state["gaussian_conditional._quantized_cdf"])


@pytest.mark.parametrize("family", ["factorized", "joint"])
def test_a_checkpoint_without_tables_gets_those_of_compressai(family: str, publish: Publish, liven: Enlivener) -> None:
    reference = compressai_model(family, liven)
    publish(family, reference.state_dict())
    reference.update(force=True)
    loaded = load_zoo(family, 1).model.state_dict()
    for name, tensor in reference.state_dict().items():
        assert torch.equal(loaded[name], tensor), name


def test_the_random_state_is_left_alone(publish: Publish, liven: Enlivener) -> None:
    publish("joint", compressai_model("joint", liven).state_dict())
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    load_zoo("joint", 1)
    assert torch.equal(torch.rand(3), expected)


class Harmful:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self.path).touch, (self.path,)


def test_code_in_a_checkpoint_is_not_run(publish: Publish, tmp_path: Path) -> None:
    entry = publish("joint", {"state_dict": Harmful(tmp_path / "harm")})
    with pytest.raises(UsageError, match="could run code, and is not opened") as caught:
        load_zoo("joint", 1)
    assert entry.file in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "harm").exists()


def test_something_else_under_the_right_hash_is_refused(publish: Publish) -> None:
    publish("joint", torch.zeros(3))
    with pytest.raises(UsageError, match="it contains no named tensors"):
        load_zoo("joint", 1)


def test_another_familys_checkpoint_is_refused_with_its_file(publish: Publish, liven: Enlivener) -> None:
    entry = publish("joint", compressai_model("hyper", liven).state_dict())
    with pytest.raises(UsageError, match=f"{entry.file}: a checkpoint of mbt2018-mean, .* not of joint"):
        load_zoo("joint", 1)


def test_an_absent_and_a_damaged_checkpoint_name_the_command(publish: Publish, liven: Enlivener) -> None:
    entry = publish("joint", compressai_model("joint", liven).state_dict())
    path, _ = checkpoints.require(entry)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MissingError, match="damaged"):
        load_zoo("joint", 1)
    path.unlink()
    with pytest.raises(MissingError, match=entry.fetch_command):
        load_zoo("joint", 1)
