"""Aggregation: one function sums and averages every quantity of a result, as the row that is kept with it says.

An amount adds up over time. A rate or level is averaged by hours; where it stands on edges, the value at the period's
end is taken. A price or share is averaged with the weight that its row names, so that a year's price times a year's
tokens is the year's cost. Over other dims a quantity is summed where its row allows it, averaged where its weight has
the dim, and refused otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gigaplan.results.coordinates import (
    HORIZON,
    PERIODS,
    dim_of,
    groups,
    label_of,
    names_along,
    unknown_coordinates,
    years,
)
from gigaplan.results.labelled import Labelled
from gigaplan.results.quantiles import figure_of, is_date
from gigaplan.vocabulary.errors import LackingQuantityError, Place, PlanError, Problem, allowed_names
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.show import FEW, Brief, BriefRows, with_unit
from gigaplan.vocabulary.variables import DIMS, HOURS, TIME, Variable

Places = NDArray[np.int64]
MEMBERS = ("median", "central", "all")
MONTHS = 12
MOST_CELLS = 4096
"""Answers whose cells are remembered; some hundreds are asked for of one kind of plan."""
STATED = ("token", "state")
"""Dims whose entries are summed where a group or several of them are named: a basis of tokens says which tokens it
counts, and a megawatt is in one state of the ladder."""
Coordinates = Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Aggregate(Brief):
    """A quantity of a result, aggregated: what it is, its labels and values.

    Attributes
    ----------
    dims : tuple of str
        Axes of ``values``, in the order requested; ``member`` first where all members were asked for.
    labels : mapping of str to tuple of str
        Names along each of them.
    reduction : str
        What a value is over time: ``sum over the year``, ``mean of the year``, ``year end``; empty without time.
    weighted_by : str
        What weighed an average, empty where nothing did.
    summed_over : tuple of str
        Dims, besides time, over which was summed.
    at : mapping of str to str
        The coordinates that were fixed.
    """

    name: str
    unit: str
    dims: tuple[str, ...]
    labels: Mapping[str, tuple[str, ...]]
    values: Array
    reduction: str
    weighted_by: str = ""
    summed_over: tuple[str, ...] = ()
    at: Mapping[str, str] = field(default_factory=dict)

    def brief_title(self) -> str:
        """Return the quantity with its unit."""
        return f"{self.name} [{self.unit}]"

    def brief_rows(self) -> BriefRows:
        """Return what a value is, and the values by label, or their range where they are many."""
        yield "is", self.reduction
        yield "weighted by", self.weighted_by
        yield "summed over", ", ".join(self.summed_over)
        yield "at", ", ".join(f"{dim}={label}" for dim, label in self.at.items())
        if self.values.size <= FEW:
            for place, value in np.ndenumerate(self.values):
                label = ", ".join(
                    self.labels[dim][k] for dim, k in zip(self.dims, place, strict=True) if dim in self.labels
                )
                yield label or "value", with_unit(float(value), self.unit)
        else:
            yield "by", ", ".join(self.dims)
            finite = self.values[np.isfinite(self.values)]
            if finite.size:
                yield (
                    "values",
                    f"{self.values.size:,}, from {with_unit(finite.min(), '')} to {with_unit(finite.max(), self.unit)}",
                )


def aggregate(
    result: Labelled,
    name: str,
    by: Sequence[str] = (),
    at: Coordinates | None = None,
    members: str = "median",
) -> Aggregate:
    """Return a quantity by some dims, aggregated over all others by the rule of its row in the variable table.

    Parameters
    ----------
    result : Labelled
        A simulated plan.
    name : str
        A quantity of the variable table.
    by : sequence of str
        Dims to keep, in this order: any of the quantity's own, and ``year`` or ``month`` in place of a finer time.
    at : mapping of str to str or tuple of str
        Labels to fix, as ``{"workload": "chat", "year": "2031"}``; also groups: ``token`` is ``generated``,
        ``processed`` or ``read``, ``site`` is ``announced`` or ``existing``, ``state`` is ``accepted or beyond``,
        ``year`` is ``horizon`` for all years together. A tuple has several labels of a dim.
    members : str
        ``median`` for the figure that stands for all members: their median, the central one's where a run has fewer
        than ten; ``central`` for the central one; ``all`` for every member (their axis comes first).

    Returns
    -------
    Aggregate
        Values of shape ``by`` in the quantity's unit. An average over nothing is nan.

    Raises
    ------
    PlanError
        With every unknown name, and every dim over which the quantity can't be aggregated, at once.
    LackingQuantityError
        If the result, saved by another version, lacks the quantity or one that weighs it in the average.
    """
    variable = result.variable(name)
    name, by = variable.name, [dim_of(dim, DIMS) for dim in by]
    if members not in MEMBERS:
        remedy = "give median, central or all"
        raise PlanError([Problem("members", Place(name), value=members, allowed=", ".join(MEMBERS), remedy=remedy)])
    fixed = {dim_of(k, DIMS): v if isinstance(v, tuple) else str(v) for k, v in (at or {}).items()}
    cells = _cells(result, variable, tuple(by), fixed)
    which = "central" if members == "median" and variable.unit == "index" else members
    values = _taken(_array(result, name, which), cells)
    averaged = variable.reduction == "mean" and cells.averages(variable)
    weight = _weight(result, variable, cells, values, which) if averaged else None
    if weight is not None:
        weight = _spread(weight, values, variable, cells)
    out = _ordered(_reduced(values, weight, cells, variable), cells, variable, by)
    labels = {d: cells.labels[d] for d in by}
    if members == "all":
        labels = {"member": result.names("member")[: len(out)]} | labels
    return Aggregate(
        name=name,
        unit=variable.unit,
        dims=tuple(labels),
        labels=labels,
        values=out if members == "all" else figure_of(result, out, date=is_date(variable)),
        reduction=_statement(result, variable, by, fixed),
        weighted_by="" if weight is None or variable.weight_by == (HOURS,) else " x ".join(variable.weight_by),
        summed_over=tuple(d for d in cells.reduced if d in variable.sum_over or d in STATED),
        at={k: v if isinstance(v, str) else ", ".join(v) for k, v in fixed.items()},
    )


def refused(result: Labelled, variable: Variable) -> tuple[str, ...]:
    """Return the dims over which a quantity can be neither summed nor averaged."""
    found = [d for d in variable.dims if d != "member" and not _can_reduce(result, variable, d)]
    return tuple(found)


def _can_reduce(result: Labelled, variable: Variable, dim: str) -> bool:
    if dim in TIME:
        return variable.reduction != "none"
    if not variable.weight_by or variable.weight_by == (HOURS,):
        return dim in variable.sum_over
    weight = result.rows.get(variable.weight_by[0])
    return dim in variable.sum_over or weight is None or dim in weight.dims


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """Which entries of an array make up each value of the answer."""

    places: tuple[Places, ...]
    """Entries taken along each dim of the quantity, the member axis apart."""
    base: str
    """The dim whose entries are collected into periods: month, edge or year; empty without time."""
    buckets: tuple[Places, ...]
    """Positions, among the entries taken, of each period."""
    period: str
    """What the periods are called in the answer: year, month or edge; empty where all is one."""
    labels: Mapping[str, tuple[str, ...]]
    kept: tuple[str, ...]
    """Dims of the answer, the periods apart."""
    reduced: tuple[str, ...]
    """Dims over several entries of which is summed or averaged, time's base apart."""

    def averages(self, variable: Variable) -> bool:
        """Return whether some value of the answer is an average, not one entry or a sum of entries."""
        summed = (*variable.sum_over, *STATED)
        return any(d not in summed for d in self.reduced) or any(len(b) > 1 for b in self.buckets)


