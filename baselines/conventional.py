"""Base class of conventional codecs with two backends: Pillow, and reference binaries with the same settings."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from baselines import external, pillow
from bench.codecs.codec import Codec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baselines.external import Binary
    from bench.images.picture import Picture


class ConventionalCodec(Codec):
    """A codec with an implementation in Pillow and in a pair of reference binaries.

    The backends may have different versions of the library. Binaries also take 2 to 10 ms for a process and two files,
    so that times should be measured with Pillow.
    """

    backends = ("pillow", "external")

    form: ClassVar[pillow.Format]
    encoder: ClassVar[Binary]
    decoder: ClassVar[Binary]

    coded: ClassVar[str]
    """File name of the compressed picture in command lines."""

    max_side: ClassVar[int]
    """Maximum width and height of the format."""

    def pillow_options(self, picture: Picture) -> dict[str, object]:
        """Return the arguments of Pillow's `save`: by default the quality and the settings."""
        del picture
        return {"quality": int(self.quality), **self.settings}

    @abstractmethod
    def encoder_arguments(self, picture: Picture) -> Sequence[str]:
        """Return the arguments of the encoder, which reads `external.PICTURE` and writes `coded`."""

    decoder_arguments: ClassVar[Sequence[str]]
    """Arguments of the decoder, which reads `coded` and writes `external.PICTURE`."""

    @classmethod
    def missing(cls, backend: str | None = None, **options: str) -> str | None:
        """Return the missing library or binaries of the backend, and how to get them; None if nothing is missing."""
        del options
        if backend == "external":
            return external.missing((cls.encoder, cls.decoder))
        return pillow.missing(cls.form)

    @property
    def backend_version(self) -> str:
        """Versions of the library, and of Pillow or the binaries."""
        if self.backend == "external":
            return external.version((self.encoder, self.decoder))
        return pillow.version(self.form)

    def encode(self, picture: Picture) -> bytes:
        """Compress a picture to a file of the format."""
        pillow.check_size(picture, self.title, self.max_side)
        if self.backend == "external":
            return external.encode(self.encoder, self.encoder_arguments(picture), picture, self.coded)
        return pillow.encode(picture, self.form, self.pillow_options(picture))

    def decode(self, data: bytes) -> Picture:
        """Decompress a file of the format."""
        if self.backend == "external":
            pillow.check_header(data, self.form)
            return external.decode(self.decoder, self.decoder_arguments, data, self.coded)
        return pillow.decode(data, self.form)
