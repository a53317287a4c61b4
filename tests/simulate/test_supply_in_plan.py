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
from gigaplan.catalog import hourly
from gigaplan.power.supply.dated import Hours
from gigaplan.power.supply.inputs import Grid, SiteYear, Unit
from gigaplan.power.supply.merit import Mix, Source, groups, merit_order
from gigaplan.power.supply.size import dispatch
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import PlanError

AT = "fleet.sites.Abilene.supply"
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
    for name in ("racks_accepted", "tokens_served_per_day", "facility_energy_mwh"):
        np.testing.assert_allclose(run(100_000)[name], run(None)[name], rtol=1e-12)


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
        grid=Grid(limit_mw=np.full(hourly.HOURS, grid), usd_per_mwh=np.maximum(price, 0.0)),
        units=tuple(units),
    )
    found = dispatch(site, {"engine": engine, "solar": sun, "wind": wind})
    hours = groups(MONTH, np.maximum(price, 0.0), *series, np.zeros(hourly.HOURS), price_is_level=True)
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
    "mw", [(1000, 1000, 0, 0, 0), (1000, 700, 400, 0, 0), (1000, 1000, 500, 300, 300), (1000, 700, 500, 200, 400)]
)
def test_merit_order_costs_what_the_linear_programme_does(mw: tuple[float, float, float, float, float]) -> None:
    exact, fast = lp_and_merit(*mw)
    assert fast == pytest.approx(exact, rel=0.02)


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
    met = sum(mix.power_mw.values()) + mix.unserved_mw
    np.testing.assert_allclose(met, load, atol=1e-9)
    assert (mix.power_mw["grid"] <= grid + 1e-9).all()
    assert (mix.power_mw["engine"] <= engine + 1e-9).all()
    less = mixed(GROUPS, load, grid / 2, engine, sun, wind)
    lack = 1e4  # a price of what is lacking, above any other
    assert (less.usd_per_h + lack * less.unserved_mw >= mix.usd_per_h + lack * mix.unserved_mw - 1e-6).all()


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


def test_what_a_supply_lacks_costs_as_its_dearest_source_and_is_said() -> None:
    """A facility that runs above its design peak draws more than the grid that its racks were built for."""
    above = {"power__facility__facility_to_it_peak": "1.05", "power__facility__pue": "1.3"}
    short, ample = run(300, **above), run(100_000, **above)
    assert any("lacks" in w for w in short.warnings)
    assert not any("lacks" in w for w in ample.warnings)
    site = short.labels["site"].index("Abilene")
    names = ("energy_cost_usd", "facility_energy_mwh")
    costs, energy = ([r[n][0, site, -12:].sum() for r in (short, ample)] for n in names)
    assert 1 <= costs[0] / energy[0] * energy[1] / costs[1] < 1.03, "as the grid, without its negative prices"
