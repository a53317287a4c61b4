"""Values of the language as labelled arrays: read from the result, folded, reduced over time, and combined."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from gigaplan.claims.power import flops_per_gpu, gpus_per_mw, power_factor
from gigaplan.claims.source import AbsentError, CannotTellError, Source
from gigaplan.demand.inputs import GENERATED, READ, TOKENS
from gigaplan.fleet.inputs import LADDER
from gigaplan.plan.claims.language import TIME, FactRef, GpusIn, Number, PeakOf, Read, Value
from gigaplan.plan.claims.quantities import BEYOND
from gigaplan.vocabulary.errors import nearest_name
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import HOURS
from gigaplan.vocabulary.units import factor, parse_date

TOKEN_GROUPS = {"generated": GENERATED, "processed": TOKENS, "read": READ}
FOLDS: Mapping[str, Callable[..., Array]] = {"sum": np.nansum, "max": np.nanmax, "min": np.nanmin}
PLAIN_FOLDS: Mapping[str, Callable[..., Array]] = {"sum": np.sum, "max": np.max, "min": np.min}
"""The same where every value is finite, in a fraction of the time."""
HOURLY = {"day": 1 / HOURS, "h": 1.0, "s": 3600.0}
"""How often in an hour the time at the end of a rate's unit passes."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """An array whose dims have names."""

    dims: tuple[str, ...]
    values: Array

    @property
    def number(self) -> float:
        """Return the one number of an array without dims."""
        return float(self.values)


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
        return Labelled((), np.asarray(head.value * ratio(head.unit, "MW")))
    if isinstance(head, FactRef):
        return Labelled((), np.asarray(source.fact_of(head).number))
    if isinstance(head, GpusIn):
        power = evaluate(head.power, source, replace(frame, bases={}))
        return Labelled(power.dims, power.values * gpus_per_mw(source, head.system, frame.bases))
    if isinstance(head, PeakOf):
        return Labelled((), np.asarray(flops_per_gpu(source, head.system, frame.bases)))
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
    if read.quantity not in source.result:
        raise CannotTellError(f"this result does not hold '{read.quantity}'")
    row = source.result.rows[read.quantity]
    dims, array = _folded_once(read, source, frame)
    if row.unit == "MW":
        array = array * power_factor(source, read.quantity, frame.bases, frame.system)
    time = next((d for d in dims if d in TIME), "")
    if time and not frame.as_path:
        months = source.window(read.during) if read.during else frame.months
        array = _reduce(read.reduce, array, dims.index(time), time, months, source, row.kind, row.unit)
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
    """Return the dims and the values of a result quantity at its labels, folded over all dims but time and those
    kept."""
    array = source.result.central(read.quantity)
    dims = [d for d in source.result.rows[read.quantity].dims if d != "member"]
    at, over = dict(read.at), dict(read.over)
    if "token" in frame.bases and "token" in dims and "token" not in at:
        at["token"] = (frame.bases["token"],)
    for dim in [d for d in dims if d not in TIME]:
        axis = dims.index(dim)
        array = np.take(array, _places(source, dim, at.get(dim), frame), axis=axis)
        if dim not in frame.kept:
            array = _fold(over.get(dim, "sum"), array, axis)
            dims.remove(dim)
    return tuple(dims), array


def _places(source: Source, dim: str, required: tuple[str, ...] | None, frame: Frame) -> list[int]:
    """Return the indices of the labels that are read along a dim."""
    labels = source.result.labels[dim]
    if required is None:
        places = list(range(len(labels)))
    else:
        places = [i for label in required for i in _label(source, dim, label, frame)]
    if dim in frame.picked:
        places = [i for i in places if labels[i] in frame.picked[dim]]
    return places


def _label(source: Source, dim: str, label: str, frame: Frame) -> list[int]:
    """Return the indices that a label, or a name for several, stands for."""
    result = source.result
    if dim == "site" and label in ("new", "existing"):
        return result.new_sites() if label == "new" else result.existing_sites()
    if dim == "token" and label in TOKEN_GROUPS:
        return [result.index(dim, name) for name in TOKEN_GROUPS[label]]
    if dim == "token" and label == "billed":
        raise CannotTellError("which tokens are charged for is not in a result")
    if label.endswith(BEYOND):
        first = LADDER.index(label.removesuffix(BEYOND))
        return [i for i, state in enumerate(result.labels[dim]) if LADDER.index(state) >= first]
    if label in result.labels[dim]:
        return [result.index(dim, label)]
    if frame.zero:
        return []
    near = nearest_name(label, result.labels[dim])
    raise AbsentError(f"the plan has no {dim} '{label}'" + (f" (nearest: '{near}')" if near else ""))


def _fold(how: str, array: Array, axis: int) -> Array:
    if not array.shape[axis]:
        empty = array.sum(axis=axis)
        return empty if how == "sum" else np.full_like(empty, np.nan, dtype=float)
    if np.isfinite(array).all():
        return np.asarray(PLAIN_FOLDS[how](array, axis=axis), dtype=float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing but nan along a dim stays nan
        folded = np.asarray(FOLDS[how](array, axis=axis))
    return np.where(np.isnan(array).all(axis=axis), np.nan, folded)


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
    return _fold(how, part, part.ndim - 1)


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
    if "month" in (*a.dims, *b.dims):
        a, b = _by_month(a), _by_month(b)
    dims = tuple(dict.fromkeys((*a.dims, *b.dims)))
    left, right = (_spread(x, dims) for x in (a, b))
    if name == "plus":
        return Labelled(dims, left + right)
    if name == "minus":
        return Labelled(dims, left - right)
    if name == "times":
        return Labelled(dims, left * right)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Labelled(dims, np.where(right == 0, np.nan, left / right))


def _by_month(x: Labelled) -> Labelled:
    if "edge" not in x.dims:
        return x
    axis = x.dims.index("edge")
    moved = np.moveaxis(x.values, axis, -1)
    dims = tuple(d for d in x.dims if d != "edge")
    return Labelled((*dims, "month"), (moved[..., :-1] + moved[..., 1:]) / 2)


def _spread(x: Labelled, dims: tuple[str, ...]) -> Array:
    """Return values that broadcast over some dims."""
    if x.dims in (dims, ()):
        return x.values
    order = [x.dims.index(d) for d in dims if d in x.dims]
    moved = np.transpose(x.values, order)
    return moved.reshape([moved.shape[[d for d in dims if d in x.dims].index(d)] if d in x.dims else 1 for d in dims])


def places_along(read: Read, dim: str, source: Source, frame: Frame) -> list[int]:
    """Return the indices of the labels along a dim that a reading keeps apart."""
    return _places(source, dim, dict(read.at).get(dim), frame)
