"""What each milestone tranche buys, and when that pays back, for the terminal and the page."""

from __future__ import annotations

import numpy as np

from gigaplan.report.format import money, short
from gigaplan.results.quantiles import figures
from gigaplan.results.result import Result

BUYS = ("IT power, MW", "GPUs", "tokens a day", "capital", "paid back")
"""Columns of :func:`what_tranches_buy`."""
NEVER = "not within the horizon"


def what_tranches_buy(result: Result) -> tuple[tuple[str, ...], ...]:
    """Return for each tranche the power, GPUs and tokens a day that it buys, their capital, and when it is back.

    Parameters
    ----------
    result : Result
        A simulated plan.

    Raises
    ------
    LackingQuantityError
        If a saved result lacks one of the quantities.
    """
    power, gpus, tokens, capital, back = (
        figures(result, f"tranche_{name}") for name in ("it_mw", "gpus", "tokens_per_day", "capital_usd", "payback_day")
    )
    rows = []
    for k in range(len(power)):
        day = result.day(float(back[k]))
        if np.isnan(power[k]):
            rows.append((*("–",) * 4, NEVER))
        else:
            buys = (f"{power[k]:,.0f}", short(float(gpus[k])), short(float(tokens[k])), money(float(capital[k])))
            rows.append((*buys, f"{day:%Y-%m}" if day else NEVER))
    return tuple(rows)


def paybacks(result: Result) -> str:
    """Return in words how many tranches' power pays back, and when the first and the last of them."""
    days = [result.day(float(d)) for d in figures(result, "tranche_payback_day")]
    back = sorted(d for d in days if d)
    if not back:
        return "none pays back within the horizon"
    span = f"{back[0]:%Y-%m}" + (f" to {back[-1]:%Y-%m}" if len(back) > 1 else "")
    gpus = float(np.nanmean(figures(result, "tranche_gpus")))
    return f"{len(back)} of {len(days)} pay back within the horizon, {span}; {short(gpus)} GPUs each"
