"""Verbs of studies: many futures of a plan, what decides it, a grid of plans, two plans or several rules together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from gigaplan import plan as plans
from gigaplan.api.arguments import Fields
from gigaplan.api.plans import Changes, changes_of
from gigaplan.api.requests import read
from gigaplan.study import montecarlo, pairs, sensitivity, sweep
from gigaplan.study.day.answer import DayRun
from gigaplan.study.day.job import DayJob
from gigaplan.study.day.run import serve_plan_day
from gigaplan.study.request import StudyRequest
from gigaplan.study.rules import RuleComparison
from gigaplan.study.rules import compare_rules as by_rules
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.files import write_text
from gigaplan.vocabulary.files.kinds import PAGE
from gigaplan.vocabulary.progress import Progress

PAGE_NAME = "report.html"
"""The page in the folder of a study."""
S = TypeVar("S", montecarlo.MonteCarlo, sensitivity.Sensitivity, sweep.Sweep, pairs.Paired)


def compare_rules(
    plan: str | Path,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
    *,
    rules: Sequence[str] = (),
    year: int | None = None,
) -> RuleComparison:
    """Return whose demand is served in a year of a plan by several rules of allocation, and by the optimum.

    Parameters
    ----------
    plan, changes, overlays
        As in :func:`run`.
    progress : callable, optional
        Called with (steps done, steps, what comes next); False cancels.
    rules : sequence of str
        Rules as ``market.allocation`` states them (default: all).
    year : int, optional
        A calendar year of the plan (default: the one in which the least of demand is served).

    Returns
    -------
    RuleComparison
        Served shares, value and revenue by rule; the most value that the same GPUs could serve, and what an hour of
        each system's GPUs would then bring.

    Raises
    ------
    PlanError
        With every problem of the plan at once, or if a rule or the year isn't known.
    Cancelled
        If ``progress`` returns False.
    """
    return by_rules(plans.sources_of(plan, changes_of(changes), overlays), rules, year, progress)


def study_montecarlo(
    plan: str | Path,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
    *,
    request: StudyRequest | None = None,
    **options: Annotated[Any, Fields(StudyRequest)],
) -> montecarlo.MonteCarlo:
    """Compute many futures of a plan: every headline with its range, how sure it is, and main quantities over time.

    The study is a folder. One that was stopped, or that is to have more members, goes on where it is.

    Parameters
    ----------
    plan, changes, overlays
        As in :func:`run`.
    progress : callable, optional
        Called with (members done, members, what comes next); False cancels, and the folder can go on.
    request
        All options at once, instead of ``options``.
    **options
        Fields of :class:`StudyRequest`: ``members=10_000``, ``seed=1``, ``out="mine"``, ``on="ray"``, ``workers=4``.

    Returns
    -------
    MonteCarlo
        The headlines and fans, also as ``frame()`` and ``to_json()``.

    Raises
    ------
    PlanError
        With every problem of the plan or of the options, or if the folder holds something else.
    MachineError
        If the folder can't be written or another process works on it.
    Cancelled
        If ``progress`` returns False.
    """
    request = request or read(StudyRequest, options, "study montecarlo")
    loaded = plans.load(plan, changes_of(changes), overlays)
    try:
        answer = montecarlo.run(loaded, request, progress)
    except InputError as error:
        raise plans.placed(error, loaded) from None
    from gigaplan.report import study_page

    return _with_page(answer, study_page.html)


def _with_page(answer: S, html: Callable[[S], str]) -> S:
    """Write the page of a study into its folder; return the study."""
    write_text(Path(answer.folder) / PAGE_NAME, html(answer), PAGE)
    return answer


def study_sensitivity(
    plan: str | Path,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
    *,
    request: sensitivity.SensitivityRequest | None = None,
    **options: Annotated[Any, Fields(sensitivity.SensitivityRequest)],
) -> sensitivity.Sensitivity:
    """Find which assumptions decide a plan, and what knowing one of them better is worth.

    Parameters
    ----------
    plan, changes, overlays, progress
        As in :func:`study_montecarlo`, whose errors this raises too.
    request
        All options at once, instead of ``options``.
    **options
        Fields of :class:`SensitivityRequest`: ``method="sobol"``, ``inputs=40``, ``members=40_000``, and those of
        :func:`study_montecarlo`.

    Returns
    -------
    Sensitivity
        The inputs that decide most, and the effects on each headline, also as ``frame()`` and ``to_json()``.

    Raises
    ------
    MachineError
        If the method is Morris' and SALib isn't installed.
    """
    request = request or read(sensitivity.SensitivityRequest, options, "study sensitivity")
    loaded = plans.load(plan, changes_of(changes), overlays)
    try:
        answer = sensitivity.run(loaded, request, progress)
    except InputError as error:
        raise plans.placed(error, loaded) from None
    from gigaplan.report import deciding_page

    return _with_page(answer, deciding_page.html)


def study_sweep(
    plan: str | Path,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
    *,
    request: sweep.SweepRequest | None = None,
    **options: Annotated[Any, Fields(sweep.SweepRequest)],
) -> sweep.Sweep:
    """Compute a grid of plans: every combination of some values of the plan's lines, each with its headlines.

    Parameters
    ----------
    plan, changes, overlays, progress
        As in :func:`study_montecarlo`, whose errors this raises too; unknown paths and impossible values are refused
        before anything runs.
    request
        All options at once, instead of ``options``.
    **options
        Fields of :class:`SweepRequest`: ``over=["training.mfu_share=30 %, 35 %"]``, ``zip=True``, and those of
        :func:`study_montecarlo`.

    Returns
    -------
    Sweep
        The points, and one row per point and headline, also as ``frame()`` and ``to_json()``.
    """
    request = request or read(sweep.SweepRequest, options, "study sweep")
    loaded = plans.load(plan, changes_of(changes), overlays)
    try:
        answer = sweep.run(loaded, request, progress)
    except InputError as error:
        raise plans.placed(error, loaded) from None
    from gigaplan.report import sweep_page

    return _with_page(answer, sweep_page.html)


def study_compare(
    a: str | Path,
    b: str | Path | None = None,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
    *,
    request: StudyRequest | None = None,
    **options: Annotated[Any, Fields(StudyRequest)],
) -> pairs.Paired:
    """Compute two plans over the same futures: how each headline differs in each of them.

    Parameters
    ----------
    a, b : str or Path
        Plans by name or path; without ``b``, A itself with the changes.
    changes, overlays
        As in :func:`run`, applied to B.
    progress : callable, optional
        As in :func:`study_montecarlo`, whose errors this raises too.
    request, **options
        As in :func:`study_montecarlo`.

    Returns
    -------
    Paired
        The headlines of both with the ranges of their differences, also as ``to_json()``.

    Raises
    ------
    PlanError
        If the two share no month.
    """
    request = request or read(StudyRequest, options, "study compare")
    one, two = plans.load(a), plans.load(a if b is None else b, changes_of(changes), overlays)
    try:
        answer = pairs.run(one, two, request, progress)
    except InputError as error:
        raise plans.placed(error, two) from None
    from gigaplan.report import pairs_page

    return _with_page(answer, pairs_page.html)


def serve_day(
    plan: DayJob | str | Path,
    day: str = "",
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
    **options: Annotated[Any, Fields(DayJob)],
) -> DayRun:
    """Serve every request of a plan's day, one by one, on the replicas of its whole fleet.

    Parts that are done are kept in a folder; the same call goes on with one that was stopped.

    Parameters
    ----------
    plan : str or path
        A built-in plan's name or a YAML file. Or a :class:`DayJob` alone.
    day : str
        A day of its horizon, as ``2026-11-20``.
    changes, overlays
        As in :func:`run`.
    progress : callable, optional
        Called with (requests done, requests, what comes next); False cancels.
    **options
        Fields of :class:`DayJob`: ``workload=["chat"]``, ``part="10 %"``, ``fail=["Abilene@18:00"]``.

    Raises
    ------
    PlanError
        With every impossible number at once, or if the plan is wrong or has no such day.
    MachineError
        If the folder can't be written, or parts can't be computed.
    Cancelled
        If ``progress`` returns False; what is done is kept.
    """
    job = plan if isinstance(plan, DayJob) else read(DayJob, {"plan": str(plan), "day": day, **options}, "serve")
    return serve_plan_day(job, changes_of(changes), overlays, progress)
