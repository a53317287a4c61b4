"""Throughput: our tokens per second for rows that state a system, a model and how it is loaded.

Two kinds of rows have the columns of ``inference_throughput.csv``: *saturated* ones, all requests queued at once on a stated
layout, and *MLPerf* ones, whose layout is the submitter's (:mod:`gigaplan.validation.serving.mlperf`). No constant is fitted on
either; an interval is the spread of errors on other systems' rows of its kind.

``python -m gigaplan.validation.serving.throughput TABLE ...`` renews these errors (``throughput_residuals.csv``) from tables with results.
"""

from __future__ import annotations

import csv
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from gigaplan import catalog
from gigaplan.inference.inputs import Request
from gigaplan.inference.serving import steady_state
from gigaplan.inference.step import Stage
from gigaplan.validation.serving import mlperf
from gigaplan.validation.serving.answers import shipped
from gigaplan.validation.serving.fit import EXTRAPOLATED, fitted_cells, generation
from gigaplan.validation.serving.mlperf import FOREVER_S, SCENARIOS
from gigaplan.validation.serving.names import UnsupportedError, model_name, of_two_kinds, system_of
from gigaplan.validation.serving.rows import ENGINES, PRECISIONS, WIDER, known
from gigaplan.vocabulary.members import Array

COLUMNS = ("gpu", "n_gpus", "model", "metric")
ANSWER_COLUMNS = ("output_tokens_per_s_per_gpu", "low", "high", "ttft_ms", "tpot_ms", "validity")
SAMPLES = ("sample", "queries")
"""Units of results that count whole answers."""
RESIDUALS = "throughput_residuals.csv"
MOST_IN_FLIGHT = 2048.0
"""Requests that TensorRT-LLM's benchmark runs at once at most, by its default."""
COVERED = (0.1, 0.9)
LEAST_GROUPS = 6
"""Kinds with errors of fewer systems and models than this take a wider kind's."""
VENDORS = ("nvidia", "other")
ROUNDS = ("first", "later")


@dataclass(frozen=True, slots=True)
class Load:
    """What a row asks: a system and model, its layout or None for the best, lengths and limits."""

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
    if mlperf.is_facts(tuple(row)) and "metric" not in row:
        row = mlperf.as_result(row)
    metric = (row.get("metric") or "").lower()
    scenario = next((s for s in SCENARIOS if metric.startswith(s)), "")
    if scenario and not any(unit in metric for unit in ("token", *SAMPLES)):
        raise UnsupportedError(f"'{row['metric']}' counts no tokens or samples")
    if scenario == "server" and "interactive" in (row.get("model") or "").lower():
        scenario = "interactive"
    if not scenario and "throughput" not in metric:
        raise UnsupportedError(f"metric '{row.get('metric') or ''}' is neither a throughput nor an MLPerf scenario")
    mixed, system, model = _names(row.get("gpu") or "", row.get("model") or "")
    device, architecture = known(system, model)
    given = (row.get("precision") or "").lower()
    given = WIDER.get(given, "fp4" if given.endswith("int4") else given)
    precision = given if given in PRECISIONS else "fp8" if device.peak_fp8_flops_per_s else "bf16"
    gpus = _count(
        row, "n_gpus", None if scenario else _count(row, "tp", 1) * _count(row, "pp", 1) * _count(row, "dp", 1)
    )
    engine = _engine(row, system)
    if scenario:
        return Load(
            scenario,
            engine,
            mlperf.first_round(row, model),
            mlperf.drafts(row, model, scenario),
            mixed,
            system,
            model,
            precision,
            gpus,
            None,
            mlperf.request_of(model, scenario),
            per_gpu=False,
        )
    tensor, stages, data = (_count(row, k, 1) for k in ("tp", "pp", "dp"))
    # TensorRT-LLM's own tables run models with experts with attention split by requests over the tensor ranks.
    by_requests = data > 1 or (architecture.experts > 0 and tensor > 1)
    layout = (tensor * data, stages, by_requests)
    request = Request(
        uncached_input_tokens=float(_count(row, "isl")),
        cached_input_tokens=0.0,
        output_tokens=float(_count(row, "osl")),
        ttft_s=FOREVER_S,
        tpot_s=FOREVER_S,
    )
    return Load(
        "saturated",
        engine,
        False,
        False,
        mixed,
        system,
        model,
        precision,
        gpus,
        layout,
        request,
        per_gpu="per_gpu" in metric,
    )


