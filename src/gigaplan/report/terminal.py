"""The terminal: a summary that fits a screen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from gigaplan.report.answer import answer, ranges
from gigaplan.report.below_cost_line import below_cost_line
from gigaplan.report.events import binding_limits, first_tokens, limit_spans
from gigaplan.report.explain_view import explain_tree
from gigaplan.report.fitting import Fitting
from gigaplan.report.format import money, short
from gigaplan.report.headline import cards, hindsight, tranches_reached
from gigaplan.report.runs import missed, runs
from gigaplan.report.tranche_view import paybacks
from gigaplan.report.unserved_line import or_unknown, unserved_line
from gigaplan.report.words import claim_words
from gigaplan.report.years import rows
from gigaplan.results.coordinates import years
from gigaplan.results.lacking import if_held, left_out
from gigaplan.results.quantiles import figures
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE, range_text, span
from gigaplan.results.verdicts import Claim, Verdict
from gigaplan.validation.demand import DemandValidation
from gigaplan.vocabulary.figures import in_a_row

__all__ = ["claims_table", "demand_validation", "explain_tree", "render"]

COLOURS = {"holds": "green", "on-basis": "yellow", "fails": "red", "unknown": "dim"}
"""By the style of a verdict on the page."""
MOST_SITES, MOST_SPANS = 10, 7
MOST_FAILING = 2
"""Claims that don't hold whose words stand in the short summary."""
LABEL_WIDTH = 14
"""Characters that the names of the summary's last lines take."""
COLUMNS = 5
"""Years shown side by side where they fit; the horizon's are thinned to so many, the first and the last kept."""


class _Yearly:
    """The yearly table, with as many years as the terminal has room for: no number is ever cut."""

    def __init__(self, result: Result) -> None:
        self.years, self.rows = years(result), rows(result)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table with the most years that fit."""
        for count in range(min(COLUMNS, len(self.years)), 1, -1):
            table = self._table(count)
            if Measurement.get(console, options.update(max_width=1000), table).maximum <= options.max_width:
                break
        else:
            table = self._table(1)
        yield table

    def _table(self, count: int) -> Table:
        last = len(self.years) - 1
        shown = sorted({int(i) for i in np.linspace(0, last, count).round()}) if count > 1 else [last]
        reduction = self.rows[0].reduction if self.rows else ""
        table = _table(reduction.capitalize(), *(self.years[i] for i in shown))
        for row in self.rows:
            if row.reduction != reduction:
                reduction = row.reduction
                table.add_row(Text(reduction.capitalize(), style="dim"))
            name = row.name if row.leads else f"  {row.name}"
            table.add_row(name, *(row.texts[i] for i in shown), style="bold" if row.leads else "")
            if row.leads and row.ranges:
                table.add_row(f"  {RANGE}", *(row.ranges[i] for i in shown), style="dim")
        return table


def _look(claim: Claim) -> tuple[str, str]:
    """Return the glyph and the colour of a claim's verdict."""
    words = claim_words(claim)
    return words.mark, "cyan" if claim.verdict is Verdict.ASSUMED else COLOURS[words.style]


def render(result: Result, *, full: bool = False) -> RenderableType:
    """Return the summary of a run.

    Parameters
    ----------
    result : Result
        A simulated plan.
    full : bool
        Whether every year, date, limit, return and claim stands below the answer and its four figures.
    """
    head = Text.assemble((result.stamp.title, "bold"), f"\n{answer(result)}")
    lacks = [Text(left_out(result), style="yellow")] if result.lacking else []
    if not full:
        return Group(head, _figures(result), _claims_in_words(result), *lacks)
    stamp = result.stamp
    if shown := ranges(result):
        head.append(f"\n{shown}")
    foot = Text(
        f"plan {stamp.plan_hash[:8]}  gigaplan {stamp.version}  catalog {stamp.catalog_vintage}  seed {stamp.seed}",
        style="dim",
    )
    below = below_cost_line(result)
    sold = [Text("Below cost    ", "bold").append(below, "not bold")] if below else []
    demand = Text("Unserved      ", "bold").append(unserved_line(result), "not bold")
    known = [Text("Hindsight     ", "bold").append(late, "not bold")] if (late := hindsight(result)) else []
    middle = (_delivery(result), *sold, demand, *_decided(result), _claims_line(result))
    return Group(head, _figures(result), _Yearly(result), *middle, *known, *lacks, foot)


