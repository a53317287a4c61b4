"""Verbs of studies: many runs of a plan."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import App, Parameter

from gigaplan.cli.base import OUTPUT, STOPPED, Json, Set, With, app, print_json, progress, show, verb
from gigaplan.cli.completion import Plan, plan_names
from gigaplan.cli.options import Given, flattened
from gigaplan.cli.streams import line

study_app = App(
    name="study",
    help="Run a plan many times: its futures, what decides it, a grid of plans, two plans side by side.",
    help_epilogue="Example: gigaplan study montecarlo announced-2025-09 --members 10000",
)
app.command(study_app)


Rows = Annotated[int, Parameter(group=OUTPUT, help="Figures shown in the terminal (JSON has them all).")]


@verb(study_app, "montecarlo", "study montecarlo announced-2025-09 --members 10000")
@flattened(request="gigaplan.study.request:StudyRequest")
def montecarlo(
    plan: Plan, /, *, request: Given, set: Set = None, with_: With = None, rows: Rows = 15, json: Json = False
) -> int:
    """Compute many futures of a plan: every headline with its range and how sure that is.

    A study is a folder: the same command goes on with one that was stopped, and adds members. Exit 3 if members are
    missing.

    Parameters
    ----------
    plan
        A built-in plan's name or a YAML file.
    """
    from gigaplan import api
    from gigaplan.report import study_view

    with stoppable(), progress("futures:") as bar:
        answer = api.study_montecarlo(plan, set or [], with_ or [], bar, **request)
    if json:
        print_json(answer)
    else:
        show(study_view.montecarlo(answer, rows))
    return code_of(answer)


@verb(study_app, "sensitivity", "study sensitivity announced-2025-09 --method sobol --inputs 10 --of revenue")
@flattened(request="gigaplan.study.sensitivity:SensitivityRequest")
def sensitivity(
    plan: Plan,
    /,
    *,
    request: Given,
    set: Set = None,
    with_: With = None,
    rows: Rows = 10,
    json: Json = False,
) -> int:
    """Find which assumptions decide a plan, and what knowing one of them better is worth.

    Parameters
    ----------
    plan
        A built-in plan's name or a YAML file.
    """
    from gigaplan import api
    from gigaplan.report import study_view

    with stoppable(), progress("members:") as bar:
        answer = api.study_sensitivity(plan, set or [], with_ or [], bar, **request)
    if json:
        print_json(answer)
    else:
        show(study_view.sensitivity(answer, rows, request.get("of", "")))
    return code_of(answer)


@verb(study_app, "sweep", "study sweep lab-1mw --over 'demand.workloads.chat.output_tokens=200, 400, 800'")
@flattened(request="gigaplan.study.sweep:SweepRequest")
def sweep(
    plan: Plan, /, *, request: Given, set: Set = None, with_: With = None, rows: Rows = 30, json: Json = False
) -> int:
    """Compute a grid of plans: every combination of some values, each with its headlines.

    sweep.csv in the study's folder has one row per plan and headline.

    Parameters
    ----------
    plan
        A built-in plan's name or a YAML file.
    """
    from gigaplan import api
    from gigaplan.report import study_view

    with stoppable(), progress("plans:") as bar:
        answer = api.study_sweep(plan, set or [], with_ or [], bar, **request)
    if json:
        print_json(answer)
    else:
        show(study_view.sweep(answer, rows))
    return code_of(answer)


@verb(study_app, "compare", "study compare announced-2025-09 actual-2026-11 --members 1000")
@flattened(request="gigaplan.study.request:StudyRequest")
def compare(
    a: Plan,
    b: Annotated[str | None, Parameter(completer=plan_names)] = None,
    /,
    *,
    request: Given,
    set: Set = None,
    with_: With = None,
    rows: Rows = 15,
    json: Json = False,
) -> int:
    """Compute two plans over the same futures: each headline's difference has a range of its own.

    Parameters
    ----------
    a
        A plan's name or a YAML file.
    b
        The other one; left out, A with the changes of --set and --with, which apply to B.
    """
    from gigaplan import api
    from gigaplan.report import study_view

    with stoppable(), progress("futures:") as bar:
        answer = api.study_compare(a, b, set or [], with_ or [], bar, **request)
    if json:
        print_json(answer)
    else:
        show(study_view.compare(answer, rows))
    return code_of(answer)


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Say after Ctrl-C that the study can go on."""
    try:
        yield
    except KeyboardInterrupt:
        line("what is done is kept; the same command goes on", stderr=True)
        raise


def code_of(answer: Any) -> int:
    """Return the exit code of a study: 3 where members are missing."""
    return STOPPED if answer.failures else 0
