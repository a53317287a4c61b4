"""Verbs of plans: run, check, compare, the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gigaplan import catalog as facts
from gigaplan import plan as plans
from gigaplan.claims import evaluate, unjudged
from gigaplan.claims import read as read_claims
from gigaplan.plan.claims import ClaimSet
from gigaplan.plan.json_schema import json_schema
from gigaplan.results import store
from gigaplan.results.result import Result
from gigaplan.results.verdicts import WEAKEST, Verdict
from gigaplan.simulate.keep import Keep
from gigaplan.simulate.parts import simulate_in_parts
from gigaplan.study.compare import Comparison
from gigaplan.study.compare import compare as compare_results
from gigaplan.study.unused import UnusedLines, unused_lines
from gigaplan.vocabulary.errors import (
    MOST_NEAR,
    InputError,
    Place,
    PlanError,
    Problem,
    allowed_names,
    nearest_names,
    nearest_text,
)
from gigaplan.vocabulary.progress import Progress, report
from gigaplan.vocabulary.show import BriefRows, as_table, as_text, drawn

Changes = Mapping[str, object] | Sequence[str]
"""``{"training.mfu_share": "35 %"}`` or ``["training.mfu_share=35 %"]``."""


class CheckedPlan(NamedTuple):
    """A plan's result with its claims, and whether none of them fails on every basis."""

    result: Result
    holds: bool

    def __repr__(self) -> str:
        return as_text(*self._shown())

    def _repr_html_(self) -> str:
        return drawn(self) or as_table(*self._shown())

    def _shown(self) -> tuple[str, BriefRows]:
        """Return the plan, and the claims by verdict."""
        claims = self.result.claims
        rows = ((verdict, ", ".join(c.id for c in claims if c.verdict == verdict)) for verdict in reversed(WEAKEST))
        holds = "no claim fails on every basis" if self.holds else "some claims do not hold"
        return f"{self.result.stamp.plan}: {holds if claims else 'no claims'}", [(str(v), ids) for v, ids in rows]


def run(
    plan: str | Path,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
    *,
    keep: Keep = "summary",
) -> Result:
    """Simulate a plan.

    Parameters
    ----------
    plan : str or Path
        A built-in plan's name or a YAML file.
    changes : mapping or sequence of str
        ``{"training.mfu_share": "35 %"}`` or ``["training.mfu_share=35 %"]``; applied last.
    overlays : sequence of str or Path
        YAML files applied to the plan in turn, each with a header ``overlay: {who, why, from}``.
    progress : callable, optional
        Called with (stages done, stages, the next stage); False cancels.
    keep : str or collection of str
        Which hourly quantities the result holds for every member: ``all``, ``summary`` (the facility's power alone), or
        their names.

    Raises
    ------
    PlanError
        With every problem of the plan at once.
    Cancelled
        If ``progress`` returns False.
    """
    return run_sources(sources_given(plan, changes, overlays), progress, keep)


def sources_given(plan: str | Path, changes: Changes = (), overlays: Sequence[str | Path] = ()) -> plans.Sources:
    """Return the text of a plan, its overlays and its changes; see :func:`run`."""
    return plans.sources_of(plan, changes_of(changes), overlays)


def run_sources(
    sources: plans.Sources, progress: Progress | None = None, keep: Keep = "summary", *, claims: bool = True
) -> Result:
    """Simulate a plan from its sources, as a saved result holds them; see :func:`run` for what raises.

    Parameters
    ----------
    sources : Sources
        The plan's text, overlays and changes.
    progress, keep
        As in :func:`run`.
    claims : bool
        Whether its claims are judged; else they stand in the result as what can't be determined.
    """
    simulated = simulate_sources(sources, progress, keep)
    return simulated.judged(simulated.result) if claims else simulated.result


class Simulated(NamedTuple):
    """A plan's result whose claims stand as what can't be determined, and what judges them."""

    result: Result
    loaded: plans.Plan
    claims: tuple[ClaimSet, ...]

    def judged(self, result: Result) -> Result:
        """Return the result with its claims judged; PlanError where one names what isn't there."""
        try:
            return result.with_claims(evaluate(result, self.loaded.catalog, self.claims))
        except InputError as error:
            raise plans.placed(error, self.loaded) from None


def simulate_sources(sources: plans.Sources, progress: Progress | None = None, keep: Keep = "summary") -> Simulated:
    """Simulate a plan from its sources, its claims not yet judged; see :func:`run` for what raises."""
    return _simulated(plans.load_sources(sources), progress, keep)


def _simulated(loaded: plans.Plan, progress: Progress | None, keep: Keep = "summary") -> Simulated:
    try:
        scenario = plans.resolve(loaded)
        result = simulate_in_parts(scenario, partial(plans.resolve, loaded), keep, progress)
        result = replace(result, sources=loaded.sources).with_claims(unjudged(scenario.claims))
        return Simulated(result, loaded, scenario.claims)
    except InputError as error:
        raise plans.placed(error, loaded) from None


