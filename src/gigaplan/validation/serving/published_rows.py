"""The loader of published serving tables: it fills in what their publications state elsewhere.

The columns are those of ``inference_serving.csv``. GPUs count in three ways in such tables; this page says how each is
read, and what is guessed where a cell is empty. It reads rows of the tables in
:mod:`gigaplan.validation.published_tables` only.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from gigaplan import catalog
from gigaplan.inference.options import ENGINES, PRECISIONS
from gigaplan.plan.resolver import meant_in_table
from gigaplan.validation.published_tables import serving_table
from gigaplan.validation.serving.harnesses import harness_of
from gigaplan.validation.serving.rows import Question, Worker, known, usual_drafts
from gigaplan.vocabulary.errors import UnsupportedError

WIDER = {
    "fp16": "bf16",
    "bfloat16": "bf16",
    "nvfp4": "fp4",
    "mxfp4": "fp4",
    "w4a16": "fp4",
    "int4": "fp4",
    "int8": "fp8",
}

FILE_OF_NVIDIA = re.compile(r"(?<![\w.-])(?!\d{4}-\d\d-\d\d\.csv)[\w.-]+\.csv")
"""A file that isn't called by a date."""

WORKERS = re.compile(
    r"(prefill|decode): workers=(?P<workers>\d*) tp=(?P<tp>\d*) pp=(?P<pp>\d*) dp=(?P<dp>\d*) moe_tp=(?P<moe_tp>\d*) "
    r"ep=(?P<ep>\d*) bs=(?P<bs>\d*)"
)
TOTALS = re.compile(r"\bpg=(?P<prefill>\d+) dg=(?P<decode>\d+)")
"""GPUs of all prefill and of all decode workers."""


USERS_PER_GPU = 4.5
"""Users per decoding GPU where the number of workers isn't stated: the median of the rows that state it."""

WIDEST_ALONE = 8
"""A co-located row over more GPUs, tensor split alone, is a disaggregated run whose workers the table leaves out: no
model has heads for 20, 36 or 72 ranks, and its time per token doesn't follow the users as a co-located one must."""

TALLEST_TENSOR = 16
"""More ranks than this never split one request's heads: larger workers split attention by requests."""


def question(row: Mapping[str, str]) -> Question:
    """Return the question of a row.

    Raises
    ------
    UnsupportedError
        If the system, the model or the layout is unknown, or lengths and users are missing.
    """
    row = {**row, **stated_layout(row)}
    guesses: list[str] = []
    system = meant_in_table("system", row.get("gpu", ""))
    model = meant_in_table("model", row.get("model", ""))
    precision = _precision(row, system, model, guesses)
    engine = (row.get("engine") or "").lower().replace("-", "").replace("tensorrtllm", "trtllm")
    if engine not in ENGINES:
        guesses.append(f"engine '{row.get('engine') or ''}' taken as vllm")
        engine = "vllm"
    share = mean_length_share(row)
    isl, osl = (_number(row, k) * share for k in ("isl", "osl"))
    concurrency = _number(row, "concurrency")
    decode, prefill = _workers(row, concurrency, guesses)
    return Question(
        system,
        model,
        precision,
        engine,
        drafts(row, model, engine, decode),
        decode,
        prefill,
        isl,
        max(osl, 1.0),
        concurrency,
        2 * (1 - share) / share,
        harness_of(row, system, model, engine, precision, decode, inferencex=drawn_by_inferencex(row)),
        tuple(guesses),
        release=str(row.get("engine_version") or ""),
        prompts=_prompts(row, engine),
    )


def stated_layout(row: Mapping[str, str]) -> Mapping[str, str]:
    """Return the cells of a row's layout as the run itself states them, where they are known: workers, ranks, and
    whether drafts were taken. The collected table leaves them out or splits GPUs in another way."""
    return _layouts().get(row.get("id") or "", {}) if serving_table(row) == "aiconfigurator" else {}


@cache
def _layouts() -> Mapping[str, Mapping[str, str]]:
    path = Path(str(files("gigaplan.validation") / "data" / "serving_layouts.csv"))
    with path.open(encoding="utf-8", newline="") as file:
        return {r.pop("id"): r for r in csv.DictReader(file)}


