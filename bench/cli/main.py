"""The command line: the group of commands, loaded on demand, and error handling."""

from __future__ import annotations

import builtins
import contextlib
import importlib
import io
import keyword
import os
import sys
from typing import TYPE_CHECKING, Any, cast

import click

from bench import __version__
from bench.cli.parameters import Command
from bench.system.errors import BenchError, printable
from bench.system.interruption import interrupted_once, interruption_behind, signal_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMANDS = (
    "list", "fetch", "run", "reproduce", "report", "verify", "export", "import", "merge", "doctor", "compare", "plot",
    "train", "diagnose", "quantize",
)  # fmt: skip
"""Commands in order of use. Each is defined in a module of the same name, which is imported on demand. Names that are
Python keywords or built-ins get an underscore at the end."""

_RESUMED = {"run", "reproduce", "fetch"}
"""Commands that, started again after an interruption, do only what is missing."""

_FORMERLY = {"--carrier": "--backend"}
"""Former names of options, which are still accepted, to their present names."""


class Commands(click.Group):
    """Command group that lists its commands in order of use, and prints errors for the user as one line."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse options, including former names."""
        words = (word.partition("=") for word in args)
        return super().parse_args(ctx, ["".join((_FORMERLY.get(name, name), *rest)) for name, *rest in words])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in order of use."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command and return the command."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) or hasattr(builtins, cmd_name) else cmd_name
        return cast("click.Command", getattr(importlib.import_module(f"bench.cli.{name}"), name))

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:  # noqa: ANN401  # click's arguments
        """Parse the arguments before the command."""
        with _interruption_in_one_line(), _errors_in_one_line():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # click's signature
        """Run the command."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # so that paths that are not UTF-8 can be printed
        with _interruption_in_one_line(ctx), _errors_in_one_line(), interrupted_once():
            return super().invoke(ctx)


@contextlib.contextmanager
def _errors_in_one_line() -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise click.UsageError(printable(error.format_message()), error.ctx) from error
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(printable(f"{where}{error.strerror or error}")) from error


@contextlib.contextmanager
def _interruption_in_one_line(ctx: click.Context | None = None) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        if not (interruption := interruption_behind(error)):
            raise
        resumed = ctx is not None and ctx.invoked_subcommand in _RESUMED
        rest = "; finished work is stored, and the same command resumes from there" if resumed else ""
        click.echo(f"interrupted{rest}", err=True)
        status = 128 + signal_of(interruption)  # the convention of shells
        if error is not interruption:
            # A C extension whose import was interrupted can abort the interpreter while it shuts down.
            sys.stdout.flush()
            os._exit(status)
        raise click.exceptions.Exit(status) from None


_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}


@click.group(cls=Commands, context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="bench")
def main() -> None:
    """Benchmark learned and conventional image codecs, and report the results."""
