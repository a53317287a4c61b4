"""Intervals beyond the measured: rows left out of the fit lie in them, and what ships is what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gigaplan import catalog
from gigaplan.accuracy import serving as accuracy
from gigaplan.validation.serving import extrapolation as e
from gigaplan.validation.serving.fit import read_rows
from gigaplan.validation.serving.folds import LeftOut, folds, left_out
from gigaplan.validation.serving.predictions import answer_all
from gigaplan.validation.serving.questions import read, read_questions, row_question

WHOLE = Path(__file__).parents[3] / "shared" / "data" / "validation" / "inference_serving.csv"
needs_whole = pytest.mark.skipif(not WHOLE.exists(), reason="the whole table is not beside this checkout")


@pytest.fixture(scope="module")
def rows() -> dict[str, e.LeftOut]:
    questions, _, table = read_rows(WHOLE)
    together = [q for q in questions if q.prefill is None]
    return e.left_out_rows(together, table, {**folds(), **left_out()})


@needs_whole
def test_what_ships_is_what_is_measured(rows: dict[str, e.LeftOut]) -> None:
    for fact in e.facts_of(rows):
        kept = catalog.load().find(fact["entity"], fact["quantity"])
        assert kept.number == pytest.approx(float(fact["value"]), rel=2e-3), fact["id"]
        if fact["low"]:
            assert kept.low == pytest.approx(float(fact["low"]), rel=2e-3), fact["id"]
            assert kept.high == pytest.approx(float(fact["high"]), rel=2e-3), fact["id"]


@needs_whole
def test_left_out_groups_count_alike(rows: dict[str, e.LeftOut]) -> None:
    families = rows[accuracy.NEW_FAMILY]
    sums = [families.weight[families.groups == g].sum() for g in np.unique(families.groups)]
    assert sums == pytest.approx(np.ones(len(sums)))
    assert (rows[accuracy.LONG_INPUT].weight > 0).sum() < 0.1 * len(families.weight)


@needs_whole
@pytest.mark.parametrize("without", ["generation", "family"])
def test_rows_of_what_was_left_out_are_covered(without: LeftOut) -> None:
    asked = [a for a in read_questions(WHOLE) if a.tpot_ms > 0 and not a.set_aside and a.question is not None]
    asked = [a for a in asked if a.question is not None and a.question.prefill is None][::3]
    found = answer_all(asked, out_of_sample=True, left_out=without)
    for time in ("ttft", "tpot"):
        inside = [
            getattr(f, f"{time}_low") <= getattr(a, f"{time}_ms") <= getattr(f, f"{time}_high")
            for a, f in zip(asked, found, strict=True)
        ]
        assert 0.7 < np.mean(inside) < 0.9


def test_rows_beyond_are_less_sure_than_the_same_rows_inside() -> None:
    """Of an engine older than any measured; some rows are read otherwise by their release."""
    wider, compared = 0, 0
    for row in (r for r in read()[::5] if r["mode"] == "agg"):
        near, far = answer_all([row_question(row), row_question({**row, "engine_version": "0.1"})], out_of_sample=False)
        assert far.validity.startswith("extrapolated")
        compared += 1
        wider += far.tpot_high / far.tpot_low > near.tpot_high / near.tpot_low
    assert compared > 10
    assert wider > 0.9 * compared


def test_reading_more_says_less_of_the_split_and_not_of_the_whole() -> None:
    row = {
        **next(r for r in read() if r["mode"] == "agg" and "llama" in r["model"].lower()),
        "osl": "256",
        "concurrency": "64",
    }
    short, long = answer_all([row_question({**row, "isl": n}) for n in ("256", "8192")], out_of_sample=False)
    assert short.validity == long.validity == "inside"
    assert long.tpot_ms / long.tpot_low > short.tpot_ms / short.tpot_low
    assert long.output_high / long.output_low == pytest.approx(short.output_high / short.output_low, rel=0.1)
