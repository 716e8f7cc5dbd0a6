"""The learning curve as a CSV file and as a figure."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from bench.learned.training.loop import CurvePoint
from bench.system.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def write_csv(path: Path, points: Sequence[CurvePoint]) -> None:
    """Write one row per validation, in full precision; the columns are the fields of `CurvePoint`."""
    text = io.StringIO()
    rows = csv.DictWriter(text, [field.name for field in fields(CurvePoint)], lineterminator="\n")
    rows.writeheader()
    rows.writerows(map(asdict, points))
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())


def read_csv(path: Path) -> list[CurvePoint]:
    """Read a file of `write_csv`; empty if there is none. Missing columns get their defaults."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    whole = [{name: int(row[name]) for name in ("step", "skipped")} for row in rows]
    numbers = [{name: float(value) if value else None for name, value in row.items()} for row in rows]
    return [CurvePoint(**{**one, **other}) for one, other in zip(numbers, whole, strict=True)]  # type: ignore[arg-type]


def draw(path: Path, points: Sequence[CurvePoint], title: str) -> None:
    """Draw loss, rate and PSNR of the validation pictures over the steps as SVG."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(9, 3), layout="constrained")
    steps = [point.step for point in points]
    quantities = {
        "loss": [point.loss for point in points],
        "rate (bpp)": [point.rate_bpp for point in points],
        "PSNR (dB)": [point.psnr_db for point in points],
    }
    for axes, (label, values) in zip(figure.subplots(1, 3), quantities.items(), strict=True):
        axes.plot(steps, values)
        axes.set(xlabel="step", title=label)
        axes.grid(alpha=0.3)
    figure.suptitle(f"{title}: validation pictures, averaged weights")
    # With a fixed salt, equal curves give equal files.
    with mpl.rc_context({"svg.hashsalt": "bench"}), atomic_write(path) as file:
        figure.savefig(file, format="svg", metadata={"Date": None})
