"""What supplies a site in a plan: watts by date bind the build-out, and merit order prices the energy."""

from __future__ import annotations

import datetime as dt
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan import plan
from gigaplan.catalog import hourly
from gigaplan.power.supply.dated import Hours
from gigaplan.power.supply.inputs import Grid, SiteYear, Unit
from gigaplan.power.supply.merit import Mix, Source, groups, merit_order
from gigaplan.power.supply.size import dispatch
from gigaplan.power.throttle import speed_share
from gigaplan.report.frames import frame
from gigaplan.results.result import Result
from gigaplan.simulate.couplings.supply import priced
from gigaplan.vocabulary.errors import PlanError

AT = "fleet.sites.Abilene.supply"
LINE = {f"{AT}.grid.line.power_mw": "300 MW", f"{AT}.grid.line.energised": "2026-01"}
MONTH = np.array([(dt.datetime(2013, 1, 1) + dt.timedelta(hours=h)).month for h in range(hourly.HOURS)])
DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@cache
def run(mw: float | None, **more: str) -> Result:
    """The announced plan, its first site on a grid of so many megawatts."""
    changes: dict[str, Any] = {"uncertainty.members": 1}
    if mw is not None:
        changes |= {f"{AT}.grid.line.power_mw": f"{mw} MW", f"{AT}.grid.line.energised": "2026-01"}
    return gp.run("announced-2025-09", changes | {k.replace("__", "."): v for k, v in more.items()}, keep="summary")


def year_of(result: Result, name: str) -> float:
    """The last year of a quantity, over all else."""
    return float(result[name][0].reshape(-1, result[name].shape[-1])[:, -12:].sum())


def test_a_grid_that_is_never_short_changes_no_rack() -> None:
    np.testing.assert_allclose(run(100_000)["racks_accepted"], run(None)["racks_accepted"], rtol=1e-12)
    for name in ("tokens_served_per_day", "facility_energy_mwh"):  # prices follow the hours of the market
        np.testing.assert_allclose(run(100_000)[name], run(None)[name], rtol=1e-4)


def test_tokens_never_rise_when_watts_fall() -> None:
    grids = [run(mw) for mw in (0.001, 100, 300, 100_000)]
    racks = [year_of(r, "racks_accepted") for r in grids]
    tokens = [year_of(r, "generated_tokens") for r in grids]
    assert racks == sorted(racks)
    assert racks[0] < racks[1] < racks[3]
    assert all(a <= b * (1 + 1e-9) for a, b in pairwise(tokens))


def test_what_binds_is_said_by_date() -> None:
    said = [w for w in run(300).warnings if w.startswith("power of Abilene")]
    assert len(said) == 1
    assert "grid and units" in said[0]
    said = [w for w in run(100_000).warnings if w.startswith("power of Abilene")]
    assert "buildings" in said[0]


def test_the_site_draws_no_more_than_its_supply() -> None:
    result = run(300)
    site = result.labels["site"].index("Abilene")
    assert result["facility_energy_mwh"][0, site].max() / (31 * 24) < 300


def lp_and_merit(load: float, grid: float, engine: float, sun: float, wind: float) -> tuple[float, float]:
    """Energy cost of a year by the linear programme, and by merit order [USD]."""
    price = hourly.usd_per_mwh("ercot", 2024)
    series = [hourly.capacity_factor("abilene", kind) for kind in ("solar", "wind")]
    assert price is not None
    assert series[0] is not None
    assert series[1] is not None
    units = [Unit(name="engine", usd_per_mw_year=0, usd_per_mwh=48.7, most_mw=engine)]
    for name, mw, factor in zip(("solar", "wind"), (sun, wind), series, strict=True):
        units.append(Unit(name=name, usd_per_mw_year=0, available=factor, most_mw=mw))
    site = SiteYear(
        load_mw=np.full(hourly.HOURS, load),
        grid=Grid(limit_mw=np.full(hourly.HOURS, grid), usd_per_mwh=price),
        units=tuple(units),
    )
    found = dispatch(site, {"engine": engine, "solar": sun, "wind": wind})
    none = np.zeros(hourly.HOURS)
    hours = groups(MONTH, price, *series, none, price_is_level=True, capacity_mw=(sun, wind))
    mix = mixed(hours, load, grid, engine, sun, wind)
    return found.cost_usd, float((mix.usd_per_h[0] * DAYS * 24).sum())


