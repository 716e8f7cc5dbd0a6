"""Clips: what is read is what was written, and what is not 8-bit progressive 4:2:0 is refused by name."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.images import ffmpeg
from bench.images.clips import ClipOptions, frame_range, open_clip, read_frame
from bench.images.picture import Yuv420
from bench.images.pixel_format import NAMES, FrameFormat
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.images.pixel_format import Levels

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
    assert clip.form.size == (WIDTH, HEIGHT)
    assert [clip.read(index).to_bytes() for index in range(len(clip.offsets))] == frames()
    assert not clip.read(0).full_range


def test_the_size_may_be_given(tmp_path: Path) -> None:
    path = tmp_path / "noise.yuv"
    path.write_bytes(b"".join(frames()))
    assert open_clip(path, ClipOptions(size=f"{WIDTH}x{HEIGHT}")).read(2).to_bytes() == frames()[2]


@pytest.mark.parametrize(
    "parameters",
    ["F25:1 Ip A1:1 C420jpeg", "C420mpeg2 F30000:1001", "F50:1 C420paldv Ip", "C420", "F25:1", "I? A0:0", "Xanything"],
)
def test_y4m_frames_are_the_samples_behind_their_headers(parameters: str, tmp_path: Path) -> None:
    clip = open_clip(y4m(tmp_path / "x.y4m", parameters))
    assert [clip.read(index).to_bytes() for index in range(COUNT)] == frames()
    assert not clip.form.full_range


def test_frame_headers_may_have_parameters(tmp_path: Path) -> None:
    clip = open_clip(y4m(tmp_path / "x.y4m", frame=b"FRAME Ip XCOMMENT\n"))
    assert [clip.read(index).to_bytes() for index in range(COUNT)] == frames()


@pytest.mark.parametrize(
    ("word", "full"), [("XCOLORRANGE=FULL", True), ("XCOLORRANGE=LIMITED", False), ("XColorRange=full", True)]
)
def test_the_range_is_what_the_header_says(word: str, full: bool, tmp_path: Path) -> None:
    clip = open_clip(y4m(tmp_path / "x.y4m", f"C420jpeg {word}"))
    assert clip.read(1).full_range is full


def test_a_header_that_leaves_the_range_open_leaves_it_to_the_option(tmp_path: Path) -> None:
    path = y4m(tmp_path / "x.y4m", "C420jpeg XCOLORRANGE=UNKNOWN")
    assert not open_clip(path).form.full_range
    assert open_clip(path, ClipOptions(levels="full")).form.full_range


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
        ("C420p10 XYSCSS=420P10", "has C420p10; only 8-bit 4:2:0 and grey are read .*; convert it: ffmpeg -i x.y4m"),
        ("C422 Ip", "has C422; only 8-bit 4:2:0 and grey are read"),
        ("C444 Ip", "has C444; only"),
        ("Cmono16", "has Cmono16; only"),
        ("C420jpeg It", "is interlaced"),
        ("C420jpeg Ib", "is interlaced"),
        ("C420jpeg Im", "is interlaced"),
        ("W0", "is not a valid picture size"),
        ("Wwide", "does not state width and height"),
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
    with pytest.raises(UsageError, match=r"x\.y4m is cut off or damaged at byte \d+: no complete frame follows"):
        open_clip(path)


def test_a_y4m_without_frames_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.y4m"
    path.write_bytes(b"YUV4MPEG2 W4 H4 C420\n")
    with pytest.raises(UsageError, match="has no frames"):
        open_clip(path)


@pytest.mark.parametrize("lost", [1, 100, FRAME_BYTES * COUNT])
def test_raw_samples_that_are_no_whole_frames_are_refused(lost: int, tmp_path: Path) -> None:
    path = tmp_path / f"x_{WIDTH}x{HEIGHT}.yuv"
    path.write_bytes(b"".join(frames())[:-lost])
    with pytest.raises(UsageError, match=rf"not a whole number of frames of 13x9 in 8-bit 4:2:0 \({FRAME_BYTES} bytes"):
        open_clip(path)


@pytest.mark.parametrize(
    "name",
    [
        *("a_13x9_10bit", "a_13x9_422", "a_13x9_yuv444p", "a_13x9_8b_444", "a_p010_13x9", "a_13x9_yuv420p10le"),
        *("a_16-bit", "a_13x9_uyvy", "a_13x9_YUYV422", "a_13x9_rgb24", "a_13x9_bgr0", "a_13x9_argb", "a_13x9_gbrp"),
        *("a_13x9_nv16", "a_13x9_p016le", "a_13x9_gray10le", "a_13x9_yuva420p", "a_13x9_v210", "a_13x9_10b_420"),
        *("a_13x9_yuvj444p", "a_13x9_ayuv64le", "a_13x9_x2rgb10le", "a_13x9_i422", "a_13x9_yuv420p16be"),
        *("a_13x9_YV16", "a_13x9_yv24", "a_13x9_nv61", "a_13x9_y42b", "a_13x9_yuv9", "a_13x9_imc2", "a_13x9_v408"),
        *("a_13x9_420_10le", "a_13x9_10_bit", "a_13x9_12bpc", "a_13x9_4:2:2", "a_13x9_4_4_4", "a_13x9_hdyc"),
    ],
)
def test_raw_samples_of_another_format_by_name_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.yuv"
    path.write_bytes(b"".join(frames()))
    with pytest.raises(UsageError, match=r"its name says .*; only 8-bit 4:2:0 .* convert it: ffmpeg"):
        open_clip(path, ClipOptions(size="13x9"))


@pytest.mark.parametrize(
    "name",
    [
        *("a_13x9_420_8bit", "a_yuv420p_13x9_30", "a444b_13x9", "a_13x9_50p", "a_13x9_I420", "bgrass_13x9"),
        *("y_13x9", "a2_y60_13x9", "graycat_13x9", "rgby_13x9", "a_13x9_4k", "p24_13x9"),
    ],
)
def test_names_that_agree_or_say_nothing_are_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.yuv"
    path.write_bytes(b"".join(frames()))
    assert len(open_clip(path).offsets) == COUNT


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (12, 8), (1, 1)])
@pytest.mark.parametrize("name", ["yuv420p", "nv12", "nv21", "gray"])
def test_samples_in_another_order_are_read_as_ffmpeg_reads_them(
    name: str, size: tuple[int, int], tmp_path: Path
) -> None:
    form = FrameFormat(size, NAMES[name])
    samples = np.random.default_rng(5).integers(0, 256, form.num_bytes).astype(np.uint8).tobytes()
    raw = ("-f", "rawvideo", "-pixel_format", name, "-video_size", f"{size[0]}x{size[1]}", "-i", "pipe:0")
    same_levels = ("-vf", "scale=in_range=full:out_range=full", "-pix_fmt", "yuv420p", "-f", "rawvideo", "pipe:1")
    command = [ffmpeg.program(), "-loglevel", "error", *raw, *same_levels]
    done = subprocess.run(command, input=samples, capture_output=True, check=True)
    path = tmp_path / f"x_{size[0]}x{size[1]}_{name}.yuv"
    path.write_bytes(samples)
    assert open_clip(path).read(0).to_bytes() == done.stdout


def test_every_pixel_format_of_ffmpeg_is_read_or_refused_by_name(tmp_path: Path) -> None:
    command = [ffmpeg.program(), "-hide_banner", "-pix_fmts"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    in_memory = re.findall(r"^[I.][O.]\.[P.][B.] (\w+) +\d", listed, re.MULTILINE)
    assert len(in_memory) > 200
    for name in in_memory:
        path = tmp_path / f"x_4x2_{name}.yuv"
        path.write_bytes(bytes(8 if name == "gray" else 24))
        if name in NAMES:
            assert open_clip(path).form.layout == NAMES[name]
        else:
            with pytest.raises(UsageError, match=f"its name says {name}; only"):
                open_clip(path)


def test_planes_in_the_order_of_yv12_are_exchanged(tmp_path: Path) -> None:
    path = tmp_path / "x_4x2_yv12.yuv"
    path.write_bytes(bytes(range(12)))
    u, v = open_clip(path).read(0).planes[1:]
    assert (u.tolist(), v.tolist()) == ([[10, 11]], [[8, 9]])


def test_the_pixel_format_may_be_given(tmp_path: Path) -> None:
    path = tmp_path / "x_4x2.yuv"
    path.write_bytes(bytes(range(12)))
    u, v = open_clip(path, ClipOptions(pixel_format="NV21")).read(0).planes[1:]
    assert (u.tolist(), v.tolist()) == ([[9, 11]], [[8, 10]])


@pytest.mark.parametrize("name", ["gray", "grey_nv12"])
def test_grey_in_a_name_may_be_what_the_clip_shows(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}_4x2.yuv"
    path.write_bytes(bytes(24))  # two frames of 4:2:0, or three of grey
    if name == "gray":
        with pytest.raises(UsageError, match="write --pixel-format gray or --pixel-format yuv420p"):
            open_clip(path)
        assert len(open_clip(path, ClipOptions(pixel_format="gray")).offsets) == 3
        assert len(open_clip(path, ClipOptions(pixel_format="i420")).offsets) == 2
    else:
        assert open_clip(path).form.layout == "nv12"


@pytest.mark.parametrize("parameters", ["Cmono", "Cmono XCOLORRANGE=LIMITED"])
def test_a_grey_y4m_has_neutral_chroma(parameters: str, tmp_path: Path) -> None:
    path = tmp_path / "x.y4m"
    path.write_bytes(f"YUV4MPEG2 W3 H2 {parameters}\nFRAME\n".encode() + bytes(range(6)))
    assert open_clip(path).read(0).to_bytes() == bytes([*range(6), 128, 128, 128, 128])


@pytest.mark.parametrize(
    ("name", "levels", "full"),
    [
        ("a_4x2.yuv", None, False),
        ("a_4x2.yuv", "full", True),
        ("a_4x2.yuv", "limited", False),
        ("a_4x2_yuvj420p.yuv", None, True),
        ("a_4x2_yuvj420p.yuv", "full", True),
        ("a_4x2_nv12.yuv", "full", True),
        ("a_4x2_fullRange.yuv", None, True),
        ("a_4x2_nv12_full_range.yuv", "full", True),
        ("a_4x2_420_bt709_videoRange.yuv", None, False),
        ("carefulRanger_4x2.yuv", None, False),
        ("a.y4m", None, False),
        ("a.y4m", "full", True),
    ],
)
def test_the_range_is_that_of_the_name_or_as_given(
    name: str, levels: Levels | None, full: bool, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes((b"YUV4MPEG2 W4 H2\nFRAME\n" if path.suffix == ".y4m" else b"") + bytes(12))
    assert open_clip(path, ClipOptions(levels=levels)).read(0).full_range is full


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "a_4x2.yuv",
            {"pixel_format": "uyvy422"},
            r"^--pixel-format uyvy422: only 8-bit 4:2:0 and grey are read;",
        ),
        ("a_4x2.yuv", {"pixel_format": "rgb24"}, "^--pixel-format rgb24: only"),
        ("a_4x2.yuv", {"pixel_format": "p010le"}, "^--pixel-format p010le: only"),
        ("a_4x2.yuv", {"pixel_format": "nv13"}, "^unknown pixel format 'nv13'; did you mean 'nv21'"),
        ("a_4x2_nv12.yuv", {"pixel_format": "nv21"}, "its name says nv12; omit --pixel-format nv21, or rename it"),
        ("a_4x2_nv12_nv21.yuv", {}, "its name says nv12 and nv21; write --pixel-format NAME"),
        ("a_4x2_yuvj420p.yuv", {"levels": "limited"}, "yuvj420p has full range; omit --range limited"),
        ("a_4x2.yuv", {"levels": "limited", "pixel_format": "yuvj420p"}, "yuvj420p has full range"),
        ("a_4x2_fullRange.yuv", {"levels": "limited"}, "fullRange has full range; omit --range limited"),
        ("a_4x2_tv_range.yuv", {"levels": "full"}, "tv_range has limited range; omit --range full"),
        ("a_4x2_yuvj420p_videoRange.yuv", {}, "yuvj420p and videoRange contradict each other; rename it"),
        ("a.y4m", {"pixel_format": "nv12"}, "its header states its pixel format; omit --pixel-format"),
        ("a.y4m", {"levels": "full"}, r"its header states its range \(limited\); omit --range full"),
    ],
)
def test_what_contradicts_the_file_is_one_clear_line(
    name: str, options: dict[str, str], message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(b"YUV4MPEG2 W4 H2 XCOLORRANGE=LIMITED\nFRAME\n" + bytes(12))
    with pytest.raises(UsageError, match=message):
        open_clip(path, ClipOptions(**options))


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("news.yuv", None, r"the name of .*news\.yuv does not contain its size; write --size WIDTHxHEIGHT"),
        ("news_13x9.yuv", "13 by 9", "--size 13 by 9 is not a size; write --size WIDTHxHEIGHT"),
        ("news.yuv", "0x9", "0x9 is not a valid picture size"),
        ("news.y4m", "13x9", "its header states its size; omit --size"),
        ("news_13x9.yuv", "9x13", r"news_13x9\.yuv: its name says 13x9; omit --size 9x13"),
    ],
)
def test_a_wrong_size_is_one_clear_line(name: str, size: str | None, message: str, tmp_path: Path) -> None:
    path = y4m(tmp_path / name)
    with pytest.raises(UsageError, match=message):
        open_clip(path, ClipOptions(size=size))


@pytest.mark.parametrize("name", ["missing.y4m", "missing_4x4.yuv"])
def test_a_missing_clip_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"^cannot read clip .*{name}: No such file or directory$"):
        open_clip(tmp_path / name)


def test_a_frame_that_is_gone_since_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.yuv"
    path.write_bytes(bytes(30))
    assert isinstance(read_frame(path, 6, FrameFormat((4, 4))), Yuv420)
    with pytest.raises(UsageError, match=r"x\.yuv is cut off: 4x4 in 8-bit 4:2:0 takes 24 bytes, not 23"):
        read_frame(path, 7, FrameFormat((4, 4)))


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
        ("-1:", "use FIRST:END"),
        ("first", "use FIRST:END"),
        ("", "use FIRST:END"),
        ("1:2:3:4", "use FIRST:END"),
    ],
)
def test_a_wrong_range_of_frames_is_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^--frames {text}: {message}"):
        frame_range(text, 5)
