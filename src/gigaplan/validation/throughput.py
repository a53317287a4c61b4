"""Throughput: our tokens per second for rows that state a system, a model and how it is loaded.

Two kinds of rows have the columns of ``inference_throughput.csv``: *saturated* ones, all requests queued at once on a stated
layout, and *MLPerf* ones, whose layout is the submitter's: ours is the best that keeps the scenario's limits. No constant is
fitted on either; the spread of their errors is the interval.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from gigaplan import catalog
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.frontier import best
from gigaplan.inference.inputs import Request
from gigaplan.inference.serving import steady_state
from gigaplan.inference.step import Stage
from gigaplan.validation.serving_answers import shipped
from gigaplan.validation.serving_fit import fitted_cells, generation
from gigaplan.validation.serving_rows import (
    ENGINES,
    PRECISIONS,
    WIDER,
    UnsupportedError,
    known,
    model_name,
    system_of,
)

COLUMNS = ("gpu", "n_gpus", "model", "metric")
ANSWER_COLUMNS = ("output_tokens_per_s_per_gpu", "low", "high", "ttft_ms", "tpot_ms", "validity")
SPREADS = "throughput_spreads.csv"
MOST_IN_FLIGHT = 2048.0
"""Requests that TensorRT-LLM's benchmark runs at once at most, by its default."""
DRAFTING = "deepseek"
"""Models that come with a layer for multi-token prediction."""
SCENARIOS = ("offline", "server", "interactive")
FOREVER_S = 1e9
TAIL = math.log(100)
"""MLPerf limits the 99th percentile, we reckon the mean: of a wait that is exponential, as queues make it, 4.6 times apart.
Times per token spread little over a request, so their limit stands."""
COVERED = (0.1, 0.9)


@dataclass(frozen=True, slots=True)
class Load:
    """What a row asks: a system and model, its layout or None for the best, lengths and limits."""

    kind: str
    """``saturated`` or one of ``SCENARIOS``."""
    system: str
    model: str
    precision: str
    gpus: int
    layout: tuple[int, int, bool] | None
    """GPUs of a stage, stages, whether attention is split by requests."""
    request: Request
    per_gpu: bool
    """Whether the row's value counts one GPU."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Our answer [output tokens/s/GPU] with its 80 % interval; nan where there is none, and why."""

    per_gpu: float
    low: float
    high: float
    ttft_ms: float
    tpot_ms: float
    validity: str


def is_throughput(columns: Sequence[str]) -> bool:
    """Return whether a table has the columns of inference_throughput.csv."""
    return set(COLUMNS) <= set(columns)


def load_of(row: Mapping[str, str]) -> Load:
    """Return what a row asks; UnsupportedError says why it can't be asked."""
    metric = row.get("metric", "").lower()
    scenario = next((s for s in SCENARIOS if metric.startswith(s)), "")
    if scenario and "token" not in metric:
        raise UnsupportedError(f"'{row['metric']}' counts no tokens")
    system, model = system_of(row.get("gpu", "")), model_name(_benchmark_name(row.get("model", "")))
    device, architecture = known(system, model)
    given = (row.get("precision") or "").lower()
    given = WIDER.get(given, given)
    precision = given if given in PRECISIONS else "fp8" if device.peak_fp8_flops_per_s else "bf16"
    gpus = _count(row, "n_gpus")
    if scenario:
        return Load(scenario, system, model, precision, gpus, None, _mlperf_request(model, scenario), per_gpu=False)
    if "throughput" not in metric:
        raise UnsupportedError(f"metric '{row.get('metric', '')}' is neither a throughput nor an MLPerf scenario")
    tensor, stages, data = (_count(row, k, 1) for k in ("tp", "pp", "dp"))
    # TensorRT-LLM's own tables run models with experts with attention split by requests over the tensor ranks.
    by_requests = data > 1 or (architecture.experts > 0 and tensor > 1)
    layout = (tensor * data, stages, by_requests)
    request = Request(
        fresh_input_tokens=float(_count(row, "isl")), cached_input_tokens=0.0, generated_tokens=float(_count(row, "osl")),
        ttft_s=FOREVER_S, tpot_s=FOREVER_S,
    )  # fmt: skip
    return Load("saturated", system, model, precision, gpus, layout, request, per_gpu="per_gpu" in metric)


def _benchmark_name(name: str) -> str:
    """Return a model's name without a benchmark's accuracy class (``llama2-70b-99.9``) and version letters."""
    plain = re.sub(r"-99(\.9)?$", "", name.strip())
    plain = re.sub(r"(?i)llama\s*v", "Llama ", plain)
    return re.sub(r"(?i)^(llama)(\d)", r"\1-\2", plain)


def _mlperf_request(model: str, scenario: str) -> Request:
    facts, entity = catalog.load(), f"mlperf_{model}"
    limited = scenario == "offline" or facts.has(entity, f"{scenario}_tpot_s")
    if not facts.has(entity, "generated_tokens_mean") or not limited:
        raise UnsupportedError(f"lengths or limits of MLPerf's {scenario} scenario of {model} are not in the catalog")

    def limit(name: str) -> float:
        return FOREVER_S if scenario == "offline" else facts.find(entity, f"{scenario}_{name}").number

    return Request(
        fresh_input_tokens=facts.find(entity, "prompt_tokens_mean").number, cached_input_tokens=0.0,
        generated_tokens=facts.find(entity, "generated_tokens_mean").number, ttft_s=limit("ttft_s") / TAIL, tpot_s=limit("tpot_s"),
    )  # fmt: skip


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


@cache
def answer(load: Load) -> tuple[float, float, float]:
    """Return output tokens per second and GPU, time to first token and per token [s]; UnsupportedError if it can't run."""
    device, architecture = known(load.system, load.model)
    constants = shipped()
    engine = constants.engines[ENGINES[-1]]
    if load.layout is None:
        if load.gpus <= device.scaleup_gpus:  # nothing beyond the GPUs that there are
            device = replace(device, scaleup_gpus=load.gpus, scaleout_bandwidth_bytes_per_s=0.0)
        return _best(load, device, architecture)
    gpus, stages, by_requests = load.layout
    one = np.array(1.0)
    stage = Stage(
        device, architecture, load.precision, constants.efficiency, engine, gpus * one, stages * one, by_requests * one
    )
    r = load.request
    room = device.hbm_bytes * (1 - constants.efficiency.memory_reserve_share)
    fits = float(stage.capacity(np.array(r.fresh_input_tokens + r.generated_tokens), room))
    if fits < 1:
        raise UnsupportedError("by our count the layout does not hold the model and one request")
    batch = np.array(min(fits, MOST_IN_FLIGHT / stages * (gpus if by_requests else 1)))
    service = steady_state(stage, batch, np.array(r.fresh_input_tokens), np.array(0.0), np.array(r.generated_tokens))
    rate_s = float(service.requests_per_s) * r.generated_tokens / (gpus * stages)
    return rate_s, float(service.ttft_s), float(service.tpot_s)


def _best(load: Load, device: Device, architecture: Architecture) -> tuple[float, float, float]:
    """Return the best layout's tokens per second and GPU and both times, with drafts where they pay and the model has them."""
    constants = shipped()
    engine = constants.engines[ENGINES[-1]]
    found, reason = (0.0, math.nan, math.nan), ""
    for drafts in (False, True) if load.model.startswith(DRAFTING) else (False,):
        rate = best(
            device, architecture, load.precision, load.request, constants.efficiency, engine, speculative=drafts
        )
        reason = reason or rate.reason
        made = rate.requests_per_gpu_s * load.request.generated_tokens
        if made > found[0]:
            found = made, rate.ttft_s, rate.tpot_s
    if not found[0]:
        raise UnsupportedError(reason)
    return found


def tokens(row: Mapping[str, str]) -> Tokens:
    """Return our answer to a row."""
    nan = math.nan
    try:
        load = load_of(row)
        rate, ttft, tpot = answer(load)
    except UnsupportedError as error:
        return Tokens(nan, nan, nan, nan, nan, f"unsupported: {error}")
    low, high = spreads()[load.kind]
    seen = {c.split(" ", 1)[0] for c in fitted_cells()}
    why = "" if generation(load.system) in seen else f": no measured row of {generation(load.system)} hardware"
    return Tokens(rate, rate * low, rate * high, ttft * 1e3, tpot * 1e3, f"extrapolated{why}" if why else "inside")


def published(row: Mapping[str, str]) -> float:
    """Return a row's published output tokens per second and GPU, nan where there is none."""
    try:
        value, gpus = float(row.get("value") or "nan"), float(row.get("n_gpus") or "nan")
    except ValueError:
        return math.nan
    if "per_gpu" in row.get("metric", ""):
        return value
    return value / gpus if gpus > 0 else math.nan


@cache
def spreads() -> Mapping[str, tuple[float, float]]:
    """Return published over ours by kind of row: the 80 % of rows in the middle."""
    path = Path(str(files("gigaplan.validation") / "data" / SPREADS))
    with path.open(encoding="utf-8", newline="") as file:
        return {r["kind"]: (float(r["low"]), float(r["high"])) for r in csv.DictReader(file)}


def write_spreads(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    """Write the spreads of rows with results; kinds with few rows take all others' too."""
    off: dict[str, list[float]] = {k: [] for k in ("saturated", *SCENARIOS)}
    for row in rows:
        try:
            load = load_of(row)
            ours, value = answer(load)[0], published(row)
        except UnsupportedError:
            continue
        if value > 0:
            off[load.kind].append(math.log(value / ours))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["kind", "rows", "low", "high"])
        for kind, logs in off.items():
            low, high = np.exp(np.quantile(logs, COVERED)) if logs else (0.5, 2.0)
            writer.writerow([kind, len(logs), f"{low:.4g}", f"{high:.4g}"])


@dataclass(frozen=True, slots=True)
class ThroughputError:
    """Errors of one kind of rows, as shares."""

    kind: str
    rows: int
    median_abs: float
    bias: float
    covered: float
    """Share of published values inside our interval."""
    width: float


@dataclass(frozen=True)
class ThroughputValidation:
    """Errors by kind, GPU and model, and how many rows can't be answered."""

    errors: tuple[ThroughputError, ...]
    left_out: int


def validate_throughput(rows: Sequence[Mapping[str, str]]) -> ThroughputValidation:
    """Return the errors on rows that have results."""
    by: dict[str, list[tuple[float, bool, float]]] = {}
    answered = 0
    for row in rows:
        ours, value = tokens(row), published(row)
        if not value > 0 or ours.validity.startswith("unsupported"):
            continue
        answered += 1
        kind = next((s for s in SCENARIOS if row["metric"].lower().startswith(s)), "saturated")
        point = (ours.per_gpu / value - 1, ours.low <= value <= ours.high, ours.high / ours.low)
        for name in (kind, f"{kind}, {row['gpu']}", f"{kind}, {row['model']}"):
            by.setdefault(name, []).append(point)
    found = []
    for name, points in sorted(by.items()):
        errors = np.array([p[0] for p in points])
        covered, width = float(np.mean([p[1] for p in points])), float(np.median([p[2] for p in points]))
        median, bias = float(np.median(np.abs(errors))), float(np.median(errors))
        found.append(ThroughputError(name, len(points), median, bias, covered, width))
    return ThroughputValidation(tuple(found), len(rows) - answered)
