"""Central futures for many people at once: in this process, and in one more while several wait."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from gigaplan.app import jobs
from gigaplan.app.answers import answered
from gigaplan.app.requests import Question
from gigaplan.app.runs import Kept
from gigaplan.app.sources import key_of, sources_of
from gigaplan.app.work import Worker
from gigaplan.vocabulary.progress import Progress

REMEMBERED = 500
"""Questions of which it is known where their results are."""
SEVERAL = 3
"""Answers at once for which a further process is begun: more than one person's pages ask."""
PAGES = 2
"""Open pages for which it is begun before several ask at once, which would wait for its start."""


class Crowd:
    """Answers questions about central futures, each where fewer are waiting.

    Parameters
    ----------
    spare : Worker
        The further process; it takes questions once it has compiled what they need.
    """

    def __init__(self, spare: Worker) -> None:
        self._spare = spare
        self._warm: Future[Any] | None = None
        self._here = self._there = 0
        self._thread = ThreadPoolExecutor(1)
        self._made_there: Kept[str, bool] = Kept(REMEMBERED)
        self._pages: Kept[str, bool] = Kept(PAGES)

    def opened(self, page: str) -> None:
        """Take notice of a page that asks; from the second one on there are two processes."""
        self._pages.put(page, True)
        if len(self._pages) >= PAGES:
            self._begin("announced-2025-09")

    def _begin(self, plan: str) -> None:
        if self._warm is None:
            self._warm = self._spare.start().submit(jobs.warm, plan)

    async def answer(self, question: Question, mark: threading.Event) -> dict[str, Any]:
        """Return the answer to a question.

        Parameters
        ----------
        question : Question
            A plan with one member.
        mark : threading.Event
            Set where the answer is no longer of use.

        Raises
        ------
        PlanError
            With every problem of the plan.
        Cancelled
            Once the mark is set.
        """
        if self._here >= SEVERAL:
            self._begin(question.plan.name or "announced-2025-09")
        free = self._there < self._here and self._warm is not None and self._warm.done()
        # The charts of figures that were just given are drawn where these were made.
        if self._made_there.get(key_of(sources_of(question.plan, question.members)), lambda: free):
            return await self._elsewhere(question, mark)
        self._here += 1
        try:
            # First come, first served: threads that wait for a lock would be let in by chance.
            return await asyncio.get_running_loop().run_in_executor(self._thread, answered, question, unless(mark))
        finally:
            self._here -= 1

    async def _elsewhere(self, question: Question, mark: threading.Event) -> dict[str, Any]:
        self._there += 1
        try:
            return dict(await self._spare.answer(jobs.answer, question, mark=mark))
        finally:
            self._there -= 1


def unless(mark: threading.Event) -> Progress:
    """Return a progress function that cancels once a mark is set."""
    return lambda done, total, what: not mark.is_set()
