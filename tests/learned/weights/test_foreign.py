"""Checkpoints as CompressAI's own classes write them, and what training scripts make of these."""

from __future__ import annotations

import argparse
import copy
import functools
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import safetensors.torch
import torch
from click.testing import CliRunner
from compressai.registry import MODELS
from PIL import Image

from bench.cli.main import main
from bench.codecs.registry import codec_class
from bench.images.picture import Picture
from bench.learned.architectures import ALIASES, FURTHER
from bench.learned.models import ModelConfig, build
from bench.learned.weights import recognition
from bench.learned.weights.foreign import export_checkpoint, load_checkpoint
from bench.learned.weights.full import ModelCard, save
from bench.results.export import read_results
from bench.results.store import Store
from bench.system.errors import DecodeError, MissingError, UsageError
from bench.system.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor, nn

    Liven = Callable[[nn.Module], None]

MADE = (((8, 12), "", True), ((12, 16), "module.", False))
"""Widths, what is in front of the names, and whether the tables are there."""

HEADER_BYTES = 22
NARROW = {"cheng2020-attn", "cheng2020-anchor", "cheng2020-anchor-checkerboard"}
"""Architectures with one width."""


def theirs(architecture: str, liven: Liven, widths: tuple[int, int] = (8, 12), *, tables: bool = True) -> Any:  # noqa: ANN401
    """CompressAI's own model with random weights, its latents loud enough to matter; a copy for each test."""
    return copy.deepcopy(_theirs(architecture, liven, widths, tables))


@functools.cache  # to build the tables takes longer than most tests
def _theirs(architecture: str, liven: Liven, widths: tuple[int, int], tables: bool) -> Any:  # noqa: ANN401
    torch.manual_seed(3)
    given = widths[:1] if architecture in NARROW else widths
    options = {"vr_entbttlnck": True} if architecture in {"bmshj2018-hyperprior-vbr", "mbt2018-mean-vbr"} else {}
    model = MODELS[architecture](*given, **options)
    liven(model)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("quantiles"):
                value.copy_(torch.tensor([-90.0, 0.0, 90.0]))
            elif name.startswith("latent_codec.y.") and value.dim() == 4:
                value.mul_(0.2)  # ELIC's groups would amplify each other: CompressAI's coder never ends beyond 2^27
    if tables:
        model.update(force=True)
    return model.eval()


@dataclass(frozen=True)
class Case:
    """What a test of a checkpoint needs."""

    liven: Liven
    picture: Picture
    folder: Path

    def written(self, content: object, name: str = "checkpoint.pth.tar") -> Path:
        torch.save(content, self.folder / name)
        return self.folder / name


@pytest.fixture
def case(liven: Liven, picture: Picture, tmp_path: Path) -> Case:
    return Case(liven, picture, tmp_path)


def prefixed(prefix: str, model: Any) -> dict[str, Tensor]:  # noqa: ANN401
    return {f"{prefix}{name}": value for name, value in model.state_dict().items()}


@pytest.fixture
def picture(pictures: Tensor) -> Picture:
    """64 x 64 pixels: whole latents, which need no padding."""
    return Picture((pictures[0, :, :, :64].permute(1, 2, 0) * 255).round().byte().numpy().copy())


def decompressed(model: Any, picture: Picture, **given: Any) -> tuple[int, np.ndarray[Any, Any]]:  # noqa: ANN401
    """The bytes of CompressAI's strings, and its own decoded picture."""
    x = torch.tensor(picture.pixels).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        out = model.compress(x, **given)
        x_hat = model.decompress(out["strings"], out["shape"], **given)["x_hat"]
    pixels = (x_hat[0].permute(1, 2, 0) * 255).round().byte().numpy()
    return sum(len(string) for strings in out["strings"] for string in strings), pixels


def coded(codec: str, path: Path, picture: Picture, quality: float = 1) -> tuple[int, np.ndarray[Any, Any]]:
    """The bytes of our file, and the picture that a second codec object decodes."""
    one, other = (codec_class(codec)(quality, weights=str(path)) for _ in range(2))
    data = one.encode(picture)
    return len(data), other.decode(data).pixels