_cells_of: dict[Hashable, _Cells] = {}


def _cells(result: Labelled, variable: Variable, by: tuple[str, ...], at: Coordinates) -> _Cells:
    """Return the cells of an answer; PlanError lists every unknown name and every dim that can't be aggregated.

    They follow from labels alone, which the same plan with another number has again: a page asks a hundred times for
    the same ones.
    """
    weights = [result.rows[w].dims for w in variable.weight_by[:1] if w in result.rows]
    row = (variable.name, variable.dims, variable.kind, variable.sum_over, variable.weight_by, variable.over_time)
    key = (result.frame, row, *weights, by, tuple(at.items()))
    cells = _cells_of.get(key)
    if cells is None:
        cells = _new_cells(result, variable, by, at)
        if len(_cells_of) >= MOST_CELLS:
            _cells_of.clear()
        _cells_of[key] = cells
    return cells


def _new_cells(result: Labelled, variable: Variable, by: tuple[str, ...], at: Coordinates) -> _Cells:
    """Return the cells of an answer that nobody asked for before."""
    dims = [d for d in variable.dims if d != "member"]
    base = next((d for d in PERIODS if d in dims), "")
    finer = [d for d in ("year", "month") if base and d != base and not (base == "year" and d == "month")]
    problems = list(unknown_coordinates(result, variable, by, at, (*dims, *finer)))
    if problems:
        raise PlanError(problems)
    at = {dim: _meant(result, dim, label) for dim, label in at.items()}
    places = {d: _chosen(result, d, at.get(d, "")) for d in dims if d != base}
    period = next((d for d in by if d in PERIODS), "")
    time, buckets, names = _buckets(result, base, period, at)
    reduced = tuple(d for d in places if d not in by and len(places[d]) != 1)
    problems = [*_not_aggregable(result, variable, reduced, at)]
    if not all(len(b) for b in buckets):
        remedy = "fix one of year, month and edge"
        problems.append(
            Problem("has no value at these coordinates", Place(variable.name), value=str(dict(at)), remedy=remedy)
        )
    if base and variable.reduction == "none" and any(len(b) > 1 for b in buckets):
        problems.append(_refusal(result, variable, base))
    if problems:
        raise PlanError(problems)
    labels = {d: tuple(names_along(result, d)[int(i)] for i in p) for d, p in places.items()}
    return _Cells(
        places=tuple(time if d == base else places[d] for d in dims),
        base=base,
        buckets=buckets,
        period=period,
        labels=labels | {period: names},
        kept=tuple(d for d in places if d in by),
        reduced=reduced,
    )


