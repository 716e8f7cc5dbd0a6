"""Objectives on latents of a frozen encoder, which are computed once: for entropy models and for decoders.

Entropy-model fine-tuning: a crop of 32 x 32 latents corresponds to 512 x 512 pixels, but costs a fraction of a step on
pictures. Nearly all of its latents have a complete context. In a crop of 128 x 128 pixels, which has 8 x 8 latents,
most are at the border.

Training of decoders: the latents are those that are decoded for whole pictures: round(y - mean) + mean with the context
of a picture, instead of round(y) in a model's forward pass (see `models.autoregressive`). A step then consists only of
rectifier and synthesis. Crops begin at a latent, so one version of a picture gives crops at every sixteenth pixel only,
and no mirrored ones; a decoder with a million parameters would overfit to them. Each picture is therefore coded in
several versions, mirrored, and shifted relative to the grid of latents.

The terms of the losses are in `losses`, and their weights in the phases of `stp`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from bench.learned.coding.loaded_model import latent_codec
from bench.learned.models.config import LATENT_STRIDE
from bench.learned.models.parts import value_bytes
from bench.learned.training import losses
from bench.learned.training.objective import (
    CropObjective,
    PartOf,
    mean_of,
    middle_of,
    tensor_of,
)
from bench.learned.training.phases import MARGIN
from bench.system.files import atomic_write
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from bench.learned.models import LearnedModel, Output, Quantization, Rectified
    from bench.learned.training.objective import Validation
    from bench.learned.training.phases import Phase
    from bench.learned.training.training_pictures import Pictures

    View = Callable[[Pictures, int], Tensor]

_FORMAT = 1
"""Version of cached latents. Latents of other versions are computed again."""


class LatentObjective(CropObjective):
    """Rate of latents under an entropy model; validation is on whole pictures, as for other objectives.

    Args:
        model: its g_a computes the latents.
        pictures: see `CropObjective`.
        phase: crops are in latents; the loss is the rate, whatever its loss terms are.
        cache: folder of the latents, which are shared by all families with the same g_a.
        options: seed, device and rank; see `CropObjective`.
    """

    def __init__(self, model: LearnedModel, pictures: Pictures, phase: Phase, *, cache: Path, **options: Any) -> None:  # noqa: ANN401
        super().__init__(pictures, phase, **options)
        self._latents = _analysed(model, self._training_set, self.device, cache)

    def network(self, model: LearnedModel) -> nn.Module:
        """The entropy model: from latents (B, M, H, W) to the likelihoods of y and z."""
        return PartOf(model, lambda model, y, mode: model.entropy(y, mode)[1])

    def batch(self, step: int, share: float) -> Tensor:
        """Random crops of latents (batch, M, size, size)."""
        random, stage = self.random(step), self.phase.crop(share)
        crops = []
        for _ in range(stage.batch):
            latents = self._latents[random.integers(len(self._latents))]
            top, left = (random.integers(side - stage.size + 1) for side in latents.shape[1:])
            crops.append(latents[:, top : top + stage.size, left : left + stage.size])
        batch = torch.stack(crops).to(self.device, non_blocking=True).float()
        return batch.contiguous(memory_format=torch.channels_last)

    def loss(self, network: nn.Module, batch: Tensor, mode: Quantization) -> Tensor:
        """Bits per pixel."""
        likelihoods = network(batch, mode)
        pixels = LATENT_STRIDE**2 * batch.shape[0] * batch.shape[2] * batch.shape[3]
        return losses.bits(likelihoods) / pixels

    def validate(self, model: LearnedModel) -> Validation:
        """Rate and PSNR on the validation set; the loss is the rate."""
        return self._validation(model, {"rate": 1.0})


@torch.no_grad()
def _analysed(model: LearnedModel, pictures: Pictures, device: torch.device, cache: Path) -> list[Tensor]:
    """The latents (M, H/16, W/16) of each picture in float16, cached per g_a."""

    def compute() -> list[Tensor]:
        whole = (tensor_of(Version().of(pictures[index], side=0)) for index in range(len(pictures)))
        return [model.g_a.to(device)(x[None].to(device))[0].half().cpu() for x in whole]

    content = [entry.sha256 for entry in pictures.entries]
    kept: list[Tensor] = _cached(cache, "latents", content, model.g_a.state_dict(), compute)
    return kept


def _cached(
    cache: Path,
    kind: str,
    content: object,
    parameters: Mapping[str, Tensor],
    compute: Callable[[], Any],
    *,
    mmap: bool = False,
) -> Any:  # noqa: ANN401 - what `compute` returns
    """Load values that were computed from the same content and parameters before, or compute them."""
    digest = hashlib.sha256(f"{_FORMAT} {content}".encode())
    for value in parameters.values():
        digest.update(value_bytes(value))
    path = cache / f"{kind}-{digest.hexdigest()[:24]}.pt"
    if not path.is_file():
        computed = compute()
        with atomic_write(path) as file:
            torch.save(computed, file)
    return torch.load(path, weights_only=True, mmap=mmap)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a picture: optionally mirrored, and shifted by a few pixels."""

    mirrored: bool = False
    down: int = 0
    right: int = 0

    def corner(self, height: int, width: int, side: int) -> tuple[int, int]:
        """First row and column of the version; there is no shift where fewer than `side` pixels would remain."""
        down, right = (self.down, height), (self.right, width)
        top, left = (at if _cut(size - at) >= side else 0 for at, size in (down, right))
        return top, left

    def of(self, picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
        """The version of a picture (H, W, 3), cropped to multiples of 64 pixels."""
        picture = picture[:, ::-1] if self.mirrored else picture
        top, left = self.corner(picture.shape[0], picture.shape[1], side)
        height, width = _cut(picture.shape[0] - top), _cut(picture.shape[1] - left)
        return picture[top : top + height, left : left + width]


def _cut(side: int) -> int:
    """The largest multiple of 64 pixels, the stride of hyper-latents."""
    return side // 64 * 64


VERSIONS = (Version(), Version(True, 4, 8), Version(False, 8, 12), Version(True, 12, 4))
"""Versions of each training picture. A latent is 16 pixels wide, and the shifts differ modulo 16."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The latents of one picture before and after coding."""

    y_hat: Tensor
    """(M, h, w), float32."""
    error: Tensor
    """y - y_hat in float16. It is at most .5, so the rounding does not matter."""
    bpp: float
    """Rate of the payload, without the container."""

    @property
    def y(self) -> Tensor:
        """Output of g_a."""
        return self.y_hat + self.error.float()


class LatentCrops(NamedTuple):
    """A batch: pixels x (B, 3, 16 h, 16 w), and latents y and y_hat (B, M, h, w) at the same positions."""

    x: Tensor
    y: Tensor
    y_hat: Tensor


class DecodedObjective(CropObjective):
    """Distortion and feature distance of a decoder on decoded latents.

    The input of the rectifier is y_hat, or y with noise if the quantisation of the phase is "noise". Validation always
    uses the latents, rates and float32 arithmetic of real files.

    Args:
        model: its g_a and entropy model, with the CDFs of its weights file, compute the latents.
        pictures: see `CropObjective`.
        phase: crops are in latents.
        cache: folder of the latents, which are shared by all training runs with the same encoder.
        options: seed, device and rank; see `CropObjective`.
    """

    def __init__(self, model: Rectified, pictures: Pictures, phase: Phase, *, cache: Path, **options: Any) -> None:  # noqa: ANN401
        super().__init__(pictures, phase, **options)
        self._latents = [self._coded(model.codec, version, cache) for version in VERSIONS]
        self._validated_latents = decoded(model.codec, self._validation_set, middle_of, cache, "middle_of")

    def network(self, model: Rectified) -> nn.Module:
        """The decoder: from latents to pictures and rectified latents."""
        return PartOf(model, lambda model, latents: model.decode(latents))

    def batch(self, step: int, share: float) -> LatentCrops:
        """Random crops of random versions, aligned with the latents."""
        random, stage = self.random(step), self.phase.crop(share)
        crops = []
        for _ in range(stage.batch):
            version, index = int(random.integers(len(VERSIONS))), int(random.integers(len(self._training_set)))
            latents = self._latents[version][index]
            corner = [int(random.integers(side - stage.size + 1)) for side in latents.y_hat.shape[1:]]
            pixels = VERSIONS[version].of(self._training_set[index], self.phase.side)
            crops.append(_crop(pixels, latents, corner, stage.size))
        stacked = (torch.stack(parts).to(self.device, non_blocking=True) for parts in zip(*crops, strict=True))
        return LatentCrops(*(parts.contiguous(memory_format=torch.channels_last) for parts in stacked))

    def _coded(self, codec: LearnedModel, version: Version, cache: Path) -> list[Decoded]:
        side = self.phase.side
        corners = [version.corner(entry.height, entry.width, side) for entry in self._training_set.entries]

        def view(pictures: Pictures, index: int) -> Tensor:
            return tensor_of(version.of(pictures[index], side))[None]

        return decoded(codec, self._training_set, view, cache, f"mirrored {version.mirrored}, from {corners}")

    def loss(self, network: nn.Module, batch: LatentCrops, mode: Quantization) -> Tensor:
        """The phase's weighted terms; the distortion is computed on the inner pixels of crops."""
        latents = batch.y_hat
        if mode == "noise":
            latents = batch.y + torch.rand_like(batch.y) - 0.5
        x_hat, rectified = network(latents)
        output: Output = {"x_hat": _inner(x_hat), "likelihoods": {}, "y": batch.y, "rectified": rectified}
        return losses.weighted(output, _inner(batch.x), self.phase.weights)

    @torch.no_grad()
    def validate(self, model: Rectified) -> Validation:
        """Loss, rate, PSNR and latent error on the validation set, decoded as from files."""
        validated = zip(self._validated, self._validated_latents, strict=True)
        return mean_of([self._validated_picture(model, x, latents) for x, latents in validated])

    def _validated_picture(self, model: Rectified, x: Tensor, latents: Decoded) -> tuple[float, float, float, float]:
        x, y, y_hat = (part.to(self.device) for part in (x, latents.y[None], latents.y_hat[None]))
        with torch.autocast(self.device.type, enabled=False):
            x_hat, rectified = model.decode(y_hat.contiguous(memory_format=torch.channels_last))
        output: Output = {"x_hat": x_hat, "likelihoods": {}, "y": y, "rectified": rectified}
        loss = losses.weighted(output, x, self.phase.weights).item()
        ratio = float((rectified - y).norm() / (y_hat - y).norm())
        return loss, latents.bpp, losses.psnr_db(output, x), ratio


def _crop(pixels: NDArray[np.uint8], latents: Decoded, corner: Sequence[int], size: int) -> LatentCrops:
    """A crop of `size` x `size` latents with its pixels; `corner` is its first row and column in latents."""
    rows, columns = (slice(begin, begin + size) for begin in corner)
    along, across = (slice(LATENT_STRIDE * begin, LATENT_STRIDE * (begin + size)) for begin in corner)
    y_hat, error = latents.y_hat[:, rows, columns], latents.error[:, rows, columns]
    return LatentCrops(tensor_of(pixels[along, across]), y_hat + error.float(), y_hat)


def _inner(x: Tensor) -> Tensor:
    margin = MARGIN * LATENT_STRIDE
    return x[..., margin:-margin, margin:-margin] if x.dim() else x


def decoded(codec: LearnedModel, pictures: Pictures, view: View, cache: Path, of: str) -> list[Decoded]:
    """Decoded latents of a view of each picture, cached per encoder and entropy model; `of` identifies the view."""
    content = f"{of} {[entry.sha256 for entry in pictures.entries]}"
    encoder = {name: value for name, value in codec.state_dict().items() if not name.startswith("g_s.")}
    # Memory-mapped, because a step needs only a few crops.
    kept = _cached(cache, "decoded", content, encoder, lambda: _coded(codec, pictures, view), mmap=True)
    return [Decoded(*entry) for entry in kept]


@torch.inference_mode()
def _coded(codec: LearnedModel, pictures: Pictures, view: View) -> list[tuple[Tensor, Tensor, float]]:
    """The fields of `Decoded` of each picture."""
    coder, coded = latent_codec(codec), []
    with progress("decoding latents", len(pictures), unit="pictures") as advance:
        for index in range(len(pictures)):
            x = view(pictures, index)
            y = cast("Tensor", codec.g_a(x.contiguous(memory_format=torch.channels_last)))
            file = coder.encode(y)
            y_hat = file.latents.y_hat[0].contiguous()
            coded.append((y_hat, (y[0] - y_hat).half(), 8 * len(file.payload) / x[0, 0].numel()))
            advance(1, pictures.entries[index].name)
    return coded
