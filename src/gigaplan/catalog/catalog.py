"""The catalog: every physical, market and cost figure as a sourced fact, read from CSV tables."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache, wraps
from importlib.resources import files
from pathlib import Path
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from gigaplan.vocabulary.errors import GigaplanError, allowed_names, nearest_name
from gigaplan.vocabulary.facts import Evidence, Fact
from gigaplan.vocabulary.units import parse_date

P = ParamSpec("P")
R = TypeVar("R")

COLUMNS = (
    "id",
    "entity",
    "quantity",
    "value",
    "low",
    "high",
    "unit",
    "power_basis",
    "flops_basis",
    "token_basis",
    "price_basis",
    "scope",
    "profile",
    "source_title",
    "url",
    "date",
    "price_year",
    "evidence",
    "confidence",
    "chosen",
    "note",
)
WORDS = tuple(c for c in COLUMNS if c not in ("value", "low", "high", "evidence", "chosen"))
"""Columns that are read as they stand."""
HISTORY = "history/published.csv"
"""The table of published figures by date, which :mod:`gigaplan.catalog.history` reads."""
BASES = ("power_basis", "flops_basis", "token_basis", "price_basis", "scope", "profile")
QUANTITY_COLUMNS = ("quantity", "unit", "basis_kind", "series", "min", "max", "meaning")


class UnknownFactError(GigaplanError, KeyError):
    """No chosen fact answers the question, or several do."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a quantity of facts is: its one unit, the basis that must be stated, and its plausible range."""

    name: str
    unit: str
    basis_kind: str
    series: bool
    low: float | None
    high: float | None
    meaning: str


