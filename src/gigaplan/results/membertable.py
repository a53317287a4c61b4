"""The table of members: one row per number of a quantity, with its labels, and one column per member.

A long table of a hundred members repeats every label a hundred times; this one states it once. It holds the quantities
that several members have numbers of, the central one (``member_0``) included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.results import parquet
from gigaplan.results.labelled import Labelled
from gigaplan.results.longtable import Block, labelled
from gigaplan.results.parquet import BYTES_PER_ROW, FREE_BYTES, GROUPS_AT_ONCE, Codes, connect, fetch, places, text_of
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress
from gigaplan.vocabulary.variables import DIMS

TOGETHER = 4_000_000
"""Numbers that are written or read with one query."""
SMALL = 24_000_000
"""Numbers of a table that is written with one query after all, which spares it to be written twice."""
GROUP, MOST_GROUPS, GROUP_BYTES = 2048, 5, 8_400_000
"""Rows of a row group: a multiple of what DuckDB handles at once, and few of them where rows are wide."""
COPY = "FORMAT parquet, COMPRESSION lz4_raw, DICTIONARY_SIZE_LIMIT 1, ROW_GROUP_SIZE"
"""No dictionaries: members' numbers differ, so that looking for equal ones takes as long as writing, for larger files.
"""
TABLE_DIMS = tuple(d for d in DIMS if d != "member")


def held(result: Labelled) -> list[str]:
    """Return the quantities that several members have numbers of."""
    return [name for name in result.arrays if result.members(name) > 1]


def writing_bytes(members: int) -> int:
    """Return how much memory writing takes for that many members' columns, whatever their rows [bytes]."""
    return GROUPS_AT_ONCE * _group_bytes(members)


def _group_bytes(members: int) -> int:
    return _group_rows(members) * members * np.dtype(float).itemsize


def _group_rows(members: int) -> int:
    """Return the rows of a group: a wide group takes memory, a short one time."""
    at_once = GROUP * members * np.dtype(float).itemsize
    return GROUP * min(max(GROUP_BYTES // at_once, 1), MOST_GROUPS)


def write(result: Labelled, path: Path, progress: Progress | None = None) -> None:
    """Write what several members have numbers of.

    Parameters
    ----------
    result : Labelled
        The result that holds them.
    path : Path
        File to write; smaller ones are written next to it on the way and removed.
    progress : callable, optional
        Called with (steps done, steps, what comes next), every tenth of a second at least; False cancels.

    Raises
    ------
    Cancelled
        If ``progress`` returns False; ``path`` is then not there, or not whole.
    """
    names = held(result)
    query = labelled(result, names, TABLE_DIMS, _columns(result.stamp.members))
    batches = [(f"{b[0][0]} of every member", partial(_codes, result, names, b)) for b in _batches(result, names)]
    members = result.stamp.members
    parquet.write(path, query, batches, f"{COPY} {_group_rows(members)}", progress, _group_bytes(members))


def _columns(members: int) -> list[str]:
    return [f"member_{m}" for m in range(members)]


def _batches(result: Labelled, names: Sequence[str]) -> Iterator[list[tuple[str, int, int]]]:
    """Yield what is written with one query: quantities, or parts of one, each as name, first row and end."""
    small = sum(result[name].size for name in names) <= SMALL
    most = max((SMALL if small else TOGETHER) // result.stamp.members, GROUP)
    batch: list[tuple[str, int, int]] = []
    room = most
    for name in names:
        start, rows = 0, result[name][0].size
        while start < rows:
            stop = min(start + room, rows)
            batch.append((name, start, stop))
            start, room = stop, room - (stop - start)
            if not room:
                yield batch
                batch, room = [], most
    yield batch


def _codes(result: Labelled, names: Sequence[str], batch: Sequence[tuple[str, int, int]]) -> Codes:
    """Return the rows of a batch with numbers for names and labels, counted from 1; 0 stands for no label."""
    count = sum(stop - start for _, start, stop in batch)
    dims = dict.fromkeys(d for name, _, _ in batch for d in result.variable(name).dims[1:])
    codes: dict[str, NDArray[Any]] = {d: np.zeros(count, dtype=np.int32) for d in ("variable", *dims)}
    values = np.empty((result.stamp.members, count))
    at = 0
    for name, start, stop in batch:
        rows = slice(at, at + stop - start)
        codes["variable"][rows] = names.index(name) + 1
        values[:, rows] = result[name].reshape(result.stamp.members, -1)[:, start:stop]
        where = np.unravel_index(np.arange(start, stop), result[name].shape[1:]) if result[name].ndim > 1 else ()
        for dim, place in zip(result.variable(name).dims[1:], where, strict=True):
            codes[dim][rows] = place + 1
        at += stop - start
    return codes | dict(zip(_columns(len(values)), values, strict=True))


def check_footer(path: Path, rows: int, members: int) -> None:
    """Check by its footer alone, before any row is read, that a table of members holds what is expected of it.

    Parameters
    ----------
    path : Path
        The file.
    rows : int
        Rows that it must have.
    members : int
        Members that it must have columns of.

    Raises
    ------
    ValueError
        If the footer can't be read, there are other columns or rows, or rows are larger than labels and numbers.
    """
    with connect() as db:
        there = int(fetch(db, f"SELECT num_rows AS n FROM parquet_file_metadata({text_of(path)})")["n"][0])
        if there != rows:
            raise ValueError(f"{path.name} has {there:,} rows, but {rows:,} belong to this result")
        columns = {str(c) for c in fetch(db, f"DESCRIBE FROM read_parquet({text_of(path)})")["column_name"]}
        needed = {"variable", *_columns(members)}
        if not needed <= columns <= needed | set(TABLE_DIMS):
            raise ValueError(f"{path.name} has {len(columns):,} columns, not those of {members:,} members")
        query = f"SELECT coalesce(sum(total_uncompressed_size), 0) AS n FROM parquet_metadata({text_of(path)})"
        size = int(fetch(db, query)["n"][0])
    if size > BYTES_PER_ROW * rows * members + FREE_BYTES:
        raise ValueError(f"{path.name} unpacks to {size:,} bytes, too many for {rows:,} rows")


def read(path: Path, blocks: Iterable[Block], members: int) -> dict[str, Array]:
    """Return the arrays of some quantities for every member, each number at the place that its labels say.

    Parameters
    ----------
    path : Path
        A table of members.
    blocks : iterable of Block
        What to read: quantities with their dims and labels, ``member`` left out.
    members : int
        Members of the result.

    Returns
    -------
    dict of str to Array
        By quantity, the member axis first.

    Raises
    ------
    ValueError
        If the file can't be read, lacks a column or a number, or holds a label that isn't among those of its dim.
    """
    found: dict[str, Array] = {}
    with connect() as db:
        for block in blocks:
            found[block.name] = np.empty((members, *block.shape))
            step = max(TOGETHER // max(int(np.prod(block.shape)), 1), 1)
            for first in range(0, members, step):
                columns = _columns(members)[first : first + step]
                found[block.name][first : first + step] = _numbers(db, path, block, columns)
    return found


def _numbers(db: Any, path: Path, block: Block, columns: Sequence[str]) -> Array:
    """Return the numbers of a quantity for some members."""
    if not np.prod(block.shape):
        return np.empty((len(columns), *block.shape))
    at = places(db, {"variable": [block.name], **block.labels})
    where = f"read_parquet({text_of(path)}) WHERE variable = {text_of(block.name)}"
    rows = fetch(db, f"SELECT {at} AS at, {', '.join(columns)} FROM {where}")
    if np.ma.is_masked(rows["at"]):
        raise ValueError(f"{path.name} holds labels of {block.name} that result.json does not know")
    found = np.ma.getdata(rows["at"])
    if len(found) != np.prod(block.shape) or (np.bincount(found, minlength=len(found)) != 1).any():
        raise ValueError(f"{path.name} does not hold every number of {block.name} exactly once")
    values = np.empty((len(columns), len(found)))
    for row, column in zip(values, columns, strict=True):
        row[found] = np.ma.filled(np.ma.asarray(rows[column], dtype=float), np.nan)
    return values.reshape(len(columns), *block.shape)
