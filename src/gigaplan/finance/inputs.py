"""What the finance room needs to know. All money is in USD of the year that the plan states, undiscounted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.bases import Based, OnBasis, PowerBasis
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.units import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationCost:
    """What one rack of a generation costs, and what a rented GPU-hour of it costs."""

    name: str
    rack_price_usd: Annotated[Uncertain, Gt(0), Unit("USD")]
    """Compute rack delivered (basis: contract)."""
    rental_usd_per_gpu_h: Annotated[Uncertain, Gt(0), Unit("USD/h")]
    """Contract rental, power included."""


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
    vendor_share: Annotated[float, Ge(0), Le(1), Unit("share")]
    """Share of rack and network spending that flows back to the vendor who invests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tranches:
    """Milestone-triggered investment: so much money as each gigawatt reaches a state of the ladder."""

    investor: str
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
