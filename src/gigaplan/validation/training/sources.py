"""Published tables of training speeds: which one a row comes from, what it measured, and the software that ran."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gigaplan.accuracy.training import SERVER_GPUS
from gigaplan.measurements.cells import Cells
from gigaplan.validation.published_tables import training_table

VOCABULARY_OF_GPT = 51200
"""GPT-2's 50,257 tokens, padded to a multiple of 1,024 for tensor ranks as Megatron's recipes do."""

CLASSIC, MODERN, CLASSIC_SPLIT = "classic", "modern", "classic, split by sequence"
"""Megatron of 2022, Megatron-Core of 2023 and later, and the former with what tensor ranks don't split split by
sequence."""

TABLES = (
    ("vtrain", "vTrain"),
    ("mlperf", "MLPerf"),
    ("simumax", "SimuMax B200"),
    ("bridge", "Megatron-Bridge"),
    ("sc21", "Megatron 2021"),
    ("korthikanti", "Megatron 2022"),
    ("torchtitan", "torchtitan"),
    ("mosaicml", "MosaicML"),
    ("herd of models", "Llama 3"),
    ("deepseek-v3 technical", "DeepSeek-V3"),
)
"""Published tables and what summaries call each."""

FITTED_SOURCES = ("vtrain", "mlperf", "simumax", "bridge")
"""Tables that set constants; the others only test them."""

MEGATRON_FLOPS = (96, 6, 16)
"""Coefficients of hardware FLOP: ``96 B s l h^2 (1 + s/6h + V/16lh)`` (Narayanan et al. 2021, equation 3)."""
RELEASES = {"simumax": "2025-09"}
"""When the software of a table came out, where that is long before its rows' date: Megatron-LM 0.14."""


def published_step_s(row: Mapping[str, str]) -> float:
    """Return the published step time [s]; nan where the table has none (throughput of MLPerf's GPT-3 holds evaluation).

    Megatron's hardware FLOP count what is recomputed: ``96 B s l h^2 (1 + s/6h + V/16lh)`` (Narayanan et al. 2021,
    equation 3).
    """
    scale = {
        "iteration_time_ms": 1e-3,
        "iteration_time_s": 1.0,
        "median_step_time_s": 1.0,
        "step_time_s_from_blocks": 1.0,
    }
    metric, source, cells = row.get("metric") or "", source_of(row), Cells(row)
    value = cells.result("value")
    if metric in scale:
        return value * scale[metric]
    gpus, batch, sequence = (cells.result(k) for k in ("num_gpus", "global_batch", "seq_len"))
    if metric == "hw_tflops_per_gpu" and source == "sc21":
        layers, hidden = cells.result("layers"), cells.result("hidden")
        flops, attention, head = MEGATRON_FLOPS
        further = 1 + sequence / (attention * hidden) + VOCABULARY_OF_GPT / (head * layers * hidden)
        return flops * batch * sequence * layers * hidden**2 * further / (value * 1e12 * gpus)
    tokens = metric == "tokens_per_s_per_gpu" and source in ("torchtitan", "mosaicml", "")
    speed = value if tokens else math.nan if metric else cells.result("tokens_per_s_per_gpu")
    return batch * sequence / speed / gpus


def published_memory_gib(row: Mapping[str, str]) -> float:
    """Return the published peak memory [GiB]; nan where the table has none."""
    return Cells(row).result("value") if row.get("metric") in ("peak_alloc_gib", "peak_mem_gib") else math.nan


def fitted_source(row: Mapping[str, str]) -> bool:
    """Return whether a row's table may set constants; of unknown tables none does."""
    return source_of(row) in FITTED_SOURCES


def duplicate(row: Mapping[str, str]) -> bool:
    """Return whether a published table says that a row repeats another."""
    return bool(source_of(row)) and "duplicate" in (row.get("recompute") or "")


def table_of(row: Mapping[str, str]) -> str:
    """Return the kind of table that a row comes from, for summaries."""
    source = source_of(row)
    if source == "vtrain":
        return (
            "vTrain multi-node"
            if (row.get("num_gpus") or "0").isdigit() and int(row["num_gpus"]) > SERVER_GPUS
            else "vTrain single-node"
        )
    return dict(TABLES).get(source, "other")


def source_of(row: Mapping[str, str]) -> str:
    """Return the word by which a row's published table is known, "" for a user's own row."""
    return training_table(row)


def software_of(row: Mapping[str, str]) -> str:
    """Return the kind of software of a published row: of 2022 without flash attention (vTrain's Megatron-DeepSpeed,
    Megatron's own papers), or later."""
    if source_of(row) in ("vtrain", "sc21", "korthikanti"):
        return CLASSIC_SPLIT if "sequence parallel" in (row.get("recompute") or "") else CLASSIC
    return MODERN


def released(row: Mapping[str, str]) -> str:
    """Return the date of a published row's software: of the release that its table ran, else of the row."""
    return RELEASES.get(source_of(row)) or row.get("date") or ""
