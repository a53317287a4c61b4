"""Values of the language as labelled arrays: aggregated from the result, reduced over time, and combined.

A claim is judged in each future by itself: of medians over several, parts and sums don't belong together. Arrays have
an axis of futures first, without a name, of length 1 where all futures have the same. What adds up over labels is
summed by the one :func:`aggregate`; here are only the reductions that a claim names itself: the largest, the least,
the first and the last value, and the sum or mean of a window that is no calendar year.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from gigaplan.claims.power import flops_per_gpu, gpus_per_mw, power_factor
from gigaplan.claims.source import AbsentError, CannotTellError, Source
from gigaplan.plan.claims.language import TIME, FactRef, GpusIn, Number, PeakOf, Read, Value
from gigaplan.results.aggregate import aggregate
from gigaplan.results.coordinates import groups, label_of
from gigaplan.vocabulary.errors import LackingQuantityError, nearest_name
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import HOURS
from gigaplan.vocabulary.units import factor, parse_date

ROUNDING = 1e-12
"""A difference below this share of what it is the difference of is none."""
HOURLY = {"day": 1 / HOURS, "h": 1.0, "s": 3600.0}
"""How often in an hour the time at the end of a rate's unit passes."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """An array whose dims have names, after an axis of futures."""

    dims: tuple[str, ...]
    values: Array


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds a value: bases, the dims that stay apart, whether time does, the window, and picked labels."""

    bases: Mapping[str, str] = field(default_factory=dict)
    system: str = ""
    kept: tuple[str, ...] = ()
    as_path: bool = False
    months: slice = field(default_factory=lambda: slice(None))
    picked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    zero: bool = False
    """Whether what the plan lacks counts as nothing."""


def evaluate(value: Value, source: Source, frame: Frame) -> Labelled:
    """Return a value; CannotTellError says why there is none."""
    made = _head(value, source, frame)
    for name, operand in value.operations:
        made = _combine(name, made, evaluate(operand, source, frame))
    return made


def _head(value: Value, source: Source, frame: Frame) -> Labelled:
    head = value.head
    if isinstance(head, Read):
        return _read(head, source, frame)
    if isinstance(head, Number):
        return Labelled((), np.array([head.value * ratio(head.unit, "MW")]))
    if isinstance(head, FactRef):
        return Labelled((), source.numbers(source.fact_of(head)))
    if isinstance(head, GpusIn):
        power = evaluate(head.power, source, replace(frame, bases={}))
        return _combine("times", power, Labelled((), gpus_per_mw(source, head.system, frame.bases)))
    if isinstance(head, PeakOf):
        return Labelled((), flops_per_gpu(source, head.system, frame.bases))
    raise CannotTellError(f"'{head.path}' is text, not a number")


@cache
def ratio(source: str, target: str) -> float:
    """Return what turns one unit into another, 1 where they are no units of one kind (counts, labels)."""
    if source == target or not source or not target:
        return 1.0
    try:
        return factor(source, target)
    except ValueError:
        return 1.0


def _read(read: Read, source: Source, frame: Frame) -> Labelled:
    """Return a result quantity at its labels, folded over its dims and reduced over time."""
    try:
        row = source.result.variable(read.quantity)
        dims, array = _folded_once(read, source, frame)
    except LackingQuantityError as error:
        raise CannotTellError(f"this result does not hold '{error.name}'") from None
    if row.dims[:1] == ("member",) and source.result.members(read.quantity) < source.futures:
        source.central_only.add(read.quantity)
    if row.unit == "MW":
        factor = power_factor(source, read.quantity, frame.bases, frame.system)
        array = array * factor.reshape(-1, *(1 for _ in dims))
    time = next((d for d in dims if d in TIME), "")
    if time and not frame.as_path:
        months = source.window(read.during) if read.during else frame.months
        array = _reduce(read.reduce, array, dims.index(time) + 1, time, months, source, row.kind, row.unit)
        dims = tuple(d for d in dims if d != time)
    return Labelled(dims, np.asarray(array))


def _folded_once(read: Read, source: Source, frame: Frame) -> tuple[tuple[str, ...], Array]:
    """Return a folded quantity; readings that differ in time, or in bases of power, share it."""
    token = frame.bases.get("token", "")
    key = (read.quantity, read.at, read.over, token, frame.kept, tuple(frame.picked.items()), frame.zero)
    if key not in source.folded:
        source.folded[key] = _folded(read, source, frame)
    return source.folded[key]


def _folded(read: Read, source: Source, frame: Frame) -> tuple[tuple[str, ...], Array]:
    """Return the dims and the values of a result quantity at its labels, folded over all dims but time and those kept.

    Sums are those of :func:`aggregate`; the largest or least along a dim is taken of what it gives along that dim.
    """
    result, over = source.result, dict(read.over)
    dims = [d for d in result.variable(read.quantity).dims if d != "member"]
    chosen = {d: labels_along(read, d, source, frame) for d in dims if d not in TIME}
    extremes = [d for d in chosen if d not in frame.kept and over.get(d, "sum") != "sum"]
    by = [d for d in dims if d in TIME or d in frame.kept or d in extremes]
    if all(names for d, names in chosen.items() if d not in by):
        which = "all" if source.futures > 1 else "central"
        array = aggregate(result, read.quantity, by, chosen, members=which).values
        array = array if which == "all" else array[None]
    else:  # a sum over none of the labels
        array = np.zeros([1, *(len(chosen[d]) if d in chosen else len(result.names(d)) for d in by)])
    for dim in extremes:
        array = _extreme(over[dim], array, by.index(dim) + 1)
        by.remove(dim)
    return tuple(by), array


def labels_along(read: Read, dim: str, source: Source, frame: Frame) -> tuple[str, ...]:
    """Return the labels that are read along a dim: those named, of those that the reading's conditions select."""
    at = dict(read.at)
    if "token" in frame.bases and dim == "token":
        at.setdefault(dim, (frame.bases[dim],))
    names = source.result.names(dim)
    if dim in at:
        named = {name for label in at[dim] for name in _named(source, dim, label, frame)}
        names = tuple(name for name in names if name in named)
    return tuple(name for name in names if dim not in frame.picked or name in frame.picked[dim])


