"""MLPerf Inference: what a row of results asks, and the best that a system can do within the scenario's limits.

Results give tokens per second, not how they were reached: layout, batch and whether prompts are read apart are the
submitter's, so the best that are found are predicted. Server and interactive limits hold for 99 of 100 requests that
arrive at random (Reddi et al. 2020); :mod:`gigaplan.inference.percentiles` has the laws. Two tables are known: one
row for each result (``inference_mlperf_v5_1.csv``), and facts (``facts/mlperf_inference.csv``), whose quantity is
``model.scenario``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gigaplan import catalog
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.inference import disaggregation
from gigaplan.inference.frontier import best
from gigaplan.inference.inputs import Efficiency, Engine, Request
from gigaplan.inference.percentiles import Percentile
from gigaplan.plan.resolve.drafts import drafts_of
from gigaplan.vocabulary.errors import UnsupportedError

SCENARIOS = ("offline", "server", "interactive")
FACT_COLUMNS = ("entity", "quantity", "value")
FOREVER_S = 1e9
FAR = 3.0
"""A guessed length matters where its range is wider than this."""
MET_SHARE = 0.99
"""Share of requests that must keep the limits (MLPerf Inference rules)."""
MONTH = len("yyyy-mm")
GUESSED = ("assumed", "estimated")


def is_facts(columns: Sequence[str]) -> bool:
    """Return whether a table has the columns of facts/mlperf_inference.csv."""
    return set(FACT_COLUMNS) <= set(columns)


def as_result(row: Mapping[str, str]) -> dict[str, str]:
    """Return a fact as a row of results.

    Raises
    ------
    UnsupportedError
        If it is no throughput of one system: a ratio between two, or a quantity that isn't ``model.scenario``.
    """
    entity, quantity = row.get("entity") or "", row.get("quantity") or ""
    model, _, scenario = quantity.rpartition(".")
    name = next((s for s in SCENARIOS if scenario.lower().startswith(s)), "")
    if "/" in entity or quantity.startswith("ratio"):
        raise UnsupportedError(f"'{quantity}' of '{entity}' is a ratio of two other rows")
    if not (model and name):
        raise UnsupportedError(f"quantity '{quantity}' is not a model and a scenario ({', '.join(SCENARIOS)})")
    words = f"{row.get('basis') or ''} {row.get('unit') or ''}".lower()
    precision = next((p for p in ("fp4", "fp8", "fp16", "bf16") if p in words), "")
    return {
        "gpu": re.sub(r"\s+x\d+$", "", re.sub(r"^\d+\s*x\s*", "", entity)),
        "n_gpus": str(_gpus(entity, row.get("context") or "") or ""),
        "model": model,
        "precision": precision,
        "metric": f"{name.capitalize()} Tokens/s",
        "value": row.get("value") or "",
        "date": row.get("date") or "",
        "source": row.get("source_title") or "",
        "gpu_w": _watts(row.get("context") or ""),
    }


def _watts(context: str) -> str:
    """Return the power limit of one GPU as a fact's context states it [W], "" where it states none."""
    found = re.search(r"(\d[\d,]*)\s*W\s+TGP", context)
    return found[1].replace(",", "") if found else ""


def _gpus(entity: str, context: str) -> int:
    """Return how many GPUs a fact counts: as its context says, else as the system's name does, 0 where neither does."""
    if found := re.search(r"(\d+)\s*GPUs", context):
        return int(found[1])
    racks = int(m[1]) if (m := re.search(r"x\s*(\d+)\s*$", entity)) else 1
    if found := re.search(r"(?i)nvl(\d+)", entity):
        return int(found[1]) * racks
    found = re.search(r"^(\d+)\s*x", entity)
    return int(found[1]) if found else 0


def request_of(model: str, scenario: str) -> Request:
    """Return the mean request of a benchmark with the scenario's limits; UnsupportedError if the catalog lacks them.

    Parameters
    ----------
    model
        Name of a model in the catalog.
    scenario
        One of ``SCENARIOS``.
    """
    facts, entity = catalog.load(), f"mlperf_{model}"
    limited = scenario == "offline" or facts.has(entity, f"{scenario}_tpot_s")
    if not facts.has(entity, "generated_tokens_mean") or not limited:
        raise UnsupportedError(f"lengths or limits of MLPerf's {scenario} scenario of {model} are not in the catalog")

    def limit(name: str) -> float:
        return FOREVER_S if scenario == "offline" else facts.find(entity, f"{scenario}_{name}").number

    return Request(
        uncached_input_tokens=facts.find(entity, "prompt_tokens_mean").number,
        cached_input_tokens=0.0,
        output_tokens=facts.find(entity, "generated_tokens_mean").number,
        ttft_s=limit("ttft_s"),
        tpot_s=limit("tpot_s"),
    )


