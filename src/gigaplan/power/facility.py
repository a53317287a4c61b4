"""A facility hour by hour: what cooling and the electrical path add to IT power, the water that it takes, and the heat
that it leaves, by the weather and the load.

Two circuits carry the heat: warm water to the racks, and air through the halls, whose water must be colder. Outside,
towers follow the wet bulb and dry coolers the dry bulb; what they can't do, a chiller trims. Fans and pumps follow the
affinity laws (power with the cube of speed: ASHRAE Handbook, HVAC Systems and Equipment 2020, ch. 21 and 44); coolers
of a constant effectiveness come as much closer to the outside temperature as they carry less heat (Kays and London
1984). Chillers have a constant share of Carnot's coefficient. Losses of transformers, supplies and rectifiers have a
part at any load, one with it and one with its square (Rasmussen 2011, Schneider Electric white paper 113).

Valid for a plant that follows its load and the weather with no lag, in hours or longer; not for seconds. Heat that
walls, sun and storage exchange is left out, and so is ice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.power.cooling_inputs import Cooling, Rejection
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array, over

KELVIN_AT_0_C = 273.15
"""Temperature of 0 °C on the absolute scale, by definition."""
EVAPORATION_J_PER_L = 2.43e6
"""Heat that a litre of water takes when it evaporates at 30 °C (ASHRAE Handbook, Fundamentals 2017, ch. 1)."""
J_PER_KWH = 3.6e6
"""Joules of a kilowatt-hour."""
LOWEST_LIFT_C = 10.0
"""Lift below which a chiller's coefficient is not counted to rise: its oil and its valves need one (makers' limits of
centrifugal chillers lie between 8 and 15 K)."""
WARMEST_DRY_BULB_C = 60.0
"""No weather is warmer (World Meteorological Organization: 56.7 °C is the highest on record)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FacilityHours:
    """A facility hour by hour, over its rated IT power unless the name says otherwise. Arrays of the shape that weather
    and load broadcast to, the members in front."""

    it_share: Array
    """IT power over the rated one: the load [share]."""
    transformer_share: Array
    """Losses of transformers [share]."""
    ups_share: Array
    """Losses of uninterruptible supplies [share]."""
    busway_share: Array
    """Losses of busways and cables [share]."""
    rectifier_share: Array
    """Losses of the racks' rectifiers, which are part of the IT power [share]."""
    chiller_share: Array
    """Power of chillers [share]."""
    fan_share: Array
    """Power of the fans outdoors and in the halls [share]."""
    pump_share: Array
    """Power of pumps [share]."""
    other_share: Array
    """Light, controls and offices [share]."""
    water_l: Array
    """Water taken in an hour, over the rated IT power [L/kWh]."""
    heat_share: Array
    """Heat that leaves through the liquid circuit, at its return temperature [share]."""
    return_c: Array
    """Temperature at which the liquid circuit returns [degC]."""
    chilled_share: Array
    """Share of the heat that chillers carry [share]."""

    @property
    def losses_share(self) -> Array:
        """Losses between the meter and the racks over rated IT power [share]."""
        return self.transformer_share + self.ups_share + self.busway_share

    @property
    def cooling_share(self) -> Array:
        """Power of cooling over rated IT power [share]."""
        return self.chiller_share + self.fan_share + self.pump_share

    @property
    def facility_share(self) -> Array:
        """Facility power over rated IT power [1]."""
        return self.it_share + self.losses_share + self.cooling_share + self.other_share

    @property
    def pue(self) -> Array:
        """Facility over IT power; infinite without load [1]."""
        return _over(self.facility_share, self.it_share)

    @property
    def water_l_per_kwh(self) -> Array:
        """Water over IT energy: the water usage effectiveness (WUE); infinite without load but with water [L/kWh]."""
        return _over(self.water_l, self.it_share)

    @property
    def free(self) -> Array:
        """Whether no chiller runs: an hour of free cooling."""
        return np.asarray(self.chilled_share <= 0)


