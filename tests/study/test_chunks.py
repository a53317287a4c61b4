"""The members of a study are the same however they are cut into chunks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gigaplan.plan.load import load
from gigaplan.plan.resolve import resolve
from gigaplan.results.headlines import headlines, window
from gigaplan.simulate.engine import simulate
from gigaplan.study.design import Case
from gigaplan.study.work import _rows
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.sampling import Part

CHANGES = ["horizon.end=2026-06"]


def arrays(part: Part, plan: str = "lab-1mw") -> dict[str, Array]:
    result = simulate(resolve(load(plan, CHANGES), part))
    found = {n: a for n, a in result.arrays.items() if result.variable(n).dims[:1] == ("member",)}
    figures = {n: h.members for n, h in headlines(result, window(result, result)).items()}
    return {**found, **{n: m for n, m in figures.items() if m is not None}}


def test_the_central_member_decides_which_figures_there_are() -> None:
    """Futures that reach less power have no date for a step of it, in whichever chunk they are."""
    plan = load("lab-1mw", ["horizon.end=2028-01"])
    result = simulate(resolve(plan, Part(12, seed=7)))
    power = np.array(result["power_state_mw"])
    power[1:] *= 0.4
    low = replace(result, arrays={**result.arrays, "power_state_mw": power})
    both = [_rows(Case(plan.sources), r, 1, tuple(range(1, 12)), fans=False) for r in (result, low)]
    names = [[h.name for h in rows.headlines] for rows in both]
    assert names[0] == names[1]
    assert any("producing" in name for name in names[0])
    assert both[0].values.shape == both[1].values.shape


@pytest.mark.parametrize("size", [13, 64, 100])
def test_law_chunks_have_the_figures_of_one_run(size: int) -> None:
    """Bit for bit, every quantity."""
    last = 200
    whole = arrays(Part(last + 1, seed=7))
    for first in range(1, last + 1, size):
        members = min(size, last + 1 - first)
        part = arrays(Part(members + 1, seed=7, first=first))
        for name, array in part.items():
            np.testing.assert_array_equal(array[0], whole[name][0], err_msg=f"{name}, central")
            np.testing.assert_array_equal(array[1:], whole[name][first : first + members], err_msg=name)
