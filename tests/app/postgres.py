"""Begin a PostgreSQL in a temporary folder, test a team's server with it, and end it: ``make test-postgres``.

PostgreSQL runs as no administrator: where this one is root, as the user ``postgres`` (Debian: apt install postgresql).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, the newest version's."""
    on_path = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return Path(on_path).parent if on_path else found[-1].parent if found else None


def main() -> int:
    """Run the tests; return their exit code, 1 where there is no PostgreSQL."""
    folder = programs()
    if folder is None:
        print("install PostgreSQL (Debian: apt install postgresql) and try again", file=sys.stderr)
        return 1
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as base:
        if user:
            shutil.chown(base, "postgres")
        data = f"{base}/data"
        subprocess.run([*user, folder / "initdb", "-D", data, "-A", "trust", "-U", "gigaplan"], check=True, cwd=base)
        options = f"-p {port} -k {base} -c listen_addresses=127.0.0.1"
        start = [*user, folder / "pg_ctl", "-D", data, "-o", options, "-l", f"{base}/log", "-w", "start"]
        subprocess.run(start, check=True, cwd=base)
        try:
            url = f"postgresql://gigaplan@127.0.0.1:{port}/postgres"
            tests = [sys.executable, "-m", "pytest", str(Path(__file__).with_name("test_team.py"))]
            return subprocess.run(tests, env={**os.environ, "GIGAPLAN_TEST_DATABASE": url}, check=False).returncode
        finally:
            subprocess.run([*user, folder / "pg_ctl", "-D", data, "-m", "fast", "stop"], check=True, cwd=base)


if __name__ == "__main__":
    sys.exit(main())
