"""Sentences of verdicts: a claim's own words with its figures filled in, and bounds in words."""

from __future__ import annotations

from collections.abc import Iterable
from string import Formatter

from gigaplan.catalog import Catalog
from gigaplan.claims.figures import Outcome
from gigaplan.plan.claims.language import ALL, Bound, FactRef, Number, Reading, Value
from gigaplan.results.verdicts import Figure

SIZES = ((1e12, "T"), (1e9, "B"), (1e6, "M"))
BOUND_WORDS = {
    "at_least": "at least",
    "at_most": "at most",
    "above": "more than",
    "below": "less than",
    "between": "between",
    "by": "by",
    "within": "within",
    "not_before": "not before",
    "happens": "at some time",
}


def fill(words: str, outcomes: Iterable[Outcome]) -> str:
    """Return a claim's sentence with its figures filled in; empty if one of them isn't there.

    ``{key}`` is the first figure of the reading with that key (a format such as ``{key:.1f}`` is allowed), ``{key_on}``
    the bases on which its figures hold, ``{key_label}`` the label that it is of.
    """
    values: dict[str, float | str] = {}
    for o in outcomes:
        if o.reading.key and o.figures:
            key, holding = o.reading.key, [f.basis for f in o.figures if f.holds]
            values[key] = o.figures[0].value
            values[f"{key}_on"] = " or ".join(dict.fromkeys(holding)) or "no basis"
            values[f"{key}_label"] = o.labels[0].replace("_", " ")
    made = []
    for text, name, form, _ in Formatter().parse(words):
        made.append(text)
        if name is None:
            continue
        if name not in values:
            return ""
        made.append(_formatted(values[name], form or ""))
    return "".join(made)


def _formatted(value: float | str, form: str) -> str:
    if isinstance(value, str):
        return value
    return format(value, form) if form else short(value)


def short(value: float) -> str:
    """Return a number in three digits, with a suffix for millions and more."""
    for size, letter in SIZES:
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def number(figure: Figure) -> str:
    """Return a figure's value with its unit."""
    if isinstance(figure.value, str):
        return figure.value
    if figure.unit == "share":
        return f"{figure.value:.1%}"
    return f"{short(figure.value)} {figure.unit}".strip()


def bound_words(reading: Reading, facts: Catalog) -> str:
    """Return what a reading must keep, in words."""
    return " and ".join(_bound(bound, facts) for bound in reading.bounds)


def _bound(bound: Bound, facts: Catalog) -> str:
    word = BOUND_WORDS[bound.kind]
    if bound.kind == "happens":
        return f"claimed {word}"
    limit = _limit(bound.limit, facts) + (f" and {_limit(bound.upper, facts)}" if bound.upper else "")
    return f"claimed {word} {limit}"


def _limit(limit: Value | str, facts: Catalog) -> str:
    if isinstance(limit, str):
        return "all" if limit == ALL else limit
    if isinstance(limit.head, Number):
        return f"{short(limit.head.value)} {limit.head.unit}".strip()
    if isinstance(limit.head, FactRef):
        fact = facts.find(limit.head.entity, limit.head.quantity, **dict(limit.head.on))
        if isinstance(fact.value, str):
            return fact.value
        ends = " to ".join(short(end) for end in (fact.low, fact.high) if end is not None)
        return f"{ends or short(fact.number)} {'' if fact.unit == '1' else fact.unit}".strip()
    return "the other value"
