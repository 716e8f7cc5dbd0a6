"""Writing of the files of a report: pages from templates, tables, figures and scripts."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.resources
from typing import TYPE_CHECKING, Any

from bench.report.canvas import drawing, file_bytes, inline_svg, svg_file
from bench.report.citations import bibliography
from bench.report.pgfplots import pgf_text
from bench.report.report import INDEX, Report
from bench.report.style import css_variables
from bench.system import manifest
from bench.system.csv_files import csv_text
from bench.system.errors import UsageError
from bench.system.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from jinja2 import Environment

    from bench.report.pages import Page

FIGURE_FORMS = ("svg", "pdf")
"""Formats of figures for papers. The report itself has no PDF files, which would double the time."""

DIGITS = 9
"""Significant digits in the CSV files of tables and figures; the exported measurements are exact."""

ASSETS = "assets"


def write_report(
    export_dir: Path,
    out_dir: Path,
    *,
    datasets: Sequence[str] = (),
    anchors: Sequence[str] = (),
    images: Sequence[str] = (),
    figures_dir: Path | None = None,
) -> Path:
    """Write a report from an export directory: index.html, further pages, tables, figures and scripts.

    The same export gives the same bytes. Files of an earlier report in the folder are removed.

    Args:
        export_dir: Export directory, as written by `bench export`.
        out_dir: Folder of the report.
        datasets: Image sets; the first has the first page, the others have separate pages. The default is all measured
            ones, beginning with the one with the most points.
        anchors: Anchors of BD-rates, the main one first.
        images: Names or globs that select a subset of the pictures.
        figures_dir: Folder for the figures as SVG and as PDF with embedded fonts, for papers.

    Returns:
        The path of index.html.

    Raises:
        UsageError: the folder is not an export, nothing is measured, or a name is unknown.
        OSError: the folder cannot be written.
    """
    pages = Report.of(export_dir, datasets=datasets, anchors=anchors, images=images).pages()
    library = f"{ASSETS}/plotly-{importlib.metadata.version('plotly')}.min.js"
    files: dict[str, Callable[[], bytes]] = {"references.bib": lambda: bibliography().encode()}
    if any("explorer.js" in page.scripts for page in pages):
        files[library] = functools.partial(_resource, "plotly", "package_data", "plotly.min.js")
    for script in sorted({script for page in pages for script in page.scripts}):
        files[f"{ASSETS}/{script}"] = functools.partial(_resource, "bench.report", "static", script)
    shared = {"pages": [(page.file, page.title, page.dataset) for page in pages], "library": library}
    for page in pages:
        files |= _page_files(page, shared)
    copied = [name for page in pages for name in page.files]
    with manifest.replacing(out_dir / manifest.REPORT, [*files, *copied]):
        for name in copied:
            _copy(export_dir / name, out_dir / name)
        for name, data in files.items():
            write_bytes(out_dir / name, data())
    if figures_dir is not None:
        for page in pages:
            for plot in page.plots:
                for form in FIGURE_FORMS:
                    write_bytes(figures_dir / page.folder / f"{plot.name}.{form}", file_bytes(plot, form))
    return out_dir / INDEX


def _page_files(page: Page, shared: Mapping[str, Any]) -> dict[str, Callable[[], bytes]]:
    """Functions that make the files of a page, by path; each figure is drawn once, for the page and its own file."""
    figures = {figure.name: figure for figure in page.plots}
    drawn = functools.cache(lambda name: drawing(figures[name]))
    files: dict[str, Callable[[], bytes]] = {
        page.file: lambda: _html(page, {name: inline_svg(name, drawn(name)) for name in figures}, shared)
    }
    for name, frame in page.tables.items():
        files[f"{_folder('tables', page)}/{name}.csv"] = functools.partial(_csv, frame)
    for name, figure in figures.items():
        place = f"{_folder('figures', page)}/{name}"
        files[f"{place}.svg"] = lambda name=name: svg_file(drawn(name))  # type: ignore[misc]
        files[f"{place}.csv"] = functools.partial(_csv, figure.table)
        files[f"{place}.pgf"] = lambda figure=figure: pgf_text(figure).encode()  # type: ignore[misc]
    return files


def _csv(frame: pd.DataFrame) -> bytes:
    return csv_text(frame, digits=DIGITS).encode()


def _folder(kind: str, page: Page) -> str:
    """Folder of the tables or figures of a page, relative to the report."""
    return f"{kind}/{page.folder}".rstrip("/")


def _copy(source: Path, target: Path) -> None:
    """Copy a picture unless it exists; its name is the hash of its content."""
    if target.is_file():
        return
    try:
        data, problem = source.read_bytes(), "damaged"
    except FileNotFoundError:
        data, problem = b"", "missing"
    if hashlib.sha256(data).hexdigest() != source.stem:
        raise UsageError(
            f"{source.parent}: {source.name} is {problem}; write the pictures again with bench export --pictures"
        )
    write_bytes(target, data)


def _resource(package: str, *parts: str) -> bytes:
    return importlib.resources.files(package).joinpath(*parts).read_bytes()


def _html(page: Page, figures: Mapping[str, str], shared: Mapping[str, Any]) -> bytes:
    from markupsafe import Markup  # noqa: PLC0415

    variables = {
        "page": page.file,
        "tables": _folder("tables", page),
        "figure_folder": _folder("figures", page),
        "figures": {name: Markup(svg) for name, svg in figures.items()},  # noqa: S704  # matplotlib escapes text
        "scripts": [f"{ASSETS}/{name}" for name in page.scripts],
    }
    return _environment().get_template(page.template).render(page.variables, **variables, **shared).encode()


@functools.cache
def _environment() -> Environment:
    """The templates, which are compiled once."""
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
    environment.globals.update(
        zip=zip, light_variables=css(css_variables(dark=False)), dark_variables=css(css_variables(dark=True))
    )
    return environment
