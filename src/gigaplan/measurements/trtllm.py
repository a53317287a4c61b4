"""``trtllm-bench``: the report of a run (``--report_json``), JSON. Times are in milliseconds, of the mean request.

Only a run with ``--streaming`` measures the first token, and only one with ``--concurrency`` keeps to a load.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from gigaplan.measurements.reports import Row, at, load, number, precision_of, row, text

NAME = "trtllm-bench report (JSON)"
KNOWN_BY = "`world_info`, `request_info` and `performance`"
STATES = "all but attention data parallelism (`dp`); needs `--streaming`"
LEAVES_OPEN = ""
DTYPES = {"bfloat16": "bf16", "float16": "fp16"}
PARTS = ("world_info", "request_info", "performance")


def recognise(document: object) -> bool:
    """Return whether a document is a report of this benchmark."""
    return isinstance(document, Mapping) and all(isinstance(document.get(part), Mapping) for part in PARTS)


def rows(document: object) -> list[Row]:
    """Return the row of a run.

    Raises
    ------
    UnsupportedError
        If a number is none.
    """
    in_flight = number(document, "request_info", "avg_num_concurrent_requests")
    most = number(document, "world_info", "max_batch_size")
    latency = number(document, "performance", "avg_request_latency_ms")
    steady = load(in_flight, math.nan, number(document, "performance", "request_throughput_req_s"), latency)
    if in_flight > most:
        steady = {}
    notes = "" if steady else f"{in_flight:.0f} requests were in the system, {most:.0f} in a batch at most: they queued"
    if not isinstance(at(document, "streaming_metrics"), Mapping):
        notes = "the run was not streamed: use --streaming of trtllm-bench"
    quantization, dtype = text(document, "engine", "quantization"), text(document, "engine", "dtype")
    expert = number(document, "world_info", "ep_size")
    return [
        row(
            gpu=text(document, "machine", "name"),
            model=text(document, "engine", "model"),
            precision=precision_of(quantization) or quantization or DTYPES.get(dtype, dtype),
            engine="trtllm",
            engine_version=text(document, "engine", "version"),
            speculative="draft" if isinstance(at(document, "decoding_stats"), Mapping) else "",
            tp=number(document, "world_info", "tp_size"),
            pp=number(document, "world_info", "pp_size"),
            ep=expert if expert > 1 else None,
            n_gpus=number(document, "world_info", "world_size"),
            isl=number(document, "request_info", "avg_input_length"),
            osl=number(document, "request_info", "avg_output_length"),
            ttft_ms=number(document, "streaming_metrics", "avg_ttft_ms"),
            tpot_ms=number(document, "streaming_metrics", "avg_tpot_ms"),
            e2e_ms=latency,
            output_tokens_per_s=number(document, "performance", "system_output_throughput_tok_s"),
            **{**steady, "notes": "; ".join(filter(None, (str(steady.get("notes", "")), notes)))},
        )
    ]