def _meant(result: Labelled, dim: str, label: str | tuple[str, ...]) -> str | tuple[str, ...]:
    return label_of(result, dim, label) if isinstance(label, str) else tuple(label_of(result, dim, n) for n in label)


def _not_aggregable(result: Labelled, variable: Variable, reduced: Sequence[str], at: Coordinates) -> Iterator[Problem]:
    for dim in reduced:
        stated = dim in STATED and dim in at
        if not (_can_reduce(result, variable, dim) or stated):
            yield _refusal(result, variable, dim)


def _refusal(result: Labelled, variable: Variable, dim: str) -> Problem:
    known = [*names_along(result, dim), *groups(result, dim)]
    middle = "central" if "central" in known else next(iter(groups(result, dim)), known[0] if known else "")
    how = f"fix one with at={{'{dim}': '{middle}'}}, or list them with by={dim}"
    verb = "averaged" if variable.kind in ("price", "share") or variable.weight_by else "summed"
    message = f"{variable.name} can't be {verb} over {dim}; {how}; allowed: {allowed_names(known)}"
    return Problem(message, Place("aggregate"), value=dim, allowed=allowed_names(known), remedy=how)


def _chosen(result: Labelled, dim: str, label: str | tuple[str, ...]) -> Places:
    """Return the places along a dim: all, those of a group, that of one label, or those of several."""
    names = names_along(result, dim)
    if label == "":
        return np.arange(len(names))
    given = (label,) if isinstance(label, str) else label
    requested = {name for one in given for name in groups(result, dim).get(one, (one,))}
    return np.array([i for i, n in enumerate(names) if n in requested], dtype=np.int64)


def _buckets(
    result: Labelled, base: str, period: str, at: Coordinates
) -> tuple[Places, tuple[Places, ...], tuple[str, ...]]:
    """Return the entries along the base of time, their positions in each period, and the periods' names."""
    if not base:
        return np.array([0], dtype=np.int64), (np.array([0], dtype=np.int64),), ("",)
    labels = {dim: tuple(result.labels[dim]) for dim in ("month", "edge") if dim in result.labels}
    labels["year"] = tuple(years(result))
    fixed = tuple((dim, label) for dim, label in at.items() if dim in labels and label != HORIZON)
    return _periods(tuple(labels.items()), base, period, fixed)


