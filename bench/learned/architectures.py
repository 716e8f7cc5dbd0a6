"""CompressAI's architectures: aliases of families, and those coded by CompressAI's own code.

`ALIASES` maps to the families of this package, `FURTHER` lists all other architectures. This module does not import
torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.learned.families import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """An architecture of CompressAI that is not a family of this package."""

    title: str
    """Name in legends and tables."""
    widths: Literal["N", "N, M"] = "N, M"
    """Width arguments of its constructor."""
    is_variable: bool = False
    """Whether one checkpoint covers all rates."""
    has_variable_z: bool = False
    """Whether its constructor takes `vr_entbttlnck`, which makes the quantisation step of z variable, too."""


FURTHER: Mapping[str, Architecture] = {
    "bmshj2018-factorized-relu": Architecture(title="Factorized prior, ReLU"),
    "bmshj2018-hyperprior-vbr": Architecture(
        title="Scale hyperprior, variable rate", is_variable=True, has_variable_z=True
    ),
    "mbt2018-mean-vbr": Architecture(
        title="Mean & scale hyperprior, variable rate", is_variable=True, has_variable_z=True
    ),
    "mbt2018-vbr": Architecture(title="Joint, variable rate", is_variable=True),
    "cheng2020-anchor": Architecture(title="Cheng 2020, anchor", widths="N"),
    "cheng2020-anchor-checkerboard": Architecture(title="Cheng 2020, checkerboard", widths="N"),
    "elic2022-official": Architecture(title="ELIC"),
    "elic2022-chandelier": Architecture(title="ELIC, Chandelier's"),
}
"""Architectures by their name in CompressAI."""

ALIASES: Mapping[str, str] = {
    family.compressai: name for name, family in FAMILIES.items() if family.compressai is not None
}
"""Name in CompressAI to the name of the family in this package."""

CODECS: Mapping[str, str] = {name: f"bench.learned.codecs:{name}" for name in FURTHER}
"""Codec name to "module:attribute", for `bench.codecs.registry`."""


def compressai_name(family: str) -> str:
    """Return CompressAI's name of a family or architecture, or the given name if CompressAI has none."""
    return (FAMILIES[family].compressai or family) if family in FAMILIES else family
