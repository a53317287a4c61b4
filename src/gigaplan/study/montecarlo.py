"""Many futures of one plan: every headline with its range and how sure that is, and main quantities over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gigaplan.plan import Plan
from gigaplan.results.headlines import Headline
from gigaplan.results.spread import spread_of
from gigaplan.study.carry import Failure, carry_out
from gigaplan.study.design import Case, Design
from gigaplan.study.folder import Folder, opened
from gigaplan.study.inputs import begin
from gigaplan.study.quantiles import Quantiles, quantiles
from gigaplan.study.request import StudyRequest, executor_of, folder_of, settings
from gigaplan.study.tables import query
from gigaplan.study.work import HEADLINES, MONTHS, YEARS
from gigaplan.vocabulary.errors import MachineError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress
from gigaplan.vocabulary.show import Brief, BriefRows

if TYPE_CHECKING:
    import pandas

KIND = "montecarlo"
PERIODS = {"month": MONTHS, "year": YEARS}
ONE = "QUALIFY member = min(member) OVER ()"
"""Restricts a query to one member, who has every name that there is."""


@dataclass(frozen=True, slots=True, repr=False)
class Figure(Brief):
    """One headline over all members."""

    headline: Headline
    """Its name, quantity and unit, with the central member's value."""
    over: Quantiles
    """Its range over members."""

    @property
    def name(self) -> str:
        """Return the headline's name."""
        return self.headline.name

    def brief_line(self) -> str:
        """Return the figure with its range."""
        h, q = self.headline, self.over
        return f"{h.name}: {h.text_of(q.median)} ({h.text_of(q.low)} to {h.text_of(q.high)})"


@dataclass(frozen=True, slots=True, repr=False)
class Fan(Brief):
    """One quantity over time: what the members between its low and its high hold."""

    quantity: str
    unit: str
    period: str
    """``month`` or ``year``."""
    labels: tuple[str, ...]
    central: Array
    """Of the central member, shape (period,), as are the others."""
    low: Array
    median: Array
    high: Array


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MonteCarlo(Brief):
    """What many futures of a plan say."""

    plan: str
    plan_hash: str
    seed: int
    members: int
    """Members that were asked for, the central one among them."""
    done: int
    """Members that could be computed."""
    headlines: tuple[Figure, ...]
    fans: tuple[Fan, ...] = ()
    failures: tuple[Failure, ...] = ()
    folder: str = ""
    values: Array = field(compare=False)
    """Every headline of every member, shape (member, headline); dates as ordinals, nan where one doesn't exist."""
    numbers: Array = field(compare=False)
    """Numbers of the members, shape (member,)."""

    def brief_title(self) -> str:
        """Return what it is of."""
        return f"{self.done:,} futures of {self.plan}, seed {self.seed}"

    def brief_rows(self) -> BriefRows:
        """Return the headlines, those that matter most first, and what is missing."""
        ordered = sorted(self.headlines, key=lambda f: -f.headline.weight)
        yield from ((f.name, f.brief_line().partition(": ")[2]) for f in ordered[:7])
        yield "missing", f"{self.members - self.done:,} members" if self.done < self.members else ""
        yield "kept in", self.folder

    def frame(self) -> pandas.DataFrame:
        """Return every headline of every member as a DataFrame, one row per member.

        Raises
        ------
        MachineError
            If pandas isn't installed.
        """
        return frame(self.values, self.numbers, [f.name for f in self.headlines])

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain data, the same as ``--json`` prints."""
        return {
            "plan": self.plan,
            "plan_hash": self.plan_hash,
            "seed": self.seed,
            "members": self.members,
            "members_done": self.done,
            "headlines": [figure_data(f) for f in self.headlines],
            "fans": [fan_data(f) for f in self.fans],
            "failures": [failure_data(f) for f in self.failures],
            "folder": self.folder,
        }


def frame(values: Array, numbers: Array, names: list[str]) -> pandas.DataFrame:
    """Return headlines of members as a DataFrame; MachineError if pandas isn't installed."""
    try:
        import pandas
    except ImportError:
        raise MachineError("this needs pandas, which isn't installed: pip install pandas") from None
    return pandas.DataFrame(values, index=pandas.Index(numbers, name="member"), columns=names)


def run(plan: Plan, request: StudyRequest, progress: Progress | None = None) -> MonteCarlo:
    """Compute many futures of a plan, or those that its folder lacks.

    Parameters
    ----------
    plan : Plan
        The plan.
    request : StudyRequest
        How many, and where.
    progress : callable, optional
        Called with (members done, members, what comes next); False cancels.

    Raises
    ------
    PlanError
        If a number makes no sense, or the folder holds something else.
    MachineError
        If the folder can't be written, or another process works on it.
    Cancelled
        If ``progress`` returns False.
    """
    numbers = settings(plan, request, KIND)
    cases = (Case(plan.sources),)
    design = Design(kind=KIND, plans=(plan.hash,), cases=cases, members=numbers.members, seed=numbers.seed)
    with opened(folder_of(plan, request, KIND, numbers.seed), design) as folder:
        needed_bytes = begin(folder, plan)
        failures = carry_out(folder, executor_of(request, needed_bytes), progress)
        return answer(folder, failures, plan.document.name)