def _figures(result: Result) -> RenderableType:
    """Return the headline figures with their ranges, a line each where there is room."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for card in cards(result):
        value = Text(card.value, "bold").append(f" ({RANGE}: {card.range})" if card.range else "", "not bold")
        grid.add_row(card.name, value)
    return grid


def _claims_in_words(result: Result) -> Text:
    """Return how many claims hold, and the first that don't in words."""
    claims = result.claims
    if not claims:
        return Text("This plan makes no claims.", "dim")
    failing = [c for c in claims if c.verdict is Verdict.FAILS]
    unknown = sum(c.verdict is Verdict.UNKNOWN for c in claims)
    holding = len(claims) - len(failing) - unknown
    text = Text(f"{holding} of {len(claims)} claims hold, on some basis", "bold")
    if unknown:
        text.append(f"; {unknown} can't be said", "not bold")
    if failing:
        named = "; ".join(f"{c.says} ({c.id})" for c in failing[:MOST_FAILING])
        more = f"; and {len(failing) - MOST_FAILING} more" if len(failing) > MOST_FAILING else ""
        text.append(f". Not: {named}{more}", "not bold")
    return text.append(" (--full shows all)", "dim")


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim", show_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    return table


def _decided(result: Result) -> Iterator[Text]:
    """Yield for each headline what decides it, in a line."""
    for k, card in enumerate(card for card in cards(result) if card.decided):
        text = Text("" if k else "Decided by\n", "bold").append(f"  {card.name}: ", "not bold")
        yield text.append(card.decided_text, "not bold")


def _delivery(result: Result) -> Text:
    """Return first tokens, limits and tranches in a few lines."""
    text = Text()
    text.append("First tokens  ", "bold")
    text.append(or_unknown(_first_dates, result))
    text.append("\nWhat limits   ", "bold")
    text.append(or_unknown(_limits, result))
    for name, start, done, late in if_held(runs, result) or ():
        text.append("\nTraining      ", "bold")
        text.append(f"{name} {start} to {done}{', late' if late else ''}")
    for sentence in if_held(missed, result) or ():
        text.append("\nLate          ", "bold")
        text.append(sentence)
    if result.labels["tranche"]:
        text.append("\nTranches      ", "bold")
        text.append(or_unknown(_tranches, result))
        if back := if_held(paybacks, result):
            text.append(f"\n              {back}")
    for line in if_held(_returns, result) or ():
        text.append("\nReturns       ", "bold")
        text.append(line)
    return text


def _first_dates(result: Result) -> str:
    places = first_tokens(result)
    shown = places if len(places) <= MOST_SITES else [*places[: MOST_SITES - 1], places[-1]]
    dates = [f"{s.name} {s.month}{s.range and f' ({s.range})'}" for s in shown]
    if len(shown) < len(places):
        dates.insert(-1, f"{len(places) - len(shown)} more")
    return in_a_row(dates)


def _returns(result: Result) -> list[str]:
    """Return what the plan earns and needs, over the horizon, for all its shareholders together."""
    plan = result.index("party", "plan")
    npv, irr, payback, peak = (
        float(figures(result, f"party_{name}")[plan]) for name in ("npv_usd", "irr", "payback_day", "peak_funding_usd")
    )
    end = if_held(figures, result, "party_npv_of_end_usd")
    held = "" if end is None else f", {money(float(end[plan]))} of it owned at the end at book value"
    worth = f"present value {money(npv)}{_of_plan(result, 'party_npv_usd', money)}{held}"
    if not figures(result, "revenue_usd").any():
        return [f"none: nothing is sold; {worth}; at most {money(peak)} put in"]
    real = " a year real" if any(result.ledger.under("price_year")) else " a year"
    rate = "no internal rate" if math.isnan(irr) else f"internal rate {irr:.1%}{real}"
    rate += _of_plan(result, "party_irr", lambda share: f"{share:.1%}", "none")
    back = result.day(payback)
    when = f"paid back {back:%Y-%m}" if back else "not paid back within the horizon"
    most = f"at most {money(peak)}{_of_plan(result, 'party_peak_funding_usd', money)} put in"
    return [f"{worth}; {rate}, {when}; {most}"]


