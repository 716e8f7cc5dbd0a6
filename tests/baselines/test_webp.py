from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from baselines.webp import WebP
from bench.images.picture import Picture
from bench.system.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.codecs.codec import Codec

BACKENDS = ["pillow", pytest.param("external", marks=pytest.mark.binaries)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_file_is_one_lossy_key_frame_and_nothing_else(backend: str, photo: Picture) -> None:
    data = WebP(50, backend=backend).encode(photo)
    assert data[:4] + data[8:16] == b"RIFFWEBPVP8 "  # RFC 9649, 2.5: no VP8X, hence no metadata and no alpha
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    assert int.from_bytes(data[16:20], "little") + 20 in {len(data), len(data) - 1}


def test_webp_is_what_compressai_calls_webp(photo: Picture) -> None:
    file = io.BytesIO()
    Image.fromarray(photo.pixels).save(file, format="webp", quality=40)
    assert WebP(40).encode(photo) == file.getvalue()


@pytest.mark.binaries
@pytest.mark.parametrize("quality", [5, 50, 95])
def test_backends_agree(quality: int, photographs: dict[str, Picture]) -> None:
    picture = photographs["chelsea"]
    inside, outside = WebP(quality), WebP(quality, backend="external")
    data, other = inside.encode(picture), outside.encode(picture)
    # Releases of libwebp differ a little in how they search.
    assert len(other) == pytest.approx(len(data), rel=0.005)
    assert np.array_equal(outside.decode(data).pixels, inside.decode(data).pixels)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_side_beyond_16383_pixels_is_refused(backend: str) -> None:
    with pytest.raises(CodecError, match=r"WebP supports at most 16383 pixels per side; this picture is 1 x 16384$"):
        WebP(50, backend=backend).encode(Picture(np.zeros((16384, 1, 3), np.uint8)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_side_of_16383_pixels_is_not(backend: str) -> None:
    codec = WebP(5, backend=backend)
    assert codec.decode(codec.encode(Picture(np.zeros((1, 16383, 3), np.uint8)))).width == 16383


@pytest.mark.kodak
def test_quality_50_on_kodak_is_compressais_published_point(
    kodak_point: Callable[[Codec], tuple[float, float]],
) -> None:
    rate_bpp, psnr_db = kodak_point(WebP(50))
    assert rate_bpp == pytest.approx(0.7218170166015625, abs=0.0005)
    assert psnr_db == pytest.approx(33.23755297085759, abs=0.002)
