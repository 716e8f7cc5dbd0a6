from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from bench.images.colour import to_yuv420
from bench.images.image_files import read_picture
from bench.images.picture import Yuv420
from bench.learned.lambdas import lambda_of
from bench.learned.models.planes import pack
from bench.learned.training import losses, training_pictures, training_run
from bench.learned.training.phases import CropStage, Target, parse_target
from bench.learned.training.plane_objective import converted
from bench.learned.training.training_job import TrainingJob, filter_phase, job_from_options, phase_for
from bench.learned.training.training_pictures import Crops, PackedPicture, Pictures
from bench.learned.weights.full import load
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.learned.models import Output

SMALL = {"N": 16, "M": 24}

pytestmark = pytest.mark.usefixtures("no_figures")


class Silent:
    """A terminal that shows nothing."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return lambda *_: None


def noise(height: int, width: int) -> Yuv420:
    generator = np.random.default_rng(0)
    sizes = (height, width), (height // 2, width // 2), (height // 2, width // 2)
    y, u, v = (generator.integers(0, 256, size, np.uint8) for size in sizes)
    return Yuv420(y, u, v)


def tensor(picture: Yuv420) -> torch.Tensor:
    return torch.from_numpy(pack(picture)).permute(2, 0, 1)[None].float() / 255


def planes_job(photos: Path, out: Path, **changes: Any) -> TrainingJob:  # noqa: ANN401
    target = changes.pop("target", Target("cca", 3, "mse-611", options=SMALL))
    quick: Any = {"crops": (CropStage(64, 2),), "warmup_steps": 2, "validate_steps": 4}
    phase = dataclasses.replace(changes.pop("phase", phase_for(target)), **quick)
    options: dict[str, Any] = {"steps": 4, "threads": 1, "compile": False, "device": "cpu"}
    return TrainingJob(target, phase, out, data=photos, cache=out.parent / "cache", **{**options, **changes})


def test_photographs_are_converted_whole_and_once(photos: Path, tmp_path: Path) -> None:
    Image.new("RGB", (33, 35), (200, 30, 60)).save(photos / "odd.png")
    found = training_pictures.load(photos, tmp_path / "cache")
    packed = converted(found, tmp_path / "cache")
    assert packed.fingerprint == found.fingerprint
    for index, entry in enumerate(found.entries):
        of_limited_range = to_yuv420(read_picture(photos / entry.name), full_range=False)
        assert np.array_equal(packed[index], pack(of_limited_range))
    (file,) = (tmp_path / "cache").glob("planes-*")
    written = file.stat().st_mtime_ns
    assert np.array_equal(converted(found, tmp_path / "cache").samples, packed.samples)
    assert file.stat().st_mtime_ns == written


def test_a_mirrored_crop_is_a_crop_of_the_mirrored_picture() -> None:
    picture = noise(8, 8)
    mirrored = Yuv420(*(np.ascontiguousarray(plane[:, ::-1]) for plane in picture.planes))
    whole = Pictures((PackedPicture("noise", "00", 0, 4, 4),), pack(picture).ravel(), channels=6)
    crops = Crops(whole, size=4, batch=1, device=torch.device("cpu"))
    resident = Crops(
        whole, size=4, batch=1, device=torch.device("cpu"), resident=torch.from_numpy(whole.samples.copy())
    )
    seen = set()
    for seed in range(12):
        one, other = (each(np.random.default_rng(seed)) for each in (crops, resident))
        assert torch.equal(one, other)
        seen.add(torch.equal(one, tensor(mirrored)))
        assert torch.equal(one, tensor(mirrored)) or torch.equal(one, tensor(picture))
    assert seen == {False, True}


@pytest.fixture
def coded() -> tuple[Output, torch.Tensor, Yuv420, Yuv420]:
    original = noise(64, 96)
    decoded = Yuv420(*(np.roll(plane, 1, 0) // 2 + plane // 2 for plane in original.planes))
    likelihoods = {"y": torch.full((1, 4, 4, 6), 0.25), "z": torch.full((1, 2, 1, 1), 0.5)}
    return {"x_hat": tensor(decoded), "likelihoods": likelihoods}, tensor(original), original, decoded


def mse(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    return float(np.square(one.astype(np.float64) - other).mean())


def test_the_rate_is_per_pixel_of_luma(coded: tuple[Output, torch.Tensor, Yuv420, Yuv420]) -> None:
    output, x, *_ = coded
    assert losses.rate_bpp(output, x).item() == pytest.approx((2 * 4 * 4 * 6 + 2) / (64 * 96))


def test_the_squared_error_weighs_the_planes_6_1_1(coded: tuple[Output, torch.Tensor, Yuv420, Yuv420]) -> None:
    output, x, original, decoded = coded
    y, u, v = (mse(one, other) for one, other in zip(original.planes, decoded.planes, strict=True))
    assert losses.TERMS["mse-611"](output, x).item() == pytest.approx((6 * y + u + v) / 32, rel=1e-5)


def test_the_psnr_weighs_the_planes_6_1_1(coded: tuple[Output, torch.Tensor, Yuv420, Yuv420]) -> None:
    output, x, original, decoded = coded
    y, u, v = (
        10 * np.log10(255**2 / mse(one, other)) for one, other in zip(original.planes, decoded.planes, strict=True)
    )
    assert losses.psnr_db(output, x) == pytest.approx((6 * y + u + v) / 8, abs=1e-4)


def test_the_lambdas_are_the_papers() -> None:
    assert [lambda_of(quality, "mse-611") for quality in (1, 2, 3, 4)] == [0.015, 0.03, 0.045, 0.06]


def test_a_target_of_planes_is_trained_for_their_error() -> None:
    target = parse_target("joint-yuv@2")
    assert (target.metric, target.name) == ("mse-611", "joint-yuv@2")
    assert phase_for(target).weights == {"rate": 1.0, "mse-611": 0.03}


@pytest.mark.parametrize(
    ("text", "metric", "message"),
    [("cca@2", "ms-ssim", "omit --metric"), ("joint@2", "mse-611", "unknown metric 'mse-611'")],
)
def test_metrics_of_other_pictures_are_refused(text: str, metric: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        job_from_options(text, {"metric": metric, "steps": 1})


def test_both_phases_of_cca_by_the_command_line() -> None:
    first = job_from_options("cca@2", {"steps": 1}).phase
    second = job_from_options("cca@2", {"steps": 1, "phase": "acem", "lr": 3e-4}).phase
    assert (first.trainable, first.quantization) == (("*", "!acem.*"), "noise")
    assert (second.trainable, second.quantization, second.lr) == (("acem.*",), "round", 3e-4)
    with pytest.raises(UsageError, match="--phase"):
        job_from_options("joint-yuv@2", {"steps": 1, "phase": "acem"})


def test_the_codec_learns_first_and_then_the_filter_alone(photos: Path, tmp_path: Path) -> None:
    path = training_run.train(planes_job(photos, tmp_path / "codec"), Silent())
    phase = filter_phase(Target("cca", 3, "mse-611", options=SMALL))
    filtered = load(
        training_run.train(planes_job(photos, tmp_path / "acem", phase=phase, init=path, steps=30), Silent())
    )
    codec = load(path)
    for name, after in filtered.model.named_parameters():
        changed = not torch.equal(after, dict(codec.model.named_parameters())[name])
        assert not changed or name.startswith("acem"), name
    assert not torch.equal(filtered.model.acem.luma[1].weight, codec.model.acem.luma[1].weight)  # type: ignore[index, union-attr]
    learnt_from = [to_yuv420(read_picture(photo), full_range=False) for photo in sorted(photos.iterdir())]
    x = torch.cat([tensor(planes) for planes in learnt_from])[..., :32, :32]
    with torch.inference_mode():
        plain = filtered.model(x, "round")
        better = {**plain, "x_hat": filtered.model.acem(plain["x_hat"])}  # type: ignore[operator]
    assert losses.TERMS["mse-611"](better, x) < losses.TERMS["mse-611"](plain, x)
    assert (filtered.card.metric, filtered.card.lmbda) == ("mse-611", 0.045)
    assert filtered.card.record["pictures"]["range"] == "limited"
    assert filtered.card.record["initial"]["steps_behind"] == 4  # of the codec, before these 30 of the filter


def test_a_training_on_planes_of_another_range_is_not_gone_on_with(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_run, "RANGE", "full")
    training_run.train(planes_job(photos, tmp_path / "codec", steps=1), Silent())
    monkeypatch.undo()
    with pytest.raises(UsageError, match="its range of the planes is full, not limited"):
        training_run.train(planes_job(photos, tmp_path / "codec", steps=None, resume=True), Silent())
