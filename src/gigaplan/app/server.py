"""The server of the planner: the page, and its questions as JSON under OpenAPI 3.1."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import anyio
from fastapi import FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles

from gigaplan import catalog
from gigaplan._version import __version__
from gigaplan.api.starters import sized_starter
from gigaplan.app import jobs
from gigaplan.app.access import LOCAL, ForbiddenError, User, user_of
from gigaplan.app.answers import explained, problem_data
from gigaplan.app.crowd import Crowd
from gigaplan.app.frames import frame_questions
from gigaplan.app.guard import Guard
from gigaplan.app.inputs import ranked
from gigaplan.app.queue.desk import Desk, state_folder
from gigaplan.app.queue.endpoints import Note, add_jobs
from gigaplan.app.queue.store import NoSuchJobError, TooManyJobsError
from gigaplan.app.requests import ComparisonQuestion, InputsQuestion, PlanState, Question, StartQuestion, TextQuestion
from gigaplan.app.runs import Kept
from gigaplan.app.sources import key_of, sources_of
from gigaplan.app.verbs.limits import Limits
from gigaplan.app.work import Step, Worker
from gigaplan.plan.copies import copy_of
from gigaplan.plan.resolver import known_names
from gigaplan.plan.sources import builtin_names, root_of
from gigaplan.plan.starter import Start, complete_systems
from gigaplan.report import words
from gigaplan.report.charts.palette import NIGHT
from gigaplan.vocabulary.errors import GigaplanError, MachineError, Place, PlanError, Problem
from gigaplan.vocabulary.files import texts_only
from gigaplan.vocabulary.progress import Cancelled

WRONG, CANCELLED, STOPPED = 422, 499, 503
REMEMBERED = 500
"""Plans whose figures can still be explained and fetched."""
Tab = Annotated[str, Header(alias="x-gigaplan-tab", max_length=64)]


class Tabs:
    """Which question of a tab is the newest: an older one of its kind is cancelled."""

    def __init__(self) -> None:
        self._newest: Kept[str, list[threading.Event]] = Kept(REMEMBERED)
        self._lock = threading.Lock()

    def begin(self, tab: str) -> threading.Event:
        """Return the new question's mark, which is set when a newer one comes; that of the last one is set now."""
        mark = threading.Event()
        if tab:
            with self._lock:
                holder = self._newest.get(tab, list)
                for older in holder:
                    older.set()
                holder[:] = [mark]
        return mark


def application(token: str, worker: Worker | None = None, desk: Desk | None = None) -> Guard:
    """Return the planner's application.

    Parameters
    ----------
    token : str
        What every question carries; the opened link has it.
    worker : Worker, optional
        The process of long work; one is begun with the first such question if left out.
    desk : Desk, optional
        The jobs; kept in this user's own folder if left out.
    """
    return Guard(planner(worker or Worker(), desk or Desk(state_folder, Limits())), token)


