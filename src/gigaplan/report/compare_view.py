"""Two results side by side, for the terminal and as plain data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from gigaplan.report.fitting import Fitting
from gigaplan.results.headlines import Headline, date_text
from gigaplan.results.spread import RANGE, Span, range_text
from gigaplan.study.compare import Cause, Comparison, Difference, InputDifference
from gigaplan.study.rerun import Rerun
from gigaplan.vocabulary.time import DAYS_PER_YEAR

CAUSES, LINES = 3, 4
"""Causes shown per figure, and lines of the plans shown per group."""
DAYS_PER_MONTH = DAYS_PER_YEAR / 12
SMALL = 0.01
"""Causes below this share of the largest are counted, not shown."""


def comparison(answer: Comparison, rows: int) -> RenderableType:
    """Return the figures that differ, largest first, with their causes, then the inputs that differ."""
    a, b = answer.a, answer.b
    head = Text.assemble(
        ("A  ", "bold"),
        f"{a.title}  ",
        (f"{a.plan_hash[:8]}\n", "dim"),
        ("B  ", "bold"),
        f"{b.title}  ",
        (b.plan_hash[:8], "dim"),
    )
    if not answer.differences:
        return Group(head, Text(f"No figure differs ({len(answer.same)} compared)."), *_lacks(answer), *_inputs(answer))
    listed = answer.differences[:rows]
    figures = [line for d in listed for line in _figures(d)]
    table = Fitting(("figure", "A", "B", "B - A"), figures)
    because = [(d.headline.name, causes) for d in listed if (causes := causes_text(d))]
    reasons = [Text("Because of", "bold"), *(Text(f"{name}: {why}") for name, why in because)] if because else []
    more = len(answer.differences) - rows
    foot = f" {more} more figures differ." if more > 0 else ""
    tail = Text(
        f"{len(answer.same)} figures do not differ.{foot} "
        f"Amounts are over {answer.window.first} to {answer.window.last}.",
        style="dim",
    )
    return Group(head, table, tail, *_lacks(answer), *reasons, *_claims(answer), *_inputs(answer), *_how(answer))


def _lacks(answer: Comparison) -> list[Text]:
    return [Text(text, style="yellow") for text in answer.left_out]


def _figures(difference: Difference) -> Iterator[tuple[str, ...]]:
    """Yield the line of a figure, and below it that of its ranges."""
    here, there = difference.headline, difference.other
    yield here.name, here.text, there.text, change_text(difference)
    if here.members is not None or there.members is not None:
        apart = difference.span
        yield f"  {RANGE}", here.range_cell, there.range_cell, change_range(apart, here) if apart else ""


def change_range(apart: Span, headline: Headline) -> str:
    """Return the range of a difference; of dates in days or months."""
    if headline.unit == "date":
        return range_text(apart, lambda effect: effect_text(effect, headline), cell=True)
    return headline.in_cell(apart)


def change_text(difference: Difference) -> str:
    """Return B less A in words that fit the figure's unit."""
    return effect_text(difference.b - difference.headline.value, difference.headline)


def effect_text(effect: float, headline: Headline) -> str:
    """Return a signed difference in words that fit its unit."""
    if math.isnan(effect):
        return "–"
    sign = "+" if effect >= 0 else "-"
    if headline.unit == "date":
        months = abs(effect) / DAYS_PER_MONTH
        return f"{sign}{months:.0f} months" if months >= 2 else f"{sign}{abs(effect):.0f} days"
    return sign + dataclasses.replace(headline, value=abs(effect)).text


def causes_text(difference: Difference) -> str:
    """Return the groups that move a figure, largest first, and what their interaction adds."""
    parts = difference.causes
    if not parts:
        return ""
    sizes = [abs(c.effect) for c in parts if not math.isnan(c.effect)]
    floor = SMALL * max([*sizes, 0.0])
    shown = [c for c in parts if math.isnan(c.effect) or abs(c.effect) >= floor][:CAUSES]
    found = [_cause(c, difference.headline) for c in shown]
    if len(parts) > len(shown):
        found.append(f"{len(parts) - len(shown)} small")
    if not math.isnan(difference.remainder) and abs(difference.remainder) > floor and sizes:
        found.append(f"together {effect_text(difference.remainder, difference.headline)}")
    return ", ".join(found)


def _cause(cause: Cause, headline: Headline) -> str:
    if math.isnan(cause.effect):
        return f"{cause.group} (→ {dataclasses.replace(headline, value=cause.value).text})"
    return f"{cause.group} {effect_text(cause.effect, headline)}"


def _claims(answer: Comparison) -> list[Text]:
    return [Text(f"Claim {name}: {a} → {b}") for name, a, b in answer.claims]


