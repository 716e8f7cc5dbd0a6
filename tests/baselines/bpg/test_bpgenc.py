"""Driving bpgenc and bpgdec: command lines, versions and refusals, against stand-ins that code with our own codec.

This backend was never run against the real ones: that they take these command lines is what their help says.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines.bpg.codec import Bpg420, Bpg420Jctvc, Bpg444, Bpg444Jctvc
from bench.results.resume_key import Configuration
from bench.system.errors import CodecError, DecodeError, MissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.images.picture import Picture

ROOT = Path(__file__).parents[3]

BPGENC = """
print("BPG Image Encoder version 0.9.8")
if "-h" in sys.argv:
    print("usage: bpgenc [options] infile.[jpg|png]")
    print("-o outfile           set output filename (default = out.bpg)")
    print("-e encoder           select the HEVC encoder ({built}, default = x265)")
    sys.exit(1)
options = dict(zip(sys.argv[1:-1:2], sys.argv[2:-1:2]))
Path({record!r}).write_text(json.dumps([options, sys.argv[-1]]))
picture = read_picture(Path(sys.argv[-1]))
codec = {{"444": Bpg444, "420": Bpg420}}[options["-f"]]
Path(options["-o"]).write_bytes(codec(int(options["-q"])).encode(picture))
"""

BPGDEC = """
if "-h" in sys.argv:
    print("BPG Image Decoder version 0.9.8")
    sys.exit(1)
_, option, result, coded = sys.argv
assert option == "-o" and result.endswith(".ppm")
Path(result).write_bytes(ppm(Bpg444(37).decode(Path(coded).read_bytes())))
"""

HEAD = """#!{python}
import json, os, sys
sys.path.insert(0, {root!r})
os.environ["PATH"] = {path!r}
from pathlib import Path
from baselines.bpg.codec import Bpg420, Bpg444
from baselines.external import ppm
from bench.images.image_files import read_picture
"""


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put scripts called bpgenc and bpgdec on PATH; the file in which bpgenc notes its command line."""

    def write(built: str = "x265 jctvc") -> Path:
        record = tmp_path / "record.json"
        head = HEAD.format(python=sys.executable, root=str(ROOT), path=str(Path(sys.executable).parent))
        bodies = {"bpgenc": BPGENC.format(built=built, record=str(record)), "bpgdec": BPGDEC}
        for name, body in bodies.items():
            (tmp_path / name).write_text(head + body)
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return record

    return write


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        (Bpg444, {"-e": "x265", "-m": "8", "-f": "444"}),
        (Bpg420, {"-e": "x265", "-m": "8", "-f": "420"}),
        (Bpg444Jctvc, {"-e": "jctvc", "-m": "9", "-f": "444"}),
        (Bpg420Jctvc, {"-e": "jctvc", "-m": "9", "-f": "420"}),
    ],
)
def test_bpgenc_is_told_what_the_published_curves_were_made_with(
    codec: type[Bpg444], expected: dict[str, str], photo: Picture, stand_ins: Callable[..., Path]
) -> None:
    record = stand_ins()
    data = codec(34, backend="external").encode(photo)
    options, source = json.loads(record.read_text())
    assert options == {**expected, "-c": "ycbcr", "-b": "8", "-q": "34", "-o": "coded.bpg"}
    assert source == "picture.png"  # bpgenc reads no PPM
    ours = Bpg420 if expected["-f"] == "420" else Bpg444
    assert data == ours(34).encode(photo)


def test_bpgdec_gives_the_picture(photo: Picture, stand_ins: Callable[..., Path]) -> None:
    stand_ins()
    data = Bpg444(37).encode(photo)
    assert np.array_equal(Bpg444(37, backend="external").decode(data).pixels, Bpg444(37).decode(data).pixels)


def test_a_row_says_which_encoder_and_which_libbpg_it_was(stand_ins: Callable[..., Path]) -> None:
    stand_ins()
    rows = {codec: Configuration.of("name", codec(29, backend="external")) for codec in (Bpg444, Bpg444Jctvc)}
    assert {row.backend_version for row in rows.values()} == {"libbpg 0.9.8 (bpgenc, bpgdec)"}
    assert json.loads(rows[Bpg444].settings) == {
        "bit_depth": 8,
        "color_space": "ycbcr",
        "encoder": "x265",
        "level": 8,
        "subsampling": "4:4:4",
    }
    assert json.loads(rows[Bpg444Jctvc].settings)["encoder"] == "jctvc"
    in_ffmpeg = Configuration.of("name", Bpg444(29))
    assert json.loads(in_ffmpeg.settings) == dict(Bpg444.settings)
    assert len({row.curve for row in (*rows.values(), in_ffmpeg)}) == 3


def test_absent_binaries_are_told_with_the_way_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Bpg444.missing() is None
    with pytest.raises(MissingError, match=r"^BPG 4:4:4 \(x265\): bpgenc and bpgdec not found on PATH; .*build libbpg"):
        Bpg444(37, backend="external")
    with pytest.raises(MissingError, match=r"^BPG 4:2:0 \(jctvc\): bpgenc and bpgdec not found"):
        Bpg420Jctvc(37)


def test_a_bpgenc_without_the_encoder_is_told(stand_ins: Callable[..., Path]) -> None:
    stand_ins(built="x265")
    assert Bpg444.missing("external") is None
    with pytest.raises(MissingError, match=r"this bpgenc was built without jctvc; it has: x265$"):
        Bpg444Jctvc(37)


def test_another_program_called_bpgenc_is_told(stand_ins: Callable[..., Path], tmp_path: Path) -> None:
    stand_ins()
    (tmp_path / "bpgenc").write_text("#!/bin/sh\nexit 0\n")
    assert "it has: no listed encoder" in str(Bpg444.missing("external"))


def test_refusals_are_told_in_the_words_of_the_binaries(
    photo: Picture, stand_ins: Callable[..., Path], tmp_path: Path
) -> None:
    stand_ins()
    codec = Bpg444(37, backend="external")
    data = Bpg444(37).encode(photo)
    for name, message in (("bpgenc", "Could not open 'picture.png'"), ("bpgdec", "Could not decode image")):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{message}" >&2\nexit 1\n')
    with pytest.raises(CodecError, match=r"^bpgenc: Could not open 'picture.png'$"):
        codec.encode(photo)
    with pytest.raises(DecodeError, match=r"^bpgdec: Could not decode image$"):
        codec.decode(data)


def test_what_is_no_bpg_file_does_not_reach_bpgdec(stand_ins: Callable[..., Path], tmp_path: Path) -> None:
    stand_ins()
    codec = Bpg444(37, backend="external")
    (tmp_path / "bpgdec").unlink()
    with pytest.raises(DecodeError, match="not a BPG file"):
        codec.decode(b"PNG")
