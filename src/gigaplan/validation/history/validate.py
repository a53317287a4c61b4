"""``gigaplan validate history``: published figures against plans, inside the data, a year ahead, and in the fan.

Inside the data, the plan of what happened knows all that was published. A year ahead, the announcement's plan knows
what was public on a day (``known_until``), and answers for the twelve months after it. The fan is that plan at its own
date: where the latest published figures fell among its futures.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from gigaplan import plan
from gigaplan.catalog.history import NEEDED, Published, published, rows_of
from gigaplan.measurements.tables import read_table
from gigaplan.plan.load import Plan
from gigaplan.results.result import Result
from gigaplan.simulate.parts import simulate_in_parts
from gigaplan.validation.history.compare import RENT_NAME, LeftOut, Point, compare
from gigaplan.validation.history.figures import ACTUAL, ANNOUNCED, ANNOUNCEMENT
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.progress import Progress, staged
from gigaplan.vocabulary.show import Brief, BriefRows, Items, error_text
from gigaplan.vocabulary.time import DAYS_PER_YEAR

ORIGINS = (
    dt.date(2024, 12, 31),
    dt.date(2025, 3, 31),
    dt.date(2025, 6, 30),
    ANNOUNCEMENT,
    dt.date(2025, 12, 31),
)
"""Days whose facts predict the year after them: ends of quarters, from the first with three counts of users behind it,
and the announcement."""
YEAR = dt.timedelta(days=DAYS_PER_YEAR)
END = "2027-01"
"""End of the months that are run: the last published figures are of 2026."""
MEMBERS = 100
NOTES = (
    "Inside the data: the plan of what happened. It goes through weekly users, tokens of the API and annualised "
    "revenue, and states its fleet: errors of these say nothing and count apart. Its members agree on them, so that "
    "their range is empty. Spend follows from the fleet and goes through nothing.",
    "A year ahead: the announcement's plan with what was public at each origin. Its fleet, its workloads' growth and "
    "the ceiling of users (2.6 billion, reported in November 2025) came later: hindsight, which flatters the first "
    "origins. What rests on a level that was not public yet is shown and not counted.",
    "Origins overlap: a figure counts once for each origin whose year it lies in, so that errors of one quantity "
    "are not independent.",
    "Published figures are company statements ('more than') and press reports, many read at second hand. Where several "
    "differ on one date the median is compared, and the table gives the lowest and the highest.",
    "No total of the lab's power was published after the end of 2025.",
)


@dataclass(frozen=True, slots=True, repr=False)
class Summary(Brief):
    """Errors over some points."""

    name: str
    points: int
    median_abs_error: float
    bias: float
    """Median of predicted over published, less one."""
    inside: int
    """Points whose published figure lies in the range of 80 % of the futures."""

    def brief_line(self) -> str:
        """Return the median error and the coverage."""
        return f"{self.points} points: median error {error_text(self.median_abs_error)}, {self.inside} in the range"


@dataclass(frozen=True, slots=True, repr=False)
class HistoryValidation(Brief):
    """Published figures next to plans' ones: inside the data, a year ahead, in the fan, and those left out."""

    inside: tuple[Point, ...]
    ahead: tuple[Point, ...]
    fan: tuple[Point, ...]
    left_out: tuple[LeftOut, ...]
    hindsight: dict[str, int]
    """Facts later than each origin that its run reads."""
    notes: tuple[str, ...] = NOTES
    JSON_ALSO: ClassVar[tuple[str, ...]] = ("summary", "reasons")

    @property
    def summary(self) -> tuple[Summary, ...]:
        """Return the errors by quantity and in total, inside the data and a year ahead."""
        through = [p for p in self.inside if p.given]
        return Items(
            [
                *_summaries("inside the data", [p for p in self.inside if not p.given]),
                *([_summary("inside the data: given", through)] if through else []),
                *_summaries("a year ahead", [p for p in self.ahead if not p.hindsight]),
            ]
        )

    @property
    def reasons(self) -> dict[str, int]:
        """Return how many published figures are left out, by reason."""
        return dict(Counter(row.reason for row in self.left_out).most_common())

    def brief_rows(self) -> BriefRows:
        """Return errors by quantity, and where the latest figures fell."""
        totals = [s for s in self.summary if s.name.endswith(": all")]
        for one in [*totals, *(s for s in self.summary if s not in totals)]:
            yield one.name, one.brief_line()


