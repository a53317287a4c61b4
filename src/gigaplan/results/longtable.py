"""The long table: one row per number with its quantity and one label column per dim, as Parquet or CSV.

It is written some rows at a time, quantity by quantity, so that the memory taken is that of some rows and not of all
numbers with their labels. It is read by the names and labels in it, never by the order of its rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.results import parquet
from gigaplan.results.labelled import Labelled
from gigaplan.results.parquet import BYTES_PER_ROW, FREE_BYTES, connect, fetch, list_of, places, text_of
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress
from gigaplan.vocabulary.variables import DIMS
from gigaplan.vocabulary.visible import cell

COPIES = {
    "parquet": "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 30720",
    "csv": "FORMAT csv, HEADER",
}
BATCH = 122_880
"""Rows that are written with one query."""
TOGETHER = 2_000_000
"""Numbers that are read with one query: small quantities together, a large one in parts."""


Further = Mapping[str, Mapping[str, Array]]
"""Columns of numbers in addition to the values: by column and quantity."""


@dataclass(frozen=True, slots=True)
class Block:
    """The place of one quantity in the long table: its dims with their labels, in the order of its array's axes."""

    name: str
    labels: Mapping[str, Sequence[str]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the array's shape."""
        return tuple(len(names) for names in self.labels.values())


def write(
    result: Labelled,
    path: Path,
    names: Sequence[str],
    *,
    form: str = "parquet",
    about: bool = False,
    further: Further | None = None,
    progress: Progress | None = None,
) -> None:
    """Write some quantities as one long table: variable, one column per dim (empty where it doesn't apply), value.

    Parameters
    ----------
    result : Labelled
        The result that holds them.
    path : Path
        File to write; smaller ones are written next to it on the way and removed.
    names : sequence of str
        Quantities to write, in this order.
    form : str
        ``parquet`` or ``csv``.
    about : bool
        Whether to add the columns ``unit`` and ``kind``, and leave out dims that none of the quantities has.
    further : mapping of str to mapping of str to Array, optional
        Further columns of numbers, each by quantity, in the shape of its array.
    progress : callable, optional
        Called with (steps done, steps, what comes next), every tenth of a second at least; False cancels.

    Raises
    ------
    Cancelled
        If ``progress`` returns False; ``path`` is then not there, or not whole.
    """
    dims = [d for d in DIMS if not about or any(d in result.variable(n).dims for n in names)]
    columns = ["value", *(further or ()), *(_about(result, names) if about else ())]
    query = labelled(result, names, dims, columns, cell if form == "csv" else str)
    batches = [
        (b[0][0] if b else "", partial(_codes, result, names, b, further or {})) for b in _batches(result, names)
    ]
    parquet.write(path, query, batches, COPIES[form], progress)


def _batches(result: Labelled, names: Sequence[str]) -> Iterator[list[tuple[str, int, int]]]:
    """Yield what is written with one query: quantities, or parts of one, each as name, first number and end."""
    batch, room = [], BATCH
    for name in names:
        start, size = 0, result[name].size
        while start < size:
            stop = min(start + room, size)
            batch.append((name, start, stop))
            room -= stop - start
            start = stop
            if not room:
                yield batch
                batch, room = [], BATCH
    yield batch


def _codes(
    result: Labelled, names: Sequence[str], batch: Sequence[tuple[str, int, int]], further: Further
) -> dict[str, NDArray[Any]]:
    """Return the rows of a batch with numbers for names and labels, counted from 1; 0 stands for no label."""
    count = sum(stop - start for _, start, stop in batch)
    dims = _dims(result, [name for name, _, _ in batch])
    codes: dict[str, NDArray[Any]] = {d: np.zeros(count, dtype=np.int32) for d in ("variable", *dims)}
    numbers = {"value": result.arrays, **further}
    codes |= {column: np.empty(count) for column in numbers}
    at = 0
    for name, start, stop in batch:
        rows = slice(at, at + stop - start)
        codes["variable"][rows] = names.index(name) + 1
        for column, arrays in numbers.items():
            codes[column][rows] = arrays[name].flat[start:stop]
        places = np.unravel_index(np.arange(start, stop), result[name].shape) if result[name].ndim else ()
        for dim, place in zip(result.variable(name).dims, places, strict=True):
            codes[dim][rows] = place + 1
        at += stop - start
    return codes


def _dims(result: Labelled, names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(d for name in names for d in result.variable(name).dims))


def labelled(
    result: Labelled,
    names: Sequence[str],
    dims: Sequence[str],
    columns: Sequence[str],
    written: Callable[[str], str] = str,
) -> str:
    """Return the query that puts names and labels, as they are ``written``, in the place of the numbers for them."""
    words: dict[str, Sequence[str]] = {"variable": names}
    there = _dims(result, [n for n in names if result[n].size])
    words |= {d: [written(n) for n in result.names(d)] for d in dims if d in there}
    selected = [
        f'list_extract({list_of(words[c])}, "{c}") AS "{c}"' if c in words else f'NULL::VARCHAR AS "{c}"'
        for c in ("variable", *dims)
    ]
    return f"SELECT {', '.join([*selected, *columns])}"


def _about(result: Labelled, names: Sequence[str]) -> list[str]:
    """Return the columns that say of each quantity what it is."""
    rows = [result.variable(name) for name in names]
    columns = {"unit": [v.unit for v in rows], "kind": [v.kind for v in rows]}
    return [f"list_extract({list_of(texts)}, variable) AS {column}" for column, texts in columns.items()]


def check_footer(path: Path, rows: int, *, exact: bool = True) -> None:
    """Check by its footer alone, before any row is read, that a Parquet file holds what is expected of it.

    Parameters
    ----------
    path : Path
        The file.
    rows : int
        Numbers that it holds.
    exact : bool
        Whether it must hold just as many, rather than at most so many.

    Raises
    ------
    ValueError
        If the footer can't be read, there are other columns or more rows, or the rows are larger than labels are.
    """
    with connect() as db:
        held = int(fetch(db, f"SELECT num_rows AS n FROM parquet_file_metadata({text_of(path)})")["n"][0])
        if held > rows or (exact and held != rows):
            most = "" if exact else "at most "
            raise ValueError(f"{path.name} has {held:,} rows, but {most}{rows:,} belong to this result")
        columns = {str(c) for c in fetch(db, f"DESCRIBE FROM read_parquet({text_of(path)})")["column_name"]}
        if not {"variable", "value"} <= columns <= {"variable", "value", *DIMS}:
            raise ValueError(f"{path.name} has the columns {', '.join(sorted(columns))}")
        query = f"SELECT coalesce(sum(total_uncompressed_size), 0) AS n FROM parquet_metadata({text_of(path)})"
        size = int(fetch(db, query)["n"][0])
    if size > BYTES_PER_ROW * rows + FREE_BYTES:
        raise ValueError(f"{path.name} unpacks to {size:,} bytes, too many for {rows:,} rows")


def dims_held(path: Path) -> dict[str, set[str]]:
    """Return the quantities that a Parquet file holds, each with the dims that its rows have labels for.

    Raises
    ------
    ValueError
        If the file can't be read.
    """
    source = f"read_parquet({text_of(path)})"
    with connect() as db:
        columns = fetch(db, f"DESCRIBE FROM {source}")["column_name"]
        dims = [str(c) for c in columns if c not in ("variable", "value")]
        counts = ", ".join(f'count("{d}") AS "{d}"' for d in dims)
        rows = fetch(db, f"SELECT variable, {counts} FROM {source} GROUP BY variable")
    return {str(name): {d for d in dims if rows[d][i]} for i, name in enumerate(rows["variable"])}


def read(path: Path, blocks: Iterable[Block]) -> dict[str, Array]:
    """Return the arrays of some quantities, every number at the place that its labels say.

    Parameters
    ----------
    path : Path
        A Parquet file with the columns ``variable``, the dims, and ``value``.
    blocks : iterable of Block
        What to read.

    Returns
    -------
    dict of str to Array
        By quantity; NaN where there is no value.

    Raises
    ------
    ValueError
        If the file can't be read, lacks a column or a number, or holds a label that isn't among those of its dim.
    """
    blocks = list(blocks)
    found = {b.name: np.empty(b.shape) for b in blocks}
    with connect() as db:
        for group in _groups(blocks):
            for part, labels in _parts(group[0]):
                numbers = _numbers(db, path, [b.name for b in group], labels, whole=part == slice(None))
                for block, array in zip(group, numbers, strict=True):
                    found[block.name][part if block.labels else ...] = array
    return found


def _groups(blocks: Iterable[Block]) -> list[list[Block]]:
    """Return the blocks that are read with one query: those of the same dims and sizes, as many as are small."""
    like: dict[tuple[tuple[str, int], ...], list[Block]] = defaultdict(list)
    for block in blocks:
        like[tuple((d, len(names)) for d, names in block.labels.items())].append(block)
    groups = []
    for alike in like.values():
        size = max(int(np.prod(alike[0].shape)), 1)
        at_once = max(TOGETHER // size, 1)
        groups += [alike[i : i + at_once] for i in range(0, len(alike), at_once)]
    return groups


def _parts(block: Block) -> Iterator[tuple[slice, Mapping[str, Sequence[str]]]]:
    """Yield the parts of a block that are read at once: slices along its first axis, each with its labels."""
    size = int(np.prod(block.shape))
    if size <= TOGETHER:
        if size:
            yield slice(None), block.labels
        return
    first, *_ = block.labels
    words = block.labels[first]
    step = max(TOGETHER * len(words) // size, 1)
    for start in range(0, len(words), step):
        yield slice(start, start + step), {**block.labels, first: words[start : start + step]}


def _numbers(
    db: Any, path: Path, names: Sequence[str], labels: Mapping[str, Sequence[str]], *, whole: bool
) -> list[Array]:
    """Return the numbers of some quantities of the same dims, at the given labels: all, or some along the first dim."""
    shape = tuple(len(words) for words in labels.values())
    size = int(np.prod(shape))
    where = f"variable IN ({', '.join(map(text_of, names))})"
    if not whole:
        first, *_ = labels
        where += f' AND "{first}" IN ({", ".join(map(text_of, labels[first]))})'
    at = places(db, {"variable": names, **labels})
    rows = fetch(db, f"SELECT {at} AS at, value FROM read_parquet({text_of(path)}) WHERE {where}")
    if np.ma.is_masked(rows["at"]):
        raise ValueError(f"{path.name} holds labels of {' or '.join(names)} that result.json does not know")
    found = np.ma.getdata(rows["at"])
    if len(found) != size * len(names) or (np.bincount(found, minlength=len(found)) != 1).any():
        raise ValueError(f"{path.name} does not hold every number of {' or '.join(names)} exactly once")
    values = np.empty(len(found))
    values[found] = np.ma.filled(np.ma.asarray(rows["value"], dtype=float), np.nan)
    return [values[i * size : (i + 1) * size].reshape(shape) for i in range(len(names))]
