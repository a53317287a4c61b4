"""Measuring the levels of cells, and their errors on rows that they never saw.

``python -m gigaplan.validation.serving.levels TABLE OTHER_TABLE ...`` renews ``levels_serving.csv`` of the catalog: of
the first table, on which the constants were fitted, and of others, on which they were not. It comes last, after
``fit`` and ``extrapolation``.

A cell's level is the median over its layouts and lengths (runs at several loads count as one), shrunk by empirical
Bayes towards that of its parent, and that towards none, by variances of the moments (Morris 1983). Left-out errors come
from constants that never saw the cell's hardware generation with its model family, and from levels of the cell's other
layouts and lengths: a fifth of them is left out at a time.
"""

from __future__ import annotations

import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gigaplan.accuracy import levels
from gigaplan.accuracy import serving as accuracy
from gigaplan.accuracy.residuals import COVERED
from gigaplan.catalog.names import generation
from gigaplan.plan.names import family
from gigaplan.validation.residual_facts import Cells, Source, count_fact, fact_cells, ratio_fact, write_catalog_table
from gigaplan.validation.serving.predictions import kind_of, times
from gigaplan.validation.serving.questions import RowQuestion, read_questions
from gigaplan.validation.serving.rows import Question
from gigaplan.vocabulary.members import Array

Labels = NDArray[np.str_]
LEVELS_FILE = "levels_serving.csv"
CLIP = 1.5
"""Largest logarithm by which a row's error counts: an outlier moves a cell, and doesn't set it."""
FOLDS = 5
"""Parts into which layouts and lengths are divided at random, to be left out in turn."""
FEWEST_ROWS = 3
"""Rows of a cell at least."""
MEDIAN_OF_NORMAL = 0.6745
"""Median absolute value of a standard normal variable."""
PRIOR = 4.0
"""Layouts' worth of the common spread that a cell's own spread is shrunk by."""
TIMES = ("tpot", "ttft")
HELD = {
    "release": "layouts and lengths left out, release given",
    "any": "layouts and lengths left out, release not given",
    "other": "release left out",
}
"""What is left out of the levels, by name."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Measured rows of workers that do both. Shapes: row."""

    cell: Labels
    """Everything but the release."""
    release: Labels
    layout: Labels
    """A cell's layout and lengths, whatever its load: what is left out together."""
    log: Mapping[str, Array]
    """Logarithms of measured over predicted by time."""

    @property
    def own(self) -> Labels:
        """Cell with release."""
        return np.char.add(np.char.add(self.cell, "."), self.release)

    @property
    def fold(self) -> NDArray[np.int_]:
        """Part in which a row is left out: by its layout, so that copies of a run go together."""
        return np.array([zlib.crc32(x.encode()) % FOLDS for x in self.layout.tolist()])


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A level: logarithm, its variance, and the spread of layouts about it."""

    log: float
    variance: float
    spread: float
    rows: int
    layouts: int


def rows_of(found: Sequence[RowQuestion], *, out_of_sample: bool) -> Rows:
    """Return the rows of a table that levels are measured on.

    Parameters
    ----------
    found
        Rows and their questions.
    out_of_sample
        Whether constants may not have seen rows of the same hardware generation and model family.
    """
    some = [a for a in found if is_levelled(a)]
    questions = [a.question for a in some if a.question is not None]
    ttft, tpot, *_ = times(questions, without="cell" if out_of_sample else None)
    measured = {"tpot": [a.tpot_ms / 1e3 for a in some], "ttft": [a.ttft_ms / 1e3 for a in some]}
    log = {t: np.log(measured[t]) - np.log(p) for t, p in (("tpot", tpot), ("ttft", ttft))}
    names = [cell_of(q) for q in questions]
    return Rows(
        np.array([n.rpartition(".")[0] for n in names]),
        np.array([n.rpartition(".")[2] for n in names]),
        np.array([_layout(n, q) for n, q in zip(names, questions, strict=True)]),
        log,
    )


def is_levelled(a: RowQuestion) -> bool:
    """Return whether a row may set a level: measured, of workers that do both, and not set aside."""
    return a.question is not None and a.question.prefill is None and a.tpot_ms > 0 and not a.set_aside


def cell_of(q: Question) -> str:
    """Return the entity of a question's cell; a release that the table leaves open is one of its own."""
    kind = "drafts" if q.speculative else "plain"
    return levels.entity(q.system, family(q.model), q.engine, q.precision, kind, q.release or "nan")


