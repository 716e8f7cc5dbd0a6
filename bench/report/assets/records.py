"""Training records and experiments for an export, read from files without torch."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors

from bench.learned.weights.catalogue import COMPACT
from bench.results.extras import ORIGINS, WEIGHTS
from bench.results.frames import Export
from bench.system.csv_files import write_csv
from bench.system.files import sha256_of, write_bytes

EXPERIMENTS = Path("reports") / "reference" / "experiments"
"""Experiments in a checkout of the repository."""

COPIES = "copies.txt"
"""File in the folder `experiments` of an export that lists the SHA-256 of each copy made there, one per line."""


def add_records(directory: Path) -> None:
    """Add weights.csv to an export.

    Raises:
        UsageError: the folder is not an export.
        OSError: it cannot be written.
    """
    write_csv(training_records(Export.read(directory).measurements), directory / "weights.csv")


def copy_experiments(folder: Path, source: Path = EXPERIMENTS) -> None:
    """Update the copies of the checkout's experiments in a folder; files that the user added or changed are kept.

    Raises:
        OSError: the folder cannot be written.
    """
    if not source.is_dir():
        return
    originals = {path.name: sha256_of(path) for path in sorted(source.glob("*.csv"))}
    present = {path.name: sha256_of(path) for path in sorted(folder.glob("*.csv"))}
    copies = set((folder / COPIES).read_text().split()) if (folder / COPIES).is_file() else set()
    copies |= set(originals.values())
    # Written first, so that copies are recognised after an interruption.
    write_bytes(folder / COPIES, "".join(f"{sha256}\n" for sha256 in sorted(copies)).encode())
    for name in originals:
        if name not in present or present[name] in copies:
            write_bytes(folder / name, (source / name).read_bytes())
    for name in present.keys() - originals.keys():
        if present[name] in copies:
            (folder / name).unlink()


def training_records(measurements: pd.DataFrame) -> pd.DataFrame:
    """Training records from the headers of the weights files, with one row per measured file.

    The values of files without a record, or that are missing on this machine, are missing.
    """
    columns = ["weights", "codec", "quality", "weights_sha256"]
    used = measurements.loc[measurements["weights"].ne(""), columns].drop_duplicates()
    folders = [COMPACT, *map(Path, used["weights"].unique())]
    paths = [path for folder in folders for path in ([folder] if folder.is_file() else folder.glob("*.safetensors"))]
    files = {sha256_of(path): path for path in paths}
    rows = [row | _training(files.get(row["weights_sha256"])) for row in used.to_dict("records")]
    return pd.DataFrame(rows, columns=[*WEIGHTS, *ORIGINS]).sort_values(columns, ignore_index=True)


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
        # Totals over all stages if they are recorded, otherwise values of this training only.
        "total_steps": sum(stage.get("steps", 0) for stage in stages.values()) or math.nan,
        "seconds": sum(stage.get("seconds", 0) for stage in stages.values()) or math.nan,
        "seed": record.get("seed", math.nan),
        "device": calls[-1].get("device", ""),
        "started": calls[0].get("started", ""),
        "validation_bpp": last.get("rate_bpp", math.nan),
        "validation_psnr_db": last.get("psnr_db", math.nan),
        "stages": "; ".join(f"{name} {stage.get('steps', 0)}" for name, stage in stages.items() if name),
        "quantized_from": f"{header['base']['family']}@{card['quality']}" if "calibration" in record else "",
        **_taken(record),
        **{name: header.get("config", {}).get(name, math.nan) for name in ("N", "M")},
    }


def _taken(record: dict[str, Any]) -> dict[str, Any]:
    """Initial weights of a training: the parts taken from other weights, and the steps of their training.

    Earlier stages of the same weights that the record lists are subtracted, because they count as stages.
    """
    initial, history = record.get("initial") or {}, record.get("history") or {}
    family = str(record.get("target", "")).partition("@")[0]
    other = "taken" in initial and (initial.get("family") != family or not history)
    parts = f"{initial['family']} {initial['sha256'][:12]}: {' '.join(sorted(initial['taken']))}" if other else ""
    steps = initial.get("steps_behind", math.nan) if initial or "steps" not in record else 0
    return {"taken": parts, "taken_steps": steps - sum(stage.get("steps", 0) for stage in history.values())}
