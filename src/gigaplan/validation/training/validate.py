"""Training: our step time for rows of published tables, each with its interval and how far to trust it, and the errors.

The rows are published step times and speeds: NVIDIA Megatron-Bridge and MLPerf Training on Hopper and Blackwell, vTrain
(Bang et al. 2024) on A100, SimuMax's memory on B200; others only test (Megatron's papers, torchtitan, MosaicML). Errors are honest:
a row's answer comes from constants fitted without its own configuration (:mod:`gigaplan.validation.training.fit`); intervals are
what such errors were.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from gigaplan import catalog
from gigaplan.plan.resolve import training_constants
from gigaplan.training.inputs import TrainingEfficiency
from gigaplan.training.step import model_flops_per_token
from gigaplan.validation.serving.names import UnsupportedError
from gigaplan.validation.tables import read_table, refuse_same, write_table
from gigaplan.validation.training.fit import (
    OWN,
    WITHOUT,
    answers,
    cell,
    configuration,
    constants_for,
    fitted_cells,
    folds,
    groups,
    kind,
    measured,
    spread,
)
from gigaplan.validation.training.rows import (
    MODERN,
    Question,
    duplicate,
    generation,
    known,
    published_memory_gib,
    published_step_s,
    question,
    stands_in,
    table_of,
)
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.show import Brief

SAMPLE = "training_sample.csv"
NEEDED = ("gpu", "num_gpus", "model", "seq_len", "global_batch", "micro_batch", "tp", "pp", "dp", "precision")
INSIDE, EXTRAPOLATED, UNSUPPORTED = "inside", "extrapolated", "unsupported"
ANSWER_COLUMNS = (
    "step_time_ms",
    "tokens_per_s_per_gpu",
    "model_tflops_per_gpu",
    "low",
    "high",
    "memory_gb",
    "validity",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A row of a table, and what it asks; ``why`` says why it can't be asked."""

    row: Mapping[str, str]
    question: Question | None
    why: str
    step_s: float
    memory_gib: float
    """As published; nan where the table has no result."""

    @property
    def fitted(self) -> bool:
        """Whether the row may set constants."""
        return self.step_s > 0 and not duplicate(self.row)


@dataclass(frozen=True, slots=True)
class Answer:
    """Our answer to a row: the step [ms] with an 80 % interval, speed, memory, and how far to trust it."""

    step_time_ms: float
    tokens_per_s_per_gpu: float
    model_tflops_per_gpu: float
    low: float
    high: float
    memory_gb: float
    validity: str


@dataclass(frozen=True, slots=True)
class Row:
    """One published step and our answer; ``error`` is ours over published, less one."""

    table: str
    gpu: str
    model: str
    experts: bool
    precision: str
    gpus: int
    layout: str
    step_ms: float
    answer: Answer
    error: float
    anchored_error: float
    """From other scales of the same layout (t = a m + b over micro-batches); nan where there are not two."""
    model_out_error: float
    """With constants that never saw the row's GPU generation with its model; nan where there are none."""
    left_out_error: float
    """With constants that never saw the row's GPU generation; nan where there are none."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Errors over some rows, as shares; the bias is the median error with its sign."""

    name: str
    rows: int
    median_abs: float
    mean_abs: float
    p90_abs: float
    bias: float
    covered: float
    """Share of rows whose published step lies in our interval."""
    width: float
    """Median high over low of these intervals."""


@dataclass(frozen=True, slots=True)
class Memory:
    """One published peak of memory and ours [GiB]."""

    model: str
    layout: str
    published_gib: float
    ours_gib: float
    error: float


@dataclass(frozen=True, slots=True)
class Noise:
    """How far published steps of one configuration lie apart over releases: largest over smallest, less one."""

    configurations: int
    median: float
    p90: float


@dataclass(frozen=True, repr=False)
class TrainingValidation(Brief):
    """Every answered row, the summaries by kind, memory, the noise floor, and how many rows can't be answered."""

    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    memory: tuple[Memory, ...]
    noise: Noise | None
    left_out: int


