"""What the README prints works as printed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from compressai.models import JointAutoregressiveHierarchicalPriors
from PIL import Image

from bench.cli.main import main
from bench.harness.request import RunRequest, execute

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    """The block of Python that begins with the name of its file."""
    (found,) = (
        block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if block.startswith(f"# {name}")
    )
    return str(found)


def test_the_codec_and_the_metric_of_the_readme_work_as_printed(tmp_path: Path) -> None:
    for name in ("invert.py", "worst.py"):
        (tmp_path / name).write_text(example(name), encoding="utf-8")
    pixels = np.random.default_rng(1).integers(0, 256, (48, 32, 3), np.uint8)
    (tmp_path / "photos").mkdir()
    Image.fromarray(pixels).save(tmp_path / "photos" / "noise.png")
    bench = [sys.executable, "-m", "bench"]
    run = [
        *bench,
        "run",
        "--codec",
        "invert.py:Invert",
        "--dataset",
        "photos",
        "--metric",
        "worst.py:WORST",
        "--db",
        "r.db",
    ]
    for command in (run, [*bench, "export", "out", "--db", "r.db"]):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    rows = pd.read_csv(tmp_path / "out" / "measurements.csv").sort_values("quality")
    assert list(rows["quality"]) == [2, 3, 4, 5, 6]
    # The lower bits are cut off: the error is at most their largest value, and noise has it somewhere.
    assert list(rows["worst"]) == [2 ** (8 - bits) - 1 for bits in range(2, 7)]


def test_the_codec_with_weights_works_as_printed_and_other_weights_are_measured(tmp_path: Path) -> None:
    for name in ("invert.py", "curve.py"):
        (tmp_path / name).write_text(example(name), encoding="utf-8")
    pixels = np.random.default_rng(1).integers(0, 256, (48, 32, 3), np.uint8)
    (tmp_path / "photos").mkdir()
    Image.fromarray(pixels).save(tmp_path / "photos" / "noise.png")
    told = []
    for levels in (np.arange(256), np.arange(256), np.sqrt(np.arange(256) * 255)):
        np.save(tmp_path / "curve.npy", levels.astype(np.uint8))
        summary = execute(
            RunRequest(
                codecs=(f"{tmp_path}/curve.py:Curve@8",),
                dataset=str(tmp_path / "photos"),
                db=tmp_path / "r.sqlite",
                threads=1,
                command=(),
            )
        )
        assert summary.failures == []
        told.append(summary.outcomes["measured"].measured)
    assert told == [1, 0, 1]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?://|#)([^)#]+)", README))))
def test_the_links_of_the_readme_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


@pytest.mark.slow
@pytest.mark.kodak
def test_from_a_checkpoint_to_a_report_in_the_commands_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = README.partition("## Your own model")[2].partition("\n## ")[0]
    install, *commands = re.findall(r"^    (\S.*?)(?:\s+#.*)?$", section, re.MULTILINE)
    assert install == "pip install ."
    assert len(commands) <= 3
    torch.manual_seed(1)
    (tmp_path / "runs").mkdir()
    for quality, scale in (("q1", 1.0), ("q2", 3.0)):
        model = JointAutoregressiveHierarchicalPriors(8, 12)
        with torch.no_grad():
            model.g_a[-1].weight.mul_(30 * scale)
            model.g_s[0].weight.div_(30 * scale)
        torch.save({"epoch": 1, "state_dict": model.state_dict()}, tmp_path / "runs" / f"{quality}.pth.tar")
    monkeypatch.chdir(tmp_path)
    for command in commands:
        result = CliRunner().invoke(main, shlex.split(command)[1:])
        assert result.exit_code == 0, result.output
    points = pd.read_csv(tmp_path / "reports" / "tables" / "points.csv")
    assert {"joint", "jpeg"} <= set(points["codec"])
    assert "compressai/vtm" in (tmp_path / "reports" / "index.html").read_text(encoding="utf-8")
