"""The llm-d benchmark report, versions 0.1 and 0.2: YAML or JSON, one run. Each statistic has its unit and its mean.

Replicas share the load evenly, so that the row is one replica with its share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from gigaplan.measurements.reports import (
    Row,
    at,
    engine_of,
    finite,
    first,
    load,
    milliseconds,
    number,
    precision_of,
    row,
    text,
)
from gigaplan.vocabulary.errors import UnsupportedError

NAME = "llm-d benchmark report (YAML or JSON)"
KNOWN_BY = "`version` and `scenario`, with `latency` among its results"
STATES = "all that its stack states; the share of one replica"
LEAVES_OPEN = "`precision`, and what the stack leaves out"
CAPS = (("concurrency",), ("max-concurrency",), ("max_concurrency",))
RATES = (("rate_qps",), ("request-rate",), ("request_rate",))
OWN_TOKEN_TIME = "guidellm"
"""A generator whose time per output token includes the first one."""


def recognise(document: object) -> bool:
    """Return whether a document is such a report."""
    if not isinstance(document, Mapping) or "version" not in document or "scenario" not in document:
        return False
    return _aggregate(document) is not None


def rows(document: object) -> list[Row]:
    """Return the row of a run.

    Raises
    ------
    UnsupportedError
        If a number is none, a unit is unknown, or replicas are unlike.
    """
    measured = _aggregate(document)
    standard = isinstance(at(document, "scenario", "stack"), list)
    layout = _stack(document) if standard else _hosts(document)
    share = float(str(layout.pop("replicas", 1)))
    stated = at(document, "scenario", "load", "standardized" if standard else "args")
    tool = text(stated, "tool") if standard else text(document, "scenario", "load", "name")
    latency = _time(measured, "request_latency")
    per_token = "" if tool == OWN_TOKEN_TIME else "time_per_output_token"
    tpot = _time(measured, per_token)
    served = first(measured, ("throughput", "request_rate", "mean"), ("throughput", "requests_per_sec"))
    tokens = first(measured, ("throughput", "output_token_rate", "mean"), ("throughput", "output_tokens_per_sec"))
    cap, rate = finite(first(stated, *CAPS), "concurrency"), finite(first(stated, *RATES), "rate")
    requests = finite(served, "throughput")
    return [
        row(
            **layout,
            isl=number(measured, "requests", "input_length", "mean"),
            osl=number(measured, "requests", "output_length", "mean"),
            ttft_ms=_time(measured, "time_to_first_token"),
            tpot_ms=_time(measured, "inter_token_latency") if math.isnan(tpot) else tpot,
            e2e_ms=latency,
            output_tokens_per_s=finite(tokens, "throughput") / share,
            **load(cap / share, rate / share, requests / share, latency),
        )
    ]


def _aggregate(document: object) -> object:
    """Return the part of a report that holds the statistics of requests, None where there is none."""
    found = first(document, ("results", "request_performance", "aggregate"), ("metrics",))
    return found if isinstance(at(found, "latency"), Mapping) else None


def _time(measured: object, name: str) -> float:
    """Return the mean of a latency [ms], nan where there is none."""
    value = number(measured, "latency", name, "mean")
    return math.nan if math.isnan(value) else milliseconds(value, text(measured, "latency", name, "units"), name)


def _stack(document: object) -> dict[str, object]:
    """Return the cells of the engines in a report of version 0.2."""
    stack = at(document, "scenario", "stack")
    assert isinstance(stack, list)
    engines = [e for c in stack if text(e := at(c, "standardized"), "kind") == "inference_engine"]
    by_role = {text(e, "role"): e for e in engines}
    if len(by_role) != len(engines):
        raise UnsupportedError("several engines of one role aren't read: give the report of one stack")
    if not engines:
        return {}
    engine = by_role.get("decode") or engines[0]
    cells: dict[str, object] = {
        "gpu": text(engine, "accelerator", "model"),
        "model": text(engine, "model", "name"),
        "engine": engine_of(text(engine, "tool")),
        "engine_version": text(engine, "tool_version"),
    }
    if len(engines) == 1:
        copies = number(engine, "replicas")
        return {**cells, **_ranks(engine), "replicas": copies if copies > 0 else 1.0}
    if set(by_role) != {"prefill", "decode"}:
        raise UnsupportedError(f"engines of the roles {', '.join(sorted(by_role))} aren't read together")
    config = [f"{role}: {_worker(by_role[role])}" for role in ("prefill", "decode")]
    return {**cells, "mode": "disagg", "config": "; ".join(config)}


def _ranks(engine: object) -> dict[str, object]:
    """Return the cells of an engine's ranks."""
    given = {k: number(engine, "accelerator", "parallelism", k) for k in ("tp", "pp", "dp", "ep")}
    ranks = {k: v if v > 0 else 1.0 for k, v in given.items() if k != "ep"}
    expert = {"ep": given["ep"]} if given["ep"] > 1 else {}
    return {**ranks, **expert, "n_gpus": math.prod(ranks.values())}


def _worker(engine: object) -> str:
    """Return an engine's workers as the cell 'config' states them."""
    ranks = {k: v for k, v in _ranks(engine).items() if k != "n_gpus"}
    stated = {"workers": number(engine, "replicas"), **ranks}
    return " ".join(f"{k}={float(str(v)):.0f}" for k, v in stated.items() if float(str(v)) > 0)


def _hosts(document: object) -> dict[str, object]:
    """Return the cells of the hosts in a report of version 0.1."""
    hosts, engines = at(document, "scenario", "host", "accelerator"), at(document, "scenario", "platform", "engine")
    cells: dict[str, object] = {
        "model": text(document, "scenario", "model", "name"),
        "precision": precision_of(text(document, "scenario", "model", "quantization")),
    }
    if isinstance(engines, list) and engines:
        cells |= {"engine": engine_of(text(engines[0], "name")), "engine_version": text(engines[0], "version")}
    if not isinstance(hosts, list) or not hosts:
        return cells
    kinds = at(document, "scenario", "host", "type")
    if isinstance(kinds, list) and len(set(kinds)) > 1:
        return {**cells, "gpu": text(hosts[0], "model"), "mode": "disagg", "config": _apart(hosts, kinds)}
    if any(h != hosts[0] for h in hosts):
        raise UnsupportedError("unlike replicas aren't read: give the report of one kind")
    return {**cells, "gpu": text(hosts[0], "model"), **_ranks({"accelerator": hosts[0]}), "replicas": len(hosts)}


def _apart(hosts: list[object], kinds: list[object]) -> str:
    """Return the workers of hosts that do prefill or decode as the cell 'config' states them."""
    found = []
    for kind in ("prefill", "decode"):
        some = [h for h, k in zip(hosts, kinds, strict=False) if k == kind]
        if not some or any(h != some[0] for h in some):
            raise UnsupportedError(f"unlike {kind} workers, or none, aren't read")
        found.append(f"{kind}: " + _worker({"accelerator": some[0], "replicas": len(some)}))
    return "; ".join(found)
