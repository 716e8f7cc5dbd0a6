from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.codecs.registry import codec_class
from bench.harness.recipe import Recipe, recipe_of
from bench.harness.request import RunRequest, execute
from bench.images.image_files import read_picture
from bench.learned.weights.catalogue import COMPACT
from bench.report.assets import add_assets
from bench.report.assets import pictures as pictures_module
from bench.report.assets.pictures import choose
from bench.report.assets.records import copy_experiments, training_records
from bench.results.export import export_csv
from bench.results.extras import Extras
from bench.results.frames import Export
from bench.results.store import Store
from bench.system.errors import UsageError
from bench.system.files import sha256_of


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures with some detail."""
    folder = tmp_path_factory.mktemp("photos")
    for seed, name in enumerate(("first", "second")):
        noise = np.random.default_rng(seed).normal(0, 12, (96, 128, 3))
        ramp = np.add.outer(np.arange(96), np.arange(128))[..., None]
        Image.fromarray(np.clip(ramp + noise, 0, 255).astype(np.uint8)).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def measured(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Database with two codecs on these pictures."""
    db = tmp_path_factory.mktemp("db") / "r.sqlite"
    codecs = ("jpeg@10,30,50,70", "webp@10,30,50,70")
    execute(RunRequest(codecs=codecs, dataset=str(photos), db=db, threads=1, command=("run",)))
    return db


@pytest.fixture
def directory(measured: Path, tmp_path: Path) -> Path:
    with Store.open(measured) as store:
        export_csv(store, tmp_path / "data")
    return tmp_path / "data"


@pytest.mark.parametrize("named", ["", "*.png"])
def test_pictures_are_the_decoded_measured_files(directory: Path, photos: Path, named: str) -> None:
    add_assets(directory, lambda _: None, dataset=str(photos / named), pictures=("first",))
    listed, cells = Extras.read(directory).pictures, Export.read(directory).measurements.set_index("key")
    assert set(listed["image"]) == {"first"}
    assert set(listed["dataset"]) == set(Export.read(directory).datasets["dataset"])
    originals, decoded = listed[listed["key"] == ""], listed[listed["key"] != ""]
    shown = np.asarray(Image.open(directory / "pictures" / f"{originals['sha256'].iloc[0]}.webp"))
    original = read_picture(photos / "first.png")
    assert np.array_equal(shown, original.pixels)
    assert len(decoded)
    for row in decoded.to_dict("records"):
        codec = codec_class(cells.loc[row["key"], "codec"])(cells.loc[row["key"], "quality"])
        picture = np.asarray(Image.open(directory / "pictures" / f"{row['sha256']}.webp"))
        assert np.array_equal(picture, codec.decode(codec.encode(original)).pixels)
        difference = picture.astype(float) - original.pixels
        assert np.mean(difference**2) == pytest.approx(cells.loc[row["key"], "mse"])


def test_pictures_of_an_earlier_export_are_removed_and_other_files_kept(directory: Path, photos: Path) -> None:
    for name in ("first", "second"):
        add_assets(directory, lambda _: None, dataset=str(photos), pictures=(name,))
        (directory / "pictures" / "own.webp").touch()
    listed = set(Extras.read(directory).pictures["sha256"])
    assert {path.stem for path in (directory / "pictures").iterdir()} == {*listed, "own"}