@pytest.mark.parametrize(("widths", "prefix", "tables"), MADE, ids=["updated", "as trained, DataParallel"])
@pytest.mark.parametrize("architecture", ALIASES)
def test_a_checkpoint_of_a_family_is_coded_as_compressai_codes_it(
    case: Case, architecture: str, widths: tuple[int, int], prefix: str, tables: bool
) -> None:
    model = theirs(architecture, case.liven, widths, tables=tables)
    path = case.written({"epoch": 3, "state_dict": prefixed(prefix, model), "optimizer": {"lr": 1e-4}})
    width, latents = (widths[0], widths[0]) if architecture in NARROW else widths
    expected = recognition.RecognizedModel(ALIASES[architecture], width, latents, "state_dict", tables)
    assert recognition.identify(path) == expected
    model.update()
    loaded = load_checkpoint(path, ALIASES[architecture]).model.state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(loaded[name], value), name
    num_bytes, pixels = decompressed(model, case.picture)
    size, found = coded(architecture, path, case.picture)
    # Floats on either side of a half are one level apart.
    assert np.abs(found.astype(int) - pixels).max() <= 1
    assert (found == pixels).mean() > 0.999
    # One range-coded stream and a header in the place of two strings, whose coder spends more on rare symbols.
    assert 0.8 * num_bytes < size <= num_bytes + HEADER_BYTES


@pytest.mark.parametrize(("widths", "prefix", "tables"), MADE, ids=["updated", "as trained, DataParallel"])
@pytest.mark.parametrize(
    "architecture",
    [pytest.param(name, marks=[pytest.mark.slow] if name.startswith("elic") else []) for name in FURTHER],
)
def test_a_checkpoint_of_another_architecture_is_coded_by_compressai(
    case: Case, architecture: str, widths: tuple[int, int], prefix: str, tables: bool
) -> None:
    if architecture.startswith("elic"):
        widths = (widths[0], 128 + widths[1])  # its first four groups of channels have 128
    model = theirs(architecture, case.liven, widths, tables=tables)
    path = case.written({"state_dict": prefixed(prefix, model)})
    model.update()
    given: dict[str, Any] = {}
    if FURTHER[architecture].is_variable:
        given = {"s": 5}
        if hasattr(model, "gayn2zqstep"):
            model.update(force=True, scale=model.Gain[5])
    num_bytes, pixels = decompressed(model, case.picture, **given)
    size, found = coded(architecture, path, case.picture, quality=6 if given else 1)
    assert np.array_equal(found, pixels)
    assert 0 < size - num_bytes <= (90 if "latent_codec.hyper.h_a.0.weight" in model.state_dict() else 40), (
        size,
        num_bytes,
    )


def test_without_weights_it_says_what_it_needs() -> None:
    for name in FURTHER:
        assert "--weights my.pth.tar" in (codec_class(name).missing() or "")
    with pytest.raises(MissingError, match="weights of your own"):
        codec_class("cheng2020-anchor")(1)


LAYOUTS: dict[str, Callable[[dict[str, Tensor]], object]] = {
    "a state_dict": lambda state: state,
    "CompressAI's script": lambda state: {"epoch": 1, "state_dict": state, "loss": torch.tensor(1.0)},
    "options and numbers of NumPy": lambda state: {
        "state_dict": state,
        "args": argparse.Namespace(lmbda=0.01),
        "best": np.float64(1.5),
    },
    "Lightning": lambda state: {
        "pytorch-lightning_version": "2.4",
        "state_dict": {**{f"model.{n}": v for n, v in state.items()}, "criterion.lpips.weight": torch.zeros(3)},
        "hyper_parameters": {"lr": 1e-4},
    },
    "compiled": lambda state: {"model": {f"_orig_mod.{n}": v for n, v in state.items()}},
    "an average": lambda state: {"n_averaged": torch.tensor(3), **{f"module.{n}": v for n, v in state.items()}},
    "wrapped twice": lambda state: {"network": {f"net.module.{n}": v for n, v in state.items()}},
    "of 2021": lambda state: {
        re.sub(r"entropy_bottleneck\.(biase|matrice|factor)s\.", r"entropy_bottleneck._\1s.", n): v
        for n, v in state.items()
    },
    "in half precision": lambda state: {n: v.half() if v.is_floating_point() else v for n, v in state.items()},
    "under names of one's own": lambda state: {
        "critic": {"net.0.weight": torch.zeros(3)},
        "generator": {f"codec.{n}": v for n, v in state.items()},
    },
    "without constants": lambda state: {n: v for n, v in state.items() if not n.endswith((".bound", ".target"))},
    "without tables' names": lambda state: {n: v for n, v in state.items() if not n.endswith(recognition.CDF_BUFFERS)},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_training_scripts_are_read(case: Case, layout: str) -> None:
    model = theirs("mbt2018-mean", case.liven, tables=False)
    path = case.written(LAYOUTS[layout](model.state_dict()), "some.ckpt")
    loaded = load_checkpoint(path, "hyper").model
    expected = model.half().float() if layout == "in half precision" else model
    expected.update(force=True)
    for name, value in expected.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_averaged_weights_are_taken_and_said(case: Case) -> None:
    model, average = (theirs("bmshj2018-factorized", case.liven, tables=False) for _ in range(2))
    with torch.no_grad():
        average.g_a[0].weight.mul_(2)
    path = case.written({"state_dict": model.state_dict(), "ema": {"module": average.state_dict()}})
    loaded = load_checkpoint(path, "factorized").model
    assert torch.equal(loaded.g_a[0].weight, average.g_a[0].weight)  # type: ignore[index]
    assert str(recognition.identify(path)) == "bmshj2018-factorized, N=8, M=12, ema.module, CDFs built by bench"


def test_safetensors_are_read(case: Case) -> None:
    model = theirs("bmshj2018-hyperprior", case.liven)
    path = case.folder / "mine-q3.safetensors"
    safetensors.torch.save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)
    assert str(recognition.identify(path)) == "bmshj2018-hyperprior, N=8, M=12"
    codec = codec_class("bmshj2018-hyperprior")
    assert codec.points(weights=str(path)) == (3,)


