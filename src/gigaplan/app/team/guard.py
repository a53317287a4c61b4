"""Who is let in to a team's server: users by their tokens, so often, from the server's own pages."""

from __future__ import annotations

from collections.abc import Sequence

import anyio

from gigaplan.app.access import KEY
from gigaplan.app.guard import HEADER, LOCAL, UNKNOWN, App, Guard, Message, host_name
from gigaplan.app.rates import Rate
from gigaplan.app.team.limits import TeamLimits
from gigaplan.app.team.people import People

BEARER = "bearer "
LONGEST_TOKEN = 200
WRONG = UNKNOWN, "this token is wrong, revoked or expired: ask an admin of this server for one"
OFTEN = 429, "too many requests: wait a minute"


class TeamGuard(Guard):
    """Refuses what doesn't come from a user of this server, or too often.

    Parameters
    ----------
    app : callable
        The ASGI application behind it.
    people : People
        The users.
    hosts : sequence of str
        Names under which the server is reached, besides those of this machine.
    limits : TeamLimits
        How often a user may ask, and an address may fail.
    """

    challenge = ((b"www-authenticate", b"Bearer"),)

    def __init__(self, app: App, people: People, hosts: Sequence[str], limits: TeamLimits) -> None:
        super().__init__(app, "")
        self.people = people
        self._hosts = frozenset((*LOCAL, *(host_name(h) for h in hosts)))
        self._requests, self._failed = Rate(limits.requests_per_minute), Rate(limits.failures_per_minute)

    def is_host(self, host: str) -> bool:
        """Return whether a request names this server."""
        return host_name(host) in self._hosts

    async def let_in(self, scope: Message, headers: dict[str, str]) -> tuple[int, str] | None:
        """Return the status and the reason of a refusal; else note in the request whose it is."""
        address = str((scope.get("client") or ("",))[0])
        if not self._failed.allows(address, take=0.0):
            return OFTEN
        token = headers.get(HEADER, "")
        stated = headers.get("authorization", "")
        if not token and stated[: len(BEARER)].lower() == BEARER:
            token = stated[len(BEARER) :].strip()
        user = None
        if token and len(token) <= LONGEST_TOKEN:
            user = await anyio.to_thread.run_sync(self.people.of_token, token)
        if user is None:
            if token:  # who brings none guesses none: the page that asks for a token
                self._failed.allows(address)
                await anyio.to_thread.run_sync(self.people.note, None, "refused", "token", address)
            return WRONG
        if not self._requests.allows(user.id):
            return OFTEN
        scope[KEY] = user
        return None
