"""What a worker does with a chunk: resolve, simulate, and keep the figures that studies ask for.

Row 0 of every run is the central member, whichever members the chunk has, and is left out of all chunks but the first.
A member that can't be computed is found by halving, and the others stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gigaplan import plan as plans
from gigaplan.plan.sources import Sources
from gigaplan.results.coordinates import years
from gigaplan.results.headlines import PRODUCING, Headline, headlines, window
from gigaplan.results.labelled import central_alone
from gigaplan.results.result import Result
from gigaplan.results.spread import of_members
from gigaplan.simulate.engine import simulate
from gigaplan.study.design import Case, Design, Task
from gigaplan.study.tables import Columns, Words, parquet_bytes
from gigaplan.vocabulary.errors import InputError, LawError, PlanError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.sampling import Part

FANS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("power_state_mw", PRODUCING),
    ("gpus_producing", {}),
    ("tokens_asked_per_day", {"token": "generated"}),
    ("tokens_served_per_day", {"token": "generated"}),
    ("cost_per_mtok_all_usd", {}),
    ("full_cost_per_mtok_all_usd", {}),
    ("revenue_usd", {}),
    ("cost_usd", {}),
    ("capital_usd", {}),
    ("funding_gap_usd", {}),
    ("facility_energy_mwh", {}),
)
"""Quantities that are kept by month and by year, at these coordinates."""
HEADLINES, MONTHS, YEARS = "headlines.parquet", "months.parquet", "years.parquet"
Fan = tuple[str, str, tuple[str, ...], Array]
"""A quantity, its unit, the labels of its periods, and its values, shape (member, period)."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The figures of some members."""

    members: tuple[int, ...]
    headlines: tuple[Headline, ...]
    values: Array
    """Of the headlines, shape (member, headline)."""
    months: tuple[Fan, ...] = ()
    years: tuple[Fan, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk that is done: its tables as bytes by file name, and the members that couldn't be computed."""

    files: dict[str, bytes]
    failed: dict[int, str]


def run_chunk(design: Design, task: Task) -> Chunk:
    """Return the tables of a chunk.

    Parameters
    ----------
    design : Design
        The study.
    task : Task
        The chunk.
    """
    failed: dict[int, str] = {}
    parts = _halved(design, task.case, task.first, task.members, failed)
    return Chunk(_files(task.case, parts), failed) if parts else Chunk({}, failed)


def _halved(design: Design, case: int, first: int, members: int, failed: dict[int, str]) -> list[Rows]:
    """Return the figures of all members that can be computed, and note why the others can't."""
    try:
        return [rows_of(design, case, first, members)]
    except (InputError, PlanError, LawError, ArithmeticError, ValueError, LookupError) as error:
        if members == 1:
            failed[first] = f"{type(error).__name__}: {' '.join(str(error).split())}"
            return []
    half = members // 2
    left = _halved(design, case, first, half, failed)
    return left + _halved(design, case, first + half, members - half, failed)


def rows_of(design: Design, case: int, first: int, members: int) -> Rows:
    """Return the figures of the members ``first`` to ``first + members``, of which number 0 is the central one."""
    of = design.cases[case]
    drawn = max(first, 1)
    others = first + members - drawn
    points = None if design.points is None else design.points.rows(drawn, others)
    part = Part(others + 1, design.seed, drawn, points)
    result = simulate(plans.resolve(loaded(of.sources), part), "summary")
    return _rows(of, result, 0 if first == 0 else 1, tuple(range(first, first + members)), fans=design.fans)


@lru_cache(maxsize=4)
def loaded(sources: Sources) -> plans.Plan:
    """Return the checked plan of some sources."""
    return plans.load_sources(sources)


def _rows(case: Case, result: Result, start: int, members: tuple[int, ...], *, fans: bool) -> Rows:
    """Return the figures of a run's members from row ``start`` on."""
    central = central_alone(result)  # its gigawatts are those of every chunk, medians are not
    shared = case.window or window(central, central)
    assert shared is not None
    found = tuple(headlines(result, shared).values())
    values = np.stack([_every(result, h.every) for h in found], axis=1)[start:]
    if not fans:
        return Rows(members, found, values)
    months, by_year = result.labels["month"], years(result)
    return Rows(members, found, values, _fans(result, "month", months, start), _fans(result, "year", by_year, start))


def _every(result: Result, values: Array | None) -> Array:
    """Return a figure of every member; one that no uncertain input moves is the same for all."""
    assert values is not None
    return np.asarray(np.broadcast_to(values, result.stamp.members))


def _fans(result: Result, by: str, labels: Sequence[str], start: int) -> tuple[Fan, ...]:
    return tuple(
        (name, result.variable(name).unit, tuple(labels), of_members(result, name, [by], at)[start:])
        for name, at in FANS
    )


def _files(case: int, parts: Sequence[Rows]) -> dict[str, bytes]:
    """Return the tables of parts that have the same headlines, as bytes."""
    numbers = np.array([m for part in parts for m in part.members], dtype=np.int64)
    heads = parts[0].headlines
    count = len(heads)
    place = np.tile(np.arange(count), len(numbers))
    table: Columns = {
        "case": np.full(place.size, case, dtype=np.int64),
        "member": np.repeat(numbers, count),
        "headline": Words(tuple(h.name for h in heads), place),
        "variable": Words(tuple(h.variable for h in heads), place),
        "unit": Words(tuple(h.unit for h in heads), place),
        "weight": np.array([h.weight for h in heads])[place],
        "value": np.concatenate([part.values for part in parts]).ravel(),
    }
    files = {HEADLINES: parquet_bytes(table)}
    if parts[0].months:
        files[MONTHS] = _fan_bytes(case, numbers, "month", [part.months for part in parts])
        files[YEARS] = _fan_bytes(case, numbers, "year", [part.years for part in parts])
    return files


def _fan_bytes(case: int, numbers: NDArray[np.int64], period: str, parts: Sequence[tuple[Fan, ...]]) -> bytes:
    """Return the table of main quantities by month or year: quantity by quantity, member by member."""
    first = parts[0]
    labels = first[0][2]
    each = len(numbers) * len(labels)
    quantity = np.repeat(np.arange(len(first)), each)
    values = [np.concatenate([part[k][3] for part in parts]).ravel() for k in range(len(first))]
    return parquet_bytes(
        {
            "case": np.full(each * len(first), case, dtype=np.int64),
            "quantity": Words(tuple(f[0] for f in first), quantity),
            "unit": Words(tuple(f[1] for f in first), quantity),
            "member": np.tile(np.repeat(numbers, len(labels)), len(first)),
            period: Words(labels, np.tile(np.arange(len(labels)), len(first) * len(numbers))),
            "value": np.concatenate(values),
        }
    )
