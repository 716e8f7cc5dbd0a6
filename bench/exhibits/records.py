"""Trainings and experiments beside the measurements of an export: read from files, without torch."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import safetensors

from bench.analysis.export import Export
from bench.analysis.extras import ORIGINS, WEIGHTS
from bench.files import atomic_write, sha256_of
from bench.learned.catalogue import COMPACT

if TYPE_CHECKING:
    from collections.abc import Iterable

EXPERIMENTS = Path("reports") / "reference" / "experiments"
"""Experiments that come with a checkout."""


def add_records(directory: Path, experiments: Path = EXPERIMENTS) -> None:
    """Add weights.csv and the folder `experiments` to an export; what is in that folder already stays.

    Raises:
        UsageError: the folder is not an export.
        OSError: it cannot be written.
    """
    with atomic_write(directory / "weights.csv") as file:
        training_records(Export.read(directory).measurements).to_csv(file, index=False, lineterminator="\n")
    for path in sorted(experiments.glob("*.csv")):
        target = directory / "experiments" / path.name
        if not target.exists():
            with atomic_write(target) as file:
                file.write(path.read_bytes())


def training_records(measurements: pd.DataFrame) -> pd.DataFrame:
    """One row for each weights file that measurements were made with: what its own header says of its training.

    Files that are not on this machine any more, and those of others, have a row without figures.
    """
    columns = ["weights", "codec", "quality", "weights_sha256"]
    used = measurements.loc[measurements["weights"].ne(""), columns].drop_duplicates()
    files = _files_by_hash(used["weights"].unique())
    rows = [row | _training(files.get(row["weights_sha256"])) for row in used.to_dict("records")]
    return pd.DataFrame(rows, columns=[*WEIGHTS, *ORIGINS]).sort_values(columns, ignore_index=True)


def _files_by_hash(names: Iterable[str]) -> dict[str, Path]:
    folders = [COMPACT, *(Path(name) for name in names)]
    files = [path for folder in folders for path in ([folder] if folder.is_file() else folder.glob("*.safetensors"))]
    return {sha256_of(path): path for path in files}


def _training(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            header = json.loads(file.metadata()["bench"])
            card = header["card"]
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError):
        return {"num_bytes": path.stat().st_size}
    record = card.get("record", {})
    stages = record.get("stages") or {"": record}
    calls, last = record.get("calls") or [{}], record.get("validation") or {}
    return {
        "num_bytes": path.stat().st_size,
        "metric": card.get("metric", ""),
        "lmbda": card.get("lmbda", math.nan),
        # All that the weights have behind them, where the recipe kept count; else this training alone.
        "total_steps": sum(stage.get("steps", 0) for stage in stages.values()) or math.nan,
        "seconds": sum(stage.get("seconds", 0) for stage in stages.values()) or math.nan,
        "seed": record.get("seed", math.nan),
        "device": calls[-1].get("device", ""),
        "started": calls[0].get("started", ""),
        "validation_bpp": last.get("rate_bpp", math.nan),
        "validation_psnr_db": last.get("psnr_db", math.nan),
        "stages": "; ".join(f"{name} {stage.get('steps', 0)}" for name, stage in stages.items() if name),
        "quantised_from": f"{header['base']['family']}@{card['quality']}" if "calibration" in record else "",
    }
