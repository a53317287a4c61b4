"""Facts of a system or a region of the user's own: read from a document, checked, or refused all at once."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from gigaplan.catalog import Catalog
from gigaplan.catalog.names import plain_name
from gigaplan.plan.document import VALUE_KEYS, Node
from gigaplan.plan.own.kinds import BY_PROFILE, KINDS, SYSTEM, Kind, RackBasis, is_whole
from gigaplan.plan.own.written import stated_facts, words_of
from gigaplan.plan.provenance import evidence_of
from gigaplan.plan.ranges import ends_in_words
from gigaplan.plan.resolver import known_names, resolved, unresolved
from gigaplan.plan.words import problem_of, unknown_name
from gigaplan.vocabulary.bases import Based, PowerBasis, Profile
from gigaplan.vocabulary.errors import Problem, nearest_name
from gigaplan.vocabulary.facts import Evidence, Fact
from gigaplan.vocabulary.units import example

STATED = "stated by the user"
PARTS = VALUE_KEYS | {"central"}
DIGITS = 12
"""Of the middle of a range: no more than its ends are written with."""
BASES = ("power_basis", "flops_basis", "price_basis", "scope")
PROFILED = re.compile(rf"(.*\S)\s+({'|'.join(Profile)})\s*")
Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Thing:
    """A system or a region of the user's own.

    Attributes
    ----------
    kind : Kind
        What it is.
    name : str
        Its name.
    like : str
        The one of the catalog that it is like, "" where there is none.
    stated : tuple of Fact
        What the user states.
    taken : tuple of Fact
        What it has from the one that it is like.
    """

    kind: Kind
    name: str
    like: str
    stated: tuple[Fact, ...]
    taken: tuple[Fact, ...]

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All its facts."""
        return (*self.stated, *self.taken)


