"""Rows of throughput: the system, the model and how it is loaded, as a table states them.

*Saturated* rows have all requests queued at once on a stated layout; *MLPerf* rows a layout that is the submitter's
(:mod:`gigaplan.validation.serving.mlperf`).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from gigaplan import catalog
from gigaplan.catalog.names import of_two_kinds
from gigaplan.inference.inputs import Request
from gigaplan.inference.options import ENGINES, PRECISIONS
from gigaplan.measurements.cells import PRECISIONS as PRECISION_WORDS
from gigaplan.measurements.cells import Cells
from gigaplan.plan.resolver import meant_in_table
from gigaplan.validation.published_tables import serving_table
from gigaplan.validation.serving import mlperf, own_rows
from gigaplan.validation.serving.mlperf import FOREVER_S, SCENARIOS
from gigaplan.validation.serving.published_rows import WIDER
from gigaplan.validation.serving.rows import known
from gigaplan.vocabulary.errors import UnsupportedError

SAMPLES = ("sample", "queries")
"""Units of results that count whole answers."""
SATURATED = "saturated"
ENGINE_WORDS = (("trtllm", "tensorrt"), ("trtllm", "trtllm"), ("sglang", "sglang"), ("vllm", "vllm"))
"""Engines, and words in a table that mean each."""

VENDORS = ("nvidia", "other")


@dataclass(frozen=True, slots=True)
class Load:
    """The question of a row: a system and model, its layout or None for the best, lengths and limits."""

    kind: str
    """``saturated`` or one of ``SCENARIOS``."""
    engine: str
    first_round: bool
    """Whether it is MLPerf's first round with this model."""
    drafts: bool
    """Whether speculative decoding is allowed."""
    mixed: bool
    """Whether GPUs of two kinds are named, of which the first is taken."""
    system: str
    model: str
    precision: str
    gpus: int
    layout: tuple[int, int, bool] | None
    """GPUs of a stage, stages, whether attention is split by requests."""
    request: Request
    per_gpu: bool
    """Whether the row's value counts one GPU."""
    tensor: int = 1
    """GPUs over which one request's heads lie where attention is split by requests."""
    assumed: tuple[str, ...] = ()
    """What stands for cells that a user's row leaves empty."""
    number_of_drafts: int = 0
    """Tokens drafted for each step, of rows with a stated layout."""
    accepted_tokens: float = 0.0
    """Tokens that a step with drafts yields, as the row states it; 0: as published."""
    gpu_w: float = 0.0
    """Power limit of one GPU as the row states it [W]; 0 for the rated power."""
    queued: float = math.inf
    """Requests that wait at once; infinite where the queue never ends [requests]."""


def load_of(row: Mapping[str, str]) -> Load:
    """Return the question of a row; UnsupportedError says why it can't be answered."""
    given = row
    if mlperf.is_facts(tuple(row)) and "metric" not in row:
        row = mlperf.as_result(row)
    metric = (row.get("metric") or "").lower()
    scenario = _scenario(row, metric)
    own = not (serving_table(row) or mlperf.is_facts(tuple(given)))
    if own and not scenario:
        return _own_saturated(row, metric)
    cells = Cells(row)
    if own:
        _check_words(cells)
    mixed, system, model = _names(row.get("gpu") or "", row.get("model") or "")
    known(system, model)
    gpus = _count(
        row, "n_gpus", None if scenario else _count(row, "tp", 1) * _count(row, "pp", 1) * _count(row, "dp", 1)
    )
    layout, request = (None, mlperf.request_of(model, scenario)) if scenario else _saturated(row, system, model)
    return Load(
        kind=scenario or SATURATED,
        engine=_engine(row, system),
        first_round=bool(scenario) and mlperf.first_round(row, model),
        drafts=bool(scenario) and mlperf.drafts(row, model, scenario),
        mixed=mixed,
        system=system,
        model=model,
        precision=_precision(row, system, model),
        gpus=gpus,
        layout=layout,
        request=request,
        per_gpu=not scenario and "per_gpu" in metric,
        assumed=tuple(cells.assumed),
        gpu_w=float(row.get("gpu_w") or 0.0),
        queued=queued(row) if not scenario else math.inf,
    )


def queued(row: Mapping[str, str]) -> float:
    """Return how many requests a published saturated row queued, as its publication says by lengths; infinite where
    nothing is known.

    Parameters
    ----------
    row
        A row of a published table, by column.
    """
    if serving_table(row) != "trtllm":
        return math.inf
    return _queues().get((_count(row, "isl", 0), _count(row, "osl", 0)), math.inf)


@cache
def _queues() -> Mapping[tuple[int, int], float]:
    path = Path(str(files("gigaplan.validation") / "data" / "throughput_queues.csv"))
    with path.open(encoding="utf-8", newline="") as file:
        return {(int(r["input_tokens"]), int(r["output_tokens"])): float(r["requests"]) for r in csv.DictReader(file)}


def _own_saturated(row: Mapping[str, str], metric: str) -> Load:
    """Return the load of a user's row, read as any of a user's rows of serving is: all requests wait at once."""
    q = own_rows.question({**row, "concurrency": "1", "mode": "agg"})
    request = Request(
        uncached_input_tokens=q.input_tokens,
        cached_input_tokens=0.0,
        output_tokens=q.output_tokens,
        ttft_s=FOREVER_S,
        tpot_s=FOREVER_S,
    )
    return Load(
        kind=SATURATED,
        engine=q.engine,
        first_round=False,
        drafts=q.speculative,
        number_of_drafts=q.drafts,
        accepted_tokens=q.accepted_tokens,
        mixed=False,
        system=q.system,
        model=q.model,
        precision=q.precision,
        gpus=q.gpus,
        layout=(q.decode.gpus, q.decode.pipeline, q.decode.by_requests),
        request=request,
        per_gpu="per_gpu" in metric,
        tensor=q.decode.tensor,
        assumed=q.guesses,
    )


