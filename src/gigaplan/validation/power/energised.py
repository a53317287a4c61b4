"""Energisation from the delay model next to Epoch AI's dated timelines of sites.

``power_energised.csv`` has when land clearing began and when the first building ran, of the 62 sites of Epoch AI's
snapshot of August 2026 that say both or had begun (CC BY 4.0); dates after it are projections and left out. Each site
is predicted by a distribution that was fitted without it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gigaplan.power.supply.delays import EIGHTY, Delays, fit_delays
from gigaplan.validation.power.compared import Compared, Comparison
from gigaplan.validation.power.rows import table
from gigaplan.vocabulary.time import DAYS_PER_YEAR, MONTHS_PER_YEAR

TABLE = "power_energised.csv"
SNAPSHOT = dt.date(2026, 8, 3)
"""Day of Epoch AI's snapshot."""
NAMED = (
    "OpenAI Stargate Abilene",
    "Colossus 2",
    "Anthropic-Amazon New Carlisle",
    "Microsoft Fairwater Atlanta",
)
"""Sites that are shown by themselves; Colossus 2 is the one by Memphis whose clearing is dated."""
SOURCE = "Epoch AI Frontier Data Centers, snapshot of 2026-08-03 (CC BY 4.0)"
FEWEST_SEEN = 8
"""Sites with power that must be known for a distribution of what was known on a day."""
DAYS_PER_MONTH = DAYS_PER_YEAR / MONTHS_PER_YEAR


@dataclass(frozen=True, slots=True)
class Timeline:
    """When a site began, and when its first building ran."""

    site: str
    cleared: dt.date
    operational: dt.date | None
    """None where it did not run by the snapshot."""

    @property
    def months(self) -> float:
        """Return the time from clearing to operation, or to the snapshot [month]."""
        return ((self.operational or SNAPSHOT) - self.cleared).days / DAYS_PER_MONTH


def timelines() -> list[Timeline]:
    """Return the sites of the table."""
    return [
        Timeline(
            r["site"],
            dt.date.fromisoformat(r["cleared"]),
            dt.date.fromisoformat(r["operational"]) if r["operational"] else None,
        )
        for r in table(TABLE)
    ]


def delays_known(sites: list[Timeline], day: dt.date) -> tuple[Delays | None, int]:
    """Return the distribution of what was known of some sites on a day, None where too few had power, and how many had.

    Parameters
    ----------
    sites : list of Timeline
        Sites.
    day : dt.date
        The day.
    """
    begun = [s for s in sites if s.cleared < day]
    seen = np.array([s.operational is not None and s.operational <= day for s in begun], dtype=bool)
    ends = [s.operational if s.operational is not None and s.operational <= day else day for s in begun]
    months = np.array([(end - s.cleared).days / DAYS_PER_MONTH for s, end in zip(begun, ends, strict=True)])
    count = int(seen.sum())
    return (fit_delays(months, seen) if count >= FEWEST_SEEN else None), count


def energisations() -> Comparison:
    """Return the months from land clearing to the first power of four sites, and the coverage over all that have it."""
    sites = timelines()
    ran = [s for s in sites if s.operational is not None]
    left_out = _predicted(sites, ran, lambda _: SNAPSHOT)
    then = _predicted(sites, ran, lambda s: s.cleared)
    rows = tuple(_row(s, left_out[s.site]) for name in NAMED for s in ran if s.site == name)
    errors = [abs(left_out[s.site].median_months / s.months - 1) for s in ran]
    note = (
        "months from land clearing to the first building in operation; low and high hold 80 % of the sites. Each site "
        f"left out of its own distribution: {_inside(ran, left_out)} of {len(left_out)} lie in the range, median "
        f"error {np.median(errors):.0%}. By what was known when it was cleared: {_inside(ran, then)} of {len(then)} "
        "(those with eight sites to go by): they came faster than those before them"
    )
    return Comparison("months to the first power", rows, note)


def _predicted(sites: list[Timeline], ran: list[Timeline], day_of: Callable[[Timeline], dt.date]) -> dict[str, Delays]:
    """Return each site's distribution by the others, as known on a day; those without one are left out."""
    found = {s.site: delays_known([o for o in sites if o is not s], day_of(s))[0] for s in ran}
    return {name: one for name, one in found.items() if one is not None}


def _inside(ran: list[Timeline], found: dict[str, Delays]) -> int:
    return sum(
        found[s.site].months(-EIGHTY) <= s.months <= found[s.site].months(EIGHTY) for s in ran if s.site in found
    )


def _row(site: Timeline, by: Delays) -> Compared:
    low, high = by.months(-EIGHTY), by.months(EIGHTY)
    where = "in the range" if low <= site.months <= high else "outside the range"
    return Compared(
        name=site.site,
        published=site.months,
        predicted=by.median_months,
        unit="month",
        low=low,
        high=high,
        source=SOURCE,
        note=f"{site.cleared} to {site.operational}: {where}",
    )
