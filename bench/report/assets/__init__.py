"""Report assets, which a report shows besides measurements: decoded pictures, costs, trainings, experiments.

All of it is added to an export directory, from where the report reads it (`bench.results.extras`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

# Nothing is imported before it is needed: the codecs bring torch along.


def add_assets(
    directory: Path,
    say: Callable[[str], None],
    *,
    dataset: str | None = None,
    pictures: Sequence[str] = (),
    costs: bool = False,
    data: Path | None = None,
) -> list[str]:
    """Add trainings and experiments to an export, and on request the costs of models and some decoded pictures.

    What was asked for and could not be had at all is returned, a line each.

    Raises:
        BenchError: the folder is not an export, or a data set or picture is unknown.
        OSError: it cannot be written.
    """
    from bench.report.assets.records import add_records  # noqa: PLC0415

    add_records(directory)
    failures: list[str] = []
    if costs:
        from bench.report.assets.costs import add_costs  # noqa: PLC0415

        failures += add_costs(directory, say)
    if pictures:
        from bench.report.assets.pictures import add_pictures  # noqa: PLC0415

        say(f"{add_pictures(directory, dataset, pictures, say, data=data)} pictures")
    return failures
