"""What may be read of a result quantity: its labels, how it is folded over a dim and reduced over time."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection

from gigaplan.catalog import Catalog
from gigaplan.demand.inputs import TOKENS
from gigaplan.fleet.inputs import BEYOND, LADDER
from gigaplan.plan.claims.language import FOLDS, REDUCTIONS, TIME, Read
from gigaplan.plan.claims.problems import Path, Problems
from gigaplan.vocabulary.labels import meant, plain
from gigaplan.vocabulary.units import parse_date, parse_period
from gigaplan.vocabulary.variables import Variable, variables

BOTH_ENDS = 2
GROUPS = {"site": ("announced", "new", "existing"), "token": ("generated", "processed", "read")}
"""Names for several labels at once."""
NAMED = ("state", "token")
"""Dims whose entries are summed where a claim names them: states of the ladder exclude each other, and a basis of
tokens says which of them it means."""


def dims_of(quantity: str) -> tuple[str, ...]:
    """Return a quantity's dims, members left out; none of an unknown quantity."""
    row = variables().get(quantity)
    return tuple(d for d in row.dims if d != "member") if row else ()


def time_dim(quantity: str) -> str:
    """Return the dim along which a quantity runs in time, empty if it does not."""
    return next((d for d in dims_of(quantity) if d in TIME), "")


def check_labels(read: Read, path: Path, found: Problems, facts: Catalog) -> None:
    """Note dims that the quantity hasn't got, and labels that no plan can have."""
    dims = [d for d in dims_of(read.quantity) if d not in TIME]
    for field, pairs in (("at", read.at), ("over", read.over)):
        for dim, given in pairs:
            where = (*path, field, dim)
            if dim in TIME and field == "at":
                remedy = f"remove it, and write 'during: {' to '.join(dict.fromkeys((given[0], given[-1])))}'"
                found.add("time is not given with 'at'", where, key=True, value=dim, allowed="during", remedy=remedy)
                continue
            if not found.known(f"'{read.quantity}' has no such dim", dim, dims, where, key=True):
                continue
            if field == "at":
                for label in given:
                    _label(dim, label, where, found, facts)
            elif found.known("no such way to fold a dim", given, FOLDS, where) and given == "sum":
                _check_sum(variables()[read.quantity], dim, where, found)


def _label(dim: str, label: str, path: Path, found: Problems, facts: Catalog) -> None:
    """Note a label that no plan can have; names of a plan's own (workloads, sites) are known once it has run."""
    closed = {
        "state": [*LADDER, *(state + BEYOND for state in LADDER)],
        "token": [*TOKENS, *GROUPS["token"]],
        "generation": facts.entities("rack_power_kw"),
    }
    if dim in closed and meant(label, closed[dim]) not in closed[dim]:
        found.known(f"no such {dim}", label, closed[dim], path)


def _check_sum(row: Variable, dim: str, path: Path, found: Problems) -> None:
    if row.kind in ("price", "share"):
        remedy = "fold it by max or min, name one label with 'at', or divide what is paid by what it pays for"
        found.add(f"a {row.kind} cannot be summed over {dim}", path, value=row.name, allowed="max, min", remedy=remedy)
    elif dim not in row.sum_over:
        remedy = f"fold it by max or min, or name one {dim} with 'at'"
        found.add(
            f"entries along {dim} are no parts of a whole", path, value=row.name, allowed="max, min", remedy=remedy
        )


def check_folds(read: Read, kept: Collection[str], path: Path, found: Problems) -> None:
    """Note a dim that is left without a word where it cannot simply be summed."""
    row = variables()[read.quantity]
    named = {d for d, _ in read.over} | {d for d, labels in read.at if d in NAMED or not _several(d, labels)}
    for dim in dims_of(read.quantity):
        if dim not in TIME and dim not in kept and dim not in named:
            _check_sum(row, dim, (*path, "quantity"), found)


def _several(dim: str, labels: tuple[str, ...]) -> bool:
    return len(labels) > 1 or plain(labels[0]) in GROUPS.get(dim, ())


def check_reduction(read: Read, as_path: bool, path: Path, found: Problems) -> None:
    """Note a reduction that is missing, needless or impossible."""
    row, along = variables()[read.quantity], time_dim(read.quantity)
    where = (*path, "reduce")
    if not along or as_path:
        if read.reduce:
            why = "is one number" if not along else "is taken at every moment here"
            found.add(f"'{row.name}' {why}, so it is not reduced", where, value=read.reduce, remedy="remove 'reduce'")
        return
    if not read.reduce:
        remedy = f"add 'reduce: ...': {', '.join(REDUCTIONS)}, or a date"
        found.missing("reduce", path, remedy)
    elif read.reduce in REDUCTIONS:
        _check_time(row, read.reduce, where, found)
    else:
        try:
            parse_date(read.reduce)
        except ValueError:
            found.known("no such reduction over time (and not a date)", read.reduce, REDUCTIONS, where)


def _check_time(row: Variable, reduce: str, path: Path, found: Problems) -> None:
    """Note a sum or a mean over time that means nothing for this kind of quantity."""
    alone = row.over_time in ("end", "none")  # each moment's value stands for itself
    if reduce == "sum" and (row.kind not in ("amount", "rate") or alone):
        remedy = "take its max, min, first or last"
        found.add(f"a {row.kind} is not summed over time", path, value=row.name, allowed="max, min", remedy=remedy)
    if reduce == "mean" and (row.kind in ("price", "share") or alone):
        remedy = "divide what is paid by what it pays for (the part by the whole) with 'divided_by'"
        found.add(f"a {row.kind} has no plain mean over time", path, value=row.name, allowed="max, min", remedy=remedy)


def check_window(text: str, path: Path, found: Problems) -> None:
    """Note a window of time that is none: 'first year', 'last year', a period, 'from', 'to' or 'A to B'."""
    if text in ("", "first year", "last year"):
        return
    parts = [part.strip() for part in re.split(r"\bto\b|\bfrom\b", text) if part.strip()]
    for part in parts:
        found.period(part, path)
    with contextlib.suppress(ValueError):
        days = [parse_period(part) for part in parts]
        if len(days) == BOTH_ENDS and days[1][1] < days[0][0]:
            found.add("a window that ends before it begins", path, value=text, remedy="put the earlier date first")
