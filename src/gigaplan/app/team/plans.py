"""Plans that a server keeps: private until their owner shares them, each change a version with who made it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gigaplan.app.access import ForbiddenError, User
from gigaplan.app.requests import PlanState
from gigaplan.app.team.database import TeamDatabase
from gigaplan.app.team.tables import plan_shares, plan_versions, plans, users
from gigaplan.vocabulary.errors import GigaplanError, Place, PlanError, Problem

Shared = Literal["private", "read", "write"]
"""Who else may see a plan: nobody, every user, or every user, of whom planners may change it."""
Access = Literal["none", "read", "write"]
"""What one user may do with a plan of another; a viewer changes none."""


class NoSuchPlanError(PlanError):
    """There is no plan of this id that this user may read."""

    def __init__(self, number: str) -> None:
        super().__init__([Problem("no such plan", Place("stored"), number[:40], remedy="list them: GET /api/stored")])


class TooManyPlansError(PlanError):
    """A user keeps as many plans, or versions of one, as one may."""


class ChangedMeanwhileError(GigaplanError):
    """Somebody else has changed the plan since it was read."""


class StoredPlans:
    """The plans of a server.

    Parameters
    ----------
    database : TeamDatabase
        Where they are kept.
    most : int
        Plans of one user, and versions of one plan.
    """

    def __init__(self, database: TeamDatabase, most: int) -> None:
        self.database, self.most = database, most

    def every(self, user: User) -> Sequence[dict[str, Any]]:
        """Return the plans that a user may read, the last changed first."""
        where = (
            (plans.c.owner_id == user.id) | plans.c.shared.in_(("read", "write")) | plan_shares.c.user_id.is_not(None)
        )
        with self.database.begin() as connection:
            found = connection.execute(_shown(user).where(where).order_by(plans.c.changed.desc(), plans.c.id))
            named = _named(connection, plans.c.owner_id == user.id)
            return [_data(row, user, named) for row in found.mappings()]

    def add(self, user: User, title: str, state: PlanState, note: str = "") -> dict[str, Any]:
        """Keep a new private plan of a user, and return it."""
        number, now = secrets.token_urlsafe(16), time.time()
        with self.database.begin() as connection:
            count = sa.select(sa.func.count()).where(plans.c.owner_id == user.id)
            if int(connection.execute(count).scalar_one()) >= self.most:
                raise TooManyPlansError([_too_many("plans", self.most)])
            row = {"id": number, "owner_id": user.id, "title": title, "shared": "private", "version": 1, "changed": now}
            connection.execute(plans.insert().values(**row))
            _write_version(connection, number, 1, user, state, note)
        return self.get(user, number)

    def get(self, user: User, number: str, version: int | None = None) -> dict[str, Any]:
        """Return a plan with its text, the newest version if none is named.

        Raises
        ------
        NoSuchPlanError
            If there is none that this user may read, whether there is one or not.
        """
        with self.database.begin() as connection:
            row = self._readable(connection, user, number)
            at = (plan_versions.c.plan_id == number) & (plan_versions.c.version == (version or row["version"]))
            state = connection.execute(sa.select(plan_versions.c.state).where(at)).scalar_one_or_none()
            named = _named(connection, (plans.c.id == number) & (plans.c.owner_id == user.id))
        if state is None:
            raise NoSuchPlanError(number)
        return {**_data(row, user, named), "version": version or row["version"], "plan": json.loads(state)}

    def change(self, user: User, number: str, title: str, state: PlanState, version: int, note: str) -> dict[str, Any]:
        """Keep a new version of a plan.

        Parameters
        ----------
        user : User
            Who changes it: its owner, or a planner where it is shared for that.
        number : str
            The plan.
        title : str
            Its title.
        state : PlanState
            Its text and changes.
        version : int
            The version that was read, which must be the newest.
        note : str
            Why it is changed.

        Raises
        ------
        NoSuchPlanError, ForbiddenError
            If this user may not read it, or not change it.
        ChangedMeanwhileError
            If there is a newer version.
        """
        with self.database.begin() as connection:
            row = self._readable(connection, user, number)
            if not _may_write(row, user):
                raise ForbiddenError("this plan is shared for reading alone: keep a copy of your own")
            if version >= self.most:
                raise TooManyPlansError([_too_many("versions of a plan", self.most)])
            newest = plans.update().where((plans.c.id == number) & (plans.c.version == version))
            changed = connection.execute(newest.values(title=title, version=version + 1, changed=time.time()))
            if changed.rowcount != 1:
                raise ChangedMeanwhileError("somebody has changed this plan meanwhile: read it again, then change it")
            _write_version(connection, number, version + 1, user, state, note)
        return self.get(user, number)

    def share(self, user: User, number: str, shared: Shared) -> dict[str, Any]:
        """Say who else may see a plan; only its owner may."""
        with self.database.begin() as connection:
            self._owned(connection, user, number)
            connection.execute(plans.update().where(plans.c.id == number).values(shared=shared))
        return self.get(user, number)

    def share_with(self, user: User, number: str, name: str, access: Access) -> dict[str, Any]:
        """Say what one other user may do with a plan; only its owner may.

        Raises
        ------
        NoSuchPlanError, ForbiddenError
            If this user may not read it, or doesn't own it.
        PlanError
            If there is no other user of this name.
        """
        with self.database.begin() as connection:
            self._owned(connection, user, number)
            known = (users.c.name == name) & users.c.removed.is_(None) & (users.c.id != user.id)
            other = connection.execute(sa.select(users.c.id).where(known)).scalar_one_or_none()
            if other is None:
                remedy = "write the name as an admin added it"
                raise PlanError([Problem("no other user of this name", Place("stored"), name[:80], "", "", remedy)])
            one = (plan_shares.c.plan_id == number) & (plan_shares.c.user_id == other)
            connection.execute(plan_shares.delete().where(one))
            if access != "none":
                row = {"plan_id": number, "user_id": other, "may_write": int(access == "write")}
                connection.execute(plan_shares.insert().values(**row))
        return self.get(user, number)

    def remove(self, user: User, number: str) -> None:
        """Remove a plan with all its versions; only its owner may."""
        with self.database.begin() as connection:
            self._owned(connection, user, number)
            connection.execute(plan_shares.delete().where(plan_shares.c.plan_id == number))
            connection.execute(plan_versions.delete().where(plan_versions.c.plan_id == number))
            connection.execute(plans.delete().where(plans.c.id == number))

    def history(self, user: User, number: str) -> Sequence[dict[str, Any]]:
        """Return who changed a plan when and why, the newest version first."""
        shown = sa.select(
            plan_versions.c.version, users.c.name.label("author"), plan_versions.c.at, plan_versions.c.note
        )
        shown = shown.join_from(plan_versions, users, plan_versions.c.author_id == users.c.id)
        with self.database.begin() as connection:
            self._readable(connection, user, number)
            found = connection.execute(
                shown.where(plan_versions.c.plan_id == number).order_by(plan_versions.c.version.desc())
            )
            return [dict(row) for row in found.mappings()]

    def _readable(self, connection: Connection, user: User, number: str) -> Any:
        """Return a plan's row if the user may read it."""
        row = connection.execute(_shown(user).where(plans.c.id == number)).mappings().first()
        if row is None or not (row["owner_id"] == user.id or row["shared"] in ("read", "write") or _is_named(row)):
            raise NoSuchPlanError(number)
        return row

    def _owned(self, connection: Connection, user: User, number: str) -> None:
        if self._readable(connection, user, number)["owner_id"] != user.id:
            raise ForbiddenError("only the owner of a plan shares or removes it")


