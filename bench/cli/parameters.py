"""Types of options and arguments, with validation: folders, files, counts and numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from bench.system.errors import UsageError
from bench.system.files import require_no_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Integer(click.IntRange):
    """An integer within a range."""

    name = "integer"


class Folder(click.Path):
    """A folder, new or existing."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401
        """Return the path.

        Raises:
            UsageError: it is a file, or is in one.
        """
        path = cast("Path", super().convert(value, param, ctx))
        require_no_file(path)
        return path


class File(click.Path):
    """A file, new or existing."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401
        """Return the path.

        Raises:
            UsageError: it is a folder, or is in a file.
        """
        path = cast("Path", super().convert(value, param, ctx))
        if path.is_dir():
            named = f" with {param.opts[0]}" if isinstance(param, click.Option) else ""
            raise UsageError(f"{path} is a folder; choose a file{named}")
        require_no_file(path.parent)
        return path


class Number(click.FloatRange):
    """A finite number within a range; "nan" and "inf", which float() accepts, are refused."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Return the number."""
        number = click.FLOAT.convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return super().convert(number, param, ctx)


def shard(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, int]:
    """Parse a part of the tasks of a run, as a callback: "2/10", the second of ten, to number and number of shards."""
    number, slash, shards = value.partition("/")
    if not (slash and number.isdecimal() and shards.isdecimal() and 1 <= int(number) <= int(shards)):
        reason = f"{value!r} is not a shard; use 1/8 for the first of eight, and 8/8 for the last."
        raise click.BadParameter(reason, ctx=ctx, param=param)
    return int(number), int(shards)


COUNT = Integer(1, 10**9)
PROCESSES = Integer(1, 4096)
"""Number of threads, processes, GPUs or machines, limited so that typing errors are detected."""
SEED = Integer(0, 2**31 - 1)
"""Seeds that NumPy and PyTorch accept even after a small number is added."""
FOLDER = Folder(path_type=Path)
FILE = File(path_type=Path)
POSITIVE = Number(min=0, min_open=True)


def one_value(reason: str) -> Callable[[click.Context, click.Parameter, Sequence[Any]], Any]:
    """Return a callback that accepts an option only once: otherwise a second value would silently replace the first."""

    def only(ctx: click.Context, param: click.Parameter, value: Sequence[Any]) -> Any:  # noqa: ANN401 - any option's
        if len(value) > 1:
            raise click.BadParameter(reason, ctx=ctx, param=param)
        return value[0] if value else None

    return only


ONE_CURVE = one_value("give one glob or one list for a curve, as in q1=a.pth,q2=b.pth.")

ONE_TARGET = one_value("a run has one target; use one run for each.")


class Command(click.Command):
    """A command that refuses empty values, which are often caused by unset shell variables."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse empty values and globs expanded by the shell, and parse the arguments."""
        values, excess, order = self.make_parser(ctx).parse_args(args=list(args))
        if excess and Path(excess[0]).exists():
            raise click.UsageError(f"{excess[0]} is an unexpected value; put globs in quotes: 'runs/*.pth.tar'", ctx)
        for parameter in order:
            given = values.get(parameter.name)
            if given == "" or (isinstance(given, list | tuple) and "" in given):
                raise click.BadParameter("it is empty.", ctx=ctx, param=parameter)
        return super().parse_args(ctx, args)
