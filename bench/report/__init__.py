"""The report: a pure function of an export directory; the same input gives the same bytes.

assets      decoded pictures, costs, trainings and experiments
page        writes the pages and the figures; `report` composes them, `pages` those of details, `cca_page` that of cca
content     the content of a page on one image set; `numbers` and `views` turn it into text and tables
figure      the description of a figure: axes and series. `style` has colours, dashes and markers of curves
canvas      draws a description with matplotlib, `explorer` with plotly, `pgfplots` as LaTeX; `labels` places names
rd_plot, against, cost_plot, experiment_plots   the descriptions: RD curves, against an anchor, costs, experiments
paper_figure   one figure of chosen curves for a paper; `citations` its BibTeX
templates, static   Jinja templates, CSS and JavaScript

Imports `experiments` and what is below. The next folder up is `verification`.
"""

from __future__ import annotations

from bench.report.page import write_report
from bench.report.report import shown

__all__ = ["shown", "write_report"]
