"""Figures of a reading: its value on each basis and for each label, and in which futures each keeps its bound."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gigaplan.claims.limits import NEVER, Held, Scale, date_holds, holds, is_date, keeps, scale_of, unit_of
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
    """What became of a reading.

    Attributes
    ----------
    reading : Reading
        What was read.
    figures : tuple of Figure
        Those of the central future, with the labels that they are of, or the reason why there is none.
    labels : tuple of str
        The label of each figure.
    reason : str
        Why the central future has no figure, or not all.
    held : array of int, shape (figure, future)
        Whether a figure keeps its bounds in each future: 1, 0, or -1 where it says nothing.
    untold, left_out : array of bool, shape (future,)
        Futures in which the reading can't be determined, and those that have nothing of it, where that is left out.
    """

    reading: Reading
    figures: tuple[Figure, ...]
    labels: tuple[str, ...]
    reason: str
    held: NDArray[np.int8]
    untold: NDArray[np.bool_]
    left_out: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Point:
    """One number or date of a reading in each future, before it becomes a figure.

    ``there`` says which futures have it, ``label`` and ``names`` are those of the central one.
    """

    value: Array
    label: str = ""
    total: Array | None = None
    date: bool = False
    names: dict[str, str] = field(default_factory=dict)
    there: NDArray[np.bool_] | None = None
    lacking: NDArray[np.bool_] | None = None
    """Futures in which nothing defines the reading."""
    untold: NDArray[np.bool_] | None = None
    """Futures in which it can't be determined, because of ``reason``."""
    reason: str = ""


class _Book:
    """The outcome of a reading as it is being found."""

    def __init__(self, reading: Reading, source: Source) -> None:
        self.reading, self.source, count = reading, source, source.futures
        self.figures, self.labels = list[Figure](), list[str]()
        self.held = list[NDArray[np.int8]]()
        self.untold, self.absent = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        self.reason = self.why_absent = ""

    def read(self, bases: dict[str, str]) -> None:
        """Note the figures on one set of bases; a future in which one can't be determined has no further ones on it."""
        for picked, futures in _selections(self.reading, self.source, bases, self):
            open_ = futures.copy()
            try:
                for point in _points(self.reading, self.source, bases, picked):
                    self._note(point, bases, open_)
            except AbsentError as error:
                self.lack(open_, str(error))
            except CannotTellError as error:
                self._stop(open_, open_, str(error))

    def _note(self, point: _Point, bases: dict[str, str], open_: NDArray[np.bool_]) -> None:
        """Note one figure, in the futures that are still open."""
        if point.lacking is not None and (open_ & point.lacking).any():
            self.lack(open_ & point.lacking, f"nothing in the plan defines '{self.reading.name}'")
            open_ &= ~point.lacking
        if point.untold is not None:
            self._stop(open_ & point.untold, open_, point.reason)
        there = open_ if point.there is None else open_ & point.there
        if not there.any():
            return
        figure, held = _figure(self.reading, point, self.source, bases)
        untold = there & held.untold
        if there[0] and not untold[0]:
            self.figures.append(figure)
            self.labels.append(point.label)
        if held.good is not None:
            self.held.append(np.where(there & ~untold, held.good, -1).astype(np.int8))
        if untold.any():
            self._stop(untold, open_, held.reason)

    def _stop(self, untold: NDArray[np.bool_], open_: NDArray[np.bool_], reason: str) -> None:
        if untold[0]:
            self.reason = self.reason or reason
        self.untold |= untold
        open_ &= ~untold

    def lack(self, futures: NDArray[np.bool_], reason: str) -> None:
        """Note in which futures the plan has nothing of the reading."""
        if futures[0]:
            self.why_absent = self.why_absent or reason
        self.absent |= futures

    def outcome(self) -> Outcome:
        """Return the outcome; a future that has nothing of the reading gives what its author wants of that."""
        reading, absent = self.reading, self.absent
        held = [np.where(absent, -1, row).astype(np.int8) for row in self.held]
        untold = self.untold & ~absent
        nothing, reason = None, ""
        if reading.absent == "zero" and absent.any():
            nothing, row, reason = _nothing(reading, self.source)
            held.append(np.where(absent, row, -1).astype(np.int8))
            untold |= absent & bool(reason)
        elif reading.absent != "skip":
            untold |= absent
        figures, labels, why = tuple(self.figures), tuple(self.labels), self.reason
        if absent[0]:
            why = reason or ("" if nothing else self.why_absent)
            figures = (replace(nothing, basis=self.why_absent),) if nothing else ()
            labels = ("",) if nothing else ()
        rows = np.array(held, dtype=np.int8).reshape(len(held), len(absent))
        return Outcome(reading, figures, labels, why, rows, untold, absent & (reading.absent == "skip"))


