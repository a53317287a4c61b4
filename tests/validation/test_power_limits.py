"""Speeds under power limits: the constants are those of the rows, no row sees its own GPU, and errors are as stated."""

from __future__ import annotations

import numpy as np
import pytest

from gigaplan import catalog
from gigaplan.compute.clock import clock_share
from gigaplan.plan.ratings import clock_curve_of
from gigaplan.validation.power.limits import FIT, FITTED_FROM, START, fit, folds, limits_line, measured, validate_limits
from gigaplan.validation.power.node_power import validate_power

SHIPPED = clock_curve_of(catalog.load())
FITTED = [m for m in measured() if m.row["role"] == FIT and m.limit_share >= FITTED_FROM]
GPUS = sorted({m.row["gpu"] for m in FITTED})


def test_shipped_constants_are_those_of_the_rows() -> None:
    found = fit(FITTED, SHIPPED.min_clock_share)
    for name in START:
        assert getattr(SHIPPED, name) == pytest.approx(getattr(found, name), rel=0.01)


@pytest.mark.parametrize("gpu", GPUS)
def test_no_row_sees_its_own_gpu(gpu: str) -> None:
    found = fit([m for m in FITTED if m.row["gpu"] != gpu], SHIPPED.min_clock_share)
    for name in START:
        assert getattr(folds()[gpu], name) == pytest.approx(getattr(found, name), rel=0.01)
    rows = [r for r in validate_limits() if r.gpu == gpu]
    assert [r.predicted for r in rows] == [float(clock_share(r.limit_share, folds()[gpu])) for r in rows]


def test_errors_are_published_next_to_the_figures() -> None:
    rows = validate_limits()
    assert all(r.error == pytest.approx(r.predicted / r.published - 1) for r in rows)
    valid = [abs(r.error) for r in rows if r.valid and r.bound == "compute"]
    assert np.median(valid) < 0.05
    assert np.median([abs(r.error) for r in rows if r.valid and r.bound == "memory"]) < 0.03
    assert len(limits_line(rows).split(";")) == 3
    assert validate_power().limits == rows


def test_splitwise_is_one_figure_and_a_test() -> None:
    """Its capped rows are the others times 1.3 for prompts and times 1 for tokens: nothing was fitted on them."""
    rows = {(r.work, r.bound): r for r in validate_limits() if r.gpu == "NVIDIA H100"}
    assert not any(r.fitted for r in rows.values())
    assert {round(1 / r.published, 3) for (_, bound), r in rows.items() if bound == "compute"} == {1.3}
    assert {r.published for (_, bound), r in rows.items() if bound == "memory"} == {1.0}
    assert all(abs(r.error) < 0.1 for r in rows.values())


def test_rows_below_the_lowest_limit_are_marked() -> None:
    marked = [r for r in validate_limits() if not r.valid]
    assert marked
    assert max(r.limit_share for r in marked) < 0.49
