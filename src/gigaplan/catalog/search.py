"""Looking round in the catalog: what is there, of which kind, found by words, and each fact with its rivals."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from gigaplan.catalog.catalog import Catalog, data_folder, group, load, tables
from gigaplan.catalog.human import human
from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_name, nearest_text, unknown_choice
from gigaplan.vocabulary.facts import Evidence, Fact
from gigaplan.vocabulary.show import FEW, Brief, BriefRows

GROUPS = ("serving_level",)
"""Groups of hundreds of entities, ``group.name`` each, which are listed as one."""
KINDS: dict[str, tuple[str, str]] = {
    "systems": ("racks and 8-GPU nodes that a plan may name", r"gpus_per_rack"),
    "models": ("architectures that a plan may name", r"layers"),
    "workloads": ("classes of work: users, tokens, limits, worth", r"output_tokens|requests_per_day"),
    "sites": (
        "campuses and buildings: power, dates, owners",
        r"(it|facility|grid_contract|energised)_(power_)?mw|operational_date",
    ),
    "deals": (
        "who promised what to whom",
        r"signed_date|commitment_usd|equity_usd|guarantee_usd|definitive_agreement|.*_milestone_usd|investment_total_usd",
    ),
    "regions": ("where power is bought", r"power_price_usd_per_mwh"),
    "users": ("where users live", r"share_of_use"),
    "prices": ("what is paid for power, compute and tokens", r".*price.*|.*_usd_per_.*"),
    "labs": (
        "revenue, compute and use that laboratories state",
        r"revenue_usd_.*|compute_.*_mw|rd_compute_usd|weekly_users|tokens_per_day",
    ),
    "fits": ("constants fitted on measurements", r"gemm_share|curve|eci_at_reference"),
}
"""Kinds by the quantities that an entity has: what they are, and the names of those quantities."""
WEIGHTS = {"entity": 4.0, "quantity": 3.0, "value": 2.0, "meaning": 1.0, "source": 1.0, "note": 1.0}
WHOLE, START, INSIDE = 1.0, 0.6, 0.3
"""How much a word counts that is met whole, at the start of one, or inside one."""
REJECTED = 0.9
"""What a fact that wasn't chosen counts, compared with one that was."""


@dataclass(frozen=True, slots=True, repr=False)
class Count(Brief):
    """How many facts and entities a table or a kind has."""

    name: str
    meaning: str
    facts: int
    entities: int


@dataclass(frozen=True, slots=True, repr=False)
class Overview(Brief):
    """What the catalog holds."""

    vintage: str
    facts: int
    entities: int
    quantities: int
    conflicts: int
    evidence: dict[str, int]
    tables: tuple[Count, ...]
    kinds: tuple[Count, ...]

    def brief_rows(self) -> BriefRows:
        """Return the counts, and the largest tables and kinds by name."""
        for name in ("vintage", "facts", "entities", "quantities", "conflicts", "evidence"):
            yield name, getattr(self, name)
        yield "facts by table", _largest(self.tables, "facts")
        yield "entities by kind", _largest(self.kinds, "entities")


def _largest(counts: tuple[Count, ...], field: str) -> str:
    """Return the names with the largest counts, and how many others there are."""
    first = sorted(counts, key=lambda one: -getattr(one, field))[:FEW]
    others = len(counts) - len(first)
    named = ", ".join(f"{one.name} {getattr(one, field):,}" for one in first)
    return f"{named} and {others} more" if others else named


@dataclass(frozen=True, slots=True, repr=False)
class Listed(Brief):
    """An entity and what is known of it."""

    MANY: ClassVar[str] = "entities"

    entity: str
    kinds: tuple[str, ...]
    facts: int
    quantities: tuple[str, ...]

    def brief_line(self) -> str:
        """Return the name and how much is known."""
        return f"{self.entity}: {self.facts} facts ({', '.join(self.kinds)})"


