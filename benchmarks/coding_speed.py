"""What coding with the learned codecs costs, beside CompressAI with the same weights in the same run.

`nox -s speed` runs this on a quiet machine. Exit status 1 says that a bound was missed. The models have CompressAI's
widths and random weights, with latents and scales spread as in trained ones: their times are those of real ones, their
pictures are not.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import skimage.data
import torch
from torch import Tensor, nn

from bench.harness.measure import require_quiet_machine
from bench.images.datasets import data_folder, missing
from bench.images.image_files import read_picture
from bench.images.picture import Picture
from bench.learned.coding.complexity import Complexity, complexity
from bench.learned.coding.loaded_model import LoadedModel
from bench.learned.models import ModelConfig, build
from bench.learned.weights.full import ModelCard, finish, load, save

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.learned.models import LearnedModel

CASES = {"hyper": (192, 192), "joint": (192, 192), "attn": (128, 128)}
"""Family to N and M: the joint model of CompressAI's qualities 1 to 4, its attn of 1 to 3."""

BOUNDS = (
    ("joint", "entropy decoding", 12.0, "aim 20"),
    ("joint", "decode", 4.5, "aim 10, with a faster synthesis"),
    ("joint", "encode", 2.5, ""),
    ("attn", "entropy decoding", 10.0, ""),
)
"""How many times faster than CompressAI at least."""

JOINT_OVER_HYPER_S = 0.4
"""Of a picture of Kodak's size; the aim is 0.2."""

BF16 = "synthesis, bf16"
REPEATS = 3


def open_picture(path: Path | None) -> Picture:
    """The picture asked for, else kodim01, else a photograph of the same size."""
    if path:
        return read_picture(path)
    if not missing("kodak"):
        return read_picture(data_folder() / "kodak" / "kodim01.png")
    pixels = np.pad(skimage.data.astronaut(), ((0, 0), (0, 256), (0, 0)), mode="symmetric")
    return Picture(np.ascontiguousarray(pixels))


@torch.no_grad()
def spread_model(family: str, picture: Picture) -> LearnedModel:
    """A model whose y has a standard deviation of 2 on the picture, and scales from .1 to 3, as at medium rates."""
    torch.manual_seed(1)
    model = build(ModelConfig(family, *CASES[family]))
    x = torch.tensor(picture.pixels).permute(2, 0, 1)[None].float() / 255
    *_, last = (layer for layer in model.g_a.modules() if getattr(layer, "stride", 0) == (2, 2))
    last.weight.mul_(2 / model.g_a(x).std())
    *_, told = (
        layer for layer in getattr(model, "entropy_parameters", model.h_s).modules() if isinstance(layer, nn.Conv2d)
    )
    told.bias[: model.config.M] += torch.logspace(-1, 0.5, model.config.M)
    return finish(model)


def seconds(work: Callable[[], object]) -> float:
    """The least wall time of some work, after a warm-up: what it takes when nothing else is in the way."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def our_times(loaded_model: LoadedModel, picture: Picture) -> dict[str, float]:
    """Seconds of the stages."""
    size = loaded_model.transforms.latent_size(picture.height, picture.width)
    y = loaded_model.transforms.analysis(picture)
    coded = loaded_model.coder.encode(y)
    y_hat = coded.latents.y_hat
    times = {
        "analysis": seconds(lambda: loaded_model.transforms.analysis(picture)),
        "entropy encoding": seconds(lambda: loaded_model.coder.encode(y)),
        "entropy decoding": seconds(lambda: loaded_model.coder.decode(coded.payload, size, coded.crc)),
        "synthesis": seconds(lambda: loaded_model.transforms.synthesis(y_hat, (picture.height, picture.width))),
    }
    encode, decode = times["analysis"] + times["entropy encoding"], times["entropy decoding"] + times["synthesis"]
    quick = LoadedModel.of(loaded_model.model, precision="bf16").transforms
    return times | {
        "encode": encode,
        "decode": decode,
        BF16: seconds(lambda: quick.synthesis(y_hat, (picture.height, picture.width))),
    }


@torch.inference_mode()
def their_times(model: Any, picture: Picture) -> dict[str, float]:  # noqa: ANN401 - CompressAI's
    """Seconds of CompressAI's stages: its compress and decompress, less its transforms."""
    x = torch.tensor(picture.pixels).permute(2, 0, 1)[None].float() / 255
    out = model.compress(x)
    seen: list[Tensor] = []
    hook = model.g_s.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.decompress(out["strings"], out["shape"])
    hook.remove()
    analysis, synthesis = seconds(lambda: model.g_a(x)), seconds(lambda: model.g_s(seen[0]))
    encode = seconds(lambda: model.compress(x))
    decode = seconds(lambda: model.decompress(out["strings"], out["shape"]))
    return {
        "analysis": analysis,
        "entropy encoding": encode - analysis,
        "entropy decoding": decode - synthesis,
        "synthesis": synthesis,
        "encode": encode,
        "decode": decode,
    }


def compressai_model(model: LearnedModel) -> nn.Module:
    """CompressAI's own class with the same weights and tables."""
    from compressai import models  # noqa: PLC0415

    names = {
        "hyper": "MeanScaleHyperprior",
        "joint": "JointAutoregressiveHierarchicalPriors",
        "attn": "Cheng2020Attention",
    }
    config = model.config
    theirs = getattr(models, names[config.family])(*((config.N,) if config.family == "attn" else (config.N, config.M)))
    theirs.load_state_dict(model.state_dict())
    return theirs.eval()  # type: ignore[no-any-return]


