"""Comparison with CompressAI 1.2.8 and the same weights: same latents, same pictures, and files that are no larger.

The weights are those in the folder $BENCH_TEST_WEIGHTS, by default the package's compact weights. A family without
weights is compared with models that are fitted to a photograph.

CompressAI needs about 10 s to code a Kodak picture with a context model, one position after the other. For such models,
latents are read from the encoder's buffer, the decoder runs for one picture only, and eval_model, which also decodes,
for three. Everything else is compared on all 24 pictures.

Each latent is compared given the others: with equal hyper-latents z and, with a context model, equal contexts. A latent
that lies half-way between two integers, within float precision, is rounded depending on the order of a sum. With a
context model this happens in one picture of six; all later latents then have other means, without being worse. One
element of z affects the means of about a hundred latents around it.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch
from compressai.models import (
    Cheng2020Attention,
    FactorizedPrior,
    JointAutoregressiveHierarchicalPriors,
    MeanScaleHyperprior,
    ScaleHyperprior,
)
from compressai.utils.eval_model.__main__ import inference

from bench.codecs.registry import codec_class
from bench.images.image_files import read_picture
from bench.learned.coding.entropy_parameters import ContextNetwork
from bench.learned.coding.latent_codecs import PositionBuffer, in_order
from bench.learned.coding.wavefront import wavefront
from bench.learned.weights import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.learned.codecs import LearnedCodec
    from bench.learned.coding.latent_codecs import Latents
    from bench.learned.coding.loaded_model import LoadedModel
    from bench.learned.models import LearnedModel

THEIRS = {
    "factorized": FactorizedPrior,
    "scale": ScaleHyperprior,
    "hyper": MeanScaleHyperprior,
    "joint": JointAutoregressiveHierarchicalPriors,
    "attn": Cheng2020Attention,
}

NOTICEABLE = 0.01
"""Means and latents depend on each other. In that loop, a difference in a float's last bit grows to about 0.001."""