def facility_hours(plant: Cooling, dry_bulb_c: Array, wet_bulb_c: Array, load_share: Array | float) -> FacilityHours:
    """Return what a facility draws and takes in every hour.

    Parameters
    ----------
    plant : Cooling
        Temperatures, fans, pumps, chillers and losses; numbers, or one per member.
    dry_bulb_c : Array, shape (...)
        Temperature of the outside air [degC].
    wet_bulb_c : Array, shape (...)
        Its wet-bulb temperature [degC]; what lies above the dry bulb by rounding counts as that.
    load_share : Array, shape (...)
        IT power over the rated one [share].

    Returns
    -------
    FacilityHours
        Powers by part, water, and heat; the member axis first where a figure of the plant has one.

    Raises
    ------
    InputError
        If a temperature is not finite or no weather has it, or the load is negative or above the rated one.

    Examples
    --------
    See ``docs/guide-site-load.md``.
    """
    dry, wet, load = _checked(dry_bulb_c, wet_bulb_c, load_share)
    axes = dry.ndim
    p = {name: over(getattr(plant, name), axes) for name in plant.__slots__ if name != "rejection"}
    electric = _electric(p, load)
    liquid = p["liquid_share"] * load
    # Supplies and busways stand in rooms that air cools; transformers stand outdoors.
    air = load - liquid + electric["ups_share"] + electric["busway_share"]
    rated_air = (
        1 - p["liquid_share"] + sum(p[n] for n in ("ups_no_load", "ups_proportional", "ups_square", "busway_square"))
    )
    rise = p["rise_c"]
    warm = _circuit(p, plant.rejection, (dry, wet), liquid, p["liquid_share"], p["liquid_supply_c"] - p["exchanger_c"])
    cold_c = p["air_supply_c"] - p["coil_c"] - p["exchanger_c"]
    cold = _circuit(p, plant.rejection, (dry, wet), air, rated_air, cold_c)
    hall = p["hall_fan_share"] * rated_air * _cubed(_part(air, rated_air), p["min_speed"])
    chilled = warm.chilled + cold.chilled
    shape = np.broadcast_shapes(*(np.shape(v) for v in (chilled, *electric.values(), *p.values())), dry.shape)

    def full(value: Array | float) -> Array:
        return np.broadcast_to(np.asarray(value, dtype=float), shape)

    return FacilityHours(
        it_share=full(load),
        **{name: full(value) for name, value in electric.items()},
        chiller_share=full(warm.chiller + cold.chiller),
        fan_share=full(warm.fans + cold.fans + hall),
        pump_share=full(warm.pumps + cold.pumps),
        other_share=full(p["other_share"]),
        water_l=full(warm.water_l + cold.water_l),
        heat_share=full(liquid),
        return_c=full(p["liquid_supply_c"] + rise * _part(liquid, p["liquid_share"])),
        chilled_share=full(_part(chilled, liquid + air)),
    )


def loss_share(
    load_share: Array | float, no_load: Array | float, proportional: Array | float, square: Array | float
) -> Array:
    """Return the loss of an electrical stage over its rated power.

    Equation: ``loss = a + b x + c x^2`` (Rasmussen 2011).

    Parameters
    ----------
    load_share : Array, shape (...)
        Load over the rated one [share].
    no_load, proportional, square : Array, shape (...)
        Loss at any load, that at the rated load that grows with it, and that which grows with its square [share].

    Returns
    -------
    Array, shape (...)
        Loss over rated power [share].

    Examples
    --------
    A supply that loses 3 % at the rated load loses 4 % of what passes at a quarter of it.

    >>> x = 0.25
    >>> round(float(loss_share(x, 0.008, 0.01, 0.012)) / x, 3)
    0.045
    """
    x = np.asarray(load_share, dtype=float)
    return np.asarray(no_load + proportional * x + square * x**2)


def _electric(p: dict[str, Array], load: Array) -> dict[str, Array]:
    """Return the loss of each stage over rated IT power."""
    zero = np.zeros(())
    return {
        f"{stage}_share": loss_share(
            load, *(p.get(f"{stage}_{kind}", zero) for kind in ("no_load", "proportional", "square"))
        )
        for stage in ("transformer", "ups", "busway", "rectifier")
    }


@dataclass(frozen=True, slots=True)
class _Circuit:
    """What one circuit draws, takes and leaves to chillers, over rated IT power."""

    chiller: Array
    fans: Array
    pumps: Array
    water_l: Array
    chilled: Array


