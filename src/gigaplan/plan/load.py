"""From a plan's name or path to a checked document, or every problem in it at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gigaplan.plan.checks import check
from gigaplan.plan.document import Node, parse, read_text
from gigaplan.plan.overlay import VALUE_KEYS, Overlay, merge, read_overlay
from gigaplan.plan.schema import EngineSection, PlanDocument, Training, section_fields
from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_name
from gigaplan.vocabulary.facts import Evidence


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the plan's author says of a value: how it is known, and from where."""

    evidence: Evidence = Evidence.ASSUMED
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """All that a plan was made of, as text: what a kept result needs to be run again."""

    file: str
    text: str
    overlays: tuple[tuple[str, str], ...] = ()
    """File and text of each, in the order in which they were laid on."""
    changes: tuple[str, ...] = ()
    """``path=value`` each."""


@dataclass(frozen=True)
class Plan:
    """A checked plan: the document, what its author says of its values, its hash, the warnings, and its sources."""

    document: PlanDocument
    root: Node
    said: Mapping[str, Provenance]
    hash: str
    warnings: tuple[Problem, ...]
    sources: Sources


def builtin_names() -> tuple[str, ...]:
    """Return the names of the plans that come with gigaplan."""
    folder = files("gigaplan.plan") / "builtin"
    return tuple(sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml")))


def load(plan: str | Path, changes: Sequence[str] = (), overlays: Sequence[str | Path] = ()) -> Plan:
    """Load a plan by built-in name or path, lay overlays on it in turn and apply ``path=value`` changes.

    Raises
    ------
    PlanError
        With every problem found, each with its place.
    """
    return load_sources(sources_of(plan, changes, overlays))


def sources_of(plan: str | Path, changes: Sequence[str] = (), overlays: Sequence[str | Path] = ()) -> Sources:
    """Return the text of a plan and its overlays; PlanError if one can't be read."""
    file, text = _text(plan)
    over = tuple((str(path), read_text(Path(path))) for path in overlays)
    return Sources(file, text, over, tuple(changes))


def load_sources(sources: Sources) -> Plan:
    """Return the checked plan of some sources; see :func:`load` for what raises."""
    overlays = tuple(read_overlay(text, file) for file, text in sources.overlays)
    removed: dict[tuple[str, ...], Place] = {}
    root = _root(sources)
    for overlay in overlays:
        root = merge(root, overlay.root, removed)
    for change in sources.changes:
        _change(root, change)
    return checked(root, sources, overlays, removed)


def training_of(overlays: Sequence[str | Path]) -> tuple[Training, tuple[str, ...]]:
    """Return what overlays say of training and a note on each, for verbs that need no plan.

    Raises
    ------
    PlanError
        If one can't be read or is no overlay, or with every wrong value of that section; if none has constants.
    """
    laid, root, plain, problems = _of_overlays(overlays)
    try:
        found = Training.model_validate(plain.get("training") or {})
    except ValidationError as error:
        wrong = _distinct(error.errors(include_url=False))
        problems += [_problem({**e, "loc": ("training", *e["loc"])}, root) for e in wrong]
    else:
        if found.efficiency is None:
            remedy = "give one that 'gigaplan calibrate training' has written"
            problems.append(
                Problem("no constants of training (training.efficiency) in it", Place(laid[0].file), remedy=remedy)
            )
    if problems:
        raise PlanError(problems)
    return found, tuple(overlay.note for overlay in laid)


def serving_of(overlays: Sequence[str | Path], engine: str) -> tuple[Any, tuple[str, ...]]:
    """Return the constants that overlays hold for a serving engine and a note on each, for verbs that need no plan.

    Raises
    ------
    PlanError
        If one can't be read or is no overlay, or with every wrong value; if none has constants, or another engine's.
    """
    laid, root, plain, problems = _of_overlays(overlays)
    demand = plain.get("demand") or {}
    found, place = None, Place(laid[0].file)
    try:
        found = EngineSection.model_validate(demand.get("engine") or {})
    except ValidationError as error:
        wrong = _distinct(error.errors(include_url=False))
        problems += [_problem({**e, "loc": ("demand", "engine", *e["loc"])}, root) for e in wrong]
    if not demand.get("engine"):
        remedy = "give one that 'gigaplan calibrate serving' has written"
        problems.append(Problem("no constants of serving (demand.engine) in it", place, remedy=remedy))
    other = str((demand.get("software") or {}).get("engine") or engine)
    if other != engine:
        remedy = f"take --engine {other}, or an overlay of {engine}"
        problems.append(Problem(f"the constants are those of {other}, not of {engine}", place, remedy=remedy))
    if problems:
        raise PlanError(problems)
    return found, tuple(overlay.note for overlay in laid)


def serving_engine_of(overlay: str | Path) -> str:
    """Return the engine whose constants an overlay of ``gigaplan calibrate serving`` holds; PlanError if it names none."""
    laid, _, plain, problems = _of_overlays([overlay])
    engine = ((plain.get("demand") or {}).get("software") or {}).get("engine")
    if not engine:
        remedy = "give one that 'gigaplan calibrate serving' has written"
        problems.append(Problem("no engine (demand.software.engine) in it", Place(laid[0].file), remedy=remedy))
    if problems:
        raise PlanError(problems)
    return str(engine)


def _of_overlays(overlays: Sequence[str | Path]) -> tuple[list[Overlay], Node, dict[str, Any], list[Problem]]:
    """Return overlays, what they hold together as a tree and as plain values, and the problems so far."""
    laid = [read_overlay(read_text(Path(path)), str(path)) for path in overlays]
    root, problems = Node({}, 1, 1, laid[0].file), list[Problem]()
    for overlay in laid:
        root = merge(root, overlay.root, {})
    return laid, root, _unwrap(root, (), {}, problems, {}), problems


def checked(
    root: Node,
    sources: Sources,
    overlays: Sequence[Overlay] = (),
    removed: Mapping[tuple[str, ...], Place] | None = None,
) -> Plan:
    """Return the checked plan of a document's tree; see :func:`load` for what raises."""
    said: dict[str, Provenance] = {}
    problems: list[Problem] = []
    plain = _unwrap(root, (), said, problems, {o.file: o for o in overlays})
    document = _validate(plain, root, problems)
    if document is not None:
        problems += check(document, root)
    problems = _once([_placed(p, removed or {}) for p in problems])
    if document is None or any(p.severity == "error" for p in problems):
        raise PlanError(problems)
    document = document.model_copy(update={"notes": [*document.notes, *(o.note for o in overlays)]})
    return Plan(document, root, said, _hash(root, overlays), tuple(problems), sources)


def plain_values(root: Node) -> Any:
    """Return a document's values without what its author says of them."""
    return _unwrap(root, (), {}, [], {})


def _hash(root: Node, overlays: Sequence[Overlay]) -> str:
    """Return the hash of what the plan says, and of what its overlays say of themselves."""
    whole: Any = root.plain()
    if overlays:
        whole = {"plan": whole, "overlays": [[o.who, o.why, o.source] for o in overlays]}
    return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()


def _once(problems: Sequence[Problem]) -> list[Problem]:
    """Return each problem once where an alias repeats it: one place of the file, one message."""
    told: dict[tuple[object, ...], Problem] = {}
    for p in problems:
        told.setdefault((p.place.file, p.place.line, p.place.column, p.message, p.value), p)
    return list(told.values())


def _placed(problem: Problem, removed: Mapping[tuple[str, ...], Place]) -> Problem:
    """Return a problem at the line that removed what it misses, if an overlay did."""
    place = removed.get(tuple(problem.place.path.split(".")))
    return replace(problem, place=place) if place and "is missing" in problem.message else problem


def _text(plan: str | Path) -> tuple[str, str]:
    """Return the file name and the text of a plan by built-in name or path."""
    name = str(plan)
    if name in builtin_names():
        return f"{name}.yaml", builtin_text(name)
    path = Path(plan)
    if not path.exists() and "/" not in name and not name.endswith((".yaml", ".yml")):
        allowed = ", ".join(builtin_names())
        raise PlanError(
            [
                Problem(
                    f"no plan called '{name}'",
                    Place(name),
                    allowed=f"{allowed}, or a YAML file's path",
                    nearest=nearest_name(name, builtin_names()),
                    remedy="check the spelling",
                )
            ]
        )
    return name, read_text(path)


def _root(sources: Sources) -> Node:
    root = parse(sources.text, sources.file)
    if not isinstance(root.value, dict):
        raise PlanError(
            [
                Problem(
                    "a plan is a mapping of sections",
                    Place(sources.file, root.line, root.column),
                    allowed=", ".join(PlanDocument.model_fields),
                    remedy="start from a built-in plan",
                )
            ]
        )
    if "overlay" in root.value:
        place = root.place(("overlay",), key=True)
        raise PlanError(
            [Problem("this is an overlay, not a plan", place, remedy="lay it on a plan: gigaplan run PLAN --with it")]
        )
    return root


def builtin_text(name: str) -> str:
    """Return the YAML text of a plan that comes with gigaplan."""
    return (files("gigaplan.plan") / "builtin" / f"{name}.yaml").read_text(encoding="utf-8")


@cache
def _right() -> dict[str, Any]:
    """Return right values by name: the built-in plan with the most sections, filled from the others where it has none."""
    plans = [plain_values(parse(builtin_text(name), name)) for name in builtin_names()]
    right: dict[str, Any] = {}
    for plain in sorted(plans, key=lambda p: -sum(len(below) for below in p.values() if isinstance(below, dict))):
        _fill(right, plain)
    return right


def _fill(right: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(right.setdefault(name, {}), dict):
            _fill(right[name], value)
        else:
            right.setdefault(name, value)


def _change(root: Node, change: str) -> None:
    """Apply one ``path=value`` to the document; what is made on the way must be allowed by the schema."""
    path, equals, text = change.partition("=")
    file = f"--set {change}"
    if not equals or not path.strip():
        raise PlanError(
            [
                Problem(
                    "a change reads path=value",
                    Place(file, 1, 1),
                    value=change,
                    remedy="write for example --set training.mfu_share=0.35",
                )
            ]
        )
    parts = path.strip().split(".")
    try:
        new = Node(None, 1, len(path) + 2, file) if text.strip() in ("", "~", "null") else parse(text, file)
    except yaml.YAMLError as error:
        raise PlanError([Problem(f"not a value: {error}", Place(file, 1, len(path) + 2))]) from None
    node = root
    for i, part in enumerate(parts[:-1]):
        if not isinstance(node.value, dict):
            raise PlanError([Problem(f"'{'.'.join(parts[:i])}' holds no names", Place(file, 1, 1))])
        if part not in node.value:
            known = [*node.value, *section_fields(tuple(parts[:i]))]
            if part not in section_fields(tuple(parts[:i])):
                raise PlanError(
                    [
                        Problem(
                            f"no '{part}' at '{'.'.join(parts[:i]) or 'the top'}'",
                            Place(file, 1, 1),
                            allowed=", ".join(dict.fromkeys(known)),
                            nearest=nearest_name(part, known),
                            remedy="check the path",
                        )
                    ]
                )
            node.value[part] = Node({}, 1, 1, file)
        node = node.value[part]
        if isinstance(node.value, dict) and "value" in node.value and set(node.value) <= VALUE_KEYS:
            break
    if not isinstance(node.value, dict):
        raise PlanError([Problem(f"'{'.'.join(parts[:-1])}' holds no names", Place(file, 1, 1))])
    node.value[parts[-1]] = new
    node.keys[parts[-1]] = (1, 1)


def _unwrap(
    node: Node,
    path: tuple[str | int, ...],
    said: dict[str, Provenance],
    problems: list[Problem],
    overlays: Mapping[str, Overlay],
) -> Any:
    """Return plain values; ``{value: ..., evidence: ..., source: ...}`` becomes its value and is remembered.

    What an overlay gives without a source of its own has the overlay's.
    """
    where = ".".join(str(p) for p in path)
    overlay = overlays.get(node.file)
    if overlay and not isinstance(node.value, dict):
        said[where] = Provenance(source=overlay.says)
    if isinstance(node.value, list):
        return [_unwrap(v, (*path, i), said, problems, {}) for i, v in enumerate(node.value)]
    if not isinstance(node.value, dict):
        return node.value
    if "value" not in node.value or not set(node.value) <= VALUE_KEYS:
        return {k: _unwrap(v, (*path, k), said, problems, overlays) for k, v in node.value.items()}
    notes = {k: str(v.plain()) for k, v in node.value.items()}
    word = notes.get("evidence", "assumed")
    if word not in list(Evidence):
        problems.append(
            Problem(
                "not a class of evidence",
                node.place(("evidence",)),
                value=word,
                allowed=", ".join(Evidence),
                nearest=nearest_name(word, list(Evidence)),
                remedy="say how the value is known",
            )
        )
        word = "assumed"
    source = notes.get("source") or (overlay.says if overlay else "")
    said[where] = Provenance(Evidence(word), source, notes.get("note", ""))
    return _unwrap(node.value["value"], path, said, problems, {})


def _validate(plain: Any, root: Node, problems: list[Problem]) -> PlanDocument | None:
    """Return the document; when it is wrong, note why and return it with the wrong values mended, if that is a
    document, so that rules across sections report in the same go."""
    try:
        return PlanDocument.model_validate(plain)
    except ValidationError as error:
        wrong = _distinct(error.errors(include_url=False))
    problems += [_problem(e, root) for e in wrong]
    for e in wrong:
        _mend(plain, e["loc"], _right())
    try:
        return PlanDocument.model_validate(plain)
    except ValidationError:
        return None


def _mend(plain: Any, loc: tuple[str | int, ...], right: Any) -> None:
    """Put a right value from a built-in plan in a wrong one's place, or drop it where that has none."""
    for part in loc[:-1]:
        inside = isinstance(plain, dict) and part in plain
        if not inside and not (isinstance(plain, list) and isinstance(part, int) and part < len(plain)):
            return
        plain = plain[part]
        right = _like(right, part)
    if isinstance(plain, dict):
        known = right.get(loc[-1]) if isinstance(right, dict) else None
        if isinstance(known, str | int | float):
            plain[loc[-1]] = known
        else:
            plain.pop(loc[-1], None)


def _like(right: Any, part: str | int) -> Any:
    """Return what a plan has under a name, or under another entry's where names are the author's own."""
    if not isinstance(right, dict):
        return None
    entries = [v for v in right.values() if isinstance(v, dict)]
    return right.get(part, entries[0] if entries and len(entries) == len(right) else None)


def _distinct(errors: Sequence[Any]) -> list[Any]:
    """Keep one error per place: unions report every branch."""
    kept: dict[tuple[Any, ...], Any] = {}
    for e in errors:
        loc = tuple(p for p in e["loc"] if not (isinstance(p, str) and ("[" in p or p in ("float", "constrained-str"))))
        kept.setdefault(loc, {**e, "loc": loc})
    return list(kept.values())


_SETTINGS = ("settings by name", "indent its settings below it")
_IN_WORDS = {
    "dict_type": _SETTINGS,
    "model_type": _SETTINGS,
    "list_type": ("a list", "write [one] or [one, another]"),
    "string_type": ("text", "write a name, in quotes where it looks like a number"),
    "int_type": ("a whole number", "write it in digits, without a unit"),
    "int_from_float": ("a whole number", "round it"),
    "bool_type": ("true or false", "write one of these"),
}
"""What the schema's errors of type say in the plan's own words: what is allowed, and what to do."""


def _problem(error: Any, root: Node) -> Problem:
    """Say one schema error as a person would."""
    loc: tuple[str | int, ...] = error["loc"]
    kind, given = error["type"], error.get("input")
    names = tuple(str(p) for p in loc)
    place = root.place(loc)
    value = _written(root, loc, given)
    if kind == "extra_forbidden":
        allowed = section_fields(names[:-1])
        return Problem(
            "unknown name",
            root.place(loc, key=True),
            value=names[-1],
            allowed=", ".join(allowed),
            nearest=nearest_name(names[-1], allowed),
            remedy="rename or remove it",
        )
    if kind == "missing":
        above = root.place(loc[:-1])
        place = Place(above.file, above.line, above.column, ".".join(names))
        return Problem(f"'{names[-1]}' is missing", place, remedy=f"add a line '{names[-1]}: ...' here")
    if kind in _IN_WORDS:
        allowed_text, remedy = _IN_WORDS[kind]
        return Problem("not allowed here", place, value=value, allowed=allowed_text, remedy=remedy)
    message = str(error["msg"]).removeprefix("Value error, ")
    if message.startswith("Input should be "):
        allowed_text = message.removeprefix("Input should be ")
        near = ""
        if kind in ("literal_error", "enum"):
            near = nearest_name(value, [w.strip("' ") for w in allowed_text.replace(" or ", ",").split(",")])
        percent = kind == "less_than_equal" and error["ctx"]["le"] == 1 and 2 <= given <= 100
        return Problem(
            "not allowed here",
            place,
            value=value,
            allowed=allowed_text,
            nearest=near,
            remedy=f"write '{given:g} %' if that is meant" if percent else "change the value",
        )
    return Problem(message, place, value=value, remedy="mend this value")


def _written(root: Node, loc: tuple[str | int, ...], given: Any) -> str:
    """Return a wrong value as its author wrote it, and as it was read where that differs."""
    node, whole = root.at(loc)
    if isinstance(node.value, dict) and "value" in node.value:
        node = node.value["value"]
    read = "" if isinstance(given, dict | list) else str(given)
    written = "" if not whole or isinstance(node.value, dict | list) else str(node.value)
    if written and isinstance(given, int | float) and isinstance(node.value, str):
        return f"{written}, read as {given:g}"
    return written or read
