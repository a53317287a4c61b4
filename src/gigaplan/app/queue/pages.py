"""Pages of jobs in a window of their own: opened once, by a link that lasts a minute, without rights on this server."""

from __future__ import annotations

import secrets
import threading
import time
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response
from pydantic import StringConstraints

from gigaplan.app.access import user_of
from gigaplan.app.queue.desk import Desk
from gigaplan.app.verbs.bodies import JobId
from gigaplan.vocabulary.errors import Place, PlanError, Problem

LASTS_S = 60.0
MOST = 1_000
"""Links that are open at once; the oldest go first."""
POLICY = (
    "sandbox allow-scripts allow-downloads allow-popups; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""A report brings its scripts and styles with it. In a sandbox it has an origin of its own: it can't ask this server
anything, nor read what the planner keeps."""
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]


class Links:
    """Links that open a file once, within a minute."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[float, Path]] = {}
        self._lock = threading.Lock()

    def to(self, file: Path) -> str:
        """Return the key of a new link to a file."""
        key, now = secrets.token_urlsafe(32), time.monotonic()
        with self._lock:
            self._files = {k: v for k, v in self._files.items() if v[0] > now}
            while len(self._files) >= MOST:
                self._files.pop(next(iter(self._files)))
            self._files[key] = now + LASTS_S, file
        return key

    def taken(self, key: str) -> Path | None:
        """Return the file of a link, which is used up; None where there is none or it is too late."""
        with self._lock:
            until, file = self._files.pop(key, (0.0, None))
        return file if time.monotonic() < until else None


def add_pages(app: FastAPI, desk: Desk) -> None:
    """Add what opens the page of a job in a window of its own.

    Parameters
    ----------
    app : FastAPI
        The application.
    desk : Desk
        The jobs.
    """
    links = Links()

    @app.post("/api/jobs/{job}/page", summary="A link that opens the page of a job once, within a minute")
    def link(job: JobId, request: Request) -> dict[str, str]:
        found = desk.store.get(job, user_of(request).id)
        if "html" not in found.files:
            remedy = "take its answer in one of its forms"
            raise PlanError([Problem("this job has no page", Place("jobs"), found.state, remedy=remedy)])
        return {"path": f"/pages/{links.to(desk.store.home(found.id) / found.files['html'])}"}

    @app.get("/pages/{key}", include_in_schema=False)
    def page(key: Key) -> Response:
        file = links.taken(key)
        if file is None or not file.is_file():
            return PlainTextResponse("this link was used or is too old: open the page from the planner again", 404)
        return FileResponse(file, media_type="text/html; charset=utf-8", headers={"content-security-policy": POLICY})