def _layout(name: str, q: Question) -> str:
    d = q.decode
    ranks = f"{d.gpus} {d.by_requests} {d.tensor} {d.pipeline} {q.replicas}"
    return f"{name.rpartition('.')[0]} {q.input_tokens:.4g} {q.output_tokens:.4g} {ranks}"


def shrunk(log: Array, labels: Sequence[Labels], layout: Labels) -> list[dict[str, Shrunk]]:
    """Return levels by label, from the coarsest labels to the finest.

    Equation: ``level = parent + t / (t + v) x (mean - parent)`` with the variance ``t`` of levels about their parents
    and the variance ``v`` of the mean (Morris 1983).

    Parameters
    ----------
    log
        Logarithms of measured over predicted; shape (row,).
    labels
        Nested labels of rows, from coarse to fine.
    layout
        What counts as one.
    """
    log = np.clip(log, -CLIP, CLIP)
    finest, parents = labels[-1], _parents(labels)
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, of, x in zip(finest.tolist(), layout.tolist(), log.tolist(), strict=True):
        values[name][of].append(x)
    medians = {g: np.array([np.median(v) for v in by.values()]) for g, by in values.items()}
    squares = sum(float(((x - x.mean()) ** 2).sum()) for x in medians.values())
    common = squares / max(sum(len(x) - 1 for x in medians.values()), 1)
    within = np.concatenate(
        [np.concatenate(list(map(np.asarray, by.values()))) - np.median(medians[g]) for g, by in values.items()]
    )
    usual = float(np.median(np.abs(within)))
    means = [{g: float(np.median(x)) for g, x in medians.items()}]
    variances = [{g: common / len(x) for g, x in medians.items()}]
    between = [_between(means[0], variances[0], parents[-1])]
    for parent in reversed(parents[:-1] if len(parents) > 1 else []):
        coarse = _pooled(means[0], variances[0], between[0], parents[len(parents) - len(means)])
        means.insert(0, coarse[0])
        variances.insert(0, coarse[1])
        between.insert(0, _between(*coarse, parent))
    found: list[dict[str, Shrunk]] = []
    for k, (mean, variance) in enumerate(zip(means, variances, strict=True)):
        level = {}
        for g, x in mean.items():
            above = found[k - 1][parents[k][g]].log if k else 0.0
            share = between[k] / max(between[k] + variance[g], 1e-12)
            own = np.concatenate(
                [np.asarray(v) for n, by in values.items() if _is_in(n, g, labels, k) for v in by.values()]
            )
            layouts = sum(len(by) for n, by in values.items() if _is_in(n, g, labels, k))
            spread = (PRIOR * usual + layouts * float(np.median(np.abs(own - x)))) / (PRIOR + layouts)
            level[g] = Shrunk(above + share * (x - above), share * variance[g], spread, len(own), layouts)
        found.append(level)
    return found


def _is_in(finest: str, group: str, labels: Sequence[Labels], k: int) -> bool:
    """Return whether a group of the finest labels lies in one of a coarser kind, whose name begins it."""
    return finest == group if k == len(labels) - 1 else finest.startswith(f"{group}.")


def _parents(labels: Sequence[Labels]) -> list[dict[str, str]]:
    """Return the parent of each label by kind; the coarsest have none."""
    first = [dict.fromkeys(labels[0].tolist(), "")]
    return first + [dict(zip(b.tolist(), a.tolist(), strict=True)) for a, b in pairwise(labels)]


