"""Inputs of the finance room. All money is in USD of the year that the plan states, undiscounted."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.bases import Based, OnBasis, PowerBasis
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.units import Day, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationCost:
    """What one rack of a generation costs, and what a rented GPU-hour of it costs."""

    name: str
    """Name of the generation."""
    rack_price_usd: Annotated[Uncertain, Gt(0), Unit("USD")]
    """Price of a compute rack delivered (basis: contract)."""
    rental_usd_per_gpu_h: Annotated[Uncertain, Gt(0), Unit("USD/h")]
    """Contract rental of a GPU-hour, power included."""
    vendor: str = ""
    """Vendor that sells the generation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Terms on which a place belongs to a counterparty; rent and lease are due while its racks are accepted."""

    counterparty: str = ""
    """Owner of the place."""
    usd_per_it_mw_year: Annotated[Uncertain, Ge(0), Unit("USD/MW/year")] = 0.0
    """Rent of the rented share with its systems and energy; at 0 each generation's rental of a GPU-hour is paid
    instead."""
    lease_usd_per_it_mw_year: Annotated[Uncertain, Ge(0), Unit("USD/MW/year")] = 0.0
    """Lease of building, power and cooling for the systems that are owned; at 0 they are bought with the site."""
    years: Annotated[float, Ge(0), Unit("year")] = 0.0
    """Term of the contract; what is promised over it is a commitment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equity:
    """Money paid on a date, tied to no milestone."""

    name: str
    """Name of the instrument."""
    investor: str
    """Who pays."""
    amount_usd: Annotated[float, Gt(0), Unit("USD")]
    """Amount paid."""
    date: Annotated[dt.date, Day()]
    """Date of payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guaranty:
    """A promise to pay if another party does not, or if assets are worth less than agreed."""

    name: str
    """Name of the guaranty."""
    guarantor: str
    """Who may have to pay."""
    amount_usd: Annotated[float, Gt(0), Unit("USD")]
    """Largest payment at its start."""
    start: Annotated[dt.date, Day()]
    """First day of the guaranty."""
    years: Annotated[float, Gt(0), Unit("year")]
    """Time over which it falls to nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Capital besides the racks, operating cost and book lives."""

    network_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Scale-out network and storage as a share of the rack price."""
    facility_usd_per_it_mw: Annotated[Uncertain, Gt(0), Unit("USD/MW")]
    """Land, shell, power and cooling per IT megawatt."""
    operations_usd_per_it_mw_year: Annotated[Uncertain, Ge(0), Unit("USD/MW/year")]
    """Staff, maintenance and other operating cost per IT megawatt and year, energy apart."""
    it_life_years: Annotated[Uncertain, Gt(0), Unit("year")]
    """Book life of racks and network."""
    facility_life_years: Annotated[Uncertain, Gt(0), Unit("year")]
    """Book life of land, shell, power and cooling."""
    lives_compared_years: tuple[float, ...] = (3.0, 5.0, 7.0)
    """Book lives of IT at which total cost is compared [year]."""
    vendor_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of rack and network spending that flows back to the vendor who invests."""
    vendor: str = ""
    """The vendor whose receipts are followed; empty: all vendors together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tranches:
    """Investment triggered by milestones: an amount as each gigawatt reaches a state of the delivery ladder."""

    investor: str
    """Who pays the tranches."""
    amount_per_milestone_usd: Annotated[float, Ge(0), Unit("USD")]
    """Amount paid at each milestone."""
    total_usd: Annotated[float, Ge(0), Unit("USD")]
    """Total of all tranches; the last one pays what is left of it."""
    milestone: Annotated[Based, OnBasis("MW", PowerBasis)]
    """Power per milestone on its basis."""
    trigger_state: str
    """State of the delivery ladder that counts as deployed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinanceInputs:
    """All inputs of the finance room."""

    generations: tuple[GenerationCost, ...]
    """Prices of each generation."""
    costs: Costs
    """Network, facility and operating cost, and lives."""
    tranches: Tranches
    """Investment triggered by milestones."""
    contracts: tuple[Contract, ...]
    """One contract for each place: the sites, then the blocks of the existing fleet."""
    equity: tuple[Equity, ...] = ()
    """Equity paid on dates."""
    guaranties: tuple[Guaranty, ...] = ()
    """Guaranties, which move no money until called."""
    published_revenue: tuple[tuple[dt.date, float], ...] = ()
    """Revenue a year that was published, by date [USD/year]: the plan's goes through these."""
