"""The catalog, for the terminal and as plain data."""

from __future__ import annotations

import dataclasses
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan.catalog import Found, Listed, Overview, Shown, human


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim", show_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, no_wrap=i == 0, overflow="fold")
    return table


def overview(answer: Overview) -> RenderableType:
    """Return what is there, by kind, by table and by evidence."""
    head = Text.assemble(
        (f"{answer.facts:,} facts", "bold"),
        f" of {answer.entities:,} entities and {answer.quantities:,} quantities, {answer.conflicts} with "
        f"rivals, vintage {answer.vintage}",
    )
    kinds = _table("kind", "entities", "facts", "")
    for k in answer.kinds:
        kinds.add_row(k.name, f"{k.entities:,}", f"{k.facts:,}", k.meaning)
    files = _table("table", "entities", "facts")
    for t in answer.tables:
        files.add_row(t.name, f"{t.entities:,}", f"{t.facts:,}")
    evidence = ", ".join(f"{name} {count:,}" for name, count in answer.evidence.items())
    more = "gigaplan catalog list KIND, search WORDS, show ENTITY[.QUANTITY]"
    return Group(head, Text(f"evidence: {evidence}"), Text(), kinds, Text(), files, Text(more, style="dim"))


def listing(answer: tuple[Listed, ...]) -> RenderableType:
    """Return entities with what is known of them."""
    table = _table("entity", "facts", "kinds", "quantities")
    for e in answer:
        table.add_row(e.entity, str(e.facts), ", ".join(e.kinds), Text(", ".join(e.quantities), style="dim"))
    return table


def found(answer: Found) -> RenderableType:
    """Return what a search found."""
    lines = [
        Text(f"'{word}' is nowhere" + (f"; sought '{near}' instead" if near else ""))
        for word, near in answer.nearest.items()
    ]
    if not answer.hits:
        return Group(*lines, Text("Nothing found."))
    for hit in answer.hits:
        f = hit.fact
        basis = f" ({f.basis})" if f.basis else ""
        state = "" if f.chosen else ", not chosen"
        lines.append(Text.assemble((f.id, "bold"), f"  {hit.human}{basis}"))
        lines.append(Text(f"    {f.evidence}{state}: {f.source_title}, {f.date}", style="dim"))
    left = answer.total - len(answer.hits)
    return Group(*lines, *([Text(f"and {left} more; --limit shows them", style="dim")] if left else []))


def shown(answer: tuple[Shown, ...]) -> RenderableType:
    """Return facts in full; one that wasn't chosen stands below the one that was, if that is shown too."""
    there = {one.fact.id for one in answer}
    led = [o for o in answer if o.fact.chosen or not any(r.chosen and r.id in there for r in o.rivals)]
    return Group(*(line for one in led for line in _one(one)))


def _one(one: Shown) -> list[RenderableType]:
    f = one.fact
    basis = f" ({f.basis})" if f.basis else ""
    year = f", prices of {f.price_year}" if f.price_year else ""
    span = f", {one.span}" if one.span else ""
    head = Text.assemble((f.id, "bold"), "" if f.chosen else " (not chosen)")
    lines = [head, Text(f"  {one.human}{basis}{span}{year}{_exact(one)}")]
    if one.meaning:
        lines.append(Text(f"  {one.meaning}", style="italic"))
    lines.append(Text(f"  {f.evidence}, confidence {f.confidence}: {f.source_title}, {f.date}"))
    lines += [Text(f"  {text}", style="dim") for text in (f.url, f.note) if text]
    for rival in one.rivals:
        mark = "chosen instead" if rival.chosen else "not chosen"
        note = f": {rival.note}" if rival.note else ""
        lines.append(
            Text(f"  {mark}: {human(rival.value, rival.unit)} [{rival.id}], {rival.source_title}, {rival.date}{note}")
        )
    return [*lines, Text()]


def _exact(one: Shown) -> str:
    """Return the value in the catalog's own unit, where people would write it otherwise."""
    f = one.fact
    if isinstance(f.value, str) or f.unit in ("1", "share"):
        return ""
    exact = f"{f.value:,.10g} {f.unit}"
    return "" if exact == one.human else f"   [{f.value:.10g} {f.unit}]"


def as_data(answer: Overview | Found | tuple[Listed, ...] | tuple[Shown, ...]) -> Any:
    """Return any of these as plain data, for ``--json``."""
    return [dataclasses.asdict(one) for one in answer] if isinstance(answer, tuple) else dataclasses.asdict(answer)
