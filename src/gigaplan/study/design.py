"""What a study runs: cases, which are plans, each with members, cut into chunks that no worker's number changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gigaplan.plan.sources import Sources
from gigaplan.results.headlines import Window
from gigaplan.vocabulary.members import Array

CHUNK = 64
"""Members of a chunk: the fastest size per member; the announced plan takes 0.4 GB (benchmarks/studies.py)."""


class Points(Protocol):
    """Draws of the inputs for given members, where they aren't those of the sequence."""

    def rows(self, first: int, members: int) -> Mapping[str, Array]:
        """Return the draws of each stream of members ``first`` to ``first + members``, counted from 1."""


@dataclass(frozen=True, slots=True)
class Case:
    """One plan of a study."""

    sources: Sources
    label: Mapping[str, str] = field(default_factory=dict)
    """What sets it apart from the others: the values of a sweep by path, or a side of a comparison."""
    window: Window | None = None
    """Months that its amounts are summed over; its whole horizon if None."""


@dataclass(frozen=True, slots=True)
class Task:
    """The members ``first`` to ``first + members`` of a case, counted from 0, which is the central one."""

    case: int
    chunk: int
    first: int
    members: int

    @property
    def name(self) -> str:
        """Return the name of its folder."""
        return f"{self.case:05d}-{self.chunk:05d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """All that decides the numbers of a study."""

    kind: str
    plans: tuple[str, ...]
    """Hashes of the plans that the cases are, or change."""
    cases: tuple[Case, ...]
    members: int
    """Members of each case, the central one among them."""
    seed: int = 0
    points: Points | None = None
    fans: bool = True
    """Whether main quantities are kept by month and year too."""
    identity: Mapping[str, Any] = field(default_factory=dict)
    """What else tells this study from another, as plain data."""

    def tasks(self) -> Iterator[Task]:
        """Yield the chunks in order; their boundaries depend on nothing but the number of members."""
        for case in range(len(self.cases)):
            yield from self.tasks_of(case)

    def tasks_of(self, case: int) -> Iterator[Task]:
        """Yield the chunks of one case in order."""
        for chunk in range(-(-self.members // CHUNK)):
            first = chunk * CHUNK
            yield Task(case, chunk, first, min(CHUNK, self.members - first))
