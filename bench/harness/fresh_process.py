"""Decoding in a fresh process, which receives only a recipe of the codec and the bytes of a file."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

from bench.codecs import adapter
from bench.system.errors import CodecError
from bench.system.worker_process import EndedError, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.codecs.codec import Codec
    from bench.harness.recipe import Recipe
    from bench.images.picture import AnyPicture, Kind


class FreshProcess(WorkerProcess):
    """A worker process that decodes."""

    def open(self, recipe: Recipe) -> None:
        """Start the process if necessary, and open a codec in it ahead of decoding.

        Raises:
            CodecError: as `decode`.
        """
        self._call(_open, recipe)

    def decode(self, recipe: Recipe, data: bytes, kind: Kind = "rgb") -> AnyPicture:
        """Decode a file in the process; see `bench.codecs.adapter.decode`.

        Raises:
            CodecError: the file cannot be decoded, or the codec cannot be opened in the process.
        """
        decoded: AnyPicture = self._call(_decode, recipe, data, kind)
        return dataclasses.replace(decoded)  # unpickled arrays are writable; a picture's are not

    def _call(self, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
        try:
            return self.call(function, *arguments)
        except EndedError as error:
            raise CodecError(f"the process that decodes {error}") from None
        except CodecError as error:
            raise CodecError(f"in the process that decodes: {error}") from None


def _open(recipe: Recipe) -> None:
    _opened(recipe)


def _decode(recipe: Recipe, data: bytes, kind: Kind) -> AnyPicture:
    return adapter.decode(_opened(recipe), data, kind)


@functools.lru_cache(maxsize=1)
def _opened(recipe: Recipe) -> Codec:
    return recipe.open()
