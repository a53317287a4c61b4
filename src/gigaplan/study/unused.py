"""Which lines of a plan change nothing: each is changed once, and all quantities and verdicts are compared.

A line may say nothing because no input takes it, because what it is of plays no part, or because a limit doesn't bind.
Its reason is given where it can be known. Runs are those of the central member, on representative days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gigaplan import plan as plans
from gigaplan.claims import evaluate
from gigaplan.plan import Plan
from gigaplan.plan.document import Node
from gigaplan.plan.homes import homes_of
from gigaplan.plan.load import checked, load_sources
from gigaplan.results.involved import shares_at
from gigaplan.results.result import Result
from gigaplan.simulate.engine import simulate
from gigaplan.simulate.rate_cache import unkept_rates
from gigaplan.study.nudge import STEP, Line, Path, lines_of
from gigaplan.vocabulary.errors import InputError, LawError, PlanError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress, report
from gigaplan.vocabulary.show import Brief, BriefRows

CENTRAL = ("uncertainty.members=1", "horizon.resolution=representative")
"""Changes of every plan that is tried."""
ALIKE = 1e-12
"""Relative difference below which two numbers are the same: what the order of a sum leaves."""
NOT_TRIED = "there is nothing to put in its place"
OF_NAMES = {
    "fleet.sites": ("site", "no rack of it produces within the horizon"),
    "fleet.systems": ("generation", "none of its racks stands within the horizon"),
    "finance.systems": ("generation", "none of its racks stands within the horizon"),
    "demand.workloads": ("workload", "it is given no GPU"),
}
"""What the third part of a path is a name of, and what is said where that plays no part."""


LADDER = ("fleet", "ladder")
OF_LIMITS = {"transformer": "transformers", "labour": "labour", "packaging": "packaging"}
"""How the names of a limit's lines begin, and its label."""
OF_CLAIMS = ("fleet.reference_generation", "announced.power")
"""Lines that only claims use."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UnusedLine(Brief):
    """A line that changes nothing, or that wasn't tried.

    Attributes
    ----------
    path, value : str
        The line.
    place : str
        File, line and column.
    because : str
        Why, where that can be known; empty otherwise.
    """

    path: str
    value: str
    place: str
    because: str

    def brief_line(self) -> str:
        """Return the line and why."""
        return f"{self.path}: {self.value}" + (f" (because {self.because})" if self.because else "")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UnusedLines(Brief):
    """Which lines of a plan change nothing.

    Attributes
    ----------
    plan : str
        The plan's name.
    tried : int
        Lines that were changed.
    unused : tuple of UnusedLine
        Those that change no quantity and no verdict.
    not_tried : tuple of UnusedLine
        Lines that can't be changed alone, and why.
    """

    plan: str
    tried: int
    unused: tuple[UnusedLine, ...]
    not_tried: tuple[UnusedLine, ...]

    @property
    def all_used(self) -> bool:
        """Return whether every line that was changed changes something."""
        return not self.unused

    def brief_title(self) -> str:
        """Return the verdict."""
        return f"{self.plan}: {len(self.unused)} of {self.tried} lines change nothing"

    def brief_rows(self) -> BriefRows:
        """Return the lines that change nothing."""
        yield from ((one.path, one.because or one.value) for one in self.unused)
        yield "not tried", f"{len(self.not_tried)}" if self.not_tried else ""


def unused_lines(sources: plans.Sources, progress: Progress | None = None) -> UnusedLines:
    """Change each line that a plan states, and return those that change nothing.

    Parameters
    ----------
    sources : Sources
        The plan, its overlays and its changes.
    progress : callable, optional
        Called with (lines done, lines, the next one); False cancels.

    Raises
    ------
    PlanError
        With every problem of the plan at once.
    Cancelled
        If ``progress`` returns False.
    """
    stated = load_sources(sources)
    with unkept_rates():
        trial = _Trial(load_sources(replace(sources, changes=(*sources.changes, *CENTRAL))))
        unused, left = list[UnusedLine](), list[UnusedLine]()
        lines = lines_of(stated.root)
        for done, line in enumerate(lines):
            report(progress, done, len(lines), ".".join(line.path))
            effect = trial.effect(line)
            if effect is not None:
                (unused if effect.unused else left).append(_unused(stated.root, line, effect.because))
        report(progress, len(lines), len(lines))
    tried = len(lines) - len(left)
    return UnusedLines(plan=stated.document.name, tried=tried, unused=tuple(unused), not_tried=tuple(left))


def _unused(root: Node, line: Line, because: str) -> UnusedLine:
    place = root.place(line.path)
    where = f"{place.file}:{place.line}:{place.column}"
    return UnusedLine(path=".".join(line.path), value=line.text, place=where, because=because)


@dataclass(frozen=True, slots=True)
class _Without:
    """A line without effect, or one that couldn't be changed."""

    because: str
    unused: bool


