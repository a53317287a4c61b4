"""Fitting the serving model's constants, and keeping the fit honest: no row is predicted with constants that saw its
own GPU generation with its own model family.

``python -m gigaplan.validation.serving.fit TABLE`` renews ``calibration_serving.csv`` of the catalog, the constants of
each fold and the spread of what is left; it takes some minutes.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gigaplan import catalog
from gigaplan.inference.inputs import Efficiency, Engine
from gigaplan.validation.serving.answers import Constants, Group, answers, groups, shipped
from gigaplan.validation.serving.rows import ENGINES, Question
from gigaplan.vocabulary.members import Array

SHARED: Mapping[str, tuple[float, float, float]] = {
    "gemm_share_bf16": (0.75, 0.3, 0.9),
    "gemm_share_fp8": (0.7, 0.25, 0.9),
    "block_share": (0.75, 0.6, 1),
    "gemm_share_fp4": (0.45, 0.2, 0.8),
    "gemm_half_rows": (40, 1, 600),
    "expert_share_bf16": (0.6, 0.05, 1),
    "expert_share_fp8": (0.4, 0.05, 1),
    "expert_share_fp4": (0.4, 0.03, 1),
    "expert_half_rows": (64, 8, 600),
    "attention_share": (0.6, 0.15, 0.85),
    "cache_share": (0.7, 0.3, 0.95),
    "hbm_share": (0.9, 0.5, 0.95),
    "hbm_share_fp4": (0.75, 0.3, 0.95),
    "routing_share": (0.7, 0.1, 1),
    "collective_latency_s": (6e-6, 1e-6, 4e-5),
    "activation_passes": (10, 0.01, 200),
}
"""Constants of all engines: start, and the bounds that hardware and sense allow. The fit is pulled weakly to the start."""
OF_ENGINES: Mapping[str, tuple[float, float, float]] = {
    "kernel_overhead_s": (5e-6, 1e-7, 2e-5),
    "step_overhead_s": (3e-4, 1e-5, 4e-3),
    "request_overhead_s": (8e-6, 1e-8, 1e-4),
    "first_token_s": (0.02, 1e-3, 0.6),
    "eager_launch_s": (5e-5, 1e-6, 5e-4),
    "mixing_share": (0.75, 0.01, 1),
    "queueing_factor": (0.9, 0.01, 2),
    "prompt_token_s": (1e-5, 1e-8, 4e-5),
    "arrival_s": (3e-3, 1e-5, 0.2),
    "balance_steps": (10, 0.1, 100),
    "link_share": (0.6, 0.1, 0.9),
}
ACCEPTED = ("accepted_tokens", (1.8, 1.0, 3.0))
NAMES = (*SHARED, *(f"{q}@{e}" for q in OF_ENGINES for e in ENGINES), ACCEPTED[0])
FRONT_END = ("first_token_s", "eager_launch_s", "queueing_factor", "prompt_token_s", "arrival_s", "balance_steps")
"""Constants of an engine's front end and scheduler, for which hardware says nothing: pulled to their start less."""
PULL, PULL_OF_FRONT_END, TTFT_WEIGHT, SOFT = 1.6, 0.3, 0.45, 0.04
"""Strengths of the pull, weight of the first token's time against the time per token, and the residual beyond which an
error counts by its size instead of its square."""
NUDGE = 1e-3
SMALLEST_GROUP = 4
"""Groups smaller than this weigh as if they had so many rows: a handful of odd rows must not lead."""
WITHOUT = "generation "
FOLDS, SPREADS = "serving_folds.csv", "serving_spreads.csv"
EXTRAPOLATED = 1.3
"""How much wider, in logarithms, an interval is on hardware or models without a measured row: set so that hardware
generations left out whole are covered (docs/accuracy.md)."""
COVERED = (0.1, 0.9)


@dataclass(frozen=True, slots=True)
class Table:
    """Measured rows as the fit sees them. Shapes: row."""

    grouped: list[Group]
    ttft: Array
    tpot: Array
    """Logarithms of seconds."""
    weight: Array
    engine: NDArray[np.str_]
    cells: NDArray[np.str_]
    """Which fold a row belongs to."""
    fitted: NDArray[np.bool_]
    """Whether the row may set constants: co-located, with every cell stated."""


