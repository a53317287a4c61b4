"""The terms of a figure whose formula is a sum, difference, product or ratio of other quantities, each with its value.

A factor is aggregated as its own row of the variable table says. One that the others weigh (``averaged`` in the table)
is what the product of the cells leaves of them: the tokens of a mean request in tokens of a year.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gigaplan.fleet.inputs import existing_label
from gigaplan.results.aggregate import aggregate, aligned, refused
from gigaplan.results.coordinates import HORIZON, groups, names_along
from gigaplan.results.labelled import Labelled
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import HOURS as HOURS_PER_DAY
from gigaplan.vocabulary.variables import PERIOD_LENGTHS, Factor, Term, Variable, read_terms

EXISTING = existing_label("")
"""What the label of a site of the existing fleet begins with."""
DIM = re.compile(r"\{(\w+)\}")
"""A dim in an input's path."""
TIME = ("member", "edge", "month", "year", "day", "hour")
"""Dims along which factors meet in time, and the members, of which the central one is shown."""
OPPOSITE = "opposite"
"""As a label: the last for the first, and so on; the law with most parameters has the fewest tokens."""
UNITS = {"hours": "h", "days": "d"}


@dataclass(frozen=True, slots=True)
class FactorValue:
    """A factor of a term at the coordinates of a figure.

    Attributes
    ----------
    name : str
        A quantity, the length of the period, a constant or an input's path.
    at : mapping of str to str
        Labels that the formula fixes.
    value : float
        In ``unit``.
    divides : bool
        Whether the term is divided by it.
    over_time : str
        ``total`` for a running sum up to the date, ``mean`` for a mean of the month's two ends.
    averaged : bool
        Whether the other factors weighed it.
    """

    name: str
    at: Mapping[str, str]
    value: float
    unit: str
    divides: bool = False
    over_time: str = ""
    averaged: bool = False


@dataclass(frozen=True, slots=True)
class TermValue:
    """A term of a figure: ``sign`` times ``value`` adds up to it, and ``value`` is the product of the factors."""

    sign: int
    value: float
    factors: tuple[FactorValue, ...]


def term_values(result: Labelled, row: Variable, at: Mapping[str, str]) -> tuple[TermValue, ...]:
    """Return the terms of one figure.

    Parameters
    ----------
    result : Labelled
        A simulated plan.
    row : Variable
        The quantity.
    at : mapping of str to str
        The coordinates of the figure.

    Returns
    -------
    tuple of TermValue
        Their values, in the figure's unit; none where the formula has no terms, where the result lacks one of them, or
        where a factor can't be aggregated at these coordinates.
    """
    try:
        return tuple(value for term in read_terms(row.terms) for value in _terms(result, row, at, term))
    except (KeyError, PlanError):
        return ()


def _terms(result: Labelled, row: Variable, at: Mapping[str, str], term: Term) -> Iterator[TermValue]:
    """Yield a term; one for each label where a factor can't be added up along a dim (racks of several generations)."""
    parts = [result.variable(f.name) for f in term.factors if f.variable and not f.averaged]
    dim = next((d for part in parts for d in refused(result, part) if d in row.sum_over and d not in at), "")
    if not dim:
        yield _term(result, row, at, term)
        return
    found = [(label, _term(result, row, dict(at) | {dim: label}, term)) for label in names_along(result, dim)]
    some = [(label, value) for label, value in found if value.value] or found[:1]
    for label, value in some:
        factors = (replace(f, at=dict(f.at) | {dim: label}) for f in value.factors)
        yield replace(value, factors=tuple(factors))


