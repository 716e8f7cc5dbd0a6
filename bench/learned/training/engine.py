"""Where and how fast a training computes: device, precision, memory layout, compilation, memory allocation."""

from __future__ import annotations

import logging
import shutil
from typing import Any, Literal, cast

import torch
from lightning_fabric import Fabric

from bench.system.errors import UsageError
from bench.system.memory import keep_freed_memory

Precision = Literal["auto", "bf16", "float32"]

COMPILING_PAYS_S = 600.0
"""The shortest time budget in which compiling pays: it takes a minute or more, and saves a fifth of a step."""


def fabric(device: str = "auto", *, devices: int = 1, nodes: int = 1, precision: Precision = "auto") -> Fabric:
    """The engine that a training runs on; several GPUs or nodes train on one batch each and share the gradients.

    Raises:
        UsageError: this machine has no such device.
    """
    accelerator = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: PyTorch finds no CUDA device here; use --device cpu")
    chosen = _precision(accelerator) if precision == "auto" else precision
    strategy = "ddp" if devices * nodes > 1 else "auto"
    return Fabric(
        accelerator=accelerator,
        devices=devices,
        num_nodes=nodes,
        strategy=strategy,
        precision="bf16-mixed" if chosen == "bf16" else "32-true",
    )


def _precision(accelerator: str) -> str:
    """bf16 where the hardware multiplies it; elsewhere it is slower than float32."""
    if accelerator == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    probes = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return "bf16" if any(probe is not None and probe() for probe in probes) else "float32"


def precision_of(engine: Fabric) -> str:
    """The engine's precision as Fabric names it."""
    # Fabric has no public name for it.
    return str(engine._precision.precision)  # noqa: SLF001


def dtype_of(engine: Fabric) -> torch.dtype:
    """What an engine multiplies in."""
    return torch.bfloat16 if precision_of(engine).startswith("bf16") else torch.float32


def tune(threads: int | None = None) -> int:
    """Settings of this process that make training faster and its results depend on the thread count alone.

    Returns the number of threads.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    keep_freed_memory()
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    # Compiling for a CPU, it warns that there is no CUDA.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    return torch.get_num_threads()


def compiles(accelerator: str, budget_s: float | None) -> bool:
    """Whether a training is compiled: where that is possible, and the budget long enough to win back what it takes."""
    worth = budget_s is None or budget_s >= COMPILING_PAYS_S
    return worth and can_compile(accelerator)


def can_compile(accelerator: str) -> bool:
    """Whether `torch.compile` finds the compiler that it needs: its own on a GPU, a C++ one on a CPU."""
    return accelerator == "cuda" or any(shutil.which(name) for name in ("g++", "clang++", "c++"))


def compiled(module: torch.nn.Module) -> torch.nn.Module:
    """The module with its element-wise operations fused."""
    return cast("torch.nn.Module", cast("Any", torch.compile)(module, dynamic=False))
