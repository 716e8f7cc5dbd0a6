from __future__ import annotations

import re
import shutil
from pathlib import Path

import html5lib
import pandas as pd
import pytest
from pages import leave_figures_empty

from bench.analysis.claims import Book, claim_table
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.sources import Sources
from bench.harness.request import RunRequest, execute
from bench.report import write_report
from bench.reproduction.committed_evidence import without_dead_links, write_evidence
from bench.results import published
from bench.results.export import export_csv, import_csv, read_rows
from bench.results.extras import Extras
from bench.results.frames import Export
from bench.results.store import Store
from bench.system import manifest
from bench.system.errors import UsageError


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of one codec on the built-in photographs, with an experiment."""
    folder = tmp_path_factory.mktemp("evidence")
    db = folder / "r.sqlite"
    execute(RunRequest(codecs=("jpeg@50,90",), dataset="builtin", db=db, threads=1, command=()))
    with Store.open(db) as store:
        export_csv(store, folder / "report" / "data")
    experiment = folder / "report" / "data" / "experiments" / "mine.csv"
    experiment.parent.mkdir()
    experiment.write_text("a,b\n1,2\n")
    with pytest.MonkeyPatch.context() as patch:
        leave_figures_empty(patch)
        write_report(folder / "report" / "data", folder / "report")
    large = ("pictures/a.webp", "pictures.html", "tables/pictures.csv", "assets/pictures.js")
    for name in large:
        (folder / "report" / name).parent.mkdir(exist_ok=True)
        (folder / "report" / name).write_bytes(b"large")
    with (folder / "report" / manifest.REPORT).open("a") as file:
        file.writelines(f"{name}\n" for name in large)
    (folder / "report" / "of-others.html").write_text("x")
    return folder / "report"


def test_evidence_is_all_that_numbers_need_and_nothing_large(report: Path, tmp_path: Path) -> None:
    files = set(write_evidence(report, tmp_path / "kept"))
    there = {path.relative_to(tmp_path / "kept").as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert there == files | {manifest.EVIDENCE}
    assert "of-others.html" not in files
    assert not any("pictures" in name for name in files)
    assert {"data/measurements.csv", "data/runs.csv", "tables/points.csv", "index.html"} <= files
    assert "experiments/mine.csv" in files
    assert any(name.startswith("figures/") and name.endswith(".svg") for name in files)
    assert {Path(name).suffix for name in files} == {".csv", ".svg", ".html", ".js", ".bib"}
    assert not {"data/published.csv", "tables/rate_differences.csv", "data/experiments/mine.csv"} & files
    assert (report / "tables" / "rate_differences.csv").is_file()


def test_no_page_leads_to_a_file_that_is_not_there(report: Path, tmp_path: Path) -> None:
    files = set(write_evidence(report, tmp_path))
    page = (tmp_path / "index.html").read_text()
    led = {name for name in re.findall(r'(?:href|src)="([^"]*)"', page) if not name.startswith(("#", "https://"))}
    assert {name.partition("#")[0] for name in led} <= files
    assert {"tables/points.csv", "references.bib", "assets/tables.js"} <= led
    assert "pictures.html" not in page
    assert any(name.startswith("assets/plotly") for name in files)
    html5lib.HTMLParser(strict=True).parse(page)


def test_of_a_link_the_text_stays_and_what_needs_a_file_goes_with_it() -> None:
    page = '<li data-needs="a.html"><a href="a.html">A</a></li>\n'
    page += '<p>See <a href="b.csv" class="x">b</a>, <a href="#c">c</a>.<span data-needs="b.csv"> All in b.</span></p>'
    assert without_dead_links(page, {"a.html", "b.csv"}) == page
    assert without_dead_links(page, {"b.csv"}) == page.partition("\n")[2]
    assert without_dead_links(page, set()) == '<p>See b, <a href="#c">c</a>.</p>'


def test_the_same_results_come_out_of_the_evidence(report: Path, tmp_path: Path) -> None:
    write_evidence(report, tmp_path / "kept")
    with Store.open(tmp_path / "new.sqlite", create=True) as store:
        import_csv(store, read_rows(tmp_path / "kept" / "data"))
        export_csv(store, tmp_path / "again")
    for name in ("measurements", "timings", "runs", "published"):
        assert (tmp_path / "again" / f"{name}.csv").read_bytes() == (report / "data" / f"{name}.csv").read_bytes()


def test_what_an_earlier_one_wrote_goes_and_what_others_put_there_stays(report: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    write_evidence(report, kept)
    stale, others = kept / "tables" / "old.csv", [kept / "tables" / "notes.csv", kept / "experiments" / "own.csv"]
    for path in (stale, *others):
        path.write_text("x")
    with (kept / manifest.EVIDENCE).open("a") as file:
        file.write("tables/old.csv\n")
    write_evidence(report, kept)
    assert not stale.exists()
    assert all(path.exists() for path in others)


@pytest.mark.parametrize("name", ["manifest.txt", "index.html", "figures/mine/plan.svg", "data/own.csv", "notes.md"])
def test_a_folder_of_other_files_is_refused_and_nothing_is_written(report: Path, tmp_path: Path, name: str) -> None:
    for path in (tmp_path / name, tmp_path / "experiments" / "own.csv"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=f"--evidence .*: without evidence.txt, files such as .*{name}"):
        write_evidence(report, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / name).unlink()
    assert "index.html" in write_evidence(report, tmp_path)


def test_a_report_is_not_its_own_evidence(report: Path) -> None:
    with pytest.raises(UsageError, match="use another folder"):
        write_evidence(report, report / "." / "data" / "..")


def test_a_folder_without_a_report_is_refused_and_nothing_is_removed(tmp_path: Path) -> None:
    table = tmp_path / "kept" / "tables" / "points.csv"
    table.parent.mkdir(parents=True)
    table.write_text("x")
    (tmp_path / "kept" / manifest.EVIDENCE).write_text("tables/points.csv\n")
    with pytest.raises(UsageError, match="has no report"):
        write_evidence(tmp_path / "absent", tmp_path / "kept")
    assert table.exists()


REFERENCE = Path(__file__).parents[2] / "reports" / "reference"


@pytest.mark.slow
def test_the_committed_evidence_has_the_verdicts_that_its_own_data_bear(tmp_path: Path) -> None:
    shutil.copytree(REFERENCE / "data", tmp_path / "data")
    shutil.copytree(REFERENCE / "experiments", tmp_path / "data" / "experiments")
    published.load().to_csv(tmp_path / "data" / "published.csv", index=False)
    export = Export.read(tmp_path / "data")
    sources = Sources(export, Extras.read(tmp_path / "data"), DatasetResults.of(export, "kodak"))
    found = claim_table(Book.load(), sources)
    told = pd.read_csv(REFERENCE / "tables" / "claims.csv", keep_default_na=False)
    columns = ["id", "published_verdict", "published_reason", "measured_verdict", "measured_reason"]
    assert found[columns].to_dict("records") == told[columns].to_dict("records")
