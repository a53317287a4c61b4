"""Rules of what a plan knows: its information date, and whose published figures it goes through."""

from __future__ import annotations

from collections.abc import Iterator

from gigaplan import catalog
from gigaplan.catalog import history
from gigaplan.demand.fit import FEWEST_POINTS
from gigaplan.plan.checks.common import as_read
from gigaplan.plan.document import Node
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.errors import Problem, unknown_choice

PUBLISHED_INSTEAD = ("reference_users", "reference_date")
"""Lines of the adoption curve that published users take the place of."""


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
