"""The container: what is written is what the specification asks for, and what is not ours is refused."""

from __future__ import annotations

import pytest

from baselines.bpg import bpg_file, hevc
from baselines.bpg.bits import BitWriter, ue7
from baselines.bpg.codec import Bpg420, Bpg444
from baselines.bpg.hevc import CodedFormat, CodingTools, Nal, Pcm
from bench.images.colour import to_yuv420
from bench.images.picture import Picture
from bench.system.errors import CodecError, DecodeError

TOOLS = CodingTools(0, 3, 0, 3, 2, adaptive_offset=True, pcm=None, strong_intra_smoothing=True)


@pytest.fixture(scope="module")
def file(photo: Picture) -> bytes:
    return Bpg444(37).encode(photo)


@pytest.mark.parametrize(("codec", "pixel_format"), [(Bpg444, 3), (Bpg420, 1)])
def test_the_header_says_size_and_format(codec: type[Bpg444], pixel_format: int, photo: Picture) -> None:
    picture = Picture(photo.pixels[:93, :121])
    data = codec(37).encode(picture)
    # Specification 3.1: format and depth; BT.601, full range and nothing more; width, height, length of what follows.
    head = b"BPG\xfb" + bytes([pixel_format << 5, 0]) + ue7(121) + ue7(93)
    assert data.startswith(head)
    assert int.from_bytes(data[len(head) : len(head) + 2]) & 0x7F7F  # two bytes of ue7
    stored = bpg_file.read(data)
    assert (stored.width, stored.height, stored.coded.width, stored.coded.height) == (121, 93, 128, 96)


def test_parameter_sets_are_left_out_and_come_back(file: bytes) -> None:
    kinds = [hevc.nal_type(nal) for nal in hevc.split(bpg_file.read(file).stream)]
    assert kinds == [Nal.VPS, Nal.SPS, Nal.PPS, kinds[3]]
    assert Nal.FIRST_IRAP <= kinds[3] <= Nal.LAST_IRAP
    assert file.count(hevc.START_CODE) == 1  # between picture parameter set and slice


def test_a_file_written_from_what_was_read_is_the_same_file(file: bytes) -> None:
    stored = bpg_file.read(file)
    assert bpg_file.write(stored.stream, width=stored.width, height=stored.height) == file


@pytest.mark.parametrize("chroma_format", [1, 3])
@pytest.mark.parametrize(("width", "height"), [(8, 8), (768, 512), (8192, 4096), (12288, 8192)])
def test_our_sps_says_what_it_was_made_from(width: int, height: int, chroma_format: int) -> None:
    picture = CodedFormat(width, height, chroma_format)
    _, sps = hevc.parameter_sets(picture, TOOLS)
    assert hevc.parse_sps(sps) == (picture, TOOLS)
    assert hevc.START_CODE not in sps


def test_what_bpgenc_may_use_and_x265_does_not_is_read() -> None:
    """PCM blocks and the range extension, as the reference encoder (jctvc) writes them."""
    bits = BitWriter().ue(0, 3, 0, 3, 2).u(1, 1)
    bits.u(1, 1).u(7, 4).u(7, 4).ue(0, 2).u(1, 1)
    bits.u(1, 1).u(1, 1).u(0b1000_0000, 8).u(0b0_1010_0001, 9)
    tools = bpg_file._read_tools(bits.to_bytes(stop_bit=False))
    expected = CodingTools(0, 3, 0, 3, 2, True, Pcm(7, 7, 0, 2, True), True, 0b0_1010_0001)
    assert tools == expected
    assert bpg_file._write_tools(tools) == bits.to_bytes(stop_bit=False)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (b"\x00\x00", "has BT.601, grey, 8 bits"),
        (b"\x40\x00", "4:2:2"),
        (b"\x80\x00", r"4:2:0 \(video\)"),
        (b"\x62\x00", "10 bits"),
        (b"\x60\x10", "RGB"),
        (b"\x60\x30", "BT.709"),
        (b"\x70\x00", "alpha"),
        (b"\x60\x04", "alpha"),
        (b"\x60\x01", "animation"),
        (b"\xe0\x00", "unknown format"),
        (b"\x6f\x00", "unknown format"),
        (b"\x60\xf0", "unknown format"),
    ],
)
def test_other_kinds_of_bpg_are_refused_by_name(file: bytes, fields: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        bpg_file.read(file[:4] + fields + file[6:])


def test_limited_range_is_for_planes_only(photo: Picture) -> None:
    planes = to_yuv420(photo, full_range=False)
    data = Bpg420(37).encode_yuv420(planes)
    assert data[4:6] == b"\x20\x02"  # specification 3.1: the flag limited_range
    assert bpg_file.read(data).limited
    assert not Bpg420(37).decode_yuv420(data).full_range
    with pytest.raises(DecodeError, match="limited range; only its planes"):
        Bpg420(37).decode(data)


def test_metadata_is_passed_over(file: bytes) -> None:
    size = file[6:9]
    length_and_rest = file[9:]
    assert size == ue7(128) + ue7(96)
    # The extension stands between the length of the picture and the picture.
    length = length_and_rest[:2]
    extended = file[:5] + b"\x08" + size + length + ue7(7) + b"\x01\x05hello" + length_and_rest[2:]
    assert bpg_file.read(extended).stream == bpg_file.read(file).stream


@pytest.mark.parametrize("size", [(0, 96), (128, 0), (2**16, 2**16), (2**31, 1)])
def test_absurd_sizes_are_refused_before_decoding(file: bytes, size: tuple[int, int]) -> None:
    with pytest.raises(DecodeError, match=f"claims {size[0]} x {size[1]} pixels"):
        bpg_file.read(file[:6] + ue7(size[0]) + ue7(size[1]) + file[9:])


def test_a_parameter_set_in_the_file_does_not_reach_the_decoder(file: bytes) -> None:
    _, huge = hevc.parameter_sets(CodedFormat(16384, 16384, 3), TOOLS)
    head, rest = file[:9], file[11:]  # between them, the length of the rest
    picture = rest + hevc.START_CODE + huge
    stored = bpg_file.read(head + ue7(len(picture)) + picture)
    assert huge not in stored.stream
    assert stored.stream == bpg_file.read(file).stream


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ([], "no parameter sets"),
        ([*hevc.parameter_sets(CodedFormat(128, 96, 3), TOOLS), b"\x44\x01\x80"], "no picture"),
        (
            [*hevc.parameter_sets(CodedFormat(64, 96, 3), TOOLS), b"\x44\x01\x80"],
            "coded 64 x 96 pixels for a picture of",
        ),
    ],
)
def test_a_stream_that_bpg_cannot_hold_is_refused(units: list[bytes], message: str) -> None:
    with pytest.raises(CodecError, match=message):
        bpg_file.write(hevc.join(units), width=128, height=96)
