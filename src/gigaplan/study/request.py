"""What a study is asked: members, seed, where it runs. The plan's section ``study`` says the same, the caller first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from gigaplan.plan import Plan
from gigaplan.results.quantiles import FEWEST
from gigaplan.study.executors import Executor, Local
from gigaplan.vocabulary.errors import Place, PlanError, Problem, unknown_choice
from gigaplan.vocabulary.files import slug
from gigaplan.vocabulary.options import Option

STUDIES = Path("gigaplan-studies")
MEMBERS = 1000
"""Members of a study whose plan and caller don't say how many."""
MOST_MEMBERS = 10_000_000
PLACES = ("local", "ray")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRequest:
    """How a study runs."""

    members: Annotated[int | None, Option(group="Study")] = None
    """Futures that are computed, the central one among them (default: the plan's, else 1000)."""
    seed: Annotated[int | None, Option(group="Study")] = None
    """The same seed gives the same futures (default: the plan's)."""
    out: Annotated[Path | None, Option(group="Study")] = None
    """Folder of the study; one that was stopped goes on (default: gigaplan-studies/PLAN-HASH-KIND)."""
    on: Annotated[str, Option(group="Study", choices=PLACES)] = "local"
    """Where it is computed: in processes on this machine, or by Ray."""
    workers: Annotated[int | None, Option(group="Study")] = None
    """Processes (default: as many as processors and memory allow; on Ray: all that the cluster has)."""
    address: Annotated[str, Option(group="Study")] = ""
    """Ray cluster to join, as auto or ray://head:10001 (default: Ray is started here)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A study's numbers, once the caller's and the plan's are known and right."""

    members: int
    seed: int
    stated: Mapping[str, Any]
    """The plan's section, by name."""


def settings(plan: Plan, request: StudyRequest, kind: str, *, fewest: int = FEWEST, members: int = MEMBERS) -> Settings:
    """Return the numbers of a study: the caller's, else the plan's, else the defaults.

    Parameters
    ----------
    plan : Plan
        The plan.
    request : StudyRequest
        What the caller states.
    kind : str
        What the study is called, for messages.
    fewest : int
        Members that it takes at least.
    members : int
        Members where nobody says how many.

    Raises
    ------
    PlanError
        With every number that makes no sense.
    """
    section = plan.document.study
    stated = section.model_dump(exclude_none=True) if section else {}
    place = f"study {kind}"
    problems = []
    count = _first(request.members, stated.get("members"), members)
    if not fewest <= count <= MOST_MEMBERS:
        allowed, remedy = f"{fewest:,} to {MOST_MEMBERS:,}", f"give --members {max(fewest, members):,}"
        why = (
            "ranges need ten members at least" if fewest == FEWEST and 0 < count < fewest else "this is no such number"
        )
        problems.append(Problem(why, Place(place, path="members"), str(count), allowed, "", remedy.replace(",", "")))
    seed = _first(request.seed, stated.get("seed"), plan.document.uncertainty.seed)
    if seed < 0:
        problems.append(Problem("a seed is 0 or more", Place(place, path="seed"), str(seed), "", "", "give --seed 0"))
    problems += wrong_place(request, place)
    if problems:
        raise PlanError(problems)
    return Settings(members=count, seed=seed, stated=stated)


def wrong_place(request: StudyRequest, place: str) -> list[Problem]:
    """Return what is wrong with where a study is to run."""
    problems = []
    if request.on not in PLACES:
        problems.append(
            unknown_choice("no such place", Place(place, path="on"), request.on, PLACES, "name one of them")
        )
    if request.workers is not None and request.workers < 1:
        where = Place(place, path="workers")
        problems.append(
            Problem("a study has one worker at least", where, str(request.workers), "", "", "give 1 or more")
        )
    if request.address and request.on == "local":
        where = Place(place, path="address")
        problems.append(Problem("an address is one of Ray", where, request.address, "", "", "add --on ray"))
    return problems


def _first(*values: int | None) -> int:
    return next(v for v in values if v is not None)


def executor_of(request: StudyRequest, needed_bytes: float = 0.0) -> Executor:
    """Return what computes a study.

    Parameters
    ----------
    request : StudyRequest
        Where it is to run.
    needed_bytes : float
        Memory that one worker takes [bytes].

    Raises
    ------
    MachineError
        If Ray isn't installed, or can't be reached.
    """
    if request.on == "ray":
        from gigaplan.study.ray import OnRay

        return OnRay(request.workers, request.address)
    return Local(request.workers or _workers(needed_bytes))


def _workers(needed_bytes: float) -> int:
    """Return how many processes processors and memory allow."""
    import os

    from gigaplan.simulate.memory import free_bytes

    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    fits = int(free_bytes() // needed_bytes) if needed_bytes and free_bytes() else processors
    return max(1, min(processors, fits))


def folder_of(plan: Plan, request: StudyRequest, kind: str, seed: int) -> Path:
    """Return a study's folder: the stated one, or one named after the plan, what it holds, the kind of study and the
    seed."""
    name = f"{slug(plan.document.name)}-{plan.hash[:8]}-{kind}" + (f"-{seed}" if seed else "")
    return request.out or STUDIES / slug(name)
