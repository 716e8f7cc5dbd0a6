"""Clips: what is read is what was written, and what is not 8-bit progressive 4:2:0 is refused by name."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench import ffmpeg
from bench.clips import frame_range, open_clip, read_frame
from bench.errors import UsageError
from bench.picture import Yuv420

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT, COUNT = 13, 9, 3
FRAME_BYTES = 13 * 9 + 2 * 7 * 5


def frames(count: int = COUNT) -> list[bytes]:
    generator = np.random.default_rng(8)
    return [generator.integers(0, 256, FRAME_BYTES).astype(np.uint8).tobytes() for _ in range(count)]


def y4m(path: Path, parameters: str = "F25:1 Ip A1:1 C420jpeg", frame: bytes = b"FRAME\n") -> Path:
    header = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} {parameters}\n".encode()
    path.write_bytes(header + b"".join(frame + samples for samples in frames()))
    return path


def test_raw_frames_are_the_bytes_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / f"noise_{WIDTH}x{HEIGHT}_25fps.yuv"
    path.write_bytes(b"".join(frames()))
    clip = open_clip(path)
    assert clip.size == (WIDTH, HEIGHT)
    assert [clip.read(index).to_bytes() for index in range(len(clip.offsets))] == frames()
    assert not clip.read(0).full_range


def test_the_size_may_be_given(tmp_path: Path) -> None:
    path = tmp_path / "noise.yuv"
    path.write_bytes(b"".join(frames()))
    assert open_clip(path, f"{WIDTH}x{HEIGHT}").read(2).to_bytes() == frames()[2]


@pytest.mark.parametrize(
    "parameters",
    ["F25:1 Ip A1:1 C420jpeg", "C420mpeg2 F30000:1001", "F50:1 C420paldv Ip", "C420", "F25:1", "I? A0:0", "Xanything"],
)
def test_y4m_frames_are_the_samples_behind_their_headers(parameters: str, tmp_path: Path) -> None:
    clip = open_clip(y4m(tmp_path / "x.y4m", parameters))
    assert [clip.read(index).to_bytes() for index in range(COUNT)] == frames()
    assert not clip.full_range


def test_frame_headers_may_have_parameters(tmp_path: Path) -> None:
    clip = open_clip(y4m(tmp_path / "x.y4m", frame=b"FRAME Ip XCOMMENT\n"))
    assert [clip.read(index).to_bytes() for index in range(COUNT)] == frames()


@pytest.mark.parametrize(("word", "full"), [("XCOLORRANGE=FULL", True), ("XCOLORRANGE=LIMITED", False)])
def test_the_range_is_what_the_header_says(word: str, full: bool, tmp_path: Path) -> None:
    clip = open_clip(y4m(tmp_path / "x.y4m", f"C420jpeg {word}"))
    assert clip.read(1).full_range is full


def test_ffmpeg_reads_and_writes_the_same_clips(tmp_path: Path) -> None:
    def convert(source: Path, target: Path) -> None:
        command = [ffmpeg.program(), "-loglevel", "error", "-i", str(source), "-strict", "-1", str(target)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)

    original, raw, again = y4m(tmp_path / "a.y4m"), tmp_path / f"b_{WIDTH}x{HEIGHT}.yuv", tmp_path / "c.y4m"
    convert(original, raw)
    convert(original, again)
    for path in (raw, again):
        clip = open_clip(path)
        assert [clip.read(index).to_bytes() for index in range(len(clip.offsets))] == frames()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("C420p10 XYSCSS=420P10", "holds C420p10; only 8-bit 4:2:0 is read"),
        ("C422 Ip", "holds C422; only 8-bit 4:2:0 is read"),
        ("C444 Ip", "holds C444; only"),
        ("Cmono", "holds Cmono; only"),
        ("C420jpeg It", "is interlaced"),
        ("C420jpeg Ib", "is interlaced"),
        ("C420jpeg Im", "is interlaced"),
        ("W0", "is no size of a picture"),
        ("Wwide", "does not say width and height"),
    ],
)
def test_other_kinds_of_y4m_are_refused_by_name(parameters: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        open_clip(y4m(tmp_path / "x.y4m", parameters))


def test_a_y4m_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.y4m"
    path.write_bytes(b"RIFF....AVI ")
    with pytest.raises(UsageError, match=r"x\.y4m is not a YUV4MPEG2 file"):
        open_clip(path)


@pytest.mark.parametrize("lost", [1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 3])
def test_a_truncated_y4m_is_refused(lost: int, tmp_path: Path) -> None:
    path = y4m(tmp_path / "x.y4m")
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(UsageError, match=r"x\.y4m is cut off or damaged at byte \d+: no whole frame follows"):
        open_clip(path)


def test_a_y4m_without_frames_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.y4m"
    path.write_bytes(b"YUV4MPEG2 W4 H4 C420\n")
    with pytest.raises(UsageError, match="holds no frame"):
        open_clip(path)


@pytest.mark.parametrize("lost", [1, 100, FRAME_BYTES * COUNT])
def test_raw_samples_that_are_no_whole_frames_are_refused(lost: int, tmp_path: Path) -> None:
    path = tmp_path / f"x_{WIDTH}x{HEIGHT}.yuv"
    path.write_bytes(b"".join(frames())[:-lost])
    with pytest.raises(UsageError, match=rf"not a whole number of frames of 13x9 in 8-bit 4:2:0 \({FRAME_BYTES} bytes"):
        open_clip(path)


@pytest.mark.parametrize(
    "name",
    ["a_13x9_10bit", "a_13x9_422", "a_13x9_yuv444p", "a_13x9_8b_444", "a_p010_13x9", "a_13x9_yuv420p10le", "a_16-bit"],
)
def test_raw_samples_of_another_format_by_name_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.yuv"
    path.write_bytes(b"".join(frames()))
    with pytest.raises(UsageError, match=r"its name says .*; only 8-bit 4:2:0 is read"):
        open_clip(path, "13x9")


@pytest.mark.parametrize("name", ["a_13x9_420_8bit", "a_yuv420p_13x9_30", "a444b_13x9", "a_13x9_50p"])
def test_names_that_agree_or_say_nothing_are_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.yuv"
    path.write_bytes(b"".join(frames()))
    assert len(open_clip(path).offsets) == COUNT


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("news.yuv", None, r"news\.yuv does not say its size in its name; write --size WIDTHxHEIGHT"),
        ("news_13x9.yuv", "13 by 9", "--size 13 by 9 is no size; write --size WIDTHxHEIGHT"),
        ("news.yuv", "0x9", "0x9 is no size of a picture"),
        ("news.y4m", "13x9", "its header says its size; leave out --size"),
        ("news_13x9.yuv", "9x13", r"news_13x9\.yuv: its name says 13x9; leave out --size 9x13"),
    ],
)
def test_a_wrong_size_is_one_clear_line(name: str, size: str | None, message: str, tmp_path: Path) -> None:
    path = y4m(tmp_path / name)
    with pytest.raises(UsageError, match=message):
        open_clip(path, size)


@pytest.mark.parametrize("name", ["missing.y4m", "missing_4x4.yuv"])
def test_a_missing_clip_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"^cannot read clip .*{name}: No such file or directory$"):
        open_clip(tmp_path / name)


def test_a_frame_that_is_gone_since_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.yuv"
    path.write_bytes(bytes(30))
    assert isinstance(read_frame(path, 6, (4, 4), full_range=True), Yuv420)
    with pytest.raises(UsageError, match=r"x\.yuv is cut off: 4x4 in 4:2:0 takes 24 bytes, not 23"):
        read_frame(path, 7, (4, 4), full_range=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0:3", [0, 1, 2]), (":", [0, 1, 2, 3, 4]), (":2", [0, 1]), ("3:", [3, 4]), ("0:5:2", [0, 2, 4]), ("4", [4])],
)
def test_a_range_of_frames_is_a_slice(text: str, expected: list[int]) -> None:
    assert list(frame_range(text, 5)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3:3", "there is no frame in that range"),
        ("4:2", "there is no frame in that range"),
        ("0:4:0", "there is no frame in that range"),
        ("0:6", "the clip has 5 frames, 0 to 4"),
        ("5", "the clip has 5 frames, 0 to 4"),
        ("-1:", "write FIRST:END"),
        ("first", "write FIRST:END"),
        ("", "write FIRST:END"),
        ("1:2:3:4", "write FIRST:END"),
    ],
)
def test_a_wrong_range_of_frames_is_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^--frames {text}: {message}"):
        frame_range(text, 5)
