"""Serving: published TTFT and TPOT, ours, the error; and the fit of the serving model's constants.

The rows that come with gigaplan are a sample of measured points (SemiAnalysis InferenceX and NVIDIA, collected by
aiconfigurator, Apache-2.0): co-located serving inside one node, layout and precision stated. Rows marked ``fit``
set the constants of :class:`~gigaplan.inference.inputs.Efficiency`; rows marked ``test`` never do.
"""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from gigaplan import catalog
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.inputs import Efficiency, Request
from gigaplan.inference.serving import serve
from gigaplan.inference.step import Stage
from gigaplan.plan.resolve import device_of, efficiency_of, model_of
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.members import Array

SYSTEMS = {"h100_sxm": "h100_hgx", "h200_sxm": "h200_hgx", "b200_sxm": "b200_hgx", "b300_sxm": "b300_hgx",
           "gb200": "gb200_nvl72", "gb300": "gb300_nvl72"}  # fmt: skip
MODELS = {"DeepSeek-R1": "deepseek_r1", "DeepSeek-V3": "deepseek_v3", "Llama-3.1-70B": "llama_3_1_70b",
          "Llama-3.1-8B-Instruct": "llama_3_1_8b", "Qwen3-32B": "qwen3_32b", "gpt-oss-120b": "gpt_oss_120b",
          "MiniMax-M2.5": "minimax_m2_5", "Qwen3-235B-A22B-FP8": "qwen3_235b_a22b"}  # fmt: skip
FIT_SYSTEMS = ("h100_sxm", "b200_sxm")
FIT_MODELS = ("Llama-3.1-70B", "Qwen3-32B", "DeepSeek-R1")
NO_LIMIT_S = 1e9


@dataclass(frozen=True, slots=True)
class Row:
    """One measured point and our prediction of it."""

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

    @property
    def tpot_error(self) -> float:
        """Ours over published, less one."""
        return self.our_tpot_ms / self.tpot_ms - 1

    @property
    def ttft_error(self) -> float:
        """Ours over published, less one."""
        return self.our_ttft_ms / self.ttft_ms - 1


@dataclass(frozen=True, slots=True)
class Summary:
    """Errors over some rows, as shares."""

    name: str
    rows: int
    tpot_median_abs: float
    tpot_mean_abs: float
    tpot_bias: float
    ttft_median_abs: float
    ttft_bias: float


@dataclass(frozen=True)
class InferenceValidation:
    """Every row, the summaries by split, GPU and model, and how many rows of the table can't be answered."""

    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    left_out: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return dataclasses.asdict(self)


def validate(path: Path | None = None) -> InferenceValidation:
    """Return published, ours and error for each answerable row of a table with inference_serving.csv's columns.

    Raises
    ------
    PlanError
        If the table can't be read or lacks columns.
    """
    raw = _read(path)
    usable = [r for r in raw if _usable(r)]
    ours = predict(usable, efficiency_of(catalog.load()))
    rows = tuple(
        Row(r["id"], _split(r), r["gpu"], _model(r), r["precision"], r["engine"], int(r["n_gpus"]),
            int(float(r["concurrency"])), float(r["ttft_ms"]), float(r["tpot_ms"]), float(t), float(p))
        for r, t, p in zip(usable, *ours, strict=True)
    )  # fmt: skip
    return InferenceValidation(rows, tuple(_summaries(rows)), len(raw) - len(usable))


def predict(rows: Sequence[dict[str, str]], efficiency: Efficiency) -> tuple[Array, Array]:
    """Return our TTFT and TPOT [ms] for rows with a stated layout, each (row,)."""
    answers = [_one(row, efficiency) for row in rows]
    return np.array([a[0] for a in answers]), np.array([a[1] for a in answers])


