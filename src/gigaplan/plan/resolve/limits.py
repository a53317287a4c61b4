"""The power limit of a generation's GPUs, and what follows from it: the power of a rack, and the clock.

The plan's profile sets the limit where the vendor rates a system at several profiles, and a cap of the plan's own
lowers it. What a rack takes besides its GPUs stays: processors, adapters, switches, and what fans and power supplies
take of the rest. Below the profile with most power, the power of a rack is uncertain because it isn't known how far its
GPUs are limited: a member with more power in the rack has it in its GPUs, up to their rated power.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.compute.clock import ClockCurve, clock_share
from gigaplan.plan.ratings import W_PER_KW, node_draw_of, node_of, profiled, rated_gpu_w, stated_cap_w
from gigaplan.plan.resolve.filler import Filler
from gigaplan.plan.schema import PlanDocument
from gigaplan.power.node import limit_w_at, rack_w_at
from gigaplan.vocabulary.bases import Profile
from gigaplan.vocabulary.facts import Evidence
from gigaplan.vocabulary.members import Array, Uncertain, column


@dataclass(frozen=True, slots=True)
class PowerLimit:
    """What the GPUs of one generation may draw, and what follows."""

    rack_kw: Uncertain
    """Rated power of a rack at that limit [kW]."""
    limit_w: float
    """Most that one GPU may draw, of the central member [W]; 0 where the catalog doesn't know it."""
    clock_share: Uncertain
    """Clock at that limit over that at the rated power [share]."""


def power_limits(filler: Filler, doc: PlanDocument, kind: Any) -> Mapping[str, PowerLimit]:
    """Return the power limit of each generation of a plan.

    Parameters
    ----------
    filler
        Fills inputs and records them.
    doc
        The plan's document.
    kind
        Type of a rack's power, which says whether it is drawn.
    """
    return {name: _limit(filler, doc, name, kind) for name in doc.fleet.generations}


def _limit(filler: Filler, doc: PlanDocument, name: str, kind: Any) -> PowerLimit:
    facts, path, profile = filler.facts, f"fleet.generations.{name}", Profile(doc.fleet.profile)
    rack = profiled(facts, name, "rack_power_kw", profile)
    cap = stated_cap_w(doc, name)
    rack_kw: Uncertain = filler.value(f"{path}.rack_power_kw", rack, kind)
    rated = rated_gpu_w(facts, name)
    try:
        node, curve = node_of(facts, name, profile), node_draw_of(facts)
    except UnknownFactError:
        return PowerLimit(rack_kw, 0.0, 1.0)
    limit: Array = column(float(node.gpu_limit_w), 1)
    if rated > float(node.gpu_limit_w):
        limit = np.minimum(limit_w_at(node, column(rack_kw, 1) * W_PER_KW, curve), rated)
    if cap is not None:
        others_kw = column(rack_kw, 1) - rack_w_at(node, limit, curve) / W_PER_KW
        limit = np.minimum(limit, cap)
        rack_kw = others_kw + rack_w_at(node, limit, curve) / W_PER_KW
        filler.ledger.plan(f"{path}.capped_rack_kw", f"{rack_kw[0]:.6g}", Evidence.ESTIMATED, f"at {cap:g} W", "kW")
    clock: Uncertain = 1.0
    if (limit < rated).any():
        how = filler.fill(ClockCurve, None, "gpu_clock", f"inference.devices.{name}.clock")
        clock = clock_share(limit / rated, how)
    return PowerLimit(_plain(rack_kw), float(limit[0]), _plain(clock))


def _plain(value: Uncertain) -> Uncertain:
    """Return a number for an array of one."""
    return value if np.size(value) > 1 else float(column(value, 1)[0])
