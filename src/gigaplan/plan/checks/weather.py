"""Weather of sites: what follows from it can't be stated next to it, and a plant needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gigaplan.plan.document import Node
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.errors import Problem

YEARLY = ("pue", "pue_summer_rise", "loss_share")
"""Figures of a facility that follow from its weather where it is stated."""


def weather(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A facility states its weather or its yearly figures, and a kind of plant only with weather.

    Parameters
    ----------
    plan
        The plan's document.
    root
        Where its lines stand.
    """
    shared = plan.power.facility
    sections: list[tuple[tuple[str, ...], Any]] = [(("power", "facility"), shared)]
    sections += [(("fleet", "sites", name, "facility"), site.facility) for name, site in plan.fleet.sites.items()]
    for path, section in sections:
        if section is None:
            continue
        if section.weather is not None:
            for name in YEARLY:
                if getattr(section, name) is not None:
                    yield Problem(
                        f"'{name}' follows from the weather that this facility states",
                        root.place((*path, name)),
                        value=f"{getattr(section, name):g}",
                        allowed=f"weather, or {', '.join(YEARLY)}",
                        remedy="remove one of the two",
                    )
        elif section.cooling is not None and (section is shared or shared is None or shared.weather is None):
            used = section is shared and any(s.facility and s.facility.weather for s in plan.fleet.sites.values())
            if not used:
                yield Problem(
                    "a kind of plant has no effect without weather",
                    root.place((*path, "cooling")),
                    value=section.cooling,
                    remedy="state the weather of the place here too, or remove this",
                )
