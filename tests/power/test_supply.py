"""A site's supply: laws of the hours, worths as finite differences, and sizes against one linear programme."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan.power.supply.inputs import Battery, Flexible, Grid, SiteYear, Unit, recovery_factor

pytest.importorskip("highspy")

from gigaplan.power.supply.size import dispatch, size

HOURS = 96


def a_site(seed: int = 1, *, limit: float = 60.0, flexible: Flexible | None = None, charge: float = 0.0) -> SiteYear:
    rng = np.random.default_rng(seed)
    hour = np.arange(HOURS)
    sun = np.maximum(np.sin((hour % 24 - 6) / 12 * np.pi), 0) * rng.uniform(0.5, 1, HOURS)
    return SiteYear(
        load_mw=90 + 10 * np.sin(hour / 24 * 2 * np.pi),
        grid=Grid(
            limit_mw=np.full(HOURS, limit),
            usd_per_mwh=rng.normal(50, 40, HOURS),
            usd_per_mw_month=charge,
            month=hour // 48,
            co2_kg_per_mwh=np.full(HOURS, 400.0),
        ),
        units=(
            Unit(name="engine", usd_per_mw_year=150e3, usd_per_mwh=55.0, available=np.array([0.95]), most_mw=200.0),
            Unit(name="solar", usd_per_mw_year=90e3, available=sun, most_mw=300.0),
            Unit(name="diesel", usd_per_mw_year=60e3, usd_per_mwh=250.0, most_mw=200.0, full_hours=8.0),
        ),
        batteries=(
            Battery(
                name="battery",
                usd_per_mw_year=60e3,
                hours=4,
                charge_share=0.93,
                discharge_share=0.93,
                wear_usd_per_mwh=5.0,
                most_mw=200.0,
            ),
        ),
        flexible=flexible or Flexible(),
        share_of_year=HOURS / 8760,
    )


WAITING = Flexible(shiftable_share=0.15, within_h=6, curtailable_share=0.05, worth_usd_per_mwh=900.0)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([Flexible(), WAITING]), st.sampled_from([0.0, 400.0]))
def test_every_hour_balances_within_what_stands(seed: int, flexible: Flexible, charge: float) -> None:
    site = a_site(seed, flexible=flexible, charge=charge)
    found = size(site, tolerance=1e-6)
    assert found.optimal and found.bound_usd <= found.cost_usd
    given_mw = sum(found.power_mw.values()) - found.exported_mw
    left = found.put_off_mw - found.caught_up_mw + found.curtailed_mw + found.unserved_mw
    assert np.allclose(given_mw + left, site.load_mw, atol=1e-5)
    assert sum(found.cost_parts_usd.values()) == pytest.approx(found.cost_usd, rel=1e-9)
    assert (found.power_mw["grid"] <= site.grid.limit_mw + 1e-6).all()
    for unit in site.units:
        assert (found.power_mw[unit.name] <= unit.available * found.capacity_mw[unit.name] + 1e-5).all()
        assert found.power_mw[unit.name].sum() <= unit.full_hours * found.capacity_mw[unit.name] + 1e-4
    (battery,) = site.batteries
    stored, power = found.stored_mwh["battery"], found.power_mw["battery"]
    change = stored - np.roll(stored, 1)
    lossless = -power  # what the store gains can't exceed what went in, nor lose less than what came out
    assert (change <= np.where(lossless > 0, 0.93 * lossless, lossless / 0.93) + 1e-5).all()
    assert stored.max() <= battery.hours * found.capacity_mw["battery"] + 1e-5
    late = found.backlog_mwh
    for t in range(HOURS):
        due = sum(found.put_off_mw[t - k] for k in range(max(flexible.within_h, 1)))
        assert late[t] <= due + 1e-5


def test_sizes_are_those_of_one_linear_programme() -> None:
    """Cutting planes reach what HiGHS finds with capacities as columns of the same programme."""
    from scipy import sparse
    from scipy.optimize import linprog

    from gigaplan.power.supply.program import program

    site = a_site(flexible=WAITING, charge=400.0)
    lp = program(site).program
    rows, cols, values = (np.concatenate(part) for part in zip(*lp.entries, strict=True))
    a = sparse.csr_matrix((values, (rows, cols)), shape=(lp.rows, lp.columns))
    low, high = np.concatenate(lp.row_lows), np.concatenate(lp.row_highs)
    equal = low == high
    whole = linprog(
        np.concatenate(lp.costs),
        A_ub=a[~equal],
        b_ub=high[~equal],
        A_eq=a[equal],
        b_eq=low[equal],
        bounds=np.c_[np.concatenate(lp.lows), np.concatenate(lp.highs)],
    )
    assert size(site, tolerance=1e-7).cost_usd == pytest.approx(1e3 * whole.fun, rel=1e-6)


def test_worth_of_a_megawatt_is_the_finite_difference() -> None:
    step = 0.5
    for flexible in (Flexible(), WAITING):
        site = a_site(3, flexible=flexible)
        more, less = (a_site(3, flexible=flexible, limit=60.0 + d) for d in (step, -step))
        found, cheap, dear = (size(s, tolerance=1e-8) for s in (site, more, less))
        gained, lost = (found.cost_usd - cheap.cost_usd) / step, (dear.cost_usd - found.cost_usd) / step
        assert gained * 0.999 <= found.grid_usd_per_mw_year <= lost * 1.001
        assert gained > 0


def test_tighter_limits_never_cost_less_and_sizing_never_costs_more_than_a_dispatch() -> None:
    costs = [size(a_site(2, limit=limit), tolerance=1e-7).cost_usd for limit in (80.0, 50.0, 20.0)]
    assert costs == sorted(costs)
    site = a_site(2)
    best = size(site, tolerance=1e-7)
    for factor in (0.9, 1.0, 1.3):
        fixed = dispatch(site, {n: factor * mw for n, mw in best.capacity_mw.items()})
        assert best.bound_usd <= fixed.cost_usd * (1 + 1e-9)
    again = dispatch(site, best.capacity_mw)
    assert again.cost_usd == pytest.approx(best.cost_usd, rel=1e-8)


def test_what_no_supply_can_carry_is_unserved_in_its_hour() -> None:
    site = a_site(2, limit=60.0)
    bare = replace(site, units=(), batteries=())
    found = dispatch(bare, {})
    assert np.allclose(found.unserved_mw, np.maximum(site.load_mw - 60.0, 0), atol=1e-6)


def test_a_time_limit_gives_the_best_supply_with_its_bound() -> None:
    found = size(a_site(2), tolerance=1e-9, limit_s=0.0)
    assert not found.optimal and found.bound_usd <= found.cost_usd


def test_the_recovery_factor_is_the_annuity() -> None:
    assert recovery_factor(0.08, 20) == pytest.approx(0.10185, abs=1e-5)  # tables of engineering economics
    assert recovery_factor(0.0, 20) == 0.05
