from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command_line import invoke as invoke_command

from bench.learned.training import engine, training_run

if TYPE_CHECKING:
    from bench.learned.training.training_job import TrainingJob
from bench.learned.weights.full import load


def invoke(*arguments: str) -> tuple[int, str]:
    return invoke_command("train", *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["jiont@3", "--steps", "1"], "unknown family 'jiont'; did you mean 'joint'?"),
        (["joint@9", "--steps", "1"], "quality 9: must be 1 to 8"),
        (["joint", "--steps", "1"], "'joint' is not FAMILY@QUALITY"),
        (["joint@3", "--metric", "MSE", "--steps", "1"], "unknown metric 'MSE'; did you mean 'mse'?\n"),
        (["joint@3", "--metric", "psnr", "--steps", "1"], "unknown metric 'psnr'; known: ms-ssim, mse\n"),
        (["joint@3", "--optimizer", "soup", "--steps", "1"], "unknown optimizer 'soup'; did you mean 'soap'?"),
        (["joint@3"], "set the length of the training"),
        (["joint@3", "--steps", "1", "--budget", "3m"], "exclude each other"),
        (["joint@3", "--budget", "soon"], "'soon' is not a time"),
        (["joint@3", "--steps", "1", "--resume", "--init", "w"], "--init is for a new training"),
        (["joint@3", "--steps", "1", "--resume", "--restart"], "--resume and --restart exclude each other"),
        (["joint@3", "--steps", "1", "--phase", "acem"], "--phase acem is a phase of cca; joint@3 has no such filter"),
        (["joint+qr@3", "--steps", "1", "--phase", "acem"], "--phase acem is a phase of cca"),
        (["joint@3", "--steps", "1", "--data", "nowhere"], "no training folder 'nowhere'"),
        (["joint@3", "--steps", "1", "--metric", "ms-ssim", "--crop", "160", "1"], "161 pixels or more"),
        (["hyper@5", "--steps", "1", "--crop", "100", "2"], "--crop 100: the side must be a multiple of 64"),
        (["factorized@5", "--steps", "1", "--crop", "100", "2"], "--crop 100: the side must be a multiple of 16"),
        (
            ["hyper@5", "--steps", "1", "--qualities", "all"],
            "--qualities all: must be different numbers separated by commas",
        ),
        (["hyper@5", "--steps", "1", "--qualities", "5,5"], "--qualities 5,5: must be different numbers"),
        (["joint+qr@5", "--steps", "1", "--N", "8"], "--N: joint+qr@5 has that of its initial weights"),
        (["joint+ft@5", "--steps", "1", "--lmbda", "0.1"], "--lmbda: joint+ft@5 has that of its initial weights"),
        (["hyper@5", "--steps", "1", "--qualities", "4,5", "--lmbda", "1"], "--lmbda is for a single quality"),
        (["zoo", "--budget", "soon"], "'soon' is not a time"),
        (["zoo", "--budget", "-5m"], "'-5m' is not a time"),
        (["--budget", "soon", "factorized@1"], "'soon' is not a time"),
        (["ablation", "--budget", "soon"], "'soon' is not a time"),
        (["ablation", "--variant", "jiont"], "unknown variant 'jiont'; did you mean 'joint'?"),
        (["ablation", "--transforms", "absent"], "there is no weights file absent"),
        (["ablation", "--dataset", "kodac"], "unknown dataset 'kodac'; did you mean 'kodak'?"),
    ],
)
def test_bad_input_gives_one_clear_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    folders = ["--cache", str(tmp_path), "--out", str(tmp_path / "run")] if "--data" in arguments else []
    code, output = invoke(*arguments, *folders)
    assert code != 0
    assert output.startswith("Error: ")
    assert message in output
    assert output.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--devices", "0"], ["--devices", "-2"], ["--nodes", "0"]])
def test_a_training_has_a_device_and_a_node(arguments: list[str]) -> None:
    code, output = invoke("joint@3", "--steps", "1", *arguments)
    assert code == 2
    assert f"Invalid value for '{arguments[0]}'" in output


