"""How curves look: marker and line tell them apart without colour vision and in grey print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.family import rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.family import Family

SERIES_LIGHT = ("#0b62a4", "#c2491d", "#00805f", "#8a4f9e", "#a57400", "#2b93b8", "#b8437f", "#6b6b6b")
SERIES_DARK = ("#6cb4ee", "#f2905f", "#4cc9a0", "#cf9be3", "#e3b64e", "#86d4ef", "#f29bc4", "#b9b9b9")
"""Okabe and Ito's palette, darkened for thin lines on white, and lightened for a dark page."""

GROUND = {
    "paper": ("#ffffff", "#17181a"),
    "ink": ("#1c1c1c", "#e8e6e3"),
    "muted": ("#5c5c5c", "#a8a5a0"),
    "rule": ("#dcdad5", "#3a3b3e"),
    "good": ("#0f6b3a", "#5fd39a"),
    "fair": ("#855a00", "#e3b64e"),
    "warning": ("#b3261e", "#ff8a7a"),
    "warning-ground": ("#fdf0ee", "#331a18"),
    "shade": ("#c4c1bb", "#000000"),
}
"""Page, text, secondary text, grid, verdicts, the banner and the edge of what goes on: (light, dark)."""

REFERENCES_LIGHT = ("#7488a3", "#a5806a", "#6f9079", "#957d9c", "#8f8650")
REFERENCES_DARK = ("#8fa3bd", "#bd9a84", "#8aab95", "#ad96b5", "#aba26c")
"""Published curves, behind the measured ones: paler than any of these, each of a tint of its own."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h", "p")
"""In matplotlib's letters."""

MARKER_PATHS = {
    "o": "M17 6m-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0",
    "s": "M13.9 2.9h6.2v6.2h-6.2z",
    "^": "M17 1.9l4 7.2h-8z",
    "D": "M17 1.6l4.4 4.4l-4.4 4.4l-4.4 -4.4z",
    "v": "M17 10.1l4 -7.2h-8z",
    "P": "M15.6 2h2.8v2.6h2.6v2.8h-2.6v2.6h-2.8v-2.6h-2.6v-2.8h2.6z",
    "X": "M13.2 4l2 -2l1.8 1.8l1.8 -1.8l2 2l-1.8 2l1.8 2l-2 2l-1.8 -1.8l-1.8 1.8l-2 -2l1.8 -2z",
    "h": "M17 2l3.5 2v4l-3.5 2l-3.5 -2v-4z",
    "p": "M17 1.9l4.2 3l-1.6 4.9h-5.2l-1.6 -4.9z",
}
"""The same markers as SVG paths around (17, 6), for the legend."""

DASHES: tuple[tuple[float, ...], ...] = ((), (7, 1.8, 1.5, 1.8), (1.5, 1.2), (9, 2, 4, 2))
"""Line patterns in points of a learned family's curves: its first codec's is solid."""

CONVENTIONAL_DASHES: tuple[tuple[float, ...], ...] = ((4.5, 1.8), (2.2, 1.4), (5, 1.5, 1, 1.5, 1, 1.5), (8, 3))
"""The same of a conventional one's: none is solid."""

REFERENCE_DASHES: tuple[tuple[float, ...], ...] = (
    (5, 2),
    (1.5, 1.5),
    (8, 2, 1.5, 2),
    (11, 3),
    (3, 1, 1, 1, 1, 1),
    (1, 3),
    (8, 2, 8, 2, 1.5, 2),
)

FEW_DASHES: tuple[tuple[float, ...], ...] = (
    (),
    (4.5, 1.6),
    (1.4, 1.2),
    (6, 1.5, 1.2, 1.5),
    (8, 2),
    (4, 1.2, 1, 1.2, 1, 1.2),
    (2.5, 1.2),
)
"""The same of the curves of a figure of some: seven, where there are eight colours and nine markers."""

