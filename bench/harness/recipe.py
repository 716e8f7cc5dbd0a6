"""Recipes for opening the same codec in this process and in others."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.codecs import user_code
from bench.codecs.registry import code_of, codec_class, is_ours, label_of
from bench.results.resume_key import Configuration
from bench.system.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.codecs.codec import Codec, Scalar

ANOTHER = "or its files differ from those of the planned run; if they were changed, start the run again"

Version = tuple[str, str | None]
"""A codec's revision, and the SHA-256 of its weights."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a process needs to open a codec at one quality."""

    name: str
    """Name as given by the user. The codec of a file is stored under its label."""
    quality: float
    backend: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    files: tuple[Path, ...] = ()
    """Files besides the code that determine the bytes of a foreign codec."""
    version: Version | None = None
    """Expected version; None accepts any."""

    def open(self) -> Codec:
        """Create a codec object.

        Raises:
            UsageError: there is no such codec, quality, backend or option.
            MissingError: it cannot run on this machine.
            CodecError: it has another version.
        """
        codec = self._new()
        if self.version not in {None, self._version_of(codec, self.files)}:
            raise CodecError(f"{self.name} {ANOTHER}")
        return codec

    def pinned(self) -> tuple[Recipe, Codec]:
        """Return the recipe with the files and the version found here, and an open codec.

        Raises:
            BenchError: as `open`.
        """
        if is_ours(self.name):
            codec, files = self._new(), self.files
        else:
            codec, first = self._watched()
            _, second = self._watched()
            # Files that only the first object opened are held in memory, perhaps for other qualities, too.
            user_code.keep({path: first[path] for path in first.keys() - second.keys()})
            files = self._files(codec, {*first, *second})
        return replace(self, files=files, version=self._version_of(codec, files)), codec

    def configuration(self, codec: Codec, further: Mapping[str, Scalar] | None = None) -> Configuration:
        """Return the configuration of an open codec; see `Configuration.of`."""
        revision, weights_sha256 = self._version_of(codec, self.files)
        configuration = Configuration.of(label_of(self.name), codec, further)
        return replace(configuration, revision=revision, weights_sha256=weights_sha256)

    def _new(self) -> Codec:
        return codec_class(self.name)(self.quality, backend=self.backend, **dict(self.options))

    def _watched(self) -> tuple[Codec, dict[Path, set[str]]]:
        """Create a codec object, and return it with the files that were opened."""
        with user_code.watching() as opened:
            codec = self._new()
        return codec, opened.data_files()

    def _files(self, codec: Codec, opened: set[Path]) -> tuple[Path, ...]:
        """Files besides the code that determine the bytes: declared by the codec, named by options, or opened."""
        code = code_of(self.name)
        options = {path.absolute() for path in map(Path, codec.chosen.values()) if user_code.is_file(path)}
        return tuple(sorted(code.files(codec.files) | options | (opened - code.modules)))

    def _version_of(self, codec: Codec, files: Sequence[Path]) -> Version:
        if is_ours(self.name):
            return codec.revision, codec.weights_sha256
        content = user_code.content_sha256(files, codec.weights_sha256)
        return code_of(self.name).versioned(codec.revision), content


def recipe_of(stored: Mapping[str, Any]) -> Recipe:
    """Create the recipe of a stored configuration; `stored` has the fields of `Configuration`."""
    settings = json.loads(stored["settings"] or "{}")
    options = {name: str(settings[name]) for name in codec_class(stored["codec"]).options if name in settings}
    if stored["weights"]:
        options["weights"] = stored["weights"]
    return Recipe(stored["codec"], stored["quality"], stored["backend"], tuple(sorted(options.items())))
