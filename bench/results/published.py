"""Published RD points: data files in baselines/published, each with its source.

To add a curve, add rows to a CSV file in that folder and an entry to its sources.toml. Rates are in bits per pixel and
PSNR in dB; `ms_ssim_*` is linear, from 0 to 1, and `ms_ssim_db_*` is in dB.
"""

from __future__ import annotations

import functools
import importlib.resources
import tomllib
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.results.fields import FILES, parse_column
from bench.results.frames import cells_of
from bench.system.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

METRICS: Mapping[str, tuple[str, ...]] = {
    "psnr_rgb": ("psnr", "psnr-db", "psnr-rgb", "psnr-rgb-db"),
    "psnr_y": ("psnr-y", "psnr-y-db"),
    "ms_ssim_rgb": ("ms-ssim", "ms-ssim-rgb"),
    "ms_ssim_y": ("ms-ssim-y",),
    "ms_ssim_db_rgb": ("ms-ssim-db", "ms-ssim-db-rgb", "ms-ssim-rgb-db"),
}
"""Metrics of published curves, and their names in imported files, the shortest first."""

COLUMNS = FILES["published"]
"""Columns of a frame of published points. `drawn` is 1 for curves that the report draws behind the measured ones."""

CURVE = ["dataset", "source", "method", "metric"]
"""Columns that identify a published curve."""

OWN = "own"
"""Source of curves that the user imported without a source: `bench import --as mine` creates own/mine."""

COST_COLUMNS = ("curve", "label", "kmac_per_pixel", "at_most", "parameters", "by", "source", "obtained", "note", "same")
"""Columns of `stated_costs`; see baselines/published/costs.toml. Unknown costs are NaN."""

CEILING_COLUMNS = ("codec", "dataset", "psnr_rgb_db", "conversion")
"""Columns of `conversion_ceilings`: mean PSNR in dB of pictures after a codec's colour conversion and back."""


def _folder() -> Traversable:
    return importlib.resources.files("baselines") / "published"


def load(folder: Path | None = None) -> pd.DataFrame:
    """Read all points of baselines/published, or of another folder of this form, sorted by curve and rate.

    Raises:
        UsageError: a file is malformed, or has a curve without an entry in sources.toml.
    """
    return _load(folder) if folder else _load_own().copy()


@functools.cache
def _load_own() -> pd.DataFrame:
    """Read the points of baselines/published once per process: there are thousands to check."""
    return _load(None)


def _load(folder: Path | None) -> pd.DataFrame:
    known, entries = sources(folder), (folder or _folder()).iterdir()
    files = sorted((entry for entry in entries if entry.name.endswith(".csv")), key=lambda entry: entry.name)
    return pd.concat([_load_source(entry, known) for entry in files], ignore_index=True)


def sources(folder: Path | None = None) -> dict[str, Any]:
    """The entries of sources.toml, by name."""
    return _toml("sources.toml", folder)


def _toml(name: str, folder: Path | None = None) -> dict[str, Any]:
    return tomllib.loads(((folder or _folder()) / name).read_text(encoding="utf-8"))


