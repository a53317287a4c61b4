"""Files of serving rows: tables, and result files of benchmarks, completed by what is given with them.

A result file leaves open what its tool doesn't know, often the GPU, the layout and the precision. Nothing stands in
for that silently: it is given with the file, or the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from gigaplan.measurements.cells import PRECISIONS
from gigaplan.measurements.files import Found, read_rows
from gigaplan.measurements.given import filled
from gigaplan.measurements.reports import Row, load_warning
from gigaplan.validation.serving.own_rows import NATIVE, model_answered
from gigaplan.vocabulary.errors import Place, PlanError, Problem

NEEDED = ("gpu", "model", "isl", "osl", "concurrency", "ttft_ms", "tpot_ms")
"""Columns that a row to calibrate on must have."""
STATED = ("gpu", "model", "engine", "isl", "osl", "concurrency")
"""Columns that a result file must have, in addition to a layout and a precision."""
LAYOUT = ("tp", "n_gpus", "config")
OPTIONS = ("gpu", "model", "precision", "engine", "tp", "concurrency")
"""Columns that have an option of their own."""
ABOUT = (
    *OPTIONS,
    "pp",
    "dp",
    "ep",
    "n_gpus",
    "mode",
    "config",
    "speculative",
    "drafts",
    "accepted_tokens",
    "engine_version",
    "isl",
    "osl",
    "request_rate",
)
"""Columns that may be given with files."""


def read_file(path: Path, given: Mapping[str, str]) -> Found:
    """Return the rows of a table or a result file, with what is given for what it leaves open.

    Parameters
    ----------
    path
        The file.
    given
        Values by column.

    Raises
    ------
    PlanError
        If it can't be read or is of no known kind, or with every column that a result file leaves open.
    """
    found = filled(read_rows(path), given, path)
    if not found.tool:
        return found
    problems = []
    for k, row in enumerate(found.rows):
        missing = [c for c in STATED if not row.get(c)]
        missing += [] if any(row.get(c) for c in LAYOUT) else ["tp"]
        missing += [] if row.get("precision") or _precision_is_known(row) else ["precision"]
        if missing:
            problems.append(_left_open(f"run {k + 1} of {found.tool} leaves open", row, missing, path))
    if problems:
        raise PlanError(problems)
    return found


def read_measured(paths: Sequence[Path], given: Mapping[str, str]) -> list[Row]:
    """Return the measured rows of files, with the columns of inference_serving.csv.

    Parameters
    ----------
    paths
        Tables, or result files of benchmarks.
    given
        Values for what they leave open, by column.

    Raises
    ------
    PlanError
        With every file that can't be read and every column that is missing.
    """
    rows: list[Row] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            found = read_file(path, given)
        except PlanError as error:
            problems += error.problems
            continue
        absent = [n for n in NEEDED if found.rows and not any(row.get(n) for row in found.rows)]
        if absent:
            problems.append(_left_open("no row gives", found.rows[0], absent, path))
            continue
        for k, row in enumerate(found.rows):
            if missing := [n for n in NEEDED if not row.get(n)]:
                problems.append(_left_open(f"row {k + 1} leaves open", row, missing, path))
            else:
                rows.append(row)
    if not rows and not problems:
        problems.append(Problem("no measured row", Place(str(paths[0])), remedy="give a table with results"))
    if problems:
        raise PlanError(problems)
    return rows


def load_warnings(rows: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """Return what the loads of rows, by Little's law, say against their stated caps.

    Parameters
    ----------
    rows
        Cells by column.
    """
    found = ((k + 1, load_warning(row)) for k, row in enumerate(rows))
    return tuple(f"row {k}: {warning}" for k, warning in found if warning)


def _precision_is_known(row: Row) -> bool:
    """Return whether the model's name states the precision, or the model is published in fewer than 16 bits."""
    words = re.split(r"[^a-z0-9]+", (row.get("model") or "").lower())
    return any(w in PRECISIONS for w in words) or model_answered(row).startswith(tuple(NATIVE))


def _left_open(what: str, row: Row, missing: Sequence[str], path: Path) -> Problem:
    """Return the problem of columns that a row leaves open, and how to give them."""
    options = [f"--{n}" for n in missing if n in OPTIONS]
    others = [f"{n}=..." for n in missing if n in ABOUT and n not in OPTIONS]
    options += [f"--about {','.join(others)}"] if others else []
    unmeasured = [n for n in missing if n not in ABOUT]
    remedies = ([f"add {', '.join(options)}"] if options else []) + (
        [f"measure {', '.join(unmeasured)} as a mean over requests"] if unmeasured else []
    )
    note = row.get("notes", "")
    message = f"{what} {', '.join(missing)}" + (f" ({note})" if note else "")
    return Problem(message, Place(str(path)), remedy=" and ".join(remedies))
