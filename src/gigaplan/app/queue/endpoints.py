"""Jobs and verbs in the interface: one endpoint for each verb, made from what the verb takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import anyio
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import Field, ValidationError

from gigaplan.app.access import User, require, user_of
from gigaplan.app.queue.desk import Desk
from gigaplan.app.queue.pages import add_pages
from gigaplan.app.queue.store import DONE, FAILED, OPEN, Job
from gigaplan.app.requests import Strict
from gigaplan.app.verbs.bodies import GivenResult, JobId, Name, PlanOrResult
from gigaplan.app.verbs.call import RESULT
from gigaplan.app.verbs.kinds import Kind, kinds
from gigaplan.vocabulary.errors import Place, PlanError, Problem, unknown_choice

LONGEST_WAIT_S = 60.0
POLL_S = 0.05
FOR_VIEWERS = ("catalog_", "schema")
"""Beginnings of the verbs that only look something up."""
MEDIA = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "yaml": "text/plain; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
    "netcdf": "application/x-netcdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT_S, description="Seconds to wait for the answer")]
Note = Callable[[User, str, str], None]
"""Notes what a user did to what, where a server keeps an audit."""


class JobQuestion(Strict):
    """A verb with its question, to be answered as a job.

    Attributes
    ----------
    verb : str
        A verb of ``/api/verbs``, or ``answer``, ``inputs``, ``comparison`` or ``download`` of the page.
    request : dict
        Its question, as that verb's own endpoint takes it.
    """

    verb: Name
    request: Annotated[dict[str, Any], Field(default_factory=dict)]


def add_jobs(app: FastAPI, desk: Desk, note: Note) -> None:
    """Add jobs, and every verb as an endpoint, to an application.

    Parameters
    ----------
    app : FastAPI
        The application.
    desk : Desk
        Where jobs are handed in.
    note : callable
        Notes in the audit what a user did.
    """

    @app.post("/api/jobs", status_code=202, summary="Begin a job that survives the page and the server")
    def post(question: JobQuestion, request: Request) -> dict[str, Any]:
        user = user_of(request)
        require(user, "planner")
        job = submitted(desk, user, question.verb, question.request)
        note(user, "job", f"{job.id} {job.verb}")
        return job.as_data()

    @app.get("/api/jobs", summary="Your jobs, the newest first")
    def every(request: Request) -> dict[str, Any]:
        found = desk.store.every(user_of(request).id) if desk.begun else ()
        return {"jobs": [job.as_data() for job in found]}

    @app.get("/api/jobs/{job}", summary="How far a job is")
    async def one(job: JobId, request: Request, wait: Wait = 0.0) -> dict[str, Any]:
        return (await ended(desk, job, user_of(request), wait)).as_data()

    @app.post("/api/jobs/{job}/cancel", summary="Stop a job")
    def cancel(job: JobId, request: Request) -> dict[str, Any]:
        user = user_of(request)
        if desk.crew.cancel(job, user.id):
            note(user, "cancel", job)
        return desk.store.get(job, user.id).as_data()

    @app.post("/api/jobs/{job}/resume", summary="Let a job that failed or was cancelled go on")
    def resume(job: JobId, request: Request) -> dict[str, Any]:
        user = user_of(request)
        require(user, "planner")
        found = desk.store.again(job, user.id)
        desk.crew.tell()
        note(user, "resume", job)
        return found.as_data()

    @app.get("/api/jobs/{job}/question", summary="What a job was asked")
    def question_of(job: JobId, request: Request) -> dict[str, Any]:
        return desk.store.question(job, user_of(request).id)

    @app.delete("/api/jobs/{job}", status_code=204, summary="Remove an ended job with its answer")
    def remove(job: JobId, request: Request) -> None:
        user = user_of(request)
        desk.store.remove(job, user.id)
        note(user, "remove", job)

    @app.get("/api/jobs/{job}/result", summary="The answer of a job, in one of its forms")
    def result(job: JobId, request: Request, form: Annotated[str, Query(max_length=20)] = "json") -> Response:
        return answer_file(desk, desk.store.get(job, user_of(request).id), form)

    add_pages(app, desk)
    for kind in kinds().values():
        path = f"/api/verbs/{kind.name}"
        app.post(path, summary=kind.title, operation_id=f"verb_{kind.name}")(_endpoint(desk, kind, note))


def _endpoint(desk: Desk, kind: Kind, note: Note) -> Callable[..., Coroutine[Any, Any, Response]]:
    """Return the endpoint of a verb: its answer where it comes in time, else the job that works on it."""

    async def answer(question: Any, request: Request, wait: Any = 20.0) -> Response:
        user = user_of(request)
        if not kind.name.startswith(FOR_VIEWERS):
            require(user, "planner")
        given = question.model_dump(mode="json", exclude_none=True)
        job = await anyio.to_thread.run_sync(submitted, desk, user, kind.name, given)
        note(user, "job", f"{job.id} {job.verb}")
        job = await ended(desk, job.id, user, wait)
        headers = {"location": f"/api/jobs/{job.id}"}
        if job.state == DONE:
            found = await anyio.to_thread.run_sync(answer_file, desk, job, "json")
            found.headers.update(headers)
            return found
        if job.state == FAILED:
            return JSONResponse({"problems": list(job.problems)}, 422, headers)
        return JSONResponse(job.as_data(), 202, headers)

    answer.__annotations__ |= {"question": kind.body, "wait": Wait, "request": Request, "return": Response}
    answer.__name__ = kind.name
    return answer


def submitted(desk: Desk, user: User, verb: str, given: dict[str, Any]) -> Job:
    """Return a new job of a question that is complete and names only what this user may read.

    Raises
    ------
    PlanError
        If there is no such verb, or no such job whose result is named.
    RequestValidationError
        With every wrong key of the question.
    """
    known = kinds()
    if verb not in known:
        raise PlanError(
            [unknown_choice("no such verb", Place("jobs", path="verb"), verb[:80], known, "name one of them")]
        )
    try:
        question = known[verb].body.model_validate(given)
    except ValidationError as error:
        found = [{**e, "loc": ("body", "request", *e["loc"])} for e in error.errors(include_url=False)]
        raise RequestValidationError(found) from None
    for name in type(question).model_fields:
        value = getattr(question, name)
        if isinstance(value, GivenResult | PlanOrResult) and value.job:
            named = desk.store.get(value.job, user.id)
            if named.state != DONE or not (desk.store.home(named.id) / RESULT / "result.json").is_file():
                remedy = "name a job of the verb run or check that is done"
                raise PlanError(
                    [Problem("this job has kept no result", Place(name, path="job"), named.id, "", "", remedy)]
                )
    job = desk.store.submit(user.id, verb, question.model_dump(mode="json", exclude_none=True))
    desk.crew.tell()
    return job


async def ended(desk: Desk, job: str, user: User, wait: float) -> Job:
    """Return a job once it has ended, or after so many seconds."""
    until = time.monotonic() + wait
    while True:
        found = await anyio.to_thread.run_sync(desk.store.get, job, user.id)
        if found.state not in OPEN or time.monotonic() >= until:
            return found
        await anyio.sleep(POLL_S)


def answer_file(desk: Desk, job: Job, form: str) -> Response:
    """Return the answer of a job that is done.

    Raises
    ------
    PlanError
        If it isn't done, or has no such form.
    """
    if job.state != DONE:
        remedy = "wait until it is done"
        raise PlanError([Problem("this job has no answer", Place("jobs"), job.state, remedy=remedy)])
    if form not in job.files:
        remedy = f'post {{"result": {{"job": "{job.id}"}}, "to": ...}} to /api/verbs/export for other forms'
        raise PlanError(
            [Problem("no such form", Place("jobs", path="form"), form, ", ".join(sorted(job.files)), "", remedy)]
        )
    home = desk.store.home(job.id)
    path = (home / job.files[form]).resolve()
    if not path.is_relative_to(home.resolve()) or not path.is_file():
        raise PlanError([Problem("the answer is no longer there", Place("jobs"), job.id, remedy="post the job again")])
    headers = {} if form == "json" else {"content-disposition": f'attachment; filename="{_name(job, path)}"'}
    return FileResponse(path, media_type=MEDIA.get(form, "application/octet-stream"), headers=headers)


def _name(job: Job, path: Path) -> str:
    return f"gigaplan-{job.verb}{path.suffix}"
