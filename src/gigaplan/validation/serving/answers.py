"""Asking the serving model many questions at once, with any set of constants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from gigaplan import catalog
from gigaplan.inference.serving import closed_loop, disaggregated_loop
from gigaplan.inference.step import Stage
from gigaplan.validation.serving.constants import Constants
from gigaplan.validation.serving.rows import Question, known
from gigaplan.vocabulary.members import Array


@cache
def prompts_per_user() -> int:
    """Return how many prompts each user of a benchmark sends; what InferenceX does is taken for all."""
    return int(catalog.load().find("inferencex", "prompts_per_user").number)


@dataclass(frozen=True, slots=True)
class Group:
    """Questions about one system, model, precision, engine and way of serving, as arrays (row,)."""

    first: Question
    index: list[int]
    users: Array
    input_tokens: Array
    output_tokens: Array
    decode: tuple[Array, Array, Array, Array]
    """GPUs of a worker, whether attention is split by requests, workers, GPUs of one request's heads then."""
    prefill: tuple[Array, Array, Array, Array]


def groups(questions: Sequence[Question]) -> list[Group]:
    """Return the questions in groups that are answered in one call each."""
    by: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for k, q in enumerate(questions):
        kind = (q.speculative, q.spread, q.waited_steps, q.prefill is None)
        by[q.system, q.model, q.precision, q.engine, *kind].append(k)
    return [_group([questions[k] for k in index], index) for index in by.values()]


def _group(some: Sequence[Question], index: list[int]) -> Group:
    def column(values: Sequence[float]) -> Array:
        return np.array(values, dtype=float)

    decode, prefill = (
        tuple(column([getattr(w, n) for w in workers]) for n in ("gpus", "by_requests", "count", "tensor"))
        for workers in ([q.decode for q in some], [q.prefill or q.decode for q in some])
    )
    users, input_tokens, output_tokens = (
        column([getattr(q, n) for q in some]) for n in ("concurrency", "input_tokens", "output_tokens")
    )
    return Group(some[0], index, users, input_tokens, output_tokens, decode, prefill)  # type: ignore[arg-type]


def answers(grouped: Sequence[Group], constants: Constants, count: int) -> tuple[Array, Array]:
    """Return time to first token and time per token [s] of each question, each (row,).

    Parameters
    ----------
    grouped
        Questions in groups.
    constants
        Constants that answer them.
    count
        Questions in all.
    """
    ttft, tpot = np.zeros(count), np.zeros(count)
    for g in grouped:
        ttft[g.index], tpot[g.index] = _question_of(g, constants)
    return ttft, tpot


def _question_of(g: Group, constants: Constants) -> tuple[Array, Array]:
    q = g.first
    device, architecture = known(q.system, q.model)
    engine = constants.engines[q.engine]

    def stage(worker: tuple[Array, Array, Array, Array]) -> Stage:
        gpus, by_requests, _, tensor = worker
        return Stage(
            device,
            architecture,
            q.precision,
            constants.efficiency,
            engine,
            gpus,
            np.ones_like(gpus),
            by_requests,
            tensor,
            q.speculative,
        )

    if q.prefill is None:
        return closed_loop(
            stage(g.decode),
            g.users,
            g.input_tokens,
            g.output_tokens,
            prompts=prompts_per_user(),
            spread=q.spread,
            waited_steps=q.waited_steps,
        )
    prefill_workers, decode_workers = (np.maximum(worker[2], 1.0) for worker in (g.prefill, g.decode))
    return disaggregated_loop(
        stage(g.prefill),
        prefill_workers,
        stage(g.decode),
        decode_workers,
        g.users,
        g.input_tokens,
        g.output_tokens,
        max(device.scaleout_bandwidth_bytes_per_s, device.scaleup_bandwidth_bytes_per_s / 10, 1e9),
        prompts=prompts_per_user(),
    )