def own_coordinates(result: Labelled, row: Variable, at: Mapping[str, str]) -> dict[str, str]:
    """Return those coordinates that a quantity has, a month's year and an edge's month standing in for finer time."""
    own = {d: label for d, label in at.items() if d in row.dims}
    if not row.time or any(d in own for d in ("edge", "month", "year")):
        return own
    month = at.get("month", "")
    if at.get("edge") in result.labels["edge"][1:]:
        month = result.labels["month"][result.labels["edge"].index(at["edge"]) - 1]
    year = month[:4] or at.get("year", "")
    if month and "year" not in row.dims:
        return own | {"month": month}
    return own | ({"year": year} if year else {})


def _term(result: Labelled, row: Variable, at: Mapping[str, str], term: Term) -> TermValue:
    """Return a term: the averaged factor is what the product of the cells leaves of the other factors' product."""
    found = [
        FactorValue(
            f.name, fixed_labels(result, f.at, at), np.nan, _unit(result, f), f.divides, f.over_time, f.averaged
        )
        for f in term.factors
    ]
    values = [1.0 if f.averaged else _value(result, row, at, f) for f in term.factors]
    product = float(np.prod([_power(v, f) for v, f in zip(values, term.factors, strict=True)]))
    whole = product
    if averaged := [i for i, f in enumerate(term.factors) if f.averaged]:
        whole = _aggregated(result, row, at, _cells(result, row, term.factors))
        values[averaged[0]] = whole / product if product else np.nan
    return TermValue(term.sign, whole, tuple(replace(f, value=float(v)) for f, v in zip(found, values, strict=True)))


def _power(value: float, factor: Factor) -> float:
    if not factor.divides:
        return value
    return 1 / value if value else np.nan


def _unit(result: Labelled, factor: Factor) -> str:
    if factor.variable:
        return result.variable(factor.name).unit
    return UNITS.get(factor.name, "")


def _value(result: Labelled, row: Variable, at: Mapping[str, str], factor: Factor) -> float:
    """Return a factor's value, aggregated as its own row says."""
    if factor.over_time:
        return _aggregated(result, row, at, _cells(result, row, (factor,)))
    if factor.variable:
        part = result.variable(factor.name)
        there = own_coordinates(result, part, at) | fixed_labels(result, factor.at, at)
        return float(aggregate(result, factor.name, at=there, members="central").values)
    if factor.name in PERIOD_LENGTHS:
        stated = own_coordinates(result, row, at)
        months = [i for i, m in enumerate(result.labels["month"]) if m.startswith(_period(stated))]
        return float(result.axis.hours[months].sum()) / (1 if factor.name == "hours" else HOURS_PER_DAY)
    return float(_input(result, factor.name)[0]) if "." in factor.name else float(factor.name)


