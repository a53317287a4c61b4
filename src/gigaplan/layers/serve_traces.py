"""Traces of requests: files of several formats, read in pieces, and what is wrong with them.

A trace has a row for each request: when it came, how long its prompt was and how long its answer. Columns are found by
the names that published traces give them (Azure 2023, Mooncake, BurstGPT, Vidur, vLLM's benchmarks). Files are read by
DuckDB, which streams CSV, Parquet and JSON lines, so that memory doesn't grow with the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_name
from gigaplan.vocabulary.members import Array

if TYPE_CHECKING:
    import duckdb

PLACE = Place("serve")
BUILTIN = ("azure_conv_2023", "azure_code_2023")
"""Traces that come with gigaplan: an hour of two services of Azure, 2023-11-16 (CC BY 4.0)."""
COLUMNS = {
    "arrival": ("arrival_s", "arrival", "arrivaltime", "arrivedat", "timestamp", "time", "queuedts", "starttime", "ts"),
    "input": (
        "input", "inputtokens", "inputlength", "contexttokens", "numprefilltokens", "prompttokens", "requesttokens",
        "inputtoks", "promptlen", "inputlen", "prefilltokens",
    ),
    "output": (
        "output", "outputtokens", "outputlength", "generatedtokens", "numdecodetokens", "completiontokens",
        "responsetokens", "outputtoks", "outputlen", "decodetokens",
    ),
    "session": ("session", "sessionid", "conversation", "conversationid", "chatid", "user", "userid"),
    "priority": ("priority", "rank"),
    "hashes": ("hashids", "hashes", "blockhashes"),
}  # fmt: skip
"""Columns and the names that they have in traces, without case and punctuation."""
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""Seconds of a unit of time."""
EPOCHS = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"), (1e8, "s"))
"""Numbers from which on a time counts from 1970 in a unit: each is below the year 1974 in it."""
SLOWEST_PER_S = 0.02
"""Requests per second below which whole numbers are too few to be seconds, where there are enough of them."""
ENOUGH = 50
"""Rows from which on the unit of time is judged."""
NUMBERS = ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "U", "DOUBLE", "FLOAT", "DECIMAL")
"""Types of DuckDB that are numbers."""
SECONDS_PER_DAY = 86_400.0
PIECE = 65_536
"""Rows that are read at once."""
LONGEST = 1e9
"""Tokens of a request above which a row is no request."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Some requests of a trace, in order."""

    arrival_s: Array
    """When they came, since the first [s]."""
    input_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]
    session: NDArray[np.int64]
    priority: NDArray[np.int64]
    hashes: NDArray[np.int64]
    """Hashes of prefix blocks, one prompt's after another's."""
    n_hashes: NDArray[np.int64]
    """How many each prompt has."""


@dataclass(slots=True)
class Trace:
    """A trace that can be read, and what was found in it so far."""

    path: Path
    columns: dict[str, str]
    """Its own name of each column."""
    dated: bool
    """Whether times are dates, else numbers."""
    unit: str
    """Unit of its times; that of a date is the microsecond."""
    start: float
    """Its first time, in that unit."""
    rows: int
    """Rows in all."""
    span_s: float
    """From the first to the last arrival [s]."""
    mean_input: float
    mean_output: float
    """Mean lengths of rows that are requests [token]."""
    longest: int
    """Longest input and output together [token]."""
    dropped: dict[str, int]
    """Rows that are no requests, by reason."""
    is_sorted: bool
    """Whether rows are in order of arrival."""
    notes: tuple[str, ...] = ()
    """What was supposed of it."""

    @property
    def rate_per_s(self) -> float:
        """Mean rate of requests [1/s]."""
        return (self.rows - sum(self.dropped.values())) / max(self.span_s, 1e-9)

    @property
    def has_hashes(self) -> bool:
        """Whether requests have hashes of their prefixes."""
        return "hashes" in self.columns

    def pieces(self) -> Iterator[Rows]:
        """Yield its requests in order, piece by piece."""
        with _database() as db:
            found = db.execute(_query(self))
            while piece := found.fetchmany(PIECE):
                yield _rows(piece, self)


