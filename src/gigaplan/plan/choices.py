"""Choices that a plan leaves open: ``{one_of: {deepseek_v3: 60 %, kimi_k2: 40 %}}`` in the place of a model's name.

Each member has one of the options, by their weights; the central member has the likeliest. What is drawn stands in
:mod:`gigaplan.vocabulary.sampling`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from gigaplan import catalog
from gigaplan.plan.document import Node
from gigaplan.plan.paths import takes_entries
from gigaplan.plan.resolver import unresolved
from gigaplan.vocabulary.errors import Problem
from gigaplan.vocabulary.sampling import Choice
from gigaplan.vocabulary.units import Unit

ONE_OF = "one_of"
BESIDE = ("evidence", "source", "note", "group")
"""What may stand next to the options."""
PLACES: tuple[tuple[str, ...], ...] = (
    ("demand", "workloads", "*", "model"),
    ("demand", "workloads", "*", "later_models", "*"),
    ("training", "runs", "*", "model"),
)
"""Where a choice may stand."""
EXACT = 1e-6
"""How far weights may be from 1 together."""
EXAMPLE = "{one_of: {deepseek_v3: 60 %, kimi_k2: 40 %}}"
Path = tuple[str, ...]


def read_choices(root: Node, problems: list[Problem]) -> tuple[Node, dict[str, Choice]]:
    """Return a document with each choice as its likeliest option, and the choices by dotted path.

    Parameters
    ----------
    root
        The document, its names as the catalog has them.
    problems
        Receives what is wrong with them: weights that don't add up, unknown names, a choice where none can be.
    """
    found: dict[str, Choice] = {}
    own = root.at(("models",))[0].value
    models = (*(own if isinstance(own, dict) and "models" in root.value else ()), *catalog.load().entities("layers"))
    return _read(root, (), models, found, problems), found


def _read(node: Node, path: Path, models: Sequence[str], found: dict[str, Choice], problems: list[Problem]) -> Node:
    if isinstance(node.value, list):
        return replace(
            node, value=[_read(v, (*path, str(k)), models, found, problems) for k, v in enumerate(node.value)]
        )
    if not isinstance(node.value, dict):
        return node
    if ONE_OF not in node.value or (takes_entries(path) and not _is_place(path)):
        return replace(node, value={k: _read(v, (*path, k), models, found, problems) for k, v in node.value.items()})
    if not _is_place(path):
        remedy = "state one value, a range of a number, or run the plan once for each"
        allowed = "in the place of " + ", ".join(".".join(place) for place in PLACES)
        problems.append(replace(_problem("a choice isn't possible here", node, path, remedy), allowed=allowed))
        return Node(None, node.line, node.column, node.file)
    return _one(node, path, models, found, problems)


def _is_place(path: Path) -> bool:
    return any(len(p) == len(path) and all(a in ("*", b) for a, b in zip(p, path, strict=True)) for p in PLACES)


def _one(node: Node, path: Path, models: Sequence[str], found: dict[str, Choice], problems: list[Problem]) -> Node:
    """Note one choice; return its likeliest option with all else that is stated."""
    options = node.value[ONE_OF]
    strange = [k for k in node.value if k not in (ONE_OF, *BESIDE)]
    if strange or not isinstance(options.value, dict) or len(options.value) < 2:
        words = f"'{strange[0]}' next to the options" if strange else "a choice needs options with their weights"
        problems.append(_problem(words, node, path, f"write for example {EXAMPLE}"))
        return Node(None, node.line, node.column, node.file)
    weights = [_weight(options, name, path, problems) for name in options.value]
    for name in options.value:
        if name not in models:
            place = replace(options.place((name,), key=True), path=".".join(path))
            problems.append(unresolved("model", name, place, tuple(models)))
    whole, name = math.fsum(weights), next(iter(options.value))
    if not math.isnan(whole):
        group = str(node.value["group"].plain()) if "group" in node.value else ""
        choice = found[".".join(path)] = Choice(tuple(options.value), tuple(weights), group)
        name = choice.central
    if abs(whole - 1) > EXACT:
        shares = ", ".join(f"{n}: {w / whole:.3g}" for n, w in zip(options.value, weights, strict=True))
        remedy = f"write {{one_of: {{{shares}}}}} if that is what they mean"
        wrong = _problem("the weights of a choice must add up to 1", options, path, remedy)
        problems.append(replace(wrong, value=f"{whole:.6g}"))
    line, column = options.keys.get(name, (node.line, node.column))
    value = Node(name, line, column, node.file)
    kept = {k: v for k, v in node.value.items() if k in ("evidence", "source", "note")}
    return replace(node, value={"value": value, **kept}) if kept else value


def _weight(options: Node, name: str, path: Path, problems: list[Problem]) -> float:
    """Return the weight of an option, nan where it isn't one."""
    part = options.value[name]
    try:
        weight = Unit("share").parse(part.plain())
    except ValueError as error:
        problems.append(_problem(str(error), part, (*path, name), "state a share, as 0.4 or 40 %", part))
        return math.nan
    if not isinstance(weight, int | float) or not 0 < weight <= 1:
        problems.append(_problem("a weight lies above 0 and at most at 1", part, (*path, name), "leave it out", part))
        return math.nan
    return float(weight)


def _problem(message: str, node: Node, path: Path, remedy: str, value: Node | None = None) -> Problem:
    place = replace(node.place(()), path=".".join(path))
    return Problem(message, place, value="" if value is None else str(value.plain()), remedy=remedy)
