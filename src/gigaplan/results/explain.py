"""Where a number comes from: its value at some coordinates, its formula, what it is made of, and the facts below it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gigaplan.results.aggregate import Aggregate, aggregate, refused
from gigaplan.results.contributions import Contributions, contributions
from gigaplan.results.coordinates import dim_of
from gigaplan.results.involved import shares_at, split
from gigaplan.results.labelled import Labelled
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import is_date
from gigaplan.results.spread import RANGE, Span, of_members, range_text, spread, with_range
from gigaplan.results.terms import TermValue, fixed_labels, own_coordinates, term_values
from gigaplan.vocabulary.facts import Entry, Evidence
from gigaplan.vocabulary.figures import NOISE, percent, short
from gigaplan.vocabulary.show import Brief, BriefRows, cut
from gigaplan.vocabulary.variables import DIMS, Variable, read_terms

SHOWN = 3
"""Lines of a figure along its dims that are shown in Python; the others are counted."""
Key = tuple[str, tuple[tuple[str, str], ...]]


NAMED_BY = {"binding_limit": "limit", "binding_supply": "link"}
"""Dims whose labels an index stands for."""
SAME = 1e-6
"""Terms whose sum is farther from a figure, over the largest of them, are of another formula than the figure's."""


@dataclass(frozen=True, slots=True, repr=False)
class Figure(Brief):
    """One value of a quantity.

    Attributes
    ----------
    at : mapping of str to str
        Its coordinates: those that were fixed, and its own along the dims that are listed.
    value : float
        In the quantity's unit; nan where it doesn't exist.
    date : str
        The value as a day (``2026-11-01``), ``never`` where there is none; empty for a quantity that is no date.
    label : str
        What an index stands for, as the limit that binds; empty for a quantity that is no index.
    span : Span, optional
        Its range over members, in the quantity's unit; None for a run of one member, and for an index.
    range : str
        The range as text.
    """

    at: Mapping[str, str]
    value: float
    date: str = ""
    label: str = ""
    span: Span | None = None
    range: str = ""

    def text(self, unit: str) -> str:
        """Return the value in a few digits, a share as a percentage, a date and a name as they are; then its range."""
        shown = self.date or self.label or _number(self.value, unit)
        return with_range(shown, self.range)

    def brief_line(self) -> str:
        """Return coordinates and value."""
        return f"{' '.join(self.at.values())}: {with_range(self.date or self.label or short(self.value), self.range)}"


def _number(value: float, unit: str) -> str:
    return percent(value) if unit == "1" and 0 <= value <= 1 + NOISE else short(value)


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Brief):
    """Where a number comes from.

    Attributes
    ----------
    variable : Variable
        Its row of the variable table.
    evidence : Evidence
        The weakest evidence class below it.
    inputs : tuple of Explanation
        The quantities that it is made of, at the same coordinates; those that a saved result lacks, or can't average
        because it lacks what weighs them, are left out.
        A quantity that the formula takes at several labels (lines of the cost) stands once for each.
    entries : tuple of Entry
        What its own inputs read: facts with their sources, and lines of the plan; first those that concern most of
        the figure and are most uncertain.
    elsewhere : tuple of Entry
        What they read of generations, sites, workloads and models that play no part in these figures.
    terms : tuple of TermValue
        What adds up to the figure (of several figures, to the last), where the formula is a sum, difference, product
        or ratio of other quantities.
    unused : tuple of str
        Generations that never stand at these coordinates.
    decided : Contributions, optional
        What decides the figure (of several figures, the last); None for inputs of the quantity that was asked for, and
        where nothing can be said of it.
    aggregate : Aggregate
        Its values: what they are over time, by what they are weighed, over what they are summed.
    figures : tuple of Figure
        The same one by one, with dates as dates.
    """

    variable: Variable
    evidence: Evidence
    inputs: tuple[Explanation, ...]
    entries: tuple[Entry, ...]
    aggregate: Aggregate
    figures: tuple[Figure, ...] = field(default=())
    elsewhere: tuple[Entry, ...] = field(default=())
    terms: tuple[TermValue, ...] = field(default=())
    unused: tuple[str, ...] = field(default=())
    decided: Contributions | None = field(default=None)

    def brief_title(self) -> str:
        """Return the quantity and its unit."""
        return f"{self.variable.name} [{self.variable.unit}]"

    def brief_rows(self) -> BriefRows:
        """Return the figures, what they are, and the quantities that they are made of."""
        lines, what = values_text(self)
        yield "meaning", self.variable.meaning
        if len(lines) > 1:
            yield from [(cut(line, 40).partition(":")[0] or "value", line.partition(": ")[2]) for line in lines[:SHOWN]]
            yield from [("more", f"{len(lines) - SHOWN} more figures")][: len(lines) > SHOWN]
        else:
            yield "value", lines[0] if lines else "no values"
        yield "is", what
        yield "formula", self.variable.formula
        yield "made of", ", ".join(dict.fromkeys(one.variable.name for one in self.inputs))
        yield "decided by", self.decided.text if self.decided else ""
        rests = self.decided.evidence_text if self.decided else str(self.evidence)
        yield "evidence", "; ".join(filter(None, (rests, f"{len(self.entries)} facts and lines of the plan")))

    def brief_line(self) -> str:
        """Return the figures in one line."""
        return f"{self.variable.name} [{self.variable.unit}] {'; '.join(values_text(self)[0])}"