def open_trace(name: str, time_unit: str = "") -> Trace:
    """Return a trace with what a first look at the whole of it says.

    Parameters
    ----------
    name
        A file (CSV, Parquet, JSON lines), or one of ``BUILTIN``.
    time_unit
        Unit of its times, one of ``UNITS``; empty to find out.

    Raises
    ------
    PlanError
        If it can't be read, lacks a column, has no request, or leaves its unit of time open.
    """
    path = _path(name)
    with _database() as db:
        import duckdb

        try:
            types = dict(row[:2] for row in db.execute(f"describe select * from {_source(path)}").fetchall())
            columns = _columns(types, path)
            return _look(db, path, columns, types, time_unit)
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise _wrong(
                f"'{path}' can't be read as a table: {reason}", remedy="give CSV, Parquet or JSON lines"
            ) from None


def _path(name: str) -> Path:
    if name in BUILTIN:
        with as_file(files("gigaplan.layers") / "traces" / f"{name}.parquet") as path:
            return path
    path = Path(name)
    if not path.is_file():
        near = nearest_name(name, BUILTIN)
        what, remedy = "no such file, and no trace of this name", "name a file, or 'poisson' for made traffic"
        raise PlanError(
            [Problem(what, PLACE, value=name, allowed=", ".join((*BUILTIN, "poisson")), nearest=near, remedy=remedy)]
        )
    return path


@contextmanager
def _database() -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb

    with duckdb.connect(config={"threads": 1}) as db:
        yield db


def _source(path: Path) -> str:
    """Return the file as a table of DuckDB."""
    quoted = str(path).replace("'", "''")
    if path.suffix.lower() in (".jsonl", ".ndjson", ".json"):
        return f"read_json('{quoted}')"
    return f"'{quoted}'" if path.suffix.lower() == ".parquet" else f"read_csv('{quoted}')"


def _wrong(message: str, *, value: str = "", allowed: str = "", remedy: str) -> PlanError:
    return PlanError([Problem(message, PLACE, value=value, allowed=allowed, remedy=remedy)])


def _columns(types: dict[str, str], path: Path) -> dict[str, str]:
    """Return a trace's own name of each column."""
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in types}
    found = {}
    for column, names in COLUMNS.items():
        own = next((plain[key] for key in (re.sub("[^a-z0-9]", "", n) for n in names) if key in plain), None)
        unit = next((u for u in ("ms", "us", "ns") if column == "arrival" and f"arrival{u}" in plain), None)
        if own or unit:
            found[column] = own or plain[f"arrival{unit}"]
    missing = [c for c in ("arrival", "input", "output") if c not in found]
    if missing:
        raise _wrong(
            f"'{path}' has no column of {' and '.join(missing)}",
            value=", ".join(types) or "no column",
            allowed="; ".join(f"{c}: {', '.join(COLUMNS[c][:4])}" for c in missing),
            remedy="name its columns arrival_s, input_tokens and output_tokens",
        )
    return found


def _look(db: Any, path: Path, columns: dict[str, str], types: dict[str, str], time_unit: str) -> Trace:
    """Return what one pass over a file says of it."""
    kind = types[columns["arrival"]]
    dated = kind.startswith("TIMESTAMP") or kind == "DATE"
    if not dated and not _is_number(kind):
        raise _wrong(f"times of '{path}' are neither numbers nor dates", value=kind, remedy="write seconds")
    arrival, taken, given = _expressions(columns, dated)
    numbers = db.execute(
        f"select count(*), min({arrival}), max({arrival}), avg({given[0]}) filter ({taken}), "
        f"avg({given[1]}) filter ({taken}), max({given[0]} + {given[1]}) filter ({taken}), count(*) filter ({taken}), "
        f"count(*) filter ({arrival} is null or not isfinite({arrival})), count(*) filter ({given[1]} = 0), "
        f"bool_and({arrival} = round({arrival})), count(*) filter ({given[0]} < 0 or {given[1]} < 0) "
        f"from {_source(path)}"
    ).fetchone()
    rows, first, last, mean_in, mean_out, longest, usable, timeless, empty, whole, negative = numbers
    if negative:
        raise _wrong(f"'{path}' has lengths below zero", value=f"{negative:,} rows", remedy="correct or remove them")
    if not usable:
        raise _wrong(f"'{path}' has no request", value=f"{rows:,} rows", remedy="give rows with time, input and output")
    other = rows - usable - timeless - empty
    reasons = {"without a time": timeless, "without an output": empty, "without an input, or absurdly long": other}
    notes = [f"{n:,} rows {why}: left out" for why, n in reasons.items() if n > 0]
    unit = "us" if dated else time_unit
    if not unit:
        unit = _unit(columns, (first, last), usable, whole, path)
        if unit != "s":
            notes.append(f"times are read as {unit}")
    if not (is_sorted := _is_sorted(db, arrival, taken, path)):
        notes.append("rows out of order: sorted by arrival")
    return Trace(
        path=path,
        columns=columns,
        dated=dated,
        unit=unit,
        start=first,
        rows=rows,
        span_s=(last - first) * UNITS[unit],
        mean_input=mean_in,
        mean_output=mean_out,
        longest=int(longest),
        dropped={k: v for k, v in reasons.items() if v > 0},
        is_sorted=is_sorted,
        notes=tuple(notes),
    )


