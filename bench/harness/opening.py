"""Opening codecs to describe them, before anything is measured.

Code of somebody else may end the process that loads it or constructs its codec, hang, or take all memory. It is
therefore loaded and opened in a worker process first: if that ends, the codec's tasks fail with the reason.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.codecs import adapter, user_code
from bench.codecs.registry import METRICS, codec_class, is_ours, load_metric, names_of
from bench.harness.supervisor import opening_limits
from bench.harness.task import CodecPoint
from bench.system.errors import BenchError, CodecError, UsageError, one_line
from bench.system.worker_process import EndedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.harness.recipe import Recipe
    from bench.harness.supervisor import Supervisor
    from bench.images.set_images import ImageFile
    from bench.system.worker_process import Limits

_LIBRARIES = {"torch", "compressai"}
"""What code imports that takes seconds because of PyTorch."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Opens codecs, those of somebody else in a process that is replaced when it ends."""

    supervisor: Supervisor
    limits: Limits

    def point(self, recipe: Recipe, image: ImageFile) -> tuple[CodecPoint, str] | CodecError:
        """A point, and the note of its codec (`Codec.about`); or why its process has ended.

        Raises:
            BenchError: the codec cannot be opened.
            CodecError: likewise, because its code raised something else, which is told in one line.
        """
        if is_ours(recipe.name):
            return _opened(recipe, image)
        try:
            answer = self.supervisor.call(_answer, recipe, image, limits=opening_limits(self.limits))
        except EndedError as error:
            return CodecError(f"its process {error} while it was opened")
        if isinstance(answer, _Raised):
            raise answer.error
        result: tuple[CodecPoint, str] | CodecError = answer
        return result

    def not_loaded(
        self, texts: Iterable[str], options: Mapping[str, str], backend: str | None
    ) -> Mapping[str, CodecError]:
        """Those of the codecs that names and globs stand for whose code ends the process that loads it, and how.

        What it raises is not told: it is raised again when the code is loaded here.
        """
        names = names_of(texts)
        if others := [name for name in names if not is_ours(name)]:
            _load_for_all(names)
        lost = {}
        for name in others:
            try:
                error = self.supervisor.call(_load, name, options, backend, limits=opening_limits(self.limits))
            except EndedError as ended:
                error = CodecError(f"its process {ended} while it was loaded")
            except CodecError:
                continue
            if error is not None:
                lost[name] = error
        return lost


def _load_for_all(names: Iterable[str]) -> None:
    """Load what worker processes need: they are forked from one that has imported what this one has by then."""
    for name in METRICS:
        load_metric(name)
    for name in names:
        if is_ours(name):
            codec_class(name)
        elif not _LIBRARIES.isdisjoint(user_code.imported(Path(name.rpartition(":")[0]))):
            importlib.import_module("torch")


def _load(name: str, options: Mapping[str, str], backend: str | None) -> CodecError | None:
    """Do in a worker process what will be done with a codec's class here; an error if it calls exit."""
    try:
        cls = codec_class(name)
        chosen = {option: value for option, value in options.items() if option in cls.options}
        cls.missing(backend, **chosen)
        cls.points(**chosen)
    except UsageError as error:
        return CodecError(str(error)) if isinstance(error.__cause__, SystemExit) else None
    except SystemExit as error:
        return CodecError(one_line(error))
    return None


@dataclass(frozen=True, slots=True)
class _Raised:
    """An error whose kind matters."""

    error: BenchError


def _answer(recipe: Recipe, image: ImageFile) -> tuple[CodecPoint, str] | CodecError | _Raised:
    try:
        return _opened(recipe, image)
    except BenchError as error:
        return _Raised(type(error)(one_line(error)))
    except SystemExit as error:
        return CodecError(one_line(error))


def _opened(recipe: Recipe, image: ImageFile) -> tuple[CodecPoint, str]:
    pinned, codec = recipe.pinned()
    # All images of a set are alike in what the adapter does.
    return CodecPoint(pinned, pinned.configuration(codec, adapter.settings(codec, image))), codec.about
