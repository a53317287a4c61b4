"""Phases measured apart: a prompt read, a token written, their power, and the day of a whole service.

Rows state one phase of serving on a known layout. Splitwise's profile (MIT) has prompt, token and whole-request times
of batches that start together, with power over the limit; InferSim (Apache-2.0) and DeepSeek's own day have tokens
per second of prefill and decode workers, whose layout their publications state. No constant is fitted on any of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from gigaplan import catalog
from gigaplan.inference.operators import collectives_s
from gigaplan.inference.step import Stage
from gigaplan.plan.resolve import draw_curve_of
from gigaplan.plan.resolver import meant_in_table
from gigaplan.power.draw import drawn_share
from gigaplan.validation.serving.constants import shipped
from gigaplan.validation.serving.rows import known
from gigaplan.vocabulary.errors import UnsupportedError
from gigaplan.vocabulary.members import Array

MS_PER_S = 1e3
ENGINE = "vllm"
"""The engine whose constants answer: Splitwise's batches ran on an early vLLM."""
CAPPED = "pcap"
SOME_HIDDEN = 0.5
"""Share of what can hide of the exchange that is taken to hide, where a service says that some does: the middle of none
and all [share]."""
HIDDEN = (0.0, SOME_HIDDEN, 1.0)
LARGEST_BATCH = 4096
"""Requests on one group of GPUs up to which the fastest batch is sought."""


@dataclass(frozen=True, slots=True)
class PhaseFigure:
    """The predicted figure of a row in the row's unit, and what its error follows from."""

    predicted: float
    follows: str
    """Which time the figure rises with: ``ttft``, ``tpot``, or neither where it is empty."""
    system: str
    model: str
    precision: str
    engine: str
    disaggregated: bool
    edges: tuple[float, float] | None = None
    """The figure if none and if all of the exchange between GPUs hid behind computing, where a service says that some
    does and not how much."""


def answer(row: Mapping[str, str]) -> PhaseFigure:
    """Return the predicted figure of a row; UnsupportedError says why there is none."""
    metric = row.get("metric") or ""
    if metric in PHASES:
        return _phase(row, metric)
    if "prefill" in metric or "decode" in metric:
        return _worker(row, metric)
    raise UnsupportedError(f"'{metric}' is an input or an outcome of business, not a speed")


def _stage(system: str, model: str, precision: str, gpus: int, engine: str, *, by_requests: bool) -> Stage:
    device, architecture = known(system, model)
    constants, one = shipped(), np.array(1.0)
    return Stage(
        device,
        architecture,
        precision,
        constants.efficiency,
        constants.engines[engine],
        gpus * one,
        one,
        by_requests * one,
    )


def _phase(row: Mapping[str, str], metric: str) -> PhaseFigure:
    if CAPPED in row.get("gpu", "") and metric != "token_time":
        raise UnsupportedError(
            "power-capped rows are the uncapped ones times 1.3 at the source: assumed there, not measured"
        )
    system, model = meant_in_table("system", row.get("gpu") or ""), meant_in_table("model", row.get("model") or "")
    gpus, uncached, output_tokens, batch = (_count(row, k) for k in ("tp", "isl", "osl", "concurrency"))
    if metric.endswith("power") and not float(row.get("value") or "nan") > 0:
        raise UnsupportedError("power was not measured (0)")
    predicted = PHASES[metric](_times(system, model, gpus, uncached, output_tokens, batch))
    follows = {"prompt_time": "ttft", "token_time": "tpot", "e2e_time": "tpot"}.get(metric, "")
    return PhaseFigure(predicted, follows, system, model, "bf16", ENGINE, disaggregated=False)


@catalog.per_catalog
def _times(
    system: str, model: str, gpus: int, uncached: int, output_tokens: int, batch: int
) -> tuple[float, float, float]:
    """Return prompt, token and whole time [ms] of a batch that starts together."""
    stage = _stage(system, model, "bf16", gpus, ENGINE, by_requests=False)
    if float(np.ravel(stage.capacity(np.array(float(uncached + output_tokens)), stage.device.hbm_bytes))[0]) < batch:
        raise UnsupportedError("by the model's count the layout does not hold the model and the batch")
    prefill = together_s(stage, float(uncached), 0.0, float(batch))
    prompt = prefill + float(stage.launch_bound_s()) + stage.engine.first_token_s
    token = float(stage.decode_s(np.array(float(batch)), np.array(uncached + output_tokens / 2)))
    return MS_PER_S * prompt, MS_PER_S * token, MS_PER_S * (prompt + (output_tokens - 1) * token)


