"""One JSON form of every answer, the same in the terminal and in Python.

The form is plain data with three keys on top: ``gigaplan``, the version that made it; ``kind``, what is answered;
``format``, raised whenever a key changes its meaning or goes. The other keys are the answer's fields. Units end the
names, dates are ISO text, and a number that doesn't exist is null: the text is valid JSON everywhere.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
import re
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

from gigaplan._version import __version__
from gigaplan.vocabulary.errors import ArgumentsError, Place, Problem

FORMAT = 2


def to_json(answer: object, saved_in: str | Path | None = None) -> dict[str, Any]:
    """Return an answer as plain data for ``json.dumps``.

    Parameters
    ----------
    answer : object
        Whatever a function of :mod:`gigaplan` returned, or a :class:`PlanError` that it raised.
    saved_in : str or Path, optional
        Where a result or calibration was saved, which its form has under ``saved_in``; null where it wasn't.

    Returns
    -------
    dict
        ``gigaplan`` (version), ``kind``, ``format``, and the answer's own keys; a tuple of answers stands under
        ``items``, a written file under ``path`` and ``bytes``.
    """
    kind, content = _content(answer)
    where = {"saved_in": None if saved_in is None else str(saved_in)} if type(answer).__name__ in SAVED else {}
    return {"gigaplan": __version__, "kind": kind, "format": FORMAT, **content, **where}


def plain(value: Any) -> Any:
    """Return any value as text, numbers, lists and dictionaries; a number that doesn't exist is None."""
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if hasattr(value, "tolist"):  # numpy's arrays and scalars, without importing numpy here
        return plain(value.tolist())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value)] + list(getattr(value, "JSON_ALSO", ()))
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(plain(k)): plain(v) for k, v in value.items()}
    if isinstance(value, Set):
        return sorted(plain(v) for v in value)
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _content(answer: Any) -> tuple[str, dict[str, Any]]:
    """Return what kind of answer it is, and its own keys."""
    kinds = [cls.__name__ for cls in type(answer).__mro__]
    name = next((kind for kind in kinds if kind in CONTENT), kinds[0])
    if name in CONTENT:
        return _kind(name), plain(CONTENT[name](answer))
    if isinstance(answer, Path):
        return "file", {"path": str(answer), "bytes": answer.stat().st_size if answer.is_file() else None}
    if isinstance(answer, list | tuple):
        return "list", {"items": [_content(one)[1] for one in answer]}
    if isinstance(answer, Mapping):
        return "schema", plain(answer)
    if dataclasses.is_dataclass(answer):
        return _kind(name), plain(answer)
    allowed, remedy = "an answer of gigaplan, or a PlanError", "give what a verb returned"
    raise ArgumentsError(
        [Problem(f"{name} is no answer of gigaplan", Place("gigaplan.to_json()"), "", allowed, "", remedy)]
    )


def _kind(name: str) -> str:
    """Return ``train_run`` for ``TrainRun``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _result(answer: Any) -> dict[str, Any]:
    from gigaplan.report.select import summary

    return summary(answer)


def _comparison(answer: Any) -> dict[str, Any]:
    from gigaplan.report.compare_view import as_data
    from gigaplan.study.compare import Comparison

    return as_data(answer) if isinstance(answer, Comparison) else plain(answer)


def _explanation(answer: Any, above: set[int] | None = None) -> dict[str, Any]:
    """Return a quantity and what is below it; what stands in several places is given in full in the first of them."""
    above = set() if above is None else above
    head = {
        "quantity": answer.variable,
        "evidence": answer.evidence,
        "is": answer.aggregate.reduction,
        "figures": answer.figures,
    }
    if id(answer) in above:
        return {**head, "above": True}
    above.add(id(answer))
    return {
        **head,
        "inputs": [_explanation(one, above) for one in answer.inputs],
        "facts": answer.entries,
        **({"decided_by": answer.decided.as_data()} if answer.decided else {}),
    }


def _checked(answer: Any) -> dict[str, Any]:
    return {"holds": answer.holds, "claims": answer.result.claims}


def _problems(answer: Any) -> dict[str, Any]:
    return {"problems": [p.as_dict() for p in answer.problems]}


def _study(answer: Any) -> dict[str, Any]:
    return dict(plain(answer.to_json()))


def _supply(answer: Any) -> dict[str, Any]:
    """Return the year's figures; its hours are written with ``--csv``, and the solver's time is left out."""
    hourly = ("site", "supplied", "seconds", "hours", "sites")
    return {f.name: plain(getattr(answer, f.name)) for f in dataclasses.fields(answer) if f.name not in hourly}


CONTENT: dict[str, Callable[[Any], dict[str, Any]]] = {
    "Result": _result,
    "Comparison": _comparison,
    "Explanation": _explanation,
    "CheckedPlan": _checked,
    "MonteCarlo": _study,
    "Paired": _study,
    "PlanLoad": _supply,
    "SiteSupply": _supply,
    "Sensitivity": _study,
    "Sweep": _study,
    "PlanError": _problems,
}
"""Answers whose keys are not simply their fields."""
SAVED = ("Result", "Calibration", "TrainingCalibration")
"""Answers that are saved apart: their form says where."""
