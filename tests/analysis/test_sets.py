"""Which image set is meant where several are measured, whole or in part, and by which names curves are found on it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from synthetic import IMAGES

from bench.analysis.claims import Book, claim_table
from bench.analysis.comparison import compare_rows
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.sets import all_results, fitting, measured_part, without_parts
from bench.analysis.sources import Sources
from bench.report.content import main_results
from bench.report.report import Report
from bench.results.extras import Extras
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic

PART = "garden-2of4-1a2b3c4d"


def _add_part(synthetic: Synthetic, images: tuple[str, ...] = IMAGES[:2], name: str = PART) -> None:
    """A part of the garden that was measured as a set of its own."""
    synthetic.add_dataset(name, images)
    synthetic.tables["datasets"][-1]["title"] = f"garden, {len(images)} of 4 pictures"


def _only(synthetic: Synthetic, codec: str, images: tuple[str, ...]) -> None:
    """Forget what was measured of a codec on other pictures."""
    rows = synthetic.tables["measurements"]
    synthetic.tables["measurements"] = [r for r in rows if r["codec"] != codec or r["image"] in images]


def _add_meadow(synthetic: Synthetic, *codecs: str) -> None:
    """Another set, of other pictures, on which these codecs were measured."""
    synthetic.tables["datasets"].append({"dataset": "meadow", "title": "Meadow", "note": ""})
    for image in IMAGES:
        digest = hashlib.sha256(f"meadow {image}".encode()).hexdigest()
        synthetic.tables["images"].append({"dataset": "meadow", "image": image, "image_sha256": digest})
        synthetic.tables["measurements"] += [
            row | {"dataset": "meadow", "image_sha256": digest, "key": "meadow " + row["key"]}
            for row in synthetic.tables["measurements"]
            if row["dataset"] == "garden" and row["image"] == image and row["codec"] in codecs
        ]


def test_images_that_are_also_a_part_are_one_set(synthetic: Synthetic, tmp_path: Path) -> None:
    _add_part(synthetic)
    assert [results.dataset for results in all_results(synthetic.read(tmp_path), IMAGES[:2])] == ["garden"]


def test_points_imported_for_a_part_are_compared_on_it(synthetic: Synthetic, tmp_path: Path) -> None:
    _add_part(synthetic)
    for codec in ("alpha", "beta"):
        _only(synthetic, codec, IMAGES[:2])
    point = {"dataset": PART, "source": "own", "method": "mine", "title": "Mine", "metric": "psnr_rgb", "drawn": 1}
    synthetic.tables["published"] = [point | {"rate_bpp": rate, "value": 30 + 6 * rate} for rate in (0.5, 1, 2)]
    result = compare_rows(synthetic.read(tmp_path), "own/mine", "alpha")
    assert result.dataset == f"{PART}: garden, 2 of 4 pictures"
    assert result.rows[0]["bd_rate_pchip_percent"] is not None


def test_a_part_that_was_measured_is_a_set_with_curves(synthetic: Synthetic, tmp_path: Path) -> None:
    _add_part(synthetic)
    for codec in ("alpha", "beta"):
        _only(synthetic, codec, IMAGES[:2])
    export = synthetic.read(tmp_path)
    result = compare_rows(export, "beta", "alpha")
    assert result.dataset == f"{PART}: garden, 2 of 4 pictures"
    assert result.rows[0]["bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.05)
    assert compare_rows(export, "beta", "alpha", dataset="garden") == result
    assert main_results(export, None, ()).dataset == main_results(export, "garden", ()).dataset == PART
    assert [content.results.dataset for content in Report.of(synthetic.write(tmp_path)).contents] == [PART]


def test_of_a_set_and_its_part_the_whole_is_meant(synthetic: Synthetic, tmp_path: Path) -> None:
    _add_part(synthetic)
    export = synthetic.read(tmp_path)
    assert compare_rows(export, "beta", "alpha").dataset == "garden: Garden, 4 pictures"
    assert compare_rows(export, "beta", "alpha", dataset=PART).dataset == f"{PART}: garden, 2 of 4 pictures"
    assert [results.dataset for results in without_parts(all_results(export))] == ["garden"]


def test_what_only_a_part_has_is_compared_there_and_has_a_page(synthetic: Synthetic, tmp_path: Path) -> None:
    _add_part(synthetic)
    _only(synthetic, "beta", IMAGES[:2])
    export = synthetic.read(tmp_path)
    assert compare_rows(export, "beta", "alpha").dataset.startswith(f"{PART}: ")
    assert [results.dataset for results in without_parts(all_results(export))] == ["garden", PART]
    assert measured_part(export, "garden") == "garden"


def test_a_part_is_not_set_beside_what_is_of_the_whole(synthetic: Synthetic, tmp_path: Path) -> None:
    _add_part(synthetic)
    results = DatasetResults.of(synthetic.read(tmp_path), PART)
    assert (results.is_subset, results.extent, results.whole) == (True, "2 of 4 pictures", 4)
    whole = DatasetResults.of(synthetic.read(tmp_path), "garden")
    assert (whole.is_subset, whole.extent) == (False, "4 pictures")


def test_a_set_that_is_called_like_a_part_is_whole(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_dataset("shed-2of4-1a2b3c4d", IMAGES[:2])
    assert not DatasetResults.of(synthetic.read(tmp_path), "shed-2of4-1a2b3c4d").is_subset


def test_claims_are_not_judged_by_a_part(synthetic: Synthetic, tmp_path: Path) -> None:
    for codec in ("alpha", "beta"):
        _only(synthetic, codec, IMAGES[:2])
    for codec in ("joint", "hyper"):
        synthetic.add_codec(codec, codec)
        synthetic.add_curve(codec, rate=0.9 if codec == "joint" else 1.0, images=IMAGES[:2])
    for table in ("measurements", "images", "datasets"):
        for row in synthetic.tables[table]:
            row["dataset"] = "kodak"
    _add_part(synthetic, name="kodak-2of4-1a2b3c4d")
    export = synthetic.read(tmp_path)
    main = main_results(export, None, ())
    table = claim_table(Book.load(), Sources(export, Extras(), main))
    told = table[table["measured_reason"].str.contains("only 2 of 4 pictures were measured")]
    assert len(told)
    assert set(told["measured_verdict"]) == {"no verdict"}


def test_the_only_set_that_both_curves_are_of_need_not_be_named(synthetic: Synthetic, tmp_path: Path) -> None:
    _add_meadow(synthetic, "alpha")
    assert compare_rows(synthetic.read(tmp_path), "beta", "alpha").dataset == "garden: Garden, 4 pictures"


def test_of_several_sets_that_both_are_of_one_must_be_named(synthetic: Synthetic, tmp_path: Path) -> None:
    _add_meadow(synthetic, "alpha", "beta")
    export = synthetic.read(tmp_path)
    with pytest.raises(UsageError, match=r"^measured on garden, meadow; choose one with --dataset$"):
        compare_rows(export, "beta", "alpha")
    assert compare_rows(export, "beta", "alpha", dataset="meadow").dataset == "meadow: Meadow, 4 pictures"


def test_a_name_that_no_set_has_is_unknown(synthetic: Synthetic, tmp_path: Path) -> None:
    _add_meadow(synthetic, "alpha")
    with pytest.raises(UsageError, match=r"^unknown codec or curve 'bete'; did you mean 'beta'\?$"):
        compare_rows(synthetic.read(tmp_path), "bete", "alpha")


def test_curves_of_different_sets_are_not_compared_and_that_is_said(synthetic: Synthetic, tmp_path: Path) -> None:
    _add_meadow(synthetic, "alpha")
    synthetic.tables["measurements"] = [
        row for row in synthetic.tables["measurements"] if (row["dataset"], row["codec"]) != ("garden", "alpha")
    ]
    message = "no image set has all of beta and alpha: beta is on garden; alpha is on meadow"
    with pytest.raises(UsageError, match=f"^{message}$"):
        compare_rows(synthetic.read(tmp_path), "beta", "alpha")


def test_images_that_no_set_has_are_one_clear_line(synthetic: Synthetic, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown image of garden 'turnip'"):
        fitting(synthetic.read(tmp_path), images=("turnip",))
    _add_meadow(synthetic, "alpha")
    with pytest.raises(UsageError, match="no measured image set has images with such names"):
        fitting(synthetic.read(tmp_path), images=("turnip",))


def test_the_size_of_a_set_is_said_once(synthetic: Synthetic, tmp_path: Path) -> None:
    for title, label in {
        "photos, 4 pictures": "garden: photos, 4 pictures",
        "Kodak, 4 pictures of 768x512": "garden: Kodak, 4 pictures of 768x512",
        "cup.y4m, 24x16, 4 of 9 frames": "garden: cup.y4m, 24x16, 4 of 9 frames",
        "Garden": "garden: Garden, 4 pictures",
    }.items():
        synthetic.tables["datasets"][0]["title"] = title
        export = synthetic.read(tmp_path)
        assert DatasetResults.of(export, "garden").label == label
        assert DatasetResults.of(export, "garden", ("dill",)).label == label.rpartition(", ")[0] + ", 1 of 4 pictures"


def test_a_name_that_goes_on_with_weights_need_not_be_written_out(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_curve("gamma", weights="compact")
    _add_meadow(synthetic, "gamma")
    for row in synthetic.tables["measurements"]:
        if (row["codec"], row["dataset"]) == ("gamma", "meadow"):
            row["weights"] = "zoo"
    export = synthetic.read(tmp_path)
    assert compare_rows(export, "gamma", "alpha").test == "gamma [compact]"
    assert compare_rows(export, "gamma@compact", "alpha").test == "gamma [compact]"


def test_a_name_that_several_curves_go_on_from_is_told_which(synthetic: Synthetic, tmp_path: Path) -> None:
    for weights in ("compact", "zoo"):
        synthetic.add_curve("gamma", weights=weights)
    with pytest.raises(UsageError, match=r"^gamma is measured as gamma@compact, gamma@zoo; choose one of them$"):
        compare_rows(synthetic.read(tmp_path), "gamma", "alpha")


def test_an_incomplete_curve_is_found_by_its_short_name(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_curve("gamma", weights="compact", images=IMAGES[:3])
    synthetic.add_curve("gamma", weights="zoo", images=IMAGES[:3])
    with pytest.raises(UsageError, match=r"^gamma has at most 3 of 4 pictures; a curve needs all of them$"):
        compare_rows(synthetic.read(tmp_path), "gamma", "alpha")
