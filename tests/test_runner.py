"""In which order a run works on its cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import runner
from bench.measure import Sample
from bench.request import RunRequest, execute

if TYPE_CHECKING:
    import pytest

    from bench.codec import Codec
    from bench.picture import Picture
    from tests.conftest import Desk


def test_codecs_of_a_family_are_timed_side_by_side(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[tuple[str, float, bytes]] = []

    def time_stages(encoder: Codec, _decoder: Codec, picture: Picture, _repeats: int) -> list[Sample]:
        timed.append((type(encoder).__name__, encoder.quality, picture.pixels.tobytes()))
        return [Sample("encode", 0, 1.0)]

    monkeypatch.setattr(runner, "time_stages", time_stages)
    request = RunRequest(
        codecs=("jpeg@30,50,90", "webp@50", "jpeg-444@30,50"),
        dataset=str(desk.path / "photos"),
        db=desk.path / "r.sqlite",
        threads=1,
        command=(),
        timing=True,
        force=True,
    )
    summary = execute(request)
    assert summary.outcomes["timed"].measured == len(set(timed)) == 24
    pairs = [place for place, (codec, *_) in enumerate(timed) if codec == "Jpeg444"]
    assert len(pairs) == 8
    assert all(timed[place - 1] == ("Jpeg", *timed[place][1:]) for place in pairs)
