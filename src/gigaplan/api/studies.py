"""Verbs of studies: many futures of a plan, what decides it, a grid of plans, two plans side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from gigaplan import plan as plans
from gigaplan.api.arguments import Fields
from gigaplan.api.plans import Changes, pairs
from gigaplan.api.requests import read
from gigaplan.study import montecarlo
from gigaplan.study.request import Running
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.progress import Progress


def study_montecarlo(
    plan: str | Path,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
    **options: Annotated[Any, Fields(Running)],
) -> montecarlo.MonteCarlo:
    """Compute many futures of a plan: every headline with its range, how sure it is, and main quantities over time.

    The study is a folder. One that was stopped, or that is to have more members, goes on where it is.

    Parameters
    ----------
    plan, changes, overlays
        As in :func:`run`.
    progress : callable, optional
        Called with (members done, members, what comes next); False cancels, and the folder can go on.
    **options
        Fields of :class:`Running`: ``members=10_000``, ``seed=1``, ``out="mine"``, ``on="ray"``, ``workers=4``.

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
    running = read(Running, options, "study montecarlo")
    loaded = plans.load(plan, pairs(changes), overlays)
    try:
        return montecarlo.run(loaded, running, progress)
    except InputError as error:
        raise plans.placed(error, loaded) from None
