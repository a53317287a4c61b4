"""Figures of a reading: its value on each basis and for each label, and whether each keeps its bound."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from gigaplan.claims.limits import NEVER, Scale, date_holds, holds, is_date, keeps, scale_of, unit_of
from gigaplan.claims.measure import Frame, Labelled, evaluate, labels_along
from gigaplan.claims.power import basis_of
from gigaplan.claims.source import AbsentError, CannotTellError, Source
from gigaplan.plan.claims.language import Along, OverTime, Read, Reading, Stated
from gigaplan.results.verdicts import Figure
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.units import parse_period

ORDER = ("profile", "token", "power", "flops")
"""Bases are gone through with the last of these fastest, and written from the last to the first."""
TIME_DIMS = ("month", "edge", "year")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a reading: figures with the labels that they are of, or why there is none."""

    reading: Reading
    figures: tuple[Figure, ...] = ()
    labels: tuple[str, ...] = ()
    reason: str = ""
    left_out: bool = False


@dataclass(frozen=True, slots=True)
class _Point:
    """One number or date of a reading before it becomes a figure."""

    value: float
    label: str = ""
    total: int | None = None
    date: bool = False
    names: dict[str, str] = field(default_factory=dict)


def outcome(reading: Reading, source: Source) -> Outcome:
    """Return the figures of a reading; the reason says why it has none."""
    figures, labels = list[Figure](), list[str]()
    reason = ""
    for bases in _combinations(reading):
        try:
            for point in _points(reading, source, bases):
                figures.append(_figure(reading, point, source, bases))
                labels.append(point.label)
        except AbsentError as error:
            return _absent(reading, str(error), source)
        except CannotTellError as error:
            reason = reason or str(error)
    return Outcome(reading, tuple(figures), tuple(labels), reason)


def _absent(reading: Reading, reason: str, source: Source) -> Outcome:
    """Return what a reading makes of a thing that the plan lacks, as its author wants it."""
    if reading.absent == "skip":
        return Outcome(reading, reason=reason, left_out=True)
    if reading.absent != "zero":
        return Outcome(reading, reason=reason)
    dated = _is_dated(reading)
    try:
        figure = _figure(reading, _Point(math.nan if dated else 0.0, date=dated, total=0), source, {})
    except CannotTellError as error:
        return Outcome(reading, reason=str(error))
    return Outcome(reading, (replace(figure, basis=reason),), ("",))


def _combinations(reading: Reading) -> Iterator[dict[str, str]]:
    """Yield the bases on which a reading is evaluated, one of each kind."""
    given = dict(reading.bases)
    kinds = [kind for kind in ORDER if kind in given]
    for chosen in itertools.product(*(given[kind] for kind in kinds)):
        yield dict(zip(kinds, chosen, strict=True))


def _is_dated(reading: Reading) -> bool:
    if reading.over_time:
        return reading.over_time.kind in ("reached", "kept_from")
    return is_date(reading.value)


def _points(reading: Reading, source: Source, bases: dict[str, str]) -> Iterator[_Point]:
    """Yield the numbers of a reading on one set of bases."""
    along = reading.along
    frame = Frame(
        bases=bases,
        system=reading.system,
        kept=(along.dim,) if along and along.dim not in TIME_DIMS else (),
        as_path=bool(along and along.dim in TIME_DIMS),
        months=source.window(reading.during),
        picked=_picked(reading, source),
        zero=reading.absent == "zero",
    )
    if isinstance(reading.value.head, Stated):
        source.stated(reading.value.head.path)
        yield _Point(0.0)
        return
    if reading.over_time and reading.over_time.kind == "years":
        yield _steps(reading, source, frame)
        return
    made, total = _over_time(reading, source, frame)
    dated = _is_dated(reading)
    if along is None:
        number = _defined(made.number, reading, dated)
        yield _Point(number, total=total, date=dated)
    else:
        yield from _along(along, made, reading, source, frame, dated)


