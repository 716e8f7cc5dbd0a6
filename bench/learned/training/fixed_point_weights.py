"""`bench quantize`: create the weights of a fixed-point codec from trained weights and photographs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from bench.images.datasets import evaluation_files
from bench.learned.coding.fixed_point.calibration import GRID, Seen, calibrated
from bench.learned.coding.fixed_point.fixed_point_latent_codecs import outputs_of
from bench.learned.coding.fixed_point.weights import save
from bench.learned.coding.loaded_model import latent_codec
from bench.learned.families import FAMILIES, FIXED_POINT, YUV420
from bench.learned.training import training_pictures
from bench.learned.training.plane_objective import converted
from bench.learned.training.training_pictures import Crops, generator
from bench.learned.weights import catalogue, tensor_file
from bench.learned.weights.foreign import load_named
from bench.system.errors import UsageError
from bench.system.progress import progress
from bench.system.provenance import git_state, package_versions

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from bench.learned.models import LearnedModel

CROP_PIXELS = 256


@dataclass(frozen=True, slots=True)
class Request:
    """Options of `bench quantize`."""

    family: str
    quality: int
    weights: str
    """compact, the name of a zoo, a file or a folder."""
    data: Path | None
    """Folder of photographs; None: that of the training pictures."""
    crops: int
    seed: int
    out: Path | None
    """Folder of the result; None: that of the base."""
    force: bool = False
    """Whether to replace an existing file."""

    @property
    def base(self) -> Path:
        """The weights file to quantise.

        Raises:
            MissingError: it is missing.
        """
        return catalogue.find(self.weights, self.family, self.quality)

    @property
    def target(self) -> Path:
        """The file to write.

        Raises:
            MissingError: the weights to quantise are missing.
            UsageError: they are CompressAI's and `out` is not given, or the file to write exists.
        """
        if self.weights in catalogue.ZOOS and self.out is None:
            raise UsageError("published weights have no folder for new files; add --out DIR")
        path = (self.out or self.base.parent) / f"{self.family}{FIXED_POINT}-{self.quality}.safetensors"
        if path.exists() and not self.force:
            raise UsageError(f"{path} exists: --force replaces it, --out DIR writes elsewhere")
        return path

    def require_inputs(self) -> None:
        """Check that all inputs exist and that the file may be written.

        Raises:
            MissingError: weights or photographs are missing.
            UsageError: the family has no fixed-point codec, the weights file is invalid, or see `target`.
        """
        convertible = [name for name, family in FAMILIES.items() if family.fixed_point_id is not None]
        if self.family not in convertible:
            raise UsageError(f"{self.family} cannot be converted to fixed point; use {', '.join(convertible)}")
        if self.weights not in catalogue.ZOOS:
            tensor_file.read_header(self.base)
        _ = self.target
        training_pictures.find(self.data or training_pictures.default_folder())

    def apart(self) -> list[Path]:
        """The files that the result needs in its folder but that are missing there: its base, and the base's bases."""
        if self.weights in catalogue.ZOOS or self.out is None:
            return []
        needed = (self.base, *catalogue.bases(self.base))
        return [path for path in needed if not (self.out / path.name).is_file()]


def quantize(request: Request) -> Path:
    """Calibrate an integer network and write it; returns the file.

    Raises:
        MissingError: weights or photographs are missing.
        UsageError: the family has no context model or hyperprior, or see `Request.target`.
    """
    path, target = request.base, request.target
    base = load_named(request.weights, path, request.family, request.quality)
    training_set, side = _photographs(request)
    crops = Crops(training_set, size=side, batch=request.crops, device=torch.device("cpu"))
    seen = _coded_latents(base.model, crops(generator(request.seed, 0)))
    network = calibrated(base.model, seen, outputs_of(base.model, GRID))
    record = {
        "crops": request.crops,
        "crop_pixels": CROP_PIXELS,
        "seed": request.seed,
        "pictures": {"count": len(training_set), "sha256": training_set.fingerprint},
        "packages": package_versions(),
        **git_state(),
    }
    card = dataclasses.replace(base.card, quality=request.quality, record={"calibration": record})
    weights = request.weights if request.weights in catalogue.ZOOS else "file"
    origin = {"family": request.family, "weights": weights, "file": path.name, "sha256": base.sha256}
    save(target, network, base.model, card, origin)
    return target


@torch.inference_mode()
def _coded_latents(model: LearnedModel, x: Tensor) -> Seen:
    """The latents of RGB or packed photographs as coded in files of the float model."""
    coder = latent_codec(model)
    coded = []
    with progress("coding photographs", len(x), unit="crops") as advance:
        for number, photograph in enumerate(x):
            coded.append(coder.encode(model.g_a(photograph[None])).latents)
            advance(1, f"{number + 1}")
    z = torch.cat([latents.z_hat for latents in coded if latents.z_hat is not None])
    return Seen(z.double().contiguous(), torch.cat([latents.y_hat for latents in coded]).double().contiguous())


def _photographs(request: Request) -> tuple[training_pictures.Pictures, int]:
    """The training set in the format of the family's input, and the side of a crop."""
    folder, cache = request.data or training_pictures.default_folder(), training_pictures.default_cache()
    pictures = training_pictures.load(folder, cache, refuse=evaluation_files(folder)).at_least(CROP_PIXELS)
    side = CROP_PIXELS
    if request.family in YUV420:
        pictures, side = converted(pictures, cache), CROP_PIXELS // 2
    training_set, _ = pictures.split()
    return training_set, side