def percentile_of(model: str, scenario: str) -> Percentile | None:
    """Return which requests keep the limits; none has any offline.

    Parameters
    ----------
    model
        Name of a model in the catalog.
    scenario
        One of ``SCENARIOS``.
    """
    if scenario == "offline":
        return None
    mean, longest, cv = (
        catalog.load().find(f"mlperf_{model}", f"prompt_tokens_{name}").number for name in ("mean", "max", "cv")
    )
    return Percentile(MET_SHARE, cv, longest / mean)


def drafts(row: Mapping[str, str], model: str, scenario: str) -> bool:
    """Return whether the rules of a row's round allow speculative decoding.

    Parameters
    ----------
    row
        A row of the table, by column.
    model
        Name of a model in the catalog.
    scenario
        One of ``SCENARIOS``.
    """
    facts, entity = catalog.load(), f"mlperf_{model}"
    if scenario != SCENARIOS[-1] or not facts.has(entity, "drafts_from_date"):
        return False
    return not row.get("date") or str(row["date"])[:MONTH] >= str(facts.find(entity, "drafts_from_date").value)[:MONTH]


def lengths_are_guessed(model: str) -> bool:
    """Return whether the lengths of a benchmark's prompts, on which its throughput rests, are unpublished."""
    fact = catalog.load().find(f"mlperf_{model}", "prompt_tokens_mean")
    return (
        fact.evidence.value in GUESSED and fact.low is not None and fact.high is not None and fact.high > FAR * fact.low
    )


def first_round(row: Mapping[str, str], model: str) -> bool:
    """Return whether a row is of the first round with its benchmark, which no earlier submission prepared.

    Parameters
    ----------
    row
        A row of the table, by column.
    model
        Name of a model in the catalog.
    """
    facts, entity = catalog.load(), f"mlperf_{model}"
    if not facts.has(entity, "first_round_date") or not row.get("date"):
        return False
    return str(row["date"])[:MONTH] <= str(facts.find(entity, "first_round_date").value)[:MONTH]


def best_rate(
    device: Device,
    architecture: Architecture,
    precision: str,
    request: Request,
    constants: tuple[Efficiency, Engine],
    gpus: int,
    percentile: Percentile | None,
    *,
    model: str,
    most_drafts: int,
) -> tuple[float, float, float]:
    """Return output tokens per second and GPU, and the times [s], of the best way to serve on so many GPUs.

    Tried: prompts read on the same GPUs or apart, with drafts where they are allowed. Within one scale-up domain
    nothing beyond its GPUs is used.

    Parameters
    ----------
    device
        One GPU of the system.
    architecture
        The model.
    precision
        Of the weights.
    request
        The mean request, with its limits.
    constants
        Constants of the serving model and of the engine.
    gpus
        GPUs of the submission.
    percentile
        Which requests must keep the limits; None offline.
    model
        Name of a model in the catalog.
    most_drafts
        Tokens that may be drafted for each step; 0 where speculative decoding isn't allowed.
    """
    if gpus <= device.scaleup_gpus:
        device = replace(device, scaleup_gpus=gpus, scaleout_bandwidth_bytes_per_s=0.0)
    found, reason = (0.0, float("nan"), float("nan")), ""
    given = device, architecture, precision, request, *constants
    for number in range(most_drafts + 1):
        drafts = drafts_of(catalog.load(), model, number)
        rate = best(*given, drafts=drafts, percentile=percentile, max_gpus=gpus)
        reason = reason or rate.reason
        found = max(found, (rate.requests_per_gpu_s * request.output_tokens, rate.ttft_s, rate.tpot_s))
        apart = (
            disaggregation.best(*given, drafts=drafts, percentile=percentile, max_gpus=gpus)
            if percentile is not None and gpus > 1
            else None
        )
        if apart is not None:
            found = max(found, (apart.requests_per_gpu_s * request.output_tokens, apart.ttft_s, apart.tpot_s))
    if not found[0]:
        raise UnsupportedError(reason)
    return found
