"""The whole report before it is written: its studies, the claims, and the pages that it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from bench.analysis import seed_variance as training_spread
from bench.analysis.anchors import anchor_table
from bench.analysis.ceiling import ceiling_table
from bench.analysis.claims import Book, claim_table
from bench.analysis.component_gain import neighbour_table
from bench.analysis.rd_curve import find
from bench.analysis.rectifier import time_ratios
from bench.analysis.sets import studies, without_parts
from bench.analysis.sources import Sources
from bench.analysis.timing import cell_times
from bench.report.canvas import slug
from bench.report.cca_page import cca_page
from bench.report.citations import bibliography
from bench.report.content import Content, first_study, main_study
from bench.report.pages import Page, ablation_page, pictures_page, rectifier_page
from bench.report.style import family_colours
from bench.report.views.anchors import anchor_rows, ceilings
from bench.report.views.claims import claims, tally
from bench.report.views.neighbours import neighbours
from bench.report.views.study import sections, short_title, study_view
from bench.results.extras import Extras
from bench.results.frames import Export
from bench.results.published import conversion_ceilings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from bench.analysis.dataset_results import Study


INDEX = "index.html"

DOWNLOADS = (
    ("claims", "the papers' claims with figures and verdicts"),
    ("points", "RD points: means over the pictures"),
    ("per_image", "every picture's rate and distortion at every point"),
    ("bd_rates", "BD-rates with intervals, overlap and points, against every anchor"),
    ("per_image_bd_rates", "BD-rates of each picture by itself"),
    ("neighbours", "learned codecs against those that lack something, and the spread of trainings"),
    ("training_spread", "trainings that differ in their seeds"),
    ("rate_differences", "rate relative to the anchors at each quality"),
    ("anchors", "our conventional codecs beside the published curves of the same"),
    ("conversion_ceilings", "what colour conversion alone leaves"),
    ("round_trip_ceilings", "what the round trip to RGB alone leaves of planes"),
    ("timings_summary", "times by codec and stage"),
    ("time_and_rate", "times beside BD-rates, and which codecs are on the front"),
    ("time_ratios", "times with and without a rectifier, in pairs"),
    ("complexity", "parameters, multiply-accumulates and memory of learned models"),
    ("weights", "how the weights were trained"),
    ("published", "published points that are drawn, with their sources"),
    ("incomplete", "points that lack pictures"),
    ("failures", "what failed"),
    ("stale", "older versions of curves, left out"),
    ("runs", "runs that the figures come from"),
)
"""The CSV files beside a page, and what is in them."""


def shown(
    export: Export, *, datasets: Sequence[str] = (), anchors: Sequence[str] = (), images: Sequence[str] = ()
) -> list[Study]:
    """The studies that a report shows, the main one first.

    Raises:
        UsageError: nothing is measured, or a data set, an image, or an anchor of the main study is unknown.
    """
    # Whoever names data sets or pictures wants their pages alone.
    if datasets or images:
        main = main_study(export, datasets[0] if datasets else None, images)
        others = [main_study(export, name, images) for name in datasets[1:]]
    else:
        main, others = first_study(found := studies(export)), without_parts(found)
    for anchor in anchors:
        find(main, export, anchor)
    return [
        main,
        *(study for study in others if study.dataset != main.dataset and (len(study.points) or not study.images)),
    ]


@dataclass(frozen=True, slots=True)
class Report:
    """One export directory, read and computed."""

    export: Export
    extras: Extras
    book: Book
    contents: Sequence[Content]  # the main study first

    @classmethod
    def of(
        cls, export_dir: Path, *, datasets: Sequence[str] = (), anchors: Sequence[str] = (), images: Sequence[str] = ()
    ) -> Self:
        """Read an export and compute what a report on it shows.

        Raises:
            UsageError: the folder is not an export, nothing is measured, or a name is unknown.
        """
        export, extras = Export.read(export_dir), Extras.read(export_dir)
        main, *others = shown(export, datasets=datasets, anchors=anchors, images=images)
        colours = family_colours([study.families for study in (main, *others)])
        contents = [Content.of(export, main, colours, anchors)]
        contents += [Content.of(export, study, colours) for study in others]
        return cls(export, extras, Book.load(), contents)

    def pages(self) -> list[Page]:
        """All pages, the index first."""
        studies = [self._study_page(content) for content in self.contents]
        main = self.contents[0]
        files = {content.study.dataset: page.file for content, page in zip(self.contents, studies, strict=True)}
        others = [
            pictures_page(main, self.extras),
            rectifier_page(main, self.extras),
            ablation_page(self.extras),
            cca_page(self.contents, self.export, self.extras, files),
        ]
        return [*studies, *(page for page in others if page is not None)]

    def _study_page(self, content: Content) -> Page:
        is_main = content is self.contents[0]
        view = study_view(content, self.extras)
        curves = content.study.curves
        titles = dict(zip(curves["codec"], curves["title"], strict=True))
        tables = dict(content.tables) | self._tables(content)
        view |= {
            "neighbours": neighbours(tables["neighbours"], content) if "neighbours" in tables else [],
            "neighbours_axis": content.study.axes[0].title if content.study.axes else "",
            "has_training_spread": "training_spread" in tables,
            "anchor_rows": anchor_rows(tables["anchors"]) if "anchors" in tables else [],
            "ceilings": ceilings(tables["conversion_ceilings"], titles) if "conversion_ceilings" in tables else [],
            "not_shown": self._not_shown(content) if is_main else [],
        }
        if is_main:
            tables["claims"] = claim_table(self.book, Sources(self.export, self.extras, content.study))
            view |= {
                "claims": claims(tables["claims"], self.book.papers),
                "tally": tally(tables["claims"]),
                "papers": list(self.book.papers.values()),
                "bibtex": bibliography(),
            }
        view["downloads"] = [(name, text) for name, text in DOWNLOADS if name in tables]
        view["sections"] = sections(view)
        view["has_complexity"] = "complexity" in tables
        name = "" if is_main else slug(content.study.dataset)
        return Page(
            INDEX if is_main else f"{name}.html",
            short_title(content.study),
            "study.html",
            view,
            tables,
            content.all_plots,
            name,
            ("explorer.js", "tables.js"),
        )

    def _tables(self, content: Content) -> dict[str, pd.DataFrame]:
        """The optional tables of a study that have any rows."""
        study = content.study
        complexity, weights = self.extras.complexity, self.extras.weights
        left = conversion_ceilings()
        spread = self.extras.experiment("training_spread")
        found = {
            "neighbours": neighbour_table(study, self.extras),
            "training_spread": training_spread.table(spread[spread["dataset"] == study.dataset]),
            "anchors": anchor_table(study, self.export),
            "round_trip_ceilings": ceiling_table(study),
            "conversion_ceilings": left[left["codec"].isin(study.curves["codec"]) & (left["dataset"] == study.dataset)],
            "time_ratios": time_ratios(cell_times(study, self.export), study.curves),
            "complexity": complexity[complexity["codec"].isin(study.curves["codec"])],
            "weights": weights[weights["weights_sha256"].isin(study.cells["weights_sha256"])],
        }
        return {name: frame for name, frame in found.items() if len(frame)}

    def _not_shown(self, content: Content) -> list[tuple[str, str]]:
        """What the export lacks, one sentence each, with the command that makes it."""
        codecs = set(content.study.curves["codec"])
        lacking = [
            (
                any(codec.endswith("+qr") for codec in codecs),
                "No codec with a quantization rectifier was measured.",
                "bench run --codec '*+qr' --codec '*+ft'",
            ),
            (
                any(other.study.dataset.endswith("-yuv420") for other in self.contents),
                "Nothing was measured on YUV 4:2:0.",
                "bench run --codec cca --codec bpg-420 --dataset kodak-yuv420",
            ),
            (
                len(self.extras.experiment("ablation")),
                "There is no ablation of entropy models.",
                "bench train ablation",
            ),
            (len(self.extras.pictures), "There are no pictures.", "bench export reports/data --pictures kodim08"),
            (len(self.extras.complexity), "The costs of models are missing.", "bench export reports/data --costs"),
        ]
        return [(sentence, command) for present, sentence, command in lacking if not present]
