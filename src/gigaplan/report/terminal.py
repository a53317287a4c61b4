"""The terminal: a summary that fits a screen, and the tree below a number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from gigaplan.report import select
from gigaplan.report.select import by_year, money, short, system, title
from gigaplan.results.result import Result
from gigaplan.results.verdicts import Verdict
from gigaplan.validation.demand import DemandValidation
from gigaplan.vocabulary.variables import variables

MARKS = {
    Verdict.HOLDS: ("●", "green"),
    Verdict.ON_BASIS: ("◐", "yellow"),
    Verdict.FAILS: ("○", "red"),
    Verdict.UNKNOWN: ("?", "dim"),
}
MOST_SITES, MOST_SPANS, CLAIMS_A_LINE = 10, 7, 9
FEW = 3e-4
"""A generation below this share of the fleet is not told."""
COLUMNS = 5
"""Years shown side by side; the horizon's are thinned to so many."""


def render(result: Result) -> RenderableType:
    """Return the summary of a run."""
    stamp = result.stamp
    head = Text.assemble((stamp.title, "bold"), f"\n{select.answer(result)}")
    foot = Text(
        f"plan {stamp.plan_hash[:8]}  gigaplan {stamp.version}  catalog {stamp.catalog_vintage}  seed {stamp.seed}",
        style="dim",
    )
    return Group(head, _years_table(result), _delivery(result), _waits(result), _claims_line(result), foot)


def _shown(result: Result) -> list[int]:
    """Return the indices of the years shown."""
    count = len(select.years(result))
    return sorted({int(i) for i in np.linspace(0, count - 1, min(COLUMNS, count)).round()})


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim", show_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    return table


def _years_table(result: Result) -> Table:
    """Return the fleet, tokens, cost and money by year."""
    shown = _shown(result)
    table = _table("", *(select.years(result)[i] for i in shown))

    def line(name: str, values: Sequence[str], style: str = "") -> None:
        table.add_row(name, *(values[i] for i in shown), style=style)

    ours, opening = select.producing_mw(result)
    unit = select.in_watts(float(max(ours.max(), opening.max())))
    line(f"{unit.name} (IT) producing, year end", [f"{v / unit.size:.2f}" for v in ours], "bold")
    if opening.max() > 0:
        line("  and the opening fleet", [f"{v / unit.size:.2f}" for v in opening])
    gpus = by_year(result, "gpus_producing")
    whole = gpus.sum(axis=0)
    for g, name in enumerate(result.labels["generation"]):
        if gpus[g].max() > 0:
            line(
                f"  {system(name)} GPUs",
                [short(v) if v > FEW * all_ else "–" for v, all_ in zip(gpus[g], whole, strict=True)],
            )
    line("  GPU-hours idle", [f"{v:.0%}" for v in select.idle_share(result)])
    asked, served = (select.generated_per_day(result, f"tokens_{k}_per_day").sum(axis=0) for k in ("asked", "served"))
    line("Generated tokens/day asked", [short(v) for v in asked], "bold")
    line("  served", [short(v) for v in served])
    price = by_year(result, "cost_per_mtok_usd")
    line("USD per M generated tokens", [f"{v:,.2f}" for v in by_year(result, "cost_per_mtok_all_usd")], "bold")
    for w, name in enumerate(result.labels["workload"]):
        line(f"  {title(name)}", ["–" if math.isnan(v) else f"{v:,.2f}" for v in price[w]])
    cost = by_year(result, "cost_usd").sum(axis=0)
    run = select.last_of_years(result, result.central("largest_run_flop")[0])
    line("Largest run, FLOP, year end", [select.scientific(v) for v in run], "bold")
    if result.labels["run"]:  # of a plan that trains
        low, _, high = (select.last_of_years(result, v) for v in result.central("largest_run_parameters")[0])
        line("  its model, parameters", [select.span(a, b) for a, b in zip(low, high, strict=True)])
    line("Capital in the year", [money(v) for v in by_year(result, "capital_usd").sum(axis=(0, 1))], "bold")
    line("  cost, accrued", [money(v) for v in cost])
    rent = by_year(result, "rent_usd").sum(axis=0)
    if rent.max() > 0:
        line("  of which rent and lease", [money(v) for v in rent])
    line("  revenue", [money(v) for v in by_year(result, "revenue_usd")])
    lost = by_year(result, "revenue_lost_usd").sum(axis=0)
    if lost.max() >= 1:
        line("  revenue lost to waiting", [money(v) for v in lost])
    equity = by_year(result, "equity_paid_usd").sum(axis=0)
    if equity.max() > 0:
        line("  equity on dates", [money(v) for v in equity])
    line("  to fund elsewhere", [money(v) for v in by_year(result, "funding_gap_usd")])
    return table


