"""From a plan's name or path to a checked document, or every problem in it at once."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.plan.checks import check
from gigaplan.plan.choices import read_choices
from gigaplan.plan.correlations import Uncertain, correlated
from gigaplan.plan.document import Node, read_text
from gigaplan.plan.named import with_known_names
from gigaplan.plan.overlay import Overlay, merge, read_overlay
from gigaplan.plan.own.expand import expanded
from gigaplan.plan.own.things import own_things, with_files
from gigaplan.plan.patch import VARIANTS, patch_invalid
from gigaplan.plan.provenance import Provenance, unwrap
from gigaplan.plan.ranges import read_ranges
from gigaplan.plan.schema import EngineSection, PlanDocument, Training
from gigaplan.plan.set import change
from gigaplan.plan.shift import with_dates
from gigaplan.plan.sources import Sources, root_of, sources_of
from gigaplan.plan.spelling import respelled
from gigaplan.plan.words import distinct, problem_of
from gigaplan.vocabulary.correlations import Cluster
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.sampling import Choice, Spread


@dataclass(frozen=True)
class Plan:
    """A checked plan."""

    document: PlanDocument
    root: Node
    """The document's tree, with the place of each value."""
    provenance: Mapping[str, Provenance]
    """How values are known, by dotted path, where the plan states it."""
    ranges: Mapping[str, Spread]
    """Ranges that the plan states, by dotted path."""
    choices: Mapping[str, Choice]
    """Choices that the plan leaves open, by dotted path."""
    correlations: tuple[Cluster, ...]
    """Inputs whose draws the plan correlates."""
    hash: str
    warnings: tuple[Problem, ...]
    sources: Sources
    catalog: Catalog
    """The catalog in use with the plan's own systems and regions."""


_SETTINGS = TypeAdapter(dict[str, Any])


def load(plan: str | Path, changes: Sequence[str] = (), overlays: Sequence[str | Path] = ()) -> Plan:
    """Load a plan by built-in name or path, apply overlays in turn and then ``path=value`` changes.

    Raises
    ------
    PlanError
        With every problem found, each with its place.
    """
    return load_sources(sources_of(plan, changes, overlays))


def load_sources(sources: Sources) -> Plan:
    """Return the checked plan of some sources; see :func:`load` for what raises."""
    overlays = tuple(read_overlay(text, file) for file, text in sources.overlays)
    removed: dict[tuple[str, ...], Place] = {}
    problems: list[Problem] = []
    root = root_of(sources)
    for overlay in overlays:
        root = merge(root, with_dates(root, overlay.root, problems), removed)
    for text in sources.changes:
        try:
            root = change(root, text)
        except PlanError as error:
            problems += error.problems
    if problems:
        raise PlanError(problems)
    return checked(root, sources, overlays, removed)


def training_of(overlays: Sequence[str | Path]) -> tuple[Training, tuple[str, ...]]:
    """Return the training section of some overlays and a note on each, for verbs that need no plan.

    Raises
    ------
    PlanError
        If one can't be read or is no overlay, or with every wrong value of that section; if none has constants.
    """
    applied, root, plain, problems = _of_overlays(overlays)
    try:
        found = Training.model_validate(_section(plain, ("training",), root, problems))
    except ValidationError as error:
        wrong = distinct(error.errors(include_url=False), root, ("training",))
        problems += [problem_of(e, root) for e in wrong]
    else:
        if found.efficiency is None and not problems:
            place, remedy = Place(applied[0].file), "use one that 'gigaplan calibrate training' has written"
            problems.append(Problem("it has no constants of training (training.efficiency)", place, remedy=remedy))
    if problems:
        raise PlanError(problems)
    return found, tuple(overlay.note for overlay in applied)


def serving_of(overlays: Sequence[str | Path], engine: str) -> tuple[Any, tuple[str, ...]]:
    """Return the constants that overlays hold for a serving engine and a note on each, for verbs that need no plan.

    Raises
    ------
    PlanError
        If one can't be read or is no overlay, or with every wrong value; if none has constants, or another engine's.
    """
    applied, root, plain, problems = _of_overlays(overlays)
    stated = _section(plain, ("demand", "engine"), root, problems)
    software = _section(plain, ("demand", "software"), root, problems)
    found, place = None, Place(applied[0].file)
    try:
        found = EngineSection.model_validate(stated)
    except ValidationError as error:
        wrong = distinct(error.errors(include_url=False), root, ("demand", "engine"))
        problems += [problem_of(e, root) for e in wrong]
    if not stated and not problems:
        remedy = "use one that 'gigaplan calibrate serving' has written"
        problems.append(Problem("it has no constants of serving (demand.engine)", place, remedy=remedy))
    other = str(software.get("engine") or engine)
    if other != engine:
        remedy = f"take --engine {other}, or an overlay of {engine}"
        problems.append(Problem(f"the constants are those of {other}, not of {engine}", place, remedy=remedy))
    if problems:
        raise PlanError(problems)
    return found, tuple(overlay.note for overlay in applied)


def serving_engine_of(overlay: str | Path) -> str:
    """Return the engine whose constants an overlay of ``gigaplan calibrate serving`` holds; PlanError if it names
    none."""
    applied, root, plain, problems = _of_overlays([overlay])
    engine = _section(plain, ("demand", "software"), root, problems).get("engine")
    if not engine and not problems:
        remedy = "use one that 'gigaplan calibrate serving' has written"
        problems.append(Problem("it names no engine (demand.software.engine)", Place(applied[0].file), remedy=remedy))
    if problems:
        raise PlanError(problems)
    return str(engine)


