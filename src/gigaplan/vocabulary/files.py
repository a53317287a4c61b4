"""Writing files whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from gigaplan.vocabulary.errors import MachineError


def write_text(path: Path, text: str) -> Path:
    """Write a text file whole or not at all; return it. MachineError if it can't be written."""
    with whole_file(path) as work:
        work.write_text(text, encoding="utf-8")
    return path


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary file that becomes ``path`` only if all goes well. MachineError if it can't be written."""
    work = path.parent / f".{path.name}.{os.getpid()}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield work
        work.replace(path)
    except OSError as error:
        raise MachineError(f"cannot write {path}: {error.strerror or error}; give another file") from None
    except Exception as error:
        if type(error).__module__.startswith(("duckdb", "_duckdb")):
            raise MachineError(f"cannot write {path}: {str(error).splitlines()[0]}") from None
        raise
    finally:
        with contextlib.suppress(OSError):
            work.unlink()
