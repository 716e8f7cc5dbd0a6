"""Looks distinguish all curves, and measured from published ones."""

from __future__ import annotations

import pandas as pd

from bench.analysis.family import families
from bench.codecs.registry import CODECS
from bench.report.style import DASHES, MARKERS, SERIES_LIGHT, css_variables, family_colours, looks, looks_of_few

LEARNED = [name for name, place in CODECS.items() if place.startswith("bench.learned")]
FAMILIES = families(
    pd.DataFrame([{"name": c, "codec": c, "backend": "", "weights": "compact" if c in LEARNED else ""} for c in CODECS])
)
COLOURS = family_colours([FAMILIES])
PUBLISHED = [f"source/{index}" for index in range(12)]


def test_no_two_curves_look_alike() -> None:
    found = looks(FAMILIES, PUBLISHED, COLOURS)
    assert found.keys() == CODECS.keys() | set(PUBLISHED)
    assert len({(look.colour, look.marker, look.dash) for look in found.values()}) == len(CODECS) + len(PUBLISHED)


def test_a_family_has_one_colour_and_its_curves_differ_in_marker_and_line() -> None:
    found = looks(FAMILIES, PUBLISHED, COLOURS)
    for family in FAMILIES:
        assert len({found[name].colour for name in family.names}) == 1, family
        for feature in ("marker", "dash"):
            assert len({getattr(found[name], feature) for name in family.names}) == len(family.names), family
    for learned in (True, False):
        colours = [found[family.names[0]].colour for family in FAMILIES if family.learned == learned]
        assert len(set(colours)) == len(colours)


def test_a_family_has_one_colour_on_all_pages_and_shares_it_only_with_too_few_colours() -> None:
    few = {"joint", "joint-yuv", "cca", "jpeg", "bpg", "avif", "vvc"}
    many = {family.name for family in FAMILIES} - {"joint-yuv", "cca"}
    pages = [[family for family in FAMILIES if family.name in names] for names in (many, few)]
    colours = family_colours(pages)
    assert len({colours[family.learned, family.name] for family in pages[1]}) == len(few) <= len(SERIES_LIGHT)
    for learned in (True, False):
        kind = [colours[family.learned, family.name] for family in pages[0] if family.learned == learned]
        assert len(set(kind)) == len(kind)
    found = [looks(page, [], colours) for page in pages]
    for name in found[0].keys() & found[1].keys():
        assert found[0][name].colour == found[1][name].colour


def test_the_first_published_curves_differ_in_each_of_colour_dash_and_marker() -> None:
    found = [looks([], PUBLISHED, {})[name] for name in PUBLISHED[:5]]
    for feature in ("colour", "dash", "marker"):
        assert len({getattr(look, feature) for look in found}) == 5, feature


def test_curves_that_share_a_figure_differ_in_each_of_colour_marker_and_line() -> None:
    chosen = ["hyper", "context", "joint", "attn", "jpeg", "webp", "bpg-444"]
    found = looks(FAMILIES, PUBLISHED, family_colours([FAMILIES], [chosen]), chosen)
    for feature in ("colour", "marker", "dash"):
        assert len({getattr(found[name], feature) for name in chosen}) == len(chosen) <= len(DASHES), feature
    assert found["joint"].colour == found["joint+qr"].colour == found["joint-int"].colour


def test_a_figure_of_few_gives_codecs_of_one_family_one_colour() -> None:
    found = looks_of_few({"joint": False, "joint+qr@zoo": False, "jpeg": False, "tfc/jpeg420": True})
    colours = [look.colour for look in found.values()]
    assert colours[0] == colours[1]
    assert len(set(colours)) == 3
    assert len({(look.marker, look.dash) for look in found.values()}) == 4


def test_only_published_curves_are_hollow_and_pale() -> None:
    found = looks(FAMILIES, PUBLISHED, COLOURS)
    assert {name for name, look in found.items() if look.hollow} == set(PUBLISHED)
    assert {found[name].colour.partition("-")[0] for name in PUBLISHED} == {"reference"}
    assert all(look.marker in MARKERS for look in found.values())


def _luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2)."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_lines_have_contrast_with_the_page_in_both_themes() -> None:
    for dark in (False, True):
        colours = css_variables(dark=dark)
        paper = _luminance(colours["paper"])
        for role, colour in colours.items():
            if role.startswith(("series", "reference")):
                bright, dim = sorted((paper, _luminance(colour)), reverse=True)
                assert (bright + 0.05) / (dim + 0.05) >= 3, (role, dark)