def _delivery(result: Result) -> Text:
    """Return first tokens, limits and tranches in a few lines."""
    text = Text()
    text.append("First tokens  ", "bold")
    places = select.first_tokens(result)
    shown = places if len(places) <= MOST_SITES else [*places[: MOST_SITES - 1], places[-1]]
    told = [f"{s.name} {s.first_token:%Y-%m}" if s.first_token else f"{s.name} never" for s in shown]
    if len(shown) < len(places):
        told.insert(-1, f"{len(places) - len(shown)} more")
    text.append(", ".join(told))
    text.append("\nWhat limits   ", "bold")
    spans = [f"{name} {a} to {b}" if a != b else f"{name} {a}" for name, a, b in select.limit_spans(result)]
    if len(spans) > MOST_SPANS:
        spans[MOST_SPANS - 1 : -1] = [f"{len(spans) - MOST_SPANS} changes more"]
    text.append(", ".join(spans) or "nothing")
    for name, start, done, late in select.runs(result):
        text.append("\nTraining      ", "bold")
        text.append(f"{name} {start} to {done}{', late' if late else ''}")
    for sentence in select.missed(result):
        text.append("\nLate          ", "bold")
        text.append(sentence)
    if not result.labels["tranche"]:
        return text
    text.append("\nTranches      ", "bold")
    paid = result.central("tranche_paid_usd")
    days = [d for d in (result.day(float(d)) for d in result.central("tranche_day")) if d]
    text.append(
        f"{money(float(paid.sum()))} in {len(days)}: {', '.join(f'{d:%Y-%m}' for d in days)}"
        if days
        else "none released"
    )
    return text


def _waits(result: Result) -> Text:
    text = Text("Who waits     ", "bold")
    rows = select.waiting(result)
    if not rows:
        return text.append("nobody", "")
    parts = [f"{title(w.workload)} {w.months} months to {w.last} (worst {w.worst_share:.0%} served)" for w in rows[:4]]
    if len(rows) > len(parts):
        parts.append(f"and {len(rows) - len(parts)} more")
    free = select.nobody_waits_from(result)
    plain = Text("; ".join(parts) + (f". Nobody from {free}." if free else ". Someone to the end."), style="not bold")
    return text.append_text(plain)


def _claims_line(result: Result) -> Text:
    text = Text("Claims        ", "bold")
    if not result.claims:
        return text.append("none made", "not bold")
    for k, claim in enumerate(result.claims):
        mark, style = MARKS[claim.verdict]
        text.append("\n              " if k and k % CLAIMS_A_LINE == 0 else "")
        text.append(f"{mark} {claim.id:<5}", style)
    return text.append("\n              ● holds ◐ on a basis ○ does not ? can't be told", "dim not bold")


