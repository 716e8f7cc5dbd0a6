"""Available codecs, metrics and image sets, and how to get missing ones: `bench list` and `bench doctor`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.axis import DERIVED
from bench.codecs.registry import (
    FURTHER_METRICS,
    METRIC_SETS,
    METRICS,
    ON_REQUEST,
    codec_class,
    codec_names,
    load_metric,
)
from bench.images import datasets
from bench.results import published
from bench.results.export import frames
from bench.results.published import published_names
from bench.results.store import Store
from bench.system.environment import usable_cores
from bench.system.provenance import git_state, machine, package_versions
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_WIDTH = 60
"""Maximum width of a column with many names, in characters."""


@dataclass(frozen=True, slots=True)
class CodecEntry:
    """A codec with one of its backends: default qualities and version of the backend, or what is missing."""

    name: str
    title: str
    backend: str
    meaning: str  # of the qualities
    qualities: str = ""
    version: str = ""
    missing: str = ""


def codecs() -> list[CodecEntry]:
    """List all codecs with each of their backends, including those that need weights of the user."""
    names = (*codec_names(), *ON_REQUEST)
    return [_entry(name, backend) for name in names for backend in codec_class(name).backends]


def _entry(name: str, backend: str) -> CodecEntry:
    cls = codec_class(name)
    if reason := cls.missing(backend):
        return CodecEntry(name, cls.title, backend, cls.scale.meaning, missing=reason)
    points = cls.points()
    qualities = ", ".join(f"{point:g}" for point in points)
    if len(points) > 4:
        qualities = f"{points[0]:g}…{points[-1]:g}, {len(points)} points"
    version = cls(points[0], backend=backend).backend_version
    return CodecEntry(name, cls.title, backend, cls.scale.meaning, qualities, version)


def meanings(entries: Iterable[CodecEntry]) -> list[tuple[str, str]]:
    """List the meanings of qualities, each once: (codecs, meaning)."""
    grouped = _grouped((entry.meaning, entry.name) for entry in entries)
    return [(f"{names[0]} and {len(names) - 1} more" if names[1:] else names[0], key) for key, names in grouped.items()]


def missing(entries: Iterable[CodecEntry]) -> list[tuple[str, str]]:
    """List missing requirements, each once: (codecs with their backend, what is missing).

    If there are many codecs, their names continue in further rows.
    """
    lacking = ((e.missing, f"{e.name} ({e.backend})") for e in entries if e.missing)
    rows = []
    for reason, names in _grouped(lacking).items():
        first, *more = textwrap.wrap(", ".join(names), _WIDTH, break_on_hyphens=False)
        rows += [(first, reason), *((line, "") for line in more)]
    return rows


def metrics() -> list[tuple[str, ...]]:
    """List all metrics: (name, title, which values are better, names in results, when measured or what is missing)."""
    rows = []
    for name in (*METRICS, *FURTHER_METRICS):
        metric = load_metric(name)
        better = "higher" if metric.higher_is_better else "lower"
        use = "in every run" if name in METRICS else metric.missing() or f"--metric {name}"
        shown = [axis for axis, stored in DERIVED.items() if name in stored]
        rows.append((name, metric.title, better, ", ".join(shown) or name.replace("_", "-"), use))
    return [*rows, *((name, ", ".join(members), "", "", f"--metric {name}") for name, members in METRIC_SETS.items())]


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Group names by what they have in common, each name once."""
    groups: dict[str, dict[str, None]] = {}
    for common, name in pairs:
        groups.setdefault(common, {})[name] = None
    return {common: list(names) for common, names in groups.items()}


def image_sets(data: Path | None) -> list[tuple[str, str]]:
    """List the named image sets, and whether their files are here with the right hashes."""
    states = []
    for name in datasets.dataset_names():
        absent = datasets.missing(name, data)
        if not absent:
            state = "ready"
        elif datasets.is_absent(name, data):
            state = f"missing; bench fetch {name}"
        else:
            state = f"missing or damaged: {count(len(absent), 'file')}; bench fetch {name}"
        states.append((name, state))
    return states


def measured_sets(database: Path) -> list[tuple[str, str]]:
    """List the image sets in a results database: (name, title)."""
    if not database.is_file():
        return []
    with Store.open(database) as store:
        return [(name, title) for name, title in store.rows("SELECT dataset, title FROM datasets ORDER BY dataset")]


def published_curves(database: Path) -> list[tuple[str, str, str, str, str]]:
    """List the published and imported curves: (name, title, image set, metrics, points).

    Names are as in `bench compare`; points are counted for the metric with the most points.
    """
    points = published.load()
    if database.is_file():
        with Store.open(database) as store:
            points = frames(store)["published"]
    rows = []
    for (name, dataset), curve in points.groupby([published_names(points), "dataset"], sort=True):
        metrics = curve["metric"].value_counts()
        title, metrics_shown = str(curve["title"].iloc[0]), ", ".join(sorted(map(str, metrics.index)))
        rows.append((str(name), title, str(dataset), metrics_shown, str(metrics.max())))
    return rows


def environment(data: Path | None, database: Path) -> list[tuple[str, str]]:
    """Describe the environment for `bench doctor`: (subject, finding)."""
    git = git_state()
    commit = f"{git['commit']}{' with changes' if git['dirty'] else ''}" if git["commit"] else "not a git checkout"
    from_variable = data is None and os.environ.get("BENCH_DATA")
    free_gib = shutil.disk_usage(database.parent if database.parent.is_dir() else ".").free / 2**30
    return [
        ("machine", machine()),
        ("cores to use", str(usable_cores())),
        ("accelerator", _accelerator()),
        ("checkout", commit),
        *package_versions().items(),
        ("data folder", f"{datasets.data_folder(data)}{' (BENCH_DATA)' if from_variable else ''}"),
        ("results", f"{database} ({'there' if database.is_file() else 'none yet'}), {free_gib:.0f} GiB free"),
    ]


def _accelerator() -> str:
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed: pip install torch"
    import torch  # noqa: PLC0415  # takes 2 s

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none (CPU)"
