"""Batteries, backup and hours in which the operator withholds the grid, in a plan: against the linear programme."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan.catalog import hourly
from gigaplan.plan.resolve.supply import months_of_hours
from gigaplan.power.supply.inputs import Battery, Grid, SiteYear, Unit
from gigaplan.power.supply.merit import Mix, Source, closed_hours, groups, merit_order
from gigaplan.power.supply.size import dispatch
from gigaplan.power.supply.storage import Store, carried, traded, trades
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import PlanError

AT = "fleet.sites.Abilene.supply"
MONTH = months_of_hours()
HOURS_OF = np.bincount(MONTH)[1:].astype(float)
PRICES = {region: hourly.usd_per_mwh(region, 2024) for region in ("ercot", "pjm")}
EFFICIENCY, WEAR, ENGINE_USD = 0.86, 6.0, 48.7


def flat(mw: float) -> Any:
    return np.full((1, 12), float(mw))


def fast(price: Any, load: float, grid: float, engine: float, sun: float, wind: float, battery: float) -> Mix:
    """A year in merit order, with a battery of four hours."""
    series = [hourly.capacity_factor("abilene", kind) for kind in ("solar", "wind")]
    none = np.zeros(hourly.HOURS)
    hours = groups(MONTH, price, *series, none, price_is_level=True, capacity_mw=(sun, wind))  # type: ignore[arg-type]
    mix = merit_order(
        flat(load),
        hours,
        np.arange(12),
        price_usd_per_mwh=np.ones(1),
        grid_mw=flat(grid),
        resources_mw={"solar": flat(sun), "wind": flat(wind)},
        contracts=[],
        sources=[
            Source(name="engine", power_mw=flat(engine), usd_per_mwh=np.array([ENGINE_USD]), co2_kg_per_mwh=np.zeros(1))
        ],
    )
    return traded(
        mix,
        hours,
        np.arange(12),
        [store(price, battery)],
        price_usd_per_mwh=np.ones(1),
        fuel_mw=flat(engine),
        fuel_usd_per_mwh=np.array([ENGINE_USD]),
    )


def store(price: Any, battery: float) -> Store:
    return Store(
        power_mw=flat(battery),
        hours=4.0,
        round_trip_share=EFFICIENCY,
        wear_usd_per_mwh=np.array([WEAR]),
        trades=trades(price, 4.0, EFFICIENCY, np.zeros(len(price), dtype=bool)),
    )


def exact(price: Any, load: float, grid: float, engine: float, sun: float, wind: float, battery: float) -> float:
    """Cost of the same year by the linear programme [USD]."""
    units = [Unit(name="engine", usd_per_mw_year=0, usd_per_mwh=ENGINE_USD, most_mw=engine)]
    for name, mw in (("solar", sun), ("wind", wind)):
        factor = hourly.capacity_factor("abilene", name)
        assert factor is not None
        units.append(Unit(name=name, usd_per_mw_year=0, available=factor, most_mw=mw))
    one_way = EFFICIENCY**0.5
    store = Battery(
        name="battery",
        usd_per_mw_year=0,
        hours=4.0,
        charge_share=one_way,
        discharge_share=one_way,
        wear_usd_per_mwh=WEAR,
        most_mw=battery,
    )
    site = SiteYear(
        load_mw=np.full(hourly.HOURS, load),
        grid=Grid(limit_mw=np.full(hourly.HOURS, grid), usd_per_mwh=price),
        units=tuple(units),
        batteries=(store,),
    )
    return dispatch(site, {"engine": engine, "solar": sun, "wind": wind, "battery": battery}).cost_usd


@pytest.mark.parametrize(
    ("region", "mw"),
    [
        ("ercot", (1000, 1200, 0, 0, 0, 100)),
        ("ercot", (1000, 700, 400, 0, 0, 100)),
        ("pjm", (1000, 1500, 0, 0, 0, 500)),
        ("pjm", (1000, 1000, 500, 300, 300, 100)),
    ],
)
def test_merit_order_with_a_battery_costs_what_the_linear_programme_does(region: str, mw: Any) -> None:
    price = PRICES[region]
    mix = fast(price, *mw)
    np.testing.assert_allclose(sum(mix.power_mw.values()), mw[0])
    assert float((mix.usd_per_h[0] * HOURS_OF).sum()) == pytest.approx(exact(price, *mw), rel=0.02)


MW = st.floats(0, 2000)


@settings(max_examples=20, deadline=None)
@given(MW, MW, MW, MW, MW)
def test_a_battery_balances_and_never_costs_more(
    load: float, grid: float, engine: float, sun: float, battery: float
) -> None:
    with_it, without = (fast(PRICES["ercot"], load, grid, engine, sun, 0.0, mw) for mw in (battery, 0.0))
    np.testing.assert_allclose(sum(with_it.power_mw.values()) + with_it.lacking_mean_mw, load, atol=1e-6)
    assert (with_it.usd_per_h <= without.usd_per_h + 1e-6).all()
    assert (with_it.power_mw.get("battery", np.zeros(1)) <= 1e-9).all(), "what a battery loses"
    assert all((mw >= -1e-9).all() for name, mw in with_it.power_mw.items() if name != "battery")


def test_what_a_battery_carries_is_bound_by_the_longest_run() -> None:
    """Two withheld runs of one and of four hours: a battery of two hours carries half of its power in each hour."""
    price = np.ones(hourly.HOURS)
    price[[100, 200, 201, 202, 203]] = 100.0
    none = np.zeros(hourly.HOURS)
    hours = groups(MONTH, price, none, none, none, price_is_level=True, withheld_h=(5.0,))
    assert closed_hours(price, (5.0,)).sum() == 5
    assert hours.weight[0, -1] * HOURS_OF[0] == pytest.approx(5)
    assert hours.run_h[0, -1] == 4
    closed = np.where(np.isfinite(hours.withheld_h), 0.0, 1.0)
    mix = merit_order(
        flat(100),
        hours,
        np.arange(12),
        price_usd_per_mwh=np.ones(1),
        grid_mw=flat(1000)[..., None] * closed,
        resources_mw={},
        contracts=[],
        sources=[],
    )
    assert (mix.lacking_mean_mw[0] * HOURS_OF)[0] == pytest.approx(500)
    two_hours = Store(
        power_mw=flat(100),
        hours=2.0,
        round_trip_share=1.0,
        wear_usd_per_mwh=np.zeros(1),
        trades=trades(price, 2.0, 1.0, closed_hours(price, (5.0,))),
    )
    found = carried(mix, hours, np.arange(12), [two_hours], [], np.ones(1))
    assert (found.lacking_mean_mw[0] * HOURS_OF)[0] == pytest.approx(250)
    assert found.power_mw["battery"].sum() == pytest.approx(0.0)


@cache
def run(*changes: str) -> Result:
    line = (f"{AT}.grid.line.power_mw=600 MW", f"{AT}.grid.line.energised=2026-01", "uncertainty.members=1")
    pairs = (c.split("=", 1) for c in (*line, *(f"{AT}.{c}" for c in changes)))
    return gp.run("announced-2025-09", dict(pairs), keep="summary")


def site_sum(result: Result, name: str) -> float:
    return float(result[name][0, ..., result.labels["site"].index("Abilene"), :].sum())


BATTERY = ("batteries.b.power_mw=300 MW", "batteries.b.energised=2026-01")
BACKUP = ("backup.d.power_mw=500 MW", "backup.d.energised=2026-01")
WITHHELD = "grid.line.withheld_hours=200 h"


def test_tokens_never_rise_with_the_hours_withheld_nor_fall_with_what_carries_them() -> None:
    more_hours = [run(*(f"grid.line.withheld_hours={h} h" for h in hours)) for hours in ((), (100,), (200,), (1000,))]
    tokens = [float(r["generated_tokens"][0].sum()) for r in more_hours]
    lacking = [site_sum(r, "unpowered_energy_mwh") for r in more_hours]
    assert all(a >= b for a, b in pairwise(tokens))
    assert all(a < b for a, b in pairwise(lacking))
    more = [run(WITHHELD), run(WITHHELD, *BATTERY), run(WITHHELD, *BATTERY, *BACKUP)]
    assert all(site_sum(a, "unpowered_energy_mwh") > site_sum(b, "unpowered_energy_mwh") for a, b in pairwise(more))
    assert all(a["generated_tokens"].sum() <= b["generated_tokens"].sum() for a, b in pairwise(more))
    firm = run(WITHHELD, "grid.line.firm_from=2029-01")
    assert 0 < site_sum(firm, "unpowered_energy_mwh") < lacking[2]


def test_backup_runs_only_while_the_grid_is_withheld_and_within_its_permit() -> None:
    site = run().labels["site"].index("Abilene")
    assert run(*BACKUP)["energy_by_source_mwh"][0, -1, site].sum() == 0
    backed = run(WITHHELD, *BACKUP)
    diesel = (
        backed["energy_by_source_mwh"][0, backed.labels["source"].index("diesel"), site].reshape(-1, 12).sum(axis=1)
    )
    assert 0 < diesel.max() <= 500 * 100, "a hundred hours of a year at full power"
    assert site_sum(run(*BACKUP), "energy_cost_usd") > site_sum(run(), "energy_cost_usd"), "it is paid for"


def test_what_is_withheld_must_make_sense() -> None:
    with pytest.raises(PlanError, match="never withheld"):
        run("grid.line.firm_from=2029-01")
    with pytest.raises(PlanError, match="is firm when it is energised"):
        run(WITHHELD, "grid.line.firm_from=2025-01")
    with pytest.raises(PlanError, match="no prices by the hour are known of region uae"):
        gp.run(
            "announced-2025-09",
            {
                "fleet.sites.UAE.supply.grid.line.power_mw": "600 MW",
                "fleet.sites.UAE.supply.grid.line.energised": "2026-01",
                "fleet.sites.UAE.supply.grid.line.withheld_hours": "50 h",
            },
        )