def planner(
    worker: Worker,
    desk: Desk,
    add: Callable[[FastAPI], None] | None = None,
    note: Note = lambda *_: None,
    refusals: Mapping[type[GigaplanError], int] = MappingProxyType({}),
) -> FastAPI:
    """Return the page with its questions, jobs and verbs; who may ask is for a guard before it to know.

    Parameters
    ----------
    worker : Worker
        The process of long questions.
    desk : Desk
        The jobs.
    add : callable, optional
        Adds further endpoints.
    note : callable
        Notes in the audit what a user did.
    refusals : mapping of type to int
        Statuses of further errors.
    """
    app = FastAPI(title="gigaplan", version=__version__, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    _errors(app, refusals)
    _questions(app, worker, Tabs())
    add_jobs(app, desk, note)
    if add is not None:
        add(app)
    app.mount("/", StaticFiles(directory=static_folder(), html=True), name="page")
    return app


def static_folder() -> Path:
    """Return the folder of the built page."""
    return Path(str(files("gigaplan.app") / "static"))


def problems_of(error: GigaplanError) -> list[dict[str, Any]]:
    """Return what is wrong as the terminal says it."""
    problems = error.problems if isinstance(error, PlanError) else [Problem(str(error), Place("gigaplan"))]
    return [problem_data(p) for p in problems]


def _errors(app: FastAPI, refusals: Mapping[type[GigaplanError], int]) -> None:
    """Answer mistakes with the list of problems, and bugs without a traceback."""

    def wrong(status: int) -> Callable[[Request, Exception], Response]:
        def answer(_: Request, error: Exception) -> Response:
            assert isinstance(error, GigaplanError)
            return JSONResponse({"problems": problems_of(error)}, status)

        return answer

    def misread(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = [
            Problem(e["msg"], Place("request", path=".".join(str(p) for p in e["loc"])), remedy="see /openapi.json")
            for e in error.errors()
        ]
        return JSONResponse({"problems": [problem_data(p) for p in found]}, WRONG)

    def bug(_: Request, error: Exception) -> Response:
        text = f"an internal error (a bug in gigaplan): {type(error).__name__}"
        return JSONResponse({"problems": [problem_data(Problem(text, remedy="please report it with the plan"))]}, 500)

    app.add_exception_handler(PlanError, wrong(WRONG))
    app.add_exception_handler(NoSuchJobError, wrong(404))
    app.add_exception_handler(TooManyJobsError, wrong(429))
    app.add_exception_handler(ForbiddenError, wrong(403))
    for kind, status in refusals.items():
        app.add_exception_handler(kind, wrong(status))
    app.add_exception_handler(Cancelled, wrong(CANCELLED))
    app.add_exception_handler(MachineError, wrong(STOPPED))
    app.add_exception_handler(GigaplanError, wrong(WRONG))
    app.add_exception_handler(RequestValidationError, misread)
    app.add_exception_handler(Exception, bug)


async def lines(steps: AsyncIterator[Step]) -> AsyncIterator[str]:
    """Yield a job as lines of JSON: ``{"done", "total"}`` while it runs, then ``{"answer"}`` or ``{"problems"}``."""
    try:
        async for step in steps:
            if step.answer is None:
                yield json.dumps({"done": step.done, "total": step.total}) + "\n"
            else:
                yield json.dumps({"answer": step.answer}, allow_nan=False) + "\n"
    except Cancelled:
        yield json.dumps({"cancelled": True}) + "\n"
    except GigaplanError as error:
        yield json.dumps({"problems": problems_of(error)}) + "\n"
    except Exception as error:
        text = f"an internal error (a bug in gigaplan): {type(error).__name__}"
        yield json.dumps({"problems": [problem_data(Problem(text))]}) + "\n"


@asynccontextmanager
async def marked_if_gone(request: Request, mark: threading.Event) -> AsyncIterator[None]:
    """Set a mark if who asked leaves before the block has ended, so that nothing is computed for nobody."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        mark.set()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()


def streamed(steps: AsyncIterator[Step]) -> StreamingResponse:
    """Return a job as a response of JSON lines; who leaves cancels it."""
    return StreamingResponse(lines(steps), media_type="application/x-ndjson")


# Long: one endpoint after the other, each a few lines.
def _questions(app: FastAPI, worker: Worker, tabs: Tabs) -> None:
    """Add every question that the page asks."""
    crowd = Crowd(worker.another())
    known: Kept[tuple[str, str], tuple[PlanState, int]] = Kept(REMEMBERED)

    def remember(user: User, state: PlanState, members: int) -> None:
        known.get((user.id, key_of(sources_of(state, members))), lambda: (state, members))

    def of(user: User, answer: str) -> tuple[PlanState, int]:
        def unknown() -> tuple[PlanState, int]:
            remedy = "ask for the answer again"
            raise PlanError([Problem("no such answer is kept", Place("answer"), answer[:80], "", "", remedy)])

        return known.get((user.id, answer), unknown)

    @app.get("/api/plans", summary="The built-in plans, who asks, names for a new one, colours by night")
    def plans(request: Request) -> dict[str, Any]:
        found = [{"name": n, "title": title_of(n)} for n in builtin_names()]
        names = {kind: list(known_names(kind)) for kind in ("region", "model")}
        user = user_of(request)
        me = None if user is LOCAL else {"name": user.name, "role": user.role}
        names["generation"] = list(complete_systems(catalog.load()))
        written_as = {"region": words.region, "model": words.model, "generation": words.system}
        titles = {name: written_as[kind](name) for kind, of in names.items() for name in of}
        return {"plans": found, "me": me, "night": NIGHT, "titles": titles, **names}

    @app.post("/api/answer", summary="A plan's figures, charts and claims; with many members as JSON lines")
    async def answer(question: Question, request: Request, tab: Tab = "") -> Response:
        user = user_of(request)
        remember(user, question.plan, question.members)
        page = f"{user.id} {tab}" if tab else ""
        mark = tabs.begin(page)
        if page:
            crowd.opened(page)
        if question.members > 1 or question.claims:
            return streamed(worker.steps(jobs.answer, question, mark=mark))
        async with marked_if_gone(request, mark):
            return JSONResponse(await crowd.answer(question, mark))

    @app.post("/api/inputs", summary="The lines of a plan that matter; with many members as JSON lines")
    async def inputs(question: InputsQuestion) -> Response:
        if question.members > 1:
            return streamed(worker.steps(jobs.inputs, question.plan, question.members))
        return JSONResponse(await anyio.to_thread.run_sync(ranked, question.plan, 1))

    @app.post("/api/start", summary="The text of a new plan of one site, sized to its power")
    async def start(question: StartQuestion) -> dict[str, str]:
        given = Start(name="my-plan", **question.model_dump())
        return {"text": await anyio.to_thread.run_sync(sized_starter, given)}

    @app.post("/api/text", summary="A plan's text with its changes written into it")
    async def text(question: TextQuestion) -> dict[str, str]:
        return {"text": await anyio.to_thread.run_sync(written, question.plan)}

    @app.get("/api/explain", summary="Where a figure comes from")
    async def explain(
        request: Request,
        answer: Annotated[str, Query(max_length=80)],
        quantity: Annotated[str, Query(max_length=200)],
        at: Annotated[str, Query(max_length=400)] = "",
    ) -> Response:
        state, members = of(user_of(request), answer)
        if members > 1:
            return streamed(worker.steps(jobs.explanation, state, members, quantity, at))
        return JSONResponse(await anyio.to_thread.run_sync(explained, state, members, quantity, at))

    @app.post("/api/compare", summary="What differs between two plans, and why; as JSON lines")
    async def compare(question: ComparisonQuestion) -> Response:
        return streamed(worker.steps(jobs.comparison, question.plan, question.other))

    @app.get("/api/download", summary="A result as a file")
    async def download(request: Request, answer: Annotated[str, Query(max_length=80)], form: jobs.Form) -> Response:
        state, members = of(user_of(request), answer)
        async for step in worker.steps(jobs.download, state, members, form):
            if step.answer is not None:
                name = f"gigaplan-result.{form}"
                headers = {"content-disposition": f'attachment; filename="{name}"'}
                return Response(step.answer, media_type=jobs.KINDS[form], headers=headers)
        raise Cancelled("the file was not made")

    frame_questions(app, worker, remember, streamed)


def title_of(name: str) -> str:
    """Return the title of a built-in plan."""
    root = root_of(sources_of(PlanState(name=name), 1))
    return root.written(("title",)) or name


def written(state: PlanState) -> str:
    """Return a plan's text with its changes in it; without changes its own text, comments and all."""
    from dataclasses import replace

    sources = sources_of(state, 1)
    with texts_only():
        return copy_of(replace(sources, changes=tuple(state.changes)), Path())
