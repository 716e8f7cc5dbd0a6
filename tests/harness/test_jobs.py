"""Pictures that a process keeps: the last ones, as many as there is room for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.harness import jobs
from bench.images.picture import Picture
from bench.images.set_images import ImageFile

PICTURE = Picture(np.zeros((10, 10, 3), np.uint8))


class Counted(ImageFile):
    def read(self) -> Picture:
        read.append(self.name)
        return PICTURE


read: list[str] = []


@pytest.fixture(autouse=True)
def room_for_three(monkeypatch: pytest.MonkeyPatch) -> None:
    read.clear()
    monkeypatch.setattr(jobs, "_pictures", jobs._PictureCache())
    monkeypatch.setattr(jobs, "PICTURES_BYTES", 3 * (PICTURE.nbytes + jobs.OBJECT_BYTES))


def image(name: str) -> Counted:
    return Counted(name, Path(name), name)


def test_a_picture_is_read_again_when_three_others_were_used_since() -> None:
    for name in "abcabcadcb":
        assert jobs.picture_of(image(name)) is PICTURE
    assert "".join(read) == "abcdb"
    assert jobs._pictures._bytes == 3 * (PICTURE.nbytes + jobs.OBJECT_BYTES)


def test_one_that_is_larger_than_the_room_is_kept_alone() -> None:
    large = Picture(np.zeros((100, 100, 3), np.uint8))
    jobs.picture_of(image("a"))
    jobs.keep_picture(image("large"), large)
    assert jobs.picture_of(image("large")).nbytes == large.nbytes
    assert list(jobs._pictures._kept) == [image("large")]
