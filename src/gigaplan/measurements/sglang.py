"""SGLang's serving benchmark, ``bench_serving``: JSON lines, one a run. Times are in milliseconds, of the mean request.

Newer versions note what the server was started with; older ones leave the model and the layout open.
"""

from __future__ import annotations

from collections.abc import Mapping

from gigaplan.measurements.reports import Row, at, engine_of, is_set, load, number, precision_of, row, text

NAME = "SGLang bench_serving (JSON lines)"
KNOWN_BY = "`total_input_tokens`, and `mean_e2e_latency_ms` or `total_output_tokens_retokenized`"
STATES = "lengths, cap, rates, times; newer ones also model and layout"
LEAVES_OPEN = "`gpu`, `precision`; of older ones also `model`, layout"
OWN = ("mean_e2e_latency_ms", "total_output_tokens_retokenized")
"""Keys that tell it from vLLM's benchmark, from which it began."""
ONE_BY_ONE = 1.0
"""Tokens accepted at a step that drafts none."""


def recognise(document: object) -> bool:
    """Return whether a document is a result of this benchmark."""
    return isinstance(document, Mapping) and any(key in document for key in OWN) and "total_input_tokens" in document


def rows(document: object) -> list[Row]:
    """Return the row of a run.

    Raises
    ------
    UnsupportedError
        If a number is none.
    """
    done = number(document, "completed")
    latency = number(document, "mean_e2e_latency_ms")
    paced = at(document, "request_rate")
    served = number(document, "request_throughput")
    rate = served if paced == "trace" else number(document, "request_rate")
    cap = number(document, "max_concurrency")
    accepted = number(document, "accept_length")
    cells = {
        "engine": engine_of(text(document, "backend")),
        "speculative": "draft" if accepted > ONE_BY_ONE else "",
        "isl": number(document, "total_input_tokens") / done if done > 0 else float("nan"),
        "osl": number(document, "total_output_tokens") / done if done > 0 else float("nan"),
        "ttft_ms": number(document, "mean_ttft_ms"),
        "tpot_ms": number(document, "mean_tpot_ms"),
        "e2e_ms": latency,
        "output_tokens_per_s": number(document, "output_throughput"),
        **load(cap, rate, served, latency),
    }
    return [row(**{**cells, **_server(at(document, "server_info"))})]


def _server(info: object) -> dict[str, object]:
    """Return the cells of the layout and the model, as the server states its arguments."""
    if not isinstance(info, Mapping):
        return {}
    if "decode" in info or text(info, "disaggregation_mode") in ("prefill", "decode"):
        return {"mode": "disagg"}
    tensor, stages, data = (number(info, key) for key in ("tp_size", "pp_size", "dp_size"))
    stages = stages if stages > 0 else 1.0
    # Attention groups (dp) lie among the tensor ranks; without them dp are copies of the whole.
    copies = 1.0 if is_set(info, "enable_dp_attention") or not data > 0 else data
    expert = number(info, "ep_size")
    found = {
        "model": text(info, "model_path"),
        "engine_version": text(info, "version"),
        "precision": precision_of(text(info, "quantization")),
        "tp": tensor,
        "pp": stages,
        "dp": data,
        "ep": expert if expert > 1 else None,
        "n_gpus": tensor * stages * copies,
    }
    if text(info, "speculative_algorithm"):
        found["speculative"] = "draft"
    return {k: v for k, v in found.items() if v}
