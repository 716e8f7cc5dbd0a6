from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines.bpg import bpg_file, x265
from baselines.bpg.codec import Bpg420, Bpg444
from bench.images.picture import Picture
from bench.system.errors import CodecError, DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.codecs.codec import Codec

CODECS = (Bpg444, Bpg420)

# Files that bpgenc made, and what they hold: in $BENCH_DATA/bpg where somebody has put them. They come from the test
# pictures of github.com/chai2010/bpg, massao/bpg-test and chuganzy/HCImage-BPG.
OF_BPGENC = {
    "lena512color.bpg": "4:2:0",
    "photo.bpg": "4:2:0",
    "image-00008.bpg": "4:4:4",
    "image-00010.bpg": "4:2:0",
}
NOT_DECODED = {"image-00002.bpg": "10 bits", "image-00016.bpg": "RGB"}

# CompressAI, results/image/kodak/bpg_444_x265_ycbcr.json, made by bpgenc -e x265: quantiser, bits a pixel, dB.
COMPRESSAI_42 = (0.161023, 28.6815)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("qp", [12, 32, 47, 51])
def test_bellards_decoder_gives_our_picture(
    codec: type[Bpg444], qp: int, bellard: Callable[[list[bytes]], list[NDArray[np.uint8]]], photo: Picture
) -> None:
    sizes = [(128, 96), (127, 95), (40, 1), (1, 40), (1, 1), (12, 9), (17, 33), (15, 16)]
    pictures = [Picture(photo.pixels[:height, :width]) for width, height in sizes]
    files = [codec(qp).encode(picture) for picture in pictures]
    for file, theirs, picture in zip(files, bellard(files), pictures, strict=True):
        assert theirs.shape == picture.pixels.shape
        assert np.array_equal(codec(qp).decode(file).pixels, theirs)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("width", "height"), [(16, 4320), (1, 4320), (4217, 24), (25, 4224), (16, 4216), (16, 65535)])
def test_narrow_and_long_pictures_are_coded(codec: type[Bpg444], width: int, height: int) -> None:
    rows, columns = np.mgrid[:height, :width]
    grey = np.abs((rows + columns) % 400 - 200).astype(np.uint8)
    decoded = codec(22).decode(codec(22).encode(Picture(np.dstack([grey] * 3))))
    assert np.mean((decoded.pixels[..., 0].astype(float) - grey) ** 2) < 4


@pytest.mark.parametrize("codec", CODECS)
def test_bellards_decoder_gives_our_narrow_and_long_picture(
    codec: type[Bpg444], bellard: Callable[[list[bytes]], list[NDArray[np.uint8]]], photo: Picture
) -> None:
    file = codec(32).encode(Picture(np.ascontiguousarray(np.tile(photo.pixels[:, :16], (45, 1, 1)))))
    (theirs,) = bellard([file])
    assert np.array_equal(codec(32).decode(file).pixels, theirs)


def test_what_x265_refuses_is_one_line_with_the_reason(photo: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(x265, "smallest_block", lambda *_: 16)
    with pytest.raises(CodecError, match="level 5 detected, but CTU size 16 is non-compliant") as caught:
        Bpg444(32).encode(Picture(np.ascontiguousarray(np.tile(photo.pixels[:, :16], (45, 1, 1)))))
    assert "\n" not in str(caught.value)
    assert "0x" not in str(caught.value)  # no address: the same failure has the same message


def test_each_codec_decodes_the_files_of_the_other(photo: Picture) -> None:
    for encoder, decoder in (CODECS, CODECS[::-1]):
        data = encoder(32).encode(photo)
        assert np.array_equal(decoder(12).decode(data).pixels, encoder(32).decode(data).pixels)


@pytest.mark.parametrize(("setting", "value"), [("preset", "ultrafast"), ("tune", "grain")])
def test_each_setting_decides_the_bytes(
    setting: str, value: str, photo: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Bpg444(27).encode(photo)
    monkeypatch.setattr(x265, "SETTINGS", {**x265.SETTINGS, setting: value})
    assert Bpg444(27).encode(photo) != data


def test_the_lambda_tables_decide_the_bytes(photo: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Bpg444(37).encode(photo)
    monkeypatch.setattr(x265, "lambda_file", lambda: _tables(lambda qp: 0.038 * np.exp(0.234 * qp)))
    modern = Bpg444(37).encode(photo)
    # Today's multipliers spend more bits at the same quantiser (6 to 13 % on Kodak).
    assert len(modern) > 1.02 * len(data)


def _tables(squared_error: Callable[[int], float]) -> bytes:
    values = [2 ** (qp / 6 - 2) for qp in range(70)] + [float(squared_error(qp)) for qp in range(70)]
    return "".join(f"{value:.9g},\n" for value in values).encode()


def test_the_lambda_tables_are_the_formulas() -> None:
    values = [float(text) for text in x265.lambda_file().decode().replace("\n", "").split(",") if text.strip()]
    assert len(values) == 140
    assert values[12] == pytest.approx(1)  # 2^(qp/6 - 2)
    assert values[70 + 12] == pytest.approx(0.85)  # 0.85 * 2^((qp - 12) / 3)
    assert values[70 + 27] == pytest.approx(0.85 * 2**5)
    assert max(map(len, x265.lambda_file().splitlines())) < 2048


def test_only_the_file_names_matter_to_ffmpeg_not_the_folder(
    photo: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """x265's options are separated by colons and equal signs, which a temporary folder may have in its name."""
    expected = Bpg444(42).encode(photo)
    folder = tmp_path / "a:b=c d'e"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert Bpg444(42).encode(photo) == expected


def test_the_version_names_x265_and_ffmpeg() -> None:
    assert Bpg444(42).backend_version.startswith("x265 ")
    assert "(ffmpeg " in Bpg444(42).backend_version


def test_a_file_that_was_cut_is_refused_wherever_it_was_cut(photo: Picture) -> None:
    data = Bpg444(42).encode(photo)
    for length in range(0, len(data), 7):
        with pytest.raises(DecodeError):
            Bpg444(42).decode(data[:length])


@pytest.mark.parametrize("name", OF_BPGENC)
def test_files_of_bpgenc_decode_as_in_bellards_decoder(
    name: str, bpgenc_file: Callable[[str], bytes], bellard: Callable[[list[bytes]], list[NDArray[np.uint8]]]
) -> None:
    data = bpgenc_file(name)
    assert bpg_file.read(data).subsampling == OF_BPGENC[name]
    (theirs,) = bellard([data])
    difference = np.abs(Bpg444(37).decode(data).pixels.astype(int) - theirs)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


@pytest.mark.parametrize("name", NOT_DECODED)
def test_other_files_of_bpgenc_are_refused_by_what_they_hold(name: str, bpgenc_file: Callable[[str], bytes]) -> None:
    with pytest.raises(DecodeError, match=NOT_DECODED[name]):
        Bpg444(37).decode(bpgenc_file(name))


@pytest.mark.kodak
@pytest.mark.slow
def test_quantiser_42_on_kodak_is_compressais_published_point(
    kodak_point: Callable[[Codec], tuple[float, float]],
) -> None:
    rate_bpp, psnr_db = kodak_point(Bpg444(42))
    assert rate_bpp == pytest.approx(COMPRESSAI_42[0], rel=0.005)
    assert psnr_db == pytest.approx(COMPRESSAI_42[1], abs=0.03)