@dataclass(slots=True)
class _Reader:
    """Reads one thing of a document; what is wrong is collected."""

    kind: Kind
    name: str
    root: Node
    facts: Catalog
    problems: list[Problem]
    unread: bool = False
    """Whether facts of the thing could not be read, so that nobody knows what is missing."""
    templates: dict[str, Fact] = field(default_factory=dict)

    def section(self) -> Node:
        """Return what is stated of the thing."""
        return self.root.at((self.kind.section, self.name))[0]

    def place_of(self, *path: str | int) -> Any:
        """Return the place of a line of the thing."""
        return self.root.place((self.kind.section, self.name, *path))

    def read(self, needed: Sequence[str]) -> Thing:
        """Return the thing with what could be read, and note every problem."""
        lines = self.section().value
        before = len(self.problems)
        if not isinstance(lines, dict):
            remedy = f"write its facts below it, or 'like: ...', or 'config: {self.name}.yaml'"
            self.problems.append(
                Problem(f"a {self.kind.name} is a mapping of its facts", self.place_of(), remedy=remedy)
            )
            lines, self.unread = {}, True
        self.problems += self._unfit()
        like, stated, meant = self._like(lines), list[Fact](), set[str]()
        for quantity, node in lines.items():
            if quantity in self.kind.facts:
                stated += self._facts(quantity, node)
            elif quantity not in ("like", "config"):
                allowed = ("like", *self.kind.facts)
                near = nearest_name(quantity, allowed) or _sharing_words(quantity, allowed)
                meant.add(near)
                self.problems.append(unknown_name(self.root, (self.kind.section, self.name, quantity), allowed, near))
        thing = Thing(self.kind, self.name, like, tuple(stated), tuple(_taken(self, like, stated)))
        known = {f.quantity for f in thing.facts} | set(lines) | meant
        if not ("like" in lines and not like) and not self.unread:
            self.problems += self._missing([q for q in self._needed(needed, thing) if q not in known], stated)
        self.problems += implausible(thing, self)
        wrong = any(p.severity == "error" for p in self.problems[before:])
        return self._completed(thing) if wrong or self.unread else thing

    def _unfit(self) -> Iterator[Problem]:
        """Yield the problem of a name that stands for something else, or can't stand in a path."""
        place = self.root.place((self.kind.section, self.name), key=True)
        if self.name in self.facts.entities() or self.name == "newest":
            yield Problem(
                "the catalog has something of this name",
                place,
                value=self.name,
                remedy=f"give your {self.kind.name} another",
            )
        elif plain_name(self.name) != self.name:
            allowed = "small letters, digits and underscores"
            remedy = f"write {plain_name(self.name)}"
            yield Problem(f"not a {self.kind.name}'s name", place, value=self.name, allowed=allowed, remedy=remedy)

    def _like(self, lines: Mapping[str, Node]) -> str:
        """Return the thing of the catalog that this one is like, "" where none is named, or none that is known."""
        if "like" not in lines:
            return ""
        name, known = str(lines["like"].value or ""), tuple(self._alike())
        found = resolved(self.kind.name, name, known)
        if not found:
            self.problems.append(unresolved(self.kind.name, name, self.place_of("like"), known))
        return found

    def _alike(self) -> list[str]:
        """Return the names of the catalog's own things of the kind."""
        return [n for n in known_names(self.kind.name) if n not in self.facts.origins]

    def _facts(self, quantity: str, node: Node) -> Iterator[Fact]:
        """Yield the facts of a quantity: one, or one for each profile."""
        if isinstance(node.value, list) and quantity in BY_PROFILE:
            found = [f for i, item in enumerate(node.value) if (f := self._fact(quantity, item, (quantity, i)))]
            profiles = [f.profile for f in found]
            if len(set(profiles)) < len(profiles):
                message, allowed = "two values for one power profile", f"one for each of {', '.join(Profile)}"
                self.problems.append(Problem(message, self.place_of(quantity), allowed=allowed, remedy="remove one"))
            yield from found
        elif fact := self._fact(quantity, node, (quantity,)):
            yield fact

    def _fact(self, quantity: str, node: Node, path: Path_) -> Fact | None:
        """Return the fact of one value, None where it can't be read."""
        given = self._given(quantity, node, path)
        if not {"value", "central", "low", "high"} & set(given):
            remedy = f"write {quantity}: {self.example(quantity)}"
            self.problems.append(Problem("a value is missing", self.place_of(*path), remedy=remedy))
            return None
        before = len(self.problems)
        below = isinstance(node.value, dict)
        numbers: list[str] = [k for k in ("value", "central", "low", "high") if k in given]
        texts = {k: self._profile(quantity, given[k].plain()) for k in numbers}
        ends: dict[str, Any] = {
            k: self._end(quantity, texts[k][0], (*path, k) if below else path) for k in ("low", "high") if k in texts
        }
        stated = next((k for k in ("value", "central") if k in texts), "")
        if stated:
            value = self._value(quantity, texts[stated][0], (*path, stated) if below else path)
        else:
            value = self._middle(quantity, ends, path)
        profile = self._one_profile([p for _, p in texts.values() if p], path)
        words: dict[str, str] = {k: str(given[k].plain()) for k in ("evidence", "source", "note") if k in given}
        if len(self.problems) == before:
            self._check_range(value, ends, path)
        evidence = evidence_of(node, words, self.problems)
        if len(self.problems) > before:
            return None
        file = node.file or self.section().file
        file = "--set" if file.startswith("--set ") else Path(file).name
        source = f"{STATED} in {file}" + (f": {words['source']}" if words.get("source") else "")
        return replace(
            self.template(quantity),
            id=".".join(t for t in (self.name, quantity, profile, self._basis_in_id(quantity)) if t),
            value=value,
            low=ends.get("low"),
            high=ends.get("high"),
            profile=profile,
            source_title=source,
            evidence=evidence,
            note=words.get("note", ""),
        )

    def _given(self, quantity: str, node: Node, path: Path_) -> dict[str, Node]:
        """Return the parts of a value by name, a range as plans write it too, and note what is no part of one."""
        if not isinstance(node.value, dict):
            unit = self.facts.quantities[quantity].unit
            ends = (None if unit == "text" else ends_in_words(node, of_dates=unit == "date")) or {"value": node}
            if is_whole(self.kind.facts[quantity]) and len(ends) > 1:
                return {k: replace(n, value=int(n.value)) if n.value.isdecimal() else n for k, n in ends.items()}
            return ends
        for name in node.value:
            if name not in PARTS:
                near = nearest_name(name, PARTS)
                where = (self.kind.section, self.name, *path, name)
                self.problems.append(unknown_name(self.root, where, sorted(PARTS), near))
        if {"value", "central"} <= set(node.value):
            place, remedy = self.place_of(*path), "remove one"
            self.problems.append(Problem("'value' and 'central' are the same thing", place, remedy=remedy))
        return dict(node.value)

    def _middle(self, quantity: str, ends: Mapping[str, Any], path: Path_) -> Any:
        """Return the value of a range that states none: the middle; an end where it is no range of numbers."""
        first, last = (ends.get(k, next(iter(ends.values()))) for k in ("low", "high"))
        if isinstance(first, str) or isinstance(last, str):
            return first
        middle = float(f"{(first + last) / 2:.{DIGITS}g}")
        if is_whole(self.kind.facts[quantity]) and middle % 1 > 0:
            message, remedy = "the middle of this range is no whole number", "state 'central' too"
            self.problems.append(Problem(message, self.place_of(*path), f"{middle:g}", remedy=remedy))
        return middle

    def _one_profile(self, profiles: Sequence[str], path: Path_) -> str:
        """Return the power profile that the parts of a value name, and note where they name two."""
        if len(set(profiles)) > 1:
            message, remedy = "one value has one power profile", "write a list with a value for each profile"
            self.problems.append(Problem(message, self.place_of(*path), ", ".join(profiles), remedy=remedy))
        return profiles[0] if profiles else ""

    def _profile(self, quantity: str, text: Any) -> tuple[Any, str]:
        """Return a value without its power profile, and the profile."""
        found = PROFILED.fullmatch(text) if quantity in BY_PROFILE and isinstance(text, str) else None
        return (found[1], found[2]) if found else (text, "")

    def _end(self, quantity: str, text: Any, path: Path_) -> Any:
        """Return an end of a range; it may leave out the basis of its value."""
        if quantity == "rack_power_kw" and isinstance(text, str) and not text.strip().endswith(RackBasis.RACK_TDP):
            text = f"{text} {RackBasis.RACK_TDP}"
        return self._value(quantity, text, path)

    def _value(self, quantity: str, text: Any, path: Path_) -> Any:
        """Return a value as the catalog holds it, and note why it can't be read."""
        try:
            value = _adapter(self.kind.name, quantity).validate_python(text)
        except ValidationError as error:
            first, loc = error.errors(include_url=False)[0], (self.kind.section, self.name, *path)
            self.problems.append(problem_of({**first, "loc": loc}, self.root))
            return math.nan
        if isinstance(value, Based):
            return self._above_zero(value.value, path)
        return float(value) if isinstance(value, int | float) else str(value)

    def _above_zero(self, value: float, path: Path_) -> float:
        if value <= 0:
            place, remedy = self.place_of(*path), "change the value"
            self.problems.append(
                Problem("not allowed here", place, value=f"{value:g}", allowed="above 0", remedy=remedy)
            )
        return value

    def _check_range(self, value: Any, ends: Mapping[str, Any], path: Path_) -> None:
        """Note a range without both ends, one that does not hold its value, and one of a date or a name."""
        if not ends:
            return
        if isinstance(value, str) or len(ends) < 2:
            remedy = "remove 'low' and 'high'" if isinstance(value, str) else "state both 'low' and 'high', or none"
            self.problems.append(Problem("not a range", self.place_of(*path), remedy=remedy))
        elif not ends["low"] <= value <= ends["high"]:
            shown = f"{ends['low']:g} .. {value:g} .. {ends['high']:g}"
            remedy = "put low, value and high in order"
            self.problems.append(
                Problem("the range does not hold its value", self.place_of(*path), shown, remedy=remedy)
            )

    def _basis_in_id(self, quantity: str) -> str:
        """Return the part of a fact's id that the catalog's facts of a quantity end with."""
        like = self.template(quantity)
        basis = like.power_basis or like.price_basis
        ends = any(f.id.endswith(f".{basis}") for f in self.facts.facts if f.quantity == quantity and f.chosen)
        return basis if basis and ends else ""

    def template(self, quantity: str) -> Fact:
        """Return the fact that a stated one takes its unit and bases from: the first of the catalog's."""
        if quantity not in self.templates:
            unit = self.facts.quantities[quantity].unit
            first = next((f for e in self._alike() for f in stated_facts(self.kind, e, self.facts, quantity)), None)
            bases = {b: getattr(first, b) for b in BASES} if first else {}
            self.templates[quantity] = Fact(
                id="",
                entity=self.name,
                quantity=quantity,
                value=0.0,
                unit=unit,
                **bases,
                source_title="",
                evidence=Evidence.ASSUMED,
            )
        return self.templates[quantity]

    def _needed(self, needed: Sequence[str], thing: Thing) -> list[str]:
        """Return what the thing must have: a network too, where it joins several GPUs."""
        joined = any(f.quantity == "scaleup_gpus" and f.number > 1 for f in thing.facts)
        return [*self.kind.needed, *(["scaleup_bandwidth_bytes_per_s"] if joined else []), *needed]

    def _missing(self, quantities: Sequence[str], stated: Sequence[Fact]) -> Iterator[Problem]:
        """Yield a problem for each fact that is needed and absent, with its unit and that of a similar thing."""
        for quantity in quantities:
            known, similar = self.facts.quantities[quantity], self.similar(quantity, stated)
            has = f", as {similar} has" if similar else ""
            yield Problem(
                f"'{quantity}' of {self.kind.name} '{self.name}' is missing ({known.meaning})",
                self.root.place((self.kind.section, self.name), key=True),
                allowed=f"a value in {known.unit}" if known.unit not in ("1", "text", "date") else "",
                remedy=f"add a line '{quantity}: {self.example(quantity, similar)}'{has}, or a line 'like: ...'",
            )

    def example(self, quantity: str, similar: str = "") -> str:
        """Return how a thing of the catalog states a quantity."""
        found = stated_facts(self.kind, similar or self.similar(quantity, ()), self.facts, quantity)
        return words_of(found[0]) if found else example(self.facts.quantities[quantity].unit)

    def similar(self, quantity: str, stated: Sequence[Fact]) -> str:
        """Return the catalog's thing that has a quantity and is nearest to what is stated, as a mean of log ratios."""
        numbers = [f for f in stated if not isinstance(f.value, str) and f.number > 0]

        def apart(name: str) -> float:
            found = [(f.number, self.facts.all(name, f.quantity)) for f in numbers]
            logs = [abs(math.log(n / theirs[0].number)) for n, theirs in found if theirs and theirs[0].number > 0]
            return sum(logs) / len(logs) if logs else math.inf

        having = [n for n in self._alike() if stated_facts(self.kind, n, self.facts, quantity)]
        return min(having, key=apart, default="")

    def _completed(self, thing: Thing) -> Thing:
        """Return a thing of which something is wrong with what it lacks, so that other rules don't report it again."""
        known, more = {f.quantity for f in thing.facts}, list[Fact]()
        for quantity in self.kind.facts:
            similar = self.similar(quantity, thing.stated) if quantity not in known else ""
            found = stated_facts(self.kind, similar, self.facts, quantity) if similar else []
            more += [_of(self.name, similar, f) for f in found[:1]]
        return replace(thing, taken=(*thing.taken, *more))


