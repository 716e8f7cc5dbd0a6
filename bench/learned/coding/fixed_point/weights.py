"""Weights files of fixed-point codecs: integer tensors and a reference to their base.

Transforms, hyper-analysis and CDFs are those of the base, identified by its SHA-256: a weights file of bench in the
same folder, or a published checkpoint of CompressAI. A file stores the weights of its layers as differences from those
that `prediction` computes from the base. Most are 0, so that they take a tenth of the size. Older files store the
weights themselves.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

import torch

from bench.learned.coding.fixed_point import integer_mixture
from bench.learned.coding.fixed_point.network import MAX_SHIFT, MULTIPLIER_BITS, Evaluator, Layer, Network, Rescaling
from bench.learned.coding.fixed_point.prediction import predicted_weights
from bench.learned.coding.latent_codecs import HYPER_STRIDE
from bench.learned.families import FIXED_POINT
from bench.learned.models.mixture import COMPONENTS, MixtureModel
from bench.learned.weights import catalogue, tensor_file
from bench.learned.weights.foreign import load_named
from bench.learned.weights.full import ModelCard, Weights
from bench.system.errors import UsageError, reason_of
from bench.system.files import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from bench.learned.models import LearnedModel

_PLAIN = ("medians", "output_grids")
_LOOKUPS = ("scale_bounds", *integer_mixture.LOOKUPS)
_WEIGHT, _RESIDUAL = ".weight", ".residual"
_RESCALING = tuple(field.name for field in dataclasses.fields(Rescaling))


@dataclasses.dataclass(frozen=True, slots=True)
class FixedPointWeights:
    """A weights file and its base, loaded."""

    network: Network
    base: Weights
    card: ModelCard
    sha256: str
    """Fingerprint: SHA-256 of the file."""


def save(path: Path, network: Network, model: LearnedModel, card: ModelCard, base: dict[str, str]) -> str:
    """Write an integer network; return the file's SHA-256.

    Args:
        path: file to write. If the base is a file, it must be in the same folder when this one is loaded.
        network: calibrated network.
        model: base, as loaded.
        card: model card of the base, with the calibration.
        base: "family", "weights" (a zoo's name, or "file"), "file" (a name) and "sha256" of the base.

    Raises:
        OSError: the file cannot be written; an earlier file is untouched.
    """
    header = {
        "config": {"family": base["family"] + FIXED_POINT},
        "card": dataclasses.asdict(card),
        "base": base,
        "fixed_point": shape(network),
    }
    tensor_file.write(path, header, _stored(network, model))
    return sha256_of(path)


def shape(network: Network) -> dict[str, Any]:
    """Return the entry "fixed_point" of a file's header."""
    return {
        "grid": network.grid,
        "hyper_layers": len(network.hyper),
        "entropy_layers": len(network.entropy),
        "spread": [layer.spread for layer in _layers(network)],
    }


def tensors(network: Network) -> dict[str, Tensor]:
    """Return all tensors of a network by name: int8 for the weights of layers, int32 for all others."""
    found = {name: getattr(network, name) for name in _PLAIN} | dict(network.lookups)
    rescalings = {"z_entry": network.z_entry, "y_entry": network.y_entry}
    for name, layer in _named(network).items():
        found |= {name + _WEIGHT: layer.weight, f"{name}.bias": layer.bias}
        rescalings[name] = layer.rescaling
    for name, rescaling in rescalings.items():
        found |= {f"{name}.{field}": getattr(rescaling, field) for field in _RESCALING}
    return {name: tensor.contiguous().clone() for name, tensor in found.items()}


def _stored(network: Network, model: LearnedModel) -> dict[str, Tensor]:
    """Return a network's tensors as in a file: instead of weights, differences from the prediction modulo 256."""
    found, named = tensors(network), _named(network)
    rescalings = [layer.rescaling for layer in named.values()]
    predicted = predicted_weights(model, network.z_entry, network.y_entry, rescalings)
    for name, nearest in zip(named, predicted, strict=True):
        found[name + _RESIDUAL] = found.pop(name + _WEIGHT) - nearest
    return found


def load_fixed_point(path: Path, family: str | None = None) -> FixedPointWeights:
    """Load a file written by `save`, and its base.

    Raises:
        MissingError: the file or its base is missing.
        UsageError: the file is invalid or damaged, has another version or family, or its base has changed.
    """
    header, found = tensor_file.read(path)
    try:
        if odd := [name for name, value in found.items() if value.dtype not in {torch.int8, torch.int32}]:
            raise UsageError(f"{path}: not the weights of a fixed-point codec ({odd[0]} is not of integer type)")
        named, base = str(header["config"]["family"]), dict(header["base"])
        card, described = ModelCard(**header["card"]), dict(header["fixed_point"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: not the weights of a fixed-point codec ({error})") from error
    if family not in (None, named):
        raise UsageError(f"{path}: weights of '{named}', not '{family}'")
    try:
        whole = load_named(base["weights"], catalogue.base(path), base["family"], card.quality)
        network = _network(found, described, whole.model)
        Evaluator(network)
        if "normal" in network.lookups:
            integer_mixture.IntegerMixture(network.outputs)
        _require_fit(network, whole.model)
    except (KeyError, IndexError, ValueError, RuntimeError, TypeError) as error:
        raise UsageError(f"{path}: its tensors are not a valid integer network ({reason_of(error)})") from error
    return FixedPointWeights(network, whole, card, sha256_of(path))


def _network(found: dict[str, Tensor], described: dict[str, Any], model: LearnedModel) -> Network:
    hyper, entropy = int(described["hyper_layers"]), int(described["entropy_layers"])
    if not 0 < hyper + entropy <= len(found) or entropy < 1:
        raise ValueError("its number of layers is invalid")
    names = _names(hyper, entropy)
    z_entry, y_entry = _rescaling(found, "z_entry"), _rescaling(found, "y_entry")
    rescalings = [_rescaling(found, name) for name in names]
    if all(name + _WEIGHT in found for name in names):
        weights = [_int8(found, name + _WEIGHT) for name in names]
    else:
        predicted = predicted_weights(model, z_entry, y_entry, rescalings)
        residuals = [_int8(found, name + _RESIDUAL) for name in names]
        if any(nearest.shape != residual.shape for nearest, residual in zip(predicted, residuals, strict=True)):
            raise ValueError("its weights do not match the base")
        weights = [nearest + residual for nearest, residual in zip(predicted, residuals, strict=True)]
    layers = [
        Layer(weight, found[f"{name}.bias"], rescaling, spread)
        for name, weight, rescaling, spread in zip(names, weights, rescalings, described["spread"], strict=True)
    ]
    return Network(
        grid=int(described["grid"]),
        z_entry=z_entry,
        y_entry=y_entry,
        hyper=tuple(layers[:hyper]),
        context=layers[hyper],
        entropy=tuple(layers[hyper + 1 :]),
        lookups={name: found[name] for name in _LOOKUPS if name in found},
        **{name: found[name] for name in _PLAIN},
    )


def _require_fit(network: Network, model: LearnedModel) -> None:
    """Check that the layers match each other, and a model's z, y and parameters of y."""
    config, taps, layers = model.config, (model.config.kernel**2 - 1) // 2, _layers(network)
    inputs, scale = config.N, 1
    for layer in network.hyper:
        _require(layer.weight.dim() == 4 and layer.weight.shape[1] == inputs, "hyper-synthesis")
        _require(layer.spread >= 1 and len(layer.weight) % layer.spread**2 == 0, "hyper-synthesis")
        inputs, scale = len(layer.weight) // layer.spread**2, scale * layer.spread
    _require(scale == HYPER_STRIDE and inputs == len(network.context.weight), "hyper-synthesis")
    _require(network.context.weight.shape[1:] == (taps, config.M), "context model")
    for layer in network.entropy:
        _require(layer.weight.shape[1:] == (inputs, 1, 1), "entropy parameters")
        inputs = len(layer.weight)
    wanted = (3 * COMPONENTS if isinstance(model, MixtureModel) else 2) * config.M
    _require(inputs == wanted and network.output_grids.shape == (wanted,), "entropy parameters")
    _require(network.medians.shape == (config.N,), "medians")
    vectors = [(network.z_entry, config.N), (network.y_entry, config.M)]
    vectors += [(layer.rescaling, len(layer.weight)) for layer in layers]
    for rescaling, count in vectors:
        fields = (getattr(rescaling, name) for name in _RESCALING)
        _require(all(field.shape == (count,) for field in fields), "rescaling")
    _require(all(layer.bias.shape == layer.weight.shape[:1] for layer in layers), "bias")
    grids = torch.cat((network.output_grids, torch.tensor([network.grid])))
    _require(bool((grids > 0).all() and (grids & (grids - 1) == 0).all()), "grids")
    _require_lookups(network, model)


def _require_lookups(network: Network, model: LearnedModel) -> None:
    if isinstance(model, MixtureModel):
        names, bounds = set(integer_mixture.LOOKUPS), network.lookups.get("spreads")
    else:
        names, bounds = {"scale_bounds"}, network.lookups.get("scale_bounds")
        count = len(cast("torch.Tensor", model.gaussian_conditional.scale_table)) - 1
        _require(bounds is not None and bounds.shape == (count,), "tables")
    _require(network.lookups.keys() == names, "tables")
    _require(bounds is not None and bounds.dim() == 1 and bool((bounds.diff() >= 0).all()), "tables")


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(f"its {what} does not match the base")


def _int8(found: dict[str, Tensor], name: str) -> Tensor:
    if found[name].dtype != torch.int8:
        raise ValueError(f"{name} is {found[name].dtype}")
    return found[name]


def _rescaling(found: dict[str, Tensor], name: str) -> Rescaling:
    rescaling = Rescaling(**{field: found[f"{name}.{field}"] for field in _RESCALING})
    inside = (rescaling.shift >= 1) & (rescaling.shift <= MAX_SHIFT) & (rescaling.leak <= rescaling.multiplier)
    inside &= (rescaling.leak >= 0) & (rescaling.multiplier < 1 << MULTIPLIER_BITS) & (rescaling.low <= rescaling.high)
    if not bool(inside.all()):
        raise ValueError(f"{name} is out of bounds")
    return rescaling


def _names(hyper: int, entropy: int) -> list[str]:
    return [*(f"hyper.{n}" for n in range(hyper)), "context", *(f"entropy.{n}" for n in range(entropy))]


def _named(network: Network) -> dict[str, Layer]:
    return dict(zip(_names(len(network.hyper), len(network.entropy)), _layers(network), strict=True))


def _layers(network: Network) -> tuple[Layer, ...]:
    return (*network.hyper, network.context, *network.entropy)
