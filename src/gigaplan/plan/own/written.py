"""A thing of the catalog as a person writes one of their own: a YAML file to start from, whose values are exact."""

from __future__ import annotations

import json
from collections.abc import Iterable

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.catalog.human import PREFIXES, SCALED
from gigaplan.plan.own.kinds import BY_PROFILE, KINDS, REGION, Kind, RackBasis
from gigaplan.plan.resolver import resolved, resolved_any, unresolved
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.facts import Fact
from gigaplan.vocabulary.units import BARE, parse_quantity

EVERY_REGION = "facility"
"""The catalog's entity of what facilities of all its regions have in common."""
HEAD = """\
# A {kind} of your own that starts as {name}: change what differs.
# A line that you remove has the value of {name}; without 'like' all that is needed must stand here.
# A value may have a range, a source and a class of evidence: {{value: ..., low: ..., high: ..., source: ...}}.
# Whoever changes a value changes its source too.
"""


def stated_facts(kind: Kind, entity: str, facts: Catalog, quantity: str) -> list[Fact]:
    """Return the facts of a thing of the catalog that a thing of the user's own may state in their place.

    Parameters
    ----------
    kind
        What it is.
    entity
        Its name.
    facts
        The catalog.
    quantity
        A quantity of the kind.
    """
    chosen = (f for f in facts.all(entity, quantity) if f.chosen)
    return [f for f in chosen if quantity != "rack_power_kw" or f.power_basis == RackBasis.RACK_TDP]


def words_of(fact: Fact, value: float | str | None = None) -> str:
    """Return a fact's value as a person writes it, with its unit and, where it has some, its basis and profile.

    Parameters
    ----------
    fact
        The fact.
    value
        An end of its range, in its place.
    """
    return " ".join(p for p in (_amount(fact.value if value is None else value, fact.unit), *_further(fact)) if p)


def _further(fact: Fact) -> tuple[str, ...]:
    """Return the words behind a value: its basis where it must be stated, and its profile."""
    if fact.quantity not in BY_PROFILE:
        return ()
    return (fact.power_basis if fact.quantity == "rack_power_kw" else "", fact.profile)


def _amount(value: float | str, unit: str) -> str:
    """Return an amount with its unit, in the largest prefix in which it reads back exactly."""
    if isinstance(value, str):
        return value
    for size, name in (*PREFIXES, (1.0, "")) if unit in SCALED else ():
        scaled = f"{_number(value / size)} {name}{SCALED[unit]}"
        if value >= size and parse_quantity(scaled, unit) == value:
            return scaled
    plain = f"{_number(value)} {unit}"
    return _number(value) if unit in BARE else plain


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def own_yaml(name: str, facts: Catalog | None = None) -> str:
    """Return a system or a region of the catalog in the form of one of the user's own, as YAML.

    Parameters
    ----------
    name
        Its name.
    facts
        The catalog; None: the one in use.

    Raises
    ------
    PlanError
        If the catalog has no system and no region of this name.
    """
    facts = facts or catalog.load()
    for kind in KINDS:
        if found := resolved(kind.name, name):
            lines = (line for quantity in kind.facts for line in _lines(stated_facts(kind, found, facts, quantity)))
            common = _climate(facts) if kind is REGION else ()
            head = HEAD.format(kind=kind.name, name=found)
            return head + "".join(f"{text}\n" for text in (f"like: {found}", *lines, *common))
    if other := resolved_any(name, ("model", "site")):
        message, remedy = "neither a system nor a region", "a model of your own is a Hugging Face config.json"
        raise PlanError([Problem(message, Place("catalog"), value=other, remedy=remedy)])
    raise PlanError([unresolved("system", name, Place("catalog"))])


def _climate(facts: Catalog) -> Iterable[str]:
    """Yield what every region has in common, as lines that a region may state itself."""
    yield "# utc_offset_h: -6 h"
    for quantity in REGION.facts:
        if facts.has(EVERY_REGION, quantity):
            yield f"# {quantity}: {words_of(facts.find(EVERY_REGION, quantity))}"


def _lines(stated: Iterable[Fact]) -> Iterable[str]:
    """Yield the lines of one quantity: one value, or a list with one for each profile."""
    facts = list(stated)
    if len(facts) == 1:
        yield f"{facts[0].quantity}: {_one(facts[0])}"
    elif facts:
        yield f"{facts[0].quantity}:"
        yield from (f"  - {_one(f)}" for f in facts)


def _one(fact: Fact) -> str:
    """Return a value with its range, evidence and source, as a YAML flow mapping."""
    ends = {k: _amount(v, fact.unit) for k in ("low", "high") if (v := getattr(fact, k)) is not None}
    source = ", ".join(t for t in (fact.source_title, fact.date, fact.url) if t)
    given = {"value": words_of(fact), **ends, "evidence": str(fact.evidence), "source": source}
    return "{" + ", ".join(f"{k}: {_scalar(v)}" for k, v in given.items()) + "}"


def _scalar(text: str) -> str:
    """Return a text as YAML reads it back: in quotes where a flow mapping would read something else."""
    plain = text.replace(" ", "").replace("/", "").replace(".", "").replace("_", "").replace("-", "")
    return text if plain.isalnum() else json.dumps(text, ensure_ascii=False)
