"""Keeping a result: a folder with ``result.parquet`` (every number, labelled) and ``result.json`` (all the rest).

A folder is written whole or not at all: everything goes to a temporary folder beside it, which is then renamed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gigaplan.plan.load import Sources
from gigaplan.results.result import Result, Stamp
from gigaplan.results.verdicts import Claim, Figure, Verdict
from gigaplan.vocabulary.bases import Based, PowerBasis
from gigaplan.vocabulary.errors import MachineError, Place, PlanError, Problem
from gigaplan.vocabulary.facts import Entry, Evidence, Fact, Ledger
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import Resolution, TimeAxis
from gigaplan.vocabulary.variables import DIMS, Variable, variables

FORMAT = 1


def save(result: Result, folder: Path, extra: Mapping[str, str] | None = None) -> Path:
    """Write a result, and any ``extra`` text files (such as a report), into ``folder``; return it.

    Raises
    ------
    MachineError
        If the folder can't be written or the disk is full; nothing half-written stays.
    """
    with _whole(folder) as work:
        write_long(result, work / "result.parquet")
        (work / "result.json").write_text(json.dumps(_as_data(result), indent=1, sort_keys=True), encoding="utf-8")
        for name, text in (extra or {}).items():
            (work / name).write_text(text, encoding="utf-8")
    return folder


@contextlib.contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes ``folder`` only if all goes well."""
    work = folder.parent / f".{folder.name}.{os.getpid()}.part"
    old = folder.parent / f".{folder.name}.{os.getpid()}.old"
    try:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            yield work
            if folder.exists():
                if not (folder / "result.json").exists():
                    raise MachineError(f"{folder} exists and is not a result; give another folder with --out")
                folder.rename(old)
            work.rename(folder)
        except OSError as error:
            reason = error.strerror or str(error)
            raise MachineError(
                f"cannot keep the result in {folder}: {reason}; give another folder with --out"
            ) from None
        except Exception as error:
            if type(error).__module__.startswith(("duckdb", "_duckdb")):
                reason = str(error).splitlines()[0]
                raise MachineError(f"cannot keep the result in {folder}: {reason}") from None
            raise
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_long(
    result: Result, path: Path, names: Collection[str] | None = None, *, form: str = "parquet", about: bool = False
) -> None:
    """Write one long table: variable, one column per dim (empty where it doesn't apply), value.

    ``names`` are the variables to write (None: all, with every dim); ``about`` adds each one's unit and kind; ``form`` is
    parquet or csv.
    """
    import duckdb

    chosen = {n: v for n, v in variables().items() if names is None or n in names}
    dims = [d for d in DIMS if names is None or any(d in v.dims for v in chosen.values())]
    labels = _labels(result)
    table = _codes(result, chosen, dims)
    with duckdb.connect() as db:
        db.execute("SET threads = 1")
        db.register("long", table)
        said = {"unit": [v.unit for v in chosen.values()], "kind": [v.kind for v in chosen.values()]} if about else {}
        for name, words in {"variable": tuple(chosen), **{d: labels[d] for d in dims}}.items():
            looked = {"i": np.arange(len(words), dtype=np.int32), "label": np.array(words, dtype=object)}
            if name == "variable":
                looked |= {k: np.array(texts, dtype=object) for k, texts in said.items()}
            db.register(f"l_{name}", looked)
        looked_up = ["variable", *dims]
        columns = ", ".join(
            [*(f"l_{d}.label AS {d}" for d in looked_up), "value", *(f"l_variable.{k} AS {k}" for k in said)]
        )
        joins = " ".join(f"LEFT JOIN l_{d} ON l_{d}.i = {'v' if d == 'variable' else 'c_' + d}" for d in looked_up)
        how = "FORMAT parquet, COMPRESSION zstd" if form == "parquet" else "FORMAT csv, HEADER"
        where = str(path).replace("'", "''")
        db.execute(f"COPY (SELECT {columns} FROM long {joins} ORDER BY n) TO '{where}' ({how})")


def _codes(result: Result, chosen: Mapping[str, Variable], dims: Sequence[str]) -> dict[str, Array]:
    """Return the columns of the long table as numbers: v (variable), c_<dim> (label, -1: none), value, n (row)."""
    sizes = {d: len(n) for d, n in result.labels.items()} | {"member": result.stamp.members}
    codes: dict[str, list[Array]] = {d: [] for d in dims}
    names, values = [], []
    for k, (name, variable) in enumerate(chosen.items()):
        array = result.arrays[name]
        places = dict(zip(variable.dims, np.indices([sizes[d] for d in variable.dims]), strict=True))
        for dim in dims:
            codes[dim].append(places[dim].ravel() if dim in places else np.full(array.size, -1))
        names.append(np.full(array.size, k))
        values.append(array.ravel())
    table = {"v": np.concatenate(names), "value": np.concatenate(values)}
    table["n"] = np.arange(table["v"].size)
    return table | {f"c_{d}": np.concatenate(codes[d]).astype(np.int32) for d in dims}


