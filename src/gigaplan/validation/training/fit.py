"""Asking the training model many questions at once, fitting its constants, and keeping the fit honest: no row is
predicted with constants that saw its own configuration (GPU, model, precision and layout, whatever the release, the batch or the
number of data ranks). Two harder tests leave out a GPU generation with a model, and a whole GPU generation.

``python -m gigaplan.validation.training.fit TABLE TABLE ...`` renews ``calibration_training.csv`` of the catalog, the
constants of each fold and the spread of what is left; it takes some minutes.
"""

from __future__ import annotations

import csv
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gigaplan import catalog
from gigaplan.plan.resolve import training_efficiency_of
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.training.layout import Layouts
from gigaplan.training.step import step
from gigaplan.validation.training.rows import (
    CLASSIC,
    CLASSIC_SPLIT,
    MODERN,
    Question,
    generation,
    known,
    sets_constants,
)
from gigaplan.vocabulary.members import Array

ENTITIES = {MODERN: "training_model", CLASSIC: "training_model_2022"}
Spec = tuple[float, float, float]
OWN: Mapping[str, Mapping[str, Spec]] = {
    MODERN: {
        "training_gemm_share_bf16": (0.72, 0.4, 0.85),
        "training_traffic_share": (0.4, 0.02, 2),
        "training_link_share": (0.75, 0.3, 0.9),
        "training_scaleout_share": (0.7, 0.3, 0.98),
        "exchange_share": (0.5, 0.03, 0.95),
        "training_latency_s": (1e-5, 1e-6, 6e-5),
        "training_gemm_share_fp8": (0.62, 0.3, 0.85),
        "training_gemm_share_fp4": (0.45, 0.15, 0.8),
        "training_expert_share": (0.7, 0.2, 1),
        "training_expert_half_rows": (64, 1, 800),
        "training_attention_share": (0.5, 0.2, 0.75),
        "training_passes": (12, 1, 60),
        "logit_passes": (8, 2, 60),
        "quantise_passes": (4, 0.1, 40),
        "block_passes": (3, 0.1, 40),
        "expert_passes": (8, 0.5, 60),
        "unfused_passes": (16, 0.5, 60),
        "tensor_hidden_share": (0.5, 0.02, 0.98),
        "expert_hidden_share": (0.7, 0.02, 0.98),
        "handover_hidden_share": (0.7, 0.02, 0.98),
        "hidden_share": (0.8, 0.1, 0.98),
        "layer_overhead_s": (5e-4, 1e-5, 1.2e-3),
        "layer_floor_s": (1e-4, 1e-6, 2e-3),
        "expert_overhead_s": (1e-3, 1e-5, 6e-3),
        "expert_launch_s": (1e-4, 1e-6, 6e-4),
        "step_overhead_s": (0.01, 1e-3, 0.02),
        "training_gain_per_year": (0.04, 0.001, 0.3),
        "expert_gain_per_year": (0.1, 0.001, 0.6),
        "host_gain_per_year": (0.5, 0.001, 3),
    },
    CLASSIC: {
        "training_gemm_share_bf16": (0.72, 0.4, 0.85),
        "training_traffic_share": (0.4, 0.02, 4),
        "training_link_share": (0.7, 0.2, 0.95),
        "training_attention_share": (0.5, 0.2, 0.8),
        "score_passes": (8, 1, 40),
        "training_passes": (25, 1, 120),
        "logit_passes": (16, 2, 100),
        "odd_share": (0.4, 0.15, 1),
        "layer_overhead_s": (3.3e-3, 1e-3, 6e-3),
        "layer_floor_s": (1.5e-3, 1e-5, 4e-3),
        "step_overhead_s": (0.01, 1e-4, 0.1),
        "training_latency_s": (1e-5, 1e-6, 2e-4),
        "training_scaleout_share": (0.4, 0.1, 0.9),
    },
}
"""Constants by software: start, and the bounds that hardware and sense allow. The fit is pulled weakly to the start."""
PULL, SOFT = 0.1, 0.1
SMALLEST_GROUP = 2
"""Groups smaller than this weigh as if they had so many rows."""
FOLDS, SPREADS = "training_folds.csv", "training_spreads.csv"
MEASURED, BEYOND = "training_measured.csv", ", beyond what is measured"
CONFIGURATION_FOLDS = 20
"""Parts in which configurations are left out."""
COVERED = (0.1, 0.9)
EXTRAPOLATED = 1.5
"""How much wider, in logarithms, an interval is at least on what nobody has measured."""

Constants = Mapping[str, TrainingEfficiency]


