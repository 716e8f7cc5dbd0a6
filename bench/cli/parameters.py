"""Types of options and arguments: folders, files, counts, numbers, with their validation."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from bench.system.errors import UsageError
from bench.system.files import require_no_file

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNT = click.IntRange(1, 10**9)
PROCESSES = click.IntRange(1, 4096)
"""Of threads, processes, GPUs and machines: more are a slip, and the system's own refusal would be a traceback."""
SEED = click.IntRange(0, 2**31 - 1)
"""Seeds that NumPy and PyTorch both take, with a small number added."""


class Folder(click.Path):
    """A folder, new or there."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401
        """The path.

        Raises:
            UsageError: it is a file, or lies in one.
        """
        path = cast("Path", super().convert(value, param, ctx))
        require_no_file(path)
        return path


class File(click.Path):
    """A file, new or there."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401
        """The path.

        Raises:
            UsageError: it is a folder, or lies in a file.
        """
        path = cast("Path", super().convert(value, param, ctx))
        if path.is_dir():
            named = f" with {param.opts[0]}" if isinstance(param, click.Option) else ""
            raise UsageError(f"{path} is a folder; choose a file{named}")
        require_no_file(path.parent)
        return path


class Number(click.FloatRange):
    """A number of a range; "nan" and "inf", which float() takes, are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """The number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class Shard(click.ParamType):  # type: ignore[type-arg]  # generic in some versions of click
    """A share of some work: 2/10 is the second of ten."""

    name = "shard"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:  # noqa: ANN401
        """The number of the share, and how many there are."""
        if isinstance(value, tuple):
            return value
        number, slash, shards = str(value).partition("/")
        if not (slash and number.isdecimal() and shards.isdecimal() and 1 <= int(number) <= int(shards)):
            self.fail(f"{value!r} is not a shard; write 1/8 for the first of eight, and 8/8 for the last.", param, ctx)
        return int(number), int(shards)


SHARD = Shard()
FOLDER = Folder(path_type=Path)
FILE = File(path_type=Path)
POSITIVE = Number(min=0, min_open=True)


def one_curve(ctx: click.Context, param: click.Parameter, value: Sequence[str]) -> str | None:
    """The one value of `--weights`, which a second one would otherwise replace without a word."""
    if len(value) > 1:
        raise click.BadParameter("a curve is one glob or list, as in q1=a.pth,q2=b.pth.", ctx=ctx, param=param)
    return value[0] if value else None


def one_target(ctx: click.Context, param: click.Parameter, value: Sequence[float]) -> float | None:
    """The one value of `--bpp` or `--psnr`, likewise."""
    if len(value) > 1:
        raise click.BadParameter("a run has one target; run it once for each.", ctx=ctx, param=param)
    return value[0] if value else None


class Command(click.Command):
    """A command that takes no empty text: it is what a variable that is not set comes to in a shell."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse empty values and what a glob without quotes becomes, and parse the rest."""
        values, excess, order = self.make_parser(ctx).parse_args(args=list(args))
        if excess and Path(excess[0]).exists():
            raise click.UsageError(f"{excess[0]} is a value too many; put a glob in quotes: 'runs/*.pth.tar'", ctx)
        for parameter in order:
            given = values.get(parameter.name)
            if given == "" or (isinstance(given, list | tuple) and "" in given):
                raise click.BadParameter("it is empty.", ctx=ctx, param=parameter)
        return super().parse_args(ctx, args)
