"""Asking the serving model many questions at once, with any set of constants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np

from gigaplan import catalog
from gigaplan.inference.inputs import Drafts
from gigaplan.inference.serving import closed_loop, disaggregated_loop, requests_in_flight, requests_on_stage
from gigaplan.inference.shares import TokenShares, token_shares
from gigaplan.inference.step import Stage
from gigaplan.plan.resolve.drafts import drafts_of
from gigaplan.validation.serving.constants import Constants
from gigaplan.validation.serving.rows import Question, known
from gigaplan.vocabulary.members import Array


@cache
def prompts_per_user(harness: str = "inferencex") -> int:
    """Return how many prompts each user of a benchmark sends; what InferenceX does is taken for all unknown ones.

    Parameters
    ----------
    harness
        The catalog's name of who ran it.
    """
    return int(catalog.load().find(harness, "prompts_per_user").number)


@dataclass(frozen=True, slots=True)
class Workers:
    """One kind of worker of many questions, as arrays (row,); see :class:`~gigaplan.validation.serving.rows.Worker`."""

    gpus: Array
    by_requests: Array
    count: Array
    tensor: Array
    pipeline: Array


@dataclass(frozen=True, slots=True)
class Group:
    """Questions about one system, model, precision, engine and way of serving, as arrays (row,)."""

    first: Question
    index: list[int]
    users: Array
    input_tokens: Array
    output_tokens: Array
    decode: Workers
    prefill: Workers


def groups(questions: Sequence[Question]) -> list[Group]:
    """Return the questions in groups that are answered in one call each."""
    by: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for k, q in enumerate(questions):
        kind = (q.drafts, q.accepted_tokens, q.spread, q.harness, q.prompts, q.prefill is None)
        by[q.system, q.model, q.precision, q.engine, *kind].append(k)
    return [_group([questions[k] for k in index], index) for index in by.values()]


def _group(some: Sequence[Question], index: list[int]) -> Group:
    def column(values: Sequence[float]) -> Array:
        return np.array(values, dtype=float)

    decode, prefill = (
        Workers(*(column([getattr(w, f.name) for w in workers]) for f in fields(Workers)))
        for workers in ([q.decode for q in some], [q.prefill or q.decode for q in some])
    )
    users, input_tokens, output_tokens = (
        column([getattr(q, n) for q in some]) for n in ("users", "input_tokens", "output_tokens")
    )
    return Group(some[0], index, users, input_tokens, output_tokens, decode, prefill)


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


def shares(grouped: Sequence[Group], constants: Constants, tpot_s: Array) -> TokenShares:
    """Return what the time per token of each question is made of, arrays (row,).

    Parameters
    ----------
    grouped
        Questions in groups.
    constants
        Constants that answer them.
    tpot_s
        Time per output token of each question [s]; shape (row,).
    """
    found = TokenShares(np.zeros_like(tpot_s), np.zeros_like(tpot_s))
    for g in grouped:
        stage, context = _stage(g, g.decode, constants), g.input_tokens + g.output_tokens / 2
        if g.first.prefill is None:
            running = requests_in_flight(stage, g.users, g.input_tokens, g.output_tokens, g.first.harness)
        else:  # as if no request were still being read, which is nearly so
            running = np.maximum(g.users / np.maximum(g.decode.count, 1.0), 1.0)
        of = token_shares(stage, requests_on_stage(stage, running), context, tpot_s[g.index])
        # Workers that decode alone read no prompts, whatever else takes their time.
        found.reading[g.index] = of.reading if g.first.prefill is None else 0.0
        found.launches[g.index] = of.launches
    return found


def memory_bytes(grouped: Sequence[Group], constants: Constants, count: int) -> Array:
    """Return what one decoding GPU holds of weights, keys and values for each question [byte], shape (row,).

    Parameters
    ----------
    grouped
        Questions in groups.
    constants
        Constants that answer them.
    count
        Questions in all.
    """
    found = np.zeros(count)
    for g in grouped:
        stage, context = _stage(g, g.decode, constants), g.input_tokens + g.output_tokens
        users = g.users if g.first.prefill is None else np.maximum(g.users / np.maximum(g.decode.count, 1.0), 1.0)
        running = requests_in_flight(stage, users, g.input_tokens, g.output_tokens, g.first.harness)
        on_stage = running / g.decode.pipeline
        found[g.index] = stage.weight_bytes() + stage.cache_bytes(context, on_stage)
    return found


def _stage(g: Group, worker: Workers, constants: Constants) -> Stage:
    q = g.first
    device, architecture = known(q.system, q.model)
    return Stage(
        device,
        architecture,
        q.precision,
        constants.efficiency,
        constants.engines[q.engine],
        worker.gpus,
        worker.pipeline,
        worker.by_requests,
        worker.tensor,
        drafts_for(q, constants),
    )


def drafts_for(q: Question, constants: Constants) -> Drafts:
    """Return a question's drafts: accepted as the row states it, else as random prompts of benchmarks accept them.

    Parameters
    ----------
    q
        The question of a row.
    constants
        Constants that answer it.
    """
    found = drafts_of(catalog.load(), q.model, q.drafts, q.accepted_tokens)
    if not q.drafts or q.accepted_tokens:
        return found
    accepted = 1 + constants.efficiency.accepted_share * (found.accepted_tokens - 1)
    return replace(found, accepted_tokens=min(accepted, 1.0 + q.drafts))


def _question_of(g: Group, constants: Constants) -> tuple[Array, Array]:
    q = g.first
    device, _ = known(q.system, q.model)
    if q.prefill is None:
        return closed_loop(
            _stage(g, g.decode, constants),
            g.users,
            g.input_tokens,
            g.output_tokens,
            prompts=q.prompts or prompts_per_user(),
            spread=q.spread,
            harness=q.harness,
        )
    prefill_workers, decode_workers = (np.maximum(workers.count, 1.0) for workers in (g.prefill, g.decode))
    return disaggregated_loop(
        _stage(g, g.prefill, constants),
        prefill_workers,
        _stage(g, g.decode, constants),
        decode_workers,
        g.users,
        g.input_tokens,
        g.output_tokens,
        max(device.scaleout_bandwidth_bytes_per_s, device.scaleup_bandwidth_bytes_per_s / 10, 1e9),
        prompts=q.prompts or prompts_per_user(),
        harness=q.harness,
    )
