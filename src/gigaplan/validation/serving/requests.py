"""Runs of a serving engine, request by request: measured percentiles compared with those of the same requests replayed.

The rows are timestamps of vLLM (LLMServingSim's measured runs, MIT): when a request came, its first token and its
last. Arrivals and lengths are replayed (:mod:`gigaplan.inference.requests`) with the step times of the serving model.
No constant is fitted on these runs.

Errors of step times and of the simulation are shown apart: with :func:`level_points` steps are as long as the first
third of a run's requests says, by one factor, and the other two thirds are compared. What is left is the error of the
simulation: of the queue, the batch and the memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from gigaplan.accuracy import serving as accuracy
from gigaplan.accuracy.validity import unsupported
from gigaplan.catalog.names import generation
from gigaplan.inference.levelled import at_level
from gigaplan.inference.requests.limits import Limits
from gigaplan.inference.requests.replay import RequestTimes, replay
from gigaplan.inference.step import Stage
from gigaplan.inference.step_times import StageStepTimes, kv_cache_tokens
from gigaplan.plan.names import family
from gigaplan.plan.resolver import meant_in_table
from gigaplan.validation.published import Point
from gigaplan.validation.serving.constants import shipped
from gigaplan.validation.serving.published_rows import WIDER
from gigaplan.validation.serving.rows import known
from gigaplan.vocabulary.errors import UnsupportedError
from gigaplan.vocabulary.members import Array

COLUMNS = ("gpu", "model", "tp", "max_num_seqs", "max_num_batched_tokens", "input_toks", "output_toks", "queued_ts")
RUN = ("gpu", "model", "tp", "dp", "max_num_seqs", "max_num_batched_tokens", "dtype")
PERCENTILES = {"mean": None, "median": 50.0, "p90": 90.0, "p99": 99.0}
"""Statistics of a run, and the percentile that each is."""
ENGINE = "vllm"
LEVEL_SHARE = 1 / 3
"""Share of a run's requests, the first ones, from which its level is measured."""
LEVEL_STEPS = 5
"""Times that the level is corrected: what is left of its error falls tenfold each time."""


def points(rows: Sequence[Mapping[str, str]]) -> list[Point]:
    """Return percentiles of each run in a table, as measured and as replayed."""
    return [p for some in _runs(rows) for p in _run(some)]


def level_points(rows: Sequence[Mapping[str, str]]) -> list[Point]:
    """Return the same of the later requests of each run, with steps at the level that its first ones measure."""
    return [p for some in _runs(rows) for p in _run(some, levelled=True)]


