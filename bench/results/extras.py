"""Optional parts of an export: weights, complexities, pictures, and experiments, whose files can also be written.

A missing part is a frame with its columns and no rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from bench.system.csv_files import unguarded_frame, write_csv
from bench.system.errors import UsageError, reason_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

WEIGHTS = (
    "weights", "codec", "quality", "weights_sha256", "num_bytes", "metric", "lmbda", "total_steps", "seconds", "seed",
    "device", "started", "validation_bpp", "validation_psnr_db",
)  # fmt: skip
"""Training of each weights file, all stages together; cells are empty if the file does not record a value."""

ORIGINS = ("stages", "quantized_from", "taken", "taken_steps", "N", "M")
"""Columns of `weights` that may be missing: the stages with their numbers of steps ("planes-ladder 2500; acem 1000"),
the model ("joint@3") that weights without training were quantised from, the parts taken from other weights ("hyper
02bc40d1533c: g_a g_s", by family and SHA-256), the number of training steps of those, if known, and the channels of the
transforms (N) and latents (M)."""

COMPLEXITY = (
    "codec", "weights", "quality", "weights_sha256", "parameters", "encoder_kmac_per_pixel", "decoder_kmac_per_pixel",
    "peak_memory_bytes",
)  # fmt: skip
"""Complexity of a learned model, and the peak memory for coding one picture on this machine."""

PICTURES = ("dataset", "image", "key", "target_bpp", "sha256", "num_bytes")
"""Files of the folder `pictures`, by their hash; rows without a key are originals."""

PICTURE_SOURCE = "source_sha256"
"""Column of `pictures` that may be missing: the SHA-256 of the bitstream that a picture was decoded from, or of the
original."""

EXPERIMENTS: Mapping[str, tuple[str, ...]] = {
    "alpha_epochs": ("model", "quality", "metric", "alpha", "epoch", "psnr_db"),
    "alpha_search": ("model", "quality", "metric", "alpha", "psnr_db", "chosen"),
    "feature_distances": ("model", "quality", "variant", "image", "psnr_db"),
    "stp_end_to_end": ("model", "quality", "variant", "image", "psnr_db"),
    "ms_ssim": ("model", "quality", "variant", "image", "ms_ssim"),
    "rectifier_seeds": ("model", "quality", "variant", "image", "psnr_db"),
    "ablation": (
        "transforms", "transforms_sha256", "lambda", "steps", "dataset", "variant", "prior", "kernel",
        "distribution", "mean", "parameters", "seed", "seconds", "image", "bpp_y", "bpp_z",
    ),
    "cca_ablation": (
        "quality", "lambda", "dataset", "variant", "guide", "attention", "acem", "parameters", "weights_sha256",
        "seed", "steps", "seconds", "image", "num_bytes", "bpp", "psnr_yuv_db", "psnr_y_db", "psnr_u_db",
        "psnr_v_db", "ms_ssim_y", "loss",
    ),
    "training_spread": (
        "codec", "quality", "lambda", "metric", "stage", "start_sha256", "steps", "dataset", "weights_sha256",
        "seed", "seconds", "image", "num_bytes", "bpp", "psnr_db", "ms_ssim",
    ),
    "portability": ("codec", "decoded", "pictures", "failed"),
}  # fmt: skip
"""Required columns of the files in the folder `experiments`; other files in it are not checked."""

_TEXT = (
    "acem", "attention", "codec", "dataset", "distance", "distribution", "encoder", "guide", "image", "key", "mean",
    "metric", "model", "prior", "sha256", "source_sha256", "stage", "start_sha256", "synthesis", "transforms",
    "transforms_sha256", "variant", "weights", "weights_sha256",
)  # fmt: skip
"""Columns read as text, even if it looks like a number."""


@dataclass(frozen=True, slots=True)
class Extras:
    """The optional frames of an export."""

    weights: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*WEIGHTS, *ORIGINS]))
    complexity: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COMPLEXITY))
    pictures: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=PICTURES))
    experiments: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read the files that exist.

        Raises:
            UsageError: a file is not a CSV file, or lacks a column.
        """
        found = sorted((directory / "experiments").glob("*.csv"))
        return cls(
            weights=_with_origins(_read(directory / "weights.csv", WEIGHTS)),
            complexity=_read(directory / "complexity.csv", COMPLEXITY),
            pictures=_pictures(directory / "pictures.csv"),
            experiments={path.stem: _read(path, EXPERIMENTS.get(path.stem, ())) for path in found},
        )

    def experiment(self, name: str) -> pd.DataFrame:
        """The rows of an experiment; none if it is missing."""
        return self.experiments.get(name, pd.DataFrame(columns=EXPERIMENTS.get(name, ())))


def _with_origins(weights: pd.DataFrame) -> pd.DataFrame:
    absent = dict.fromkeys((name for name in ORIGINS if name not in weights), "")
    return weights.assign(**absent).fillna(dict.fromkeys(ORIGINS, ""))


def _pictures(path: Path) -> pd.DataFrame:
    """Read the list of pictures; their hashes are used as file names."""
    pictures = _read(path, PICTURES)
    for column in pictures.columns.intersection(["sha256", PICTURE_SOURCE]):
        truncated = ~pictures[column].str.fullmatch("[0-9a-f]{64}")
        if truncated.any():
            row = int(truncated.argmax()) + 1
            raise UsageError(
                f"{path}: row {row}: '{column}' is cut off; write the pictures again with bench export --pictures"
            )
    return pictures


def _read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        return read_rows(path, columns)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None


def read_rows(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a CSV file that must have the given columns; a missing file gives no rows.

    Raises:
        ValueError: the file is not a CSV file, or lacks a column.
    """
    if not path.is_file():
        return pd.DataFrame(columns=list(columns))
    try:
        # A converter leaves "NA" and an empty cell as they are.
        frame = pd.read_csv(path, converters=dict.fromkeys(_TEXT, str), float_precision="round_trip")
    except (OSError, ValueError) as error:
        raise ValueError(f"not a CSV file: {reason_of(error)}") from None
    if missing := [column for column in columns if column not in frame]:
        raise ValueError(f"there is no column '{missing[0]}'")
    return unguarded_frame(frame)


@dataclass(frozen=True, slots=True)
class Observations:
    """The file of an experiment."""

    path: Path
    columns: Sequence[str]
    """Required columns."""
    identity: Sequence[str]
    """Columns whose values identify a measurement: new rows replace those with the same values."""
    command: str
    """The command that writes the file, for messages."""

    def read(self) -> pd.DataFrame:
        """Read all rows; a missing file gives none.

        Raises:
            UsageError: the file was not written by the command.
        """
        try:
            return read_rows(self.path, self.columns)
        except ValueError as error:
            raise UsageError(f"{self.path}: not a file of `{self.command}`: {error}") from error

    def replace(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Write rows in place of earlier rows of the same measurements; return all rows of the file.

        Raises:
            UsageError: the file was not written by the command.
            OSError: it cannot be written.
        """
        identity = list(self.identity)
        earlier = self.read()
        new = pd.MultiIndex.from_frame(rows[identity])
        kept = earlier[~pd.MultiIndex.from_frame(earlier[identity]).isin(new)]
        found = pd.concat([kept, rows], ignore_index=True) if len(kept) else rows.reset_index(drop=True)
        write_csv(found, self.path)
        return found


def alike(rows: pd.DataFrame, wanted: Mapping[str, Any]) -> pd.DataFrame:
    """The rows with all the given values."""
    return rows[(rows[list(wanted)] == pd.Series(dict(wanted))).all(axis=1)]
