from __future__ import annotations

import hashlib
import io
import shutil
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from browsing import open_page
from PIL import Image
from synthetic import IMAGES, Synthetic, garden, orchard

from bench.analysis.ablation import COLUMNS as ABLATION
from bench.analysis.cca_ablation import COLUMNS as CCA_ABLATION
from bench.report import write_report
from bench.results import published
from bench.results.extras import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page


ANCHORS = ("alpha", "beta")
"""Anchors of the report on the full export."""


@pytest.fixture
def synthetic() -> Synthetic:
    return garden()


def _full() -> Synthetic:
    """Export with content for every section of the report."""
    export = garden()
    export.add_codec("gamma", "Gamma")
    export.add_codec("delta", "Delta")
    export.add_run("run2", "2026-02-01T10:00:00+00:00")
    export.add_curve("alpha", run_id="run2", backend_version="2.0", rate=0.95)
    export.add_curve("gamma", images=("dill",), run_id="run2")
    export.add_timings()
    export.add_timings(machine="mill", factor=3)
    failure = {"codec": "gamma", "quality": 10, "backend": "python", "dataset": "garden", "run_id": "run2"}
    for image in ("beetroot", "carrot"):
        export.tables["failures"].append({**failure, "image": image, "message": "it broke"})
    points = published.load().query("source == 'tfc'").assign(dataset="garden")
    export.tables["published"] = points.to_dict("records")
    return export


def _add_rectified(export: Synthetic) -> None:
    """Add Alpha with a rectifier: the same files, with 0.2 dB more PSNR."""
    export.add_codec("alpha+qr", "Alpha, rectified")
    export.add_curve("alpha+qr", run_id="run2", backend_version="2.0", rate=0.95)
    for row in export.tables["measurements"]:
        if row["codec"] == "alpha+qr":
            row["mse"] *= 10**-0.02
            row |= {"latent_error_quantized": 100.0, "latent_error_rectified": 80 + row["quality"] / 10}


def _add_extras(directory: Path) -> None:
    """Add weights, costs, experiments and pictures to the full export."""
    common = {"weights": "", "codec": "alpha", "quality": 10.0, "weights_sha256": ""}
    _write(directory / "weights.csv", [dict.fromkeys(WEIGHTS, 1.5) | common | {"metric": "mse", "device": "cpu"}])
    cost = {"parameters": 7.5e6, "encoder_kmac_per_pixel": 81.25, "decoder_kmac_per_pixel": 40.5}
    _write(directory / "complexity.csv", [common | cost | {"peak_memory_bytes": 300 * 2**20}])
    searched = {"model": "alpha", "quality": 10, "metric": "mse"}
    search = [searched | {"alpha": 10.0**-k, "psnr_db": 30 - (k - 2) ** 2 / 10, "chosen": k == 2} for k in (1, 2, 3)]
    _write(directory / "experiments" / "alpha_search.csv", search)
    trials = [{"variant": v, "image": "dill", "psnr_db": 30 + len(v) / 7} for v in ("l1", "smooth-l1")]
    _write(directory / "experiments" / "feature_distances.csv", [searched | trial for trial in trials])
    fits = [("joint", 0.41), ("hyper", 0.44), ("context", 0.46)]
    rows = [{**dict.fromkeys(ABLATION, 1), "variant": v, "image": i, "bpp_y": b} for v, b in fits for i in IMAGES]
    _write(directory / "experiments" / "ablation.csv", rows)
    _add_pictures(directory)