def outcome(reading: Reading, source: Source) -> Outcome:
    """Return the figures of a reading, and in which futures they keep its bounds; the reason says why it has none."""
    book = _Book(reading, source)
    for bases in _combinations(reading):
        book.read(bases)
        if book.absent.all():
            break
    return book.outcome()


def _nothing(reading: Reading, source: Source) -> tuple[Figure | None, int, str]:
    """Return the figure of what counts as nothing, whether it keeps its bounds (-1: no say), or why there is none."""
    dated = _is_dated(reading)
    point = _Point(np.array([math.nan if dated else 0.0]), date=dated, total=np.zeros(1))
    try:
        figure, held = _figure(reading, point, source, {})
    except CannotTellError as error:
        return None, -1, str(error)
    if held.untold[0]:
        return None, -1, held.reason
    return figure, -1 if held.good is None else int(held.good[0]), ""


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


def _selections(
    reading: Reading, source: Source, bases: dict[str, str], book: _Book
) -> Iterator[tuple[dict[str, tuple[str, ...]], NDArray[np.bool_]]]:
    """Yield the labels that the reading's conditions select, by dim, and the futures in which they select these."""
    chosen: dict[str, NDArray[np.bool_]] = {}
    every = np.ones(source.futures, dtype=bool)
    for dim, condition in reading.among:
        assert condition.value is not None
        try:
            frame = Frame(kept=(dim,), months=source.window(reading.during))
            made = evaluate(condition.value, source, frame)
            _, kept = keeps(condition, made, unit_of(condition.value, source), source, frame)
        except AbsentError as error:
            book.lack(every, str(error))
            return
        except CannotTellError as error:
            book._stop(every, every.copy(), str(error))
            return
        chosen[dim] = np.broadcast_to(kept, (source.futures, kept.shape[-1]))
        if (none := ~chosen[dim].any(axis=1) & every).any():
            book.lack(none, f"no {dim} of the plan has it")
            every &= ~none
    if not chosen:
        yield {}, every
        return
    together = np.concatenate(list(chosen.values()), axis=1)
    for pattern in np.unique(together[every], axis=0):
        futures = every & (together == pattern).all(axis=1)
        first = int(np.argmax(futures))
        yield {dim: _names(source.result.labels[dim], kept[first]) for dim, kept in chosen.items()}, futures


