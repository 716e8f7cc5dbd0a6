from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest

from bench.system.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path


def test_a_disk_that_takes_no_more_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    """The largest size of a file stands for a full disk: the system says of neither which file it was."""
    path = tmp_path / "points.csv"
    path.write_bytes(b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match=r"too large|No space") as caught, atomic_write(path) as file:
            file.write(bytes(8192))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