def mixed(hours: Hours, load: float, grid: float, engine: float, sun: float, wind: float) -> Mix:
    """A year's twelve months in merit order."""

    def flat(mw: float) -> Any:
        return np.full((1, 12), mw)

    return merit_order(
        flat(load),
        hours,
        np.arange(12),
        price_usd_per_mwh=np.ones(1),
        grid_mw=flat(grid),
        resources_mw={"solar": flat(sun), "wind": flat(wind)},
        contracts=[],
        sources=[
            Source(name="engine", power_mw=flat(engine), usd_per_mwh=np.array([48.7]), co2_kg_per_mwh=np.array([447.0]))
        ],
    )


@pytest.mark.parametrize(
    "mw",
    [
        (1000, 1000, 0, 0, 0),
        (1000, 700, 400, 0, 0),
        (1000, 1000, 500, 300, 300),
        (1000, 700, 500, 200, 400),
        (1000, 1000, 0, 1500, 1500),
        (1000, 500, 600, 1500, 0),
    ],
)
def test_merit_order_costs_what_the_linear_programme_does(mw: tuple[float, float, float, float, float]) -> None:
    exact, fast = lp_and_merit(*mw)
    assert fast == pytest.approx(exact, rel=0.01)


GROUPS = groups(
    MONTH,
    np.tile(np.linspace(-5, 200, 24), 365),
    np.tile(np.clip(np.sin(np.linspace(0, 6, 24)), 0, 1), 365),
    np.tile(np.linspace(1, 0, 24), 365),
    np.full(hourly.HOURS, 400.0),
    price_is_level=True,
)
MW = st.floats(0, 2000)


@settings(max_examples=30, deadline=None)
@given(MW, MW, MW, MW, MW)
def test_energy_balances_and_less_grid_never_costs_less(
    load: float, grid: float, engine: float, sun: float, wind: float
) -> None:
    mix = mixed(GROUPS, load, grid, engine, sun, wind)
    met = sum(mix.power_mw.values()) + mix.lacking_mean_mw
    np.testing.assert_allclose(met, load, atol=1e-9)
    assert (mix.power_mw["grid"] <= grid + 1e-9).all()
    assert (mix.power_mw["engine"] <= engine + 1e-9).all()
    less = mixed(GROUPS, load, grid / 2, engine, sun, wind)
    lack = 1e4  # a price of what is lacking, above any other
    cost, dearer = (m.usd_per_h + lack * m.lacking_mean_mw for m in (mix, less))
    assert (dearer >= cost - 1e-6).all()


def test_slips_are_refused_all_at_once() -> None:
    changes = {
        f"{AT}.units.sun.kind": "solar",
        f"{AT}.units.sun.power_mw": "10 MW",
        f"{AT}.units.sun.energised": "2026-01",
        f"{AT}.contracts.wind.kind": "wind",
        f"{AT}.contracts.wind.power_mw": "10 MW",
        f"{AT}.contracts.wind.usd_per_mwh": "30 USD/MWh",
        f"{AT}.contracts.wind.energised": "2026-01",
    }
    with pytest.raises(PlanError) as refused:
        gp.run("announced-2025-09", changes)
    said = str(refused.value)
    assert "nothing supplies this site in every hour" in said
    assert "comes over the grid" in said


def test_dates_with_a_range_are_drawn() -> None:
    line = {f"{AT}.grid.line.energised": "2026-06 to 2028-06", f"{AT}.grid.line.power_mw": "2 GW"}
    result = gp.run("announced-2025-09", {"uncertainty.members": 8, **line}, keep="summary")
    site = result.labels["site"].index("Abilene")
    assert len(set(result["first_token_day"][:, site].tolist())) > 2


def test_law_terms_of_a_stated_supply_are_shown_only_where_they_add_up() -> None:
    """Merit order prices the energy of such a site: energy times the facility's price is another figure."""
    stated, plain = run(300), run(None)
    for result in (stated, plain):
        found = gp.explain(result, "energy_cost_usd", {"site": "Abilene", "year": "2030"})
        whole = sum(t.sign * t.value for t in found.terms)
        assert not found.terms or whole == pytest.approx(found.figures[-1].value)
        assert bool(found.terms) == (result is plain)


ABOVE = {"power__facility__facility_to_it_peak": "1.05", "power__facility__pue": "1.3"}
"""A facility that runs above its design peak: it would draw more than the grid that its racks were built for."""


