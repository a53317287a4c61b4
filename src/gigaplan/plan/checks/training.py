"""Rules of training runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from gigaplan import catalog
from gigaplan.fleet.inputs import existing_label
from gigaplan.plan.checks.common import as_read, day_of, first_of_month, known_name, outside, too_early
from gigaplan.plan.document import Node
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.errors import Problem


def runs(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Training runs stand on a site and systems of the plan, and end after they start."""
    models = [*plan.models, *catalog.load().entities("layers")]
    for name, run in plan.training.runs.items():
        path = ("training", "runs", name)
        yield from known_name(run.model, models, "model", root, (*path, "model"), kind="model")
        own, where = plan.fleet.generations, (*path, "generation")
        yield from known_name(run.generation, own, "generation of this plan", root, where, kind="system")
        places = [*plan.fleet.sites, *map(existing_label, plan.fleet.opening)]
        yield from known_name(run.site, places, "site of this plan", root, (*path, "site"))
        if run.deadline is not None and run.deadline < run.start:
            remedy = "put the deadline after the start"
            yield Problem(
                "the deadline comes before the start",
                root.place((*path, "deadline")),
                value=too_early(*(as_read(getattr(run, n), root.written((*path, n))) for n in ("deadline", "start"))),
                remedy=remedy,
            )
        if run.start > plan.horizon.end:
            yield Problem(
                "starts after the horizon ends, so it trains nothing",
                root.place((*path, "start")),
                value=as_read(run.start, root.written((*path, "start"))),
                remedy="lengthen the horizon or leave the run out",
                severity="warning",
            )


def run_sizes(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A run asks for no more GPUs than all of its site's power could feed."""
    facts = catalog.load()
    mw = {name: sum(p.power.value for p in site.phases.values()) for name, site in plan.fleet.sites.items()}
    mw |= {existing_label(name): block.power.value for name, block in plan.fleet.opening.items()}
    for name, run in plan.training.runs.items():
        racks_kw = [f.number for f in facts.all(run.generation, "rack_power_kw") if f.chosen]
        if run.site not in mw or not racks_kw or not facts.has(run.generation, "gpus_per_rack"):
            continue
        most = mw[run.site] * 1e3 / min(racks_kw) * facts.find(run.generation, "gpus_per_rack").number
        if run.gpus > most:
            yield Problem(
                "more GPUs than the site's whole power could feed, so the run never starts",
                root.place(("training", "runs", name, "gpus")),
                value=f"{run.gpus:,} GPUs",
                allowed=f"less than {most:,.0f} of {run.generation} at {run.site}",
                remedy="ask for fewer GPUs, or name a larger site; the run goes on",
                severity="warning",
            )


def milestones(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A run's milestones rise, within the time that it has."""
    for name, run in plan.training.runs.items():
        above = ("training", "runs", name)
        path, start = (*above, "milestones"), as_read(run.start, root.written((*above, "start")))
        end = as_read(run.deadline, root.written((*above, "deadline"))) if run.deadline else "any later day"
        found = sorted((day_of(key), key, share) for key, share in (run.milestones or {}).items() if day_of(key))
        for (_, _, before), (_, key, share) in pairwise(found):
            if share < before:
                yield Problem(
                    "less is to be done than at the milestone before",
                    root.place((*path, key)),
                    value=f"{share:g} after {before:g}",
                    allowed=f"{before:g} to 1",
                    remedy="let the shares rise with their dates: they count all tokens done so far",
                )
        for day, key, _ in found:
            if day is None or (day >= run.start and (run.deadline is None or day <= run.deadline)):
                continue
            early = day < run.start
            yield Problem(
                "a milestone before the run starts" if early else "a milestone after the run's deadline",
                root.place((*path, key), key=True),
                value=as_read(day, key),
                allowed=f"{start}{',' * ('read as' in start)} to {end}",
                remedy="move the milestone; the run goes on",
                severity="warning",
            )


def runs_in_time(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A run that begins before the horizon has trained nothing before it."""
    for name, run in plan.training.runs.items():
        if run.start < first_of_month(plan.horizon.start):
            why = "all its tokens are trained from the first month on"
            yield outside("before the horizon starts", root, ("training", "runs", name, "start"), run.start, why)
