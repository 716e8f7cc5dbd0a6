"""Read and write learning curves as CSV files, and draw them."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

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
    """Read a learning curve; empty if there is no file. Missing columns get their defaults."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [_point(row) for row in rows]


def _point(row: dict[str, str]) -> CurvePoint:
    values: dict[str, Any] = {name: float(value) if value else None for name, value in row.items()}
    return CurvePoint(**{**values, "step": int(row["step"]), "skipped": int(row["skipped"])})


def draw(path: Path, points: Sequence[CurvePoint], title: str) -> None:
    """Draw loss, rate and PSNR of the validation set over the steps as SVG."""
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
