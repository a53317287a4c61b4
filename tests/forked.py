"""A command ``gigaplan`` that is imported once and forked for each call, since documentation makes many calls.

``python tests/forked.py FOLDER`` writes the command into a folder and answers it until it is ended. A call has the
words, folder, environment, streams and exit code of its own, and as many members as ``MEMBERS_OF_PAGE`` says.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path

CALL = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(call).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(call)
    answer = server.recv(1)
os._exit(answer[0] if answer else 1)
"""


def imported() -> None:
    """Import what a command imports when it is needed, by a few of them."""
    from gigaplan.cli import main

    for words in ("run lab-1mw --set horizon.end=2026-04 --set uncertainty.members=1", "catalog list systems"):
        with (
            contextlib.suppress(SystemExit),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            main(words.split())


def answer(call: socket.socket) -> int:
    """Run one call in this process, and return its exit code."""
    head, streams, _, _ = socket.recv_fds(call, 8, 3)
    left, text = int.from_bytes(head, "big"), b""
    while len(text) < left:
        text += call.recv(left - len(text))
    words, folder, environment = json.loads(text)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["gigaplan", *words]
    from gigaplan._start import main
    from gigaplan.plan import schema

    schema.MEMBERS = int(environment.get("MEMBERS_OF_PAGE", schema.MEMBERS))
    try:
        main()
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
        sys.stdout.flush()
        return code or 0
    except BaseException:
        traceback.print_exc()
        return 1


def serve(folder: Path) -> None:
    """Answer calls, each in a process of its own."""
    address, command = folder / "socket", folder / "gigaplan"
    imported()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(address))
        server.listen(8)
        command.write_text(CALL.format(python=sys.executable, address=str(address)))
        command.chmod(0o755)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that end are waited for by nobody
        print("ready", flush=True)
        while True:
            call, _ = server.accept()
            with call:
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    code = answer(call)
                    call.sendall(bytes([code]))
                    os._exit(0)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
