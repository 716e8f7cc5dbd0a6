"""Device, precision, compilation and process settings of a training run."""

from __future__ import annotations

import logging
import shutil
from typing import Literal

import torch
from lightning_fabric import Fabric

from bench.system.allocator import keep_freed_memory
from bench.system.errors import UsageError

Precision = Literal["auto", "bf16", "float32"]

COMPILING_PAYS_S = 600.0
"""Minimum time budget for compilation, which takes a minute or more and saves a fifth of the time per step."""


def fabric(device: str = "auto", *, devices: int = 1, nodes: int = 1, precision: Precision = "auto") -> Fabric:
    """Create the Fabric of a training run; several GPUs or nodes average their gradients.

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
    """bf16 if the hardware supports it, else float32, because emulated bf16 is slower."""
    if accelerator == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    probes = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return "bf16" if any(probe is not None and probe() for probe in probes) else "float32"


def precision_of(engine: Fabric) -> str:
    """Fabric's name of the precision."""
    # Fabric has no public name for it.
    return str(engine._precision.precision)  # noqa: SLF001


def dtype_of(engine: Fabric) -> torch.dtype:
    """Data type of matrix products."""
    return torch.bfloat16 if precision_of(engine).startswith("bf16") else torch.float32


def tune(threads: int | None = None) -> None:
    """Configure this process for fast, reproducible training. The number of threads affects results."""
    if threads is not None:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    keep_freed_memory()
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    # When compiling for a CPU, it warns that CUDA is missing.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)


def compiles(accelerator: str, budget_s: float | None) -> bool:
    """Whether to compile: if a compiler is available and the time budget is long enough."""
    return (budget_s is None or budget_s >= COMPILING_PAYS_S) and can_compile(accelerator)


def can_compile(accelerator: str) -> bool:
    """Whether `torch.compile` finds the compiler it needs: Triton for a GPU, a C++ compiler for a CPU."""
    return accelerator == "cuda" or any(shutil.which(name) for name in ("g++", "clang++", "c++"))
