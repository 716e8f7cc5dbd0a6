from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import AvifImagePlugin as PillowsOwn
from PIL import Image

from baselines.avif import Avif
from baselines.avif420 import Avif420
from bench.images.picture import Picture
from bench.system.errors import CodecError, DecodeError


def test_the_version_names_the_plugin_that_is_registered() -> None:
    version = Avif(50).backend_version
    assert version.startswith("libaom ")
    assert "(pillow-avif-plugin " in version


def test_another_plugin_of_the_same_name_is_noticed(photo: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = Avif(50)
    monkeypatch.setitem(Image.SAVE, "AVIF", PillowsOwn._save)
    with pytest.raises(CodecError, match=r"written by PIL\.AvifImagePlugin"):
        codec.encode(photo)
    with pytest.raises(CodecError, match="import pillow_avif last"):
        _ = codec.backend_version


@pytest.mark.parametrize(("setting", "value"), [("subsampling", "4:2:0"), ("speed", 10), ("tune", "ssim")])
def test_each_setting_decides_the_bytes(setting: str, value: str | int, photo: Picture) -> None:
    changed = type("Changed", (Avif,), {"settings": {**Avif.settings, setting: value}})
    assert changed(50).encode(photo) != Avif(50).encode(photo)


def test_a_file_of_another_format_is_refused(photo: Picture) -> None:
    file = io.BytesIO()
    Image.fromarray(photo.pixels).save(file, "PNG")
    with pytest.raises(DecodeError, match="not a AVIF file"):
        Avif(50).decode(file.getvalue())


def test_a_side_beyond_65536_pixels_is_refused() -> None:
    with pytest.raises(CodecError, match=r"supports at most 65536 pixels per side; this picture is 65537 x 1$"):
        Avif(50).encode(Picture(np.zeros((1, 65537, 3), np.uint8)))


def test_the_longest_side_that_ffmpeg_writes_is_coded_and_a_longer_one_refused() -> None:
    longest = Picture(np.full((2, Avif420.max_side, 3), 90, np.uint8))
    assert Avif420(50).decode(Avif420(50).encode(longest)).pixels.shape == longest.pixels.shape
    with pytest.raises(CodecError, match=r"^AVIF .* supports at most 65535 pixels per side; .* is 65536 x 2$"):
        Avif420(50).encode(Picture(np.zeros((2, Avif420.max_side + 1, 3), np.uint8)))