def validate_history(
    table: Path | None = None,
    progress: Progress | None = None,
    members: int = MEMBERS,
    origins: Sequence[dt.date] = ORIGINS,
) -> HistoryValidation:
    """Return published figures next to those of plans.

    Parameters
    ----------
    table
        A table with the columns of the published figures; those that come with gigaplan if left out.
    progress
        Called with (runs done, runs, the next one); False cancels.
    members
        Futures of each run.
    origins
        Days whose facts predict the year after them.

    Raises
    ------
    PlanError
        If the table can't be read or lacks columns, with every cell that can't be read.
    """
    rows = published().rows if table is None else read(table)
    begin = staged(progress, len(origins) + 2)
    begin("what happened")
    whole = compare(_run(ACTUAL, members), rows)
    ahead: list[Point] = []
    hindsight: dict[str, int] = {}
    for origin in origins:
        begin(f"facts of {origin}")
        found = _run(ANNOUNCED, members, origin)
        hindsight[str(origin)] = len(found.ledger.hindsight())
        ahead += compare(found, _year_after(rows, origin), origin).points
    begin("the fan")
    then = _run(ANNOUNCED, members, ANNOUNCEMENT)
    fan = _latest(then, compare(then, [r for r in rows if r.date > ANNOUNCEMENT], ANNOUNCEMENT).points)
    return HistoryValidation(whole.points, tuple(ahead), fan, whole.left_out, hindsight)


def read(path: Path) -> tuple[Published, ...]:
    """Return the published figures of a table.

    Parameters
    ----------
    path
        The table.

    Raises
    ------
    PlanError
        If it can't be read or lacks columns, with every cell that can't be read.
    """
    columns, rows = read_table(path)
    if missing := [name for name in NEEDED if name not in columns]:
        remedy = f"give a table with the columns {', '.join(NEEDED)}"
        raise PlanError(
            [Problem("columns are missing", Place(str(path), 1, 1), value=", ".join(missing), remedy=remedy)]
        )
    return rows_of(rows, str(path))


def _run(name: str, members: int, until: dt.date | None = None) -> Result:
    """Return the run of a built-in plan over the months with published figures, with the facts of a day."""
    changes = [f"uncertainty.members={members}", f"horizon.end={END}"]
    if until is not None:
        changes += [f"known_until={until}", "hindsight=true"]
    loaded: Plan = plan.load(name, changes)
    return simulate_in_parts(plan.resolve(loaded), partial(plan.resolve, loaded), "summary")


def _year_after(rows: Iterable[Published], origin: dt.date) -> list[Published]:
    """Return the figures of the year after a day, which were not known on it."""
    return [r for r in rows if origin < r.date <= origin + YEAR and r.known_since > origin]


def _latest(result: Result, points: Iterable[Point]) -> tuple[Point, ...]:
    """Return the latest point of each quantity, and of the rent of each of the plan's generations."""
    found: dict[tuple[str, str], Point] = {}
    for point in sorted(points, key=lambda p: p.date):
        system = point.entity.partition(",")[0] if point.name == RENT_NAME else ""
        if not system or system in result.labels["generation"]:
            found[point.name, system] = point
    return tuple(found[key] for key in sorted(found))


def _summaries(when: str, points: Sequence[Point]) -> list[Summary]:
    names = list(dict.fromkeys(p.name for p in points))
    groups = [(f"{when}: {name}", [p for p in points if p.name == name]) for name in names]
    return [_summary(name, some) for name, some in [*groups, (f"{when}: all", points)] if some]


def _summary(name: str, points: Sequence[Point]) -> Summary:
    errors = np.array([p.error for p in points])
    return Summary(
        name,
        len(points),
        float(np.median(np.abs(errors))),
        float(np.median(errors)),
        sum(p.inside for p in points),
    )
