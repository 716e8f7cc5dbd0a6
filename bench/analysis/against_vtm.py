"""BD-rates of published curves against the published VTM curves, with the values that their authors state."""

from __future__ import annotations

import pandas as pd

from bench.analysis.axis import PSNR
from bench.analysis.comparison import bd_rows, doubts
from bench.analysis.rd_curve import published_curve
from bench.results import published
from bench.results.published import published_names

COLUMNS = ("curve", "title", "anchor", "bd_rate_percent", "doubt", "stated_percent", "stated_against")
"""Columns of `against_vtm`."""


def against_vtm(points: pd.DataFrame) -> pd.DataFrame:
    """BD-rate (PSNR) of each published curve of an image set against each VTM curve, best first.

    Curves of networks trained for MS-SSIM are left out; each VTM curve is also compared with the other VTM curves.
    """
    rated = points[points["metric"] == "psnr_rgb"]
    others, vtm = published.optimised_for("ms-ssim"), published.vtm_curves()
    curves = {
        name: published_curve(rated, name) for name in dict.fromkeys(published_names(rated)) if name not in others
    }
    stated = published.stated(str(points["dataset"].iloc[0])) if len(points) else {}
    rows = [
        {
            "curve": name,
            "title": test.title,
            "anchor": anchor.name,
            "bd_rate_percent": row["bd_rate_pchip_percent"],
            "doubt": "; ".join(doubts(row["notes"])),
            "stated_percent": stated.get(name, (None, ""))[0],
            "stated_against": stated.get(name, (None, ""))[1],
        }
        for anchor in (curves[name] for name in curves if name in vtm)
        for name, test in curves.items()
        if name != anchor.name
        for row in bd_rows(anchor, test, (PSNR,))
        if row["bd_rate_pchip_percent"] is not None
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values(["anchor", "bd_rate_percent"], kind="stable").reset_index(drop=True)
