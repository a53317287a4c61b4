"""Where a figure comes from, on one screen: the figure, its formula, its inputs, and the facts with their sources.

Lines are wrapped here, not by the terminal, so that a number stays with its unit and a date in one piece.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

from gigaplan.report.explain_facts import HARD, readings
from gigaplan.report.words import SCOPES
from gigaplan.results.explain import Explanation, Figure, explain, in_brackets, lines_of, means, over_time
from gigaplan.results.result import Result
from gigaplan.results.terms import FactorValue, TermValue
from gigaplan.vocabulary.figures import short

SCREEN = 23
"""Lines of the shortest answer, as far as its figure and inputs leave room for facts."""
MOST_LINES = 6
"""Lines of a figure that is listed along its dims, and of its terms; the others are counted."""
FEW = 3
"""Labels of an input that stand in its one line; the others are counted."""
FEWEST = 1
"""Inputs, and facts, that even a long answer shows."""
FOR_FACTS = 4
"""Lines that inputs leave to facts."""
MOST_FACTS = 5
"""Facts below a quantity that is opened as one of several."""
COUNTED = ", days since the start of the horizon"
"""What the table says of a date; here it stands as one."""
DIGITS = 12
"""Digits of a factor: a mean that was divided and multiplied again is no longer the round number that it was."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the tree: lines with their style, and the parts below; ``fills`` where it may be left out."""

    lines: tuple[tuple[str, str], ...]
    below: tuple[_Part, ...] = ()
    fills: bool = False


@dataclass(frozen=True, slots=True)
class ExplainedTree:
    """An explanation as it is drawn on a terminal of any width."""

    explanation: Explanation
    depth: int
    absent: Mapping[str, str]
    """By quantity, the dim along which the plan has nothing."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        root = _part(self, self.explanation, self.depth, set())
        if self.depth <= 1:
            root = _cut(root, options.max_width)
        for text, style in _drawn(root, options.max_width):
            yield Text(text.replace(HARD, " "), style=style, no_wrap=True, overflow="ignore")


def explain_tree(result: Result, quantity: str, depth: int = 2, at: Mapping[str, str] | None = None) -> ExplainedTree:
    """Return the tree below a quantity, at some coordinates.

    Quantities more than ``depth`` levels down stand in one line; explain them in their own right, or go deeper. The
    shortest tree fits on a screen.
    """
    return explanation_tree(result, explain(result, quantity, at), depth)


def explanation_tree(result: Result, explanation: Explanation, depth: int) -> ExplainedTree:
    """Return the tree of an explanation of a result's quantity."""
    empty = [d for d, labels in result.labels.items() if not labels]
    absent = {name: next((d for d in row.dims if d in empty), "") for name, row in result.rows.items()}
    return ExplainedTree(explanation, depth, absent)


def _part(tree: ExplainedTree, of: Explanation, depth: int, seen: set[str]) -> _Part:
    """Return the part of a quantity: its figure, formula and terms, and below them its inputs and facts."""
    seen.add(of.variable.name)
    below: dict[str, list[Explanation]] = {}
    for part in of.inputs:
        below.setdefault(part.variable.name, []).append(part)
    in_terms = {f.name for term in of.terms for f in term.factors}
    parts: list[_Part] = []
    for item in (i for i in of.variable.inputs if not i.startswith("input:")):
        if item not in below:
            parts.append(_line(f"{item} (left out: this result lacks it, or what weighs it)", "dim"))
        elif depth > 1 and item in seen:
            parts.append(_line(f"{item} (above)", "dim"))
        elif depth > 1:
            parts.append(_part(tree, below[item][0], depth - 1, seen))
            parts += [_line(_in_one_line(tree, other, of)) for other in below[item][1:]]
        elif item not in in_terms:
            parts.append(_line(_in_one_line(tree, below[item][0], of)))
    facts = readings(of.entries, ids=tree.depth > 1)
    shown = facts if depth > 1 or of is tree.explanation else facts[:MOST_FACTS]
    parts += [_Part(((text, ""),), fills=True) for text in shown]
    if tail := _left_out(len(facts) - len(shown), len(of.elsewhere), "a greater --depth"):
        parts.append(_line(tail, "dim"))
    return _Part(tuple(_head(tree, of)), tuple(parts))


def _line(text: str, style: str = "") -> _Part:
    return _Part(((text, style),))


def _left_out(count: int, elsewhere: int, where: str) -> str:
    """Return how many facts and lines of the plan aren't shown, and where they are."""
    more = f"and {count:,} more ({where} or --json)" if count else ""
    apart = f"{elsewhere:,} that play no part here" if elsewhere else ""
    return "; ".join(filter(None, (more, apart and ("" if more else "and ") + apart)))


def _head(tree: ExplainedTree, of: Explanation) -> Iterator[tuple[str, str]]:
    """Yield the figure, what it is, its formula and its terms."""
    v, rows = of.variable, _rows(of)
    if absent := tree.absent.get(v.name, ""):
        yield f"{v.name}: no values, this plan has no {absent}", "bold"
    elif len(rows) == 1 and "" in rows:
        yield f"{v.name} = {_with_unit(over_time(rows[''], v.unit), of)}", "bold"
    else:
        yield v.name + (f" [{v.unit}]" if _unit(of) else ""), "bold"
        yield from ((f"  {name}: {_hard(over_time(figures, v.unit))}", "") for name, figures in _most(rows))
        if len(rows) > MOST_LINES + 1:
            yield f"  and {len(rows) - MOST_LINES} more (--json)", "dim"
    yield v.meaning.removesuffix(COUNTED if any(f.date for f in of.figures) else ""), ""
    yield f"formula: {v.formula}", "italic"
    yield from ((f"  {line}", "") for line in _terms(of))
    takes = ", ".join(d for d in v.dims if d != "member") + (", year" if {"month", "edge"} & {*v.dims} else "")
    found = [means(of.aggregate), in_brackets(of).replace(" %", f"{HARD}%")]
    found += [] if of.decided else [f"weakest evidence: {of.evidence}"]
    found += [f"--at takes {takes}"] if takes else []
    yield "; ".join(filter(None, found)), "dim"
    if of.decided:
        when = f" ({', '.join(of.figures[-1].at.values())})" if len(of.figures) > 1 else ""
        yield f"decided{when} by {_hard(of.decided.text)}", ""
        yield of.decided.evidence_text, "dim"


def _rows(of: Explanation) -> dict[str, tuple[Figure, ...]]:
    """Return the figures line by line; a scope that stands alone says what it means."""
    return {_scopes(name.split(" = ")): figures for name, figures in lines_of(of).items()}


def _scopes(names: Sequence[str]) -> str:
    return " = ".join(f"{n} ({SCOPES[n]})" if all(other in SCOPES for other in names) else n for n in names)


def _most(rows: Mapping[str, Sequence[Figure]], most: int = MOST_LINES) -> list[tuple[str, Sequence[Figure]]]:
    """Return the lines with the largest figures, in their order."""
    if len(rows) <= most + 1 or any(f.date for figures in rows.values() for f in figures):
        return list(rows.items())[: len(rows) if len(rows) <= most + 1 else most]
    size = {
        name: max((abs(f.value) for f in figures if f.value == f.value), default=0.0) for name, figures in rows.items()
    }
    largest = sorted(rows, key=lambda name: -size[name])[:most]
    return [(name, figures) for name, figures in rows.items() if name in largest]


def _unit(of: Explanation) -> str:
    """Return the unit that stands after a figure: none after a share, a date or a name."""
    named = any(f.date or f.label for f in of.figures)
    return "" if named or of.variable.unit == "1" else of.variable.unit


def _with_unit(text: str, of: Explanation) -> str:
    return _hard(f"{text} {_unit(of)}".rstrip())


def _hard(text: str) -> str:
    """Return figures that break at the commas between them only."""
    return ", ".join(part.replace(" ", HARD) for part in text.split(", "))


def _in_one_line(tree: ExplainedTree, of: Explanation, above: Explanation) -> str:
    """Return an input in a line: its figures, or those of its largest labels in the last period."""
    v, rows = of.variable, lines_of(of)
    if absent := tree.absent.get(v.name, ""):
        return f"{v.name}: no values, this plan has no {absent}"
    if not rows:
        return f"{v.name}: no values"
    if len(rows) == 1 and "" in rows:
        shown = _with_unit(over_time(rows[""], v.unit), of)
    else:
        last = {name: figures[-1:] for name, figures in rows.items()}
        when = next(iter(last.values()))[0].at if any(len(figures) > 1 for figures in rows.values()) else {}
        some = {name: figures for name, figures in last.items() if figures[0].value or figures[0].date} or last
        labels = [f"{name} {_hard(over_time(figures, v.unit))}" for name, figures in _most(some, FEW)]
        more = f", and {len(some) - len(labels)} more" if len(some) > len(labels) else ""
        period = when.get("month") or when.get("year") or ""
        shown = (f"{period}: " if period else "") + ", ".join(labels) + more + (f" [{v.unit}]" if _unit(of) else "")
    reduction = of.aggregate.reduction
    return f"{v.name} = {shown}" + (f" ({reduction})" if reduction and reduction != above.aggregate.reduction else "")


def _terms(of: Explanation) -> Iterator[str]:
    """Yield a line for each term that adds up to the figure (of several figures, to the last).

    Medians of terms don't add up, nor do they multiply: where a figure is one, its terms are the central future's.
    """
    when = ", ".join(of.figures[-1].at.values()) if len(of.figures) > 1 else ""
    if of.terms and of.figures[-1].span is not None:
        whole = math.fsum(term.sign * term.value for term in of.terms)
        when = ", ".join(filter(None, (when, f"central future: {_value(whole)}")))
    largest = sorted(of.terms, key=lambda t: -abs(t.value))[: MOST_LINES + 2]
    terms = [t for t in of.terms if t in largest]
    for k, term in enumerate(terms):
        sign = "-" if term.sign < 0 else "+" if k else f"{when} =".lstrip()
        yield f"{sign} {_term(term, alone=len(of.terms) == 1)}"
    if left := len(of.terms) - len(terms):
        yield f"and {left} smaller terms (--json)"


