"""Values with their provenance: ``{value: ..., evidence: ..., source: ..., note: ...}`` becomes the value alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gigaplan.plan.document import Node
from gigaplan.plan.overlay import Overlay
from gigaplan.vocabulary.errors import Problem, nearest_name
from gigaplan.vocabulary.facts import Evidence


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a value of the plan is known, and from where."""

    evidence: Evidence = Evidence.ASSUMED
    source: str = ""
    note: str = ""

    @property
    def words(self) -> str:
        """Return source and note in one line."""
        return "; ".join(text for text in (self.source, self.note) if text)


def unwrap(
    node: Node,
    provenance: dict[str, Provenance],
    problems: list[Problem],
    overlays: Mapping[str, Overlay],
    path: tuple[str | int, ...] = (),
) -> Any:
    """Return plain values without their provenance.

    Parameters
    ----------
    node
        The document, or a part of it.
    provenance
        Receives the provenance of each value that states one, by dotted path. A value of an overlay that states no
        source has the overlay's.
    problems
        Receives what is wrong with it.
    overlays
        The overlays that were applied, by file.
    path
        Where the part stands in the document.
    """
    where = ".".join(str(p) for p in path)
    overlay = overlays.get(node.file)
    if overlay and not isinstance(node.value, dict):
        provenance[where] = Provenance(source=overlay.provenance)
    if isinstance(node.value, list):
        return [unwrap(v, provenance, problems, {}, (*path, i)) for i, v in enumerate(node.value)]
    if not isinstance(node.value, dict):
        return node.value
    if node.inner is node:  # a section, or a range that states no central value
        return {k: unwrap(v, provenance, problems, overlays, (*path, k)) for k, v in node.value.items()}
    stated = {k: str(v.plain()) for k, v in node.value.items()}
    source = stated.get("source") or (overlay.provenance if overlay else "")
    provenance[where] = Provenance(evidence_of(node, stated, problems), source, stated.get("note", ""))
    return unwrap(node.inner, provenance, problems, {}, path)


def evidence_of(node: Node, stated: Mapping[str, str], problems: list[Problem]) -> Evidence:
    """Return the class of evidence of a value: assumed where it states none, or none that is known.

    Parameters
    ----------
    node
        The value, for its place.
    stated
        What it states next to its value.
    problems
        Receives a class that isn't known.
    """
    word = stated.get("evidence", Evidence.ASSUMED)
    if word in list(Evidence):
        return Evidence(word)
    problems.append(
        Problem(
            "not a class of evidence",
            node.place(("evidence",)),
            value=word,
            allowed=", ".join(Evidence),
            nearest=nearest_name(word, list(Evidence)),
            remedy="state how the value is known",
        )
    )
    return Evidence.ASSUMED


def plain_values(root: Node) -> Any:
    """Return a document's values without their provenance, a range as one text ('1.1 to 1.4, central 1.2')."""
    return unwrap(_with_range_texts(root), {}, [], {})


def _with_range_texts(node: Node) -> Node:
    if isinstance(node.value, list):
        return replace(node, value=[_with_range_texts(v) for v in node.value])
    if not isinstance(node.value, dict):
        return node
    if not (node.states_provenance and {"low", "high"} <= set(node.value)):
        return replace(node, value={k: _with_range_texts(v) for k, v in node.value.items()})
    stated = {k: v.plain() for k, v in node.value.items()}
    central = stated.get("central", stated.get("value"))
    parts = [f"{stated['low']} to {stated['high']}", "" if central is None else f"central {central}"]
    parts += [f"{k} {stated[k]}" for k in ("dist", "group") if k in stated]
    return replace(node, value=", ".join(filter(None, parts)))