def test_no_member_draws_more_than_its_supply() -> None:
    result = run(300, uncertainty__members="12", **ABOVE)
    site = result.labels["site"].index("Abilene")
    drawn_mw = result["facility_energy_mwh"][:, site] / result.axis.hours
    assert drawn_mw.max() <= 300 * (1 + 1e-9)
    assert (drawn_mw.max(axis=1) > 299.9).any()
    assert (result["unpowered_energy_mwh"][:, site] > 0).any()


def test_what_a_supply_lacks_takes_work_and_is_said() -> None:
    short, ample = run(300, **ABOVE), run(100_000, **ABOVE)
    assert any("lacks" in w for w in short.warnings)
    assert not any("lacks" in w for w in ample.warnings)
    assert ample["unpowered_energy_mwh"].sum() == 0
    full, hot = (run(300, **(ABOVE | {"power__facility__pue": pue})) for pue in ("1.1", "1.3"))
    np.testing.assert_allclose(full["racks_accepted"], hot["racks_accepted"])
    site = hot.labels["site"].index("Abilene")
    lacking, drawn = hot["unpowered_energy_mwh"][0, site], hot["facility_energy_mwh"][0, site]
    month = int(lacking.argmax())
    lost = (full["gpus_available"] - hot["gpus_available"])[0, :, month].sum()
    there = hot["gpus_in_production"][0, :, site, month].sum()
    assert 0 < lost / there < lacking[month] / drawn[month], "the clock falls by less than the power does"


def test_energy_has_its_sources_and_its_carbon() -> None:
    result = run(300)
    site = result.labels["site"].index("Abilene")
    assert result.labels["source"] == ("grid",)
    np.testing.assert_allclose(
        result["energy_by_source_mwh"][0, 0, site], result["facility_energy_mwh"][0, site], rtol=1e-9
    )
    assert 0.3 < year_of(result, "energy_co2_t") / year_of(result, "energy_by_source_mwh") < 0.45
    assert run(None).labels["source"] == ()
    assert gp.explain(result, "binding_supply", {"site": "Abilene"}).figures[-1].label == "grid and units"
    assert np.isnan(result["supply_limit_mw"][0, :, site + 1]).all()


def test_a_grid_that_pays_comes_before_the_sun() -> None:
    mix = mixed(GROUPS, 1000, 1000, 0, 1000, 0)
    paid = GROUPS.price[0] < 0
    assert paid.any()
    assert (mix.power_mw["grid"] >= 1000 * (GROUPS.weight * (GROUPS.price < 0)).sum(axis=1) - 1e-9).all()


def test_prices_follow_what_the_supply_costs() -> None:
    """The energy of a GPU-hour, below which none is sold, is what the sites' supply costs, not the yearly price."""
    engine = {
        f"{AT}.units.engine.{name}": value
        for name, value in {"kind": "engine", "power_mw": "2 GW", "energised": "2026-01"}.items()
    }
    one = {"uncertainty.members": 1}
    dear, plain = (
        plan.resolve(plan.load("announced-2025-09", [f"{k}={v}" for k, v in changes.items()]))
        for changes in (one | engine, one)
    )
    price, engines = (float(priced(s).facilities[0].power_price_usd_per_mwh) for s in (plain, dear))
    assert priced(plain) is plain
    assert engines > 1.2 * price, "fuel, operation and annuity"


def test_racks_do_more_at_a_lower_clock_than_switched_off() -> None:
    result = plan.resolve(
        plan.load("announced-2025-09", ["uncertainty.members=1", *(f"{k}={v}" for k, v in LINE.items())])
    )
    assert result.clock is not None
    kept = np.linspace(0, 1, 101)[None]
    speed = speed_share(kept, result.nodes["gb200_nvl72"], result.node_draw, result.clock)
    assert (np.diff(speed) >= 0).all()
    assert (speed >= kept).all()
    assert speed[0, 0] == 0
    assert speed[0, -1] == 1
    assert speed[0, 80] > 0.85
    one = [float(speed_share(k, result.nodes["gb200_nvl72"], result.node_draw, result.clock).item()) for k in kept[0]]
    np.testing.assert_allclose(one, speed[0])


def test_a_site_with_its_supply_has_its_charts_and_others_do_not() -> None:
    result = run(300)
    shown, plain = (frame(result, "site", name) for name in ("Abilene", "Milam"))
    charts = {c.id: c for c in shown.charts}
    assert {"supply-limits", "supply-sources"} <= set(charts)
    assert not {c.id for c in plain.charts} & {"supply-limits", "supply-sources"}
    assert "grid and units" in charts["supply-limits"].caption
    assert any(card.name == "Carbon dioxide of the energy" for _, cards in shown.groups for card in cards)
