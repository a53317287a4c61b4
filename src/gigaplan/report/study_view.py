"""Studies in the terminal: headlines with ranges and how sure they are, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from gigaplan.report.fitting import Fitting
from gigaplan.report.format import DASH
from gigaplan.results.headlines import Headline
from gigaplan.results.spread import RANGE, Span
from gigaplan.study.carry import Failure
from gigaplan.study.montecarlo import Figure, MonteCarlo
from gigaplan.vocabulary.figures import short
from gigaplan.vocabulary.time import DAYS_PER_YEAR

DAYS_PER_MONTH = DAYS_PER_YEAR / 12
REASONS = 5
"""Reasons of failures that are shown; the folder has them all."""


def montecarlo(answer: MonteCarlo, rows: int) -> RenderableType:
    """Return the headlines of a study that matter most."""
    ordered = sorted(answer.headlines, key=lambda f: -f.headline.weight)
    head = Text.assemble((f"{answer.done:,} futures of {answer.plan}", "bold"), f", seed {answer.seed}")
    table = Fitting(("figure", "central", "median", "±", RANGE), [figure_row(f) for f in ordered[:rows]])
    more = f"{len(ordered) - rows} more figures: --rows {len(ordered)}. " if len(ordered) > rows else ""
    foot = Text(f"{more}±: the median's standard error, at most.", style="dim")
    return Group(head, table, foot, *failures(answer.failures), kept_in(answer.folder))


def figure_row(figure: Figure) -> tuple[str, ...]:
    """Return a headline's name, central value, median with its standard error, and range."""
    h, q = figure.headline, figure.over
    cell = h.in_cell(Span(q.low, q.median, q.high, q.without, q.members))
    return (h.name, h.text_of(h.value), h.text_of(q.median), error_text(h, q.median_error), cell)


def error_text(headline: Headline, error: float) -> str:
    """Return a standard error in the figure's unit, that of a date in days or months."""
    if math.isnan(error):
        return DASH
    if headline.unit == "date":
        return f"{error:.0f} d" if error < 2 * DAYS_PER_MONTH else f"{error / DAYS_PER_MONTH:.0f} months"
    return headline.text_of(error) if headline.unit == "USD" else short(error)


def failures(found: Iterable[Failure]) -> list[Text]:
    """Return which members are missing, and why."""
    every = tuple(found)
    if not every:
        return []
    count = sum(f.members for f in every)
    lines = [Text(f"{count:,} {'member is' if count == 1 else 'members are'} missing:", style="yellow")]
    reasons: dict[str, list[Failure]] = {}
    for failure in every:
        reasons.setdefault(failure.reason, []).append(failure)
    for reason, of in list(reasons.items())[:REASONS]:
        first = ", ".join(_numbers(f) for f in of[:REASONS])
        more = f" and {len(of) - REASONS} more" if len(of) > REASONS else ""
        lines.append(Text(f"  {first}{more}: {reason}", style="yellow"))
    if len(reasons) > REASONS:
        lines.append(Text(f"  and {len(reasons) - REASONS} more reasons in the study's folder", style="yellow"))
    return lines


def _numbers(failure: Failure) -> str:
    last = failure.first + failure.members - 1
    return f"{failure.first}" if failure.members == 1 else f"{failure.first} to {last}"


def kept_in(folder: str) -> Text:
    """Return where a study is."""
    return Text.assemble(("kept in", "dim"), f" {folder}")
