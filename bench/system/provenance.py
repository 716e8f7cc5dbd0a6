"""Provenance of a run: code, packages and machine."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.system.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGES = (
    "compressai", "constriction", "imageio-ffmpeg", "numpy", "pandas", "pillow", "pillow-avif-plugin",
    "pytorch-msssim", "pyvips-binary", "scikit-image", "scipy", "torch",
)  # fmt: skip
"""Distributions whose version can change a result."""


@functools.cache
def machine() -> str:
    """Describe the machine: processor, cores, memory and system, without its host name."""
    import psutil  # noqa: PLC0415

    memory_gib = round(psutil.virtual_memory().total / 2**30)
    return f"{_processor()}, {os.cpu_count()} cores, {memory_gib} GiB, {platform.system()}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and (name := processor_of(cpuinfo.read_text(encoding="utf-8"))):
        return name
    if sys.platform == "darwin":
        return _output_of("sysctl", "-n", "machdep.cpu.brand_string")
    return platform.processor() or platform.machine()


def processor_of(cpuinfo: str) -> str:
    """Return the processor's name in the text of Linux's /proc/cpuinfo, or "".

    Family and model are added, because in virtual machines the name is often just "AMD EPYC".
    """
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in cpuinfo.splitlines())}
    name = facts.get("model name", "")
    if name and {"cpu family", "model"} <= facts.keys():
        name += f" (family {facts['cpu family']}, model {facts['model']})"
    return name


def accelerators() -> list[str]:
    """Return the GPUs of this machine and their driver, from nvidia-smi: "NVIDIA H100 80GB HBM3, driver 570.86"."""
    lines = _output_of("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader").splitlines()
    return [f"{name.strip()}, driver {driver.strip()}" for name, _, driver in (line.rpartition(",") for line in lines)]


def _output_of(program: str, *arguments: str) -> str:
    path = shutil.which(program)
    if path is None:
        return ""
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=False).stdout.strip()


@functools.cache
def git_state() -> Mapping[str, object]:
    """Return the commit of the checkout of this package, and whether it is dirty; None outside a checkout."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return {"commit": None, "dirty": None}
    commit = _output_of("git", "-C", str(root), "rev-parse", "HEAD")
    return {"commit": commit or None, "dirty": bool(_output_of("git", "-C", str(root), "status", "--porcelain"))}


@functools.cache
def source_sha256() -> str:
    """SHA-256 of the Python files of this project, wherever they are installed."""
    packages = (Path(__file__).parents[1], Path(__file__).parents[2] / "baselines")
    files = sorted((path.relative_to(package.parent), path) for package in packages for path in package.rglob("*.py"))
    digest = hashlib.sha256()
    for name, path in files:
        digest.update(f"{name.as_posix()} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


@functools.cache
def package_versions() -> Mapping[str, str]:
    """Versions of the installed distributions that can change a result."""
    return {name: version for name in PACKAGES if (version := _version(name)) is not None}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
