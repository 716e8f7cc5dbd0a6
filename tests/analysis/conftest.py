from __future__ import annotations

import pytest
from synthetic import Synthetic, garden


@pytest.fixture
def synthetic() -> Synthetic:
    return garden()
