"""Throughput: predicted tokens per second for rows that state a system, a model and how it is loaded.

Rows have the columns of ``inference_throughput.csv`` (:mod:`gigaplan.validation.serving.loads`). No constant is
fitted on them; an interval is the spread of errors on rows of their kind.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gigaplan import catalog
from gigaplan.accuracy import serving as accuracy
from gigaplan.accuracy.validity import unsupported
from gigaplan.accuracy.validity import validity as validity_of
from gigaplan.catalog.names import generation
from gigaplan.inference.serving import queue_requests_per_s, steady_state
from gigaplan.inference.step import Stage
from gigaplan.plan.resolve.drafts import drafts_of
from gigaplan.validation.serving import mlperf
from gigaplan.validation.serving.constants import shipped
from gigaplan.validation.serving.loads import Load, load_of
from gigaplan.validation.serving.own_rows import model_answered
from gigaplan.validation.serving.rows import known
from gigaplan.validation.serving.throughput_residuals import kind_of, spread
from gigaplan.vocabulary.errors import UnsupportedError
from gigaplan.vocabulary.members import Array

COLUMNS = ("gpu", "n_gpus", "model", "metric")

FURTHER = ("memory_gb", "model_answered", "assumed")
ANSWER_COLUMNS = ("output_tokens_per_s_per_gpu", "low", "high", "ttft_ms", "tpot_ms", "validity", *FURTHER)

MOST_IN_FLIGHT = 2048.0
"""Requests that TensorRT-LLM's benchmark runs at once at most, by its default."""


MOST_DRAFTS_TRIED = 3
"""Drafts of each step that submissions with speculative decoding use at most."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The prediction [output tokens/s/GPU] with its 80 % interval; nan where there is none, and why."""

    per_gpu: float
    low: float
    high: float
    ttft_ms: float
    tpot_ms: float
    validity: str
    memory_gb: float = math.nan
    """Weights, keys and values on one GPU [GB]; nan where the layout is the submitter's."""
    model_answered: str = ""
    assumed: str = ""


def is_throughput(columns: Sequence[str]) -> bool:
    """Return whether a table has the columns of inference_throughput.csv."""
    return set(COLUMNS) <= set(columns)


@catalog.per_catalog
def answer(load: Load) -> tuple[float, float, float, float]:
    """Return output tokens per second and GPU, the times to first token and per token [s], and the memory of one GPU
    [byte], nan where the layout isn't stated.

    Raises
    ------
    UnsupportedError
        If the load can't run.
    """
    if load in _ready():
        return _ready()[load]
    if load.layout is None:
        device, architecture = known(load.system, load.model)
        constants = shipped()
        engine = constants.engines[load.engine]
        found = mlperf.best_rate(
            device,
            architecture,
            load.precision,
            load.request,
            (constants.efficiency, engine),
            load.gpus,
            mlperf.percentile_of(load.model, load.kind),
            model=load.model,
            most_drafts=MOST_DRAFTS_TRIED if load.drafts else 0,
        )
        return *found, math.nan
    return _saturated([load])[0]


def answer_all(loads: Sequence[Load]) -> None:
    """Answer saturated rows in one call for each system and model, so that :func:`tokens` finds them ready."""
    by: dict[tuple[str, ...], list[Load]] = defaultdict(list)
    for load in dict.fromkeys(loads):
        if load.layout is not None:
            by[
                load.system, load.model, load.precision, load.engine, f"{load.number_of_drafts} {load.accepted_tokens}"
            ].append(load)
    for some in by.values():
        _ready().update(zip(some, _saturated(some), strict=True))


@catalog.per_catalog
def _ready() -> dict[Load, tuple[float, float, float, float]]:
    """Return the answers that are ready, of the catalog in use: one of the user's own may be another under its name."""
    return {}


