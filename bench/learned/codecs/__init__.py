"""Learned models as codecs: a model, its latent codec, and a container, under one name.

learned_codec       RGB pictures yuv420_codec        YUV 4:2:0 pictures decoder_codec       +qr and +ft: the same bytes,
decoded by a decoder that was trained further fixed_point_codec   -int: entropy models in integers model_codec
models with CompressAI's interface: further architectures, and classes of the user's own

The class of each codec follows from its name and the table of families: `getattr(codecs, "joint+qr")`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from bench.learned import architectures, families
from bench.learned.codecs.decoder_codec import DecoderCodec
from bench.learned.codecs.fixed_point_codec import FixedPointCodec
from bench.learned.codecs.learned_codec import LearnedCodec
from bench.learned.codecs.model_codec import ModelCodec, VariableModelCodec, architecture_codec
from bench.learned.codecs.yuv420_codec import PlanarCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.codecs.codec import Codec

__all__ = ["DecoderCodec", "FixedPointCodec", "LearnedCodec", "ModelCodec", "PlanarCodec", "VariableModelCodec"]


def __getattr__(name: str) -> type[Codec]:
    if name in architectures.CODECS:
        return _of_architecture(name)
    if name not in families.CODECS:
        raise AttributeError(name)
    return _class_of(name)


_of_architecture = functools.cache(architecture_codec)


@functools.cache
def _class_of(codec: str) -> type[LearnedCodec]:
    """The class of a codec, from the entry of its family."""
    name, modifier, fixed_point = families.parts_of(codec)
    family = families.FAMILIES[name]
    bases: list[type[LearnedCodec]] = [FixedPointCodec] if fixed_point else []
    bases += [DecoderCodec] if modifier else []
    bases += [PlanarCodec] if family.picture == "yuv420" else []
    title = family.title + (f" + {families.MODIFIERS[modifier]}" if modifier else "")
    attributes: Mapping[str, Any] = {
        "__doc__": f"{title} ({family.paper}).",
        "__module__": __name__,
        "title": f"{title}, fixed point" if fixed_point else title,
        "family": name + families.FIXED_POINT if fixed_point else name,
        **({"modifier": modifier} if modifier else {}),
    }
    return type(codec, tuple(bases) or (LearnedCodec,), dict(attributes))
