"""A grid of plans: every combination of some values, or the values side by side, each with its headlines."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from gigaplan.plan import Plan, Sources, load_sources
from gigaplan.results.quantiles import FEWEST
from gigaplan.study.carry import Failure, carry_out
from gigaplan.study.design import Case, Design
from gigaplan.study.folder import opened
from gigaplan.study.inputs import begin
from gigaplan.study.montecarlo import Figure, failure_data, figures, plain
from gigaplan.study.request import StudyRequest, executor_of, folder_of, settings
from gigaplan.vocabulary.errors import MachineError, Place, PlanError, Problem
from gigaplan.vocabulary.files import Kind, write_text
from gigaplan.vocabulary.options import Option
from gigaplan.vocabulary.progress import Progress
from gigaplan.vocabulary.show import Brief, BriefRows
from gigaplan.vocabulary.visible import cell

if TYPE_CHECKING:
    import pandas

KIND = "sweep"
MOST_POINTS = 100_000
CHECKED_WHOLE = 100
"""Points up to which each is checked as a whole before anything runs; of more, each value alone."""
TABLE, TABLE_KIND = "sweep.csv", Kind("a table of a sweep", ("headline,unit,central,low,median,high",))
_NUMBER = r"[-+]?\$?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_RANGE = re.compile(
    rf"\s*(?P<first>{_NUMBER})\s*(?P<unit>[^\d.]*?)\s*\.\.\s*(?P<last>{_NUMBER})\s*(?P<unit2>[^\d]*?)"
    rf"\s+step\s+(?P<step>{_NUMBER})\s*(?P<unit3>\D*?)\s*",
    re.IGNORECASE,
)
HOW = "write 'path=1, 2, 3' or 'path=1..9 step 2'"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest(StudyRequest):
    """What a sweep goes over."""

    members: Annotated[int | None, Option(group="Study")] = None
    """Futures of each plan: 1 for central figures alone, 10 or more for ranges (default: the plan's, else 1)."""
    over: Annotated[tuple[str, ...], Option(group="Study")] = ()
    """Values of one line of the plan, as 'training.mfu_share=30 %, 35 %' or 'path=1..9 GW step 2 GW'. May be repeated:
    every combination is computed."""
    zip: Annotated[bool, Option(group="Study")] = False
    """Take the first values of all paths together, then the second ones, instead of every combination."""


@dataclass(frozen=True, slots=True, repr=False)
class Point(Brief):
    """One plan of a sweep, with its headlines."""

    values: Mapping[str, str]
    """Value by path."""
    headlines: tuple[Figure, ...]
    """None where it can't be computed."""

    def brief_line(self) -> str:
        """Return the values."""
        return ", ".join(f"{path}={value}" for path, value in self.values.items())


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sweep(Brief):
    """A grid of plans."""

    plan: str
    plan_hash: str
    seed: int
    members: int
    """Members of each point; of one there are central figures alone."""
    paths: tuple[str, ...]
    points: tuple[Point, ...]
    failures: tuple[Failure, ...] = ()
    folder: str = ""

    def brief_title(self) -> str:
        """Return what it goes over."""
        return f"{len(self.points):,} plans: {self.plan} over {', '.join(self.paths)}"

    def brief_rows(self) -> BriefRows:
        """Return the points."""
        yield from ((f"{k}", point.brief_line()) for k, point in enumerate(self.points[:7]))
        yield "...", f"{len(self.points) - 7} more" if len(self.points) > 7 else ""
        yield "kept in", self.folder

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per point and headline, as plain data: the values by path, the headline, its numbers."""
        ends = ("low", "median", "high")
        return [
            {
                **p.values,
                "headline": f.name,
                "unit": f.headline.unit,
                "central": plain(f.headline, f.headline.value),
                **{k: plain(f.headline, getattr(f.over, k)) if self.members >= FEWEST else None for k in ends},
            }
            for p in self.points
            for f in p.headlines
        ]

    def frame(self) -> pandas.DataFrame:
        """Return the rows as a DataFrame.

        Raises
        ------
        MachineError
            If pandas isn't installed.
        """
        try:
            import pandas
        except ImportError:
            raise MachineError("this needs pandas, which isn't installed: pip install pandas") from None
        return pandas.DataFrame(self.rows())

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain data, the same as ``--json`` prints."""
        return {
            "plan": self.plan,
            "plan_hash": self.plan_hash,
            "seed": self.seed,
            "members": self.members,
            "paths": list(self.paths),
            "points": len(self.points),
            "rows": self.rows(),
            "failures": [failure_data(f) for f in self.failures],
            "folder": self.folder,
        }


def run(plan: Plan, request: SweepRequest, progress: Progress | None = None) -> Sweep:
    """Compute a grid of plans, or those that its folder lacks.

    Parameters
    ----------
    plan : Plan
        The plan that all points change.
    request : SweepRequest
        What it goes over, and how it runs.
    progress : callable, optional
        Called with (members done, members in all, what comes next); False cancels.

    Raises
    ------
    PlanError
        With every unknown path and impossible value before anything runs; if the folder holds something else.
    MachineError
        If the folder can't be written, or another process works on it.
    Cancelled
        If ``progress`` returns False.
    """
    numbers = settings(plan, request, KIND, fewest=1, members=1)
    if 1 < numbers.members < FEWEST:
        place, remedy = Place(f"study {KIND}", path="members"), "give --members 1, for central figures, or 10 or more"
        raise PlanError([Problem("ranges need ten members at least", place, str(numbers.members), "", "", remedy)])
    axes = _axes(request, numbers.stated)
    points = list(_points(axes, together=request.zip or bool(numbers.stated.get("zip"))))
    cases = tuple(Case(_changed(plan, point), point) for point in points)
    _check(plan, axes, cases)
    design = Design(kind=KIND, plans=(plan.hash,), cases=cases, members=numbers.members, seed=numbers.seed, fans=False)
    with opened(folder_of(plan, request, KIND, numbers.seed), design) as folder:
        needed_bytes = begin(folder, plan)
        failures = carry_out(folder, executor_of(request, needed_bytes), progress)
        answer = Sweep(
            plan=plan.document.name,
            plan_hash=plan.hash,
            seed=numbers.seed,
            members=numbers.members,
            paths=tuple(axes),
            points=tuple(Point(dict(c.label), figures(folder, k)) for k, c in enumerate(cases)),
            failures=failures,
            folder=str(folder.path),
        )
        write_text(folder.path / TABLE, _csv(answer), TABLE_KIND)
        return answer


def _axes(request: SweepRequest, stated: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the values by path: the caller's, else the plan's; PlanError with all that is wrong."""
    problems: list[Problem] = []
    texts = [(text, *text.partition("=")) for text in request.over]
    found: dict[str, tuple[str, ...]] = {}
    for text, path, equals, values in texts:
        place = Place(f"--over {text}")
        if not equals or not path.strip():
            problems.append(Problem("a sweep has the form path=values", place, text, "", "", HOW))
        elif path.strip() in found:
            problems.append(
                Problem("this path is swept twice", place, path.strip(), "", "", "give all its values once")
            )
        else:
            found[path.strip()] = _read(values, place, problems)
    for path, values in stated.get("over", {}).items() if not texts else ():
        place = Place(path=f"study.over.{path}")
        found[path] = _read(values, place, problems) if isinstance(values, str) else tuple(map(_plain, values))
        if not found[path]:
            problems.append(Problem("there is no value", place, "", "", "", HOW))
    if not found and not problems:
        problems.append(
            Problem("nothing to go over", Place(f"study {KIND}", path="over"), "", "", "", f"--over: {HOW}")
        )
    if problems:
        raise PlanError(problems)
    return found


def _plain(value: object) -> str:
    """Return a value of a plan's list as a change writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(text: str, place: Place, problems: list[Problem]) -> tuple[str, ...]:
    """Return the values of a text, or none with what is wrong."""
    if ".." in text and (match := _RANGE.fullmatch(text)):
        return _steps(match, text, place, problems)
    if ".." in text and "step" in text:
        problems.append(Problem("not a range of values", place, text.strip(), "", "", HOW))
        return ()
    if re.fullmatch(r"\s*\d{1,3}(,\d{3})+\s*", text):
        message, remedy = "one number or several?", "write '100, 200' with spaces for several, 100200 for one"
        problems.append(Problem(message, place, text.strip(), "", "", remedy))
        return ()
    values = [v.strip() for v in _split(text)]
    if not all(values):
        problems.append(Problem("a value is missing", place, text.strip(), "", "", HOW))
    twice = sorted({v for v in values if values.count(v) > 1})
    if twice:
        problems.append(Problem("a value comes twice", place, ", ".join(twice), "", "", "give each once"))
    return tuple(values)


def _split(text: str) -> list[str]:
    """Return a text's parts between commas: those with a space after them, if there are such; none in brackets."""
    depth, parts = 0, [""]
    spaced = re.search(r",\s", text) is not None
    for k, letter in enumerate(text):
        depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and not depth and (not spaced or text[k + 1 : k + 2].isspace()):
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _steps(match: re.Match[str], text: str, place: Place, problems: list[Problem]) -> tuple[str, ...]:
    """Return the values from one number to another, both of them where the steps meet it."""
    units = {u.strip() for u in (match["unit"], match["unit2"], match["unit3"]) if u.strip()}
    first, last, step = (Decimal(match[n].replace("$", "")) for n in ("first", "last", "step"))
    wrong = (
        "its numbers have several units" if len(units) > 1 else "the step is zero" if not step else "low is above high"
    )
    if len(units) > 1 or not step or (last - first) * step < 0:
        problems.append(Problem(wrong, place, text.strip(), "", "", HOW))
        return ()
    count = int((last - first) / step) + 1
    if count > MOST_POINTS:
        problems.append(
            Problem(f"{count:,} values", place, text.strip(), f"up to {MOST_POINTS:,}", "", "a larger step")
        )
        return ()
    sign, unit = "$" if "$" in match["first"] else "", f" {units.pop()}" if units else ""
    return tuple(f"{sign}{first + k * step:f}{unit}" for k in range(count))


def _points(axes: Mapping[str, Sequence[str]], *, together: bool) -> Iterator[dict[str, str]]:
    """Yield the values by path of each point; PlanError if they are too many, or can't go together."""
    sizes = {path: len(values) for path, values in axes.items()}
    place = Place(f"study {KIND}", path="over")
    if together and len(set(sizes.values())) > 1:
        shown = ", ".join(f"{path}: {n}" for path, n in sizes.items())
        raise PlanError([Problem("--zip takes as many values of each path", place, shown, "", "", "add those missing")])
    count = 1
    for size in sizes.values() if not together else ():
        count *= size
    if count > MOST_POINTS:
        raise PlanError([Problem(f"{count:,} plans", place, "", f"up to {MOST_POINTS:,}", "", "take fewer values")])
    rows = zip(*axes.values(), strict=True) if together else itertools.product(*axes.values())
    for row in rows:
        yield dict(zip(axes, row, strict=True))


def _changed(plan: Plan, point: Mapping[str, str]) -> Sources:
    changes = (*plan.sources.changes, *(f"{path}={value}" for path, value in point.items()))
    return replace(plan.sources, changes=changes)


def _check(plan: Plan, axes: Mapping[str, Sequence[str]], cases: Sequence[Case]) -> None:
    """Raise PlanError with what is wrong with any value, and, of few points, with any of their combinations."""
    found: dict[tuple[str, ...], Problem] = {}
    for point in ({path: value} for path, values in axes.items() for value in values):
        found = _problems(_changed(plan, point), point) | found
    if not found and len(axes) > 1 and len(cases) <= CHECKED_WHOLE:
        for case in cases:
            found = _problems(case.sources, case.label) | found
    if found:
        raise PlanError(found.values())


def _problems(sources: Sources, point: Mapping[str, str]) -> dict[tuple[str, ...], Problem]:
    """Return what is wrong with a plan, once for all points that have the same fault, at the value that is swept."""
    try:
        load_sources(sources)
    except PlanError as error:
        places = {f"--set {path}={value}": f"--over {path}={value}" for path, value in point.items()}
        found = {(p.message, p.value, p.place.path): p for p in error.problems if p.severity == "error"}
        files = {p.place.file: places.get(p.place.file, p.place.file) for p in found.values()}
        return {k: replace(p, place=replace(p.place, file=files[p.place.file])) for k, p in found.items()}
    return {}


def _csv(answer: Sweep) -> str:
    out = io.StringIO()
    columns = (*answer.paths, "headline", "unit", "central", "low", "median", "high")
    table = csv.writer(out, lineterminator="\n")
    table.writerow([cell(c) for c in columns])
    for row in answer.rows():
        values = (row[c] for c in columns)
        table.writerow(["" if v is None else cell(v) if isinstance(v, str) else repr(v) for v in values])
    return out.getvalue()
