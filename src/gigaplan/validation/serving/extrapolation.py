"""How errors grow beyond the measured: rows of each kind are left out of the fit, predicted, and compared.

``python -m gigaplan.validation.serving.extrapolation TABLE`` renews ``residuals_serving_beyond.csv`` of the catalog and
the constants of the fits without model families and without rows at the edge (``serving_left_out.csv``). It starts from
the constants that ship, so it comes after ``gigaplan.validation.serving.fit``.

Left-out groups (families, generations, boards, engines) count alike, and in a group each configuration by the root of
its rows, as in the fit: the next family is one more draw of families, not of rows (two-layer sampling: Dunn, Wasserman
and Ramdas 2022). Rows at an edge are one group, and so are those from which parts of a step are measured. A board with
a handful of rows is no group.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gigaplan.accuracy import serving as accuracy
from gigaplan.accuracy.residuals import COVERED
from gigaplan.validation.residual_facts import Cells, Source, count_fact, ratio_fact, write_catalog_table
from gigaplan.validation.serving.answers import answers, shares
from gigaplan.validation.serving.constants import Constants, constants, shipped_logarithms
from gigaplan.validation.serving.fit import (
    FITTED,
    FOLD_ROUNDS,
    TOGETHER,
    Table,
    fit,
    measured_over_predicted,
    read_rows,
    write_folds,
)
from gigaplan.validation.serving.folds import LEFT_OUT, WITHOUT, WITHOUT_BOARD, WITHOUT_FAMILY, folds
from gigaplan.validation.serving.predictions import kind_of
from gigaplan.validation.serving.rows import Question, known
from gigaplan.vocabulary.interval import Interval
from gigaplan.vocabulary.members import Array

Labels = NDArray[np.str_]
Rows = NDArray[np.bool_]

LONG, SMALL, OLDER = "long inputs", "small models", "older "
"""Names of the fits without rows at the edge of the measured, the last with its engine."""
EDGE_OF_RATIO, EDGE_OF_FAMILIES = 4.0, 2
"""Rows are at the edge whose input over output lies within this factor of the largest, and those of so many families
with the fewest active parameters."""
SERIES = {"sglang": 3}
"""Numbers of a release that name a series of releases, where they aren't the first two."""
FEWEST_ROWS = 20
"""Rows of a board at least for its errors to count."""
DOMINANT = 0.5
"""Share of a token's time from which launches and the host set the pace."""
BEYOND_FILE = "residuals_serving_beyond.csv"
SOURCE = Source(
    "gigaplan's fit on SemiAnalysis InferenceX and NVIDIA rows (collected by aiconfigurator, Apache-2.0)",
    "https://github.com/ai-dynamo/aiconfigurator",
    "2026-11-29",
)
HOW = "left out of the fit in turn and predicted; each group counts alike (docs/decisions/0023)"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows predicted by constants that never saw their group. Shapes: row."""

    groups: Labels
    """The group that was left out, "" of rows that were not."""
    weight: Array
    """By which groups count alike."""
    together: Array
    """By which configurations do, whatever their group."""
    off: Mapping[str, Array]
    """Logarithms of measured over predicted by time."""
    base: Mapping[tuple[str, int], Array]
    """Logarithms of the edges of intervals as they are inside, by time and side (-1, 1), as sizes."""
    decode: Array
    """Share of the predicted time of a whole request after its first token [share]."""
    reading: Array
    launches: Array
    """Shares of the time per token [share]."""


def main(path: Path) -> None:
    """Fit without each kind of row and write how errors grew."""
    questions, _, rows = read_rows(path)
    questions = [q for q in questions if q.prefill is None]
    found = fits_without(questions, rows)
    write_folds(found, Path(str(files("gigaplan.validation"))) / "data" / LEFT_OUT)
    by = {name: constants(x) for name, x in found.items()}
    facts = [*facts_of(left_out_rows(questions, rows, {**folds(), **by})), *board_facts(questions)]
    write_catalog_table(BEYOND_FILE, facts)


def board_facts(questions: Sequence[Question]) -> list[Cells]:
    """Return how many rows of each system the constants were fitted on, as facts of the catalog.

    Parameters
    ----------
    questions
        The question of each row.
    """
    counted = Counter(q.system for q in questions)
    return [count_fact(f"{accuracy.BOARDS}.{s}", n, SOURCE, FITTED) for s, n in sorted(counted.items())]


def fits_without(questions: Sequence[Question], rows: Table) -> dict[str, Array]:
    """Return the logarithms of ``NAMES`` fitted without each family, and without each kind of row at the edge.

    Parameters
    ----------
    questions
        The question of each row.
    rows
        Measured co-located rows.
    """
    families = families_of(rows)
    masks = {f"{WITHOUT_FAMILY}{f}": families == f for f in np.unique(families)} | edges(questions, rows)
    boards = boards_of(questions)
    masks |= {f"{WITHOUT_BOARD}{b}": boards == b for b in np.unique(boards)}
    for engine, old in older_releases(questions).items():
        # Rows that state no release may be as old.
        unknown = np.array([q.engine == engine and not accuracy.release_numbers(q.release) for q in questions])
        masks[f"{OLDER}{engine}"] = old | unknown
    return {name: fit(rows, ~mask, shipped_logarithms(), FOLD_ROUNDS, TOGETHER) for name, mask in masks.items()}


def families_of(rows: Table) -> Labels:
    """Return the model family of each row."""
    return np.array([c.split(" ", 1)[1] for c in rows.cells])


def boards_of(questions: Sequence[Question]) -> Labels:
    """Return the system of each row: boards of one generation differ by power, clock, memory and networks."""
    return np.array([q.system for q in questions])


def edges(questions: Sequence[Question], rows: Table) -> dict[str, Rows]:
    """Return which rows lie at each edge of the measured.

    Parameters
    ----------
    questions
        The question of each row.
    rows
        The rows.
    """
    ratio = np.array([q.input_tokens / q.output_tokens for q in questions])
    active = np.array([known(q.system, q.model)[1].active_parameters for q in questions])
    families = families_of(rows)
    by_size = sorted(np.unique(families), key=lambda f: float(active[families == f].min()))
    return {
        LONG: ratio > ratio.max() / EDGE_OF_RATIO,
        SMALL: np.isin(families, by_size[:EDGE_OF_FAMILIES]),
    }


def older_releases(questions: Sequence[Question]) -> dict[str, Rows]:
    """Return which rows are of the older half of an engine's measured series of releases, by engine.

    Parameters
    ----------
    questions
        The question of each row.
    """
    found = {}
    for engine in sorted({q.engine for q in questions}):
        numbers = [accuracy.release_numbers(q.release) if q.engine == engine else () for q in questions]
        series = [n[: SERIES.get(engine, 2)] for n in numbers]
        known_series = sorted({s for s in series if s})
        older = set(known_series[: len(known_series) // 2])
        found[engine] = np.array([s in older for s in series])
    return found


def left_out_rows(questions: Sequence[Question], rows: Table, by: Mapping[str, Constants]) -> dict[str, LeftOut]:
    """Return the rows of each reason to extrapolate, predicted by constants that never saw their group.

    Parameters
    ----------
    questions
        The question of each row.
    rows
        Measured co-located rows.
    by
        Constants by the name of what they never saw.
    """
    families, at_edge = families_of(rows), edges(questions, rows)
    generations = np.array([c.split(" ", 1)[0] for c in rows.cells])
    boards = boards_of(questions)
    counted = Counter(boards.tolist())
    boards = np.array([b if counted[b] >= FEWEST_ROWS else "" for b in boards.tolist()])
    is_old = np.any(list(older_releases(questions).values()), axis=0)
    old = np.where(is_old, rows.engine, "")
    reasons = {
        accuracy.NEW_GENERATION: (generations, np.char.add(WITHOUT, generations)),
        accuracy.NEW_BOARD: (boards, np.where(boards == "", "", np.char.add(WITHOUT_BOARD, boards))),
        accuracy.NEW_FAMILY: (families, np.char.add(WITHOUT_FAMILY, families)),
        accuracy.OLDER_RELEASE: (old, np.where(is_old, np.char.add(OLDER, rows.engine), "")),
        accuracy.LONG_INPUT: (np.where(at_edge[LONG], families, ""), np.where(at_edge[LONG], LONG, "")),
        accuracy.SMALL_MODEL: (np.where(at_edge[SMALL], families, ""), np.where(at_edge[SMALL], SMALL, "")),
    }
    found = {reason: _left_out(questions, rows, by, *labels) for reason, labels in reasons.items()}
    for reason in (accuracy.LONG_INPUT, accuracy.SMALL_MODEL):
        edge = found[reason]
        found[reason] = replace(edge, weight=alike(np.where(edge.groups == "", "", reason), rows))
    return found


def _left_out(
    questions: Sequence[Question], rows: Table, by: Mapping[str, Constants], groups: Labels, fold: Labels
) -> LeftOut:
    """Return rows predicted by the constants of their fold."""
    output = np.array([q.output_tokens for q in questions])
    off, of = np.zeros((3, len(questions))), np.zeros((3, len(questions)))
    for name in np.unique(fold[fold != ""]):
        own = fold == name
        ttft, tpot = answers(rows.grouped, by[str(name)], len(questions))
        parts = shares(rows.grouped, by[str(name)], tpot)
        off[:, own] = measured_over_predicted(rows, output, ttft, tpot)[:, own]
        decode = output * tpot / (ttft + output * tpot)
        of[:, own] = np.stack([decode, parts.reading, parts.launches])[:, own]
    inside = [{t: accuracy.base(kind, t) for t in accuracy.TIMES} for kind in map(kind_of, questions)]
    base = {}
    for t in accuracy.TIMES:
        base[t, -1], base[t, 1] = (np.abs(np.log([getattr(i[t], edge) for i in inside])) for edge in ("low", "high"))
    together = alike(np.where(groups == "", "", "all"), rows)
    return LeftOut(groups, alike(groups, rows), together, dict(zip(accuracy.TIMES, off, strict=True)), base, *of)


def alike(groups: Labels, rows: Table) -> Array:
    """Return weights of rows by which groups count alike, and configurations in a group by the root of their rows.

    Parameters
    ----------
    groups
        Group of each row; "" of rows that count for nothing.
    rows
        The rows, which know their configurations.
    """
    configuration = np.zeros(len(groups), dtype=int)
    for k, g in enumerate(rows.grouped):
        configuration[g.index] = k
    pairs = list(zip(groups.tolist(), configuration.tolist(), strict=True))
    counts = Counter(pairs)
    weight = np.array([counts[p] ** -0.5 if p[0] else 0.0 for p in pairs])
    for g in np.unique(groups):
        weight[groups == g] /= max(float(weight[groups == g].sum()), 1e-300)
    return weight


def needed(rows: LeftOut, time: str, side: int, wide: Array | float = 0.0) -> Array:
    """Return the square by which each row's interval must grow on one side to hold it; shape (row,).

    Parameters
    ----------
    rows
        Left-out rows.
    time
        One of the times.
    side
        -1 of the lower edge, 1 of the upper one.
    wide
        Squares that other parts of the interval have added; shape (row,).
    """
    return np.maximum(np.maximum(side * rows.off[time], 0.0) ** 2 - rows.base[time, side] ** 2 - wide, 0.0)


def quantile(values: Array, weight: Array, q: float) -> float:
    """Return a quantile of weighted values.

    Parameters
    ----------
    values
        Values; shape (row,).
    weight
        Their weights, some above zero; shape (row,).
    q
        Between 0 and 1.
    """
    use = weight > 0
    return float(np.quantile(values[use], q, weights=weight[use], method="inverted_cdf"))


@dataclass(frozen=True, slots=True)
class Parts:
    """Errors of what makes up a step, and of a family never seen, which a smaller model than any is too."""

    reading: Interval
    """Measured over predicted time per token over that of the whole request, per unit of reading beyond the usual."""
    host: tuple[float, float, float]
    """Low, median and high of measured over predicted time of launches and the host."""
    family: Mapping[tuple[str, int], float]
    """What a new family adds by time and side, as logarithms."""

    def squares(self, rows: LeftOut, reason: str, time: str, side: int) -> Array:
        """Return the squares that they add on one side of each row's interval; shape (row,)."""
        found = np.zeros_like(rows.reading)
        if time != "latency":
            tpot = [self.reading.widened(by) for by in _beyond(rows).tolist()]
            decode = rows.decode.tolist()
            parts = (
                tpot
                if time == "tpot"
                else [accuracy.first_token_offset(i, d) for i, d in zip(tpot, decode, strict=True)]
            )
            found += np.log([p.low if side < 0 else p.high for p in parts]) ** 2
        if reason == accuracy.SMALL_MODEL:
            found += self.family[time, side] ** 2
            if time == "tpot":
                found += np.log(1 + rows.launches * (self.host[side + 1] - 1)) ** 2
        return found


