"""Facilities, racks and devices of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel

from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.compute.device import Device
from gigaplan.plan.checks.weather import YEARLY
from gigaplan.plan.ratings import node_of, profiled
from gigaplan.plan.resolve.cooling import by_weather
from gigaplan.plan.resolve.filler import Filler, rated_w
from gigaplan.plan.resolve.limits import PowerLimit
from gigaplan.plan.resolve.lookup import UNKNOWN_REGION
from gigaplan.plan.schema import PlanDocument
from gigaplan.power.chain import chain
from gigaplan.power.inputs import Facility, WeatheredFacility
from gigaplan.power.node import Node
from gigaplan.vocabulary.bases import Based, PowerBasis, Profile
from gigaplan.vocabulary.errors import Place, Problem
from gigaplan.vocabulary.members import Uncertain, column


def facilities(filler: Filler, doc: PlanDocument) -> tuple[tuple[Facility, ...], Facility]:
    """Return one facility per place (sites, then the existing fleet) and the one that the existing fleet shares."""
    own: dict[tuple[str, str], Any] = {}
    sites = [
        _facility(filler, _merged(doc.power.facility, site.facility), site.region, f"power.facilities.{name}", own)
        for name, site in doc.fleet.sites.items()
    ]
    shared = _facility(filler, doc.power.facility, UNKNOWN_REGION, "power.facilities.opening", own)
    return (*sites, *([shared] * len(doc.fleet.opening))), shared


def _facility(filler: Filler, given: Any, region: str, path: str, own: dict[tuple[str, str], Any]) -> Facility:
    """Return a facility whose figures are the plan's, else those of its region, else those of all regions; where it
    states its weather, those that follow from it."""
    price_path = f"{path}.power_price_usd_per_mwh"
    price = getattr(given, "power_price_usd_per_mwh", None)
    if price is None:
        fact = filler.facts.find(region, "power_price_usd_per_mwh")
        price = filler.value(price_path, fact, Annotated[Uncertain, None])
    else:
        price = filler.state(price_path, price, Annotated[Uncertain, None])
    owners = [region, "facility"] if filler.facts.has(region, "power_price_usd_per_mwh") else "facility"
    known = by_weather(filler, given, path, own) if getattr(given, "weather", None) else {}
    cls = WeatheredFacility if known else Facility
    return filler.fill(cls, given, owners, path, power_price_usd_per_mwh=price, **known)


def _merged(base: BaseModel | None, over: BaseModel | None) -> BaseModel | None:
    """Return a section whose own settings win over the shared ones."""
    if base is None or over is None:
        return over or base
    update = {k: v for k, v in over if v is not None}
    # Yearly figures and weather exclude each other: the section that is nearer to the site decides.
    if "weather" in update:
        update = {**dict.fromkeys(YEARLY), **update}
    elif any(name in update for name in YEARLY):
        update = {"weather": None, "cooling": None, **update}
    return base.model_copy(update=update)


def it_power(filler: Filler, power: Based, facility: Facility, ratio: float, path: str) -> dict[str, Any]:
    """Return a stated power on the IT basis by the sourced ratios, and what members have over the central one,
    recording the stated value."""
    filler.state(path, power)
    peaks = column(facility.facility_to_it_peak, 1)
    known = chain(facility_to_it_peak=float(peaks[0]), it_per_rack_power=ratio)
    try:
        found = power.to(PowerBasis.IT, *known)
    except ValueError as error:
        filler.problems.append(
            Problem(
                str(error),
                Place(path=path),
                value=str(power),
                allowed="it, facility, rack_tdp",
                remedy="state the power on one of these bases",
            )
        )
        found = Based(power.value, power.unit, PowerBasis.IT)
    uncertain = power.basis == PowerBasis.FACILITY and len(peaks) > 1
    return {"power": found, "power_ratio": peaks[0] / peaks if uncertain else 1.0}


def nodes(filler: Filler, doc: PlanDocument, limits: Mapping[str, PowerLimit]) -> dict[str, Node]:
    """Return the racks of each generation as rated at their power limit, where the catalog knows that of their GPUs.

    Parameters
    ----------
    filler
        Fills inputs and records them.
    doc
        The plan's document.
    limits
        Power limit of each generation.
    """
    found, profile = {}, Profile(doc.fleet.profile)
    for name in doc.fleet.generations:
        try:
            rated = node_of(filler.facts, name, profile)
        except UnknownFactError:
            continue
        limit = profiled(filler.facts, name, "gpu_tgp_w", profile, PowerBasis.GPU_TGP)
        filler.ledger.read(f"power.nodes.{name}.gpu_limit_w", limit)
        rack_w = 1e3 * float(column(limits[name].rack_kw, 1)[0])
        found[name] = replace(rated, gpu_limit_w=limits[name].limit_w, rated_w=rack_w)
    return found


def device(filler: Filler, name: str, limit: PowerLimit) -> Device:
    """Return a generation's device at the clock of its power limit.

    Parameters
    ----------
    filler
        Fills inputs and records them.
    name
        Name of the generation.
    limit
        Its power limit.
    """
    path = f"inference.devices.{name}"
    clock = float(column(limit.clock_share, 1)[0])
    return filler.fill(Device, None, name, path, rated_w=rated_w(filler, name, path), clock_share=clock)
