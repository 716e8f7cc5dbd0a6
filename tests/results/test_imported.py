"""Curves that the user brought: stored once, found by their names, and removed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.results.imported import CurveMetadata, add_curve, remove_curve
from bench.results.interchange import import_curve
from bench.results.store import Store
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "r.sqlite", create=True) as opened:
        yield opened


def add(store: Store, psnr: int, metadata: CurveMetadata) -> str:
    path = store.path.with_name("points.csv")
    path.write_text(f"bpp,psnr\n.1,{psnr}\n.2,{psnr + 3}\n")
    return add_curve(store, import_curve(path, metadata))


def test_a_name_stands_for_one_curve_and_is_not_replaced_unasked(store: Store) -> None:
    metadata = CurveMetadata("clic", "mine")
    stored, warning = add(store, 30, metadata).splitlines()
    assert stored == "own/mine: 2 points on clic"
    assert warning.startswith("note: clic is a new image set, known by its name alone; known: builtin, ")
    assert add(store, 30, metadata) == "own/mine: 2 points on clic (already stored)"
    with pytest.raises(UsageError, match=r"own/mine exists on clic with other points; remove it with .*--remove"):
        add(store, 31, metadata)
    assert store.rows("SELECT value FROM imported ORDER BY value") == [(30,), (33,)]
    remove_curve(store, "mine")
    assert add(store, 31, metadata).startswith("own/mine: 2 points on clic\n")


def test_a_removed_curve_takes_along_a_set_that_was_a_name_alone(store: Store) -> None:
    store.describe("datasets", [{"dataset": "kodak", "title": "Kodak, 24 pictures", "note": ""}])
    for metadata in (CurveMetadata("clic", "mine"), CurveMetadata("clic", "lab/mine"), CurveMetadata("kodak", "yours")):
        add(store, 30, metadata)
    assert remove_curve(store, "mine") == "removed own/mine: 2 points on clic"
    assert store.datasets() == ["clic", "kodak"]
    assert remove_curve(store, "lab/mine") == "removed lab/mine: 2 points on clic"
    assert remove_curve(store, "own/yours") == "removed own/yours: 2 points on kodak"
    assert store.datasets() == ["kodak"]
    assert store.rows("SELECT * FROM imported") == []


def test_of_one_name_on_several_sets_one_must_be_chosen(store: Store) -> None:
    for dataset in ("clic", "kodak"):
        add(store, 30, CurveMetadata(dataset, "mine"))
    with pytest.raises(UsageError, match="own/mine is imported on clic, kodak; choose one with --dataset"):
        remove_curve(store, "mine")
    assert remove_curve(store, "mine", "clic") == "removed own/mine: 2 points on clic"
    with pytest.raises(UsageError, match="unknown imported curve 'mine on clic'"):
        remove_curve(store, "mine", "clic")


def test_what_is_not_there_or_comes_with_bench_cannot_be_removed(store: Store) -> None:
    add(store, 30, CurveMetadata("clic", "mine"))
    with pytest.raises(UsageError, match="unknown imported curve 'mime'; did you mean 'own/mine'"):
        remove_curve(store, "mime")
    with pytest.raises(UsageError, match="tfc/bpg444 comes with bench"):
        remove_curve(store, "tfc/bpg444")
