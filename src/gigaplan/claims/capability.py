"""Claims about what can be trained: A10."""

from __future__ import annotations

import numpy as np

from gigaplan.claims.reader import Reader
from gigaplan.results.headlines import MONTHS
from gigaplan.results.verdicts import Claim, Figure, Verdict, judge
from gigaplan.vocabulary.claims import CLAIMS


def moving_frontier(r: Reader) -> Claim:
    """A10: the frontier of capability keeps moving up: the largest run that could end by a date, and what it is worth."""
    axis = r.result.axis
    one, together, fleet = r.result.central("largest_run_flop")
    eci = r.result.central("capability_eci")
    ends = [m for m in range(MONTHS - 1, axis.months, MONTHS) if np.isfinite(eci[1, m])]
    if len(ends) < 2:
        because = "The fleet stands for less than two years of the horizon, so that there is nothing to compare."
        return Claim(id="A10", says=CLAIMS["A10"], verdict=Verdict.UNKNOWN, because=because)
    first, last = ends[0], ends[-1]
    moves = (
        Figure(
            name="years in which capability rises",
            value=int((np.diff(eci[1, ends]) > 0).sum()),
            unit="years",
            basis=f"of {len(ends) - 1}, central",
            holds=bool((np.diff(eci[1, ends]) > 0).all()),
        ),
        Figure(
            name="years in which the largest run grows",
            value=int((np.diff(one[ends]) > 0).sum()),
            unit="years",
            basis=f"of {len(ends) - 1}, one site",
            holds=bool((np.diff(one[ends]) > 0).all()),
        ),
    )
    each = tuple(
        Figure(
            name=f"largest run that ends by {axis.labels[m]}",
            value=float(flop[m]),
            unit="FLOP",
            basis=f"{scope}, model FLOPs",
        )
        for m in (first, last)
        for scope, flop in (("one site", one), ("sites together", together), ("whole fleet", fleet))
    )
    worth = tuple(
        Figure(
            name=f"capability, {axis.labels[m]}",
            value=float(eci[1, m]),
            unit="ECI points",
            basis=f"{eci[0, m]:.0f} to {eci[2, m]:.0f} at 80 %",
        )
        for m in (first, last)
    )
    runs = tuple(
        Figure(
            name=f"run '{name}' done", value=str(r.result.day(float(day)) or "never"), unit="date", basis="as planned"
        )
        for name, day in zip(r.result.labels["run"], r.result.central("run_done_day"), strict=True)
    )
    because = (
        f"The largest run that one site could finish goes from {one[first]:.1e} to {one[last]:.1e} FLOP, the capability of such a model "
        f"from {eci[1, first]:.0f} to {eci[1, last]:.0f} points; beyond known runs (5e26 FLOP) that is an extrapolation, and the largest known ones lie below the line."
    )
    return judge("A10", because, moves, (*each, *worth, *runs))
