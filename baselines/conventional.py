"""Base class of conventional codecs with two backends: Pillow and reference binaries with the same settings."""

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
    """A codec in Pillow, and in a pair of reference binaries.

    The backends differ in the version of the library. Binaries also need time for a process and two files, 2 to 10 ms;
    times should be taken with Pillow.
    """

    backends = ("pillow", "external")

    form: ClassVar[pillow.Format]
    encoder: ClassVar[Binary]
    decoder: ClassVar[Binary]

    coded: ClassVar[str]
    """Name of the compressed file in a command line."""

    max_side: ClassVar[int]
    """Maximum width and height of the format."""

    @abstractmethod
    def pillow_options(self, picture: Picture) -> dict[str, object]:
        """Arguments of Pillow's `save`."""

    @abstractmethod
    def encoder_arguments(self, picture: Picture) -> Sequence[str]:
        """Command line of the encoder, from `external.PICTURE` to `coded`."""

    decoder_arguments: ClassVar[Sequence[str]]
    """Command line of the decoder, from `coded` to `external.PICTURE`."""

    @classmethod
    def missing(cls, backend: str | None = None, **options: str) -> str | None:
        """The library or binaries that the backend lacks, with the way to get them; or None."""
        del options
        if backend == "external":
            return external.missing((cls.encoder, cls.decoder))
        return pillow.missing(cls.form)

    @property
    def backend_version(self) -> str:
        """The library, and the version of Pillow or of the binaries."""
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