def _named(source: Source, dim: str, text: str, frame: Frame) -> tuple[str, ...]:
    """Return the labels that a text names along a dim, as a report shows them too; none where that is wanted so."""
    if dim == "token" and text == "billed":
        raise CannotTellError("which tokens are charged for is not in a result")
    label, known = label_of(source.result, dim, text), groups(source.result, dim)
    if label in known:
        return known[label]
    if label in source.result.names(dim):
        return (label,)
    if frame.zero:
        return ()
    near = nearest_name(text, source.result.names(dim))
    raise AbsentError(f"the plan has no {dim} '{text}'" + (f" (nearest: '{near}')" if near else ""))


def _extreme(how: str, array: Array, axis: int) -> Array:
    """Return the largest or least along an axis; what is not defined counts only where nothing is."""
    if not array.shape[axis]:
        return np.full(array.sum(axis=axis).shape, np.nan)
    if np.isfinite(array).all():  # the plain functions take a fraction of the time
        return np.asarray((np.max if how == "max" else np.min)(array, axis=axis), dtype=float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing but nan along a dim stays nan
        return np.asarray((np.nanmax if how == "max" else np.nanmin)(array, axis=axis))


def _reduce(how: str, array: Array, axis: int, time: str, months: slice, source: Source, kind: str, unit: str) -> Array:
    """Return an array reduced over a window of time; stocks on edges take both ends of the window."""
    axis_of_time = source.result.axis
    first, last, _ = months.indices(axis_of_time.months)
    if how not in ("max", "min", "mean", "sum", "first", "last"):
        first = axis_of_time.month_of(parse_date(how))
        last, how = first + 1, "first"
        if not 0 <= first < axis_of_time.months:
            raise CannotTellError(f"{axis_of_time.edges[0]:%Y-%m} to {axis_of_time.edges[-1]:%Y-%m} is the horizon")
    places = _span(time, first, last, source)
    part = (array if axis == array.ndim - 1 else np.moveaxis(array, axis, -1))[..., places]
    if how in ("first", "last"):
        return np.asarray(part[..., 0 if how == "first" else -1])
    if how == "mean":
        weights = _hours(time, first, last, places, source)
        return np.asarray((part * weights).sum(axis=-1) / weights.sum())
    if how == "sum" and kind == "rate":
        weights = _hours(time, first, last, places, source)
        return np.asarray((part * weights).sum(axis=-1) * per_hour(unit)[1])
    return np.asarray(part.sum(axis=-1)) if how == "sum" else _extreme(how, part, part.ndim - 1)


def per_hour(unit: str) -> tuple[str, float]:
    """Return what a rate counts, and what turns the rate into so much an hour; a rate by nothing known is by hour."""
    amount, slash, time = unit.rpartition("/")
    if slash and time in HOURLY:
        return amount, HOURLY[time]
    return unit, 1.0


def _span(time: str, first: int, last: int, source: Source) -> slice:
    """Return the places along a dim of time of the months from ``first`` to before ``last``."""
    if time == "edge":
        return slice(first, last + 1)
    if time == "month":
        return slice(first, last)
    names = {label[:4] for label in source.result.axis.labels[first:last]}
    places = [i for i, year in enumerate(source.result.labels["year"]) if year in names]
    return slice(places[0], places[-1] + 1) if places else slice(0)


def _hours(time: str, first: int, last: int, places: slice, source: Source) -> Array:
    """Return the hours that each of some places along a dim of time stands for, within the months given."""
    axis = source.result.axis
    hours = axis.hours[first:last]
    if time == "month":
        return hours
    if time == "edge":
        return np.asarray((np.append(hours, 0.0) + np.append(0.0, hours)) / 2)
    names = [label[:4] for label in axis.labels[first:last]]
    years = source.result.labels["year"][places]
    return np.array([sum(h for h, n in zip(hours, names, strict=True) if n == year) for year in years])


def _combine(name: str, a: Labelled, b: Labelled) -> Labelled:
    """Return two values combined, their dims matched by name; stocks on edges become means of the intervals."""
    dims, left, right = paired(a, b)
    if name == "plus":
        return Labelled(dims, left + right)
    if name == "minus":
        rest = left - right  # two sums that should be equal are so to the last bits only
        return Labelled(dims, np.where(np.abs(rest) < ROUNDING * np.maximum(np.abs(left), np.abs(right)), 0.0, rest))
    if name == "times":
        return Labelled(dims, left * right)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Labelled(dims, np.where(right == 0, np.nan, left / right))


def paired(a: Labelled, b: Labelled) -> tuple[tuple[str, ...], Array, Array]:
    """Return the dims of two values together, and both as arrays that broadcast over them."""
    if "month" in (*a.dims, *b.dims):
        a, b = _by_month(a), _by_month(b)
    dims = tuple(dict.fromkeys((*a.dims, *b.dims)))
    return dims, _spread(a, dims), _spread(b, dims)


def _by_month(x: Labelled) -> Labelled:
    if "edge" not in x.dims:
        return x
    moved = np.moveaxis(x.values, x.dims.index("edge") + 1, -1)
    dims = tuple(d for d in x.dims if d != "edge")
    return Labelled((*dims, "month"), (moved[..., :-1] + moved[..., 1:]) / 2)


def _spread(x: Labelled, dims: tuple[str, ...]) -> Array:
    """Return values that broadcast over some dims, futures first."""
    if x.dims == dims:
        return x.values
    moved = np.transpose(x.values, [0, *(x.dims.index(d) + 1 for d in dims if d in x.dims)])
    sizes = iter(moved.shape[1:])
    return moved.reshape(len(moved), *(next(sizes) if d in x.dims else 1 for d in dims))
