"""The list of jobs: what each is, how far it is, whose it is; question and answer lie in a folder of its own."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gigaplan.app.queue.database import Database
from gigaplan.app.verbs.call import REQUEST, write_whole
from gigaplan.app.verbs.limits import Limits
from gigaplan.vocabulary.errors import Place, PlanError, Problem

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
OPEN = (WAITING, RUNNING)
ATTEMPTS, ATTEMPTS_OF_STUDIES = 3, 50
"""How often a job is begun whose server or process ended meanwhile; a study goes on from where it was."""
FOLDER = "jobs"
ID = re.compile(r"[A-Za-z0-9_-]{22}")
LONGEST_STEP = 200


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the interface shows it."""

    id: str
    owner: str
    verb: str
    state: str
    """``waiting``, ``running``, ``done``, ``failed`` or ``cancelled``."""
    done: int
    total: int
    step: str
    """What comes next."""
    attempts: int
    """How often it was begun."""
    created: float
    """Seconds since 1970, as is ``ended``."""
    ended: float | None
    problems: tuple[Mapping[str, Any], ...]
    files: Mapping[str, str]
    """File of each form of the answer, relative to the job's folder."""

    def as_data(self) -> dict[str, Any]:
        """Return the job as the interface shows it: forms of its answer instead of files."""
        names = ("id", "verb", "state", "done", "total", "step", "attempts", "created", "ended")
        return {
            **{name: getattr(self, name) for name in names},
            "problems": list(self.problems),
            "forms": sorted(self.files),
        }


