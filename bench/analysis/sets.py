"""Which of the measured image sets is meant, and which are worth a page."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from bench.analysis.dataset_results import Study, measured_datasets, reported_datasets
from bench.analysis.rd_curve import can_find
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.results.frames import Export


def studies(export: Export, images: Sequence[str] = ()) -> list[Study]:
    """The studies of all image sets with results or imported curves, or of those that have such images.

    Raises:
        UsageError: there is none.
    """
    reported = reported_datasets(export)
    if len(reported) == 1:  # an unknown image is then an error that names those of the set
        return [Study.of(export, reported[0], images)]
    found = []
    for dataset in reported:
        with contextlib.suppress(UsageError):  # it has no such images
            found.append(Study.of(export, dataset, images))
    if not found and images:
        raise UsageError(f"--images {' '.join(images)}: no measured image set has such images; see `bench list`")
    if not found:
        raise UsageError("nothing is measured yet; start with `bench run`")
    return found


def without_parts(found: Sequence[Study]) -> list[Study]:
    """The studies without those of a part of a larger one's pictures, where that has all of their points."""
    return [study for study in found if not any(_is_within(study, other) for other in found)]


def _is_within(study: Study, other: Study) -> bool:
    return _is_part(study, other) and study.measured <= other.measured


def _is_part(study: Study, other: Study) -> bool:
    """Whether the pictures of a study are some of another's; a set of imported curves alone has no pictures here."""
    return bool(study.hashes) and study.hashes < other.hashes


def measured_part(export: Export, dataset: str) -> str:
    """The image set itself where a point of it is complete; else the part of it with most points, or again itself."""
    whole = Study.of(export, dataset)
    if whole.measured:
        return dataset
    parts = [study for study in _within(export, whole) if study.measured]
    return max(parts, key=lambda part: (len(part.measured), len(part.images))).dataset if parts else dataset


def _within(export: Export, whole: Study) -> list[Study]:
    """The studies of the measured sets that are parts of a study's pictures."""
    within = export.images.groupby("dataset")["image_sha256"].agg(lambda hashes: set(hashes) < whole.hashes)
    return [Study.of(export, dataset) for dataset in measured_datasets(export) if within[dataset]]


def fitting(
    export: Export, names: Sequence[str] = (), *, dataset: str | None = None, images: Sequence[str] = ()
) -> Study:
    """The study of the one image set that all curves of these names, measured or published, are of.

    With `dataset` it is that set or a part of it, with `images` the part with such names. Of a set and its part, the
    whole one is meant.

    Raises:
        UsageError: there is none, or there are several, or no such set or image.
    """
    wanted = Study.of(export, dataset, images) if dataset else None
    found = [wanted, *_within(export, wanted)] if wanted else studies(export, images)
    complete = [study for study in found if study.measured or not study.images]
    fit = [study for study in complete if all(can_find(study, export, name) for name in names)]
    if wanted and not fit:
        return wanted
    meant = _largest(fit or complete or found)
    if len(meant) == 1:
        return meant[0]
    sets = ", ".join(study.dataset for study in meant)
    if fit or not names:
        raise UsageError(f"measured on {sets}; choose one with --dataset")
    raise UsageError(f"no image set has both {' and '.join(names)}; measured: {sets}")


def _largest(found: Sequence[Study]) -> list[Study]:
    """The studies without those of a part of another's pictures."""
    return [study for study in found if not any(_is_part(study, other) for other in found)]
