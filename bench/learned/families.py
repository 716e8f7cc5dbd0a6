"""Table of the families of learned codecs, from which names, weights, training, files and pages derive.

To add a family, write its model in `bench.learned.models` and add an entry to `FAMILIES`. This module does not import
torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

MODIFIERS = {"qr": "QR", "ft": "tuned synthesis"}
"""Titles of decoder modifiers: qr fine-tunes g_s with a rectifier, ft fine-tunes g_s alone."""

FIXED_POINT = "-int"
"""Suffix of codec names with a fixed-point entropy model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedFamily:
    """A family of learned codecs."""

    title: str
    """Name in legends and tables."""
    paper: str
    """Paper that introduced the model."""
    model: str
    """Class of the model, "module:Class"."""
    widths: tuple[int, int]
    """N and M of the package's weights; see `bench.learned.models`."""
    file_id: int
    """Byte that identifies the family in files. It must never change or be reused."""
    options: frozenset[str] = frozenset()
    """Fields of `ModelConfig`, other than the widths, that apply to the family."""
    picture: Literal["rgb", "yuv420"] = "rgb"
    """Pixel format of the pictures."""
    compressai: str | None = None
    """Name of the architecture in CompressAI's zoo."""
    synonyms: tuple[str, ...] = ()
    """Names in published results."""
    reach: int = 2
    """Upper bound, in latents, on how far the receptive fields of g_a and g_s extend beyond a region.

    Four 5x5 convolutions of stride 2 reach 30 pixels; four transposed ones 1 + 1/2 + 1/4 + 1/8 latents. Means over the
    whole picture do not count."""
    modifiers: tuple[str, ...] = ()
    """Modifiers of the family's fine-tuned decoders (`MODIFIERS`)."""
    fixed_point_id: int | None = None
    """Byte that identifies the family's fixed-point codec, or None."""
    adds: Mapping[str, str] = field(default_factory=dict)
    """Simpler families, each with the component that this family adds to it."""


_CONTEXT = frozenset({"kernel", "distribution", "mean"})

FAMILIES: Mapping[str, LearnedFamily] = {
    "factorized": LearnedFamily(
        title="Factorized prior",
        paper="Ballé et al. 2018, the baseline",
        model="bench.learned.models.hyperprior:Factorized",
        widths=(64, 192),
        file_id=0,
        compressai="bmshj2018-factorized",
        synonyms=("balle-2017-iclr-opt",),
        modifiers=("qr", "ft"),
    ),
    "scale": LearnedFamily(
        title="Scale hyperprior",
        paper="Ballé et al. 2018",
        model="bench.learned.models.hyperprior:Scale",
        widths=(64, 192),
        file_id=1,
        options=frozenset({"distribution"}),
        compressai="bmshj2018-hyperprior",
        synonyms=("balle-2018-iclr-opt",),
        modifiers=("qr", "ft"),
        adds={"factorized": "a hyperprior"},
    ),
    "hyper": LearnedFamily(
        title="Mean & scale hyperprior",
        paper="Minnen et al. 2018, without context",
        model="bench.learned.models.hyperprior:Hyper",
        widths=(64, 192),
        file_id=2,
        options=frozenset({"distribution", "mean"}),
        compressai="mbt2018-mean",
        synonyms=("minnen-2018-neurips-no-context",),
        modifiers=("qr", "ft"),
        adds={"scale": "means beside the scales"},
    ),
    "context": LearnedFamily(
        title="Context model",
        paper="Minnen et al. 2018, without hyperprior",
        model="bench.learned.models.autoregressive:Context",
        widths=(64, 192),
        file_id=3,
        options=_CONTEXT,
    ),
    "joint": LearnedFamily(
        title="Joint",
        paper="Minnen et al. 2018",
        model="bench.learned.models.autoregressive:Joint",
        widths=(64, 192),
        file_id=4,
        options=_CONTEXT,
        compressai="mbt2018",
        synonyms=("minnen-2018-neurips-opt",),
        modifiers=("qr", "ft"),
        fixed_point_id=6,
        adds={"hyper": "a context model", "context": "a hyperprior"},
    ),
    "attn": LearnedFamily(
        title="Attention",
        paper="Cheng et al. 2020",
        model="bench.learned.models.autoregressive:Attention",
        widths=(48, 192),
        file_id=5,
        options=_CONTEXT,
        compressai="cheng2020-attn",
        reach=11,
        modifiers=("qr", "ft"),
        fixed_point_id=7,
        adds={"joint": "attention and residual blocks"},
    ),
    "cca": LearnedFamily(
        title="CCA",
        paper="Duan et al. 2023",
        model="bench.learned.models.cca.model:Cca",
        widths=(48, 64),
        file_id=8,
        options=frozenset({"kernel", "guide", "attention", "acem"}),
        picture="yuv420",
        synonyms=("duan2023",),
        reach=13,
        fixed_point_id=10,
        adds={"joint-yuv": "cross-component attention and the filter (ACEM)"},
    ),
    "joint-yuv": LearnedFamily(
        title="Joint, YUV",
        paper="Minnen et al. 2018 on planes, with the entropy model of Duan et al. 2023",
        model="bench.learned.models.cca.model:JointYuv",
        widths=(48, 64),
        file_id=9,
        options=frozenset({"kernel"}),
        picture="yuv420",
        fixed_point_id=11,
    ),
}
"""Families by name, from the simplest entropy model to the most complex, then those for YUV 4:2:0."""

RGB = tuple(name for name, family in FAMILIES.items() if family.picture == "rgb")
"""Families for RGB pictures."""

YUV420 = tuple(name for name, family in FAMILIES.items() if family.picture == "yuv420")
"""Families for YUV 4:2:0 planes."""

FILE_IDS: Mapping[int, str] = {family.file_id: name for name, family in FAMILIES.items()} | {
    family.fixed_point_id: name + FIXED_POINT for name, family in FAMILIES.items() if family.fixed_point_id is not None
}
"""Byte in a file to the codec that decodes it. Codecs with modifiers decode the files of their family."""


def codec_names() -> tuple[str, ...]:
    """Return the names of the learned codecs: families, families with a modifier, and fixed-point codecs."""
    plain = tuple(FAMILIES)
    modified = (f"{name}+{m}" for m in MODIFIERS for name, family in FAMILIES.items() if m in family.modifiers)
    fixed = (name + FIXED_POINT for name, family in FAMILIES.items() if family.fixed_point_id is not None)
    return (*plain, *modified, *fixed)


def parts_of(codec: str) -> tuple[str, str | None, bool]:
    """Split a learned codec's name into its family, its modifier, and whether it is a fixed-point codec."""
    name, _, modifier = codec.partition("+")
    family = name.removesuffix(FIXED_POINT)
    return family, modifier or None, family != name


CODECS: Mapping[str, str] = {name: f"bench.learned.codecs:{name}" for name in codec_names()}
"""Codec name to "module:attribute", for `bench.codecs.registry`."""

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    name: tuple(filter(None, (family.compressai, *family.synonyms))) for name, family in FAMILIES.items()
}
"""Codec name to its other names, for `bench.codecs.synonyms`."""