def _beyond(rows: LeftOut) -> Array:
    return np.array([accuracy.beyond_usual(float(x)) for x in rows.reading])


def parts_of(rows: LeftOut) -> Parts:
    """Return the errors of parts of a step, from rows whose family was left out.

    Parameters
    ----------
    rows
        Left-out rows.
    """
    beyond, paced = _beyond(rows), rows.launches > DOMINANT
    moved = (rows.off["tpot"] - rows.off["latency"]) / np.where(beyond > 0, beyond, 1.0)
    low, high = (np.exp(quantile(moved, rows.together * (beyond > 0), q)) for q in COVERED)
    host = 1 + np.expm1(rows.off["tpot"]) / np.where(paced, rows.launches, 1.0)
    edges_and_median = [quantile(host, rows.together * paced, q) for q in (COVERED[0], 0.5, COVERED[1])]
    found = Parts(
        Interval(float(low), float(high)).holding_one(),
        (edges_and_median[0], edges_and_median[1], edges_and_median[2]),
        {},
    )
    family = {
        (t, side): widening(rows, found, accuracy.NEW_FAMILY, t, side) for t in accuracy.TIMES for side in (-1, 1)
    }
    return replace(found, family=family)


def widening(rows: LeftOut, parts: Parts, reason: str, time: str, side: int, use: Rows | None = None) -> float:
    """Return what a reason adds on one side of an interval, as a logarithm: 90 % of rows need at most that.

    Parameters
    ----------
    rows
        Left-out rows.
    parts
        Errors of parts, which add theirs.
    reason
        The reason.
    time, side
        Which time, and which edge of its interval.
    use
        Rows that count; None: all.
    """
    weight = rows.weight if use is None else rows.weight * use
    wide = parts.squares(rows, reason, time, side)
    return float(np.sqrt(quantile(needed(rows, time, side, wide), weight, COVERED[1])))


