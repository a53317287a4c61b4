"""Step times of the serving model compared with those of measured kernels.

Neither source ever sets the other: no constant is fitted on tables of kernels, and a comparison is no validation, for
such tables miss what lies between kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np

from gigaplan import catalog
from gigaplan.accuracy.residuals import COVERED
from gigaplan.inference.options import ENGINES, PRECISIONS
from gigaplan.plan.resolver import resolved, unresolved
from gigaplan.validation.kernels import tables
from gigaplan.validation.kernels.layouts import CASES, Layout, StepTime, layout_of
from gigaplan.validation.kernels.physics import Physics
from gigaplan.validation.kernels.tables import PACKAGE, KernelTables
from gigaplan.vocabulary.errors import Place, PlanError, Problem, UnsupportedError, unknown_choice
from gigaplan.vocabulary.progress import Progress, tracked
from gigaplan.vocabulary.show import Brief, BriefRows

__all__ = [
    "BATCHES",
    "CASES",
    "CONTEXTS",
    "PLACE",
    "Comparison",
    "Layout",
    "Row",
    "StepTime",
    "Summary",
    "compare",
    "layout_of",
]

PLACE = Place("kernels")

BATCHES = (1, 16, 64, 256)
"""Requests of each group."""

CONTEXTS = (1024, 8192)
"""Tokens of each request."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Row(Brief):
    """One step by both sources."""

    layout: Layout
    does: Literal["decode", "prefill"]
    requests: int
    tokens: int
    """Context of each request, or tokens of each prompt."""
    predicted: StepTime
    tables: StepTime

    @property
    def ratio(self) -> float:
        """The model's kernels over the tables'."""
        return self.predicted.kernels_s / self.tables.kernels_s


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Summary(Brief):
    """How the model's time compares with the tables' over some rows."""

    name: str
    does: str
    rows: int
    ratio: float
    """Median of the model's time over the tables'."""
    low: float
    high: float
    """The middle 80 % of that."""
    error: float
    """Median distance from theirs, as a share."""

    def brief_line(self) -> str:
        """Return the median ratio and the error."""
        return f"{self.ratio:.2f} ({self.low:.2f} to {self.high:.2f}), off by {self.error:.0%}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Comparison(Brief):
    """All rows, what they say together, and what the tables don't have."""

    source: str
    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    unsupported: dict[str, str]
    """Layouts without an answer from the tables, and why."""
    left_out: int
    """Rows whose requests don't fit in memory."""

    def brief_title(self) -> str:
        """Return what is compared with the predictions."""
        return f"Kernels: predicted over {self.source}"

    def brief_rows(self) -> BriefRows:
        """Return the median ratios of the first groups of rows."""
        return ((f"{s.name}, {s.does}", s.brief_line()) for s in self.summaries)


def compare(
    layouts: Iterable[Layout] = CASES,
    batches: Sequence[int] = BATCHES,
    contexts: Sequence[int] = CONTEXTS,
    progress: Progress | None = None,
) -> Comparison:
    """Return decode and prefill steps of both sources, for each layout, batch (of a group) and context.

    Parameters
    ----------
    layouts
        Layouts of one replica.
    batches
        Requests of each group that decode.
    contexts
        Tokens of each request, and of a prompt [token].
    progress
        Called with (layouts done, layouts, the next layout); False cancels.

    Raises
    ------
    PlanError
        With every unknown name and impossible number at once.
    MachineError
        If aiconfigurator-core isn't installed; the message says how to install it.
    """
    facts, layouts = catalog.load(), [_named(layout) for layout in layouts]
    if problems := _problems(layouts, batches, contexts):
        raise PlanError(problems)
    tables.engine_handle()
    physics, measured = Physics(facts), KernelTables()
    rows: list[Row] = []
    unsupported: dict[str, str] = {}
    left_out = 0
    for layout in tracked(layouts, progress):
        fitting = [
            (n, b * layout.data) for n, b in product(contexts, batches) if physics.fits(layout, b * layout.data, n)
        ]
        try:
            rows += _steps(layout, contexts, fitting, physics, measured)
        except UnsupportedError as error:
            unsupported[str(layout)] = str(error)
        else:
            left_out += len(contexts) * len(batches) - len(fitting)
    return Comparison(
        source=PACKAGE, rows=tuple(rows), summaries=tuple(_summaries(rows)), unsupported=unsupported, left_out=left_out
    )