def _labels(result: Result) -> dict[str, tuple[str, ...]]:
    members = tuple(f"{i:05d}" for i in range(result.stamp.members))
    return {d: members if d == "member" else tuple(result.labels[d]) for d in DIMS}


def _as_data(result: Result) -> dict[str, Any]:
    """Return all of a result but its arrays as plain data."""
    return {
        "format": FORMAT,
        "stamp": dataclasses.asdict(result.stamp),
        "axis": {
            "start": result.axis.start.isoformat(),
            "end": result.axis.end.isoformat(),
            "resolution": result.axis.resolution,
        },
        "announced": {"value": result.announced.value, "unit": result.announced.unit, "basis": result.announced.basis},
        "labels": {d: list(names) for d, names in result.labels.items()},
        "claims": [dataclasses.asdict(c) for c in result.claims],
        "ledger": [dataclasses.asdict(e) for e in result.ledger.entries],
        "notes": list(result.notes),
        "warnings": list(result.warnings),
        "assumptions": dict(result.assumptions),
        "sources": result.sources and dataclasses.asdict(result.sources),
    }


def load(folder: Path) -> Result:
    """Read a kept result back.

    Raises
    ------
    PlanError
        If the folder holds no result, or one written by another format.
    """
    with _readable(folder):
        data = _read(folder)
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']}, this gigaplan reads {FORMAT}")
        return _from_data(data, folder / "result.parquet")


def read_sources(folder: Path) -> Sources | None:
    """Return a kept result's plan text without its numbers; None if it was kept without; PlanError as in :func:`load`."""
    with _readable(folder):
        return _sources(_read(folder).get("sources"))


def read_stamp(folder: Path) -> dict[str, str]:
    """Return a kept result's stamp as text, whichever version wrote it; PlanError as in :func:`load`."""
    with _readable(folder):
        return {k: str(v) for k, v in _read(folder)["stamp"].items()}


def _read(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return data


@contextlib.contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """Say of a folder that can't be read why."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise PlanError(
            [
                Problem(
                    f"no readable result here: {reason}",
                    Place(str(folder)),
                    remedy="give a folder that 'gigaplan run' has written",
                )
            ]
        ) from None


def _from_data(data: dict[str, Any], parquet: Path) -> Result:
    labels = {d: tuple(names) for d, names in data["labels"].items()}
    stamp = Stamp(**data["stamp"])
    sizes = {d: len(n) for d, n in labels.items()} | {"member": stamp.members}
    claims = tuple(
        Claim(**{**c, "verdict": Verdict(c["verdict"]), "figures": tuple(Figure(**f) for f in c["figures"])})
        for c in data["claims"]
    )
    announced = data["announced"]
    return Result(
        stamp=stamp,
        axis=TimeAxis(
            dt.date.fromisoformat(data["axis"]["start"]),
            dt.date.fromisoformat(data["axis"]["end"]),
            Resolution(data["axis"]["resolution"]),
        ),
        labels=labels,
        arrays=_read_parquet(parquet, sizes),
        ledger=Ledger([_entry(e) for e in data["ledger"]]),
        claims=claims,
        notes=tuple(data["notes"]),
        warnings=tuple(data["warnings"]),
        assumptions=data["assumptions"],
        announced=Based(announced["value"], announced["unit"], PowerBasis(announced["basis"])),
        sources=_sources(data.get("sources")),
    )


def _sources(data: dict[str, Any] | None) -> Sources | None:
    """Return what the plan was made of; a result kept before gigaplan kept it has none."""
    if not data:
        return None
    overlays = tuple((file, text) for file, text in data["overlays"])
    return Sources(data["file"], data["text"], overlays, tuple(data["changes"]))


def _entry(data: dict[str, Any]) -> Entry:
    fact = data["fact"] and Fact(**{**data["fact"], "evidence": Evidence(data["fact"]["evidence"])})
    return Entry(data["path"], data["value"], Evidence(data["evidence"]), fact, data["source"])


def _read_parquet(path: Path, sizes: Mapping[str, int]) -> dict[str, Array]:
    import duckdb

    with duckdb.connect() as db:
        try:
            table = db.execute("SELECT variable, value FROM read_parquet(?)", [str(path)]).fetchnumpy()
        except duckdb.Error as error:
            raise ValueError(str(error).splitlines()[0]) from None
    arrays: dict[str, Array] = {}
    values: Array = np.ma.filled(np.ma.asarray(table["value"], dtype=float), np.nan)
    start = 0
    for name, variable in variables().items():
        shape = tuple(sizes[d] for d in variable.dims)
        size = int(np.prod(shape))
        arrays[name] = values[start : start + size].reshape(shape)
        start += size
    if start != len(values):
        raise ValueError(f"{path.name} holds {len(values)} numbers, its labels say {start}")
    return arrays