def _saturated(loads: Sequence[Load]) -> list[tuple[float, float, float, float]]:
    """Return the answers of rows on one system with one model; nan where not one request fits."""
    first, constants = loads[0], shipped()
    device, architecture = known(first.system, first.model)

    def column(values: Iterable[float]) -> Array:
        return np.array(list(values), dtype=float)

    gpus, stages, by_requests = (column(load.layout[k] for load in loads if load.layout) for k in range(3))
    uncached, output_tokens = (
        column(getattr(load.request, n) for load in loads) for n in ("uncached_input_tokens", "output_tokens")
    )
    engine = constants.engines[first.engine]
    tensor = column(load.tensor for load in loads)
    stage = Stage(
        device,
        architecture,
        first.precision,
        constants.efficiency,
        engine,
        gpus,
        stages,
        by_requests,
        tensor,
        drafts_of(catalog.load(), first.model, first.number_of_drafts, first.accepted_tokens),
    )
    context = uncached + output_tokens
    fits = stage.capacity(context, stage.free_bytes)
    batch = np.minimum(np.maximum(fits, 1.0), MOST_IN_FLIGHT / stages * np.where(by_requests > 0, gpus, 1.0))
    cached = np.zeros_like(uncached)
    service = steady_state(stage, batch, uncached, cached, output_tokens)
    queued = column(load.queued for load in loads)
    rate = queue_requests_per_s(stage, batch, queued, uncached, cached, output_tokens)
    rate = np.where(fits >= 1, rate * output_tokens / (gpus * stages), math.nan)
    memory = stage.weight_bytes() + stage.cache_bytes(context, batch)
    columns = (rate, service.ttft_s, service.tpot_s, memory)
    return list(zip(*(c.tolist() for c in columns), strict=True))


def tokens(row: Mapping[str, str], *, out_of_sample: bool = False) -> Tokens:
    """Return the prediction for a row; a ``out_of_sample`` one's interval never saw an error of its own system.

    Parameters
    ----------
    row
        A row of the table, by column.
    out_of_sample
        Whether the interval may not rest on errors of the row's own system.
    """
    nan = math.nan
    try:
        load = load_of(row)
        rate, ttft, tpot, memory = answer(load)
        if not (math.isfinite(rate) and rate > 0 and math.isfinite(tpot)):
            raise UnsupportedError("by the model's count the layout does not hold the model and one request")
    except (ValueError, ArithmeticError, LookupError) as error:  # odd cells too, whatever is odd about them
        why = str(error) if isinstance(error, UnsupportedError) else f"a cell can't be read ({error})"
        return Tokens(nan, nan, nan, nan, nan, unsupported(why), model_answered=model_answered(row))
    new_hardware = _generation_is_new(load.system)
    if out_of_sample:
        error_of = spread(load, without=load.system, new_hardware=new_hardware)
    else:
        error_of = accuracy.throughput_interval(kind=kind_of(load), new_hardware=new_hardware)
    tokens_per_s = error_of.of(rate)
    if not tokens_per_s.low <= rate <= tokens_per_s.high < math.inf:
        why = unsupported("the models give no finite interval here")
        return Tokens(nan, nan, nan, nan, nan, why, model_answered=load.model)
    return Tokens(
        rate,
        tokens_per_s.low,
        tokens_per_s.high,
        ttft * 1e3,
        tpot * 1e3,
        validity_of(_new(load)),
        memory / 1e9,
        load.model,
        "; ".join(load.assumed),
    )


def _new(load: Load) -> list[str]:
    """Return what is new about a row to the constants that answer it."""
    found = []
    if _generation_is_new(load.system):
        found.append(f"no measured row of {generation(load.system)} hardware")
    if load.layout is None and mlperf.lengths_are_guessed(load.model):
        found.append("the length of its prompts is not published")
    if load.mixed:
        found.append("GPUs of two kinds, all taken as the first")
    return found


def _generation_is_new(system: str) -> bool:
    return generation(system) not in accuracy.measured_generations()
