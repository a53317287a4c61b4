"""Demand and what of it is served: over time, and hour by hour on a day of the month that matters most."""

from __future__ import annotations

import numpy as np

from gigaplan.report.charts import base, over_time
from gigaplan.report.charts.base import Chart, Option
from gigaplan.report.charts.palette import GOLD, GREY, HUES, INK, NAVY, SKY, WINE
from gigaplan.report.events import all_served_from, before_supply, unserved, weekday
from gigaplan.report.format import counted, in_watts, percent
from gigaplan.report.words import place, title
from gigaplan.results.coordinates import years
from gigaplan.results.headlines import SERVED
from gigaplan.results.quantiles import figure_of, figures
from gigaplan.results.result import Result
from gigaplan.results.spread import of_members, spread_of
from gigaplan.vocabulary.members import Array

GENERATED = {"token": "generated"}
WAITING = (WINE, GOLD, HUES[4], HUES[3])
"""Hues of workloads that are not served in full; of more the rest is grey."""
SEEN = 1e-4
"""Share of all demand in its month below which a workload's unserved part is not drawn."""
SETTLED_MONTHS = 12
"""The first months are set by the existing fleet; the tightest month is looked for after them."""


def demand(result: Result, other: Result | None = None) -> Chart:
    """Return generated tokens a day: what is served, what is not and of which workload, and plan B's served ones."""
    asks, served = (
        of_members(result, f"tokens_{k}_per_day", ["workload", "month"], GENERATED) for k in ("asked", "served")
    )
    whole, done = (np.asarray(figure_of(result, v.sum(axis=1))) for v in (asks, served))
    missing = np.asarray(figure_of(result, np.maximum(asks - served, 0.0)))
    unit = counted(float(whole.max()), "tokens a day")
    days = over_time.months(result)
    series = [over_time.area("served", days, done / unit.size, SKY)]
    series += [over_time.area(f"{n}, not served", days, v / unit.size, c) for n, v, c in _waiting(result, missing)]
    drawn = over_time.line("demand", days, whole / unit.size, INK, lineStyle={"width": 2})
    known = spread_of(asks.sum(axis=1)) if len(asks) > 1 else None
    series += over_time.ranged(drawn, days, known, unit.size)
    if other is not None:
        theirs = figure_of(other, of_members(other, "tokens_served_per_day", ["month"], GENERATED))
        dashed = {"width": 2, "type": "dashed"}
        series.append(
            over_time.line("plan B, served", over_time.months(other), theirs / unit.size, INK, lineStyle=dashed)
        )
    yearly = np.array([base.yearly(result, f"tokens_{k}_per_day", at=GENERATED) for k in ("asked", "served")])
    rows = base.table(["demand", "served"], years(result), yearly / unit.size)
    return Chart(
        "demand",
        "Demand, and what of it is served",
        over_time.option(result, series, unit.name),
        _unserved_words(result),
        rows[0],
        (*rows[1], *_shares(result)),
        figures=f"{unit.name}, mean of the year; below, the share of each workload that is served",
    )


def _waiting(result: Result, missing: Array) -> list[tuple[str, Array, str]]:
    """Return the workloads with the largest unserved parts, and the others together: name, tokens a day, colour."""
    asks = np.asarray(figure_of(result, of_members(result, "tokens_asked_per_day", ["month"], GENERATED)))
    share = np.divide(missing, asks, out=np.zeros_like(missing), where=asks > 0)
    order = [int(w) for w in np.argsort(-missing.sum(axis=1), kind="stable") if share[w].max() > SEEN]
    names = result.labels["workload"]
    found = [(title(names[w]), missing[w], c) for w, c in zip(order, WAITING, strict=False)]
    if rest := order[len(WAITING) :]:
        found.append((f"{len(rest)} others", missing[rest].sum(axis=0), GREY))
    return found


def _shares(result: Result) -> tuple[tuple[str, ...], ...]:
    """Return for each workload that waits the share of its demand that is served, by year."""
    waiting = {u.workload for u in unserved(result)}
    served = base.yearly(result, "served_share", "workload")
    return tuple(
        (f"{title(n)}, served", *(percent(float(v)) for v in served[w]))
        for w, n in enumerate(result.labels["workload"])
        if n in waiting
    )


