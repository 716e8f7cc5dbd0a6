"""Codecs and their settings are told apart by name, and stand in one order everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthetic import garden

from bench.analysis.dataset_results import DatasetResults
from bench.analysis.family import rank
from bench.codecs.registry import CODECS, family_of

if TYPE_CHECKING:
    from pathlib import Path


def test_families_keep_together_in_the_registry_s_order_and_strangers_come_last() -> None:
    order = sorted([*CODECS, "zebra", "aardvark"], key=rank)
    assert order[-2:] == ["aardvark", "zebra"]
    families = [family_of(codec) for codec in order]
    assert list(dict.fromkeys(families)) == [
        family for family, before in zip(families, ["", *families], strict=False) if family != before
    ]
    assert [codec for codec in order if codec in {"jpeg", "webp", "joint", "attn"}] == ["jpeg", "webp", "joint", "attn"]


def test_a_study_has_learned_curves_first_and_one_codec_leads_each_family(tmp_path: Path) -> None:
    export = garden()
    for codec in ("joint-int", "joint", "jpeg-opt", "jpeg"):
        export.add_codec(codec, codec.title())
        for weights in ("compact", "mine") if codec == "joint" else ("compact" if "joint" in codec else "",):
            export.add_curve(codec, weights=weights)
    results = DatasetResults.of(export.read(tmp_path), "garden")
    assert list(results.curves["name"]) == [
        "joint@compact", "joint@mine", "joint-int", "jpeg", "jpeg-opt", "alpha", "beta",
    ]  # fmt: skip
    assert results.leading == {"joint@compact", "joint@mine", "jpeg", "alpha", "beta"}
    assert [family.learned for family in results.families] == [True, False, False, False]
