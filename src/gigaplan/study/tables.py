"""The tables of a chunk: Parquet bytes that the same numbers always give, and reading them back from many chunks.

Names are written once per column chunk, numbers as they are: a member's figure is the same to the last bit whichever
worker computed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.files import temporary_folder

COPY = "FORMAT parquet, COMPRESSION zstd"


@dataclass(frozen=True, slots=True)
class Words:
    """A column of names: the names, and for each row the place of its name among them."""

    names: tuple[str, ...]
    places: NDArray[np.int64]


Columns = Mapping[str, Words | NDArray[Any]]


def parquet_bytes(columns: Columns) -> bytes:
    """Return a table as Parquet.

    Parameters
    ----------
    columns : mapping of str to Words or array
        Columns of equal length by name; nan becomes null.

    Returns
    -------
    bytes
        The file's content.
    """
    numbers = {k: v.places + 1 if isinstance(v, Words) else v for k, v in columns.items()}
    terms = [_term(name, column) for name, column in columns.items()]
    with temporary_folder() as work, _database().cursor() as db:
        path = work / "table.parquet"
        db.register("numbers", numbers)
        db.execute(f"COPY (SELECT {', '.join(terms)} FROM numbers) TO {_text(path)} ({COPY})")
        return path.read_bytes()


@cache
def _database() -> Any:
    """Return this process's database, which holds nothing: beginning one takes longer than writing a chunk's table."""
    import duckdb

    # One thread writes rows in the order in which they come, so that the same numbers give the same bytes.
    return duckdb.connect(config={"threads": 1})


def _term(name: str, column: Words | NDArray[Any]) -> str:
    if isinstance(column, Words):
        return f'list_extract([{", ".join(map(_text, column.names))}]::VARCHAR[], "{name}") AS "{name}"'
    if column.dtype.kind == "f":
        return f'CASE WHEN isnan("{name}") THEN NULL ELSE "{name}" END AS "{name}"'
    return f'"{name}"'


def query(paths: Sequence[Path], select: str, rest: str = "", names: Sequence[object] = ()) -> dict[str, NDArray[Any]]:
    """Return the columns of a query over the tables of many chunks; a number that isn't there is nan.

    Parameters
    ----------
    paths : sequence of Path
        Parquet files with the same columns.
    select : str
        What to select, in SQL.
    rest : str
        Conditions and order, in SQL.
    names : sequence of object
        Values that take the places of ``?``.
    """
    import duckdb

    with duckdb.connect(config={"threads": 1}) as db:
        files = f"read_parquet([{', '.join(map(_text, paths))}])"
        found = db.execute(f"SELECT {select} FROM {files} {rest}", list(names)).fetchnumpy()
    return {name: _filled(column) for name, column in found.items()}


def _filled(column: Any) -> NDArray[Any]:
    if not np.ma.isMaskedArray(column):
        return np.asarray(column)
    return np.asarray(column.filled(np.nan) if column.dtype.kind == "f" else column.filled())


def _text(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"
