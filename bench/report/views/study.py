"""A study's sections: rates, curves, times, points, what is missing, where it comes from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bench.analysis.axis import PSNR_YUV
from bench.analysis.ceiling import ceiling_note
from bench.analysis.rectifier import time_ratios
from bench.analysis.timing import cell_times
from bench.report.explorer import explorer_json
from bench.report.numbers import NOTHING
from bench.report.views import points, provenance, rates, times
from bench.report.views.rows import count, records

if TYPE_CHECKING:
    from bench.analysis.dataset_results import Study
    from bench.report.content import Content
    from bench.results.extras import Extras


NOT_COMPARABLE = "cannot be set beside published ones"
"""What a data set's note says where it is a warning, and not a remark on how its pictures came about."""

LONGEST_NAME = 24
"""Characters of a data set's title that still fit into a heading."""


def study_view(content: Content, extras: Extras) -> dict[str, Any]:
    """The variables of the sections on one study."""
    study = content.study
    used = set(study.cells["weights_sha256"]) - {""}
    return {
        "heading": heading(study),
        "nothing": NOTHING,
        "dataset_title": study.label,
        "note": study.note,
        "warns": NOT_COMPARABLE in study.note,
        "is_subset": study.is_subset,
        "extent": study.extent,
        "images": study.images,
        "planar": PSNR_YUV in study.axes,
        "ceiling": ceiling_note(study),
        "facts": _facts(content),
        "anchor": content.anchor,
        "anchors": content.anchors,
        "axes": study.axes,
        "explorer": explorer_json(content),
        "legend": provenance.legend(content),
        "references": provenance.references(content),
        "matrices": rates.matrices(content),
        "other_qualities": rates.other_qualities(study),
        "details": [rates.details(content, axis) for axis in study.axes] if content.anchors else [],
        "plots": content.plots,
        "times": times.times(content.tables["timings_summary"], times.costs(extras.complexity, study.curves)),
        "pairs": times.pairs(time_ratios(cell_times(study, content.export), study.curves)),
        "points": points.points(content),
        "point_headers": points.headers(content),
        "incomplete": records(study.incomplete),
        "failures": points.failures(content.tables["failures"]),
        "absent": points.absent(content),
        "stale": records(study.stale),
        "runs": provenance.runs(content.tables["runs"]),
        "weights": provenance.weights(extras.weights[extras.weights["weights_sha256"].isin(used)]),
    }


def heading(study: Study) -> str:
    """The title: it says so when the pictures are not a whole set, or not one that others report on."""
    text = f"Image codecs on {short_title(study)}"
    if study.note:
        clause = re.split(r"[:;.]", study.note, maxsplit=1)[0].strip()
        # Within a title a sentence does not start anew; an abbreviation stays as it is.
        text += f" ({clause[:1].lower() + clause[1:] if clause[1:2].islower() else clause})"
    return f"{text}, {study.extent}" if study.is_subset else text


def short_title(study: Study) -> str:
    """A data set's name as people write it: the first words of its title if they are few, else its own name."""
    first = study.title.split(",")[0].strip()
    name = first if 0 < len(first) <= LONGEST_NAME else study.dataset
    # A word is capitalised; the name of a file or of a folder within others is as it is.
    return name[:1].upper() + name[1:] if re.fullmatch(r"[\w-]+", name) else name


def _facts(content: Content) -> list[str]:
    study, runs = content.study, content.tables["runs"]
    days = sorted({str(started)[:10] for started in runs["started"]})
    found = [study.extent, count(len(study.curves), "codec"), count(len(study.points), "RD point")]
    if days:
        found.append("measured " + (days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"))
    return found


def sections(view: dict[str, Any]) -> list[tuple[str, str]]:
    """The contents list of a study's page: id and title of every section that it has."""
    missing = view["incomplete"] or view["failures"] or view["absent"] or view.get("not_shown")
    found = [
        (view.get("claims"), "claims", "Claims"),
        (view["plots"]["rd"], "curves", "Rate and distortion"),
        (view["matrices"], "rates", "BD-rates"),
        (view.get("neighbours"), "neighbours", "Neighbours"),
        (view["plots"]["difference"], "differences", "Where the rate is saved"),
        (view.get("anchor_rows"), "anchors", "Anchors"),
        (view["times"], "times", "Time"),
        (view["details"], "details", "BD-rates in full"),
        (view["points"], "points", "Points"),
        (missing, "missing", "What is missing"),
        (True, "method", "How each number is computed"),
        (True, "provenance", "Where it comes from"),
    ]
    return [(name, title) for present, name, title in found if present]
