"""Systems and regions of a document's own: their files are read into it, and the catalog that has them is made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.plan.document import Node, parse, read_text
from gigaplan.plan.own.facts import STATED, Thing, read_thing
from gigaplan.plan.own.kinds import KINDS, SYSTEM, WITHOUT_EFFECT, Kind
from gigaplan.plan.own.written import words_of
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.facts import Fact

EXAMPLES = {"system": "gb300_nvl72", "region": "ercot"}
"""Things of the catalog to start from."""


@dataclass(frozen=True, slots=True)
class OwnThings:
    """A document, and the catalog with the document's own systems and regions.

    Attributes
    ----------
    root : Node
        The document; where something is wrong with a thing, it has no lines there, so that nothing is reported twice.
    catalog : Catalog
        The catalog in use, the same where the document has nothing of its own.
    notes : tuple of str
        What a reader should know of each.
    """

    root: Node
    catalog: Catalog
    notes: tuple[str, ...]


def with_files(root: Node, texts: dict[str, str], problems: list[Problem]) -> tuple[Node, set[tuple[str, str]]]:
    """Return a document whose systems and regions have the lines of the files that they name; lines of their own win.

    Parameters
    ----------
    root
        The document.
    texts
        Texts that are known already, by path; receives the others.
    problems
        Receives what can't be read.

    Returns
    -------
    Node
        The document with these lines.
    set of (str, str)
        Section and name of each thing whose file can't be read.
    """
    unread = set[tuple[str, str]]()
    for kind in KINDS:
        for name, node in root.entries(kind.section):
            stated = node.value.get("config") if isinstance(node.value, dict) else None
            if stated is None:
                continue
            lines = _lines_of(stated, name, kind, texts, problems)
            if lines is None:
                unread.add((kind.section, name))
                continue
            keys = {**lines.keys, **node.keys}
            merged = Node({**lines.value, **node.value}, node.line, node.column, node.file, keys)
            root = root.replaced((kind.section, name), merged)
    return root, unread


def _lines_of(stated: Node, name: str, kind: Kind, texts: dict[str, str], problems: list[Problem]) -> Node | None:
    """Return the lines of a file, None where it can't be read; a path is relative to the document that names it."""
    path = Path(str(stated.value))
    if not path.is_absolute() and not stated.file.startswith("--set "):
        path = Path(stated.file).parent / path
    try:
        if str(path) not in texts:
            texts[str(path)] = read_text(path, f"{kind.name} file")
    except PlanError as error:
        place = Place(stated.file, stated.line, stated.column, f"{kind.section}.{name}.config")
        problems += [replace(p, place=place, value=str(stated.value)) for p in error.problems]
        return None
    try:
        return lines_of(texts[str(path)], str(path), kind)
    except PlanError as error:
        problems += error.problems
        return None


def lines_of(text: str, file: str, kind: Kind) -> Node:
    """Return the facts of a thing's file, or of what an option states in its place.

    Parameters
    ----------
    text
        YAML.
    file
        Where it is from, for messages.
    kind
        What it describes.

    Raises
    ------
    PlanError
        If it is not YAML, no mapping, or names a further file.
    """
    lines = parse(text, file, f"{kind.name} file")
    if not isinstance(lines.value, dict):
        remedy = f"write its facts, one a line: see 'gigaplan catalog show {EXAMPLES[kind.name]} --yaml'"
        raise PlanError([Problem(f"a {kind.name} is a mapping of its facts", lines.place(()), remedy=remedy)])
    if "config" in lines.value:
        remedy = "write the facts here, or name the other file in its place"
        raise PlanError([Problem("a file names no further file", lines.place(("config",), key=True), remedy=remedy)])
    return lines


