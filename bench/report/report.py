"""Composition of the pages of a report from image sets, claims and experiments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from bench.analysis import seed_variance
from bench.analysis.anchors import anchor_table
from bench.analysis.axis import PSNR_YUV
from bench.analysis.ceiling import ceiling_table
from bench.analysis.claims import Book, claim_table
from bench.analysis.component_gain import component_gain_table
from bench.analysis.quantization_errors import quantization_table
from bench.analysis.rd_curve import find
from bench.analysis.rectifier_gain import time_ratios
from bench.analysis.sets import all_results, without_parts
from bench.analysis.sources import Sources
from bench.analysis.timing import task_times
from bench.analysis.verdict import NO_VERDICT
from bench.report.against import image_set_figures
from bench.report.cca_page import cca_page
from bench.report.citations import bibliography
from bench.report.content import Content, first_of, main_results
from bench.report.figure import slug
from bench.report.pages import PAGE_SCRIPTS, Page, ablation_page, pictures_page, rectifier_page
from bench.report.style import family_colours
from bench.report.views.claims import claims, main_claim, tallies
from bench.report.views.image_set import image_set_view, sections, tab_title
from bench.results.extras import Extras
from bench.results.frames import Export
from bench.results.published import conversion_ceilings
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from bench.analysis.dataset_results import DatasetResults


INDEX = "index.html"

DOWNLOADS = (
    ("claims", "the papers' claims, with values and verdicts"),
    ("points", "RD points: means over the pictures"),
    ("per_image", "rate and distortion of each picture at each point"),
    ("bd_rates", "BD-rates against each anchor, with intervals, overlap and numbers of points"),
    ("per_image_bd_rates", "BD-rates per picture"),
    ("component_gains", "learned codecs compared with themselves without one component, and the seed variance"),
    ("training_spread", "trainings that differ only in their seeds"),
    ("quantization", "cost of rounding the latents, and file sizes relative to the estimated bits"),
    ("rate_differences", "rate relative to each anchor, by quality"),
    ("anchors", "conventional codecs compared with their published curves"),
    ("conversion_ceilings", "PSNR after colour conversion alone"),
    ("round_trip_ceilings", "PSNR of planes after conversion to RGB and back"),
    ("timings_summary", "times per codec and stage"),
    ("time_and_rate", "times and BD-rates, with the Pareto front"),
    ("cost_and_rate", "multiply-accumulates, parameters and memory (measured or stated), and BD-rates"),
    ("time_ratios", "paired times with and without a rectifier"),
    ("complexity", "parameters, multiply-accumulates and memory of learned models"),
    ("weights", "training records of the weights"),
    ("published", "published points, with their sources"),
    ("published_against_vtm", "published curves compared with VTM, and the values stated by their authors"),
    ("incomplete", "points that lack pictures"),
    ("failures", "failures"),
    ("stale", "older versions of codecs, not shown"),
    ("runs", "runs that the results come from"),
)
"""CSV files of a page, each with a description."""


def shown(
    export: Export, *, datasets: Sequence[str] = (), anchors: Sequence[str] = (), images: Sequence[str] = ()
) -> list[DatasetResults]:
    """Results shown in a report, those of the main image set first.

    `datasets` and `images` restrict the results to these image sets and pictures.

    Raises:
        UsageError: nothing is measured with the present metrics, or an image set, an image or an anchor of the main
            results is unknown.
    """
    if datasets or images:
        main = main_results(export, datasets[0] if datasets else None, images)
        others = [main_results(export, name, images) for name in datasets[1:]]
    else:
        main, others = first_of(found := all_results(export)), without_parts(found)
    for anchor in anchors:
        find(main, export, anchor)
    if not main.axes:
        raise UsageError(f"the results on {main.dataset} lack the metrics of this version; repeat `bench run`")
    return [
        main,
        *(
            results
            for results in others
            if results.dataset != main.dataset and results.axes and (len(results.points) or not results.images)
        ),
    ]


@dataclass(frozen=True, slots=True)
class Report:
    """Computed content of a report on one export directory."""

    export: Export
    extras: Extras
    book: Book
    contents: Sequence[Content]  # the main image set first

    @classmethod
    def of(
        cls, export_dir: Path, *, datasets: Sequence[str] = (), anchors: Sequence[str] = (), images: Sequence[str] = ()
    ) -> Self:
        """Read an export and compute the content of its report.

        Raises:
            UsageError: the folder is not an export, nothing is measured, or a name is unknown.
        """
        export, extras = Export.read(export_dir), Extras.read(export_dir)
        main, *others = shown(export, datasets=datasets, anchors=anchors, images=images)
        contents = [
            Content.of(export, main, extras, anchors),
            *(Content.of(export, results, extras) for results in others),
        ]
        colours = family_colours(
            [content.results.families for content in contents], [content.chosen for content in contents]
        )
        return cls(export, extras, Book.load(), [content.coloured(colours) for content in contents])

    def pages(self) -> list[Page]:
        """All pages, the index first."""
        image_set_pages = [self._image_set_page(content) for content in self.contents]
        main = self.contents[0]
        files = {page.dataset: page.file for page in image_set_pages}
        others = [
            pictures_page(main, self.extras),
            rectifier_page(main, self.extras),
            ablation_page(self.extras),
            cca_page(self.contents, self.export, self.extras, files),
        ]
        return [*image_set_pages, *(page for page in others if page is not None)]

    def _image_set_page(self, content: Content) -> Page:
        is_main = content is self.contents[0]
        optional = self._tables(content)
        plots = image_set_figures(content)
        view = image_set_view(content, self.extras, {**content.tables, **optional})
        view |= {"plots": plots, "not_shown": [], "main_claim": None, "any_measured_verdict": False}
        tables = {**content.tables, **{name: frame for name, frame in optional.items() if len(frame)}}
        if is_main:
            tables["claims"] = claim_table(self.book, Sources(self.export, self.extras, content.results))
            view |= {
                "not_shown": self._not_shown(content),
                "claims": claims(tables["claims"], self.book.papers),
                "tallies": tallies(tables["claims"]),
                "main_claim": main_claim(tables["claims"]),
                "any_measured_verdict": tables["claims"]["measured_verdict"].ne(NO_VERDICT).any(),
                "papers": list(self.book.papers.values()),
                "bibtex": bibliography(),
            }
        view["downloads"] = [(name, text) for name, text in DOWNLOADS if name in tables]
        view["sections"] = sections(view)
        name = "" if is_main else slug(content.results.dataset)
        return Page(
            INDEX if is_main else f"{name}.html",
            tab_title(content.results),
            "image_set.html",
            view,
            tables,
            [plot for kind in plots.values() for plot in kind],
            name,
            ("view.js", "explorer.js", *PAGE_SCRIPTS),
            dataset=content.results.dataset,
        )

    def _tables(self, content: Content) -> dict[str, pd.DataFrame]:
        """Tables of an image set that are written only if they have rows."""
        results = content.results
        complexity, weights = self.extras.complexity, self.extras.weights
        of_colour = conversion_ceilings()
        spread = self.extras.experiment("training_spread")
        return {
            "component_gains": component_gain_table(results, self.extras),
            "quantization": quantization_table(results),
            "training_spread": seed_variance.table(spread[spread["dataset"] == results.dataset]),
            "anchors": anchor_table(results, self.export),
            "round_trip_ceilings": ceiling_table(results),
            "conversion_ceilings": of_colour[
                of_colour["codec"].isin(results.curves["codec"]) & (of_colour["dataset"] == results.dataset)
            ],
            "time_ratios": time_ratios(task_times(results, self.export), results.curves),
            "complexity": complexity[complexity["codec"].isin(results.curves["codec"])],
            "weights": weights[weights["weights_sha256"].isin(results.measurements["weights_sha256"])],
        }

    def _not_shown(self, content: Content) -> list[tuple[str, str]]:
        """Sentences on missing content, each with the command that adds it."""
        measured = self.export.measurements
        planes = measured.reindex(columns=list(PSNR_YUV.metrics)).notna().all(axis="columns")
        contents = [
            (
                measured["codec"].str.endswith("+qr").any(),
                "No codec with a quantization rectifier has been measured.",
                "bench run --codec '*+qr' --codec '*+ft'",
            ),
            (
                planes.any(),
                "No codec has been measured on YUV 4:2:0.",
                "bench run --codec cca --codec bpg-420 --dataset kodak-yuv420",
            ),
            (
                len(self.extras.experiment("ablation")),
                "The ablation of entropy models is missing.",
                "bench train ablation",
            ),
            (
                len(self.extras.pictures),
                "Decoded pictures are missing.",
                "bench export reports/data --pictures kodim08",
            ),
            (len(self.extras.complexity), "Model costs are missing.", "bench export reports/data --costs"),
            (
                len(content.tables["timings_summary"]),
                "Times are missing: on an idle machine, repeat the run with",
                "--timing",
            ),
        ]
        return [(sentence, command) for present, sentence, command in contents if not present]
