from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.codecs.codec import Codec, CodecSpec, QualityScale
from bench.system.errors import MissingError, UsageError

if TYPE_CHECKING:
    from bench.images.picture import Picture


class Lamp(Codec):
    """A codec with two backends, one of which is never there."""

    title = "Lamp"
    scale: ClassVar[QualityScale] = QualityScale("brightness", (1, 2), lowest=1, highest=9)
    backends: ClassVar[tuple[str, ...]] = ("wick", "mains")

    @classmethod
    def missing(cls, backend: str | None = None, **options: str) -> str | None:
        del options
        return "no socket; fetch an electrician" if backend == "mains" else None

    def encode(self, picture: Picture) -> bytes:
        raise NotImplementedError

    def decode(self, data: bytes) -> Picture:
        raise NotImplementedError


def test_the_first_backend_is_the_default() -> None:
    assert Lamp(1).backend == "wick"
    assert Lamp(1, backend="wick").backend == "wick"


def test_an_unknown_backend_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"^Lamp has no backend 'sun'; it has: wick, mains$"):
        Lamp(1, backend="sun")


def test_a_missing_backend_is_told_with_the_way_to_get_it() -> None:
    with pytest.raises(MissingError, match=r"^Lamp: no socket; fetch an electrician$"):
        Lamp(1, backend="mains")


@pytest.mark.parametrize(
    ("text", "name", "qualities"),
    [
        ("jpeg", "jpeg", ()),
        ("jpeg@50", "jpeg", (50,)),
        ("jpeg@50,10,50", "jpeg", (50, 10)),
        ("jpeg2000@0.25", "jpeg2000", (0.25,)),
        ("joint+qr@3", "joint+qr", (3,)),
        ("jpeg*@5", "jpeg*", (5,)),
        ("my/codec.py:Mine@7", "my/codec.py:Mine", (7,)),
        ("me@home/codec.py:Mine", "me@home/codec.py:Mine", ()),
        ("me@home/codec.py:Mine@7", "me@home/codec.py:Mine", (7,)),
        ("me@codec.py:Mine", "me@codec.py:Mine", ()),
    ],
)
def test_a_spec_is_a_name_and_perhaps_qualities(text: str, name: str, qualities: tuple[float, ...]) -> None:
    assert CodecSpec.parse(text) == CodecSpec(name, qualities)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=5, unique=True))
def test_qualities_survive_writing_and_parsing(qualities: list[float]) -> None:
    assert CodecSpec.parse("x@" + ",".join(map(repr, qualities))).qualities == tuple(qualities)


@pytest.mark.parametrize("text", ["jpeg@", "jpeg@high", "jpeg@5,", "jpeg@5;6", "a@b@c"])
def test_a_quality_that_is_no_number_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a quality; use .*@50 or "):
        CodecSpec.parse(text)


def test_a_glob_matches_as_a_shell_does() -> None:
    spec = CodecSpec.parse("jpeg*@5")
    assert spec.is_glob
    assert spec.matches("jpeg-444")
    assert not spec.matches("webp")
    assert not CodecSpec("joint+qr").is_glob


@pytest.mark.parametrize("quality", [1, 9, 5.0])
def test_a_quality_on_the_scale_is_taken(quality: float) -> None:
    assert Lamp.scale.check("lamp", quality) == quality


@pytest.mark.parametrize("quality", [0, 10, -1, 2.5, float("nan"), float("inf")])
def test_a_quality_off_the_scale_is_refused_with_the_scale(quality: float) -> None:
    with pytest.raises(UsageError, match=r"^lamp@\S+: quality is a whole number from 1 to 9 \(brightness\)$"):
        Lamp.scale.check("lamp", quality)


def test_a_scale_of_real_numbers_takes_fractions() -> None:
    scale = QualityScale("rate", (0.1,), lowest=0.1, highest=4, integral=False)
    assert scale.check("x", 0.25) == 0.25
    with pytest.raises(UsageError, match=r"x@5: quality is a number from 0.1 to 4"):
        scale.check("x", 5)