def _term(term: TermValue, *, alone: bool) -> str:
    """Return a term's value and factors; labels that all of them have stand once."""
    common = term.factors[0].at if all(f.at == term.factors[0].at for f in term.factors) else {}
    factors = [("/ " if f.divides else "x " if i else "") + _factor(f, common) for i, f in enumerate(term.factors)]
    value = f"{_value(term.value)} = " if len(factors) > 1 and not alone else ""
    return value + " ".join(factors) + (f" ({', '.join(common.values())})" if common else "")


def _factor(factor: FactorValue, common: Mapping[str, str]) -> str:
    at = f" ({', '.join(factor.at.values())})" if factor.at and factor.at != common else ""
    over = {"total": "total of ", "mean": "mean of "}.get(factor.over_time, "")
    name = "" if factor.name[0].isdigit() else f" {over}{factor.name.rsplit('.', 1)[-1]}"
    return f"{_value(factor.value)}{name}{at}"


def _value(value: float) -> str:
    return short(float(f"{value:.{DIGITS}g}")).replace(" ", HARD)


def _cut(root: _Part, width: int) -> _Part:
    """Return the part with as many of its inputs and facts as fit on a screen; those left out are named or counted."""
    facts = [part for part in root.below if part.fills]
    quantities = [part for part in root.below if not part.fills]
    tail = quantities.pop() if quantities and quantities[-1].lines[0][0].startswith("and ") else None
    room = SCREEN - len(list(_drawn(_Part(root.lines), width)))
    opened, room = _fitting(quantities, room - FOR_FACTS, width)
    opened += [part for part in quantities[len(opened) :] if part.lines[0][1]]  # what the result lacks is always named
    if left := [part for part in quantities if part not in opened]:
        opened.append(_line("and " + ", ".join(part.lines[0][0].split(" ")[0] for part in left), "dim"))
    kept, _ = _fitting(facts, room + FOR_FACTS, width)
    left_out = len(facts) - len(kept)
    apart = tail.lines[0][0].removeprefix("and ") if tail else ""
    more = f"{left_out:,} more (--depth 2 or --json)" if left_out else ""
    ends = [_line(f"and {'; '.join(filter(None, (more, apart)))}", "dim")] if more or apart else []
    return _Part(root.lines, (*opened, *kept, *ends))


def _fitting(parts: Sequence[_Part], room: int, width: int) -> tuple[list[_Part], int]:
    """Return the first parts that fit in some lines, at least `FEWEST`, and the lines that are left."""
    kept: list[_Part] = []
    for part in parts:
        needs = len(_wrapped(part.lines[0][0], width - len(BRANCH)))
        if needs > room and len(kept) >= FEWEST:
            break
        kept.append(part)
        room -= needs
    return kept, room


NARROW = 20
"""Columns that a text takes at least, however deep it stands."""
BRANCH, LAST, STEM, BLANK = "├── ", "└── ", "│   ", "    "
"""What stands before a part, the last one, its further lines, and those of the last one."""


def _drawn(part: _Part, width: int, first: str = "", further: str = "") -> Iterator[tuple[str, str]]:
    """Yield the lines of a part and of those below it, each at most ``width`` columns wide."""
    stem = STEM if part.below else BLANK
    here = ""
    for k, (text, style) in enumerate(part.lines):
        indent = " " * (len(text) - len(text.lstrip(" ")))
        body = _wrapped(text.strip(), width - len(further) - len(here) - len(indent), "  " if indent else "")
        for n, line in enumerate(body):
            start = first if not k and not n else further
            yield f"{start}{here}{indent}{line}", style
        here = stem if first or further else ""
    for part_below in part.below:
        last = part_below is part.below[-1]
        yield from _drawn(part_below, width, further + (LAST if last else BRANCH), further + (BLANK if last else STEM))


def _wrapped(text: str, width: int, further: str = "") -> list[str]:
    """Return the lines of a text; a number and a date stay in one piece, a path that is too long breaks at a dot."""
    width = max(width, NARROW)
    words = (part for word in text.split(" ") for part in _pieces(word, width - len(further)))
    return textwrap.wrap(" ".join(words), width, subsequent_indent=further, break_on_hyphens=False) or [""]


def _pieces(word: str, width: int) -> Iterator[str]:
    """Yield a word; one that is too long for a line in pieces that end with a dot."""
    while len(word) > width and "." in word[1:width]:
        at = word.rindex(".", 0, width) + 1
        yield word[:at]
        word = word[at:]
    yield word
