"""HTML report of the results, a pure function of an export directory: the same input gives the same bytes.

assets      decoded pictures, costs, trainings and experiments
page        writes pages and figures; `report` composes them; `pages` and `cca_page` have the detail pages
content     data of a page on one image set; `numbers` and `views` format it as text and tables
figure      description of a figure: axes and series; `style`: colours, dashes and markers of curves
canvas      draws a figure with matplotlib, `explorer` with plotly, `pgfplots` as LaTeX; `labels` places names
rd_plot, cost_plot, experiment_plots   descriptions of figures: RD curves, costs and times, experiments
against     figures of an image set, and comparisons with an anchor
paper_figure   one figure of selected curves for a paper; `citations`: its BibTeX
templates, static   Jinja templates, CSS and JavaScript

Imports `experiments` and the folders above it. The next folder below is `verification`.
"""

from __future__ import annotations

from bench.report.page import write_report
from bench.report.report import shown

__all__ = ["shown", "write_report"]
