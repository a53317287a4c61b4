"""What the power room needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from gigaplan.vocabulary.members import Array, Uncertain
from gigaplan.vocabulary.units import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Facility:
    """How a site's facility power becomes IT power and energy."""

    facility_to_it_peak: Annotated[float, Ge(1), Unit("1")]
    """Facility over IT power at the design peak: what a megawatt of grid connection carries."""
    pue: Annotated[Uncertain, Ge(1), Unit("1")]
    """Facility over IT energy, mean over the year, distribution losses included."""
    pue_summer_rise: Annotated[float, Ge(0), Le(1), Unit("share")]
    """How far summer's overhead (PUE - 1) lies above the year's mean, as a share of it; winter lies as far below."""
    loss_share: Annotated[float, Ge(0), Le(0.3), Unit("share")]
    """Share of IT energy lost in transformers, UPS and busways (part of the overhead that PUE counts)."""
    power_price_usd_per_mwh: Annotated[Uncertain, Ge(0), Unit("USD/MWh")]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawCurve:
    """How much of its rated IT power a rack draws."""

    idle_share: Annotated[float, Ge(0), Le(1), Unit("share")]
    """Drawn over rated when powered but not working."""
    busy_share: Annotated[float, Ge(0), Le(1), Unit("share")]
    """Drawn over rated when fully busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Power drawn and energy used by the fleet. Shapes: member M, place P, month n, day D, hour H."""

    it_mw: Array
    """(M, P, n, D, H) IT power drawn [MW]."""
    losses_mw: Array
    """(M, P, n, D, H) electrical losses [MW]."""
    overhead_mw: Array
    """(M, P, n, D, H) cooling and other overhead [MW]."""
    facility_mw: Array
    """(M, P, n, D, H) the sum of the three, metered at the site [MW]."""
    energy_mwh: Array
    """(M, P, n) facility energy of the month [MWh]."""
    energy_cost_usd: Array
    """(M, P, n) what it costs [USD]."""
