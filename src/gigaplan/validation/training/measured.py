"""Files of training rows: tables, and training logs, completed by what is given with them.

A log leaves open what its tool doesn't print, always the GPU and the model. Nothing stands in for that silently: it is
given with the file, or the file is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gigaplan.measurements.files import Found
from gigaplan.measurements.given import filled
from gigaplan.measurements.reports import Row
from gigaplan.measurements.training_files import read_rows
from gigaplan.validation.training.names import architecture
from gigaplan.validation.training.own_rows import model_answered
from gigaplan.vocabulary.errors import Place, PlanError, Problem, UnsupportedError

OPTIONS = ("gpu", "model", "precision")
"""Columns that have an option of their own."""
ABOUT = (
    *OPTIONS,
    "num_gpus",
    "seq_len",
    "global_batch",
    "micro_batch",
    "tp",
    "pp",
    "dp",
    "cp",
    "ep",
    "vpp",
    "recompute",
    "fsdp",
    "date",
    "software",
    "layers",
    "hidden",
    "heads",
)
"""Columns that may be given with files."""
STATED = (
    "gpu",
    "num_gpus",
    "model",
    "seq_len",
    "global_batch",
    "micro_batch",
    "tp",
    "pp",
    "cp",
    "precision",
    "recompute",
)
"""Columns that a log's rows must have, in addition to the chunks of stages and the split of experts where there are
any."""


def read_file(path: Path, given: Mapping[str, str]) -> Found:
    """Return the rows of a table or a training log, with what is given for what it leaves open.

    Parameters
    ----------
    path
        The file.
    given
        Values by column.

    Raises
    ------
    PlanError
        If it can't be read or is of no known kind, or with every column that a log leaves open.
    """
    found = filled(read_rows(path), given, path)
    missing = {k: m for k, row in enumerate(found.rows if found.tool else []) if (m := _missing(row))}
    if missing:
        raise PlanError([_left_open(f"run {k + 1} of a {found.tool} leaves open", m, path) for k, m in missing.items()])
    return found


def _missing(row: Row) -> list[str]:
    """Return the columns that a log's row leaves open."""
    found = [c for c in STATED if not row.get(c)]
    if row.get("pp", "1") != "1" and not row.get("vpp"):
        found.append("vpp")
    if not row.get("ep") and _has_experts(row):
        found.append("ep")
    return found


def _has_experts(row: Row) -> bool:
    """Return whether a row's model is known to have experts."""
    try:
        name = model_answered(row)
        return bool(name) and architecture(name).experts > 0
    except UnsupportedError:
        return False


def _left_open(what: str, missing: Sequence[str], path: Path) -> Problem:
    """Return the problem of columns that a log leaves open, and how to give them."""
    options = [f"--{n}" for n in missing if n in OPTIONS]
    others = [f"{n}=..." for n in missing if n not in OPTIONS]
    options += [f"--about {','.join(others)}"] if others else []
    return Problem(f"{what} {', '.join(missing)}", Place(str(path)), remedy=f"add {', '.join(options)}")