class Catalog:
    """All facts, with look-up by entity and quantity; conflicts are kept and one of each group is chosen.

    Parameters
    ----------
    facts
        The facts.
    quantities
        What facts may be of, by name.
    vintage
        The newest source and a hash of the tables.
    origins
        Entities of the user's own, each with the entity of the catalog whose facts it takes, "" where there is none.
    """

    def __init__(
        self,
        facts: Iterable[Fact],
        quantities: dict[str, Quantity],
        vintage: str,
        origins: Mapping[str, str] | None = None,
    ) -> None:
        self.facts = tuple(facts)
        self.quantities = quantities
        self.vintage = vintage
        self._known: dict[dt.date, Catalog] = {}
        self.origins = dict(origins or {})
        self._index: dict[tuple[str, str], list[Fact]] = defaultdict(list)
        for fact in self.facts:
            self._index[fact.entity, fact.quantity].append(fact)
        self._entities: dict[str, dict[str, None]] = defaultdict(dict)
        for fact in self.facts:
            if fact.chosen:
                self._entities[""][fact.entity] = self._entities[fact.quantity][fact.entity] = None

    def extended(self, facts: Iterable[Fact], origins: Mapping[str, str]) -> Catalog:
        """Return a catalog with further facts, of entities of the user's own.

        Parameters
        ----------
        facts
            Their facts.
        origins
            Each entity, with the one of the catalog that it is like ("" where there is none).
        """
        return Catalog([*self.facts, *facts], self.quantities, self.vintage, {**self.origins, **origins})

    def known_by(self, day: dt.date) -> Catalog:
        """Return the catalog as it would have chosen on a day: where the chosen fact came later and its rivals did not,
        the newest of these; where all came later the chosen one stays, which is then hindsight.

        Parameters
        ----------
        day
            The day.
        """
        if day not in self._known:
            chosen = {f.id: f.chosen for f in self.facts}
            for rivals in group(self.facts, self.quantities).values():
                now = next((f for f in rivals if f.chosen), None)
                then = [f for f in rivals if not f.later_than(day)]
                if now is not None and now.later_than(day) and then:
                    best = max(then, key=lambda f: parse_date(f.date) if f.date else dt.date.min)
                    chosen |= {f.id: f is best for f in rivals}
            facts = [f if f.chosen == chosen[f.id] else replace(f, chosen=chosen[f.id]) for f in self.facts]
            self._known[day] = Catalog(facts, self.quantities, self.vintage, self.origins)
        return self._known[day]

    def stream_of(self, fact: Fact) -> str:
        """Return the name of the random stream of a fact's samples: a thing of the user's own that is like one of the
        catalog is sampled with it, so that both differ by what they state and not by chance."""
        origin = self.origins.get(fact.entity, "")
        return origin + fact.id.removeprefix(fact.entity) if origin else fact.id

    def all(self, entity: str, quantity: str) -> list[Fact]:
        """Return every fact of a quantity of an entity, rejected ones included."""
        return list(self._index.get((entity, quantity), ()))

    def has(self, entity: str, quantity: str) -> bool:
        """Return whether there is a chosen fact."""
        return any(f.chosen for f in self._index.get((entity, quantity), ()))

    def find(self, entity: str, quantity: str, **bases: str) -> Fact:
        """Return the one chosen fact of a quantity of an entity, on the bases (or of the date) given.

        Raises
        ------
        UnknownFactError
            If there is none, or several on different bases or dates; the message says what there is.
        """
        strange = next((b for b in bases if b not in (*BASES, "date")), "")
        if strange:
            near = nearest_name(strange, (*BASES, "date"))
            raise UnknownFactError(
                f"facts have no '{strange}'; nearest is '{near}' (they have {', '.join(BASES)} and date)"
            )
        chosen = [f for f in self._index.get((entity, quantity), ()) if f.chosen]
        fitting = [f for f in chosen if all(getattr(f, k) == v for k, v in bases.items())]
        if len(fitting) == 1:
            return fitting[0]
        if not chosen:
            raise UnknownFactError(self._unknown(entity, quantity))
        have = "; ".join(f"{f.id} ({f.basis or 'no basis'}, {f.date})" for f in fitting or chosen)
        if fitting:
            raise UnknownFactError(f"'{quantity}' of '{entity}' needs a basis or date: {have}")
        requested = ", ".join(f"{k} '{v}'" for k, v in bases.items())
        raise UnknownFactError(f"no fact '{quantity}' of '{entity}' with {requested}; there is {have}")

    def _unknown(self, entity: str, quantity: str) -> str:
        """Return what to say when there is no chosen fact: the nearest name, and what the entity has."""
        known = list(dict.fromkeys(f.quantity for f in self.facts if f.entity == entity and f.chosen))
        if known:
            near = nearest_name(quantity, known) or nearest_name(quantity, self.quantities)
        else:
            near = nearest_name(entity, self.entities(quantity) or self.entities())
        message = f"no fact '{quantity}' of '{entity}'" + (f"; nearest is '{near}'" if near else "")
        return message + (
            f" ('{entity}' has {allowed_names(known, f'gigaplan catalog show {entity}')})" if known else ""
        )

    def series(self, entity: str, quantity: str, **bases: str) -> list[Fact]:
        """Return the chosen facts of a series by date, on the bases given."""
        facts = (f for f in self._index.get((entity, quantity), ()) if f.chosen)
        return sorted((f for f in facts if all(getattr(f, k) == v for k, v in bases.items())), key=lambda f: f.date)

    def entities(self, quantity: str = "", *, prefix: str = "") -> list[str]:
        """Return the entities that have a chosen fact (of a quantity, if given), in the order of the tables."""
        return [e for e in self._entities.get(quantity, ()) if e.startswith(prefix)]

    def conflicts(self) -> list[tuple[Fact, list[Fact]]]:
        """Return each chosen fact that others contradict, with those others."""
        groups = group(self.facts, self.quantities)
        return [
            (next(f for f in g if f.chosen), [f for f in g if not f.chosen])
            for g in groups.values()
            if len(g) > 1 and any(f.chosen for f in g)
        ]


