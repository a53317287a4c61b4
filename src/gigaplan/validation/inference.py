"""Serving: published TTFT and TPOT, ours, the error; and the fit of the serving model's constants.

The rows that come with gigaplan are a sample of measured points (SemiAnalysis InferenceX and NVIDIA, collected by
aiconfigurator, Apache-2.0): co-located serving inside one node, layout and precision stated. Rows of the split
``fit`` set the constants of :class:`~gigaplan.inference.inputs.Efficiency`; rows of the split ``test`` never do. The
split is by GPU generation and model, so that a test row's GPU or model was never fitted on.
"""

from __future__ import annotations

import csv
import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from gigaplan import catalog
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.inputs import Efficiency
from gigaplan.inference.serving import closed_loop
from gigaplan.inference.step import Stage
from gigaplan.plan.resolve import device_of, efficiency_of, model_of
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.members import Array

SYSTEMS = {"h100_sxm": "h100_hgx", "h200_sxm": "h200_hgx", "b200_sxm": "b200_hgx", "b300_sxm": "b300_hgx",
           "gb200": "gb200_nvl72", "gb300": "gb300_nvl72"}  # fmt: skip
MODELS = {"DeepSeek-R1": "deepseek_r1", "DeepSeek-V3": "deepseek_v3", "Llama-3.1-70B": "llama_3_1_70b",
          "Llama-3.1-8B-Instruct": "llama_3_1_8b", "Qwen3-32B": "qwen3_32b", "gpt-oss-120b": "gpt_oss_120b",
          "MiniMax-M2.5": "minimax_m2_5", "Qwen3-235B-A22B-FP8": "qwen3_235b_a22b"}  # fmt: skip
PRECISIONS = ("bf16", "fp8", "fp4")
GPUS_OF_A_NODE = 8
"""Rows over more GPUs of one node than it has state their layout in ways that do not multiply out."""
FIT_SYSTEMS = ("h100_sxm", "b200_sxm")
FIT_MODELS = ("Llama-3.1-70B", "Qwen3-32B", "DeepSeek-R1")
SAMPLE = "inference_serving_sample.csv"
SAMPLED_PER_GROUP = {"fit": 9, "test": 3}
COLUMNS = ("id", "gpu", "n_gpus", "model", "precision", "engine", "mode", "tp", "pp", "dp", "isl", "osl", "concurrency",
           "ttft_ms", "tpot_ms")  # fmt: skip

BOUNDS = {
    "gemm_share": (0.3, 0.8), "gemm_half_rows": (1, 600), "hbm_share": (0.4, 0.95), "link_share": (0.1, 0.85),
    "collective_latency_s": (1e-6, 4e-5), "activation_passes": (0.01, 200), "kernel_overhead_s": (1e-7, 2e-5),
    "step_overhead_s": (1e-5, 1e-3), "request_overhead_s": (1e-8, 1e-4),
}  # fmt: skip
"""Where the fit may look: never above what hardware can do; a link's best bus bandwidth is about 0.85 of its rate."""
START = {
    "gemm_share": 0.6, "gemm_half_rows": 60, "hbm_share": 0.8, "link_share": 0.5, "collective_latency_s": 6e-6,
    "activation_passes": 10, "kernel_overhead_s": 4e-6, "step_overhead_s": 3e-4, "request_overhead_s": 1e-5,
}  # fmt: skip
"""Where the fit starts, and whither a weak pull (``PULL``) leads a constant that the rows don't decide."""
PULL = 0.1
TTFT_WEIGHT = 0.5
TTFT_ISL, TTFT_CONCURRENCY = 4096, 16
"""Time to first token is fitted only on long prompts of few users, where reading outweighs waiting."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measured point and our prediction of it; errors are ours over published, less one."""

    id: str
    split: str
    gpu: str
    model: str
    precision: str
    engine: str
    gpus: int
    concurrency: int
    ttft_ms: float
    tpot_ms: float
    our_ttft_ms: float
    our_tpot_ms: float
    ttft_error: float
    tpot_error: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Errors over some rows, as shares; the bias is the median error with its sign."""

    name: str
    rows: int
    tpot_median_abs: float
    tpot_mean_abs: float
    tpot_bias: float
    ttft_median_abs: float
    ttft_bias: float


@dataclass(frozen=True)
class InferenceValidation:
    """Every row, the summaries by split, GPU, model and precision, and how many rows of the table can't be answered."""

    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    left_out: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return dataclasses.asdict(self)


