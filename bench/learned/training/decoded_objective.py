"""Training of decoders on decoded latents: encoder and entropy model are frozen, and run only once.

The latents are those of the entropy coder over whole pictures: round(y - mean) + mean with the context of a picture,
instead of round(y) in a model's forward pass (see `models.autoregressive`). A step then consists of rectifier and
synthesis only.

Crops begin at a latent, so that one version of a picture would give crops at every sixteenth pixel only, and no
mirrored ones: a decoder with a million parameters would overfit to them. Each picture is therefore coded in several
versions, mirrored, and shifted relative to the grid of latents.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor, nn

from bench.learned.coding.loaded_model import latent_codec
from bench.learned.models.config import LATENT_STRIDE
from bench.learned.models.parts import value_bytes
from bench.learned.training import losses
from bench.learned.training.crops import generator
from bench.learned.training.objective import Validation, middle_of
from bench.learned.training.phases import MARGIN
from bench.system.files import atomic_write
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from bench.learned.models import LearnedModel, Output, Quantization, Rectified
    from bench.learned.training.phases import Phase
    from bench.learned.training.training_pictures import Pictures

    View = Callable[[Pictures, int], Tensor]

_FORMAT = 1
"""Version of cached latents; those of another version are computed again."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a picture: optionally mirrored, and shifted by some pixels."""

    mirrored: bool = False
    down: int = 0
    right: int = 0

    def corner(self, height: int, width: int, side: int) -> tuple[int, int]:
        """First row and column of the version; no shift where less than `side` pixels would remain."""
        down, right = (self.down, height), (self.right, width)
        top, left = (at if _cut(size - at) >= side else 0 for at, size in (down, right))
        return top, left

    def of(self, picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
        """The version of a picture (H, W, 3), cropped to multiples of 64 pixels."""
        found = picture[:, ::-1] if self.mirrored else picture
        top, left = self.corner(found.shape[0], found.shape[1], side)
        height, width = _cut(found.shape[0] - top), _cut(found.shape[1] - left)
        return found[top : top + height, left : left + width]


def _cut(side: int) -> int:
    return side // WHOLE * WHOLE


WHOLE = 64
"""Pixels per hyper-latent."""

VERSIONS = (Version(), Version(True, 4, 8), Version(False, 8, 12), Version(True, 12, 4))
"""Versions of each training picture. A latent is 16 pixels wide, and the shifts differ modulo 16."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The latents of one picture before and after coding."""

    y_hat: Tensor
    """(M, h, w), float32"""
    error: Tensor
    """y - y_hat, as float16: at most .5, so that the rounding does not matter."""
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


class DecoderOf(nn.Module):
    """A model's decoder as a module: from latents to picture and rectified latents."""

    def __init__(self, model: Rectified) -> None:
        super().__init__()
        self.model = model

    def forward(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """See `Rectified.decode`."""
        return self.model.decode(latents)


class DecodedObjective:
    """Distortion and feature distance of a decoder on latents of pictures.

    The input of the rectifier is y_hat, or y with noise if the phase says so. Validation always uses the latents, rates
    and float32 arithmetic of real files.

    Args:
        model: its g_a and entropy model, with the CDFs of its weights file, give the latents.
        pictures: split into training and validation set here; each is at least as large as a crop.
        phase: its crops are in latents.
        seed: of crops.
        device: of the decoder.
        rank: see `PictureObjective`.
        cache: folder of the latents, which all trainings with the same encoder share.
    """

    def __init__(
        self,
        model: Rectified,
        pictures: Pictures,
        phase: Phase,
        *,
        seed: int,
        device: torch.device,
        cache: Path,
        rank: int = 0,
    ) -> None:
        self.phase, self.seed, self.rank, self._device = phase, seed, rank, device
        self._training_set, validation_set = pictures.split()
        self._latents = [self._coded(model.codec, version, cache) for version in VERSIONS]
        validated = decoded(model.codec, validation_set, middle_of, cache, "middle_of")
        self._validated_latents = [
            (middle_of(validation_set, index), latents) for index, latents in enumerate(validated)
        ]

    def network(self, model: Rectified) -> nn.Module:
        """The decoder."""
        return DecoderOf(model)

    def batch(self, step: int, share: float) -> LatentCrops:
        """Random crops of random versions, aligned with latents."""
        random, stage = generator(self.seed, step, self.rank), self.phase.crop(share)
        crops = []
        for _ in range(stage.batch):
            version, index = int(random.integers(len(VERSIONS))), int(random.integers(len(self._training_set)))
            latents = self._latents[version][index]
            corner = [int(random.integers(side - stage.size + 1)) for side in latents.y_hat.shape[1:]]
            pixels = VERSIONS[version].of(self._training_set[index], self.phase.side)
            crops.append(_crop(pixels, latents, corner, stage.size))
        stacked = (torch.stack(parts).to(self._device, non_blocking=True) for parts in zip(*crops, strict=True))
        return LatentCrops(*(parts.contiguous(memory_format=torch.channels_last) for parts in stacked))

    def _coded(self, codec: LearnedModel, version: Version, cache: Path) -> list[Decoded]:
        side = self.phase.side
        corners = [version.corner(entry.height, entry.width, side) for entry in self._training_set.entries]

        def view(pictures: Pictures, index: int) -> Tensor:
            return _tensor(version.of(pictures[index], side))[None]

        return decoded(codec, self._training_set, view, cache, f"mirrored {version.mirrored}, from {corners}")

    def loss(self, network: nn.Module, batch: LatentCrops, mode: Quantization) -> Tensor:
        """The phase's weighted terms; the distortion is that of the inner pixels of crops."""
        latents = batch.y_hat
        if mode == "noise":
            latents = batch.y + torch.rand_like(batch.y) - 0.5
        x_hat, rectified = network(latents)
        output: Output = {"x_hat": _inner(x_hat), "likelihoods": {}, "y": batch.y, "rectified": rectified}
        return losses.weighted(output, _inner(batch.x), self.phase.weights)

    @torch.no_grad()
    def validate(self, model: Rectified) -> Validation:
        """Loss, rate, PSNR and latent error on the validation set, decoded as from files."""
        rows = [self._validated(model, x, latents) for x, latents in self._validated_latents]
        return Validation(*(sum(column) / len(rows) for column in zip(*rows, strict=True)))

    def _validated(self, model: Rectified, x: Tensor, latents: Decoded) -> tuple[float, float, float, float]:
        x, y, y_hat = (part.to(self._device) for part in (x, latents.y[None], latents.y_hat[None]))
        with torch.autocast(self._device.type, enabled=False):
            x_hat, rectified = model.decode(y_hat.contiguous(memory_format=torch.channels_last))
        output: Output = {"x_hat": x_hat, "likelihoods": {}, "y": y, "rectified": rectified}
        loss = losses.weighted(output, x, self.phase.weights).item()
        ratio = float((rectified - y).norm() / (y_hat - y).norm())
        return loss, latents.bpp, losses.psnr_db(output, x), ratio


def _crop(pixels: NDArray[np.uint8], latents: Decoded, corner: Sequence[int], size: int) -> LatentCrops:
    """A crop of `size` x `size` latents from a corner, and its pixels."""
    rows, columns = (slice(begin, begin + size) for begin in corner)
    along, across = (slice(LATENT_STRIDE * begin, LATENT_STRIDE * (begin + size)) for begin in corner)
    y_hat, error = latents.y_hat[:, rows, columns], latents.error[:, rows, columns]
    return LatentCrops(_tensor(pixels[along, across]), y_hat + error.float(), y_hat)


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div_(255)


def _inner(x: Tensor) -> Tensor:
    margin = MARGIN * LATENT_STRIDE
    return x[..., margin:-margin, margin:-margin] if x.dim() else x


def decoded(codec: LearnedModel, pictures: Pictures, view: View, cache: Path, of: str) -> list[Decoded]:
    """Latents of a view of each picture, cached per encoder and entropy model; `of` identifies the view."""
    digest = hashlib.sha256(f"{_FORMAT} {of} {[entry.sha256 for entry in pictures.entries]}".encode())
    for name, value in codec.state_dict().items():
        if not name.startswith("g_s."):
            digest.update(value_bytes(value))
    path = cache / f"decoded-{digest.hexdigest()[:24]}.pt"
    if not path.is_file():
        coded = _coded(codec, pictures, view)
        with atomic_write(path) as file:
            torch.save([(entry.y_hat, entry.error, entry.bpp) for entry in coded], file)
    # Memory-mapped, because a step needs only a few crops.
    return [Decoded(*entry) for entry in torch.load(path, weights_only=True, mmap=True)]


@torch.inference_mode()
def _coded(codec: LearnedModel, pictures: Pictures, view: View) -> list[Decoded]:
    coder, coded = latent_codec(codec), []
    with progress("decoding latents", len(pictures), unit="pictures") as advance:
        for index in range(len(pictures)):
            x = view(pictures, index)
            y = cast("Tensor", codec.g_a(x.contiguous(memory_format=torch.channels_last)))
            file = coder.encode(y)
            y_hat = file.latents.y_hat[0].contiguous()
            coded.append(Decoded(y_hat, (y[0] - y_hat).half(), 8 * len(file.payload) / x[0, 0].numel()))
            advance(1, pictures.entries[index].name)
    return coded
