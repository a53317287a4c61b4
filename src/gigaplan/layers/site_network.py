"""A site's supply as a network of PyPSA (Brown, Hörsch and Schlachtberger, 2018), for a grid planner's own tools."""

from __future__ import annotations

from typing import Any

import numpy as np

from gigaplan.layers.site_load import year_hours
from gigaplan.layers.site_supply_job import PLACE
from gigaplan.power.supply.inputs import FIRM_USD_PER_MWH, SiteYear
from gigaplan.vocabulary.errors import PlanError, Problem

LARGE_MW = 1e6
"""Capacity that binds nothing."""
LEFT_OUT = "load that waits or is left undone, the charge for monthly peaks, limits of hours, and energy sold"
"""What a plain network cannot say."""
INSTALL = "pip install 'gigaplan[power]'"


def network(site: SiteYear, capacity_mw: dict[str, float] | None = None, *, year: int) -> Any:
    """Return a site as a network of one bus: load, grid, units, batteries, and a price of what is unserved.

    What a plain network cannot say is left out: :data:`LEFT_OUT`.

    Parameters
    ----------
    site : SiteYear
        Load, grid, units and batteries.
    capacity_mw : dict of str to float, optional
        Capacities as they stand [MW]; left out, the network may choose them.
    year : int
        Calendar year of its hours, UTC; 29 February is left out.

    Raises
    ------
    PlanError
        Where PyPSA is not installed.
    """
    try:
        import pandas as pd
        import pypsa
    except ImportError:
        raise PlanError([Problem("PyPSA is not installed", PLACE, remedy=INSTALL)]) from None
    hours = len(site.load_mw)
    made = pypsa.Network()
    made.set_snapshots(pd.DatetimeIndex(year_hours(year)[:hours]))
    made.add("Bus", "site")
    made.add("Load", "load", bus="site", p_set=site.load_mw)
    limit = np.asarray(site.grid.limit_mw, dtype=float)
    top = max(float(limit.max()), 1e-6)
    made.add(
        "Generator",
        "grid",
        bus="site",
        p_nom=top,
        p_max_pu=limit / top,
        marginal_cost=np.asarray(site.grid.usd_per_mwh, dtype=float),
    )
    made.add("Generator", "unserved", bus="site", p_nom=LARGE_MW, marginal_cost=FIRM_USD_PER_MWH)
    share = site.share_of_year

    def size(name: str, usd_per_mw_year: float, built: float, most: float) -> dict[str, Any]:
        if capacity_mw is not None:
            return {"p_nom": capacity_mw[name], "capital_cost": usd_per_mw_year * share}
        bounds = {"p_nom_min": built, "p_nom_max": max(most, built)}
        return {"p_nom_extendable": True, "capital_cost": usd_per_mw_year * share, **bounds}

    for unit in site.units:
        given = np.broadcast_to(unit.available, hours)
        sized = size(unit.name, unit.usd_per_mw_year, unit.built_mw, unit.most_mw)
        made.add("Generator", unit.name, bus="site", p_max_pu=given, marginal_cost=unit.usd_per_mwh, **sized)
    for battery in site.batteries:
        made.add(
            "StorageUnit",
            battery.name,
            bus="site",
            max_hours=battery.hours,
            efficiency_store=battery.charge_share,
            efficiency_dispatch=battery.discharge_share,
            marginal_cost=battery.wear_usd_per_mwh,
            cyclic_state_of_charge=True,
            **size(battery.name, battery.usd_per_mw_year, battery.built_mw, battery.most_mw),
        )
    return made
