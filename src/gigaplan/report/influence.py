"""Facts of a run in the order of their influence: those whose ranges move the headline figures most come first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gigaplan.report.headline import Card
from gigaplan.results.result import Result
from gigaplan.vocabulary.facts import Fact
from gigaplan.vocabulary.figures import percent, short

FIRST = 20
"""Facts that are shown before the others are asked for."""
DIGITS = 4
"""Digits of a fact's value as a reader sees it."""


def by_influence(result: Result, cards: Iterable[Card]) -> list[tuple[Fact, str]]:
    """Return every fact that was read, with what it moves: those that decide a card first, then the widest ranges.

    Parameters
    ----------
    result : Result
        A simulated plan.
    cards : iterable of Card
        Its headline figures.
    """
    moved: dict[str, tuple[float, str]] = {}
    for card in cards:
        for one in card.decided.inputs if card.decided else ():
            text = f"{percent(one.share)} of the spread of “{card.name}”"
            moved[one.input] = max(moved.get(one.input, (0.0, "")), (one.share, text))
    ordered = sorted(result.facts(), key=lambda f: (-_share(f, moved), -_width(f), f.id))
    return [(f, moved[f.id][1] if f.id in moved else "") for f in ordered]


def _share(fact: Fact, moved: Mapping[str, tuple[float, str]]) -> float:
    return moved[fact.id][0] if fact.id in moved else 0.0


def _width(fact: Fact) -> float:
    """Return the width of a fact's range over its value, at most 2; nothing for a name or a bare value."""
    if isinstance(fact.value, str) or fact.low is None or fact.high is None or not fact.number:
        return 0.0
    return min(abs(fact.high - fact.low) / abs(fact.number), 2.0)


def fact_text(fact: Fact) -> str:
    """Return a fact's value with its range as people read numbers: ``2.6 B (1.5 B to 4 B)``."""
    if isinstance(fact.value, str):
        return fact.value
    value = _plain(fact.number)
    return value if fact.low is None or fact.high is None else f"{value} ({_plain(fact.low)} to {_plain(fact.high)})"


def _plain(value: float) -> str:
    """Return a number in four digits, whole numbers below a million as they are, without trailing noughts."""
    if value == int(value) and abs(value) < 1e5:
        return f"{int(value):,}"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:,.{DIGITS}g}"
    return short(value, digits=DIGITS)
