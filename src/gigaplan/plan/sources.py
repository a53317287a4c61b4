"""Where a plan comes from: a built-in name or a file, overlays, and changes; all as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from gigaplan.plan.document import Node, parse, read_text
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.errors import Place, PlanError, Problem, allowed_names, nearest_name
from gigaplan.vocabulary.labels import meant
from gigaplan.vocabulary.show import Brief, BriefRows


@dataclass(frozen=True, slots=True, repr=False)
class Sources(Brief):
    """All that a plan was made of, as text: what a kept result needs to be run again."""

    file: str
    text: str
    overlays: tuple[tuple[str, str], ...] = ()
    """File and text of each, in the order in which they are applied."""
    changes: tuple[str, ...] = ()
    """``path=value`` each."""
    files: tuple[tuple[str, str], ...] = ()
    """Path and text of each model's configuration that the plan names."""

    def brief_rows(self) -> BriefRows:
        """Return the file, its overlays and its changes."""
        yield from (("plan", f"{self.file}, {len(self.text.splitlines()):,} lines"),)
        yield "overlays", ", ".join(file for file, _ in self.overlays)
        yield "changes", ", ".join(self.changes)


def builtin_names() -> tuple[str, ...]:
    """Return the names of the plans that come with gigaplan."""
    folder = files("gigaplan.plan") / "builtin"
    return tuple(sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml")))


def builtin_name(plan: str | Path) -> str:
    """Return the name of the plan that comes with gigaplan that a name means, in any case, "" where it means none.

    A file of this name comes before a name that is written otherwise.
    """
    name = str(plan)
    found = name if name in builtin_names() or Path(plan).exists() else meant(name, builtin_names(), by_beginning=False)
    return found if found in builtin_names() else ""


def builtin_text(name: str) -> str:
    """Return the YAML text of a plan that comes with gigaplan."""
    return (files("gigaplan.plan") / "builtin" / f"{name}.yaml").read_text(encoding="utf-8")


def sources_of(plan: str | Path, changes: Sequence[str] = (), overlays: Sequence[str | Path] = ()) -> Sources:
    """Return the text of a plan and its overlays.

    Raises
    ------
    PlanError
        If one can't be read.
    """
    file, text = _text(plan)
    over = tuple((str(path), read_text(Path(path), "overlay")) for path in overlays)
    return Sources(file, text, over, tuple(changes))


def _text(plan: str | Path) -> tuple[str, str]:
    """Return the file name and the text of a plan by built-in name or path."""
    name, path = str(plan), Path(plan)
    if found := builtin_name(plan):
        return f"{found}.yaml", builtin_text(found)
    if not path.exists() and "/" not in name and not name.endswith((".yaml", ".yml")):
        allowed = f"{allowed_names(builtin_names())}, or a YAML file's path"
        near = nearest_name(name, builtin_names())
        problem = Problem(
            f"no plan called '{name}'", Place(name), allowed=allowed, nearest=near, remedy="check the spelling"
        )
        raise PlanError([problem])
    return name, read_text(path)


@lru_cache(maxsize=8)
def _parsed(text: str, file: str) -> Node:
    """Return the tree of a plan's text, which nobody alters: overlays and changes make another."""
    return parse(text, file)


def root_of(sources: Sources) -> Node:
    """Return the tree of a plan's own text, before overlays and changes.

    Raises
    ------
    PlanError
        If it is not YAML, no mapping, or an overlay.
    """
    root = _parsed(sources.text, sources.file)
    if not isinstance(root.value, dict):
        place, allowed = Place(sources.file, root.line, root.column), ", ".join(PlanDocument.model_fields)
        remedy = "start from a built-in plan"
        raise PlanError([Problem("a plan is a mapping of sections", place, allowed=allowed, remedy=remedy)])
    if "overlay" in root.value:
        remedy = "apply it to a plan: gigaplan run PLAN --with OVERLAY"
        raise PlanError([Problem("this is an overlay, not a plan", root.place(("overlay",), key=True), remedy=remedy)])
    return root
