"""What the catalog rates a system's GPUs and racks at, by power profile, and which power limits they may have."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from gigaplan.catalog import Catalog
from gigaplan.compute.clock import ClockCurve, power_share
from gigaplan.plan.schema import PlanDocument
from gigaplan.power.inputs import NodeDraw
from gigaplan.power.node import Node, rack_w_at
from gigaplan.vocabulary.bases import PowerBasis, Profile
from gigaplan.vocabulary.errors import Place, Problem
from gigaplan.vocabulary.facts import Fact

T = TypeVar("T")
AIR_COOLED_GPUS = 8
"""Racks with more GPUs than one node of eight are cooled by liquid (vendors' data sheets)."""
W_PER_KW = 1e3


def profiled(
    facts: Catalog, system: str, quantity: str, profile: Profile, basis: PowerBasis = PowerBasis.RACK_TDP
) -> Fact:
    """Return a system's fact at a power profile, or its only one where the vendor names no profile."""
    rated = [f for f in facts.all(system, quantity) if f.chosen and f.power_basis == basis]
    return next((f for f in rated if f.profile == profile), None) or next(f for f in rated if not f.profile)


def node_of(facts: Catalog, system: str, profile: Profile = Profile.MAX_Q) -> Node:
    """Return a system's rack, or its node of eight GPUs, as rated.

    Raises
    ------
    UnknownFactError
        If the catalog has no rated power of the system's rack, or no limit of its GPUs.
    """
    for quantity, basis in (("rack_power_kw", PowerBasis.RACK_TDP), ("gpu_tgp_w", PowerBasis.GPU_TGP)):
        if not any(f.chosen and f.power_basis == basis for f in facts.all(system, quantity)):
            facts.find(system, quantity, power_basis=basis)
    gpus = facts.find(system, "gpus_per_rack").number
    return Node(
        gpus=gpus,
        gpu_limit_w=profiled(facts, system, "gpu_tgp_w", profile, PowerBasis.GPU_TGP).number,
        rated_w=1e3 * profiled(facts, system, "rack_power_kw", profile).number,
        air_cooled=float(gpus <= AIR_COOLED_GPUS),
    )


def clock_curve_of(facts: Catalog) -> ClockCurve:
    """Return how a GPU's power follows its clock, of the central facts."""
    return _central(facts, ClockCurve, "gpu_clock")


def node_draw_of(facts: Catalog) -> NodeDraw:
    """Return what a node draws while it trains, by what its GPUs do, of the central facts."""
    return _central(facts, NodeDraw, "node_draw")


def _central(facts: Catalog, cls: type[T], entity: str) -> T:
    """Return a room's dataclass of numbers, each the fact of its name."""
    shape: Any = cls
    return cls(**{f.name: facts.find(entity, f.name).number for f in fields(shape)})


def stated_cap_w(doc: PlanDocument, name: str) -> float | None:
    """Return the cap that a plan states for the GPUs of a generation [W], None without one."""
    found: float | None = getattr(doc.fleet.systems.get(name), "gpu_power_cap_w", None)
    return found


def rated_gpu_w(facts: Catalog, system: str) -> float:
    """Return the power of a system's GPU in the profile with most, at which its peaks hold [W]; 0 if unknown."""
    return max((f.number for f in facts.all(system, "gpu_tgp_w") if f.chosen), default=0.0)


def lowest_limit_w(facts: Catalog, system: str) -> float:
    """Return the lowest power limit of a system's GPU that the clock's relation holds for [W]."""
    curve = clock_curve_of(facts)
    return rated_gpu_w(facts, system) * float(power_share(curve.min_clock_share, curve))


def rack_kw_at(facts: Catalog, system: str, profile: Profile, limit_w: float | None = None) -> float:
    """Return the rated power of a rack whose GPUs may draw so much [kW].

    Parameters
    ----------
    facts
        The catalog.
    system
        Name of a system whose rack is rated.
    profile
        Power profile, for systems that have several.
    limit_w
        Most that one GPU may draw [W]; that of the profile if None.
    """
    if limit_w is None:
        return profiled(facts, system, "rack_power_kw", profile).number
    node = node_of(facts, system, profile)
    return float(rack_w_at(node, limit_w, node_draw_of(facts))) / W_PER_KW


def limit_problem(facts: Catalog, system: str, limit_w: float, most_w: float, place: Place) -> Problem | None:
    """Return the problem of a power limit that a system's GPUs can't have, None where they can.

    Parameters
    ----------
    facts
        The catalog.
    system
        Name of the system.
    limit_w
        The limit [W].
    most_w
        Most that they may draw without it [W].
    place
        Where it is stated.
    """
    if not rated_gpu_w(facts, system):
        return Problem(
            "no power of this system's GPU is known, so that a limit can't set its clock",
            place,
            value=f"{limit_w:g} W",
            remedy=f"state gpu_tgp_w in a system like {system}, or leave the limit out",
        )
    lowest = lowest_limit_w(facts, system)
    if lowest <= limit_w <= most_w:
        return None
    above = limit_w > most_w
    return Problem(
        "a power limit above what the GPU may draw has no effect"
        if above
        else "a power limit below what the clock's relation holds for",
        place,
        value=f"{limit_w:g} W",
        allowed=f"{lowest:,.0f} to {most_w:,.0f} W for {system}",
        remedy="lower it, or take profile max_p where the system has one" if above else "raise it",
    )
