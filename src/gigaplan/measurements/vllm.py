"""vLLM's serving benchmark: ``vllm bench serve``, and ``benchmark_serving`` of vLLM and TensorRT-LLM.

One JSON object a run; with ``--append-result`` one behind the other. Times are in milliseconds, of the mean request.
"""

from __future__ import annotations

from collections.abc import Mapping

from gigaplan.measurements.reports import Row, at, engine_of, load, number, row, text

NAME = "vllm bench serve (JSON, also appended)"
KNOWN_BY = "`total_input_tokens`, `total_output_tokens`, and `request_throughput` or `mean_ttft_ms`"
STATES = "model, lengths, cap, rates, times"
LEAVES_OPEN = "`gpu`, layout, `precision`; `engine` of an OpenAI backend"


def recognise(document: object) -> bool:
    """Return whether a document is a result of this benchmark."""
    if not isinstance(document, Mapping) or "mean_e2e_latency_ms" in document:
        return False
    counts = "total_input_tokens" in document and "total_output_tokens" in document
    return counts and ("request_throughput" in document or "mean_ttft_ms" in document)


def rows(document: object) -> list[Row]:
    """Return the row of a run.

    Raises
    ------
    UnsupportedError
        If a number is none.
    """
    done = number(document, "completed")
    mean = {n: number(document, f"mean_{n}_ms") for n in ("ttft", "tpot", "e2el")}
    osl = number(document, "total_output_tokens") / done if done > 0 else float("nan")
    latency = mean["e2el"] if mean["e2el"] > 0 else mean["ttft"] + mean["tpot"] * (osl - 1)
    rate = number(document, "request_rate")
    drafted = at(document, "spec_decode_acceptance_rate") is not None
    cells = {
        "model": text(document, "model_id"),
        "engine": engine_of(text(document, "backend") or text(document, "endpoint_type")),
        "speculative": "draft" if drafted else "",
        "isl": number(document, "total_input_tokens") / done if done > 0 else float("nan"),
        "osl": osl,
        "ttft_ms": mean["ttft"],
        "tpot_ms": mean["tpot"],
        "e2e_ms": mean["e2el"],
        "output_tokens_per_s": number(document, "output_throughput"),
    }
    in_flight = load(number(document, "max_concurrency"), rate, number(document, "request_throughput"), latency)
    return [row(**cells, **in_flight)]
