"""Which of two plans is ahead, in what, by how much and since when: of what each month has, not of sums alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from gigaplan.report.format import digits_of, money, short
from gigaplan.report.headline import plain_power
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figure_of
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE, Span, of_members, range_text, span_of
from gigaplan.vocabulary.members import Array

SAME = 0.01
"""Share of the larger of two figures up to which they count as alike."""
MONTH = len("2026-11")


def _of_it(mw: float) -> str:
    return f"{plain_power(mw)} (IT)"


def _of_a_million(usd: float) -> str:
    return f"{'-' if usd < 0 else ''}${digits_of(abs(usd))} a million"


@dataclass(frozen=True, slots=True)
class Measure:
    """What two plans are compared in, month by month."""

    what: str
    variable: str
    period: str
    text: Callable[[float], str]
    more_is_better: bool = True
    at: Mapping[str, str] = field(default_factory=dict)
    so_far: bool = False
    """Whether it is the running total, of what is spent less what comes in, turned round."""


MEASURES = (
    Measure("power that produces", "power_state_mw", "edge", _of_it, at={"state": "producing"}),
    Measure(
        "tokens served", "tokens_served_per_day", "month", lambda v: f"{short(v)} a day", at={"token": "generated"}
    ),
    Measure("cost of a token", "full_cost_per_mtok_all_usd", "month", _of_a_million, False),
    Measure("money so far", "funding_gap_usd", "month", money, so_far=True),
)
"""What a reader looks at first; a cost is better where it is less."""


@dataclass(frozen=True, slots=True)
class Lead:
    """Who is ahead in a measure at the end of the months that two plans share.

    Attributes
    ----------
    measure : Measure
        In what.
    who : str
        ``A`` or ``B``; empty where they are alike.
    since : str
        From which month on without a break, as 2026-11; empty where it is so in all of them.
    until : str
        The last month that both have.
    a, b : float
        Both figures then.
    span : Span, optional
        The range of B less A then, member by member; None where both don't draw the same futures.
    """

    measure: Measure
    who: str
    since: str
    until: str
    a: float
    b: float
    span: Span | None

    @property
    def text(self) -> str:
        """Return it as a part of a sentence: ``power that produces (from May 2026 on; 20 GW, not 10 GW)``."""
        mine, theirs = (self.a, self.b) if self.who == "A" else (self.b, self.a)
        begun = f"from {month_text(self.since)} on" if self.since else "throughout"
        return f"{self.measure.what} ({begun}; {self.measure.text(mine)}, not {self.measure.text(theirs)})"

    @property
    def range(self) -> str:
        """Return the range of the difference in words; empty where there is none."""
        if self.span is None or not self.span.known:
            return ""
        return f"{self.measure.what} {range_text(self.span, self.measure.text)}"


def month_text(month: str) -> str:
    """Return a month in words: ``November 2026`` for 2026-11."""
    return f"{dt.date.fromisoformat(f'{month[:MONTH]}-01'):%B %Y}"


def leads(a: Result, b: Result) -> tuple[Lead, ...]:
    """Return who is ahead in each measure that both have.

    Parameters
    ----------
    a, b : Result
        Two results that share some months.
    """
    found = (if_held(_lead, a, b, measure) for measure in MEASURES)
    return tuple(lead for lead in found if lead)


def _by_month(result: Result, measure: Measure) -> tuple[list[str], Array]:
    """Return the months, and the measure of every member in each: (member, month)."""
    values = of_members(result, measure.variable, [measure.period], measure.at)
    if measure.so_far:
        values = -np.cumsum(values, axis=-1)
    return [label[:MONTH] for label in result.labels[measure.period]], values


def _lead(a: Result, b: Result, measure: Measure) -> Lead | None:
    """Return who is ahead; None where no month of both has a figure."""
    (months_a, one), (months_b, two) = (_by_month(r, measure) for r in (a, b))
    held = set(a.labels["month"]) & set(b.labels["month"])  # the last edge is the end of the last month
    shared = [m for m in months_a if m in months_b and m in held]
    one, two = one[:, [months_a.index(m) for m in shared]], two[:, [months_b.index(m) for m in shared]]
    here, there = np.asarray(figure_of(a, one)), np.asarray(figure_of(b, two))
    known = np.flatnonzero(np.isfinite(here) & np.isfinite(there))
    if not len(known):
        return None
    last = int(known[-1])
    size = np.maximum(np.abs(here), np.abs(there))
    ahead = np.where(np.abs(there - here) > SAME * size, np.sign(there - here), 0.0)
    ahead = np.nan_to_num(ahead if measure.more_is_better else -ahead)[: last + 1]
    others = np.flatnonzero(ahead != ahead[-1])
    first = int(others[-1]) + 1 if len(others) else 0
    paired = (a.stamp.seed, a.stamp.members) == (b.stamp.seed, b.stamp.members) and len(one) == len(two) > 1
    return Lead(
        measure,
        {1.0: "B", -1.0: "A"}.get(float(ahead[-1]), ""),
        shared[first] if first else "",
        shared[last],
        float(here[last]),
        float(there[last]),
        span_of(two[:, last] - one[:, last]) if paired else None,
    )


def sentence(found: tuple[Lead, ...], first_tokens: str = "") -> str:
    """Return which plan is ahead in what, in a sentence for each.

    Parameters
    ----------
    found : tuple of Lead
        The leads.
    first_tokens : str
        What is said of the first tokens, with the plan that has them earlier in front; empty where they come alike.
    """
    parts: dict[str, list[str]] = {"B": [], "A": [], "": []}
    if first_tokens:
        parts[first_tokens[0]].append(first_tokens[2:])
    for lead in found:
        parts[lead.who].append(lead.text if lead.who else lead.measure.what)
    words = [f"{who} is ahead in {_joined(parts[who])}." for who in ("B", "A") if parts[who]]
    if parts[""]:
        words.append(f"Alike at the end: {_joined(parts[''])}.")
    if any(lead.who for lead in found):
        words.append(f"Figures are of {month_text(max(lead.until for lead in found))}, the last month of both.")
    return " ".join(words) or "The two plans are alike."


def ranges(found: tuple[Lead, ...]) -> str:
    """Return the ranges of the differences in one sentence; empty where the two don't draw the same futures."""
    shown = [lead.range for lead in found if lead.range]
    return f"B less A in the last month, {RANGE}: {'; '.join(shown)}." if shown else ""


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
