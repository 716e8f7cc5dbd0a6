"""Page on one image set: template variables, headings and the list of its sections."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bench.analysis import batch
from bench.analysis.axis import PSNR_YUV
from bench.analysis.ceiling import ceiling_note
from bench.analysis.dataset_results import name_of_whole
from bench.analysis.trust import other_qualities
from bench.report.explorer import explorer_json
from bench.report.numbers import NOTHING
from bench.report.views import answer, bd_rates, points, provenance, section_summaries, times
from bench.report.views.table import records
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from bench.analysis.axis import Axis
    from bench.analysis.dataset_results import DatasetResults
    from bench.report.content import Content
    from bench.results.extras import Extras


NOT_COMPARABLE = "published ones"
"""Words in the notes of `bench.images.datasets`, and of older databases, that make a note a warning.

Other notes describe the origin of the pictures."""

LONGEST_NAME = 24
"""Maximum number of characters of the title of an image set in a heading."""


def image_set_view(content: Content, extras: Extras, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Template variables of the page on one image set, without its figures and what only the first page has.

    `tables` are those of the content and the optional ones, which may be empty.
    """
    results = content.results
    ranked = bd_rates.rate_tables(content)
    first = ranked[results.axes[0].name][content.anchors[0].name] if ranked and content.anchors else None
    return {
        "heading": heading(results),
        "nothing": NOTHING,
        **{name: getattr(results, name) for name in ("dataset", "note", "is_subset", "extent", "images", "axes")},
        **{name: getattr(content, name) for name in ("anchor", "anchors")},
        "answer": answer.answer(content, f"{short_title(results)} ({results.extent})"),
        "banner": answer.weights_banner(content, extras),
        "ranking": bd_rates.of_few(first, content.chosen) if first else None,
        "rate_table": first,
        "rates_json": bd_rates.rates_json(ranked),
        "curve_names": bd_rates.names(content),
        "cell_heads": cell_heads(results.axes),
        "costs": answer.costs(content, extras),
        "no_interval": batch.too_few(len(results.images)) if results.images else "",
        "timed_on": answer.times(content)[1],
        "warns": NOT_COMPARABLE in results.note,
        "planar": PSNR_YUV in results.axes,
        "ceiling": ceiling_note(results),
        "facts": _facts(content),
        "explorer": explorer_json(content),
        "references": provenance.references(content),
        "matrices": bd_rates.matrices(content),
        "beside_vtm": bd_rates.beside_vtm(content.tables["published_against_vtm"]),
        "other_qualities": other_qualities(results),
        "times": times.times(content.tables["timings_summary"], times.costs(extras.complexity, results.curves)),
        "pairs": times.pairs(tables["time_ratios"]),
        "stated_costs": times.stated(content),
        "no_stated_cost": times.not_stated(content),
        "points": points.points(content),
        "incomplete": records(results.incomplete),
        "failures": points.failures(content.tables["failures"]),
        "absent": points.absent(content),
        "stale": records(results.stale),
        "runs": provenance.runs(content.tables["runs"]),
        "weights": provenance.weights(tables["weights"][tables["weights"]["weights_sha256"].ne("")]),
        "component_gains": bd_rates.component_gains(tables["component_gains"], content),
        "gains_axis": results.axes[0].title if results.axes else "",
        "has_training_spread": len(tables["training_spread"]) > 0,
        "quantization": bd_rates.quantization(tables["quantization"], content),
        "quantization_axis": tables["quantization"]["axis_title"].max(),
        "has_complexity": len(tables["complexity"]) > 0,
        "anchor_rows": bd_rates.anchor_rows(tables["anchors"]),
        "ceilings": bd_rates.ceilings(tables["conversion_ceilings"], content),
        "results_of": section_summaries.results_of(content, tables),
    }


def heading(results: DatasetResults) -> str:
    """Heading of the page, with a remark for subsets and for image sets that have a note."""
    text = f"Image codecs on {short_title(results)}"
    # The number of pictures already marks a subset.
    if results.note and not (results.is_subset and results.note.startswith("A part of ")):
        clause = re.split(r"[:;.]", results.note, maxsplit=1)[0].strip()
        # Lower case within the heading, unless the sentence begins with an abbreviation.
        text += f" ({clause[:1].lower() + clause[1:] if clause[1:2].islower() else clause})"
    return f"{text}, {results.extent}" if results.is_subset else text


def short_title(results: DatasetResults) -> str:
    """Short name of an image set: the beginning of its title if that is short, otherwise its name."""
    first = results.title.split(",")[0].strip()
    name = first if 0 < len(first) <= LONGEST_NAME else name_of_whole(results.dataset)
    # A single word is capitalised; paths are left unchanged.
    return name[:1].upper() + name[1:] if re.fullmatch(r"[\w-]+", name) else name


def tab_title(results: DatasetResults) -> str:
    """Short name of an image set in the navigation, where a part of a set differs from the whole."""
    return (
        f"{short_title(results)}, {len(results.images)} of {results.whole}"
        if results.is_subset
        else short_title(results)
    )


def _facts(content: Content) -> list[str]:
    results, runs = content.results, content.tables["runs"]
    days = sorted({str(started)[:10] for started in runs["started"]})
    found = [results.label, count(len(results.curves), "codec"), count(len(results.points), "RD point")]
    if days:
        found.append("measured " + (days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"))
    return found


def cell_heads(axes: Sequence[Axis]) -> dict[str, list[str]]:
    """Column headings of the BD-rate tables, by the table's id."""
    unit = axes[0].unit if axes and all(axis.unit == axes[0].unit for axis in axes) else ""
    quality = f"BD-quality {unit}".rstrip()
    return {
        "ranking": ["BD-rate %"],
        "rates-table": ["BD-rate %", quality, f"Common range {unit}".rstrip(), "Points in range", "Per picture %"],
    }


def sections(view: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Id, title and template of each section with content."""
    missing = view["incomplete"] or view["failures"] or view["absent"] or view["not_shown"]
    found = [
        (view.get("claims"), "claims", "Claims of the papers"),
        (view["plots"]["rd"], "curves", "All curves"),
        (view["rate_table"], "rates", "BD-rates"),
        (view["component_gains"], "component-gain", "Component gain"),
        (view["quantization"], "quantization", "Quantisation errors"),
        (view["plots"]["difference"], "differences", "Rate savings by quality"),
        (view["anchor_rows"], "anchors", "Conventional codecs and their published curves"),
        (view["times"], "times", "Times"),
        (view["plots"]["costs"] or view["plots"]["front"], "costs", "Cost and rate"),
        (view["points"], "points", "Points"),
        (missing, "missing", "Missing results"),
        (True, "method", "How the numbers are computed"),
        (True, "provenance", "Provenance"),
    ]
    templates = {"curves": "explorer.html"}
    return [
        (name, title, templates.get(name, f"{name.replace('-', '_')}.html")) for shown, name, title in found if shown
    ]
