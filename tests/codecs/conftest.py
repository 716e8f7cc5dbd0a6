from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from contract import open_codec

from bench.images.picture import Picture

if TYPE_CHECKING:
    from bench.codecs.codec import Codec


@pytest.fixture(scope="session")
def photo(photo: Picture) -> Picture:
    """The lower part of that of other tests, 128 x 64 pixels: whole latents, without padding."""
    return Picture(np.ascontiguousarray(photo.pixels[32:]))


@pytest.fixture(scope="module")
def encoder(case: tuple[str, str]) -> Codec:
    """The codec at the middle quality, for all that one object encodes; `case` is a name and a backend."""
    return open_codec(*case)


@pytest.fixture(scope="module")
def decoder(case: tuple[str, str]) -> Codec:
    """A second one, for all that it decodes."""
    return open_codec(*case)
