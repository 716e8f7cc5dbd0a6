"""A weights file restores exactly what was saved, everywhere, or says what is wrong with it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING

import fresh
import numpy as np
import pytest
import safetensors.torch
import torch

from bench.learned.families import RGB
from bench.learned.models import build, compact_config
from bench.learned.weights import catalogue, tensor_file
from bench.learned.weights.full import ModelCard, finish, load, save
from bench.system.errors import BenchError, MissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor, nn

    from bench.learned.models import LearnedModel

    Maker = Callable[..., LearnedModel]

CARD = ModelCard(3, 0.0067, "mse", {"steps": 10, "seed": 1, "parents": ["ab" * 32]})

DIGEST_IN_FRESH_PROCESS = """
import dataclasses, hashlib, json, sys
from pathlib import Path
from bench.learned.weights.full import load

weights = load(Path(sys.argv[1]))
digest = hashlib.sha256()
for name, tensor in sorted(weights.model.state_dict().items()):
    digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode() + tensor.numpy().tobytes())
print(digest.hexdigest(), json.dumps(dataclasses.asdict(weights.card), sort_keys=True))
"""


def digest(model: nn.Module) -> str:
    result = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        result.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode() + tensor.numpy().tobytes())
    return result.hexdigest()


@pytest.fixture
def saved(make: Maker, tmp_path: Path) -> Path:
    path = tmp_path / "joint.safetensors"
    save(path, make("joint"), CARD)
    return path


def test_a_fresh_process_restores_every_tensor_and_the_card(make: Maker, saved: Path) -> None:
    restored, card = fresh.printed(DIGEST_IN_FRESH_PROCESS, str(saved)).split(" ", 1)
    assert restored == digest(finish(make("joint")))
    assert json.loads(card) == dataclasses.asdict(CARD)


@pytest.mark.parametrize("family", RGB)
def test_loading_gives_the_finished_model(family: str, make: Maker, tmp_path: Path, pictures: Tensor) -> None:
    model = make(family)
    save(tmp_path / "weights", model, CARD)
    weights = load(tmp_path / "weights", family)
    assert weights.model.config == model.config
    assert weights.card == CARD
    assert weights.sha256 == hashlib.sha256((tmp_path / "weights").read_bytes()).hexdigest()
    assert digest(weights.model) == digest(finish(model))
    assert torch.equal(weights.model(pictures)["x_hat"], finish(model)(pictures)["x_hat"])


@pytest.mark.parametrize("options", [{"kernel": 3}, {"distribution": "laplacian"}, {"mean": False}])
def test_options_are_restored(options: dict[str, object], make: Maker, tmp_path: Path) -> None:
    model = make("joint", **options)
    save(tmp_path / "weights", model, CARD)
    assert load(tmp_path / "weights").model.config == model.config


@pytest.mark.parametrize("family", RGB)
def test_a_finished_model_is_float16_in_value_and_has_the_tables_of_these_values(family: str, make: Maker) -> None:
    finished = finish(make(family).train().to(memory_format=torch.channels_last))
    assert not finished.training
    for name, parameter in finished.named_parameters():
        assert parameter.dtype == torch.float32
        assert name.endswith("quantiles") or torch.equal(parameter, parameter.half().float())
    before = digest(finished)
    finished.update(force=True, update_quantiles=True)
    assert digest(finished) == before


def test_quantiles_are_those_of_the_rounded_density(make: Maker) -> None:
    bottleneck = finish(make("hyper")).entropy_bottleneck
    # The bisection stops at 1e-3, or 1e-4 of the value; the density is some tens of integers wide.
    reached = torch.sigmoid(bottleneck._logits_cumulative(bottleneck.quantiles, stop_gradient=True))
    np.testing.assert_allclose(reached[:, 0, 1].detach().numpy(), 0.5, atol=1e-3)
    assert reached[:, 0, 0].max() < 2e-9
    assert (1 - reached[:, 0, 2]).max() < 2e-7, "float32 near 1"


def test_latents_coded_before_saving_decode_after_loading(make: Maker, saved: Path) -> None:
    before, after = finish(make("joint")).entropy_bottleneck, load(saved).model.entropy_bottleneck
    z = 5 * torch.randn(1, 8, 4, 4, generator=torch.Generator().manual_seed(1))
    assert torch.equal(after.decompress(before.compress(z), z.shape[-2:]), before(z)[0])


def test_saving_leaves_the_model_and_the_random_numbers_as_they_were(make: Maker, tmp_path: Path) -> None:
    model = make("joint")
    before, state = digest(model), torch.get_rng_state()
    save(tmp_path / "weights", model, CARD)
    load(tmp_path / "weights")
    assert digest(model) == before
    assert torch.equal(torch.get_rng_state(), state)


def test_equal_models_make_equal_files(make: Maker, saved: Path, tmp_path: Path) -> None:
    save(tmp_path / "again", make("joint").to(memory_format=torch.channels_last), CARD)
    assert (tmp_path / "again").read_bytes() == saved.read_bytes()


def test_a_restored_model_saves_to_the_same_file(saved: Path, tmp_path: Path) -> None:
    save(tmp_path / "again", load(saved).model, CARD)
    assert (tmp_path / "again").read_bytes() == saved.read_bytes()


@pytest.mark.parametrize("family", RGB)
def test_compact_weights_fit_into_15_megabytes(family: str, tmp_path: Path) -> None:
    save(tmp_path / "weights", build(compact_config(family)), CARD)
    assert (tmp_path / "weights").stat().st_size < 15_000_000


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.05, 0.5, 0.999])
def test_a_file_that_is_cut_off_is_refused(share: float, saved: Path) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[: int(share * len(data))])
    with pytest.raises(UsageError, match="truncated"):
        load(saved)


def test_any_flipped_bit_is_noticed(saved: Path) -> None:
    data = saved.read_bytes()
    positions = np.random.default_rng(5).integers(0, 8 * len(data), 60)
    header_bits = np.arange(0, 8 * 2000, 331)
    for position in (*positions, *header_bits):
        damaged = bytearray(data)
        damaged[position // 8] ^= 1 << (position % 8)
        saved.write_bytes(damaged)
        with pytest.raises(UsageError, match=r"joint\.safetensors") as caught:
            load(saved)
        assert "\n" not in str(caught.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not weights at all")
    with pytest.raises(UsageError, match="not a weights file"):
        load(tmp_path / "text")
    safetensors.torch.save_file({"g_a": torch.zeros(2)}, tmp_path / "foreign")
    with pytest.raises(UsageError, match="without the header"):
        load(tmp_path / "foreign")
    with pytest.raises(MissingError, match="nothing"):
        load(tmp_path / "nothing")
    with pytest.raises(MissingError):
        load(tmp_path)


def test_another_family_is_refused_by_name(saved: Path) -> None:
    with pytest.raises(UsageError, match="'joint', not 'hyper'"):
        load(saved, "hyper")


def test_another_format_is_refused_by_number(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_file, "FORMATS", (5,))
    with pytest.raises(UsageError, match="format 4; this version of bench reads 5"):
        load(saved)


def test_a_header_or_tensors_that_do_not_fit_are_refused(saved: Path, tmp_path: Path) -> None:
    header, tensors = tensor_file.read(saved)
    for change in ({"family": "unheard"}, {"depth": 3}):
        tensor_file.write(tmp_path / "odd", {**header, "config": {**header["config"], **change}}, tensors)
        with pytest.raises(UsageError, match="not a model of this version"):
            load(tmp_path / "odd")
    for change in ({"N": 10}, {"family": "hyper", "M": 16}):
        tensor_file.write(tmp_path / "odd", {**header, "config": {**header["config"], **change}}, tensors)
        with pytest.raises(UsageError, match="do not fit"):
            load(tmp_path / "odd")
    tensors["gaussian_conditional.cdf"] = tensors["gaussian_conditional.cdf"][:-1]
    tensor_file.write(tmp_path / "odd", header, tensors)
    with pytest.raises(UsageError, match="CDFs of"):
        load(tmp_path / "odd")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_a_model_that_diverged_is_not_saved(value: float, make: Maker, tmp_path: Path) -> None:
    model = make("hyper")
    with torch.no_grad():
        model.get_parameter("h_a.0.bias")[2] = value
    with pytest.raises(BenchError, match=r"h_a\.0\.bias"):
        save(tmp_path / "weights", model, CARD)
    assert not (tmp_path / "weights").exists()


def test_the_folder_of_a_training_is_taken_for_its_weights(make: Maker, tmp_path: Path) -> None:
    save(tmp_path / catalogue.TRAINED, make("joint"), ModelCard(3, 0.0067, "mse"))
    save(tmp_path / "hyper-5.safetensors", make("hyper"), ModelCard(5, 0.025, "mse"))  # a base beside it, say
    assert catalogue.find(str(tmp_path), "joint", 3) == tmp_path / catalogue.TRAINED
    assert catalogue.qualities(str(tmp_path), "hyper") == (5,)
    assert catalogue.qualities(str(tmp_path), "scale") == ()
    (tmp_path / catalogue.TRAINED).write_bytes(b"no weights")
    with pytest.raises(UsageError, match=f"{catalogue.TRAINED}: not a weights file"):
        catalogue.find(str(tmp_path), "joint", 3)


def test_the_header_is_readable_without_this_package(saved: Path) -> None:
    with safetensors.safe_open(saved, framework="np") as file:
        header = json.loads(file.metadata()["bench"])
    assert header["config"]["family"] == "joint"
    assert header["card"]["lmbda"] == 0.0067
