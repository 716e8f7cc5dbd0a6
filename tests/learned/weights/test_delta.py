"""A part of a model's weights gives the whole model, with its own base alone, or says what is wrong."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from typing import TYPE_CHECKING, Any

import fresh
import numpy as np
import pytest
import torch

from bench.codecs.registry import codec_class
from bench.images.picture import Picture
from bench.learned.models import Gained, Rectified, Rectifier, share
from bench.learned.weights import catalogue, delta, packing, tensor_file
from bench.learned.weights.full import ModelCard, finish, load, save
from bench.learned.weights.packing import WeightBits, round_weights
from bench.learned.weights.rectified import load_rectified, save_rectified
from bench.system.errors import MissingError, UsageError
from bench.system.files import fingerprint, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.learned.models import LearnedModel

    Maker = Callable[..., LearnedModel]

CARD = ModelCard(3, 0.0067, "mse", {"steps": 10})

DECODE = """
import hashlib, sys
from pathlib import Path
from bench.codecs.registry import codec_class

codec = codec_class("joint+qr")(3, weights=sys.argv[1])
print(hashlib.sha256(codec.decode(Path(sys.argv[2]).read_bytes()).pixels.tobytes()).hexdigest())
"""


def path_of(folder: Path, model: str) -> Path:
    return folder / f"{model}-3.safetensors"


def as_part(path: Path, base: Path) -> None:
    delta.replace(path, *delta.read(path), base)


def equal(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in ours.items())


@pytest.fixture
def whole(make: Maker, tmp_path: Path) -> Path:
    """A folder of whole models that share their transforms, and of a decoder for one."""
    folder = tmp_path / "whole"
    hyper = make("hyper")
    save(path_of(folder, "hyper"), hyper, CARD)
    for family in ("joint", "factorized"):
        model = make(family)
        share(hyper, model, ("g_a", "g_s"))
        save(path_of(folder, family), model, CARD)
    decoder = Rectified(load(path_of(folder, "joint")).model, Rectifier(12, 16))
    with torch.no_grad():
        for parameter in (*decoder.rectifier.parameters(), *decoder.codec.g_s.parameters()):
            parameter.add_(torch.randn(parameter.shape), alpha=0.02)
    save_rectified(path_of(folder, "joint+qr"), decoder, CARD, path_of(folder, "joint"))
    return folder


@pytest.fixture
def parts(whole: Path, tmp_path: Path) -> Path:
    """The same models, joint and factorized as parts of hyper: joint+qr is a part of a part."""
    folder = shutil.copytree(whole, tmp_path / "parts")
    for family in ("joint", "factorized"):
        as_part(path_of(folder, family), path_of(folder, "hyper"))
    return folder


def test_parts_restore_what_whole_files_do(whole: Path, parts: Path) -> None:
    for family in ("hyper", "joint", "factorized"):
        before, after = (load(path_of(folder, family), family) for folder in (whole, parts))
        assert equal(before.model.state_dict(), after.model.state_dict())
        assert before.card == after.card
        assert after.sha256 == hashlib.sha256(path_of(parts, family).read_bytes()).hexdigest()
        assert equal(tensor_file.read(path_of(whole, family))[1], delta.read(path_of(parts, family))[1])
    old, new = (load_rectified(path_of(folder, "joint+qr")) for folder in (whole, parts))
    assert equal(old.model.state_dict(), new.model.state_dict())
    assert sha256_of(new.base) == load(path_of(parts, "joint")).sha256 != sha256_of(old.base)


def test_a_part_holds_what_differs_and_names_its_base(parts: Path) -> None:
    for family, own in (("factorized", {"entropy_bottleneck"}), ("joint+qr", {"g_s", "rectifier"})):
        header, held = tensor_file.read(path_of(parts, family))
        assert {name.partition(".")[0] for name in held} == own
        assert held.keys().isdisjoint(header["base"]["taken"])
    assert catalogue.bases(path_of(parts, "joint+qr")) == (path_of(parts, "joint"), path_of(parts, "hyper"))
    assert catalogue.bases(path_of(parts, "hyper")) == ()


def test_a_model_with_another_encoder_stays_whole(whole: Path) -> None:
    header, tensors = tensor_file.read(path_of(whole, "hyper"))
    tensors["g_a.0.weight"] = tensors["g_a.0.weight"] + 1
    other = whole / "other-3.safetensors"
    delta.write(other, header, tensors, path_of(whole, "hyper"))
    assert tensor_file.read(other)[1].keys() == tensors.keys()
    assert catalogue.bases(other) == ()


def test_a_fresh_process_decodes_with_a_part_of_a_part(whole: Path, parts: Path, tmp_path: Path) -> None:
    codec = codec_class("joint+qr")(3, weights=str(parts))
    pixels = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    file = tmp_path / "picture"
    file.write_bytes(codec.encode(Picture(pixels)))
    answer = fresh.printed(DECODE, str(parts), str(file)).strip()
    before = codec_class("joint+qr")(3, weights=str(whole))
    decoded = before.decode(before.encode(Picture(pixels)))
    assert answer == hashlib.sha256(decoded.pixels.tobytes()).hexdigest()


def test_a_file_anywhere_in_the_chain_that_was_changed_is_refused(parts: Path) -> None:
    hyper = path_of(parts, "hyper")
    header, tensors = tensor_file.read(hyper)
    tensor_file.write(hyper, header, {**tensors, "g_s.0.bias": tensors["g_s.0.bias"] + 1})
    for name in ("joint", "factorized"):
        with pytest.raises(UsageError, match=rf"{name}-3.* needs a hyper-3\.safetensors with SHA-256") as caught:
            load(path_of(parts, name))
        assert "\n" not in str(caught.value)
        assert "needs a hyper-3" in str(codec_class(name).missing(weights=str(parts)))
    with pytest.raises(UsageError, match=r"joint-3.* needs a hyper-3"):
        load_rectified(path_of(parts, "joint+qr"))
    assert codec_class("hyper").missing(weights=str(parts)) is None


def test_a_flipped_bit_of_a_part_is_noticed(parts: Path) -> None:
    path = path_of(parts, "factorized")
    data = path.read_bytes()
    for position in np.random.default_rng(3).integers(0, 8 * len(data), 30):
        damaged = bytearray(data)
        damaged[position // 8] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        with pytest.raises(UsageError, match="factorized-3"):
            load(path)


def test_a_base_that_is_missing_is_named(parts: Path) -> None:
    path_of(parts, "hyper").unlink()
    with pytest.raises(
        MissingError, match=r"joint-3.* needs hyper-3\.safetensors \(SHA-256 [0-9a-f]{12}…\) in the same folder"
    ):
        load(path_of(parts, "joint"))
    assert "needs hyper-3.safetensors" in str(codec_class("joint+qr").missing(weights=str(parts)))


def rename_base(path: Path, **changes: Any) -> None:  # noqa: ANN401 - anything in a header
    header, tensors = tensor_file.read(path)
    tensor_file.write(path, {**header, "base": {**header.get("base", {}), **changes}}, tensors)


def test_a_file_that_is_a_part_of_itself_is_refused(parts: Path) -> None:
    hyper = path_of(parts, "hyper")
    rename_base(hyper, file="joint-3.safetensors", sha256=fingerprint(path_of(parts, "joint")))
    rename_base(path_of(parts, "joint"), sha256=fingerprint(hyper))
    with pytest.raises(UsageError, match=r"hyper-3\.\w+ names joint-3\.safetensors as its base, which depends on it"):
        load(path_of(parts, "joint"))


def test_a_chain_without_an_end_in_sight_is_refused(parts: Path) -> None:
    names = ["hyper", *(f"copy{number}" for number in range(catalogue.DEEPEST + 1))]
    for base, name in itertools.pairwise(names):
        header, tensors = delta.read(path_of(parts, "hyper"))
        delta.write(path_of(parts, name), header, tensors, path_of(parts, base))
    assert len(catalogue.bases(path_of(parts, names[-2]))) == catalogue.DEEPEST
    assert load(path_of(parts, names[-2])).card == CARD
    with pytest.raises(UsageError, match=f"{names[-1]}-3.*: a chain of more than {catalogue.DEEPEST} bases"):
        load(path_of(parts, names[-1]))


def test_a_tensor_that_the_base_lacks_is_named(parts: Path) -> None:
    header, _ = tensor_file.read(path_of(parts, "joint"))
    rename_base(path_of(parts, "joint"), taken=[*header["base"]["taken"], "g_a.99.bias"])
    with pytest.raises(UsageError, match=r"'g_a\.99\.bias' is not in its base hyper-3"):
        load(path_of(parts, "joint"))


@pytest.fixture
def gained(make: Maker, tmp_path: Path) -> tuple[Path, Path]:
    """The files of two lambdas of one joint model; the second is a part of the first."""
    model, (low, high) = (
        Gained(make("joint"), (0.0067, 0.025), 0.025),
        (tmp_path / f"joint-{q}.safetensors" for q in (3, 5)),
    )
    with torch.no_grad():
        model.gain += 0.2 * torch.randn(model.gain.shape, generator=torch.Generator().manual_seed(1))
    save(high, model.plain(1), CARD)
    save(low, model.beside(load(high).model, 1, 0), CARD)
    return high, low


def test_another_lambda_of_one_training_is_stored_as_factors(gained: tuple[Path, Path], pictures: torch.Tensor) -> None:
    high, low = gained
    whole, size = load(low).model, low.stat().st_size
    delta.write(low, *delta.read(low), high)
    header, held = tensor_file.read(low)
    assert header["base"]["scaled"] == {
        "g_a.6.weight": 0,
        "g_s.0.weight": 0,
        "h_a.0.weight": 1,
        "context_prediction.weight": 1,
        "entropy_parameters.4.weight": 0,
    }
    assert held["g_a.6.weight"].shape == (12,)
    assert low.stat().st_size < size / 2
    assert equal(load(low).model.state_dict(), whole.state_dict())
    ours, theirs = (model(pictures, "round")["x_hat"] for model in (load(low).model, load(high).model))
    assert not torch.equal(ours, theirs)


def test_what_is_fitted_to_a_model_of_factors_is_a_part_of_it(gained: tuple[Path, Path], tmp_path: Path) -> None:
    high, low = gained
    delta.write(low, *delta.read(low), high)
    header, tensors = delta.read(low)
    fitted = tmp_path / "fitted.safetensors"
    delta.write(fitted, header, {**tensors, "h_s.0.bias": tensors["h_s.0.bias"] + 1}, low)
    assert tensor_file.read(fitted)[1].keys() == {"h_s.0.bias"}
    assert delta.alike(fitted, low, ("g_a", "g_s"))
    assert not delta.alike(fitted, high, ("g_a", "g_s"))
    decoder = tmp_path / "joint+ft-3.safetensors"
    codec = load(low).model
    with torch.no_grad():
        codec.g_s[0].weight.mul_(1.5)  # type: ignore[index, union-attr]
    save_rectified(decoder, Rectified(codec, torch.nn.Identity()), CARD, low)
    assert torch.equal(load_rectified(decoder).model.codec.g_s[0].weight, codec.g_s[0].weight.half().float())  # type: ignore[index, union-attr]


def test_a_model_stored_as_factors_is_alike_to_its_full_weights(gained: tuple[Path, Path], tmp_path: Path) -> None:
    high, low = gained
    full = tmp_path / "full.safetensors"
    shutil.copy(low, full)
    delta.write(low, *delta.read(low), high)
    assert "scaled" in tensor_file.read_header(low)["base"]
    assert delta.alike(low, full)
    assert not delta.alike(high, full)


def test_factors_that_do_not_fit_their_base_are_one_clear_line(gained: tuple[Path, Path]) -> None:
    high, low = gained
    delta.write(low, *delta.read(low), high)
    header, held = tensor_file.read(low)
    tensor_file.write(low, header, {**held, "g_a.6.weight": held["g_a.6.weight"][1:]})
    with pytest.raises(UsageError, match=r"joint-3.*its tensors do not fit its base joint-5"):
        load(low)


@pytest.fixture
def tuned(make: Maker, tmp_path: Path) -> Path:
    """A decoder whose synthesis is that of its base after small steps, with weights of few bits."""
    model = make("joint")
    names = [name for name, value in model.named_parameters() if value.dim() == 4]
    round_weights(model, names, WeightBits(11, 10))
    save(tmp_path / "joint-3.safetensors", model, CARD)
    codec = load(tmp_path / "joint-3.safetensors").model
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in codec.g_s.parameters():
            parameter.add_(1e-3 * torch.randn(parameter.shape, generator=generator) * parameter.abs().max())
    round_weights(codec, names, WeightBits(11, 10))
    decoder = tmp_path / "joint+ft-3.safetensors"
    save_rectified(decoder, Rectified(codec, torch.nn.Identity()), CARD, tmp_path / "joint-3.safetensors")
    assert equal(load_rectified(decoder).model.codec.g_s.state_dict(), finish(codec).g_s.state_dict())
    return decoder


def test_a_tuned_synthesis_is_stored_as_its_difference(tuned: Path) -> None:
    header, held = tensor_file.read(tuned)
    convolutions = {name for name, value in held.items() if value.dim() == 4}
    assert set(header["base"]["added"]) == convolutions == {f"g_s.{layer}.weight" for layer in (0, 2, 4, 6)}
    theirs, ours = (delta.read(path)[1] for path in (tuned.with_name("joint-3.safetensors"), tuned))
    for name in convolutions:
        assert torch.equal(theirs[name] + held[name], ours[name])
        assert packing.num_bytes(held[name]) < 0.7 * packing.num_bytes(ours[name])


def test_differences_that_do_not_fit_their_base_are_one_clear_line(tuned: Path) -> None:
    header, held = tensor_file.read(tuned)
    for change in ({"g_s.0.weight": held["g_s.0.weight"][1:]}, {"g_s.0.weight": held["g_s.0.weight"].float()}):
        tensor_file.write(tuned, header, {**held, **change})
        with pytest.raises(UsageError, match=r"joint\+ft-3.*its tensors do not fit its base joint-3"):
            load_rectified(tuned)
    tensor_file.write(tuned, header, {name: value for name, value in held.items() if name != "g_s.0.weight"})
    with pytest.raises(UsageError, match=r"joint\+ft-3.*its tensors do not fit its base joint-3"):
        load_rectified(tuned)


def test_a_decoder_is_no_whole_model_nor_the_reverse(parts: Path) -> None:
    with pytest.raises(UsageError, match=r"a decoder's weights \(\+qr\)"):
        load(path_of(parts, "joint+qr"))
    with pytest.raises(UsageError, match="not those of a decoder"):
        load_rectified(path_of(parts, "joint"))


def test_what_replaces_a_base_leaves_its_parts_as_they_were(whole: Path, parts: Path) -> None:
    hyper = path_of(parts, "hyper")
    header, tensors = tensor_file.read(hyper)
    refitted = {**tensors, "h_a.0.bias": tensors["h_a.0.bias"] + 1}
    delta.replace(hyper, header, refitted)
    assert catalogue.bases(path_of(parts, "joint")) == (hyper,)
    retrained = {**refitted, "g_a.0.bias": tensors["g_a.0.bias"] + 1}
    for replacement in (refitted, retrained):
        delta.replace(hyper, header, replacement)
        for family in ("joint", "factorized"):
            assert equal(*(load(path_of(folder, family)).model.state_dict() for folder in (whole, parts)))
        assert equal(*(load_rectified(path_of(folder, "joint+qr")).model.state_dict() for folder in (whole, parts)))
    assert catalogue.bases(path_of(parts, "joint")) == ()


def test_a_damaged_neighbour_keeps_nobody_from_being_replaced(parts: Path) -> None:
    factorized = path_of(parts, "factorized")
    factorized.write_bytes(factorized.read_bytes()[:-1])
    header, tensors = tensor_file.read(path_of(parts, "hyper"))
    delta.replace(path_of(parts, "hyper"), header, {**tensors, "h_a.0.bias": tensors["h_a.0.bias"] + 1})
    assert load(path_of(parts, "joint")).card == CARD
    with pytest.raises(UsageError, match="factorized-3"):
        load(factorized)


def test_a_decoder_does_not_follow_a_base_that_was_trained_anew(whole: Path) -> None:
    header, tensors = tensor_file.read(path_of(whole, "joint"))
    delta.replace(path_of(whole, "joint"), header, {**tensors, "h_a.0.bias": tensors["h_a.0.bias"] + 1})
    with pytest.raises(UsageError, match=r"needs a joint-3.*train \+qr on this one"):
        load_rectified(path_of(whole, "joint+qr"))


def test_a_part_that_does_not_say_what_it_takes_is_refused(whole: Path) -> None:
    path = path_of(whole, "joint+qr")
    header, held = tensor_file.read(path)
    del header["base"]["taken"]
    tensor_file.write(path, header, held)
    with pytest.raises(UsageError, match=r"joint\+qr-3.*does not list the tensors taken from joint-3.*train it again"):
        load_rectified(path)


def test_an_entropy_model_in_integers_is_no_whole_model() -> None:
    with pytest.raises(UsageError, match="integer entropy model, not of a whole model"):
        load(catalogue.COMPACT / "joint-int-3.safetensors")