def validate(rows: Path | None = None) -> InferenceValidation:
    """Return published, ours and error for each answerable row of a table with inference_serving.csv's columns.

    Parameters
    ----------
    rows
        The table; without it the sample that comes with gigaplan.

    Raises
    ------
    PlanError
        If the table can't be read or lacks columns.
    """
    raw = read(rows)
    usable = [r for r in raw if answerable(r)]
    ttft, tpot = predict(usable, efficiency_of(catalog.load()))
    answers = tuple(
        Row(r["id"], split_of(r), r["gpu"], _model(r), r["precision"], r["engine"], int(r["n_gpus"]),
            int(float(r["concurrency"])), float(r["ttft_ms"]), float(r["tpot_ms"]), float(t), float(p),
            float(t) / float(r["ttft_ms"]) - 1, float(p) / float(r["tpot_ms"]) - 1)
        for r, t, p in zip(usable, ttft, tpot, strict=True)
    )  # fmt: skip
    return InferenceValidation(answers, tuple(_summaries(answers)), len(raw) - len(usable))


def predict(rows: Sequence[dict[str, str]], efficiency: Efficiency) -> tuple[Array, Array]:
    """Return our TTFT and TPOT [ms] for rows with a stated layout, each (row,); the result columns are not read."""
    return _ask(_groups(rows), efficiency, len(rows))


def fit(rows: Sequence[dict[str, str]]) -> tuple[Efficiency, float]:
    """Fit the constants on the logarithm of TPOT (and of TTFT where reading outweighs waiting).

    Soft-L1 least squares, so that a few rows of another engine version don't decide. The reserve of memory is not
    seen by these rows and stays as the catalog has it.

    Returns
    -------
    tuple
        The constants, and the median absolute error of TPOT over the rows as a share.
    """
    from scipy.optimize import least_squares

    reserve = efficiency_of(catalog.load()).memory_reserve_share
    groups, count = _groups(rows), len(rows)
    ttft, tpot = (np.log([float(r[k]) for r in rows]) for k in ("ttft_ms", "tpot_ms"))
    weight = np.array([TTFT_WEIGHT * (float(r["isl"]) >= TTFT_ISL and float(r["concurrency"]) <= TTFT_CONCURRENCY)
                       for r in rows])  # fmt: skip
    low, high = (np.log([BOUNDS[n][k] for n in START]) for k in (0, 1))
    start = np.log(list(START.values()))

    def made(x: Array) -> Efficiency:
        return Efficiency(memory_reserve_share=reserve, **dict(zip(START, np.exp(x).tolist(), strict=True)))

    def residual(x: Array) -> Array:
        ours = _ask(groups, made(x), count)
        return np.concatenate([np.log(ours[1]) - tpot, weight * (np.log(ours[0]) - ttft), PULL * (x - start)])

    found = least_squares(residual, start, bounds=(low, high), loss="soft_l1", f_scale=0.15)
    return made(found.x), float(np.median(np.abs(np.expm1(residual(found.x)[:count]))))


