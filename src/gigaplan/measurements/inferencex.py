"""InferenceX, once InferenceMAX: the result of a run with its configuration, JSON; aggregated runs are a list of them.

Times are in seconds, of the mean request. Lengths are those that were asked for; the harness draws each request's
evenly between a share of it and the whole.
"""

from __future__ import annotations

from collections.abc import Mapping

from gigaplan import catalog
from gigaplan.measurements.reports import Row, engine_of, is_set, number, row, text
from gigaplan.vocabulary.errors import UnsupportedError

NAME = "InferenceX result (JSON)"
KNOWN_BY = "`hw`, `conc` and `framework`"
STATES = "all; lengths as the means of what is drawn; no rate of requests"
LEAVES_OPEN = ""
WORKERS = ("prefill", "decode")
SPLIT_CONTEXT = ("dcp_size", "pcp_size")


def recognise(document: object) -> bool:
    """Return whether a document is a result of this harness."""
    return isinstance(document, Mapping) and {"hw", "conc", "framework"} <= document.keys()


def rows(document: object) -> list[Row]:
    """Return the row of a run.

    Raises
    ------
    UnsupportedError
        If a number is none, or a context is split among GPUs, which isn't modelled.
    """
    assert isinstance(document, Mapping)
    if split := [k for k in document if k.endswith(SPLIT_CONTEXT) and number(document, k) > 1]:
        raise UnsupportedError(f"a context split among GPUs isn't modelled ({', '.join(split)})")
    share = (1 + catalog.load().find("inferencex", "shortest_length_share").number) / 2
    framework = text(document, "framework")
    drafts = text(document, "spec_decoding") or text(document, "mtp")
    cells = {
        "gpu": text(document, "hw").partition("-")[0],
        "model": text(document, "model"),
        "precision": text(document, "precision"),
        "engine": engine_of(framework) or framework,
        "speculative": "mtp" if drafts == "on" else "" if drafts == "off" else drafts,
        "isl": number(document, "isl") * share,
        "osl": number(document, "osl") * share,
        "concurrency": number(document, "conc"),
        "ttft_ms": number(document, "mean_ttft") * 1e3,
        "tpot_ms": number(document, "mean_tpot") * 1e3,
        "e2e_ms": number(document, "mean_e2el") * 1e3,
        "notes": f"isl and osl are the means of lengths drawn from {2 * share - 1:g} of the stated ones to the whole",
    }
    layout = _workers(document) if number(document, "num_decode_gpu") > 0 else _together(document)
    per_gpu = number(document, "output_tput_per_gpu")
    gpus = number(document, "num_decode_gpu")
    counted = gpus if gpus > 0 else float(str(layout.get("n_gpus") or "nan"))
    return [row(**cells, **layout, output_tokens_per_s=per_gpu * counted)]


def _together(document: object) -> dict[str, object]:
    """Return the cells of a layout whose GPUs do both prefill and decode."""
    prefix = "prefill_" if is_set(document, "is_multinode") else ""
    tensor, expert = number(document, f"{prefix}tp"), number(document, f"{prefix}ep")
    stages = number(document, f"{prefix}pp")
    stages = stages if stages > 0 else 1.0
    copies = number(document, "prefill_num_workers") if prefix else 1.0
    if copies > 1:
        raise UnsupportedError("several workers that do both prefill and decode aren't read: give the row of one")
    groups = tensor if is_set(document, f"{prefix}dp_attention") else 1.0
    return {"mode": "agg", "tp": tensor, "pp": stages, "dp": groups, "ep": expert, "n_gpus": tensor * stages}


def _workers(document: object) -> dict[str, object]:
    """Return the cells of a layout with prefill and decode workers."""
    parts, total = [], 0.0
    for name in WORKERS:
        tensor, count = number(document, f"{name}_tp"), number(document, f"{name}_num_workers")
        stages, expert = number(document, f"{name}_pp"), number(document, f"{name}_ep")
        heads, groups = (1.0, tensor) if is_set(document, f"{name}_dp_attention") else (tensor, 1.0)
        given = {"workers": count, "tp": heads, "pp": stages if stages > 0 else 1.0, "dp": groups, "ep": expert}
        if missing := [k for k, v in given.items() if not v > 0]:
            raise UnsupportedError(f"'{name}_{missing[0]}' of {name} workers is missing")
        parts.append(f"{name}: " + " ".join(f"{k}={v:.0f}" for k, v in given.items()))
        total += number(document, f"num_{name}_gpu")
    return {"mode": "disagg", "config": "; ".join(parts), "n_gpus": total}