def group(facts: Iterable[Fact], quantities: dict[str, Quantity]) -> dict[tuple[str, ...], list[Fact]]:
    """Return facts that say the same thing together: same entity, quantity and bases (and date, in a series)."""
    groups: dict[tuple[str, ...], list[Fact]] = defaultdict(list)
    for f in facts:
        series = f.quantity in quantities and quantities[f.quantity].series
        key = (f.entity, f.quantity, *(getattr(f, b) for b in BASES), f.date if series else "")
        groups[key].append(f)
    return groups


def fact_from(row: dict[str, str]) -> Fact:
    """Return the fact of one table row; ValueError if its numbers or its evidence can't be read."""
    words = row["unit"] in ("date", "text")
    return Fact(
        **{k: row[k] for k in WORDS},
        value=row["value"] if words else float(row["value"]),
        low=float(row["low"]) if row["low"] else None,
        high=float(row["high"]) if row["high"] else None,
        evidence=Evidence(row["evidence"]),
        chosen=row["chosen"] != "no",
    )


def data_folder() -> Path:
    """Return the folder of the tables that come with gigaplan."""
    return Path(str(files("gigaplan.catalog") / "data"))


def tables(folder: Path, *, quantities: bool) -> list[Path]:
    """Return the fact tables, or the quantity tables, of a folder."""
    return [p for p in sorted(folder.glob("*.csv")) if p.name.startswith("quantities") == quantities]


def quantity_from(row: dict[str, str]) -> Quantity:
    """Return the quantity of one table row; ValueError if its range can't be read."""
    low, high = (float(row[k]) if row[k] else None for k in ("min", "max"))
    return Quantity(row["quantity"], row["unit"], row["basis_kind"], row["series"] == "yes", low, high, row["meaning"])


def read_quantities(folder: Path) -> dict[str, Quantity]:
    """Return the quantities that facts may be of, by name."""
    rows = (
        row
        for path in tables(folder, quantities=True)
        for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    )
    return {row["quantity"]: quantity_from(row) for row in rows}


_in_use: ContextVar[Catalog | None] = ContextVar("catalog", default=None)


def load() -> Catalog:
    """Return the catalog in use: the one that comes with gigaplan, or one extended by things of the user's own."""
    return _in_use.get() or shipped()


@contextlib.contextmanager
def using(catalog: Catalog) -> Iterator[Catalog]:
    """Use a catalog within a block: :func:`load` returns it there, and nowhere else.

    Parameters
    ----------
    catalog
        The catalog, most often one that :meth:`Catalog.extended` has made.
    """
    before = _in_use.set(catalog)
    try:
        yield catalog
    finally:
        _in_use.reset(before)


def per_catalog(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that remembers its answers, for each catalog in use apart.

    Parameters
    ----------
    function
        A function of hashable arguments, whose answer depends on the catalog.
    """
    known: WeakKeyDictionary[Catalog, dict[object, R]] = WeakKeyDictionary()

    @wraps(function)
    def remembered(*args: P.args, **kwargs: P.kwargs) -> R:
        here = known.setdefault(load(), {})
        key = (args, *sorted(kwargs.items()))
        if key not in here:
            here[key] = function(*args, **kwargs)
        return here[key]

    return remembered


@cache
def shipped() -> Catalog:
    """Return the catalog that comes with gigaplan; its vintage is its newest source and a hash of its tables."""
    folder = data_folder()
    quantities = read_quantities(folder)
    digest, facts = hashlib.sha256(), []
    for path in tables(folder, quantities=False):
        text = path.read_text(encoding="utf-8")
        digest.update(text.encode())
        facts += [fact_from(row) for row in csv.DictReader(io.StringIO(text))]
    digest.update((folder / HISTORY).read_bytes())
    newest = max((f.date for f in facts if not quantities[f.quantity].series), default="")
    return Catalog(facts, quantities, f"{newest}+{digest.hexdigest()[:8]}")
