"""Script of `bench.report.assets.costs`: code one picture and print the peak memory in bytes."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import numpy as np

from bench.harness.recipe import recipe_of
from bench.images.picture import Picture


def main(wanted: str, height: str, width: str) -> None:
    """Encode and decode a textured picture of `height` by `width` pixels, and print the peak memory in bytes.

    `wanted` is the argument of `bench.harness.recipe.recipe_of` as JSON.
    """
    rows, columns = np.mgrid[: int(height), : int(width)]
    noise = np.random.default_rng(1).integers(0, 32, (int(height), int(width), 3))
    ramp = np.stack([rows // 3, columns // 4, (rows + columns) // 6], axis=-1) % 224
    codec = recipe_of(json.loads(wanted)).open()
    codec.decode(codec.encode(Picture((ramp + noise).astype(np.uint8))))
    # For this process, getrusage includes memory of its parent; for child processes, it is the only source.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    own_kib = int(status.split("VmHWM:")[1].split()[0])
    children_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    sys.stdout.write(f"{max(own_kib, children_kib) * 1024}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
