"""A plan's answer as the page shows it: the report's own sentence, cards, charts and claims, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from gigaplan.api.json_form import plain
from gigaplan.app.phases import phases
from gigaplan.app.requests import PlanState, Question
from gigaplan.app.runs import result_of
from gigaplan.app.sources import command_of, key_of, sources_of
from gigaplan.report.answer import answer, ranges
from gigaplan.report.charts import Chart, planner_charts
from gigaplan.report.fact_words import fact_words
from gigaplan.report.headline import Card, cards
from gigaplan.report.words import claim_words
from gigaplan.results.contributions import Contributions
from gigaplan.results.coordinates import parse_at
from gigaplan.results.explain import Explanation, explain, means
from gigaplan.results.result import Result
from gigaplan.results.verdicts import Claim
from gigaplan.vocabulary.errors import Problem
from gigaplan.vocabulary.facts import Entry
from gigaplan.vocabulary.progress import Progress

DECIDING = 3
"""Inputs that a card names."""
MOST_ENTRIES = 40
"""Facts and lines of the plan that a figure's panel lists for each quantity."""
DEPTH = 3
"""Levels of quantities below a figure that its panel can open."""


def answered(question: Question, progress: Progress | None = None) -> dict[str, Any]:
    """Return the answer to a question as plain data.

    Parameters
    ----------
    question : Question
        The plan, plan B, and how many members.
    progress : callable, optional
        Called with (stages done, stages, the next one); False cancels.

    Returns
    -------
    dict
        ``id`` (of the result, for explain and downloads), ``stamp``, ``sentence``, ``ranges``, ``cards``,
        ``charts`` (none where they weren't asked for), ``phases``, ``claims`` (None where they weren't asked for),
        ``command``, ``warnings``, and ``other`` of plan B.

    Raises
    ------
    PlanError
        With every problem of a plan.
    Cancelled
        If ``progress`` returns False.
    """
    result = result_of(question.plan, question.members, progress, claims=question.claims)
    other = None
    if question.other is not None:
        other = result_of(question.other, question.members, progress)
    drawn = planner_charts(result, other, question.colour_by) if question.charts else {}
    return {
        "id": key_of(sources_of(question.plan, question.members)),
        "members": question.members,
        "stamp": asdict(result.stamp),
        "sentence": answer(result),
        "ranges": ranges(result),
        "cards": [card_data(card) for card in cards(result)],
        "charts": {name: chart_data(chart) for name, chart in drawn.items()},
        "phases": phases(result, question.plan),
        "claims": [claim_data(c) for c in result.claims] if question.claims else None,
        "command": command_of(question.plan),
        "warnings": [str(w) for w in result.warnings],
        "notes": list(result.notes),
        "other": _other(other, question.other),
    }


def _other(result: Result | None, state: PlanState | None) -> dict[str, Any] | None:
    """Return the sentence and the cards of plan B."""
    if result is None or state is None:
        return None
    return {
        "title": result.stamp.title,
        "sentence": answer(result),
        "cards": [card_data(card) for card in cards(result)],
        "command": command_of(state),
    }


def claim_data(claim: Claim) -> dict[str, str]:
    """Return a claim with its verdict in words, and in how many futures it holds."""
    return {
        "id": claim.id,
        "says": claim.says,
        "verdict": str(claim.verdict),
        "mark": claim_words(claim).mark,
        "because": claim.because,
        "source": claim.source,
        "futures": claim.futures.text if claim.futures else "",
    }


def card_data(card: Card) -> dict[str, Any]:
    """Return a headline figure as plain data."""
    return {
        "name": card.name,
        "value": card.value,
        "detail": card.detail,
        "variable": card.variable,
        "at": dict(card.at),
        "number": plain(card.number),
        "range": card.range,
        "span": None if card.span is None else plain({"low": card.span.low, "high": card.span.high}),
        "evidence": str(card.evidence),
        "decided": _decided(card.decided),
    }


def _decided(found: Contributions | None) -> list[dict[str, Any]]:
    """Return the inputs that move a figure most."""
    inputs = found.inputs[:DECIDING] if found else ()
    return [
        {
            "input": one.input,
            "words": fact_words(one.input),
            "share": plain(one.share),
            "evidence": str(one.evidence),
        }
        for one in inputs
    ]


def chart_data(chart: Chart) -> dict[str, Any]:
    """Return a chart, with its numbers as a table, as plain data."""
    return {
        "id": chart.id,
        "heading": chart.heading,
        "option": chart.option,
        "caption": chart.caption,
        "columns": list(chart.columns),
        "rows": [list(row) for row in chart.rows],
        "figures": chart.figures,
    }


def problem_data(problem: Problem) -> dict[str, Any]:
    """Return a problem as the terminal prints it, and as plain data."""
    return {**problem.as_dict(), "text": str(problem)}


def explained(state: PlanState, members: int, quantity: str, at: Mapping[str, str] | str) -> dict[str, Any]:
    """Return where a figure comes from: its value, formula and terms, the quantities and the facts below it.

    Raises
    ------
    PlanError
        If there is no such quantity, dim or label.
    """
    result = result_of(state, members)
    found = explain(result, quantity, parse_at(at, result) if isinstance(at, str) else at)
    command = command_of(state).replace("gigaplan run", "gigaplan explain", 1)
    coordinates = ",".join(f"{k}={v}" for k, v in found.figures[0].at.items()) if len(found.figures) == 1 else ""
    return {**_tree(found, DEPTH), "command": command, "at": coordinates}


def _tree(found: Explanation, depth: int) -> dict[str, Any]:
    """Return a quantity and what is below it, down to a depth."""
    variable = found.variable
    return {
        "quantity": variable.name,
        "unit": variable.unit,
        "meaning": variable.meaning,
        "formula": variable.formula,
        "is": means(found.aggregate),
        "evidence": str(found.evidence),
        "figures": [
            {"at": dict(f.at), "text": f.text(variable.unit), "value": plain(f.value), "date": f.date}
            for f in found.figures[:MOST_ENTRIES]
        ],
        "decided": _decided(found.decided),
        "facts": [entry_data(e) for e in found.entries[:MOST_ENTRIES]],
        "more_facts": max(len(found.entries) - MOST_ENTRIES, 0),
        "inputs": [_tree(one, depth - 1) for one in found.inputs] if depth > 0 else [],
    }


def entry_data(entry: Entry) -> dict[str, Any]:
    """Return a fact, or a line of the plan, that was read."""
    fact = entry.fact
    return {
        "path": entry.path,
        "value": entry.value,
        "unit": fact.unit if fact else entry.unit,
        "evidence": str(entry.evidence),
        "fact": fact.id if fact else "",
        "low": None if fact is None else plain(fact.low),
        "high": None if fact is None else plain(fact.high),
        "source": fact.source_title if fact else entry.source,
        "url": fact.url if fact else "",
        "date": fact.date if fact else "",
        "note": fact.note if fact else "",
    }