def validate(rows: Sequence[Path] = ()) -> TrainingValidation:
    """Return published, ours and error for each row of tables with the columns of training_step.csv or its siblings.

    Parameters
    ----------
    rows
        The tables; without any the sample that comes with gigaplan.

    Raises
    ------
    PlanError
        If a table can't be read or lacks columns.
    """
    tables: list[Path | None] = [*rows] or [None]
    asked = [a for p in tables for a in read_questions(p)]
    asked = [a for a in asked if not duplicate(a.row)]
    found = answer_all(asked, honest=True)
    steps = [k for k, a in enumerate(asked) if a.question is not None and a.step_s > 0]
    anchored = _anchored_errors([asked[k] for k in steps])
    questions: list[Question] = [asked[k].question for k in steps]  # type: ignore[misc]
    models = _left_out_times(questions, cell)
    apart = _left_out_times(questions, lambda q: f"{WITHOUT} {generation(q.system)}")
    compared = tuple(
        _row(asked[k], found[k], o, m, t) for k, o, m, t in zip(steps, anchored, models, apart, strict=True)
    )
    memory = tuple(
        _memory(a, f) for a, f in zip(asked, found, strict=True) if a.question is not None and a.memory_gib > 0
    )
    noise = noise_floor(questions, [asked[k].step_s for k in steps])
    return TrainingValidation(
        compared, tuple(_summaries(compared)), memory, noise, len(asked) - len(compared) - len(memory)
    )


def noise_floor(questions: Sequence[Question], seconds: Sequence[float]) -> Noise | None:
    """Return how far steps of one configuration lie apart: same layout, batch and GPUs, whatever the release; None below two."""
    by: dict[tuple[object, ...], list[float]] = defaultdict(list)
    for q, t in zip(questions, seconds, strict=True):
        by[*configuration(q), q.software, q.gpus, q.sequences].append(t)
    apart = [max(t) / min(t) - 1 for t in by.values() if len(t) > 1]
    return Noise(len(apart), float(np.median(apart)), float(np.quantile(apart, 0.9))) if apart else None


def predict(rows: Path, out: Path, anchor: Path | None = None, overlays: Sequence[str | Path] = ()) -> tuple[int, int]:
    """Write a table with our answers added to each of its rows; return how many rows it has and how many are answered.

    With ``anchor``, a table of measured steps, layouts that it holds at two or more numbers of micro-batches follow
    their own line ``t = a m + b``; with one, our time is scaled to it. With ``overlays``, constants of your own
    (:mod:`gigaplan.validation.training.calibrate`) answer the rows of their kind of software.

    Raises
    ------
    PlanError
        If a table can't be read or lacks columns.
    """
    refuse_same(out, rows, anchor)
    asked, using = read_questions(rows), own_constants(overlays)
    found = answer_all(asked, honest=False, using=using)
    if anchor is not None:
        found = anchor_all(asked, found, read_questions(anchor), using)
    columns = list(dict.fromkeys([*(asked[0].row if asked else ()), *ANSWER_COLUMNS]))
    answered = zip(asked, found, strict=True)
    write_table(out, columns, ({**a.row, **{k: _cell(getattr(f, k)) for k in ANSWER_COLUMNS}} for a, f in answered))
    return len(asked), sum(not f.validity.startswith(UNSUPPORTED) for f in found)


def read_questions(path: Path | None = None, needed: Sequence[Sequence[str]] = ()) -> list[Asked]:
    """Return the rows of a table, or of the sample that comes with gigaplan, and what each asks."""
    return [_asked(row) for row in read(path, needed)]


