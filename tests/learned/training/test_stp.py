from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from trainings import Silent, write_base, write_landscapes

from bench.learned.lambdas import lambda_of
from bench.learned.models import ModelConfig, Rectified, Rectifier, build
from bench.learned.training import losses, start, training_pictures, training_run
from bench.learned.training.latent_objectives import VERSIONS, DecodedObjective
from bench.learned.training.phases import CropStage, Target, parse_target
from bench.learned.training.stp import ALPHAS, OPTIONS, PHASES, StpRecipe
from bench.learned.training.training_job import TrainingJob, job_from_options, modified_phase
from bench.learned.weights import catalogue, delta, tensor_file
from bench.learned.weights.full import ModelCard, load, save
from bench.learned.weights.rectified import load_rectified, save_rectified
from bench.system.errors import BenchError, MissingError, UsageError
from bench.system.files import sha256_of

SMALL = {"decoded": CropStage(6, 2), "pictures": CropStage(64, 2)}


pytestmark = pytest.mark.usefixtures("no_figures")


@pytest.fixture(scope="module")
def landscapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures of all tests here: their latents are computed once."""
    return write_landscapes(tmp_path_factory.mktemp("stp"))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def trained(landscapes: Path, base: Path) -> Path:
    """A trained rectifier, for tests that leave it as it is."""
    return training_run.train(job_on(landscapes, base), Silent())


def job_on(
    landscapes: Path,
    base: Path,
    phase: str = "predictive",
    *,
    modifier: str = "qr",
    **changes: Any,  # noqa: ANN401
) -> TrainingJob:
    target = Target("joint", 3, modifier=modifier)
    chosen = modified_phase(phase, target, changes.pop("recipe", None), warmup_steps=2, validate_steps=5, lr=2e-3)
    chosen = dataclasses.replace(chosen, crops=(SMALL[chosen.source],))
    out = Path(tempfile.mkdtemp(dir=landscapes.parent)) / "run"
    options: dict[str, Any] = {"steps": 6, "threads": 1, "compile": False, "device": "cpu", "width": 16, "init": base}
    return TrainingJob(
        target, chosen, out, data=landscapes, **{"cache": landscapes.parent / "cache", **options, **changes}
    )


def same(ours: dict[str, Tensor], theirs: dict[str, Tensor], *, but: str = "-") -> bool:
    names = [name for name in ours if not name.startswith(but)]
    return all(torch.equal(ours[name], theirs[name]) for name in names)


@pytest.mark.parametrize(("modifier", "synthesis"), [("qr", "rectified"), ("qr", "detached"), ("ft", "rectified")])
def test_the_predictive_phase_leaves_encoder_and_entropy_model_untouched(
    landscapes: Path,
    base: Path,
    modifier: str,
    synthesis: Any,  # noqa: ANN401
) -> None:
    job = job_on(landscapes, base, modifier=modifier, recipe=StpRecipe(synthesis=synthesis))
    trained = load_rectified(training_run.train(job, Silent()))
    before, after = load(base).model.state_dict(), trained.model.codec.state_dict()
    assert same(before, after, but="g_s.")
    assert not same(before, after)
    assert isinstance(trained.model.rectifier, Rectifier) == (modifier == "qr")
    assert sha256_of(trained.base) == load(base).sha256


def test_a_file_holds_the_changed_tensors_alone(trained: Path, base: Path) -> None:
    header, tensors = tensor_file.read(trained)
    assert {name.split(".")[0] for name in tensors} == {"g_s", "rectifier"}
    assert (header["base"]["file"], header["base"]["sha256"]) == ("joint-3.safetensors", load(base).sha256)
    assert {name.split(".")[0] for name in header["base"]["taken"]}.isdisjoint({"g_s", "rectifier"})
    assert header["card"]["record"]["initial"]["base_validation"]["latent_error_ratio"] == 1


def test_a_base_that_is_a_part_comes_with_its_own_base(landscapes: Path, tmp_path: Path) -> None:
    base = write_base(tmp_path)
    trunk = base.with_name("hyper-3.safetensors")
    shutil.copy(base, trunk)
    delta.replace(base, *delta.read(base), trunk)
    path = training_run.train(job_on(landscapes, base, steps=1), Silent())
    assert [file.name for file in catalogue.bases(path)] == [base.name, trunk.name]
    assert all(file.parent == path.parent for file in catalogue.bases(path))
    assert sha256_of(load_rectified(path).base) == load(base).sha256


def test_the_rectifier_learns_in_the_soft_phase_and_is_taken_over(landscapes: Path, base: Path) -> None:
    soft = training_run.train(job_on(landscapes, base, "soft-rectifier"), Silent())
    trained = load_rectified(soft).model
    assert same(load(base).model.state_dict(), trained.codec.state_dict())
    assert trained.rectifier.last.weight.abs().max() > 0  # type: ignore[union-attr, operator]
    following = job_on(landscapes, soft, steps=1)
    model, _ = start.begin(following, None)
    assert same(trained.state_dict(), model.state_dict())


def test_the_literal_soft_phase_makes_a_base_of_its_own(landscapes: Path, base: Path) -> None:
    job = job_on(landscapes, base, "soft-literal")
    trained = load_rectified(training_run.train(job, Silent()))
    assert trained.base == job.out / "joint-3.safetensors"
    assert not same(load(base).model.state_dict(), trained.model.codec.state_dict(), but="g_s.")
    assert load(trained.base).model(torch.rand(1, 3, 64, 64))["x_hat"].isfinite().all()


def test_the_codec_of_a_soft_phase_does_not_depend_on_the_feature_term(landscapes: Path, base: Path) -> None:
    bases = []
    for alpha in (0.0, 100.0):
        job = job_on(landscapes, base, "soft", recipe=StpRecipe(alpha=alpha), steps=2)
        bases.append(load_rectified(training_run.train(job, Silent())).model)
    first, second = (model.codec.state_dict() for model in bases)
    assert same(first, second)


@pytest.mark.parametrize("phase", ["predictive", "soft-literal"])
def test_a_stopped_training_goes_on_exactly(landscapes: Path, base: Path, trained: Path, phase: str) -> None:
    whole = trained if phase == "predictive" else training_run.train(job_on(landscapes, base, phase), Silent())
    job = job_on(landscapes, base, phase, checkpoint_s=0.0)
    with pytest.raises(KeyboardInterrupt):
        training_run.train(job, Silent(stop_at=3))
    resumed = training_run.train(dataclasses.replace(job, init=None, resume=True), Silent())
    assert same(tensor_file.read(whole)[1], tensor_file.read(resumed)[1])


def test_decoders_learn_from_mirrored_and_shifted_pictures(landscapes: Path, base: Path) -> None:
    job = job_on(landscapes, base)
    model, _ = start.begin(job, None)
    assert isinstance(model, Rectified)
    found = training_pictures.load(landscapes, job.cache)
    objective = DecodedObjective(model, found, job.phase, seed=1, device=torch.device("cpu"), cache=job.cache)
    learn, size = found.split()[0], job.phase.crops[0].size
    cut = {}
    with torch.no_grad():
        for number, version in enumerate(VERSIONS):
            for index in range(len(learn)):
                x = torch.from_numpy(version.of(learn[index], job.phase.side).copy()).permute(2, 0, 1)[None] / 255
                cut[number, index] = x, model.codec.g_a(x)
    seen = set()
    for step in range(20):
        for x, y in zip(*objective.batch(step, 0.0)[:2], strict=True):
            places = [
                (number, top % 16, left % 16)
                for (number, _), (whole, latents) in cut.items()
                for top in range(latents.shape[2] - size + 1)
                for left in range(latents.shape[3] - size + 1)
                if torch.equal(x, whole[0, :, 16 * top : 16 * (top + size), 16 * left : 16 * (left + size)])
                and torch.allclose(y, latents[0, :, top : top + size, left : left + size], atol=1e-2)
            ]
            assert len(places) == 1
            seen.add(places[0][0])
    assert seen == set(range(len(VERSIONS)))
    assert {(version.down % 16, version.right % 16) for version in VERSIONS} == {(0, 0), (4, 8), (8, 12), (12, 4)}
    assert {version.mirrored for version in VERSIONS} == {False, True}


def test_a_picture_that_a_shift_would_make_too_small_is_not_shifted() -> None:
    picture = np.arange(64 * 144 * 3, dtype=np.uint8).reshape(64, 144, 3)
    found = VERSIONS[1].of(picture, 64)
    assert np.array_equal(found, picture[:, ::-1][:64, 8 : 8 + 128])


def test_validation_is_that_of_real_files(trained: Path) -> None:
    record = load_rectified(trained).card.record
    initial, last = record["initial"]["base_validation"], record["validation"]
    assert initial["rate_bpp"] == last["rate_bpp"]
    assert initial["psnr_db"] != last["psnr_db"]


def test_a_decoder_needs_its_own_base_beside_it(trained: Path, base: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone" / trained.name
    alone.parent.mkdir()
    shutil.copy(trained, alone)
    with pytest.raises(MissingError, match=r"needs joint-3\.safetensors \(SHA-256 [0-9a-f]{12}"):
        load_rectified(alone)
    torch.manual_seed(4)
    save(alone.parent / "joint-3.safetensors", build(ModelConfig("joint", 8, 12)), ModelCard(3, 0.0067, "mse"))
    with pytest.raises(UsageError, match=r"needs a joint-3\.safetensors with SHA-256"):
        load_rectified(alone)
    with pytest.raises(UsageError, match="full weights, not those of a decoder"):
        load_rectified(base)


def test_a_model_whose_encoder_is_not_the_bases_is_not_saved(base: Path, tmp_path: Path) -> None:
    model = Rectified(load(base).model, Rectifier(12, 16))
    with torch.no_grad():
        model.codec.g_a[0].weight.add_(0.1)  # type: ignore[index, union-attr]
    with pytest.raises(BenchError, match=r"g_a.0.weight.*changed its encoder"):
        save_rectified(tmp_path / "x.safetensors", model, ModelCard(3, 0.0067, "mse"), base)
    assert not (tmp_path / "x.safetensors").exists()


def test_the_latents_are_coded_once_for_all_trainings_of_an_encoder(
    landscapes: Path, base: Path, tmp_path: Path
) -> None:
    for modifier in ("qr", "ft"):
        training_run.train(job_on(landscapes, base, modifier=modifier, steps=1, cache=tmp_path), Silent())
    # Of the training pictures in all versions, and of the validation pictures.
    assert len(list(tmp_path.glob("decoded-*.pt"))) == len(VERSIONS) + 1


@pytest.mark.parametrize("distance", ALPHAS)
def test_feature_distances_are_those_of_their_formulas(distance: str) -> None:
    y, rectified = torch.randn(2, 5, 3, 4), torch.randn(2, 5, 3, 4)
    output: Any = {"x_hat": torch.zeros(()), "likelihoods": {}, "y": y, "rectified": rectified}
    error = (rectified - y).numpy().astype(np.float64)
    small, cosines = np.abs(error) < 1, (y * rectified).sum(1) / (y.norm(dim=1) * rectified.norm(dim=1))
    expected = {
        "l1": np.abs(error).sum(),
        "l2": np.sqrt((error**2).sum()),
        "smooth-l1": np.where(small, error**2 / 2, np.abs(error) - 0.5).sum(),
        "cosine": float(1 - cosines.mean()),
    }
    assert float(losses.TERMS[f"feature-{distance}"](output, y)) == pytest.approx(expected[distance], rel=1e-5)


def test_phases_are_those_of_the_paper() -> None:
    target = parse_target("joint+qr@3")
    terms = {name: set(modified_phase(name, target).weights) for name in PHASES}
    everything = {"rate", "mse", "feature-l2"}
    assert terms == {
        "soft": everything,
        "soft-rectifier": {"feature-l2"},
        "soft-literal": everything,
        "predictive": {"mse", "feature-l2"},
        "direct": everything,
    }
    assert modified_phase("predictive", parse_target("joint+ft@3")).weights == {"mse": lambda_of(3)}
    quantization = {name: modified_phase(name, target).quantization for name in ("soft", "predictive", "direct")}
    assert quantization == {"soft": "noise", "predictive": "round", "direct": "mixed"}


def test_the_soft_phase_of_the_paper_reconstructs_from_unrectified_latents_and_teaches_the_encoder(
    landscapes: Path, base: Path
) -> None:
    """Its equations (1) to (3): the picture is g_s(y_hat), the feature term is of the rectified latents."""
    phase = modified_phase("soft-literal", parse_target("joint+qr@3"))
    assert (phase.quantization, phase.trainable) == ("noise", ("*",))
    model, _ = start.begin(job_on(landscapes, base, "soft-literal"), None)
    assert isinstance(model, Rectified)
    with torch.no_grad():
        model.rectifier.last.weight.add_(0.1)  # type: ignore[union-attr, operator]
    model.train()
    latents = torch.randn(1, 12, 8, 8, requires_grad=True)
    x_hat, rectified = model.decode(latents)
    assert torch.equal(x_hat, model.codec.g_s(latents))
    assert not torch.equal(rectified, latents)
    (gradient,) = torch.autograd.grad(rectified.sum(), latents)
    assert gradient.abs().max() > 0


def test_alpha_of_l2_is_the_one_that_the_search_found() -> None:
    assert modified_phase("predictive", parse_target("joint+qr@3")).weights["feature-l2"] == 0.001


def test_a_finished_decoder_is_trained_further_in_smaller_steps() -> None:
    """At 5e-4 both modifiers of joint@5 came out worse than the base: docs/quantization-rectifier.md."""
    for modifier in ("qr", "ft"):
        assert modified_phase("predictive", parse_target(f"joint+{modifier}@5")).lr == 1e-4


def test_alpha_is_a_tenth_for_ms_ssim() -> None:
    mse, ssim = (modified_phase("predictive", parse_target("joint+qr@3", metric)) for metric in ("mse", "ms-ssim"))
    assert ssim.weights["feature-l2"] == pytest.approx(mse.weights["feature-l2"] / 10)


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("joint+xx@3", {}, "modifier"),
        ("joint+qr@3", {"phase": "hard"}, "phase 'hard'"),
        ("joint+qr@3", {"distance": "l3"}, "feature distance 'l3'"),
        ("joint+ft@3", {"phase": "soft"}, "has no rectifier"),
        ("joint+qr@3", {"synthesis": "detatched"}, "synthesis 'detatched'; did you mean 'detached'"),
        ("joint+qr@3", {"synthesis": "none"}, "synthesis 'none'"),
        ("joint+qr@3", {"phase": "soft", "synthesis": "detached"}, "--synthesis has no effect in the phase 'soft'"),
        ("joint+qr@3", {"width": 9}, "--width 9: must be a multiple of 8"),
        ("joint@3", {"alpha": 1.0}, r"--alpha needs a rectifier.*joint\+qr"),
        (
            "joint+ft@3",
            {"alpha": 3.0, "distance": "l1"},
            r"--alpha needs a rectifier, and joint\+ft@3 has none; joint\+qr",
        ),
        ("joint+ft@3", {"width": 64}, "--width needs a rectifier"),
        ("cca@3", {"phase": "acem", "distance": "bogus"}, "--distance needs a rectifier, and cca@3 has none$"),
        ("cca+qr@3", {}, r"cca\+qr@3: families for planes have no \+qr"),
        ("none+qr@3", {}, "family 'none'"),
        ("joint+@3", {}, "FAMILY@QUALITY"),
        ("joint+qr@3", {"crop": (4, 2)}, "5 latents or more"),
        ("joint+qr@3", {"crop": (14, 2), "metric": "ms-ssim"}, "161 pixels"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(target: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        job_from_options(target, {"steps": 1, **options})
    assert "\n" not in str(caught.value)


def test_weights_to_start_from_must_fit(landscapes: Path, base: Path, trained: Path) -> None:
    other = dataclasses.replace(job_on(landscapes, base), target=Target("hyper", 3, modifier="qr"))
    with pytest.raises(UsageError, match=r"weights of joint; hyper\+qr@3 starts from hyper"):
        start.begin(other, None)
    with pytest.raises(UsageError, match=r"it has a rectifier; joint\+ft@3 starts from joint-3"):
        start.begin(job_on(landscapes, trained, modifier="ft"), None)


def test_another_width_than_that_of_the_rectifier_to_go_on_with_is_refused(landscapes: Path, base: Path) -> None:
    job = job_on(landscapes, base, steps=1)
    trained = training_run.train(job, Silent())
    with pytest.raises(UsageError, match="--width 32: the existing rectifier has 16 channels"):
        start.begin(job_on(landscapes, trained, width=32), None)
    with pytest.raises(UsageError, match="--width 32: the existing rectifier has 16 channels"):
        training_run.train(dataclasses.replace(job, init=None, steps=2, resume=True, width=32), Silent())


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_of_a_rectifier_reads_the_options_that_it_takes_and_no_others(phase: str) -> None:
    target = Target("joint", 3, modifier="qr")
    for option, value in {"alpha": 0.25, "distance": "l1", "synthesis": "detached"}.items():
        changed = modified_phase(phase, target, StpRecipe(**{option: value}))  # type: ignore[arg-type]
        assert (changed != modified_phase(phase, target)) == (option in OPTIONS["qr"][phase])


def test_the_record_says_what_was_chosen(landscapes: Path, base: Path) -> None:
    job = job_on(landscapes, base, recipe=StpRecipe(alpha=0.5, distance="l1", synthesis="detached"))
    training_run.train(job, Silent())
    phase = json.loads((job.out / "record.json").read_text())["phase"]
    assert phase["weights"]["feature-l1"] == 0.5
    assert phase["wiring"] == {"synthesis": "detached", "encoder_learns_features": False}