def _sharing_words(name: str, names: Sequence[str]) -> str:
    """Return the name that shares most of the words of one that is spelt otherwise, "" where none shares any."""
    words = set(name.lower().split("_"))
    shared = {n: len(words & set(n.split("_"))) for n in names}
    best = max(names, key=lambda n: shared[n])
    return best if shared[best] else ""


def _taken(reader: _Reader, like: str, stated: Sequence[Fact]) -> Iterator[Fact]:
    """Yield the facts of the one that a thing is like, those aside which the thing states in their place."""
    for fact in reader.facts.facts:
        if fact.entity == like and fact.chosen:
            instead = (s for s in stated if s.quantity == fact.quantity and s.power_basis == fact.power_basis)
            if not any(s.profile in ("", fact.profile) for s in instead):
                yield _of(reader.name, like, fact)


def _of(name: str, like: str, fact: Fact) -> Fact:
    """Return a fact of the catalog as one of a thing that is like its entity; its source stays."""
    note = "; ".join(t for t in (f"as {like}", fact.note) if t)
    return replace(fact, id=name + fact.id.removeprefix(like), entity=name, note=note)


@cache
def _adapter(kind: str, quantity: str) -> TypeAdapter[Any]:
    """Return what reads and checks a value of a quantity, as the rooms declare it."""
    how = next(k for k in KINDS if k.name == kind).facts[quantity]
    return TypeAdapter(how, config=ConfigDict(strict=True))