@dataclass(frozen=True, slots=True, repr=False)
class Shown(Brief):
    """A fact as people read it, with the facts that say otherwise and why this one was chosen."""

    MANY: ClassVar[str] = "facts"

    fact: Fact
    human: str
    span: str
    """Its range in the same words, empty where it has none."""
    meaning: str
    rivals: tuple[Fact, ...]
    why: str

    def brief_rows(self) -> BriefRows:
        """Return the fact's value, meaning and source."""
        f = self.fact
        rows = ("value", self.human), ("range", self.span), ("basis", f.basis), ("meaning", self.meaning)
        yield from (("fact", f.id), *rows, ("evidence", f.evidence), ("source", f.source_title))
        yield "rivals", len(self.rivals)

    def brief_line(self) -> str:
        """Return the fact's name, value and source."""
        return f"{self.fact.id}: {self.human}, {self.fact.evidence}: {self.fact.source_title}"


@dataclass(frozen=True, slots=True, repr=False)
class Hit(Brief):
    """A fact found by words."""

    fact: Fact
    human: str
    score: float

    def brief_rows(self) -> BriefRows:
        """Return the fact and its value."""
        yield from ((self.fact.id, self.human), ("evidence", self.fact.evidence), ("source", self.fact.source_title))

    def brief_line(self) -> str:
        """Return the value, its evidence and source."""
        return f"{self.human}, {self.fact.evidence}: {self.fact.source_title}"


@dataclass(frozen=True, slots=True, repr=False)
class Found(Brief):
    """What a search found, best first, and the nearest known word (or '') that stood in for each that nothing has."""

    hits: tuple[Hit, ...]
    total: int
    nearest: dict[str, str]

    def brief_title(self) -> str:
        """Return how many facts were found."""
        return f"Found {self.total:,} {'fact' if self.total == 1 else 'facts'}"

    def brief_rows(self) -> BriefRows:
        """Return the words that were replaced, and the best facts."""
        yield from (
            (f"no '{word}'", f"nearest: {near}" if near else "nothing near") for word, near in self.nearest.items()
        )
        yield from ((hit.fact.id, hit.brief_line()) for hit in self.hits)


def overview(facts: Catalog | None = None) -> Overview:
    """Return what the catalog holds, by table and by kind."""
    facts = facts or load()
    kinds = []
    for kind, (meaning, _) in KINDS.items():
        inside = set(_of_kind(facts, kind))
        kinds.append(Count(kind, meaning, sum(f.entity in inside for f in facts.facts), len(inside)))
    return Overview(
        vintage=facts.vintage,
        facts=len(facts.facts),
        entities=len({_listed_name(f.entity) for f in facts.facts}),
        quantities=len({f.quantity for f in facts.facts}),
        conflicts=len(facts.conflicts()),
        evidence={str(e): sum(f.evidence == e for f in facts.facts) for e in Evidence},
        tables=tuple(_tables()),
        kinds=tuple(kinds),
    )


def _tables() -> Iterable[Count]:
    for path in tables(data_folder(), quantities=False):
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        yield Count(path.stem, "", len(rows), len({row["entity"] for row in rows}))


def listing(kind: str = "", facts: Catalog | None = None) -> tuple[Listed, ...]:
    """Return the entities of a kind, or all.

    Raises
    ------
    PlanError
        If there is no such kind; the nearest is given.
    """
    facts = facts or load()
    if kind and kind not in KINDS:
        raise PlanError([_unknown("kind", kind, list(KINDS), "name one of these, or none for all")])
    of = {name: set(_of_kind(facts, name)) for name in KINDS}
    names = _of_kind(facts, kind) if kind else list(dict.fromkeys(_listed_name(f.entity) for f in facts.facts))
    known: dict[str, list[str]] = {name: [] for name in names}
    for fact in facts.facts:
        if (name := _listed_name(fact.entity)) in known:
            known[name].append(fact.quantity)
    return tuple(
        Listed(name, tuple(k for k, inside in of.items() if name in inside), len(q), tuple(dict.fromkeys(q)))
        for name, q in known.items()
    )


def _of_kind(facts: Catalog, kind: str) -> list[str]:
    pattern = re.compile(KINDS[kind][1])
    return list(dict.fromkeys(_listed_name(f.entity) for f in facts.facts if pattern.fullmatch(f.quantity)))


def _listed_name(entity: str) -> str:
    """Return the name under which an entity is listed: its own, or that of the group in which it is one of hundreds."""
    group = entity.partition(".")[0]
    return group if group in GROUPS else entity


def facts_of_group(facts: Catalog, name: str) -> list[Fact]:
    """Return the facts of all entities of a group, none where the name isn't a group's."""
    return [f for f in facts.facts if f.entity.startswith(f"{name}.")] if name in GROUPS else []


