"""Users and their tokens: a token is shown once, and kept as a hash that takes time to compute."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from gigaplan.app.access import ROLES, Role, User
from gigaplan.app.runs import Kept
from gigaplan.app.team.database import TeamDatabase
from gigaplan.app.team.tables import audit, tokens, users
from gigaplan.vocabulary.errors import Place, PlanError, Problem, unknown_choice

PREFIX = "gp"
SCRYPT: dict[str, int] = {"n": 2**14, "r": 8, "p": 1}
"""Cost of a hash: 16 MB and about 50 ms (Percival 2009, "Stronger key derivation via sequential memory-hard functions",
takes these for interactive use); a token has 256 random bits of its own."""
NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
KNOWN = 1_000
"""Tokens whose right secret is remembered, so that not each request takes the time of a hash."""
UNKNOWN = {"salt": "00" * 16, "hash": "00" * 32}
DAY_S = 86_400.0


class People:
    """The users of a server.

    Parameters
    ----------
    database : TeamDatabase
        Where they are kept.
    """

    def __init__(self, database: TeamDatabase) -> None:
        self.database = database
        self._right: Kept[tuple[str, str], bytes] = Kept(KNOWN)

    def add(self, name: str, role: str, days: float | None = None) -> str:
        """Add a user; return the token, which is kept nowhere.

        Parameters
        ----------
        name : str
            What others see.
        role : str
            ``viewer``, ``planner`` or ``admin``.
        days : float, optional
            For how long the token is good; for ever if left out.

        Raises
        ------
        PlanError
            If the name is taken or is none, or there is no such role.
        """
        number = secrets.token_urlsafe(16)
        problems = [] if NAMES.fullmatch(name) else [_problem("this is no name", name, "letters, digits and . _ - @")]
        problems += _wrong_role(role)
        if not problems and self._rows(users.c.name == name):
            problems.append(_problem("this name is taken, or was by a user who was removed", name, "another name"))
        if problems:
            raise PlanError(problems)
        with self.database.begin() as connection:
            connection.execute(users.insert().values(id=number, name=name, role=role, created=time.time()))
        return self.token(name, days)

    def token(self, name: str, days: float | None = None) -> str:
        """Give a user a further token, and return it."""
        user = self.named(name)
        number, secret, salt = secrets.token_urlsafe(9), secrets.token_urlsafe(32), secrets.token_bytes(16)
        now = time.time()
        row = {
            "id": number,
            "user_id": user.id,
            "salt": salt.hex(),
            "hash": _hash(secret, salt).hex(),
            "created": now,
            "expires": None if days is None else now + days * DAY_S,
        }
        with self.database.begin() as connection:
            connection.execute(tokens.insert().values(**row))
        return f"{PREFIX}.{number}.{secret}"

    def revoke(self, name: str) -> int:
        """Make all tokens of a user worthless; return how many."""
        user = self.named(name)
        where = (tokens.c.user_id == user.id) & tokens.c.revoked.is_(None)
        with self.database.begin() as connection:
            return connection.execute(tokens.update().where(where).values(revoked=time.time())).rowcount

    def change_role(self, name: str, role: str) -> None:
        """Give a user another role."""
        user = self.named(name)
        if problems := _wrong_role(role):
            raise PlanError(problems)
        with self.database.begin() as connection:
            connection.execute(users.update().where(users.c.id == user.id).values(role=role))

    def remove(self, name: str) -> None:
        """Let a user in no more; what the user has shared stays, what is private is seen by nobody."""
        user = self.named(name)
        self.revoke(name)
        with self.database.begin() as connection:
            connection.execute(users.update().where(users.c.id == user.id).values(removed=time.time()))

    def named(self, name: str) -> User:
        """Return a user by name; PlanError where there is none."""
        found = self._rows((users.c.name == name) & users.c.removed.is_(None))
        if not found:
            listed = [row["name"] for row in self._rows(users.c.removed.is_(None))]
            raise PlanError([unknown_choice("no such user", Place("users"), name, listed, "list them")])
        return _user(found[0])

    def every(self) -> Sequence[dict[str, Any]]:
        """Return all users who are let in, with how many good tokens each has."""
        now = time.time()
        good = tokens.c.revoked.is_(None) & (tokens.c.expires.is_(None) | (tokens.c.expires > now))
        count = sa.select(sa.func.count()).where((tokens.c.user_id == users.c.id) & good).scalar_subquery()
        shown = sa.select(users.c.name, users.c.role, users.c.created, count.label("tokens"))
        with self.database.begin() as connection:
            found = connection.execute(shown.where(users.c.removed.is_(None)).order_by(users.c.name))
            return [dict(row) for row in found.mappings()]

    def of_token(self, token: str) -> User | None:
        """Return the user of a token, None for one that is wrong, revoked or expired.

        A wrong identifier takes as long as a wrong secret.
        """
        prefix, _, rest = token.partition(".")
        number, _, secret = rest.partition(".")
        row = self._token(number) if prefix == PREFIX else None
        digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
        kept = row or UNKNOWN
        key = (number, kept["hash"])
        if row is not None and hmac.compare_digest(self._right.get(key, lambda: b""), digest):
            return _user(row)
        right = hmac.compare_digest(_hash(secret, bytes.fromhex(kept["salt"])), bytes.fromhex(kept["hash"]))
        if row is None or not right:
            return None
        self._right.put(key, digest)
        return _user(row)

    def _token(self, number: str) -> dict[str, Any] | None:
        """Return a good token's row with its user's."""
        now = time.time()
        good = (
            (tokens.c.id == number)
            & tokens.c.revoked.is_(None)
            & (tokens.c.expires.is_(None) | (tokens.c.expires > now))
            & users.c.removed.is_(None)
        )
        shown = sa.select(tokens.c.salt, tokens.c.hash, users.c.id, users.c.name, users.c.role)
        with self.database.begin() as connection:
            found = connection.execute(shown.join_from(tokens, users).where(good)).mappings().first()
        return dict(found) if found else None

    def _rows(self, where: Any) -> list[dict[str, Any]]:
        with self.database.begin() as connection:
            return [dict(row) for row in connection.execute(sa.select(users).where(where)).mappings()]

    def note(self, user: User | None, action: str, what: str, address: str = "") -> None:
        """Write into the audit who did what; never the text of a plan or a token."""
        row = {
            "at": time.time(),
            "user_id": user.id if user else None,
            "user_name": user.name if user else "",
            "action": action[:32],
            "object": what[:200],
            "address": address[:64],
        }
        with self.database.begin() as connection:
            connection.execute(audit.insert().values(**row))

    def audited(self, most: int) -> Sequence[dict[str, Any]]:
        """Return the last entries of the audit, the newest first."""
        shown = sa.select(audit.c.at, audit.c.user_name, audit.c.action, audit.c.object, audit.c.address)
        with self.database.begin() as connection:
            found = connection.execute(shown.order_by(audit.c.number.desc()).limit(most))
            return [dict(row) for row in found.mappings()]


def _hash(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode("utf-8", "surrogatepass"), salt=salt, dklen=32, **SCRYPT)


def _user(row: dict[str, Any]) -> User:
    role: Role = row["role"]
    return User(row["id"], row["name"], role)


def _wrong_role(role: str) -> list[Problem]:
    return [] if role in ROLES else [unknown_choice("no such role", Place("users"), role, ROLES, "name one of them")]


def _problem(message: str, value: str, allowed: str) -> Problem:
    return Problem(message, Place("users"), value[:80], allowed, "", "give another name")