def changes_of(changes: Changes) -> list[str]:
    """Return changes as ``path=value`` each."""
    return [f"{k}={v}" for k, v in changes.items()] if isinstance(changes, Mapping) else list(changes)


def schema(*, overlay: bool = False) -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a plan, or of an overlay, for editors."""
    return json_schema(overlay=overlay)


def check(
    plan: str | Path,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
    *,
    claims: Sequence[str | Path] = (),
) -> CheckedPlan:
    """Simulate a plan and return whether none of its claims fails on every basis.

    Parameters
    ----------
    plan, changes, overlays, progress
        As in :func:`run`, whose errors this raises too.
    claims : sequence of str or Path
        Sets of claims to check instead of the plan's own: YAML files, or names of shipped sets.

    Returns
    -------
    CheckedPlan
        The result with the verdicts of the central future, which decide, and in how many futures each claim holds.
    """
    loaded = plans.load_sources(plans.sources_of(plan, changes_of(changes), overlays))
    with facts.using(loaded.catalog):  # claims may name the plan's own systems and regions
        sets = [read_claims(name) for name in claims]
    simulated = _simulated(loaded, progress)
    result = simulated._replace(claims=tuple(sets) or simulated.claims).judged(simulated.result)
    return CheckedPlan(result, all(c.verdict != Verdict.FAILS for c in result.claims))


def unused(
    plan: str | Path,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
) -> UnusedLines:
    """Change each line that a plan states once, and return those that change no quantity and no verdict.

    Parameters
    ----------
    plan, changes, overlays
        As in :func:`run`.
    progress : callable, optional
        Called with (lines done, lines, the next one); False cancels.

    Returns
    -------
    UnusedLines
        The lines without effect, each with its reason where that can be known, and those that can't be changed alone.

    Raises
    ------
    PlanError
        With every problem of the plan at once.
    Cancelled
        If ``progress`` returns False.
    """
    sources = plans.sources_of(plan, changes_of(changes), overlays)
    loaded = plans.load_sources(sources)
    try:
        return unused_lines(sources, progress)
    except InputError as error:
        raise plans.placed(error, loaded) from None


def compare(
    a: Result | str | Path,
    b: Result | str | Path | None = None,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
) -> Comparison:
    """Compare two plans or results: what differs, by what matters, and which inputs make the difference.

    Parameters
    ----------
    a, b : Result, str or Path
        A result, a saved result's folder, or a plan by name or path; without ``b``, A itself.
    changes, overlays
        As in :func:`run`, applied to B, which must then be a plan.
    progress : callable, optional
        Called with (runs done, runs, what comes next) before each run; False cancels.

    Raises
    ------
    PlanError
        If one is neither plan nor result, or the two share no month.
    """
    other = a if b is None else b
    if (changes or overlays) and (isinstance(other, Result) or _is_saved(other)):
        name = other.stamp.plan if isinstance(other, Result) else str(other)
        remedy = "give B as a plan, or leave --set and --with out"
        raise PlanError([Problem("a saved result can't be changed", Place(name), remedy=remedy)])
    report(progress, 0, 1, "both plans")
    first = result_of(a)
    second = other if isinstance(other, Result) else result_of(other, changes, overlays)
    try:
        return compare_results(first, second, progress)
    except InputError as error:
        raise PlanError([Problem(str(error), Place("compare"))]) from None


def _is_saved(given: str | Path) -> bool:
    return Path(given).is_dir() and not plans.builtin_name(given)


def result_of(given: Result | str | Path, changes: Changes = (), overlays: Sequence[str | Path] = ()) -> Result:
    """Return a result: given, saved in a folder, or of a plan."""
    if isinstance(given, Result):
        return given
    if _is_saved(given):
        return store.load(Path(given))
    name = str(given)
    if not plans.builtin_name(name) and not Path(name).exists():
        raise PlanError([_neither(name)])
    return run(given, changes, overlays)


def _neither(name: str) -> Problem:
    """Return the problem of a name that is neither a plan's nor that of a folder with a saved result."""
    folder = Path(name).parent if "/" in name else Path("gigaplan-results")
    saved = sorted(str(p.parent) for p in folder.glob("*/result.json"))
    names = plans.builtin_names()
    near = nearest_text(name, (*names, *saved, *(Path(p).name for p in saved)))
    results = nearest_names(name, saved, MOST_NEAR) or saved[:MOST_NEAR]
    shown = f"a saved result ({', '.join(results)})" if results else "a folder with a saved result"
    return Problem(
        "no such plan or saved result",
        Place(name),
        allowed=f"{allowed_names(names)}, a YAML file's path, or {shown}",
        nearest=near,
        remedy="check the spelling; 'gigaplan run' writes results into gigaplan-results/",
    )
