"""A team's database: SQLite in a file, or PostgreSQL by its address; brought to the newest schema when it is opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine

from gigaplan.vocabulary.errors import MachineError

FILE = "team.sqlite"
SCHEMES = ("sqlite", "postgresql", "postgresql+psycopg")


class TeamDatabase:
    """Connections to a database, each used for one change or question.

    Parameters
    ----------
    url : str
        ``sqlite:////data/team.sqlite`` or ``postgresql://user:password@host/name``.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        try:
            migrate(self.engine)
        except sa.exc.SQLAlchemyError as error:
            self.engine.dispose()
            raise MachineError(f"the database can't be used: {_plain(error)}") from None
        except MachineError:
            self.engine.dispose()
            raise

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Give a connection whose changes are kept together, or not at all.

        Raises
        ------
        MachineError
            If the database can't be used.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except sa.exc.IntegrityError:
            raise
        except sa.exc.SQLAlchemyError as error:
            raise MachineError(f"the database can't be used: {_plain(error)}") from None

    def rows(self, statement: str, **values: Any) -> Sequence[dict[str, Any]]:
        """Return the rows of a question."""
        with self.begin() as connection:
            return [dict(row) for row in connection.execute(sa.text(statement), values).mappings()]

    def change(self, statement: str, **values: Any) -> int:
        """Change rows at once or not at all; return how many."""
        with self.begin() as connection:
            return int(connection.execute(sa.text(statement), values).rowcount)

    def close(self) -> None:
        """Let the database go."""
        self.engine.dispose()


def url_of(folder: Path) -> str:
    """Return the address of the database in a folder."""
    return f"sqlite:///{folder.absolute() / FILE}"


def _engine(url: str) -> Engine:
    try:
        made = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise MachineError("this is no address of a database; write postgresql://user:password@host/name") from None
    if made.drivername not in SCHEMES:
        raise MachineError(f"no such kind of database: {made.drivername}; take sqlite or postgresql")
    if made.drivername == "postgresql":
        made = made.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(made, pool_pre_ping=True)
    if made.drivername == "sqlite":
        sa.event.listen(engine, "connect", _begin_sqlite)
    return engine


def _begin_sqlite(connection: Any, _: Any) -> None:
    """Have SQLite keep to foreign keys, and wait for another writer."""
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def migrate(engine: Engine, to: str = "head") -> None:
    """Bring a database to a schema, step by step; the newest if left out.

    Raises
    ------
    MachineError
        If a later version of gigaplan has made it.
    """
    config = Config()
    config.set_main_option("script_location", str(files("gigaplan.app.team") / "migrations"))
    with engine.begin() as connection:
        now = MigrationContext.configure(connection).get_current_revision()
        known = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
        if now is not None and now not in known:
            raise MachineError(f"a later version of gigaplan has made this database (schema {now}); install that one")
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def _plain(error: sa.exc.SQLAlchemyError) -> str:
    """Return what went wrong without the statement and its values, which may be somebody's."""
    origin = getattr(error, "orig", None)
    return " ".join(str(origin or type(error).__name__).split())[:200]