def own_things(
    root: Node, problems: list[Problem], unread: Collection[tuple[str, str]] = (), used_for: str = ""
) -> OwnThings:
    """Return what a document has of its own; see :func:`with_files` for its files.

    Parameters
    ----------
    root
        The document, with the lines of its files.
    problems
        Receives all that is wrong with its systems and regions.
    unread
        Section and name of each thing whose file could not be read, which has been reported.
    used_for
        What they are used for, of :data:`WITHOUT_EFFECT`; "" for the plan that the document is.
    """
    used_for = used_for or "a plan"
    facts, things = catalog.load(), list[Thing]()
    for kind in KINDS:
        for name, node in root.entries(kind.section):
            before = len(problems)
            problems += _twice(root, kind, name, [t.name for t in things])
            needed, is_unread = list(_needed_in(root, kind, name)), (kind.section, name) in unread
            things.append(read_thing(kind, name, root, facts, problems, needed, unread=is_unread))
            if len(problems) == before:
                problems += _without_effect(things[-1], root, used_for)
            if any(p.severity == "error" for p in problems[before:]):
                root = root.replaced((kind.section, name), Node({}, node.line, node.column, node.file))
    known = set(facts.entities())
    new = [t for t in things if t.name not in known]
    whole = facts.extended((f for t in new for f in t.facts), {t.name: t.like for t in new}) if new else facts
    return OwnThings(root, whole, tuple(words_about(t) for t in things))


def _twice(root: Node, kind: Kind, name: str, others: Sequence[str]) -> Iterator[Problem]:
    """Yield the problem of a name that something else of the document has too."""
    if name in others or name in dict(root.entries("models")):
        place, remedy = root.place((kind.section, name), key=True), f"give your {kind.name} another"
        yield Problem("something else of this document has this name", place, value=name, remedy=remedy)


def _without_effect(thing: Thing, root: Node, used_for: str) -> Iterator[Problem]:
    """Yield a warning for each fact that a thing states otherwise than what it is like, and nothing depends on."""
    for fact, _ in _changed(thing) if thing.kind is SYSTEM else ():
        if fact.quantity in WITHOUT_EFFECT[used_for]:
            yield Problem(
                f"has no effect in {used_for}",
                root.place((thing.kind.section, thing.name, fact.quantity)),
                value=words_of(fact),
                remedy="it may be left out",
                severity="warning",
            )


def _changed(thing: Thing) -> Iterator[tuple[Fact, Fact | None]]:
    """Yield each fact that a thing states otherwise than what it is like, and the other's."""
    theirs = {
        (f.quantity, f.power_basis, f.profile): f for f in catalog.load().facts if f.entity == thing.like and f.chosen
    }
    for f in thing.stated:
        was = theirs.get((f.quantity, f.power_basis, f.profile))
        if was is None or (was.value, was.low, was.high) != (f.value, f.low, f.high):
            yield f, was


def _needed_in(root: Node, kind: Kind, name: str) -> Iterator[str]:
    """Yield what a plan needs of a thing that it uses, and does not state in a section of its own."""
    chosen = root.at(("fleet", "generations"))
    if kind is not SYSTEM or not chosen[1] or name not in [str(n) for n in _items(chosen[0].plain())]:
        return
    for quantity in kind.needed_in_plans:
        if not any(root.at((section, "systems", name, quantity))[1] for section in ("fleet", "finance")):
            yield quantity


def words_about(thing: Thing) -> str:
    """Return what a reader should know of a thing: the file, what it is like, and what it states otherwise."""
    head, source = f"{thing.kind.name.capitalize()} {thing.name}", ""
    files = dict.fromkeys(f.source_title.partition(": ")[0].removeprefix(f"{STATED} in ") for f in thing.stated)
    if files:
        source = f" ({STATED} in {', '.join(files)})"
    if not thing.like:
        return f"{head}{source}: {len(thing.stated)} facts, like no {thing.kind.name} of the catalog"
    changed = [
        f"{f.quantity} {words_of(f)}" + (f" instead of {words_of(was)}" if was else "") for f, was in _changed(thing)
    ]
    return f"{head} is {thing.like} with {', '.join(changed)}{source}" if changed else f"{head} is {thing.like}{source}"


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []
