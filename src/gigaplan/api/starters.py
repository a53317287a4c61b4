"""The verb that writes a new plan.

A starter's demand fits its fleet: what its model serves there is simulated before the file is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from gigaplan import plan as plans
from gigaplan.api.arguments import Fields
from gigaplan.api.plans import Changes, changes_of
from gigaplan.api.requests import read
from gigaplan.plan.copies import copy_of
from gigaplan.plan.sources import Sources
from gigaplan.plan.starter import Requested, Start, starter
from gigaplan.plan.workbook import plan_text
from gigaplan.results.result import Result
from gigaplan.simulate.engine import simulate
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.files import command, named_file, write_text
from gigaplan.vocabulary.files.kinds import PLAN
from gigaplan.vocabulary.time import HOURS, MONTHS_PER_YEAR

CHAT_SHARE, QUEUE_SHARE = 0.5, 0.3
"""Shares of the last year's GPU-hours that the starter's two workloads request: chat fits at its daily peak, the queue
fills the other hours, and a fifth is left for futures in which it takes more."""
TIMES_RENT = 2.0
"""What is paid for a request at first, over what its GPU-hours rent for: between a cloud and the largest service, whose
hours bring one to three times their rent."""


def new(
    path: str | Path = "plan.yaml",
    request: Start | None = None,
    *,
    like: str | Path | None = None,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    from_xlsx: str | Path | None = None,
    force: bool = False,
    **options: Annotated[Any, Fields(Start)],
) -> Path:
    """Write a commented starter plan that runs at once, a copy of another plan, or the plan of a workbook with the
    values that were changed there; return its path.

    Parameters
    ----------
    path : str or Path
        File to write; an existing one stays unless ``force``.
    request : Start, optional
        Power, generation, model, region, start and name of the starter.
    like : str or Path, optional
        A plan to copy instead, by name or path, with ``changes`` and ``overlays`` applied to it.
    from_xlsx : str or Path, optional
        A workbook that ``export`` has written: its plan, with the values, low and high ends that were changed in its
        sheet of inputs; without any, its plan as it was.
    **options
        Fields of :class:`Start` instead of ``request``: ``power="40 MW it"``, ``region="ercot"``.

    Raises
    ------
    PlanError
        If the file exists, a name isn't known, or the plan to copy is wrong; with every cell of a workbook that can't
        be a line of the plan.
    MachineError
        If the file can't be written; nothing half-written stays.
    """
    path = named_file(path)
    if options:
        request = read(Start, {"name": path.stem, **options}, "new")
    if path.exists() and not force:
        remedy = "give another name, or --force to replace it"
        raise PlanError([Problem("this file exists already", Place(str(path)), remedy=remedy)])
    if from_xlsx is not None and (like is not None or request is not None or changes or overlays):
        remedy = "leave the rest out: change values in the workbook, or the plan that is written"
        raise PlanError([Problem("a plan is read from a workbook alone", Place(str(from_xlsx)), remedy=remedy)])
    if like is None and (changes or overlays):
        remedy = "name the plan to copy with --from"
        raise PlanError([Problem("changes and overlays need a plan to copy", Place(str(path)), remedy=remedy)])
    if like is not None and request is not None:
        remedy = "change the copy with --set, or leave --from out"
        raise PlanError([Problem("a copy has its own power and names", Place(str(path)), remedy=remedy)])
    with command(like, from_xlsx, *overlays):
        if from_xlsx is not None:
            text = plan_text(Path(from_xlsx), path.parent)
        elif like is not None:
            text = copy_of(plans.sources_of(like, changes_of(changes), overlays), path.parent)
        else:
            text = sized_starter(request or Start(name=path.stem))
        return write_text(path, text, PLAN)


def sized_starter(start: Start) -> str:
    """Return the text of a starter plan whose demand nearly fills its fleet in the last year.

    The plan is simulated once with little demand, which gives the GPU-hours that each workload takes for what it
    requests; GPU-hours are proportional to requests.

    Parameters
    ----------
    start : Start
        Power, generation, model, region, start and name.

    Raises
    ------
    PlanError
        As :func:`~gigaplan.plan.starter.starter` does.
    """
    little = Requested()
    text = starter(start, little)
    loaded = plans.load_sources(Sources("the starter plan", text, changes=("uncertainty.members=1",)))
    scenario = plans.resolve(loaded)
    result = simulate(scenario, "summary")
    serving = 1 - result["training_share"][0]
    free_gpu_h = float((result["gpus_available"][0].sum(axis=0) * serving * result.axis.hours)[-MONTHS_PER_YEAR:].sum())
    last = {w: float(_gpu_hours(result, w)[-MONTHS_PER_YEAR:].sum()) for w in result.labels["workload"]}
    if free_gpu_h == 0 or not all(last.values()):  # the system doesn't ship, or can't serve the model, by then
        return text
    rent_usd = float(np.ravel(scenario.finance.generations[0].rental_usd_per_gpu_h)[0])
    return starter(
        start,
        Requested(
            chats_per_day=little.chats_per_day * CHAT_SHARE * free_gpu_h / last["chat"],
            chat_usd=TIMES_RENT * rent_usd * _first_gpu_hours_per_request(result, "chat"),
            jobs_per_day=little.jobs_per_day * QUEUE_SHARE * free_gpu_h / last["science"],
            job_usd=TIMES_RENT * rent_usd * _first_gpu_hours_per_request(result, "science"),
        ),
    )


def _gpu_hours(result: Result, workload: str) -> np.ndarray:
    """Return a workload's GPU-hours by month."""
    return np.asarray(result["gpu_hours"][0, result.labels["workload"].index(workload)].sum(axis=0))


def _first_gpu_hours_per_request(result: Result, workload: str) -> float:
    """Return the GPU-hours of a request in the first month that serves one."""
    served = result["requests_served_per_day"][0, result.labels["workload"].index(workload)] * result.axis.hours / HOURS
    month = int((served > 0).argmax())
    return float(_gpu_hours(result, workload)[month] / served[month])
