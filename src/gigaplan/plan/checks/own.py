"""Rules of systems and regions of the plan's own."""

from __future__ import annotations

from collections.abc import Iterator

from gigaplan.plan.document import Node
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.errors import Problem


def used(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Systems and regions of the plan's own are used by it."""
    regions = {site.region for site in plan.fleet.sites.values()}
    for section, there, where in (
        ("systems", set(plan.fleet.generations), "fleet.generations"),
        ("regions", regions, "a site's region"),
    ):
        for name in getattr(plan, section):
            if name not in there:
                yield Problem(
                    f"nothing in the plan uses this {section[:-1]}",
                    root.place((section, name), key=True),
                    value=name,
                    remedy=f"name it as {where}, or remove it; the run goes on",
                    severity="warning",
                )


def supply(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """What a system of the plan's own states, no other section states of it as well."""
    for name, system in plan.systems.items():
        for section, changed in (("fleet", plan.fleet.systems), ("finance", plan.finance.systems)):
            other = changed.get(name)
            for quantity in type(other).model_fields if other is not None else ():
                if getattr(other, quantity) is not None and getattr(system, quantity, None) is not None:
                    yield Problem(
                        f"stated for this system here and in {section}.systems",
                        root.place(("systems", name, quantity)),
                        value=quantity,
                        allowed=f"here, or as {section}.systems.{name}.{quantity}",
                        remedy="remove one",
                    )


def climate(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """What a region of the plan's own states, the plan does not state for all sites as well, nor a site otherwise."""
    for name, site in plan.fleet.sites.items():
        own = plan.regions.get(site.region)
        if site.utc_offset_h is not None and own is not None and own.utc_offset_h is not None:
            yield Problem(
                "a site and its region both state their time",
                root.place(("fleet", "sites", name, "utc_offset_h")),
                value=f"{site.utc_offset_h:g} h",
                allowed=f"that of region '{site.region}', {own.utc_offset_h}",
                remedy="remove one",
            )
    shared = plan.power.facility
    for name, region in plan.regions.items():
        for quantity in type(shared).model_fields if shared is not None else ():
            if getattr(shared, quantity) is not None and getattr(region, quantity, None) is not None:
                yield Problem(
                    "stated for all sites and for this region",
                    root.place(("regions", name, quantity)),
                    value=quantity,
                    allowed=f"here, or as power.facility.{quantity}",
                    remedy="remove one: what is stated for all sites would win",
                )
