"""The table of families, from which names, files and codecs derive."""

from __future__ import annotations

from bench.codecs.registry import codec_class
from bench.learned.families import FAMILIES, FILE_IDS, codec_names, parts_of
from bench.learned.models import ModelConfig, build


def test_the_bytes_in_files_stay_what_they_are() -> None:
    names = ("factorized", "scale", "hyper", "context", "joint", "attn", "joint-int", "attn-int")
    assert dict(enumerate((*names, "cca", "joint-yuv", "cca-int", "joint-yuv-int"))) == FILE_IDS


def test_every_learned_codec_is_of_a_family_and_has_a_class_of_its_own() -> None:
    classes = {name: codec_class(name) for name in codec_names()}
    assert {parts_of(name)[0] for name in classes} == set(FAMILIES)
    assert len({cls.title for cls in classes.values()}) == len(classes)
    assert classes["joint+qr"].title == "Joint + QR"
    assert classes["cca-int"].title == "CCA, fixed point"


def test_every_model_can_be_built_with_small_widths() -> None:
    for name in FAMILIES:
        assert type(build(ModelConfig(name, 8, 8))).__name__ == FAMILIES[name].model.partition(":")[2]