def mean_length_share(row: Mapping[str, str]) -> float:
    """Return mean over stated length: InferenceX draws lengths evenly between a share of the stated one and it."""
    if not drawn_by_inferencex(row):
        return 1.0
    return (1 + catalog.load().find("inferencex", "shortest_length_share").number) / 2


def drawn_by_inferencex(row: Mapping[str, str]) -> bool:
    """Return whether a row is a run of InferenceX's harness; a gap analysis by NVIDIA repeats some of its runs digit
    by digit."""
    return by_inferencex(row) or "-gap-analysis.csv" in (row.get("config") or "")


def by_inferencex(row: Mapping[str, str]) -> bool:
    """Return whether a row is InferenceX's own: NVIDIA's rows of the same table name the file of a model in their
    configuration; the sample, which leaves configurations out, says it in words."""
    if serving_table(row) == "inferencex":
        return True
    config = row.get("config") or ""
    return not FILE_OF_NVIDIA.search(config) if config else "InferenceX" in (row.get("source") or "")


def set_aside(row: Mapping[str, str]) -> str:
    """Return the written reason for which a published row is left out of fits and summaries, "" for all others."""
    for reason, stated in _set_aside():
        if all((row.get(name) or "") == value for name, value in stated.items()):
            return reason
    return ""


@cache
def _set_aside() -> tuple[tuple[str, Mapping[str, str]], ...]:
    path = Path(str(files("gigaplan.validation") / "data" / "serving_set_aside.csv"))
    with path.open(encoding="utf-8", newline="") as file:
        return tuple((r.pop("reason"), {k: v for k, v in r.items() if v}) for r in csv.DictReader(file))


def _prompts(row: Mapping[str, str], engine: str) -> int:
    """Return how many prompts each user sent, where the source sent another number than InferenceX: two in NVIDIA's
    runs of SGLang 0.5.1 (the fact's note says how the rows show it); 0 where nothing is known."""
    nvidias = not drawn_by_inferencex(row) and serving_table(row) == "aiconfigurator"
    if nvidias and engine == "sglang" and str(row.get("engine_version", "")).startswith("0.5.1."):
        return int(catalog.load().find("nvidia_runs_of_sglang_0_5_1", "prompts_per_user").number)
    return 0


def drafts(row: Mapping[str, str], model: str, engine: str, decode: Worker) -> int:
    """Return how many tokens a row drafts for each step: as its recipe states it, else as the harness's scripts do.

    Parameters
    ----------
    row
        A row of the table, by column.
    model
        Name of a model in the catalog.
    engine
        Serving engine.
    decode
        The worker that decodes.
    """
    if row.get("drafts"):
        return int(row["drafts"])
    return usual_drafts(engine, by_requests=decode.by_requests) if speculative(row, model) else 0


def speculative(row: Mapping[str, str], model: str) -> bool:
    """Return whether a row ran with speculative decoding, as far as the table shows it.

    InferenceX runs DeepSeek on TensorRT-LLM with and without multi-token prediction; the table has no column for it.
    Its release 1.2.0rc6.post3 and the runs of 14 January 2026 lie at 0.55 to 0.7 of the others' time per token in
    every layout.

    Parameters
    ----------
    row
        A row of the table, by column.
    model
        Name of a model in the catalog.
    """
    if stated := row.get("spec_decode"):
        return stated != "none"
    if any(word in str(row.get(k, "")).lower() for k in ("config", "engine") for word in ("mtp", "eagle", "spec")):
        return True
    applies = model.startswith("deepseek") and row.get("engine") == "trtllm" and row.get("mode") == "agg"
    return applies and (str(row.get("engine_version", "")).endswith("rc6.post3") or row.get("date") == "2026-01-14")


def _precision(row: Mapping[str, str], system: str, model: str, guesses: list[str]) -> str:
    given = (row.get("precision") or "").lower()
    given = WIDER.get(given, given)
    if given in PRECISIONS:
        return given
    name = (row.get("model") or "").lower()
    device, _ = known(system, model)
    if "fp4" in name or model.startswith("gpt_oss"):
        guess = "fp4"
    elif "fp8" in name or model.startswith(("deepseek", "kimi", "minimax")):
        guess = "fp8" if device.peak_fp8_flops_per_s else "bf16"
    else:
        guess = "fp8" if device.peak_fp8_flops_per_s and by_inferencex(row) else "bf16"
    guesses.append(f"precision not stated, {guess} guessed")
    return guess


