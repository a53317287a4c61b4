"""What happens when: first tokens, what limits the build-out, and demand that isn't served."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.report.words import limit
from gigaplan.results.headlines import SERVED, all_served, date_text, first_supply_month, unserved_months
from gigaplan.results.quantiles import figure_of, figures, has_ranges
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE, Span, array_of_members, range_text, span, span_of
from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True)
class Site:
    """A site's way to its first token."""

    name: str
    first_token: dt.date | None
    power_mw: float
    span: Span | None = None
    """Range of the date over members, in days since the start of the horizon."""
    range: str = ""
    """The same in months; empty where it is that of the date itself, and for a run of one member."""

    @property
    def month(self) -> str:
        """Return the month of the first token, 'never' where there is none."""
        return _month(self.first_token)


def _month(day: dt.date | None) -> str:
    return f"{day:%Y-%m}" if day else "never"


def first_tokens(result: Result) -> list[Site]:
    """Return the announced sites by date of first token."""
    days = figures(result, "first_token_day")
    power = result.central("power_state_mw").sum(axis=0).max(axis=-1)  # a megawatt is in one state
    names, places = result.labels["site"], result.new_sites()
    found = [_site(result, names[i], result.day(float(days[i])), float(power[i])) for i in places]
    return sorted(found, key=lambda s: s.first_token or dt.date.max)


def _site(result: Result, name: str, day: dt.date | None, power_mw: float) -> Site:
    known = span(result, "first_token_day", {"site": name})
    shown = range_text(known, lambda d: _month(result.day(d)), "never") if known else ""
    return Site(name, day, power_mw, known, "" if shown == _month(day) else shown)


def limit_spans(result: Result) -> list[tuple[str, str, str]]:
    """Return which limit binds from when to when, month by month: (limit, first month, last month).

    A month in which nothing waits to be installed ends a span.
    """
    codes = result.central("binding_limit").astype(int)
    months = result.labels["month"]
    starts = [i for i, code in enumerate(codes) if code >= 0 and (i == 0 or codes[i - 1] != code)]
    spans = []
    for start in starts:
        end = next((i for i in range(start, len(codes)) if codes[i] != codes[start]), len(codes))
        spans.append((limit(result.labels["limit"][int(codes[start])]), months[start], months[end - 1]))
    return spans


@dataclass(frozen=True, slots=True)
class Binding:
    """A limit in all months in which it binds."""

    name: str
    months: int
    first: str
    last: str


def binding_limits(result: Result) -> list[Binding]:
    """Return the limits that bind in some month, the one of most months first."""
    codes = result.central("binding_limit").astype(int)
    months, found = result.labels["month"], []
    for code in np.unique(codes[codes >= 0]):
        at = np.flatnonzero(codes == code)
        found.append(
            Binding(limit(result.labels["limit"][int(code)]), len(at), months[int(at[0])], months[int(at[-1])])
        )
    return sorted(found, key=lambda b: (-b.months, b.first))


@dataclass(frozen=True, slots=True)
class Unserved:
    """One workload whose demand isn't served in full, from the first month with GPUs on."""

    workload: str
    months: int
    first: str
    last: str
    worst_share: float
    refused_requests: float
    span: Span | None = None
    """Range of the months over members."""

    @property
    def range(self) -> str:
        """Return the range of the months as text; empty for a run of fewer than ten members."""
        return f" ({RANGE}: {range_text(self.span, '{:.0f}'.format)})" if self.span else ""


def unserved(result: Result) -> list[Unserved]:
    """Return the workloads with unserved demand, the longest first; months before there are any GPUs don't count."""
    begin = first_supply_month(result)
    months = result.labels["month"][begin:]
    share = array_of_members(result, "served_share")[..., begin:]
    refused = array_of_members(result, "requests_refused_per_day")[..., begin:] * result.axis.hours[begin:] / 24
    counts, places = unserved_months(result), np.arange(len(months), dtype=float)
    found = []
    for w, name in enumerate(result.labels["workload"]):
        count = figure_of(result, counts[:, w])
        if count > 0:
            short_of = share[:, w] < SERVED
            begins = float(figure_of(result, np.fmin.reduce(np.where(short_of, places, np.nan), axis=1)))
            first = 0 if np.isnan(begins) else int(begins)  # only futures with earlier GPUs wait, before these months
            last = max(_last_unserved(result, short_of), first)
            worst = float(figure_of(result, share[:, w].min(axis=1)))
            requests = float(figure_of(result, refused[:, w].sum(axis=1)))
            known = span_of(counts[:, w]) if has_ranges(result) else None
            found.append(Unserved(name, round(float(count)), months[first], months[last], worst, requests, known))
    return sorted(found, key=lambda u: -u.months)


def _last_unserved(result: Result, short_of: NDArray[np.bool_]) -> int:
    """Return the last of some months that isn't served, in half of all futures; the last of all if it never ends."""
    months = short_of.shape[-1]
    served_from = months - np.argmax(short_of[:, ::-1], axis=-1).astype(float)
    found = float(
        figure_of(result, np.where(short_of[:, -1], np.nan, np.where(short_of.any(axis=-1), served_from, 0)), date=True)
    )
    return months - 1 if np.isnan(found) else int(found) - 1


def before_supply(result: Result) -> tuple[int, str]:
    """Return the months with demand before there are any GPUs, and the first month with GPUs ('' if there never is)."""
    demand = np.flatnonzero(result.central("requests_asked_per_day").sum(axis=0) > 0)
    begin = first_supply_month(result)
    if not (figures(result, "gpus_available") > 0).any():
        return len(demand), ""
    return int((demand < begin).sum()), result.labels["month"][begin]


def all_served_from(result: Result) -> str:
    """Return the first month from which on all demand is served, or '' if there is none."""
    day = float(figure_of(result, all_served(result), date=True))
    return "" if np.isnan(day) else date_text(day)[: len("2026-11")]


def weekday(result: Result, name: str) -> Array:
    """Return an hourly variable of the central member on the mean weekday of each month: (..., month, hour)."""
    array, axis = result.central(name), result.axis
    weight = axis.day_counts * (1 - axis.weekend(0))
    return np.asarray(np.einsum("...ndh,nd->...nh", array, weight / weight.sum(axis=1, keepdims=True)))


def last_year(result: Result) -> list[int]:
    """Return the months of the last calendar year."""
    months = result.labels["month"]
    return [i for i, m in enumerate(months) if m[:4] == months[-1][:4]]