def answer(folder: Folder, failures: tuple[Failure, ...], plan: str) -> MonteCarlo:
    """Return what a study's chunks say.

    Parameters
    ----------
    folder : Folder
        The study's folder, all of whose chunks that can be done are done.
    failures : tuple of Failure
        Members that it goes without.
    plan : str
        The plan's name.
    """
    heads, numbers, values = headline_values(folder)
    return MonteCarlo(
        plan=plan,
        plan_hash=str(folder.identity["plan"][0]),
        seed=folder.design.seed,
        members=folder.design.members,
        done=len(numbers),
        headlines=_figures(heads, values),
        fans=tuple(f for period in PERIODS for f in fans(folder, period)),
        failures=failures,
        folder=str(folder.path),
        values=values,
        numbers=numbers,
    )


def figures(folder: Folder, case: int) -> tuple[Figure, ...]:
    """Return the headlines of a case over its members; none where no member can be computed."""
    if not folder.tables(HEADLINES, case):
        return ()
    heads, _, values = headline_values(folder, case)
    return _figures(heads, values)


def _figures(heads: Sequence[Headline], values: Array) -> tuple[Figure, ...]:
    return tuple(Figure(h, quantiles(values[:, k], date=h.unit == "date")) for k, h in enumerate(heads))


def headline_values(folder: Folder, case: int = 0) -> tuple[tuple[Headline, ...], Array, Array]:
    """Return the headlines of a case with the central member's values, the members' numbers, and all values.

    Returns
    -------
    tuple
        Headlines; numbers of the members, shape (member,); values, shape (member, headline).
    """
    paths = folder.tables(HEADLINES, case)
    first = query(paths[:1], "headline, variable, unit, weight, value, member", ONE)
    heads = tuple(
        Headline(name=str(n), variable=str(v), unit=str(u), weight=float(w), value=float(x))
        for n, v, u, w, x in zip(*(first[c] for c in ("headline", "variable", "unit", "weight", "value")), strict=True)
    )
    found = query(paths, "member, value", "WHERE member < ?", [folder.design.members])
    values = found["value"].reshape(-1, len(heads))
    numbers = found["member"].reshape(-1, len(heads))[:, 0]
    central = numbers[:1] == 0
    if not central.all():
        heads = tuple(replace(h, value=np.nan) for h in heads)
    return heads, numbers, values


def fans(folder: Folder, period: str, case: int = 0) -> tuple[Fan, ...]:
    """Return the ranges of main quantities over time.

    Parameters
    ----------
    folder : Folder
        The study's folder.
    period : str
        ``month`` or ``year``.
    case : int
        Of which case.
    """
    paths = folder.tables(PERIODS[period], case)
    if not paths:
        return ()
    kinds = query(paths[:1], f'quantity, unit, "{period}" AS period', ONE)
    units = dict(zip(map(str, kinds["quantity"]), map(str, kinds["unit"]), strict=True))
    labels = tuple(dict.fromkeys(map(str, kinds["period"])))
    return tuple(_fan(paths, folder.design.members, name, unit, period, labels) for name, unit in units.items())


def _fan(paths: list[Path], members: int, name: str, unit: str, period: str, labels: tuple[str, ...]) -> Fan:
    found = query(paths, "value", "WHERE quantity = ? AND member < ?", [name, members])
    values = found["value"].reshape(-1, len(labels))
    over = spread_of(values)
    return Fan(name, unit, period, labels, values[0], over.low, over.median, over.high)


def plain(headline: Headline, value: float) -> float | str | None:
    """Return a value of a headline as plain data: a date as text, null where there is none."""
    if headline.unit == "date":
        return headline.text_of(value)
    return float(value) if np.isfinite(value) else None


def figure_data(figure: Figure) -> dict[str, Any]:
    """Return a headline over all members as plain data."""
    h, q = figure.headline, figure.over
    error_unit = "days" if h.unit == "date" else h.unit
    return {
        "name": h.name,
        "quantity": h.variable,
        "unit": h.unit,
        "central": plain(h, h.value),
        "low": plain(h, q.low),
        "median": plain(h, q.median),
        "high": plain(h, q.high),
        "standard_errors": {
            "unit": error_unit,
            **{k: _number(getattr(q, f"{k}_error")) for k in ("low", "median", "high")},
        },
        "members": q.members,
        "without": q.without,
        "settled": [
            {"members": s.members, **{k: plain(h, getattr(s, k)) for k in ("low", "median", "high")}} for s in q.settled
        ],
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def fan_data(fan: Fan) -> dict[str, Any]:
    """Return a quantity over time as plain data."""
    ends: Mapping[str, Array] = {k: getattr(fan, k) for k in ("central", "low", "median", "high")}
    return {
        "quantity": fan.quantity,
        "unit": fan.unit,
        "period": fan.period,
        "labels": list(fan.labels),
        **{k: [_number(v) for v in values] for k, values in ends.items()},
    }


def failure_data(failure: Failure) -> dict[str, Any]:
    """Return a failure as plain data."""
    return {
        "case": failure.case,
        "first": failure.first,
        "members": failure.members,
        "reason": failure.reason,
    }
