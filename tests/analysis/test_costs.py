from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bench.analysis.axis import PSNR
from bench.analysis.comparison import bd_table
from bench.analysis.costs import COUNTED, MEASURED, cost_table, largest_models, learned_without_cost
from bench.analysis.rd_curve import published_curve
from bench.results import published
from bench.results.published import published_names


def models(**numbers: tuple[float, float, float]) -> pd.DataFrame:
    """Models by name: kMAC per pixel, parameters and bytes of memory."""
    columns = ["decoder_kmac_per_pixel", "parameters", "peak_memory_bytes"]
    return pd.DataFrame(list(numbers.values()), columns=columns).assign(name=list(numbers), title=list(numbers))


def rates(**percent: float) -> pd.DataFrame:
    frame = pd.DataFrame({"test": list(percent), "bd_rate_pchip_percent": list(percent.values())})
    return frame.assign(axis="q", anchor="jpeg", doubt="")


NOTHING_STATED = published.stated_costs().iloc[:0]


def test_each_cost_has_a_front_of_its_own() -> None:
    table = cost_table(
        models(small=(1, 9e6, 4 * 2**20), large=(10, 2e6, 2**20), poor=(20, 10e6, 8 * 2**20)),
        NOTHING_STATED,
        rates(small=-10.0, large=-20.0, poor=-5.0),
    )
    found = {cost: dict(zip(rows["test"], rows["on_front"], strict=True)) for cost, rows in table.groupby("cost")}
    assert found == {
        "macs": {"small": True, "large": True, "poor": False},
        "parameters": {"small": False, "large": True, "poor": False},
        "memory": {"small": False, "large": True, "poor": False},
    }
    assert table.set_index(["cost", "test"])["value"].loc[("memory", "poor")] == 8
    assert set(table["by"]) == {MEASURED}


def test_a_doubted_rate_is_shown_and_decides_no_front() -> None:
    numbers = rates(sure=-10.0, doubted=-50.0)
    numbers.loc[numbers["test"] == "doubted", "doubt"] = "one point in common"
    table = cost_table(models(sure=(5, 1e6, 1), doubted=(1, 1e6, 1)), NOTHING_STATED, numbers)
    macs = table[table["cost"] == "macs"].set_index("test")
    assert dict(macs["on_front"]) == {"sure": True, "doubted": False}
    assert macs.loc["doubted", "doubt"] == "one point in common"


def test_what_has_no_cost_or_no_rate_is_absent_and_the_anchor_has_a_rate_of_zero() -> None:
    nan = float("nan")
    table = cost_table(
        models(jpeg=(nan, nan, 2**20), joint=(5, 1e6, nan), odd=(7, 1e6, 1)), NOTHING_STATED, rates(joint=-30.0)
    )
    found = table[["cost", "test", "bd_rate_percent"]].itertuples(index=False, name=None)
    assert set(found) == {
        ("macs", "joint", -30), ("parameters", "joint", -30), ("memory", "jpeg", 0)
    }  # fmt: skip


def test_memory_is_the_most_of_any_model_and_macs_are_of_the_largest() -> None:
    rows = pd.DataFrame(
        {
            "codec": "joint", "weights": "compact", "quality": [3.0, 6.0, 7.0], "parameters": [2e6, 7e6, 7e6],
            "decoder_kmac_per_pixel": [14.0, 25.0, 25.0], "peak_memory_bytes": [5e8, float("nan"), 4e8],
        }
    )  # fmt: skip
    (found,) = largest_models(rows, pd.DataFrame([{"name": "joint", "codec": "joint", "weights": "compact"}])).to_dict(
        "records"
    )
    assert (found["decoder_kmac_per_pixel"], found["parameters"], found["peak_memory_bytes"]) == (25, 7e6, 5e8)


@pytest.fixture(scope="module")
def kodak() -> pd.DataFrame:
    """Costs of published codecs alone, against VTM on Kodak."""
    points = published.load().query("dataset == 'kodak'")
    stated = published.stated_costs()
    stated = stated[stated["curve"].isin(published_names(points))]
    curves = [published_curve(points, name) for name in stated["curve"]]
    numbers = bd_table(published_curve(points, "compressai/vtm"), curves, (PSNR,)).assign(doubt="")
    return cost_table(models(), stated, numbers)


def test_published_costs_stand_beside_rates_of_the_same_curve(kodak: pd.DataFrame) -> None:
    macs = kodak[kodak["cost"] == "macs"].set_index("test")
    large = macs.loc["hpcm/hpcm-large-mse"].to_dict()
    assert (large["value"], large["at_most"], large["by"]) == (1261.29, True, "authors")
    assert large["bd_rate_percent"] == pytest.approx(-19.95, abs=0.01)
    assert macs.loc["mlic/mlic", "by"] == "authors"
    assert macs.loc["compressai/compressai-mbt2018_mse_cuda", "by"] == COUNTED
    # The lowest rate is on the front whatever it costs, and so is the lowest cost whatever its rate.
    assert set(macs.index[macs["on_front"]]) >= {macs["bd_rate_percent"].idxmin(), macs["value"].idxmin()}


def test_nobody_states_memory_or_bounds_of_parameters(kodak: pd.DataFrame) -> None:
    assert set(kodak["cost"]) == {"macs", "parameters"}
    assert not kodak.loc[kodak["cost"] == "parameters", "at_most"].any()


def test_curves_without_a_stated_cost_are_named() -> None:
    points, stated = published.load().query("dataset == 'kodak'"), published.stated_costs()
    found = learned_without_cost(points, stated)
    assert {"stf/wacnn", "tcm/tcm-middle", "tcm/tcm-small", "cheng2020/cheng2020-mse"} <= set(found)
    assert not set(found) & set(stated.loc[stated["kmac_per_pixel"].notna(), "curve"])
    assert not any("vtm" in name or "ms-ssim" in name for name in found)
    # The same networks run elsewhere cost the same.
    assert "compressai/compressai-mbt2018_mse_cpu" not in found


def test_the_table_of_costs_in_the_docs_is_what_the_data_says(kodak: pd.DataFrame) -> None:
    text = (Path(__file__).parents[2] / "docs" / "published.md").read_text(encoding="utf-8")
    section = text.partition("## What decoding costs\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    rates = dict(zip(kodak["test"], kodak["bd_rate_percent"], strict=True))
    written = {cells[0].strip(" `"): [cell.strip() for cell in cells[1:]] for cells in lines}
    said = {"authors": "its authors", COUNTED: "counted here"}
    assert written == {
        row["curve"]: [
            ("at most " if row["at_most"] else "") + f"{row['kmac_per_pixel']:.1f}"
            if row["kmac_per_pixel"] > 0
            else "",
            f"{row['parameters'] / 1e6:.2f}" if row["parameters"] > 0 else "",
            f"{rates[row['curve']]:+.2f} %",
            said.get(row["by"], row["by"]),
        ]
        for row in published.stated_costs().to_dict("records")
    }
