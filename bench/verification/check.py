"""Options and result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.images.clips import ClipOptions

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """The options of `bench verify`, which checks round trips, or the zoo's weights against published points.

    Raises:
        UsageError: an option does not apply to the selected check.
    """

    codecs: tuple[str, ...] = ()
    """Codecs as in `bench run`; by default every codec that can run here."""
    backend: str | None = None
    weights: str | None = None
    dataset: str | None = None
    images: tuple[str, ...] = ()
    clip: ClipOptions | None = None
    families: tuple[str, ...] = ()
    """Families of the zoo's weights; by default all on this machine."""
    qualities: tuple[int, ...] = ()
    """Qualities of the zoo's weights; by default all on this machine."""
    db: Path | None = None
    """Database of measurements of the zoo's weights; stored ones are reused."""
    data: Path | None = None
    threads: int
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.against_published:
            if self.dataset or self.images or (self.clip and self.clip.given):
                raise UsageError(
                    "--dataset, --images and options of clips cannot be used: the published points cover all of Kodak"
                )
            if self.backend:
                raise UsageError("--backend: CompressAI's weights have only one backend; omit it")
        elif self.families or self.qualities or self.db:
            raise UsageError(
                "--family, --quality and --db are for --weights zoo without --codec; otherwise write --codec NAME@Q"
            )

    @property
    def against_published(self) -> bool:
        """Whether to compare the zoo's weights with published points; otherwise round trips are checked."""
        return self.weights == "zoo" and not self.codecs


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Result of a check as a table; the check has passed if there are no failures."""

    title: str
    """What was compared, with the tolerances."""
    headers: Row
    rows: tuple[Row, ...]
    failures: tuple[str, ...]
    """One line per failure."""
    left_out: tuple[str, ...] = ()
    """One line for each codec or file that could not be checked here, with what is missing and how to get it."""
