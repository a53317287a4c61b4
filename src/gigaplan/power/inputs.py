"""What the power room needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.members import Uncertain
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
class NodeDraw:
    """What a node draws while it trains: facts of the catalog's entity ``node_draw``, calibrated on measured nodes."""

    computing_draw_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Of a GPU's limit while it computes: products, attention, and the passes over memory between them."""
    moving_draw_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Of a GPU's limit while data moves and nothing is computed: exposed exchange over networks, the optimiser's memory."""
    waiting_draw_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Of a GPU's limit while it waits for others inside a step: pipeline bubble, host."""
    idle_draw_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Of a GPU's limit with a model loaded and no step running."""
    rest_draw_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Of what a node is rated for beside its GPUs' limits that processors, memory, switches and adapters take."""
    fan_share: Annotated[float, Ge(0), Le(0.5), Unit("share")]
    """Of an air-cooled node's power that its fans take."""
    psu_efficiency: Annotated[float, Gt(0.5), Le(1), Unit("share")]
    """Power behind the power supplies over power at the plug."""
    start_up_s: Annotated[float, Ge(0), Unit("s")]
    """Time of a run in which no step runs: loading, building, compiling."""