def _section(plain: dict[str, Any], path: tuple[str, ...], root: Node, problems: list[Problem]) -> dict[str, Any]:
    """Return the settings at a path, none if it isn't there; anything else that stands there is a problem."""
    section = plain
    for depth, name in enumerate(path, 1):
        try:
            section = _SETTINGS.validate_python(section.get(name) or {})
        except ValidationError as error:
            wrong = [problem_of(e, root) for e in distinct(error.errors(include_url=False), root, path[:depth])]
            problems += [w for w in wrong if w not in problems]
            return {}
    return section


def _of_overlays(overlays: Sequence[str | Path]) -> tuple[list[Overlay], Node, dict[str, Any], list[Problem]]:
    """Return overlays, what they hold together as a tree and as plain values, and the problems so far."""
    applied = [read_overlay(read_text(Path(path), "overlay"), str(path)) for path in overlays]
    root, problems = Node({}, 1, 1, applied[0].file), list[Problem]()
    for overlay in applied:
        root = merge(root, overlay.root, {})
    return applied, root, unwrap(root, {}, problems, {}), problems


def checked(
    root: Node,
    sources: Sources,
    overlays: Sequence[Overlay] = (),
    removed: Mapping[tuple[str, ...], Place] | None = None,
) -> Plan:
    """Return the checked plan of a document's tree; see :func:`load` for what raises."""
    provenance: dict[str, Provenance] = {}
    problems: list[Problem] = []
    texts = dict(sources.files)
    root, unread = with_files(root, texts, problems)
    own = own_things(respelled(root, problems), problems, unread)
    with catalog.using(own.catalog):
        more = expanded(with_known_names(own.root, problems), texts, problems)
        root, sources = more.root, replace(sources, files=tuple(more.files.items()))
        decided, choices = read_choices(root, problems)
        central, ranges = read_ranges(decided, problems)
        plain = unwrap(central, provenance, problems, {o.file: o for o in overlays})
        document = _validate(plain, root, problems)
    correlations: tuple[Cluster, ...] = ()
    if document is not None:
        correlations = correlated(document, root, Uncertain(ranges, choices, own.catalog), problems)
    problems = _deduplicate([_at_removal(p, removed or {}) for p in problems])
    if document is None or any(p.severity == "error" for p in problems):
        raise PlanError(problems)
    notes = [*document.notes, *(o.note for o in overlays), *own.notes, *more.notes]
    document = document.model_copy(update={"notes": notes})
    warnings, made = tuple(problems), _hash(root, overlays)
    return Plan(document, root, provenance, ranges, choices, correlations, made, warnings, sources, own.catalog)


def _hash(root: Node, overlays: Sequence[Overlay]) -> str:
    """Return the hash of a plan's content, and of its overlays' headers."""
    whole: Any = root.plain()
    whole.pop("study", None)  # what is asked of a plan isn't part of it: a study may be given more members
    if overlays:
        whole = {"plan": whole, "overlays": [[o.who, o.why, o.source] for o in overlays]}
    return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()


def _deduplicate(problems: Sequence[Problem]) -> list[Problem]:
    """Return each problem once where an alias repeats it: one place of the file, one message."""
    found: dict[tuple[object, ...], Problem] = {}
    for p in problems:
        found.setdefault((p.place.file, p.place.line, p.place.column, p.message, p.value), p)
    return list(found.values())


def _at_removal(problem: Problem, removed: Mapping[tuple[str, ...], Place]) -> Problem:
    """Return a problem at the line that removed what is missing, if an overlay did."""
    place = removed.get(tuple(problem.place.path.split(".")))
    return replace(problem, place=place) if place and "is missing" in problem.message else problem


def _validate(plain: Any, root: Node, problems: list[Problem]) -> PlanDocument | None:
    """Return the document, or None when it does not fit the schema; note every problem of either.

    Rules that cross sections need a whole document, so that wrong values are replaced by valid ones first. A rule's
    problem counts only if it appears with either of two replacements, and is not about a replaced value: nobody is to
    read about a value that nobody wrote. Warnings wait until there is no error: they say that the run goes on.
    """
    try:
        document = PlanDocument.model_validate(plain)
    except ValidationError as error:
        wrong = distinct(error.errors(include_url=False), root)
    else:
        found = [*problems, *check(document, root)]
        problems[:] = [p for p in found if p.severity == "error"] or found
        return document
    problems += [problem_of(e, root) for e in wrong]
    places = [e["loc"] for e in wrong]
    answers = [_checked_with(plain, places, root, variant) for variant in range(VARIANTS)]
    replaced = [".".join(str(p) for p in loc) for loc in places]
    problems += [
        p
        for p in answers[0]
        if p.severity == "error"
        and all(p in others for others in answers[1:])
        and not any(f"{p.place.path}.".startswith(f"{path}.") for path in replaced)
    ]
    return None


def _checked_with(plain: Any, places: Sequence[tuple[str | int, ...]], root: Node, variant: int) -> list[Problem]:
    """Return the problems of the rules with the wrong values replaced, none if that makes no document."""
    whole = copy.deepcopy(plain)
    for loc in places:
        patch_invalid(whole, loc, variant)
    try:
        return check(PlanDocument.model_validate(whole), root)
    except ValidationError:
        return []