def _names(labels: Sequence[str], kept: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(label for label, good in zip(labels, kept, strict=True) if good)


def _points(
    reading: Reading, source: Source, bases: dict[str, str], picked: dict[str, tuple[str, ...]]
) -> Iterator[_Point]:
    """Yield the numbers of a reading on one set of bases, for the labels picked."""
    along = reading.along
    frame = Frame(
        bases=bases,
        system=reading.system,
        kept=(along.dim,) if along and along.dim not in TIME_DIMS else (),
        as_path=bool(along and along.dim in TIME_DIMS),
        months=source.window(reading.during),
        picked=picked,
        zero=reading.absent == "zero",
    )
    if isinstance(reading.value.head, Stated):
        source.stated(reading.value.head.path)
        yield _Point(np.zeros(1))
        return
    if reading.over_time and reading.over_time.kind == "years":
        yield _steps(reading, source, frame)
        return
    made, total = _over_time(reading, source, frame)
    dated = _is_dated(reading)
    if along is None:
        yield _defined(_Point(made.values, total=total, date=dated), reading)
    else:
        yield from _along(along, made, reading, source, frame, dated)


def _defined(point: _Point, reading: Reading) -> _Point:
    """Return a number that must be one: what nothing defines is nothing, where its author wants it so."""
    if point.date or not (undefined := np.isnan(point.value)).any():
        return point
    if reading.absent == "zero":
        return replace(point, value=np.where(undefined, 0.0, point.value))
    return replace(point, lacking=undefined)


def _over_time(reading: Reading, source: Source, frame: Frame) -> tuple[Labelled, Array | None]:
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


def _moments(over: OverTime, reading: Reading, source: Source, frame: Frame) -> tuple[Labelled, Array | None]:
    """Return how many months keep a condition, when it is first kept, or from when it stays so [days]."""
    assert over.condition is not None
    path = evaluate(reading.value, source, frame)
    if not any(d in ("month", "edge") for d in path.dims):
        raise CannotTellError(f"'{reading.name}' does not run in time")
    found, kept = keeps(over.condition, path, unit_of(reading.value, source), source, frame)
    time = next(d for d in found if d in TIME_DIMS)
    kept = np.moveaxis(kept, found.index(time) + 1, -1)
    first, last, _ = frame.months.indices(source.result.axis.months)
    kept = kept[..., first : last + (time == "edge")]
    days = source.result.axis.edge_days[first:]
    dims = tuple(d for d in found if d != time)
    if over.kind == "months":
        return Labelled(dims, kept.sum(axis=-1).astype(float)), np.array([float(last - first)])
    if over.kind == "reached":
        return Labelled(dims, np.where(kept.any(axis=-1), days[np.argmax(kept, axis=-1)], np.nan)), None
    broken = ~kept
    after = kept.shape[-1] - np.argmax(broken[..., ::-1], axis=-1)
    start = np.where(broken.any(axis=-1), after, 0)
    return Labelled(dims, np.where(start < kept.shape[-1], days[np.minimum(start, kept.shape[-1] - 1)], np.nan)), None


def _steps(reading: Reading, source: Source, frame: Frame) -> _Point:
    """Return in how many years of twelve months a value goes up, down, or not up, against the year before."""
    assert reading.over_time is not None
    every = [evaluate(reading.value, source, replace(frame, months=year)).values for year in source.years()]
    count = max((len(values) for values in every), default=1)
    path = np.array([np.broadcast_to(values, count) for values in every]).reshape(-1, count)
    steps, up, down = (np.zeros(count) for _ in range(3))
    last = np.full(count, np.nan)
    for values in path:  # years without a value are left out
        with np.errstate(invalid="ignore"):
            up, down, steps = up + (values > last), down + (values < last), steps + ~np.isnan(values - last)
        last = np.where(np.isnan(values), last, values)
    number = {"up": up, "down": down, "not up": steps - up}[reading.over_time.step]
    there = int((~np.isnan(path[:, 0])).sum())
    reason = f"'{reading.name}' needs two years to compare, and the plan has {there} with a value"
    return _Point(number, total=steps, untold=steps == 0, reason=reason)


def _along(
    along: Along, made: Labelled, reading: Reading, source: Source, frame: Frame, dated: bool
) -> Iterator[_Point]:
    """Yield a point for each label, for the one with the most or the least, or the number of labels."""
    if made.dims not in ((along.dim,), ()):
        made = Labelled((along.dim,), made.values.reshape(len(made.values), -1))
    if not made.dims:
        made = Labelled((along.dim,), made.values[:, None])
    labels = _labels(along, reading, source, frame, made.values.shape[1])
    if along.kind == "count":
        own = unit_of(reading.value, source)
        good = np.isfinite(made.values)
        if along.condition:
            _, good = keeps(along.condition, made, own, source, frame)
        yield _Point(good.sum(axis=1).astype(float), total=np.array([float(made.values.shape[1])]))
    elif along.kind == "each":
        for label, values in zip(labels, made.values.T, strict=True):
            there = (np.full(len(values), dated) | ~np.isnan(values)) & ~(reading.skip_zero & (values == 0))
            yield _Point(values, label, date=dated, names={along.dim: label}, there=there)
    else:
        yield _extreme(along, made.values, labels, dated)


def _extreme(along: Along, values: Array, labels: tuple[str, ...], dated: bool) -> _Point:
    lacking = np.asarray(np.isnan(values).all(axis=1))
    ends = np.where(np.isnan(values), -np.inf if along.kind == "most" else np.inf, values)
    if not len(labels):
        return _Point(np.full(len(values), np.nan), lacking=lacking)
    places = np.argmax(ends, axis=1) if along.kind == "most" else np.argmin(ends, axis=1)
    label = labels[int(places[0])]
    best = np.take_along_axis(values, places[:, None], axis=1)[:, 0]
    return _Point(best, label, date=dated, names={along.dim: label}, lacking=lacking)


def _labels(along: Along, reading: Reading, source: Source, frame: Frame, size: int) -> tuple[str, ...]:
    """Return the labels that a value has kept along a dim, in its own order."""
    names = source.result.labels[along.dim]
    head = reading.value.head
    if along.dim in TIME_DIMS or not isinstance(head, Read):
        return names[:size]
    return labels_along(head, along.dim, source, frame)


def _figure(reading: Reading, point: _Point, source: Source, bases: dict[str, str]) -> tuple[Figure, Held]:
    """Return the central future's point as a figure, in its unit, and in which futures its bounds are kept."""
    names = point.names
    name = re.sub(r"\{(\w+)\}", lambda m: names.get(m[1], m[0]).replace("_", " "), reading.name)
    basis = _basis(reading, point, bases)
    never = np.zeros(1, dtype=bool)
    if isinstance(reading.value.head, Stated):
        return Figure(name=name, value=source.stated(reading.value.head.path), unit="", basis=basis), Held(None, never)
    first = float(point.value[0])
    if point.date:
        held = date_holds(reading, point.value, source)
        day = NEVER if math.isnan(first) else str(source.result.axis.day_at(first))
        return Figure(name=name, value=day, unit="date", basis=basis, holds=_first(held)), held
    scale = scale_of(reading, source)
    frame = Frame(bases=bases, system=reading.system, months=source.window(reading.during))
    good = holds(reading, point.value * scale.size, point.total, scale, source, frame)
    reason = "" if good is None or good.all() else _not_yet(reading, source)
    held = Held(good, ~good if reason and good is not None else never, reason)
    value = first * scale.size
    shown = int(value) if point.total is not None and not math.isnan(value) else value
    return Figure(name=name, value=shown, unit=_unit(scale), basis=basis, holds=_first(held)), held


def _first(held: Held) -> bool | None:
    return None if held.good is None else bool(held.good[0])


def _unit(scale: Scale) -> str:
    return "share" if scale.shown == "1" else scale.shown


def _not_yet(reading: Reading, source: Source) -> str:
    """Return why a bound that is missed may still be met after the horizon's end; empty where it may not."""
    _, to, last = reading.during.rpartition("to ")
    if not to:
        return ""
    end, horizon = parse_period(last.strip())[1], source.result.axis.end
    return f"it is not met within the horizon, which ends on {horizon}, before {end}" if end > horizon else ""


def _basis(reading: Reading, point: _Point, bases: dict[str, str]) -> str:
    head = reading.value.head
    parts = [bases[kind] for kind in reversed(ORDER) if kind in bases and kind != "profile"]
    parts += [bases["profile"]] if "profile" in bases else []
    power = isinstance(head, Read) and head.quantity.endswith("_mw") and "power" not in bases
    if power and not reading.basis and not _is_operated(reading):
        parts.append(str(basis_of(head.quantity)))  # type: ignore[union-attr] # a Read, by `power`
    text = " ".join(parts)
    of = (
        f"of {point.total[0]:.0f}"
        if point.total is not None and reading.over_time and reading.over_time.kind == "years"
        else ""
    )
    return ", ".join(t for t in (text, of, reading.basis) if t)


def _is_operated(reading: Reading) -> bool:
    return any(name in ("times", "divided_by") for name, _ in reading.value.operations)
