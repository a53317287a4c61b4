"""Inputs of the market in which capacity, demand and prices meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.units import Unit

BuildRule = Literal["as_stated", "to_utilisation"]
IdleRule = Literal["research", "batch", "rent_out", "stand_idle"]
AllocationRule = Literal["value", "revenue", "priority", "proportional", "max_min"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """How prices follow cost, and what becomes of capacity that nobody has asked for."""

    pass_through_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of a relative change of the market's cost that reaches the price (pricing: cost_plus)."""
    adjustment_months: Annotated[Uncertain, Gt(0), Unit("month")]
    """Mean lag with which prices follow cost or the market."""
    gpu_growth_per_year: Annotated[Uncertain, Ge(0), Unit("1/year")]
    """Yearly growth of the world's GPUs in use, by which newer generations replace older ones in the market."""
    build: BuildRule = "as_stated"
    """Whether racks are delivered when power is there (as_stated), or wait until demand at the plan's prices would use
    them (to_utilisation)."""
    target_utilisation: Annotated[Uncertain, Gt(0), Le(1), Unit("share")]
    """Share of what training leaves that demand's peak hour uses where the build-out waits for demand."""
    allocation: AllocationRule = "value"
    """Who is served where capacity is short, after what is guaranteed: the highest stated value per GPU-hour first
    (value), the highest revenue per GPU-hour (revenue), workloads in the order in which the plan states them
    (priority), the same share of everybody's demand (proportional), or as many GPU-hours for each, none more than it
    asks for (max_min)."""
    idle: IdleRule = "research"
    """What idle GPUs do: research, batch work at its own price, hours that are rented out at market rent, or nothing
    (stand_idle)."""
    idle_use_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of idle GPU-hours that this can use; the rest are gaps between jobs, drains and reserves."""
    batch_price_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Price of batch work over that of the same work at once."""
    sale_mix: tuple[float, ...] = ()
    """Shares of GPU-hours by workload of the mix in whose tokens capacity for sale is stated, W of them; nothing: as
    the month's requests would take them."""
    rent_out_price_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """What a rented-out hour of idle GPUs, which may be called back, brings over its contract rent."""
