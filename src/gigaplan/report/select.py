"""The summary of a run as plain data: the figures of the terminal and the page."""

from __future__ import annotations

from typing import Any

from gigaplan.report.events import first_tokens, limit_spans, unserved
from gigaplan.report.headline import Card, answer, cards
from gigaplan.report.runs import missed, runs
from gigaplan.results.aggregate import aggregate
from gigaplan.results.lacking import if_held
from gigaplan.results.result import Result

TABLES = (
    "gpus_producing",
    "cost_per_mtok_usd",
    "cost_per_mtok_all_usd",
    "served_share",
    "requests_asked_per_day",
    "requests_served_per_day",
    "cost_usd",
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
        "headlines": [_headline(result, card) for card in cards(result)],
        "labels": {k: list(result.labels[k]) for k in ("generation", "workload", "component", "line")},
        "first_tokens": if_held(_first_tokens, result),
        "limits": if_held(lambda: [{"limit": a, "from": b, "to": c} for a, b, c in limit_spans(result)]),
        "unserved": if_held(lambda: [{k: getattr(u, k) for k in u.__slots__} for u in unserved(result)]),
        "tranches": if_held(_tranches, result),
        "claims": [{"id": c.id, "says": c.says, "verdict": c.verdict, "because": c.because} for c in result.claims],
        "tables": {name: table for name in TABLES if (table := if_held(_table, result, name))},
        "training": {"runs": if_held(_runs, result), "missed": if_held(missed, result)},
        "warnings": list(result.warnings),
        "lacking": list(result.lacking),
    }


def _first_tokens(result: Result) -> list[dict[str, Any]]:
    return [{"site": s.name, "date": str(s.first_token), "it_gw": s.power_mw / 1e3} for s in first_tokens(result)]


def _tranches(result: Result) -> list[str | None]:
    return [None if d is None else str(d) for d in (result.day(float(x)) for x in result.central("tranche_day"))]


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
    }


def _table(result: Result, name: str) -> dict[str, Any]:
    own = [d for d in reversed(result.variable(name).dims) if d not in ("member", "month")]
    yearly = aggregate(result, name, ["year", *own])
    return {
        "unit": yearly.unit,
        "is": yearly.reduction,
        "evidence": result.evidence(name),
        "years": dict(zip(yearly.labels["year"], yearly.values.tolist(), strict=True)),
    }