def peak_memory_mib(model: LearnedModel, picture: Path | None, who: str) -> float:
    """By how much the peak of memory rises when a fresh process that has loaded the model codes one picture."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        save(path, model, ModelCard(1, 0.01, "mse"))
        command = [sys.executable, __file__, "--worker", str(path), who]
        command += ["--picture", str(picture)] if picture else []
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def worker(path: str, who: str, picture: Picture) -> None:
    """Code one picture and print by how many MiB the peak of memory rose."""
    model = load(Path(path)).model
    before = peak_mib()
    if who == "ours":
        loaded_model = LoadedModel.of(model)
        coded = loaded_model.coder.encode(loaded_model.transforms.analysis(picture))
        size = loaded_model.transforms.latent_size(picture.height, picture.width)
        latents = loaded_model.coder.decode(coded.payload, size, coded.crc)
        loaded_model.transforms.synthesis(latents.y_hat, (picture.height, picture.width))
    else:
        theirs: Any = compressai_model(model)
        x = torch.tensor(picture.pixels).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            out = theirs.compress(x)
            theirs.decompress(out["strings"], out["shape"])
    click.echo(peak_mib() - before)


def peak_mib() -> float:
    """The most memory that this process has held (Linux). What getrusage says includes the parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(family: str, picture: Picture, path: Path | None) -> tuple[dict[str, float], dict[str, float], bool]:
    """Our times of a family and CompressAI's, shown; and whether our peak of memory is no higher."""
    model = spread_model(family, picture)
    theirs = their_times(compressai_model(model), picture)
    cost = complexity(model, picture.height, picture.width)
    ours = our_times(LoadedModel.of(model), picture)
    show(family, ours, theirs, cost)
    own_mib, their_mib = (peak_memory_mib(model, path, who) for who in ("ours", "theirs"))
    click.echo(f"  peak memory of coding {own_mib:.0f} MiB, CompressAI {their_mib:.0f} MiB")
    return ours, theirs, own_mib <= their_mib


def show(family: str, ours: dict[str, float], theirs: dict[str, float], cost: Complexity) -> None:
    """One table for a family."""
    N, M = CASES[family]  # noqa: N806 - the paper's names
    click.echo(
        f"{family}, N={N}, M={M}: {cost.parameters / 1e6:.2f} M parameters, "
        f"{cost.encoder_kmac_per_pixel:.0f} kMAC a pixel to encode, {cost.decoder_kmac_per_pixel:.0f} to decode"
    )
    for stage, other in theirs.items():
        click.echo(f"  {stage:17} {ours[stage]:7.3f} s, CompressAI {other:7.3f} s: {other / ours[stage]:5.1f} times")
    click.echo(f"  {BF16:17} {ours[BF16]:7.3f} s")
    # Both run the same transforms: however fast the entropy coder, decoding is at most this much faster.
    floor = theirs["decode"] / ours["synthesis"]
    click.echo(f"  decoding without any entropy coding would be {floor:.1f} times as fast as CompressAI's decoding")


def within_bounds(measured: dict[str, tuple[dict[str, float], dict[str, float], bool]]) -> bool:
    """Compare with all bounds, and show each."""
    met = [frugal for _, _, frugal in measured.values()]
    click.echo(f"peak memory no more than CompressAI's: {'yes' if all(met) else 'MISSED'}")
    for family, stage, bound, aim in BOUNDS:
        ours, theirs, _ = measured[family]
        met.append(theirs[stage] / ours[stage] >= bound)
        remark = f"bound {bound:g}{', ' if aim else ''}{aim}"
        verdict = "met" if met[-1] else "MISSED"
        click.echo(f"{family} {stage}: {theirs[stage] / ours[stage]:.1f} times faster ({remark}): {verdict}")
    ours = measured["joint"][0]
    quick = measured["joint"][1]["decode"] / (ours["entropy decoding"] + ours[BF16])
    click.echo(f"joint decode with bf16 synthesis: {quick:.1f} times faster (aim 10)")
    difference_s = ours["decode"] - measured["hyper"][0]["decode"]
    met.append(difference_s <= JOINT_OVER_HYPER_S)
    verdict = "met" if met[-1] else "MISSED"
    click.echo(
        f"joint decode less hyper decode: {difference_s:.3f} s (bound {JOINT_OVER_HYPER_S} s, aim 0.2): {verdict}"
    )
    return all(met)


@click.command()
@click.option("--force", is_flag=True, help="Measure although other work uses the machine.")
@click.option("--picture", "path", type=click.Path(path_type=Path), help="A picture.  [default: kodim01]")
@click.option("--worker", "worker_case", nargs=2, type=str, hidden=True)
def main(*, force: bool, path: Path | None, worker_case: tuple[str, str] | None) -> None:
    """Measure the learned codecs' coding."""
    warnings.filterwarnings("ignore")
    picture = open_picture(path)
    if worker_case:
        worker(*worker_case, picture)
        return
    if not force:
        require_quiet_machine()
    click.echo(
        f"{path.name if path else 'kodim01'}, {picture.width}x{picture.height}, {torch.get_num_threads()} threads"
    )
    measured = {family: measure(family, picture, path) for family in CASES}
    sys.exit(0 if within_bounds(measured) else 1)


if __name__ == "__main__":
    main()
