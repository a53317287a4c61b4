"""Bounds and units: whether a figure keeps its bound, and in which unit it is shown."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.claims.measure import Frame, Labelled, evaluate, paired, per_hour, ratio
from gigaplan.claims.source import CannotTellError, Source
from gigaplan.plan.claims.bounds import is_date
from gigaplan.plan.claims.language import (
    ALL,
    Bound,
    Condition,
    FactRef,
    GpusIn,
    Number,
    Read,
    Reading,
    Value,
)
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.units import parse_period

MAGNITUDES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
SLACK = 1e-9
"""Share by which a sum of many numbers may miss a level that it reaches."""
_WORD = re.compile(rf"({'|'.join(MAGNITUDES)})\s+(.+)")
NEVER = "never"


@dataclass(frozen=True, slots=True)
class Scale:
    """The unit of a value as it is computed, the unit in which it is shown, and what turns one into the other."""

    own: str
    shown: str
    size: float


def scale_of(reading: Reading, source: Source) -> Scale:
    """Return the units of a reading's figures."""
    own = (
        "" if reading.over_time or (reading.along and reading.along.kind == "count") else unit_of(reading.value, source)
    )
    shown = reading.unit or own
    match = _WORD.fullmatch(shown)
    size, base = (MAGNITUDES[match[1]], match[2]) if match else (1.0, shown)
    return Scale(own, shown, ratio(own, base) / size)


def unit_of(value: Value, source: Source) -> str:
    """Return the unit of a value, empty for what is multiplied or divided."""
    if any(name in ("times", "divided_by") for name, _ in value.operations):
        return ""
    head = value.head
    if isinstance(head, Read):
        return _unit_read(head, source)
    if isinstance(head, FactRef):
        return source.fact_of(head).unit
    return "GPUs" if isinstance(head, GpusIn) else ""


def _unit_read(read: Read, source: Source) -> str:
    """Return the unit of a reading: a rate that is summed over time has become what it counts."""
    if read.quantity not in source.result.rows:
        return ""
    row = source.result.rows[read.quantity]
    summed = read.reduce == "sum" and row.kind == "rate"
    return per_hour(row.unit)[0] if summed else row.unit


def raw_limit(limit: Value, own: str, source: Source, frame: Frame) -> Labelled:
    """Return a limit in the unit in which its value is computed; a bare number is in that unit.

    A number or a fact is what is claimed, the same in all futures; a limit that is measured is each future's own.
    """
    head = limit.head
    if isinstance(head, Number) and not limit.operations:
        return Labelled((), np.array([head.value * ratio(head.unit, own)]))
    if isinstance(head, FactRef) and not limit.operations:
        fact = source.fact_of(head)
        return Labelled((), np.array([fact.number * ratio(fact.unit, own)]))
    return evaluate(limit, source, frame)


def keeps(
    condition: Condition, made: Labelled, own: str, source: Source, frame: Frame
) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """Return where values keep a condition, by future, and the dims; what is not defined keeps none."""
    bound = condition.bound
    assert isinstance(bound.limit, Value)
    dims, values, limit = paired(made, raw_limit(bound.limit, own, source, frame))
    with np.errstate(invalid="ignore"):
        if bound.kind == "at_least":
            return dims, np.asarray(values >= limit - SLACK * np.abs(limit))
        if bound.kind == "at_most":
            return dims, np.asarray(values <= limit + SLACK * np.abs(limit))
        return dims, np.asarray(values > limit if bound.kind == "above" else values < limit)


def holds(
    reading: Reading, shown: Array, total: Array | None, scale: Scale, source: Source, frame: Frame
) -> NDArray[np.bool_] | None:
    """Return whether a number, in the unit in which it is shown, keeps all bounds of its reading, by future.

    None where the reading has no bounds; ``shown`` has shape (future,), or (1,) where all futures have the same.
    """
    if not reading.bounds:
        return None
    kept = [_holds(b, reading.tolerance, shown, total, scale, source, frame) for b in reading.bounds]
    return np.asarray(np.logical_and.reduce(np.broadcast_arrays(*kept)))


