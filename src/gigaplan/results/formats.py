"""What ``result.json`` says, and a reader for every version of it.

Format 1 (until 2026-11) knew neither the rows of the variable table, nor a checksum, nor which sites exist already.
Format 2 has all three, so that a saved result is read by what it states of itself and not by today's variable table.
Format 3 holds what several members have in a table of its own, one column per member, and of them the central one in
``result.parquet``; and what members drew of the uncertain inputs.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gigaplan.plan.sources import Sources
from gigaplan.results import drawtable, longtable, membertable
from gigaplan.results.labelled import Labelled
from gigaplan.results.longtable import Block
from gigaplan.results.result import Result, Stamp
from gigaplan.results.verdicts import Claim, Verdict
from gigaplan.vocabulary.bases import Based, PowerBasis
from gigaplan.vocabulary.draws import Draw, DrawnInput
from gigaplan.vocabulary.facts import Entry, Ledger
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import Resolution, TimeAxis
from gigaplan.vocabulary.variables import Variable, variables

FORMAT = 3
EXISTING_1 = "opening "
"""How format 1 marks a site of the existing fleet: by its label."""
OLD_VERDICTS = {"can't be told": Verdict.UNKNOWN}
"""Verdicts that earlier versions wrote in other words."""
CHUNK = 1 << 20
NUMBERS, MEMBERS, DRAWS = "result.parquet", "members.parquet", "draws.parquet"
"""Files next to ``result.json``: the central member's numbers, all members' and what they drew of the inputs."""


def written(folder: Path, result: Labelled) -> dict[str, Any]:
    """Return what is known of a result only when the files that hold its arrays are written: their checksums."""
    return {
        "parquet": _written(folder / NUMBERS),
        "members_parquet": _written(folder / MEMBERS) if (folder / MEMBERS).exists() else None,
        "draws": {"inputs": _inputs(result.draws), "parquet": _written(folder / DRAWS)} if result.draws else None,
    }


def as_texts(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of plain data as JSON each."""
    return {name: json.dumps(value, indent=1, sort_keys=True) for name, value in data.items()}


def joined(texts: Mapping[str, str]) -> str:
    """Return the JSON of an object of such fields."""
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {texts[name]}" for name in sorted(texts)) + "\n}"


def as_data(result: Labelled) -> dict[str, Any]:
    """Return all of a result but its arrays, and what :func:`written` has of these, as plain data."""
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
        "existing": list(result.existing),
        "to_be_named": list(result.to_be_named),
        "keep": result.keep if isinstance(result.keep, str) else list(result.keep),
        "quantities": {n: _flat(v) for n, v in result.rows.items()},
        "members": {n: result.members(n) for n in result.arrays},
        "claims": [dataclasses.asdict(c) for c in result.claims],
        "ledger": [dataclasses.asdict(e) for e in result.ledger.entries],
        "notes": list(result.notes),
        "warnings": list(result.warnings),
        "assumptions": dict(result.assumptions),
        "sources": result.sources and _sources_data(result.sources),
    }


def _flat(row: Variable) -> dict[str, Any]:
    """Return the fields of a row, of which none has fields of its own, as ``dataclasses.asdict`` does it slowly."""
    return {f.name: getattr(row, f.name) for f in dataclasses.fields(row)}


def _written(path: Path) -> dict[str, Any]:
    """Return what a file is recognised by."""
    return {"sha256": checksum(path), "bytes": path.stat().st_size}


def _inputs(draws: Iterable[Draw]) -> list[dict[str, Any]]:
    """Return what is known of the inputs that members drew, without the draws."""
    names = [f.name for f in dataclasses.fields(DrawnInput)]
    return [{n: list(v) if isinstance(v := getattr(one, n), tuple) else v for n in names} for one in draws]


def _sources_data(sources: Sources) -> dict[str, Any]:
    """Return a plan's sources as data; files of configurations only where it names some."""
    return {k: v for k, v in dataclasses.asdict(sources).items() if v or k != "files"}


