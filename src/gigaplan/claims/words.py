"""Sentences of verdicts: a claim's own words with its figures filled in, and bounds in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from string import Formatter

from gigaplan.catalog import Catalog
from gigaplan.claims.figures import Outcome
from gigaplan.plan.claims.language import ALL, Bound, FactRef, Number, Reading, Value
from gigaplan.results.verdicts import Figure
from gigaplan.vocabulary.figures import figure_text, in_form, number_of

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
    parts = list(Formatter().parse(words))
    if any(name is not None and name not in values for _, name, _, _ in parts):
        return ""
    formats: dict[str, list[float]] = {}
    for _, name, form, _ in parts:
        if name is not None and form and not isinstance(value := values[name], str):
            formats.setdefault(form, []).append(value)
    return "".join(
        text + ("" if name is None else _formatted(values[name], form or "", formats)) for text, name, form, _ in parts
    )


def _formatted(value: float | str, form: str, formats: Mapping[str, Sequence[float]]) -> str:
    if isinstance(value, str):
        return value
    return in_form(value, form, formats[form]) if form else number_of(value)


def number(figure: Figure) -> str:
    """Return a figure's value with its unit."""
    return figure_text(figure.value, figure.unit)


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
        return _exact(limit.head.value, limit.head.unit)
    if isinstance(limit.head, FactRef):
        fact = facts.find(limit.head.entity, limit.head.quantity, **dict(limit.head.on))
        if isinstance(fact.value, str):
            return fact.value
        unit = "" if fact.unit == "1" else fact.unit
        ends = " to ".join(number_of(end) for end in (fact.low, fact.high) if end is not None)
        return f"{ends} {unit}".strip() if ends else _exact(fact.number, unit)
    return "the other value"


def _exact(value: float, unit: str) -> str:
    """Return a bound with its unit, with no more digits than it has."""
    return f"{value:g} {unit}".strip() if abs(value) < 1000 else figure_text(value, unit)