def _engine(row: Mapping[str, str], system: str) -> str:
    """Return the engine that a row names, else the one that its hardware's vendor submits with."""
    words = (row.get("engine") or "").lower().replace("-", "")
    found = next(
        (
            e
            for e, mark in (("trtllm", "tensorrt"), ("trtllm", "trtllm"), ("sglang", "sglang"), ("vllm", "vllm"))
            if mark in words
        ),
        "",
    )
    return found or (ENGINES[-1] if _vendor(system) == VENDORS[0] else ENGINES[0])


def _vendor(system: str) -> str:
    facts = catalog.load()
    nvidia = facts.has(system, "vendor") and str(facts.find(system, "vendor").value) == "NVIDIA"
    return VENDORS[0] if nvidia else VENDORS[1]


@cache
def _names(gpu: str, model: str) -> tuple[bool, str, str]:
    """Return whether GPUs of two kinds are named, the system and the model."""
    mixed = of_two_kinds(gpu)
    return mixed, system_of(gpu.split(",", maxsplit=1)[0] if mixed else gpu), model_name(model)


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
    if load in _READY:
        return _READY[load]
    if load.layout is None:
        device, architecture = known(load.system, load.model)
        constants = shipped()
        engine = constants.engines[load.engine]
        return mlperf.best_rate(
            device,
            architecture,
            load.precision,
            load.request,
            (constants.efficiency, engine),
            load.gpus,
            mlperf.percentile_of(load.model, load.kind),
            speculative=load.drafts,
        )
    (found,) = _saturated([load])
    return found


def answer_all(loads: Sequence[Load]) -> None:
    """Answer saturated rows in one call for each system and model, so that :func:`tokens` finds them ready."""
    by: dict[tuple[str, ...], list[Load]] = defaultdict(list)
    for load in dict.fromkeys(loads):
        if load.layout is not None:
            by[load.system, load.model, load.precision, load.engine].append(load)
    for some in by.values():
        _READY.update(zip(some, _saturated(some), strict=True))


def loads_of(rows: Iterable[Mapping[str, str]]) -> Iterator[Load]:
    """Return what rows ask, those left out that can't be asked."""
    for row in rows:
        with suppress(ValueError, ArithmeticError, LookupError):
            yield load_of(row)


_READY: dict[Load, tuple[float, float, float]] = {}


def _saturated(loads: Sequence[Load]) -> list[tuple[float, float, float]]:
    """Return the answers of rows on one system with one model; nan where not one request fits."""
    first, constants = loads[0], shipped()
    device, architecture = known(first.system, first.model)

    def column(values: Iterable[float]) -> Array:
        return np.array(list(values), dtype=float)

    gpus, stages, by_requests = (column(load.layout[k] for load in loads if load.layout) for k in range(3))
    fresh, generated = (
        column(getattr(load.request, n) for load in loads) for n in ("uncached_input_tokens", "output_tokens")
    )
    engine = constants.engines[first.engine]
    stage = Stage(device, architecture, first.precision, constants.efficiency, engine, gpus, stages, by_requests)
    fits = stage.capacity(fresh + generated, device.hbm_bytes * (1 - constants.efficiency.memory_reserve_share))
    batch = np.minimum(np.maximum(fits, 1.0), MOST_IN_FLIGHT / stages * np.where(by_requests > 0, gpus, 1.0))
    service = steady_state(stage, batch, fresh, np.zeros_like(fresh), generated)
    rate = np.where(fits >= 1, service.requests_per_s * generated / (gpus * stages), math.nan)
    return list(zip(rate.tolist(), service.ttft_s.tolist(), service.tpot_s.tolist(), strict=True))


def tokens(row: Mapping[str, str], *, honest: bool = False) -> Tokens:
    """Return our answer to a row; a ``honest`` one's interval never saw an error of its own system."""
    nan = math.nan
    try:
        load = load_of(row)
        rate, ttft, tpot = answer(load)
        if not (math.isfinite(rate) and rate > 0 and math.isfinite(tpot)):
            raise UnsupportedError("by our count the layout does not hold the model and one request")
    except (ValueError, ArithmeticError, LookupError) as error:  # odd cells too, whatever is odd about them
        why = str(error) if isinstance(error, UnsupportedError) else f"a cell can't be read ({error})"
        return Tokens(nan, nan, nan, nan, nan, f"unsupported: {why}")
    why_not = _new(load)
    low, high = spread(load, without=load.system if honest else "", new=_generation_is_new(load.system))
    low, high = min(low, 1.0), max(high, 1.0)  # our own answer is never outside
    validity = f"extrapolated: {'; '.join(why_not)}" if why_not else "inside"
    return Tokens(rate, rate * low, rate * high, ttft * 1e3, tpot * 1e3, validity)