def _circuit(
    p: dict[str, Array], rejection: Rejection, weather: tuple[Array, Array], heat: Array, rated: Array, cold_c: Array
) -> _Circuit:
    """Return one circuit's hour: heat over rated IT power, what it is built for, and the water that must come back.

    Equations: fans run at the speed ``f = x a / (T_water - T_outside)`` at which an approach of ``a`` at full speed and
    rated load leaves just the water that is needed. Where full speed does not do, a chiller takes the share of the heat
    that lies between what comes back and what is needed over the rise, ``(T_back - T_water) / rise``.
    """
    x = _part(heat, rated)
    approach, rise = p["approach_c"] * x, p["rise_c"] * np.maximum(x, p["min_speed"])
    outside, spray_c = _outside(p, rejection, weather, cold_c - approach)
    room = cold_c - outside
    speed = np.where(room > approach, approach / np.where(room > approach, room, 1.0), 1.0)
    chilled = np.clip((outside + approach - cold_c) / rise, 0.0, 1.0) * (x > 0)
    lift = np.maximum(outside + approach - cold_c + p["chiller_lift_c"], LOWEST_LIFT_C)
    chiller = chilled * heat * lift / (p["chiller_carnot_share"] * (cold_c + KELVIN_AT_0_C))
    thrown = heat + chiller
    return _Circuit(
        chiller=chiller,
        fans=p["rejection_fan_share"] * rated * _cubed(speed, p["min_speed"]) * (x > 0),
        pumps=p["pump_share"] * rated * _cubed(x, p["min_speed"]),
        water_l=_water(p, rejection, thrown, spray_c),
        chilled=chilled * heat,
    )


def _outside(
    p: dict[str, Array], rejection: Rejection, weather: tuple[Array, Array], enough_c: Array
) -> tuple[Array, Array]:
    """Return the outside temperature that coolers see, and by how much sprays have lowered it: no more than needed."""
    dry, wet = weather
    if rejection == Rejection.TOWER:
        return wet, np.zeros_like(wet)
    sprayed = np.clip(dry - enough_c, 0.0, p["adiabatic_share"] * (dry - wet))
    return dry - sprayed, sprayed


def _water(p: dict[str, Array], rejection: Rejection, thrown: Array, spray_c: Array) -> Array:
    """Return water taken in an hour over rated IT power [L/kWh].

    Equations: a tower evaporates ``E = l Q / h`` and is filled up with ``E C / (C - 1)``, so that blow-down keeps its
    minerals at ``C`` times those of the water (ASHRAE Handbook, HVAC Systems and Equipment 2020, ch. 40); sprays
    evaporate what cools the air by what it is cooled. Drift, thousandths of a per cent of what circulates, is left out.
    """
    litres = thrown * (J_PER_KWH / EVAPORATION_J_PER_L)
    by_tower = rejection == Rejection.TOWER
    evaporated = litres * (p["evaporated_share"] if by_tower else spray_c / p["air_rise_c"])
    cycles = p["concentration_cycles"]
    return np.asarray(evaporated * cycles / (cycles - 1))


def _cubed(speed: Array, lowest: Array) -> Array:
    """Return power over that at full speed: the affinity laws' cube, between the lowest and the full speed."""
    return np.asarray(np.clip(speed, lowest, 1.0) ** 3)


def _part(value: Array, whole: Array) -> Array:
    """Return a part of a whole; 0 of nothing."""
    return np.divide(value, whole, out=np.zeros(np.broadcast_shapes(np.shape(value), np.shape(whole))), where=whole > 0)


def _over(value: Array, base: Array) -> Array:
    found = np.full(np.shape(value), np.inf)
    np.divide(value, base, out=found, where=base > 0)
    return np.where(np.asarray(value) == 0, 0.0, found)


def _checked(dry_bulb_c: Array, wet_bulb_c: Array, load_share: Array | float) -> tuple[Array, Array, Array]:
    dry, wet, load = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (dry_bulb_c, wet_bulb_c, load_share)))
    if not (np.isfinite(dry) & np.isfinite(wet) & (np.abs(dry) <= 2 * WARMEST_DRY_BULB_C)).all():
        raise InputError("temperatures must be finite, in degrees Celsius")
    if (dry > WARMEST_DRY_BULB_C).any():
        raise InputError(
            f"no outside air is warmer than {WARMEST_DRY_BULB_C:g} °C: give temperatures in degrees Celsius"
        )
    if not ((load >= 0) & (load <= 1 + 1e-9)).all():
        raise InputError("the load must lie between 0 and 1 of the rated IT power")
    return dry, np.minimum(wet, dry), np.clip(load, 0.0, 1.0)
