from __future__ import annotations

import pytest
from synthetic import Synthetic, garden


@pytest.fixture
def intervals_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals over the four pictures of the synthetic export, so that tests of them need no more."""
    monkeypatch.setattr("bench.analysis.batch.FEWEST_IMAGES", 4)


@pytest.fixture
def synthetic() -> Synthetic:
    return garden()
