"""Learned models as codecs: a model, its latent codec, and a container, under one name.

learned_codec  families, for RGB and YUV 4:2:0; +qr and +ft with a fine-tuned decoder; -int in fixed point
model_codec    models with CompressAI's interface: further architectures, and the user's own classes

The class of each codec is created from its name and the table of families: `getattr(codecs, "joint+qr")`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from bench.learned import architectures, families
from bench.learned.codecs.learned_codec import DecoderCodec, FixedPointCodec, LearnedCodec, PlanarCodec
from bench.learned.codecs.model_codec import ModelCodec, VariableModelCodec, architecture_codec

if TYPE_CHECKING:
    from bench.codecs.codec import Codec

__all__ = ["DecoderCodec", "FixedPointCodec", "LearnedCodec", "ModelCodec", "PlanarCodec", "VariableModelCodec"]


@functools.cache
def __getattr__(codec: str) -> type[Codec]:
    """Create the class of a codec from its architecture or the entry of its family."""
    if codec in architectures.CODECS:
        return architecture_codec(codec)
    if codec not in families.CODECS:
        raise AttributeError(codec)
    name, modifier, fixed_point = families.parts_of(codec)
    family = families.FAMILIES[name]
    bases: list[type[LearnedCodec]] = [FixedPointCodec] if fixed_point else []
    bases += [DecoderCodec] if modifier else []
    bases += [PlanarCodec] if family.picture == "yuv420" else []
    title = family.title + (f" + {families.MODIFIERS[modifier]}" if modifier else "")
    attributes: dict[str, Any] = {
        "__doc__": f"{title} ({family.paper}).",
        "__module__": __name__,
        "title": f"{title}, fixed point" if fixed_point else title,
        "family": name + families.FIXED_POINT if fixed_point else name,
        **({"modifier": modifier} if modifier else {}),
    }
    return type(codec, tuple(bases) or (LearnedCodec,), attributes)