def _defined(number: float, reading: Reading, dated: bool) -> float:
    """Return a number that must be one: what nothing defines is nothing, where its author wants it so."""
    if dated or not math.isnan(number):
        return number
    if reading.absent == "zero":
        return 0.0
    raise AbsentError(f"nothing in the plan defines '{reading.name}'")


def _picked(reading: Reading, source: Source) -> dict[str, tuple[str, ...]]:
    """Return the labels that the reading's conditions select, by dim."""
    picked: dict[str, tuple[str, ...]] = {}
    for dim, condition in reading.among:
        assert condition.value is not None
        frame = Frame(kept=(dim,), months=source.window(reading.during))
        made = evaluate(condition.value, source, frame)
        kept = keeps(condition, made.values, unit_of(condition.value, source), source, frame)
        labels = source.result.labels[dim]
        picked[dim] = tuple(label for label, good in zip(labels, kept, strict=True) if good)
        if not picked[dim]:
            raise AbsentError(f"no {dim} of the plan has it")
    return picked


def _over_time(reading: Reading, source: Source, frame: Frame) -> tuple[Labelled, int | None]:
    """Return a reading's value, reduced over time as a whole where it says so, and of how many moments it is."""
    over = reading.over_time
    if over is None:
        return evaluate(reading.value, source, frame), None
    if over.kind == "growth":
        ends = [evaluate(reading.value, source, replace(frame, months=source.window(w))) for w in over.windows]
        with np.errstate(divide="ignore", invalid="ignore"):
            grown = np.where(ends[0].values == 0, np.nan, ends[1].values / ends[0].values)
        return Labelled(ends[0].dims, grown), None
    return _moments(over, reading, source, replace(frame, as_path=True))


def _moments(over: OverTime, reading: Reading, source: Source, frame: Frame) -> tuple[Labelled, int | None]:
    """Return how many months keep a condition, when it is first kept, or from when it stays so [days]."""
    assert over.condition is not None
    path = evaluate(reading.value, source, frame)
    time = next((d for d in path.dims if d in TIME_DIMS), "")
    if time not in ("month", "edge"):
        raise CannotTellError(f"'{reading.name}' does not run in time")
    axis = path.dims.index(time)
    kept = keeps(over.condition, path.values, unit_of(reading.value, source), source, frame)
    kept = np.moveaxis(kept, axis, -1)
    first, last, _ = frame.months.indices(source.result.axis.months)
    kept = kept[..., first : last + (time == "edge")]
    days = source.result.axis.edge_days[first:]
    dims = tuple(d for d in path.dims if d != time)
    if over.kind == "months":
        return Labelled(dims, kept.sum(axis=-1).astype(float)), last - first
    if over.kind == "reached":
        found = np.where(kept.any(axis=-1), days[np.argmax(kept, axis=-1)], np.nan)
    else:
        broken = ~kept
        after = kept.shape[-1] - np.argmax(broken[..., ::-1], axis=-1)
        start = np.where(broken.any(axis=-1), after, 0)
        found = np.where(start < kept.shape[-1], days[np.minimum(start, kept.shape[-1] - 1)], np.nan)
    return Labelled(dims, np.asarray(found)), None


def _steps(reading: Reading, source: Source, frame: Frame) -> _Point:
    """Return in how many years of twelve months a value goes up, down, or not up, against the year before."""
    assert reading.over_time is not None
    path = [evaluate(reading.value, source, replace(frame, months=year)).number for year in source.years()]
    path = [value for value in path if not math.isnan(value)]
    if len(path) < 2:
        raise CannotTellError(f"'{reading.name}' needs two years to compare, and the plan has {len(path)} with a value")
    up = sum(after > before for before, after in pairwise(path))
    down = sum(after < before for before, after in pairwise(path))
    steps = len(path) - 1
    return _Point(float({"up": up, "down": down, "not up": steps - up}[reading.over_time.step]), total=steps)


