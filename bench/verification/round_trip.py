"""Check that files encoded here decode to the same picture in another process with another number of threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.codecs import adapter
from bench.codecs.codec import CodecSpec
from bench.codecs.registry import codec_class, label_of, resolve_codecs
from bench.harness.fresh_process import FreshProcess
from bench.harness.recipe import Recipe
from bench.images.datasets import open_dataset
from bench.images.picture import Picture
from bench.system.errors import FROM_USERS, CodecError, MissingError, one_line
from bench.system.progress import progress
from bench.verification.check import CheckRequest, CheckResult, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from bench.codecs.codec import Codec
    from bench.images.picture import AnyPicture
    from bench.images.set_images import ImageFile

DATASET = "builtin"
"""Default image set."""


def verify_round_trips(request: CheckRequest) -> CheckResult:
    """Decode every file here and in a fresh process, and compare the pictures.

    A codec that fails or ends its process affects only one picture.

    Raises:
        BenchError: a name or option is wrong, or no codec can run.
    """
    dataset = open_dataset(request.dataset or DATASET, data=request.data, clip=request.clip)
    images = dataset.select(request.images)
    other_threads = 1 if request.threads > 1 else 2
    recipes, left_out = _recipes(request)
    rows: list[Row] = []
    failures: list[str] = []
    title = f"threads: {request.threads} here, {other_threads} in the process that decodes"
    with (
        FreshProcess(other_threads) as process,
        progress("verifying", len(recipes) * len(images), unit="files") as advance,
    ):
        for recipe in recipes:
            wrong = _check(recipe, images, process, advance)
            failures += wrong
            verdict = f"{len(wrong)} of {len(images)} failed" if wrong else "the same pictures"
            rows.append((label_of(recipe.name), f"{recipe.quality:g}", str(len(images)), verdict))
    return CheckResult(title, ("codec", "quality", "pictures", "verdict"), tuple(rows), tuple(failures), left_out)


def _recipes(request: CheckRequest) -> tuple[list[Recipe], tuple[str, ...]]:
    """Find the codecs that can be checked, in the requested order, and the reasons why others cannot."""
    backend, options = request.backend, {"weights": request.weights} if request.weights else {}
    recipes: dict[Recipe, None] = {}
    left_out: dict[str, None] = {}
    texts = request.codecs or ("*",)
    chosen = [given for given in map(CodecSpec.parse, texts) if given.qualities]
    for spec in resolve_codecs(texts, options, backend=backend):
        if (reason := codec_class(spec.name).missing(backend, **spec.options)) is not None:
            left_out[f"{label_of(spec.name)}: {reason}"] = None
            continue
        is_chosen = any(given.matches(spec.name) for given in chosen)
        points = spec.qualities
        for quality in points if is_chosen else (points[0], points[len(points) // 2], points[-1]):
            recipes[Recipe(spec.name, quality, backend, tuple(spec.options.items()))] = None
    if not recipes:
        raise MissingError("; ".join(left_out))
    return list(recipes), tuple(left_out)


def _check(
    recipe: Recipe, images: Sequence[ImageFile], process: FreshProcess, advance: Callable[[int, str], None]
) -> list[str]:
    """Check one codec at one quality; return a line for each picture that was not reproduced."""
    encoder, decoder = recipe.open(), recipe.open()
    wrong = []
    for image in images:
        name = f"{label_of(recipe.name)}@{recipe.quality:g} on {image.name}"
        if (reason := _difference(recipe, (encoder, decoder), image, process)) is not None:
            wrong.append(f"{name}: {reason}")
        advance(1, name)
    return wrong


def _difference(recipe: Recipe, codecs: tuple[Codec, Codec], image: ImageFile, process: FreshProcess) -> str | None:
    """Describe the difference between the pictures decoded here and there, or the error; None if they are the same."""
    encoder, decoder = codecs
    try:
        data = adapter.encode(encoder, adapter.given(encoder, image.read()))
        here = adapter.decode(decoder, data, image.kind)
    except FROM_USERS as error:
        return one_line(error)
    try:
        there = process.decode(recipe, data, image.kind)
    except CodecError as error:
        return str(error)
    return _compare(here, there)


def _compare(here: AnyPicture, there: AnyPicture) -> str | None:
    if (here.width, here.height) != (there.width, there.height):
        return f"{here.width}x{here.height} here, {there.width}x{there.height} in the other process"
    for (name, a), (_, b) in zip(_samples(here), _samples(there), strict=True):
        levels = np.abs(a.astype(int) - b).reshape(*a.shape[:2], -1).max(axis=2)
        if levels.any():
            return f"{np.count_nonzero(levels)} of {levels.size} {name} differ, by up to {levels.max()} levels"
    return None


def _samples(picture: AnyPicture) -> list[tuple[str, NDArray[np.uint8]]]:
    if isinstance(picture, Picture):
        return [("pixels", picture.pixels)]
    return [(f"samples of {name}", plane) for name, plane in zip("YUV", picture.planes, strict=True)]
