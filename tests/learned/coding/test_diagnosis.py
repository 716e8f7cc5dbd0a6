from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from bench.cli.main import main
from bench.codecs.registry import codec_class

if TYPE_CHECKING:
    from pathlib import Path

    from bench.images.picture import Picture
    from bench.learned.codecs import LearnedCodec


def open_codec(family: str, weights: Path) -> LearnedCodec:
    return codec_class(family)(3, weights=str(weights))  # type: ignore[return-value]


def test_bits_of_the_elements_add_up_to_the_file(family: str, weights: Path, portrait: Picture) -> None:
    codec = open_codec(family, weights)
    bits = codec.diagnose(portrait).bits
    assert set(bits) == ({"y"} if family in {"factorized", "context"} else {"y", "z"})
    total_bytes = sum(float(part.sum()) for part in bits.values()) / 8
    assert 0 <= len(codec.encode(portrait)) - total_bytes < 64


def test_where_the_latents_are_surprising_bits_are_spent(weights: Path, portrait: Picture) -> None:
    arrays = codec_class("hyper")(3, weights=str(weights)).diagnose(portrait).arrays()  # type: ignore[attr-defined]
    distance = np.abs(arrays["y_hat"] - arrays["means"]) / arrays["scales"].clip(0.11)
    likely, unlikely = distance < 0.5, distance > 2
    assert likely.any()
    assert unlikely.any()
    assert arrays["y_bits"][unlikely].mean() > 2 * arrays["y_bits"][likely].mean()


def test_the_command_shows_parts_and_writes_arrays(weights: Path, portrait: Picture, tmp_path: Path) -> None:
    Image.fromarray(portrait.pixels).save(tmp_path / "portrait.png")
    arguments = ["joint@3", f"{tmp_path}/portrait.png", "--weights", f"{weights}", "--out", f"{tmp_path}/it.npz"]
    result = CliRunner().invoke(main, ["diagnose", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    with np.load(tmp_path / "it.npz") as arrays:
        assert set(arrays) == {"y", "y_hat", "z_hat", "scales", "means", "y_bits", "z_bits"}
        assert np.abs(arrays["y"] - arrays["y_hat"]).max() <= 0.5001
        assert f"{arrays['y_bits'].sum():.0f}" in result.output


@pytest.mark.parametrize(
    ("name", "message"),
    [("joint", "'joint' is not one learned codec at one quality"), ("jpeg@50", "jpeg is not a learned codec")],
)
def test_the_command_wants_one_learned_codec_at_one_quality(
    name: str, message: str, weights: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "grey.png")
    for quality in (3, 4):
        (tmp_path / f"joint-{quality}.safetensors").symlink_to(weights / "joint-3.safetensors")
    result = CliRunner().invoke(main, ["diagnose", name, f"{tmp_path}/grey.png", "--weights", f"{tmp_path}"])
    assert result.exit_code == 1
    assert result.output == f"Error: {message}; use, for instance, joint@3\n"
