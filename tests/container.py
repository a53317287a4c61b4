"""Check the image of a team's server: ``python tests/container.py``, as root on Linux (``make test-image``).

Where podman or Docker works, the image is built. Else the steps of the Containerfile are followed one by one, each
stage in a copy of this machine's files that is thrown away, with the Python of the version that it names: what a slim
base lacks is then not found out. Either way the server is run as the image's user, on files that can't be written, and
is asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE = ROOT / "Containerfile"
TAG = "gigaplan-check"
PORT = 18765
WAIT_S = 120
ADD = ("app", "users", "add", "ada", "--role", "planner", "--data", "/data")
ASKED = {"plan": {"name": "lab-1mw"}, "charts": False}


@dataclass
class Stage:
    """What one FROM begins: its steps, and what stands in its settings at the end."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)


def stages(text: str) -> list[Stage]:
    """Return the stages of a Containerfile, whose steps are words and the rest of their line."""
    lines = re.sub(r"\\\n", " ", text).splitlines()
    found: list[Stage] = []
    for line in (one.strip() for one in lines):
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base, name))
        else:
            found[-1].steps.append((word, rest.strip()))
    return found


def builder() -> list[str]:
    """Return the command of a builder that works here, empty where there is none."""
    for name, asks in {"podman": ["info"], "docker": ["info"]}.items():
        if shutil.which(name):
            with contextlib.suppress(subprocess.TimeoutExpired):
                if subprocess.run([name, *asks], capture_output=True, timeout=20, check=False).returncode == 0:
                    return [name]
    return []


def python_of(base: str) -> Path:
    """Return a Python of the version that a base image is named after, of this machine."""
    match = re.search(r"python:(\d+\.\d+)", base)
    assert match, f"{base} names no version of Python"
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    there = [*sorted(versions.glob(f"{match[1]}.*/bin/python")), shutil.which(f"python{match[1]}")]
    found = next((Path(p) for p in there if p and Path(p).exists()), None)
    if found is None:
        sys.exit(f"missing: Python {match[1]}, the version of {base}; install it, or podman")
    return found


