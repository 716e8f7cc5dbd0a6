"""Codecs at their middle quality, for the contract tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.codecs.registry import codec_class

if TYPE_CHECKING:
    from bench.codecs.codec import Codec


def middle(name: str) -> float:
    points = codec_class(name).points()
    return points[len(points) // 2]


def open_codec(name: str, backend: str, quality: float | None = None) -> Codec:
    codec = codec_class(name)
    if reason := codec.missing(backend):
        pytest.skip(reason)
    return codec(middle(name) if quality is None else quality, backend=backend)
