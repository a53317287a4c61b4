"""The verbs of the planner in the browser: for one person on this machine, or for a team."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Group, Parameter

from gigaplan.cli.base import Json, Set, app, verb
from gigaplan.cli.completion import plan_names
from gigaplan.cli.streams import line

planner_app = App(
    name="app",
    help="Open the planner in the browser, on this machine or for a team.",
    help_epilogue="Example: gigaplan app announced-2025-09",
)
users_app = App(
    name="users",
    help="Users of a team's server: add, list, change and remove them.",
    help_epilogue="Example: gigaplan app users add ada --role planner",
)
app.command(planner_app)
planner_app.command(users_app)
TEAM = Group("Team", sort_key=9)
DATABASE = "GIGAPLAN_DATABASE"
"""Variable of the environment with the address of a team's database, so that no password stands in a command."""
Data = Annotated[
    Path | None, Parameter(help="Folder of jobs, and of a team's database (default: ~/.local/state/gigaplan).")
]


@planner_app.default
def planner(
    plan: Annotated[str, Parameter(completer=plan_names)] = "announced-2025-09",
    /,
    *,
    set: Set = None,
    port: int = 0,
    browser: Annotated[bool, Parameter(negative="--no-browser", show_default=False)] = True,
    data: Data = None,
    serve: Annotated[bool, Parameter(negative="", show_default=False, group=TEAM)] = False,
    host: Annotated[list[str] | None, Parameter(negative="", group=TEAM)] = None,
    listen: Annotated[str, Parameter(group=TEAM)] = "127.0.0.1",
    workers: Annotated[int, Parameter(group=TEAM)] = 1,
    members: Annotated[int | None, Parameter(group=TEAM)] = None,
    study_members: Annotated[int | None, Parameter(group=TEAM)] = None,
    jobs: Annotated[int | None, Parameter(group=TEAM)] = None,
    minutes: Annotated[float | None, Parameter(group=TEAM)] = None,
    requests: Annotated[float | None, Parameter(group=TEAM)] = None,
) -> int:
    """Open the planner in the browser: figures and charts that move while you drag. Ctrl-C ends it.

    It answers on 127.0.0.1 alone, needs no network, and takes questions only from the link that it prints. With
    --serve it answers the users of a team, each with a token of "gigaplan app users add".

    Parameters
    ----------
    plan
        A built-in plan's name or a YAML file, shown first.
    port
        Port on this machine (default: any that is free; with --serve 8765).
    browser
        Whether the link is opened; with --no-browser it is only printed.
    serve
        Serve a team; its database is in --data, or PostgreSQL where GIGAPLAN_DATABASE holds its address.
    host
        Name under which users reach the server, as planner.example.org. May be repeated.
    listen
        Address of this machine at which the server listens; another than 127.0.0.1 is for a reverse proxy with TLS.
    workers
        Processes for long jobs.
    members
        Futures of a run at most (default: 1000).
    study_members
        Futures of each plan of a study at most (default: 100000).
    jobs
        Jobs of one user at once (default: 20).
    minutes
        Minutes of one job at most (default: 240).
    requests
        Requests of one user in a minute (default: 600).
    """
    bounds = {"members": members, "study_members": study_members, "jobs": jobs, "minutes": minutes}
    given = {**bounds, "requests": requests}
    if serve:
        from gigaplan.app.queue.desk import state_folder

        with _team():
            from gigaplan.app.team.serve import serve_team

            serve_team(
                data or state_folder(),
                lambda address: line(f"{address}\nCtrl-C ends it.", stderr=False),
                url=os.environ.get(DATABASE, ""),
                port=port or 8765,
                listen=listen,
                hosts=host or [],
                limits=_limits(given),
                workers=workers,
            )
        return 0
    _refuse_of_team({**given, "host": host, "listen": listen != "127.0.0.1", "workers": workers != 1})
    from gigaplan.app.link import fragment_of
    from gigaplan.app.open import serve as open_planner

    fragment = fragment_of(plan, set or [])
    open_planner(
        fragment, port, lambda link: line(f"{link}\nCtrl-C ends it.", stderr=False), browser=browser, data=data
    )
    return 0


def _refuse_of_team(given: dict[str, Any]) -> None:
    """Raise PlanError for options that only a team's server has."""
    from gigaplan.vocabulary.errors import Place, PlanError, Problem

    stated = [f"--{name.replace('_', '-')}" for name, value in given.items() if value]
    if stated:
        remedy = "add --serve, or leave it out"
        raise PlanError(
            [Problem("this is an option of a team's server", Place("app"), ", ".join(stated), remedy=remedy)]
        )


