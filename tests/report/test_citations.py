"""Cited works exist, and everything that can be drawn has a citation."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from bench import __version__
from bench.codecs.registry import CODECS, FURTHER_METRICS
from bench.report.citations import _cited, _entries, bibliography
from bench.results import published
from bench.results.published import published_names

ENTRIES = _entries(bibliography())


def test_every_key_that_is_cited_is_in_the_bibliography() -> None:
    table = tomllib.loads((files("baselines") / "citations.toml").read_text(encoding="utf-8"))
    cited = {key for kind in table.values() for keys in kind.values() for key in keys}
    assert cited <= ENTRIES.keys()
    assert len(ENTRIES) == bibliography().count("\n@") + 1


@pytest.mark.parametrize(
    ("kind", "names"),
    [("codecs", CODECS), ("published", set(published_names(published.load()))), ("metrics", set(FURTHER_METRICS))],
)
def test_every_codec_published_curve_and_metric_on_request_cites_something(kind: str, names: set[str]) -> None:
    assert [name for name in names if not {*_cited(kind, name)} - {"begaint2020compressai"}] == []


def test_curves_cite_the_paper_of_their_method() -> None:
    assert list(_cited("codecs", "joint+qr")) == ["minnen2018joint", "luo2023rectifier"]
    assert list(_cited("codecs", "jpeg")) == ["wallace1992jpeg"]
    assert list(_cited("codecs", "jpegxl")) == ["jpegxl"]
    assert list(_cited("published", "tfc/minnen-2018-icip")) == ["minnen2018local"]
    assert list(_cited("published", "compressai/compressai-mbt2018_mse_cpu")) == [
        "begaint2020compressai",
        "minnen2018joint",
    ]


def test_the_citation_file_and_the_bibliography_agree_on_bench() -> None:
    text = (Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8")
    said = dict(re.findall(r'^(?:  - )?(\w[\w-]*): "?(.*?)"?$', text, re.MULTILINE))
    entry = ENTRIES["bench"]
    assert said["version"] == __version__
    assert f"Version {__version__}" in entry
    assert said["name"] in entry
    assert said["title"] in entry.replace("{bench}", "bench")
