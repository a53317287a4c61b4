"""Parquet files read and written by DuckDB: a database in memory, its queries, and how labels become numbers."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gigaplan.vocabulary.progress import Progress, report

Codes = Mapping[str, NDArray[Any]]
"""Rows that are written: a column of numbers by name, a number in the place of each label."""

BUFFER_BYTES = 128_000_000
"""Memory that DuckDB may take for writing before it writes to disk."""
GROUPS_AT_ONCE = 12
"""Row groups of a table that DuckDB takes the memory of while it joins wide ones: with 6, tables of 8,000 columns fail,
since a block of memory is held for each column that is read and for each that is written."""
EVERY_S = 0.1
"""Seconds between two reports of a long query's progress."""
BYTES_PER_ROW, FREE_BYTES = 1000, 16_000_000
"""Unpacked bytes of a row with its labels at most, and what a file may have in addition."""


def write(
    path: Path,
    query: str,
    batches: Sequence[tuple[str, Callable[[], Codes]]],
    options: str,
    progress: Progress | None,
    group_bytes: int = 0,
) -> None:
    """Write rows with a query over their codes, some at a time so that little memory is taken.

    Each batch goes to a small file of its own next to ``path``, and these are then copied into one, in order.

    Parameters
    ----------
    path : Path
        File to write.
    query : str
        What is selected from the codes.
    batches : sequence of (str, callable)
        What to say of each batch, and what makes its rows.
    options : str
        DuckDB's options of the file.
    progress : callable, optional
        Called with (steps done, steps, what comes next), every tenth of a second at least; False cancels.
    group_bytes : int, optional
        Numbers of a row group, where there are many columns: a group is held whole [bytes].

    Raises
    ------
    Cancelled
        If ``progress`` returns False; ``path`` is then not there, or not whole.
    """
    steps, memory = 2 * len(batches), BUFFER_BYTES + GROUPS_AT_ONCE * group_bytes
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as work, connect(work, memory) as db:
        parts = [Path(work) / f"{k:05d}.parquet" for k in range(len(batches))]
        for done, (part, (name, codes)) in enumerate(zip(parts, batches, strict=True)):
            report(progress, done, steps, name)
            db.register("codes", codes())
            if len(parts) == 1:
                break
            db.execute(f"COPY codes TO {text_of(part)} (FORMAT parquet, COMPRESSION snappy)")
            db.unregister("codes")
        else:
            db.execute(f"CREATE VIEW codes AS FROM read_parquet({list_of(parts)}, union_by_name = true)")
        joined = f"COPY ({query} FROM codes) TO {text_of(path)} ({options})"
        if progress is None:
            db.execute(joined)
        else:
            _watched(db, joined, lambda share: report(progress, round(steps * (1 + share) / 2), steps, "labels"))


def _watched(db: Any, query: str, watch: Callable[[float], None]) -> None:
    """Run a query that may take long; ``watch`` is told the share that is done, and may raise to interrupt it."""
    from concurrent.futures import ThreadPoolExecutor, wait

    import duckdb

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(db.execute, query)
        try:
            watch(0.0)
            while not wait([running], EVERY_S).done:
                watch(max(db.query_progress(), 0.0) / 100)
        except BaseException:
            db.interrupt()
            with contextlib.suppress(duckdb.InterruptException):
                running.result()
            raise
        running.result()
    watch(1.0)


def places(db: Any, labels: Mapping[str, Sequence[str]]) -> str:
    """Return the expression of the place that a row has among all labels; null where a label is unknown."""
    terms, stride = [], math.prod(len(words) for words in labels.values())
    for column, words in labels.items():
        stride //= len(words)
        terms.append(_code(db, column, words, stride))
    return " + ".join(terms)


def _code(db: Any, column: str, words: Sequence[str], stride: int) -> str:
    """Return the expression that turns a label into its index times a stride; null where the label is unknown."""
    if len(set(words)) < len(words):
        raise ValueError(f"two labels along {column} are the same, so that numbers can't be assigned to them")
    kind = f'"labels of {column}"'
    db.execute(f"DROP TYPE IF EXISTS {kind}")
    db.execute(f"CREATE TYPE {kind} AS ENUM ({', '.join(map(text_of, words))})")
    return f'enum_code(TRY_CAST("{column}" AS {kind}))::BIGINT * {stride}'


def connect(work: str = "", memory_bytes: int = BUFFER_BYTES) -> Any:
    """Return a database in memory; one that writes spills into the folder ``work`` rather than take more memory."""
    import duckdb

    # One thread writes rows in the order in which they come, so that the same numbers give the same bytes.
    limit = {"memory_limit": f"{memory_bytes}B"} if work else {}
    db = duckdb.connect(config={"threads": 1, "temp_directory": work, **limit})
    db.execute("SET enable_progress_bar = true")  # so that its progress can be asked for,
    db.execute("SET enable_progress_bar_print = false")  # which isn't printed among the answers on stdout
    db.execute("SET parquet_metadata_cache = true")
    return db


def fetch(db: Any, query: str) -> dict[str, Any]:
    """Return the columns of a query's answer; ValueError says in a line why there is none."""
    import duckdb

    try:
        rows: dict[str, Any] = db.execute(query).fetchnumpy()
    except duckdb.Error as error:
        raise ValueError(str(error).splitlines()[0]) from None
    return rows


def text_of(text: object) -> str:
    """Return a text as DuckDB reads it."""
    return "'" + str(text).replace("'", "''") + "'"


def list_of(texts: Iterable[object]) -> str:
    """Return a list of texts as DuckDB reads it."""
    return f"[{', '.join(map(text_of, texts))}]::VARCHAR[]"
