"""Commands whose work is elsewhere: what they choose, and what they print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.testing import CliRunner

from bench.cli import main

if TYPE_CHECKING:
    from pathlib import Path


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output


def test_published_curves_are_compared_without_results(tmp_path: Path) -> None:
    db = str(tmp_path / "none.sqlite")
    code, output = invoke("compare", "tfc/minnen-2018-neurips-opt-mse", "tfc/jpeg420", "--metric", "psnr", "--db", db)
    assert code == 0, output
    assert "-58.92 %" in output
    assert "from published points alone" in output
    assert not list(tmp_path.iterdir())


def test_what_is_measured_needs_results(tmp_path: Path) -> None:
    code, output = invoke("compare", "jpeg", "tfc/jpeg420", "--db", str(tmp_path / "none.sqlite"))
    assert code == 1
    assert output.startswith("Error: there are no results at ")