REFERENCE_MARKERS = ("s", "^", "o", "D", "v", "p")
"""Hollow, where those of measured curves are filled."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a curve is drawn: `colour` is a role ("series-0"), `width` is in points, `tag` a letter beside the line.

    `hollow` markers are outlines: those of published curves are.
    """

    colour: str
    marker: str
    dash: tuple[float, ...]
    width: float
    tag: str = ""
    hollow: bool = False

    @property
    def marker_path(self) -> str:
        """The marker for an SVG legend, or an empty path."""
        return MARKER_PATHS.get(self.marker, "")

    @property
    def dash_list(self) -> str:
        """The line pattern for an SVG legend."""
        return " ".join(f"{length:g}" for length in self.dash)


Colours = Mapping[tuple[bool, str], str]
"""The role of every family's colour, by whether it is learned and its name."""


def family_colours(pages: Sequence[Sequence[Family]]) -> Colours:
    """A colour for each family, the same on every page.

    On one page learned families differ from each other, as do conventional ones, as long as there are colours; a
    learned one shares its colour with a conventional one only where there are too few for all.
    """
    where: dict[tuple[bool, str], set[int]] = {}
    for number, families in enumerate(pages):
        for family in families:
            where.setdefault((family.learned, family.name), set()).add(number)
    found: dict[tuple[bool, str], str] = {}
    for key in sorted(where, key=lambda key: (not key[0], rank(key[1]))):
        clashes = dict.fromkeys((f"series-{index}" for index in range(len(SERIES_LIGHT))), 0)
        for other, colour in found.items():
            together = len(where[key] & where[other])
            clashes[colour] += 100 * together + 10 if key[0] == other[0] else together
        found[key] = min(clashes, key=clashes.__getitem__)
    return found


def looks(families: Sequence[Family], references: Sequence[str], colours: Colours) -> Mapping[str, Look]:
    """A look for every curve.

    Measured ones are strong and have filled markers: a colour a family, learned ones solid and wide, conventional ones
    dashed, and the settings of one codec in patterns of their own. Published ones are pale and have hollow markers.
    """
    found: dict[str, Look] = {}
    for learned in (True, False):
        dashes, width = (DASHES, 2.0) if learned else (CONVENTIONAL_DASHES, 1.4)
        for family in (family for family in families if family.learned == learned):
            for place, name in enumerate(family.names):
                marker = MARKERS[len(found) % len(MARKERS)]
                found[name] = Look(colours[learned, family.name], marker, dashes[place % len(dashes)], width)
    for index, name in enumerate(references):
        found[name] = Look(
            f"reference-{index % len(REFERENCES_LIGHT)}",
            REFERENCE_MARKERS[index % len(REFERENCE_MARKERS)],
            REFERENCE_DASHES[index % len(REFERENCE_DASHES)],
            1.2,
            chr(ord("a") + index % 26),
            hollow=True,
        )
    return found


def looks_of_few(curves: Mapping[str, bool]) -> Mapping[str, Look]:
    """Looks for a figure of some curves, all of one strength; whether each is of others says if markers are hollow.

    Neighbours in the order given differ in each of colour, marker and line.
    """
    return {
        name: Look(
            f"series-{place % len(SERIES_LIGHT)}",
            MARKERS[place % len(MARKERS)],
            FEW_DASHES[place % len(FEW_DASHES)],
            2.0,
            hollow=of_others,
        )
        for place, (name, of_others) in enumerate(curves.items())
    }


def css_variables(*, dark: bool) -> dict[str, str]:
    """The colour of every role on a light or a dark page."""
    found = {role: pair[dark] for role, pair in GROUND.items()}
    references, series = (REFERENCES_DARK, SERIES_DARK) if dark else (REFERENCES_LIGHT, SERIES_LIGHT)
    for kind, colours in (("reference", references), ("series", series)):
        found |= {f"{kind}-{index}": colour for index, colour in enumerate(colours)}
    return found


def themed_colours() -> dict[str, str]:
    """A colour for every role that stands for itself in an inline figure until the page's theme replaces it."""
    return {role: f"#fe{index:02x}01" for index, role in enumerate(css_variables(dark=False))}