def _methods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name "source/method" of each published curve, with its entry in sources.toml."""
    for source, entry in sources().items():
        for method, known in entry["methods"].items():
            yield f"{source}/{method}", known


def stated(dataset: str) -> dict[str, tuple[float, str]]:
    """BD-rates on an image set stated by the authors of curves, by name: (percent, anchor)."""
    return {
        name: (float(given[dataset]), str(given["against"]))
        for name, known in _methods()
        if dataset in (given := known.get("stated", {}))
    }


def stated_costs(folder: Path | None = None) -> pd.DataFrame:
    """Decoding costs of published codecs, with one row per curve and the columns `COST_COLUMNS`.

    Raises:
        UsageError: costs.toml has an entry that lacks a field or has an unknown one, or a cost that is not positive.
    """
    entries = _toml("costs.toml", folder)["costs"]
    for entry in entries:
        if unknown_fields := set(entry) - set(COST_COLUMNS):
            raise unknown("field of costs.toml", min(unknown_fields), COST_COLUMNS)
        numbers = [entry[name] for name in ("kmac_per_pixel", "parameters") if name in entry]
        missing = [name for name in ("curve", "label", "by", "source", "obtained") if not entry.get(name)]
        if missing or not numbers or min(numbers) <= 0:
            need = missing[0] if missing else "a positive cost"
            raise UsageError(f"costs.toml: {entry.get('curve', 'an entry')} needs {need}")
    frame = pd.DataFrame(entries).reindex(columns=list(COST_COLUMNS))
    texts = {"note": frame["note"].fillna(""), "obtained": frame["obtained"].astype(str)}
    same = [" ".join(names) if isinstance(names, list) else "" for names in frame["same"]]
    return frame.assign(at_most=frame["at_most"].eq(True), same=same, **texts)


def optimised_for(loss: str) -> set[str]:
    """Names of curves of networks trained for a loss ("mse", "ms-ssim"), according to sources.toml."""
    return {name for name, known in _methods() if known.get("optimised") == loss}


def vtm_curves() -> set[str]:
    """Names of the published VTM curves used as anchors."""
    return {name for name, known in _methods() if known.get("vtm")}


def _load_source(entry: Traversable, known: dict[str, Any]) -> pd.DataFrame:
    name = entry.name.removesuffix(".csv")
    if name not in known:
        raise unknown("published source", name, known)
    source = known[name]
    with entry.open("rb") as file:
        points = pd.read_csv(file, float_precision="round_trip")
    unnamed = sorted(set(points["method"]) - set(source["methods"]))
    if unnamed:
        raise UsageError(f"{entry.name}: sources.toml has no method '{unnamed[0]}' under [{name}.methods]")
    methods = points["method"].map(source["methods"])
    frame = points.assign(
        source=name,
        title=[method["title"] for method in methods],
        drawn=[int(method.get("drawn", False)) for method in methods],
        encoder=[method.get("encoder", "") for method in methods],
        note=["; ".join(filter(None, (method.get("note"), source.get("note")))) for method in methods],
        url=source["url"],
    )
    return validated(frame, entry.name)


def published_names(published: pd.DataFrame) -> pd.Series:
    """Name "source/method" of each point's curve."""
    names: pd.Series = published["source"] + "/" + published["method"]
    return names


def full_name(names: Collection[str], name: str) -> str:
    """Full name of a published curve; the source may be omitted for the user's own curves."""
    own = f"{OWN}/{name}"
    return own if own in names and name not in names else name


def validated(points: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Check published points, and return the columns `COLUMNS`, sorted by curve and rate.

    Raises:
        UsageError: a metric is not in `METRICS`, a value is missing or invalid, or a curve has a rate twice.
    """
    strange = sorted(set(points["metric"]) - set(METRICS))
    if strange:
        raise unknown("metric", strange[0], METRICS)
    try:
        for column in COLUMNS:
            parse_column(column, cells_of(points[column]))
    except ValueError as error:
        raise UsageError(f"{origin}: {error}") from None
    linear = points["metric"].isin(["ms_ssim_rgb", "ms_ssim_y"])
    if (points.loc[linear, "value"] > 1).any():
        raise UsageError(f"{origin}: MS-SSIM is above 1; values in dB are ms-ssim-db (ms_ssim_db_rgb)")
    ordered = points.sort_values([*CURVE, "rate_bpp"], kind="stable").reset_index(drop=True)
    twice = ordered.duplicated([*CURVE, "rate_bpp"])
    if twice.any():
        row = ordered.loc[twice].iloc[0]
        raise UsageError(f"{origin}: {row['method']} has two {row['metric']} points at {row['rate_bpp']:g} bpp")
    return ordered[list(COLUMNS)]


def reproduced() -> list[dict[str, str]]:
    """Codecs and the published curves that they reproduce, with the reason for the difference and its source."""
    pairs: list[dict[str, str]] = _toml("anchors.toml")["anchors"]
    return pairs


def conversion_ceilings() -> pd.DataFrame:
    """PSNR on Kodak after colour conversion alone, by codec; computed by `baselines.conversion`."""
    rows = [{"dataset": "kodak", **ceiling} for ceiling in _toml("anchors.toml")["ceilings"]]
    return pd.DataFrame(rows, columns=CEILING_COLUMNS)
