"""The variable table: every result quantity's name, dims, kind, unit, aggregation, meaning and lineage."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

DIMS = (
    "member",
    "month",
    "edge",
    "day",
    "hour",
    "workload",
    "generation",
    "site",
    "state",
    "limit",
    "link",
    "source",
    "component",
    "line",
    "flow",
    "party",
    "tranche",
    "customer",
    "token",
    "life",
    "region",
    "year",
    "instrument",
    "run",
    "milestone",
    "scope",
    "bound",
    "driver",
)
KINDS = ("rate", "amount", "level", "price", "share")
TIME = ("month", "edge", "year", "day", "hour")
"""Dims along which time passes."""
HOURS = "hours"
"""The weight of a price that is averaged over time alone: of a fixed basket, or of one more unit of capacity."""
OVER_TIME = ("", "end", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One result quantity.

    Attributes
    ----------
    dims : tuple of str
        Axes of its array, in order.
    kind : str
        Fixes how it is aggregated over time: an amount adds up; a rate or level is averaged by hours, and on edges
        taken at the period's end; a price is averaged over what it prices, a share over what it is a share of.
    sum_over : tuple of str
        Dims, besides time, over which it may be summed.
    weight_by : tuple of str
        What weighs it in an average: names of other quantities, multiplied. The first is a quantity that can be summed
        (an amount, or a rate or level times its hours). ``hours`` stands for time alone.
    over_time : str
        ``end`` where the value of an interval is that of its end, ``none`` where it can't be aggregated over time.
    formula : str
        How it is computed.
    inputs : tuple of str
        From what: names of other variables, or ``input:path`` for scenario inputs recorded in the ledger; in a path
        ``*`` stands for any name, and the table writes ``a|b`` for two last parts.
    terms : tuple of str
        What adds up to it, where its formula is a sum, difference, product or ratio of other variables; read by
        :func:`read_terms`.
    """

    name: str
    room: str
    dims: tuple[str, ...]
    kind: str
    unit: str
    sum_over: tuple[str, ...] = ()
    weight_by: tuple[str, ...] = ()
    over_time: str = ""
    meaning: str
    formula: str
    inputs: tuple[str, ...]
    terms: tuple[str, ...] = ()

    @property
    def time(self) -> tuple[str, ...]:
        """Return its dims of time."""
        return tuple(d for d in self.dims if d in TIME)

    @property
    def reduction(self) -> str:
        """Return how it is aggregated over time: ``sum``, ``mean``, ``end`` or ``none``."""
        if self.over_time:
            return self.over_time
        if "edge" in self.dims:
            return "end"
        return "sum" if self.kind == "amount" else "mean"


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor of a term of a formula.

    Attributes
    ----------
    name : str
        Another variable; ``hours`` or ``days`` of the period; a number; or the path of an input, in which a dim in
        braces stands for its labels, as ``fleet.generations.{generation}.gpus_per_rack``.
    divides : bool
        Whether the term is divided by it.
    averaged : bool
        Whether the others weigh it where several entries are aggregated: the tokens of a request in tokens of a year.
    over_time : str
        ``total`` for the running sum up to the edge, ``mean`` for the mean of a month's two ends; else nothing.
    at : mapping of str to str
        Labels that the formula fixes.
    """

    name: str
    divides: bool = False
    averaged: bool = False
    over_time: str = ""
    at: Mapping[str, str] = field(default_factory=dict)

    @property
    def variable(self) -> bool:
        """Return whether it is a variable of the table."""
        return "." not in self.name and self.name[0].isalpha() and self.name not in PERIOD_LENGTHS


@dataclass(frozen=True, slots=True)
class Term:
    """A product that is added to the other terms of a formula, or taken from them (``sign`` -1)."""

    sign: int
    factors: tuple[Factor, ...]


PERIOD_LENGTHS = ("hours", "days")
"""Factors that are the length of the period."""
FACTOR = re.compile(
    r"(?P<op>^|[*/])(?P<averaged>~?)(?:(?P<time>\w+):)?(?P<name>[\w.{}]+)(?:\[(?P<dim>\w+)=(?P<label>\w+)\])?"
)


def read_terms(terms: Sequence[str]) -> tuple[Term, ...]:
    """Return the terms of a formula as written in the table.

    Parameters
    ----------
    terms : sequence of str
        Such as ``-cost_usd[line=energy]``, ``it_power_drawn_mw*hours`` or
        ``requests_served_per_day*~tokens_per_request``.

    Returns
    -------
    tuple of Term
        Their signs and factors.
    """
    found = []
    for text in terms:
        factors = tuple(
            Factor(
                m["name"],
                m["op"] == "/",
                bool(m["averaged"]),
                m["time"] or "",
                {m["dim"]: m["label"]} if m["dim"] else {},
            )
            for m in FACTOR.finditer(text.lstrip("+-"))
        )
        found.append(Term(-1 if text.startswith("-") else 1, factors))
    return tuple(found)


@cache
def variables() -> dict[str, Variable]:
    """Return the variable table, by name, in the order of the journey.

    Raises
    ------
    ValueError
        If a row names an unknown dim, kind or input, or says how it is aggregated in a way that makes no sense.
    """
    text = (files("gigaplan.vocabulary") / "variables.csv").read_text(encoding="utf-8")
    return read_table(text)


def read_table(text: str) -> dict[str, Variable]:
    """Return the variable table written as CSV; ValueError lists all that is wrong with its rows."""
    table: dict[str, Variable] = {}
    for row in csv.DictReader(text.splitlines()):
        lists = {k: tuple((row.get(k) or "").split()) for k in ("dims", "sum_over", "weight_by", "inputs", "terms")}
        lists["inputs"] = tuple(one for item in lists["inputs"] for one in _alternatives(item))
        words = {k: row[k] for k in ("name", "room", "kind", "unit", "over_time", "meaning", "formula")}
        table[row["name"]] = Variable(**lists, **words)  # type: ignore[arg-type] # columns are text or lists of text
    if problems := [f"row '{v.name}' {p}" for v in table.values() for p in _problems(v, table)]:
        raise ValueError("variables.csv: " + "; ".join(problems))
    return table


def _alternatives(item: str) -> Iterator[str]:
    """Yield the inputs that an item of the table names: ``input:fleet.ladder.a|b`` is two."""
    head, dot, last = item.rpartition(".")
    yield from (head + dot + name for name in last.split("|"))


def _problems(v: Variable, table: Mapping[str, Variable]) -> Iterator[str]:
    """Yield what is wrong with a row."""
    if not all(d in DIMS for d in v.dims) or v.kind not in KINDS:
        yield "names an unknown dim or kind"
    if any(not i.startswith("input:") and i not in table for i in v.inputs):
        yield "names an unknown input"
    for factor in (f for term in read_terms(v.terms) for f in term.factors):
        if factor.variable and factor.name not in v.inputs:
            yield f"has the factor {factor.name}, which is not among its inputs"
    if v.over_time not in OVER_TIME:
        yield f"has over_time '{v.over_time}', allowed: end, none or nothing"
    if any(d not in v.dims or d in TIME for d in v.sum_over):
        yield "may be summed over a dim that it hasn't got"
    if v.kind in ("price", "share") and v.time and not v.weight_by:
        yield f"is a {v.kind} over time that nothing weighs"
    if v.kind == "amount" and v.weight_by:
        yield "is an amount: amounts are summed, not averaged"
    if v.weight_by and v.weight_by != (HOURS,):
        yield from _weight_problems(v, table)


def _weight_problems(v: Variable, table: Mapping[str, Variable]) -> Iterator[str]:
    """Yield what is wrong with the quantities that weigh another: each must exist and fit."""
    if unknown := [w for w in v.weight_by if w not in table]:
        yield f"is weighed by what is no quantity: {', '.join(unknown)}"
        return
    first, *others = (table[w] for w in v.weight_by)
    extra = [d for d in first.dims if d not in (*v.dims, *TIME, "member")]
    if first.kind not in ("amount", "rate", "level") or first.reduction == "end":
        yield f"is weighed by {first.name}, which can't be summed over time"
    if any(d not in first.sum_over for d in extra):
        yield f"is weighed by {first.name}, which can't be summed over {', '.join(extra)}"
    if any(d in first.dims for d in v.sum_over):
        yield f"is both summed and weighed over a dim of {first.name}"
    if "edge" in v.dims or first.time != ("month",):
        yield f"is weighed by {first.name}, which must stand by month as the weighed must not stand on edges"
    for other in others:
        if other.time != v.time or any(d not in v.dims for d in other.dims if d != "member"):
            yield f"is weighed by {other.name}, whose dims don't fit"