def read_thing(
    kind: Kind,
    name: str,
    root: Node,
    facts: Catalog,
    problems: list[Problem],
    needed: Sequence[str] = (),
    *,
    unread: bool = False,
) -> Thing:
    """Return a system or a region of the user's own.

    Parameters
    ----------
    kind
        What it is.
    name
        Its name.
    root
        The document that states it in the kind's section.
    facts
        The catalog.
    problems
        Receives all that is wrong with it.
    needed
        What it must have in addition to what every thing of its kind needs.
    unread
        Whether a file of its facts could not be read, so that nobody knows what is missing.
    """
    return _Reader(kind, name, root, facts, problems, unread).read(needed)


def implausible(thing: Thing, reader: _Reader) -> Iterator[Problem]:
    """Yield a warning for each stated fact outside its quantity's plausible range, and of GPUs above their rack."""
    for fact in thing.stated:
        known = reader.facts.quantities[fact.quantity]
        low, high = known.low, known.high
        if isinstance(fact.value, str) or low is None or high is None or low <= fact.number <= high:
            continue
        yield Problem(
            f"an unusual value of '{fact.quantity}'",
            reader.place_of(fact.quantity),
            value=words_of(fact),
            allowed=f"usually {words_of(fact, low)} to {words_of(fact, high)}",
            remedy="check the unit; it is computed as stated",
            severity="warning",
        )
    if thing.kind is SYSTEM and thing.stated:
        yield from _too_little_power(thing, reader)


def _too_little_power(thing: Thing, reader: _Reader) -> Iterator[Problem]:
    """Yield a warning where GPUs alone may draw more than their rack is rated for."""
    by = {(f.quantity, f.profile): f for f in thing.facts if f.power_basis != PowerBasis.RACK_PEAK}
    gpus = by.get(("gpus_per_rack", ""))
    for profile in ("", *Profile):
        rack = by.get(("rack_power_kw", profile))
        gpu = by.get(("gpu_tgp_w", profile)) or by.get(("gpu_tgp_w", ""))
        if gpus and rack and gpu and gpus.number * gpu.number > 1e3 * rack.number:
            yield Problem(
                "GPUs alone may draw more than their rack is rated for",
                reader.place_of("rack_power_kw"),
                value=f"{gpus.number:g} x {words_of(gpu)} in {words_of(rack)}",
                remedy="check gpus_per_rack, gpu_tgp_w and rack_power_kw; it is computed as stated",
                severity="warning",
            )
