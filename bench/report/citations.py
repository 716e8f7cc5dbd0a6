"""BibTeX entries for a figure or a report: bench, metrics, image sets, codecs and published curves."""

from __future__ import annotations

import fnmatch
import importlib.resources
import re
import tomllib
from typing import TYPE_CHECKING

from bench import __version__
from bench.results import published
from bench.results.published import published_names
from bench.system.latex import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from bench.analysis.choice import Choice

SELF = "bench"
"""BibTeX key of bench itself."""


def bibliography() -> str:
    """BibTeX entries of bench, papers, codecs and image sets."""
    return _resource("references.bib").replace("VERSION", __version__)


def citations(choice: Choice) -> str:
    """BibTeX entries of the works that a figure is based on, including the sources of published curves."""
    entries = _entries(bibliography())
    keys = dict.fromkeys([SELF, *_cited("metrics", choice.axis.name), *_cited("datasets", choice.results.dataset)])
    curves = choice.results.curves.set_index("name")
    sources: dict[str, str] = {}
    for rd_curve in choice.rd_curves:
        if rd_curve.images:
            row = curves.loc[rd_curve.name]
            keys |= dict.fromkeys([*_cited("codecs", str(row["codec"])), *_cited("weights", str(row["weights"]))])
        else:
            keys |= dict.fromkeys(_cited("published", rd_curve.name))
            points = choice.export.published
            sources |= _source(points[published_names(points) == rd_curve.name])
    return "\n\n".join([*(entries[key] for key in keys), *sources.values()]) + "\n"


def _resource(name: str) -> str:
    return (importlib.resources.files("baselines") / name).read_text(encoding="utf-8")


def _entries(text: str) -> Mapping[str, str]:
    """Entries of a BibTeX file by key."""
    return {found[1]: found[0] for found in re.finditer(r"^@\w+\{([^,]+),.*?^\}", text, re.DOTALL | re.MULTILINE)}


def _cited(kind: str, name: str) -> Iterable[str]:
    """Keys of a name in citations.toml."""
    table: Mapping[str, list[str]] = tomllib.loads(_resource("citations.toml"))[kind]
    return [key for pattern, keys in table.items() if fnmatch.fnmatchcase(name, pattern) for key in keys]


def _source(points: pd.DataFrame) -> dict[str, str]:
    """BibTeX entry, by key, for the source of published points, which come with bench or were imported."""
    row = points.iloc[0]
    known = published.sources()
    if (name := str(row["source"])) in known:
        source = known[name]
        key, fields = f"points-{name}", {"title": f"{source['title']}: RD points", "url": source["url"]}
    else:
        name = f"{name}-{row['method']}"
        key = "points-" + re.sub("[^A-Za-z0-9]+", "-", name).strip("-")
        fields = {"title": f"{row['title']}: RD points", "note": row["note"], "url": row["url"]}
    # Addresses are not escaped, but braces would end the field.
    plain = {"url": re.sub(r"[{}\s]", "", str(fields.pop("url")))}
    values = {field: escaped(str(text)) for field, text in fields.items()} | plain
    lines = [f"  {field:<5} = {{{text}}}" for field, text in values.items() if text]
    return {key: "\n".join([f"@misc{{{key},", ",\n".join(lines), "}"])}
