"""All that can be a job: the verbs of the API, and the questions of the planner's page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from gigaplan.app import jobs
from gigaplan.app.requests import ComparisonQuestion, InputsQuestion, Question, Strict
from gigaplan.app.verbs.bodies import DownloadQuestion
from gigaplan.app.verbs.derive import Verb, verbs


@dataclass(frozen=True, slots=True)
class PageQuestion:
    """A question of the planner's page that may take long, as a job."""

    name: str
    title: str
    body: type[Strict]
    answer: Callable[..., Any]
    """Called with the question and ``progress``."""
    long: bool = True
    """Whether it may take minutes."""


Kind = Verb | PageQuestion


@cache
def kinds() -> dict[str, Kind]:
    """Return every kind of job by its name."""
    pages = (
        PageQuestion("answer", "A plan's figures, charts and claims as the page shows them", Question, _answer),
        PageQuestion("inputs", "The lines of a plan that matter", InputsQuestion, _inputs),
        PageQuestion("comparison", "What differs between two plans, and why", ComparisonQuestion, _comparison),
        PageQuestion("download", "A plan's result as a file", DownloadQuestion, _download),
    )
    return {**verbs(), **{p.name: p for p in pages}}


def _answer(question: Question, progress: Any) -> Any:
    return jobs.answer(question, progress=progress)


def _inputs(question: InputsQuestion, progress: Any) -> Any:
    return jobs.inputs(question.plan, question.members, progress=progress)


def _comparison(question: ComparisonQuestion, progress: Any) -> Any:
    return jobs.comparison(question.plan, question.other, progress=progress)


def _download(question: DownloadQuestion, progress: Any) -> Any:
    form: Any = question.form
    return jobs.download(question.plan, question.members, form, progress=progress)
