"""Weights files with right checksums and hostile content: one clear line, before memory is taken."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.learned.models import ModelConfig, Rectified, Rectifier, build
from bench.learned.weights import tensor_file
from bench.learned.weights.full import ModelCard, load, save
from bench.learned.weights.rectified import load_rectified, save_rectified
from bench.learned.weights.tensor_file import parse_header
from bench.system.errors import BenchError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    Content = tuple[dict[str, Any], dict[str, Tensor]]

CARD = ModelCard(3, 0.0067, "mse", {"steps": 1})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A joint model of a few channels and a rectified decoder of it."""
    folder, model = tmp_path_factory.mktemp("weights"), build(ModelConfig("joint", 4, 6))
    save(folder / "joint-3.safetensors", model, CARD)
    base = load(folder / "joint-3.safetensors")
    decoder = Rectified(base.model, Rectifier(6, 8))
    save_rectified(folder / "joint+qr-3.safetensors", decoder, CARD, folder / "joint-3.safetensors")
    return folder


@pytest.fixture(scope="module")
def joint(folder: Path) -> Content:
    return tensor_file.read(folder / "joint-3.safetensors")


def put(place: int, value: float) -> Callable[[Tensor], Tensor]:
    def changed(tensor: Tensor) -> Tensor:
        tensor.view(-1)[place] = value
        return tensor

    return changed


def swapped(lengths: Tensor) -> Tensor:
    """Lengths of the same sum, one of which is 1."""
    lengths[1] += lengths[0] - 1
    lengths[0] = 1
    return lengths


TABLES = {
    "lengths of gigabytes": ("entropy_bottleneck.cdf_length", put(0, 2**31 - 1), "shapes are inconsistent"),
    "lengths that fit": ("entropy_bottleneck.cdf_length", swapped, "length is out of range"),
    "lengths in floats": ("entropy_bottleneck.cdf_length", torch.Tensor.float, "not lists of 32-bit integers"),
    "lengths in a matrix": ("gaussian_conditional.cdf_length", lambda t: t[None], "not lists of 32-bit integers"),
    "a first integer beyond": ("gaussian_conditional.offset", put(3, -(2**31)), "offset is out of range"),
    "a falling table": ("gaussian_conditional.cdf", put(1, 65535), "do not increase from 0 to the total"),
    "a table that begins late": ("gaussian_conditional.cdf", put(0, 1), "do not increase from 0 to the total"),
    "a table that ends late": ("entropy_bottleneck.cdf", put(-1, 65537), "do not increase from 0 to the total"),
    "scales that fall": ("gaussian_conditional.scale_table", put(5, 1e-3), "increasing positive scales"),
    "a scale that is none": ("gaussian_conditional.scale_table", put(5, float("nan")), "is not finite"),
    "a median that is none": ("entropy_bottleneck.quantiles", put(1, float("inf")), "is not finite"),
    "a median beyond": ("entropy_bottleneck.quantiles", put(1, 3e7), "quantile is out of range"),
    "medians of others": ("entropy_bottleneck.quantiles", lambda t: t[:2], "do not match its channels"),
    "a weight that is none": ("g_a.0.weight", put(0, float("nan")), r"'g_a\.0\.weight' is not finite"),
}


@pytest.mark.parametrize("case", TABLES, ids=str)
def test_hostile_tables_are_refused_by_what_is_wrong(case: str, joint: Content, tmp_path: Path) -> None:
    name, change, message = TABLES[case]
    header, tensors = joint
    tensor_file.write(tmp_path / "x.safetensors", header, {**tensors, name: change(tensors[name].clone())})
    with pytest.raises(UsageError, match=message):
        load(tmp_path / "x.safetensors")


