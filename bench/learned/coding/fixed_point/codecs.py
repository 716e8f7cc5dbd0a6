"""The codecs in fixed point: files that decode on another machine."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, cast

from bench.errors import CodecError
from bench.learned.codecs import SYSTEMS, LearnedCodec

if TYPE_CHECKING:
    from pathlib import Path

    from bench.learned.coding.synthesis import Precision
    from bench.learned.coding.system import System


class FixedPointCodec(LearnedCodec):
    """A joint model whose entropy model is in integers; see `bench.learned.coding.fixed_point`.

    The latents of a file are the same wherever it is decoded. Its picture is that of a float synthesis, and may differ
    by a grey level elsewhere. The bytes that an encoder writes may differ too, because its analysis is in floats.
    """

    @property
    def _system(self) -> System:
        return _open(self._path, self.weights_sha256 or "", self.family, (self.chosen["device"], self._precision))

    @property
    def _precision(self) -> Precision:
        return cast("Precision", self.chosen["synthesis"])


class JointInt(FixedPointCodec):
    """The joint model in fixed point."""

    title = "Joint, fixed point"
    family = "joint-int"


class AttentionInt(FixedPointCodec):
    """The attention model in fixed point."""

    title = "Attention, fixed point"
    family = "attn-int"


@functools.lru_cache(maxsize=SYSTEMS)
def _open(path: Path, sha256: str, family: str, where: tuple[str, Precision]) -> System:
    with warnings.catch_warnings():
        # Importing CompressAI warns about the future of PyTorch; nobody here can act on it.
        warnings.simplefilter("ignore", FutureWarning)
        from bench.learned.coding.fixed_point.paths import FixedPointPath  # noqa: PLC0415
        from bench.learned.coding.fixed_point.weights import load_fixed_point  # noqa: PLC0415
        from bench.learned.coding.system import System  # noqa: PLC0415

    loaded = load_fixed_point(path, family)
    if loaded.sha256 != sha256:
        raise CodecError(f"{path} has changed since it was opened; run the same command again")
    model = loaded.base.model
    return System.of(model, *where, path=FixedPointPath(model, loaded.network))