def copy_of_this_machine(folder: Path) -> Path:
    """Mount this machine's files below a layer that takes what is written."""
    for name in ("upper", "work", "root"):
        (folder / name).mkdir(parents=True)
    root = folder / "root"
    layers = f"lowerdir=/,upperdir={folder / 'upper'},workdir={folder / 'work'}"
    subprocess.run(["mount", "-t", "overlay", "-o", layers, "overlay", root], check=True)
    (root / "dev" / "shm").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", root / "dev" / "shm"], check=True)
    for name in ("null", "zero", "urandom"):
        (root / "dev" / name).touch()
        subprocess.run(["mount", "--bind", f"/dev/{name}", root / "dev" / name], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
    return root


def follow(stage: Stage, root: Path, others: Mapping[str, Path]) -> dict[str, str]:
    """Follow a stage's steps in a root folder; return its settings."""
    python = python_of(stage.base)
    for above in python.parents[:-1]:
        (root / str(above).lstrip("/")).chmod(0o755)  # the image's user may run it
    settings = {"WORKDIR": "/", "PATH": f"{python.parent}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    for word, rest in stage.steps:
        print(f"  {word} {rest[:100]}", flush=True)
        if word == "WORKDIR":
            settings[word] = rest
            (root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            _copy(rest, root, settings["WORKDIR"], others)
        elif word == "RUN":
            _in_root(root, ["sh", "-ec", rest], settings)
        elif word == "ENV":
            for name, value in (part.split("=", 1) for part in shlex.split(rest)):
                settings[name] = value.replace("$PATH", settings["PATH"])
        elif word in ("USER", "VOLUME", "EXPOSE", "ENTRYPOINT", "CMD"):
            settings[word] = rest
        else:
            sys.exit(f"this script can't follow {word}")
    return settings


def _copy(rest: str, root: Path, folder: str, others: Mapping[str, Path]) -> None:
    words = shlex.split(rest)
    source = others[words.pop(0).partition("=")[2]] if words[0].startswith("--from=") else ROOT
    *names, to = words
    target = root / to.lstrip("/") if to.startswith("/") else root / folder.lstrip("/") / to
    for name in names:
        one = source / name.lstrip("/")
        if one.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(one, target, symlinks=True, dirs_exist_ok=True, ignore=ignored)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(one, target)


def _in_root(root: Path, command: list[str], settings: Mapping[str, str], user: str = "") -> subprocess.Popen[str]:
    """Run a command in a root folder; wait for it unless it is a user's."""
    given = {k: v for k, v in settings.items() if not k.isupper() or k not in ("WORKDIR", "USER", "VOLUME", "EXPOSE")}
    given = {k: v for k, v in given.items() if k not in ("ENTRYPOINT", "CMD")}
    pip = {k: v for k, v in os.environ.items() if k.startswith("PIP_") or k in ("SSL_CERT_FILE", "HOME")}
    who = [f"--userspec={user}:{user}"] if user else []
    inside = ["chroot", *who, str(root), "env", "-C", "/data" if user else settings["WORKDIR"], *command]
    begun = subprocess.Popen(inside, env={**pip, **given}, text=True, stdout=subprocess.PIPE if user else None)
    if not user and begun.wait():
        sys.exit(f"exit {begun.returncode} from {shlex.join(command)[:200]}")
    return begun


def followed(folder: Path) -> None:
    """Follow all stages below an empty folder, and try what the last one makes.

    All that is mounted ends with this process, whose mounts are its own; nothing is removed, since what lies below a
    mount is this machine's.
    """
    roots, settings = dict[str, Path](), dict[str, str]()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6g", "tmpfs", folder], check=True)
    for number, stage in enumerate(stages(FILE.read_text())):
        print(f"stage {stage.name or 'last'}, for {stage.base} the files of this machine", flush=True)
        root = copy_of_this_machine(folder / str(number))
        settings = follow(stage, root, roots)
        roots[stage.name] = root
    _try(root, settings)


def _try(root: Path, settings: dict[str, str]) -> None:
    """Run the image's command as its user, on files that can't be written but for /data and /tmp, and ask it."""
    for name in ("tmp", "data"):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", root / name], check=True)
    subprocess.run(["mount", "-o", "remount,ro", root], check=True)
    program, user = json.loads(settings["ENTRYPOINT"]), settings["USER"]
    writable = _in_root(root, ["touch", "/opt/gigaplan/new"], settings, user)
    assert writable.wait() != 0, "the files of the image can be written"
    add = _in_root(root, [*program, *ADD], settings, user)
    said, _ = add.communicate(timeout=WAIT_S)
    command = [*json.loads(settings["CMD"]), "--port", str(PORT), "--host", "planner.example.org"]
    server = _in_root(root, [*program, *command], settings, user)
    try:
        _ask(next(w for w in said.split() if len(w) > 40))
    finally:
        server.terminate()
        server.wait(30)


def _ask(token: str) -> None:
    """Ask a server for a plan's figures, with a token and without."""
    deadline = time.monotonic() + WAIT_S
    while True:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            found = _answer(token)
            break
        assert time.monotonic() < deadline, "the server doesn't answer"
        time.sleep(0.5)
    assert found["cards"], found
    print(f"it answers: {found['sentence']}")
    try:
        _answer("wrong")
    except urllib.error.HTTPError as error:
        refused = error.code
    else:
        refused = 0
    assert refused == 401, "who has no token is refused"


def _answer(token: str) -> dict[str, object]:
    headers = {"x-gigaplan-token": token, "content-type": "application/json", "host": "planner.example.org"}
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/api/answer", json.dumps(ASKED).encode(), headers)
    with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
        found: dict[str, object] = json.load(answer)
    return found


def built(command: list[str]) -> None:
    """Build the image and run it, as the guide says."""
    subprocess.run([*command, "build", "-t", TAG, "-f", FILE, ROOT], check=True)
    volume = f"{TAG}-data"
    run = [*command, "run", "--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "all", "-v", f"{volume}:/data"]
    try:
        add = [*run, TAG, *ADD]
        said = subprocess.run(add, check=True, capture_output=True, text=True).stdout
        serve = [*run, "-p", f"127.0.0.1:{PORT}:8765", TAG, "app", "--serve", "--data", "/data", "--listen", "0.0.0.0"]
        with subprocess.Popen([*serve, "--host", "planner.example.org"]) as server:
            try:
                _ask(next(w for w in said.split() if len(w) > 40))
            finally:
                server.terminate()
    finally:
        subprocess.run([*command, "volume", "rm", "-f", volume], check=False)


def main() -> None:
    """Build the image, or follow its steps where nothing builds images here."""
    if command := builder():
        built(command)
    elif len(sys.argv) > 1:
        followed(Path(sys.argv[1]))
    else:
        print("no podman and no Docker that answers: following the steps of the Containerfile", flush=True)
        folder = Path(tempfile.mkdtemp(prefix="gigaplan-image-"))
        own = ["unshare", "--mount", "--pid", "--fork", sys.executable, __file__, folder]
        code = subprocess.run(own, check=False).returncode
        folder.rmdir()
        sys.exit(code)


if __name__ == "__main__":
    main()
