"""Why something can't be written, as errors for the person who gave the path."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from gigaplan.vocabulary.errors import MachineError, Place, PlanError, Problem


def refused(path: Path, message: str, remedy: str, value: str = "") -> PlanError:
    """Return the error of a path that must not be written."""
    return PlanError([Problem(message, Place(str(path)), value=value, remedy=remedy)])


@contextlib.contextmanager
def machine_errors(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Raise MachineError for what the system or DuckDB refuses."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise MachineError(f"cannot {what} {path}: {error.strerror or error}; {remedy}") from None
    except Exception as error:
        if type(error).__module__.startswith(("duckdb", "_duckdb")):
            raise MachineError(f"cannot {what} {path}: {str(error).splitlines()[0]}; {remedy}") from None
        raise
