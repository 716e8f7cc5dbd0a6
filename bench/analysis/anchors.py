"""How near the conventional codecs, made again, come to their published curves, and why they differ."""

from __future__ import annotations

import importlib.resources
import tomllib
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.analysis.axis import PSNR
from bench.analysis.comparison import bd_rows
from bench.analysis.subject import measured_subject, published_of, published_subject

if TYPE_CHECKING:
    from bench.analysis.export import Export
    from bench.analysis.study import Study

COLUMNS = (
    "codec",
    "title",
    "published",
    "published_title",
    "encoder",
    "bd_rate_percent",
    "bd_psnr_db",
    "overlap_low_db",
    "overlap_high_db",
    "remark",
)
"""Columns of `anchor_table`. A negative BD-rate says that ours needs fewer bits than the published points."""


def anchor_table(study: Study, export: Export) -> pd.DataFrame:
    """A row for each measured codec and each published curve that it makes again: PSNR of RGB, in dB.

    Codecs without a complete point are left out, and so is everything in a study of a part of the pictures.
    """
    published = published_of(study, export)
    there = set(published["source"] + "/" + published["method"])
    measured = set(study.curves["name"])
    pairs = [pair for pair in _data()["anchors"] if pair["codec"] in measured and pair["published"] in there]
    return pd.DataFrame([_row(study, published, pair) for pair in pairs], columns=COLUMNS)


def _row(study: Study, published: pd.DataFrame, pair: dict[str, str]) -> dict[str, Any]:
    ours, theirs = measured_subject(study, pair["codec"]), published_subject(published, pair["published"])
    points = published[published["source"] + "/" + published["method"] == pair["published"]]
    delta = next(iter(bd_rows(theirs, ours, [PSNR])), {})
    return {
        "codec": pair["codec"],
        "title": ours.title,
        "published": pair["published"],
        "published_title": theirs.title,
        "encoder": points["encoder"].iloc[0],
        "bd_rate_percent": delta.get("bd_rate_pchip_percent"),
        "bd_psnr_db": delta.get("bd_quality_pchip"),
        "overlap_low_db": delta.get("overlap_low"),
        "overlap_high_db": delta.get("overlap_high"),
        "remark": pair["remark"],
    }


def conversion_ceilings_db() -> dict[str, float]:
    """Codec to the PSNR that its colour conversion alone leaves on Kodak, in dB; see `baselines.conversion`."""
    ceilings: dict[str, float] = _data()["ceilings"]
    return ceilings


def _data() -> dict[str, Any]:
    text = (importlib.resources.files("baselines") / "published" / "anchors.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
