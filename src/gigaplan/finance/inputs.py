"""What the finance room needs to know. All money is in USD of the year that the plan states, undiscounted."""

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
    rack_price_usd: Annotated[Uncertain, Gt(0), Unit("USD")]
    """Compute rack delivered (basis: contract)."""
    rental_usd_per_gpu_h: Annotated[Uncertain, Gt(0), Unit("USD/h")]
    """Contract rental, power included."""
    vendor: str = ""
    """Who sells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Terms on which a place belongs to somebody else; rent and lease run while its racks are accepted."""

    counterparty: str = ""
    """Who owns what is rented or leased."""
    usd_per_it_mw_year: Annotated[Uncertain, Ge(0), Unit("USD/MW/year")] = 0.0
    """Rent of the rented share with its systems and energy; 0: the rent of a GPU-hour that each generation has."""
    lease_usd_per_it_mw_year: Annotated[Uncertain, Ge(0), Unit("USD/MW/year")] = 0.0
    """Lease of building, power and cooling for the systems that are owned; 0: they are bought with the site."""
    years: Annotated[float, Ge(0), Unit("year")] = 0.0
    """Term; what is promised over it is a commitment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equity:
    """Money paid on a date, tied to no milestone."""

    name: str
    investor: str
    """Who pays."""
    amount_usd: Annotated[float, Gt(0), Unit("USD")]
    """Amount that is paid."""
    date: Annotated[dt.date, Day()]
    """Date of payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guaranty:
    """A promise to pay if somebody else does not, or if assets are worth less than agreed; no money moves until then."""

    name: str
    guarantor: str
    """Who promises."""
    amount_usd: Annotated[float, Gt(0), Unit("USD")]
    """Most that is paid."""
    start: Annotated[dt.date, Day()]
    """Date from which it runs."""
    years: Annotated[float, Gt(0), Unit("year")]
    """Term of the promise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Capital beside the racks, operating cost and lives."""

    network_share: Annotated[float, Ge(0), Le(1), Unit("share")]
    """Scale-out network and storage as a share of the rack price."""
    facility_usd_per_it_mw: Annotated[Uncertain, Gt(0), Unit("USD/MW")]
    """Land, shell, power and cooling per IT megawatt."""
    operations_usd_per_it_mw_year: Annotated[Uncertain, Ge(0), Unit("USD/MW/year")]
    """Staff, maintenance and other running cost per IT megawatt and year, energy apart."""
    it_life_years: Annotated[float, Gt(0), Unit("year")]
    facility_life_years: Annotated[float, Gt(0), Unit("year")]
    lives_compared_years: tuple[float, ...] = (3.0, 5.0, 7.0)
    """Lives of systems whose costs are compared."""
    vendor_share: Annotated[float, Ge(0), Le(1), Unit("share")]
    """Share of rack and network spending that flows back to the vendor who invests."""
    vendor: str = ""
    """The vendor whose receipts are followed; empty: all vendors together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tranches:
    """Milestone-triggered investment: so much money as each gigawatt reaches a state of the ladder."""

    investor: str
    """Who pays."""
    amount_per_milestone_usd: Annotated[float, Ge(0), Unit("USD")]
    total_usd: Annotated[float, Ge(0), Unit("USD")]
    milestone: Annotated[Based, OnBasis("MW", PowerBasis)]
    """Power per milestone on its basis."""
    trigger_state: str
    """Ladder state that counts as deployed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinanceInputs:
    """All that the finance room needs."""

    generations: tuple[GenerationCost, ...]
    costs: Costs
    tranches: Tranches
    contracts: tuple[Contract, ...]
    """One per place: the sites, then the opening blocks."""
    equity: tuple[Equity, ...] = ()
    guaranties: tuple[Guaranty, ...] = ()