HEADERS = {
    "widths of gigabytes": ("config", "N", 10**6, "both must be from 1 to 1024"),
    "widths of another model": ("config", "M", 1024, "belong to a larger model"),
    "widths in text": ("config", "N", "4", "N is '4', not of type int"),
    "widths in halves": ("config", "M", 6.5, "M is 6.5, not of type int"),
    "a list of a family": ("config", "family", ["joint"], "'config.family' is list, not str"),
    "truth as a quality": ("card", "quality", True, "'card.quality' is bool, not int"),
    "a quality of no byte": ("card", "quality", 256, "quality 256 is not from 0 to 255"),
    "a lambda in text": ("card", "lmbda", "0.01", "'card.lmbda' is str, not a number"),
}


@pytest.mark.parametrize("case", HEADERS, ids=str)
def test_hostile_headers_are_refused_by_what_is_wrong(case: str, joint: Content, tmp_path: Path) -> None:
    part, field, value, message = HEADERS[case]
    header, tensors = joint
    tensor_file.write(tmp_path / "x.safetensors", {**header, part: {**header[part], field: value}}, tensors)
    with pytest.raises(UsageError, match=message):
        load(tmp_path / "x.safetensors")


@pytest.mark.parametrize("text", ["[]", '{"a": NaN}', '{"a": 1e999}', "[" * 100_000, '{"base": {"taken": [1]}}', "x"])
def test_what_is_no_header_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        parse_header(text)


def test_a_rectifier_of_gigabytes_is_refused(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "joint+qr-3.safetensors"
    header, tensors = tensor_file.read(path)
    tensor_file.write(path, {**header, "rectifier": {"width": 10**6}}, tensors)
    with pytest.raises(UsageError, match="a rectifier of width 1000000; at most 1024"):
        load_rectified(path)


JUNK = (None, True, -1, 0, 2, 2**31, 2**40, 1e308, 0.5, "", "x", [], [1], {}, {"a": 1})
NUMBERS = (0, 1, -1, 2, 127, 65535, 65536, 2**24, 2**31 - 1, -(2**31), float("nan"), float("inf"), 1e-8)
DTYPES = (torch.float16, torch.float32, torch.int32, torch.int8)


def mutated(content: Content, choose: Callable[[Any], Any]) -> Content:
    """Header and tensors, one of which has another type, size or value somewhere."""
    header, tensors = copy.deepcopy(content[0]), dict(content[1])
    if choose((True, False)):
        owner = header
        while isinstance(owner[name := choose(sorted(owner))], dict) and owner[name] and choose((True, False)):
            owner = owner[name]
        owner[name] = choose(JUNK)
        return header, tensors
    name = choose(sorted(tensors))
    value = tensors[name].clone()
    changes: dict[str, Callable[[], Tensor]] = {
        "type": lambda: value.to(choose(DTYPES)),
        "cut": lambda: value[: choose(range(len(value)))].contiguous() if value.dim() else value,
        "shape": lambda: value[None],
        "other": tensors[choose(sorted(tensors))].clone,
        "value": lambda: torch.from_numpy(_with(value.numpy(), choose)),
    }
    tensors[name] = changes[choose(sorted(changes))]()
    return header, tensors


def _with(array: np.ndarray, choose: Callable[[Any], Any]) -> np.ndarray:
    with np.errstate(all="ignore"):
        number = np.array(choose(NUMBERS), np.float64).astype(array.dtype)
    array.reshape(-1)[choose(range(array.size))] = number
    return array


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(data=st.data(), name=st.sampled_from(["joint-3", "joint+qr-3"]))
def test_whatever_a_file_holds_it_is_loaded_or_refused_in_one_line(
    data: st.DataObject, name: str, folder: Path, tmp_path: Path
) -> None:
    base = folder / "joint-3.safetensors"
    (tmp_path / base.name).write_bytes(base.read_bytes())
    path = tmp_path / f"{name}.safetensors"
    content = mutated(tensor_file.read(folder / path.name), lambda values: data.draw(st.sampled_from(values)))
    tensor_file.write(path, *content)
    try:
        (load if name == "joint-3" else load_rectified)(path)
    except BenchError as error:
        reason = str(error)
    else:
        reason = path.name
    assert path.name in reason
    assert "\n" not in reason
