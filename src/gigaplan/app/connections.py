"""Serve an application on a socket, and let no connection wait for ever for the head of a request."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 15.0
"""Seconds in which the head of a request has to come, from the first of a connection or after the last answer."""
MOST_CONNECTIONS = 500
SWITCH_S = 0.001
"""After so long a thread that computes lets the one in that answers: Python's own 5 ms would be waited several times
for each answer."""


class PromptProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection on which the head of a request doesn't come in time."""

    late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Take what came; the wait ends once a request's head is whole."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._await_head()
        else:
            self._head_came()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait."""
        self._head_came()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self.late is None:
            self.late = self.loop.call_later(HEAD_S, self._close)

    def _head_came(self) -> None:
        if self.late is not None:
            self.late.cancel()
            self.late = None

    def _close(self) -> None:
        if self.conn.their_state is h11.IDLE:
            self.transport.close()


def _interrupt(*_: object) -> None:
    """End as Ctrl-C does, so that other processes end in order."""
    raise KeyboardInterrupt


def served(application: Any, listener: socket.socket, *, proxied: bool = False) -> None:
    """Serve an application until Ctrl-C or SIGTERM.

    Parameters
    ----------
    application : callable
        The ASGI application.
    listener : socket
        Where it listens.
    proxied : bool
        Whether a reverse proxy on this machine, or one that FORWARDED_ALLOW_IPS names, says who asks.
    """
    config = uvicorn.Config(
        application,
        http=PromptProtocol,
        log_level="error",
        server_header=False,
        access_log=False,
        limit_concurrency=MOST_CONNECTIONS,
        proxy_headers=proxied,
        timeout_graceful_shutdown=5,
    )
    signal.signal(signal.SIGTERM, _interrupt)
    sys.setswitchinterval(SWITCH_S)
    uvicorn.Server(config).run(sockets=[listener])
