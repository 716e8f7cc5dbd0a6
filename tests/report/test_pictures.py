"""The first pair of pictures."""

from __future__ import annotations

import pandas as pd

from bench.report.views.pictures import first_pair, picture_sets

ROWS = pd.DataFrame(
    [
        ("webp", "", 0.36),
        ("joint", "compact", 0.31),
        ("attn", "compact", 0.29),
        ("jpeg", "", 0.30),
        ("bpg-444", "", 0.27),
    ],
    columns=["name", "weights", "bpp"],
).assign(codec=lambda rows: rows["name"])


def test_the_first_pair_is_a_codec_of_the_papers_and_the_conventional_one_nearest_in_rate() -> None:
    assert first_pair(ROWS) == ("joint", "jpeg")
    assert first_pair(ROWS[ROWS["name"] != "joint"]) == ("attn", "jpeg")
    assert first_pair(ROWS[~ROWS["name"].isin(["joint", "attn"])]) == ("webp", "bpg-444")


def test_the_crops_are_those_of_the_original_and_the_pair_at_the_middle_rate() -> None:
    common = {"image": "dill", "width": 8, "height": 8, "quality": 1.0, "psnr_db": 30.0, "key": "k"}
    rows = [
        ROWS.assign(**common, target_bpp=target, title=ROWS["name"].str.upper(), sha256=ROWS["name"] + str(target))
        for target in (0.3, 0.6)
    ]
    original = pd.DataFrame([common | {"key": "", "sha256": "original"}])
    (found,) = picture_sets(pd.concat([original, *rows], ignore_index=True))
    assert found["crops"]["rate"] == "0.6"
    assert [entry["title"] for entry in found["crops"]["entries"]] == ["Original", "JOINT", "JPEG"]
    assert [target["pair"] for target in found["targets"]] == [("joint", "jpeg")] * 2
