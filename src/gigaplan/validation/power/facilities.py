"""Facilities by the hour next to what operators and Epoch AI published, and to a measured day of Frontier.

No operator publishes the plants and hours behind a fleet's mean: kinds of plant and places are gigaplan's reading of
what is known (``power_facilities.csv`` names them), at the load of busy racks and the catalog's central figures.
Nothing is fitted on these rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gigaplan import catalog
from gigaplan.catalog.climates import climate
from gigaplan.plan.resolve.cooling import cooling_of
from gigaplan.power.cooling_inputs import Cooling, Rejection
from gigaplan.power.facility import FacilityHours, facility_hours
from gigaplan.validation.power.compared import Compared, Comparison
from gigaplan.validation.power.rows import table
from gigaplan.vocabulary.members import Array

FACILITIES, FRONTIER = "power_facilities.csv", "power_frontier_day.csv"
FRONTIER_PUE = 1.03
"""Of Frontier over a year (ORNL; read at second hand)."""
FRONTIER_RATED_MW = 26.6
"""Most heat of its coolant distribution units on the measured day [MW]."""
FULL = 1.0
"""Load at which an interconnection is sized."""


def operators() -> Comparison:
    """Return yearly PUE of operators' fleets and sites."""
    note = "kinds of plant and places are gigaplan's reading; low and high are the coldest and the hottest place"
    return Comparison("PUE of operators", _rows("PUE of operators"), note)


def water() -> Comparison:
    """Return water over IT energy of fleets and sites."""
    return Comparison("water", _rows("water"), "on-site water over IT energy; low and high are the places")


def peaks() -> Comparison:
    """Return facility over IT power in the hottest hour at full load, next to Epoch AI's ratios."""
    note = "hottest hour of the climate, all racks at their rated power; low and high are the places"
    return Comparison("facility over IT at the peak", _rows("facility over IT at the peak"), note)


def frontier_day() -> Comparison:
    """Return the PUE of a plant like Frontier's over the measured heat and wet bulb of 7 April 2024, hour by hour.

    The day's trace has heat and weather and no power of its pumps and fans, so that the level is compared with the
    yearly figure, and the shape with the fact that its towers cool all of it without chillers.
    """
    rows = table(FRONTIER)
    heat, wet = (np.array([float(r[name]) for r in rows]) for name in ("heat_mw", "wet_bulb_c"))
    # Compute there has no uninterruptible supply; the dry bulb is not used by towers.
    plant = replace(
        cooling_of(catalog.load(), Rejection.TOWER),
        liquid_share=FULL,
        ups_no_load=0.0,
        ups_proportional=0.0,
        ups_square=0.0,
    )
    found = facility_hours(plant, wet, wet, np.minimum(heat / FRONTIER_RATED_MW, 1.0))
    mean = float(found.facility_share.sum() / found.it_share.sum())
    source = "Frontier's heat and wet bulb of 2024-04-07 (HPE sustain-lc, MIT); yearly PUE: ORNL, read at second hand"
    level = Compared(
        "PUE over the day",
        FRONTIER_PUE,
        mean,
        "1",
        float(found.pue.min()),
        float(found.pue.max()),
        source,
        "low and high are hours",
    )
    free = Compared(
        "share of hours without chillers",
        FULL,
        float(found.free.mean()),
        "1",
        float(found.free.min()),
        float(found.free.max()),
        source,
        "warm water of 32 °C by towers alone",
    )
    return Comparison("Frontier's measured day", (level, free), "no power of pumps and fans is in the trace")


def _rows(comparison: str) -> tuple[Compared, ...]:
    return tuple(_row(r) for r in table(FACILITIES) if r["comparison"] == comparison)


def _row(row: Mapping[str, str]) -> Compared:
    plant = cooling_of(catalog.load(), Rejection(row["plant"]))
    plant = replace(plant, liquid_share=float(row["liquid_share"]))
    values = np.array([_figure(row["quantity"], plant, place) for place in row["places"].split()])
    return Compared(
        name=row["name"],
        published=float(row["published"]),
        predicted=float(np.median(values) if row["quantity"] == "peak" else values.mean()),
        unit=row["unit"],
        low=float(values.min()),
        high=float(values.max()),
        source=row["source"],
        note=f"{row['plant']} in {', '.join(row['places'].split())}; {row['note']}",
    )


def _figure(quantity: str, plant: Cooling, place: str) -> float:
    busy = catalog.load().find("draw_curve", "busy_share").number
    found = _hours(plant, place, FULL if quantity == "peak" else busy)
    if quantity == "peak":
        return float(found.pue.max())
    total: Array = found.facility_share if quantity == "pue" else found.water_l
    return float(total.mean() / found.it_share.mean())


def _hours(plant: Cooling, place: str, load: float) -> FacilityHours:
    weather = climate(place)
    return facility_hours(plant, weather.dry_bulb_c, weather.wet_bulb_c, load)
