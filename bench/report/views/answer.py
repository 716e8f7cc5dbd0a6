"""First screen of a page: summary, ranking with costs, and a description of the weights."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from bench.analysis import bd, single_point
from bench.analysis.headline import best, ranking, trusted
from bench.analysis.model_scale import Range, own_scale, paper_scale
from bench.report.numbers import NOTHING, grouped, plain
from bench.report.views.table import records
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.axis import Axis
    from bench.analysis.rd_curve import RdCurve
    from bench.report.content import Content
    from bench.results.extras import Extras


def answer(content: Content, where: str) -> list[str]:
    """Summary: BD-rates and decoding time of the main codec, and the best codec; `where` names the image set."""
    if content.anchor is None or content.subject is None:
        return ["There are no results to compare yet."]
    if len(content.rd_curves) == 1:
        return [
            f"On {where}, only {content.rd_curves[0].title} has been measured; there is nothing to compare it with."
        ]
    return [text for text in (_rates(content, where), _speed(content), _best(content)) if text]


def _rates(content: Content, where: str) -> str:
    """BD-rate of the subject against the first two anchors that it can be ranked against."""
    axis, subject = content.results.axes[0], str(content.subject)
    name = title(content, subject)
    others = [anchor for anchor in content.anchors if anchor.name != subject]
    found: list[str] = []
    for anchor in others:
        rows = trusted(ranking(content.tables["bd_rates"], axis.name, anchor.name))
        own = rows[rows["test"] == subject] if len(rows) else rows
        if len(own):
            than = " bits than" if not found else " than"
            found.append(f"{_percent(float(own['bd_rate_pchip_percent'].iloc[0]))}{than} {_name(anchor.title)}")
    if found:
        return f"On {where}, {name} needs {' and '.join(found[:2])} at equal {_quality(axis)}."
    if others:
        return f"On {where}, {_at_a_point(content, others) or _not_ranked(content, others)}."
    return f"On {where}, all codecs are compared with {name}."


def _at_a_point(content: Content, anchors: Sequence[RdCurve]) -> str:
    """Rate of the subject at equal quality if it or an anchor has a single point; empty without such a rate."""
    axis, subject = content.results.axes[0], _subject(content)
    name, found = _name(subject.title), dict[str, list[str]]()
    for anchor in anchors:
        if axis.name not in subject.curves or axis.name not in anchor.curves:
            continue
        rate = single_point.at_single_point(anchor, subject, axis).get("rate_at_equal_quality_percent")
        if rate is not None:
            single = name if len(subject.curves[axis.name]) == 1 else _name(anchor.title)
            than = "than" if found.get(single) else "bits than"
            found.setdefault(single, []).append(f"{_percent(rate)} {than} {_name(anchor.title)}")
    for single, rates in found.items():
        who = "it" if single == name else name
        return f"{single} has a single point, where {who} needs {' and '.join(rates[:2])} at equal {_quality(axis)}"
    return ""


def _not_ranked(content: Content, anchors: Sequence[RdCurve]) -> str:
    """Reasons why the subject cannot be ranked against any of the anchors."""
    reasons = {_name(anchor.title): _reason(content, anchor) for anchor in anchors}
    subject = f"{_name(_subject(content).title)} cannot be ranked against"
    if len(set(reasons.values())) == 1:
        return f"{subject} {_listed(list(reasons))}: {next(iter(reasons.values()))}"
    return f"{subject} {_listed([f'{name} ({reason})' for name, reason in reasons.items()])}"


def _reason(content: Content, anchor: RdCurve) -> str:
    axis = content.results.axes[0]
    rows = content.rows("bd_rates", axis, anchor.name)
    own = rows[rows["test"] == content.subject]
    if own.empty:
        return f"they have no {_quality(axis)} in common"
    doubt = str(own["doubt"].iloc[0])
    return doubt or bd.compare(anchor.curves[axis.name], _subject(content).curves[axis.name]).reason


def _subject(content: Content) -> RdCurve:
    return next(one for one in (*content.rd_curves, *content.anchors) if one.name == content.subject)


def _quality(axis: Axis) -> str:
    return axis.title.partition(",")[0]


def _percent(rate: float) -> str:
    """Describe a BD-rate in words, such as "8.2 % fewer"; "as many" if it rounds to zero."""
    text = plain(abs(rate), 1)
    return "as many" if not float(text) else f"{text} % {'fewer' if rate < 0 else 'more'}"


def _name(title: str) -> str:
    """Shorten a title for a sentence: remove the library, as in "WebP (libwebp)"."""
    return re.sub(r" \([^()]*\)$", "", title)


def _listed(names: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _speed(content: Content) -> str:
    """Decoding time of the subject, and of the main anchor if both were timed in the same setting."""
    seconds, _ = times(content)
    own = seconds.get(str(content.subject), {}).get("decode")
    if own is None:
        return ""
    anchor = content.anchors[0]
    other = seconds.get(anchor.name, {}).get("decode") if anchor.name != content.subject else None
    beside = f" ({_name(anchor.title)}: {other} s)" if other else ""
    return f"It decodes a picture in {own} s{beside}."


def _best(content: Content) -> str:
    """Sentence on the codec that needs the fewest bits; empty if the subject is not ranked.

    It says "ranked" instead of "measured" if some measured codec cannot be ranked.
    """
    anchor = content.anchors[0]
    ranked = ranking(content.tables["bd_rates"], content.results.axes[0].name, anchor.name)
    name = best(ranked, content.results.curves["name"], anchor.name)
    if name is None or trusted(ranked).empty:
        return ""
    in_ranking = {anchor.name, *trusted(ranked)["test"]}
    if content.subject not in in_ranking:  # such as a single point, which may need fewer bits than the best one
        return ""
    every = set(content.results.curves["name"]) <= in_ranking
    those = f"codec {'measured' if every else 'ranked'} here"
    if name == content.subject:
        return f"No other {those} needs fewer bits."
    if name == anchor.name:
        return f"The best {those} is {_name(anchor.title)}."
    rate = float(ranked.loc[ranked["test"] == name, "bd_rate_pchip_percent"].iloc[0])
    return f"The best {those} is {title(content, name)}: {_percent(rate)} bits than {_name(anchor.title)}."


def title(content: Content, name: str) -> str:
    """Title of a curve for a sentence."""
    return _name(content.titles[name])


def times(content: Content) -> tuple[dict[str, dict[str, str]], str]:
    """Seconds by curve and stage in the largest group of comparable times, and a description of its setting."""
    table = content.tables["timings_summary"]
    if table.empty:
        return {}, ""
    group = table[table["group"] == table.groupby("group")["name"].nunique().idxmax()]
    found: dict[str, dict[str, str]] = {}
    for row in records(group):
        found.setdefault(row["name"], {})[row["stage"]] = seconds(row["median_s"])
    first = records(group.head(1))[0]
    threads, pictures = count(int(first["threads"]), "thread"), count(int(first["images"]), "picture")
    return found, f"{first['machine']}, {threads}, {first['device']}; medians over {pictures}"


def seconds(value: float) -> str:
    """Format a time in seconds with two significant digits."""
    return f"{value:#.2g}" if value < 10 else f"{value:.0f}"


def costs(content: Content, extras: Extras) -> dict[str, dict[str, str]]:
    """Costs of the ranked curves by name: seconds to encode and to decode, and size of the weights in MB."""
    timed, _ = times(content)
    sizes = _sizes(content, extras)
    return {
        name: {
            "encode": timed.get(name, {}).get("encode", NOTHING),
            "decode": timed.get(name, {}).get("decode", NOTHING),
            "weights": sizes.get(name, NOTHING),
        }
        for name in content.chosen
    }


def _sizes(content: Content, extras: Extras) -> dict[str, str]:
    """Size in MB of the largest weights file of each curve; delta weights are skipped, because they need a base."""
    rows = extras.weights.merge(content.results.curves[["name", "codec", "weights"]], on=["codec", "weights"])
    rows = rows[rows["quantized_from"].eq("") & ~rows["codec"].str.contains("+", regex=False)]
    largest = pd.to_numeric(rows["num_bytes"]).groupby(rows["name"]).max().dropna()
    return {str(name): plain(value / 1e6, 1) for name, value in largest.items()}


def weights_banner(content: Content, extras: Extras) -> str:
    """Size and training of this project's weights beside those of the papers; empty for other weights."""
    used = set(content.results.measurements["weights_sha256"]) - {""}
    rows = extras.weights[extras.weights["weights_sha256"].isin(used)]
    rows = rows[pd.to_numeric(rows["total_steps"]).notna()]
    curves = content.results.curves
    subject = curves[curves["name"].eq(str(content.subject)) & curves["weights"].ne("")]
    if rows.empty or subject.empty:
        return ""
    codec, weights = str(subject["codec"].iloc[0]), str(subject["weights"].iloc[0])
    own, every = own_scale(rows[(rows["codec"] == codec) & (rows["weights"] == weights)]), own_scale(rows)
    # Models of several lambdas may come from one training.
    trainings = rows.drop_duplicates(["codec", "started", "seconds"])
    paper, hours = paper_scale(codec), pd.to_numeric(trainings["seconds"]).sum() / 3600
    names = " and ".join(f'"{name}"' for name in sorted(set(rows["weights"])))
    widths = [_beside(f"{name} = ", *pair) for name, *pair in (("N", own.N, paper.N), ("M", own.M, paper.M)) if pair[0]]
    has = f"{title(content, str(content.subject))} has {' and '.join(widths)} channels, and " if widths else ""
    together = f" for all {len(rows)} models" if len(rows) > 1 else ""
    return (
        f"The learned codecs are small models trained for this comparison (weights {names}), not the models of the "
        f"papers: {has}training took {_beside('', every.steps, paper.steps)} steps, {plain(hours, 1)} hours{together}. "
        "They show the gain of each component, not the performance of the papers' models."
    )


def _beside(name: str, own: Range, paper: Range) -> str:
    """Format a range of this project's models, followed by that of published models if known."""
    return f"{name}{_span(own)}" + (f" (published models: {_span(paper)})" if paper else "")


def _span(values: Range) -> str:
    """Format a range as one number or two, grouped by thousands."""
    if values is None:
        return NOTHING
    low, high = map(grouped, values)
    return low if low == high else f"{low} to {high}"
