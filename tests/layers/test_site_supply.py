"""The supply of a site as a question: series, dates, shortfalls in words, and the network that PyPSA makes of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gigaplan.catalog import hourly as series
from gigaplan.catalog import load
from gigaplan.layers.site_supply import SiteSupply, site_of, supply_site
from gigaplan.layers.site_supply_job import SupplyJob, impossible
from gigaplan.power.supply.inputs import SiteYear
from gigaplan.vocabulary.errors import PlanError

STANDS = SupplyJob(
    region="ercot",
    load_mw=1000.0,
    grid="400MW,700MW@2027-06",
    units="engine=700MW,solar=100MW,battery=50MW",
    dispatch=True,
)


@pytest.fixture(scope="module")
def answer() -> SiteSupply:
    pytest.importorskip("highspy")
    return supply_site(STANDS)


def test_shipped_series_are_those_of_their_sources() -> None:
    """Means as the catalog's facts of the same sources have them; sun only by day, local time six hours behind."""
    facts = load()
    for region in ("ercot", "pjm"):
        for year in series.PRICE_YEARS:
            price = series.usd_per_mwh(region, year)
            assert price is not None and len(price) == 8760 and np.isfinite(price).all()
            mean = next(f.number for f in facts.all(region, "wholesale_price_usd_per_mwh") if f.id.endswith(str(year)))
            assert price.mean() == pytest.approx(mean, rel=0.01)
    sun, wind = (series.capacity_factor("abilene", kind) for kind in ("solar", "wind"))
    assert sun is not None and wind is not None
    assert 0.25 < sun.mean() < 0.35 and 0.35 < wind.mean() < 0.5
    by_hour = sun.reshape(365, 24).mean(axis=0)
    assert by_hour[(0 + 6) % 24] == 0.0 and by_hour[(12 + 6) % 24] > 0.5
    assert series.usd_per_mwh("uae", 2024) is None


def test_the_year_is_met_and_its_parts_add_up(answer: SiteSupply) -> None:
    assert answer.optimal and answer.shortfall is None
    assert sum(answer.usd_by_part.values()) == pytest.approx(answer.usd_per_year)
    assert sum(answer.energy_mwh.values()) == pytest.approx(8760 * 1000.0)
    limit = answer.site.grid.limit_mw
    june = (dt.date(2027, 6, 15) - dt.date(2027, 1, 1)).days * 24
    assert limit[june - 1] == 400.0 and limit[june] == 700.0
    assert answer.grid_usd_per_mw_year > 0


def test_withheld_hours_cost_and_a_lack_is_named_by_its_hour(answer: SiteSupply) -> None:
    held = supply_site(replace(STANDS, withheld_h=3000.0, units="engine=1100MW,solar=100MW,battery=50MW"))
    assert held.withheld_usd_per_year is not None and held.withheld_usd_per_year > 0
    short = supply_site(replace(STANDS, units="engine=500MW"))
    assert short.shortfall is not None
    assert short.shortfall.worst_mw == pytest.approx(1000 - 400 - 0.95 * 500, rel=1e-6)
    assert short.shortfall.worst_hour.startswith("2027-0")


def test_what_comes_too_late_is_left_out() -> None:
    site, notes = site_of(replace(STANDS, dispatch=False, ordered=dt.date(2026, 1, 1)), load())
    assert "engine" not in {u.name for u in site.units}
    assert any("engine ordered on 2026-01-01" in n for n in notes)
    elsewhere, notes = site_of(replace(STANDS, region="pjm"), load())
    assert "solar" not in {u.name for u in elsewhere.units} and any("name a place" in n for n in notes)


def test_all_that_cannot_be_is_said_at_once() -> None:
    wrong = SupplyJob(
        region="ercott", load_mw=-1.0, grid="lots,5MW@2030", units="engin,wind=3", prices_of=1999, dispatch=True,
        place="mars", drawn=2.0, delay=True,
    )  # fmt: skip
    words = " ".join(str(p) for p in impossible(wrong))
    for part in ("ercot", "--load", "lots", "engine", "1999", "mars", "--drawn", "begins after the year", "--delay"):
        assert part in words
    with pytest.raises(PlanError):
        supply_site(wrong)


def _short(hours: int, units: str) -> SiteYear:
    """Return some hours of a site without what a plain network cannot say."""
    job = replace(STANDS, dispatch=False, grid="400MW,700MW@2027-01-10", units=units)
    site, _ = site_of(job, load())
    grid = replace(
        site.grid,
        usd_per_mw_month=0.0,
        co2_kg_per_mwh=np.zeros(1),
        month=np.zeros(1, dtype=int),
        limit_mw=site.grid.limit_mw[:hours],
        usd_per_mwh=site.grid.usd_per_mwh[:hours],
    )
    given = tuple(replace(u, available=u.available[:hours]) for u in site.units)
    return replace(site, load_mw=site.load_mw[:hours], grid=grid, units=given, share_of_year=hours / 8760)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_pypsa_finds_the_same_cost() -> None:
    """A network of PyPSA with the same units, solved by HiGHS through linopy."""
    pytest.importorskip("pypsa")
    from gigaplan.layers.site_network import network
    from gigaplan.power.supply.size import size

    site = _short(336, "engine,solar,wind,battery")
    made = network(site, year=2027)
    made.optimize(solver_name="highs", log_to_console=False)
    assert size(site, tolerance=1e-5).cost_usd == pytest.approx(made.objective, rel=1e-3)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_network_that_is_written_and_read_again_is_dispatched_at_the_same_cost(tmp_path: Path) -> None:
    """What a grid planner gets as NetCDF, in a leap year: 29 February is left out of its hours."""
    pypsa = pytest.importorskip("pypsa")
    from gigaplan.layers.site_network import network
    from gigaplan.power.supply.size import dispatch

    site = _short(24 * 70, "engine=600MW,solar=200MW,battery=50MW")
    sizes = {"engine": 600.0, "solar": 200.0, "battery": 50.0}
    network(site, sizes, year=2028).export_to_netcdf(tmp_path / "site.nc")
    read = pypsa.Network(tmp_path / "site.nc")
    assert "2028-02-29" not in {f"{hour:%Y-%m-%d}" for hour in read.snapshots}
    read.optimize(solver_name="highs", log_to_console=False)
    ours = dispatch(site, sizes).cost_usd
    standing = sum(k.usd_per_mw_year * site.share_of_year * sizes[k.name] for k in site.kinds)
    assert ours - standing == pytest.approx(read.objective, rel=1e-4)


def test_a_delay_lies_between_the_worths_of_a_megawatt_with_and_without_it() -> None:
    """Cost is convex in the limit: what a tranche saves lies between its size times the dual with it and without it."""
    with_it, without = (supply_site(replace(STANDS, grid=f"{mw}MW", units="engine=700MW")) for mw in (610, 600))
    both = supply_site(replace(STANDS, grid="600MW,610MW@2027-01-01", units="engine=700MW", delay=True))
    delayed = both.year_without_grid_usd
    assert delayed is not None
    assert 10 * with_it.grid_usd_per_mw_year * 0.999 <= delayed <= 10 * without.grid_usd_per_mw_year * 1.001
    short = supply_site(replace(STANDS, grid="100MW,700MW@2027-01-01", units="engine=400MW", delay=True))
    assert short.year_without_grid_usd is None
    assert any("MWh of the year's load lack" in note for note in short.notes)
