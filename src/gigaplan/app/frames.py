"""Questions of the page's other views: the map of sites, and what a lender, a developer and an engineer look at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

import anyio
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import StringConstraints

from gigaplan.app.access import User, user_of
from gigaplan.app.answers import card_data, chart_data
from gigaplan.app.engineer import ServingQuery, TrainingQuery, served, trained
from gigaplan.app.places import places
from gigaplan.app.requests import Members, PlanState, Strict, TextQuestion
from gigaplan.app.runs import result_of
from gigaplan.app.sources import key_of, sources_of
from gigaplan.app.work import Step, Worker
from gigaplan.inference.options import ENGINES, PRECISIONS
from gigaplan.layers.training_job import PRECISIONS as TRAINING_PRECISIONS
from gigaplan.plan.resolver import known_names
from gigaplan.report.frames import frame, largest
from gigaplan.report.words import engine, model, place, system
from gigaplan.vocabulary.progress import Progress

Remember = Callable[[User, PlanState, int], None]
Streamed = Callable[[AsyncIterator[Step]], Response]


class FrameQuestion(Strict):
    """What one reader looks at.

    Attributes
    ----------
    plan : PlanState
        The plan.
    frame : str
        ``lender`` or ``site``.
    site : str
        The site of that frame; the one with most power if left out, or where the plan has no such site any more.
    members : int
        1 for the central future, more for ranges.
    """

    plan: PlanState
    frame: Literal["lender", "site"]
    site: Annotated[str, StringConstraints(max_length=200)] = ""
    members: Members = 1


def framed(question: FrameQuestion, *, progress: Progress | None = None) -> dict[str, Any]:
    """Return a frame as plain data.

    Returns
    -------
    dict
        ``id`` (of the result, for explain), ``members``, ``sentence``, ``groups`` of figures, ``charts``, and of a
        site's frame ``site`` and ``sites``.

    Raises
    ------
    PlanError
        With every problem of the plan.
    Cancelled
        If ``progress`` returns False.
    """
    result = result_of(question.plan, question.members, progress, claims=question.members > 1)
    site = question.site if question.site in result.labels["site"] else largest(result)
    found = frame(result, question.frame, site)
    return {
        "id": key_of(sources_of(question.plan, question.members)),
        "members": question.members,
        "sentence": found.sentence,
        "groups": [{"heading": h, "cards": [card_data(c) for c in cards]} for h, cards in found.groups],
        "charts": [chart_data(c) for c in found.charts],
        "site": site,
        "sites": [{"name": n, "title": place(n)} for n in result.labels["site"]],
    }


def frame_questions(app: FastAPI, worker: Worker, remember: Remember, streamed: Streamed) -> None:
    """Add the questions of the page's other views.

    Parameters
    ----------
    app : FastAPI
        The application.
    worker : Worker
        The process of long work.
    remember : callable
        Called with a user, a plan and its members, so that its figures can be explained.
    streamed : callable
        Makes a response of a job's steps.
    """

    @app.post("/api/places", summary="Where the sites of a plan are, and their power by state from month to month")
    async def where(question: TextQuestion, request: Request) -> Response:
        found = await anyio.to_thread.run_sync(places, question.plan)
        remember(user_of(request), question.plan, 1)
        return JSONResponse(found)

    @app.post(
        "/api/frame", summary="What a lender or the developer of a site looks at; with many members as JSON lines"
    )
    async def frame_of(question: FrameQuestion, request: Request) -> Response:
        remember(user_of(request), question.plan, question.members)
        if question.members > 1:
            return streamed(worker.steps(framed, question))
        return JSONResponse(await anyio.to_thread.run_sync(framed, question))

    @app.get("/api/known", summary="Models, systems, engines and precisions that can be asked for")
    def known() -> dict[str, Any]:
        return {
            "models": [{"name": n, "title": model(n)} for n in known_names("model")],
            "systems": [{"name": n, "title": system(n)} for n in known_names("system")],
            "engines": [{"name": n, "title": engine(n)} for n in ENGINES],
            "serving_precisions": list(PRECISIONS),
            "training_precisions": list(TRAINING_PRECISIONS),
        }

    @app.post("/api/serving", summary="Frontiers of models on systems, as JSON lines")
    async def serving(question: ServingQuery) -> Response:
        return streamed(worker.steps(served, question))

    @app.post("/api/training", summary="A training run and its layouts, as JSON lines")
    async def training(question: TrainingQuery) -> Response:
        return streamed(worker.steps(trained, question))