def _new(load: Load) -> list[str]:
    """Return what is new about a row to the constants that answer it."""
    found = []
    if _generation_is_new(load.system):
        found.append(f"no measured row of {generation(load.system)} hardware")
    if load.layout is None and mlperf.lengths_are_guessed(load.model):
        found.append("nobody published how long its prompts are")
    if load.mixed:
        found.append("GPUs of two kinds, all taken as the first")
    return found


def _generation_is_new(system: str) -> bool:
    return generation(system) not in {c.split(" ", 1)[0] for c in fitted_cells()}


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
        # MLPerf's summary calls tokens queries where the scenario is new; as queries they would ask for more than the peak.
        if value * flops <= device.peak_flops_per_s(load.precision) * gpus:
            value *= load.request.output_tokens
    return value / gpus if gpus > 0 else math.nan


@dataclass(frozen=True, slots=True)
class Residual:
    """What published was over ours on one row, as a logarithm."""

    kind: str
    vendor: str
    round: str
    system: str
    model: str
    log: float


@cache
def residuals() -> tuple[Residual, ...]:
    """Return the errors that come with gigaplan."""
    path = Path(str(files("gigaplan.validation") / "data" / RESIDUALS))
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            Residual(r["kind"], r["vendor"], r["round"], r["system"], r["model"], float(r["log"]))
            for r in csv.DictReader(file)
        )


def spread(load: Load, *, without: str = "", new: bool = False) -> tuple[float, float]:
    """Return low and high of published over ours: the middle 80 % of errors on rows like this one.

    Like are rows of one kind, on hardware of the same vendor (whose software it is), of first or later rounds; where those
    are of fewer than ``LEAST_GROUPS`` systems and models, the round counts no more, then the vendor. A system and model with
    many rows weighs by their root: many submit the same. On ``new`` hardware the interval is wider about the median error, as
    that of serving rows is.
    """
    return _spread(load.kind, _vendor(load.system), ROUNDS[not load.first_round], without, new)


@cache
def _spread(kind: str, vendor: str, round_: str, without: str, new: bool) -> tuple[float, float]:
    mine = [r for r in residuals() if r.kind == kind and r.system != without]
    likes = (
        [r for r in mine if r.vendor == vendor and r.round == round_],
        [r for r in mine if r.vendor == vendor],
        mine,
    )
    some = next((x for x in likes if len({(r.system, r.model) for r in x}) >= LEAST_GROUPS), mine)
    count = Counter((r.system, r.model) for r in some)
    logs, weights = [r.log for r in some], [count[r.system, r.model] ** -0.5 for r in some]
    low, middle, high = np.quantile(logs, (COVERED[0], 0.5, COVERED[1]), weights=weights, method="inverted_cdf")
    further = EXTRAPOLATED if new else 1.0
    return tuple(float(np.exp(middle + further * (edge - middle))) for edge in (low, high))  # type: ignore[return-value]


def write_residuals(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    """Write the errors of rows with results, hardware that nobody can buy yet left out."""
    found = []
    for row in rows:
        value, ours = published(row), tokens(row)
        if value > 0 and not ours.validity.startswith("unsupported"):
            load = load_of(row)
            guessed = load.layout is None and mlperf.lengths_are_guessed(load.model)
            if not load.mixed and not guessed and not _preview(load.system):
                kind = (load.kind, _vendor(load.system), ROUNDS[not load.first_round], load.system, load.model)
                found.append([*kind, f"{math.log(value / ours.per_gpu):.4f}"])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["kind", "vendor", "round", "system", "model", "log"])
        writer.writerows(sorted(found))


def _preview(system: str) -> bool:
    """Return whether a system is one that is predicted from its data sheet only."""
    return generation(system) == "rubin"


def main(tables: Sequence[Path]) -> None:
    """Renew the errors that come with gigaplan from tables with results."""
    rows = []
    for path in tables:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows += [{k: v or "" for k, v in row.items() if k} for row in csv.DictReader(file)]
    write_residuals(rows, Path(str(files("gigaplan.validation") / "data" / RESIDUALS)))


if __name__ == "__main__":
    main([Path(p) for p in sys.argv[1:]])