def _check_words(cells: Cells) -> None:
    """Refuse a precision or an engine of a user's row that isn't known, and note what stands for empty ones."""
    if cells.text("precision"):
        cells.word("precision", PRECISION_WORDS, "")
    else:
        cells.assume("precision", "fp8, or bf16 where the GPU has none")
    words = cells.text("engine").lower().replace("-", "")
    if not words:
        cells.assume("engine", "that of the hardware's vendor")
    elif not any(word in words for _, word in ENGINE_WORDS):
        cells.refuse("engine", f"one of {', '.join(ENGINES)}, or leave it empty")
    if cells.text("n_gpus"):
        cells.count("n_gpus")
    cells.check()


def _scenario(row: Mapping[str, str], metric: str) -> str:
    """Return the row's MLPerf scenario, empty where all requests are queued at once."""
    scenario = next((s for s in SCENARIOS if metric.startswith(s)), "")
    if scenario and not any(unit in metric for unit in ("token", *SAMPLES)):
        raise UnsupportedError(f"'{row['metric']}' counts no tokens or samples")
    if scenario == "server" and "interactive" in (row.get("model") or "").lower():
        scenario = "interactive"
    if not scenario and "throughput" not in metric:
        raise UnsupportedError(f"metric '{row.get('metric') or ''}' is neither a throughput nor an MLPerf scenario")
    return scenario


def _precision(row: Mapping[str, str], system: str, model: str) -> str:
    """Return the precision that a row states, else the narrowest that all engines serve well on its hardware."""
    given = (row.get("precision") or "").lower()
    given = WIDER.get(given, "fp4" if given.endswith("int4") else given)
    if given in PRECISIONS:
        return given
    return "fp8" if known(system, model)[0].peak_fp8_flops_per_s else "bf16"


def _saturated(row: Mapping[str, str], system: str, model: str) -> tuple[tuple[int, int, bool], Request]:
    """Return the layout (GPUs of a stage, stages, whether attention is split by requests) and the mean request of a
    row."""
    tensor, stages, data = (_count(row, k, 1) for k in ("tp", "pp", "dp"))
    # TensorRT-LLM's own tables run models with experts with attention split by requests over the tensor ranks.
    by_requests = data > 1 or (known(system, model)[1].experts > 0 and tensor > 1)
    request = Request(
        uncached_input_tokens=float(_count(row, "isl")),
        cached_input_tokens=0.0,
        output_tokens=float(_count(row, "osl")),
        ttft_s=FOREVER_S,
        tpot_s=FOREVER_S,
    )
    return (tensor * data, stages, by_requests), request


def _engine(row: Mapping[str, str], system: str) -> str:
    """Return the engine that a row names, else the one that its hardware's vendor submits with."""
    words = (row.get("engine") or "").lower().replace("-", "")
    found = next((engine for engine, word in ENGINE_WORDS if word in words), "")
    return found or (ENGINES[-1] if vendor(system) == VENDORS[0] else ENGINES[0])


def vendor(system: str) -> str:
    """Return whose software a system runs on: ``nvidia`` or ``other``."""
    facts = catalog.load()
    nvidia = facts.has(system, "vendor") and str(facts.find(system, "vendor").value) == "NVIDIA"
    return VENDORS[0] if nvidia else VENDORS[1]


@catalog.per_catalog
def _names(gpu: str, model: str) -> tuple[bool, str, str]:
    """Return whether GPUs of two kinds are named, the system and the model."""
    mixed = of_two_kinds(gpu)
    one = gpu.split(",", maxsplit=1)[0] if mixed else gpu
    return mixed, meant_in_table("system", one), meant_in_table("model", model)


def _count(row: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = row.get(name) or ""
    if not text and default is not None:
        return default
    try:
        value = int(float(text))
    except (ValueError, OverflowError):
        value = 0
    if value < 1:
        raise UnsupportedError(f"'{name}' is missing or not a positive number")
    return value


def loads_of(rows: Iterable[Mapping[str, str]]) -> Iterator[Load]:
    """Return what rows ask, without those that can't be answered."""
    for row in rows:
        with suppress(ValueError, ArithmeticError, LookupError):
            yield load_of(row)


def published(row: Mapping[str, str]) -> float:
    """Return a row's published output tokens per second and GPU, nan where there is none."""
    try:
        if mlperf.is_facts(tuple(row)) and "metric" not in row:
            row = mlperf.as_result(row)
        value, gpus = float(row.get("value") or "nan"), float(row.get("n_gpus") or "nan")
    except ValueError:
        return math.nan
    metric = (row.get("metric") or "").lower()
    if "per_gpu" in metric:
        return value
    if any(unit in metric for unit in SAMPLES):
        try:
            load = load_of(row)
        except UnsupportedError:
            return math.nan
        device, architecture = known(load.system, load.model)
        flops = 2 * (architecture.active_parameters - architecture.embedding_parameters) * load.request.output_tokens
        # MLPerf's summary calls tokens queries where the scenario is new; as queries they would exceed the peak.
        if value * flops <= device.peak_flops_per_s(load.precision) * gpus:
            value *= load.request.output_tokens
    return value / gpus if gpus > 0 else math.nan
