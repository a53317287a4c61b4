"""The table of draws: one row per uncertain input and member, as Parquet, read by the names and numbers in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gigaplan.results.parquet import connect, fetch, list_of, places, text_of
from gigaplan.vocabulary.draws import Draw
from gigaplan.vocabulary.members import Array


def write(draws: Sequence[Draw], path: Path) -> None:
    """Write what members drew of each input: its name, the member's number and the value.

    Parameters
    ----------
    draws : sequence of Draw
        The inputs.
    path : Path
        File to write.
    """
    values = np.stack([one.values for one in draws])
    numbers = [place.astype(np.int32) for place in np.unravel_index(np.arange(values.size), values.shape)]
    names = f"list_extract({list_of(one.name for one in draws)}, input + 1) AS input"
    with connect() as db:
        db.register("drawn", {"input": numbers[0], "member": numbers[1], "value": values.ravel()})
        query = f"SELECT {names}, member, value FROM drawn"
        db.execute(f"COPY ({query}) TO {text_of(path)} (FORMAT parquet, COMPRESSION zstd)")


def read(path: Path, names: Sequence[str], members: int) -> Array:
    """Return what members drew of some inputs.

    Parameters
    ----------
    path : Path
        A file that :func:`write` has written.
    names : sequence of str
        The inputs that it holds.
    members : int
        Members that it is of.

    Returns
    -------
    Array, shape (input, member)
        The draws.

    Raises
    ------
    ValueError
        If the file can't be read, or holds other inputs or members.
    """
    count = len(names) * members
    strange = ValueError(f"{path.name} doesn't hold the draws of this result's {members:,} members")
    with connect() as db:
        held = int(fetch(db, f"SELECT num_rows AS n FROM parquet_file_metadata({text_of(path)})")["n"][0])
        if held != count:
            raise strange
        place = f"{places(db, {'input': names})} * {members} + member"
        rows = fetch(db, f"SELECT coalesce({place}, -1) AS place, value FROM read_parquet({text_of(path)})")
    found = np.full(count, np.nan)
    inside = (rows["place"] >= 0) & (rows["place"] < count)
    found[rows["place"][inside]] = rows["value"][inside]
    if not inside.all() or np.isnan(found).any():
        raise strange
    return found.reshape(len(names), members)
