"""A posted question carried out in the folder of its job: its texts become files there, and nothing else is read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gigaplan import api
from gigaplan import plan as plans
from gigaplan.api.arguments import checked
from gigaplan.api.json_form import plain, to_json
from gigaplan.api.requests import load_class
from gigaplan.api.requests import read as read_request
from gigaplan.api.results import EXPORTED
from gigaplan.app.verbs.bodies import GivenPlan, GivenResult, GivenTrace, PlanOrResult
from gigaplan.app.verbs.derive import Given, Verb
from gigaplan.app.verbs.kinds import Kind, PageQuestion
from gigaplan.app.verbs.limits import Limits
from gigaplan.layers.serve_job import MADE
from gigaplan.layers.serve_traces import BUILTIN
from gigaplan.report.answer_page import page_of
from gigaplan.results.result import Result
from gigaplan.study.request import MEMBERS
from gigaplan.vocabulary.errors import MachineError, Place, PlanError, Problem, unknown_choice
from gigaplan.vocabulary.files import texts_only
from gigaplan.vocabulary.labels import meant
from gigaplan.vocabulary.progress import Progress

REQUEST, ANSWER, RESULT, STUDY = "request.json", "answer.json", "result", "study"
PAGE = "page.html"
KEPT = (REQUEST, STUDY)
"""What is left in a job's folder when the job is begun again: a study goes on from its own."""
ARROW = "arrow"
ENDINGS = {"netcdf": "nc"}


def carry_out(kind: Kind, question: Any, folder: Path, limits: Limits, progress: Progress | None) -> dict[str, str]:
    """Answer a question in its folder, which becomes the working folder of this process.

    Parameters
    ----------
    kind : Verb or PageQuestion
        What is asked.
    question : Strict
        The question, of the kind's own model.
    folder : Path
        The job's folder; folders of other jobs stand next to it.
    limits : Limits
        What it may take.
    progress : callable, optional
        Called with (steps done, steps, the next one); False cancels.

    Returns
    -------
    dict
        The file of each form of the answer, relative to the folder: ``json`` at least.

    Raises
    ------
    PlanError
        With all that is wrong with the question.
    MachineError, Cancelled
        As the verb does.
    """
    os.chdir(folder)
    for old in folder.iterdir():
        if old.name not in KEPT:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    if isinstance(kind, PageQuestion):
        return _kept(kind.answer(question, progress), getattr(question, "form", ""))
    files = _Files(folder)
    arguments = {
        g.name: files.argument(g, value) for g in kind.given if (value := getattr(question, g.name)) is not None
    }
    with texts_only(*files.posted):
        _refuse_too_many(kind, arguments, limits)
        return _called(kind, arguments, progress)


def _called(kind: Verb, arguments: dict[str, Any], progress: Progress | None) -> dict[str, str]:
    """Call a verb and keep its answer."""
    by_place = [value for g in kind.given if g.by_place for value in arguments.pop(g.name, ())]
    form = _form(kind, arguments)
    if form == ARROW:
        arguments["to"] = "parquet"
    written = Path(f"answer.{ENDINGS.get(form, form)}") if form else None
    fixed = {**kind.fixed, **({"out": written} if written else {})}
    if _takes_progress(kind):
        fixed["progress"] = progress
    answer = checked(kind.function)(*by_place, **arguments, **fixed)
    found = _kept(answer)
    if not kind.name.startswith("study_"):
        made = next((fixed[n] for n in ("out", "path") if n in fixed), None)
        if made is not None and made.is_file():
            if form == ARROW:
                as_arrow(made)
            found[form or made.suffix[1:]] = made.name
    return found


def _takes_progress(kind: Verb) -> bool:
    import inspect

    return "progress" in inspect.signature(kind.function).parameters


def _form(kind: Verb, arguments: Mapping[str, Any]) -> str:
    """Return the form of an export, "" of another verb."""
    if kind.name != "export":
        return ""
    form = meant(str(arguments["to"]), (*EXPORTED, ARROW), by_beginning=False)
    if form not in (*EXPORTED, ARROW):
        place = Place("export", path="to")
        raise PlanError([unknown_choice("no such form", place, form, (*EXPORTED, ARROW), "name one of them")])
    return form


def _kept(answer: Any, form: str = "") -> dict[str, str]:
    """Write an answer; return its files by form."""
    if isinstance(answer, bytes):
        name = f"answer-file.{form}"
        write_whole(Path(name), answer)
        _write_json({"form": form, "bytes": len(answer)})
        return {"json": ANSWER, form: name}
    if isinstance(answer, str):
        _write_json({"kind": "text", "text": answer})
        return {"json": ANSWER}
    found = {"json": ANSWER}
    result = getattr(answer, "result", answer)
    if isinstance(result, Result):
        api.save(result, RESULT)
        found["html"] = f"{RESULT}/report.html"
    if Path(STUDY, "report.html").is_file():
        found["html"] = f"{STUDY}/report.html"
    elif page := page_of(answer):
        write_whole(Path(PAGE), page.encode())
        found["html"] = PAGE
    _write_json(answer if _is_plain(answer) else to_json(answer))
    return found


def _is_plain(answer: Any) -> bool:
    return isinstance(answer, dict)


def _write_json(data: Mapping[str, Any]) -> None:
    write_whole(Path(ANSWER), json.dumps(plain(data), allow_nan=False).encode())


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, onto the disk."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