pytestmark = [pytest.mark.kodak, pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Theirs:
    """CompressAI's results for a picture."""

    num_bytes: int
    latents: torch.Tensor
    z_hat: torch.Tensor | None
    pixels: np.ndarray[Any, np.dtype[Any]]


@pytest.fixture(params=THEIRS)
def codec(request: pytest.FixtureRequest, weights: Path) -> LearnedCodec:
    """A family at the middle of its qualities."""
    cls = codec_class(family := request.param)
    trained = os.environ.get("BENCH_TEST_WEIGHTS", "compact")
    chosen = trained if catalogue.qualities(trained, family) else str(weights)
    there = catalogue.qualities(chosen, family)
    return cls(there[len(there) // 2], weights=chosen)  # type: ignore[return-value]


def compressai_model(model: LearnedModel) -> Any:  # noqa: ANN401 - CompressAI has no types
    """Return CompressAI's own class with a model's parameters and tables."""
    config = model.config
    theirs = THEIRS[config.family](*((config.N,) if config.family == "attn" else (config.N, config.M)))
    theirs.load_state_dict(model.state_dict())
    return theirs.eval()


@contextlib.contextmanager
def latents_written(model: Any) -> Iterator[list[torch.Tensor]]:  # noqa: ANN401
    """Record the latents in the buffer of a context model's encoder, for each picture that is coded in the block."""
    written: list[torch.Tensor] = []
    code = model._compress_ar

    def watched(y_hat: torch.Tensor, *rest: Any) -> bytes:  # noqa: ANN401
        string: bytes = code(y_hat, *rest)
        padding = rest[-1]
        written.append(y_hat[..., padding:-padding, padding:-padding])
        return string

    model._compress_ar = watched
    yield written
    del model._compress_ar


@torch.no_grad()
def decoded(model: Any, out: dict[str, Any]) -> torch.Tensor:  # noqa: ANN401
    """Return the latents that CompressAI's decoder passes to g_s."""
    seen: list[torch.Tensor] = []
    hook = model.g_s.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.decompress(out["strings"], out["shape"])
    hook.remove()
    return seen[-1]


@torch.no_grad()
def code(model: Any, x: torch.Tensor, *, decode: bool) -> Theirs:  # noqa: ANN401
    """Code a picture with CompressAI; a context model's latents are checked against its decoder's if `decode`."""
    if hasattr(model, "_compress_ar"):
        with latents_written(model) as written:
            out = model.compress(x)
        latents = written[-1]
        assert not decode or torch.equal(decoded(model, out), latents)
    else:
        out = model.compress(x)
        latents = decoded(model, out)
    z_hat = model.entropy_bottleneck.decompress(out["strings"][1], out["shape"]) if len(out["strings"]) > 1 else None
    pixels = model.g_s(latents)[0].permute(1, 2, 0).mul(255).round().clamp(0, 255)
    return Theirs(sum(len(parts[0]) for parts in out["strings"]), latents, z_hat, pixels.numpy().astype(int))


@torch.inference_mode()
def decided(loaded_model: LoadedModel, y: torch.Tensor, known: Theirs) -> tuple[torch.Tensor, torch.Tensor]:
    """Round y as our coder does, given z and contexts; return the latents, and the distance of each from a tie."""
    model, params = loaded_model.model, None if known.z_hat is None else loaded_model.model.h_s(known.z_hat)
    if hasattr(model, "context_prediction"):
        means = means_in_context(model, params, known.latents)
    elif params is not None and model.has_mean:
        means = params.chunk(2, dim=1)[1]
    else:
        means = torch.zeros_like(y) if known.z_hat is not None else model.entropy_bottleneck._get_medians()[None]
    symbols = (y - means).round()
    return symbols + means, ((y - means - symbols).abs() - 0.5).abs()


def means_in_context(model: LearnedModel, params: torch.Tensor | None, context: torch.Tensor) -> torch.Tensor:
    """Return the mean that the context network predicts for each latent, given all latents before it."""
    network, size, channels = ContextNetwork.of(model), (context.shape[2], context.shape[3]), context.shape[1]
    wave = wavefront(*size, model.config.kernel)
    known = torch.zeros(wave.num_rows, channels)
    known[wave.rows] = cast("torch.Tensor", in_order(context, wave.order))
    prepared = network.prepare(in_order(params, wave.order), len(wave.order))
    outputs = network(known[wave.context.flatten()].view(len(wave.order), -1), prepared)
    picture = PositionBuffer(size)
    picture.put(wave.order, outputs[:, channels:])
    return picture.values


@torch.inference_mode()
def z_from_tie(loaded_model: LoadedModel, y: torch.Tensor, ours: Latents, theirs: Theirs) -> torch.Tensor:
    """Return the distance from a tie of the elements of z in which the two differ."""
    if ours.z_hat is None:
        return torch.zeros(0)
    model: Any = loaded_model.model
    z = getattr(model, "hyper_analysis", model.h_a)(y) - model.entropy_bottleneck._get_medians()[None]
    return ((z - z.round()).abs() - 0.5).abs()[ours.z_hat != theirs.z_hat]


def samples(pixels: np.ndarray[Any, Any]) -> torch.Tensor:
    return torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255


def test_latents_pictures_and_sizes(codec: LearnedCodec, kodak: list[Path]) -> None:
    loaded_model = codec._loaded_model
    model = compressai_model(loaded_model.model)
    equal = total = 0
    differences_db = []
    for path in kodak:
        picture = read_picture(path)
        data = codec.encode(picture)
        y = loaded_model.transforms.analysis(picture)
        ours = loaded_model.coder.encode(y).latents
        theirs = code(model, samples(picture.pixels), decode=path == kodak[0])
        alone, from_tie = decided(loaded_model, y, theirs)
        alike = (alone - theirs.latents).abs() < 1e-3
        equal, total = equal + int(alike.sum()), total + alike.numel()
        other = (ours.y_hat - theirs.latents).abs() >= NOTICEABLE
        differing, z_ties = int(other.sum()), z_from_tie(loaded_model, y, ours, theirs)
        pixels = codec.decode(data).pixels.astype(int)
        differences_db.append(psnr_db(picture.pixels, pixels) - psnr_db(picture.pixels, theirs.pixels))
        largest = np.abs(pixels - theirs.pixels).max()
        print(  # noqa: T201 - shown with -s
            f"{codec.family}@{codec.quality:g} {path.stem}: {len(data)} bytes, theirs {theirs.num_bytes}; "
            f"{int((~alike).sum())} latents decided otherwise, {differing} and {len(z_ties)} of z differ; "
            f"{differences_db[-1]:+.5f} dB; at most {largest} grey levels"
        )
        assert len(data) <= 1.003 * theirs.num_bytes + 64, path.name
        if len(z_ties):
            assert z_ties.max() < NOTICEABLE, path.name
        elif differing:
            assert from_tie[other].min() < NOTICEABLE, path.name  # one of them caused the others
        else:
            assert abs(differences_db[-1]) <= 0.001, path.name
            assert largest <= 1, path.name
    assert equal / total >= 0.9999
    assert abs(np.mean(differences_db)) <= 0.001


def test_its_eval_model_measures_the_same(codec: LearnedCodec, kodak: list[Path]) -> None:
    model = compressai_model(codec._loaded_model.model)
    chosen = kodak[::8] if hasattr(model, "_compress_ar") else kodak
    ours, theirs = [], []
    for path in chosen:
        picture = read_picture(path)
        data = codec.encode(picture)
        pixels = codec.decode(data).pixels
        ours.append((8 * len(data) / (picture.width * picture.height), psnr_db(picture.pixels, pixels)))
        measured = inference(model, samples(picture.pixels)[0])
        theirs.append((measured["bpp"], measured["psnr-rgb"]))
    (our_bpp, our_db), (their_bpp, their_db) = (np.mean(rows, axis=0) for rows in (ours, theirs))
    print(f"{codec.family}: {our_bpp:.4f} bpp {our_db:.3f} dB, theirs {their_bpp:.4f} {their_db:.3f}")  # noqa: T201
    assert our_bpp == pytest.approx(their_bpp, rel=0.005)
    assert our_db == pytest.approx(their_db, abs=0.01)


def psnr_db(original: np.ndarray[Any, Any], pixels: np.ndarray[Any, Any]) -> float:
    return float(10 * np.log10(255**2 / np.mean((original.astype(float) - pixels) ** 2)))
