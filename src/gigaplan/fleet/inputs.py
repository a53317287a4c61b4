"""Inputs of the fleet room."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.bases import Based, OnBasis, PowerBasis
from gigaplan.vocabulary.members import Array, Uncertain, stack
from gigaplan.vocabulary.units import Day, Unit

LADDER = ("announced", "contracted", "construction", "energised", "ready", "accepted", "producing")
"""The delivery ladder's states, in order. 'energised': grid power reaches the site. 'ready': ready for service,
halls, cooling and network done. 'accepted': racks installed and tested. 'producing': serving or training."""
BEYOND = " or beyond"
"""After a state of the ladder: that state and all later ones."""

LIMITS = ("power", "racks", "packaging", "transformers", "labour", "demand")
"""What can bind the build-out in a month: energised power at the sites, rack assembly, advanced packaging and memory
(GPUs), transformers (MW energised), skilled labour (MW made ready), and what demand would use, where the plan waits
for it."""


def existing_label(name: str) -> str:
    """Return the label of a block of the existing fleet among those of all sites.

    Parameters
    ----------
    name : str
        Name of the block.

    Returns
    -------
    str
        Its label.

    Examples
    --------
    >>> existing_label("Azure")
    'opening Azure'
    """
    return f"opening {name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One generation of systems as the fleet sees it: a rack (or an 8-GPU node) and when it ships."""

    name: str
    """Name of the generation."""
    gpus_per_rack: Annotated[int, Ge(1)]
    """GPUs of one rack (or node)."""
    it_kw_per_rack: Annotated[Uncertain, Gt(0), Unit("kW")]
    """IT power of one rack, its share of network and storage included (basis: it)."""
    first_ship_date: Annotated[dt.date, Day()]
    """Date of the first shipment."""
    life_years: Annotated[Uncertain, Gt(0), Unit("year")]
    """Time from delivery to retirement."""
    supply_start_racks_per_month: Annotated[Uncertain, Ge(0), Unit("racks/month")]
    """Racks that this customer can get in the first month after the first shipment."""
    supply_growth_per_year: Annotated[Uncertain, Ge(0), Unit("1/year")]
    """Growth of that rate in a year, its factor less one (1.0 doubles it each year), up to the cap."""
    supply_cap_racks_per_month: Annotated[Uncertain, Gt(0), Unit("racks/month")]
    """Most racks that this customer can get in a month."""
    first_ship_date_delay_days: Annotated[Uncertain, Unit("days")] = 0.0
    """Time from that date to the first shipment, negative before it."""
    gpu_power_cap_w: Annotated[float, Gt(0), Unit("W")] | None = None
    """Most that one GPU may draw, below what its profile allows; it sets the clock and the power of the rack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One block of megawatts at a site with its dates; a missing date follows from the standard lags."""

    name: str
    """Name of the phase."""
    power: Annotated[Based, OnBasis("MW", PowerBasis)]
    """Power of the phase on its basis; all phases of a site are on one basis."""
    power_ratio: Annotated[Uncertain, Gt(0), Unit("1")] = 1.0
    """Its power over that of the central member: what a stated facility power carries is uncertain."""
    announced: Annotated[dt.date, Day()]
    """Date of the announcement; the site's where it is left out."""
    contracted: Annotated[dt.date, Day()] | None = None
    """Date of the contract; without it the standard lag after the announcement."""
    construction: Annotated[dt.date, Day()] | None = None
    """Date on which construction begins; without it the standard lag after the contract."""
    energised: Annotated[dt.date, Day()]
    """Date on which grid power reaches the phase."""
    energised_delay_days: Annotated[Uncertain, Unit("days")] = 0.0
    """Time from that date until power reaches it, negative before it; earlier states are no later than that."""
    generation: str = "newest"
    """Generation of its racks; 'newest' takes the newest generation shipping when racks arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerStep:
    """Power that a site gains on a day."""

    day: Annotated[dt.date, Day()]
    """Date from which it is there."""
    delay_days: Annotated[Uncertain, Unit("days")] = 0.0
    """Time from that date until it is there, negative before it."""
    it_mw: Annotated[Uncertain, Ge(0), Unit("MW")]
    """IT power that it carries [MW]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLimit:
    """What one link between the power line and the racks carries: the sum of its steps."""

    name: str
    """What it is called in results."""
    steps: tuple[PowerStep, ...]
    """Its power by date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A campus: where, on what power, in which phases."""

    name: str
    """Name of the campus."""
    region: str
    """Region whose power and climate the site has."""
    phases: tuple[Phase, ...]
    """Blocks of power with their dates."""
    utc_offset_h: Annotated[float, Ge(-12), Le(14)] = 0.0
    """Offset of local time from UTC [h]."""
    rented: Annotated[float, Ge(0), Le(1), Unit("share")] = 0.0
    """Share of the site's capacity that is rented from others at a contract price instead of bought."""
    to_be_named: bool = False
    """Whether the site stands for power that the plan needs and no known site holds."""
    power_limits: tuple[PowerLimit, ...] = ()
    """What limits the power that reaches the phases, besides their own dates; the least of them binds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningBlock:
    """A block of the existing fleet, which precedes the programme: it arrives evenly over the year before its date."""

    name: str
    """Name of the block."""
    power: Annotated[Based, OnBasis("MW", PowerBasis)]
    """Power of the block on its basis."""
    power_ratio: Annotated[Uncertain, Gt(0), Unit("1")] = 1.0
    """Its power over that of the central member: what a stated facility power carries is uncertain."""
    generation: str
    """Generation of its racks."""
    date: Annotated[dt.date, Day()]
    """Date at which the block stands in full."""
    rented: Annotated[float, Ge(0), Le(1), Unit("share")] = 1.0
    """Share of the block that is rented from others at a contract price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Standard lags between the ladder's states, and limits of the build-out that all sites share."""

    contract_lag_months: Annotated[Uncertain, Ge(0), Le(600), Unit("month")]
    """Lag from announcement to contract."""
    construction_lag_months: Annotated[Uncertain, Ge(0), Le(600), Unit("month")]
    """Lag from contract to construction."""
    ready_lag_months: Annotated[Uncertain, Ge(0), Le(600), Unit("month")]
    """Lag from energised to ready for service."""
    acceptance_lag_months: Annotated[Uncertain, Ge(0), Le(600), Unit("month")]
    """Lag from a rack's delivery to a ready hall to its acceptance."""
    producing_lag_months: Annotated[Uncertain, Ge(0), Le(600), Unit("month")]
    """Lag from acceptance to production."""
    refit_lag_months: Annotated[Uncertain, Ge(0), Le(600), Unit("month")]
    """Lag from a rack's retirement until its power is ready for a new rack."""
    packaging_start_gpus_per_month: Annotated[Uncertain, Ge(0), Unit("1/month")]
    """GPU packages (CoWoS and HBM) that this customer can get in a month about ``packaging_reference_date``."""
    packaging_reference_date: Annotated[dt.date, Day()]
    """Date from which the growth of packaging counts, whenever the horizon starts."""
    packaging_growth_per_year: Annotated[Uncertain, Ge(0), Unit("1/year")]
    """Growth of that rate in a year, its factor less one (1.0 doubles it each year), up to the cap."""
    packaging_cap_gpus_per_month: Annotated[Uncertain, Gt(0), Unit("1/month")]
    """Most GPU packages that this customer can get in a month."""
    transformer_mw_per_month: Annotated[Uncertain, Gt(0), Unit("MW/month")]
    """Most IT megawatts that can be energised in a month over all sites (stated limit)."""
    labour_mw_per_month: Annotated[Uncertain, Gt(0), Unit("MW/month")]
    """Most IT megawatts that can be made ready in a month over all sites (stated limit)."""
    availability: Annotated[Uncertain, Gt(0), Le(1), Unit("share")]
    """Share of producing GPUs that are up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetInputs:
    """All inputs of the fleet room. Phase and block powers are already on the IT basis here."""

    generations: tuple[Generation, ...]
    """Generations of systems, G of them."""
    sites: tuple[Site, ...]
    """Campuses of the programme."""
    opening: tuple[OpeningBlock, ...]
    """Blocks of the existing fleet."""
    ladder: Ladder
    """Standard lags and limits."""
    newest_among: tuple[str, ...] = ()
    """Generations that 'newest' chooses from; empty: all."""
    most_it_mw: Array | None = None
    """(M, n) IT power of racks that may stand by the end of each month, those of the existing fleet included [MW]; no
    limit if None."""

    @property
    def it_kw_per_rack(self) -> Array:
        """IT power of a rack of each generation: (M or 1, G) [kW]."""
        return stack(g.it_kw_per_rack for g in self.generations)

    @property
    def it_kw_per_gpu(self) -> Array:
        """IT power of a GPU of each generation with its share of the rack: (M or 1, G) [kW]."""
        return np.asarray(self.it_kw_per_rack / np.array([float(g.gpus_per_rack) for g in self.generations]))

    @property
    def members(self) -> int:
        """Members of the inputs: 1 where each is one number."""
        phases = [p for s in self.sites for p in s.phases]
        parts: list[Ladder | Generation | Phase | PowerStep] = [self.ladder, *self.generations, *phases]
        parts += [step for s in self.sites for limit in s.power_limits for step in limit.steps]
        drawn = [v for part in parts for f in fields(part) if isinstance(v := getattr(part, f.name), np.ndarray)]
        most = () if self.most_it_mw is None else (self.most_it_mw.shape[:1],)
        return int(np.broadcast_shapes((1,), *(v.shape for v in drawn), *most)[0])