def _runs(rows: Sequence[Mapping[str, str]]) -> list[list[Mapping[str, str]]]:
    """Return the rows of each run."""
    runs: dict[tuple[str, ...], list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        runs[tuple(row.get(k) or "" for k in RUN)].append(row)
    return list(runs.values())


def _run(rows: Sequence[Mapping[str, str]], *, levelled: bool = False) -> list[Point]:
    row, nan = rows[0], float("nan")
    try:
        system, model = meant_in_table("system", row["gpu"]), meant_in_table("model", row["model"])
        precision = WIDER.get((row.get("dtype") or "").lower(), "bf16")
        measured = _measured(rows)
        if levelled:
            measured, replayed = _at_level(rows, measured, (system, model, precision))
        else:
            replayed = _replayed(rows, system, model, precision)
    except (ValueError, ArithmeticError, LookupError) as error:
        why = str(error) if isinstance(error, UnsupportedError) else f"a cell can't be read ({error})"
        place = (row.get("gpu") or "", row.get("model") or "", "", ENGINE)
        return [Point("one run", *place, "s", nan, nan, nan, nan, unsupported(why))]
    of_run = accuracy.reach(
        generation=generation(system),
        family=family(model),
        active_parameters=known(system, model)[1].active_parameters,
        input_over_output=float(_column(rows, "input_toks").sum() / max(_column(rows, "output_toks").sum(), 1.0)),
    )
    experts = known(system, model)[1].experts > 0
    error_of = accuracy.interval(kind=accuracy.kind(engine=ENGINE, experts=experts, disaggregated=False), reach=of_run)
    found = []
    for name, interval in (("ttft", error_of.ttft), ("tpot", error_of.tpot), ("latency", error_of.latency)):
        for word, q in PERCENTILES.items():
            x, y = (
                float(v.mean() if q is None else np.percentile(v, q))
                for v in (getattr(measured, name), getattr(replayed, name))
            )
            f = interval.of(y)
            found.append(
                Point(f"{name} {word}", system, model, precision, ENGINE, "s", x, y, f.low, f.high, of_run.validity)
            )
    return found


def _column(rows: Sequence[Mapping[str, str]], name: str) -> Array:
    return np.array([float(r[name]) for r in rows])


def _measured(rows: Sequence[Mapping[str, str]]) -> RequestTimes:
    """Return what each request of a run saw, as measured."""
    queued, first, last = (_column(rows, k) for k in ("queued_ts", "first_token_ts", "last_token_ts"))
    if not np.isfinite([queued, first, last]).all():
        raise UnsupportedError("times must be finite")
    return RequestTimes(first - queued, (last - first) / np.maximum(_column(rows, "output_toks") - 1, 1), last - queued)


def _at_level(
    rows: Sequence[Mapping[str, str]], measured: RequestTimes, names: tuple[str, str, str]
) -> tuple[RequestTimes, RequestTimes]:
    """Return what the later requests of a run saw, and see when steps are at the level of the first ones."""
    order = np.argsort(_column(rows, "queued_ts"), kind="stable")
    cut = max(int(len(order) * LEVEL_SHARE), 1)
    first, later = order[:cut], order[cut:]
    if not len(later):
        raise UnsupportedError("a run of one request has no later ones")
    level = 1.0
    for _ in range(LEVEL_STEPS):
        replayed = _replayed(rows, *names, level)
        level *= float(measured.tpot[first].mean() / replayed.tpot[first].mean())
    replayed = _replayed(rows, *names, level)
    parts = ((t.ttft[later], t.tpot[later], t.latency[later]) for t in (measured, replayed))
    found = [RequestTimes(*part) for part in parts]
    return found[0], found[1]


def _replayed(
    rows: Sequence[Mapping[str, str]], system: str, model: str, precision: str, level: float = 1.0
) -> RequestTimes:
    """Return what each request of a run sees when it is replayed; replicas take requests in turn."""
    row = rows[0]
    stage = _stage(row, system, model, precision, level)
    inputs, outputs, queued = (_column(rows, k) for k in ("input_toks", "output_toks", "queued_ts"))
    limits = Limits(
        max_sequences=int(float(row["max_num_seqs"])),
        max_batched_tokens=int(float(row["max_num_batched_tokens"])),
        kv_cache_tokens=kv_cache_tokens(stage),
    )
    counts = min(limits.max_sequences, limits.max_batched_tokens, float(inputs.min()), float(outputs.min()))
    if not counts >= 1:
        raise UnsupportedError("tokens, sequences and the budget of a step must be at least one")
    found = RequestTimes(*(np.zeros(len(rows)) for _ in range(3)))
    replicas = int(float(row.get("dp") or 1))
    for k in range(replicas):
        own = np.argsort(queued, kind="stable")[k::replicas]
        front_end_s = stage.engine.frontend_overhead_s(inputs[own])
        times = replay(queued[own], inputs[own], outputs[own], StageStepTimes(stage), limits, front_end_s)
        for whole, part in ((found.ttft, times.ttft), (found.tpot, times.tpot), (found.latency, times.latency)):
            whole[own] = part
    return found


def _stage(row: Mapping[str, str], system: str, model: str, precision: str, level: float) -> Stage:
    """Return one replica of a run, whose steps take ``level`` times as long as the constants say."""
    device, architecture = known(system, model)
    constants, one = shipped(), np.array(1.0)
    gpus = int(float(row.get("tp") or 1)) * one
    constants_at = at_level(constants.efficiency, constants.engines[ENGINE], level)
    return Stage(device, architecture, precision, *constants_at, gpus, one, 0.0 * one)
