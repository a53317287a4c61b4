"""What power models need: a facility, how racks draw, and how nodes draw in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le

from gigaplan.power.cooling_inputs import Cooling, Weather
from gigaplan.power.overhead import Overhead
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.units import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Facility:
    """How a site's facility power becomes IT power and energy."""

    facility_to_it_peak: Annotated[Uncertain, Ge(1), Unit("1")]
    """Facility over IT power at the design peak: what a megawatt of grid connection carries."""
    pue: Annotated[Uncertain, Ge(1), Unit("1")]
    """Facility over IT energy, mean over the year, distribution losses included."""
    pue_summer_rise: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share by which summer's overhead (PUE - 1) lies above the year's mean; winter's lies as far below."""
    loss_share: Annotated[Uncertain, Ge(0), Le(0.3), Unit("share")]
    """Share of IT energy lost in transformers, UPS and busways (part of the overhead that PUE counts)."""
    power_price_usd_per_mwh: Annotated[Uncertain, Ge(0), Unit("USD/MWh")]
    """Price of facility energy, mean over the year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatheredFacility(Facility):
    """A facility whose weather is known: losses, cooling and water follow the hour and the load; the yearly figures are
    their means."""

    hourly: Overhead
    """What it adds to IT power, by month of the year and hour."""
    plant: Cooling
    """Its plant."""
    weather: Weather
    """The hours of its weather."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawCurve:
    """Power that a rack draws over its rated IT power, from idle to busy."""

    idle_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Power drawn over rated power of a rack that is powered but not working."""
    busy_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Power drawn over rated power of a rack that is fully busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDraw:
    """Power that a node draws while it trains: facts of the entity ``node_draw``, calibrated on measured nodes."""

    computing_draw_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of its limit that a GPU draws while it computes: products, attention, and memory passes between them."""
    moving_draw_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of its limit that a GPU draws while only data moves: exposed collectives and optimiser traffic."""
    waiting_draw_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of its limit that a GPU draws while it waits inside a step: pipeline bubble and host."""
    idle_draw_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of its limit that a GPU draws with a model loaded and no step running."""
    rest_draw_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of a node's rated power beyond its GPUs' limits that processors, memory, switches and adapters draw."""
    fan_share: Annotated[float, Ge(0), Le(0.5), Unit("share")]
    """Share of an air-cooled node's power that its fans draw."""
    psu_efficiency: Annotated[Uncertain, Gt(0.5), Le(1), Unit("share")]
    """Power behind the power supplies over power at the plug."""
    start_up_s: Annotated[float, Ge(0), Unit("s")]
    """Time of a run before the first step: loading, building and compiling."""
