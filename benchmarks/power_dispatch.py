"""Dispatch: ten sites over ten years of hours, and merit order next to the linear programme.

``python benchmarks/power_dispatch.py``. The sites differ in region, grid and units, the years in prices and in a load
that grows; each site-year is a linear programme of 8760 hours for HiGHS.
"""

from __future__ import annotations

import resource
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from gigaplan.catalog import hourly, load
from gigaplan.layers.site_supply import site_of
from gigaplan.layers.site_supply_job import SupplyJob
from gigaplan.plan.resolve.supply import months_of_hours
from gigaplan.power.supply.inputs import Battery, Grid, SiteYear, Unit
from gigaplan.power.supply.merit import Source, groups, merit_order
from gigaplan.power.supply.size import dispatch
from gigaplan.power.supply.storage import Store, traded, trades

MIXES = (
    (1200, 0, 0, 0, 100),
    (700, 400, 0, 0, 100),
    (1000, 500, 300, 300, 100),
    (700, 500, 200, 400, 200),
    (1500, 0, 0, 0, 500),
    (1200, 300, 1000, 500, 50),
    (500, 600, 1500, 0, 300),
    (1000, 0, 1500, 1500, 300),
)
"""Grid, engine, sun, wind and battery for 1000 MW [MW]."""
ENGINE_USD, WEAR_USD, ROUND_TRIP, BATTERY_H, LOAD_MW = 48.7, 6.0, 0.86, 4.0, 1000.0
SITES, YEARS, WORKERS = 10, 10, 2


def of_site(s: int) -> tuple[float, float, float]:
    """Return the load that lacks over ten years of a site [MWh], the processor's time [s] and the most memory [GiB]."""
    facts, begun, lacking = load(), time.process_time(), 0.0
    for y in range(YEARS):
        job = SupplyJob(
            region=("ercot", "pjm")[s % 2],
            place="abilene",
            load_mw=400.0 + 60 * s + 20 * y,
            grid=f"{600 + 60 * s}MW",
            units=f"engine={150 + 10 * s}MW,solar={50 * (s % 3)}MW,battery={20 + 10 * (s % 4)}MW",
            prices_of=hourly.PRICE_YEARS[y % len(hourly.PRICE_YEARS)],
            year=2027 + y,
            dispatch=True,
        )
        site, _ = site_of(job, facts)
        lacking += float(dispatch(site, {n: mw or 0.0 for n, mw in job.capacities.items()}).unserved_mw.sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return lacking, time.process_time() - begun, peak


def many() -> None:
    """Dispatch ten sites over ten years, one site after another on each of two cores."""
    begun = time.perf_counter()
    with ProcessPoolExecutor(WORKERS) as pool:
        lacking, busy, peaks = zip(*pool.map(of_site, range(SITES)), strict=True)
    spent = time.perf_counter() - begun
    print(
        f"{SITES} sites x {YEARS} years: {spent:.0f} s on {WORKERS} cores ({sum(busy):.0f} s of processors), "
        f"{WORKERS * max(peaks):.2f} GiB at the most, {sum(lacking):.0f} MWh lacking"
    )


def compared(region: str, mix: tuple[float, ...]) -> tuple[float, float]:
    """Return the energy cost of a year by merit order over that of the linear programme, without and with storage."""
    grid, engine, sun, wind, battery = mix
    price = hourly.usd_per_mwh(region, hourly.PRICE_YEARS[-1])
    factors = [hourly.capacity_factor("abilene", kind) for kind in ("solar", "wind")]
    assert price is not None
    assert factors[0] is not None
    assert factors[1] is not None
    units = [Unit(name="engine", usd_per_mw_year=0, usd_per_mwh=ENGINE_USD, most_mw=engine)]
    for name, mw, factor in zip(("solar", "wind"), (sun, wind), factors, strict=True):
        units.append(Unit(name=name, usd_per_mw_year=0, available=factor, most_mw=mw))
    store = Battery(
        name="battery",
        usd_per_mw_year=0,
        hours=BATTERY_H,
        charge_share=ROUND_TRIP**0.5,
        discharge_share=ROUND_TRIP**0.5,
        wear_usd_per_mwh=WEAR_USD,
        most_mw=battery,
    )
    site = SiteYear(
        load_mw=np.full(hourly.HOURS, LOAD_MW),
        grid=Grid(limit_mw=np.full(hourly.HOURS, grid), usd_per_mwh=price),
        units=tuple(units),
        batteries=(store,),
    )
    sizes = {"engine": engine, "solar": sun, "wind": wind}
    exact = [dispatch(site, sizes | {"battery": mw}).cost_usd for mw in (0.0, battery)]
    month = months_of_hours()
    hours = groups(
        month, price, *factors, np.zeros(hourly.HOURS), price_is_level=True, capacity_mw=(sun, wind)
    )  # fmt: skip

    def flat(mw: float) -> np.ndarray:
        return np.full((1, 12), float(mw))

    plain = merit_order(
        flat(LOAD_MW),
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
    kept = Store(
        power_mw=flat(battery),
        hours=BATTERY_H,
        round_trip_share=ROUND_TRIP,
        wear_usd_per_mwh=np.array([WEAR_USD]),
        trades=trades(price, BATTERY_H, ROUND_TRIP, np.zeros(hourly.HOURS, dtype=bool)),
    )
    stored = traded(
        plain,
        hours,
        np.arange(12),
        [kept],
        price_usd_per_mwh=np.ones(1),
        fuel_mw=flat(engine),
        fuel_usd_per_mwh=np.array([ENGINE_USD]),
    )
    of_month = np.bincount(month)[1:]
    fast = [float((m.usd_per_h[0] * of_month).sum()) for m in (plain, stored)]
    return fast[0] / exact[0] - 1, fast[1] / exact[1] - 1


def main() -> None:
    """Print both."""
    many()
    print("merit order over the linear programme: grid, engine, sun, wind, battery [MW]; without and with the battery")
    for region in ("ercot", "pjm"):
        for mix in MIXES:
            without, with_it = compared(region, mix)
            print(f"{region:6} {', '.join(map(str, mix)):28} {without:+7.1%} {with_it:+7.1%}")


if __name__ == "__main__":
    main()