def _is_number(kind: str) -> bool:
    return any(
        kind.startswith(k)
        for k in ("BIGINT", "INTEGER", "DOUBLE", "FLOAT", "DECIMAL", "UINT", "UBIGINT", "HUGE", "SMALL")
    )


def _expressions(columns: dict[str, str], dated: bool) -> tuple[str, str, tuple[str, str]]:
    """Return a time, the condition that a row is a request, and lengths, in SQL."""
    name = {k: '"' + v.replace('"', '""') + '"' for k, v in columns.items()}
    arrival = f"epoch_us({name['arrival']})" if dated else f"{name['arrival']}::double"
    lengths = tuple(f"try_cast({name[k]} as double)" for k in ("input", "output"))
    taken = f"where {arrival} is not null and isfinite({arrival})"
    taken += "".join(f" and {n} between 1 and {LONGEST:.0f}" for n in lengths)
    return arrival, taken, (lengths[0], lengths[1])


def _is_sorted(db: Any, arrival: str, taken: str, path: Path) -> bool:
    """Return whether times never fall, piece by piece."""
    found = db.execute(f"select {arrival} from {_source(path)} {taken}")
    before = -np.inf
    while piece := found.fetchmany(PIECE):
        times = np.array(piece, dtype=float).ravel()
        if times[0] < before or (np.diff(times) < 0).any():
            return False
        before = times[-1]
    return True


def _unit(columns: dict[str, str], ends: tuple[float, float], rows: int, whole: bool, path: Path) -> str:
    """Return the unit of a file's times; PlanError where two are as likely."""
    plain, (first, last) = re.sub(r"[^a-z0-9]", "", columns["arrival"].lower()), ends
    named = next((u for u in ("ms", "us", "ns") if plain.endswith(u) and plain not in COLUMNS["arrival"]), None)
    if named is not None:
        return named
    for lowest, unit in EPOCHS:
        if first >= lowest:
            return unit
    span = last - first
    if rows >= ENOUGH and whole and span > 0 and rows / span < SLOWEST_PER_S:
        if "hashes" in columns:
            return "ms"  # as Mooncake's traces are written
        raise _wrong(
            f"times of '{path}' are hardly seconds: {rows:,} requests in {span / SECONDS_PER_DAY:,.1f} days",
            value=f"{rows / span:.2g} requests per second",
            allowed=f"as milliseconds {1e3 * rows / span:.3g} per second, as seconds {rows / span:.2g}",
            remedy="state the unit: --time-unit ms (or s)",
        )
    return "s"


def _query(trace: Trace) -> str:
    """Return the SQL that reads a trace's requests in order."""
    arrival, taken, lengths = _expressions(trace.columns, trace.dated)
    quoted = {k: '"' + v.replace('"', '""') + '"' for k, v in trace.columns.items()}
    cells = [arrival, *lengths]
    cells.append(f"(hash({quoted['session']}) % 2147483647)::bigint" if "session" in quoted else "0")
    cells.append(f"coalesce(try_cast({quoted['priority']} as bigint), 0)" if "priority" in quoted else "0")
    if trace.has_hashes:
        cells.append(quoted["hashes"])
    ordered = "" if trace.is_sorted else " order by 1"
    return f"select {', '.join(cells)} from {_source(trace.path)} {taken}{ordered}"


def _rows(piece: list[tuple[Any, ...]], trace: Trace) -> Rows:
    """Return rows of DuckDB as requests."""
    columns = list(zip(*piece, strict=True))
    arrival = (np.array(columns[0], dtype=float) - trace.start) * UNITS[trace.unit]
    lists = columns.pop() if trace.has_hashes else ()
    inputs, outputs, session, priority = (np.array(c).astype(np.int64) for c in columns[1:])
    counts = np.array([len(one or ()) for one in lists], dtype=np.int64) if lists else np.zeros(len(piece), np.int64)
    flat = np.array([h for one in lists for h in one or ()], dtype=np.int64)
    return Rows(arrival, inputs, outputs, session, priority, flat, counts)
