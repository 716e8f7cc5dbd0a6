"""Styles of curves; they differ in marker and line as well as colour, for colour-blind readers and greyscale print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

from bench.analysis.family import rank
from bench.codecs.registry import family_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bench.analysis.family import Family

SERIES_LIGHT = ("#0b62a4", "#c2491d", "#00805f", "#8a4f9e", "#a57400", "#2b93b8", "#b8437f", "#6b6b6b")
SERIES_DARK = ("#6cb4ee", "#f2905f", "#4cc9a0", "#cf9be3", "#e3b64e", "#86d4ef", "#f29bc4", "#b9b9b9")
"""The palette of Okabe and Ito, darkened for thin lines on white, and lightened for dark pages."""

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
"""Colours of page, text, secondary text, grid, verdicts, banner and scroll shadow: (light, dark)."""

REFERENCES_LIGHT = ("#7488a3", "#a5806a", "#6f9079", "#957d9c", "#8f8650")
REFERENCES_DARK = ("#8fa3bd", "#bd9a84", "#8aab95", "#ad96b5", "#aba26c")
"""Colours of published curves: paler than those of measured curves, with different tints."""


class Marker(NamedTuple):
    """SVG path of a marker centred at (17, 6), for the legend, and its names in plotly and pgfplots."""

    path: str
    plotly: str
    pgf: str


MARKERS = {
    "o": Marker("M17 6m-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0", "circle", "*"),
    "s": Marker("M13.9 2.9h6.2v6.2h-6.2z", "square", "square*"),
    "^": Marker("M17 1.9l4 7.2h-8z", "triangle-up", "triangle*"),
    "D": Marker("M17 1.6l4.4 4.4l-4.4 4.4l-4.4 -4.4z", "diamond", "diamond*"),
    "v": Marker("M17 10.1l4 -7.2h-8z", "triangle-down", "triangle*"),
    "P": Marker("M15.6 2h2.8v2.6h2.6v2.8h-2.6v2.6h-2.8v-2.6h-2.6v-2.8h2.6z", "cross", "+"),
    "X": Marker("M13.2 4l2 -2l1.8 1.8l1.8 -1.8l2 2l-1.8 2l1.8 2l-2 2l-1.8 -1.8l-1.8 1.8l-2 -2l1.8 -2z", "x", "x"),
    "h": Marker("M17 2l3.5 2v4l-3.5 2l-3.5 -2v-4z", "hexagon", "pentagon*"),
    "p": Marker("M17 1.9l4.2 3l-1.6 4.9h-5.2l-1.6 -4.9z", "pentagon", "pentagon*"),
}
"""Markers by their codes in matplotlib. pgfplots has no hexagon; its two pentagons differ in their lines."""

DASHES: tuple[tuple[float, ...], ...] = (
    (),
    (4.5, 1.6),
    (1.4, 1.2),
    (6, 1.5, 1.2, 1.5),
    (8, 2),
    (4, 1.2, 1, 1.2, 1, 1.2),
    (2.5, 1.2),
)
"""Line patterns in points: seven patterns and nine markers distinguish 63 curves."""


@dataclass(frozen=True, slots=True)
class Look:
    """Style of a curve: `colour` is a role ("series-0"), `width` is in points.

    `hollow` markers are outlines, used for published curves.
    """

    colour: str
    marker: str
    dash: tuple[float, ...]
    width: float
    hollow: bool = False

    @classmethod
    def at(cls, place: int, colour: str, *, hollow: bool = False, width: float = 1.8) -> Self:
        """Look of the curve at an index; neighbours have different markers and lines."""
        return cls(colour, [*MARKERS][place % len(MARKERS)], DASHES[place % len(DASHES)], width, hollow)

    @property
    def solid(self) -> Look:
        """Solid line of the same colour, as for the intervals of a curve."""
        return Look(self.colour, self.marker, (), 2.2)

    @property
    def marker_path(self) -> str:
        """SVG path of the marker for a legend, or empty."""
        return MARKERS[self.marker].path if self.marker else ""

    @property
    def dash_list(self) -> str:
        """Dash pattern for an SVG legend."""
        return " ".join(f"{length:g}" for length in self.dash)


HELPER = Look("muted", "", (), 1.0)
MEAN = Look("ink", "", (), 2.2)
"""Looks of auxiliary lines and of bars for means."""

Colours = Mapping[tuple[bool, str], str]
"""Colour role of each family, by (is learned, name)."""


def family_colours(pages: Sequence[Sequence[Family]], chosen: Sequence[Collection[str]] = ()) -> Colours:
    """Assign a colour role to each family, the same on all pages.

    `chosen` are the curves that share a figure, by page. If there are enough colours, the families of a figure have
    different ones, and so have the learned families of a page, and its conventional families. Otherwise a learned and
    a conventional family share one.
    """
    together_in = [
        {(family.learned, family.name) for family in families if not names.isdisjoint(family.names)}
        for families, names in zip(pages, map(set, chosen), strict=False)
    ]
    where: dict[tuple[bool, str], set[int]] = {}
    for number, families in enumerate(pages):
        for family in families:
            where.setdefault((family.learned, family.name), set()).add(number)
    found: dict[tuple[bool, str], str] = {}
    drawn = set().union(*together_in)
    for key in sorted(where, key=lambda key: (key not in drawn, not key[0], rank(key[1]))):
        clashes = dict.fromkeys((f"series-{index}" for index in range(len(SERIES_LIGHT))), 0)
        for other, colour in found.items():
            together = len(where[key] & where[other])
            clashes[colour] += 100 * together + 10 if key[0] == other[0] else together
            # The first page takes precedence: it has the most readers.
            clashes[colour] += sum(1000 >> page for page, figure in enumerate(together_in) if {key, other} <= figure)
        found[key] = min(clashes, key=clashes.__getitem__)
    return found


def looks(
    families: Sequence[Family], references: Sequence[str], colours: Colours, first: Sequence[str] = ()
) -> Mapping[str, Look]:
    """Assign a look to each curve; the curves of `first`, which share a figure, have distinct markers and lines.

    Measured curves have strong colours and filled markers. Those of a family share its colour and differ in marker and
    line. Published curves (`references`) are pale and have hollow markers.
    """
    roles = {name: colours[family.learned, family.name] for family in families for name in family.names}
    order = dict.fromkeys([*(name for name in first if name in roles), *roles])
    measured = {name: Look.at(place, roles[name]) for place, name in enumerate(order)}
    published = {
        name: Look.at(place + 1, f"reference-{place % len(REFERENCES_LIGHT)}", hollow=True, width=1.2)
        for place, name in enumerate(references)
    }
    return measured | published


def looks_of_few(curves: Mapping[str, bool]) -> Mapping[str, Look]:
    """Looks for a figure of a paper; `curves` maps names to whether they were published (hollow markers).

    All lines have the same width. Codecs of one family share a colour; neighbours differ in marker and line.
    """
    roles: dict[str, str] = {}
    found = {}
    for place, (name, of_others) in enumerate(curves.items()):
        family = name if of_others else family_of(name.partition("@")[0])
        role = roles.setdefault(family, f"series-{len(roles) % len(SERIES_LIGHT)}")
        found[name] = Look.at(place, role, hollow=of_others)
    return found


def css_variables(*, dark: bool) -> dict[str, str]:
    """Colour of each role on a light or a dark page."""
    found = {role: pair[dark] for role, pair in GROUND.items()}
    references, series = (REFERENCES_DARK, SERIES_DARK) if dark else (REFERENCES_LIGHT, SERIES_LIGHT)
    for kind, colours in (("reference", references), ("series", series)):
        found |= {f"{kind}-{index}": colour for index, colour in enumerate(colours)}
    return found


def themed_colours() -> dict[str, str]:
    """Placeholder colour of each role in an inline figure, replaced by the page's theme."""
    return {role: f"#fe{index:02x}01" for index, role in enumerate(css_variables(dark=False))}
