"""The summary of a run as plain data: the figures of the terminal and the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gigaplan.report.answer import answer, ranges
from gigaplan.report.events import Unserved, first_tokens, limit_spans, unserved
from gigaplan.report.headline import Card, asks, cards
from gigaplan.report.runs import missed, runs
from gigaplan.results.aggregate import aggregate
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figures
from gigaplan.results.result import Result
from gigaplan.results.spread import Span, spread
from gigaplan.results.verdicts import Claim

TABLES = (
    "gpus_producing",
    "cost_per_mtok_usd",
    "cost_per_mtok_all_usd",
    "full_cost_per_mtok_usd",
    "full_cost_per_mtok_all_usd",
    "served_share",
    "requests_asked_per_day",
    "requests_served_per_day",
    "cost_usd",
    "cost_of_capital_usd",
    "revenue_usd",
    "capital_usd",
    "tranche_usd",
    "funding_gap_usd",
)
"""Quantities that the summary gives by calendar year, along all their other dims."""


def summary(result: Result) -> dict[str, Any]:
    """Return the summary as plain data, for ``--json``; what a saved result can't give is null, and said."""
    return {
        "stamp": {k: getattr(result.stamp, k) for k in result.stamp.__slots__},
        "answer": answer(result),
        "asks": asks(result),
        **({"ranges": shown} if (shown := ranges(result)) else {}),
        "headlines": [_headline(result, card) for card in cards(result)],
        "labels": {k: list(result.labels[k]) for k in ("generation", "workload", "component", "line")},
        "first_tokens": if_held(_first_tokens, result),
        "limits": if_held(lambda: [{"limit": a, "from": b, "to": c} for a, b, c in limit_spans(result)]),
        "unserved": if_held(lambda: [_unserved(u) for u in unserved(result)]),
        "tranches": if_held(_tranches, result),
        "returns": if_held(_returns, result),
        "claims": [_claim(c) for c in result.claims],
        "tables": {name: table for name in TABLES if (table := if_held(_table, result, name))},
        "training": {"runs": if_held(_runs, result), "missed": if_held(missed, result)},
        "warnings": list(result.warnings),
        "lacking": list(result.lacking),
    }


def _claim(claim: Claim) -> dict[str, Any]:
    own = {"id": claim.id, "says": claim.says, "verdict": claim.verdict, "because": claim.because}
    counts = claim.futures
    return own | ({"futures": {k: getattr(counts, k) for k in (*counts.__slots__, "kept")}} if counts else {})


def _first_tokens(result: Result) -> list[dict[str, Any]]:
    def day(days: float) -> str | None:
        found = result.day(days)
        return None if found is None else str(found)

    return [
        {"site": s.name, "date": str(s.first_token), "it_gw": s.power_mw / 1e3, **_ends(s.span, day)}
        for s in first_tokens(result)
    ]


def _unserved(found: Unserved) -> dict[str, Any]:
    own = {k: getattr(found, k) for k in found.__slots__ if k != "span"}
    return own | _ends(found.span)


def _ends(found: Span | None, end: Callable[[float], object] = float) -> dict[str, Any]:
    """Return the range of a figure, nothing for a run of one member; an end that isn't known or never comes is null."""
    if found is None:
        return {}
    return {name: end(getattr(found, name)) for name in ("low", "median", "high")} | {
        "without": found.without,
        "members": found.members,
    }


def _tranches(result: Result) -> list[str | None]:
    return [None if d is None else str(d) for d in (result.day(float(x)) for x in figures(result, "tranche_day"))]


def _returns(result: Result) -> list[dict[str, Any]]:
    """Return what each party gets and puts in; of members what stands for them."""
    npv, irr, payback, peak = (
        figures(result, f"party_{name}") for name in ("npv_usd", "irr", "payback_day", "peak_funding_usd")
    )
    return [
        {
            "party": name,
            "npv_usd": _finite(npv[k]),
            "irr_per_year": _finite(irr[k]),
            "payback": None if (day := result.day(float(payback[k]))) is None else str(day),
            "peak_funding_usd": _finite(peak[k]),
        }
        for k, name in enumerate(result.labels["party"])
        if np.isfinite(peak[k])
    ]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _runs(result: Result) -> list[dict[str, Any]]:
    return [{"run": name, "from": start, "to": done, "late": late} for name, start, done, late in runs(result)]


def _headline(result: Result, card: Card) -> dict[str, Any]:
    return {
        "name": card.name,
        "text": card.value,
        "variable": card.variable,
        "at": dict(card.at),
        "value": card.number,
        "unit": result.variable(card.variable).unit,
        "is": card.reduction,
        "evidence": card.evidence,
        **_ends(card.span),
        **({"range": card.range} if card.range else {}),
        **({"decided_by": card.decided.as_data()} if card.decided else {}),
    }


def _table(result: Result, name: str) -> dict[str, Any]:
    own = [d for d in reversed(result.variable(name).dims) if d not in ("member", "month")]
    yearly, found = aggregate(result, name, ["year", *own]), spread(result, name, ["year", *own])
    ends = {"low": found.low, "median": found.median, "high": found.high} if found else {}
    by_year = {k: dict(zip(yearly.labels["year"], v.tolist(), strict=True)) for k, v in ends.items()}
    return {
        "unit": yearly.unit,
        "is": yearly.reduction,
        "evidence": result.evidence(name),
        "years": dict(zip(yearly.labels["year"], yearly.values.tolist(), strict=True)),
        **by_year,
    }