def _between(mean: Mapping[str, float], variance: Mapping[str, float], parent: Mapping[str, str]) -> float:
    """Return the variance of levels about their parents, by moments; about zero for those without."""
    by: dict[str, list[str]] = defaultdict(list)
    for g in mean:
        by[parent[g]].append(g)
    total, freedom = 0.0, 0
    for name, groups in by.items():
        x, v = np.array([mean[g] for g in groups]), np.array([variance[g] for g in groups])
        lost = 1 if name else 0
        if len(x) > lost:
            total += float(((x - (x.mean() if name else 0.0)) ** 2).sum() - v.mean() * (len(x) - lost))
            freedom += len(x) - lost
    return max(total / freedom, 0.0) if freedom else 0.0


def _pooled(
    mean: Mapping[str, float], variance: Mapping[str, float], between: float, parent: Mapping[str, str]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the mean of each parent's children by their precision, and its variance."""
    by: dict[str, list[str]] = defaultdict(list)
    for g in mean:
        by[parent[g]].append(g)
    means, variances = {}, {}
    for name, groups in by.items():
        w = 1 / (np.array([variance[g] for g in groups]) + between + 1e-9)
        means[name] = float((w * np.array([mean[g] for g in groups])).sum() / w.sum())
        variances[name] = float(1 / w.sum())
    return means, variances


def scale(level: Shrunk) -> float:
    """Return the spread of rows about a level [logarithm], whose own error counts too."""
    return float(np.hypot(level.spread, MEDIAN_OF_NORMAL * np.sqrt(level.variance)))


@dataclass(frozen=True, slots=True)
class Held:
    """Rows predicted by levels that never saw them. Shapes: row."""

    log: Array
    """Logarithms of measured over predicted with the level."""
    scale: Array
    """Spread about the level [logarithm]."""
    known: NDArray[np.bool_]
    """Whether there is a level without them."""


def held_out(rows: Rows, time: str, what: str) -> Held:
    """Return rows predicted by levels of others.

    Parameters
    ----------
    rows
        The rows.
    time
        ``tpot`` or ``ttft``.
    what
        ``release``: a fifth of layouts and lengths is left out in turn, the release is given; ``any``: the same, the
        release is not given; ``other``: all rows of a release are left out, of which its siblings know.
    """
    off, spread, known = rows.log[time].copy(), np.ones(len(rows.cell)), np.zeros(len(rows.cell), dtype=bool)
    chain = [rows.cell] if what == "any" else [rows.cell, rows.own]
    groups = rows.own if what == "other" else rows.fold
    for g in np.unique(groups):
        out = groups == g
        if out.all():
            continue
        found = shrunk(rows.log[time][~out], [x[~out] for x in chain], rows.layout[~out])
        for k in np.flatnonzero(out):
            level = found[-1].get(str(chain[-1][k])) if what != "other" else found[0].get(str(rows.cell[k]))
            if level is not None and level.rows >= FEWEST_ROWS:
                off[k] -= level.log
                spread[k], known[k] = scale(level), True
    return Held(off, spread, known)


def edges(held: Held) -> tuple[float, float]:
    """Return how many spreads below and above a level the middle 80 % of left-out rows lie.

    Parameters
    ----------
    held
        Left-out rows.
    """
    low, high = np.quantile((held.log / held.scale)[held.known], COVERED)
    return min(float(low), 0.0), max(float(high), 0.0)


def main(paths: Sequence[Path]) -> None:
    """Measure levels on tables and write them as facts."""
    first, *others = (read_questions(path) for path in paths)
    held = [a for table in others for a in table if is_levelled(a)]
    apart = rows_of(first, out_of_sample=True)
    facts = [*_facts(rows_of([*first, *held], out_of_sample=False), apart), *_die_facts(held), *_maker_facts(held)]
    write_catalog_table(LEVELS_FILE, sorted(facts, key=lambda f: f["id"]))


def _facts(rows: Rows, apart: Rows) -> list[Cells]:
    """Return the levels of cells, whose intervals are those of left-out rows by their spread."""
    facts: list[Cells] = []
    for time in TIMES:
        of = {what: edges(held_out(apart, time, what)) for what in ("release", "any")}
        both = shrunk(rows.log[time], [rows.cell, rows.own], rows.layout)
        alone = shrunk(rows.log[time], [rows.cell], rows.layout)[0]
        facts += [_fact(n, time, x, of["release"]) for n, x in both[1].items()]
        facts += [_fact(f"{n}.{levels.ANY}", time, x, of["any"]) for n, x in alone.items()]
        if time == "tpot":
            facts += [_fact(f"{n}.{levels.OTHER}", time, x, (0.0, 0.0)) for n, x in both[0].items()]
    return [f for f in facts if f]


def _die_facts(found: Sequence[RowQuestion]) -> list[Cells]:
    """Return the levels of dies on which no constant was fitted, by engine."""
    rows = rows_of(found, out_of_sample=False)
    dies = [levels.DIE.get(generation(a.question.system), "") for a in found if a.question]
    names = np.array(
        [levels.entity(d, a.question.engine) if d else "" for d, a in zip(dies, found, strict=True) if a.question]
    )
    use, facts = names != "", []
    for time in TIMES:
        level = shrunk(rows.log[time][use], [names[use]], rows.layout[use])[0]
        facts += [_fact(n, time, x, (0.0, 0.0)) for n, x in level.items()]
    return [f for f in facts if f]


def _maker_facts(found: Sequence[RowQuestion]) -> list[Cells]:
    """Return how much wider intervals must be on systems of makers whose rows set no constant; each system counts
    alike, and 90 % of rows need at most that on a side."""
    questions = [a.question for a in found if a.question is not None]
    first, each, *_ = times(questions)
    output = np.array([q.output_tokens for q in questions])
    ttft, tpot = (np.array([getattr(a, f"{t}_ms") for a in found]) / 1e3 for t in ("ttft", "tpot"))
    log = np.log([ttft / first, tpot / each, (ttft + output * tpot) / (first + output * each)])
    makers, names = (
        np.array(x) for x in ([accuracy.other_maker(q.system) for q in questions], [q.system for q in questions])
    )
    kinds, facts = [kind_of(q) for q in questions], []
    for maker in (accuracy.AMD, accuracy.OTHER_MAKER):
        use = makers == maker if maker == accuracy.AMD else makers != ""
        counted = Counter(names[use].tolist())
        weight = np.array([1 / counted[n] for n in names[use].tolist()])
        note = f"rows of {len(counted)} systems of makers whose rows set no constant; each system counts alike"
        facts.append(count_fact(f"{accuracy.BEYOND}.{maker}", int(use.sum()), SOURCE, note))
        for time, off in zip(accuracy.TIMES, log, strict=True):
            base = [accuracy.base(k, time) for k in kinds]
            low, high = (_needed(off, np.log([getattr(i, e) for i in base]), use, weight) for e in ("low", "high"))
            of = (float(np.exp(-low)), 1.0, float(np.exp(high)))
            facts.append(ratio_fact(f"{accuracy.BEYOND}.{maker}", f"{time}_widening", of, SOURCE, note))
    return facts


def _needed(off: Array, edge: Array, use: NDArray[np.bool_], weight: Array) -> float:
    """Return the logarithm that an edge of intervals must grow by, in squares, for 90 % of rows to lie inside it."""
    beyond = np.maximum(np.sign(edge) * off, 0.0) ** 2 - edge**2
    return float(np.sqrt(np.quantile(np.maximum(beyond, 0.0)[use], COVERED[1], weights=weight, method="inverted_cdf")))


def _fact(name: str, time: str, level: Shrunk, of: tuple[float, float]) -> Cells:
    """Return a level as a fact; nothing of a cell with too few rows."""
    if level.rows < FEWEST_ROWS:
        return {}
    note = f"{level.rows} rows of {level.layouts} layouts and lengths, error left {np.expm1(level.spread):.1%}"
    value, low, high = (float(np.exp(level.log + k * scale(level))) for k in (0.0, *of))
    return fact_cells(name, f"{time}_level", SOURCE, note) | {
        "value": f"{value:.4g}",
        "low": f"{low:.4g}",
        "high": f"{high:.4g}",
    }


SOURCE = Source(
    "gigaplan's errors on SemiAnalysis InferenceX and NVIDIA rows (collected by aiconfigurator, Apache-2.0)",
    "https://github.com/ai-dynamo/aiconfigurator",
    "2026-11-30",
)


if __name__ == "__main__":
    main([Path(p) for p in sys.argv[1:]])