def cell(question: Question) -> str:
    """Return the fold of a question: its GPU's generation with its model's family."""
    return f"{generation(question.system)} {family(question.model)}"


def generation(system: str) -> str:
    """Return a system's hardware generation, by what its compute die is called."""
    names = {
        "h1": "hopper",
        "h2": "hopper",
        "h8": "hopper",
        "gh": "hopper",
        "b2": "blackwell",
        "b3": "blackwell",
        "gb": "blackwell",
        "vr": "rubin",
    }
    return names.get(system[:2], system.split("_", maxsplit=1)[0])


def family(model: str) -> str:
    """Return the models of one architecture under one name: DeepSeek V3 and R1 differ in training only."""
    return "deepseek" if model.startswith("deepseek") else model


def table(questions: Sequence[Question], ttft_ms: Array, tpot_ms: Array) -> Table:
    """Return the rows as the fit sees them: each group of GPU, model, precision and engine weighs by its root."""
    names = [f"{q.system} {q.model} {q.precision} {q.engine}" for q in questions]
    counts = Counter(names)
    weight = np.array([max(counts[n], SMALLEST_GROUP) ** -0.5 for n in names])
    fitted = np.array([q.prefill is None for q in questions])
    return Table(
        groups(questions),
        np.log(ttft_ms / 1e3),
        np.log(tpot_ms / 1e3),
        weight / weight[fitted].mean(),
        np.array([q.engine for q in questions]),
        np.array([cell(q) for q in questions]),
        fitted,
    )


def fit(rows: Table, use: NDArray[np.bool_], start: Array | None = None, rounds: int = 60) -> Array:
    """Return the logarithms of ``NAMES`` that fit the rows in ``use`` best.

    Least squares of the logarithms of both times, soft-L1 (a few rows of another engine version don't decide), with a
    weak pull to where hardware suggests that a constant lies, for constants that the rows don't decide.
    """
    from scipy.optimize import least_squares

    first, low, high = (np.log([_spec(n)[k] for n in NAMES]) for k in (0, 1, 2))
    use = use & rows.fitted
    weight = np.concatenate([rows.weight[use], TTFT_WEIGHT * rows.weight[use]])
    pull = np.array([PULL_OF_FRONT_END if n.partition("@")[0] in FRONT_END else PULL for n in NAMES])

    def logarithms(x: Array) -> Array:
        ttft, tpot = answers(rows.grouped, constants(x), len(rows.tpot))
        return np.asarray(np.log(np.concatenate([tpot[use], ttft[use]])))

    def residual(x: Array) -> Array:
        published = np.concatenate([rows.tpot[use], rows.ttft[use]])
        return np.concatenate([weight * (logarithms(x) - published), pull * (x - first)])

    def jacobian(x: Array) -> Array:
        """Differences; the same constant of all engines is nudged at once, as each row has one engine."""
        slopes = np.zeros((len(weight), len(x)))
        here = logarithms(x)
        engine = np.tile(rows.engine[use], 2)
        for constant in dict.fromkeys(n.partition("@")[0] for n in NAMES):
            mine = [k for k, n in enumerate(NAMES) if n.partition("@")[0] == constant]
            there = x.copy()
            there[mine] += np.where(x[mine] + NUDGE < high[mine], NUDGE, -NUDGE)
            moved = logarithms(there) - here
            for k in mine:
                of = NAMES[k].partition("@")[2]
                slopes[:, k] = np.where((engine == of) | (of == ""), moved / (there[k] - x[k]), 0.0)
        return np.vstack([weight[:, None] * slopes, np.diag(pull)])

    def loss(z: Array) -> Array:
        """Soft-L1 for rows, squares for the pull."""
        root = np.sqrt(1 + z)
        rho = np.stack([2 * (root - 1), 1 / root, -0.5 / root**3])
        rho[:, len(weight) :] = np.stack([z, np.ones_like(z), np.zeros_like(z)])[:, len(weight) :]
        return rho

    begin = np.clip(first if start is None else start, low + 1e-6, high - 1e-6)
    found = least_squares(
        residual,
        begin,
        jacobian,
        bounds=(low, high),
        f_scale=SOFT,
        max_nfev=rounds,
        ftol=1e-5,
        loss=loss,  # type: ignore[arg-type]  # the stub asks for scipy's inner signature
    )
    return np.asarray(found.x)