def _along(
    along: Along, made: Labelled, reading: Reading, source: Source, frame: Frame, dated: bool
) -> Iterator[_Point]:
    """Yield a point for each label, for the one with the most or the least, or the number of labels."""
    if made.dims not in ((along.dim,), ()):
        made = Labelled((along.dim,), made.values.reshape(-1))
    values = np.atleast_1d(made.values)
    labels = _labels(along, reading, source, frame, len(values))
    if along.kind == "count":
        own = unit_of(reading.value, source)
        good = keeps(along.condition, values, own, source, frame) if along.condition else np.isfinite(values)
        yield _Point(float(good.sum()), total=len(values))
    elif along.kind == "each":
        for label, value in zip(labels, values, strict=True):
            if (dated or not math.isnan(value)) and not (reading.skip_zero and value == 0):
                yield _Point(float(value), label, date=dated, names={along.dim: label})
    else:
        yield _extreme(along, values, labels, reading, dated)


def _extreme(along: Along, values: Array, labels: tuple[str, ...], reading: Reading, dated: bool) -> _Point:
    if not len(values) or np.isnan(values).all():
        raise AbsentError(f"nothing in the plan defines '{reading.name}'")
    place = int(np.nanargmax(values) if along.kind == "most" else np.nanargmin(values))
    return _Point(float(values[place]), labels[place], date=dated, names={along.dim: labels[place]})


def _labels(along: Along, reading: Reading, source: Source, frame: Frame, size: int) -> tuple[str, ...]:
    """Return the labels that a value has kept along a dim, in its own order."""
    names = source.result.labels[along.dim]
    head = reading.value.head
    if along.dim in TIME_DIMS or not isinstance(head, Read):
        return names[:size]
    return labels_along(head, along.dim, source, frame)


def _figure(reading: Reading, point: _Point, source: Source, bases: dict[str, str]) -> Figure:
    """Return a point as a figure, in its unit, with the verdict of its bounds."""
    names = point.names
    name = re.sub(r"\{(\w+)\}", lambda m: names.get(m[1], m[0]).replace("_", " "), reading.name)
    basis = _basis(reading, point, bases)
    if isinstance(reading.value.head, Stated):
        return Figure(name=name, value=source.stated(reading.value.head.path), unit="", basis=basis)
    if point.date:
        day = NEVER if math.isnan(point.value) else str(source.result.axis.day_at(point.value))
        return Figure(name=name, value=day, unit="date", basis=basis, holds=date_holds(reading, day, source))
    scale = scale_of(reading, source)
    shown = point.value * scale.size
    frame = Frame(bases=bases, system=reading.system, months=source.window(reading.during))
    good = holds(reading, shown, point.total, scale, source, frame)
    if good is False:
        _not_yet(reading, source)
    value = int(shown) if point.total is not None else shown
    return Figure(name=name, value=value, unit=_unit(scale), basis=basis, holds=good)


def _unit(scale: Scale) -> str:
    return "share" if scale.shown == "1" else scale.shown


def _not_yet(reading: Reading, source: Source) -> None:
    """Refuse to say that a bound is missed where it may still be met after the horizon's end."""
    _, to, last = reading.during.rpartition("to ")
    if not to:
        return
    end, horizon = parse_period(last.strip())[1], source.result.axis.end
    if end > horizon:
        raise CannotTellError(f"it is not met within the horizon, which ends on {horizon}, before {end}")


def _basis(reading: Reading, point: _Point, bases: dict[str, str]) -> str:
    head = reading.value.head
    parts = [bases[kind] for kind in reversed(ORDER) if kind in bases and kind != "profile"]
    parts += [bases["profile"]] if "profile" in bases else []
    power = isinstance(head, Read) and head.quantity.endswith("_mw") and "power" not in bases
    if power and not reading.basis and not _is_operated(reading):
        parts.append(str(basis_of(head.quantity)))  # type: ignore[union-attr] # a Read, by `power`
    text = " ".join(parts)
    of = (
        f"of {point.total}"
        if point.total is not None and reading.over_time and reading.over_time.kind == "years"
        else ""
    )
    return ", ".join(t for t in (text, of, reading.basis) if t)


def _is_operated(reading: Reading) -> bool:
    return any(name in ("times", "divided_by") for name, _ in reading.value.operations)
