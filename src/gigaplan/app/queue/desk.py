"""Where jobs are handed in: the list and its processes, opened for one server alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from gigaplan.app.queue.crew import Crew
from gigaplan.app.queue.database import Database, Sqlite
from gigaplan.app.queue.store import JobStore
from gigaplan.app.verbs.limits import Limits
from gigaplan.vocabulary.errors import MachineError
from gigaplan.vocabulary.files.exchange import flock

FILE = "jobs.sqlite"


def state_folder() -> Path:
    """Return the folder in which a planner of this machine keeps its jobs."""
    try:
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "gigaplan"
    except RuntimeError:
        raise MachineError("there is no home folder to keep jobs in; give one with --data") from None


class Desk:
    """The jobs of a server.

    Parameters
    ----------
    folder : callable
        Returns the folder in which jobs are kept; called once they are needed.
    limits : Limits
        What jobs may take.
    workers : int
        Processes for long jobs; one more takes quick ones.
    database : Database, optional
        Where the list is; a file in the folder if left out.
    """

    def __init__(
        self, folder: Callable[[], Path], limits: Limits, workers: int = 1, database: Database | None = None
    ) -> None:
        self.limits, self._folder, self._workers = limits, folder, workers
        self._database = database
        self._lock = threading.Lock()
        self._open: tuple[JobStore, Crew] | None = None
        self._held: int | None = None

    @property
    def store(self) -> JobStore:
        """The list of jobs."""
        return self._opened()[0]

    @property
    def crew(self) -> Crew:
        """The processes."""
        return self._opened()[1]

    @property
    def begun(self) -> bool:
        """Whether there are jobs: of this server, or of an earlier one."""
        return self._open is not None or self._database is not None or (self._folder() / FILE).is_file()

    def resume(self) -> None:
        """Go on with what an earlier server has left; where nothing is, nothing is made."""
        if self.begun:
            self._opened()

    def _opened(self) -> tuple[JobStore, Crew]:
        with self._lock:
            if self._open is None:
                folder = self._folder()
                try:
                    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                    self._held = flock(folder)
                except OSError as error:
                    why = "another planner keeps its jobs there" if error.errno == 11 else error.strerror
                    raise MachineError(
                        f"jobs can't be kept in {folder}: {why}; give another folder with --data"
                    ) from None
                database = self._database or Sqlite(folder / FILE)
                store = JobStore(database, folder, self.limits)
                crew = Crew(store, self._workers)
                crew.start()
                self._open = store, crew
        return self._open

    def close(self) -> None:
        """Stop the processes and let the folder go; what ran goes on with the next server."""
        with self._lock:
            if self._open is not None:
                store, crew = self._open
                crew.close()
                store.database.close()
                self._open = None
            if self._held is not None:
                os.close(self._held)
                self._held = None