def sample(rows: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Return the rows that come with gigaplan out of the whole table, marked with their split.

    In each group of GPU, model and precision, rows evenly spaced in the order of concurrency, prompt and layout.
    """
    groups: dict[tuple[str, str, str], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        if answerable(row):
            groups[row["gpu"], _model(row), row["precision"]].append(row)
    chosen = []
    for _, group in sorted(groups.items()):
        group.sort(key=lambda r: (float(r["concurrency"]), int(r["isl"]), int(r["n_gpus"]), r["id"]))
        split = split_of(group[0])
        count = min(SAMPLED_PER_GROUP[split], len(group))
        chosen += [{**group[int((k + 0.5) * len(group) / count)], "split": split} for k in range(count)]
    return chosen


def read(path: Path | None = None) -> list[dict[str, str]]:
    """Return the rows of a table, or of the sample that comes with gigaplan; PlanError if it can't be read."""
    source = path or Path(str(files("gigaplan.validation") / "data" / SAMPLE))
    try:
        with source.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = sorted(set(COLUMNS) - set(reader.fieldnames or ()))
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(
            [Problem(f"the table cannot be read: {error}", Place(str(source)), remedy="give a CSV file")]
        ) from None
    if missing:
        raise PlanError([Problem("columns are missing", Place(str(source), 1, 1), value=", ".join(missing),
                                 remedy="give a table with the columns of inference_serving.csv")])  # fmt: skip
    return rows


def answerable(row: dict[str, str]) -> bool:
    """Return whether a row is co-located serving inside one node of a known system, model and precision, on a layout
    that multiplies out."""
    if row["mode"] != "agg" or row["precision"] not in PRECISIONS or not row["concurrency"]:
        return False
    if row["gpu"] not in SYSTEMS or _model(row) not in MODELS or int(row["pp"] or 1) != 1:
        return False
    return int(row["n_gpus"]) == int(row["tp"]) * int(row["dp"] or 1) <= GPUS_OF_A_NODE


def split_of(row: dict[str, str]) -> str:
    """Return 'fit' for the GPUs and models that the constants are fitted on, else 'test'."""
    return "fit" if row["gpu"] in FIT_SYSTEMS and _model(row) in FIT_MODELS else "test"


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows of one GPU, model and precision, as arrays (row,)."""

    index: list[int]
    stage: Stage
    users: Array
    fresh: Array
    generated: Array


def _groups(rows: Sequence[dict[str, str]]) -> list[_Group]:
    by: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for k, row in enumerate(rows):
        by[row["gpu"], _model(row), row["precision"]].append(k)
    efficiency = efficiency_of(catalog.load())
    groups = []
    for (gpu, model, precision), index in by.items():
        some = [rows[k] for k in index]
        gpus, data, users, fresh, generated = (
            np.array(column, dtype=float)
            for column in zip(
                *((r["n_gpus"], int(r["dp"] or 1) > 1, r["concurrency"], *_lengths(r)) for r in some), strict=True
            )
        )
        stage = Stage(*_known(gpu, model), precision, efficiency, gpus, np.ones_like(gpus), data)
        groups.append(_Group(index, stage, users, fresh, generated))
    return groups


def _ask(groups: Iterable[_Group], efficiency: Efficiency, count: int) -> tuple[Array, Array]:
    prompts = catalog.load().find("inferencex", "prompts_per_user").number
    ttft, tpot = np.zeros(count), np.zeros(count)
    for g in groups:
        stage = dataclasses.replace(g.stage, efficiency=efficiency)
        first, each = closed_loop(stage, g.users, g.fresh, g.generated, prompts)
        ttft[g.index], tpot[g.index] = 1e3 * first, 1e3 * each
    return ttft, tpot


def _lengths(row: dict[str, str]) -> tuple[float, float]:
    """Return the mean tokens read and made: InferenceX draws lengths evenly between a share of the stated and it."""
    share = 1.0
    if "InferenceX" in (row.get("source") or ""):
        share = (1 + catalog.load().find("inferencex", "shortest_length_share").number) / 2
    return float(row["isl"]) * share, float(row["osl"]) * share


@cache
def _known(gpu: str, model: str) -> tuple[Device, Architecture]:
    facts = catalog.load()
    return device_of(facts, SYSTEMS[gpu]), model_of(facts, MODELS[model])


def _model(row: dict[str, str]) -> str:
    return row["model"].split("/")[-1]


def _summaries(rows: Sequence[Row]) -> Iterator[Summary]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        for key in (row.split, *(f"{row.split}, {k}" for k in (row.gpu, row.model, row.precision))):
            groups[key].append(row)
    for name, some in sorted(groups.items()):
        tpot, ttft = (np.array([getattr(r, k) for r in some]) for k in ("tpot_error", "ttft_error"))
        yield Summary(name, len(some), float(np.median(np.abs(tpot))), float(np.abs(tpot).mean()), float(np.median(tpot)),
                      float(np.median(np.abs(ttft))), float(np.median(ttft)))  # fmt: skip
