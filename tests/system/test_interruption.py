"""A signal ends a command wherever it comes."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

import click
import pytest
from command_line import invoke

from bench.cli.main import main
from bench.system.interruption import SIGNALS, Interrupted, interrupted_once, stop_on_signal

if TYPE_CHECKING:
    from collections.abc import Iterator


class Freed:
    """Is freed while a signal comes; Python drops what is raised then."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


@pytest.fixture(autouse=True)
def _as_usual() -> Iterator[None]:
    """A run of these tests may be somebody's background job; and signals are ignored after an interrupt."""
    before = {number: signal.signal(number, how) for number, how in SIGNALS.items()}
    yield
    for number, how in before.items():
        signal.signal(number, how)


def free(number: signal.Signals) -> None:
    """Free objects, with a signal at each, and work on."""
    for _ in range(3):
        Freed(number)
    time.sleep(10)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_raised_and_others_are_ignored(number: signal.Signals) -> None:
    with pytest.raises(Interrupted) as raised, interrupted_once():
        signal.raise_signal(number)
    assert raised.value.signal == number
    assert {signal.getsignal(each) for each in SIGNALS} == {signal.SIG_IGN}


@interrupted_once()
def interrupted_while_importing(*, again: bool) -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        with contextlib.suppress(ImportError):
            raise ImportError("initialization failed") from None
    if again:
        signal.raise_signal(signal.SIGINT)


def test_a_signal_that_was_dropped_is_followed_by_another() -> None:
    interrupted_while_importing(again=False)
    for number, how in SIGNALS.items():
        signal.signal(number, how)
    with pytest.raises(Interrupted):
        interrupted_while_importing(again=True)


@interrupted_once()
def interrupted_while_it_ends(done: list[str]) -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.raise_signal(signal.SIGINT)
        done.append("its children are ended")


def test_a_second_signal_does_not_disturb_the_first_on_its_way() -> None:
    done: list[str] = []
    with pytest.raises(Interrupted):
        interrupted_while_it_ends(done)
    assert done


def test_an_import_that_a_signal_interrupted_ends_as_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def importing() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:  # as a C extension does while it is loaded
            raise ImportError("initialization failed") from error

    def leave(status: int) -> NoReturn:
        raise SystemExit(status)

    monkeypatch.setattr(main, "get_command", lambda *_: importing)
    monkeypatch.setattr("os._exit", leave)
    assert invoke("importing") == (128 + signal.SIGINT, "interrupted\n")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_an_object_is_freed_is_not_lost(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    hook = sys.unraisablehook
    with pytest.raises(Interrupted) as raised, interrupted_once():
        free(number)
    assert raised.value.signal == number
    assert capsys.readouterr().err == ""
    assert sys.unraisablehook is hook


def test_a_signal_at_the_very_end_disturbs_nothing_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.system.interruption.AGAIN_S", 60)
    with interrupted_once():
        Freed(signal.SIGTERM)
    waiting = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    for thread in waiting:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in waiting)
    assert {number: signal.getsignal(number) for number in SIGNALS} == SIGNALS


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_a_training_to_stop_and_the_second_has_its_usual_effect(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    with stop_on_signal() as stopped:
        signal.raise_signal(number)
        assert stopped.is_set()
        assert capfd.readouterr().err == "stopping after the current step; a second signal stops at once\n"
        assert {each: signal.getsignal(each) for each in SIGNALS} == SIGNALS


def test_other_exceptions_that_python_drops_are_told_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __del__(self) -> None:
            raise ZeroDivisionError

    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: told.append(dropped.exc_type))
    with interrupted_once():
        Broken()
    assert told == [ZeroDivisionError]
