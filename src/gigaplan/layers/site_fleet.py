"""GPUs of sites by date, from text, the catalog or a plan; and how far sites lie apart."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gigaplan import catalog
from gigaplan import plan as plans
from gigaplan.catalog import Catalog
from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.catalog.names import plain_name
from gigaplan.layers.sites import EXAMPLE, PLACE, NamedSite, Site, SitesJob
from gigaplan.plan.resolve import it_kw_per_gpu
from gigaplan.plan.resolver import LISTED_BY, SITE, resolved
from gigaplan.simulate.engine import simulate
from gigaplan.training.sites import great_circle_km
from gigaplan.vocabulary.errors import PlanError, Problem, allowed_names, nearest_name, nearest_text
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.sampling import Part
from gigaplan.vocabulary.units import parse_date


def sites_of(facts: Catalog, job: SitesJob, named: Sequence[NamedSite]) -> list[Site]:
    """Return the sites with what their text, a plan or the catalog says of their GPUs.

    Parameters
    ----------
    facts
        The catalog.
    job
        The run and its sites.
    named
        The sites as they were written.

    Raises
    ------
    PlanError
        With every site that has no GPUs.
    """
    silent = [s for s in named if not s.counts]
    if problem := _contradiction(job, named, silent):
        raise PlanError([problem])
    if silent and job.run.gpus:
        each = _shared(job, named) // len(silent)
        return [_stated(facts, s.name, s.counts or [(None, each)]) for s in named]
    from_plan = _of_plan(job, facts) if job.plan and silent else None
    found: list[Site] = []
    problems: list[Problem] = []
    for s in named:
        try:
            if s.counts:
                found.append(_stated(facts, s.name, s.counts))
            elif from_plan is not None:
                found.append(_planned(s.name, from_plan, facts))
            else:
                found.append(_powered(facts, s.name, job.run.system))
        except PlanError as error:
            problems += error.problems
    if problems:
        raise PlanError(problems)
    return found


def _shared(job: SitesJob, named: Sequence[NamedSite]) -> float:
    """Return the run's GPUs less those that sites state."""
    return job.run.gpus - sum(s.counts[-1][1] for s in named if s.counts)


def _contradiction(job: SitesJob, named: Sequence[NamedSite], silent: Sequence[NamedSite]) -> Problem | None:
    """Return a problem if the run, its sites and a plan state GPUs that don't go together."""
    if job.plan and (not silent or job.run.gpus):
        return Problem(
            "--plan would change nothing: GPUs are stated already",
            PLACE,
            value=f"--plan {job.plan}",
            remedy="leave --plan out, or the GPUs of --sites and --gpus",
        )
    left = _shared(job, named)
    if silent and job.run.gpus and left < len(silent):
        return Problem(
            "nothing is left for the sites without a number",
            PLACE,
            value=f"{job.run.gpus:,} GPUs",
            remedy="take more --gpus, or state each site's",
        )
    if job.run.gpus and not silent and left:
        return Problem(
            f"the sites have {job.run.gpus - left:,.0f} GPUs",
            PLACE,
            value=f"--gpus {job.run.gpus:,}",
            remedy="leave --gpus out, or make both the same",
        )
    return None


def _stated(facts: Catalog, name: str, counts: Sequence[tuple[dt.date | None, float]]) -> Site:
    steps = sorted((day or dt.date.min, count) for day, count in counts)
    return _site(facts, name, [d for d, _ in steps], [c for _, c in steps], "as stated")


def _powered(facts: Catalog, name: str, system: str) -> Site:
    """Return a catalog's site: its IT power by date, filled with one system."""
    entity = _entity(facts, name)
    series = facts.series(entity, "it_power_mw") if entity else []
    if not series:
        known = sorted({f.entity.removeprefix(SITE) for f in facts.facts if f.quantity == "it_power_mw" and f.chosen})
        raise PlanError(
            [
                Problem(
                    "the catalog has no power of this site",
                    PLACE,
                    value=name,
                    allowed=allowed_names(known, LISTED_BY["site"]),
                    nearest=nearest_text(name, known),
                    remedy=f"say its GPUs, as {EXAMPLE}, or take a site of the catalog",
                )
            ]
        )
    try:
        kw = it_kw_per_gpu(facts, system)
    except UnknownFactError:
        remedy = f"say the sites' GPUs, as {EXAMPLE}"
        raise PlanError(
            [Problem("the catalog has no power of this system's rack", PLACE, value=system, remedy=remedy)]
        ) from None
    dates = [parse_date(f.date) for f in series]
    return _site(
        facts,
        name,
        dates,
        [f.number * 1e3 / kw for f in series],
        f"from the IT power in the catalog over {kw:.3g} kW per GPU of {system}",
    )