def _shown(user: User) -> sa.Select[Any]:
    """Return the selection of plans, each with its owner's name and with what it grants to a user by name."""
    granted = (plan_shares.c.plan_id == plans.c.id) & (plan_shares.c.user_id == user.id)
    shown = sa.select(plans, users.c.name.label("owner"), plan_shares.c.may_write.label("granted"))
    return shown.join_from(plans, users, plans.c.owner_id == users.c.id).outerjoin(plan_shares, granted)


def _is_named(row: Any) -> bool:
    return row["granted"] is not None


def _named(connection: Connection, where: sa.ColumnElement[bool]) -> dict[str, dict[str, str]]:
    """Return by plan the users to whom some plans are shared by name, and what they may do."""
    shown = sa.select(plan_shares.c.plan_id, users.c.name, plan_shares.c.may_write)
    shown = shown.join_from(plan_shares, users, plan_shares.c.user_id == users.c.id)
    shown = shown.join(plans, plan_shares.c.plan_id == plans.c.id).where(where).order_by(users.c.name)
    found: dict[str, dict[str, str]] = {}
    for number, name, may_write in connection.execute(shown):
        found.setdefault(number, {})[name] = "write" if may_write else "read"
    return found


def _write_version(connection: Connection, number: str, version: int, user: User, state: PlanState, note: str) -> None:
    row = {"plan_id": number, "version": version, "state": state.model_dump_json(), "author_id": user.id}
    connection.execute(plan_versions.insert().values(**row, at=time.time(), note=note))


def _may_write(row: Any, user: User) -> bool:
    granted = row["shared"] == "write" or row["granted"] == 1
    return bool(row["owner_id"] == user.id or (granted and user.role != "viewer"))


def _data(row: Any, user: User, named: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return a plan as the interface shows it; to its owner also with whom it is shared by name."""
    shown = {name: row[name] for name in ("id", "title", "owner", "shared", "version", "changed")}
    mine = row["owner_id"] == user.id
    with_whom = {"shared_with": dict(named.get(row["id"], {}))} if mine else {}
    return {**shown, **with_whom, "mine": mine, "may_write": _may_write(row, user)}


def _too_many(what: str, most: int) -> Problem:
    return Problem(f"too many {what}", Place("stored"), str(most), f"{most:,}", "", "remove one that is no longer used")