def fit(rows: Sequence[dict[str, str]]) -> tuple[Efficiency, float]:
    """Fit the constants on the logarithm of TPOT and return them with the residual (median absolute error).

    Soft-L1 least squares (scipy), so that a few rows of another engine version don't decide. The reserve of memory
    is not seen by these rows and stays as it is.
    """
    from scipy.optimize import least_squares

    start = efficiency_of(catalog.load())
    names = [f.name for f in dataclasses.fields(Efficiency) if f.name != "memory_reserve_share"]
    bounds = {"gemm_share": (0.3, 0.9), "gemm_half_rows": (1, 400), "hbm_share": (0.4, 0.95), "link_share": (0.2, 0.95),
              "collective_latency_s": (1e-6, 4e-5), "layer_overhead_s": (1e-7, 8e-5), "step_overhead_s": (1e-4, 1e-2)}  # fmt: skip
    published = np.log([float(r["tpot_ms"]) for r in rows])

    def made(x: Array) -> Efficiency:
        return dataclasses.replace(start, **dict(zip(names, np.exp(x).tolist(), strict=True)))

    def residual(x: Array) -> Array:
        return np.log(predict(rows, made(x))[1]) - published

    low, high = (np.log([bounds[n][k] for n in names]) for k in (0, 1))
    guess = np.log([0.7, 60, 0.75, 0.6, 8e-6, 1e-5, 1.5e-3])
    found = least_squares(residual, guess, bounds=(low, high), loss="soft_l1", f_scale=0.15)
    return made(found.x), float(np.median(np.abs(np.expm1(residual(found.x)))))


def fit_rows() -> list[dict[str, str]]:
    """Return the shipped rows that the constants are fitted on."""
    return [r for r in _read(None) if _split(r) == "fit"]


@cache
def _known(gpu: str, model: str) -> tuple[Device, Architecture]:
    facts = catalog.load()
    return device_of(facts, SYSTEMS[gpu]), model_of(facts, MODELS[model])


def _one(row: dict[str, str], efficiency: Efficiency) -> tuple[float, float]:
    device, architecture = _known(row["gpu"], _model(row))
    data = float(int(row["dp"] or 1) > 1)
    stage = Stage(device, architecture, row["precision"], efficiency, np.array([float(row["n_gpus"])]), np.array([1.0]),
                  np.array([data]))  # fmt: skip
    request = Request(fresh_input_tokens=float(row["isl"]), cached_input_tokens=0.0, generated_tokens=float(row["osl"]),
                      ttft_s=NO_LIMIT_S, tpot_s=NO_LIMIT_S)  # fmt: skip
    service = serve(stage, np.array([float(row["concurrency"])]), request)
    return float(service.ttft_s[0]) * 1e3, float(service.tpot_s[0]) * 1e3


def _usable(row: dict[str, str]) -> bool:
    """Co-located rows inside one node with known system, model and precision, and a layout that multiplies out."""
    if row["mode"] != "agg" or row["precision"] not in ("bf16", "fp8", "fp4") or not row["concurrency"]:
        return False
    if row["gpu"] not in SYSTEMS or _model(row) not in MODELS or row["precision"] == "fp4" and row["gpu"][0] == "h":
        return False
    layout = int(row["tp"]) * int(row["pp"] or 1) * int(row["dp"] or 1)
    return int(row["pp"] or 1) == 1 and int(row["n_gpus"]) == layout <= 8


def _model(row: dict[str, str]) -> str:
    return row["model"].split("/")[-1]


def _split(row: dict[str, str]) -> str:
    return "fit" if row["gpu"] in FIT_SYSTEMS and _model(row) in FIT_MODELS else "test"


def _summaries(rows: Sequence[Row]) -> Iterable[Summary]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        for key in (row.split, *((f"test, {row.gpu}", f"test, {row.model}") if row.split == "test" else ())):
            groups.setdefault(key, []).append(row)
    for name in sorted(groups, key=lambda k: (k.startswith("test"), k)):
        tpot = np.array([r.tpot_error for r in groups[name]])
        ttft = np.array([r.ttft_error for r in groups[name]])
        yield Summary(name, len(tpot), float(np.median(np.abs(tpot))), float(np.abs(tpot).mean()), float(np.median(tpot)),
                      float(np.median(np.abs(ttft))), float(np.median(ttft)))  # fmt: skip


def _read(path: Path | None) -> list[dict[str, str]]:
    try:
        source = path or Path(str(files("gigaplan.validation") / "data" / "inference_serving_sample.csv"))
        with source.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            need = {"id", "gpu", "n_gpus", "model", "precision", "engine", "mode", "tp", "pp", "dp", "isl", "osl",
                    "concurrency", "ttft_ms", "tpot_ms"}  # fmt: skip
            missing = need - set(reader.fieldnames or ())
            if missing:
                raise PlanError([Problem("columns are missing", Place(str(source), 1, 1), value=", ".join(sorted(missing)),
                                         remedy="give a table with the columns of inference_serving.csv")])  # fmt: skip
            return list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError([Problem(f"the table cannot be read: {error}", Place(str(path)), remedy="give a CSV file")]) from None