def _unserved_words(result: Result) -> str:
    """Return in words whose demand is unserved, how long, and from when on all is served."""
    early, begin = before_supply(result)
    found = unserved(result)
    words = [f"{early} months before the first GPUs in {begin}."] if early and begin else []
    if early and not begin:
        return "There never is a GPU to serve it."
    if not found:
        return " ".join([*words, "All demand is served."])
    some = ", ".join(
        f"{title(u.workload)} {u.months} months (worst {percent(u.worst_share)} served)" for u in found[:3]
    )
    more = f", and {len(found) - 3} more workloads" if len(found) > 3 else ""
    free = all_served_from(result)
    end = f"All is served from {free} on." if free else "Some is unserved to the end."
    return " ".join([*words, f"Not served in full: {some}{more}.", end])


def day(result: Result, other: Result | None = None) -> Chart:
    """Return a weekday of the month in which most waits, or of most load: power drawn, and requests by hour."""
    power = weekday(result, "facility_power_mw")
    needed, refused = (weekday(result, f"requests_{k}_per_h").sum(axis=0) for k in ("asked", "refused"))
    month, why = _month(result, power, refused)
    shift, where = _local(result)
    hours = [f"{h}:00" for h in range(power.shape[1])]
    load, every, unmet = (np.roll(v[month], shift) for v in (power, needed, refused))
    watts, requests = in_watts(float(load.max())), counted(float(every.max()), "requests an hour")
    series: list[Option] = [
        base.line("power drawn", load / watts.size, NAVY, areaStyle={"opacity": 0.2}),
        base.area("requests served", (every - unmet) / requests.size, SKY) | over_time.LOWER | {"unit": requests.name},
    ]
    if unmet.max() > SEEN * max(every.max(), 1e-9):
        series.append(base.area("not served", unmet / requests.size, WINE) | over_time.LOWER | {"unit": requests.name})
    if other is not None and (theirs := _of_other(other, result.labels["month"][month])) is not None:
        dashed = {"width": 2, "type": "dashed"}
        series.append(base.line("plan B, power drawn", np.roll(theirs, shift) / watts.size, INK, lineStyle=dashed))
    upper = base.option(series, hours, f"{watts.name} at the meter")
    upper |= {
        "grid": {"left": over_time.LEFT, "right": over_time.RIGHT, "top": over_time.TOP, "bottom": over_time.BOTTOM},
        "shows": over_time.shows(f"{watts.name} at the meter", time=False),
    }
    when = result.labels["month"][month]
    waits = f"at the most {percent(float(unmet.max() / every.max()))} of the peak is not served"
    waits = waits if unmet.max() > SEEN * float(every.max()) else "all is served"
    return Chart(
        "day",
        f"A weekday of {when}, {why}",
        over_time.two_plots(upper, {}, requests.name),
        f"Hours in {where}. The load is between {watts.of(float(load.min()))} and {watts.of(float(load.max()))}; "
        f"{waits}. Requests stand at the hour in which they come.",
        *base.table(
            [f"power, {watts.name}", f"requests, {requests.name}", f"not served, {requests.name}"],
            hours,
            np.stack([load / watts.size, every / requests.size, unmet / requests.size]),
        ),
        height=400,
        figures="mean weekday",
    )


def _month(result: Result, power: Array, refused: Array) -> tuple[int, str]:
    """Return the month in which the largest shares wait, after the first year if any do then; else of most load."""
    waiting = (1 - figures(result, "served_share")).sum(axis=0)
    later = waiting[SETTLED_MONTHS:]
    if len(later) and later.max() > 1 - SERVED:
        return int(later.argmax()) + SETTLED_MONTHS, "the month in which most is not served"
    if refused.max() > SEEN:
        return int(refused.sum(axis=1).argmax()), "the month in which most is not served"
    return int(power.max(axis=1).argmax()), "the month of most load"


def _local(result: Result) -> tuple[int, str]:
    """Return by how many hours the largest new site's clocks are ahead of UTC, and that time's name."""
    places = result.new_sites() or list(range(len(result.labels["site"])))
    height = result.central("power_state_mw").sum(axis=0).max(axis=-1)
    name = result.labels["site"][max(places, key=lambda i: float(height[i]))]
    offset = next((float(e.value) for e in result.ledger.under(f"fleet.sites.{name}.utc_offset_h")), 0.0)
    return round(offset), f"local time of {place(name)} (UTC{offset:+.3g})" if offset else "UTC"


def _of_other(other: Result, month: str) -> Array | None:
    """Return plan B's load in the same month, None where its horizon has no such month."""
    if month not in other.labels["month"]:
        return None
    return np.asarray(weekday(other, "facility_power_mw")[other.labels["month"].index(month)])
