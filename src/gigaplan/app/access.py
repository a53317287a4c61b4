"""Who asks, and what that user may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fastapi import Request

from gigaplan.vocabulary.errors import GigaplanError

Role = Literal["viewer", "planner", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "planner", "admin")
"""Each may do what those before it may."""
KEY = "gigaplan.user"
"""Where a request holds its user, once the guard knows who asks."""


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    id: str
    name: str
    role: Role


LOCAL = User("local", "local", "planner")
"""The one user of a server of this machine."""


class ForbiddenError(GigaplanError):
    """A user's role doesn't allow this."""


def user_of(request: Request) -> User:
    """Return who asks; on a server of this machine its opener."""
    found = request.scope.get(KEY, LOCAL)
    assert isinstance(found, User)
    return found


def require(user: User, role: Role) -> None:
    """Raise ForbiddenError for a user with less than a role."""
    if ROLES.index(user.role) < ROLES.index(role):
        raise ForbiddenError(f"this takes the role {role}; {user.name} is a {user.role}: ask an admin of this server")
