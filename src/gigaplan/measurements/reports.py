"""Values of reports: numbers, words and units of nested mappings, as cells of a row."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gigaplan.measurements.cells import Cells
from gigaplan.vocabulary.errors import UnsupportedError

Row = dict[str, str]
COLUMNS = (
    "id",
    "gpu",
    "n_gpus",
    "model",
    "precision",
    "engine",
    "engine_version",
    "speculative",
    "mode",
    "config",
    "tp",
    "pp",
    "dp",
    "ep",
    "isl",
    "osl",
    "concurrency",
    "max_concurrency",
    "request_rate",
    "ttft_ms",
    "tpot_ms",
    "e2e_ms",
    "output_tokens_per_s",
    "notes",
)
"""Columns of serving rows that result files fill, in order.

``ttft_ms``, ``tpot_ms`` and ``e2e_ms`` are means over requests: time to first token, time per further token, and
latency of the whole request [ms]; ``output_tokens_per_s`` is that of all GPUs [token/s]. ``concurrency`` is how many
requests were in flight in the mean, ``max_concurrency`` the cap that the benchmark states where both are known,
``request_rate`` how many it sent per second, empty where it sent each as soon as the cap allowed [requests/s].
"""
DIGITS = 12
"""Significant digits of a number in a cell: more than was measured, fewer than what sums of binary fractions add."""
MILLISECONDS = {"ms": 1.0, "s": 1e3, "us": 1e-3, "µs": 1e-3, "ns": 1e-6, "ms/token": 1.0, "s/token": 1e3}
ENGINES = (("trtllm", "trt"), ("trtllm", "tensorrt"), ("sglang", "sglang"), ("vllm", "vllm"))
"""Engines, and words in names of software that mean each."""
QUANTIZATIONS = (("fp4", "fp4"), ("awq", "awq"), ("gptq", "gptq"), ("int4", "int4"), ("w4a16", "int4"), ("fp8", "fp8"))
"""Words in names of quantization methods, and the precision that each stands for."""
MAX_SHARE_OF_CAP = 1.1
"""Load over cap from which figures contradict each other: more than rounding and requests cut off at the end."""
MIN_SHARE_OF_CAP = 0.8
"""Load over cap below which a client was not saturated: with three requests per user in turn, the beginning and the end
of a run, when fewer are in flight, leave about this."""
AT_ONCE = "all requests were sent at once, with no cap on those in flight"


def at(report: object, *path: str) -> object:
    """Return what stands at a path of nested mappings, None where there is nothing.

    Parameters
    ----------
    report
        The outermost mapping.
    *path
        Keys, from the outside.
    """
    for name in path:
        if not isinstance(report, Mapping):
            return None
        report = report.get(name)
    return report


def first(report: object, *paths: tuple[str, ...]) -> object:
    """Return what stands at the first of several paths that has something, else None."""
    return next((v for v in (at(report, *path) for path in paths) if v not in (None, "")), None)


def is_set(report: object, *path: str) -> bool:
    """Return whether a switch is on: true, or the word for it."""
    return str(at(report, *path)).lower() in ("true", "1", "yes")


def number(report: object, *path: str) -> float:
    """Return the finite number at a path, nan where there is none (nothing, an infinity, or a nan).

    Parameters
    ----------
    report
        The outermost mapping.
    *path
        Keys, from the outside.

    Raises
    ------
    UnsupportedError
        If something else stands there.
    """
    return finite(at(report, *path), ".".join(path))


def finite(value: object, name: str) -> float:
    """Return a value as a finite number, nan where there is none; see :func:`number`.

    Parameters
    ----------
    value
        A number, its text, or None.
    name
        What it is, for messages.
    """
    if value is None or value == "":
        return math.nan
    try:
        if isinstance(value, bool):
            raise ValueError
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        shown = str(value)[:DIGITS]
        raise UnsupportedError(f"'{name}' is '{shown}', where a number is needed") from None
    return found if math.isfinite(found) else math.nan


def text(report: object, *path: str) -> str:
    """Return the text at a path, "" where there is none."""
    value = at(report, *path)
    return value.strip() if isinstance(value, str) else ""


def milliseconds(value: float, unit: str, name: str) -> float:
    """Return a time in milliseconds.

    Parameters
    ----------
    value
        The time.
    unit
        Its unit, as the report states it.
    name
        What it is, for messages.

    Raises
    ------
    UnsupportedError
        If the unit is unknown.
    """
    factor = MILLISECONDS.get(unit.strip())
    if factor is None:
        raise UnsupportedError(f"'{name}' is in '{unit}': known units are {', '.join(MILLISECONDS)}")
    return value * factor


def engine_of(words: str) -> str:
    """Return the engine that a name of software means; "" where it means none, as an API that many engines have."""
    plain = words.lower().replace("-", "").replace("_", "")
    return next((engine for engine, word in ENGINES if word in plain), "")


def precision_of(quantization: str) -> str:
    """Return the precision that a name of a quantization method means, "" where it means none."""
    plain = quantization.lower().replace("-", "").replace("_", "")
    return next((precision for word, precision in QUANTIZATIONS if word in plain), "")


def load(cap: float, rate: float, requests_per_s: float, latency_ms: float) -> dict[str, object]:
    """Return the cells of the load: requests in flight in the mean, the cap that was stated, and how many were sent per
    second where they were paced.

    Requests in flight are, in the mean, those completed per second times how long each stayed (Little 1961). Where a
    file doesn't state both, they are its cap. Requests that were sent at once, without a cap, are no steady load.

    Parameters
    ----------
    cap
        Requests in flight at most, nan where nothing limited them.
    rate
        Requests sent per second, nan where each was sent as soon as the cap allowed [requests/s].
    requests_per_s
        Requests completed per second [requests/s].
    latency_ms
        Mean latency of a request [ms].
    """
    if not (cap > 0 or rate > 0):
        return {"notes": AT_ONCE}
    in_flight = requests_per_s * latency_ms / 1e3
    paced = {"request_rate": rate} if rate > 0 else {}
    if not in_flight > 0:
        return {"concurrency": cap, **paced}
    return {"concurrency": in_flight, "max_concurrency": cap, **paced}


def load_warning(row: Mapping[str, str]) -> str:
    """Return what the load of a row, by Little's law, says against its stated cap, "" where they agree.

    Parameters
    ----------
    row
        Cells by column.
    """
    load_, cap = (Cells(row).result(name) for name in ("concurrency", "max_concurrency"))
    found = f"{load_:.4g} requests were in flight by Little's law, the stated cap is {cap:.4g}"
    if load_ > cap * MAX_SHARE_OF_CAP:
        return f"{found}: rate, latency and cap are not of one run"
    if load_ < cap * MIN_SHARE_OF_CAP and not row.get("request_rate"):
        return f"{found}: the client was not saturated, or the run too short for its load to last"
    return ""


def row(**cells: object) -> Row:
    """Return a row of the cells that hold something; numbers are written with as many digits as they have.

    Parameters
    ----------
    **cells
        Numbers (nan for none), words, or None, by column.
    """
    found = {name: cell(cells[name]) for name in COLUMNS if name in cells}
    return {name: value for name, value in found.items() if value}


def cell(value: object) -> str:
    """Return a value as a cell, "" for None and for what isn't a number."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value)
