"""Statements of SQL on a database: SQLite in a file here, any other behind the same two methods."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from gigaplan.vocabulary.errors import MachineError

JOBS = """
CREATE TABLE IF NOT EXISTS jobs (
    id VARCHAR(22) PRIMARY KEY,
    owner VARCHAR(64) NOT NULL,
    verb VARCHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL,
    done BIGINT NOT NULL,
    total BIGINT NOT NULL,
    step VARCHAR(200) NOT NULL,
    attempts INTEGER NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    ended DOUBLE PRECISION,
    problems TEXT NOT NULL,
    files TEXT NOT NULL
)
"""
"""The table of jobs; the team's database has the same by its migrations."""
VERSION = 1


class Database(Protocol):
    """What keeps rows. Statements name their values ``:so``."""

    def rows(self, statement: str, **values: Any) -> Sequence[dict[str, Any]]:
        """Return the rows of a question."""

    def change(self, statement: str, **values: Any) -> int:
        """Change rows at once or not at all; return how many."""

    def close(self) -> None:
        """Let the database go."""


class Sqlite:
    """A database in a file of its own."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode=WAL")
            found = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if found not in (0, VERSION):
                raise MachineError(f"{path} is of another version of gigaplan (schema {found}); give another folder")
            self._connection.execute(JOBS)
            self._connection.execute(f"PRAGMA user_version={VERSION}")
        except sqlite3.Error as error:
            raise MachineError(f"{path} can't be used: {error}; give another folder with --data") from None

    @contextmanager
    def _used(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise MachineError(f"the list of jobs can't be used: {error}") from None

    def rows(self, statement: str, **values: Any) -> Sequence[dict[str, Any]]:
        """Return the rows of a question."""
        with self._used() as connection:
            return [dict(row) for row in connection.execute(statement, values).fetchall()]

    def change(self, statement: str, **values: Any) -> int:
        """Change rows at once or not at all; return how many."""
        with self._used() as connection:
            return connection.execute(statement, values).rowcount

    def close(self) -> None:
        """Let the database go."""
        with self._lock:
            self._connection.close()
