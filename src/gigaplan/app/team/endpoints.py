"""What a team's server has besides the planner's own questions: who one is, stored plans, the audit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from pydantic import Field, StringConstraints

from gigaplan.app.access import require, user_of
from gigaplan.app.queue.endpoints import Note
from gigaplan.app.requests import PlanState, Strict
from gigaplan.app.team.people import People
from gigaplan.app.team.plans import Access, Shared, StoredPlans
from gigaplan.app.verbs.bodies import JobId

UserName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Reason = Annotated[str, StringConstraints(max_length=500)]
MOST_AUDITED = 1_000


class NewPlan(Strict):
    """A plan to keep, private at first."""

    title: Title
    plan: PlanState
    note: Reason = ""


class ChangedPlan(NewPlan):
    """A new version of a plan; ``version`` is the one that was read."""

    version: Annotated[int, Field(ge=1, le=1_000_000_000)]


class Sharing(Strict):
    """Who else may see a plan."""

    shared: Shared


class SharingWith(Strict):
    """What one other user may do with a plan."""

    access: Access


def team_endpoints(people: People, stored: StoredPlans, note: Note) -> Callable[[FastAPI], None]:
    """Return what adds a team's endpoints to an application.

    Parameters
    ----------
    people : People
        The users.
    stored : StoredPlans
        Their plans.
    note : callable
        Notes in the audit what a user did.
    """

    def add(app: FastAPI) -> None:
        _people(app, people)
        _plans(app, stored, note)

    return add


def _people(app: FastAPI, people: People) -> None:
    @app.get("/api/me", summary="Who you are, and your role")
    def me(request: Request) -> dict[str, str]:
        user = user_of(request)
        return {"name": user.name, "role": user.role}

    @app.get("/api/audit", summary="Who did what, the newest first; for admins")
    def audited(
        request: Request, most: Annotated[int, Query(ge=1, le=MOST_AUDITED)] = 100
    ) -> dict[str, list[dict[str, Any]]]:
        require(user_of(request), "admin")
        return {"entries": list(people.audited(most))}


def _plans(app: FastAPI, stored: StoredPlans, note: Note) -> None:
    """Add the endpoints of stored plans."""

    @app.get("/api/stored", summary="Your plans, and those that are shared with you")
    def every(request: Request) -> dict[str, Any]:
        return {"plans": list(stored.every(user_of(request)))}

    @app.post("/api/stored", status_code=201, summary="Keep a plan, private at first")
    def add(new: NewPlan, request: Request) -> dict[str, Any]:
        user = user_of(request)
        require(user, "planner")
        found = stored.add(user, new.title, new.plan, new.note)
        note(user, "plan added", found["id"])
        return found

    @app.get("/api/stored/{plan}", summary="A plan, in its newest or an older version")
    def one(
        plan: JobId, request: Request, version: Annotated[int | None, Query(ge=1, le=1_000_000_000)] = None
    ) -> dict[str, Any]:
        return stored.get(user_of(request), plan, version)

    @app.put("/api/stored/{plan}", summary="Keep a new version of a plan")
    def change(plan: JobId, changed: ChangedPlan, request: Request) -> dict[str, Any]:
        user = user_of(request)
        require(user, "planner")
        found = stored.change(user, plan, changed.title, changed.plan, changed.version, changed.note)
        note(user, "plan changed", f"{plan} version {found['version']}")
        return found

    @app.get("/api/stored/{plan}/history", summary="Who changed a plan when, and why")
    def history(plan: JobId, request: Request) -> dict[str, Any]:
        return {"versions": list(stored.history(user_of(request), plan))}

    @app.put("/api/stored/{plan}/shared", summary="Say who else may see a plan")
    def share(plan: JobId, sharing: Sharing, request: Request) -> dict[str, Any]:
        user = user_of(request)
        require(user, "planner")
        found = stored.share(user, plan, sharing.shared)
        note(user, "plan shared", f"{plan} {sharing.shared}")
        return found

    @app.put("/api/stored/{plan}/users/{name}", summary="Say what one other user may do with a plan")
    def share_with(plan: JobId, name: UserName, sharing: SharingWith, request: Request) -> dict[str, Any]:
        user = user_of(request)
        require(user, "planner")
        found = stored.share_with(user, plan, name, sharing.access)
        note(user, "plan shared", f"{plan} {name} {sharing.access}")
        return found

    @app.delete("/api/stored/{plan}", status_code=204, summary="Remove a plan with all its versions")
    def remove(plan: JobId, request: Request) -> None:
        user = user_of(request)
        require(user, "planner")
        stored.remove(user, plan)
        note(user, "plan removed", plan)
