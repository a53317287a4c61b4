"""The plan's answer in two sentences: who begins when and how far it gets, and what is surprising in it."""

from __future__ import annotations

import datetime as dt
import math
from functools import partial

import numpy as np

from gigaplan.report.events import all_served_from, first_tokens
from gigaplan.report.format import count, digits_of, in_watts, percent
from gigaplan.report.headline import first_card, plain_power, served_range
from gigaplan.report.words import BASES, limit, title
from gigaplan.results.aggregate import aggregate
from gigaplan.results.coordinates import years
from gigaplan.results.headlines import PRODUCING, SERVED
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figure_of, figures, has_ranges
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE, of_members, range_text, span_of
from gigaplan.vocabulary.members import Array

TOLERANCE = 1e-3
"""Racks come whole: power is reached this share below it."""
SEEN = 0.01
"""Share of demand or of GPU-hours from which on it is worth a sentence."""


def _peak_power(result: Result) -> str:
    """Return the range of the announced sites' IT power at each member's peak."""
    return range_text(span_of(_peaks(result, "power_state_mw")), lambda mw: f"{plain_power(mw)} (IT)")


def _peak_gpus(result: Result) -> str:
    """Return the range of the announced sites' GPUs at each member's peak."""
    return range_text(span_of(_peaks(result, "gpus_in_production")), partial(count, unit="GPUs"))


def _peaks(result: Result, variable: str) -> Array:
    """Return the most of a quantity of the announced sites that produce, by member: (member,)."""
    at = PRODUCING if variable == "power_state_mw" else {"site": "announced"}
    return np.asarray(of_members(result, variable, ["edge"], at).max(axis=1))


def ranges(result: Result) -> str:
    """Return the ranges of what :func:`answer` says in one sentence; empty for a run of fewer than ten members."""
    if not has_ranges(result):
        return ""
    first = if_held(lambda: first_card(result).range) if result.new_sites() else None
    found = [f"first tokens {first}"] if first else []
    found += [f"{peak} at the peak" for make in (_peak_power, _peak_gpus) if (peak := if_held(make, result))]
    if (served := if_held(served_range, result)) is not None:
        found.append(f"all demand served from {served.removeprefix('from ')}")
    return f"{RANGE} of {result.stamp.members:,} futures: {', '.join(found)}."


def answer(result: Result) -> str:
    """Return the plan's answer in two sentences: who begins when and how far it gets, and what is surprising in it.

    What rests on a quantity that a saved result lacks is left out.
    """
    sentences = (if_held(make, result) for make in (_begins, _surprise))
    return " ".join(sentence for sentence in sentences if sentence)


def _begins(result: Result) -> str:
    """Return when the first racks serve, and when how much of the planned power produces."""
    planned = f"{plain_power(result.announced.value)} ({BASES[result.announced.basis]}) planned"
    sites = first_tokens(result)
    if not sites or not sites[0].first_token:
        return f"Of {planned} nothing makes tokens within the horizon."
    producing = of_members(result, "power_state_mw", ["edge"], PRODUCING)
    edges = [dt.date.fromisoformat(e) for e in result.labels["edge"]]
    begun = _reached(result, producing, 0.0)
    some = float(figure_of(result, producing)[edges.index(begun)]) if begun in edges else 0.0
    unit = in_watts(some)
    start = f"The first {digits_of(some / unit.size, 2)} {unit.name}" if some > 0 else "The first racks"
    steps = [f"{start} make tokens at {sites[0].name} in {sites[0].first_token:%B %Y}"]
    most = float(figure_of(result, producing.max(axis=1)))
    tenth = _step(most)
    if tenth > some and (day := _reached(result, producing, tenth)):
        steps.append(f"{plain_power(tenth)} produces by {day:%B %Y}")
    full = _reached(result, producing, most * (1 - TOLERANCE))
    of_it = "" if abs(most / result.announced.value - 1) < TOLERANCE else f" of {planned}"
    when = f"by {full:%B %Y}" if full else "at the most"
    steps.append(f"{plain_power(most)} (IT){of_it} {when}")
    return f"{steps[0]}{'; ' + steps[1] if len(steps) == 3 else ''}{', and ' if len(steps) == 3 else '; '}{steps[-1]}."


def _step(most: float) -> float:
    """Return a round power of a tenth to a fifth of the most [MW]."""
    size = 10 ** math.floor(math.log10(most)) if most > 0 else 0.0
    return size if size <= most / 2 else size / 10


def _reached(result: Result, producing: Array, mw: float) -> dt.date | None:
    """Return the day on which more than so much power produces, of members their median; None where never."""
    there = producing > mw if not mw else producing >= mw * (1 - TOLERANCE)
    days = np.array([dt.date.fromisoformat(e).toordinal() for e in result.labels["edge"]], dtype=float)
    found = np.where(there.any(axis=1), days[np.argmax(there, axis=1)], np.nan)
    day = float(figure_of(result, found, date=True))
    return None if math.isnan(day) else dt.date.fromordinal(int(day)).replace(day=1)


def _surprise(result: Result) -> str:
    """Return what holds the build-out up, and what then waits or stands idle."""
    last = years(result)[-1]
    idle = float(aggregate(result, "unrequested_share", at={"year": last}).values)
    at = {"token": "generated", "year": last}
    demand, served = (float(aggregate(result, f"tokens_{k}_per_day", at=at).values) for k in ("asked", "served"))
    missing = 1 - served / demand if demand > 0 else 0.0
    if missing > SEEN:
        then = f"in {last} {percent(missing)} of the tokens in demand are not served{_worst(result, last)}"
        then += f", while {percent(idle)} of the GPU-hours stand free" if idle > SEEN else ""
    elif idle > SEEN:
        then = f"in {last} {percent(idle)} of the GPU-hours serve no request and train nothing"
    elif not (figures(result, "served_share") < SERVED).any():
        then = "all demand is served throughout"
    else:
        then = f"all demand is served from {all_served_from(result)} on"
    both = "; ".join(part for part in (if_held(_held_up, result), then) if part)
    return f"{both[0].upper()}{both[1:]}."


def _held_up(result: Result) -> str:
    """Return what limits the build-out until all of it produces, in months; what is replaced later doesn't count."""
    producing = of_members(result, "power_state_mw", ["edge"], PRODUCING)
    full = _reached(result, producing, float(figure_of(result, producing.max(axis=1))))
    months = [m for m in result.labels["month"] if not full or m < f"{full:%Y-%m}"]
    codes = result.central("binding_limit").astype(int)[: len(months)]
    counts = {limit(n): int((codes == k).sum()) for k, n in enumerate(result.labels["limit"])}
    most = [n for n in sorted(counts, key=lambda n: -counts[n]) if counts[n]][:2]
    held = " and ".join(f"{name} in {counts[name]} month{'s' * (counts[name] != 1)}" for name in most)
    return f"until then it waits for {held}" if held else ""


def _worst(result: Result, year: str) -> str:
    """Return the workload of which the smallest share is served in a year, in words."""
    share = aggregate(result, "served_share", ["workload"], {"year": year}).values
    w = int(np.nanargmin(share))
    name = title(result.labels["workload"][w])
    return f" ({name} worst: {percent(float(share[w]))} served)" if share[w] < 1 - SEEN else ""
