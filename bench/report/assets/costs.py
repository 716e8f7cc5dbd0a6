"""Costs of codecs: parameters, multiply-accumulates, and the peak memory of coding one picture."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.analysis.dataset_results import DatasetResults, measured_datasets
from bench.harness.recipe import recipe_of
from bench.learned.codecs import LearnedCodec
from bench.report.views.table import records
from bench.results.extras import COMPLEXITY
from bench.results.frames import Export
from bench.system.csv_files import write_csv
from bench.system.environment import usable_cores
from bench.system.errors import BenchError, UsageError
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEIGHT, WIDTH = 512, 768
"""Size of the test picture in pixels, that of the Kodak pictures."""

TIMEOUT_S = 600


def add_costs(directory: Path, say: Callable[[str], None]) -> list[str]:
    """Add complexity.csv to an export, with one row per codec, weights and quality of the current curves.

    Memory is measured once per codec and weights, at the highest quality. Conventional codecs have memory only. A codec
    that cannot be opened here with the measured weights is passed to `say` and has no row. Returns an error message if
    codecs were measured but none has a row.

    Raises:
        BenchError: the folder is not an export.
        OSError: it cannot be written.
    """
    export = Export.read(directory)
    points = _points(export, say)
    highest = points.groupby(["codec", "backend", "weights"])["quality"].transform("max") == points["quality"]
    rows = records(points)
    complexity = []
    # Peak memory does not depend on the load of the machine.
    pool = ThreadPoolExecutor(usable_cores())
    try:
        peaks = [
            pool.submit(peak_memory_bytes, row) if is_highest else None
            for row, is_highest in zip(rows, highest, strict=True)
        ]
        with progress("costs", len(points), unit="points") as advance:
            for row, peak in zip(rows, peaks, strict=True):
                advance(1, f"{row['codec']}@{row['quality']:g}")
                try:
                    cost = _complexity(row)
                    if peak is not None:
                        cost["peak_memory_bytes"] = peak.result()
                except BenchError as error:
                    say(f"no costs of {row['codec']}@{row['quality']:g}: {error}")
                    continue
                if cost:
                    complexity.append(row | cost)
    finally:
        pool.shutdown(cancel_futures=True)
    write_csv(pd.DataFrame(complexity, columns=list(COMPLEXITY)), directory / "complexity.csv")
    return ["the costs of no codec could be measured"] if not complexity and len(export.measurements) else []


def _points(export: Export, say: Callable[[str], None]) -> pd.DataFrame:
    """Current codecs with settings, backend, weights and quality, if they can be opened as measured."""
    columns = ["codec", "settings", "backend", "weights", "quality", "weights_sha256"]
    current = [DatasetResults.of(export, dataset).current[columns] for dataset in measured_datasets(export)]
    points = pd.concat([export.measurements[columns].head(0), *current]).drop_duplicates().sort_values(columns)
    opened = points.loc[[_opens(row, say) for row in records(points)]]
    return opened.drop_duplicates(["codec", "backend", "weights", "quality"], ignore_index=True)


def _opens(row: dict[str, Any], say: Callable[[str], None]) -> bool:
    """Whether a codec can be opened here with the measured weights; otherwise the reason is passed to `say`."""
    try:
        recipe, _ = recipe_of(row).pinned()
        if ((recipe.version and recipe.version[1]) or "") != row["weights_sha256"]:
            raise UsageError(f"the weights of {row['weights']} on this machine differ from the measured ones")
    except BenchError as error:
        say(f"no costs of {row['codec']}@{row['quality']:g}: {error}")
        return False
    return True


def _complexity(row: dict[str, Any]) -> dict[str, float]:
    """Parameters and multiply-accumulates per pixel of a learned model; empty for conventional codecs."""
    codec = recipe_of(row).open()
    if not isinstance(codec, LearnedCodec):
        return {}
    from bench.learned.coding.complexity import complexity  # noqa: PLC0415  # torch

    found = complexity(codec.model, HEIGHT, WIDTH)
    return {
        "parameters": found.parameters,
        "encoder_kmac_per_pixel": found.encoder_kmac_per_pixel,
        "decoder_kmac_per_pixel": found.decoder_kmac_per_pixel,
    }


def peak_memory_bytes(row: dict[str, Any]) -> int:
    """Measure the peak memory in bytes of a new process that codes one picture, or of a program that it starts (Linux).

    Raises:
        BenchError: the codec failed.
    """
    wanted = json.dumps({name: row[name] for name in ("codec", "settings", "backend", "weights", "quality")})
    # -P: files in the working directory, such as copy.py, must not shadow modules.
    command = [sys.executable, "-P", "-m", "bench.report.assets.peak_memory", wanted, str(HEIGHT), str(WIDTH)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"coding in a separate process took more than {TIMEOUT_S} s") from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or [f"exit status {error.returncode}"])[-1]
        raise BenchError(f"coding in a separate process failed: {reason}") from error
    return int(done.stdout.split()[-1])
