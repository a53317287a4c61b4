"""The same run again: whether a saved result comes out byte for byte the same, and if not, what differs."""

from __future__ import annotations

import filecmp
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gigaplan.plan.sources import Sources
from gigaplan.results import store
from gigaplan.results.result import Result
from gigaplan.study.compare import InputDifference, fact_differences
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.figures import DASH
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.show import Brief, BriefRows


@dataclass(frozen=True, slots=True, repr=False)
class Rerun(Brief):
    """What a second run says of the first."""

    same: bool
    """Every file is byte for byte the same."""
    files: tuple[tuple[str, bool], ...]
    """Each file that a result is saved in, and whether the saved one is the same; one that is missing is not."""
    changed: tuple[tuple[str, str, str], ...]
    """What the stamps say differently: name, saved, now (version, catalog vintage, plan hash, ...)."""
    figures: tuple[tuple[str, float], ...]
    """Quantities that differ, with the largest relative difference of each, largest first."""
    facts: tuple[InputDifference, ...]
    """Facts that the inputs took then and take now, where they differ."""
    unreadable: str = ""
    """Why the saved numbers can't be compared with the new ones, empty if they can."""
    saved_in: str = ""
    """Where the second run is saved, empty if it isn't."""

    def brief_rows(self) -> BriefRows:
        """Return the verdict, and what differs."""
        yield "the same", "yes, byte for byte" if self.same else "no"
        yield "files", ", ".join(name if same else f"{name} (not the same)" for name, same in self.files)
        yield from ((name, f"saved {then or DASH}, now {now or DASH}") for name, then, now in self.changed)
        yield "can't be compared", self.unreadable
        yield from ((name, f"differs by up to {apart:.2g}, relative") for name, apart in self.figures)
        yield "inputs that differ", f"{len(self.facts)}" if self.facts else ""
        yield "saved in", self.saved_in


def sources_of(folder: Path) -> Sources:
    """Return the plan's text that a result was saved with.

    Raises
    ------
    PlanError
        If the folder holds no result, or one without it.
    """
    sources = store.read_sources(folder)
    if sources is None:
        remedy = "run its plan anew with 'gigaplan run'"
        raise PlanError([Problem("this result was saved without its plan's text", Place(str(folder)), remedy=remedy)])
    return sources


def compare_with_saved(saved: Path, again: Path) -> Rerun:
    """Return what differs between a saved result's folder and that of a second run."""
    names = sorted(p.name for p in again.iterdir())
    files = tuple((n, (saved / n).is_file() and filecmp.cmp(saved / n, again / n, shallow=False)) for n in names)
    if all(same for _, same in files):
        return Rerun(True, files, (), (), ())
    changed = _changed(store.read_stamp(saved), store.read_stamp(again))
    now = store.load(again)
    try:
        then = store.load(saved)
    except PlanError as error:
        return Rerun(False, files, changed, (), (), error.problems[0].message)
    return Rerun(False, files, changed, _figures(then, now), tuple(fact_differences(then, now)))


def _changed(then: dict[str, str], now: dict[str, str]) -> tuple[tuple[str, str, str], ...]:
    return tuple((k, then.get(k, ""), now.get(k, "")) for k in {**then, **now} if then.get(k) != now.get(k))


def _figures(then: Result, now: Result) -> tuple[tuple[str, float], ...]:
    """Return the quantities whose numbers differ; one of another shape differs without end."""
    differences = {name: _apart(then[name], now[name]) for name in now.arrays if name in then}
    return tuple(sorted(((n, d) for n, d in differences.items() if d > 0), key=lambda t: (-t[1], t[0])))


def _apart(a: Array, b: Array) -> float:
    if a.shape != b.shape or not np.array_equal(np.isnan(a), np.isnan(b)):
        return float("inf")
    size = np.fmax(np.abs(a), np.abs(b))
    apart = np.divide(np.abs(a - b), size, out=np.zeros_like(size), where=size > 0)
    return float(np.nanmax(apart, initial=0.0))
