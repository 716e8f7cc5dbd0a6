"""Pictures of the evaluation sets, which are refused as training data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.images.datasets import data_folder, known_files

if TYPE_CHECKING:
    from pathlib import Path


def fingerprints(training: Path) -> frozenset[str]:
    """SHA-256 of each file of the named image sets that is known on this machine.

    Those of sets that come as archives are known once `bench fetch` has unpacked them: into the folder of image sets,
    or beside, inside or as the folder of the training pictures.
    """
    folders = (data_folder(), training, training.resolve().parent)
    return frozenset().union(*map(known_files, folders))
