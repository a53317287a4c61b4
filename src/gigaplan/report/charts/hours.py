"""The load of one site at its meter by hour: a mean weekday and a mean week of some years, in the site's own time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gigaplan.report.charts import base, over_time
from gigaplan.report.charts.base import Chart
from gigaplan.report.charts.palette import HUES
from gigaplan.report.format import in_watts
from gigaplan.report.words import place
from gigaplan.results.coordinates import years
from gigaplan.results.quantiles import figure_of
from gigaplan.results.result import Result
from gigaplan.results.spread import array_of_members
from gigaplan.vocabulary.members import Array

HOURS, WEEKDAYS = 24, 5
WEEKDAY, WEEKEND = 0, 1
NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HOW = (
    "The model spreads the work of an hour over the fleet alike: a site's share of the load is its share of the "
    "month's energy at the meters."
)


@dataclass(frozen=True, slots=True)
class Clock:
    """The clocks of a site: hours and minutes ahead of UTC, and what the hours are said to be in."""

    hours: int
    minutes: int
    words: str

    def at(self, hour: int) -> str:
        """Return the time of day at which an hour begins."""
        return f"{hour % HOURS}:{self.minutes:02d}"


def clock_of(result: Result, name: str) -> Clock:
    """Return the clocks of a site, UTC where neither the plan nor the catalog says how far they are ahead of it."""
    found = next((e.value for e in result.ledger.under(f"fleet.sites.{name}.utc_offset_h")), None)
    if found is None:
        return Clock(0, 0, f"UTC: the time zone of {place(name)} isn't known")
    offset = float(found)
    whole = math.floor(offset)
    words = f"standard time of {place(name)} (UTC{offset:+.3g})" if offset else f"UTC, the time of {place(name)}"
    return Clock(whole, round(60 * (offset - whole)), words)


def load_by_hour(result: Result, name: str) -> Array:
    """Return a site's load at its meter by year, weekday or weekend, and hour in UTC, for every member.

    Equation: ``load of all sites in the hour x energy of the site in the month / energy of all sites in the month``.
    This is the model's own load of the site: utilisation is one for the fleet, PUE one for a month of a site, and
    rated power one for a month. Only where a plan is simulated day by day is rated power of a day, of which this
    takes the month's mean. The mean of a year weighs months by their weekdays, or by their days of weekends.

    Parameters
    ----------
    result : Result
        A simulated plan.
    name : str
        The site.

    Returns
    -------
    Array, shape (M, year, 2, hour)
        Load [MW] of a mean weekday and of a mean day of a weekend.

    Raises
    ------
    LackingQuantityError
        If a saved result lacks the load by hour, or the energy.
    """
    load_mw = array_of_members(result, "facility_power_mw")
    energy_mwh = array_of_members(result, "facility_energy_mwh")
    whole = energy_mwh.sum(axis=1)
    own = energy_mwh[:, result.labels["site"].index(name)]
    share = np.divide(own, whole, out=np.zeros_like(own), where=whole > 0)
    of_site, axis = load_mw * share[..., None, None], result.axis
    free = axis.weekend(0)
    weights = np.stack([1 - free, free], axis=1) * axis.day_counts[:, None]  # (month, kind, day)
    means = []
    for year in years(result):
        months = [k for k, m in enumerate(result.labels["month"]) if m.startswith(year)]
        w = weights[months]
        means.append(np.einsum("mndh,nkd->mkh", of_site[:, months], w) / w.sum(axis=(0, 2))[None, :, None])
    return np.stack(means, axis=1)


def day_of_site(result: Result, name: str) -> Chart:
    """Return the load of a site by hour of a mean weekday, for some years of the horizon."""
    clock = clock_of(result, name)
    days = figure_of(result, load_by_hour(result, name)[:, :, WEEKDAY])
    labels = [clock.at(h) for h in range(HOURS)]
    heading = f"A weekday of {place(name)}, by hour"
    return _chart("hours", heading, result, np.roll(days, clock.hours, -1), labels, clock)


def week_of_site(result: Result, name: str) -> Chart:
    """Return the load of a site by hour of a mean week, for some years of the horizon."""
    clock = clock_of(result, name)
    found = figure_of(result, load_by_hour(result, name))
    days = [found[:, WEEKDAY if k < WEEKDAYS else WEEKEND] for k in range(len(NAMES))]
    week = np.roll(np.concatenate(days, axis=-1), clock.hours, -1)
    labels = [f"{NAMES[h // HOURS]} {clock.at(h)}" for h in range(week.shape[-1])]
    return _chart("week", f"A week of {place(name)}, by hour", result, week, labels, clock)


def _chart(id: str, heading: str, result: Result, mw: Array, labels: list[str], clock: Clock) -> Chart:
    """Return lines of hours, one for each of some years with load; the table has every year."""
    every = years(result)
    used = np.flatnonzero(mw.max(axis=-1) > 0) if mw.max() > 0 else np.arange(len(every))
    picked = sorted({int(used[int(k)]) for k in np.linspace(0, len(used) - 1, min(len(used), len(HUES))).round()})
    unit = in_watts(float(mw.max()))
    series = [base.line(every[k], mw[k] / unit.size, HUES[n % len(HUES)], symbol="none") for n, k in enumerate(picked)]
    meter = f"{unit.name} at the meter"
    drawn = base.option(series, labels, meter) | {"shows": over_time.shows(meter, time=False)}
    drawn["grid"] = {
        "left": over_time.LEFT,
        "right": over_time.RIGHT,
        "top": over_time.TOP,
        "bottom": over_time.BOTTOM,
    }
    if len(labels) > HOURS:
        drawn["xAxis"] |= {"axisLabel": {**drawn["xAxis"].get("axisLabel", {}), "interval": HOURS - 1}}
    low, high = float(mw[-1].min()), float(mw[-1].max())
    return Chart(
        id,
        heading,
        drawn,
        f"In {every[-1]} the load is between {unit.of(low)} and {unit.of(high)}. Hours in {clock.words}. {HOW}",
        *base.table(labels, every, mw.T / unit.size),
        height=400,
        figures=f"{meter}, mean of the year's months, hours in {clock.words}. {HOW}",
    )