def explain(result: Labelled, name: str, at: Mapping[str, str] | None = None) -> Explanation:
    """Return the tree below a quantity of a result.

    Parameters
    ----------
    result : Labelled
        A simulated plan.
    name : str
        A quantity of the variable table.
    at : mapping of str to str
        Coordinates of the figure, as ``{"workload": "chat", "year": "2031"}``. What is left out is aggregated by the
        quantity's own rule; a quantity that can't be aggregated over a dim is listed along it. Without a year or a
        month, values are given by calendar year.

    Raises
    ------
    PlanError
        If there is no such quantity, dim or label; the nearest name is given.
    """
    fixed = {dim_of(dim, DIMS): label for dim, label in (at or {}).items()}
    row = result.variable(name)
    known = result.memo.setdefault(Explanation, {})
    found = _explained(result, row, fixed, aggregate(result, row.name, _listed(result, row, fixed), fixed), known)
    return replace(found, decided=_decided(result, row, found.figures))


def _decided(result: Labelled, row: Variable, figures: Sequence[Figure]) -> Contributions | None:
    """Return what decides the last of some figures."""
    if not figures or figures[-1].span is None:
        return None
    return contributions(result, row.name, of_members(result, row.name, (), figures[-1].at), date=is_date(row))


def _explained(
    result: Labelled, row: Variable, at: Mapping[str, str], value: Aggregate, known: dict[Key, Explanation]
) -> Explanation:
    figures = tuple(_figures(result, row, value))
    when = _moment(result, figures)
    below = []
    for name in (i for i in row.inputs if i in result):
        part = result.variable(name)
        for fixed in _labels_taken(row, name):
            there = own_coordinates(result, part, dict(at) | when) | fixed_labels(result, fixed, at)
            key = name, tuple(sorted(there.items()))
            if key not in known:
                found = if_held(aggregate, result, name, _listed(result, part, there), there)
                if found is None:
                    continue
                known[key] = _explained(result, part, there, found, known)
            below.append(known[key])
    paths = [i.removeprefix("input:") for i in row.inputs if i.startswith("input:")]
    entries = tuple(dict.fromkeys(e for path in paths for e in result.ledger.under(path)))
    shares = shares_at(result, row, dict(at) | when)
    taken, elsewhere = split(result, row, entries, shares)
    unused = tuple(g for g in result.labels["generation"] if g not in shares["generation"])
    terms = _terms_of(result, row, at, figures[-1]) if figures else ()
    return Explanation(row, result.evidence(row.name), tuple(below), taken, value, figures, elsewhere, terms, unused)


def _terms_of(result: Labelled, row: Variable, at: Mapping[str, str], figure: Figure) -> tuple[TermValue, ...]:
    """Return the terms of a figure, none where it isn't their sum: a site that states its supply has no one price."""
    terms = term_values(result, row, dict(at) | dict(figure.at))
    scale = max((abs(t.value) for t in terms), default=0.0)
    whole = sum(t.sign * t.value for t in terms)
    return terms if abs(whole - figure.value) <= SAME * max(scale, abs(figure.value)) else ()


def _labels_taken(row: Variable, name: str) -> tuple[Mapping[str, str], ...]:
    """Return the labels at which a formula takes a quantity, once for each term; none where it fixes none."""
    factors = [f for term in read_terms(row.terms) for f in term.factors if f.name == name]
    found = [f.at for f in factors if f.at]
    return tuple(found) if found and len(found) == len(factors) else ({},)


def _moment(result: Labelled, figures: Sequence[Figure]) -> dict[str, str]:
    """Return the end of the month in which a date lies, where what decides it is shown; else nothing."""
    if len(figures) != 1 or not figures[0].date or figures[0].date == "never":
        return {}
    after = [e for e in result.labels["edge"] if e > figures[0].date]
    return {"edge": after[0]} if after else {}


def _listed(result: Labelled, row: Variable, at: Mapping[str, str]) -> tuple[str, ...]:
    """Return the dims along which values are listed: those that can't be aggregated, and years."""
    time = tuple(d for d in ("edge", "month", "year") if d in at)
    dims = tuple(d for d in refused(result, row) if d not in at and d not in row.time)
    if row.reduction == "none" and "month" not in at:
        return (*dims, "month")
    return dims if time or not row.time else (*dims, "year")


