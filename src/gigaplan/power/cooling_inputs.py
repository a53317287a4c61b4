"""What a cooling plant and the electrical path to the racks need to be calculated by the hour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.members import Array, Uncertain
from gigaplan.vocabulary.units import Unit


class Rejection(StrEnum):
    """How a site gives its heat to the outside air."""

    TOWER = "tower"
    """Open cooling towers: water evaporates, and the wet bulb is what cools."""
    DRY = "dry"
    """Dry coolers: a closed circuit that takes no water, and the dry bulb is what cools."""
    OUTSIDE_AIR = "outside_air"
    """Outside air through the halls, cooled by evaporation in hot hours; no liquid circuit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """A year of weather, each hour of UTC from 1 January without 29 February: (8760,)."""

    dry_bulb_c: Array
    """Temperature of the air [degC]."""
    wet_bulb_c: Array
    """Its wet-bulb temperature [degC]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooling:
    """A cooling plant with a liquid and an air circuit, and the losses of the electrical path. Powers of fans and pumps
    are at full speed over the heat that they carry at the rated load; the plant is built for the rated load."""

    rejection: Rejection = Rejection.DRY
    """How heat leaves the site: tower, dry or outside_air."""
    liquid_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of IT heat that the liquid circuit takes; air takes the rest."""
    liquid_supply_c: Annotated[Uncertain, Gt(0), Le(60), Unit("degC")]
    """Warmest water with which the facility may supply the racks."""
    air_supply_c: Annotated[Uncertain, Gt(0), Le(45), Unit("degC")]
    """Warmest air with which the racks may be supplied."""
    rise_c: Annotated[Uncertain, Gt(0), Le(40), Unit("degC")]
    """How much warmer water and air return than they are supplied, at the rated load."""
    coil_c: Annotated[Uncertain, Ge(0), Le(20), Unit("degC")]
    """How much colder the air circuit's water must be than the air that it cools."""
    exchanger_c: Annotated[Uncertain, Ge(0), Le(10), Unit("degC")]
    """Temperature lost in the heat exchanger between the outdoor circuit and the circuit of the halls."""
    approach_c: Annotated[Uncertain, Gt(0), Le(25), Unit("degC")]
    """How close coolers come to the outside temperature at full fan speed and rated load."""
    rejection_fan_share: Annotated[Uncertain, Ge(0), Le(0.2), Unit("share")]
    """Power of the coolers' or towers' fans over the heat that they reject."""
    pump_share: Annotated[Uncertain, Ge(0), Le(0.2), Unit("share")]
    """Power of the circuits' pumps over the heat that they carry."""
    hall_fan_share: Annotated[Uncertain, Ge(0), Le(0.3), Unit("share")]
    """Power of the halls' fans over the heat that air takes."""
    min_speed: Annotated[Uncertain, Gt(0), Le(1), Unit("share")]
    """Lowest speed of fans and pumps over their full speed."""
    chiller_carnot_share: Annotated[Uncertain, Gt(0), Le(1), Unit("share")]
    """Coefficient of performance of chillers over that of Carnot's process between the same temperatures."""
    chiller_lift_c: Annotated[Uncertain, Ge(0), Le(40), Unit("degC")]
    """Lift of a chiller beyond that between its water: what its two exchangers take."""
    adiabatic_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """How far sprays or pads can cool the air in front of dry coolers or of the halls from the dry towards the wet bulb
    in hot hours; 0 where there are none."""
    evaporated_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of the heat of a tower that evaporation takes; warming of the air takes the rest."""
    air_rise_c: Annotated[Uncertain, Gt(0), Le(40), Unit("degC")]
    """How much outside air warms in dry coolers or halls at full fan speed."""
    concentration_cycles: Annotated[Uncertain, Gt(1), Le(20), Unit("1")]
    """Minerals in a tower's water over those in the water that it is filled up with: what blow-down keeps it at."""
    other_share: Annotated[Uncertain, Ge(0), Le(0.1), Unit("share")]
    """Light, controls and offices over the rated IT power."""
    transformer_no_load: Annotated[Uncertain, Ge(0), Le(0.05), Unit("share")]
    """Loss of the transformers between the meter and the halls at any load, over rated power."""
    transformer_square: Annotated[Uncertain, Ge(0), Le(0.05), Unit("share")]
    """Their loss at the rated load that grows with its square, over rated power."""
    ups_no_load: Annotated[Uncertain, Ge(0), Le(0.05), Unit("share")]
    """Loss of the uninterruptible supplies at any load, over rated power."""
    ups_proportional: Annotated[Uncertain, Ge(0), Le(0.05), Unit("share")]
    """Their loss at the rated load that grows with it, over rated power."""
    ups_square: Annotated[Uncertain, Ge(0), Le(0.05), Unit("share")]
    """Their loss at the rated load that grows with its square, over rated power."""
    busway_square: Annotated[Uncertain, Ge(0), Le(0.05), Unit("share")]
    """Loss of busways and cables at the rated load, which grows with its square, over rated power."""
    rectifier_no_load: Annotated[Uncertain, Ge(0), Le(0.05), Unit("share")]
    """Loss of the racks' rectifiers at any load, over rated power; part of IT power, as PUE is metered."""
    rectifier_proportional: Annotated[Uncertain, Ge(0), Le(0.1), Unit("share")]
    """Their loss at the rated load that grows with it, over rated power."""
    rectifier_square: Annotated[Uncertain, Ge(0), Le(0.05), Unit("share")]
    """Their loss at the rated load that grows with its square, over rated power."""