def constants(x: Array) -> Constants:
    """Return the constants of a point of the fit."""
    value = dict(zip(NAMES, np.exp(x).tolist(), strict=True))
    reserve = shipped_reserve()
    efficiency = Efficiency(memory_reserve_share=reserve, **{n: value[n] for n in SHARED})
    engines = {
        e: Engine(
            accepted_tokens=value[ACCEPTED[0]],
            chunk_tokens=default_chunk_tokens(e),
            **{q: value[f"{q}@{e}"] for q in OF_ENGINES},
        )
        for e in ENGINES
    }
    return Constants(efficiency, engines)


@cache
def shipped_reserve() -> float:
    """Return the share of memory kept free: measured rows don't show it."""
    return catalog.load().find("serving_model", "memory_reserve_share").number


@cache
def default_chunk_tokens(engine: str) -> float:
    """Return the prompt tokens that an engine reads together: its default, not fitted."""
    return catalog.load().find(engine, "chunk_tokens").number


def cross_validate(rows: Table, start: Array, rounds: int = 12) -> dict[str, Array]:
    """Return the constants of each fold, fitted on all rows but its own."""
    return {str(c): fit(rows, rows.cells != c, start, rounds) for c in np.unique(rows.cells)}


@cache
def folds() -> Mapping[str, Constants]:
    """Return the constants of each fold that come with gigaplan."""
    path = Path(str(files("gigaplan.validation") / "data" / FOLDS))
    by: dict[str, dict[str, float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by.setdefault(row["fold"], {})[row["constant"]] = float(row["value"])
    return {name: constants(np.log([values[n] for n in NAMES])) for name, values in by.items()}


def fitted_cells() -> frozenset[str]:
    """Return the folds that the shipped constants were fitted on."""
    return frozenset(name for name in folds() if not name.startswith(WITHOUT))


def kind(question: Question) -> str:
    """Return the kind of row that a question is, as far as its error goes."""
    if question.prefill is None:
        return f"agg {question.engine}"
    return "disagg stated" if question.decode.stated else "disagg guessed"


def spreads(question: Question, *, extrapolated: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return low and high of published over ours, of time to first token and per token: 80 % of honest errors."""
    ttft_low, ttft_high, low, high = _spreads()[kind(question)]
    further = EXTRAPOLATED if extrapolated and question.prefill is None else 1.0
    return (ttft_low**further, ttft_high**further), (low**further, high**further)


@cache
def _spreads() -> Mapping[str, tuple[float, float, float, float]]:
    path = Path(str(files("gigaplan.validation") / "data" / SPREADS))
    with path.open(encoding="utf-8", newline="") as file:
        return {
            r["kind"]: (float(r["ttft_low"]), float(r["ttft_high"]), float(r["tpot_low"]), float(r["tpot_high"]))
            for r in csv.DictReader(file)
        }


def constants_for(question: Question, *, honest: bool) -> Constants:
    """Return the shipped constants, or for a ``honest`` answer those of a fit that never saw the question's fold."""
    return folds().get(cell(question), shipped()) if honest else shipped()


def without_its_generation(question: Question) -> Constants:
    """Return constants of a fit that never saw the question's hardware generation at all."""
    return folds().get(f"{WITHOUT}{generation(question.system)}", shipped())


def _spec(name: str) -> tuple[float, float, float]:
    plain = name.split("@", maxsplit=1)[0]
    return {**SHARED, **OF_ENGINES, ACCEPTED[0]: ACCEPTED[1]}[plain]


def main(path: Path) -> None:
    """Fit on a whole table and write what the package ships."""
    from gigaplan.validation.serving.validate import read_questions

    asked = [a for a in read_questions(path) if a.tpot_ms > 0 and not a.set_aside]
    questions = [a.question for a in asked if a.question is not None]
    asked = [a for a in asked if a.question is not None]
    ttft, tpot = (np.array([getattr(a, n) for a in asked]) for n in ("ttft_ms", "tpot_ms"))
    together = np.array([q.prefill is None for q in questions])
    rows = table([q for q in questions if q.prefill is None], ttft[together], tpot[together])
    whole = fit(rows, np.ones(len(rows.tpot), dtype=bool))
    write_facts(whole, rows)
    here = Path(str(files("gigaplan.validation"))) / "data"
    apart = cross_validate(rows, whole)
    everything = table(questions, ttft, tpot)
    write_folds({**apart, **without_generation(rows, whole)}, here / FOLDS)
    write_spreads(questions, everything, apart, whole, here / SPREADS)


def without_generation(rows: Table, start: Array, rounds: int = 12) -> dict[str, Array]:
    """Return the constants fitted without any row of a hardware generation, by ``generation NAME``."""
    mine = np.array([c.split(" ", 1)[0] for c in rows.cells])
    return {f"{WITHOUT}{g}": fit(rows, mine != g, start, rounds) for g in np.unique(mine)}


def write_folds(found: Mapping[str, Array], path: Path) -> None:
    """Write the constants of folds."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["fold", "constant", "value"])
        for name, x in found.items():
            writer.writerows([name, n, f"{np.exp(v):.6g}"] for n, v in zip(NAMES, x, strict=True))


def write_spreads(
    questions: Sequence[Question], rows: Table, apart: Mapping[str, Array], whole: Array, path: Path
) -> None:
    """Write what published over ours was for each kind of row, each answered by its own fold's constants."""
    off = np.zeros((2, len(questions)))
    for name in np.unique(rows.cells):
        mine, x = rows.cells == name, apart.get(str(name), whole)
        ttft, tpot = answers(rows.grouped, constants(x), len(questions))
        off[:, mine] = (rows.ttft - np.log(ttft))[mine], (rows.tpot - np.log(tpot))[mine]
    kinds = np.array([kind(q) for q in questions])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["kind", "rows", "ttft_low", "ttft_high", "tpot_low", "tpot_high"])
        for name in np.unique(kinds):
            some = off[:, kinds == name]
            edges = np.exp(np.quantile(some, COVERED, axis=1)).T.ravel()
            writer.writerow([name, some.shape[1], *(f"{v:.4g}" for v in edges)])


def write_facts(x: Array, rows: Table) -> None:
    """Write the fitted constants as facts of the catalog, each with its standard error as range."""
    from gigaplan.catalog.catalog import COLUMNS, data_folder

    _, tpot = answers(rows.grouped, constants(x), len(rows.tpot))
    left = np.abs(np.expm1(np.log(tpot) - rows.tpot))[rows.fitted]
    note = (
        f"fitted with the other serving constants on {int(rows.fitted.sum())} co-located rows of all GPUs, models and engines; median error "
        f"left {np.median(left):.1%} of TPOT in sample; the honest errors are those of folds (docs/accuracy.md)"
    )
    path = data_folder() / "calibration_serving.csv"
    kept = [
        r
        for r in csv.DictReader(path.read_text(encoding="utf-8").splitlines())
        if r["entity"] == "inferencex" or r["quantity"] in ("memory_reserve_share", "chunk_tokens")
    ]
    units = {
        "share": "share",
        "half_rows": "1",
        "factor": "1",
        "steps": "1",
        "passes": "1",
        "accepted": "1",
        "_s": "s",
    }
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for name, v in zip(NAMES, np.exp(x), strict=True):
            plain, _, engine = name.partition("@")
            unit = next(u for end, u in units.items() if plain.endswith(end) or end in plain)
            for entity in [engine] if engine else ENGINES if plain == ACCEPTED[0] else ["serving_model"]:
                writer.writerow(
                    {
                        **dict.fromkeys(COLUMNS, ""),
                        "id": f"{entity}.{plain}",
                        "entity": entity,
                        "quantity": plain,
                        "value": f"{v:.4g}",
                        "unit": unit,
                        "source_title": SOURCE,
                        "url": "https://github.com/ai-dynamo/aiconfigurator",
                        "date": "2026-11-24",
                        "evidence": "estimated",
                        "confidence": "medium",
                        "chosen": "yes",
                        "note": note,
                    }
                )
        writer.writerows(kept)


SOURCE = "gigaplan's fit on SemiAnalysis InferenceX and NVIDIA rows (collected by aiconfigurator, Apache-2.0)"
assert {f.name for f in fields(Engine)} == {*OF_ENGINES, ACCEPTED[0], "chunk_tokens"}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
