"""A copy of a plan in another place: its overlays and changes applied, and the files that it names found from there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import yaml

from gigaplan.plan.document import Node
from gigaplan.plan.load import load_sources
from gigaplan.plan.overlay import read_overlay
from gigaplan.plan.own.kinds import KINDS
from gigaplan.plan.sources import Sources

SECTIONS = ("models", *(kind.section for kind in KINDS))
"""Sections whose entries may name a file, as ``config``."""


def copy_of(sources: Sources, folder: Path) -> str:
    """Return the text of a plan with its overlays and changes applied; with neither, its own text, comments and all.

    Parameters
    ----------
    sources
        The plan.
    folder
        Where the copy will stand: files that the plan names by a relative path are named from there.

    Raises
    ------
    PlanError
        With every problem of the plan at once.
    """
    root = load_sources(sources).root
    moved = {path: (node, new) for path, node in _references(root) if (new := _seen_from(folder, node)) != node.value}
    as_it_is = not sources.overlays and not sources.changes
    if as_it_is and (text := _with_paths(sources.text, [*moved.values()])) is not None:
        return text
    for path, (node, new) in moved.items():
        root = root.replaced(path, Node(new, node.line, node.column, node.file))
    applied = [o.note for o in (read_overlay(text, file) for file, text in sources.overlays)]
    applied += [f"Change {change}" for change in sources.changes]
    head = "".join(f"# {line}\n" for line in (f"Made from {sources.file}.", *applied))
    return head + yaml.dump(root.plain(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _references(root: Node) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Yield the path and the node of each name of a file in a plan."""
    for section in SECTIONS:
        for name, entry in root.entries(section):
            stated = entry.value.get("config") if isinstance(entry.value, dict) else None
            if stated is not None and isinstance(stated.inner.value, str):
                within = next((k for k in ("value", "central") if stated.inner is not stated and k in stated.value), "")
                yield (section, name, "config", *([within] if within else [])), stated.inner


def _seen_from(folder: Path, node: Node) -> str:
    """Return the path of a file that a plan names, as a plan in another folder names it."""
    path = Path(str(node.value))
    if path.is_absolute():
        return str(path)
    there = Path() if node.file.startswith("--set ") else Path(node.file).parent
    old, new = os.path.realpath(there), os.path.realpath(folder)
    if old == new:
        return str(node.value)
    try:
        return Path(os.path.relpath(os.path.join(old, path), new)).as_posix()
    except ValueError:  # on another drive
        return os.path.join(old, path)


def _with_paths(text: str, moved: list[tuple[Node, str]]) -> str | None:
    """Return a plan's own text with other paths where they stand, None where one is written in an unusual way."""
    lines = text.splitlines(keepends=True)
    for node, new in sorted(moved, key=lambda m: (m[0].line, m[0].column), reverse=True):
        line, at = lines[node.line - 1], node.column - 1
        value = str(node.value)
        written = next((w for w in (f'"{value}"', f"'{value}'", value) if line.startswith(w, at)), None)
        if written is None:
            return None
        lines[node.line - 1] = line[:at] + json.dumps(new, ensure_ascii=False) + line[at + len(written) :]
    return "".join(lines)


class _Dumper(yaml.SafeDumper):
    """Quotes text that would be read back as a number (YAML 1.1 and this project's loader differ on 1e6)."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Return the node of a text, quoted where it looks like a number."""
        try:
            float(data)
        except ValueError:
            return super().represent_str(data)
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="'")


_Dumper.add_representer(str, _Dumper.represent_str)
