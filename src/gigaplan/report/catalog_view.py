"""The catalog, for the terminal and as plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan.catalog import Catalog, Found, Listed, Overview, Shown, human, load
from gigaplan.catalog.search import facts_of_group
from gigaplan.report.fact_words import UNITS, entity_title, readable


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


MAIN: dict[str, tuple[str, ...]] = {
    "systems": ("gpus_per_rack", "rack_power_kw", "peak_fp8_flops_per_s", "peak_bf16_flops_per_s", "first_ship_date"),
    "models": ("params_total", "params_active", "context_max"),
    "workloads": ("requests_per_user_day", "output_tokens", "revenue_usd_per_request"),
    "sites": ("it_power_mw", "facility_power_mw", "energised_mw", "operational_date"),
    "deals": ("commitment_usd", "investment_total_usd", "equity_usd", "capacity_mw", "signed_date"),
    "regions": ("power_price_usd_per_mwh", "wholesale_price_usd_per_mwh"),
    "users": ("share_of_use",),
    "labs": ("revenue_usd_per_year", "weekly_users", "tokens_per_day", "compute_available_mw"),
}
"""The figures by which people know an entity of a kind."""
SAYS = {
    "gpus_per_rack": "GPUs",
    "params_active": "active",
    "context_max": "context",
    "output_tokens": "out",
    "requests_per_user_day": "a user and day",
    "revenue_usd_per_request": "a request",
    "share_of_use": "of use",
    "weekly_users": "users a week",
    "tokens_per_day": "a day",
    "revenue_usd_per_year": "a year",
    "it_power_mw": "IT",
    "facility_power_mw": "at the meter",
}
"""What stands behind a figure whose unit doesn't say what it is."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity in one line: its name to type and to read, its main figures, its facts and their sources."""

    name: str
    title: str
    figures: tuple[str, ...]
    facts: int
    sources: int


def entities(answer: tuple[Listed, ...]) -> list[Entity]:
    """Return entities with their main figures."""
    facts = load()
    return [_entity(facts, e) for e in answer]


def _entity(facts: Catalog, e: Listed) -> Entity:
    """Return an entity, its figures those of the first of its kinds that has some, else its first numbers."""
    main = next((m for k in e.kinds if (m := [q for q in MAIN.get(k, ()) if q in e.quantities])), None)
    chosen = {q: next((f for f in facts.all(e.entity, q) if f.chosen), None) for q in main or e.quantities[:2]}
    known = [(q, f) for q, f in chosen.items() if f]
    shown = [_says(human(f.value, f.unit), SAYS.get(q, "")) for q, f in known]
    if main is None:
        shown = [f"{readable(UNITS.sub('', q))} {text}" for (q, _), text in zip(known, shown, strict=True)]
    read = facts_of_group(facts, e.entity) or [f for q in e.quantities for f in facts.all(e.entity, q)]
    sources = {f.source_title for f in read}
    figures = tuple(" ".join(text.split()) for text in shown)
    return Entity(e.entity, entity_title(e.entity), figures, e.facts, len(sources))


def _says(figure: str, what: str) -> str:
    return f"{figure} {what.removesuffix('s') if figure == '1' else what}".strip()


@dataclass(frozen=True, slots=True)
class Lines:
    """Entities, each in one line of a terminal of any width: what has no room is left out from the right, never cut."""

    entities: list[Entity]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        names = max((cell_len(e.name) for e in self.entities), default=0)
        titles = max((cell_len(e.title) for e in self.entities), default=0)
        counts = [f"{e.facts:>3} {e.sources:>3}" for e in self.entities]
        room = options.max_width - names - max(map(len, counts), default=0) - 2
        titled = room - titles - 2 >= ROOM
        room -= titles + 2 if titled else 0
        head = f"{len(self.entities)} entities: name, {'title, ' if titled else ''}main figures, facts, sources"
        yield Text(head, style="dim")
        for e, count in zip(self.entities, counts, strict=True):
            line = Text(f"{e.name:{names}}", style="bold")
            line.append(f"  {e.title:{titles}}" if titled else "", "not bold")
            figures = fitting_parts(e.figures, room - 2)
            line.append(f"  {figures:{max(room - 2, 0)}}" if room > 2 else "", "not bold")
            yield line.append(f"  {count}", "not bold dim")


ROOM = 20
"""Columns that figures need next to the titles."""


def fitting_parts(parts: tuple[str, ...], room: int) -> str:
    """Return as many parts as fit in so many columns, with commas."""
    for count in range(len(parts), 0, -1):
        text = ", ".join(parts[:count])
        if cell_len(text) <= room:
            return text
    return ""


def listing(answer: tuple[Listed, ...]) -> RenderableType:
    """Return entities, one line each."""
    return Lines(entities(answer))


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