@cache
def shipped() -> Constants:
    """Return the constants of the catalog, by software."""
    facts = catalog.load()
    found = {s: training_efficiency_of(facts, e) for s, e in ENTITIES.items()}
    return {**found, CLASSIC_SPLIT: replace(found[CLASSIC], sequence_parallel=1.0)}


@dataclass(frozen=True, slots=True)
class Group:
    """Questions about one system, model, precision, software and sequence, with their layouts (row,)."""

    first: Question
    index: list[int]
    batch: Batch
    """With the row's own tokens and software: its numbers are arrays."""
    layouts: Layouts


def groups(questions: Sequence[Question]) -> list[Group]:
    """Return the questions in groups that are answered in one call each."""
    by: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for k, q in enumerate(questions):
        by[q.system, q.model, q.precision, q.software, q.sequence].append(k)
    return [_group([questions[k] for k in index], index) for index in by.values()]


def _group(some: Sequence[Question], index: list[int]) -> Group:
    def column(name: str) -> Array:
        return np.array([getattr(q, name) for q in some], dtype=float)

    asked = {f.name for f in fields(Question)}
    layouts = Layouts(**{f.name: column(f.name) for f in fields(Layouts) if f.name in asked})
    q = some[0]
    batch = Batch(
        global_batch_tokens=column("tokens"),  # type: ignore[arg-type]
        sequence_tokens=q.sequence,
        precision=q.precision,
        **{
            n: column(n)
            for n in ("years_behind", "launched_by_host", "block_scaled", "odd_vocabulary", "unfused_experts")
        },  # type: ignore[arg-type]
    )
    return Group(q, index, batch, layouts)


def answers(grouped: Sequence[Group], constants: Constants, count: int) -> tuple[Array, Array]:
    """Return the step time [s] and the memory of one GPU [byte] of each question, each (row,)."""
    time, memory = np.zeros(count), np.zeros(count)
    for g in grouped:
        q = g.first
        device, model = known(q.system, q.model)
        found = step(device, model, g.batch, g.layouts, constants[q.software])
        time[g.index], memory[g.index] = found.total, found.memory_bytes
    return time, memory


@dataclass(frozen=True, slots=True)
class Table:
    """Measured rows as the fit sees them. Shapes: row."""

    grouped: list[Group]
    seconds: Array
    """Logarithms."""
    weight: Array
    parts: NDArray[np.str_]
    """Which part of the configurations a row belongs to."""
    cells: NDArray[np.str_]
    """Which GPU generation with which model a row belongs to."""
    software: NDArray[np.str_]


def configuration(q: Question) -> tuple[object, ...]:
    """Return what rows of one configuration share, which may differ in release, batch and number of data ranks."""
    return (
        q.system,
        q.model,
        q.precision,
        q.block_scaled,
        q.sequence,
        q.tensor,
        q.pipeline,
        q.context,
        q.expert,
        q.chunks,
        q.micro_batch,
        q.recompute,
        q.fully_sharded,
    )


def part(question: Question) -> str:
    """Return the part of the configurations that a question's is in, by a checksum of it."""
    return (
        f"configurations {question.software} {zlib.crc32(repr(configuration(question)).encode()) % CONFIGURATION_FOLDS}"
    )


def cell(question: Question) -> str:
    """Return a question's GPU generation with its model, whatever the number of its layers."""
    model = question.model if question.model.startswith("gpt:") else question.model.partition("+")[0]
    return f"{generation(question.system)} {model}"


def table(questions: Sequence[Question], seconds: Array) -> Table:
    """Return the rows as the fit sees them: each group of GPU, model, precision and scale weighs by its root, one on average over the
    rows of its software, so that the pull is as strong for each."""
    names = [f"{q.system} {q.model} {q.precision} {q.gpus > 8}" for q in questions]
    counts = Counter(names)
    weight = np.array([max(counts[n], SMALLEST_GROUP) ** -0.5 for n in names])
    software = np.array([q.software for q in questions])
    for name in np.unique(software):
        weight[software == name] /= weight[software == name].mean()
    return Table(
        groups(questions),
        np.log(seconds),
        weight,
        np.array([part(q) for q in questions]),
        np.array([cell(q) for q in questions]),
        np.array([q.software for q in questions]),
    )


