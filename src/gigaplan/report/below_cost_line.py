"""Which workloads are sold below full cost and for how long, in a sentence: the same for the terminal and the page."""

from __future__ import annotations

import numpy as np

from gigaplan.report.format import percent
from gigaplan.report.words import title
from gigaplan.results.aggregate import aggregate
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figures
from gigaplan.results.result import Result

QUANTITY = "revenue_over_full_cost"
FEWEST_MONTHS = 12
"""Months below full cost, from which on a workload is named (a choice)."""
MOST_WORKLOADS = 4
"""Workloads that are listed; the others are counted."""


def below_cost_line(result: Result) -> str:
    """Return which workloads that are sold bring less than their full cost, in how many months, and what share of it
    they bring in the worst year.

    Parameters
    ----------
    result : Result
        A simulated plan.

    Returns
    -------
    str
        The sentence; empty where nothing is sold, or where a saved result lacks the quantity.
    """
    return if_held(_line, result) or ""


def _line(result: Result) -> str:
    paid = np.asarray(figures(result, QUANTITY))  # (workload, month)
    sold = np.median(np.nan_to_num(paid), axis=1) > 0  # a service that is free in most months is not for sale
    if not sold.any():
        return ""
    by_year = aggregate(result, QUANTITY, ["workload", "year"]).values
    below = {w: int((paid[w] < 1).sum()) for w in np.flatnonzero(sold)}
    found = sorted((w for w, months in below.items() if months >= FEWEST_MONTHS), key=lambda w: -below[w])
    if not found:
        return "no workload for a year or more"
    parts = [
        f"{title(result.labels['workload'][w])} {below[w]}{'' if k else ' months'} ({percent(np.nanmin(by_year[w]))})"
        for k, w in enumerate(found[:MOST_WORKLOADS])
    ]
    return ", ".join(parts + ([f"and {len(found) - len(parts)} more"] if len(found) > len(parts) else []))
