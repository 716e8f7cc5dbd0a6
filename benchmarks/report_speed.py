"""How long a report takes, how much memory, and how large its first page is.

`nox -s speed` runs this on a quiet machine. Exit status 1 says that a bound was missed. There are two reports: one on
100,000 measurements that are made up (25 codecs at 20 qualities on 200 pictures, with three metrics, and BD-rates
against three anchors), and one on the committed evidence. Each is written by a process of its own, so that the memory
is the report's alone.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd

from bench.harness.measure import require_quiet_machine
from bench.results.fields import FILES

CODECS, QUALITIES, IMAGES = 25, 20, 200
ANCHORS = 3

EVIDENCE = Path(__file__).parents[1] / "reports" / "reference" / "data"

_REPORT = """
import sys
import time
from pathlib import Path
from bench.report import write_report
page = write_report(Path(sys.argv[1]), Path(sys.argv[2]), anchors=sys.argv[3:])
memory = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
print(time.process_time(), memory, page.stat().st_size / 1e6)
"""


def write_export(directory: Path) -> None:
    """An export of made-up measurements: smooth curves, each picture its own, each codec a little better."""
    names = [f"codec{index:02d}" for index in range(CODECS)]
    images = [f"picture{index:03d}" for index in range(IMAGES)]
    hashes = [hashlib.sha256(name.encode()).hexdigest() for name in images]
    common = {"settings": "{}", "backend": "library", "backend_version": "1", "revision": "1", "weights": ""}
    _write(directory, "datasets", [{"dataset": "made-up", "title": "Made up", "note": "Numbers are made up."}])
    pictures = [{"dataset": "made-up", "image": i, "image_sha256": h} for i, h in zip(images, hashes, strict=True)]
    _write(directory, "images", pictures)
    titled = [{"codec": name, "title": name, "quality_meaning": "", "default_backend": "library"} for name in names]
    _write(directory, "codecs", titled)
    metrics = [("mse", 0), ("mse_y", 0), ("ms_ssim", 1)]
    _write(directory, "metrics", [{"metric": m, "title": m, "higher_is_better": h, "version": "1"} for m, h in metrics])
    run = {"run_id": "run", "started": "2026-01-01T00:00:00+00:00", "command": "made up", "machine": "none"}
    _write(directory, "runs", [run | {"provenance": "{}"}])
    for name in ("timings", "failures", "published"):
        pd.DataFrame(columns=list(FILES[name])).to_csv(directory / f"{name}.csv", index=False)
    frames = [_measured(name, 1 - index / 100, images, hashes).assign(**common) for index, name in enumerate(names)]
    pd.concat(frames).to_csv(directory / "measurements.csv", index=False)


def _measured(codec: str, rate: float, images: list[str], hashes: list[str]) -> pd.DataFrame:
    quality, picture = (grid.ravel() for grid in np.meshgrid(np.arange(QUALITIES), np.arange(IMAGES)))
    detail = 1 + picture / IMAGES
    bpp = rate * detail * 0.08 * 2 ** (quality / 4)
    mse = 255**2 / 10 ** ((24 + 6 * np.log2(1 + 10 * bpp / rate / detail**2)) / 10)
    return pd.DataFrame(
        {
            "key": [f"{codec}-{q}-{p}" for q, p in zip(quality, picture, strict=True)],
            "curve": codec,
            "codec": codec,
            "quality": quality,
            "weights_sha256": "",
            "dataset": "made-up",
            "image": np.array(images)[picture],
            "image_sha256": np.array(hashes)[picture],
            "width": 768,
            "height": 512,
            "num_bytes": np.round(bpp * 768 * 512 / 8).astype(int),
            "bitstream_sha256": "",
            "run_id": "run",
            "mse": mse,
            "mse_y": 0.8 * mse,
            "ms_ssim": 1 - mse / 3000,
        }
    )


def _write(directory: Path, name: str, rows: list[dict[str, object]]) -> None:
    pd.DataFrame(rows).to_csv(directory / f"{name}.csv", index=False)


@dataclass(frozen=True)
class Bounds:
    """What a report may take: seconds of processor time, memory, and the size of its first page."""

    seconds: float
    mib: float
    megabytes: float


def write_evidence(directory: Path) -> None:
    """The committed evidence as a folder that a report is written from."""
    database = str(directory.with_name("results.sqlite"))
    for command in (["import", str(EVIDENCE)], ["export", str(directory)]):
        subprocess.run([sys.executable, "-m", "bench", *command, "--db", database], check=True, capture_output=True)


def is_met(name: str, export: Path, anchors: list[str], bounds: Bounds) -> bool:
    """Write a report, print what it took, and say whether it kept to its bounds."""
    command = [sys.executable, "-c", _REPORT, str(export), str(export.with_name(f"{export.name}-out")), *anchors]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, mib, megabytes = map(float, done.stdout.split())
    click.echo(
        f"{name}: {seconds:.1f} s, {mib:.0f} MiB, first page {megabytes:.1f} MB; "
        f"at most {bounds.seconds:g} s, {bounds.mib:g} MiB, {bounds.megabytes:g} MB"
    )
    return seconds <= bounds.seconds and mib <= bounds.mib and megabytes <= bounds.megabytes


def main() -> None:
    """Measure, print, and say whether the bounds are met."""
    if "--force" not in sys.argv:
        require_quiet_machine()
    with tempfile.TemporaryDirectory() as folder:
        made_up, evidence = Path(folder, "made-up"), Path(folder, "evidence")
        made_up.mkdir()
        write_export(made_up)
        write_evidence(evidence)
        anchors = [f"codec{index:02d}" for index in range(ANCHORS)]
        met = [
            is_met(f"{CODECS * QUALITIES * IMAGES:,} rows", made_up, anchors, Bounds(20, 1024, 6)),
            is_met("the committed evidence", evidence, [], Bounds(15, 160, 3)),
        ]
    sys.exit(not all(met))


if __name__ == "__main__":
    main()