def _holds(
    bound: Bound, tolerance: float, shown: Array, total: Array | None, scale: Scale, source: Source, frame: Frame
) -> NDArray[np.bool_]:
    if bound.limit == ALL:
        if total is None:
            raise CannotTellError("'all' bounds a count, and this is none")
        limit = total
    else:
        assert isinstance(bound.limit, Value)
        limit = _shown(bound.limit, scale, source, frame)
    if bound.kind == "between":
        low, high = limit, limit
        if bound.upper is not None:
            high = _shown(bound.upper, scale, source, frame)
        elif isinstance(bound.limit, Value) and isinstance(bound.limit.head, FactRef):
            fact = source.fact_of(bound.limit.head)
            ends = (fact.low or fact.number, fact.high or fact.number)
            low, high = (end / fact.number * limit for end in ends)
        return np.asarray((low * (1 - tolerance) <= shown) & (shown <= high * (1 + tolerance)))
    margin = tolerance * np.abs(limit)
    with np.errstate(invalid="ignore"):
        if bound.kind == "at_least":
            return np.asarray(shown >= limit - margin)
        if bound.kind == "at_most":
            return np.asarray(shown <= limit + margin)
        return np.asarray(shown > limit - margin if bound.kind == "above" else shown < limit + margin)


def _shown(limit: Value, scale: Scale, source: Source, frame: Frame) -> Array:
    """Return a limit in the unit in which its figure is shown; a bare number is in that unit already."""
    if isinstance(limit.head, Number) and not limit.operations:
        if not limit.head.unit:
            return np.array([limit.head.value])
        if not scale.own:
            match = _WORD.fullmatch(scale.shown)
            size, base = (MAGNITUDES[match[1]], match[2]) if match else (1.0, scale.shown)
            return np.array([limit.head.value * ratio(limit.head.unit, base) / size])
    return raw_limit(limit, scale.own, source, frame).values * scale.size


@dataclass(frozen=True, slots=True)
class Held:
    """In which futures a figure keeps its bounds, in which it can't be determined, and why.

    Attributes
    ----------
    good : array of bool, shape (future,) or (1,), or None
        Whether it keeps all bounds; None where there are none.
    untold : array of bool, of the same shape
        Where that can't be determined.
    reason : str
        Why it can't.
    """

    good: NDArray[np.bool_] | None
    untold: NDArray[np.bool_]
    reason: str = ""


def date_holds(reading: Reading, days: Array, source: Source) -> Held:
    """Return where dates (days since the horizon's start, nan for never) keep all bounds of their reading.

    A date that does not come within a horizon that ends before its bound can't be determined.
    """
    good, untold, reason = np.ones(days.shape, dtype=bool), np.zeros(days.shape, dtype=bool), ""
    if not reading.bounds:
        return Held(None, untold)
    never = np.isnan(days)
    for bound in reading.bounds:
        if bound.kind == "happens":
            good &= ~never
            continue
        first, last = period(bound, source)
        axis = source.result.axis
        start, end = (float((day - axis.start).days) for day in (first, last))
        if bound.kind != "not_before" and last > axis.end and never.any():
            untold |= never & good
            reason = reason or f"it does not come within the horizon, which ends on {axis.end}, before {last}"
        with np.errstate(invalid="ignore"):
            day = np.trunc(days)  # the day on which it falls
            if bound.kind == "not_before":
                good &= never | (day >= start)
            else:
                good &= ~never & (day <= end) & ((day >= start) | (bound.kind == "by"))
    return Held(good, untold, reason)


def period(bound: Bound, source: Source) -> tuple[dt.date, dt.date]:
    """Return the first and the last day that a bound names."""
    limit = bound.limit
    if isinstance(limit, Value):
        assert isinstance(limit.head, FactRef)
        text = str(source.fact_of(limit.head).value)
        try:
            return parse_period(text)
        except ValueError:
            raise CannotTellError(
                f"the fact '{limit.head.entity}.{limit.head.quantity}' is '{text}', no date"
            ) from None
    return parse_period(limit)


__all__ = ["NEVER", "Held", "Scale", "date_holds", "holds", "is_date", "keeps", "period", "scale_of", "unit_of"]
