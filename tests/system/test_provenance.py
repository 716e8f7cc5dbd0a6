"""What a run's rows say of the machine."""

from __future__ import annotations

import pytest

from bench.system import provenance
from bench.system.provenance import accelerators, machine, processor_of

EPYC = """processor\t: 0
cpu family\t: {family}
model\t\t: {model}
model name\t: AMD EPYC
stepping\t: 1

processor\t: 1
cpu family\t: {family}
model\t\t: {model}
model name\t: AMD EPYC
"""


def test_generations_of_a_processor_without_a_full_name_are_told_apart() -> None:
    assert processor_of(EPYC.format(family=25, model=1)) == "AMD EPYC (family 25, model 1)"
    assert processor_of(EPYC.format(family=26, model=2)) == "AMD EPYC (family 26, model 2)"


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        ("model name\t: ARMv7 Processor rev 4 (v7l)\n", "ARMv7 Processor rev 4 (v7l)"),
        ("model name\t: Mill\nmodel\t\t: 2\n", "Mill"),
        ("model\t\t: 2\nBogoMIPS\t: 48.00\n", ""),
    ],
)
def test_of_a_processor_of_another_kind_there_is_what_linux_tells(cpuinfo: str, name: str) -> None:
    assert processor_of(cpuinfo) == name


def test_a_machine_has_a_processor_cores_and_memory() -> None:
    processor, cores, memory, system = machine().rsplit(", ", 3)
    assert processor
    assert int(cores.removesuffix(" cores")) >= 1
    assert int(memory.removesuffix(" GiB")) >= 1
    assert system


def test_gpus_are_named_with_their_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = "NVIDIA H100 80GB HBM3, 570.86.10\nNVIDIA A100-SXM4-40GB, 570.86.10\n"
    monkeypatch.setattr(provenance, "_output_of", lambda program, *_: listed if program == "nvidia-smi" else "")
    assert accelerators() == ["NVIDIA H100 80GB HBM3, driver 570.86.10", "NVIDIA A100-SXM4-40GB, driver 570.86.10"]
    monkeypatch.setattr(provenance, "_output_of", lambda *_: "")
    assert accelerators() == []
