"""Saving a result: a folder with ``result.parquet`` (every number, labelled), ``draws.parquet`` (what members drew of
the uncertain inputs, where there are several) and ``result.json`` (all the rest).

A run of several members has ``members.parquet`` too, with a column per member; ``result.parquet`` is the central one's.

A folder is written whole or not at all: everything goes to a temporary folder next to it, which is then renamed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from gigaplan.plan.sources import Sources
from gigaplan.results import drawtable, formats, longtable, membertable
from gigaplan.results.labelled import Labelled, central_alone
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.files import note_input, read_bytes, whole_folder
from gigaplan.vocabulary.files.folders import restore_folder
from gigaplan.vocabulary.progress import Progress, report
from gigaplan.vocabulary.second_process import second_process

R = TypeVar("R", bound=Labelled)
NAMES = (formats.DRAWS, formats.MEMBERS, "report.html", "result.json", "result.parquet")
"""Files of a saved result."""
MAX_JSON_BYTES = 64_000_000
"""Bytes of ``result.json`` that are read at most; one has about 300 kB."""
QUICK = 32_000_000
"""Numbers of a result whose tables are written within a second or two."""
STEPS = 2
"""Steps of saving such a result that are reported."""


def save(
    result: R,
    folder: Path,
    extra: Mapping[str, Callable[[R], str]] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write a result into a folder and return the folder; see :func:`save_and_complete`."""
    save_and_complete(result, folder, lambda found: found, extra, progress)
    return folder


def save_and_complete(
    result: R,
    folder: Path,
    complete: Callable[[R], R],
    extra: Mapping[str, Callable[[R], str]] | None = None,
    progress: Progress | None = None,
) -> R:
    """Write a result into a folder, and complete it while its tables are written.

    Parameters
    ----------
    result : Labelled
        What to write.
    folder : Path
        Where; a result that is there already is replaced at one instant, any other folder is refused.
    complete : callable
        Returns the result with what no table holds, as its claims' verdicts.
    extra : mapping of str to callable, optional
        Further text files by name, of :data:`NAMES`: what returns the text of the complete result.
    progress : callable, optional
        Called with (steps done, steps, the next one); False cancels, and the folder stays as it was.

    Returns
    -------
    Labelled
        The complete result.

    Raises
    ------
    Cancelled
        If ``progress`` returns False.
    PlanError
        If the folder holds anything that gigaplan has not written, or an input of the command.
    MachineError
        If the folder can't be written or the disk is full; nothing half-written stays.
    """
    with whole_folder(folder, NAMES, _wrote) as work:
        if _is_quick(result):
            result, texts = _write_side_by_side(result, work, complete, extra or {}, progress)
        else:
            _write_tables(result, work, progress)
            result = complete(result)
            _write_texts(result, work, extra or {})
            texts = formats.as_texts(formats.as_data(result))
        texts |= formats.as_texts(formats.written(work, result))
        (work / "result.json").write_text(formats.joined(texts), encoding="utf-8")
    return result


def _is_quick(result: Labelled) -> bool:
    """Return whether the tables are written so quickly that their progress needn't be reported."""
    return sum(array.size for array in result.arrays.values()) <= QUICK


def _write_side_by_side(
    result: R,
    work: Path,
    complete: Callable[[R], R],
    extra: Mapping[str, Callable[[R], str]],
    progress: Progress | None,
) -> tuple[R, dict[str, str]]:
    """Write the members' table in a second process, where there can be one; all the rest meanwhile."""
    report(progress, 0, STEPS, "tables and page")
    with second_process(lambda _: _write_members(result, work, None), (0,)) as left_undone, _central(result, work):
        completed = complete(result)
        _write_texts(completed, work, extra)
        texts = formats.as_texts(formats.as_data(completed))
        report(progress, 1, STEPS, "tables")
        for _ in left_undone():
            _write_members(result, work, None)
    report(progress, STEPS, STEPS, "result")
    return completed, texts


def _write_texts(result: R, work: Path, extra: Mapping[str, Callable[[R], str]]) -> None:
    for name, text in extra.items():
        (work / name).write_text(text(result), encoding="utf-8")


def _write_tables(result: Labelled, work: Path, progress: Progress | None) -> None:
    """Write all tables, that of the central member and that of all members at a time; the longest says how far it is
    and can be cancelled: the members', or the central one's where there are no others."""
    if not membertable.held(result):
        _write_members(result, work, None)
        longtable.write(central_alone(result), work / formats.NUMBERS, tuple(result.arrays), progress=progress)
        return
    with _central(result, work):
        _write_members(result, work, progress)


def _write_members(result: Labelled, work: Path, progress: Progress | None) -> None:
    """Write what members drew and what they lead to."""
    if result.draws:
        drawtable.write(result.draws, work / formats.DRAWS)
    if membertable.held(result):
        membertable.write(result, work / formats.MEMBERS, progress)


@contextlib.contextmanager
def _central(result: Labelled, work: Path) -> Iterator[None]:
    """Write the central member's table while the block runs: DuckDB needs no Python for it."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(longtable.write, central_alone(result), work / formats.NUMBERS, tuple(result.arrays))
        yield
        written.result()


def _wrote(folder: Path) -> bool:
    """Return whether gigaplan has written the result of a folder: its stamp says so."""
    try:
        data = json.loads(read_bytes(folder / "result.json", MAX_JSON_BYTES, note=False))
    except FileNotFoundError:
        return False
    except (ValueError, RecursionError):
        return False
    stamp = data.get("stamp") if isinstance(data, dict) else None
    return isinstance(stamp, dict) and "format" in data and {"plan_hash", "version"} <= set(stamp)


def load(folder: Path) -> Result:
    """Read a saved result, whichever version of gigaplan wrote it.

    Quantities that this version does not know, or that the saved result does not hold, are left out; ``warnings`` of
    the result names them.

    Raises
    ------
    PlanError
        If the folder holds no result, one in an unknown format, or one whose files were cut or altered.
    """
    while True:
        before = _identity(folder)
        try:
            with _readable(folder):
                found = formats.read(_data(folder), folder)
        except PlanError:
            if before == _identity(folder):
                raise
        else:
            if before == _identity(folder):
                return found
        # another run has replaced the result meanwhile: its files are read together, or not at all


def _identity(folder: Path) -> tuple[int, int, int] | None:
    """Return what tells a folder from another one that takes its place, None where there is none."""
    try:
        info = folder.stat()
    except OSError:
        return None
    return info.st_dev, info.st_ino, info.st_ctime_ns


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
    restore_folder(folder)
    for name in NAMES:
        note_input(folder / name)
    data = json.loads(read_bytes(folder / "result.json", MAX_JSON_BYTES))
    if not isinstance(data, dict) or "format" not in data:
        raise ValueError("result.json is not one that gigaplan has written")
    return data


@contextlib.contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """Say why a folder can't be read."""
    try:
        yield
    except RecursionError:
        raise _unreadable(folder, "result.json is nested too deeply") from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        reason = str(error)
        if isinstance(error, OSError) and error.strerror:
            reason = f"{Path(error.filename).name}: {error.strerror}" if error.filename else error.strerror
        elif isinstance(error, KeyError):
            reason = f"result.json lacks {error}"
        raise _unreadable(folder, reason) from None


def _unreadable(folder: Path, reason: str) -> PlanError:
    remedy = "give a folder that 'gigaplan run' has written, or run the plan again"
    return PlanError([Problem(f"no readable result here: {reason}", Place(str(folder)), remedy=remedy)])
