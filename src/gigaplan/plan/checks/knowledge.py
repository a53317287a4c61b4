"""Rules of what a plan knows: its information date, and whose published figures it goes through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gigaplan import catalog
from gigaplan.catalog import history
from gigaplan.demand.fit import FEWEST_POINTS
from gigaplan.plan.checks.common import as_read, first_of_month
from gigaplan.plan.document import Node
from gigaplan.plan.schema import Demand, PlanDocument
from gigaplan.vocabulary.errors import Problem, unknown_choice

PUBLISHED_INSTEAD = ("reference_users", "reference_date")
"""Lines of the adoption curve that published users take the place of."""


API = "enterprise_api"
"""Workload of the catalog that stands for what is called through the lab's API."""
PRICES = ("revenue_usd_per_request", "usd_per_mtok_input", "usd_per_mtok_cached_input", "usd_per_mtok_output")
"""Lines of a workload whose statement sets published revenue aside."""
VOLUMES = ("requests_per_day",)
"""Lines of a workload whose statement sets published tokens aside."""


def stated(demand: Demand, lines: Sequence[str], names: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return which of some lines the plan states itself, each with its workload.

    Parameters
    ----------
    demand
        The plan's demand.
    lines
        Names of lines of workloads.
    names
        The workloads that count; all if there are none.
    """
    works = ((name, work) for name, work in demand.workloads.items() if not names or name in names)
    return [(name, line) for name, work in works for line in lines if getattr(work, line, None) is not None]


def set_aside(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """What a plan states itself stands against what was published, and the author reads that it does."""
    api = [name for name, work in plan.demand.workloads.items() if API in (name, work.like)]
    found = [("revenue", where) for where in stated(plan.demand, PRICES)]
    found += [("tokens of the API", where) for where in stated(plan.demand, VOLUMES, api) if api]
    for what, (name, line) in found if plan.history is not None else ():
        yield Problem(
            f"published {what} are not gone through: the plan states its own".replace("revenue are", "revenue is"),
            root.place(("demand", "workloads", name, line)),
            value=root.written(("demand", "workloads", name, line)),
            remedy="remove the line to go through what was published; the run goes on",
            severity="warning",
        )


def in_time(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Revenue goes on from the last published figure only if the horizon holds it."""
    if plan.history is None or stated(plan.demand, PRICES):
        return
    points = history.published().series(plan.history, history.REVENUE, plan.known_until)
    if points and points[-1].date < first_of_month(plan.horizon.start):
        yield Problem(
            "published revenue is not gone through: the horizon begins after it",
            root.place(("horizon", "start")),
            value=f"{plan.horizon.start}, the last figure is of {points[-1].date}",
            remedy="begin the horizon earlier to go on from it; the run goes on",
            severity="warning",
        )


def information_date(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Nothing is known beyond the catalog's newest source."""
    day, newest = plan.known_until, catalog.load().vintage.partition("+")[0]
    if day is not None and str(day) > newest:
        yield Problem(
            "the catalog knows nothing of that day yet",
            root.place(("known_until",)),
            value=as_read(day, root.written(("known_until",))),
            allowed=f"up to {newest}, the catalog's newest source",
            remedy="give an earlier day, or leave the line out: all that is known",
        )


def hindsight(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Hindsight is of something: without an information date nothing is later."""
    if plan.hindsight and plan.known_until is None:
        yield Problem(
            "hindsight without an information date",
            root.place(("hindsight",)),
            value="true",
            remedy="state known_until, or remove the line; the run goes on",
            severity="warning",
        )


def labs(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A history is of a lab whose figures are known, and there are enough of them for a curve to go on from."""
    if plan.history is None:
        return
    place, known = root.place(("history",)), history.published().labs
    if plan.history not in known:
        remedy = "name one of them, or leave the line out: the plan then goes through nobody's figures"
        yield unknown_choice("no published figures of that lab", place, plan.history, known, remedy)
        return
    points = history.published().series(plan.history, history.USERS, plan.known_until)
    if len(points) < FEWEST_POINTS:
        yield Problem(
            f"{len(points)} published counts of its weekly users were known by {plan.known_until}",
            place,
            value=plan.history,
            allowed=f"{FEWEST_POINTS} or more, for a curve to go on from them",
            remedy="give a later known_until, or leave history out and state demand.adoption",
        )
    for name in PUBLISHED_INSTEAD:
        if getattr(plan.demand.adoption, name, None) is not None:
            yield Problem(
                f"published users take the place of '{name}'",
                root.place(("demand", "adoption", name)),
                value=root.written(("demand", "adoption", name)),
                remedy=f"remove it, or remove history: {plan.history}",
            )
