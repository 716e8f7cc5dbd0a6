from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.codecs.registry import load_metric
from bench.harness.request import RunRequest, execute
from bench.results.export import export_csv, import_csv, read_results, read_rows
from bench.results.frames import Export
from bench.results.resume_key import Configuration
from bench.results.schema import Failure
from bench.results.store import Store
from bench.system.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

METRICS = {name: load_metric(name) for name in ("mse", "mse_y", "ms_ssim")}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database of one codec on two pictures, and with its export."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "photos").mkdir()
    for seed, name in enumerate(("null", "other")):
        pixels = np.random.default_rng(seed).integers(0, 256, (24, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / f"{name}.png")
    db = folder / "r.sqlite"
    execute(RunRequest(codecs=("jpeg@50,90",), dataset=str(folder / "photos"), db=db, threads=1, command=()))
    with Store.open(db) as store:
        export_csv(store, folder / "export")
    return folder


@pytest.fixture
def export(measured: Path, tmp_path: Path) -> Path:
    """The export, to be changed."""
    (tmp_path / "export").mkdir()
    for path in (measured / "export").iterdir():
        (tmp_path / "export" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "export"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A database without results."""
    with Store.open(tmp_path / "new.sqlite", create=True) as opened:
        yield opened


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    tables = [name for (name,) in store.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {name: store.rows(f"SELECT * FROM {name}") for name in tables}  # noqa: S608  # names of the schema


def test_a_picture_may_be_called_null(export: Path, store: Store, tmp_path: Path) -> None:
    assert import_csv(store, read_rows(export)) == (4, 0)
    assert [name for (name,) in store.rows("SELECT image FROM images ORDER BY image")] == ["null", "other"]
    export_csv(store, tmp_path / "again")
    for path in export.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def _spoil(store: Store) -> None:
    """Fail a task that is measured and one that is not, and import a curve of others."""
    names = ", ".join(field.name for field in dataclasses.fields(Configuration))
    (row,) = store.rows(f"SELECT {names} FROM configurations WHERE quality = 50")  # noqa: S608  # names of the schema
    ((run_id,),) = store.rows("SELECT run_id FROM runs")
    ((image,),) = store.rows("SELECT image_sha256 FROM images WHERE image = 'null'")
    timed = Configuration(*row)
    store.add_failure(Failure(timed, image, run_id, "timing broke"))
    store.add_failure(Failure(dataclasses.replace(timed, quality=10.0), image, run_id, 'it, "broke"'))
    curve = {"dataset": "kodak", "source": "mine.json", "method": "mine", "title": "Mine", "metric": "psnr_rgb"}
    curve |= {"drawn": 1, "encoder": "", "note": "a note", "url": ""}
    points = [{"rate_bpp": rate, "value": 30.1, "encode_s": None, "decode_s": 0.1} for rate in (0.1, 1 / 3)]
    store.describe("imported", [curve | point for point in points])


def test_failures_and_imported_curves_come_back(export: Path, store: Store, tmp_path: Path) -> None:
    import_csv(store, read_rows(export))
    _spoil(store)
    export_csv(store, tmp_path / "one")
    with Store.open(tmp_path / "again.sqlite", create=True) as again:
        import_csv(again, read_rows(tmp_path / "one"))
        export_csv(again, tmp_path / "two")
        assert len(again.rows("SELECT * FROM failures")) == len(again.rows("SELECT * FROM imported")) == 2
    for path in (tmp_path / "one").iterdir():
        assert (tmp_path / "two" / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_failure_or_curve_from_elsewhere_takes_the_place_of_nothing(
    export: Path, store: Store, tmp_path: Path
) -> None:
    with Store.open(tmp_path / "other.sqlite", create=True) as other:
        import_csv(other, read_rows(export))
        _spoil(other)
        export_csv(other, tmp_path / "one")
    import_csv(store, read_rows(export))
    import_csv(store, read_rows(tmp_path / "one"))
    assert store.rows("SELECT message FROM failures") == [('it, "broke"',)]  # the other task is measured here
    before = _everything(store)
    _edit(tmp_path / "one" / "failures.csv", "broke", "broke otherwise")
    import_csv(store, read_rows(tmp_path / "one"))
    assert _everything(store) == before
    for old, new in (("30.1", "20.5"), ("0.1,", "0.11,")):  # another value, another rate
        _edit(tmp_path / "one" / "imported.csv", old, new)
        with pytest.raises(UsageError, match=r"one: its curve mine.json/mine on kodak has other points than that here"):
            import_csv(store, read_rows(tmp_path / "one"))
        assert _everything(store) == before


def test_what_was_not_measured_is_lacking_and_what_is_not_defined_is_there(export: Path, store: Store) -> None:
    rows = pd.read_csv(export / "measurements.csv", dtype=str, keep_default_na=False)
    assert set(rows["ms_ssim"]) == {"nan"}  # the pictures are too small for it
    rows.loc[0, "mse_y"] = ""
    rows.assign(mse="").to_csv(export / "measurements.csv", index=False)
    import_csv(store, read_rows(export))
    keys = [key for (key,) in store.rows("SELECT key FROM measurements")]
    assert len(store.measured({"ms_ssim": METRICS["ms_ssim"].version}, keys)) == 4
    assert len(store.measured({"mse_y": METRICS["mse_y"].version}, keys)) == 3
    assert store.measured({"mse": METRICS["mse"].version}, keys) == set()
    assert Export.read(export).measurements["ms_ssim"].isna().all()


def test_the_results_are_the_same_from_the_database_and_from_its_csv_files(measured: Path, store: Store) -> None:
    import_csv(store, read_rows(measured / "export"))
    _spoil(store)
    export_csv(store, measured / "again")
    direct, read = read_results(store), Export.read(measured / "again")
    assert direct.undefined == read.undefined
    for table in dataclasses.fields(Export):
        if table.name != "undefined":
            pd.testing.assert_frame_equal(getattr(direct, table.name), getattr(read, table.name))


def _change(path: Path, column: str, value: str) -> None:
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows.loc[rows.index[-1], column] = value
    rows.to_csv(path, index=False)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("measurements", "width", "0"),
        ("measurements", "width", "-96"),
        ("measurements", "width", "1" + "0" * 20),
        ("measurements", "num_bytes", "-5"),
        ("measurements", "mse", "-1"),
        ("measurements", "ms_ssim", "2"),
        ("measurements", "quality", "many"),
        ("measurements", "settings", "[" * 2000),
        ("runs", "provenance", "5"),
        ("runs", "started", "then"),
        ("metrics", "higher_is_better", "2"),
        ("datasets", "dataset", ""),
    ],
)
def test_an_impossible_value_is_refused_by_file_row_and_column(
    export: Path, store: Store, table: str, column: str, value: str
) -> None:
    _change(export / f"{table}.csv", column, value)
    with pytest.raises(UsageError, match=rf"{table}\.csv: row \d: '{column}' must be ") as caught:
        import_csv(store, read_rows(export))
    assert "\n" not in str(caught.value)
    assert not any(_everything(store).values())


def test_a_column_that_is_missing_is_named(export: Path, store: Store) -> None:
    pd.read_csv(export / "failures.csv").drop(columns="dataset").to_csv(export / "failures.csv", index=False)
    with pytest.raises(UsageError, match=r"failures\.csv: there is no column 'dataset'"):
        import_csv(store, read_rows(export))


def test_diagnostics_of_an_older_export_have_their_names_of_today(export: Path, store: Store) -> None:
    rows = pd.read_csv(export / "measurements.csv", dtype=str, keep_default_na=False)
    rows.assign(estimated_bits="80.5", likelihood_bits="80.25").to_csv(export / "measurements.csv", index=False)
    import_csv(store, read_rows(export))
    assert set(store.rows("SELECT name, value FROM diagnostics")) == {("coder_bits", 80.5), ("estimated_bits", 80.25)}
    measurements = Export.read(export).measurements
    assert (set(measurements["coder_bits"]), set(measurements["estimated_bits"])) == ({80.5}, {80.25})


def test_a_column_that_is_none_of_the_schema_is_refused(export: Path, store: Store) -> None:
    injected = '"note) SELECT ?1,?2,(SELECT group_concat(command) FROM runs) WHERE ?3 IS NOT NULL; --"'
    (export / "datasets.csv").write_text(f"dataset,title,note,{injected}\npics,a,b,c\n")
    with pytest.raises(
        UsageError, match=r"datasets\.csv: there is a column 'note\) .*, which is none of dataset, title, note"
    ):
        import_csv(store, read_rows(export))
    assert not any(_everything(store).values())


def _without_a_picture(export: Path) -> None:
    path = export / "images.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    for table in ("measurements", "failures"):
        rows = pd.read_csv(export / f"{table}.csv", dtype=str, keep_default_na=False)
        rows[rows["image"] == "null"].to_csv(export / f"{table}.csv", index=False)


def _with_another_picture(export: Path) -> None:
    sha256 = pd.read_csv(export / "images.csv")["image_sha256"].iloc[0]
    for table in ("images", "measurements"):
        _edit(export / f"{table}.csv", sha256, sha256[::-1])
    rows = pd.read_csv(export / "measurements.csv", dtype=str, keep_default_na=False)
    rows[rows["image"] != "null"].to_csv(export / "measurements.csv", index=False)


@pytest.mark.parametrize("change", [_without_a_picture, _with_another_picture])
def test_an_image_set_of_other_pictures_than_the_one_here_is_refused_by_name(
    export: Path, store: Store, change: Callable[[Path], None]
) -> None:
    import_csv(store, read_rows(export))
    before = _everything(store)
    change(export)
    with pytest.raises(UsageError, match=r"image set 'photos-[0-9a-f]{8}' differs from that here: 1 of 2 pictures"):
        import_csv(store, read_rows(export))
    assert _everything(store) == before


@pytest.mark.parametrize(("table", "old"), [("images", "null"), ("datasets", "photos-")])
def test_rows_of_pictures_that_the_export_does_not_list_are_refused(
    export: Path, store: Store, table: str, old: str
) -> None:
    _edit(export / f"{table}.csv", old, "others")
    with pytest.raises(UsageError, match=rf"\w+\.csv has null of photos-\w+, which {table}\.csv lacks"):
        import_csv(store, read_rows(export))
    assert not any(_everything(store).values())


def test_names_and_times_of_an_export_replace_none_that_are_here(export: Path, store: Store) -> None:
    key = (export / "measurements.csv").read_text().splitlines()[1].partition(",")[0]
    run = (export / "runs.csv").read_text().splitlines()[1].partition(",")[0]
    with (export / "timings.csv").open("a") as file:
        file.write(f"{key},{run},box,1,cpu,encode,0,0.5\n")
    import_csv(store, read_rows(export))
    before = _everything(store)
    for table, column, value in (
        ("codecs", "title", "Better JPEG"),
        ("datasets", "title", "Kodak"),
        ("metrics", "title", "Better"),
        ("runs", "machine", "another"),
        ("timings", "seconds", "0.001"),
    ):
        _change(export / f"{table}.csv", column, value)
    assert import_csv(store, read_rows(export)) == (0, 4)
    assert _everything(store) == before


@pytest.mark.parametrize(("column", "value"), [("width", 0), ("num_bytes", -5), ("image_sha256", "none")])
def test_a_damaged_row_of_the_database_is_one_clear_line(
    export: Path, store: Store, column: str, value: object
) -> None:
    import_csv(store, read_rows(export))
    store.rows(f"UPDATE measurements SET {column} = ? WHERE rowid = 2", (value,))  # noqa: S608  # names of the schema
    if column == "image_sha256":
        store.rows("UPDATE images SET image_sha256 = ?", (value,))
    with pytest.raises(StoreError, match=rf"new\.sqlite: it is damaged: \w+, row \d: '{column}' must be .*import"):
        read_results(store)


def test_a_text_that_a_spreadsheet_would_run_comes_back_as_it_was(export: Path, store: Store, tmp_path: Path) -> None:
    import_csv(store, read_rows(export))
    formula = '=HYPERLINK("http://x")'
    store.rows("UPDATE codecs SET title = ?", (formula,))
    store.rows("UPDATE images SET image = '-' || image")
    export_csv(store, tmp_path / "out")
    assert "jpeg,\"'=HYPERLINK" in (tmp_path / "out" / "codecs.csv").read_text()
    assert ",'-null," in (tmp_path / "out" / "images.csv").read_text()
    found = Export.read(tmp_path / "out")
    assert list(found.codecs["title"]) == [formula]
    assert list(found.images["image"]) == ["-null", "-other"]
    with Store.open(tmp_path / "again.sqlite", create=True) as again:
        import_csv(again, read_rows(tmp_path / "out"))
        assert again.rows("SELECT title FROM codecs") == [(formula,)]
        assert again.rows("SELECT image FROM images ORDER BY image") == [("-null",), ("-other",)]


@pytest.mark.parametrize(("column", "file"), [("place", "measurements"), ("width", "metrics")])
def test_a_column_that_would_pass_for_another_is_refused(export: Path, store: Store, column: str, file: str) -> None:
    rows = pd.read_csv(export / "measurements.csv", dtype=str, keep_default_na=False)
    rows.assign(**{column: "1"}).to_csv(export / "measurements.csv", index=False)
    if file == "metrics":
        with (export / "metrics.csv").open("a") as opened:
            opened.write(f"{column},Own,0,1\n")
    with pytest.raises(UsageError, match=column):
        import_csv(store, read_rows(export))
    assert not any(_everything(store).values())


def test_what_is_measured_here_stays_and_what_is_lacking_comes(export: Path, store: Store) -> None:
    import_csv(store, read_rows(export))
    assert import_csv(store, read_rows(export)) == (0, 4)
    before = _everything(store)
    path = export / "measurements.csv"
    whole = pd.read_csv(path, dtype=str, keep_default_na=False)
    whole.assign(mse="", mse_y="nan", own="7.5").to_csv(path, index=False)
    with (export / "metrics.csv").open("a") as file:
        file.write("own,Own,0,1\n")
    import_csv(store, read_rows(export))
    after = _everything(store)
    assert set(before["distortions"]) < set(after["distortions"])
    assert {row[1:] for row in set(after["distortions"]) - set(before["distortions"])} == {("own", "1", 7.5)}
    assert after["measurements"] == before["measurements"]


def test_values_of_a_version_that_is_not_valid_here_are_left_out(export: Path, store: Store) -> None:
    import_csv(store, read_rows(export))
    before = _everything(store)
    _edit(export / "metrics.csv", f",{METRICS['mse'].version}\n", ",other\n")
    rows = pd.read_csv(export / "measurements.csv", dtype=str, keep_default_na=False)
    rows.assign(mse="7.5").to_csv(export / "measurements.csv", index=False)
    import_csv(store, read_rows(export))
    assert _everything(store) == before


def test_of_an_export_whose_rows_do_not_go_together_nothing_is_added(export: Path, store: Store) -> None:
    key = (export / "measurements.csv").read_text().splitlines()[1].partition(",")[0]
    with (export / "timings.csv").open("a") as file:
        file.write(f"{key},of-no-run,box,1,cpu,encode,0,0.5\n")
    with pytest.raises(UsageError, match=r"timings\.csv, row \d+: runs\.csv has no run 'of-no-run'"):
        read_rows(export)
    assert not any(_everything(store).values())
    (export / "timings.csv").write_text("key,run_id,machine,threads,device,stage,repeat,seconds\n")
    assert import_csv(store, read_rows(export)) == (4, 0)
    assert len(store.rows("SELECT key FROM measurements JOIN configurations USING (configuration_id)")) == 4


def test_a_metric_whose_column_was_lost_is_named(export: Path, store: Store) -> None:
    _edit(export / "measurements.csv", ",mse,", ",mean_error,")
    with pytest.raises(UsageError, match=r"measurements\.csv has no column 'mse', which metrics\.csv lists"):
        import_csv(store, read_rows(export))


@pytest.mark.parametrize("name", ["mse; drop", "foo bar", "1st"])
def test_a_column_that_no_metric_could_have_is_refused(export: Path, name: str) -> None:
    rows = pd.read_csv(export / "measurements.csv", dtype=str, keep_default_na=False)
    rows.assign(**{name: "1"}).to_csv(export / "measurements.csv", index=False)
    with pytest.raises(UsageError, match=f"there is a column '{name}', which is none of"):
        read_rows(export)


def test_a_squared_error_is_finite(export: Path) -> None:
    rows = pd.read_csv(export / "measurements.csv", dtype=str, keep_default_na=False)
    rows.assign(mse="inf").to_csv(export / "measurements.csv", index=False)
    with pytest.raises(UsageError, match=r"mse.* must be a number from 0 to 65025, not 'inf'"):
        read_rows(export)