def fixed_labels(result: Labelled, fixed: Mapping[str, str], at: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that a formula fixes, the opposite of a figure's own as the label that it is.

    Parameters
    ----------
    result : Labelled
        A simulated plan.
    fixed : mapping of str to str
        As the formula has them.
    at : mapping of str to str
        The coordinates of the figure; of a dim that isn't among them no label is opposite.
    """
    found = {}
    for dim, label in fixed.items():
        names = names_along(result, dim)
        if label != OPPOSITE:
            found[dim] = label
        elif at.get(dim) in names:
            found[dim] = names[len(names) - 1 - names.index(at[dim])]
    return found


def _period(at: Mapping[str, str]) -> str:
    year = at.get("year", "")
    return at.get("month", "" if year == HORIZON else year)


def _aggregated(result: Labelled, row: Variable, at: Mapping[str, str], cells: Array) -> float:
    """Return what cells in a quantity's dims are when they are aggregated as that quantity is."""
    stand_in = replace(result, arrays={**result.arrays, row.name: cells})
    return float(aggregate(stand_in, row.name, at=own_coordinates(result, row, at), members="central").values)


def _cells(result: Labelled, row: Variable, factors: Sequence[Factor]) -> Array:
    """Return the product of factors in each cell of a quantity, the member axis first where it has one.

    A dim of a path or of an averaged factor that the quantity hasn't got is summed over: speeds of generations in what
    all of them compute.
    """
    along = [d for f in factors for d in (DIM.findall(f.name) or _own_dims(result, f))]
    summed = tuple(dict.fromkeys(d for d in along if d not in row.dims))
    dims = (*row.dims, *summed)
    product: Array = np.ones((1, *(len(names_along(result, d)) for d in dims if d != "member")))
    for factor in factors:
        array = _array(result, replace(row, dims=dims), factor)
        product = product / array if factor.divides else product * array
    product = product.sum(axis=tuple(range(product.ndim - len(summed), product.ndim)))
    return product if row.dims[:1] == ("member",) else product[0]


def _own_dims(result: Labelled, factor: Factor) -> list[str]:
    """Return the dims of an averaged quantity but time, which the others weigh label by label."""
    if not (factor.averaged and factor.variable):
        return []
    return [d for d in result.variable(factor.name).dims if d not in TIME and d not in factor.at]


def _array(result: Labelled, row: Variable, factor: Factor) -> Array:
    """Return a factor's cells, with an axis of length 1 for each dim of the quantity that it hasn't got."""
    if factor.name in PERIOD_LENGTHS:
        length = result.axis.hours / (1 if factor.name == "hours" else HOURS_PER_DAY)
        return aligned(length[None], ("month",), row.dims)
    if not factor.variable:
        if "." not in factor.name:
            return np.asarray(float(factor.name))
        dims = DIM.findall(factor.name)
        return aligned(_input(result, factor.name)[None] if dims else _input(result, factor.name), dims, row.dims)
    part = result.variable(factor.name)
    array, dims = result.central(factor.name)[None], [d for d in part.dims if d != "member"]
    for dim, label in factor.at.items():
        if label == OPPOSITE:
            array = np.flip(array, axis=dims.index(dim) + 1)
            continue
        names = groups(result, dim).get(label, (label,))
        array = np.take(array, [result.index(dim, n) for n in names], axis=dims.index(dim) + 1)
    array, dims = _in_time_of(result, row, factor, array, dims)
    extra = [d for d in dims if d not in row.dims]
    array = array.sum(axis=tuple(dims.index(d) + 1 for d in extra))
    return aligned(array, [d for d in dims if d in row.dims], row.dims)


def _in_time_of(
    result: Labelled, row: Variable, factor: Factor, array: Array, dims: list[str]
) -> tuple[Array, list[str]]:
    """Return a factor's array on the time of the quantity: months of years, edges and months of each other."""
    if "year" in dims and "month" in row.dims:
        axis = dims.index("year") + 1
        return np.take(array, result.axis.year_of_month, axis=axis), [d.replace("year", "month") for d in dims]
    if factor.over_time == "total":
        axis = dims.index("month") + 1
        start = np.zeros_like(np.take(array, [0], axis=axis))
        return np.concatenate([start, np.cumsum(array, axis=axis)], axis=axis), [
            d.replace("month", "edge") for d in dims
        ]
    if factor.over_time == "mean":
        axis, last = dims.index("edge") + 1, array.shape[dims.index("edge") + 1] - 1
        first, second = (np.take(array, np.arange(last) + k, axis=axis) for k in (0, 1))
        return (first + second) / 2, [d.replace("edge", "month") for d in dims]
    return array, dims


def _input(result: Labelled, path: str) -> Array:
    """Return the central number at a path, or one for each label of the dim in it; KeyError if there is none."""
    dim = next(iter(DIM.findall(path)), "")
    found = []
    for label in result.labels[dim] if dim else ("",):
        place = EXISTING.strip() if label.startswith(EXISTING) else label  # one facility houses the existing fleet
        name = path.replace(f"{{{dim}}}", place)
        entry = next((e for e in result.ledger.under(name) if e.path == name), None)
        if entry is None:
            raise KeyError(name)
        try:
            found.append(float(entry.value))
        except ValueError:
            raise KeyError(name) from None
    return np.array(found)
