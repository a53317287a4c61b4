"""The long table: one row per number with its quantity and one label column per dim, as Parquet or CSV.

It is written quantity by quantity, so that the memory taken is that of one quantity, not of all of them with their
labels: each one goes to a small Parquet file of its own, and these are then copied into one, in order. It is read by the
names and labels in it, never by the order of its rows.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gigaplan.results.labelled import Labelled
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.variables import DIMS, Variable

BUFFER = "256MB"
"""Memory that DuckDB may take before it writes to disk."""
COPIES = {
    "parquet": "FORMAT parquet, COMPRESSION zstd",
    "csv": "FORMAT csv, HEADER",
    "part": "FORMAT parquet, COMPRESSION snappy",
}
ROW_GROUP = 122_880
"""Rows that DuckDB writes to Parquet at once; of more rows than that, those of several queries may come out mixed."""
TOGETHER = 1_000_000
"""Numbers that are read at once: small quantities together, a large one alone."""


@dataclass(frozen=True, slots=True)
class Block:
    """The place of one quantity in the long table: its dims with their labels, in the order of its array's axes."""

    name: str
    labels: Mapping[str, Sequence[str]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the array's shape."""
        return tuple(len(names) for names in self.labels.values())


def write(result: Labelled, path: Path, names: Sequence[str], *, form: str = "parquet", about: bool = False) -> None:
    """Write some quantities as one long table: variable, one column per dim (empty where it doesn't apply), value.

    Parameters
    ----------
    result : Labelled
        The result that holds them.
    path : Path
        File to write; small files are written beside it on the way and removed.
    names : sequence of str
        Quantities to write, in this order.
    form : str
        ``parquet`` or ``csv``.
    about : bool
        Whether to add the columns ``unit`` and ``kind``, and leave out dims that none of the quantities has.
    """
    dims = [d for d in DIMS if not about or any(d in result.variable(n).dims for n in names)]
    batches = _batches(result, names)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as work, _connect() as db:
        parts = [Path(work) / f"{k:04d}.parquet" for k in range(len(batches))]
        for part, batch in zip(parts, batches, strict=True):
            query = _labelled_rows(db, result, batch, dims, about=about)
            if len(parts) == 1:
                _copy(db, query, path, form)
            else:
                _copy(db, query, part, "part")
        if len(parts) > 1:
            _copy(db, f"FROM read_parquet({_list(parts)})", path, form)


def _copy(db: Any, query: str, path: Path, form: str) -> None:
    db.execute(f"COPY ({query}) TO {_text(path)} ({COPIES[form]})")


def _batches(result: Labelled, names: Sequence[str]) -> list[list[str]]:
    """Return the quantities that are written with one query: a large one alone, small ones together."""
    batches: list[list[str]] = [[]]
    size = 0
    for name in names:
        if batches[-1] and size + result[name].size > ROW_GROUP:
            batches.append([])
            size = 0
        batches[-1].append(name)
        size += result[name].size
    return batches


def _labelled_rows(db: Any, result: Labelled, names: Sequence[str], dims: Sequence[str], *, about: bool) -> str:
    """Return the query that gives the numbers of some quantities their labels; DuckDB reads the arrays in place."""
    parts = []
    for k, name in enumerate(n for n in names if result[n].size):
        db.register(f"numbers_{k}", {"value": result[name].ravel()})
        parts.append(_labelled(result, result.variable(name), f"numbers_{k}", dims, about=about))
    return " UNION ALL ".join(parts) or _no_rows(dims, about=about)


def _labelled(result: Labelled, variable: Variable, source: str, dims: Sequence[str], *, about: bool) -> str:
    """Return the query for one quantity: a number's labels follow from its position in the array."""
    columns, stride = {}, result[variable.name].size
    for dim, size in result.sizes(variable.name).items():
        stride //= size
        columns[dim] = f"list_extract({_list(result.names(dim))}, (i // {stride}) % {size} + 1)"
    labels = [f'{columns.get(d, "NULL::VARCHAR")} AS "{d}"' for d in dims]
    more = [f"{_text(variable.unit)} AS unit", f"{_text(variable.kind)} AS kind"] if about else []
    chosen = ", ".join([f"{_text(variable.name)} AS variable", *labels, "value", *more])
    return f"SELECT {chosen} FROM (SELECT row_number() OVER () - 1 AS i, value FROM {source})"


def _no_rows(dims: Sequence[str], *, about: bool) -> str:
    names = ["variable", *dims, "value", *(("unit", "kind") if about else ())]
    kinds = {"value": "DOUBLE"}
    columns = ", ".join(f'NULL::{kinds.get(n, "VARCHAR")} AS "{n}"' for n in names)
    return f"SELECT {columns} WHERE false"


def sizes(path: Path) -> dict[str, int]:
    """Return how many numbers of each quantity a Parquet file holds; ValueError if it can't be read."""
    with _connect() as db:
        rows = _fetch(db, f"SELECT variable, count(*) AS n FROM read_parquet({_text(path)}) GROUP BY variable")
    return {str(name): int(n) for name, n in zip(rows["variable"], rows["n"], strict=True)}


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
    found: dict[str, Array] = {}
    with _connect() as db:
        for group in _groups(blocks):
            found |= _read_group(db, path, group)
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


def _read_group(db: Any, path: Path, group: Sequence[Block]) -> dict[str, Array]:
    shape, labels = group[0].shape, group[0].labels
    size = int(np.prod(shape))
    if size == 0:
        return {b.name: np.empty(shape) for b in group}
    names = [b.name for b in group]
    terms, stride = [_code(db, "variable", names, size)], size
    for dim, words in labels.items():
        stride //= len(words)
        terms.append(_code(db, dim, words, stride))
    where = f"variable IN ({', '.join(map(_text, names))})"
    rows = _fetch(db, f"SELECT {' + '.join(terms)} AS at, value FROM read_parquet({_text(path)}) WHERE {where}")
    places = rows["at"]
    if np.ma.is_masked(places):
        raise ValueError(f"{path.name} holds labels of {' or '.join(names)} that result.json does not know")
    places = np.ma.getdata(places)
    if len(places) != size * len(group) or (np.bincount(places, minlength=len(places)) != 1).any():
        raise ValueError(f"{path.name} does not hold every number of {' or '.join(names)} exactly once")
    values = np.empty(len(places))
    values[places] = np.ma.filled(np.ma.asarray(rows["value"], dtype=float), np.nan)
    return {b.name: values[i * size : (i + 1) * size].reshape(shape) for i, b in enumerate(group)}


def _code(db: Any, column: str, words: Sequence[str], stride: int) -> str:
    """Return the expression that turns a label into its index times a stride; null where the label is unknown."""
    kind = f'"labels of {column}"'
    db.execute(f"DROP TYPE IF EXISTS {kind}")
    db.execute(f"CREATE TYPE {kind} AS ENUM ({', '.join(map(_text, words))})")
    return f'enum_code(TRY_CAST("{column}" AS {kind}))::BIGINT * {stride}'


def _connect() -> Any:
    import duckdb

    # One thread writes rows in the order in which they come, so that the same numbers give the same bytes.
    return duckdb.connect(config={"threads": 1, "memory_limit": BUFFER})


def _fetch(db: Any, query: str) -> dict[str, Any]:
    import duckdb

    try:
        rows: dict[str, Any] = db.execute(query).fetchnumpy()
    except duckdb.Error as error:
        raise ValueError(str(error).splitlines()[0]) from None
    return rows


def _text(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def _list(texts: Iterable[object]) -> str:
    return f"[{', '.join(map(_text, texts))}]::VARCHAR[]"
