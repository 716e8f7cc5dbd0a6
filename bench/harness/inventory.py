"""Available codecs, image sets and metrics, and how to get those that are missing: `bench list`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
"""Of a column with many names."""


@dataclass(frozen=True, slots=True)
class CodecEntry:
    """A codec with one of its backends: its default qualities and the backend's version, or what is missing."""

    name: str
    title: str
    backend: str
    meaning: str  # of the qualities
    qualities: str = ""
    version: str = ""
    missing: str = ""


def codecs() -> list[CodecEntry]:
    """All registered codecs with each of their backends, and those that need a user's weights."""
    names = (*codec_names(), *ON_REQUEST)
    return [_entry(name, backend) for name in names for backend in codec_class(name).backends]


def _entry(name: str, backend: str) -> CodecEntry:
    cls = codec_class(name)
    if reason := cls.missing(backend):
        return CodecEntry(name, cls.title, backend, cls.scale.meaning, missing=reason)
    points = cls.points()
    qualities = (
        f"{points[0]:g}…{points[-1]:g}, {len(points)} points"
        if len(points) > 4
        else ", ".join(map("{:g}".format, points))
    )
    version = cls(points[0], backend=backend).backend_version
    return CodecEntry(name, cls.title, backend, cls.scale.meaning, qualities, version)


def meanings(entries: Iterable[CodecEntry]) -> list[tuple[str, str]]:
    """Meanings of the codecs' qualities, each once: (codecs, meaning)."""
    grouped = _grouped((entry.meaning, entry.name) for entry in entries)
    return [(f"{names[0]} and {len(names) - 1} more" if names[1:] else names[0], key) for key, names in grouped.items()]


def missing(entries: Iterable[CodecEntry]) -> list[tuple[str, str]]:
    """Missing requirements of codecs, each once: (codecs with their backend, what is missing).

    Many codecs take further rows, without a requirement.
    """
    lacking = ((e.missing, f"{e.name} ({e.backend})") for e in entries if e.missing)
    rows = []
    for reason, names in _grouped(lacking).items():
        first, *further = textwrap.wrap(", ".join(names), _WIDTH, break_on_hyphens=False)
        rows += [(first, reason), *((line, "") for line in further)]
    return rows


def metrics() -> list[tuple[str, str, str, str]]:
    """All registered metrics: (name, title, which values are better, when it is measured or what is missing)."""
    rows = []
    for name in (*METRICS, *FURTHER_METRICS):
        metric = load_metric(name)
        better = "higher" if metric.higher_is_better else "lower"
        use = "in every run" if name in METRICS else metric.missing() or f"--metric {name}"
        rows.append((name, metric.title, better, use))
    return [*rows, *((name, ", ".join(members), "", f"--metric {name}") for name, members in METRIC_SETS.items())]


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for common, name in pairs:
        groups.setdefault(common, [])
        groups[common] += [name] if name not in groups[common] else []
    return groups


def image_sets(data: Path | None) -> list[tuple[str, str]]:
    """Every named image set, and whether its files are here with the right hashes."""
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
    """The image sets in a results database: name and title."""
    if not database.is_file():
        return []
    with Store.open(database) as store:
        return [(name, title) for name, title in store.rows("SELECT dataset, title FROM datasets ORDER BY dataset")]


def published_curves(database: Path) -> list[tuple[str, str, str, str, str]]:
    """The published curves, imported ones included: (name, title, image set, metrics, points).

    The names are those that `bench compare` takes; points are those of the metric that has most.
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
    """The environment as `bench doctor` shows it: (subject, finding)."""
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
    import torch  # noqa: PLC0415  # 2 s that only this command pays

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none (CPU)"