def test_pictures_too_small_for_the_default_crops_are_refused_before_training(photos: Path, tmp_path: Path) -> None:
    folders = ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "run")]
    code, output = invoke("joint@3", "--steps", "1", "--data", str(photos), *folders)
    assert code != 0
    assert output == "Error: no training picture has 256 x 256 pixels; use larger pictures or a smaller crop\n"


def test_options_reach_the_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a1.png").touch()
    jobs: list[TrainingJob] = []
    monkeypatch.setattr(training_run, "train", lambda job, _: jobs.append(job))
    data = ("--data", str(tmp_path), "--exclude", "a*")
    code, output = invoke("joint@3", "--budget", "2m", "--crop", "64", "4", "--lr", "1e-4", "--seed", "7", *data)
    assert (code, output) == (0, "")
    (job,) = jobs
    assert (job.target.name, job.budget_s, job.steps, job.seed, job.exclude) == ("joint@3", 120, None, 7, ("a*",))
    assert (job.phase.crops[0].size, job.phase.crops[0].batch, job.phase.lr) == (64, 4, 1e-4)
    assert job.out == Path("runs/joint@3")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["ablation", "--transforms"], "no training is complete yet; the same command resumes from there\n"),
        (["alpha", "joint+qr@3", "--init"], "no epoch is complete yet; the same command resumes from there\n"),
    ],
    ids=["ablation", "alpha"],
)
def test_a_time_too_short_for_any_result_is_no_failure(
    arguments: list[str], line: str, monkeypatch: pytest.MonkeyPatch, base: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(training_run, "train", lambda job, _: job.out / training_run.WEIGHTS)
    folders = ["--out", str(tmp_path / "out"), "--runs", str(tmp_path / "runs")]
    assert invoke(*arguments, str(base), "--budget", "1m", *folders) == (0, line)
    assert not (tmp_path / "out").exists()


def test_status_shows_what_is_next_and_trains_nothing(tmp_path: Path) -> None:
    code, output = invoke("zoo", "--status", "--weights", str(tmp_path))
    assert code == 0
    lines = output.splitlines()
    assert lines[0].split()[:3] == ["->", "hyper@5", "base"]
    assert sum(line.startswith("->") for line in lines) == 1
    assert not list(tmp_path.iterdir())


def test_a_training_from_the_command_line_ends_with_weights(photos: Path, tmp_path: Path) -> None:
    options = ["--threads", "1", "--no-compile", "--device", "cpu", "--crop", "64", "1"]
    folders = ["--data", str(photos), "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "run")]
    code, output = invoke("factorized@1", "--steps", "2", *options, *folders)
    assert code == 0, output
    assert "step 2" in output
    assert (tmp_path / "run" / training_run.WEIGHTS).is_file()


@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_an_interrupted_training_says_how_it_continues(
    has_checkpoint: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(job: TrainingJob, _: object) -> None:
        if has_checkpoint:
            (job.out / training_run.CHECKPOINT).touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(training_run, "train", interrupted)
    way = f"--resume continues from {tmp_path / 'checkpoint.pt'}"
    line = f"interrupted; {way if has_checkpoint else f'there is no checkpoint in {tmp_path} yet'}\n"
    assert invoke("joint@3", "--steps", "1", "--out", str(tmp_path)) == (130, line)


def test_compiling_for_a_cpu_does_not_warn_that_there_is_no_gpu(caplog: pytest.LogCaptureFixture) -> None:
    engine.tune()
    logging.getLogger("torch.utils.cpp_extension").warning("No CUDA runtime is found")
    assert not caplog.records


def test_help_imports_no_torch() -> None:
    code = """
import sys
from bench.cli.main import main
main(["train", "--help"], standalone_mode=False)
print("torch" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout.splitlines()[-1] == "False"


@pytest.mark.slow
def test_two_processes_train_one_model(photos: Path, tmp_path: Path) -> None:
    options = ["--threads", "1", "--no-compile", "--device", "cpu", "--crop", "64", "1", "--devices", "2"]
    folders = ["--data", str(photos), "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "run")]
    command = [sys.executable, "-m", "bench", "train", "factorized@1", "--steps", "2", *options, *folders]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("from step 0 to step 2") == 1
    assert load(tmp_path / "run" / training_run.WEIGHTS).card.record["calls"][0]["processes"] == 2
