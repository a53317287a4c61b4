"""Open the planner: a free port of this machine, a token in the link, the browser, until Ctrl-C."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path

from gigaplan.app import jobs
from gigaplan.app.queue.desk import Desk, state_folder
from gigaplan.app.server import application
from gigaplan.app.verbs.limits import Limits
from gigaplan.app.work import Worker
from gigaplan.vocabulary.errors import MachineError

HOST = "127.0.0.1"


def listening(port: int, host: str = HOST) -> socket.socket:
    """Return a socket that listens; on this machine alone where no other address is given.

    Parameters
    ----------
    port : int
        0 for any free one.
    host : str
        Address of this machine.

    Raises
    ------
    MachineError
        If the port is taken.
    """
    # The protocol is named, so that asyncio sends at once what is written: else an answer's second packet waits 40 ms.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen()
    except OSError as error:
        found.close()
        raise MachineError(f"port {port} can't be used: {error.strerror}; give another with --port") from None
    return found


def serve(
    fragment: str, port: int, show: Callable[[str], None], *, browser: bool = True, data: Path | None = None
) -> None:
    """Serve the planner until it is interrupted.

    Parameters
    ----------
    fragment : str
        The part of the link after ``#`` that follows the token: which plan is shown first.
    port : int
        0 for any free one.
    show : callable
        Called with the link.
    browser : bool
        Whether the link is opened.
    data : Path, optional
        Where jobs are kept; this user's own folder if left out.

    Raises
    ------
    MachineError
        If the port is taken.
    """
    from gigaplan.app.connections import served

    token, listener, worker = secrets.token_urlsafe(24), listening(port), Worker()
    desk = Desk(lambda: data or state_folder(), Limits())
    with contextlib.suppress(MachineError):  # whoever asks for a job is given the reason
        desk.resume()
    link = f"http://{HOST}:{listener.getsockname()[1]}/#token={token}{fragment}"
    worker.start().submit(jobs.warm, "announced-2025-09")
    threading.Thread(target=jobs.warm, args=("announced-2025-09",), daemon=True).start()
    show(link)
    if browser:
        threading.Timer(0.5, webbrowser.open, (link,)).start()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            served(application(token, worker, desk), listener)
    finally:
        desk.close()
        worker.close()
        listener.close()