def _limits(given: dict[str, Any]) -> Any:
    """Return the bounds of one user; PlanError for a number that can't be one."""
    from dataclasses import replace

    from gigaplan.app.team.limits import TeamLimits
    from gigaplan.vocabulary.errors import Place, PlanError, Problem

    problems = [
        Problem("this bound is above zero", Place(f"--{n.replace('_', '-')}"), str(v), remedy="give 1 or more")
        for n, v in given.items()
        if v is not None and not v > 0
    ]
    if problems:
        raise PlanError(problems)
    names = {"members": "members", "study_members": "study_members", "jobs": "open_jobs"}
    numbers = {names[n]: v for n, v in given.items() if n in names and v is not None}
    if given["minutes"] is not None:
        numbers["seconds"] = 60.0 * given["minutes"]
    limits = TeamLimits()
    limits = replace(limits, jobs=replace(limits.jobs, **numbers))
    return limits if given["requests"] is None else replace(limits, requests_per_minute=given["requests"])


@contextlib.contextmanager
def _team() -> Iterator[None]:
    """Say what to install where the libraries of a team's server aren't there."""
    from gigaplan.vocabulary.errors import MachineError

    missing = [name for name in ("sqlalchemy", "alembic") if importlib.util.find_spec(name) is None]
    if missing:
        raise MachineError(f"a team's server needs {' and '.join(missing)}: pip install 'gigaplan[server]'")
    yield


@contextlib.contextmanager
def _people(data: Path | None) -> Iterator[Any]:
    """Give the users of a server."""
    from gigaplan.app.queue.desk import state_folder

    with _team():
        from gigaplan.app.team.people import People
        from gigaplan.app.team.serve import opened

        database = opened(data or state_folder(), os.environ.get(DATABASE, ""))
        try:
            yield People(database)
        finally:
            database.close()


@verb(users_app, "add", "app users add ada --role planner")
def users_add(name: str, /, *, role: str = "planner", days: float | None = None, data: Data = None) -> int:
    """Add a user, and print the token, which is shown this once.

    Parameters
    ----------
    name
        What others see.
    role
        viewer (reads what is shared), planner (keeps plans, begins jobs) or admin (reads the audit too).
    days
        For how many days the token is good (default: until it is revoked).
    """
    with _people(data) as people:
        token = people.add(name, role, days)
        people.note(None, "user added", f"{name} {role}", "command line")
    line(token, stderr=False)
    line(f"The link of {name} is the server's address with #token=TOKEN. This token isn't shown again.", stderr=True)
    return 0


@verb(users_app, "list", "app users list")
def users_list(*, data: Data = None, json: Json = False) -> int:
    """List the users: role, good tokens, and since when."""
    with _people(data) as people:
        found = people.every()
    if json:
        import json as writer

        print(writer.dumps({"users": list(found)}, indent=1))
        return 0
    for one in found:
        since = datetime.fromtimestamp(one["created"], UTC).date()
        line(f"{one['name']}: {one['role']}, {one['tokens']} tokens, since {since}", stderr=False)
    return 0


@verb(users_app, "role", "app users role ada admin")
def users_role(name: str, role: str, /, *, data: Data = None) -> int:
    """Give a user another role.

    Parameters
    ----------
    name
        The user.
    role
        viewer, planner or admin.
    """
    with _people(data) as people:
        people.change_role(name, role)
        people.note(None, "role", f"{name} {role}", "command line")
    return 0


@verb(users_app, "token", "app users token ada")
def users_token(name: str, /, *, days: float | None = None, data: Data = None) -> int:
    """Give a user a further token, and print it, which is shown this once.

    Parameters
    ----------
    name
        The user.
    days
        For how many days it is good (default: until it is revoked).
    """
    with _people(data) as people:
        token = people.token(name, days)
        people.note(None, "token", name, "command line")
    line(token, stderr=False)
    return 0


@verb(users_app, "revoke", "app users revoke ada")
def users_revoke(name: str, /, *, data: Data = None) -> int:
    """Make all tokens of a user worthless at once.

    Parameters
    ----------
    name
        The user.
    """
    with _people(data) as people:
        count = people.revoke(name)
        people.note(None, "revoked", f"{name}: {count} tokens", "command line")
    line(f"{count} tokens of {name} are worthless now", stderr=False)
    return 0


@verb(users_app, "remove", "app users remove ada")
def users_remove(name: str, /, *, data: Data = None) -> int:
    """Let a user in no more; shared plans stay, private ones are seen by nobody.

    Parameters
    ----------
    name
        The user.
    """
    with _people(data) as people:
        people.remove(name)
        people.note(None, "user removed", name, "command line")
    return 0


@verb(planner_app, "audit", "app audit --most 20")
def audit(*, most: int = 100, data: Data = None) -> int:
    """Print who did what, the newest first.

    Parameters
    ----------
    most
        Entries at most.
    """
    with _people(data) as people:
        found = people.audited(most)
    for one in found:
        at = datetime.fromtimestamp(one["at"], UTC).isoformat(timespec="seconds")
        line(" ".join(p for p in (at, one["user_name"] or "-", one["action"], one["object"], one["address"]) if p),
             stderr=False)  # fmt: skip
    return 0
