"""Names of the catalog in a plan: each is read as the resolver reads it, so that all that follows sees the catalog's.

``GB300``, ``DeepSeek-V3`` and ``US`` stand for ``gb300_nvl72``, ``deepseek_v3`` and ``us``. What the plan itself names
comes first. A name that means nothing, or leaves several open, stays as it is written: the checks report it at its
place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from gigaplan import catalog
from gigaplan.fleet.inputs import existing_label
from gigaplan.plan.choices import ONE_OF
from gigaplan.plan.document import Node
from gigaplan.plan.overlay import merge
from gigaplan.plan.resolver import resolved
from gigaplan.vocabulary.errors import Problem

Path = tuple[str, ...]
Named = Callable[[str], str]
"""Returns the name that a written one means, "" where it means none."""


def with_known_names(root: Node, problems: list[Problem]) -> Node:
    """Return a document in which the catalog's and the plan's own names are written as they are there.

    Parameters
    ----------
    root
        The document.
    problems
        Receives names of a section that mean the same.
    """
    systems = tuple(catalog.load().entities("rack_power_kw"))
    root = _values(root, ("fleet", "generations", "*"), lambda name: resolved("system", name, systems))
    own = tuple(str(_inner(n).value) for n in _below(root, ("fleet", "generations")))
    models, sites = _names(root, ("models",)), _names(root, ("fleet", "sites"))
    places = (*sites, *(existing_label(name) for name in _names(root, ("fleet", "opening"))))

    def system(name: str) -> str:
        return "" if name == "newest" else resolved("system", name, own) or resolved("system", name, systems)

    def model(name: str) -> str:
        return resolved("model", name, models) or resolved("model", name)

    for path in SYSTEMS:
        root = _values(root, path, system)
    for path in MODELS:
        root = _values(root, path, model)
    for path, kind in OTHERS:
        root = _values(root, path, lambda name, kind=kind: resolved(kind, name))  # type: ignore[misc]
    root = _values(root, ("training", "runs", "*", "site"), lambda name: resolved("site", name, places))
    for path in (("fleet", "systems"), ("finance", "systems")):
        root = _keys(root, path, system, problems)
    return root


SYSTEMS: tuple[Path, ...] = (
    ("fleet", "reference_generation"),
    ("fleet", "newest_among", "*"),
    ("fleet", "opening", "*", "generation"),
    ("fleet", "sites", "*", "phases", "*", "generation"),
    ("training", "runs", "*", "generation"),
    ("customers", "*", "system"),
)
MODELS: tuple[Path, ...] = (
    ("demand", "workloads", "*", "model"),
    ("demand", "workloads", "*", "later_models", "*"),
    ("training", "runs", "*", "model"),
)
OTHERS: tuple[tuple[Path, str], ...] = (
    (("fleet", "sites", "*", "region"), "region"),
    (("demand", "regions", "*"), "region of users"),
    (("demand", "workloads", "*", "like"), "workload"),
)
"""Paths of values that are names, ``*`` standing for every entry, and of which kind they are."""


def _values(node: Node, path: Path, named: Named) -> Node:
    """Return a document in which the values at a path are the names that they mean."""
    if node.states_provenance:
        key = next((name for name in ("value", "central") if name in node.value), "")  # a range may state neither
        return replace(node, value={**node.value, key: _values(node.value[key], path, named)}) if key else node
    if isinstance(node.value, dict) and isinstance(below := getattr(node.value.get(ONE_OF), "value", None), dict):
        options = node.value[ONE_OF]
        keys = {named(name) or name: place for name, place in options.keys.items()}
        chosen = replace(options, value={named(name) or name: part for name, part in below.items()}, keys=keys)
        same = len(chosen.value) < len(below)  # two names of one model: left as they are, so that the weights show it
        return node if same else replace(node, value={**node.value, ONE_OF: chosen})
    if not path:
        found = named(node.value) if isinstance(node.value, str) else ""
        return replace(node, value=found) if found and found != node.value else node
    if isinstance(node.value, dict):
        return replace(
            node,
            value={k: _values(v, path[1:], named) if path[0] in ("*", k) else v for k, v in node.value.items()},
        )
    if isinstance(node.value, list) and path[0] == "*":
        return replace(node, value=[_values(v, path[1:], named) for v in node.value])
    return node


def _keys(node: Node, path: Path, named: Named, problems: list[Problem], above: Path = ()) -> Node:
    """Return a document in which the names of the section at a path are those that they mean.

    Two names of one file that mean the same are a problem, as two equal ones are.
    """
    if not isinstance(node.value, dict) or node.states_provenance:
        return node
    if path:
        below = node.value.get(path[0])
        if below is None:
            return node
        new = _keys(below, path[1:], named, problems, (*above, path[0]))
        return replace(node, value={**node.value, path[0]: new})
    values: dict[str, Node] = {}
    keys: dict[str, tuple[int, int]] = {}
    for written, below in node.value.items():
        name = named(written) or written
        if name in values and values[name].file != below.file:
            values[name] = merge(values[name], below, {})  # an overlay or a change adds to what the plan states
            continue
        if name in values:
            remedy = f"state all of {name} under one name"
            place = node.place((written,), key=True)
            place = replace(place, path=".".join((*above, written)))
            problems.append(Problem(f"this is {name}, which stands here twice", place, value=written, remedy=remedy))
            continue
        values[name] = below
        if written in node.keys:
            keys[name] = node.keys[written]
    return replace(node, value=values, keys=keys)


def _names(root: Node, path: Path) -> Path:
    """Return the names of a section of a plan."""
    node, found = root.at(path)
    return tuple(map(str, node.value)) if found and isinstance(node.value, dict) else ()


def _below(root: Node, path: Path) -> Iterator[Node]:
    """Yield the entries of a list of a plan."""
    node, found = root.at(path)
    entries: Iterable[Node] = node.value if found and isinstance(node.value, list) else ()
    yield from entries


def _inner(node: Node) -> Node:
    """Return the value of a node that states its provenance, else the node."""
    return node.inner
