"""What is asked of a check, and what it found."""

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
    """The options of `bench verify`.

    Raises:
        UsageError: an option belongs to the other of the two checks.
    """

    codecs: tuple[str, ...] = ()
    """To code with, as in `bench run`; nothing means every codec that can run here."""
    backend: str | None = None
    weights: str | None = None
    dataset: str | None = None
    images: tuple[str, ...] = ()
    clip: ClipOptions | None = None
    families: tuple[str, ...] = ()
    """Of the zoo's weights; nothing means all that are on this machine. So with the qualities."""
    qualities: tuple[int, ...] = ()
    db: Path | None = None
    """Where measurements of the zoo's weights are kept, so that a second call measures only what is new."""
    data: Path | None = None
    threads: int
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.against_published:
            if self.dataset or self.images or (self.clip and self.clip.given):
                raise UsageError("--dataset, --images and options of clips: the published points are of all of Kodak")
            if self.backend:
                raise UsageError("--backend: CompressAI's weights are coded here in one way; leave it out")
        elif self.families or self.qualities or self.db:
            raise UsageError(
                "--family, --quality and --db are for --weights zoo without --codec; otherwise write --codec NAME@Q"
            )

    @property
    def against_published(self) -> bool:
        """Whether the zoo's weights are compared with published points; otherwise files make round trips."""
        return self.weights == "zoo" and not self.codecs


@dataclass(frozen=True, slots=True)
class Verdict:
    """A table for the user to read; the check has passed when there are no failures."""

    title: str
    """What was compared, and within which bounds."""
    headers: Row
    rows: tuple[Row, ...]
    failures: tuple[str, ...]
    """A line for each thing that is not as it should be."""
    left_out: tuple[str, ...] = ()
    """A line for each thing that could not be checked here, with the way to get what it lacks."""
