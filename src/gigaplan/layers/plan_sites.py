"""The central future of a plan, and its sites by name: what one-site questions start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gigaplan import plan as plans
from gigaplan.plan.scenario import Scenario
from gigaplan.results.result import Result
from gigaplan.simulate.collect import Stages
from gigaplan.simulate.engine import with_stages
from gigaplan.vocabulary.errors import InputError, Place, PlanError, Problem, nearest_name
from gigaplan.vocabulary.time import MONTHS_PER_YEAR, TimeAxis

CENTRAL = "uncertainty.members=1"
LEAP_DAY = "02-29"
"""Day that a year of hours leaves out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Central:
    """A plan's central future."""

    scenario: Scenario
    """The plan at the prices of its supplies."""
    result: Result
    stages: Stages


def central(plan: str | Path, changes: Sequence[str], overlays: Sequence[str | Path]) -> Central:
    """Return the central future of a plan.

    Parameters
    ----------
    plan : str or Path
        A built-in plan's name or a file.
    changes, overlays : sequence
        What is changed of it.

    Raises
    ------
    PlanError
        If the plan is wrong.
    """
    loaded = plans.load(plan, [*changes, CENTRAL], overlays)
    try:
        result, scenario, stages = with_stages(plans.resolve(loaded), "summary")
    except InputError as error:
        raise plans.placed(error, loaded) from None
    return Central(scenario=scenario, result=result, stages=stages)


def index_of(scenario: Scenario, name: str, place: Place) -> int:
    """Return the number of a plan's site.

    Parameters
    ----------
    scenario : Scenario
        The plan.
    name : str
        Name of the site.
    place : Place
        Where a wrong name is said to stand.

    Raises
    ------
    PlanError
        If the plan has no such site.
    """
    names = [s.name for s in scenario.fleet.sites]
    if name not in names:
        what, allowed = f"{scenario.name} has no such site", ", ".join(names)
        near = nearest_name(name, names)
        raise PlanError([Problem(what, place, value=name, allowed=allowed, nearest=near, remedy="name one of these")])
    return names.index(name)


def whole_years(axis: TimeAxis) -> list[int]:
    """Return the calendar years that a horizon holds all of.

    Parameters
    ----------
    axis : TimeAxis
        Months.
    """
    return [y for y in axis.years if sum(e.year == y for e in axis.edges[:-1]) == MONTHS_PER_YEAR]