def _inputs(answer: Comparison) -> list[Text]:
    """Return the lines that differ by group, a few of each, and how many facts do."""
    groups: dict[str, list[InputDifference]] = {}
    for line in answer.inputs:
        if line.kind == "plan" and line.group:
            groups.setdefault(line.group, []).append(line)
    found = [Text("Inputs that differ", "bold")] if groups else []
    for group, lines in groups.items():
        found.append(Text(f"{group} ({len(lines)})"))
        found += [Text(f"    {line.path}: {line.a} → {line.b}", style="dim") for line in lines[:LINES]]
    facts = [line for line in answer.inputs if line.kind == "fact"]
    if facts:
        both = sum(line.a != "–" and line.b != "–" for line in facts)
        found.append(Text(f"facts: {both} inputs took another value, {len(facts) - both} are read by one side only"))
    return found


def _how(answer: Comparison) -> list[Text]:
    if answer.not_attributed:
        return [Text(f"Causes: {answer.not_attributed}.", style="yellow")]
    caused = any(d.causes for d in answer.differences)
    ranged = any(d.headline.members is not None or d.b_members is not None for d in answer.differences)
    found = ["Each cause is A run again with B's lines of that group alone; 'together' is what they add only together."]
    found = found if caused or not ranged else []
    if ranged:
        found.append(what_ranges_are(answer))
    return [Text(" ".join(found), style="dim")]


def what_ranges_are(answer: Comparison) -> str:
    """Return what the range of a difference is, or why there is none."""
    if any(d.span for d in answer.differences):
        return "The range of B - A is that of the members' own differences: both draw the same futures."
    counts = " and ".join(
        f"{s.members:,} member{'s' * (s.members != 1)} of seed {s.seed}" for s in (answer.a, answer.b)
    )
    return f"B - A has no range, for A and B do not draw the same futures: {counts}."


def rerun(answer: Rerun) -> RenderableType:
    """Return what a second run says of the first."""
    saved = [Text(f"saved in {answer.saved_in}", style="dim")] if answer.saved_in else []
    if answer.same:
        names = ", ".join(name for name, _ in answer.files)
        return Group(Text("The same, byte for byte: ", "green").append(names, "default"), *saved)
    apart = ", ".join(name for name, same in answer.files if not same)
    lines = [Text("Not the same: ", "red").append(apart, "default")]
    lines += [
        Text(f"{name.replace('_', ' ')}: saved {then or '–'}, now {now or '–'}") for name, then, now in answer.changed
    ]
    if answer.unreadable:
        lines.append(Text(f"The saved numbers can't be compared with the new ones: {answer.unreadable}"))
    elif not answer.figures:
        lines.append(Text("Every number is the same."))
    for name, apart_by in answer.figures[:LINES]:
        lines.append(Text(f"    {name}: differs by up to {apart_by:.2g}, relative", style="dim"))
    if len(answer.figures) > LINES:
        lines.append(Text(f"    and {len(answer.figures) - LINES} more quantities", style="dim"))
    for line in answer.facts[:LINES]:
        lines.append(Text(f"    {line.path}: {line.a} → {line.b}", style="dim"))
    if len(answer.facts) > LINES:
        lines.append(Text(f"    and {len(answer.facts) - LINES} more inputs", style="dim"))
    return Group(*lines, *saved)


def _ranges(difference: Difference) -> dict[str, Any]:
    """Return the ranges of both figures and of their difference, nothing where both have one member."""
    here, there = difference.headline, difference.other
    if here.members is None and there.members is None:
        return {}

    def ends(headline: Headline) -> list[float | str] | None:
        found = headline.span
        if found is None:
            return None
        both = (found.low, found.high)
        return [date_text(end) if headline.unit == "date" else end for end in both]

    apart = difference.span
    change = [apart.low, apart.high] if apart else None
    return {"a_range": ends(here), "b_range": ends(there), "change_range": change}


def as_data(answer: Comparison) -> dict[str, Any]:
    """Return a comparison as plain data, for ``--json``; dates are text, in causes their effects are days."""

    def value(headline: Headline) -> float | str:
        return headline.date if headline.unit == "date" else headline.value

    def cause(c: Cause, headline: Headline) -> dict[str, Any]:
        return {"group": c.group, "value": value(dataclasses.replace(headline, value=c.value)), "effect": c.effect}

    return {
        "a": dataclasses.asdict(answer.a),
        "b": dataclasses.asdict(answer.b),
        "months": [answer.window.first, answer.window.last],
        "differences": [
            {
                "name": d.headline.name,
                "variable": d.headline.variable,
                "unit": d.headline.unit,
                "a": value(d.headline),
                "b": value(d.other),
                "change": d.b - d.headline.value,
                **_ranges(d),
                "score": d.score,
                "causes": [cause(c, d.headline) for c in d.causes],
                "together": d.remainder,
            }
            for d in answer.differences
        ],
        "same": list(answer.same),
        "claims": [{"id": i, "a": a, "b": b} for i, a, b in answer.claims],
        "inputs": [dataclasses.asdict(i) for i in answer.inputs],
        "groups": list(answer.groups),
        "not_attributed": answer.not_attributed,
        "left_out": list(answer.left_out),
    }
