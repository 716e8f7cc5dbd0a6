from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.analysis.dataset_results import DatasetResults
from bench.analysis.quantization_errors import TABLE, quantization_table

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic


def _diagnose(synthetic: Synthetic, codec: str, *, lost_db: float, hyper: bool = True) -> None:
    """Add diagnostics: rounding costs `lost_db`, files are 2 % larger than estimated, and a tenth is z."""
    for row in synthetic.tables["measurements"]:
        if row["codec"] == codec:
            bits = 8 * row["num_bytes"]
            row |= {"coder_bits": bits, "coder_bits_z": bits / 10 if hyper else None, "estimated_bits": bits / 1.02}
            row |= {"latent_error_quantized": row["quality"], "unquantized_mse": row["mse"] * 10 ** (-lost_db / 10)}


def test_the_table_has_what_rounding_costs_and_what_the_files_exceed(synthetic: Synthetic, tmp_path: Path) -> None:
    _diagnose(synthetic, "alpha", lost_db=0.75)
    results = DatasetResults.of(synthetic.read(tmp_path), "garden")
    table = quantization_table(results)
    points = results.points[results.points["name"] == "alpha"].set_index("quality")
    assert list(table["name"]) == ["alpha"] * 5  # a codec without diagnostics is left out
    assert np.allclose(table["lost_db"], 0.75)
    assert np.allclose(table["quality_db"], points.loc[table["quality"], "psnr_db"])
    assert np.allclose(table["unquantized_db"], table["quality_db"] + 0.75)
    assert np.allclose(table["rate_over_estimate_percent"], 2)
    assert np.allclose(table["z_percent"], 10)
    assert list(table["latent_error_quantized"]) == list(table["quality"])


def test_a_codec_without_hyper_latents_has_no_share_of_them(synthetic: Synthetic, tmp_path: Path) -> None:
    _diagnose(synthetic, "alpha", lost_db=1, hyper=False)
    table = quantization_table(DatasetResults.of(synthetic.read(tmp_path), "garden"))
    assert table["z_percent"].isna().all()
    assert table["lost_db"].notna().all()


@pytest.mark.parametrize("everywhere", [True, False])
def test_points_without_the_diagnostic_of_a_picture_are_left_out(
    everywhere: bool, synthetic: Synthetic, tmp_path: Path
) -> None:
    _diagnose(synthetic, "alpha", lost_db=1)
    for row in synthetic.tables["measurements"]:
        if row["image"] == "carrot" and (everywhere or row["quality"] == 50):
            row["unquantized_mse"] = None
    table = quantization_table(DatasetResults.of(synthetic.read(tmp_path), "garden"))
    assert list(table["quality"]) == ([] if everywhere else [10, 30, 70, 90])


@pytest.mark.parametrize(
    ("diagnostic", "columns"),
    [
        ("estimated_bits", ["rate_over_estimate_percent"]),
        ("coder_bits_z", ["z_percent"]),
        ("latent_error_quantized", ["latent_error_quantized"]),
    ],
)
def test_a_value_without_the_diagnostic_of_a_picture_is_missing(
    diagnostic: str, columns: list[str], synthetic: Synthetic, tmp_path: Path
) -> None:
    _diagnose(synthetic, "alpha", lost_db=1)
    for row in synthetic.tables["measurements"]:
        if row["image"] == "carrot" and row["quality"] == 50:
            row[diagnostic] = None
    table = quantization_table(DatasetResults.of(synthetic.read(tmp_path), "garden")).set_index("quality")
    assert list(table.columns[table.loc[50].isna()]) == columns
    assert table.drop(50).notna().all(axis=None)


def test_conventional_codecs_have_none(synthetic: Synthetic, tmp_path: Path) -> None:
    table = quantization_table(DatasetResults.of(synthetic.read(tmp_path), "garden"))
    assert (len(table), list(table)) == (0, list(TABLE))
