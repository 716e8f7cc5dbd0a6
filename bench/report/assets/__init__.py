"""Report assets: decoded pictures, costs, training records and experiments.

They are added to an export directory, where the report reads them (`bench.results.extras`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

# Modules are imported on demand, because the codecs import torch.


def add_assets(
    directory: Path,
    say: Callable[[str], None],
    *,
    dataset: str | None = None,
    pictures: Sequence[str] = (),
    costs: bool = False,
    data: Path | None = None,
) -> list[str]:
    """Add training records to an export, and optionally model costs and decoded pictures.

    Arguments for pictures are those of `bench.report.assets.pictures.add_pictures`. Returns one line for each requested
    asset that could not be produced.

    Raises:
        BenchError: the folder is not an export, or an image set or picture is unknown.
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
