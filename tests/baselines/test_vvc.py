"""VVC: its settings, read from the stream, and its decoder, held against the encoder's own account of its picture."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines import ffmpeg_codec, vvc
from baselines.bpg.bits import BitReader, ByteReader, ue7
from baselines.vvc import Vvc
from bench.images.picture import Picture
from bench.system.errors import CodecError, DecodeError

if TYPE_CHECKING:
    from collections.abc import Sequence

IDR, SPS, PPS, ACCESS_UNIT_DELIMITER, SUFFIX_SEI = 7, 15, 16, 20, 24  # ITU-T H.266, table 5
MAIN_10 = 1
PICTURE_HASH = 132  # ITU-T H.274


def units(stream: bytes) -> list[tuple[int, bytes]]:
    """Types and payloads of the NAL units of a stream (H.266, 7.3.1.2)."""
    parts = [part for part in stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if part]
    return [(part[1] >> 3, part[2:].replace(b"\0\0\3", b"\0\0")) for part in parts]


def stream_of(data: bytes) -> tuple[int, int, bytes]:
    """Width, height and stream of a file."""
    reader = ByteReader(data)
    width, height, length = reader.ue7(), reader.ue7(), reader.ue7()
    stream = reader.rest()
    assert len(stream) == length
    return width, height, stream


def test_the_stream_is_one_intra_picture_of_420_in_the_main_10_profile(photo: Picture) -> None:
    _, _, stream = stream_of(Vvc(32).encode(photo))
    kinds = [kind for kind, _ in units(stream)]
    assert kinds == [ACCESS_UNIT_DELIMITER, SPS, PPS, IDR]
    sps = BitReader(dict(units(stream))[SPS])
    sps.u(4 + 4 + 3)
    assert sps.u(2) == 1  # sps_chroma_format_idc: 4:2:0
    sps.u(2)
    assert sps.flag()  # a profile follows
    assert sps.u(7) == MAIN_10


def test_the_stream_has_ten_bits(photo: Picture) -> None:
    """ffmpeg refuses to tell it as anything else, and values beyond eight bits come out."""
    _, _, stream = stream_of(Vvc(22).encode(photo))
    samples = ffmpeg_codec.run(
        ["-f", "vvc", "-i", "a.266", "-f", "rawvideo"], {"a.266": stream}
    )  # the stream's own format
    values = np.frombuffer(samples, "<u2")
    assert len(values) == photo.width * photo.height * 3 // 2
    assert 255 < values.max() < 1024
    assert (values % 4).any()


def test_a_file_says_its_size_and_pads_to_whole_coding_units(photo: Picture) -> None:
    picture = Picture(np.ascontiguousarray(photo.pixels[:77, :91]))
    width, height, stream = stream_of(Vvc(37).encode(picture))
    assert (width, height) == (91, 77)
    samples = ffmpeg_codec.run(["-f", "vvc", "-i", "a.266", "-f", "rawvideo"], {"a.266": stream})
    assert len(samples) == 96 * 80 * 3


@pytest.mark.parametrize("qp", [22, 37])
def test_the_decoder_reconstructs_what_the_encoder_says_that_it_wrote(qp: int, photo: Picture) -> None:
    """vvenc can add the MD5 of its own reconstruction: an account that ffmpeg's decoder knows nothing of."""
    samples = b"".join(plane.tobytes() for plane in vvc.to_planes(photo))
    size = f"{photo.width}x{photo.height}"
    source = ["-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-video_size", size, "-framerate", "25", "-i", "a.yuv"]
    coder = ["-c:v", "libvvenc", "-preset", "fast", "-qpa", "0", "-qp", str(qp), "-threads", "1", "-f", "vvc"]
    hashed = ffmpeg_codec.run([*source, *coder, "-vvenc-params", "SEIDecodedPictureHash=md5"], {"a.yuv": samples})
    parts = dict(units(hashed))
    message = parts.pop(SUFFIX_SEI)
    assert message[0] == PICTURE_HASH
    # Without the hash, it is the stream of our file.
    _, _, stream = stream_of(Vvc(qp).encode(photo))
    assert parts == dict(units(stream))
    decoded = ffmpeg_codec.run(["-f", "vvc", "-i", "a.266", "-f", "rawvideo"], {"a.266": stream})
    for digest in md5_of_planes(decoded, photo.height, photo.width):
        assert digest in message


def md5_of_planes(samples: bytes, height: int, width: int) -> Sequence[bytes]:
    """MD5 of each plane of 4:2:0, two bytes a sample (H.274, 8.19.1)."""
    luma = 2 * height * width
    planes = samples[:luma], samples[luma : luma * 5 // 4], samples[luma * 5 // 4 :]
    return [hashlib.md5(plane, usedforsecurity=False).digest() for plane in planes]


@pytest.mark.parametrize(("setting", "value"), [("preset", "faster"), ("qpa", 1)])
def test_each_setting_decides_the_bytes(setting: str, value: str | int, photographs: dict[str, Picture]) -> None:
    picture = Picture(np.ascontiguousarray(photographs["chelsea"].pixels[:128, :160]))
    changed = type("Changed", (Vvc,), {"settings": {**Vvc.settings, setting: value}})
    assert changed(32).encode(picture) != Vvc(32).encode(picture)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 200), (65, 64), (121, 93)])
def test_the_colours_come_back(width: int, height: int) -> None:
    """Half chroma at any size: a picture of one colour stays that colour."""
    colour = np.array([200, 60, 30], np.uint8)
    picture = Picture(np.broadcast_to(colour, (height, width, 3)).copy())
    decoded = Vvc(17).decode(Vvc(17).encode(picture))
    assert np.abs(decoded.pixels.astype(int) - colour).max() <= 1


def test_noise_overflows_the_buffer_at_low_quantisers_and_is_told() -> None:
    noise = Picture(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    with pytest.raises(CodecError, match="external library"):
        Vvc(12).encode(noise)
    assert Vvc(22).decode(Vvc(22).encode(noise)).pixels.shape == noise.pixels.shape


def test_the_longest_side_that_the_standard_has_is_coded_and_a_longer_one_refused() -> None:
    """Not that of the picture alone: what is coded is padded to whole coding units."""
    longest = Picture(np.full((2, Vvc.max_side, 3), 90, np.uint8))
    assert Vvc(42).decode(Vvc(42).encode(longest)).pixels.shape == longest.pixels.shape
    with pytest.raises(CodecError, match=r"^VVC .* supports at most 25328 pixels per side; .* is 25329 x 2$"):
        Vvc(42).encode(Picture(np.zeros((2, Vvc.max_side + 1, 3), np.uint8)))


@pytest.mark.parametrize("size", [(0, 96), (2**20, 2**20), (2**31, 1)])
def test_absurd_sizes_are_refused_before_decoding(size: tuple[int, int], photo: Picture) -> None:
    _, _, stream = stream_of(Vvc(37).encode(photo))
    with pytest.raises(DecodeError, match=f"claims {size[0]} x {size[1]} pixels"):
        Vvc(37).decode(ue7(size[0]) + ue7(size[1]) + ue7(len(stream)) + stream)


def test_the_version_names_vvenc_and_ffmpeg() -> None:
    assert Vvc(37).backend_version.startswith("vvenc ")
    assert "(ffmpeg " in Vvc(37).backend_version