def _figures(result: Labelled, row: Variable, value: Aggregate) -> Iterator[Figure]:
    known = None if row.unit == "index" else spread(result, row.name, value.dims, value.at)
    for place, labels in zip(
        np.ndindex(value.values.shape), itertools.product(*(value.labels[d] for d in value.dims)), strict=True
    ):
        number = float(value.values[place])
        at = dict(value.at) | dict(zip(value.dims, labels, strict=True))
        found = known.at(place) if known else None
        shown = _range(result, row, found) if found else ""
        yield Figure(at, number, _date(result, row, number), _label(result, row, number), found, shown)


def _range(result: Labelled, row: Variable, found: Span) -> str:
    if is_date(row):
        return range_text(found, lambda days: _date(result, row, days), "never", cell=True)
    return range_text(found, lambda value: _number(value, row.unit), cell=True)


def _date(result: Labelled, row: Variable, value: float) -> str:
    """Return the value of a quantity that is a date as ISO text, ``never`` where there is none; else nothing."""
    if not is_date(row):
        return ""
    day = result.day(value)
    return "never" if day is None else day.isoformat()


def _label(result: Labelled, row: Variable, value: float) -> str:
    """Return the limit that an index stands for, ``none`` where nothing waits; else nothing."""
    if row.unit != "index":
        return ""
    limits = result.labels[NAMED_BY[row.name]]
    return limits[int(value)] if 0 <= value < len(limits) else "none"


def lines_of(explanation: Explanation) -> dict[str, tuple[Figure, ...]]:
    """Return the figures line by line: those of a label along its dims but time, or of several that are equal.

    A label whose figures are all zero or don't exist has no line where another one has a figure, nor has a generation
    that never stands; a date that never comes has one.
    """
    lines: dict[tuple[str, ...], list[Figure]] = {}
    dims = [d for d in explanation.aggregate.dims if d not in ("year", "month")]
    for figure in explanation.figures:
        if figure.at.get("generation") in explanation.unused:
            continue
        lines.setdefault(tuple(figure.at[d] for d in dims), []).append(figure)
    some = {
        k: v for k, v in lines.items() if any(f.date or f.label or (math.isfinite(f.value) and f.value) for f in v)
    } or lines
    along = dims.index("scope") if "scope" in dims else len(dims) - 1  # the dim whose labels may share a line
    equal: dict[tuple[object, ...], list[tuple[str, ...]]] = {}
    for labels, figures in some.items():
        same = labels if figures[0].date else tuple(None if math.isnan(f.value) else f.value for f in figures)
        equal.setdefault((*labels[: max(along, 0)], "", *labels[along + 1 :], same), []).append(labels)
    return {_joined(same, along): tuple(some[same[0]]) for same in equal.values()}


def _joined(same: Sequence[Sequence[str]], along: int) -> str:
    """Return the names of labels whose figures are equal; those after the third are counted."""
    names = [labels[along] for labels in same if labels]
    shown = names[: SHOWN if len(names) > SHOWN + 1 else len(names)]
    whole = " = ".join(shown + [f"{len(names) - len(shown)} more"] * (len(names) > len(shown)))
    return ", ".join(whole if k == along else label for k, label in enumerate(same[0]))


def means(value: Aggregate) -> str:
    """Return what the values of a quantity are: over time, by what weighed, over what summed, where fixed."""
    found = [value.reduction] if value.reduction else []
    found += [f"weighted by {value.weighted_by}"] if value.weighted_by else []
    found += [f"summed over {', '.join(value.summed_over)}"] if value.summed_over else []
    found += [", ".join(f"{d} {label}" for d, label in value.at.items())] if value.at else []
    return "; ".join(found)


def in_brackets(explanation: Explanation) -> str:
    """Return what stands in brackets after each figure; nothing for a run of one member."""
    known = next((f.span for f in explanation.figures if f.span), None)
    if known is None:
        return ""
    return f"in brackets {RANGE} of {known.members:,} futures" if known.known else "ranges are of kept members only"


def values_text(explanation: Explanation) -> tuple[list[str], str]:
    """Return the values, years side by side and other dims line by line, and what they are."""
    unit, lines = explanation.variable.unit, lines_of(explanation)
    what = "; ".join(filter(None, (means(explanation.aggregate), in_brackets(explanation))))
    return [(f"{n}: " if n else "") + over_time(f, unit) for n, f in lines.items()], what


def over_time(figures: Sequence[Figure], unit: str) -> str:
    """Return the first, the middle and the last of some figures, with year or month where they have several."""
    shown = [figures[i] for i in sorted({0, len(figures) // 2, len(figures) - 1})]
    return ", ".join(_period(f, len(figures)) + f.text(unit) for f in shown)


def _period(figure: Figure, count: int) -> str:
    period = figure.at.get("month") or figure.at.get("year")
    return f"{period}: " if count > 1 and period else ""
