"""What README and docs print works as printed, and the numbers of README are those of the committed evidence."""

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
EXTENDING = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("data/*.md")])
TABLES = ROOT / "reports" / "reference" / "tables"


def example(name: str) -> str:
    """The block of Python that begins with the name of its file."""
    (found,) = (
        block for block in re.findall(r"```python\n(.*?)```", EXTENDING, re.DOTALL) if block.startswith(f"# {name}")
    )
    return str(found)


def test_the_codec_and_the_metric_of_the_docs_work_as_printed(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def rows(heading: str) -> list[list[str]]:
    """The cells of the table of the README whose first column has this heading."""
    table = re.search(rf"^\| {heading} \|.*\n\|[-:|]+\|\n((?:\|.*\n)+)", README, re.MULTILINE)
    assert table is not None
    return [[cell.strip().strip("`") for cell in line.strip().strip("|").split("|")] for line in table[1].splitlines()]


def test_the_ranking_of_the_readme_is_that_of_the_evidence() -> None:
    rates = pd.read_csv(TABLES / "bd_rates.csv")
    rates = rates[rates["axis"].eq("psnr_db") & rates["anchor"].eq("jpeg")].set_index("test")
    rates.index = rates.index.str.removesuffix("@compact")
    times = pd.read_csv(TABLES / "timings_summary.csv")
    times = times[times["group"].eq(times["group"].mode()[0])]
    times = times.assign(name=times["name"].str.removesuffix("@compact")).set_index(["name", "stage"])["median_s"]
    found = rows("codec")
    assert len(found) >= 8
    order = [float(rate.split()[0]) for _, rate, *_ in found if rate != "0"]
    assert order == sorted(order)
    for name, rate, encode, decode in found:
        assert (encode, decode) == tuple(f"{times[name, stage]:#.2g}" for stage in ("encode", "decode")), name
        if name == "jpeg":
            assert rate == "0"
            continue
        row = rates.loc[name]
        assert pd.isna(row["doubt"]), name
        low, high = row["interval_low_percent"], row["interval_high_percent"]
        assert rate == f"{row['bd_rate_pchip_percent']:.1f} % ({low:.1f} to {high:.1f})", name


def test_the_claims_of_the_readme_are_judged_as_in_the_evidence() -> None:
    claims = pd.read_csv(TABLES / "claims.csv").set_index("id")
    found = rows("claim")
    assert len(found) >= 8
    for name, _, published, measured in found:
        row = claims.loc[name]
        for said, verdict, value in (
            (published, row["published_verdict"], row["published"]),
            (measured, row["measured_verdict"], row["measured"]),
        ):
            assert said == verdict + _number(value, str(row["unit"])), name


def _number(value: float, unit: str) -> str:
    """The measured value of a claim, as README gives it."""
    if pd.isna(value):
        return ""
    if unit == "of files":
        return f" ({'all files' if value == 1 else f'{value:.1%} of files'} identical in size)"
    if unit == "of cases":
        return f" ({value:.0%} of cases)".replace("%", " %")
    return f" ({value:+z.{2 if unit == 'dB' else 1}f} {unit})"


@pytest.mark.slow
@pytest.mark.kodak
def test_from_a_checkpoint_to_a_report_in_the_commands_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = README.partition("## Your own model")[2].partition("\n## ")[0]
    activate, *commands = re.findall(r"^    (\S.*?)(?:\s+#.*)?$", section, re.MULTILINE)
    assert activate == "source .venv/bin/activate"
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