def _of_plan(result: Result, name: str, text: Callable[[float], str], never: str = "") -> str:
    """Return the range of what the plan's shareholders have, in brackets; nothing for a run of few members."""
    found = span(result, name, {"party": "plan"})
    return f" ({RANGE}: {range_text(found, text, never)})" if found and found.members > 1 else ""


def _tranches(result: Result) -> str:
    paid = figures(result, "tranche_paid_usd")
    days = [d for d in (result.day(float(d)) for d in figures(result, "tranche_day")) if d]
    if not days:
        return "none released"
    return f"{money(float(paid.sum()))} in {tranches_reached(result)}: {', '.join(f'{d:%Y-%m}' for d in days)}"


def _limits(result: Result) -> str:
    """Return when which limit binds; where they take turns too often, in how many months each does."""
    spans = [f"{name} {a} to {b}" if a != b else f"{name} {a}" for name, a, b in limit_spans(result)]
    if len(spans) <= MOST_SPANS:
        return ", ".join(spans) or "nothing"
    parts = (
        f"{b.name} in {b.months} month{'s' * (b.months != 1)} between {b.first} and {b.last}"
        for b in binding_limits(result)
    )
    return ", ".join(parts)


def _claims_line(result: Result) -> RenderableType:
    """Return the mark of each claim and what marks mean; a mark stays next to its claim on terminals of any width."""
    if not result.claims:
        return Text("Claims        ", "bold").append("none made", "not bold")
    line = Table.grid(padding=0)
    line.add_column(width=LABEL_WIDTH)
    line.add_column()
    marks = Columns([_mark(claim) for claim in result.claims], padding=(0, 2))
    line.add_row(Text("Claims", "bold"), marks)
    key = Text("● holds  ◌ by assumption  ◐ on a basis  ○ does not  ? can't be determined", "dim")
    if not any(claim.futures for claim in result.claims):
        return Group(line, key)
    futures = f"Marks are of the central future; numbers say in how many of {result.stamp.members:,} a claim holds"
    return Group(line, key, Text(f"{futures} (on a basis at least).", "dim"))


def _mark(claim: Claim) -> Text:
    """Return a claim's verdict as a mark, with the number of futures in which it holds."""
    mark, style = _look(claim)
    text = Text(f"{mark} {claim.id}", style)
    counts = claim.futures
    return text.append(f" {counts.kept:,}", "dim") if counts and counts.unknown < counts.members else text


def claims_table(result: Result) -> RenderableType:
    """Return every claim with its verdict and the figures that decide it."""
    if not result.claims:
        return Text("This plan makes no claims; name some with 'claims: [A1, ...]'.")
    table = Table(box=None, padding=(0, 1), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for claim in result.claims:
        mark, style = _look(claim)
        table.add_row(
            Text(f"{mark} {claim.id}", style), Text.assemble((f"{claim.says}: ", "bold"), (str(claim.verdict), style))
        )
        if claim.futures:
            table.add_row("", Text(claim.futures.sentence))
        table.add_row("", Text(claim.because))
        for f in claim.figures:
            table.add_row("", Text(f"  {f.name}: {f.brief_line()}", style="dim"))
    return table


def demand_validation(answer: DemandValidation) -> RenderableType:
    """Return published and modelled demand, what was known before the announcement apart from what came after."""
    columns = ("quantity", "date", "published", "predicted", "error", "was")
    rows = [
        (
            f"{p.quantity} ({p.definition})",
            p.date,
            short(p.published),
            short(p.predicted),
            f"{p.error:+.1%}",
            "fitted" if p.used else "known" if p.known else "later",
        )
        for p in answer.points
    ]
    legend = "fitted: known before the announcement, and fitted on; known: known, not fitted on; later: came after it"
    return Group(Fitting(columns, rows, (0, 5)), Text("\n".join((legend, *answer.notes)), style="dim"))