def read(path: Path | None = None, needed: Sequence[Sequence[str]] = ()) -> list[dict[str, str]]:
    """Return the rows of a table, or of the sample that comes with gigaplan.

    Parameters
    ----------
    path
        A CSV table.
    needed
        Sets of further columns of which one must be whole.

    Raises
    ------
    PlanError
        If the table can't be read, or with all the columns that it lacks.
    """
    source = path or Path(str(files("gigaplan.validation") / "data" / SAMPLE))
    columns, rows = read_table(source)
    there = set(columns)
    missing = sorted(set(NEEDED) - there)
    if needed and not any(set(some) <= there for some in needed):
        missing.append(" or ".join("+".join(some) for some in needed))
    if missing:
        raise PlanError(
            [
                Problem(
                    "columns are missing",
                    Place(str(source), 1, 1),
                    value=", ".join(missing),
                    remedy="give a table with the columns of training_step.csv",
                )
            ]
        )
    return rows


def own_constants(overlays: Sequence[str | Path]) -> Mapping[str, TrainingEfficiency]:
    """Return the constants that overlays hold, by software; PlanError with all that is wrong with them."""
    if not overlays:
        return {}
    found = training_constants(catalog.load(), overlays)
    return {found.software: found.efficiency}


def answer_all(
    asked: Sequence[Asked], *, honest: bool, using: Mapping[str, TrainingEfficiency] | None = None
) -> list[Answer]:
    """Return our answers; ``honest`` ones come from constants that never saw the row's configuration.

    ``using`` are constants of one's own by software, taken before any.
    """
    own = using or {}
    index = [k for k, a in enumerate(asked) if a.question is not None]
    questions = [a.question for a in asked if a.question is not None]
    time, memory = _times(questions, [own.get(q.software) or constants_for(q, honest=honest) for q in questions])
    found = [_unsupported(a.why) for a in asked]
    for k, q, t, m in zip(index, questions, time, memory, strict=True):
        found[k] = _answer(q, float(t), float(m))
    return found


def anchor_all(
    asked: Sequence[Asked],
    found: Sequence[Answer],
    measured: Sequence[Asked],
    using: Mapping[str, TrainingEfficiency] | None = None,
) -> list[Answer]:
    """Return answers that follow measured steps of the same layout where there are any: those of the row's own release of
    software, or all where it has none."""
    lines: dict[tuple[object, ...], list[tuple[float, float, float]]] = defaultdict(list)
    for a, f in zip(measured, answer_all(measured, honest=False, using=using), strict=True):
        if a.question is not None and a.step_s > 0:
            point = (a.question.micro_batches, a.step_s, f.step_time_ms / 1e3)
            lines[_same_layout(a.question)].append(point)
            lines[_same_release(a.question)].append(point)

    def points(q: Question) -> list[tuple[float, float, float]]:
        return lines.get(_same_release(q)) or lines.get(_same_layout(q)) or []

    return [
        f if a.question is None or not points(a.question) else _follow(a.question, f, points(a.question))
        for a, f in zip(asked, found, strict=True)
    ]


