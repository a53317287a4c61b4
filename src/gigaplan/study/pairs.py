"""Two plans over the same futures: a member draws the same in both, so that their difference has a range of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gigaplan import plan as plans
from gigaplan.plan import Plan
from gigaplan.results.headlines import Headline, Window, window
from gigaplan.results.result import Result
from gigaplan.simulate.engine import simulate
from gigaplan.study.carry import Failure, carry_out
from gigaplan.study.compare import relative
from gigaplan.study.design import Case, Design
from gigaplan.study.folder import Folder, opened
from gigaplan.study.inputs import begin
from gigaplan.study.montecarlo import Fan, Figure, failure_data, fan_data, fans, figure_data, headline_values
from gigaplan.study.quantiles import Quantiles, quantiles
from gigaplan.study.request import STUDIES, StudyRequest, executor_of, settings
from gigaplan.vocabulary.errors import InputError, Place, PlanError, Problem
from gigaplan.vocabulary.files import slug
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress
from gigaplan.vocabulary.sampling import Part
from gigaplan.vocabulary.show import Brief, BriefRows

KIND = "compare"
SIDES = ("A", "B")
ROUNDING = 1e-12
"""Differences up to this share of a figure are of the last bits of a sum."""


@dataclass(frozen=True, slots=True, repr=False)
class Pair(Brief):
    """One headline of both plans, member by member.

    Attributes
    ----------
    a, b : Figure
        Over the members of each plan.
    difference : Quantiles
        B less A in the same future, of the futures in which both exist; of dates in days.
    above_share : float
        Share of these futures in which B is above A; nan where there is none.
    score : float
        How much the central figures differ, 0 to 1, times how much the headline matters.
    """

    a: Figure
    b: Figure
    difference: Quantiles
    above_share: float
    score: float

    @property
    def name(self) -> str:
        """Return the headline's name."""
        return self.a.name

    def brief_line(self) -> str:
        """Return the medians of both."""
        h = self.a.headline
        return f"{h.name}: {h.text_of(self.a.over.median)} → {h.text_of(self.b.over.median)}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Paired(Brief):
    """Two plans over the same futures."""

    a: str
    b: str
    a_hash: str
    b_hash: str
    seed: int
    members: int
    done: int
    """Members that could be computed in both."""
    window: Window
    """Months that amounts are summed over: those that both plans have."""
    headlines: tuple[Pair, ...]
    """Those that differ most first."""
    one_sided: tuple[str, ...]
    """Headlines that one of the plans lacks."""
    fans: tuple[tuple[Fan, ...], ...] = field(default=(), compare=False)
    """Main quantities over time of either plan."""
    failures: tuple[Failure, ...] = ()
    folder: str = ""

    def brief_title(self) -> str:
        """Return what is compared."""
        return f"{self.a} and {self.b} in the same {self.done:,} futures"

    def brief_rows(self) -> BriefRows:
        """Return the headlines that differ most."""
        yield from ((p.name, p.brief_line().removeprefix(f"{p.name}: ")) for p in self.headlines[:7])
        yield "missing", f"{self.members - self.done:,} members" if self.done < self.members else ""
        yield "kept in", self.folder

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain data, the same as ``--json`` prints."""
        return {
            "a": {"plan": self.a, "plan_hash": self.a_hash},
            "b": {"plan": self.b, "plan_hash": self.b_hash},
            "seed": self.seed,
            "members": self.members,
            "members_done": self.done,
            "months": [self.window.first, self.window.last],
            "headlines": [_pair_data(p) for p in self.headlines],
            "one_sided": list(self.one_sided),
            "fans": [[fan_data(f) for f in of] for of in self.fans],
            "failures": [failure_data(f) for f in self.failures],
            "folder": self.folder,
        }


def _pair_data(pair: Pair) -> dict[str, Any]:
    unit = "days" if pair.a.headline.unit == "date" else pair.a.headline.unit
    d = pair.difference
    numbers = {k: float(v) if np.isfinite(v := getattr(d, k)) else None for k in ("low", "median", "high")}
    above = float(pair.above_share) if np.isfinite(pair.above_share) else None
    return {
        "name": pair.name,
        "a": figure_data(pair.a),
        "b": figure_data(pair.b),
        "difference": {"unit": unit, **numbers, "members": d.members, "without": d.without},
        "above_share": above,
        "score": float(pair.score),
    }


def run(a: Plan, b: Plan, request: StudyRequest, progress: Progress | None = None) -> Paired:
    """Compute two plans over the same futures, or those that their folder lacks.

    Parameters
    ----------
    a, b : Plan
        The plans.
    request : StudyRequest
        How many futures, and where.
    progress : callable, optional
        Called with (members done, members in all, what comes next); False cancels.

    Raises
    ------
    PlanError
        If a number makes no sense, the two share no month, or the folder holds something else.
    MachineError
        If the folder can't be written, or another process works on it.
    Cancelled
        If ``progress`` returns False.
    """
    numbers = settings(a, request, KIND)
    shared = _shared(a, b)
    cases = tuple(Case(p.sources, {"side": s}, shared) for p, s in zip((a, b), SIDES, strict=True))
    design = Design(kind=KIND, plans=(a.hash, b.hash), cases=cases, members=numbers.members, seed=numbers.seed)
    name = f"{slug(a.document.name)}-{a.hash[:8]}-{b.hash[:8]}-{KIND}" + (f"-{numbers.seed}" if numbers.seed else "")
    with opened(request.out or STUDIES / slug(name), design) as folder:
        needed_bytes = max(begin(folder, b), begin(folder, a))
        failures = carry_out(folder, executor_of(request, needed_bytes), progress)
        return _answer(folder, a, b, shared, failures)


def _shared(a: Plan, b: Plan) -> Window:
    """Return what both can be compared over, by their central members."""
    one, two = (_central(p) for p in (a, b))
    shared = window(one, two)
    if shared is None:
        months = [f"{r.labels['month'][0]} to {r.labels['month'][-1]}" for r in (one, two)]
        remedy = "give both horizons that overlap"
        place = Place(f"study {KIND}")
        raise PlanError([Problem("the two share no month", place, " and ".join(months), "", "", remedy)])
    return shared


def _central(plan: Plan) -> Result:
    try:
        return simulate(plans.resolve(plan, Part(1)))
    except InputError as error:
        raise plans.placed(error, plan) from None


def _answer(folder: Folder, a: Plan, b: Plan, shared: Window, failures: tuple[Failure, ...]) -> Paired:
    (one, numbers_a, values_a), (two, numbers_b, values_b) = (headline_values(folder, case) for case in (0, 1))
    both = np.intersect1d(numbers_a, numbers_b)
    values_a, values_b = values_a[np.isin(numbers_a, both)], values_b[np.isin(numbers_b, both)]
    places = {h.name: k for k, h in enumerate(two)}
    pairs = [
        _pair(h, two[places[h.name]], values_a[:, k], values_b[:, places[h.name]])
        for k, h in enumerate(one)
        if h.name in places
    ]
    names = [h.name for h in one]
    return Paired(
        a=a.document.name,
        b=b.document.name,
        a_hash=a.hash,
        b_hash=b.hash,
        seed=folder.design.seed,
        members=folder.design.members,
        done=len(both),
        window=shared,
        headlines=tuple(sorted(pairs, key=lambda p: (-p.score, -p.a.headline.weight))),
        one_sided=tuple(n for n in (*names, *places) if (n in places) != (n in names)),
        fans=tuple((*fans(folder, "month", case), *fans(folder, "year", case)) for case in (0, 1)),
        failures=failures,
        folder=str(folder.path),
    )


def _pair(a: Headline, b: Headline, values_a: Array, values_b: Array) -> Pair:
    date = a.unit == "date"
    one, two = (Figure(h, quantiles(v, date=date)) for h, v in ((a, values_a), (b, values_b)))
    apart = values_b - values_a
    apart[np.abs(apart) <= ROUNDING * np.abs(values_a)] = 0.0
    there = apart[np.isfinite(apart)]
    above = float((there > 0).mean()) if len(there) else np.nan
    return Pair(one, two, quantiles(apart), above, a.weight * relative(a, b))
