"""Serve the planner to a team until the process is ended in order."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path

from gigaplan.app import jobs
from gigaplan.app.access import User
from gigaplan.app.connections import served
from gigaplan.app.open import listening
from gigaplan.app.queue.desk import Desk
from gigaplan.app.server import planner
from gigaplan.app.team.database import TeamDatabase, url_of
from gigaplan.app.team.endpoints import team_endpoints
from gigaplan.app.team.guard import TeamGuard
from gigaplan.app.team.limits import TeamLimits
from gigaplan.app.team.people import People
from gigaplan.app.team.plans import ChangedMeanwhileError, NoSuchPlanError, StoredPlans, TooManyPlansError
from gigaplan.app.work import Worker
from gigaplan.vocabulary.errors import MachineError, Place, PlanError, Problem

REFUSALS = {NoSuchPlanError: 404, TooManyPlansError: 429, ChangedMeanwhileError: 409}


def opened(data: Path, url: str = "") -> TeamDatabase:
    """Return the database of a server, brought to the newest schema.

    Parameters
    ----------
    data : Path
        The server's folder.
    url : str
        Address of the database; a file in the folder if left out.

    Raises
    ------
    MachineError
        If the folder can't be made, or the database can't be used.
    """
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise MachineError(f"the folder {data} can't be made: {error.strerror}; give another with --data") from None
    return TeamDatabase(url or url_of(data))


def team_application(
    database: TeamDatabase,
    data: Path,
    hosts: Sequence[str] = (),
    limits: TeamLimits | None = None,
    *,
    worker: Worker | None = None,
    workers: int = 1,
) -> tuple[TeamGuard, Desk]:
    """Return the application of a team's server, and its jobs, which are to be closed.

    Parameters
    ----------
    database : TeamDatabase
        Where users, plans and jobs are.
    data : Path
        Where questions and answers of jobs are kept.
    hosts : sequence of str
        Names under which the server is reached.
    limits : TeamLimits, optional
        What one user may take.
    worker : Worker, optional
        The process of the page's long questions.
    workers : int
        Processes for long jobs.
    """
    bounds = limits or TeamLimits()
    people, stored = People(database), StoredPlans(database, bounds.plans)
    desk = Desk(lambda: data, bounds.jobs, workers, database)

    def note(user: User, action: str, what: str) -> None:
        people.note(user, action, what)

    app = planner(worker or Worker(), desk, team_endpoints(people, stored, note), note, REFUSALS)
    return TeamGuard(app, people, hosts, bounds), desk


def serve_team(
    data: Path,
    show: Callable[[str], None],
    *,
    url: str = "",
    port: int = 8765,
    listen: str = "127.0.0.1",
    hosts: Sequence[str] = (),
    limits: TeamLimits | None = None,
    workers: int = 1,
) -> None:
    """Serve a team until the process is ended.

    Parameters
    ----------
    data : Path
        The server's folder.
    show : callable
        Called with where it answers.
    url : str
        Address of the database; a file in the folder if left out.
    port : int
        Port; 0 for any free one.
    listen : str
        Address of this machine at which it listens: another than 127.0.0.1 is for a reverse proxy that speaks TLS.
    hosts : sequence of str
        Names under which the server is reached.
    limits : TeamLimits, optional
        What one user may take.
    workers : int
        Processes for long jobs.

    Raises
    ------
    MachineError
        If the port, the folder or the database can't be used.
    PlanError
        If the address is none.
    """
    try:
        ipaddress.IPv4Address(listen)
    except ValueError:
        remedy = "write 127.0.0.1, or 0.0.0.0 for all of this machine"
        raise PlanError([Problem("this is no address of IPv4", Place("--listen"), listen, remedy=remedy)]) from None
    database, worker = opened(data, url), Worker()
    application, desk = team_application(database, data, hosts, limits, worker=worker, workers=workers)
    listener = listening(port, listen)
    desk.resume()
    worker.start().submit(jobs.warm, "announced-2025-09")
    show(f"http://{hosts[0] if hosts else listen}:{listener.getsockname()[1]}/")
    try:
        with contextlib.suppress(KeyboardInterrupt):
            served(application, listener, proxied=listen != "127.0.0.1" or bool(hosts))
    finally:
        desk.close()
        worker.close()
        listener.close()
        database.close()
