"""Who may ask: only the page that this server opened, on this machine.

A page of another origin can reach a server of this machine: by its address, or by a name that it lets point to
127.0.0.1. So requests name this host, come from no other origin, and carry the token that stands in the opened link
(Jackson et al. 2009 describe DNS rebinding and these defences).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

from gigaplan.app.requests import MOST_BYTES

BODY_S = 20.0
"""Seconds in which a whole request has to come."""
HEADER = "x-gigaplan-token"
UNKNOWN = 401
LOCAL = ("127.0.0.1", "localhost", "[::1]")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SAFE = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class TooLargeError(HTTPException):
    """A body has more bytes than it may."""

    def __init__(self) -> None:
        super().__init__(413, f"a request has at most {MOST_BYTES:,} bytes")


class TooSlowError(HTTPException):
    """A body doesn't come in time."""

    def __init__(self) -> None:
        super().__init__(408, f"a request is sent within {BODY_S:g} seconds", {"connection": "close"})


class Guard:
    """Refuses what doesn't come from the opened page, and what is too large or too slow.

    Parameters
    ----------
    app : callable
        The ASGI application behind it.
    token : str
        What every request of the interface carries in the header ``x-gigaplan-token``.
    """

    challenge: tuple[tuple[bytes, bytes], ...] = ()
    """Headers of a refusal of who isn't known, by which the page sees whether it may ask for a token."""

    def __init__(self, app: App, token: str) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        path = str(scope["path"])
        refused = self._refused(headers, path)
        if refused is None and path.startswith(("/api", "/openapi")):
            refused = await self.let_in(scope, headers)
        if refused is None:
            refused = _too_large(headers)
        if refused:
            await answer_plainly(send, *refused, self.challenge if refused[0] == UNKNOWN else ())
            return
        began = False

        async def sent(message: Message) -> None:
            nonlocal began
            began = True
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                own = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(h for h in SAFE if h[0] not in own)]
            await send(message)

        try:
            await self.app(scope, _bounded(receive), sent)
        except (TooLargeError, TooSlowError) as error:
            if not began:
                await answer_plainly(send, error.status_code, error.detail)

    def _refused(self, headers: dict[str, str], path: str) -> tuple[int, str] | None:
        """Return the status and the reason of a refusal, None for a request that may pass."""
        if not self.is_host(headers.get("host", "")):
            return 421, "this server doesn't answer to this name"
        origin = headers.get("origin", "")
        if origin and urlsplit(origin).netloc != headers["host"]:
            return 403, "requests come from the page that this server opened"
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") and path.startswith("/api"):
            return 403, "requests come from the page that this server opened"
        return None

    def is_host(self, host: str) -> bool:
        """Return whether a request names this server."""
        return host_name(host) in LOCAL

    async def let_in(self, scope: Message, headers: dict[str, str]) -> tuple[int, str] | None:
        """Return the status and the reason of a refusal, None for who carries the token of this session."""
        given = headers.get(HEADER, "")
        if not secrets.compare_digest(given.encode("latin-1"), self.token.encode("latin-1")):
            return UNKNOWN, "open the link that 'gigaplan app' printed: it holds the token of this session"
        return None


def host_name(host: str) -> str:
    """Return the name in a Host header, without its port, in small letters."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _too_large(headers: dict[str, str]) -> tuple[int, str] | None:
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or int(length[:20]) > MOST_BYTES:
        return 413, f"a request has at most {MOST_BYTES:,} bytes"
    return None


def _bounded(receive: Receive) -> Receive:
    """Return a receiver that counts the body, also one whose length isn't stated, and waits so long for all of it."""
    count, whole, until = 0, False, time.monotonic() + BODY_S

    async def received() -> Message:
        nonlocal count, whole
        if whole:
            return await receive()  # that the other side has left
        try:
            message = await asyncio.wait_for(receive(), max(until - time.monotonic(), 0.0))
        except TimeoutError:
            raise TooSlowError from None
        whole = not message.get("more_body", False)
        count += len(message.get("body", b""))
        if count > MOST_BYTES:
            raise TooLargeError
        return message

    return received


async def answer_plainly(send: Send, status: int, why: str, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Answer a request with a line of text.

    Parameters
    ----------
    send : callable
        Sends messages of the server's interface (ASGI).
    status : int
        The HTTP status.
    why : str
        The reason of a refusal.
    more : sequence of pairs of bytes
        Further headers.
    """
    body = why.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        *more,
        *SAFE,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
