"""GuideLLM's report: JSON or YAML, one benchmark for each rate or number of streams of a run.

Times to first token and between tokens are in milliseconds, latencies in seconds, of the mean request that succeeded.
What GuideLLM calls the time per output token includes the first one; the inter-token latency doesn't, and is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from gigaplan.measurements.reports import Row, at, finite, first, load, number, row, text
from gigaplan.vocabulary.errors import UnsupportedError

NAME = "GuideLLM report (JSON or YAML)"
KNOWN_BY = "`benchmarks` with `metrics` of `time_to_first_token_ms`"
STATES = "model, lengths, strategy, rates and times of each benchmark"
LEAVES_OPEN = "`gpu`, layout, `engine`, `precision`"
STRATEGIES = (("config", "strategy"), ("args", "strategy"))
MODELS = (("config", "backend", "model"), ("worker", "backend_model"), ("worker", "model"))
MODELS_OF_ALL = (("config", "spec", "backend", "model"), ("args", "model"), ("args", "backend", "model"))
"""Where versions of the report state the model: of a benchmark, and of all."""


def recognise(document: object) -> bool:
    """Return whether a document is a report of this tool."""
    benchmarks = at(document, "benchmarks")
    return isinstance(benchmarks, list) and any(
        isinstance(at(b, "metrics", "time_to_first_token_ms"), Mapping) for b in benchmarks
    )


def rows(document: object) -> list[Row]:
    """Return the row of each benchmark.

    Raises
    ------
    UnsupportedError
        If a number is none.
    """
    benchmarks = at(document, "benchmarks")
    assert isinstance(benchmarks, list)
    return [_row(document, benchmark) for benchmark in benchmarks]


def _row(document: object, benchmark: object) -> Row:
    model = first(benchmark, *MODELS) or first(document, *MODELS_OF_ALL)
    latency = _mean(benchmark, "request_latency") * 1e3
    kind = text(benchmark, "config", "backend", "kind") or text(benchmark, "config", "backend", "type_")
    return row(
        model=model if isinstance(model, str) else "",
        engine="vllm" if "vllm" in kind else "",
        isl=_mean(benchmark, "prompt_token_count"),
        osl=_mean(benchmark, "output_token_count"),
        ttft_ms=_mean(benchmark, "time_to_first_token_ms"),
        tpot_ms=_mean(benchmark, "inter_token_latency_ms"),
        e2e_ms=latency,
        output_tokens_per_s=_mean(benchmark, "output_tokens_per_second"),
        **_load(benchmark, latency),
    )


def _mean(benchmark: object, metric: str) -> float:
    """Return the mean of a metric over the requests that succeeded, nan where there are none."""
    return number(benchmark, "metrics", metric, "successful", "mean")


def _load(benchmark: object, latency_ms: float) -> dict[str, object]:
    """Return the cells of the load that a benchmark's strategy put on."""
    strategy = first(benchmark, *STRATEGIES)
    kind = text(strategy, "type_") or text(strategy, "kind")
    cap = finite(first(strategy, ("streams",), ("max_concurrency",)), "strategy.streams")
    served = _mean(benchmark, "requests_per_second")
    if kind == "synchronous":
        return load(1.0, math.nan, served, latency_ms)
    if kind in ("concurrent", "throughput"):
        return load(cap, math.nan, served, latency_ms)
    if kind in ("async", "constant", "poisson"):
        rate = finite(first(strategy, ("rate",), ("requests_rate",)), "strategy.rate")
        return load(cap, rate, served, latency_ms)
    if not kind:
        return {"notes": "the benchmark states no strategy"}
    raise UnsupportedError(f"a benchmark of kind '{kind}' isn't read, which keeps no steady load")
