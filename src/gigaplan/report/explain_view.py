"""The tree below a figure: its value, formula and inputs and, at the leaves, facts with their sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from gigaplan.results.explain import Explanation, explain, values_text
from gigaplan.results.result import Result
from gigaplan.results.terms import FactorValue
from gigaplan.vocabulary.facts import Entry
from gigaplan.vocabulary.figures import short

MOST_LINES = 12
"""Lines of a figure that is listed along its dims; the others are counted."""
MOST_INPUTS = 10
"""Readings that the shortest tree lists below a quantity; the others are counted."""


def explain_tree(result: Result, quantity: str, depth: int = 2, at: Mapping[str, str] | None = None) -> RenderableType:
    """Return the tree below a quantity, at some coordinates.

    Quantities more than ``depth`` levels down stand in one line; explain them in their own right, or go deeper.
    """
    explanation = explain(result, quantity, at)
    tree = Tree(_variable(explanation))
    _branch(explanation, tree, {quantity}, depth)
    return tree


def _variable(explanation: Explanation) -> Text:
    v = explanation.variable
    return Text.assemble(
        (v.name, "bold"),
        f"  [{v.unit}]  {v.meaning}\n",
        (f"{v.formula}\n", "italic"),
        _figures(explanation),
        *_terms(explanation),
        "\n" if explanation.terms else "",
        (f"  evidence: {explanation.evidence}, {v.room}, {' x '.join(v.dims)}", "dim"),
    )


def _figures(explanation: Explanation) -> str:
    """Return the values with what they are: years side by side, other dims line by line."""
    unit = explanation.variable.unit
    texts, means = values_text(explanation)
    dated = any(f.date for f in explanation.figures)
    tail = ("" if dated or unit == "1" else f" {unit}") + (f" ({means})" if means else "")
    if len(texts) > MOST_LINES:
        texts = [*texts[:MOST_LINES], f"and {len(texts) - MOST_LINES} more"]
    return "no values" if not texts else "\n".join(texts) + tail


def _terms(explanation: Explanation) -> list[str]:
    """Return a line for each term that adds up to the figure (of several figures, to the last)."""
    found = []
    for k, term in enumerate(explanation.terms):
        sign = "-" if term.sign < 0 else "+" if k else "="
        factors = " ".join(("/ " if f.divides else "x " if i else "") + _factor(f) for i, f in enumerate(term.factors))
        value = f"{short(term.value)} = " if len(term.factors) > 1 and len(explanation.terms) > 1 else ""
        found.append(f"\n  {sign} {value}{factors}")
    if found and len(explanation.figures) > 1:
        last = ", ".join(explanation.figures[-1].at.values())
        found[0] = found[0].replace("=", f"{last} =", 1)
    return found


def _factor(factor: FactorValue) -> str:
    at = f" ({', '.join(factor.at.values())})" if factor.at else ""
    over = {"total": "total of ", "mean": "mean of "}.get(factor.over_time, "")
    name = "" if factor.name[0].isdigit() else f" {over}{factor.name.rsplit('.', 1)[-1]}"
    return f"{short(factor.value)}{name}{at}"


def _branch(explanation: Explanation, tree: Tree, seen: set[str], depth: int, root: bool = True) -> None:
    below: dict[str, list[Explanation]] = {}
    for part in explanation.inputs:
        below.setdefault(part.variable.name, []).append(part)
    if depth == 0 and not root:
        tree.add(
            Text(f"from {', '.join(_named(explanation, i) for i in explanation.variable.inputs)} ...", style="dim")
        )
        return
    paths = sum(i.startswith("input:") for i in explanation.variable.inputs)
    for item in explanation.variable.inputs:
        if item.startswith("input:"):
            _inputs(explanation, item.removeprefix("input:"), tree, MOST_INPUTS // paths if depth <= 1 else 0)
        elif item not in below:
            tree.add(Text(f"{item} (left out: this result lacks it, or what weighs it)", style="dim"))
        elif item in seen:
            tree.add(Text(f"{item} (above)", style="dim"))
        elif depth == 0:
            v, evidence = below[item][0].variable, below[item][0].evidence
            tree.add(Text.assemble(item, (f"  [{v.unit}]  {v.meaning}; evidence: {evidence} ...", "dim")))
        else:
            seen.add(item)
            first, *others = below[item]
            _branch(first, tree.add(_variable(first)), seen, depth - 1, root=False)
            for other in others:
                tree.add(Text(f"{item}  {_figures(other)}"))


def _named(explanation: Explanation, item: str) -> str:
    """Return an input in a word: a quantity's name, or a path with how many readings lie below it."""
    path = item.removeprefix("input:")
    if path == item:
        return item
    return f"inputs {path} ({sum(_is_under(e.path, path) for e in explanation.entries)})"


def _inputs(explanation: Explanation, path: str, tree: Tree, most: int) -> None:
    """Add what was read below a path, at most some lines (0: all), and how many were left out."""
    branch = tree.add(Text(f"inputs {path}", style="cyan"))
    lines = _readings([e for e in explanation.entries if _is_under(e.path, path)], path)
    shown = lines[: max(most, 2)] if most else lines
    for line in shown:
        branch.add(Text(line))
    if len(lines) > len(shown):
        branch.add(Text(f"and {len(lines) - len(shown)} more (--depth 2 lists them)", style="dim"))
    if apart := sum(_is_under(e.path, path) for e in explanation.elsewhere):
        branch.add(Text(f"and {apart} that play no part in this figure (--json lists them)", style="dim"))


def _is_under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}.")


def _readings(entries: Sequence[Entry], path: str) -> list[str]:
    """Return what was read below a path, a fact that many inputs share only once."""
    uses = Counter(e.fact.id for e in entries if e.fact)
    lines, listed = [], set()
    for entry in entries:
        name = entry.path.removeprefix(path).lstrip(".") or path
        fact = entry.fact
        if fact is None:
            lines.append(
                f"{name} = {entry.value}, plan, {entry.evidence}" + (f": {entry.source}" if entry.source else "")
            )
        elif fact.id not in listed:
            listed.add(fact.id)
            often = f" (in {uses[fact.id]} places)" if uses[fact.id] > 1 else ""
            name = name.rsplit(".", 1)[-1] + often if often else name
            unit = "" if fact.unit in ("1", "share", "date", "text") else f" {fact.unit}"
            basis = f" ({fact.basis})" if fact.basis else ""
            lines.append(
                f"{name} = {fact.value}{unit}{basis}, {fact.evidence}: {fact.source_title}, {fact.date}  [{fact.id}]"
            )
    return lines
