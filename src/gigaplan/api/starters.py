"""A starter plan whose demand fits its fleet: what its model serves there is simulated before the file is written."""

from __future__ import annotations

import numpy as np

from gigaplan import plan as plans
from gigaplan.plan.sources import Sources
from gigaplan.plan.starter import Requested, Start, starter
from gigaplan.results.result import Result
from gigaplan.simulate.engine import simulate
from gigaplan.vocabulary.time import HOURS, MONTHS_PER_YEAR

CHAT_SHARE, QUEUE_SHARE = 0.5, 0.3
"""Shares of the last year's GPU-hours that the starter's two workloads request: chat fits at its daily peak, the queue
fills the other hours, and a fifth is left for futures in which it takes more."""
TIMES_RENT = 2.0
"""What is paid for a request at first, over what its GPU-hours rent for: between a cloud and the largest service, whose
hours bring one to three times their rent."""


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
