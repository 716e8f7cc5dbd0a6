"""Driving VTM and HM: command lines, configuration and refusals, against stand-ins that drop bits of the raw planes.

These codecs were never run against the real ones, which no package has: that they take these command lines is what
CompressAI's benchmark, which drives them so, says.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines.reference_encoders import Hm, Vtm, to_picture, to_planes
from bench.results.resume_key import Configuration
from bench.system.errors import CodecError, DecodeError, MissingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.images.picture import Picture

ENCODER = """#!{python}
import json, sys, zlib
from pathlib import Path
print("{banner}")
if sys.argv[1:] == ["--help"]:
    sys.exit(1)
Path({record!r}).write_text(json.dumps(sys.argv[1:]))
options = dict(zip(sys.argv[1:-1:2], sys.argv[2::2]))
planes = Path(options["-i"]).read_bytes()
assert len(planes) == 3 * int(options["-wdt"]) * int(options["-hgt"])
assert Path(options["-c"]).read_text() == "IntraPeriod : 1"
step = max(1, round(2 ** ((int(options["-q"]) - 4) / 6)))
coarse = bytes(min(255, level // step * step + step // 2) for level in range(256))
Path(options["-b"]).write_bytes(b"\\0\\0\\0\\1" + zlib.compress(planes.translate(coarse)))
"""

DECODER = """#!{python}
import sys, zlib
from pathlib import Path
print("{banner}")
if sys.argv[1:] == ["--help"]:
    sys.exit(1)
_, b, stream, o, planes, d, depth = sys.argv
assert (b, o, d, depth) == ("-b", "-o", "-d", "8")
Path(planes).write_bytes(zlib.decompress(Path(stream).read_bytes()[4:]))
"""

BANNERS = {
    Vtm: "VVCSoftware: VTM {} Version 23.4 [Linux][GCC 12.2.0][64 bit] [SIMD=AVX2]",
    Hm: "HM software: {} Version [16.20] (including RExt)[Linux][GCC 12.2.0][64 bit]",
}

CASES = pytest.mark.parametrize("codec", [Vtm, Hm])


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put stand-ins on PATH, in a tree as the authors' build leaves it; that tree."""
    for software in ("VTM", "HM"):
        monkeypatch.delenv(f"BENCH_{software}_CONFIG", raising=False)

    def build(codec: type[Vtm | Hm], ending: str = "") -> Path:
        (tmp_path / "bin").mkdir()
        (tmp_path / "cfg").mkdir()
        (tmp_path / "cfg" / codec.config).write_text("IntraPeriod : 1")
        for program, body, kind in zip(codec.programs, (ENCODER, DECODER), ("Encoder", "Decoder"), strict=True):
            path = tmp_path / "bin" / f"{program}{ending}"
            banner = BANNERS[codec].format(kind)
            path.write_text(body.format(python=sys.executable, banner=banner, record=str(tmp_path / "record.json")))
            path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        return tmp_path

    return build


@pytest.mark.parametrize(
    ("codec", "further"),
    [
        (Vtm, ["--ConformanceWindowMode=1"]),
        (Hm, ["--SEIDecodedPictureHash", "--Level=5.1", "--CUNoSplitIntraACT=0", "--ConformanceMode=1"]),
    ],
)
def test_the_encoder_is_told_what_the_published_curves_were_made_with(
    codec: type[Vtm | Hm], further: list[str], photo: Picture, built: Callable[..., Path]
) -> None:
    tree = built(codec)
    codec(32).encode(photo)
    files = [
        "-i",
        "planes.yuv",
        "-c",
        str(tree / "cfg" / codec.config),
        "-q",
        "32",
        "-o",
        "/dev/null",
        "-b",
        "coded.bin",
    ]
    picture = ["-wdt", "128", "-hgt", "96", "-fr", "1", "-f", "1", "--InputChromaFormat=444", "--InputBitDepth=8"]
    assert json.loads((tree / "record.json").read_text()) == [*files, *picture, *further]


@CASES
def test_a_second_codec_decodes_what_was_coded(
    codec: type[Vtm | Hm], photo: Picture, built: Callable[..., Path]
) -> None:
    built(codec)
    data = [codec(quality).encode(photo) for quality in (37, 4)]
    coarse, fine = (codec(22).decode(coded) for coded in data)
    assert np.array_equal(fine.pixels, to_picture(to_planes(photo)).pixels)
    assert len(data[0]) < len(data[1])
    assert np.abs(fine.pixels.astype(int) - photo.pixels).max() <= 3
    assert np.mean((coarse.pixels.astype(float) - photo.pixels) ** 2) > 100


def test_planes_are_those_of_compressai_rounded(photo: Picture) -> None:
    import torch  # noqa: PLC0415  # seconds
    from compressai.transforms.functional import rgb2ycbcr  # noqa: PLC0415

    theirs = 255 * rgb2ycbcr(torch.tensor(photo.pixels).permute(2, 0, 1) / 255).numpy()
    theirs[1:] += 0.5  # their grey is 127.5
    assert np.abs(to_planes(photo) - theirs).max() <= 0.5 + 1e-4


@CASES
def test_a_row_says_the_version_and_the_configuration(codec: type[Vtm | Hm], built: Callable[..., Path]) -> None:
    tree = built(codec, "Static")
    row = Configuration.of("name", codec(32))
    number, encoder, decoder = {Vtm: "VTM 23.4", Hm: "HM 16.20"}[codec], *(f"{name}Static" for name in codec.programs)
    assert row.backend_version == f"{number} ({encoder}, {decoder})"
    settings = json.loads(row.settings)
    assert settings["config"].startswith(f"{codec.config} ")
    assert settings["subsampling"] == "4:4:4"
    (tree / "cfg" / codec.config).write_text("IntraPeriod : 2")
    assert Configuration.of("name", codec(32)).curve != row.curve


@CASES
def test_what_is_missing_is_told_with_the_way_to_get_it(
    codec: type[Vtm | Hm], built: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, decoder = codec.programs
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingError, match=rf"{encoder} and {decoder} not found on PATH; build {codec.software} from"):
        codec(32)
    tree = built(codec)
    assert codec.missing() is None
    (tree / "cfg" / codec.config).rename(tree / "mine.cfg")
    variable = f"BENCH_{codec.software}_CONFIG"
    said = f"{codec.config} is not in ../cfg beside {encoder}; set {variable} to its path"
    assert codec.missing() == said
    monkeypatch.setenv(variable, str(tree / "none.cfg"))
    assert codec.missing() == f"{variable} is set to {tree / 'none.cfg'}, which is not a file"
    monkeypatch.setenv(variable, str(tree / "mine.cfg"))
    assert codec.missing() is None
    assert str(codec(32).backend_settings["config"]).startswith("mine.cfg ")


def test_refusals_are_told_in_the_words_of_the_binaries(photo: Picture, built: Callable[..., Path]) -> None:
    tree = built(Vtm)
    data = Vtm(32).encode(photo)
    for name in Vtm.programs:
        (tree / "bin" / name).write_text('#!/bin/sh\necho "Error: no luck" >&2\nexit 1\n')
    with pytest.raises(CodecError, match=r"^EncoderApp: Error: no luck$"):
        Vtm(32).encode(photo)
    with pytest.raises(DecodeError, match=r"^DecoderApp: Error: no luck$"):
        Vtm(32).decode(data)


def test_a_decoder_that_writes_another_size_is_told(photo: Picture, built: Callable[..., Path]) -> None:
    built(Vtm)
    data = bytearray(Vtm(32).encode(photo))
    assert data[:2] == bytes([0x81, 0x00])  # 128 pixels wide
    data[1] += 1
    with pytest.raises(DecodeError, match=r"^damaged file: 36864 samples, not three planes of 129 x 96$"):
        Vtm(32).decode(bytes(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is cut off"),
        (b"\x08\x08\x04PNG!", "not a VTM file"),
        (b"\x08\x08\x09\0\0\0\1", "the file is cut off"),
        (b"\x00\x08\x04\0\0\0\1", "file claims 0 x 8 pixels"),
        (b"\x81\x80\x80\x00\x81\x80\x80\x00\x04\0\0\0\1", "file claims 2097152 x 2097152 pixels"),
    ],
)
def test_what_is_no_file_does_not_reach_the_decoder(data: bytes, reason: str, built: Callable[..., Path]) -> None:
    (built(Vtm) / "bin" / "DecoderApp").write_text("#!/bin/sh\nkill -9 $$\n")
    with pytest.raises(DecodeError, match=reason):
        Vtm(32).decode(data)