def fit(rows: Table, use: NDArray[np.bool_], software: str, start: Array | None = None, rounds: int = 40) -> Array:
    """Return the logarithms of one software's constants that fit its rows in ``use`` best: soft-L1 least squares of
    logarithms of times, with a weak pull to where hardware suggests that a constant lies."""
    from scipy.optimize import least_squares

    first, low, high = (np.log([spec[k] for spec in OWN[software].values()]) for k in (0, 1, 2))
    use = use & (rows.software == software)
    held = [g for g in rows.grouped if use[g.index].any()]

    def residual(x: Array) -> Array:
        time, _ = answers(held, {software: constants(x, software)}, len(rows.seconds))
        off = np.log(time[use]) - rows.seconds[use]
        return np.concatenate([rows.weight[use] * off, PULL * (x - first)])

    begin = np.clip(first if start is None else start, low + 1e-6, high - 1e-6)
    return np.asarray(
        least_squares(residual, begin, bounds=(low, high), loss="soft_l1", f_scale=SOFT, max_nfev=rounds).x
    )


def constants(x: Array, software: str) -> TrainingEfficiency:
    """Return the constants of a point of the fit."""
    return replace(shipped()[software], **dict(zip(OWN[software], np.exp(x).tolist(), strict=True)))


def cross_validate(
    rows: Table, names: NDArray[np.str_], whole: Mapping[str, Array], rounds: int = 6
) -> dict[str, TrainingEfficiency]:
    """Return the constants of each fold that ``names`` the rows' are in, fitted on all rows of its software but its own."""
    found = {}
    for name in np.unique(names):
        software = str(rows.software[names == name][0])
        found[str(name)] = constants(fit(rows, names != name, software, whole[software], rounds), software)
    return found


def leave_out_generations(rows: Table, generations: NDArray[np.str_]) -> dict[str, TrainingEfficiency]:
    """Return the constants fitted without each generation whose software has rows on another one; from the same start as the
    whole fit, so that what other generations can't tell stays there."""
    found = {}
    for name in np.unique(generations):
        software = str(rows.software[generations == name][0])
        rest = generations != name
        if (rest & (rows.software == software)).any():
            found[f"{WITHOUT} {name}"] = constants(fit(rows, rest, software), software)
    return found


WITHOUT = "without"


@cache
def folds() -> Mapping[str, TrainingEfficiency]:
    """Return the constants of each fold that come with gigaplan."""
    path = Path(str(files("gigaplan.validation") / "data" / FOLDS))
    by: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by[row["fold"], row["software"]][row["constant"]] = float(row["value"])
    return {name: replace(shipped()[software], **values) for (name, software), values in by.items()}


@cache
def fitted_cells() -> frozenset[str]:
    """Return the GPU generations with models that the shipped constants were fitted on."""
    return frozenset(name for name in folds() if not name.startswith((WITHOUT, "configurations")))


def constants_for(question: Question, *, honest: bool) -> TrainingEfficiency:
    """Return the shipped constants, or for a ``honest`` answer those of a fit that never saw the question's configuration."""
    plain = shipped()[question.software]
    return folds().get(part(question), plain) if honest else plain


def kind(question: Question) -> str:
    """Return the kind of row that a question is, as far as its error goes."""
    if question.software != MODERN:
        return "software of 2022, one node" if question.gpus <= ONE_NODE else "software of 2022, several nodes"
    return "experts" if known(question.system, question.model)[1].experts else "dense"


ONE_NODE = 8


def spread(question: Question, *, extrapolated: bool) -> tuple[float, float]:
    """Return low and high of published over ours: 80 % of honest errors of such rows."""
    low, high = _spreads()[kind(question)]
    if not extrapolated:
        return low, high
    wide = _spreads().get(kind(question) + BEYOND, (1.0, 1.0))
    return min(low**EXTRAPOLATED, wide[0]), max(high**EXTRAPOLATED, wide[1])


@cache
def measured() -> frozenset[tuple[str, str, str]]:
    """Return GPU generations with precisions and kinds of row that constants were fitted on."""
    path = Path(str(files("gigaplan.validation") / "data" / MEASURED))
    with path.open(encoding="utf-8", newline="") as file:
        return frozenset((r["generation"], r["precision"], r["kind"]) for r in csv.DictReader(file))


@cache
def _spreads() -> Mapping[str, tuple[float, float]]:
    path = Path(str(files("gigaplan.validation") / "data" / SPREADS))
    with path.open(encoding="utf-8", newline="") as file:
        return {r["kind"]: (float(r["low"]), float(r["high"])) for r in csv.DictReader(file)}


def main(paths: Sequence[Path]) -> None:
    """Fit on whole tables and write what the package ships."""
    from gigaplan.validation.training.validate import read_questions

    asked = [
        a
        for p in paths
        for a in read_questions(p)
        if a.question is not None and a.fitted and sets_constants(a.row, a.question)
    ]
    questions = [a.question for a in asked if a.question is not None]
    seconds = np.array([a.step_s for a in asked])
    rows = table(questions, seconds)
    everything = np.ones(len(asked), dtype=bool)
    whole = {s: fit(rows, everything, s) for s in OWN if (rows.software == s).any()}
    write_facts(whole, rows)
    apart = cross_validate(rows, rows.parts, whole)
    models = cross_validate(rows, rows.cells, whole)
    generations = np.array([generation(q.system) for q in questions])
    folds_without = leave_out_generations(rows, generations)
    write_folds({**apart, **models, **folds_without}, rows)
    write_spreads(questions, rows, {**apart, **folds_without})


