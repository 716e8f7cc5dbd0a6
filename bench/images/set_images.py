"""The images of a set: image files, converted image files, and frames of clips."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.images import ffmpeg, image_files
from bench.images.clips import read_frame
from bench.images.image_files import parse_picture, read_file, read_picture
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.images.picture import AnyPicture, Kind, Yuv420
    from bench.images.pixel_format import FrameFormat


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One image of a set, RGB. `name` is unique in the set; `sha256` is of the file."""

    kind: ClassVar[Kind] = "rgb"

    name: str
    path: Path
    sha256: str

    @property
    def full_range(self) -> bool:
        """Whether levels are 0 to 255; see `Yuv420`."""
        return True

    @property
    def remarks(self) -> tuple[str, ...]:
        """What reading the file omits or converts."""
        return image_files.remarks(self.path)

    def read(self) -> AnyPicture:
        """Read the picture.

        Raises:
            UsageError: the file cannot be read, or was changed since the set was opened.
        """
        data = read_file(self.path)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise _changed(self.path)
        return parse_picture(data, self.path)


@dataclass(frozen=True, slots=True)
class ConvertedImage(ImageFile):
    """An image file, converted to YUV 4:2:0 by `bench.images.ffmpeg.TO_YUV420`. `sha256` is of the planes."""

    kind: ClassVar[Kind] = "yuv420"

    @property
    def full_range(self) -> bool:
        """False, because the conversion is to limited range."""
        return False

    def read(self) -> AnyPicture:
        """Convert the picture, and verify the planes by their hash.

        Raises:
            UsageError: the file cannot be read, or this version of ffmpeg gives other planes.
            MissingError: there is no suitable ffmpeg.
        """
        picture = ffmpeg.to_yuv420(read_picture(self.path))
        found = planes_sha256(picture)
        if found != self.sha256:
            raise UsageError(
                f"{self.path}: {ffmpeg.version()} converts it to other planes (SHA-256 {found[:12]}…) than the "
                f"recorded ones ({self.sha256[:12]}…); unset IMAGEIO_FFMPEG_EXE, or install another imageio-ffmpeg"
            )
        return picture


@dataclass(frozen=True, slots=True)
class ClipFrame(ImageFile):
    """A frame of a clip. `sha256` is of its planes and their range; see `planes_sha256`."""

    kind: ClassVar[Kind] = "yuv420"

    offset: int  # of its samples in the file, bytes
    form: FrameFormat

    @property
    def full_range(self) -> bool:
        """As stated by the clip or by the user."""
        return self.form.full_range

    @property
    def remarks(self) -> tuple[str, ...]:
        """What reading the frame omits or converts."""
        return ("grey has no chroma: it is 128 everywhere, and its PSNR is meaningless",) if self.form.is_grey else ()

    def read(self) -> AnyPicture:
        """Read the planes.

        Raises:
            UsageError: the file cannot be read, or was changed since the set was opened.
        """
        picture = read_frame(self.path, self.offset, self.form)
        if planes_sha256(picture) != self.sha256:
            raise _changed(self.path)
        return picture


def _changed(path: Path) -> UsageError:
    return UsageError(f"{path} was changed during the run; start the run again")


def planes_sha256(picture: Yuv420) -> str:
    """SHA-256 of Y, U and V, and of the range if it is full.

    In limited range this is what `ffmpeg -i PICTURE -f hash -hash sha256 -` prints. The same samples in full range are
    a different picture, with other colours in RGB, and their results must not be mixed.
    """
    digest = hashlib.sha256(picture.to_bytes())
    if picture.full_range:
        digest.update(b"full range")
    return digest.hexdigest()
