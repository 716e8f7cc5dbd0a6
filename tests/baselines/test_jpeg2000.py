from __future__ import annotations

import numpy as np
import pytest

from baselines.jpeg2000 import Jpeg2000, Jpeg2000Reversible
from bench.images.picture import Picture

BACKENDS = ["pillow", pytest.param("external", marks=pytest.mark.binaries)]
CODECS = [Jpeg2000, Jpeg2000Reversible]
CODING_STYLE_DEFAULT = b"\xff\x52\x00\x0c"
PROGRESSIONS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")


def coding_style(data: bytes) -> dict[str, object]:
    """The fields of the COD segment (ITU-T T.800, A.6.1), in the words of the settings."""
    assert data.count(CODING_STYLE_DEFAULT) == 1
    start = data.index(CODING_STYLE_DEFAULT) + 5  # behind the marker, its length and Scod
    progression, layers, mct = data[start], int.from_bytes(data[start + 1 : start + 3], "big"), data[start + 3]
    levels, width, height, _, wavelet = data[start + 4 : start + 9]
    assert layers == 1
    assert width == height
    return {
        "progression": PROGRESSIONS[progression],
        "mct": mct,
        "num_resolutions": levels + 1,
        "codeblock_size": 4 << width,
        "irreversible": wavelet == 0,
    }


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("codec", CODECS)
def test_the_file_has_the_settings(codec: type[Jpeg2000], backend: str, photo: Picture) -> None:
    assert coding_style(codec(1, backend=backend).encode(photo)) == codec.settings


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("width", "height", "resolutions"), [(1, 1, 1), (2, 99, 2), (33, 17, 5), (31, 31, 5), (32, 32, 6)]
)
def test_small_pictures_have_as_many_resolutions_as_fit(
    backend: str, width: int, height: int, resolutions: int
) -> None:
    data = Jpeg2000(4, backend=backend).encode(Picture(np.zeros((height, width, 3), np.uint8)))
    assert coding_style(data)["num_resolutions"] == resolutions


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("rate_bpp", [0.1, 1, 4])
def test_the_rate_is_met(codec: type[Jpeg2000], backend: str, rate_bpp: float, photographs: dict[str, Picture]) -> None:
    picture = photographs["coffee"]
    bits = 8 * len(codec(rate_bpp, backend=backend).encode(picture))
    assert bits / (picture.width * picture.height) == pytest.approx(rate_bpp, rel=0.01)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_reversible_wavelet_is_lossless_where_the_rate_allows(backend: str, photo: Picture) -> None:
    codec = Jpeg2000Reversible(24, backend=backend)
    assert np.array_equal(codec.decode(codec.encode(photo)).pixels, photo.pixels)


@pytest.mark.parametrize("rate_bpp", [0.5, 2])
def test_the_irreversible_wavelet_errs_less_at_the_same_rate(rate_bpp: float, photographs: dict[str, Picture]) -> None:
    picture = photographs["coffee"]
    decoded = [codec.decode(codec.encode(picture)) for codec in (Jpeg2000(rate_bpp), Jpeg2000Reversible(rate_bpp))]
    irreversible, reversible = (np.mean((picture.pixels.astype(float) - other.pixels) ** 2) for other in decoded)
    assert irreversible < reversible


@pytest.mark.binaries
@pytest.mark.parametrize("codec", CODECS)
def test_backends_agree_on_size_and_pixels(codec: type[Jpeg2000], photo: Picture) -> None:
    inside, outside = codec(1), codec(1, backend="external")
    data, other = inside.encode(photo), outside.encode(photo)
    assert len(other) == pytest.approx(len(data), abs=4)  # the comment names the library's version
    for file in (data, other):
        assert np.array_equal(outside.decode(file).pixels, inside.decode(file).pixels)
