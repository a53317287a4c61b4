"""Every reduction by hand, and laws that verdicts keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.claims.measure import Labelled
from gigaplan.results.result import Result
from gigaplan.results.verdicts import WEAKEST, Claim, Verdict, verdicts_of

N = 36
Checked = Callable[..., Claim]
RISING = np.arange(1.0, N + 1)[None] * 1e6  # weekly users: 1 million in the first month, 36 in the last


@pytest.mark.parametrize(
    ("reading", "value"),
    [
        ("quantity: weekly_users, reduce: max", 36e6),
        ("quantity: weekly_users, reduce: min", 1e6),
        ("quantity: weekly_users, reduce: first", 1e6),
        ("quantity: weekly_users, reduce: last", 36e6),
        ("quantity: weekly_users, reduce: 2026-01", 13e6),
        ("quantity: weekly_users, reduce: max, during: first year", 12e6),
        ("quantity: weekly_users, reduce: min, during: last year", 25e6),
        ("quantity: weekly_users, reduce: max, during: 2026", 24e6),
        ("quantity: weekly_users, reduce: min, during: from 2026-07", 19e6),
        ("quantity: weekly_users, reduce: max, during: to 2026-07", 19e6),
        ("quantity: weekly_users, reduce: min, during: 2025-04 to 2025-06", 4e6),
        ("quantity: weekly_users, reduce: max, by: 2025-06", 6e6),
        ("quantity: weekly_users, reduce: max, unit: million users", 36),
        ("quantity: weekly_users, reduce: last, growth: {from: first year, to: last year}", 3),
        ("quantity: weekly_users, months: {above: 30e6}", 6),
        ("quantity: weekly_users, reduce: last, years: up", 2),
        ("quantity: weekly_users, reduce: last, years: down", 0),
        ("quantity: weekly_users, reduce: last, years: not up", 0),
        ("quantity: weekly_users, most: month", 36e6),
        ("quantity: weekly_users, least: month", 1e6),
        ("quantity: gpus_producing, at: {generation: h100_hgx}, reduce: max", 1e6),
        ("quantity: gpus_producing, reduce: max", 5e6),
        ("quantity: gpus_producing, over: {generation: max}, reduce: max", 4e6),
        ("quantity: gpus_producing, over: {generation: min}, reduce: last", 1e6),
        ("quantity: gpus_producing, reduce: last, most: generation", 4e6),
        ("quantity: gpus_producing, reduce: last, count: {generation: {at_least: 2e6}}", 1),
        ("quantity: gpus_producing, reduce: last, count: generation", 2),
        (
            "quantity: gpus_producing, reduce: last, "
            "among: {generation: {quantity: gpus_producing, reduce: last, below: 2e6}}",
            1e6,
        ),
        ("quantity: power_state_mw, at: {site: new, state: accepted or beyond}, reduce: last", 11e3),
        ("quantity: power_state_mw, at: {site: existing, state: producing}, reduce: mean", 3e3),
        ("quantity: power_state_mw, at: {site: East, state: producing}, reduce: last, unit: GW", 6),
        ("quantity: revenue_lost_usd, reduce: sum, plus: 5, minus: 2, times: 4, divided_by: 3", 4),
        ("quantity: revenue_lost_usd, reduce: sum, plus: [5, 6]", 11),
        ("number: 7", 7),
        ("fact: loi_2025_09.capacity_mw", 1e4),
        ("quantity: requests_served_per_day, reduce: sum, during: 2025", 2 * 100 * 365),
        ("quantity: tokens_served_per_day, at: {token: [reasoning, output]}, reduce: max", 4e12),
        ("quantity: tokens_served_per_day, at: {token: generated}, reduce: max", 4e12),
        ("quantity: tokens_per_request, at: {workload: agents, token: read}, reduce: last", 22e3),
    ],
)
def test_a_reduction_by_hand(checked: Checked, reading: str, value: float) -> None:
    held = checked(f"[{{{reading}, at_least: 0}}]", weekly_users=RISING)
    assert held.figures[0].value == pytest.approx(value), held.because


@pytest.mark.parametrize(
    ("reading", "day"),
    [
        ("quantity: weekly_users, reached: {at_least: 13e6}", "2026-01-01"),
        ("quantity: weekly_users, reached: {at_least: 37e6}", "never"),
        ("quantity: weekly_users, kept_from: {at_least: 20e6}", "2026-08-01"),
        ("quantity: weekly_users, kept_from: {below: 20e6}", "never"),
        ("quantity: weekly_users, kept_from: {at_least: 0}", "2025-01-01"),
        ("quantity: power_state_mw, at: {site: new, state: producing}, reached: {at_least: 11 GW}", "2027-01-01"),
        ("quantity: first_token_day, at: {site: new}, over: {site: min}", "2026-08-01"),
    ],
)
def test_a_date_by_hand(checked: Checked, reading: str, day: str) -> None:
    held = checked(f"[{{{reading}, happens: true}}]", weekly_users=RISING)
    assert held.figures[0].value == day
    assert held.verdict == (Verdict.FAILS if day == "never" else Verdict.HOLDS)


def test_months_of_a_mean_are_weighed_by_their_hours(checked: Checked, world: Callable[..., Result]) -> None:
    hours = world().axis.hours[:12]
    held = checked("[{quantity: weekly_users, reduce: mean, during: 2025, above: 0}]", weekly_users=RISING)
    assert held.figures[0].value == pytest.approx(float((RISING[0, :12] * hours).sum() / hours.sum()))


def test_each_label_is_a_figure_of_its_own(checked: Checked) -> None:
    held = checked(
        "[{name: '{generation} produces', quantity: gpus_producing, reduce: last, each: generation, at_least: 2e6}]"
    )
    assert [(f.name, f.value, f.holds) for f in held.figures] == [
        ("h100 hgx produces", 1e6, False),
        ("vr nvl72 produces", 4e6, True),
    ]
    assert held.verdict == Verdict.ON_BASIS


@pytest.mark.parametrize(
    ("bound", "holds"),
    [
        ("at_least: 36e6", True),
        ("above: 36e6", False),
        ("at_most: 36e6", True),
        ("below: 36e6", False),
        ("at_least: 37e6", False),
        ("at_least: 37e6, tolerance: 5 %", True),
        ("at_most: 35e6, tolerance: 5 %", True),
        ("between: [30e6, 40e6]", True),
        ("between: [37e6, 40e6]", False),
        ("between: [37e6, 40e6], tolerance: 5 %", True),
        ("at_least: {quantity: weekly_users, reduce: first, times: 36}", True),
        ("at_least: 36 million users", True),
    ],
)
def test_bounds_of_numbers(checked: Checked, bound: str, holds: bool) -> None:
    held = checked(f"[{{quantity: weekly_users, reduce: max, {bound}}}]", weekly_users=RISING)
    assert (held.verdict == Verdict.HOLDS) is holds


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ("by: 2026-08", Verdict.HOLDS),
        ("by: 2026-07", Verdict.FAILS),
        ("within: 2026-H2", Verdict.HOLDS),
        ("within: 2026-H1", Verdict.FAILS),
        ("not_before: 2026-08", Verdict.HOLDS),
        ("not_before: 2026-09", Verdict.FAILS),
        ("by: {fact: loi_2025_09.first_tokens_period}", Verdict.HOLDS),
    ],
)
def test_bounds_of_dates(checked: Checked, bound: str, verdict: Verdict) -> None:
    assert (
        checked(f"[{{quantity: first_token_day, at: {{site: new}}, over: {{site: min}}, {bound}}}]").verdict == verdict
    )


def test_what_may_come_after_the_horizon_cannot_be_told(checked: Checked) -> None:
    late = checked("[{quantity: weekly_users, reduce: max, at_least: 99e6, by: 2031}]", weekly_users=RISING)
    assert late.verdict == Verdict.UNKNOWN
    assert "2028-01-01" in late.because
    assert checked("[{quantity: weekly_users, reached: {at_least: 9e9}, by: 2031}]").verdict == Verdict.UNKNOWN
    assert checked("[{quantity: weekly_users, reached: {at_least: 9e9}, by: 2026}]").verdict == Verdict.FAILS
    assert checked("[{quantity: weekly_users, reduce: max, at_least: 9, during: 2031}]").verdict == Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        ("quantity: served_share, at: {workload: chatt}, reduce: min", "no workload 'chatt' (nearest: 'chat')"),
        ("quantity: racks_accepted, at: {generation: vr_nvl72}, reduce: max", "does not hold 'racks_accepted'"),
        (
            "quantity: power_state_mw, at: {site: new, state: accepted}, reduce: max, bases: [gpu_tgp]",
            "names none ('system: ...')",
        ),
        ("quantity: tokens_served_per_day, reduce: max, bases: {token: [billed]}", "charged for"),
        ("gpus_in: 1 GW, of: vr_nvl72, bases: [rack_peak]", "no sourced conversion"),
        (
            "quantity: gpus_producing, reduce: max, "
            "among: {generation: {quantity: gpus_producing, reduce: max, above: 9e9}}",
            "no generation",
        ),
        ("stated: fleet.moon", "the plan states no fleet.moon"),
    ],
)
def test_what_a_plan_lacks_cannot_be_told(checked: Checked, reading: str, reason: str) -> None:
    held = checked(f"[{{{reading}, at_least: 0}}]")
    assert held.verdict == Verdict.UNKNOWN
    assert reason.lower() in held.because.lower()


def test_what_a_plan_lacks_may_count_as_nothing_or_be_left_out(checked: Checked) -> None:
    reading = "quantity: gpus_producing, at: {generation: gb200_nvl72}, reduce: max, at_least: 1"
    assert checked(f"[{{{reading}}}]").verdict == Verdict.UNKNOWN
    assert checked(f"[{{{reading}, absent: zero}}]").verdict == Verdict.FAILS
    assert (
        checked(f"[{{{reading}, absent: skip}}, {{quantity: weekly_users, reduce: max, at_least: 1}}]").verdict
        == Verdict.HOLDS
    )


def test_bases_of_power_by_hand(checked: Checked) -> None:
    """11 GW of IT power are 11 x 1.3 GW at the meter and 11 / 1.14 GW of rated racks."""
    reading = "quantity: power_state_mw, at: {site: new, state: producing}, reduce: last, unit: GW, system: vr_nvl72"
    held = checked(f"[{{{reading}, bases: [it, facility, rack_tdp], at_least: 11}}]")
    assert [f.value for f in held.figures] == pytest.approx([11, 11 * 1.3, 11 / 1.14])
    assert [f.holds for f in held.figures] == [True, True, False]
    assert held.verdict == Verdict.ON_BASIS


def test_bases_of_tokens_by_hand(checked: Checked) -> None:
    held = checked(
        "[{quantity: tokens_served_per_day, reduce: max, bases: {token: [generated, processed]}, at_least: 5e12}]",
        tokens_served_per_day=np.full((1, 2, 5, N), 1e12),
    )
    assert [f.value for f in held.figures] == pytest.approx([4e12, 10e12])
    assert held.verdict == Verdict.ON_BASIS


def test_words_are_filled_and_fall_back_on_the_figures(checked: Checked) -> None:
    reading = "{key: most, quantity: gpus_producing, reduce: last, most: generation, at_least: 1}"
    assert checked(f"[{reading}]", because="'{most_label} has {most:.1e}.'").because == "vr nvl72 has 4.0e6."
    assert checked(f"[{reading}]").because == "gpus_producing: 4 M GPUs; claimed at least 1."


@given(value=st.floats(1, 1e9), factor=st.floats(1.01, 100))
def test_a_bound_past_the_value_flips_the_verdict(value: float, factor: float) -> None:
    from gigaplan.claims.limits import Scale, holds
    from gigaplan.plan.claims.language import Bound, Number, Reading, Value

    def verdict(kind: str, limit: float) -> bool:
        reading = Reading(value=Value(Number(value)), name="x", bounds=(Bound(kind, Value(Number(limit))),))
        shown = np.array([value])
        return bool(holds(reading, shown, None, Scale("", "", 1.0), None, None))  # type: ignore[arg-type] # no fact

    assert verdict("at_least", value / factor) and not verdict("at_least", value * factor)
    assert verdict("at_most", value * factor) and not verdict("at_most", value / factor)


DECIDED = st.lists(st.booleans(), min_size=1, max_size=6)


@given(DECIDED, st.booleans())
def test_adding_a_basis_never_makes_all_of_some(bases: list[bool], more: bool) -> None:
    """What fails on every basis never comes to hold by one more: it holds on a basis at the most, and the reverse."""

    def verdict(decided: list[bool]) -> Verdict:
        return WEAKEST[verdicts_of(np.array(decided, dtype=np.int8)[:, None])[0]]

    before, after = verdict(bases), verdict([*bases, more])
    allowed = {
        Verdict.FAILS: {Verdict.FAILS, Verdict.ON_BASIS},
        Verdict.HOLDS: {Verdict.HOLDS, Verdict.ON_BASIS},
        Verdict.ON_BASIS: {Verdict.ON_BASIS},
    }
    assert after in allowed[before]


@pytest.mark.parametrize("decided", [(True,), (False,), (True, True), (True, False), (False, False)])
def test_one_more_statement_never_makes_a_claim_stronger(checked: Checked, decided: tuple[bool, ...]) -> None:
    def verdict(*bounds: bool) -> int:
        statements = ", ".join(f"{{number: 1, at_least: {0 if good else 2}}}" for good in bounds)
        return WEAKEST.index(checked(f"[{statements}]").verdict)

    assert verdict(*decided, True) == verdict(*decided)
    assert verdict(*decided, False) == WEAKEST.index(Verdict.FAILS)


def test_dims_are_matched_by_name() -> None:
    from gigaplan.claims.measure import _combine

    a, b = Labelled(("site", "month"), np.ones((1, 2, 3))), Labelled(("month",), np.array([[1.0, 2.0, 0.0]]))
    made = _combine("divided_by", a, b)
    assert made.dims == ("site", "month")
    assert np.isnan(made.values[..., 2]).all()
    assert pytest.approx(_combine("times", a, b).values[0]) == _combine("times", b, a).values[0].T


def test_readings_of_one_statement_are_bases_of_it(checked: Checked) -> None:
    yes, no = (
        {"quantity: weekly_users, reduce: max, at_least: 1"},
        {"quantity: weekly_users, reduce: max, at_least: 9e12"},
    )
    first, second = (f"{{{next(iter(r))}}}" for r in (yes, no))
    one: Any = checked(f"[{{readings: [{first}, {second}]}}]")
    assert one.verdict == Verdict.ON_BASIS
    assert checked(f"[{first}, {second}]").verdict == Verdict.FAILS
    lacking = "{quantity: served_share, at: {workload: x}, reduce: min, at_least: 0}"
    assert checked(f"[{{readings: [{second}, {lacking}]}}]").verdict == Verdict.UNKNOWN  # the other reading may hold
    assert checked(f"[{{readings: [{first}, {lacking}]}}]").verdict == Verdict.ON_BASIS
    assert checked(f"[{second}, {lacking}]").verdict == Verdict.FAILS
