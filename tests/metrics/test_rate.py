from __future__ import annotations

import pandas as pd
import pytest

from bench.metrics.rate import bits_per_pixel


def test_a_rate_is_the_bits_of_a_file_over_the_pixels_of_numbers_and_of_columns() -> None:
    assert bits_per_pixel(24_576, 768, 512) == pytest.approx(0.5)
    rows = pd.DataFrame({"num_bytes": [24_576, 1], "width": [768, 8], "height": [512, 1]})
    assert bits_per_pixel(rows["num_bytes"], rows["width"], rows["height"]).tolist() == [0.5, 1.0]
