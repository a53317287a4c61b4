"""Questions of the page's other views: the map of sites, and the frames of a lender, a site developer and an engineer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from gigaplan.app.places import places
from gigaplan.app.requests import PlanState, TextQuestion
from gigaplan.app.work import Step, Worker

Remember = Callable[[PlanState, int], None]
Streamed = Callable[[AsyncIterator[Step]], Response]


def frame_questions(app: FastAPI, worker: Worker, remember: Remember, streamed: Streamed) -> None:
    """Add the questions of the page's other views.

    Parameters
    ----------
    app : FastAPI
        The application.
    worker : Worker
        The process of long work.
    remember : callable
        Called with a plan and its members, so that its figures can be explained.
    streamed : callable
        Makes a response of a job's steps.
    """

    @app.post("/api/places", summary="Where the sites of a plan are, and their power by state from month to month")
    async def where(question: TextQuestion) -> Response:
        found = await anyio.to_thread.run_sync(places, question.plan)
        remember(question.plan, 1)
        return JSONResponse(found)
