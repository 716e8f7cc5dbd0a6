"""Trained decoders beside each other, picture by picture, on the pictures that trainings hold out.

What is compared is what a user would get: latents that the coder wrote, decoded, rectified, synthesised, rounded to 8
bits. No evaluation set is looked at, so that variants may be chosen by it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from bench.images.picture import Picture
from bench.learned.coding.loaded_model import LoadedModel
from bench.learned.families import YUV420
from bench.learned.models import Rectified
from bench.learned.training.objective import middle_of
from bench.learned.weights import catalogue
from bench.learned.weights.full import Weights, load
from bench.learned.weights.rectified import is_decoder, load_rectified, modifier_of
from bench.metrics.distortion import MS_SSIM, MSE
from bench.system.csv_files import unguarded_frame, write_csv
from bench.system.errors import UsageError
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.learned.coding.synthesis import PictureTransforms
    from bench.learned.training.training_pictures import Pictures
    from bench.learned.weights.rectified import RectifiedWeights

_VARIANT = ["model", "quality", "metric", "variant"]
_TEXT = ("model", "metric", "variant", "weights_sha256", "encoder", "image")
_MEANS = ["rate_bpp", "psnr_db", "ms_ssim", "rd_loss", "error_reduction_percent"]


def variants_from_words(words: tuple[str, ...]) -> dict[str, Path]:
    """Names and weights files from NAME=FILE.

    Raises:
        UsageError: a word has another form, a name comes twice, or a file is not one of weights.
        MissingError: a file is missing.
    """
    found: dict[str, Path] = {}
    for word in words:
        name, equals, file = word.partition("=")
        if not (name and equals and file) or name in found:
            raise UsageError(f"'{word}' is not NAME=FILE with a name of its own, such as l2=runs/joint+qr@3/weights…")
        found[name] = Path(file)
    for path in found.values():
        catalogue.header(path)
    return found


def compare(variants: Mapping[str, Path], pictures: Pictures, out: Path) -> pd.DataFrame:
    """Measure each variant on the held-out pictures and write a row a picture to `out`; the variants' means.

    Rows of other variants in the file stay. `rd_loss` is what a codec is trained for, rate + lambda * distortion: it
    compares variants whose encoders differ, and so their rates.

    Raises:
        UsageError: a file is not a weights file, its base is another, it codes planes, or `out` is another file.
        MissingError: a file or its base is missing.
    """
    _, held = pictures.split()
    kept = earlier_rows(out)
    rows = [row for name, path in variants.items() for row in _measured(name, path, held)]
    table = pd.DataFrame(rows)
    if kept is not None:
        again = kept[_VARIANT].apply(tuple, axis=1).isin(table[_VARIANT].apply(tuple, axis=1))
        table = pd.concat([kept[~again], table], ignore_index=True)
    write_csv(table, out)
    return table.groupby(_VARIANT, sort=False)[_MEANS].mean().reset_index()


def earlier_rows(path: Path) -> pd.DataFrame | None:
    """The rows of an earlier call, if there are any.

    Raises:
        UsageError: the file is none of `bench train trials`.
    """
    if not path.is_file():
        return None
    try:
        rows = unguarded_frame(pd.read_csv(path, dtype=dict.fromkeys(_TEXT, str), float_precision="round_trip"))
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"--out {path}: not a file of `bench train trials` ({reason})") from error
    rows = rows if "encoder" in rows else rows.assign(encoder="")  # files of before have none
    if missing := [name for name in (*_TEXT, *_VARIANT, *_MEANS) if name not in rows]:
        raise UsageError(f"--out {path}: not a file of `bench train trials`, it has no column '{missing[0]}'")
    return rows


def _measured(name: str, path: Path, held: Pictures) -> Iterator[dict[str, Any]]:
    weights = load_rectified(path) if is_decoder(path) else load(path)
    if isinstance(weights, Weights) and weights.model.config.family in YUV420:
        raise UsageError(f"{path}: {weights.model.config.family} codes planes; `bench run` compares what codes those")
    system, card = LoadedModel.of(weights.model), weights.card
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
    with progress(name, len(held), unit="pictures") as advance:
        for index, entry in enumerate(held.entries):
            x = middle_of(held, index)[0].permute(1, 2, 0).mul(255).round().byte().numpy()
            measured = _task(system, Picture(np.ascontiguousarray(x)))
            distortion = measured["mse"] if card.metric == "mse" else 1 - measured["ms_ssim"]
            loss = measured["rate_bpp"] + card.lmbda * distortion
            yield {**shared, "image": entry.name, **measured, "rd_loss": loss}
            advance(1, entry.name)


def _task(system: LoadedModel, picture: Picture) -> dict[str, float]:
    transforms = cast("PictureTransforms", system.transforms)
    y = transforms.analysis(picture)
    coded = system.coder.encode(y)
    y_hat = coded.latents.y_hat
    rectified = system.rectified(y_hat)
    decoded = transforms.synthesis(rectified, picture.height, picture.width)
    mse, ms_ssim = cast("float", MSE.function(picture, decoded)), MS_SSIM.function(picture, decoded)
    before, after = (float((latents.double() - y.double()).norm()) for latents in (y_hat, rectified))
    return {
        "rate_bpp": 8 * len(coded.payload) / (picture.width * picture.height),
        "mse": mse,
        "psnr_db": 10 * math.log10(255**2 / mse) if mse else math.inf,
        "ms_ssim": math.nan if ms_ssim is None else ms_ssim,  # the picture is too small for it
        "latent_error_quantized": before,
        "latent_error_rectified": after,
        "error_reduction_percent": 100 * (1 - after / before) if before else 0.0,
    }


def _encoder(path: Path) -> str:
    """The family that the encoder of a weights file was trained in: its own, or that of which a fit took it over.

    "" where the file does not say. Encoders of two families have made latents for two entropy models.
    """
    header = catalogue.header(catalogue.base(path) if is_decoder(path) else path)
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