@lru_cache(maxsize=1024)
def _periods(
    labels: tuple[tuple[str, tuple[str, ...]], ...],
    base: str,
    period: str,
    fixed: tuple[tuple[str, str | tuple[str, ...]], ...],
) -> tuple[Places, tuple[Places, ...], tuple[str, ...]]:
    """Return the same for the labels of time; a run asks some hundred times for a dozen of them."""
    named = dict(labels)
    months = np.array(named["month"])
    if base == "month":
        names = {"month": months, "year": np.array([m[:4] for m in months])}
    elif base == "edge":  # an edge closes the month before it; the first closes nothing
        closed = np.array(["", *months])
        names = {"edge": np.array(named["edge"]), "month": closed, "year": np.array([m[:4] for m in closed])}
    else:
        names = {"year": np.array(named["year"])}
    keep = np.ones(len(names[base]), dtype=bool)
    for dim, label in fixed:
        if dim in names:
            keep &= np.isin(names[dim], label)
    if period:
        keep &= names[period] != ""
    places = np.flatnonzero(keep)
    if not period:
        return places, (np.arange(len(places)),), ("",)
    along = names[period][places]
    found = tuple(dict.fromkeys(str(n) for n in along))
    return places, tuple(np.flatnonzero(along == n) for n in found), found


def _array(result: Labelled, name: str, members: str) -> Array:
    """Return a quantity's array with the member axis first, of length 1 where nothing varies."""
    array = result[name]
    if result.variable(name).dims[:1] != ("member",):
        return array[None]
    return array[:1] if members == "central" else array


def _taken(array: Array, cells: _Cells) -> Array:
    """Return the entries that the cells name; an axis of length 1 is left as it is."""
    for axis, places in enumerate(cells.places, start=1):
        size = array.shape[axis]
        whole = len(places) == size and bool((places == np.arange(size)).all())
        if not whole and not (size == 1 and len(places)):
            array = np.take(array, places, axis=axis)
    return array


def _weight(result: Labelled, variable: Variable, cells: _Cells, values: Array, members: str) -> Array:
    """Return what weighs each entry, broadcastable to ``values``: hours, or the quantities that the row names."""
    if not variable.weight_by or variable.weight_by == (HOURS,):
        hours = _taken(_hours(result, variable), cells)
        there = np.isfinite(values) if variable.weight_by else np.ones(1, dtype=bool)
        return np.asarray(np.where(there, hours, 0.0))
    if missing := [w for w in variable.weight_by if w not in result]:
        raise LackingQuantityError(missing[0], result.arrays, f"{variable.name} is averaged by {missing[0]}")
    weight = _measure(result, variable, members)
    for other in variable.weight_by[1:]:
        weight = weight * aligned(_array(result, other, members), result.variable(other).dims, variable.dims)
    return _taken(np.asarray(weight), cells)


def _spread(weight: Array, values: Array, variable: Variable, cells: _Cells) -> Array:
    """Return a weight with an entry for each value along the dims that are averaged; those that are summed count once.

    A quantity that is held for the central member alone is weighed by that member.
    """
    if variable.dims[:1] == ("member",) and len(values) == 1:
        weight = weight[:1]
    dims = [d for d in variable.dims if d != "member"]
    shape = list(weight.shape)
    for axis, dim in enumerate(dims, start=1):
        if dim in cells.reduced and dim not in (*variable.sum_over, *STATED):
            shape[axis] = values.shape[axis]
    return np.broadcast_to(weight, shape)


def _hours(result: Labelled, variable: Variable) -> Array:
    """Return the hours that each entry stands for, in the quantity's dims."""
    axis = result.axis
    if "day" in variable.dims:
        return aligned(axis.day_counts[None], ("month", "day"), variable.dims)
    if "year" in variable.dims:
        return aligned(_by_year(result, axis.hours)[None], ("year",), variable.dims)
    if "month" in variable.dims:
        return aligned(axis.hours[None], ("month",), variable.dims)
    return np.ones((1,) * (1 + len([d for d in variable.dims if d != "member"])))


def _measure(result: Labelled, variable: Variable, members: str) -> Array:
    """Return the amount of the first weighing quantity that belongs to each entry of another quantity."""
    first = result.variable(variable.weight_by[0])
    amount = _array(result, first.name, members)
    dims = [d for d in first.dims if d != "member"]
    if first.kind != "amount":
        amount = amount * result.axis.hours
    extra = tuple(i for i, d in enumerate(dims, start=1) if d not in variable.dims and d != "month")
    amount = amount.sum(axis=extra)
    dims = [d for d in dims if d in variable.dims or d == "month"]
    if "year" in variable.dims:
        return aligned(_by_year(result, amount), [*dims[:-1], "year"], variable.dims)
    if "month" not in variable.dims:
        return aligned(amount.sum(axis=-1), dims[:-1], variable.dims)
    spread = aligned(amount, dims, variable.dims)
    if "day" in variable.dims:  # evenly over the month's hours
        axis = result.axis
        spread = spread * aligned((axis.day_counts / axis.hours[:, None])[None], ("month", "day"), variable.dims)
    return spread


