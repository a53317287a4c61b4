"""What one GPU of a system takes and costs, by the facts that plans use."""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan.catalog import Catalog
from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.finance.gpu_hour import owned_gpu_hour
from gigaplan.plan.ratings import EFFICIENT, GpuPower, clock_at, gpu_limit_w
from gigaplan.plan.resolve import (
    costs_of,
    draw_curve_of,
    facility_of,
    it_kw_per_gpu,
)
from gigaplan.power.draw import drawn_share


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What one GPU of a system takes; None where the catalog lacks a fact for it."""

    it_kw_per_gpu: float | None
    """Rated IT power with its share of rack, network and storage: what a plan provisions."""
    drawn_kw_per_gpu: float | None
    """IT power drawn when busy: what energy is paid for."""
    owned_usd_per_gpu_h: float | None
    """Rack, network and facility over their lives, operations and energy; before tax and cost of capital."""
    rented_usd_per_gpu_h: float | None
    """Contract rental, power included."""
    missing: tuple[str, ...]
    """What the catalog lacks."""
    gpu_limit_w: float | None = None
    """Most that one GPU may draw."""
    clock_share: float = 1.0
    """Clock that this leaves over that at the rated power, which arithmetic follows."""


def supply(facts: Catalog, system: str, power: GpuPower = EFFICIENT) -> Supply:
    """Return what one GPU of a system takes and costs, by the facts that plans use.

    Parameters
    ----------
    facts
        The catalog.
    system
        Name of a system in the catalog.
    power
        Power profile and limit of its GPUs.
    """
    missing = []

    def found(quantity: str) -> float | None:
        if facts.has(system, quantity):
            return facts.find(system, quantity).number
        missing.append(quantity)
        return None

    try:
        rated: float | None = it_kw_per_gpu(facts, system, power)
    except UnknownFactError:
        rated = None
        missing.append("rack_power_kw")
    price, rent = found("rack_price_usd"), found("rental_usd_per_gpu_h")
    busy = float(drawn_share(1.0, draw_curve_of(facts)))  # type: ignore[arg-type]
    owned = None
    if rated is not None and price is not None:
        facility = facility_of(facts)
        hour = owned_gpu_hour(
            rack_price_usd=price,
            gpus_per_rack=facts.find(system, "gpus_per_rack").number,
            it_kw_per_gpu=rated,
            drawn_share=busy,
            pue=facility.pue,
            power_price_usd_per_mwh=facility.power_price_usd_per_mwh,
            costs=costs_of(facts),
            life_years=facts.find("build", "life_years").number,
        )
        owned = float(hour.total_usd)
    return Supply(
        it_kw_per_gpu=rated,
        drawn_kw_per_gpu=None if rated is None else rated * busy,
        owned_usd_per_gpu_h=owned,
        rented_usd_per_gpu_h=rent,
        missing=tuple(missing),
        gpu_limit_w=gpu_limit_w(facts, system, power) or None,
        clock_share=clock_at(facts, system, power),
    )
