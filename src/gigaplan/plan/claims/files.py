"""Claims files: those that ship with gigaplan, by name, a person's own, by path, and those of a plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from gigaplan import catalog
from gigaplan.plan.claims.language import ClaimSet, ClaimText
from gigaplan.plan.claims.problems import Problems
from gigaplan.plan.claims.reader import read_claim, read_set
from gigaplan.plan.document import Node, parse, read_text
from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_name, unknown_choice
from gigaplan.vocabulary.labels import meant

DEFAULT = "announcement-2025-09"
"""The set whose claims a plan may name by their ids alone."""
OWN = "plan"
"""Name of the set that a plan writes itself."""
SHIPPED = "shipped"
"""Under this name a plan that writes its own claims lists shipped ones in addition."""


def shipped() -> tuple[str, ...]:
    """Return the names of the claims files that come with gigaplan."""
    folder = files("gigaplan") / "claims" / "data"
    return tuple(sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml")))


def read(name: str | Path) -> ClaimSet:
    """Return the claims of a file.

    Parameters
    ----------
    name : str or Path
        Name of a set that comes with gigaplan, or a YAML file's path.

    Raises
    ------
    PlanError
        If there is no such file, or with every problem of it, each with its place.
    """
    path, text = Path(name), str(name)
    found = text if text in shipped() or path.exists() else claim_name(text)
    if found in shipped_ids():
        set_, *ids = shipped_ids()[found]
        whole = _shipped(set_)
        return replace(whole, claims=tuple(c for c in whole.claims if c.id in ids))
    if not path.exists() and "/" not in text and not text.endswith((".yaml", ".yml")):
        allowed = f"{', '.join(shipped())}, or a YAML file's path"
        near = nearest_name(text, shipped())
        problem = Problem(
            f"no claims called '{text}'", Place(text), allowed=allowed, nearest=near, remedy="check the spelling"
        )
        raise PlanError([problem])
    return _read(read_text(path, "claims file"), text, path.stem)


@cache
def _shipped(name: str) -> ClaimSet:
    text = (files("gigaplan") / "claims" / "data" / f"{name}.yaml").read_text(encoding="utf-8")
    return _read(text, f"{name}.yaml", name)


def _read(text: str, file: str, name: str) -> ClaimSet:
    root = parse(text, file, "claims file")
    found = Problems(root)
    made = read_set(root, (), found, catalog.load(), name)
    if found.found:
        raise PlanError(found.found)
    return made


@cache
def shipped_ids() -> dict[str, tuple[str, ...]]:
    """Return every name by which a plan may call shipped claims, with the set and the ids that it stands for.

    ``A6`` is a claim of :data:`DEFAULT`, ``set/id`` of any set, and ``set`` stands for all of a set's claims.
    """
    found: dict[str, tuple[str, ...]] = {claim.id: (DEFAULT, claim.id) for claim in _shipped(DEFAULT).claims}
    for name in shipped():
        ids = [claim.id for claim in _shipped(name).claims]
        found[name] = (name, *ids)
        found |= {f"{name}/{id_}": (name, id_) for id_ in ids}
    return found


def claim_name(text: str) -> str:
    """Return the name of shipped claims that a text means, in any case, or the text itself where it means none."""
    return meant(text, shipped_ids(), by_beginning=False)


def plan_claims(root: Node) -> tuple[tuple[ClaimSet, ...], list[Problem]]:
    """Return the claims that a plan makes and every problem of them.

    Parameters
    ----------
    root : Node
        The plan's document. Its ``claims`` are a list of names, or claims of its own by id; names of shipped ones may
        stand next to these under ``shipped``.
    """
    node, there = root.at(("claims",))
    found = Problems(root)
    if not there or not isinstance(node.value, dict | list):
        return (), []
    if isinstance(node.value, list):
        return tuple(_named(node, ("claims",), found)), found.found
    facts = catalog.load()
    own = tuple(
        read_claim(k, n, ("claims", k), found, facts)
        for k, n in node.value.items()
        if k != SHIPPED and n.value is not None
    )
    title, _ = root.at(("title",))
    sets = (
        [ClaimSet(name=OWN, title="the plan's own", source=str(title.value), url="", date="", claims=own)]
        if own
        else []
    )
    if SHIPPED in node.value:
        sets += _named(node.value[SHIPPED], ("claims", SHIPPED), found)
    return tuple(sets), found.found


def _unknown(name: str, known: Iterable[str], node: Node, below: Node, path: tuple[str | int, ...]) -> Problem:
    """Return the problem of a claim that no shipped file has, at its own line: a claim is known by name, not number."""
    at = below if below is not node or not isinstance(node.value, list) else node
    place = Place(at.file, at.line, at.column, ".".join(map(str, path)))
    own = [k for k in known if "/" not in k]
    remedy = "name a set, a claim of it as SET/ID, or write the claim under 'claims' by an id of its own"
    return unknown_choice(f"no such claim that can be checked: '{name}'", place, name, own, remedy)


def _named(node: Node, path: tuple[str, ...], found: Problems) -> Iterable[ClaimSet]:
    """Return the shipped sets, each with the claims that are named, in the order in which they are named."""
    known, picked = shipped_ids(), dict[str, dict[str, ClaimText]]()
    names = node.value if isinstance(node.value, list) else [node]
    for below in names:
        name = claim_name(str(below.value))
        if name not in known:
            found.found.append(_unknown(name, known, node, below, path))
            continue
        set_, *ids = known[name]
        claims = {c.id: c for c in _shipped(set_).claims}
        picked.setdefault(set_, {}).update({id_: claims[id_] for id_ in ids})
    return [replace(_shipped(name), claims=tuple(claims.values())) for name, claims in picked.items()]
