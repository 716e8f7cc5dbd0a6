"""Commands of bench in this process: to start Python takes longer than most of them."""

from __future__ import annotations

from click.testing import CliRunner

from bench.cli.main import main


def invoke(*arguments: str) -> tuple[int, str]:
    """A command's exit code, and what it says."""
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.output


def bench(*arguments: str, code: int = 0) -> str:
    """What a command says that ends with this exit code."""
    found, said = invoke(*arguments)
    assert found == code, said
    return said