def show(name: str, facts: Catalog | None = None) -> tuple[Shown, ...]:
    """Return the facts of an entity, of a quantity, of ``entity.quantity``, or the one fact of an id.

    Raises
    ------
    PlanError
        If there is no such name; the nearest is given.
    """
    facts = facts or load()
    entity, _, quantity = name.partition(".")
    chosen = (
        [f for f in facts.facts if f.id == name and facts.all(entity, quantity) == []]
        or facts.all(entity, quantity)
        or [f for f in facts.facts if name in (f.entity, f.quantity)]
        or facts_of_group(facts, name)
    )
    if not chosen:
        raise PlanError([_missing(facts, name, entity, quantity)])
    groups = {f.id: g for g in group(facts.facts, facts.quantities).values() for f in g}
    return tuple(_shown(facts, f, groups[f.id]) for f in chosen)


def _shown(facts: Catalog, fact: Fact, alike: list[Fact]) -> Shown:
    span = (
        ""
        if fact.low is None or fact.high is None
        else f"{human(fact.low, fact.unit)} to {human(fact.high, fact.unit)}"
    )
    meaning = facts.quantities[fact.quantity].meaning if fact.quantity in facts.quantities else ""
    rivals = tuple(f for f in alike if f.id != fact.id)
    why = next((f.note for f in alike if f.chosen), "") if rivals else ""
    return Shown(fact, human(fact.value, fact.unit), span, meaning, rivals, why)


def _missing(facts: Catalog, name: str, entity: str, quantity: str) -> Problem:
    own = list(dict.fromkeys(f.quantity for f in facts.facts if f.entity == entity))
    if own:
        return _unknown(f"quantity of '{entity}'", quantity, own, "name one of these")
    names = list(dict.fromkeys([*(f.entity for f in facts.facts), *(f.quantity for f in facts.facts)]))
    near = nearest_text(name, names) or nearest_text(entity, names)
    return Problem(
        "no such entity or quantity",
        Place("catalog"),
        value=name,
        nearest=near,
        remedy="look with: gigaplan catalog search",
    )


def _unknown(what: str, value: str, allowed: list[str], remedy: str) -> Problem:
    return unknown_choice(f"no such {what}", Place("catalog"), value, allowed, remedy)


def search(words: str | Iterable[str], limit: int = 20, facts: Catalog | None = None) -> Found:
    """Return the facts in which the words are met: in entity, quantity, its meaning, note or source.

    Facts with more of the words come first, then those where words are met in weightier places.
    """
    facts = facts or load()
    fields = {fact.id: _fields(facts, fact) for fact in facts.facts}
    known = {w for shown in fields.values() for words in shown.values() for w in words}
    terms = [w for text in ([words] if isinstance(words, str) else words) for w in _words(text)]
    near = {w: nearest_name(w, known) for w in terms if not any(w in k for k in known)}
    sought = [near.get(w) or w for w in terms]
    hits = []
    for fact in facts.facts:
        scores = [_score(word, fields[fact.id]) for word in sought]
        hits.append((sum(s > 0 for s in scores), sum(scores) * (1 if fact.chosen else REJECTED), fact))
    best = max((met for met, _, _ in hits), default=0)
    hits = sorted((h for h in hits if h[0] == best > 0), key=lambda h: (-h[1], h[2].id))
    shown = tuple(Hit(f, human(f.value, f.unit), score) for _, score, f in hits[:limit])
    return Found(shown, len(hits), near)


def _fields(facts: Catalog, fact: Fact) -> dict[str, list[str]]:
    meaning = facts.quantities[fact.quantity].meaning if fact.quantity in facts.quantities else ""
    texts = {
        "entity": fact.entity,
        "quantity": fact.quantity,
        "value": str(fact.value) if isinstance(fact.value, str) else "",
        "meaning": meaning,
        "source": f"{fact.source_title} {fact.url}",
        "note": fact.note,
    }
    return {name: _words(text) for name, text in texts.items()}


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def _score(word: str, fields: dict[str, list[str]]) -> float:
    """Return the best that a word is met with: the weight of the field times how whole it is met."""
    best = 0.0
    for name, words in fields.items():
        for there in words:
            if word in there:
                how = WHOLE if word == there else START if there.startswith(word) else INSIDE
                best = max(best, WEIGHTS[name] * how)
    return best