def together_s(stage: Stage, uncached: float, cached: float, prompts: float) -> float:
    """Return the time of a stage [s] in which so many prompts are read together.

    Weights are read and kernels launched once for all their tokens; each prompt attends to itself alone.

    Parameters
    ----------
    stage
        The replica; its arrays hold one value.
    uncached
        Uncached input tokens of each prompt [token].
    cached
        Cached input tokens of each prompt [token].
    prompts
        How many are prefilled together.
    """
    one, all_of_them = np.array(uncached), np.array(uncached * prompts)
    core, crossed = (_attention_s(stage, n, np.array(cached)) for n in (one, all_of_them))
    whole = stage.prefill_s(all_of_them, np.array(cached))
    return float(whole - crossed + prompts * core)


def _attention_s(stage: Stage, uncached: Array, cached: Array) -> Array:
    """Return the time of scores and values over a prompt in all layers of a stage [s]."""
    a, e, d = stage.architecture, stage.efficiency, stage.device
    flops = a.prefill_attention_flops(uncached, cached) / stage.gpus
    return stage.layers * flops / (d.arithmetic_flops_per_s("bf16") * e.attention_share)


def _busy(_: tuple[float, float, float]) -> float:
    """Return power over the limit of a busy GPU, by the facts that plans use."""
    return float(drawn_share(1.0, draw_curve_of(catalog.load())))  # type: ignore[arg-type]


PHASES: Mapping[str, Callable[[tuple[float, float, float]], float]] = {
    "prompt_time": lambda t: t[0],
    "token_time": lambda t: t[1],
    "e2e_time": lambda t: t[2],
    "peak_power": _busy,
    "average_power": _busy,
}


def _worker(row: Mapping[str, str], metric: str) -> PhaseFigure:
    system, model = meant_in_table("system", row.get("gpu") or ""), meant_in_table("model", row.get("model") or "")
    if not model.startswith("deepseek"):
        raise UnsupportedError("neither the layout nor the batch is published")
    facts, reads = catalog.load(), "prefill" in metric
    day = "node" in metric
    entity = "deepseek_day" if day else "deepseek_profile"
    kind = "prefill" if reads else "decode"
    gpus = int(facts.find(entity, f"{kind}_worker_gpus").number)
    context = facts.find(entity, "context_tokens").number
    stage = _stage(system, model, "fp8", gpus, "sglang", by_requests=True)
    if reads:
        cached = context * facts.find(entity, "cached_share").number if day else 0.0
        prompts = gpus * facts.find("deepseek_profile", "prefill_tokens_per_gpu").number / context
        step = together_s(stage, context - cached, cached, prompts)
        exchange = float(stage.layers * collectives_s(stage, np.array((context - cached) * prompts / gpus)))
        rates = [prompts * context / float(_overlapped_s(step, exchange, hidden)) for hidden in HIDDEN]
    elif day:
        limit = 1 / facts.find(entity, "tokens_per_s_per_user").number
        rates = [_fastest(stage, context, limit, hidden=hidden) for hidden in HIDDEN]
    else:
        batch = np.array(gpus * facts.find(entity, "requests_per_gpu").number)
        rates = [float(batch / _decode_s(stage, batch, context, hidden=hidden)) for hidden in HIDDEN]
    scale = (facts.find("h800_hgx", "gpus_per_rack").number if day else 1.0) / gpus
    none, predicted, everything = (rate * scale for rate in rates)
    edges = none, everything
    return PhaseFigure(predicted, "tpot", system, model, "fp8", "sglang", disaggregated=True, edges=edges)


def _overlapped_s(whole_s: Array | float, exchange_s: Array | float, hidden: float) -> Array:
    """Return the time of a step of which a share of what can hide of the exchange does: two halves of the batch take
    turns, and what one exchanges hides behind what the other computes, as far as that takes as long (DeepSeek-AI 2025,
    open-infra day 6)."""
    alone = np.maximum(np.asarray(whole_s) - exchange_s, exchange_s)
    return np.asarray(whole_s + hidden * (alone - whole_s))


def _decode_s(stage: Stage, batch: Array, context: float, *, hidden: float) -> Array:
    """Return the time of a decode step [s]."""
    parts = stage.decode(batch, np.array(context))
    return _overlapped_s(parts.total, parts.collectives, hidden)


def _fastest(stage: Stage, context: float, tpot_s: float, *, hidden: float) -> float:
    """Return the tokens per second of the largest batch whose time per token keeps a limit."""
    batch: Array = np.arange(1.0, LARGEST_BATCH) * float(stage.attention_dp)
    step = _decode_s(stage, batch, context, hidden=hidden)
    meets_tpot = step <= tpot_s
    if not meets_tpot.any():
        raise UnsupportedError("no batch is as fast as the service was")
    return float(np.max(batch[meets_tpot] / step[meets_tpot]))


def _count(row: Mapping[str, str], name: str) -> int:
    text = row.get(name) or ""
    if not re.fullmatch(r"\d{1,9}(\.0+)?", text) or float(text) < 1:
        raise UnsupportedError(f"'{name}' is missing or not a positive number")
    return int(float(text))
