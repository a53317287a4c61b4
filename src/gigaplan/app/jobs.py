"""What the second process does, each a function of plain arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from gigaplan.api.json_form import to_json
from gigaplan.api.plans import compare
from gigaplan.api.results import export
from gigaplan.app.answers import answered, explained
from gigaplan.app.inputs import ranked
from gigaplan.app.requests import PlanState, Question
from gigaplan.app.runs import result_of
from gigaplan.vocabulary.files import temporary_folder
from gigaplan.vocabulary.progress import Progress

Form = Literal["parquet", "csv", "html", "json", "xlsx"]
KINDS = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def answer(question: Question, *, progress: Progress | None = None) -> dict[str, Any]:
    """Return the answer to a question; see :func:`gigaplan.app.answers.answered`."""
    return answered(question, progress)


def inputs(state: PlanState, members: int, *, progress: Progress | None = None) -> dict[str, Any]:
    """Return which lines matter; see :func:`gigaplan.app.inputs.ranked`."""
    return ranked(state, members, progress)


def comparison(state: PlanState, other: PlanState, *, progress: Progress | None = None) -> dict[str, Any]:
    """Return what differs between two plans' central futures, and which inputs make the difference."""
    a, b = result_of(state, 1, progress, claims=True), result_of(other, 1, progress, claims=True)
    return to_json(compare(a, b, progress=progress))


def explanation(
    state: PlanState, members: int, quantity: str, at: str, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Return where a figure comes from; see :func:`gigaplan.app.answers.explained`."""
    result_of(state, members, progress)
    return explained(state, members, quantity, at)


def download(state: PlanState, members: int, form: Form, *, progress: Progress | None = None) -> bytes:
    """Return a result as the bytes of a file."""
    result = result_of(state, members, progress, claims=True)
    if form == "json":
        import json

        return json.dumps(to_json(result), indent=1, allow_nan=False).encode()
    if form == "html":
        from gigaplan.report.html import html

        return html(result).encode()
    with temporary_folder() as folder:
        return Path(export(result, form, folder / f"result.{form}")).read_bytes()


def warm(name: str, *, progress: Progress | None = None) -> None:
    """Load the catalog and compile what a run needs."""
    answered(Question(plan=PlanState(name=name), claims=True), progress)
