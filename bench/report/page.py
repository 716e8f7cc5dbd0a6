"""The page: what is computed, laid out by a template and written beside its tables and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.export import Export
from bench.files import atomic_write
from bench.report.canvas import file_bytes, inline_svg
from bench.report.content import Content, main_study
from bench.report.style import css_variables
from bench.report.view import view

if TYPE_CHECKING:
    from pathlib import Path

FIGURE_FORMS = ("svg", "pdf")
"""Of figures for a paper; beside the page there are SVG files only, because a PDF takes as long as the rest."""


def write_report(
    export_dir: Path,
    out_dir: Path,
    *,
    dataset: str | None = None,
    anchor: str | None = None,
    images: tuple[str, ...] = (),
) -> Path:
    """Write index.html with its tables and figures from one export directory; the path of the page.

    The same export gives the same bytes. `dataset` is by default the one with the most points, `anchor` the codec that
    BD-rates are taken against, and `images` globs of the pictures of a stated subset.

    Raises:
        UsageError: the folder is not an export, nothing is measured, or a name is unknown.
        OSError: the folder cannot be written.
    """
    content = _content(export_dir, dataset, anchor, images)
    for name, frame in content.tables.items():
        text = frame.to_csv(index=False, lineterminator="\n")
        _write(out_dir / "tables" / f"{name}.csv", text.encode())
    for plot in content.plots:
        _write(out_dir / "figures" / f"{plot.name}.svg", file_bytes(plot, "svg"))
    page = out_dir / "index.html"
    _write(page, _html(content).encode())
    return page


def write_figures(
    export_dir: Path,
    out_dir: Path,
    *,
    dataset: str | None = None,
    anchor: str | None = None,
    images: tuple[str, ...] = (),
) -> list[Path]:
    """Write the figures of the report for a paper, each as SVG and as PDF with embedded fonts; the files written.

    Arguments and errors are those of `write_report`.
    """
    plots = _content(export_dir, dataset, anchor, images).plots
    files = {out_dir / f"{plot.name}.{form}": file_bytes(plot, form) for plot in plots for form in FIGURE_FORMS}
    for path, data in files.items():
        _write(path, data)
    return list(files)


def _content(export_dir: Path, dataset: str | None, anchor: str | None, images: tuple[str, ...]) -> Content:
    export = Export.read(export_dir)
    return Content.of(export, main_study(export, dataset, images), anchor)


def _write(path: Path, data: bytes) -> None:
    with atomic_write(path) as file:
        file.write(data)


def _html(content: Content) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415
    from markupsafe import Markup  # noqa: PLC0415

    def css(variables: dict[str, str]) -> Markup:
        return Markup(" ").join(Markup("--{}: {};").format(*item) for item in variables.items())

    environment = Environment(
        loader=PackageLoader("bench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures = {plot.name: Markup(inline_svg(plot)) for plot in content.plots}  # noqa: S704  # matplotlib escapes text
    return environment.get_template("report.html").render(
        view(content),
        figures=figures,
        light_variables=css(css_variables(dark=False)),
        dark_variables=css(css_variables(dark=True)),
    )