def _add_pictures(directory: Path) -> None:
    measured = pd.read_csv(directory / "measurements.csv", dtype={"backend_version": str})
    chosen = measured[(measured["image"] == "dill") & measured["codec"].isin(["alpha", "beta"])]
    chosen = chosen[(chosen["quality"] == 50) & (chosen["run_id"] != "run1") | (chosen["codec"] == "beta")]
    rows = []
    for shade, key in enumerate(["", *chosen[chosen["quality"] == 50]["key"]]):
        content = io.BytesIO()
        Image.new("RGB", (400, 300), (40 * shade, 90, 200)).save(content, "webp", lossless=True)
        digest = hashlib.sha256(content.getvalue()).hexdigest()
        (directory / "pictures").mkdir(exist_ok=True)
        (directory / "pictures" / f"{digest}.webp").write_bytes(content.getvalue())
        row = {"dataset": "garden", "image": "dill", "key": key, "target_bpp": 0.5 if key else None}
        rows.append(row | {"sha256": digest, "num_bytes": len(content.getvalue())})
    _write(directory / "pictures.csv", rows)


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    pd.DataFrame(rows).to_csv(path, index=False)


@pytest.fixture
def full() -> Synthetic:
    return _full()


@pytest.fixture
def brief() -> Synthetic:
    """Full export with one metric, for tests that write their own report but do not need every figure."""
    export = _full()
    for row in export.tables["measurements"]:
        del row["mse_y"], row["ms_ssim"]
    return export


@pytest.fixture
def pictured_export(tmp_path: Path) -> Path:
    """The folder of a small export with pictures."""
    directory = garden().write(tmp_path / "pictured")
    _add_pictures(directory)
    return directory


@pytest.fixture(scope="session")
def full_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an export with all content that a report can show, for tests that do not change it."""
    export = _full()
    _add_rectified(export)
    directory = export.write(tmp_path_factory.mktemp("export"))
    _add_extras(directory)
    return directory


@pytest.fixture(scope="session")
def full_report(full_export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the report on the full export."""
    return write_report(full_export, tmp_path_factory.mktemp("report"), anchors=ANCHORS).parent.resolve()


@pytest.fixture(scope="session")
def planes_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an export of planes with the experiments on cca; webp overlaps with jpeg at one point."""
    export = orchard()
    export.add_codec("webp", "Webp")
    fine = {"codec": "webp", "curve": "webp", "weights": ""}
    for row in [row for row in export.tables["measurements"] if row["codec"] == "jpeg"]:
        better = {name: row[name] * 0.085 for name in ("mse_y", "mse_u", "mse_v")}
        export.tables["measurements"].append(row | fine | {"key": row["key"] + "webp"} | better)
    directory = export.write(tmp_path_factory.mktemp("planes-export"))
    parts = [("igu", "no", 1.0), ("igu+acem", "yes", 0.98), ("bgu", "no", 1.01), ("none", "no", 1.04)]
    rows = [
        dict.fromkeys(CCA_ABLATION, 1)
        | {"variant": variant, "guide": variant.split("+")[0], "attention": "yes", "acem": acem, "image": image}
        | {"dataset": "garden", "bpp": 0.5, "loss": loss + place / 50 + (loss - 1) * place / 9, "parameters": 2e6}
        for variant, acem, loss in parts
        for place, image in enumerate(IMAGES)
    ]
    _write(directory / "experiments" / "cca_ablation.csv", rows)
    tried = [("joint@1", "two threads", 3), ("joint@2", "two threads", 2), ("joint-int@1", "two threads", 0)]
    files = [{"codec": codec, "decoded": way, "pictures": 24, "failed": failed} for codec, way, failed in tried]
    files.append({"codec": "joint-int@1", "decoded": "plain NumPy", "pictures": 24, "failed": 0})
    _write(directory / "experiments" / "portability.csv", files)
    return directory


@pytest.fixture(scope="session")
def planes_report(planes_export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the report on the export of planes."""
    return write_report(planes_export, tmp_path_factory.mktemp("planes-report")).parent.resolve()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on PATH; apt install chromium")
    with playwright.sync_playwright() as p:
        opened = p.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(full_report: Path) -> Path:
    return full_report / "index.html"


@pytest.fixture(scope="module")
def pages(report: Path, planes_report: Path) -> list[Path]:
    return [*sorted(report.parent.glob("*.html")), planes_report / "cca.html"]


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Page]:
    """The first page in its initial state."""
    opened, console, requests = open_page(browser, report, viewport={"width": 1280, "height": 900})
    yield opened
    assert console == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    opened.context.close()
