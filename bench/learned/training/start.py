"""Initial models of training runs, and the weights files written at the end."""

from __future__ import annotations

import dataclasses
import shutil
from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import nn

from bench.learned.lambdas import lambda_of
from bench.learned.models import Gained, ModelConfig, Rectified, Rectifier, build, share
from bench.learned.models.rectifier import COMPACT_WIDTH
from bench.learned.models.widening import can_widen, widened
from bench.learned.training import training_record
from bench.learned.weights import catalogue, delta, packing
from bench.learned.weights.foreign import load_any
from bench.learned.weights.full import load, save
from bench.learned.weights.rectified import is_decoder, load_rectified, save_rectified
from bench.system.errors import UsageError
from bench.system.files import atomic_write, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.learned.models import LearnedModel, Trainable
    from bench.learned.training.objective import Validation
    from bench.learned.training.phases import Target
    from bench.learned.training.training_job import TrainingJob
    from bench.learned.training.training_record import Record
    from bench.learned.weights.full import ModelCard, Weights


def begin(job: TrainingJob, initial: Record | None) -> tuple[Trainable, Record | None]:
    """Create the model of a job, with sub-networks copied from the initial weights.

    Args:
        job: the settings of the training run.
        initial: record of the initial weights if the run is resumed. The caller then loads the checkpoint.

    Returns:
        The model, and the record of the initial weights, if any.

    Raises:
        UsageError: the initial weights do not fit.
        MissingError: they are missing.
    """
    torch.manual_seed(job.seed)
    if job.phase.qualities:
        _require_gains(job)
    if job.target.modifier is None:
        model = build(job.config)
        weights = None if job.init is None else load_any(job.init)
        record = None if weights is None else _share(job, weights, model)
        return _gained(job, weights, model) if job.phase.qualities else model, record
    if initial is None:
        return _modified(job)
    width = initial["width"]
    _require_width(job, width)
    frozen = job.phase.source == "decoded"
    codec = load(_base(job)).model if frozen else build(ModelConfig(**initial["config"]))
    rectifier = nn.Identity() if width is None else Rectifier(codec.config.M, width)
    return Rectified(codec, rectifier, job.phase.gradient_routing), initial


def base_of(job: TrainingJob) -> Rectified:
    """The base of a decoder with its original synthesis, in evaluation mode: the reference for the decoder's gain."""
    return Rectified(load(_base(job)).model, nn.Identity()).eval()


def write(job: TrainingJob, model: Trainable, card: ModelCard) -> None:
    """Write a job's weights. If the codec of a decoder was trained as well, its base is written.

    Raises:
        BenchError: a parameter is not finite in float16, or the training of a decoder changed its encoder.
        OSError: a file cannot be written.
    """
    path = job.out / catalogue.TRAINED
    assert not isinstance(model, Gained)  # noqa: S101 - `write_all`
    if not isinstance(model, Rectified):
        save(path, _rounded(job, model, model), card)
        return
    model = Rectified(_rounded(job, model, model.codec), model.rectifier)
    base = _base(job)
    if job.phase.source != "decoded":
        # The codec was trained as well. It becomes a new base, with its own CDFs.
        save(base, model.codec, card)
        model = Rectified(load(base).model, model.rectifier)
    save_rectified(path, model, card, base)


def write_all(job: TrainingJob, model: Gained, card: ModelCard, validated: Mapping[int, Validation]) -> None:
    """Write the plain model of each quality as FAMILY-QUALITY.safetensors, and the target's also as the job's weights.

    The target's file has full weights. The others have delta weights, computed from the target's rounded parameters.

    Args:
        job: the settings of the training run.
        model: the averaged model.
        card: of the target; the other cards differ in quality, lambda and validation.
        validated: validation results of the plain models, by quality.

    Raises:
        BenchError, OSError: see `write`.
    """
    first = job.phase.qualities.index(job.target.quality)
    base = _base(job)
    save(base, _rounded(job, model, model.plain(first)), _card_of(card, job.target, validated))
    _copy(base, job.out / catalogue.TRAINED)
    rounded = load(base).model
    for index, quality in enumerate(job.phase.qualities):
        if index != first:
            target = dataclasses.replace(job.target, quality=quality)
            path = _base(dataclasses.replace(job, target=target))
            save(path, model.beside(rounded, first, index), _card_of(card, target, validated))
            delta.write(path, *delta.read(path), base)


def _rounded(job: TrainingJob, trained: Trainable, codec: LearnedModel) -> LearnedModel:
    """The codec of a trained model, with its trained convolutions rounded to the job's number of bits."""
    if job.weight_bits is None:
        return codec
    codec = deepcopy(codec)
    names = {name.removeprefix("codec.") for name in job.phase.learns(trained)}
    packing.round_weights(codec, names, job.weight_bits)
    return codec


def _card_of(card: ModelCard, target: Target, validated: Mapping[int, Validation]) -> ModelCard:
    """The card of one of several qualities."""
    record = {**card.record, "validation": dataclasses.asdict(validated[target.quality])}
    return dataclasses.replace(card, quality=target.quality, lmbda=target.lmbda, record=record)


