"""Runs of a serving engine, request by request: ours is the same stream of requests through a continuous batch.

The rows are timestamps of vLLM (LLMServingSim's measured runs, MIT): when a request came, its first token and its last. Ours
replays arrivals and lengths with the step times of the serving model: each step decodes all that run and reads what is left
of the token budget (chunked prefill: Agrawal et al. 2023); a request waits while sequences or memory are short, and the
last one gives way when memory runs out (Kwon et al. 2023). No constant is fitted on these runs.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gigaplan.inference.serving import added_prefill_s
from gigaplan.inference.step import Stage
from gigaplan.validation.published import Point
from gigaplan.validation.serving.answers import shipped
from gigaplan.validation.serving.fit import spreads
from gigaplan.validation.serving.names import UnsupportedError, model_name, system_of
from gigaplan.validation.serving.rows import WIDER, Question, Worker, known
from gigaplan.validation.serving.validate import INSIDE, _validity
from gigaplan.vocabulary.members import Array

COLUMNS = ("gpu", "model", "tp", "max_num_seqs", "max_num_batched_tokens", "input_toks", "output_toks", "queued_ts")
RUN = ("gpu", "model", "tp", "dp", "max_num_seqs", "max_num_batched_tokens", "dtype")
PERCENTILES = {"mean": None, "median": 50.0, "p90": 90.0, "p99": 99.0}
GRID = 24
"""Places on each axis of the table of step times."""
ENGINE = "vllm"


@dataclass(frozen=True, slots=True)
class Times:
    """What each request saw [s]; all (request,)."""

    ttft: Array
    tpot: Array
    latency: Array


@dataclass(slots=True)
class _Steps:
    """Step times [s] tabulated once, since a run takes thousands of them."""

    stage: Stage
    sequences: int
    tokens: int
    longest: float
    batches: Array = field(init=False)
    contexts: Array = field(init=False)
    prompts: Array = field(init=False)
    decode: Array = field(init=False)
    reading: Array = field(init=False)
    alone: Array = field(init=False)

    def __post_init__(self) -> None:
        self.batches = np.unique(np.round(np.geomspace(1, self.sequences, GRID)))
        self.contexts = np.linspace(1, self.longest, GRID)
        self.prompts = np.geomspace(1, self.tokens, GRID)
        b, c = np.meshgrid(self.batches, self.contexts, indexing="ij")
        self.decode = np.asarray(self.stage.decode_s(b, c))
        b, f = np.meshgrid(self.batches, self.prompts, indexing="ij")
        middle = np.full_like(b, self.longest / 2)
        self.reading = added_prefill_s(self.stage, b, middle, f, np.zeros_like(f))
        self.alone = np.ravel(self.stage.prefill_s(self.prompts, np.zeros_like(self.prompts)))

    def of(self, batch: int, context: float, fresh: int) -> float:
        """Return the time of a step that decodes ``batch`` requests at a mean context and reads ``fresh`` tokens."""
        if not batch:
            return float(np.interp(fresh, self.prompts, self.alone)) if fresh else 0.0
        writing = _look(self.batches, self.contexts, self.decode, batch, context)
        return writing + (_look(self.batches, self.prompts, self.reading, batch, fresh) if fresh else 0.0)


def _look(xs: Array, ys: Array, table: Array, x: float, y: float) -> float:
    """Return the table at a place, by straight lines between its neighbours."""
    i, j = (min(max(int(np.searchsorted(a, v)), 1), len(a) - 1) for a, v in ((xs, x), (ys, y)))
    u, v = (min(max((w - a[k - 1]) / (a[k] - a[k - 1]), 0.0), 1.0) for a, k, w in ((xs, i, x), (ys, j, y)))
    low, high = (table[k, j - 1] * (1 - v) + table[k, j] * v for k in (i - 1, i))
    return float(low * (1 - u) + high * u)


def replay(stage: Stage, arrival: Array, prompt: Array, answer: Array, *, sequences: int, budget: int) -> Times:
    """Return what requests see that come at ``arrival`` [s] with so many tokens to read and to write.

    Parameters
    ----------
    stage
        One replica; its arrays hold one value.
    sequences, budget
        Requests that run at once at most, and tokens of one step.

    Raises
    ------
    UnsupportedError
        If a request alone does not fit the memory.
    """
    steps = _Steps(stage, sequences, budget, float((prompt + answer).max()))
    room = stage.device.hbm_bytes * (1 - stage.efficiency.memory_reserve_share)
    one = 1024.0
    tokens = float(np.ravel(stage.capacity(np.array(one), room))[0]) * one
    if tokens < (prompt + answer).max():
        raise UnsupportedError(
            f"memory holds {tokens:,.0f} tokens, the longest request takes {(prompt + answer).max():,.0f}"
        )
    count = len(arrival)
    order = np.argsort(arrival, kind="stable")
    coming, waiting, running = deque(order.tolist()), deque[int](), list[int]()
    left, held, made = prompt.astype(float).copy(), np.zeros(count), np.zeros(count)
    first, last = np.full(count, np.nan), np.full(count, np.nan)
    now = float(arrival.min())
    while coming or waiting or running:
        while coming and arrival[coming[0]] <= now:
            waiting.append(coming.popleft())
        if not waiting and not running:
            now = float(arrival[coming[0]])
            continue
        writing = [k for k in running if left[k] <= 0]
        while writing and held.sum() + len(writing) > tokens and len(running) > 1:  # the last to come gives way
            k = running.pop()
            writing = [i for i in writing if i != k]
            left[k], held[k] = prompt[k] + made[k], 0.0
            waiting.appendleft(k)
        free, fresh = float(max(budget - len(writing), 0)), 0.0
        for k in [i for i in running if left[i] > 0]:
            chunk = min(left[k], free)
            left[k] -= chunk
            held[k] += chunk
            free, fresh = free - chunk, fresh + chunk
        while (
            waiting and free > 0 and len(running) < sequences and held.sum() + left[waiting[0]] + len(running) <= tokens
        ):
            k = waiting.popleft()
            running.append(k)
            chunk = min(left[k], free)
            left[k] -= chunk
            held[k] += chunk
            free, fresh = free - chunk, fresh + chunk
        context = float(held[writing].mean()) if writing else 0.0
        now += steps.of(len(writing), context, int(fresh))
        for k in [i for i in running if left[i] <= 0]:
            made[k] += 1
            held[k] += 1
            if np.isnan(first[k]):
                first[k] = now
            if made[k] >= answer[k]:
                last[k], held[k] = now, 0.0
                running.remove(k)
    start = stage.engine.frontend_overhead_s(prompt)
    return Times(first - arrival + start, (last - first) / np.maximum(answer - 1, 1), last - arrival + start)


def points(rows: Sequence[Mapping[str, str]]) -> list[Point]:
    """Return percentiles of each run in a table, as measured and as replayed."""
    runs: dict[tuple[str, ...], list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        runs[tuple(row.get(k) or "" for k in RUN)].append(row)
    return [p for some in runs.values() for p in _run(some)]


def _run(rows: Sequence[Mapping[str, str]]) -> list[Point]:
    row = rows[0]
    try:
        measured, ours, question = _both(rows)
    except (ValueError, ArithmeticError, LookupError) as error:
        nan = float("nan")
        why = str(error) if isinstance(error, UnsupportedError) else f"a cell can't be read ({error})"
        return [
            Point(
                "one run",
                row.get("gpu") or "",
                row.get("model") or "",
                "",
                ENGINE,
                "s",
                nan,
                nan,
                nan,
                nan,
                f"unsupported: {why}",
            )
        ]
    validity = _validity(question)
    waits, each = spreads(question, extrapolated=validity != INSIDE)
    found = []
    for name, (low, high) in (("ttft", waits), ("tpot", each), ("latency", each)):
        for word, q in PERCENTILES.items():
            x, y = (
                float(v.mean() if q is None else np.percentile(v, q))
                for v in (getattr(measured, name), getattr(ours, name))
            )
            place = (question.system, question.model, question.precision, ENGINE)
            found.append(Point(f"{name} {word}", *place, "s", x, y, y * min(low, 1.0), y * max(high, 1.0), validity))
    return found


def _both(rows: Sequence[Mapping[str, str]]) -> tuple[Times, Times, Question]:
    row = rows[0]
    system, model = system_of(row["gpu"]), model_name(row["model"])
    device, architecture = known(system, model)
    precision = WIDER.get((row.get("dtype") or "").lower(), "bf16")
    gpus, replicas = (int(float(row.get(k) or 1)) for k in ("tp", "dp"))
    constants, one = shipped(), np.array(1.0)
    stage = Stage(
        device, architecture, precision, constants.efficiency, constants.engines[ENGINE], gpus * one, one, 0.0 * one
    )
    prompt, answer, queued, first, last = (
        np.array([float(r[k]) for r in rows])
        for k in ("input_toks", "output_toks", "queued_ts", "first_token_ts", "last_token_ts")
    )
    limits = {"sequences": int(float(row["max_num_seqs"])), "budget": int(float(row["max_num_batched_tokens"]))}
    if not (
        np.isfinite([queued, first, last]).all()
        and (prompt >= 1).all()
        and (answer >= 1).all()
        and min(limits.values()) >= 1
    ):
        raise UnsupportedError("times must be finite, and tokens, sequences and the budget of a step at least one")
    ours = Times(*(np.zeros(len(rows)) for _ in range(3)))
    for k in range(replicas):  # copies take requests in turn
        mine = np.argsort(queued, kind="stable")[k::replicas]
        times = replay(stage, queued[mine], prompt[mine], answer[mine], **limits)
        for whole, part in ((ours.ttft, times.ttft), (ours.tpot, times.tpot), (ours.latency, times.latency)):
            whole[mine] = part
    measured = Times(first - queued, (last - first) / np.maximum(answer - 1, 1), last - queued)
    question = Question(
        system=system,
        model=model,
        precision=precision,
        engine=ENGINE,
        speculative=False,
        decode=Worker(gpus, False),
        prefill=None,
        fresh=float(prompt.mean()),
        generated=float(answer.mean()),
        concurrency=1.0,
        spread=1.0,
        waited_steps=0.0,
        guesses=(),
    )
    return measured, ours, question
