"""Every command and option with wrong values: one line that says what is wrong, and nothing written.

The walk is over click's own tree, so that a new command or option is walked too: by its type, and by what the tables
say that a wrong value of it is. One that the tables lack is a failure.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from wrong_values import BASES, COMMON, ODD, OWN, TALKING, Wrong

from bench.cli.main import main
from bench.cli.parameters import File, Folder
from bench.harness import cluster
from bench.images import datasets
from bench.system.errors import MissingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(main))


def called(parameter: click.Parameter) -> str:
    return parameter.opts[0] if isinstance(parameter, click.Option) else str(parameter.name)


def by_type(parameter: click.Parameter) -> Iterator[Wrong]:
    """What no parameter of a type takes, and what click or the type says of it."""
    kind = parameter.type
    if isinstance(parameter, click.Option) and parameter.is_flag:
        yield Wrong("=1", "does not take a value")
        return
    yield Wrong("", "it is empty")
    if isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
        yield Wrong("many", "'many' is not a valid ")
        yield Wrong(ODD, "is not a valid ")
    if isinstance(kind, click.IntRange | click.FloatRange):
        yield from (Wrong(str(bound), "not in the range") for bound in beyond(kind))
    if isinstance(kind, click.FloatRange):
        yield from (Wrong(value, f"'{value}' is not a finite number") for value in ("nan", "inf"))
    if isinstance(kind, click.Choice):
        yield Wrong("nosuch", "'nosuch' is not ")
    if isinstance(kind, Folder):
        yield from (Wrong(value, "text is a file, not a folder") for value in ("text", "text/in/it"))
    if isinstance(kind, File):
        yield Wrong("empty", "empty is a folder; choose a file")
        yield Wrong("text/in/it", "text is a file, not a folder")


def beyond(kind: click.IntRange | click.FloatRange) -> Iterator[float]:
    if kind.min is not None:
        yield kind.min - (0 if kind.min_open else 1)
    if kind.max is not None:
        yield kind.max + (0 if kind.max_open else 1)


def cases() -> Iterator[tuple[str, str, Wrong]]:
    for name, command in COMMANDS.items():
        for parameter in command.params:
            own = OWN.get(name, {}).get(called(parameter), COMMON.get(called(parameter), ()))
            yield from ((name, called(parameter), wrong) for wrong in (*by_type(parameter), *own))


def told(value: str | Wrong) -> str:
    return ascii(value.value if isinstance(value, Wrong) else value).strip("'")


def words_of(name: str, parameter: click.Parameter, wrong: Wrong) -> list[str]:
    base = list(BASES[name] if wrong.base is None else wrong.base)
    if isinstance(parameter, click.Argument):
        arguments = [argument for argument in COMMANDS[name].params if isinstance(argument, click.Argument)]
        place = arguments.index(parameter)
        base[place : place + (place < len(base) and not base[place].startswith("--"))] = [wrong.value]
        return [*name.split(), *base, *wrong.words]
    assert isinstance(parameter, click.Option)
    if parameter.is_flag:
        given = [called(parameter) + wrong.value]
    else:
        given = [called(parameter), *[wrong.value] * parameter.nargs]
    return [*name.split(), *base, *wrong.words, *given]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, a clip, results of two codecs, and files and folders that are none of these."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / "photos").mkdir()
    noise = np.random.default_rng(1).integers(0, 256, (2, 24, 32, 3), dtype=np.uint8)
    for index, pixels in enumerate(noise):
        Image.fromarray(pixels).save(folder / "photos" / f"p{index}.png")
    Image.fromarray(noise[0]).save(folder / "photo.png")
    (folder / "empty").mkdir()
    (folder / "text").write_text("no picture, no weights, no table\n")
    (folder / "own.py").write_text("nothing = 1\n")
    (folder / "curve.json").write_text('{"results": {"bpp": [0.1, 0.2], "psnr": [30, 33]}}')
    (folder / "clip.y4m").write_bytes(b"YUV4MPEG2 W16 H16 F1:1\nFRAME\n" + bytes(384))
    (folder / "raw.yuv").write_bytes(bytes(384))
    for codec in ("jpeg@10,50", "webp@10,50"):
        run = ["run", "--codec", codec, "--dataset", str(folder / "photos"), "--db", str(folder / "r.sqlite")]
        assert CliRunner().invoke(main, run).exit_code == 0
    return folder


def unplugged(*_: object) -> None:
    raise MissingError("there is no network")


def contents(folder: Path) -> dict[Path, str]:
    # Python itself writes the bytecode of a user's module.
    found = (path for path in folder.rglob("*") if "__pycache__" not in path.parts)
    files = {path: path.read_bytes() if path.is_file() else b"" for path in found}
    return {path: sha256(data).hexdigest() for path, data in files.items()}


def test_every_parameter_of_every_command_is_walked() -> None:
    known = {(name, called(parameter)) for name, command in COMMANDS.items() for parameter in command.params}
    assert sorted(BASES) == sorted(COMMANDS)
    assert [(name, one) for name, one in sorted(known) if one not in {*OWN.get(name, {}), *COMMON}] == []
    assert [(name, one) for name, own in OWN.items() for one in own if (name, one) not in known] == []


@pytest.mark.parametrize(
    ("name", "called_", "wrong"), list(cases()), ids=lambda value: ascii(getattr(value, "value", value))
)
def test_a_wrong_value_is_told_in_one_line(
    name: str, called_: str, wrong: Wrong, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    for variable in ("HOME", "XDG_CACHE_HOME", "BENCH_DATA", "BENCH_WEIGHTS"):
        monkeypatch.setenv(variable, str(place / "home"))
    (parameter,) = (one for one in COMMANDS[name].params if called(one) == called_)
    monkeypatch.setattr(datasets, "download", unplugged)
    monkeypatch.setattr(cluster, "CONNECT_S", 0.1)  # Dask tries again until then, also where nobody listens
    before = contents(place)
    result = CliRunner().invoke(main, words_of(name, parameter, wrong))
    assert result.exit_code in {1, 2}, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == "" or name in TALKING
    assert_one_line(result.stderr.splitlines(), is_usage=result.exit_code == 2)
    assert wrong.message in result.stderr
    assert list(removed(place, before)) == []


@pytest.mark.parametrize("group", [(), ("train", "zoo"), ("run",)], ids=" ".join)
@pytest.mark.parametrize("word", ["--no\n\x1bsuch", "no\n\x1bsuch"], ids=["option", "word"])
def test_a_word_that_no_command_knows_is_told_in_one_line(group: tuple[str, ...], word: str) -> None:
    base = ("--codec", "jpeg") if group == ("run",) else ()
    result = CliRunner().invoke(main, [*group, *base, word])
    assert result.exit_code == 2
    assert_one_line(result.stderr.splitlines(), is_usage=True)
    assert "\x1b" not in result.stderr


def removed(folder: Path, before: Mapping[Path, str]) -> Iterator[Path]:
    """What a command wrote, which is removed for the next one's sake."""
    after = contents(folder)
    assert {path: after.get(path) for path in before} == before
    for path in sorted(after.keys() - before.keys(), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
        yield path


def assert_one_line(lines: Sequence[str], *, is_usage: bool) -> None:
    """What click says of usage mostly comes with two lines of how a command is used, and an empty one."""
    if is_usage and len(lines) > 1:
        assert [line.partition(" ")[0] for line in lines[:-1]] == ["Usage:", "Try", ""]
        lines = lines[-1:]
    assert [line.partition(" ")[0] for line in lines] == ["Error:"]