def line(points: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """Return a and b of ``t = a m + b`` through measured (m, t), least squares of relative errors; None below two m.

    Neither is negative: more micro-batches never take less, and what a step takes beside them is no gain.
    """
    from scipy.optimize import nnls

    m, t = (np.array(v, dtype=float) for v in zip(*points, strict=True))
    if np.unique(m).size < 2:  # one number of micro-batches can't tell a from b
        return None
    a, b = nnls(np.stack([m / t, 1 / t], axis=1), np.ones_like(t))[0]
    return float(a), float(b)


def scales_of(asked: Sequence[Asked]) -> int:
    """Return how many layouts are measured at two numbers of micro-batches or more: those that can be anchored."""
    seen: dict[tuple[object, ...], set[float]] = defaultdict(set)
    for a in asked:
        if a.question is not None and a.step_s > 0:
            seen[_same_layout(a.question)].add(a.question.micro_batches)
    return sum(len(m) > 1 for m in seen.values())


def _same_layout(q: Question) -> tuple[object, ...]:
    """Return what two rows share that differ in their number of data ranks and their batch only."""
    return (
        q.system,
        q.model,
        q.precision,
        q.software,
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


def _same_release(q: Question) -> tuple[object, ...]:
    """Return what two rows share that run the same layout on software of one age."""
    return (*_same_layout(q), q.years_behind, q.launched_by_host, q.block_scaled)


def _follow(q: Question, plain: Answer, points: Sequence[tuple[float, float, float]]) -> Answer:
    own = line([(m, t) for m, t, _ in points])
    ours = plain.step_time_ms / 1e3
    time = own[0] * q.micro_batches + own[1] if own else ours * float(np.median([t / o for _, t, o in points]))
    if not time > 0:
        return plain
    ratio = time / ours
    narrow = ANCHORED_SHARE / np.log(plain.high / plain.low) if own else 0.5
    low, high = (time * 1e3 * (edge / plain.step_time_ms) ** narrow for edge in (plain.low, plain.high))
    return dataclasses.replace(
        plain,
        step_time_ms=time * 1e3,
        tokens_per_s_per_gpu=plain.tokens_per_s_per_gpu / ratio,
        model_tflops_per_gpu=plain.model_tflops_per_gpu / ratio,
        low=low,
        high=high,
        validity=f"{INSIDE}: anchored on measured steps",
    )


ANCHORED_SHARE = 0.05
"""Width in logarithms of an 80 % interval that follows two measured scales (what leave-one-out left on MLPerf rows)."""


def _anchored_errors(asked: Sequence[Asked]) -> list[float]:
    """Return for each row the error of the line through the other rows of its layout."""
    by: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for k, a in enumerate(asked):
        assert a.question is not None
        by[_same_layout(a.question), table_of(a.row)].append(k)
    found = [float("nan")] * len(asked)
    for index in by.values():
        at = [(asked[k].question.micro_batches, asked[k].step_s) for k in index]  # type: ignore[union-attr]
        for i, k in enumerate(index):
            others = [p for p in at if p[0] != at[i][0]]
            own = line(others) if len(others) > 1 else None
            if own:
                found[k] = (own[0] * at[i][0] + own[1]) / at[i][1] - 1
    return found


def _left_out_times(questions: Sequence[Question], fold: Callable[[Question], str]) -> Array:
    """Return step times [s] with constants of the fold that a row is in, which never saw it; nan where there is none."""
    index = [k for k, q in enumerate(questions) if fold(q) in folds() and q.software in OWN]
    some = [questions[k] for k in index]
    time = np.full(len(questions), np.nan)
    time[index] = _times(some, [folds()[fold(q)] for q in some])[0]
    return time


def _times(questions: Sequence[Question], with_: Sequence[TrainingEfficiency]) -> tuple[Array, Array]:
    """Return step times [s] and memory [byte], each (row,), with the constants that each row may be answered with."""
    by: dict[TrainingEfficiency, list[int]] = defaultdict(list)
    for k, e in enumerate(with_):
        by[e].append(k)
    time, memory = np.zeros(len(questions)), np.zeros(len(questions))
    for e, index in by.items():
        some = [questions[k] for k in index]
        time[index], memory[index] = answers(groups(some), {q.software: e for q in some}, len(some))
    return time, memory


def _unsupported(why: str) -> Answer:
    nan = float("nan")
    return Answer(nan, nan, nan, nan, nan, nan, f"{UNSUPPORTED}: {why}")


def _answer(q: Question, time_s: float, memory: float) -> Answer:
    _, model = known(q.system, q.model)
    validity = _validity(q)
    low, high = spread(q, extrapolated=validity != INSIDE)
    speed = q.tokens / time_s / q.gpus
    return Answer(
        1e3 * time_s,
        speed,
        speed * model_flops_per_token(model, q.sequence) / 1e12,
        1e3 * time_s * low,
        1e3 * time_s * high,
        memory / 1e9,
        validity,
    )


def _validity(q: Question) -> str:
    """Return whether constants were fitted on this GPU generation and kind of model, else what they were not."""
    seen = fitted_cells()
    mine = cell(q).split(" ", 1)
    plain = mine[1].startswith("gpt:")
    why = []
    if mine[0] not in {c.split(" ", 1)[0] for c in seen}:
        why.append(f"no measured row of {mine[0]} hardware")
    elif (mine[0], q.precision, kind(q)) not in measured():
        why.append(f"no measured row of {mine[0]} hardware in {q.precision} with such a model")
    if not plain and mine[1] not in {c.split(" ", 1)[1] for c in seen}:
        why.append(f"no measured row of {mine[1]}")
    if plain and (mine[0] != "ampere" or q.software == MODERN):
        why.append("plain GPT measured on A100 with software of 2022 only")
    if stands_in(q.model):
        why.append("its mixing layers are taken for others of their size")
    why += q.guesses
    return f"{EXTRAPOLATED}: {'; '.join(why)}" if why else INSIDE


def _asked(row: Mapping[str, str]) -> Asked:
    step, memory = published_step_s(row), published_memory_gib(row)
    try:
        return Asked(row, question(row), "", step, memory)
    except UnsupportedError as error:
        return Asked(row, None, str(error), step, memory)


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.5g}" if np.isfinite(value) else ""


def _layout(q: Question) -> str:
    parts = {"tp": q.tensor, "pp": q.pipeline, "vpp": q.chunks, "cp": q.context, "ep": q.expert, "dp": q.data}
    return (
        " ".join(f"{k}{v}" for k, v in parts.items() if v > 1)
        + f" mb{q.micro_batch}"
        + (" fsdp" if q.fully_sharded else "")
    )


def _row(a: Asked, f: Answer, anchored: float, model_out_s: float, apart_s: float) -> Row:
    q = a.question
    assert q is not None
    experts = known(q.system, q.model)[1].experts > 0
    return Row(
        table_of(a.row),
        q.system,
        q.model,
        experts,
        q.precision,
        q.gpus,
        _layout(q),
        1e3 * a.step_s,
        f,
        f.step_time_ms / 1e3 / a.step_s - 1,
        anchored,
        float(model_out_s) / a.step_s - 1,
        float(apart_s) / a.step_s - 1,
    )


def _memory(a: Asked, f: Answer) -> Memory:
    assert a.question is not None
    ours = f.memory_gb * 1e9 / 2**30
    return Memory(a.question.model, _layout(a.question), a.memory_gib, ours, ours / a.memory_gib - 1)


def _summaries(rows: Sequence[Row]) -> Iterator[Summary]:
    by: dict[str, list[Row]] = defaultdict(list)
    for r in rows:
        of = "stand-ins" if stands_in(r.model) else "experts" if r.experts else "dense"
        by[f"{r.table}, {of}" if r.table == "Megatron-Bridge" else r.table].append(r)
        by[f"GPU {r.gpu}"].append(r)
        by[f"validity: {r.answer.validity.split(':')[0]}"].append(r)
        by["all tables"].append(r)
    for name, some in sorted(by.items()):
        yield _summary(name, some, lambda r: r.error)
        if any(np.isfinite(r.anchored_error) for r in some) and name in ("MLPerf",):
            yield _summary(f"{name}, anchored", some, lambda r: r.anchored_error)
    if any(np.isfinite(r.model_out_error) for r in rows):
        yield _summary("GPU generation with its model left out", rows, lambda r: r.model_out_error)
    for name in sorted({r.gpu for r in rows if np.isfinite(r.left_out_error)}):
        yield _summary(
            f"generation left out, {name}",
            [r for r in rows if r.gpu == name],
            lambda r: r.left_out_error,
        )


def _summary(name: str, rows: Sequence[Row], error: Callable[[Row], float]) -> Summary:
    some = [r for r in rows if np.isfinite(error(r))]
    off = np.array([error(r) for r in some])
    inside = np.array([r.answer.low <= r.step_ms <= r.answer.high for r in some])
    width = np.array([r.answer.high / r.answer.low for r in some])
    size = np.abs(off)
    return Summary(
        name,
        len(some),
        float(np.median(size)),
        float(size.mean()),
        float(np.quantile(size, 0.9)),
        float(np.median(off)),
        float(inside.mean()),
        float(np.median(width)),
    )