def test_pictures_are_coded_again_only_if_the_measurement_or_the_file_changed(
    directory: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[dict[str, object]] = []

    def counted(row: dict[str, object]) -> Recipe:
        opened.append(row)
        return recipe_of(row)

    monkeypatch.setattr(pictures_module, "recipe_of", counted)

    def coded() -> list[object]:
        opened.clear()
        add_assets(directory, lambda _: None, dataset=str(photos), pictures=("*",))
        return sorted({row["key"] for row in opened})

    first = coded()
    listed = Extras.read(directory).pictures
    content = {path.name: path.read_bytes() for path in (directory / "pictures").iterdir()}
    assert set(first) == set(listed["key"]) - {""}
    assert coded() == []
    assert Extras.read(directory).pictures.equals(listed)

    # Other settings or weights change the key; another file changes the hash of the bitstream.
    path = directory / "measurements.csv"
    stored = path.read_text()
    for column in ("key", "bitstream_sha256"):
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
        rows.loc[rows["key"] == first[0], column] = "0" * 64
        rows.to_csv(path, index=False)
        assert coded() == ["0" * 64 if column == "key" else first[0]]
        path.write_text(stored)
        coded()

    # Changed or deleted files are written again, and so are files of an earlier version.
    damaged, gone = sorted(path for path in (directory / "pictures").iterdir())[:2]
    damaged.write_bytes(b"RIFF")
    gone.unlink()
    assert set(coded()) == set(listed.loc[listed["sha256"].isin([damaged.stem, gone.stem]), "key"]) - {""}
    listed.drop(columns="source_sha256").to_csv(directory / "pictures.csv", index=False)
    assert coded() == first
    assert {path.name: path.read_bytes() for path in (directory / "pictures").iterdir()} == content


def test_a_picture_that_was_renamed_is_found_by_its_content(directory: Path, photos: Path, tmp_path: Path) -> None:
    renamed = tmp_path / photos.name
    renamed.mkdir()
    for name, source in (("second", "first"), ("third", "second")):
        shutil.copy(photos / f"{source}.png", renamed / f"{name}.png")
    add_assets(directory, lambda _: None, dataset=str(renamed), pictures=("second",))
    listed = Extras.read(directory).pictures
    shown = np.asarray(Image.open(directory / "pictures" / f"{listed.loc[listed['key'] == '', 'sha256'].iloc[0]}.webp"))
    assert np.array_equal(shown, read_picture(photos / "second.png").pixels)


def test_pictures_of_no_rate_near_a_target_are_none_and_that_is_said(directory: Path, photos: Path) -> None:
    rows = pd.read_csv(directory / "measurements.csv", dtype=str)
    rows["num_bytes"] = "0"
    rows.to_csv(directory / "measurements.csv", index=False)
    said: list[str] = []
    add_assets(directory, said.append, dataset=str(photos), pictures=("second",))
    assert said == [
        "pictures: no measured file is within a factor of 1.5 of 0.3 or 0.6 bpp, where codecs are compared",
        "0 pictures",
    ]


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (None, "the location of the pictures of photos.*-.* is not recorded; give their folder"),
        ("clip.yuv", "RGB ones are needed"),
        ("builtin", "unknown dataset 'builtin'"),
    ],
)
def test_pictures_that_cannot_be_found_or_shown_are_an_error(
    directory: Path, dataset: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        add_assets(directory, lambda _: None, dataset=dataset, pictures=("first",))
    assert "\n" not in str(caught.value)


def test_a_file_that_differs_from_the_measured_one_is_reported_and_has_no_picture(
    directory: Path, photos: Path
) -> None:
    path = directory / "measurements.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows.loc[rows["codec"] == "webp", "bitstream_sha256"] = "0" * 64
    rows.to_csv(path, index=False)
    told: list[str] = []
    add_assets(directory, told.append, dataset=str(photos), pictures=("first",))
    assert any("no picture of webp" in line and "differs from the measured one" in line for line in told)
    keys = set(Extras.read(directory).pictures["key"]) - {""}
    assert set(rows.loc[rows["key"].isin(keys), "codec"]) == {"jpeg"}


def test_pictures_beyond_the_limit_are_omitted_with_one_message(
    directory: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.report.assets.pictures.MOST_BYTES", 0)
    told: list[str] = []
    add_assets(directory, told.append, dataset=str(photos), pictures=("*",))
    assert [line for line in told if "left out" in line] == ["pictures: limit of 0 MiB reached; left out from first on"]
    assert Extras.read(directory).pictures.empty


def test_the_nearest_rate_is_chosen_and_a_far_one_is_not() -> None:
    rates = {"near": [0.2, 0.31, 0.5], "far": [1.2, 2.0, 3.0]}
    rows = [{"image": "i", "name": n, "quality": q, "bpp": b} for n, bs in rates.items() for q, b in enumerate(bs)]
    chosen = choose(pd.DataFrame(rows), (0.3,))
    assert list(chosen["name"]) == ["near"]
    assert list(chosen["bpp"]) == [0.31]


def test_a_conventional_codec_has_only_memory_as_cost(directory: Path) -> None:
    add_assets(directory, lambda _: None, costs=True)
    rows = Extras.read(directory).complexity
    assert set(rows["codec"]) == {"jpeg", "webp"}
    assert rows["parameters"].isna().all()
    # A process with numpy and Pillow that codes a picture of Kodak's size.
    assert rows["peak_memory_bytes"].between(20e6, 2e9).all()


def test_costs_that_cannot_be_measured_have_a_reason(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("copy.py").write_text("raise SystemExit('in the way')\n")
    told: list[str] = []
    assert add_assets(directory, told.append, costs=True) == told == []
    monkeypatch.setattr("bench.report.assets.costs.WIDTH", -1)
    assert add_assets(directory, told.append, costs=True) == ["the costs of no codec could be measured"]
    assert len(told) == 2
    assert told[0].endswith(": coding in a separate process failed: ValueError: negative dimensions are not allowed")


def test_costs_are_those_of_current_curves_and_measured_weights(photos: Path, tmp_path: Path) -> None:
    codecs = ("factorized@2,3",)
    execute(RunRequest(codecs=codecs, dataset=str(photos), db=tmp_path / "r.sqlite", threads=1, command=("run",)))
    with Store.open(tmp_path / "r.sqlite") as store:
        export_csv(store, tmp_path / "data")
    path = tmp_path / "data" / "measurements.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows.loc[rows["quality"] == "3.0", "weights_sha256"] = "0" * 64
    old = {"backend_version": "torch 0", "curve": "old", "weights_sha256": "1" * 64, "run_id": "long ago"}
    stale = rows.assign(**old, key="old " + rows["key"])
    pd.concat([stale, rows]).to_csv(path, index=False)
    told: list[str] = []
    add_assets(tmp_path / "data", told.append, costs=True)
    assert told == ["no costs of factorized@3: the weights of compact on this machine differ from the measured ones"]
    row = Extras.read(tmp_path / "data").complexity.iloc[0]
    assert (row["quality"], row["weights_sha256"]) == (2, sha256_of(COMPACT / "factorized-2.safetensors"))
    assert row["parameters"] > 0
    assert row["peak_memory_bytes"] > 0


def test_an_export_without_measurements_has_no_costs(directory: Path) -> None:
    rows = pd.read_csv(directory / "measurements.csv", dtype=str, keep_default_na=False)
    rows.head(0).to_csv(directory / "measurements.csv", index=False)
    add_assets(directory, lambda _: None, costs=True)
    assert Extras.read(directory).complexity.empty


def write_texts(folder: Path, **texts: str) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(f"a\n{text}\n")


def read_texts(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text().split()[1] for path in folder.glob("*.csv")}


def test_copies_of_experiments_follow_the_checkout_and_files_of_the_user_are_kept(
    directory: Path, tmp_path: Path
) -> None:
    checkout, here = tmp_path / "checkout", directory / "experiments"
    write_texts(checkout, mine="theirs", other="1", extended="1", gone="1")
    write_texts(here, mine="own", further="own")
    copy_experiments(here, checkout)
    assert read_texts(here) == {"mine": "own", "further": "own", "other": "1", "extended": "1", "gone": "1"}
    write_texts(here, extended="1,own")
    write_texts(checkout, mine="theirs again", other="2", extended="2")
    (checkout / "gone.csv").unlink()
    copy_experiments(here, checkout)
    expected = {"mine": "own", "further": "own", "other": "2", "extended": "1,own"}
    assert read_texts(here) == expected
    copy_experiments(here, tmp_path / "no checkout")
    assert read_texts(here) == expected


def test_records_of_fixed_point_weights_name_their_source_and_others_their_stages() -> None:
    rows = [
        {"weights": "compact", "codec": codec, "quality": 3.0, "weights_sha256": sha256_of(path)}
        for codec, path in ((name, COMPACT / f"{name}-3.safetensors") for name in ("joint", "joint-int"))
    ]
    found = training_records(pd.DataFrame(rows)).set_index("codec")
    assert found["quantized_from"].to_dict() == {"joint": "", "joint-int": "joint@3"}
    lengths = [int(stage.rpartition(" ")[2]) for stage in found.loc["joint", "stages"].split("; ")]
    assert len(lengths) > 1
    assert sum(lengths) == found.loc["joint", "total_steps"]
    assert pd.isna(found.loc["joint-int", "total_steps"])


def test_records_name_the_initial_weights() -> None:
    rows = [
        {"weights": "compact", "codec": codec, "quality": quality, "weights_sha256": sha256_of(path)}
        for codec, quality in (("context", 3), ("joint", 3), ("hyper", 5), ("joint-int", 3))
        for path in [COMPACT / f"{codec}-{quality}.safetensors"]
    ]
    found = training_records(pd.DataFrame(rows)).set_index(["codec", "quality"])["taken"]
    assert found["context", 3].startswith("hyper ")
    assert found["context", 3].endswith(": g_a g_s")
    assert found["joint", 3] == ""
    assert found["hyper", 5] == ""  # its own earlier stages count as stages
    assert found["joint-int", 3] == ""


def test_trainings_are_read_from_the_weights_files_without_torch() -> None:
    code = """
import sys, pandas as pd
from bench.report.assets.records import training_records
from bench.system.files import sha256_of
from bench.learned.weights.catalogue import COMPACT
path = sorted(COMPACT.glob("hyper-*.safetensors"))[0]
row = {"weights": "compact", "codec": "hyper", "quality": 2.0, "weights_sha256": sha256_of(path)}
found = training_records(pd.DataFrame([row])).iloc[0]
assert found["num_bytes"] == path.stat().st_size
assert found["total_steps"] > 100 and found["lmbda"] > 0, found
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
