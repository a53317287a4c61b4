"""Measuring levels: limits of shrinkage, what is left out of them, and what ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gigaplan import catalog
from gigaplan.inference.levelled import at_level
from gigaplan.inference.serving import closed_loop
from gigaplan.inference.step import Stage
from gigaplan.plan.resolve import device_of, efficiency_of, engine_of, model_of
from gigaplan.validation.serving import levels
from gigaplan.validation.serving.predictions import answer_all
from gigaplan.validation.serving.questions import read, read_questions, row_question

TABLES = Path(__file__).parents[3] / "shared" / "data" / "validation"
WHOLE = TABLES / "inference_serving.csv"
needs_whole = pytest.mark.skipif(not WHOLE.exists(), reason="the whole table is not beside this checkout")


def cells(means: list[float], layouts: int, spread: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return logarithms of rows, their cell and their layout: alike about the mean of each cell."""
    around = np.linspace(-spread, spread, layouts)
    log = np.concatenate([m + around for m in means])
    cell = np.repeat([f"c{k}" for k in range(len(means))], layouts)
    return log, cell, np.array([f"l{k}" for k in range(len(log))])


def test_many_alike_rows_set_a_level_and_few_unlike_ones_do_not() -> None:
    means = [-0.4, -0.1, 0.2, 0.5]
    log, cell, layout = cells(means, 50, 0.01)
    sure = levels.shrunk(log, [cell], layout)[0]
    assert [sure[f"c{k}"].log for k in range(4)] == pytest.approx(means, rel=1e-2)
    log, cell, layout = cells(means, 2, 1.0)
    unsure = levels.shrunk(log, [cell], layout)[0]
    assert all(abs(unsure[f"c{k}"].log) < abs(m) / 2 for k, m in enumerate(means))


def test_cells_of_one_parent_are_shrunk_towards_it() -> None:
    log, cell, layout = cells([0.3, 0.5], 4, 0.2)
    parent = np.array(["p"] * len(log))
    coarse, fine = levels.shrunk(log, [parent, np.char.add("p.", cell)], layout)
    assert 0.3 <= fine["p.c0"].log <= coarse["p"].log <= fine["p.c1"].log <= 0.5
    assert coarse["p"].rows == len(log)


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.6])
def test_constants_at_a_level_multiply_every_time(factor: float) -> None:
    facts, one = catalog.load(), np.ones(3)
    device, model = device_of(facts, "h200_hgx"), model_of(facts, "deepseek_r1")
    pooled = efficiency_of(facts), engine_of(facts, "sglang")
    found = [
        closed_loop(
            Stage(device, model, "fp8", *constants, 8 * one, one, 0 * one),
            np.array([1.0, 16.0, 64.0]),
            1024 * one,
            1024 * one,
            prompts=10,
        )
        for constants in (pooled, at_level(*pooled, factor))
    ]
    for before, after in zip(*found, strict=True):
        assert after == pytest.approx(factor * before)


def test_a_level_moves_predictions_and_is_unknown_to_what_never_saw_it() -> None:
    row = next(r for r in read() if r["mode"] == "agg" and r["engine_version"] == "0.5.9")
    asked = [row_question({**row, "engine_version": v}) for v in ("0.5.9", "0.5.77")]
    (near, far), apart = answer_all(asked, out_of_sample=False), answer_all(asked, out_of_sample=True)
    assert apart[0].tpot_ms == apart[1].tpot_ms
    assert near.tpot_high / near.tpot_low < far.tpot_high / far.tpot_low
    assert "0.5.77 is not measured here" in far.assumed
    assert "not measured" not in near.assumed


@needs_whole
def test_what_ships_is_what_is_measured() -> None:
    rows = levels.rows_of(read_questions(WHOLE), out_of_sample=True)
    for time, median, mean in (("tpot", 0.065, 0.11), ("ttft", 0.20, 0.35)):
        held = levels.held_out(rows, time, "release")
        error = np.abs(np.expm1(-held.log))[held.known]
        assert held.known.mean() > 0.9
        assert np.median(error) < median
        assert error.mean() < mean
        low, high = levels.edges(held)
        inside = ((held.log >= low * held.scale) & (held.log <= high * held.scale))[held.known]
        assert 0.76 < inside.mean() < 0.84
    assert np.exp(np.median((high - low) * held.scale[held.known])) < 2.5