class Opens:
    """What a pickle can do that is more than tensors."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run",))


def test_a_pickle_that_would_run_code_is_refused_and_not_run(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    path = case.written({"state_dict": {"g_a.0.weight": torch.zeros(1)}, "more": Opens()})
    with pytest.raises(UsageError, match=r"checkpoint\.pth\.tar: contains an object of .*print.* could run code"):
        recognition.identify(path)
    assert not capsys.readouterr().out
    whole = case.written(theirs("bmshj2018-factorized", case.liven))
    with pytest.raises(
        UsageError, match=r"object of compressai\.models\.google\.FactorizedPrior .*save only .*state_dict\(\)"
    ):
        recognition.identify(whole)


def test_a_checkpoint_with_a_flipped_bit_is_refused(case: Case) -> None:
    state = theirs("bmshj2018-factorized", case.liven).state_dict()
    path = case.written(state)
    data = bytearray(path.read_bytes())
    data[data.index(state["g_s.0.weight"].numpy().tobytes()[:16]) + 2] ^= 1
    path.write_bytes(data)
    message = r"damaged, the checksum of \S+/data/\d+ does not match; copy or save it again$"
    with pytest.raises(UsageError, match=message):
        load_checkpoint(path, "factorized")


@pytest.mark.parametrize("keep", [0, 10, 1000, 5000])
def test_a_file_that_is_cut_off_is_refused(case: Case, keep: int) -> None:
    path = case.written(theirs("bmshj2018-factorized", case.liven).state_dict())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UsageError, match=r"not a PyTorch checkpoint, or truncated") as caught:
        recognition.identify(path)
    assert "\n" not in str(caught.value)


def changed(state: dict[str, Tensor], **changes: Tensor | None) -> dict[str, Tensor]:
    return {name: value for name, value in {**state, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"h_a.4.bias": None}, r"nearest to mbt2018 \(N=8, M=12\), but it has no h_a\.4\.bias \(8,\)"),
        ({"h_s.4.weight": torch.zeros(20, 18, 3, 3)}, r"its h_s\.4\.weight is \(20, 18, 3, 3\), not \(24, 18, 3, 3\)"),
        ({"lrp.weight": torch.zeros(4, 2)}, r"nearest to mbt2018 .* it has a lrp\.weight \(4, 2\) in addition"),
        ({"g_a.0.weight": None}, r"its architecture is unknown to bench \(its first tensor is .*mymodel\.py:MyModel"),
    ],
)
def test_what_does_not_fit_is_said_by_name_and_shape(
    case: Case, changes: dict[str, Tensor | None], message: str
) -> None:
    state = theirs("mbt2018", case.liven).state_dict()
    with pytest.raises(UsageError, match=message):
        recognition.identify(case.written(changed(state, **changes)))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("g_a.1.beta", lambda t: t * torch.nan, r"its g_a\.1\.beta is not finite; the training has diverged"),
        ("h_s.0.bias", lambda t: t + torch.inf, r"its h_s\.0\.bias is not finite"),
        ("g_a.0.weight", lambda t: t.to_sparse(), r"its g_a\.0\.weight is not a dense tensor of real numbers"),
        ("g_a.0.weight", lambda t: t.to(torch.complex64), r"its g_a\.0\.weight is not a dense tensor"),
        (
            "entropy_bottleneck.quantiles",
            lambda t: t * 1e5,
            r"the quantiles of entropy_bottleneck are out of range",
        ),
        ("entropy_bottleneck._offset", lambda t: t - 2**30, "CDFs of entropy_bottleneck: an offset is out of range"),
        (
            "entropy_bottleneck._offset",
            lambda t: t[:1],
            "CDFs of entropy_bottleneck: their shapes are inconsistent; omit",
        ),
        ("entropy_bottleneck._offset", lambda t: t[0], "they are not lists of 32-bit integers"),
        ("entropy_bottleneck._offset", lambda t: t.float(), "they are not lists of 32-bit integers"),
        ("entropy_bottleneck._cdf_length", lambda t: t * 0, "a length is out of range"),
        ("entropy_bottleneck._cdf_length", lambda t: t * 9, "a length is out of range"),
        ("entropy_bottleneck._cdf_length", lambda t: t - 1, "values do not increase from 0 to the total"),
        ("gaussian_conditional._quantized_cdf", lambda t: -t, "CDFs of gaussian_conditional: values do not increase"),
        ("gaussian_conditional._quantized_cdf", lambda t: t * 0 + 2**31 - 1, "values do not increase"),
        ("gaussian_conditional._quantized_cdf", lambda t: t[:, :3], "a length is out of range"),
        ("gaussian_conditional._quantized_cdf", lambda t: t[:9], "their shapes are inconsistent"),
        ("gaussian_conditional.scale_table", lambda t: -t, "they need 64 increasing positive scales"),
        ("gaussian_conditional.scale_table", lambda t: t[:9], "they need 64 increasing positive scales"),
    ],
)
@pytest.mark.parametrize("architecture", ["mbt2018", "mbt2018-mean-vbr"])
def test_what_no_model_can_code_with_is_refused_before_anything_is_coded(
    case: Case, architecture: str, name: str, change: Callable[[Tensor], Tensor], message: str
) -> None:
    state = theirs(architecture, case.liven).state_dict()
    path = case.written(changed(state, **{name: change(state[name])}))
    with pytest.raises(UsageError, match=message):
        codec_class(architecture)(1, weights=str(path))


def test_a_checkpoint_of_another_family_names_the_codec_that_takes_it(case: Case) -> None:
    path = case.written(theirs("mbt2018-mean", case.liven).state_dict())
    with pytest.raises(UsageError, match=r"a checkpoint of mbt2018-mean, N=8, M=12, not of joint; use --codec hyper"):
        codec_class("mbt2018").points(weights=str(path))


def test_a_file_of_other_weights_is_not_decoded(case: Case) -> None:
    paths = []
    for number in (1, 2):
        model = theirs("bmshj2018-factorized-relu", case.liven)
        with torch.no_grad():
            model.g_s[0].bias.add_(number)
        paths.append(case.written(model.state_dict(), f"m{number}.pth"))
    one, other = (codec_class("bmshj2018-factorized-relu")(n, weights=str(p)) for n, p in enumerate(paths, 1))
    with pytest.raises(DecodeError, match="written with other weights"):
        other.decode(one.encode(case.picture))


def test_our_weights_are_exported_as_a_checkpoint_that_compressai_loads(case: Case, tmp_path: Path) -> None:
    for family, architecture in zip(ALIASES.values(), ALIASES, strict=True):
        torch.manual_seed(1)
        model = build(ModelConfig(family, 8, 8 if family == "attn" else 12))
        save(tmp_path / "ours.safetensors", model, ModelCard(4, 0.02, "mse"))
        assert export_checkpoint(tmp_path / "ours.safetensors", tmp_path / "theirs.pth.tar") == architecture
        content = torch.load(tmp_path / "theirs.pth.tar", weights_only=True)
        loaded = MODELS[architecture].from_state_dict(content["state_dict"]).eval()
        assert (content["N"], content["lmbda"]) == (8, 0.02)
        one, other = tmp_path / "ours.safetensors", tmp_path / "theirs.pth.tar"
        size, pixels = coded(family, one, case.picture, quality=4)
        again, same = coded(family, other, case.picture)
        assert size == again
        assert np.array_equal(pixels, same)
        assert np.abs(decompressed(loaded, case.picture)[1].astype(int) - pixels).max() <= 1
    save(tmp_path / "ours.safetensors", build(ModelConfig("context", 8, 12)), ModelCard(4, 0.02, "mse"))
    with pytest.raises(UsageError, match="not an architecture of CompressAI"):
        export_checkpoint(tmp_path / "ours.safetensors", tmp_path / "theirs.pth.tar")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("*.pth", r"hyper-2\.pth: a checkpoint of mbt2018-mean, N=8, M=12, not of joint; use --codec hyper"),
        ("none*.pth", r"--weights none\*\.pth: no file matches"),
        ("cut.ckpt", r"cut\.ckpt: not a PyTorch checkpoint, or truncated"),
        ("q1=joint-1.pth,q2=joint-1.pth,q1=hyper-2.pth", r"joint-1\.pth and hyper-2\.pth are both q1"),
        ("joint-9.pth", r"--weights joint-9\.pth: no such file$"),
        ("runs/joint", r"--weights runs/joint: no such file$"),
        ("joint-9", r"unknown weights 'joint-9'; use .* or q1=a\.pth,q2=b\.pth"),
        ("joint-1.pth,hyper-2.pth", r"unknown weights 'joint-1\.pth,hyper-2\.pth'; .* q1=a\.pth,q2=b\.pth"),
    ],
)
def test_wrong_weights_end_a_run_in_one_line(
    case: Case, weights: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(case.folder)
    path = case.written(theirs("mbt2018", case.liven).state_dict(), "joint-1.pth")
    case.written(theirs("mbt2018-mean", case.liven).state_dict(), "hyper-2.pth")
    (case.folder / "cut.ckpt").write_bytes(path.read_bytes()[:500])
    (case.folder / "photos").mkdir()
    Image.fromarray(case.picture.pixels).save(case.folder / "photos" / "p.png")
    command = ["run", "--codec", "mbt2018", "--weights", weights, "--dataset", "photos", "--db", "r.sqlite"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert re.search(message, result.output), result.output
    assert result.output.count("\n") == 1
    assert not (case.folder / "r.sqlite").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--weights", "a-1.pth", "--weights", "b-2.pth"),
            "Invalid value for '--weights': give one glob or one list for a curve",
        ),
        (("--weights", "a-1.pth", "b-2.pth"), "b-2.pth is an unexpected value; put globs in quotes: 'runs/*.pth.tar'"),
    ],
)
def test_no_checkpoint_is_left_out_without_a_word(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b-2.pth").touch()
    result = CliRunner().invoke(main, ["run", "--codec", "mbt2018", *words])
    assert result.exit_code == 2
    assert result.output.splitlines()[-1].startswith(f"Error: {message}")


def test_a_pickle_of_other_types_names_them(case: Case) -> None:
    path = case.written({"state_dict": {}, "losses": defaultdict(list, a=[1.0])})
    with pytest.raises(
        UsageError, match=r"contains an object of collections\.defaultdict besides tensors.*save only .*state_dict\(\)"
    ):
        recognition.identify(path)


def test_a_glob_of_checkpoints_is_a_curve_of_the_family(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case.folder)
    for number, scale in ((2, 1.0), (7, 3.0)):
        model = theirs("bmshj2018-factorized", case.liven, tables=False)
        with torch.no_grad():
            model.g_a[6].weight.mul_(scale)
        case.written({"state_dict": model.state_dict()}, f"factorized_q{number}.pth.tar")
    (case.folder / "photos").mkdir()
    Image.fromarray(case.picture.pixels).save(case.folder / "photos" / "p.png")
    run = [
        "run",
        "--codec",
        "bmshj2018-factorized",
        "--weights",
        "*.pth.tar",
        "--dataset",
        "photos",
        "--db",
        "r.sqlite",
    ]
    result = CliRunner().invoke(main, [*run, "--dataset", "photos", "--db", "r.sqlite"])
    assert result.exit_code == 0, result.output
    told = "factorized@2 is factorized_q2.pth.tar: bmshj2018-factorized, N=8, M=12, CDFs built by bench, SHA-256 "
    assert told in result.output
    with Store.open(case.folder / "r.sqlite") as store:
        rows = read_results(store).measurements
    assert list(rows.sort_values("quality")["quality"]) == [2, 7]
    assert (len(set(rows["curve"])), set(rows["codec"])) == (1, {"factorized"})
    expected = {sha256_of(path) for path in case.folder.glob("*.pth.tar")}
    assert set(rows["weights_sha256"]) == expected