def checksum(path: Path) -> str:
    """Return a file's sha256."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(CHUNK):
            found.update(part)
    return found.hexdigest()


def read(data: Mapping[str, Any], folder: Path) -> Result:
    """Return the result that ``result.json`` and the Parquet files next to it hold.

    Raises
    ------
    ValueError
        If the format is unknown, or the two files do not belong together.
    """
    number = data["format"]
    if number not in READERS:
        known = ", ".join(map(str, READERS))
        raise ValueError(f"it has format {number}, this version of gigaplan reads {known}; a newer one may read it")
    return READERS[number](data, folder)


def _read_1(data: Mapping[str, Any], folder: Path) -> Result:
    """Read format 1: what it does not say is inferred from its labels and from the columns of its long table."""
    parquet = folder / NUMBERS
    labels, members = data["labels"], data["stamp"]["members"]
    longtable.check_footer(parquet, 2 * _numbers(variables().values(), labels, members), exact=False)
    there = longtable.dims_held(parquet)
    rows: dict[str, Any] = {name: {"name": name} for name in there}
    for name, row in variables().items():
        nothing_to_count = any(labels.get(d) == [] for d in row.dims)
        if name not in there and nothing_to_count:  # it has no rows then, though the result has it
            rows[name] = dataclasses.asdict(row)
        elif name in there:
            dims = _without_members(row.dims) if there[name] == set(_without_members(row.dims)) else row.dims
            changed = there[name] != set(dims)
            rows[name] = dataclasses.asdict(row) | {"dims": sorted(there[name]) if changed else dims}
    upgraded = {
        **data,
        "existing": [site.startswith(EXISTING_1) for site in labels["site"]],
        "keep": "all",
        "quantities": rows,
        "members": dict.fromkeys(rows, members),
    }
    return _result(upgraded, parquet)


def _read_2(data: Mapping[str, Any], folder: Path) -> Result:
    """Read format 2, whose Parquet file must be the one that was written with it."""
    parquet = _unaltered(folder / NUMBERS, data["parquet"])
    members = data["members"]
    held = [(name, data["quantities"][name]["dims"]) for name in members]
    sizes = {d: len(names) for d, names in data["labels"].items()}
    count = sum(math.prod(members[n] if d == "member" else sizes[d] for d in dims) for n, dims in held)
    longtable.check_footer(parquet, count)
    return _result(data, parquet)


def _read_3(data: Mapping[str, Any], folder: Path) -> Result:
    """Read format 3, whose result of many members has their numbers and draws in files of their own."""
    found = _read_2({**data, "members": dict.fromkeys(data["members"], 1)}, folder)
    if data["members_parquet"]:
        table = _unaltered(folder / MEMBERS, data["members_parquet"])
        found = replace(found, arrays={**found.arrays, **_of_members(data, table, found)})
    if data["draws"]:
        path = _unaltered(folder / DRAWS, data["draws"]["parquet"])
        found = replace(found, draws=_draws(data["draws"]["inputs"], path, found.stamp.members))
    return found


def _of_members(data: Mapping[str, Any], table: Path, central: Result) -> dict[str, Array]:
    """Return the arrays of what the table of members holds."""
    several = [n for n, count in data["members"].items() if count > 1]
    dims = {n: _without_members(data["quantities"][n]["dims"]) for n in several}
    sizes = {d: len(names) for d, names in data["labels"].items()}
    members = central.stamp.members
    membertable.check_footer(table, sum(math.prod(sizes[d] for d in dims[n]) for n in several), members)
    blocks = [Block(n, {d: central.labels[d] for d in central.rows[n].dims[1:]}) for n in several if n in central]
    return membertable.read(table, blocks, members)


def _draws(stored: object, path: Path, members: int) -> tuple[Draw, ...]:
    """Return what members drew of each input."""
    inputs = _typed(list[DrawnInput], stored, "draws")
    values = drawtable.read(path, [one.name for one in inputs], members)
    names = [f.name for f in dataclasses.fields(DrawnInput)]
    return tuple(
        Draw(**{n: getattr(one, n) for n in names}, values=row) for one, row in zip(inputs, values, strict=True)
    )


def _unaltered(path: Path, expected: Mapping[str, Any]) -> Path:
    """Return a file that must be the one that was written with the result."""
    size = path.stat().st_size
    if size != expected["bytes"]:
        raise ValueError(f"{path.name} has {size:,} bytes, {expected['bytes']:,} were written: it was cut or altered")
    if checksum(path) != expected["sha256"]:
        raise ValueError(f"{path.name} was altered after it was written: its checksum differs")
    return path


def _numbers(rows: Iterable[Variable], labels: Mapping[str, Sequence[str]], members: int) -> int:
    """Return how many numbers some quantities have."""
    return sum(math.prod(members if d == "member" else len(labels.get(d, ())) for d in row.dims) for row in rows)


READERS: Mapping[int, Callable[[Mapping[str, Any], Path], Result]] = {1: _read_1, 2: _read_2, 3: _read_3}


def _result(data: Mapping[str, Any], parquet: Path) -> Result:
    labels = _typed(dict[str, tuple[str, ...]], data["labels"], "labels")
    rows, warnings = _rows(data)
    held = {n: v for n, v in rows.items() if n in data["members"]}
    announced = data["announced"]
    return Result(
        stamp=_typed(Stamp, data["stamp"], "stamp"),
        axis=TimeAxis(
            dt.date.fromisoformat(data["axis"]["start"]),
            dt.date.fromisoformat(data["axis"]["end"]),
            Resolution(data["axis"]["resolution"]),
        ),
        labels=labels,
        arrays=longtable.read(parquet, [_block(v, labels, data["members"][n]) for n, v in held.items()]),
        ledger=Ledger(_entries(data["ledger"])),
        claims=_typed(tuple[Claim, ...], [_claim(c) for c in data["claims"]], "claims"),
        notes=_typed(tuple[str, ...], data["notes"], "notes"),
        warnings=(*_typed(tuple[str, ...], data["warnings"], "warnings"), *warnings),
        assumptions=_typed(dict[str, str], data["assumptions"], "assumptions"),
        announced=Based(announced["value"], announced["unit"], PowerBasis(announced["basis"])),
        sources=sources(data.get("sources")),
        existing=_typed(tuple[bool, ...], data["existing"], "existing"),
        to_be_named=_typed(tuple[bool, ...], data.get("to_be_named", ()), "to_be_named"),
        keep=_typed(str | tuple[str, ...], data["keep"], "keep"),
        rows=rows,
    )


def _rows(data: Mapping[str, Any]) -> tuple[dict[str, Variable], list[str]]:
    """Return the rows of the quantities that can be read, in today's order, and a warning for those that can't."""
    today, stored = variables(), data["quantities"]
    rows, changed = {}, []
    for name, row in today.items():
        if name in stored:
            was = _row(row, stored[name])
            same = _without_members(was.dims) == _without_members(row.dims)
            if same and was.unit == row.unit:
                rows[name] = was
            else:
                changed.append(name)
    groups = {
        "this version of gigaplan does not know": [n for n in stored if n not in today],
        "the saved result does not hold": [n for n in today if n not in data["members"] and n not in changed],
        "dims or unit have changed since it was saved": changed,
    }
    version = data["stamp"]["version"]
    return rows, [
        f"result saved by gigaplan {version}: left out, because {reason}: {', '.join(names)}"
        for reason, names in groups.items()
        if names
    ]


def _without_members(dims: Sequence[str]) -> tuple[str, ...]:
    """Return dims without that of members, which a quantity may have got since: earlier results hold one number."""
    return tuple(d for d in dims if d != "member")


def _row(today: Variable, stored: Mapping[str, Any]) -> Variable:
    """Return a kept row of the variable table; columns that it did not have yet are today's."""
    known = {f.name for f in dataclasses.fields(Variable)}
    stated = {k: v for k, v in _typed(dict[str, str | tuple[str, ...]], stored, today.name).items() if k in known}
    for name, value in stated.items():
        if type(value) is not type(getattr(today, name)):
            raise ValueError(f"{today.name}.{name} of result.json is not what gigaplan writes: it was altered")
    return replace(today, **stated)


