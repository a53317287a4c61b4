"""Rules of what supplies a site."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gigaplan.catalog.hourly import PRICE_YEARS, place_of, usd_per_mwh
from gigaplan.plan.checks.common import outside
from gigaplan.plan.document import Node
from gigaplan.plan.schema import PlanDocument
from gigaplan.power.supply.dated import FIRM, RENEWABLE
from gigaplan.vocabulary.errors import Problem

PARTS = ("grid", "substations", "units", "batteries", "backup", "contracts")
"""Parts of a supply, whose entries have dates."""


def supply(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Power comes from somewhere, sun and wind have a place, and what is dated comes within the horizon.

    Parameters
    ----------
    plan
        The plan's document.
    root
        Where its lines stand.
    """
    for name, site in plan.fleet.sites.items():
        if site.supply is None:
            continue
        at = ("fleet", "sites", name, "supply")
        if not site.supply.grid and not any(u.kind in FIRM for u in site.supply.units.values()):
            yield Problem(
                "nothing supplies this site in every hour",
                root.place(at, key=True),
                allowed=f"a tranche of the grid, or units of {', '.join(FIRM)}",
                remedy="state grid: or units:, or remove supply: for a grid that is never short",
            )
        for part in ("units", "contracts"):
            for entry, one in getattr(site.supply, part).items():
                if one.kind in RENEWABLE and not place_of(site.region, site.supply.place):
                    yield Problem(
                        f"no sun and wind are known of region {site.region}",
                        root.place((*at, part, entry, "kind")),
                        value=one.kind,
                        remedy="name a place with series that come with gigaplan: supply.place",
                    )
        if site.supply.contracts and not site.supply.grid:
            yield Problem(
                "energy of a contract comes over the grid, and this site has none",
                root.place((*at, "contracts"), key=True),
                remedy="state grid:, or remove the contracts",
            )
        yield from _withheld(name, site, root)
        for part in PARTS:
            for entry, one in getattr(site.supply, part).items():
                if one.energised > plan.horizon.end:
                    path = (*at, part, entry, "energised")
                    yield outside("energised after the horizon ends", root, path, one.energised, "it gives nothing")


def _withheld(name: str, site: Any, root: Node) -> Iterator[Problem]:
    """Yield problems of tranches that the operator may withhold."""
    for entry, one in site.supply.grid.items():
        path = ("fleet", "sites", name, "supply", "grid", entry)
        if not one.withheld_hours:
            if one.firm_from is not None:
                yield Problem(
                    "firm_from has no effect: this tranche is never withheld",
                    root.place((*path, "firm_from")),
                    value=f"{one.firm_from}",
                    remedy="state withheld_hours: too, or leave firm_from out",
                )
            continue
        if usd_per_mwh(site.region, PRICE_YEARS[-1]) is None:
            yield Problem(
                "the hours in which it is withheld are the dearest ones, and no prices by the hour are known of "
                f"region {site.region}",
                root.place((*path, "withheld_hours")),
                value=f"{one.withheld_hours:g}",
                remedy="name a region with prices by the hour: ercot or pjm",
            )
        if one.firm_from is not None and one.firm_from <= one.energised:
            yield Problem(
                "withheld_hours has no effect: the tranche is firm when it is energised",
                root.place((*path, "firm_from")),
                value=f"{one.firm_from}",
                allowed=f"a day after {one.energised}",
                remedy="state a later firm_from, or leave withheld_hours out",
            )