def _require_gains(job: TrainingJob) -> None:
    """Check that a target can be trained for several qualities together."""
    names = ",".join(map(str, job.phase.qualities))
    if job.target.modifier is not None:
        raise UsageError(f"{job.target.name}: decoders are trained for a single quality, not for {names}")
    if job.phase.source != "pictures":
        raise UsageError(f"{job.target.name}: {job.phase.source} are for a single quality, not for {names}")
    if job.target.quality not in job.phase.qualities:
        raise UsageError(f"{job.target.name}: its quality must be one of the trained ones, {names}")


def _gained(job: TrainingJob, weights: Weights | None, model: LearnedModel) -> Gained:
    """Add gains for the qualities of the job's phase to a model.

    The gains of y are taken from the initial weights and from the files of the other qualities in the same folder,
    where these come from the same training run.
    """
    target, qualities = job.target, job.phase.qualities
    lambdas = [lambda_of(quality, target.metric) for quality in qualities]
    if job.init is None or weights is None:
        return Gained(model, lambdas, target.lmbda)
    reference = weights.card.lmbda or target.lmbda  # checkpoints of other code do not state their lambda
    gained = Gained(model, lambdas, reference)
    # A widened model takes the gains of the trained one.
    trained = Gained(weights.model, lambdas, reference) if can_widen(weights.model, model) else gained
    for index, quality in enumerate(qualities):
        path = job.init.with_name(f"{weights.model.config.family}-{quality}.safetensors")
        if path.is_file():
            trained.take_transforms(index, weights.model if path == job.init else load(path).model)
    gained.gain.data, gained.inverse.data = trained.gain.data, trained.inverse.data
    return gained


def _share(job: TrainingJob, weights: Weights, model: LearnedModel) -> Record:
    """Copy the sub-networks that the initial weights and a model have in common (see `share`); returns their record.

    Raises:
        UsageError: there are none.
    """
    source = weights.model
    if can_widen(source, model):
        source = widened(source, model.config.N)
    taken = share(source, model, job.take)
    if not taken:
        family = weights.model.config.family
        raise UsageError(f"--init {job.init}: a {family} model of other widths has no sub-networks in common")
    record: Record = {"sha256": weights.sha256, "family": weights.model.config.family, "taken": list(taken)}
    if source is not weights.model:
        record["widened_from"] = weights.model.config.N
    if (steps := training_record.steps_behind(weights.card.record)) is not None:
        record["steps_behind"] = steps
    return record


def _modified(job: TrainingJob) -> tuple[Rectified, Record]:
    """The decoder to train, from the initial weights, with a new rectifier if these have none; and its record."""
    target = job.target
    weights = "compact" if target.metric == "mse" else f"compact-{target.metric}"
    path = job.init or catalogue.find(weights, target.family, target.quality)
    codec, rectifier, base = _opened(path)
    if codec.config.family != target.family:
        raise UsageError(f"--init {path}: weights of {codec.config.family}; {target.name} starts from {target.family}")
    if target.modifier == "ft" and isinstance(rectifier, Rectifier):
        raise UsageError(f"--init {path}: it has a rectifier; {target.name} starts from {base.name}")
    if target.modifier == "qr" and not isinstance(rectifier, Rectifier):
        rectifier = Rectifier(codec.config.M, job.width or COMPACT_WIDTH)
    width = rectifier.width if isinstance(rectifier, Rectifier) else None
    _require_width(job, width)
    if job.phase.source == "decoded":
        _copy(base, kept := _base(job))
        for further in catalogue.bases(base):
            _copy(further, job.out / further.name)
    else:
        source, codec = codec, build(codec.config)
        share(source, codec)
        kept = base
    initial = {
        "sha256": sha256_of(path),
        "family": target.family,
        "config": dataclasses.asdict(codec.config),
        "width": width,
        "base": {"file": kept.name, "sha256": sha256_of(base)},
    }
    return Rectified(codec, rectifier, job.phase.gradient_routing), initial


def _require_width(job: TrainingJob, width: int | None) -> None:
    """Check that an existing rectifier has the requested width."""
    if None not in {job.width, width} and job.width != width:
        raise UsageError(f"--width {job.width}: the existing rectifier has {width} channels; omit --width")


def _base(job: TrainingJob) -> Path:
    """Path of the base in a job's folder."""
    return job.out / f"{job.target.base.replace('@', '-')}.safetensors"


def _opened(path: Path) -> tuple[LearnedModel, nn.Module, Path]:
    """Codec, rectifier and base of a weights file; full weights are their own base."""
    if not is_decoder(path):
        return load(path).model, nn.Identity(), path
    decoder = load_rectified(path)
    return decoder.model.codec, decoder.model.rectifier, decoder.base


def _copy(source: Path, target: Path) -> None:
    if not (target.is_file() and target.samefile(source)):
        with source.open("rb") as file, atomic_write(target) as copy:
            shutil.copyfileobj(file, copy)