def _block(variable: Variable, labels: Mapping[str, tuple[str, ...]], members: int) -> Block:
    every = {**labels, "member": tuple(f"{i:05d}" for i in range(members))}
    return Block(variable.name, {d: every[d] for d in variable.dims})


def sources(data: Mapping[str, Any] | None) -> Sources | None:
    """Return what the plan was made of; a result that was made in Python may have none."""
    if not data:
        return None
    overlays = tuple((file, text) for file, text in data["overlays"])
    files = tuple((file, text) for file, text in data.get("files", ()))
    return Sources(data["file"], data["text"], overlays, tuple(data["changes"]), files)


def _claim(data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data, "verdict": OLD_VERDICTS.get(data["verdict"], data["verdict"])}


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _entries(stored: object) -> list[Entry]:
    """Return the ledger's entries; ValueError names the one whose fact is no number though its unit is one's."""
    entries: list[Entry] = _typed(list[Entry], stored, "ledger")
    for place, entry in enumerate(entries):
        fact = entry.fact
        if fact is not None and fact.unit not in ("text", "date"):
            try:
                float(fact.value)
            except ValueError:
                name, value = f"ledger.{place}.fact.value", repr(fact.value)
                raise ValueError(
                    f"{name} of result.json is not what gigaplan writes ({value}): it was altered"
                ) from None
    return entries


def _typed(kind: Any, value: object, name: str) -> Any:
    """Return a part of ``result.json`` as the type that it must have; ValueError names the place that doesn't."""
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in (name, *first["loc"]))
        reason = first["msg"]
        raise ValueError(f"{place} of result.json is not what gigaplan writes ({reason}): it was altered") from None
