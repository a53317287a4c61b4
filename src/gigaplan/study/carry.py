"""Carrying out a study: what is done is kept, the rest is handed to workers, and what fails is told at the end."""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan.study.design import Task
from gigaplan.study.executors import Executor, Lost
from gigaplan.study.folder import Folder, Held
from gigaplan.study.work import Chunk, run_chunk
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.progress import Progress, report
from gigaplan.vocabulary.show import Brief


@dataclass(frozen=True, slots=True, repr=False)
class Failure(Brief):
    """Members that a study goes without."""

    case: int
    first: int
    members: int
    reason: str


def carry_out(folder: Folder, executor: Executor, progress: Progress | None = None) -> tuple[Failure, ...]:
    """Compute the chunks that a study lacks.

    Parameters
    ----------
    folder : Folder
        The study's folder, opened.
    executor : Executor
        What computes chunks.
    progress : callable, optional
        Called with (members done, members in all, what comes next); False cancels.

    Returns
    -------
    tuple of Failure
        Members that couldn't be computed.

    Raises
    ------
    PlanError
        If no member at all can be computed.
    MachineError
        If a chunk can't be written.
    Cancelled
        If ``progress`` returns False.
    """
    tasks = tuple(folder.design.tasks())
    held = {task: found for task in tasks if (found := folder.held(task)) is not None}
    lost: dict[Task, str] = {}
    total = sum(t.members for t in tasks)
    done = sum(t.members for t in held)
    report(progress, done, total, "members")
    missing = [t for t in tasks if t not in held]
    if missing:
        with executor.map(run_chunk, folder.design, missing) as answers:
            for task, answer in answers:
                if isinstance(answer, Lost):
                    folder.note_failure(task, answer.reason)
                    lost[task] = answer.reason
                else:
                    folder.keep(task, answer)
                    held[task] = _held(task, answer)
                done += task.members
                report(progress, done, total, "members")
    failures = tuple(_failures(tasks, held, lost))
    if sum(f.members for f in failures) == total:
        place, remedy = Place(str(folder.path)), "run the plan with 'gigaplan run', which says where it is wrong"
        raise PlanError([Problem("no member can be computed", place, value=failures[0].reason, remedy=remedy)])
    return failures


def _held(task: Task, chunk: Chunk) -> Held:
    return Held(task.members, chunk.failed, tuple(chunk.files))


def _failures(tasks: tuple[Task, ...], held: dict[Task, Held], lost: dict[Task, str]) -> list[Failure]:
    """Return the members that fail, in order: neighbours with the same reason together."""
    found: list[Failure] = []
    for task in tasks:
        if task in lost:
            found.append(Failure(task.case, task.first, task.members, lost[task]))
            continue
        for member, reason in sorted(held[task].failed.items()):
            if member < task.first + task.members:
                found.append(Failure(task.case, member, 1, reason))
    return found
