from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from synthetic import Synthetic, garden

from bench.analysis import published

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def synthetic() -> Synthetic:
    return garden()


def _full() -> Synthetic:
    """An export with something in every section of the report."""
    export = garden()
    export.add_codec("gamma", "Gamma")
    export.add_codec("delta", "Delta")
    export.add_run("run2", "2026-02-01T10:00:00+00:00")
    export.add_curve("alpha", run_id="run2", carrier_version="2.0", rate=0.95)
    export.add_curve("gamma", images=("dill",), run_id="run2")
    export.add_timings()
    export.add_timings(machine="mill", factor=3)
    failure = {"codec": "gamma", "quality": 10, "carrier": "python", "dataset": "garden", "run_id": "run2"}
    for image in ("beetroot", "carrot"):
        export.tables["failures"].append({**failure, "image": image, "message": "it broke"})
    points = published.load().query("source == 'tfc'").assign(dataset="garden")
    export.tables["published"] = points.to_dict("records")
    return export


@pytest.fixture
def full() -> Synthetic:
    return _full()


@pytest.fixture
def brief() -> Synthetic:
    """The full export with one metric, for tests that need a report of their own but not every figure."""
    export = _full()
    for row in export.tables["measurements"]:
        del row["mse_y"], row["ms_ssim"]
    return export


@pytest.fixture(scope="session")
def full_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the full export, for tests that change nothing."""
    return _full().write(tmp_path_factory.mktemp("export"))