def _workers(row: Mapping[str, str], users: float, guesses: list[str]) -> tuple[Worker, Worker | None]:
    if (row.get("mode") or "agg") == "agg":
        worker = _aggregated(row, guesses)
        return (
            _apart(worker, users, guesses)
            if worker.gpus > WIDEST_ALONE and not row.get("config", "").count("agg")
            else (worker, None)
        )
    found = {m[1]: m for m in WORKERS.finditer(row.get("config") or "")}
    if "decode" not in found:
        raise UnsupportedError("disaggregated without a layout of its workers in 'config'")
    totals = TOTALS.search(row.get("config") or "")
    decode, prefill = (
        _worker(found[k], guesses, int(totals[k]) if totals else 0) if k in found else None
        for k in ("decode", "prefill")
    )
    assert decode is not None
    if not decode.count:
        guesses.append("number of workers not stated")
        decode = replace(decode, count=math.ceil(users / (USERS_PER_GPU * decode.gpus)), stated=False)
    return decode, prefill or decode


def _apart(whole: Worker, users: float, guesses: list[str]) -> tuple[Worker, Worker]:
    """Return decoding and prefill workers of a total of GPUs whose split the table leaves out: half for each."""
    guesses.append(f"{whole.gpus} GPUs in one tensor split read as workers apart, their number not stated")
    each = next(g for g in (WIDEST_ALONE, 4, 2, 1) if whole.gpus // 2 % g == 0)
    count = max(whole.gpus // 2 // each, 1)
    one = Worker(each * count, True, 1, stated=False)
    return one, Worker(each, False, count, stated=False)


def _worker(match: re.Match[str], guesses: list[str], total: int) -> Worker:
    """Return one kind of worker; where its ranks are left at one, its share of all its kind's GPUs tells its size."""
    tp, pp, dp, moe_tp, ep = (int(match[k] or 1) for k in ("tp", "pp", "dp", "moe_tp", "ep"))
    gpus, count = _gpus(tp, dp, moe_tp, ep) * pp, int(match["workers"] or 0)
    if gpus == 1 <= count < total:
        gpus = total // count
        guesses.append(f"{match[1]} workers of {gpus} GPUs, whose split is not stated")
        return Worker(gpus, gpus > WIDEST_ALONE, count, int(match["bs"] or 0))
    return Worker(gpus, dp > 1 or gpus > TALLEST_TENSOR, count, int(match["bs"] or 0))


def _aggregated(row: Mapping[str, str], guesses: list[str]) -> Worker:
    tp, pp, dp, ep = (int(float(row.get(k) or 1) or 1) for k in ("tp", "pp", "dp", "ep"))
    total = int(float(row["n_gpus"])) if row.get("n_gpus") else 0
    if not row.get("tp") and total:
        tp = total
    match = re.search(r"moe_tp=(\d+)", row.get("config") or "")
    moe_tp = int(match[1]) if match else 1
    if not row.get("dp") and moe_tp * ep > tp:  # experts over more GPUs than heads: the rest reads other requests
        guesses.append(f"experts lie over {moe_tp * ep} GPUs, heads over {tp}: attention split by requests")
        return Worker(moe_tp * ep * pp, True, tensor=tp)
    gpus = _gpus(tp, dp, moe_tp, ep) * pp
    if total and gpus != total:
        guesses.append(f"{total} GPUs read as {gpus}: tensor and expert ranks are the same ones")
    return Worker(gpus, dp > 1 or gpus > TALLEST_TENSOR)


def _gpus(tp: int, dp: int, moe_tp: int, ep: int) -> int:
    """Return the GPUs of one worker: attention takes tp x dp ranks, experts moe_tp x ep, on the same GPUs.

    Some tables write the product of both: 64 for tensor 8 and experts 8 on one node of 8. A product that one node
    holds is taken as it stands.
    """
    attention = tp * dp
    if moe_tp == ep > 1 and attention == moe_tp * ep > WIDEST_ALONE:
        return ep
    if tp == dp > 1 and ep == attention:
        return tp
    return attention


def _number(row: Mapping[str, str], name: str) -> float:
    try:
        value = float(row.get(name) or "nan")
    except ValueError:
        value = math.nan
    if not value > 0 or math.isinf(value):
        raise UnsupportedError(f"'{name}' is missing or not a positive number")
    return value
