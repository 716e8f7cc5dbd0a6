"""Summary at the top of a report: its main codec, the curves shown with it, and the ranking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.analysis.axis import PSNR_YUV
from bench.analysis.evidence import is_published
from bench.codecs.registry import family_of, is_ours
from bench.learned.weights.catalogue import COMPACTS, is_for_ms_ssim
from bench.results import published

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.analysis.dataset_results import DatasetResults
    from bench.analysis.rd_curve import RdCurve

ANCHORS = ("bpg-444", "jpeg", "webp", "jpeg2000", "vvc")
"""Default anchors of BD-rates, the main one first; without them, the first conventional codec is the anchor."""

ANCHORS_ON_PLANES = ("bpg-420", "jpeg", "vvc", "joint-yuv")
"""Default anchors on planes: codecs that take planes directly."""

PAPERS = {"joint": "tfc/minnen-2018-neurips-opt-mse"}
"""The papers' codec and its published curve."""

PAPERS_ON_PLANES = ("cca", "joint-yuv")

MOST = 8
"""Maximum number of curves that can be distinguished in a figure."""


def anchor_names(results: DatasetResults, rd_curves: Sequence[RdCurve]) -> list[str]:
    """Names of the anchors of BD-rates."""
    measured = set(results.curves["name"])
    wanted = ANCHORS_ON_PLANES if PSNR_YUV in results.axes else ANCHORS
    conventional = [rd_curve for rd_curve in rd_curves if rd_curve.images and not rd_curve.learned]
    first = [rd_curve.name for rd_curve in (conventional or rd_curves)[:1]]
    return [name for name in wanted if name in measured] or first


def ranking(rates: pd.DataFrame, axis: str, anchor: str) -> pd.DataFrame:
    """BD-rates against one anchor, sorted: fewest bits first, then unreliable ones, then rows without a BD-rate."""
    rows = rates[(rates["axis"] == axis) & (rates["anchor"] == anchor)] if len(rates) else rates
    if rows.empty:
        return rows
    rank = rows["doubt"].ne("").astype(int).where(rows["bd_rate_pchip_percent"].notna(), 2)
    by = pd.DataFrame({"rank": rank, "rate": rows["bd_rate_pchip_percent"].astype(float)})
    return rows.loc[by.sort_values(["rank", "rate"], kind="stable").index]


def trusted(ranked: pd.DataFrame) -> pd.DataFrame:
    """Rows of a ranking with a reliable BD-rate."""
    return ranked[ranked["bd_rate_pchip_percent"].notna() & ranked["doubt"].eq("")] if len(ranked) else ranked


def best(ranked: pd.DataFrame, names: Iterable[str], anchor: str) -> str | None:
    """Curve among `names` (which may include the anchor) with the fewest bits; None if none has a BD-rate."""
    rates = {row["test"]: float(row["bd_rate_pchip_percent"]) for row in trusted(ranked).to_dict("records")}
    found = {name: rate for name, rate in (rates | {anchor: 0.0}).items() if name in set(names)}
    return str(min(found, key=lambda name: found[name])) if found else None


def subject(results: DatasetResults, rd_curves: Sequence[RdCurve], ranked: pd.DataFrame, anchor: str) -> str | None:
    """Main curve of a report: the papers' codec if measured, otherwise the best learned one, otherwise the best.

    Of several weights, published ones take precedence, then the user's. Weights for MS-SSIM come last, after single
    points.
    """
    curves, points = results.curves, results.points["name"].value_counts()
    for codec in PAPERS_ON_PLANES if PSNR_YUV in results.axes else PAPERS:
        own = [(str(row.name), str(row.weights)) for row in curves[curves["codec"] == codec].itertuples(index=False)]
        if own:
            return min(own, key=lambda entry: (_last(entry[0], entry[1], points), entry))[0]
    learned = [rd_curve.name for rd_curve in rd_curves if rd_curve.learned]
    measured = [rd_curve.name for rd_curve in rd_curves if rd_curve.images]
    everything = [rd_curve.name for rd_curve in rd_curves]
    for names in (learned, measured, everything):
        if names:
            return best(ranked, names, anchor) or names[0]
    return None


def _last(name: str, weights: str, points: pd.Series) -> tuple[bool, ...]:
    """Sort key of a curve of the papers' codec, by its weights: the main curve has the smallest."""
    return is_for_ms_ssim(weights), points.get(name, 0) < 2, not is_published(weights), weights in COMPACTS


def _is_users(codec: str, weights: str) -> bool:
    """Whether a codec, or its weights, come neither with bench nor from a publication; modified codecs do not count."""
    return codec == family_of(codec) and not (is_ours(codec) and (weights in COMPACTS or is_published(weights)))


def few(
    results: DatasetResults, rd_curves: Sequence[RdCurve], anchors: Sequence[str], first: Sequence[str]
) -> list[str]:
    """Names of at most `MOST` curves for the initial figure, beginning with those of `first`.

    The order after these is: the published curve of the papers' codec, imported curves, the main anchor, the user's
    codecs and weights, the other anchors, and one curve per family (learned ones in reverse order of the registry, then
    conventional ones). Other published curves are used only if nothing is measured.
    """
    sources = published.sources()
    there = {rd_curve.name: rd_curve for rd_curve in rd_curves}
    imported = [name for name, curve in there.items() if not curve.images and name.rpartition("/")[0] not in sources]
    codecs = dict(zip(results.curves["name"], results.curves["codec"], strict=True))
    papers = [PAPERS.get(codecs.get(name, ""), "") for name in first]
    learned = [family.leading[0] for family in results.families if family.learned]
    conventional = [family.leading[0] for family in results.families if not family.learned]
    measured = results.curves[["name", "codec", "weights"]].astype(str).to_numpy().tolist()
    own = [name for name, codec, weights in measured if _is_users(codec, weights)]
    wanted = [*first, *papers, *imported, *anchors[:1], *own, *anchors, *reversed(learned), *conventional]
    if results.curves.empty:
        wanted += there
    return [name for name in dict.fromkeys(wanted) if name in there][:MOST]