def write_folds(apart: Mapping[str, TrainingEfficiency], rows: Table) -> None:
    """Write the constants of each fold."""
    names = [*rows.cells.tolist(), *rows.parts.tolist()]
    software = dict(zip(names, [*rows.software.tolist(), *rows.software.tolist()], strict=True))
    with (_data() / FOLDS).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["fold", "software", "constant", "value"])
        for name, e in apart.items():
            mine = software.get(name, MODERN)
            writer.writerows([name, mine, n, f"{getattr(e, n):.6g}"] for n in OWN[mine])


def write_spreads(questions: Sequence[Question], rows: Table, apart: Mapping[str, TrainingEfficiency]) -> None:
    """Write what published over ours was for each kind of row: answered by constants that never saw its configuration, and, for
    what nobody has measured, by constants that never saw its GPU generation."""
    kinds = np.array([kind(q) for q in questions])
    beyond = np.array([f"{WITHOUT} {generation(q.system)}" for q in questions])
    with (_data() / SPREADS).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["kind", "rows", "low", "high"])
        for names, suffix in ((rows.parts, ""), (beyond, BEYOND)):
            off = _off(questions, rows, names, apart)
            for name in np.unique(kinds):
                some = off[(kinds == name) & np.isfinite(off)]
                if some.size:
                    writer.writerow(
                        [name + suffix, some.size, *(f"{v:.4g}" for v in np.exp(np.quantile(some, COVERED)))]
                    )
    with (_data() / MEASURED).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["generation", "precision", "kind", "rows"])
        counted = Counter((generation(q.system), q.precision, kind(q)) for q in questions)
        writer.writerows([*key, count] for key, count in sorted(counted.items()))


def _off(
    questions: Sequence[Question], rows: Table, names: NDArray[np.str_], apart: Mapping[str, TrainingEfficiency]
) -> Array:
    """Return the logarithms of published over ours, each answered by its own fold's constants; nan where there is none."""
    off = np.full(len(questions), np.nan)
    for name in np.unique(names):
        if name in apart:
            mine = (names == name) & (rows.software == (MODERN if name.startswith(WITHOUT) else rows.software))
            held = [g for g in rows.grouped if mine[g.index].any()]
            time, _ = answers(held, dict.fromkeys(OWN, apart[name]), len(questions))
            off[mine] = rows.seconds[mine] - np.log(time[mine])
    return off


def write_facts(whole: Mapping[str, Array], rows: Table) -> None:
    """Write the fitted constants as facts of the catalog; those that are no result of the fit stay as they are."""
    from gigaplan.catalog.catalog import data_folder

    path = data_folder() / "calibration_training.csv"
    kept = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    for software, x in whole.items():
        mine = rows.software == software
        held = [g for g in rows.grouped if g.first.software == software]
        time, _ = answers(held, {software: constants(x, software)}, len(rows.seconds))
        left = np.median(np.abs(np.expm1(np.log(time[mine]) - rows.seconds[mine])))
        note = (
            f"fitted with the other constants of this software on {int(mine.sum())} published step times; median error left {left:.1%} in "
            "sample; the honest errors are those of folds (docs/accuracy.md)"
        )
        for name, value in zip(OWN[software], np.exp(x).tolist(), strict=True):
            fact = next(r for r in kept if r["id"] == f"{ENTITIES[software]}.{name}")
            title, url = SOURCES[software]
            fact.update(
                value=f"{value:.4g}",
                low="",
                high="",
                source_title=title,
                url=url,
                date="2026-11-24",
                evidence="estimated",
                confidence="medium",
                note=note,
            )
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(kept[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)


SOURCES = {
    MODERN: (
        "gigaplan's fit on NVIDIA Megatron-Bridge, MLPerf Training and SimuMax rows",
        "https://github.com/NVIDIA-NeMo/Megatron-Bridge",
    ),
    CLASSIC: ("gigaplan's fit on measured rows of vTrain (Bang et al. 2024)", "https://github.com/VIA-Research/vTrain"),
}


def _data() -> Path:
    return Path(str(files("gigaplan.validation"))) / "data"


if __name__ == "__main__":
    main([Path(p) for p in sys.argv[1:]])