class _Files:
    """The texts of a question as files of its job."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.posted: list[str] = []

    def text(self, name: str, text: str) -> str:
        """Write a text; return the name of its file."""
        write_whole(Path(name), text.encode("utf-8", "surrogatepass"))
        self.posted.append(name)
        return name

    def argument(self, given: Given, value: Any) -> Any:
        """Return an argument as the function takes it."""
        name = given.name
        if given.kind in ("plan", "result"):
            return self.plan(name, value)
        if given.kind == "saved":
            return self.saved(value)
        if given.kind == "table":
            return self.text(f"{name}-{value.name}", value.text)
        if given.kind == "tables":
            return [self.text(f"{name}-{k + 1}-{one.name}", one.text) for k, one in enumerate(value)]
        if given.kind == "trace":
            return self.trace(value)
        if given.kind == "texts":
            return tuple(self.text(f"overlay-{k + 1}.yaml", text) for k, text in enumerate(value))
        if given.kind == "claims":
            return [c.name or self.text(f"claims-{k + 1}.yaml", c.text) for k, c in enumerate(value)]
        if given.kind == "named":
            return tuple(self.named(name, value))
        return _value(name, value)

    def plan(self, name: str, value: GivenPlan | PlanOrResult) -> str:
        """Return a plan's name, the file of its text, or the folder of a result."""
        if isinstance(value, PlanOrResult) and value.job:
            return self.saved(GivenResult(job=value.job))
        if value.text:
            return self.text(f"{name}.yaml", value.text)
        if value.name not in plans.builtin_names():
            remedy = "choose one of them, or post the plan's text"
            place = Place(name, path="name")
            raise PlanError([unknown_choice("no such built-in plan", place, value.name, plans.builtin_names(), remedy)])
        return value.name

    def trace(self, value: GivenTrace) -> str:
        """Return a trace's name, or the file of its text."""
        known = (*BUILTIN, MADE)
        if value.text:
            return self.text(f"trace-{value.name}", value.text)
        if value.name not in known:
            remedy = "choose one of them, or post the trace's text"
            raise PlanError([unknown_choice("no such trace", Place("trace", path="name"), value.name, known, remedy)])
        return value.name

    def saved(self, value: GivenResult) -> str:
        """Return the folder of a job's result; whose job it is was checked when it was posted."""
        folder = self.folder.parent / value.job / RESULT
        if not (folder / "result.json").is_file():
            remedy = "name a job of the verb run or check that is done"
            raise PlanError([Problem("this job has kept no result", Place("job"), value.job, remedy=remedy)])
        return str(folder)

    def named(self, name: str, value: Mapping[str, str]) -> Iterator[str]:
        """Yield things of the user's own as ``NAME=FILE``."""
        ending = "json" if name == "model_configs" else "yaml"
        for k, (thing, text) in enumerate(value.items()):
            yield f"{thing.replace('=', '-')}={self.text(f'{name}-{k + 1}.{ending}', text)}"


def _value(name: str, value: Any) -> Any:
    """Return a plain value; an object of the fields of a request is read as that."""
    if name == "failures" and isinstance(value, Mapping):
        return read_request(load_class("gigaplan.layers.failures:FailureOptions"), value, "failures")
    return value


def _refuse_too_many(kind: Verb, arguments: Mapping[str, Any], limits: Limits) -> None:
    """Raise PlanError for more futures than a job may have, whether the question or the plan states them."""
    study = kind.name.startswith("study_")
    most = limits.study_members if study else limits.members
    stated = arguments.get("members")
    numbers = {"members": stated} if isinstance(stated, int) else {}
    if not numbers:
        numbers = dict(_futures(kind, arguments, study=study))
    problems = [
        Problem("more futures than this server computes", Place(kind.name, path=path), str(n), f"1 to {most:,}", "",
                f"state {most:,} or fewer")
        for path, n in numbers.items()
        if n > most
    ]  # fmt: skip
    if problems:
        raise PlanError(problems)


def _futures(kind: Verb, arguments: Mapping[str, Any], *, study: bool) -> Iterator[tuple[str, int]]:
    """Yield how many futures each plan of a question states, or has where it states none."""
    overlays, changes = arguments.get("overlays", ()), arguments.get("changes", ())
    for given in kind.given:
        plan = arguments.get(given.name) if given.kind in ("plan", "result") else None
        if plan is None or Path(plan).is_dir():
            continue
        changed = given.name != "a" or "b" not in arguments
        document = plans.load(plan, changes if changed else (), overlays if changed else ()).document
        if not study:
            yield f"{given.name} uncertainty.members", document.uncertainty.members
        elif document.study and document.study.members is not None:
            yield f"{given.name} study.members", document.study.members
        elif kind.name in ("study_montecarlo", "study_compare"):
            yield "members", MEMBERS


def as_arrow(path: Path) -> None:
    """Replace a Parquet file by an Arrow file (IPC) of the same table.

    Raises
    ------
    MachineError
        If pyarrow isn't installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        path.unlink(missing_ok=True)
        raise MachineError("an Arrow file needs pyarrow: pip install 'gigaplan[server]'; or take Parquet") from None
    table = parquet.read_table(path)
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    write_whole(path, sink.getvalue().to_pybytes())
