"""The members of a study are the same however they are cut into chunks."""

from __future__ import annotations

import numpy as np
import pytest

from gigaplan.plan.load import load
from gigaplan.plan.resolve import resolve
from gigaplan.results.headlines import headlines, window
from gigaplan.simulate.engine import simulate
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.sampling import Part

CHANGES = ["horizon.end=2026-06"]


def arrays(part: Part, plan: str = "lab-1mw") -> dict[str, Array]:
    result = simulate(resolve(load(plan, CHANGES), part))
    found = {n: a for n, a in result.arrays.items() if result.variable(n).dims[:1] == ("member",)}
    figures = {n: h.members for n, h in headlines(result, window(result, result)).items()}
    return {**found, **{n: m for n, m in figures.items() if m is not None}}


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
