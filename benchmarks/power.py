"""Sizing of one site over a year: gigaplan next to PyPSA on the same data. ``python benchmarks/power.py``.

PyPSA is asked where it is installed (``pip install 'gigaplan[power]'``). A plain network has no charge for monthly
peaks and no limit of hours, so that both leave them out here.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from gigaplan.catalog import load
from gigaplan.layers.site_network import network
from gigaplan.layers.site_supply import site_of
from gigaplan.layers.site_supply_job import SupplyJob
from gigaplan.power.supply.size import dispatch, size
from gigaplan.vocabulary.errors import PlanError


def main() -> None:
    job = SupplyJob(region="ercot", load_mw=1000.0, grid="400MW,700MW@2027-06-15", prices_of=2023)
    site, _ = site_of(job, load())
    site = replace(
        site,
        grid=replace(site.grid, usd_per_mw_month=0.0),
        units=tuple(replace(u, full_hours=np.inf) for u in site.units),
    )
    found = size(site)
    print(f"gigaplan  sizing {found.seconds:.1f} s, {found.solves} dispatches, {found.cost_usd:,.0f} USD", end=" ")
    print(f"(bound {found.bound_usd:,.0f})", {n: round(mw) for n, mw in found.capacity_mw.items() if mw >= 1})
    fixed = dispatch(site, found.capacity_mw)
    print(f"gigaplan  dispatch {fixed.seconds:.2f} s, {fixed.cost_usd:,.0f} USD")
    try:
        made = network(site, year=2027)
    except PlanError as error:
        print(error)
        return
    begun = time.perf_counter()
    status = made.optimize(solver_name="highs", solver_options={"output_flag": False}, log_to_console=False)
    spent = time.perf_counter() - begun
    apart = found.cost_usd / made.objective - 1
    print(f"PyPSA     sizing {spent:.1f} s, {status}, {made.objective:,.0f} USD; gigaplan over it {100 * apart:+.4f} %")


if __name__ == "__main__":
    main()
