"""Saving a result: a folder with ``result.parquet`` (every number, labelled) and ``result.json`` (all the rest).

A folder is written whole or not at all: everything goes to a temporary folder next to it, which is then renamed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gigaplan.plan.sources import Sources
from gigaplan.results import formats, longtable
from gigaplan.results.labelled import Labelled
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import MachineError, Place, PlanError, Problem


def save(result: Labelled, folder: Path, extra: Mapping[str, str] | None = None) -> Path:
    """Write a result into a folder.

    Parameters
    ----------
    result : Labelled
        What to write.
    folder : Path
        Where; a result that is there already is replaced, anything else is left alone.
    extra : mapping of str to str, optional
        Further text files by name, such as a report.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    MachineError
        If the folder can't be written or the disk is full; nothing half-written stays.
    """
    with _whole(folder) as work:
        longtable.write(result, work / "result.parquet", tuple(result.arrays))
        data = formats.as_data(result, work / "result.parquet")
        (work / "result.json").write_text(json.dumps(data, indent=1, sort_keys=True), encoding="utf-8")
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
                f"cannot save the result in {folder}: {reason}; give another folder with --out"
            ) from None
        except Exception as error:
            if type(error).__module__.startswith(("duckdb", "_duckdb")):
                reason = str(error).splitlines()[0]
                raise MachineError(f"cannot save the result in {folder}: {reason}") from None
            raise
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def load(folder: Path) -> Result:
    """Read a saved result, whichever version of gigaplan wrote it.

    Quantities that this version does not know, or that the saved result does not hold, are left out; ``warnings`` of
    the result names them.

    Raises
    ------
    PlanError
        If the folder holds no result, one in an unknown format, or one whose files were cut or altered.
    """
    with _readable(folder):
        return formats.read(_data(folder), folder / "result.parquet")


def read_sources(folder: Path) -> Sources | None:
    """Return a saved result's plan text without its numbers, None if it has none; PlanError as in :func:`load`."""
    with _readable(folder):
        return formats.sources(_data(folder).get("sources"))


def read_keep(folder: Path) -> str | tuple[str, ...]:
    """Return which hourly quantities a saved result holds for every member; PlanError as in :func:`load`."""
    with _readable(folder):
        keep = _data(folder).get("keep", "all")
        return keep if isinstance(keep, str) else tuple(keep)


def read_stamp(folder: Path) -> dict[str, str]:
    """Return a saved result's stamp as text, whichever version wrote it; PlanError as in :func:`load`."""
    with _readable(folder):
        return {k: str(v) for k, v in _data(folder)["stamp"].items()}


def _data(folder: Path) -> dict[str, Any]:
    data = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    if not isinstance(data, dict) or "format" not in data:
        raise ValueError("result.json is not one that gigaplan has written")
    return data


@contextlib.contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """Say why a folder can't be read."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error)
        if isinstance(error, OSError) and error.strerror:
            reason = f"{Path(error.filename).name}: {error.strerror}" if error.filename else error.strerror
        elif isinstance(error, KeyError):
            reason = f"result.json lacks {error}"
        remedy = "give a folder that 'gigaplan run' has written, or run the plan again"
        raise PlanError([Problem(f"no readable result here: {reason}", Place(str(folder)), remedy=remedy)]) from None
