"""List, locate and download CompressAI's published checkpoints; `foreign` loads them.

This module does not import torch, so that `bench list` and `bench fetch` start fast.
"""

from __future__ import annotations

import functools
import importlib.resources
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.learned.lambdas import LAMBDAS
from bench.system.download import download, locate_weights, weights_folder
from bench.system.errors import MissingError, UsageError, unknown
from bench.system.files import sha256_of
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

METRICS = ("mse", "ms-ssim")
"""Metrics that the checkpoints were trained for."""


@dataclass(frozen=True, slots=True)
class PublishedCheckpoint:
    """A checkpoint of CompressAI's model zoo."""

    family: str
    architecture: str
    """The family's name in CompressAI."""
    metric: str
    """The distortion that it was trained for."""
    quality: int
    """1 has the lowest rate."""
    lmbda: float
    """Weight of the distortion in its loss."""
    url: str

    @property
    def file(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]

    @property
    def sha256_prefix(self) -> str:
        """The first 8 digits of the file's SHA-256."""
        return self.file.removesuffix(".pth.tar").rpartition("-")[2]

    @property
    def fetch_command(self) -> str:
        """The command that downloads it."""
        metric = "" if self.metric == METRICS[0] else f" --metric {self.metric}"
        return f"bench fetch weights --family {self.family} --quality {self.quality}{metric}"

    def __str__(self) -> str:
        return f"{self.family}@{self.quality} ({self.metric})"


@functools.cache
def all_checkpoints() -> tuple[PublishedCheckpoint, ...]:
    """All checkpoints, by family, metric and rate."""
    text = importlib.resources.files(__package__).joinpath("compressai_zoo.toml").read_text(encoding="utf-8")
    zoo: dict[str, Any] = tomllib.loads(text)
    return tuple(
        PublishedCheckpoint(
            family, entry["architecture"], metric, index + 1, LAMBDAS[metric][index], zoo["root"] + file
        )
        for family, entry in zoo["family"].items()
        for metric in METRICS
        for index, file in enumerate(entry[metric])
    )


def find(family: str, quality: int, metric: str = "mse") -> PublishedCheckpoint:
    """The checkpoint of one model.

    Raises:
        UsageError: there is no such family, quality or metric.
    """
    return select((family,), (quality,), metric)[0]


def select(
    families: Sequence[str] = (), qualities: Sequence[int] = (), metric: str = "mse"
) -> list[PublishedCheckpoint]:
    """The checkpoints of some families and qualities (default: all). Not every family has every quality.

    Raises:
        UsageError: there is no such family or metric, or none of the families has one of the qualities.
    """
    zoo = all_checkpoints()
    if metric not in METRICS:
        raise unknown("metric of the zoo", metric, METRICS)
    for family in families:
        if family not in (known := {entry.family for entry in zoo}):
            raise unknown("family of the zoo", family, known)
    candidates = [entry for entry in zoo if entry.metric == metric and (not families or entry.family in families)]
    available = {entry.quality for entry in candidates}
    for quality in qualities:
        if quality not in available:
            names = ", ".join(families) or "its families"
            raise UsageError(f"the zoo has {names} at qualities {min(available)} to {max(available)}, not {quality}")
    return [entry for entry in candidates if not qualities or entry.quality in qualities]


def locate(checkpoint: PublishedCheckpoint) -> Path | None:
    """Path of a checkpoint in bench's folder or among CompressAI's downloads, unverified; None if it is missing."""
    return locate_weights(checkpoint.file)


def require(checkpoint: PublishedCheckpoint) -> tuple[Path, str]:
    """Path and SHA-256 of a checkpoint on this machine, verified.

    Raises:
        MissingError: it is missing or damaged; the message says how to get it.
    """
    path = locate(checkpoint)
    if path is None:
        raise MissingError(
            f"the zoo's weights of {checkpoint} are not on this machine; `{checkpoint.fetch_command}` downloads them, "
            f"or set BENCH_WEIGHTS to the folder that contains {checkpoint.file}"
        )
    if not (found := sha256_of(path)).startswith(checkpoint.sha256_prefix):
        raise MissingError(
            f"{path} is damaged (SHA-256 {found[:8]}…, its name says {checkpoint.sha256_prefix}); "
            f"`{checkpoint.fetch_command}` downloads it again"
        )
    return path, found


def fetch(checkpoints: Sequence[PublishedCheckpoint]) -> list[Path]:
    """Download missing or damaged checkpoints, resuming interrupted downloads; returns the paths of all.

    Raises:
        MissingError: a download failed.
        OSError: the folder is not writable.
    """
    paths = []
    with progress("downloading weights", len(checkpoints), unit="files") as advance:
        for checkpoint in checkpoints:
            path = locate(checkpoint)
            if path is None or not sha256_of(path).startswith(checkpoint.sha256_prefix):
                path = weights_folder() / checkpoint.file
                download([checkpoint.url], path, checkpoint.sha256_prefix, advance=_megabytes(f"{checkpoint}", advance))
            advance(1, f"{checkpoint}")
            paths.append(path)
    return paths


def _megabytes(name: str, advance: Callable[[int, str], None]) -> Callable[[int], None]:
    """Show the progress of one file in megabytes."""
    arrived = 0

    def count(num_bytes: int) -> None:
        nonlocal arrived
        arrived += num_bytes
        advance(0, f"{name}: {arrived / 1e6:.1f} MB")

    return count