class _Trial:
    """A plan's central run, and those with one line changed."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.result = _run(plan)
        homes = homes_of(plan.document)
        self.read = {homes.stated(e.path, plan.root) for e in self.result.ledger.entries if e.fact is None}

    def effect(self, line: Line) -> _Without | None:
        """Return what is to be said of a line; None where it changes a quantity or a verdict."""
        refused = NOT_TRIED
        changed = False
        for node in line.nudged(self.plan.root):
            try:
                if self._differs(line.path, node):
                    return None
                changed = True
            except (PlanError, InputError, LawError, ValueError) as error:
                refused = f"it can't be changed alone: {_first_line(error)}"
        return _Without(self._reason(line), True) if changed else _Without(refused, False)

    def _differs(self, path: Path, node: Node) -> bool:
        other = _run(checked(self.plan.root.replaced(path, node), self.plan.sources))
        return _differ(self.result, other)

    def _reason(self, line: Line) -> str:
        """Return why a line changes nothing, empty where that isn't known."""
        found = self._of_nothing(line.path) or self._of_driver(line.path) or self._of_limit(line.path)
        if found:
            return found
        for name, node in line.far():
            try:
                if self._differs(line.path, node):
                    return f"it doesn't bind: {STEP:.0%} more or less changes nothing, {name} of it does"
            except (PlanError, InputError, LawError, ValueError):
                continue
        path = ".".join(line.path)
        if path in OF_CLAIMS:
            return "claims alone use it, and none of this plan's does"
        return "" if any(p == path or p.startswith(f"{path}.") for p in self.read) else "no input takes it in this plan"

    def _of_nothing(self, path: Path) -> str:
        """Return that what a line is of plays no part, empty where it plays one."""
        dim, words = OF_NAMES.get(".".join(path[:2]), ("", ""))
        if not dim or len(path) < 4 or path[2] not in self.result.labels.get(dim, ()):
            return ""
        quantity = self.result.variable("gpu_hours" if dim == "workload" else "racks_in_production")
        share = shares_at(self.result, quantity, {})[dim].get(path[2], 0.0)
        return "" if share > 0 else f"{path[2]} plays no part: {words}"

    def _of_limit(self, path: Path) -> str:
        """Return that a limit of the build-out binds in no month, empty where it does."""
        limit = next((name for word, name in OF_LIMITS.items() if path[:2] == LADDER and path[-1].startswith(word)), "")
        labels = self.result.labels["limit"]
        binds = limit and (self.result.central("binding_limit") == labels.index(limit)).any()
        return f"the limit '{limit}' binds in no month" if limit and not binds else ""

    def _of_driver(self, path: Path) -> str:
        """Return that a workload's line is of another driver than its own."""
        needs = {"reach_share": "users", "requests_per_user_day": "users", "requests_per_day": "own"}.get(path[-1])
        if path[:2] != ("demand", "workloads") or needs is None:
            return ""
        driver = self.plan.document.demand.workloads[path[2]].driver
        return "" if driver == needs else f"the workload's driver is '{driver}', which doesn't read it"


def _first_line(error: Exception) -> str:
    """Return what is wrong, without the place."""
    if isinstance(error, PlanError) and error.problems:
        return error.problems[0].message
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _run(plan: Plan) -> Result:
    scenario = plans.resolve(plan)
    result = simulate(scenario, "summary")
    return result.with_claims(evaluate(result, plan.catalog, scenario.claims))


def _differ(a: Result, b: Result) -> bool:
    """Return whether two results differ in a quantity, a label, the promised power, or a verdict or its figures."""
    if a.labels != b.labels or a.announced != b.announced or a.claims != b.claims:
        return True
    return any(_unlike(a[name], b[name]) for name in a.arrays)


def _unlike(a: Array, b: Array) -> bool:
    return a.shape != b.shape or not np.allclose(a, b, rtol=ALIKE, atol=0.0, equal_nan=True)