def _steps(
    layout: Layout,
    contexts: Sequence[int],
    decodes: Sequence[tuple[int, int]],
    physics: Physics,
    measured: KernelTables,
) -> list[Row]:
    """Return a layout's prefill steps by prompt, and its decode steps by context and requests, by both sources."""
    prefills = [
        Row(
            layout=layout,
            does="prefill",
            requests=layout.data,
            tokens=n,
            predicted=physics.prefill(layout, n),
            tables=measured.prefill(layout, n),
        )
        for n in contexts
    ]
    return prefills + [
        Row(
            layout=layout,
            does="decode",
            requests=batch,
            tokens=n,
            predicted=physics.decode(layout, batch, n),
            tables=measured.decode(layout, batch, n),
        )
        for n, batch in decodes
    ]


def _summaries(rows: Sequence[Row]) -> Iterator[Summary]:
    kinds: tuple[tuple[str, Callable[[Row], str]], ...] = (
        ("", lambda r: "all"),
        ("system ", lambda r: r.layout.system),
        ("precision ", lambda r: r.layout.precision),
        ("engine ", lambda r: r.layout.engine),
        ("model ", lambda r: r.layout.model),
        ("tokens ", lambda r: f"{r.tokens:,}"),
        ("requests a group ", lambda r: f"{r.requests // r.layout.data:,}"),
        ("", lambda r: str(r.layout)),
    )
    for does in ("decode", "prefill"):
        some = [r for r in rows if r.does == does]
        for kind, of in kinds:
            if does == "prefill" and kind.startswith("requests"):
                continue
            for name in dict.fromkeys(of(r) for r in some):
                yield _summary(kind + name, does, [r.ratio for r in some if of(r) == name])
    # Exchanges are separate for decode only.
    apart = [r for r in rows if r.does == "decode" and r.predicted.exchanges_s > 0 and r.tables.exchanges_s > 0]
    if apart:
        yield _summary("part: exchanges", "decode", [r.predicted.exchanges_s / r.tables.exchanges_s for r in apart])
        yield _summary("part: all else", "decode", [r.predicted.alone_s / r.tables.alone_s for r in apart])


def _summary(name: str, does: str, ratios: Sequence[float]) -> Summary:
    low, high = np.quantile(ratios, COVERED)
    return Summary(
        name=name,
        does=does,
        rows=len(ratios),
        ratio=float(np.median(ratios)),
        low=float(low),
        high=float(high),
        error=float(np.median(np.abs(np.asarray(ratios) - 1))),
    )


def _named(layout: Layout) -> Layout:
    """Return a layout under the catalog's names; one that means none stays as it is written."""
    model, system = resolved("model", layout.model), resolved("system", layout.system)
    return replace(layout, model=model or layout.model, system=system or layout.system)


def _problems(layouts: Sequence[Layout], batches: Sequence[int], contexts: Sequence[int]) -> list[Problem]:
    """Return every unknown name and impossible number."""
    found: dict[str, Problem] = {}
    for layout in layouts:
        for kind, name in (("model", layout.model), ("system", layout.system)):
            if not resolved(kind, name):
                found[f"{kind} {name}"] = unresolved(kind, name, PLACE)
        for kind, allowed in (("precision", PRECISIONS), ("engine", ENGINES)):
            if (word := getattr(layout, kind)) not in allowed:
                found[f"{kind} {word}"] = unknown_choice(f"no such {kind}", PLACE, word, allowed, f"name one {kind}")
        for name in ("tensor", "data", "expert"):
            if getattr(layout, name) < 1:
                found[name] = _small(name, getattr(layout, name))
    for name, values in (("batch", batches), ("context", contexts)):
        found |= {f"{name} {v}": _small(name, v) for v in values if v < 1}
    return list(found.values())


def _small(name: str, value: int) -> Problem:
    return Problem(f"'{name}' must be 1 or more", PLACE, value=str(value), remedy="give a whole number above zero")
