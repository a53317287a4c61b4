"""Unserved demand in a few sentences, the same for the terminal and the page."""

from __future__ import annotations

from collections.abc import Callable

from gigaplan.report.events import all_served_from, before_supply, unserved
from gigaplan.report.format import percent, short
from gigaplan.report.headline import served_range
from gigaplan.report.words import title
from gigaplan.results.aggregate import aggregate
from gigaplan.results.headlines import first_supply_month
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figures
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE
from gigaplan.vocabulary.figures import NOISE

UNKNOWN = "unknown: this result lacks a quantity that says so"
"""In place of a sentence, where a saved result lacks what it rests on."""
MOST_WORKLOADS = 4
"""Workloads that are listed; the others are counted."""


def or_unknown(make: Callable[[Result], str], result: Result) -> str:
    """Return a sentence, or that it is unknown where a saved result lacks a quantity that it rests on."""
    text = if_held(make, result)
    return UNKNOWN if text is None else text


def unserved_line(result: Result) -> str:
    """Return what of the demand isn't served: by workload, and in all in the months before there are any GPUs.

    A saved result that lacks one of the quantities gives no line, but says why.
    """
    return or_unknown(_unserved_line, result)


def _unserved_line(result: Result) -> str:
    early, begin = before_supply(result)
    if early and not begin:
        return "all demand: there never is a GPU to serve it"
    before = ""
    if early:
        before = f"{early} {_months(early)} before the first GPUs in {begin} ({_amount(result)}); then "
    found = unserved(result)
    if found:
        parts = [
            f"{title(u.workload)} {u.months}{u.range} {_months(u.months)} to {u.last} "
            f"(worst {percent(u.worst_share)} served)"
            for u in found[:MOST_WORKLOADS]
        ]
        if len(found) > len(parts):
            parts.append(f"and {len(found) - len(parts)} more")
        free = all_served_from(result)
        end = f"All demand served from {free}." if free else "Some demand is unserved to the end."
        return f"{before}{'; '.join(parts)}. {end.removesuffix('.')}{_range(result)}."
    missing = 1 - float(figures(result, "served_share")[:, first_supply_month(result) :].min(initial=1.0))
    if missing > NOISE:
        return f"{before}nearly nothing: at most {percent(missing)} of a workload in a month{_range(result)}"
    return (f"{before}nothing" if before else "nothing: all demand is served") + _range(result)


def _range(result: Result) -> str:
    """Return from when on all demand is served over members; nothing for a run of one member."""
    shown = served_range(result)
    return f" ({RANGE}: from {shown.removeprefix('from ')})" if shown else ""


def _months(count: int) -> str:
    return "month" if count == 1 else "months"


def _amount(result: Result) -> str:
    """Return the demand before there are any GPUs in generated tokens: what isn't there yet loses no revenue."""
    early = slice(0, first_supply_month(result))
    demand = aggregate(result, "tokens_asked_per_day", ["month"], {"token": "generated"}).values[early]
    tokens = float((demand * result.axis.hours[early] / 24).sum())
    return f"{short(tokens)} generated tokens, which lose no revenue yet"
