"""Selection of image sets: by name, by curves, and for the pages of a report."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from bench.analysis.dataset_results import DatasetResults, measured_datasets, reported_datasets
from bench.analysis.rd_curve import can_find, published_of
from bench.results.published import published_names
from bench.system.errors import UsageError, unknown
from bench.system.wording import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.results.frames import Export


def all_results(export: Export, images: Sequence[str] = ()) -> list[DatasetResults]:
    """Results on all image sets with measurements or imported curves, or on those with images of the given names.

    Raises:
        UsageError: there is no such image set.
    """
    reported = reported_datasets(export)
    if len(reported) == 1:  # the error for an unknown image then names the images of the set
        return [DatasetResults.of(export, reported[0], images)]
    found = []
    for dataset in reported:
        with contextlib.suppress(UsageError):  # the set has no such images
            found.append(DatasetResults.of(export, dataset, images))
    if not found and images:
        raise UsageError(
            f"--images {' '.join(images)}: no measured image set has images with such names; see `bench list`"
        )
    if not found:
        raise UsageError("nothing is measured yet; start with `bench run`")
    if not images:
        return found
    # Images of such names may also be those of parts of a set.
    sizes = export.images["dataset"].value_counts()
    largest = {results.hashes: results for results in sorted(found, key=lambda one: sizes.get(one.dataset, 0))}
    return [results for results in found if not results.hashes or largest[results.hashes] is results]


def without_parts(found: Sequence[DatasetResults]) -> list[DatasetResults]:
    """Remove results on a part of a larger set, if the larger set has all of their points."""
    return [
        results
        for results in found
        if not any(_is_part(results, other) and results.measured <= other.measured for other in found)
    ]


def _is_part(results: DatasetResults, other: DatasetResults) -> bool:
    """Whether the pictures of a set are a subset of another's; a set with only imported curves has no pictures."""
    return bool(results.hashes) and results.hashes < other.hashes


def measured_part(export: Export, dataset: str) -> str:
    """Name of the image set itself if it has a complete point; otherwise of its part with the most points, if any."""
    whole = DatasetResults.of(export, dataset)
    if whole.measured:
        return dataset
    parts = [results for results in _within(export, whole) if results.measured]
    return max(parts, key=lambda part: (len(part.measured), len(part.images))).dataset if parts else dataset


def _within(export: Export, whole: DatasetResults) -> list[DatasetResults]:
    """Results on measured sets whose pictures are a subset of these."""
    within = export.images.groupby("dataset")["image_sha256"].agg(lambda hashes: set(hashes) < whole.hashes)
    return [DatasetResults.of(export, dataset) for dataset in measured_datasets(export) if within[dataset]]


def fitting(
    export: Export, names: Sequence[str] = (), *, dataset: str | None = None, images: Sequence[str] = ()
) -> DatasetResults:
    """Results on the one image set that has all curves of these names, measured or published.

    `dataset` restricts the search to that set and its parts, `images` to images of such names. A whole set takes
    precedence over its parts.

    Raises:
        UsageError: there is no such set or image, or there are several.
    """
    wanted = DatasetResults.of(export, dataset, images) if dataset else None
    found = [wanted, *_within(export, wanted)] if wanted else all_results(export, images)
    complete = [results for results in found if results.measured or not results.images]
    fit = [results for results in complete if all(can_find(results, export, name) for name in names)]
    if wanted and not fit:
        return wanted
    some = fit or complete or found
    meant = [results for results in some if not any(_is_part(results, other) for other in some)]
    if len(meant) == 1:
        return meant[0]
    sets = ", ".join(results.dataset for results in meant)
    if fit or not names:
        raise UsageError(f"measured on {sets}; choose one with --dataset")
    places = {name: [results.dataset for results in some if can_find(results, export, name)] for name in names}
    for name in (name for name, found in places.items() if not found):
        curves = [[*results.curves["name"], *published_names(published_of(results, export))] for results in some]
        raise unknown("codec or curve", name, {curve for found in curves for curve in found})
    where = "; ".join(f"{name} is on {listed(found)}" for name, found in places.items())
    raise UsageError(f"no image set has all of {' and '.join(names)}: {where}")
