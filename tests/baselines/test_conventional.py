"""Settings are what is used, and versions and absences are told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import PIL
import pytest
from PIL import features

from baselines.jpeg import Jpeg
from baselines.jpeg2000 import Jpeg2000
from baselines.webp import WebP
from bench.system.errors import MissingError

if TYPE_CHECKING:
    from pathlib import Path

    from baselines.conventional import ConventionalCodec
    from bench.images.picture import Picture

BACKENDS = ["pillow", pytest.param("external", marks=pytest.mark.binaries)]
OTHER_VALUES = [
    (Jpeg, "subsampling", "4:4:4"),
    (Jpeg, "optimize", True),
    (Jpeg, "progressive", True),
    (WebP, "method", 0),
    (Jpeg2000, "irreversible", False),
    (Jpeg2000, "mct", 0),
    (Jpeg2000, "num_resolutions", 3),
    (Jpeg2000, "codeblock_size", 32),
    (Jpeg2000, "progression", "RPCL"),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("codec", "setting", "value"), OTHER_VALUES)
def test_each_setting_decides_the_bytes(
    codec: type[ConventionalCodec], setting: str, value: str | int, backend: str, photo: Picture
) -> None:
    changed = type("Changed", (codec,), {"settings": {**codec.settings, setting: value}})
    quality = codec.scale.points[len(codec.scale.points) // 2]
    data = changed(quality, backend=backend).encode(photo)
    assert data != codec(quality, backend=backend).encode(photo)
    assert changed(quality, backend=backend).decode(data).pixels.shape == photo.pixels.shape


def test_every_setting_is_tried_above() -> None:
    tried = {(codec, setting) for codec, setting, _ in OTHER_VALUES}
    assert tried == {(codec, setting) for codec in (Jpeg, WebP, Jpeg2000) for setting in codec.settings}


@pytest.mark.parametrize(("codec", "library"), [(Jpeg, "jpeg"), (WebP, "libwebp "), (Jpeg2000, "OpenJPEG ")])
def test_the_version_names_library_and_pillow(codec: type[ConventionalCodec], library: str) -> None:
    version = codec(50 if codec is not Jpeg2000 else 1).backend_version
    assert library in version
    assert version.endswith(f" (Pillow {PIL.__version__})")


@pytest.mark.binaries
@pytest.mark.parametrize(
    ("codec", "pattern"),
    [
        (Jpeg, r"\S+ \d\S* \(cjpeg, djpeg\)"),
        (WebP, r"libwebp \d+\.\d+\.\d+ \(cwebp, dwebp\)"),
        (Jpeg2000, r"OpenJPEG \d+\.\d+\.\d+ \(opj_compress, opj_decompress\)"),
    ],
)
def test_the_version_names_library_and_binaries(codec: type[ConventionalCodec], pattern: str) -> None:
    version = codec(50 if codec is not Jpeg2000 else 1, backend="external").backend_version
    assert re.fullmatch(pattern, version), version


@pytest.mark.parametrize(
    ("codec", "message"),
    [
        (Jpeg, "JPEG: cjpeg and djpeg not found on PATH; apt install libjpeg-turbo-progs"),
        (WebP, "WebP: cwebp and dwebp not found on PATH; apt install webp"),
        (Jpeg2000, "JPEG 2000: opj_compress and opj_decompress not found on PATH; apt install libopenjp2-tools"),
    ],
)
def test_absent_binaries_are_told_with_the_way_to_get_them(
    codec: type[ConventionalCodec], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert codec.missing() is None
    with pytest.raises(MissingError) as caught:
        codec(1, backend="external")
    assert str(caught.value).startswith(message)
    assert "brew install" in str(caught.value)


def test_a_pillow_without_the_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda feature: feature != "webp")
    assert Jpeg.missing() is None
    with pytest.raises(MissingError, match=r"^WebP: this Pillow was built without WEBP; .*pip install"):
        WebP(50)
