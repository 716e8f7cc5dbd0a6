"""What is there to run with, and what is missing with the way to get it."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import datasets
from bench.provenance import git_state, machine, package_versions
from bench.registry import codec_class, codec_names

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class CodecEntry:
    """One codec with one carrier. `state` is the version of what does the work, or what is missing."""

    name: str
    title: str
    carrier: str
    qualities: str
    state: str


def codecs() -> list[CodecEntry]:
    """Every registered codec with each of its carriers."""
    return [_entry(name, carrier) for name in codec_names() for carrier in codec_class(name).carriers]


def _entry(name: str, carrier: str) -> CodecEntry:
    cls = codec_class(name)
    reason = cls.missing(carrier)
    points = cls.points()
    qualities = f"{points[0]:g}…{points[-1]:g}, {len(points)} points" if len(points) > 4 else _listed(points)
    state = f"missing: {reason}" if reason else cls(points[0], carrier=carrier).carrier_version
    return CodecEntry(name, cls.title, carrier, f"{qualities} ({cls.scale.meaning})", state)


def _listed(points: tuple[float, ...]) -> str:
    return ", ".join(f"{point:g}" for point in points)


def image_sets(data: Path | None) -> list[tuple[str, str]]:
    """Every named image set, and whether its files are here."""
    states = []
    for name in datasets.dataset_names():
        absent = datasets.missing(name, data)
        states.append((name, f"missing: {len(absent)} files; bench fetch {name}" if absent else "ready"))
    return states


def environment(data: Path | None, database: Path) -> list[tuple[str, str]]:
    """What `bench doctor` says of the environment: (subject, finding)."""
    git = git_state()
    commit = f"{git['commit']}{' with changes' if git['dirty'] else ''}" if git["commit"] else "not a git checkout"
    free_gib = shutil.disk_usage(database.parent if database.parent.is_dir() else ".").free / 2**30
    return [
        ("machine", machine()),
        ("cores to use", str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())),
        ("accelerator", _accelerator()),
        ("checkout", commit),
        *package_versions().items(),
        ("data folder", f"{datasets.data_folder(data)}{' (BENCH_DATA)' if os.environ.get('BENCH_DATA') else ''}"),
        ("results", f"{database} ({'there' if database.is_file() else 'none yet'}), {free_gib:.0f} GiB free"),
    ]


def _accelerator() -> str:
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed: pip install torch"
    import torch  # noqa: PLC0415  # 2 s that only this command pays

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none (CPU)"
