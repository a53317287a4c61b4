"""What a milestone's power buys, and when it has paid for itself."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.finance.paybacks import added_between, band_mw, payback_days
from gigaplan.results.result import Result
from gigaplan.vocabulary.time import TimeAxis

AXIS = TimeAxis(dt.date(2026, 1, 1), dt.date(2034, 1, 1))
TENTH = "announced-2025-09"


def payback(a_month: float, racks: float = 1000.0, life: float = 5.0) -> float:
    earned = np.full((1, 1, AXIS.months), a_month)
    found = payback_days(earned, np.array([[racks]]), np.array([[200.0]]), np.zeros((1, 1)), np.array([life]), AXIS)
    return float(found[0, 0])


def test_racks_that_end_their_service_first_are_bought_again() -> None:
    """1,200 USD at 20 a month are back after five years; racks that serve three are bought twice by then."""
    assert payback(20.0, life=6.0) == (dt.date(2031, 1, 1) - AXIS.start).days
    assert payback(40.0, life=3.0) == (dt.date(2028, 7, 1) - AXIS.start).days
    assert np.isnan(payback(20.0, life=3.0))


def test_what_never_earns_its_capital_has_no_date() -> None:
    assert np.isnan(payback(5.0)) and np.isnan(payback(-5.0))


def test_more_earned_never_pays_back_later() -> None:
    days = [payback(m) for m in (20.0, 30.0, 60.0, 2000.0)]
    assert days == sorted(days, reverse=True)
    assert days[-1] == 31.0


def test_milestones_add_up_to_what_stands() -> None:
    power = np.linspace(0.0, 2500.0, 11)[None]
    assert band_mw(power, 1000.0, 3).sum(axis=1) == pytest.approx(power)
    one_year = TimeAxis(dt.date(2026, 1, 1), dt.date(2026, 11, 1))
    days = np.array([[one_year.edge_days[4], one_year.edge_days[8], np.nan]])
    added = added_between(power, days, one_year)
    assert added[0, :2] == pytest.approx([1000.0, 1000.0]) and np.isnan(added[0, 2])


def test_each_gigawatt_of_the_announcement_says_what_it_buys(announced: Result) -> None:
    """A gigawatt of IT at 0.00301 MW a Vera Rubin GPU is 332,000 GPUs; the early ones earn their capital, the last
    not within the horizon."""
    buys = {n: announced[f"tranche_{n}"][0] for n in ("it_mw", "gpus", "producing_day", "payback_day", "capital_usd")}
    assert buys["it_mw"] == pytest.approx(1000.0, rel=1e-6)
    assert buys["gpus"] == pytest.approx(buys["it_mw"][0] * buys["gpus"][0] / 1000.0)
    assert np.all(announced["tranche_producing_day"] >= announced["tranche_day"] - 1e-6)
    back = np.isfinite(buys["payback_day"])
    assert back[0] and not back[-1]
    assert np.all(buys["payback_day"][back] > buys["producing_day"][back])
    assert np.all(announced["tranche_tokens_per_day"][0] > 0)


def test_dearer_racks_pay_back_later() -> None:
    plain, dear = (
        gp.run(TENTH, changes=["uncertainty.members=1", f"finance.systems.vr_nvl72.rack_price_usd={p} USD"])
        for p in ("4e6", "9e6")
    )
    days = [np.nan_to_num(r["tranche_payback_day"][0], nan=np.inf) for r in (plain, dear)]
    assert np.all(days[1] >= days[0]) and days[1][0] > days[0][0]