def _by_year(result: Labelled, monthly: Array) -> Array:
    """Return monthly amounts (last axis) added up by calendar year."""
    of_month = np.array([m[:4] for m in result.labels["month"]])
    return np.stack([monthly[..., of_month == y].sum(axis=-1) for y in years(result)], axis=-1)


def aligned(array: Array, dims: Sequence[str], target: Sequence[str]) -> Array:
    """Return an array with the member axis first, and an axis of length 1 for each dim that it lacks."""
    own = [d for d in dims if d != "member"]
    requested = [d for d in target if d != "member"]
    ordered = np.moveaxis(array, [own.index(d) + 1 for d in requested if d in own], range(1, len(own) + 1))
    sizes = iter(ordered.shape[1:])
    return ordered.reshape(ordered.shape[0], *(next(sizes) if d in own else 1 for d in requested))


def _reduced(values: Array, weight: Array | None, cells: _Cells, variable: Variable) -> Array:
    """Return the values of each period and kept dim, all others being summed or averaged away.

    Weights have an axis of length 1 along the dims that are summed, so that they count once in the average.
    """
    dims = [d for d in variable.dims if d != "member"]
    reduced = tuple(i for i, d in enumerate(dims, start=1) if d != cells.base and d not in cells.kept)
    time = dims.index(cells.base) + 1 if cells.base else 0
    if variable.reduction == "end" and cells.base:
        ends = np.array([b[-1] for b in cells.buckets], dtype=np.int64)
        return np.asarray(np.take(values, ends, axis=time).sum(axis=reduced))
    if weight is None:
        return np.asarray(_by_period(values, cells, time).sum(axis=reduced))
    above = _by_period(np.where(weight > 0, values * weight, 0.0), cells, time).sum(axis=reduced)
    below = _by_period(weight, cells, time).sum(axis=reduced)
    mean: Array = np.full(np.broadcast_shapes(below.shape, above.shape), np.nan)
    return np.asarray(np.divide(above, below, out=mean, where=np.broadcast_to(below > 0, mean.shape)))


def _by_period(array: Array, cells: _Cells, axis: int) -> Array:
    """Return an array whose entries along time are added up within each period."""
    if not cells.base or all(len(b) == 1 for b in cells.buckets):
        return array
    return np.stack([np.take(array, b, axis=axis).sum(axis=axis) for b in cells.buckets], axis=axis)


def _ordered(reduced: Array, cells: _Cells, variable: Variable, by: Sequence[str]) -> Array:
    """Return reduced values with the member axis first and then the dims requested, in their order."""
    have = [d for d in variable.dims if d == cells.base or d in cells.kept]
    if cells.base and not cells.period:
        reduced = np.take(reduced, np.int64(0), axis=have.index(cells.base) + 1)
        have.remove(cells.base)
    sources = [have.index(cells.base if d == cells.period else d) + 1 for d in by]
    return np.moveaxis(reduced, sources, range(1, len(by) + 1))


def _statement(result: Labelled, variable: Variable, by: Sequence[str], at: Coordinates) -> str:
    """Return what a value is over time; years that the horizon cuts short are named."""
    if not variable.time:
        return ""
    stated = (*by, *(d for d, label in at.items() if label != HORIZON))
    period = next((p for p in ("edge", "month", "year") if p in stated), "horizon")
    if period == "edge":
        return "on the day"
    what = {"sum": f"sum over the {period}", "end": f"{period} end"}.get(variable.reduction, f"mean of the {period}")
    cut = _cut_years(result, at) if period == "year" else ""
    return f"{what} ({cut})" if cut else what


def _cut_years(result: Labelled, at: Coordinates) -> str:
    """Return the years of which the horizon has a part only, with their months."""
    months = Counter(m[:4] for m in result.labels["month"])
    cut = {y: n for y, n in months.items() if n < MONTHS and at.get("year", y) in (y, HORIZON)}
    return ", ".join(f"{year}: {n} month{'s' * (n != 1)}" for year, n in cut.items())
