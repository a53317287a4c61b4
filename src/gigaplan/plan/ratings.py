"""What the catalog rates a system's GPUs and racks at, by power profile, and which power limits they may have."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from gigaplan.catalog import Catalog
from gigaplan.compute.clock import ClockCurve, clock_share, power_share
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
        gpu_rated_w=rated_gpu_w(facts, system),
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


def has_profiles(facts: Catalog, system: str) -> bool:
    """Return whether a system is rated at several power profiles."""
    return any(f.chosen and f.profile for f in facts.all(system, "rack_power_kw"))


def lowest_limit_w(facts: Catalog, system: str) -> float:
    """Return the lowest power limit of a system's GPU that the clock's relation holds for [W]."""
    curve = clock_curve_of(facts)
    return rated_gpu_w(facts, system) * float(power_share(curve.min_clock_share, curve))


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuPower:
    """At which power a system's GPUs run, where no plan says so."""

    profile: Profile = Profile.MAX_Q
    """Power profile, for systems that have several."""
    limit_w: float = 0.0
    """Most that one GPU may draw [W]; 0 for what the profile allows."""


EFFICIENT = GpuPower()
"""As plans take it where they say nothing."""


def gpu_limit_w(facts: Catalog, system: str, power: GpuPower = EFFICIENT) -> float:
    """Return the power limit of a system's GPU [W]; 0 where the catalog doesn't know it.

    Parameters
    ----------
    facts
        The catalog.
    system
        Name of the system.
    power
        Profile and limit.
    """
    if power.limit_w or not rated_gpu_w(facts, system):
        return power.limit_w
    return profiled(facts, system, "gpu_tgp_w", power.profile, PowerBasis.GPU_TGP).number


def clock_at(facts: Catalog, system: str, power: GpuPower = EFFICIENT) -> float:
    """Return the clock of a system's GPU over that at its rated power [share]; 1 where the catalog doesn't know it.

    Parameters
    ----------
    facts
        The catalog.
    system
        Name of the system.
    power
        Profile and limit.
    """
    rated, limit = rated_gpu_w(facts, system), gpu_limit_w(facts, system, power)
    return float(clock_share(limit / rated, clock_curve_of(facts))) if rated and limit < rated else 1.0


def node_at(facts: Catalog, system: str, power: GpuPower = EFFICIENT) -> Node:
    """Return a system's rack, or its node of eight GPUs, as rated at a power limit of its GPUs.

    Parameters
    ----------
    facts
        The catalog.
    system
        Name of the system.
    power
        Profile and limit.

    Raises
    ------
    UnknownFactError
        If the catalog has no rated power of the system's rack, or no limit of its GPUs.
    """
    node = node_of(facts, system, power.profile)
    if not power.limit_w:
        return node
    return replace(node, gpu_limit_w=power.limit_w, rated_w=float(rack_w_at(node, power.limit_w, node_draw_of(facts))))


def rack_kw_at(facts: Catalog, system: str, power: GpuPower = EFFICIENT) -> float:
    """Return the rated power of a system's rack at a power limit of its GPUs [kW].

    Parameters
    ----------
    facts
        The catalog.
    system
        Name of a system whose rack is rated.
    power
        Profile and limit.

    Raises
    ------
    UnknownFactError
        If a limit is stated and the catalog has none of the system's GPUs.
    """
    if power.limit_w:
        return float(node_at(facts, system, power).rated_w) / W_PER_KW
    return profiled(facts, system, "rack_power_kw", power.profile).number


def limit_problem(facts: Catalog, system: str, power: GpuPower, place: Place) -> Problem | None:
    """Return the problem of a power limit that a system's GPUs can't have, None where they can.

    Parameters
    ----------
    facts
        The catalog.
    system
        Name of the system.
    power
        Profile and limit.
    place
        Where the limit is stated.
    """
    most = gpu_limit_w(facts, system, GpuPower(profile=power.profile))
    if not most:
        return Problem(
            f"no power of a GPU of {system} is known, so that a limit can't set its clock",
            place,
            value=f"{power.limit_w:g} W",
            remedy=f"state gpu_tgp_w in a system like {system}, or leave the limit out",
        )
    lowest = lowest_limit_w(facts, system)
    if lowest <= power.limit_w <= most:
        return None
    above = power.limit_w > most
    return Problem(
        "a power limit above what the GPU may draw has no effect"
        if above
        else "a power limit below what the relation of clock and power is known for",
        place,
        value=f"{power.limit_w:g} W",
        allowed=f"{lowest:,.0f} to {most:,.0f} W for {system} at {power.profile}",
        remedy="lower it, or take profile max_p where the system has one" if above else "raise it",
    )
