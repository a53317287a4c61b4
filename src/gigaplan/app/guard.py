"""Who may ask: only the page that this server opened, on this machine.

A page of another origin can reach a server of this machine: by its address, or by a name that it lets point to
127.0.0.1. So requests name this host, come from no other origin, and carry the token that stands in the opened link
(Jackson et al. 2009 describe DNS rebinding and these defences).
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from gigaplan.app.requests import MOST_BYTES

HEADER = "x-gigaplan-token"
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


class TooLargeError(Exception):
    """A body has more bytes than it may."""


class Guard:
    """Refuses what doesn't come from the opened page, and what is too large.

    Parameters
    ----------
    app : callable
        The ASGI application behind it.
    token : str
        What every request of the interface carries in the header ``x-gigaplan-token``.
    """

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
        refused = self._refused(headers, str(scope["path"]))
        if refused:
            await _answer(send, *refused)
            return
        began = False

        async def sent(message: Message) -> None:
            nonlocal began
            began = True
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *SAFE]
            await send(message)

        try:
            await self.app(scope, _bounded(receive), sent)
        except TooLargeError:
            if not began:
                await _answer(send, 413, f"a request has at most {MOST_BYTES:,} bytes")

    def _refused(self, headers: dict[str, str], path: str) -> tuple[int, str] | None:
        """Return the status and the reason of a refusal, None for a request that may pass."""
        if not _is_local(headers.get("host", "")):
            return 421, "this server answers to 127.0.0.1 and localhost alone"
        origin = headers.get("origin", "")
        if origin and urlsplit(origin).netloc != headers["host"]:
            return 403, "requests come from the page that this server opened"
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") and path.startswith("/api"):
            return 403, "requests come from the page that this server opened"
        if path.startswith(("/api", "/openapi")):
            given = headers.get(HEADER, "")
            if not secrets.compare_digest(given.encode("latin-1"), self.token.encode("latin-1")):
                return 401, "open the link that 'gigaplan app' printed: it holds the token of this session"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_BYTES:
            return 413, f"a request has at most {MOST_BYTES:,} bytes"
        return None


def _is_local(host: str) -> bool:
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdigit():
        name = host
    return name.lower() in LOCAL


def _bounded(receive: Receive) -> Receive:
    """Return a receiver that counts the body, also one whose length isn't stated."""
    count = 0

    async def received() -> Message:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > MOST_BYTES:
            raise TooLargeError
        return message

    return received


async def _answer(send: Send, status: int, why: str) -> None:
    body = why.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()), *SAFE]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
