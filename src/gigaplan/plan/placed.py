"""An error of a room becomes problems of the plan: at the value's file, line and column, naming the site."""

from __future__ import annotations

from gigaplan.plan.homes import Homes, homes_of
from gigaplan.plan.load import Plan
from gigaplan.vocabulary.errors import Fault, InputError, Place, PlanError, Problem

REMEDY = "change this value in the plan, or with --set"


def placed(error: InputError, plan: Plan) -> PlanError:
    """Return the problems of a plan that made a room raise an error.

    Each is at the place of the value, also where an overlay or ``--set`` stated it. Where several inputs are at odds,
    the place is that of the first that the plan states. Sites with the same fault at one place share one problem.

    Parameters
    ----------
    error
        What the room raised.
    plan
        The plan that was run.

    Returns
    -------
    PlanError
        One problem for each fault and place.
    """
    homes = homes_of(plan.document)
    found: dict[tuple[Place, str, str], list[str]] = {}
    for fault in error.faults:
        name = homes.name(fault.paths[0]) if fault.paths else ""
        names = found.setdefault((_place(fault, plan, homes), fault.message, fault.value), [])
        if name and name not in names:
            names.append(name)
    return PlanError(
        Problem(f"{', '.join(names)}: {message}" if names else message, place, value=value, remedy=REMEDY)
        for (place, message, value), names in found.items()
    )


def _place(fault: Fault, plan: Plan, homes: Homes) -> Place:
    """Return the place of the first input that the plan states; of the nearest section above where it states none."""
    root = plan.root
    for path in fault.paths:
        home = homes.stated(path, root)
        if root.at(root.parts(home))[1]:
            return root.place(root.parts(home))
    if not fault.paths:
        return Place(root.file, 1, 1)
    return root.place(root.parts(homes.of(fault.paths[0])[0]))
