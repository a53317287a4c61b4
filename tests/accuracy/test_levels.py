"""Levels of measured cells: which one a question gets, and what its interval rests on."""

from __future__ import annotations

import pytest

from gigaplan import catalog
from gigaplan.accuracy import levels, serving

CELL = {
    "system": "h100_hgx",
    "generation": "hopper",
    "family": "qwen3_32b",
    "engine": "vllm",
    "precision": "bf16",
    "speculative": False,
}


def of(release: str, **changed: object) -> levels.Level:
    return levels.level_of(**(CELL | changed), release=release)  # type: ignore[arg-type]


def test_a_question_gets_the_nearest_level_that_was_measured() -> None:
    assert (of("0.12.0").known, of("v0.12.0").known) == ("release", "release")
    assert of("").known == "any"
    assert of("9.9").known == "other"
    assert of("", family="llama_9") == levels.NONE
    assert of("", system="mi325x_oam8", generation="mi325x", engine="sglang").known == "die"
    assert {of(r).measured for r in ("0.12.0", "")} == {True}
    assert not of("9.9").measured


def test_a_measured_cell_is_inside_and_surer_than_its_kind() -> None:
    level, kind = of("0.12.0"), "co_located.vllm.dense"
    sure, wide = serving.interval(kind=kind, level=level), serving.interval(kind=kind)
    for time in ("tpot", "ttft"):
        a, b = getattr(sure, time), getattr(wide, time)
        assert a.high / a.low < b.high / b.low
    far = {"generation": "mi300x", "family": "new", "active_parameters": 37e9, "board": "mi300x_oam8"}
    assert serving.reach(**far, level=of("0.12.0")) == serving.MEASURED  # type: ignore[arg-type]
    assert serving.reach(**far).reasons == {serving.AMD, serving.NEW_FAMILY}  # type: ignore[arg-type]


def test_a_board_that_nobody_measured_is_beyond() -> None:
    near = {"generation": "hopper", "family": "deepseek", "active_parameters": 37e9}
    assert serving.reach(**near, board="h200_hgx") == serving.MEASURED  # type: ignore[arg-type]
    found = serving.reach(**near, board="h20_hgx")  # type: ignore[arg-type]
    assert found.reasons == {serving.NEW_BOARD}
    assert "no measured row of h20_hgx, only of other hopper boards" in found.validity
    narrow, wide = (serving.interval(kind="co_located.vllm.dense", reach=r).tpot for r in (serving.MEASURED, found))
    assert wide.low <= narrow.low
    assert wide.high >= narrow.high


def test_every_level_lies_in_its_interval() -> None:
    facts = catalog.load()
    names = facts.entities("tpot_level", prefix=f"{levels.LEVELS}.")
    assert len(names) > 100
    for name in names:
        fact = facts.find(name, "tpot_level")
        assert fact.low is not None
        assert fact.high is not None
        assert 0 < fact.low <= fact.number <= fact.high


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_request_is_as_sure_as_what_it_is_made_of(share: float) -> None:
    level = of("0.12.0")
    found = level.latency_error(share)
    edges = [(level.tpot_error.high, level.ttft_error.high), (level.tpot_error.low, level.ttft_error.low)]
    for (each, first), edge in zip(edges, (found.high, found.low), strict=True):
        assert edge == pytest.approx(each**share * first ** (1 - share))
