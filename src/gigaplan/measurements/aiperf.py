"""NVIDIA AIPerf and its forerunner GenAI-Perf: the summary of a run, JSON or CSV.

Each metric has its unit; ``avg`` is the mean over requests. What both call inter-token latency is the time per further
token, ``(latency - first token) / (tokens - 1)``. The CSV leaves the model open.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping

from gigaplan.measurements.reports import Row, at, engine_of, finite, first, load, milliseconds, number, row, text
from gigaplan.vocabulary.errors import UnsupportedError

NAME = "AIPerf or GenAI-Perf summary (JSON or CSV)"
KNOWN_BY = "metrics such as `request_latency` with their unit; a CSV that begins with `Metric,avg`"
STATES = "JSON: model, lengths, cap, rates, times; CSV: lengths, rate, times"
LEAVES_OPEN = "`gpu` (unless telemetry saw it), layout, `engine`, `precision`; of the CSV also `model`"
HEADER = re.compile(r"\s*\"?metric\"?,\"?(avg|min|max|sum)\"?,", re.IGNORECASE)
METRIC = re.compile(r"(?P<name>[^(]+?)\s*(\((?P<unit>[^)]*)\))?$")
TIMES = {"ttft_ms": "time_to_first_token", "tpot_ms": "inter_token_latency", "e2e_ms": "request_latency"}
LENGTHS = {"isl": "input_sequence_length", "osl": "output_sequence_length"}
MODELS = (
    ("endpoint", "model_names"),
    ("model_names",),
    ("endpoint", "model_name"),
    ("model",),
    ("models", "items"),
    ("models",),
)
"""Where versions of both tools state the model."""
CAPS = (
    ("loadgen", "concurrency"),
    ("concurrency",),
    ("perf_analyzer", "stimulus", "concurrency"),
    ("phases", "profiling", "concurrency"),
)
RATES = (
    ("loadgen", "request_rate"),
    ("request_rate",),
    ("perf_analyzer", "stimulus", "request_rate"),
    ("phases", "profiling", "rate"),
)


def recognise(document: object) -> bool:
    """Return whether a document is a summary of either tool."""
    if isinstance(document, str):
        return HEADER.match(document) is not None
    metrics = ("request_latency", "time_to_first_token", "inter_token_latency")
    return isinstance(document, Mapping) and any(isinstance(at(document, m, "unit"), str) for m in metrics)


def rows(document: object) -> list[Row]:
    """Return the row of a run.

    Raises
    ------
    UnsupportedError
        If a number is none or its unit is unknown.
    """
    report = _of_csv(document) if isinstance(document, str) else document
    cells = {column: _time(report, metric) for column, metric in TIMES.items()}
    cells |= {column: number(report, metric, "avg") for column, metric in LENGTHS.items()}
    cells["output_tokens_per_s"] = number(report, "output_token_throughput", "avg")
    config = at(report, "input_config")
    requests = number(report, "request_throughput", "avg")
    # A run has a cap, a rate, or one request at a time: without its configuration the load is that of Little's law.
    paced = _one(config, RATES) if config is not None else requests
    in_flight = load(_one(config, CAPS), paced, requests, cells["e2e_ms"])
    if config is None:
        in_flight = {**in_flight, "request_rate": None, "notes": "the CSV states no model; the JSON summary does"}
    engine = engine_of(text(config, "backend") or text(config, "endpoint", "backend"))
    return [row(model=_model(config), engine=engine, gpu=_gpu(report), **cells, **in_flight)]


def _time(report: object, metric: str) -> float:
    """Return the mean of a metric that is a time [ms], nan where there is none."""
    value = number(report, metric, "avg")
    return math.nan if math.isnan(value) else milliseconds(value, text(report, metric, "unit"), metric)


def _model(config: object) -> str:
    """Return the model's name; of several, as in a comparison, none."""
    found = first(config, *MODELS)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if isinstance(found, Mapping):
        found = found.get("name")
    return found if isinstance(found, str) else ""


def _one(config: object, paths: tuple[tuple[str, ...], ...]) -> float:
    """Return the number at the first path that has one, nan where none has or where there are several."""
    found = first(config, *paths)
    return math.nan if isinstance(found, list | Mapping) else finite(found, ".".join(paths[0]))


def _gpu(report: object) -> str:
    """Return the GPU that telemetry saw, "" where there was none or of several kinds."""
    endpoints = at(report, "telemetry_data", "endpoints")
    seen = endpoints.values() if isinstance(endpoints, Mapping) else ()
    gpus = [gpu for e in seen if isinstance(g := at(e, "gpus"), Mapping) for gpu in g.values()]
    names = {text(gpu, "gpu_name") for gpu in gpus}
    return names.pop() if len(names) == 1 else ""


def _of_csv(content: str) -> dict[str, object]:
    """Return a CSV summary as the JSON one has it: its metrics, each with unit and mean; a total is its only value."""
    found: dict[str, object] = {}
    column = 0
    try:
        lines = list(csv.reader(io.StringIO(content, newline="")))
    except csv.Error as error:
        raise UnsupportedError(str(error)) from None
    for cells in lines:
        heads = [c.strip().lower() for c in cells]
        if not heads or not heads[0]:
            continue
        if "metric" in heads:
            # Telemetry of GPUs follows in a table of its own, whose metrics stand in a later column.
            column = heads.index("avg") if "avg" in heads else 1 if heads[:2] == ["metric", "value"] else 0
            column = column if heads[0] == "metric" else 0
        elif column and (match := METRIC.match(cells[0].strip())):
            if len(cells) <= column:
                raise UnsupportedError(f"the line of '{cells[0]}' is cut off")
            name = re.sub(r"\W+", "_", match["name"].strip().lower())
            value = cells[column].replace(",", "")
            found.setdefault(name, {"unit": match["unit"] or "", "avg": finite(value, match["name"])})
    return found
