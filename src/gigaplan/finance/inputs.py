"""Inputs of the finance room. Money is in USD of the year that the plan states, else of each figure's own."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.bases import Based, OnBasis, PowerBasis
from gigaplan.vocabulary.members import Array, Uncertain, stack
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
    book_life_years: Annotated[Uncertain, Gt(0), Unit("year")]
    """Life of its racks in the books."""
    service_life_years: Annotated[Uncertain, Gt(0), Unit("year")]
    """Time from delivery to retirement."""
    vendor: str = ""
    """Vendor that sells the generation."""
    first_supply_date: Annotated[dt.date, Day()] | None = None
    """Date of its first shipment; None: before the date of the rents, so that its rent is one of the market then."""
    first_supply_date_delay_days: Annotated[Uncertain, Unit("days")] = 0.0
    """Time from that date to the first shipment, negative before it."""


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
    facility_life_years: Annotated[Uncertain, Gt(0), Unit("year")]
    """Book life of land, shell, power and cooling."""
    construction_months: Annotated[Uncertain, Ge(0), Le(120), Unit("month")] = 0.0
    """Time over which a facility is paid before it is ready."""
    it_life_years: Annotated[Uncertain, Gt(0), Unit("year")] | None = None
    """Book life of racks and network. Left out: as long as each generation stays in service."""
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
class Rents:
    """How the rent of a GPU-hour moves over time: through published rents of one generation, then on by a rate; a
    generation that comes later starts at its own rent and ages from then on."""

    change_per_year: Annotated[Uncertain, Gt(-1), Unit("1/year")] = 0.0
    """Change of the rent of a GPU in a year after the last published one, negative where it falls; stated in nominal
    terms, and held less inflation where the plan is in the prices of one year."""
    reference_date: Annotated[dt.date, Day()] = dt.date(2026, 4, 3)
    """Date of the rents that are stated by generation; of one that comes later it is its first shipment."""
    contract_years: Annotated[float, Gt(0), Le(60), Unit("year")] = 1.0
    """Time for which a rent of a GPU-hour stands once it is agreed on, where a place's contract names no term."""
    published: tuple[tuple[dt.date, float], ...] = ()
    """Published rents by date, in the prices of the plan's year where it states one [USD/h]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostOfCapital:
    """What each party's money must earn in a year before tax, in nominal terms, and how fast prices rise."""

    plan_per_year: Annotated[Uncertain, Ge(0), Le(1), Unit("1/year")] = 0.0
    """Weighted average cost of capital of whoever runs the plan."""
    vendor_per_year: Annotated[Uncertain, Ge(0), Le(1), Unit("1/year")] = 0.0
    """Of the vendor who invests."""
    landlords_per_year: Annotated[Uncertain, Ge(0), Le(1), Unit("1/year")] = 0.0
    """Of the owners of rented systems and leased buildings."""
    lenders_per_year: Annotated[Uncertain, Ge(0), Le(1), Unit("1/year")] = 0.0
    """Of lenders."""
    investors_per_year: Annotated[Uncertain, Ge(0), Le(1), Unit("1/year")] = 0.0
    """Of investors other than the vendor."""
    inflation_per_year: Annotated[Uncertain, Gt(-1), Le(1), Unit("1/year")] = 0.0
    """Rise of prices in a year, which is taken off these rates where the plan is in the prices of one year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """Loans on what the plan buys: a share of each month's capital, repaid in equal parts."""

    loan_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of capital that is lent in the month in which it is spent."""
    interest_per_year: Annotated[Uncertain, Ge(0), Le(1), Unit("1/year")]
    """Interest on what is owed, a nominal rate paid monthly."""
    repayment_years: Annotated[float, Gt(0), Le(60), Unit("year")]
    """Time over which each loan is repaid, from the month after it is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """Tax on profit. Losses are carried forward without a limit and never back."""

    rate_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of taxable profit."""
    schedule: Literal["straight_line", "macrs"] = "straight_line"
    """What is written off for tax: as in the books, or by the schedules of US federal law (5 years for racks and
    network, 39 for facilities)."""
    bonus_share: Annotated[float, Ge(0), Le(1), Unit("share")] = 0.0
    """Share of racks and network that is written off in their first year, where the schedule is macrs."""


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
    rents: Rents = Rents()
    """How rents move over time."""
    cost_of_capital: CostOfCapital = CostOfCapital()
    """What each party's money must earn."""
    vendor_margin_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")] = 1.0
    """Share of its receipts that the vendor keeps after what it makes and buys."""
    debt: Debt | None = None
    """Loans on what the plan buys."""
    tax: Tax | None = None
    """Tax on profit."""
    one_price_year: bool = False
    """Whether all money is in the prices of one year."""

    @property
    def book_life_years(self) -> Array:
        """Book life of each generation's racks: (M or 1, G) [year]."""
        return stack(g.book_life_years for g in self.generations)

    @property
    def service_life_years(self) -> Array:
        """Time in service of each generation's racks: (M or 1, G) [year]."""
        return stack(g.service_life_years for g in self.generations)