def _of_plan(job: SitesJob, facts: Catalog) -> tuple[dict[str, Array], list[dt.date], str]:
    """Return the GPUs of one system by site and edge of a plan's fleet, central member."""
    loaded = plans.load_sources(plans.sources_of(job.plan, [], []))
    result = simulate(plans.resolve(loaded, Part(1)))
    generations = result.labels["generation"]
    if job.run.system not in generations:
        raise PlanError(
            [
                Problem(
                    "the plan has no such system",
                    PLACE,
                    value=job.run.system,
                    allowed=allowed_names(generations),
                    nearest=nearest_name(job.run.system, generations),
                    remedy="train on a system of the plan",
                )
            ]
        )
    racks = result.central("racks_accepted")[generations.index(job.run.system)]
    per_rack = facts.find(job.run.system, "gpus_per_rack").number
    gpus = {name: racks[k] * per_rack for k, name in enumerate(result.labels["site"])}
    return (
        gpus,
        [dt.date.fromisoformat(e) for e in result.labels["edge"]],
        f"accepted racks of {job.run.system} in {job.plan}",
    )


def _planned(name: str, of_plan: tuple[dict[str, Array], list[dt.date], str], facts: Catalog) -> Site:
    gpus, edges, source = of_plan
    name = next((n for n in gpus if plain_name(n) == plain_name(name)), name)
    if name not in gpus or not gpus[name].max():
        some = [n for n, g in gpus.items() if g.max()]
        words = "the plan has no such site" if name not in gpus else "the plan puts none of this system there"
        raise PlanError(
            [
                Problem(
                    words,
                    PLACE,
                    value=name,
                    allowed=allowed_names(some),
                    nearest=nearest_name(name, some),
                    remedy="name a site that has the system",
                )
            ]
        )
    return _site(facts, name, edges, [float(g) for g in gpus[name]], source)


def _entity(facts: Catalog, name: str) -> str:
    """Return the catalog's entity of a site's name, empty if it has none."""
    names = {f.entity for f in facts.facts if f.quantity in ("it_power_mw", "latitude_deg") and f.chosen}
    found = resolved("site", name) or plain_name(name)
    return found if found in names else ""


def _site(facts: Catalog, name: str, dates: Sequence[dt.date], counts: Sequence[float], source: str) -> Site:
    entity = _entity(facts, name)
    where = [
        facts.find(entity, q).number if entity and facts.has(entity, q) else math.nan
        for q in ("latitude_deg", "longitude_deg")
    ]
    return Site(
        name=name,
        gpus=0,
        dates=tuple(dates),
        counts=tuple(counts),
        latitude_deg=where[0],
        longitude_deg=where[1],
        source=source,
    )


def counted(sites: Sequence[Site], job: SitesJob) -> list[Site]:
    """Return the sites with the GPUs of the run: those of the date requested, else of the catalog's date.

    Parameters
    ----------
    sites
        Sites with their GPUs by date.
    job
        The run, with the day by which it ends.
    """
    day = job.by or dt.date.fromisoformat(catalog.load().vintage.partition("+")[0])
    found = [replace(s, gpus=int(s.on([day])[0])) for s in sites]
    empty = [s for s in found if s.gpus < 1]
    if empty:
        raise PlanError(
            [
                Problem(
                    f"the site has no GPUs on {day}",
                    PLACE,
                    value=s.name,
                    remedy=f"ask for a later --by (its first are of {min(s.dates)})"
                    if s.counts and max(s.counts) > 0
                    else "say its GPUs",
                )
                for s in empty
            ]
        )
    return found


def apart_km(sites: Sequence[Site], job: SitesJob) -> tuple[Array, list[Problem]]:
    """Return the distances between sites [km], and which positions are missing.

    Parameters
    ----------
    sites
        Sites with their positions.
    job
        The run, with a distance where it states one.
    """
    if job.distance_km:
        return job.distance_km * (1 - np.eye(len(sites))), []
    nowhere = [s.name for s in sites if math.isnan(s.latitude_deg)]
    if nowhere and len(sites) > 1:
        known = sorted(
            {f.entity.removeprefix(SITE) for f in catalog.load().facts if f.quantity == "latitude_deg" and f.chosen}
        )
        return np.zeros((0, 0)), [
            Problem(
                "the catalog has no position of this site",
                PLACE,
                value=name,
                allowed=allowed_names(known, LISTED_BY["site"]),
                nearest=nearest_name(name, known),
                remedy="state how far the sites lie apart: --wan-distance '1,200 km'",
            )
            for name in nowhere
        ]
    return great_circle_km(np.array([s.latitude_deg for s in sites]), np.array([s.longitude_deg for s in sites])), []
