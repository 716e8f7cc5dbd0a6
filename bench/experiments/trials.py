"""Compare trained decoders, picture by picture, on the validation set of the training pictures.

The pictures are those that a user would get: coded, decoded, rectified, synthesised, and rounded to 8 bits. Evaluation
sets are not used, so the results may be used to select a variant.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from bench.analysis.experiments import MEANS, TRIAL
from bench.images.picture import Picture
from bench.learned.coding.loaded_model import LoadedModel
from bench.learned.families import YUV420
from bench.learned.models import Rectified
from bench.learned.training.objective import middle_of
from bench.learned.weights import catalogue, tensor_file
from bench.learned.weights.full import Weights, load
from bench.learned.weights.rectified import is_decoder, load_rectified, modifier_of
from bench.metrics.distortion import MS_SSIM, MSE
from bench.metrics.rate import bits_per_pixel
from bench.results.extras import Observations
from bench.system.errors import UsageError
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.learned.coding.transforms import PictureTransforms
    from bench.learned.training.training_pictures import Pictures
    from bench.learned.weights.rectified import RectifiedWeights


def variants_from_words(words: tuple[str, ...]) -> dict[str, Path]:
    """Parse variants given as NAME=FILE.

    Raises:
        UsageError: a word has another form, a name is not unique, or a file is not a weights file.
        MissingError: a file is missing.
    """
    variants: dict[str, Path] = {}
    for word in words:
        name, equals, file = word.partition("=")
        if not (name and equals and file) or name in variants:
            raise UsageError(f"'{word}' is not NAME=FILE with a unique name, such as l2=runs/joint+qr@3/weights…")
        variants[name] = Path(file)
    for path in variants.values():
        tensor_file.read_header(path)
    return variants


def compare(variants: Mapping[str, Path], pictures: Pictures, out: Path) -> pd.DataFrame:
    """Measure variants on the validation set, write one row per picture to `out`, and return the means.

    Rows of other variants in the file are kept. `rd_loss` is the training loss, rate + lambda * distortion. It allows
    comparing variants whose encoders, and therefore rates, differ.

    Raises:
        UsageError: a weights file is invalid, its base has changed, it codes planes, or `out` is another kind of file.
        MissingError: a file or its base is missing.
    """
    _, validation_set = pictures.split()
    file = observations(out)
    file.read()  # reject another kind of file before anything is measured
    rows = [row for name, path in variants.items() for row in _measured(name, path, validation_set)]
    table = file.replace(pd.DataFrame(rows))
    return table.groupby(list(TRIAL), sort=False)[list(MEANS)].mean().reset_index()


def observations(path: Path) -> Observations:
    """The file of this experiment."""
    return Observations(path, (*TRIAL, "weights_sha256", "image", *MEANS), TRIAL, "bench train trials")


def _measured(name: str, path: Path, validation_set: Pictures) -> Iterator[dict[str, Any]]:
    weights = load_rectified(path) if is_decoder(path) else load(path)
    if isinstance(weights, Weights) and weights.model.config.family in YUV420:
        raise UsageError(f"{path}: {weights.model.config.family} codes planes; compare these with `bench run`")
    loaded_model, card = LoadedModel.of(weights.model), weights.card
    shared = {
        "model": _model_name(weights),
        "quality": card.quality,
        "metric": card.metric,
        "variant": name,
        "weights_sha256": weights.sha256[:12],
        "seed": card.record.get("seed"),
        "steps": card.record.get("steps"),
        "seconds": card.record.get("seconds"),
        "encoder": _encoder(path),
    }
    with progress(name, len(validation_set), unit="pictures") as advance:
        for index, entry in enumerate(validation_set.entries):
            x = middle_of(validation_set, index)[0].permute(1, 2, 0).mul(255).round().byte().numpy()
            measured = _measured_picture(loaded_model, Picture(np.ascontiguousarray(x)))
            distortion = measured["mse"] if card.metric == "mse" else 1 - measured["ms_ssim"]
            loss = measured["rate_bpp"] + card.lmbda * distortion
            yield {**shared, "image": entry.name, **measured, "rd_loss": loss}
            advance(1, entry.name)


def _measured_picture(loaded_model: LoadedModel, picture: Picture) -> dict[str, float]:
    transforms = cast("PictureTransforms", loaded_model.transforms)
    y = transforms.analysis(picture)
    coded = loaded_model.coder.encode(y)
    y_hat = coded.latents.y_hat
    rectified = loaded_model.rectified(y_hat)
    decoded = transforms.synthesis(rectified, (picture.height, picture.width))
    mse, ms_ssim = cast("float", MSE.function(picture, decoded)), MS_SSIM.function(picture, decoded)
    before, after = (float((latents.double() - y.double()).norm()) for latents in (y_hat, rectified))
    return {
        "rate_bpp": bits_per_pixel(len(coded.payload), picture.width, picture.height),
        "mse": mse,
        "psnr_db": 10 * math.log10(255**2 / mse) if mse else math.inf,
        "ms_ssim": math.nan if ms_ssim is None else ms_ssim,  # the picture is too small for it
        "latent_error_quantized": before,
        "latent_error_rectified": after,
        "error_reduction_percent": 100 * (1 - after / before) if before else 0.0,
    }


def _encoder(path: Path) -> str:
    """The family that the encoder of a weights file was trained in, or "" if that is not recorded.

    After entropy-model fine-tuning, this is the family that the transforms were copied from.
    """
    header = tensor_file.read_header(catalogue.base(path) if is_decoder(path) else path)
    record, family = header["card"].get("record", {}), str(header["config"]["family"])
    trainable = record.get("phase", {}).get("trainable", ())
    if not trainable:
        return ""
    if "*" in trainable and "!g_a.*" not in trainable:
        return family
    return str((record.get("initial") or {}).get("family", ""))


def _model_name(weights: Weights | RectifiedWeights) -> str:
    model = weights.model
    if isinstance(model, Rectified):
        return f"{model.codec.config.family}+{modifier_of(model)}"
    return str(model.config.family)
