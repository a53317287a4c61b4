"""Verbs of one layer: serving frontiers, a training run, a run over several sites, a site's supply of power."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from gigaplan.api.arguments import Fields
from gigaplan.api.plans import Changes, changes_of
from gigaplan.api.requests import FrontierRequest, named_texts, names_of, read, split
from gigaplan.layers.failures import FailureOptions
from gigaplan.layers.plan_sites import Central, central
from gigaplan.layers.plan_supply import PlanSupply
from gigaplan.layers.serve import serve_requests
from gigaplan.layers.serve_answer import ServeRun
from gigaplan.layers.serve_job import ServeJob
from gigaplan.layers.serving import Frontiers, ServingQuestion, frontiers
from gigaplan.layers.site_load import PlanLoad, load_of, plan_load
from gigaplan.layers.site_planned import connected_earlier, connected_later, one_more_megawatt, planned_site
from gigaplan.layers.site_supply import SiteSupply, SupplyJob, supply_site
from gigaplan.layers.site_supply_job import impossible
from gigaplan.layers.sites import SitesJob
from gigaplan.layers.swings import SwingsQuestion, SwingsRun
from gigaplan.layers.swings import swings as run_swings
from gigaplan.layers.training import TrainingJob, TrainRun
from gigaplan.layers.training import train as run_training
from gigaplan.layers.training_sites import SitesRun, train_at_sites
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.progress import Progress


def frontier(
    models: FrontierRequest | str | Iterable[str],
    systems: str | Iterable[str] = (),
    *,
    more: Iterable[tuple[str, str]] = (),
    question: ServingQuestion | None = None,
    progress: Progress | None = None,
    **options: Annotated[Any, Fields(ServingQuestion)],
) -> Frontiers:
    """Return the fastest and the cheapest ways to serve each model on each system, and all between.

    Parameters
    ----------
    models, systems : str or iterable of str
        Names of the catalog, several in a text with commas; every model is put on every system. Or a
        :class:`FrontierRequest` alone.
    more : iterable of (str, str)
        Further (model, system) pairs.
    question : ServingQuestion, optional
        The request, its limits and the software.
    progress : callable, optional
        Called with (pairs done, pairs, the next pair); False cancels.
    **options
        Fields of :class:`ServingQuestion` instead of ``question``: ``input_tokens=8192``, ``ttft_s="500 ms"``,
        ``overlays=["mine.yaml"]``, ``system_configs={"my_rack": {"like": "gb300_nvl72"}}``.

    Raises
    ------
    PlanError
        With every unknown name (the nearest known one is given) and every impossible number at once.
    Cancelled
        If ``progress`` returns False.
    """
    if isinstance(models, FrontierRequest):
        return frontiers(models.pairs, models.question, progress)
    question = question or read(ServingQuestion, _texts(options), "frontier")
    named = FrontierRequest(models=names_of(models), systems=names_of(systems), more=tuple(more), question=question)
    return frontiers(named.pairs, question, progress)


def train(
    model: TrainingJob | str,
    system: str = "",
    *,
    failures: bool | FailureOptions = False,
    progress: Progress | None = None,
    **options: Annotated[Any, Fields(TrainingJob)],
) -> TrainRun:
    """Return how a model trains on some GPUs of a system, in the layout given or in the fastest that fits.

    Parameters
    ----------
    model, system : str
        Names of the catalog. Or a :class:`TrainingJob` alone.
    failures : bool or FailureOptions
        Whether failures are simulated from launch to the last token, and how: checkpoint interval, spares, recovery.
    progress : callable, optional
        Called with (stages done, stages, what comes next); False cancels.
    **options
        Fields of :class:`TrainingJob`: ``gpus=16384``, ``tokens="15.6T"``, ``layout="tp8 pp16"``,
        ``overlays=["mine.yaml"]``, ``system_configs={"my_rack": "rack.yaml"}``.

    Raises
    ------
    PlanError
        With every unknown name, impossible number and rank that doesn't divide at once.
    Cancelled
        If ``progress`` returns False.
    """
    if isinstance(model, TrainingJob):
        return run_training(model, progress)
    recovery = (FailureOptions() if failures else None) if isinstance(failures, bool) else failures
    given = {"model": model, "system": system, "failures": recovery, **_texts(options)}
    return run_training(read(TrainingJob, given, "train"), progress)


def train_sites(
    model: SitesJob | str,
    system: str = "",
    *,
    progress: Progress | None = None,
    **options: Annotated[Any, Fields(TrainingJob, SitesJob)],
) -> SitesRun:
    """Return how several sites train one model together, by every method, and the largest run by a date.

    Parameters
    ----------
    model, system : str
        Names of the catalog. Or a :class:`SitesJob` alone.
    progress : callable, optional
        Called with (stages done, stages, what comes next); False cancels.
    **options
        Fields of :class:`SitesJob` and of its :class:`TrainingJob`: ``sites="a=50000,b=30000@2028-01"``,
        ``wan_bandwidth="10 Tbps"``, ``tokens="15.6T"``. ``gpus`` are shared evenly among sites without a number.

    Raises
    ------
    PlanError
        With every unknown name and impossible number at once.
    Cancelled
        If ``progress`` returns False.
    """
    if isinstance(model, SitesJob):
        return train_at_sites(model, progress)
    job, together = split({"model": model, "system": system, **_texts(options)}, TrainingJob, SitesJob)
    return train_at_sites(read(SitesJob, {**together, "run": job}, "train"), progress)


EVERY_SITE = "*"
"""Name that stands for all sites of a plan."""


def power_load(
    plan: str | Path,
    *,
    site: str | None = None,
    year: int | None = None,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
) -> PlanLoad:
    """Return what the sites of a plan draw, hour by hour in a year and by year, as a connection request states it.

    Parameters
    ----------
    plan : str or Path
        A built-in plan's name or a file.
    site : str, optional
        Name of one site; all of them where left out.
    year : int, optional
        Calendar year of the hours; the last one that the plan's horizon holds all of where left out.
    changes : mapping or sequence of str
        What is changed of the plan.
    overlays : sequence of str or Path
        YAML files applied to it.

    Raises
    ------
    PlanError
        If the plan is wrong, or has no such site or year.
    """
    return plan_load(plan, changes_of(changes), overlays, site=site, year=year)


def power_supply(
    region: SupplyJob | str,
    *,
    plan: str | Path | None = None,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
    **options: Annotated[Any, Fields(SupplyJob)],
) -> SiteSupply | PlanSupply:
    """Return the supply of least cost of a site over a year, hour by hour, and what one more megawatt of grid is worth.

    Parameters
    ----------
    region : str
        Region in whose market the site buys: ``ercot`` or ``pjm``; of a plan, the name of its site, or ``*`` for all
        that draw something, each alone. Or a :class:`SupplyJob` alone.
    plan : str or Path, optional
        A built-in plan's name or a file, whose site it is: it draws and has what the plan says.
    changes : mapping or sequence of str
        ``{"fleet.sites.Abilene.supply.grid.line.power_mw": "300 MW"}``, of the plan.
    overlays : sequence of str or Path
        YAML files applied to the plan.
    progress : callable, optional
        Called with (digits of agreement, digits needed, words); False cancels.
    **options
        Fields of :class:`SupplyJob`: ``load="1.2 GW"``, ``grid="500MW,700MW@2027-06"``, ``shiftable="15 %"``.

    Returns
    -------
    SiteSupply
        Of one site; a :class:`PlanSupply` of all of them.

    Raises
    ------
    PlanError
        With every unknown name and impossible number at once, or where the solver is not installed.
    Cancelled
        If ``progress`` returns False.
    """
    job = region if isinstance(region, SupplyJob) else read(SupplyJob, {"region": region, **options}, "power supply")
    if plan is None:
        return supply_site(job, progress)
    if problems := impossible(job, planned=True):
        raise PlanError(problems)
    of_plan = (plan, changes_of(changes), overlays)
    future = central(*of_plan)
    if job.region != EVERY_SITE:
        return _supply_of_plan(of_plan, future, job, progress)
    there = load_of(future, year=job.year)
    one_each = (replace(job, region=one.site) for one in there.sites)
    found = tuple(_supply_of_plan(of_plan, future, one, progress) for one in one_each)
    return PlanSupply(plan=there.plan, year=job.year, sites=found)


def _supply_of_plan(
    of_plan: tuple[str | Path, Sequence[str], Sequence[str | Path]],
    future: Central,
    job: SupplyJob,
    progress: Progress | None,
) -> SiteSupply:
    """Return the supply of a site of a plan, and what its connection earlier or later would change."""
    planned = planned_site(future, job.region, job)
    answer = supply_site(job, progress, planned)
    earlier, later, one_more = answer.earlier, answer.later, answer.one_more
    if job.earlier_h:
        earlier = connected_earlier(*of_plan, planned, job.earlier_h)
    if job.delay:
        later, one_more = connected_later(*of_plan, planned), one_more_megawatt(*of_plan, planned)
    return replace(answer, earlier=earlier, later=later, one_more=one_more)


def power_swings(
    model: SwingsQuestion | str,
    system: str = "",
    *,
    progress: Progress | None = None,
    **options: Annotated[Any, Fields(TrainingJob, SwingsQuestion)],
) -> SwingsRun:
    """Return a training site's load by the second: step cycle, checkpoint, start and fault, and what smooths it.

    Parameters
    ----------
    model, system : str
        Names of the catalog. Or a :class:`SwingsQuestion` alone.
    progress : callable, optional
        Called with (stages done, stages, what comes next); False cancels.
    **options
        Fields of :class:`SwingsQuestion` and of its :class:`TrainingJob`: ``gpus=16384``, ``floor="80 %"``,
        ``battery_mw=20``, ``battery_mwh=5``, ``ramp_limit_mw_per_s=1``.

    Raises
    ------
    PlanError
        With every unknown name and impossible number at once.
    Cancelled
        If ``progress`` returns False.
    """
    if isinstance(model, SwingsQuestion):
        return run_swings(model, progress)
    job, smoothing = split({"model": model, "system": system, **_texts(options)}, TrainingJob, SwingsQuestion)
    return run_swings(read(SwingsQuestion, {**smoothing, "run": job}, "power swings"), progress)


def serve(
    trace: ServeJob | str | Path,
    model: str = "",
    system: str = "",
    *,
    progress: Progress | None = None,
    **options: Annotated[Any, Fields(ServeJob, ServingQuestion)],
) -> ServeRun:
    """Return what comes of requests, one by one, on replicas of a model: percentiles, queues, energy and cost.

    Parameters
    ----------
    trace : str or path
        File with a row for each request (CSV, Parquet, JSON lines), ``azure_conv_2023``, ``azure_code_2023``, or
        ``poisson`` for made traffic. Or a :class:`ServeJob` alone.
    model, system : str
        Names of the catalog.
    progress : callable, optional
        Called with (requests done, requests, words); False cancels.
    **options
        Fields of :class:`ServeJob` and of its :class:`ServingQuestion`: ``replicas=4``, ``router="round_robin"``,
        ``rate=20``, ``input_tokens=2048``, ``ttft_s="500 ms"``.

    Raises
    ------
    PlanError
        With every unknown name and impossible number at once; or if the trace can't be read, or no layout keeps the
        limits where none is stated.
    Cancelled
        If ``progress`` returns False.
    """
    if isinstance(trace, ServeJob):
        return serve_requests(trace, progress)
    given = {"trace": str(trace), "model": model, "system": system, **_texts(options)}
    job, question = split(given, ServeJob, ServingQuestion)
    return serve_requests(read(ServeJob, {**job, "question": question}, "serve"), progress)


def _texts(options: dict[str, Any]) -> dict[str, Any]:
    """Return options whose files, which may be paths, are text."""
    files = ("overlays", "with", "model_configs", "system_configs")
    return {k: named_texts(v) if k in files else v for k, v in options.items()}
