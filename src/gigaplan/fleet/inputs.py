"""What the fleet room needs to know."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.bases import Based, OnBasis, PowerBasis
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.units import Day, Unit

LADDER = ("announced", "contracted", "construction", "energised", "ready", "accepted", "producing")
"""The delivery ladder's states, in order. 'energised': grid power reaches the site. 'ready': ready for service,
halls, cooling and network done. 'accepted': racks installed and tested. 'producing': serving or training."""

LIMITS = ("power", "racks", "packaging", "transformers", "labour")
"""What can bind the build-out in a month: energised power at the sites, rack assembly, advanced packaging and memory
(GPUs), transformers (MW energised), skilled labour (MW made ready)."""


def existing_label(name: str) -> str:
    """Return the label, among those of all sites, of a block of the existing fleet."""
    return f"opening {name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One generation of systems as the fleet sees it: a rack (or an 8-GPU node) and when it ships."""

    name: str
    gpus_per_rack: Annotated[int, Ge(1)]
    it_kw_per_rack: Annotated[float, Gt(0), Unit("kW")]
    """IT power that one rack takes, its share of network and storage included (basis: it)."""
    first_ship_date: Annotated[dt.date, Day()]
    life_years: Annotated[float, Gt(0), Unit("year")]
    supply_start_racks_per_month: Annotated[float, Ge(0), Unit("racks/month")]
    """Racks that this customer can get in the first month after the first shipment."""
    supply_growth_per_year: Annotated[float, Ge(0), Unit("1/year")]
    """Yearly growth of that rate (1.0 doubles it each year), up to the cap."""
    supply_cap_racks_per_month: Annotated[float, Gt(0), Unit("racks/month")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One block of megawatts at a site with its dates; a missing date follows from the standard lags."""

    name: str
    power: Annotated[Based, OnBasis("MW", PowerBasis)]
    """Power of this phase; all phases of a site are on one basis."""
    announced: Annotated[dt.date, Day()]
    """Date on which it became known; left out: the site's."""
    contracted: Annotated[dt.date, Day()] | None = None
    """Date of its contract; left out: by the standard lags."""
    construction: Annotated[dt.date, Day()] | None = None
    """Date on which building begins; left out: by the standard lags."""
    energised: Annotated[dt.date, Day()]
    """Date on which grid power reaches it."""
    generation: str = "newest"
    """'newest' takes the newest generation shipping when racks arrive; else a generation's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A campus: where, on what power, in which phases."""

    name: str
    region: str
    phases: tuple[Phase, ...]
    utc_offset_h: Annotated[float, Ge(-12), Le(14)] = 0.0
    rented: Annotated[float, Ge(0), Le(1), Unit("share")] = 0.0
    """Share of the site's capacity that is rented from others at a contract price instead of bought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningBlock:
    """Capacity that stands at a date before the announced programme: it arrives evenly over the year before."""

    name: str
    power: Annotated[Based, OnBasis("MW", PowerBasis)]
    """Power of what exists already."""
    generation: str
    """Systems that it consists of: a generation of this plan."""
    date: Annotated[dt.date, Day()]
    """Date on which all of it exists; it arrives evenly over the year before."""
    rented: Annotated[float, Ge(0), Le(1), Unit("share")] = 1.0
    """Share of it that is rented from others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Standard lags between the ladder's states, and limits of the build-out that all sites share."""

    contract_lag_months: Annotated[float, Ge(0), Le(600), Unit("month")]
    """announced -> contracted"""
    construction_lag_months: Annotated[float, Ge(0), Le(600), Unit("month")]
    """contracted -> construction"""
    ready_lag_months: Annotated[float, Ge(0), Le(600), Unit("month")]
    """energised -> ready for service"""
    acceptance_lag_months: Annotated[float, Ge(0), Le(600), Unit("month")]
    """rack delivered to a ready hall -> accepted"""
    producing_lag_months: Annotated[float, Ge(0), Le(600), Unit("month")]
    """accepted -> producing"""
    refit_lag_months: Annotated[float, Ge(0), Le(600), Unit("month")]
    """rack retired -> its power ready for a new rack"""
    packaging_start_gpus_per_month: Annotated[float, Ge(0), Unit("1/month")]
    """GPU packages (CoWoS and HBM) that this customer can get in the first month of the horizon."""
    packaging_growth_per_year: Annotated[float, Ge(0), Unit("1/year")]
    packaging_cap_gpus_per_month: Annotated[float, Gt(0), Unit("1/month")]
    transformer_mw_per_month: Annotated[float, Gt(0), Unit("MW/month")]
    """Most IT megawatts that can be energised in a month over all sites (stated limit)."""
    labour_mw_per_month: Annotated[float, Gt(0), Unit("MW/month")]
    """Most IT megawatts that can be made ready in a month over all sites (stated limit)."""
    availability: Annotated[Uncertain, Gt(0), Le(1), Unit("share")]
    """Share of producing GPUs that are up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetInputs:
    """All that the fleet room needs. Phase and block powers are already on the IT basis here."""

    generations: tuple[Generation, ...]
    sites: tuple[Site, ...]
    opening: tuple[OpeningBlock, ...]
    ladder: Ladder
    newest_among: tuple[str, ...] = ()
    """Generations that 'newest' chooses from; empty: all."""
