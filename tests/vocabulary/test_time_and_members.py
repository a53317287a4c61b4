from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.vocabulary.facts import Evidence, Fact, Ledger, weakest
from gigaplan.vocabulary.members import column, triangular
from gigaplan.vocabulary.streams import stream
from gigaplan.vocabulary.time import TimeAxis
from gigaplan.vocabulary.variables import variables

TEN_YEARS = TimeAxis(dt.date(2024, 1, 1), dt.date(2034, 1, 1))


def test_edges_and_intervals() -> None:
    axis = TEN_YEARS
    assert axis.months == 120
    assert len(axis.edges) == 121
    assert axis.edges[-1] == dt.date(2034, 1, 1)
    assert axis.hours.sum() == 24 * (dt.date(2034, 1, 1) - dt.date(2024, 1, 1)).days
    assert axis.month_of(dt.date(2026, 9, 22)) == 32
    assert axis.labels[32] == "2026-09"
    with pytest.raises(ValueError, match="first of a month"):
        TimeAxis(dt.date(2024, 1, 2), dt.date(2034, 1, 1))


def test_representative_days_stand_for_every_hour() -> None:
    axis = TEN_YEARS
    assert (axis.weight_hours.sum(axis=(1, 2)) == axis.hours).all()
    february = axis.day_counts[1]
    assert february.tolist() == [21, 8]  # 2024-02: 29 days, 21 of them weekdays
    assert [axis.season[i] for i in (0, 3, 6, 9, 11)] == [0, 1, 2, 3, 0]


@given(st.floats(0, 1e6))
def test_a_constant_rate_keeps_its_total_and_mean(rate: float) -> None:
    level = np.full((1, TEN_YEARS.months, 2, 24), rate)
    assert TEN_YEARS.month_total(level)[0] == pytest.approx(rate * TEN_YEARS.hours)
    assert TEN_YEARS.month_mean(level)[0] == pytest.approx(np.full(120, rate))


def test_members_come_first() -> None:
    assert column(3.0, 3).shape == (1, 1, 1)
    assert column(np.arange(4.0), 3).shape == (4, 1, 1)


@given(st.floats(0, 1), st.floats(-10, 10), st.floats(0, 5), st.floats(0, 5))
def test_triangular_stays_in_its_range_and_rises(u: float, low: float, left: float, right: float) -> None:
    mode, high = low + left, low + left + right
    at = triangular(np.array([0.0, u, 1.0]), low, mode, high)
    assert low - 1e-9 <= at[1] <= high + 1e-9
    assert at[0] <= at[1] + 1e-9 <= at[2] + 2e-9


def test_streams_are_named() -> None:
    assert stream(1, "power").random(3).tolist() == stream(1, "power").random(3).tolist()
    assert stream(1, "power").random() != stream(1, "demand").random()
    assert stream(1, "power").random() != stream(2, "power").random()


def test_the_variable_table_holds_together() -> None:
    table = variables()
    for v in table.values():
        assert v.meaning
        assert v.formula
        assert v.inputs, f"{v.name} says not what it is made of"
        assert v.unit == "1" or v.kind != "share"


def test_ledger_finds_what_lies_below_a_path_and_the_weakest_evidence() -> None:
    ledger = Ledger()
    fact = Fact(id="a.b", entity="a", quantity="b", value=1.0, unit="1", source_title="s", evidence=Evidence.MEASURED)
    ledger.read("fleet.sites.X.power", fact)
    ledger.plan("fleet.ladder.lag", 3)
    assert [e.path for e in ledger.under("fleet.sites")] == ["fleet.sites.X.power"]
    assert [e.path for e in ledger.under("fleet.*.X")] == ["fleet.sites.X.power"]
    assert weakest(e.evidence for e in ledger.entries) == Evidence.ASSUMED
    assert weakest([Evidence.MEASURED, Evidence.FILED]) == Evidence.FILED