def covered(rows: LeftOut, parts: Parts, reason: str, time: str) -> dict[str, float]:
    """Return the share of each group's rows that lie in intervals whose widening comes from the other groups.

    Parameters
    ----------
    rows
        Left-out rows.
    parts
        Errors of parts.
    reason
        The reason.
    time
        One of the times.
    """
    found = {}
    for g in np.unique(rows.groups[rows.groups != ""]):
        own, inside = rows.groups == g, np.ones(len(rows.groups), dtype=bool)
        for side in (-1, 1):
            by = widening(rows, parts, reason, time, side, ~own)
            inside &= needed(rows, time, side, parts.squares(rows, reason, time, side)) <= by**2
        found[str(g)] = float(inside[own].mean())
    return found


def facts_of(by_reason: Mapping[str, LeftOut]) -> list[Cells]:
    """Return how errors grow as facts of the catalog.

    Parameters
    ----------
    by_reason
        Left-out rows of each reason.
    """
    families = by_reason[accuracy.NEW_FAMILY]
    parts, facts = parts_of(families), []
    for reason, rows in by_reason.items():
        entity = f"{accuracy.BEYOND}.{reason}"
        shares_covered = list(covered(rows, parts, reason, "tpot").values())
        note = f"rows of {len(shares_covered)} groups, {HOW}"
        facts.append(count_fact(entity, int((rows.groups != "").sum()), SOURCE, note))
        for t in accuracy.TIMES:
            low, high = (widening(rows, parts, reason, t, side) for side in (-1, 1))
            facts.append(ratio_fact(entity, f"{t}_widening", (np.exp(-low), 1.0, np.exp(high)), SOURCE, note))
        worst, mean, best = min(shares_covered), float(np.mean(shares_covered)), max(shares_covered)
        share = ratio_fact(entity, "covered_share", (worst, mean, best), SOURCE, f"{note}; low and high: of one group")
        facts.append(share | {"unit": "share"})
    return [*facts, *_part_facts(families, parts)]


def _part_facts(rows: LeftOut, parts: Parts) -> list[Cells]:
    much, paced = _beyond(rows) > 0, rows.launches > DOMINANT
    reading, launches = (f"{accuracy.BEYOND}.{part}" for part in (accuracy.READING, accuracy.LAUNCHES))
    how = (
        "families left out of the fit in turn; each configuration counts by the root of its rows (docs/decisions/0023)"
    )
    note = f"rows whose share of reading is beyond the usual, {how}"
    facts = [count_fact(reading, int(much.sum()), SOURCE, note)]
    edges_of = (parts.reading.low, 1.0, parts.reading.high)
    facts.append(ratio_fact(reading, "tpot_over_whole", edges_of, SOURCE, note))
    note = f"rows whose time per token is launches and the host by half or more, {how}"
    facts.append(count_fact(launches, int(paced.sum()), SOURCE, note))
    return [*facts, ratio_fact(launches, "host_time_over_predicted", parts.host, SOURCE, note)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
