"""Analysis and synthesis transforms for inference: pictures to latents and back."""

from __future__ import annotations

import abc
import contextlib
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from bench.codecs.probe import stage
from bench.images.picture import Picture
from bench.learned.coding.row_tiles import RowTiled
from bench.learned.coding.subpixel import SubpixelConv2d
from bench.learned.coding.tiles import WHOLE, Grid
from bench.learned.families import FAMILIES
from bench.learned.models.cca.enhancement import CHROMA, LUMA, choose
from bench.learned.models.config import LATENT_STRIDE
from bench.learned.models.planes import CHANNELS, LUMA_PLANES, pack, unpack
from bench.system.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from bench.images.picture import AnyPicture, Yuv420
    from bench.learned.coding.tiles import Tile
    from bench.learned.models import LearnedModel

Precision = Literal["fp32", "bf16"]
"""Precision of the synthesis. bf16 is faster on processors that support it; some pixels differ by one or two levels."""


class Transforms(abc.ABC):
    """Analysis and synthesis of one model on one device. They keep no state between pictures."""

    stride: ClassVar[int]
    """Input samples between neighbouring latents."""

    def __init__(self, model: LearnedModel, device: str = "cpu", precision: Precision = "fp32") -> None:
        self._device = torch.device(device)
        self._precision = precision
        # oneDNN and cuDNN are fastest with channels-last tensors.
        self._g_a = model.g_a.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        g_s = SubpixelConv2d.throughout(cast("nn.Sequential", model.g_s))
        self._g_s = g_s.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._multiple = int(model.downsampling_factor)
        self._width = model.config.N
        self._reach = FAMILIES[model.config.family].reach

    @abc.abstractmethod
    def _samples(self, picture: Any) -> Tensor:  # noqa: ANN401 - of the kind that the model takes
        """Return the 8-bit samples (H, W, C) of a picture, the input of the analysis."""

    @torch.inference_mode()
    def analysis(self, picture: AnyPicture, side: int = WHOLE) -> Tensor:
        """Compute the latents y (1, M, h, w) of a picture, which is padded by repeating its edges.

        Args:
            picture: a picture of any size.
            side: side of the tiles in pixels, of luma for planes; see `tiles`.

        Returns:
            y on the CPU.
        """
        grid, samples = self._grid(picture.height, picture.width, side), self._samples(picture)
        y: list[Tensor] = []

        def compute(tile: Tile) -> None:
            down, across = tile.seen_at(self.stride)
            seen = samples[down, across].contiguous().to(self._device)
            x = seen.permute(2, 0, 1)[None].float().div_(255)  # channels-last, as the samples are
            below, right = down.stop - down.start - x.shape[2], across.stop - across.start - x.shape[3]
            part: Tensor = self._g_a(F.pad(x, (0, right, 0, below), mode="replicate"))
            if not y:
                size = (1, part.shape[1], *grid.size)
                y.append(torch.empty(size, dtype=part.dtype, memory_format=torch.channels_last))
            y[0][..., *tile.kept] = part[..., *tile.inner(1)].cpu()

        with self._exactly():
            grid.compute(compute)
        return y[0]

    def require_memory(self, height: int, width: int, side: int = WHOLE) -> None:
        """Check that this machine has the memory for the synthesis of a picture, before it is decoded.

        A header may state any size that the format allows, with a valid payload of a hundred bytes.

        Raises:
            DecodeError: the picture is too large.
        """
        import psutil  # noqa: PLC0415

        # Lower bound: inputs of the last two layers, with N channels at half the height and width.
        rows, columns = (self._padded(length) for length in (height, width))
        tile = rows * columns if side == WHOLE else min(side, rows) * min(side, columns)
        needed = 2 * self._width * tile + 3 * height * width
        if self._device.type == "cpu" and needed > (there := psutil.virtual_memory().total):
            raise DecodeError(
                f"a picture of {width}x{height}: its synthesis needs {needed / 2**30:.1f} GiB of memory or more, "
                f"and this machine has {there / 2**30:.1f} GiB"
            )

    def latent_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of a picture's latents."""
        return self._padded(height) // LATENT_STRIDE, self._padded(width) // LATENT_STRIDE

    def _padded(self, length: int) -> int:
        return -(-length // self._multiple) * self._multiple

    @contextlib.contextmanager
    def _exactly(self) -> Iterator[None]:
        """Make results the same in every process: for any number of threads on a CPU, in full precision on a GPU."""
        with RowTiled(), torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            yield

    def _grid(self, height: int, width: int, side: int) -> Grid:
        return Grid(self.latent_size(height, width), side, self._reach)

    def _decoded(self, y_hat: Tensor, tile: Tile) -> Tensor:
        """Return the output of the synthesis for the seen part of the latents, in float32."""
        seen = y_hat[..., *tile.seen].to(self._device, memory_format=torch.channels_last)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bf16"):
            x_hat: Tensor = self._g_s(seen)
        return x_hat.float()


class PictureTransforms(Transforms):
    """Transforms of RGB pictures."""

    stride = LATENT_STRIDE

    def _samples(self, picture: Picture) -> Tensor:
        return torch.tensor(picture.pixels)  # a copy: pictures are read-only

    @torch.inference_mode()
    def synthesis(self, y_hat: Tensor, size: tuple[int, int], *, side: int = WHOLE) -> Picture:
        """Compute the picture of latents: clamped, rounded to 8 bits, cropped to its height and width."""
        pixels = np.empty((*size, 3), np.uint8)

        def compute(tile: Tile) -> None:
            part = eight_bits(self._decoded(y_hat, tile)[..., *tile.inner(LATENT_STRIDE)])
            place = pixels[tile.kept_at(LATENT_STRIDE)]
            place[:] = part[: place.shape[0], : place.shape[1]]

        with self._exactly():
            self._grid(*size, side).compute(compute)
        return Picture(pixels)


def eight_bits(x_hat: Tensor) -> NDArray[np.uint8]:
    """Convert decoded values (1, C, h, w) to 8-bit samples (h, w, C), clamped and rounded."""
    samples: NDArray[np.uint8] = x_hat[0].permute(1, 2, 0).clamp(0, 1).mul_(255).round_().byte().cpu().numpy()
    return samples


STRIDE = LATENT_STRIDE // 2
"""Samples of a packed picture between neighbouring latents."""


class PlanesTransforms(Transforms):
    """Transforms and filter of YUV 4:2:0 planes."""

    stride = STRIDE

    def __init__(self, model: LearnedModel, device: str = "cpu", precision: Precision = "fp32") -> None:
        super().__init__(model, device, precision)
        filtered = cast("nn.Module | None", getattr(model, "acem", None))
        self._acem = filtered and filtered.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _samples(self, picture: Yuv420) -> Tensor:
        return torch.from_numpy(pack(picture))

    @torch.inference_mode()
    def synthesis(self, y_hat: Tensor, size: tuple[int, int], indicator: int = 0, *, side: int = WHOLE) -> Yuv420:
        """Compute the planes of latents, in full range: clamped, rounded to 8 bits, cropped to height and width.

        `indicator` has the filtered components: `LUMA`, `CHROMA`, their sum, or 0.
        """
        grid = self._grid(*size, side)
        samples = np.empty((*(STRIDE * length for length in grid.size), CHANNELS), np.uint8)

        def compute(tile: Tile) -> None:
            x_hat = self._decoded(y_hat, tile)
            if indicator and self._acem is not None:
                x_hat = choose(x_hat, self._filtered(x_hat), indicator)
            samples[tile.kept_at(STRIDE)] = eight_bits(x_hat[..., *tile.inner(STRIDE)])

        with self._exactly():
            grid.compute(compute)
        return unpack(samples, *size)

    @torch.inference_mode()
    def best_indicator(self, y_hat: Tensor, picture: Yuv420, side: int = WHOLE) -> int:
        """Return the indicator of the components whose squared error the filter reduces."""
        if self._acem is None:
            return 0
        original = pack(picture)
        errors: dict[str, NDArray[np.int64]] = {}
        """Squared errors by tile, without and with the filter, for luma and chroma."""

        def compute(tile: Tile) -> None:
            x_hat, seen = self._decoded(y_hat, tile), original[tile.kept_at(STRIDE)]
            both = (eight_bits(x[..., *tile.inner(STRIDE)]) for x in (x_hat, self._filtered(x_hat)))
            errors[str(tile)] = np.array([_squared_errors(samples, seen) for samples in both])

        with stage("choice of the filter"), self._exactly():
            self._grid(picture.height, picture.width, side).compute(compute)
        plain, filtered = np.sum(list(errors.values()), axis=0)
        return LUMA * int(filtered[0] < plain[0]) + CHROMA * int(filtered[1] < plain[1])

    def _filtered(self, x_hat: Tensor) -> Tensor:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bf16"):
            return cast("Tensor", cast("nn.Module", self._acem)(x_hat))


def _squared_errors(samples: NDArray[np.uint8], original: NDArray[np.uint8]) -> tuple[int, int]:
    """Return the sums over luma and over chroma, inside the original picture."""
    height, width = original.shape[:2]
    errors = np.square(samples[:height, :width].astype(np.int64) - original)
    return int(errors[..., :LUMA_PLANES].sum()), int(errors[..., LUMA_PLANES:].sum())
