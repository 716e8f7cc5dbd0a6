"""Opening codecs to describe them, before anything is measured.

Foreign code may end the process that loads or constructs its codec, hang, or use all memory. It is therefore loaded and
opened in a worker process first. If that process ends, the codec's tasks fail with the reason.
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
"""Imports of users' code that are slow because of PyTorch."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Opens codecs; foreign ones in a worker process, which is replaced if it ends."""

    supervisor: Supervisor
    limits: Limits

    def point(self, recipe: Recipe, image: ImageFile) -> tuple[CodecPoint, str] | CodecError:
        """Describe a codec at one quality: a point and the codec's note (`Codec.about`), or why its process ended.

        Raises:
            BenchError: the codec cannot be opened.
            CodecError: the codec's code raised another error; the message is one line.
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
        """Find the requested codecs whose code ends the process that loads it, and the reasons.

        Exceptions are ignored here, because they are raised again when the code is loaded in this process.
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
    """Import everything that the fork server should preload when it starts."""
    for name in METRICS:
        load_metric(name)
    for name in names:
        if is_ours(name):
            codec_class(name)
        elif not _LIBRARIES.isdisjoint(user_code.imported(Path(name.rpartition(":")[0]))):
            importlib.import_module("torch")


def _load(name: str, options: Mapping[str, str], backend: str | None) -> CodecError | None:
    """Import a codec class and query its points, in a worker process; return an error if it calls `sys.exit`."""
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
    """An error whose type is kept across processes."""

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
    # The adapter treats all images of a set alike.
    return CodecPoint(pinned, pinned.configuration(codec, adapter.settings(codec, image))), codec.about