def claims_table(result: Result) -> RenderableType:
    """Return every claim with its verdict and the figures that decide it."""
    if not result.claims:
        return Text("This plan makes no claims; name some with 'claims: [A1, ...]'.")
    table = Table(box=None, padding=(0, 1), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for claim in result.claims:
        mark, style = MARKS[claim.verdict]
        table.add_row(
            Text(f"{mark} {claim.id}", style), Text.assemble((f"{claim.says}: ", "bold"), (str(claim.verdict), style))
        )
        table.add_row("", Text(claim.because))
        for f in claim.figures:
            value = f.value if isinstance(f.value, str) else short(f.value)
            sign = {True: " yes", False: " no", None: ""}[f.holds]
            unit = "" if f.unit in ("date", "share") else f" {f.unit}"
            table.add_row("", Text(f"  {f.name}: {value}{unit} [{f.basis}]{sign}", style="dim"))
    return table


def explain_tree(result: Result, quantity: str, depth: int = 2) -> RenderableType:
    """Return the tree below a quantity: formula, inputs and, at the leaves, facts with their sources.

    Quantities more than ``depth`` levels down stand in one line; explain them in their own right, or go deeper.
    """
    tree = Tree(_variable(result, quantity))
    _branch(result, quantity, tree, {quantity}, depth)
    return tree


def _variable(result: Result, name: str) -> Text:
    v = variables()[name]
    return Text.assemble(
        (name, "bold"),
        f"  [{v.unit}]  {v.meaning}\n",
        (f"{v.formula}\n", "italic"),
        (_series(result, name), ""),
        (f"  evidence: {result.evidence(name)}, {v.room}, {' x '.join(v.dims)}", "dim"),
    )


def _series(result: Result, name: str) -> str:
    """Return a few values of a quantity: by year where it has months, its range otherwise."""
    v, array = variables()[name], result.central(name)
    if v.dims[-1:] != ("month",):
        there = array[np.isfinite(array)]
        return f"{short(float(there.min()))} to {short(float(there.max()))} {v.unit}" if there.size else "no values"
    values = by_year(result, name)
    values = values.reshape(-1, values.shape[-1])
    values = (
        values.sum(axis=0)
        if v.kind in ("amount", "level", "rate")
        else np.nanmean(np.where(np.isfinite(values), values, np.nan), axis=0)
    )
    how = "" if len(v.dims) == 2 else ("sum, " if v.kind in ("amount", "level", "rate") else "plain mean, ")
    ends = [0, len(values) // 2, len(values) - 1]
    return how + ", ".join(f"{select.years(result)[i]}: {short(float(values[i]))}" for i in ends) + f" {v.unit}"


def _branch(result: Result, name: str, tree: Tree, seen: set[str], depth: int) -> None:
    for item in variables()[name].inputs:
        if item.startswith("input:"):
            path = item.removeprefix("input:")
            branch = tree.add(Text(f"inputs {path}", style="cyan"))
            for line in _readings(result, path):
                branch.add(Text(line))
        elif item in seen:
            tree.add(Text(f"{item} (above)", style="dim"))
        elif depth == 0:
            v = variables()[item]
            tree.add(Text.assemble(item, (f"  [{v.unit}]  {v.meaning}; evidence: {result.evidence(item)} ...", "dim")))
        else:
            seen.add(item)
            _branch(result, item, tree.add(_variable(result, item)), seen, depth - 1)


def _readings(result: Result, path: str) -> list[str]:
    """Return what was read below a path, a fact that many inputs share only once."""
    entries = list(dict.fromkeys(result.ledger.under(path)))
    uses = Counter(e.fact.id for e in entries if e.fact)
    lines, told = [], set()
    for entry in entries:
        name = entry.path.removeprefix(path).lstrip(".") or path
        fact = entry.fact
        if fact is None:
            lines.append(
                f"{name} = {entry.value}, plan, {entry.evidence}" + (f": {entry.source}" if entry.source else "")
            )
        elif fact.id not in told:
            told.add(fact.id)
            often = f" (in {uses[fact.id]} places)" if uses[fact.id] > 1 else ""
            name = name.rsplit(".", 1)[-1] + often if often else name
            unit = "" if fact.unit in ("1", "share", "date", "text") else f" {fact.unit}"
            basis = f" ({fact.basis})" if fact.basis else ""
            lines.append(
                f"{name} = {fact.value}{unit}{basis}, {fact.evidence}: {fact.source_title}, {fact.date}  [{fact.id}]"
            )
    return lines


def demand_validation(answer: DemandValidation) -> RenderableType:
    """Return published and modelled demand, what was known before the announcement apart from what came after."""
    table = _table("quantity", "date", "published", "ours", "error", "")
    for p in answer.points:
        table.add_row(
            f"{p.quantity} ({p.definition})",
            p.date,
            short(p.published),
            short(p.ours),
            f"{p.error:+.1%}",
            ("known" if p.known else "came after") + (", set on it" if p.used else ""),
        )
    return Group(table, Text("\n".join(answer.notes), style="dim"))