class JobStore:
    """Jobs on the disk.

    Parameters
    ----------
    database : Database
        Where the list is.
    folder : Path
        Where the jobs' own folders are made, in ``jobs``.
    limits : Limits
        How many one user may have.
    """

    def __init__(self, database: Database, folder: Path, limits: Limits) -> None:
        self.database, self.limits = database, limits
        self.folder = folder / FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()

    def submit(self, owner: str, verb: str, question: Mapping[str, Any]) -> Job:
        """Keep a new job that waits.

        Parameters
        ----------
        owner : str
            Whose it is.
        verb : str
            A kind of job.
        question : mapping
            Its question as plain data.

        Raises
        ------
        TooManyJobsError
            If the owner has as many jobs as one may have.
        """
        number = secrets.token_urlsafe(16)
        with self._lock:
            self._room(owner)
            home = self.folder / number
            home.mkdir()
            write_whole(home / REQUEST, json.dumps({"verb": verb, "question": question}).encode())
            self.database.change(
                "INSERT INTO jobs"
                " (id, owner, verb, state, done, total, step, attempts, created, ended, problems, files)"
                " VALUES (:id, :owner, :verb, 'waiting', 0, 0, '', 0, :now, NULL, '[]', '{}')",
                id=number, owner=owner, verb=verb, now=time.time(),
            )  # fmt: skip
            self._forget_oldest(owner)
        return self.get(number, owner)

    def _room(self, owner: str) -> None:
        """Raise TooManyJobsError where an owner has as many open jobs as one may have."""
        statement = "SELECT count(*) AS n FROM jobs WHERE owner = :owner AND state IN ('waiting', 'running')"
        count = int(self.database.rows(statement, owner=owner)[0]["n"])
        if count >= self.limits.open_jobs:
            remedy = "wait for one, or cancel one"
            allowed = f"{self.limits.open_jobs} at once"
            raise TooManyJobsError([Problem("too many jobs", Place("jobs"), str(count), allowed, "", remedy)])

    def get(self, number: str, owner: str) -> Job:
        """Return a job of an owner; PlanError where there is none, whether another has one of this id or not."""
        found = self.database.rows("SELECT * FROM jobs WHERE id = :id AND owner = :owner", id=number, owner=owner)
        if not found:
            raise NoSuchJobError(number)
        return _job(found[0])

    def every(self, owner: str) -> Sequence[Job]:
        """Return an owner's jobs, the newest first."""
        statement = "SELECT * FROM jobs WHERE owner = :owner ORDER BY created DESC, id"
        return [_job(row) for row in self.database.rows(statement, owner=owner)]

    def home(self, number: str) -> Path:
        """Return the folder of a job."""
        if not ID.fullmatch(number):
            raise NoSuchJobError(number)
        return self.folder / number

    def claim(self, verbs: Sequence[str], *, only: bool) -> Job | None:
        """Begin the job that waits longest, of the owner who has fewest running; None where none waits.

        Parameters
        ----------
        verbs : sequence of str
            Verbs that take long.
        only : bool
            Whether only others are begun, so that these never hold up quick ones.
        """
        with self._lock:
            rows = self.database.rows("SELECT * FROM jobs WHERE state IN ('waiting', 'running') ORDER BY created, id")
            busy: dict[str, int] = {}
            for row in rows:
                busy[row["owner"]] = busy.get(row["owner"], 0) + (row["state"] == RUNNING)
            waiting = [r for r in rows if r["state"] == WAITING and not (only and r["verb"] in verbs)]
            for row in sorted(waiting, key=lambda r: busy[r["owner"]]):
                statement = (
                    "UPDATE jobs SET state = 'running', attempts = attempts + 1 WHERE id = :id AND state = 'waiting'"
                )
                if self.database.change(statement, id=row["id"]):
                    return self.get(row["id"], row["owner"])
        return None

    def progress(self, number: str, done: int, total: int, step: str) -> None:
        """Note how far a running job is."""
        self.database.change(
            "UPDATE jobs SET done = :done, total = :total, step = :step WHERE id = :id AND state = 'running'",
            id=number, done=done, total=total, step=step[:LONGEST_STEP],
        )  # fmt: skip

    def finish(self, number: str, files: Mapping[str, str]) -> None:
        """Note that a running job is done, and the files of its answer."""
        self._end(number, DONE, files=files)

    def fail(self, number: str, problems: Sequence[Mapping[str, Any]]) -> None:
        """Note why a job that was to run has no answer."""
        self._end(number, FAILED, problems=problems)

    def cancel(self, number: str, owner: str) -> bool:
        """Note that an owner's job is cancelled; return whether it ran or waited."""
        self.get(number, owner)
        return self._end(number, CANCELLED)

    def _end(
        self, number: str, state: str, files: Mapping[str, str] | None = None, problems: Sequence[Any] = ()
    ) -> bool:
        changed = self.database.change(
            "UPDATE jobs SET state = :state, ended = :now, files = :files, problems = :problems,"
            " done = CASE WHEN :whole = 1 AND total > 0 THEN total ELSE done END"
            " WHERE id = :id AND state IN ('waiting', 'running')",
            id=number, whole=int(state == DONE), state=state, now=time.time(), files=json.dumps(dict(files or {})),
            problems=json.dumps(list(problems)),
        )  # fmt: skip
        return changed > 0

    def again(self, number: str, owner: str) -> Job:
        """Let an owner's job that failed or was cancelled wait again; a study goes on from its last whole chunk.

        Raises
        ------
        NoSuchJobError
            If the owner has no such job.
        PlanError
            If it hasn't ended, or is done.
        TooManyJobsError
            If the owner has as many jobs as one may have.
        """
        job = self.get(number, owner)
        with self._lock:
            self._room(owner)
            statement = (
                "UPDATE jobs SET state = 'waiting', attempts = 0, ended = NULL, problems = '[]'"
                " WHERE id = :id AND state IN ('failed', 'cancelled')"
            )
            if not self.database.change(statement, id=number):
                allowed, remedy = f"{FAILED} or {CANCELLED}", "wait for it, or post its question again"
                raise PlanError([Problem("this job can't go on", Place("jobs"), job.state, allowed, "", remedy)])
        return self.get(number, owner)

    def question(self, number: str, owner: str) -> dict[str, Any]:
        """Return the question of an owner's job: its verb, and what was posted."""
        job = self.get(number, owner)
        try:
            posted = json.loads((self.home(job.id) / REQUEST).read_bytes())
        except OSError:
            raise NoSuchJobError(number) from None
        return {"verb": job.verb, "request": posted["question"]}

    def put_back(self, number: str, *, counts: bool) -> bool:
        """Let a running job wait again, or fail where it has been begun too often; return whether it waits.

        Parameters
        ----------
        number : str
            The job.
        counts : bool
            Whether the attempt counts: it doesn't where the server was stopped in order.
        """
        found = self.database.rows("SELECT * FROM jobs WHERE id = :id AND state = 'running'", id=number)
        if not found:
            return False
        job = _job(found[0])
        most = ATTEMPTS_OF_STUDIES if job.verb.startswith("study_") else ATTEMPTS
        if counts and job.attempts >= most:
            text = f"it was begun {job.attempts} times, and each time its process or the server ended"
            remedy = "take fewer members or a shorter horizon, and post it again"
            self.fail(number, [Problem(text, Place(job.verb), remedy=remedy).as_dict() | {"text": f"{text}; {remedy}"}])
            return False
        statement = "UPDATE jobs SET state = 'waiting', attempts = :attempts WHERE id = :id AND state = 'running'"
        return self.database.change(statement, id=number, attempts=job.attempts - (not counts)) > 0

    def resume(self) -> None:
        """Let what ran when the last server ended wait again; what has lost its folder says so."""
        for row in self.database.rows("SELECT id, verb FROM jobs WHERE state IN ('waiting', 'running')"):
            if not (self.home(row["id"]) / REQUEST).is_file():
                text, remedy = "the job's question is lost: its folder isn't there", "post it again"
                problem = Problem(text, Place(row["verb"]), remedy=remedy)
                self.fail(row["id"], [problem.as_dict() | {"text": str(problem)}])
                continue
            self.put_back(row["id"], counts=True)
        known = {row["id"] for row in self.database.rows("SELECT id FROM jobs")}
        for folder in self.folder.iterdir():  # of jobs whose posting was cut short before they were listed
            if folder.is_dir() and ID.fullmatch(folder.name) and folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def remove(self, number: str, owner: str) -> None:
        """Remove an ended job with its answer."""
        job = self.get(number, owner)
        if job.state in OPEN:
            raise PlanError([Problem("the job hasn't ended", Place("jobs"), job.state, remedy="cancel it first")])
        self.database.change("DELETE FROM jobs WHERE id = :id AND owner = :owner", id=number, owner=owner)
        shutil.rmtree(self.home(number), ignore_errors=True)

    def _forget_oldest(self, owner: str) -> None:
        ended = [job for job in self.every(owner) if job.state not in OPEN]
        for job in ended[self.limits.kept_jobs :]:
            self.remove(job.id, owner)


class TooManyJobsError(PlanError):
    """A user has as many jobs as one may have."""


class NoSuchJobError(PlanError):
    """There is no job of this id that this user may see."""

    def __init__(self, number: str) -> None:
        super().__init__([Problem("no such job", Place("jobs"), number[:40], remedy="list your jobs: GET /api/jobs")])


def _job(row: Mapping[str, Any]) -> Job:
    values = dict(row)
    return Job(**{**values, "problems": tuple(json.loads(values["problems"])), "files": json.loads(values["files"])})
