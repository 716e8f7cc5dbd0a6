"""A synthetic export: analytic RD curves of two made-up codecs on four pictures, and ways to spoil it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.results.fields import FILES
from bench.results.frames import Export
from bench.system.csv_files import write_csv

if TYPE_CHECKING:
    from pathlib import Path

QUALITIES = (10.0, 30.0, 50.0, 70.0, 90.0)
IMAGES = ("aubergine", "beetroot", "carrot", "dill")


@dataclass
class Synthetic:
    """Tables of an export, to be changed by a test and then written or read."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add_run(self, run_id: str, started: str) -> None:
        provenance = json.dumps({"commit": "0123abcd", "dirty": False, "python": "3.11.2", "cpu": "CPU <i>fast</i>"})
        row = {"run_id": run_id, "started": started, "command": "bench run", "machine": "box", "provenance": provenance}
        self.tables["runs"].append(row)

    def add_dataset(self, dataset: str, images: tuple[str, ...] = IMAGES, *, note: str = "") -> None:
        self.tables["datasets"].append({"dataset": dataset, "title": dataset.title(), "note": note})
        self.tables["images"] += [
            {"dataset": dataset, "image": image, "image_sha256": _hash(image)} for image in images
        ]

    def add_codec(self, codec: str, title: str) -> None:
        row = {"codec": codec, "title": title, "quality_meaning": "1 to 100", "default_backend": "python"}
        self.tables["codecs"].append(row)

    def add_curve(
        self,
        codec: str,
        *,
        rate: float = 1.0,
        run_id: str = "run1",
        images: tuple[str, ...] = IMAGES,
        **changes: str,
    ) -> str:
        """Measure `codec` at all qualities on pictures of the first data set, with `rate` times the usual bytes."""
        common = {"codec": codec, "settings": "{}", "backend": "python", "backend_version": "1.0", "revision": "1"}
        common |= {"weights": "", "weights_sha256": "", **changes}
        # Weights differ from quality to quality; those of one name make one curve.
        curve = _hash(json.dumps({**common, "weights_sha256": ""}))[:16]
        for image in images:
            for quality in QUALITIES:
                key = _hash(f"{curve}{common['weights_sha256']}{quality}{image}")
                row = {"key": key, "curve": curve, **common, "run_id": run_id}
                self.tables["measurements"].append(row | _measured(image, quality, rate))
        return curve

    def add_timings(
        self, *, machine: str = "box", threads: int = 1, factor: float = 1.0, images: int = 4, run_id: str | None = None
    ) -> None:
        """Three samples of each stage of every measurement, by the run that measured it or another one."""
        for row in self.tables["measurements"]:
            for repeat in range(3 if row["image"] in IMAGES[:images] else 0):
                for stage, seconds in (("encode", 0.02), ("decode", 0.01)):
                    sample = {
                        "key": row["key"],
                        "run_id": run_id or row["run_id"],
                        "machine": machine,
                        "threads": threads,
                    }
                    sample |= {"device": "cpu", "stage": stage, "repeat": repeat}
                    self.tables["timings"].append(sample | {"seconds": seconds * factor * (1 + repeat / 10)})

    def write(self, directory: Path) -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        for name, rows in self.tables.items():
            columns = [*FILES[name], *(("mse", "mse_y", "ms_ssim") if name == "measurements" else ())]
            whole = [dict.fromkeys(FILES[name], "") | row for row in rows]
            write_csv(pd.DataFrame(whole, columns=None if rows else columns), directory / f"{name}.csv")
        return directory

    def read(self, directory: Path) -> Export:
        return Export.read(self.write(directory))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _measured(image: str, quality: float, rate: float) -> dict[str, Any]:
    """A picture whose PSNR rises by 6 dB with each doubling of the rate, more or less, by picture."""
    detail = 1 + IMAGES.index(image) / 4
    bpp = rate * detail * 0.1 * 2 ** (quality / 25)
    psnr = 24 + 6 * np.log2(1 + 10 * bpp / rate / detail**2)
    mse = 255**2 / 10 ** (psnr / 10)
    row = {"quality": quality, "dataset": "garden", "image": image, "image_sha256": _hash(image)}
    row |= {"width": 400, "height": 300, "num_bytes": round(bpp * 400 * 300 / 8), "bitstream_sha256": _hash(image)}
    return row | {"mse": mse, "mse_y": 0.8 * mse, "ms_ssim": 1 - mse / 1500}


def garden() -> Synthetic:
    """Two codecs, the second with a fifth less rate than the first, on all pictures of one data set."""
    names = ("measurements", "images", "datasets", "codecs", "metrics", "timings", "runs", "failures", "published")
    export = Synthetic({name: [] for name in names})
    export.add_run("run1", "2026-01-01T10:00:00+00:00")
    export.add_dataset("garden")
    export.add_codec("alpha", "Alpha")
    export.add_codec("beta", "Beta")
    for metric, higher in (("mse", 0), ("mse_y", 0), ("ms_ssim", 1)):
        export.tables["metrics"].append({"metric": metric, "title": metric, "higher_is_better": higher})
    export.add_curve("alpha")
    export.add_curve("beta", rate=0.8)
    return export


def orchard() -> Synthetic:
    """Planes of four pictures: cca, the same in fixed point, a learned codec without attention, and a conventional one.

    joint-yuv takes a quarter more rate than cca and jpeg twice as much; in fixed point it is 1 %.
    """
    export = garden()
    export.tables["measurements"] = []
    export.tables["metrics"] = [
        {"metric": metric, "title": metric, "higher_is_better": higher}
        for metric, higher in (("mse_y", 0), ("mse_u", 0), ("mse_v", 0), ("ms_ssim_y", 1))
    ]
    rates = {"cca": 1.0, "cca-int": 1.01, "joint-yuv": 1.25, "joint": 1.5, "jpeg": 2.0}
    for codec, rate in rates.items():
        export.add_codec(codec, codec.capitalize())
        export.add_curve(codec, rate=rate, weights="" if codec == "jpeg" else "compact")
    export.tables["measurements"] = [_of_planes(row) for row in export.tables["measurements"]]
    export.add_timings()
    return export


def _of_planes(row: dict[str, Any]) -> dict[str, Any]:
    mse, similarity = row.pop("mse"), row.pop("ms_ssim")
    row |= {"mse_y": mse, "mse_u": mse / 2, "mse_v": mse / 3, "ms_ssim_y": similarity}
    # What needs RGB makes a round trip, which leaves the same whatever the codec.
    left = {f"round_trip_mse_{plane}": value for plane, value in zip("yuv", (0.01, 0.02, 0.04), strict=True)}
    return row | left if row["codec"] == "joint" else row
