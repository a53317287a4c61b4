"""Reading a user's own measurements: tables with the columns of inference_serving.csv, and what benchmark tools write.

Known are vLLM's and SGLang's serving benchmarks (JSON, or JSON lines) and GenAI-Perf's and AIPerf's exports (JSON).
What a file leaves open (the GPU, how many, the precision) is given with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gigaplan.validation.tables import parse_table, read_text
from gigaplan.vocabulary.errors import Place, PlanError, Problem

NEEDED = ("gpu", "model", "isl", "osl", "concurrency", "ttft_ms", "tpot_ms")
GIVEN = ("gpu", "model", "precision", "engine", "tp", "concurrency")
"""Columns that may be given with the files."""
Row = dict[str, str]


def read_measured(paths: Sequence[Path], given: Mapping[str, str]) -> list[Row]:
    """Return measured rows with the columns of inference_serving.csv.

    Parameters
    ----------
    paths
        CSV tables, or JSON files of benchmark tools.
    given
        Columns for what the files leave open.

    Raises
    ------
    PlanError
        With every file that can't be read and every column that is missing.
    """
    rows: list[Row] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            text = read_text(path)
            found = parse_table(text, path)[1] if path.suffix == ".csv" else list(_reports(text, path, problems))
        except PlanError as error:
            problems += error.problems
            continue
        absent = [n for n in NEEDED if found and not given.get(n) and not any(row.get(n) for row in found)]
        if absent:
            problems.append(_absent(absent, path))
            continue
        for k, row in enumerate(found):
            whole = {**{n: v for n, v in given.items() if v}, **{n: v for n, v in row.items() if v}}
            if missing := [n for n in NEEDED if not whole.get(n)]:
                problems.append(
                    Problem(f"row {k + 1} leaves out {', '.join(missing)}", Place(str(path)), remedy=_remedy(missing))
                )
            else:
                rows.append(whole)
    if not rows and not problems:
        problems.append(Problem("no measured row", Place(str(paths[0])), remedy="give a table with results"))
    if problems:
        raise PlanError(problems)
    return rows


def _absent(columns: Sequence[str], path: Path) -> Problem:
    """Return the problem of columns that no row of a file fills."""
    return Problem(f"no row gives {', '.join(columns)}", Place(str(path)), remedy=_remedy(columns))


def _remedy(columns: Sequence[str]) -> str:
    options = ", ".join(f"--{n}" for n in columns if n in GIVEN)
    return f"add {options}" if options else "measure it"


def _reports(text: str, path: Path, problems: list[Problem]) -> Iterator[Row]:
    """Yield a row for each report of a file: one JSON value, a list of them, or one on each line."""
    try:
        data = json.loads(text)
    except ValueError:
        try:
            data = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            problems.append(Problem(f"is neither CSV nor JSON: {error}", Place(str(path)), remedy="give one of them"))
            return
    for report in data if isinstance(data, list) else [data]:
        row = _row(report) if isinstance(report, dict) else None
        if row is None:
            problems.append(
                Problem(
                    "is no report of a benchmark that is known",
                    Place(str(path)),
                    remedy="give one of vLLM's or SGLang's serving benchmark, GenAI-Perf or AIPerf, or a CSV table",
                )
            )
            return
        yield row


def _row(report: Mapping[str, Any]) -> Row | None:
    if "mean_ttft_ms" in report and "mean_tpot_ms" in report:
        return _serving_benchmark(report)
    if isinstance(report.get("time_to_first_token"), dict):
        return _perf_export(report)
    return None


def _serving_benchmark(report: Mapping[str, Any]) -> Row:
    """Return the row of vLLM's ``benchmark_serving`` or SGLang's ``bench_serving``."""
    done = float(report.get("completed") or report.get("num_prompts") or 0)
    lengths = {
        "isl": float(report.get("total_input_tokens") or 0) / done if done else 0.0,
        "osl": float(report.get("total_output_tokens") or 0) / done if done else 0.0,
    }
    backend = str(report.get("backend") or "").lower()
    engine = next((e for e in ("vllm", "sglang", "trtllm") if e in backend.replace("-", "")), "")
    return {
        "model": str(report.get("model_id") or report.get("model") or ""),
        "engine": engine,
        "concurrency": _text(report.get("max_concurrency")),
        "ttft_ms": _text(report["mean_ttft_ms"]),
        "tpot_ms": _text(report["mean_tpot_ms"]),
        **{k: _text(v) if v else "" for k, v in lengths.items()},
    }


def _perf_export(report: Mapping[str, Any]) -> Row:
    """Return the row of a GenAI-Perf or AIPerf export."""
    names = _deep(report.get("input_config"), ("model_names", "model"))
    return {
        "model": str(names[0] if isinstance(names, list) and names else names or ""),
        "concurrency": _text(_deep(report.get("input_config"), ("concurrency",))),
        "ttft_ms": _mean(report, "time_to_first_token"),
        "tpot_ms": _mean(report, "inter_token_latency"),
        "isl": _mean(report, "input_sequence_length"),
        "osl": _mean(report, "output_sequence_length"),
    }


def _mean(report: Mapping[str, Any], name: str) -> str:
    part = report.get(name)
    if not isinstance(part, dict) or part.get("avg") is None:
        return ""
    return _text(float(part["avg"]) * {"us": 1e-3, "ns": 1e-6, "s": 1e3}.get(str(part.get("unit", "")), 1.0))


def _deep(data: object, names: Sequence[str]) -> Any:
    """Return the first value below ``data`` that stands under one of the names."""
    if not isinstance(data, dict):
        return None
    for name in names:
        if data.get(name):
            return data[name]
    return next((v for v in (_deep(part, names) for part in data.values()) if v), None)


def _text(value: object) -> str:
    return "" if value is None else str(value)
