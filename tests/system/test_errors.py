from __future__ import annotations

import pickle

import pytest

from bench.system.errors import BenchError, CodecError, DecodeError, MissingError, StoreError, UsageError


@pytest.mark.parametrize("kind", [BenchError, CodecError, DecodeError, MissingError, StoreError, UsageError])
def test_a_message_is_one_line_whatever_stands_in_it(kind: type[BenchError]) -> None:
    error = kind("a\nb\x1b[0m\u2028\u202e\u061c\udcff - ünïcode")
    assert str(error) == "a\\nb\\x1b[0m\\u2028\\u202e\\u061c\\xff - ünïcode"
    assert str(error).isprintable()
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301  # as workers send them
