"""Studies in the terminal: headlines with ranges and how sure they are, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from gigaplan.report.fitting import Fitting
from gigaplan.report.format import DASH
from gigaplan.results.headlines import Headline
from gigaplan.results.spread import RANGE, Span
from gigaplan.study.carry import Failure
from gigaplan.study.montecarlo import Figure, MonteCarlo
from gigaplan.study.pairs import Pair, Paired
from gigaplan.study.sensitivity import Deciding, Effect, Sensitive, Sensitivity, no_headline
from gigaplan.study.sweep import Sweep
from gigaplan.vocabulary.figures import short
from gigaplan.vocabulary.time import DAYS_PER_YEAR

DAYS_PER_MONTH = DAYS_PER_YEAR / 12
COLUMNS = 3
"""Headlines of a sweep that stand side by side."""
PAIR_COLUMNS = ("median", "A", "B", f"B - A, {RANGE}", "B above A")
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


def sensitivity(answer: Sensitivity, rows: int, of: str = "") -> RenderableType:
    """Return the inputs that decide most, and for one headline what each of them does to it.

    Parameters
    ----------
    answer : Sensitivity
        The answer.
    rows : int
        Inputs that are shown.
    of : str
        The headline; the first of those that matter most if empty.
    """
    head = Text.assemble(
        ("What decides ", "bold"), (answer.plan, "bold"), f": {answer.method}, {answer.members:,} members"
    )
    listed = [(d.name, f"{d.share:.0%}", *range_of(d)) for d in answer.deciding[:rows]]
    table = Fitting(("input", "decides", "central", RANGE, "unit", "evidence"), listed, (0, 4, 5))
    chosen = headline_named(answer, of)
    name = Text.assemble(("Of ", "bold"), (chosen.headline.name, "bold"))
    effects = Fitting(
        effect_columns(answer.method), [effect_row(answer.method, chosen, e) for e in chosen.effects[:rows]]
    )
    foot = Text("decides: mean share of the headlines' variance, by how much they matter.", style="dim")
    return Group(head, table, foot, name, effects, *failures(answer.failures), kept_in(answer.folder))


def headline_named(answer: Sensitivity, name: str) -> Sensitive:
    """Return what decides a headline of a name, or the first of those that matter most; PlanError if there is none."""
    if not name:
        return max(answer.headlines, key=lambda s: s.headline.weight * bool(s.effects and s.effects[0].share))
    found = next((s for s in answer.headlines if s.headline.name == name), None)
    if found is None:
        raise no_headline(name, [s.headline.name for s in answer.headlines])
    return found


def range_of(one: Deciding) -> tuple[str, ...]:
    """Return an input's central value, range, unit and evidence; of several together how many there are."""
    if len(one.inputs) != 1:
        return (DASH, f"{len(one.inputs)} inputs" if one.inputs else DASH, "", "")
    (of,) = one.inputs
    if isinstance(of.central, str) or of.low is None or of.high is None:
        return (str(of.central), of.distribution, of.unit, of.evidence)
    return (short(of.central), f"{short(of.low)} to {short(of.high)}", of.unit, of.evidence)


def effect_columns(method: str) -> tuple[str, ...]:
    """Return the columns of the effects of inputs on a headline."""
    if method == "morris":
        return ("input", "share", "mean effect", "spread")
    ends = ("input", "share", "at low", "at high")
    return ends if method == "tornado" else (*ends, "alone", "total", "range left")


def effect_row(method: str, of: Sensitive, effect: Effect) -> tuple[str, ...]:
    """Return what one input does to a headline, in the columns of a method."""
    h = of.headline
    share = f"{effect.share:.0%}"
    if method == "morris":
        return (effect.input, share, error_text(h, effect.mean_effect), error_text(h, effect.effect_spread))
    known = not math.isnan(effect.low) or not math.isnan(effect.high)
    ends = (h.text_of(effect.low), h.text_of(effect.high)) if known else (DASH, DASH)
    if effect.options and not known:
        first, *others = (f"{name}: {h.text_of(value)}" for name, value in effect.options)
        ends = (first, ", ".join(others))
    if method == "tornado":
        return (effect.input, share, *ends)
    numbers = (
        (effect.first, effect.first_error),
        (effect.total, effect.total_error),
    )
    indices = (DASH if math.isnan(v) else f"{v:.2f} ± {e:.2f}" for v, e in numbers)
    left = effect.range_left_share
    return (effect.input, share, *ends, *indices, DASH if math.isnan(left) else f"{left:.0%}")


def sweep(answer: Sweep, rows: int) -> RenderableType:
    """Return the plans of a sweep with the headlines that matter most of those that differ."""
    head = Text.assemble((f"{len(answer.points):,} plans", "bold"), f": {answer.plan}")
    if answer.members > 1:
        head.append(f", {answer.members:,} futures each: medians, in brackets {RANGE}")
    by_point = [{f.name: f for f in p.headlines} for p in answer.points]
    names = differing(by_point)[:COLUMNS]
    lines = [
        (*p.values.values(), *(point_cell(found.get(n), answer.members) for n in names))
        for p, found in zip(answer.points[:rows], by_point, strict=False)
    ]
    paths = (path.rpartition(".")[2] for path in answer.paths)
    table = Fitting((*paths, *names), lines, tuple(range(len(answer.paths))))
    more = f"{len(answer.points) - rows} more plans: --rows {len(answer.points)}. " if len(answer.points) > rows else ""
    foot = Text(f"{more}sweep.csv has every headline of every plan.", style="dim")
    return Group(head, table, foot, *failures(answer.failures), kept_in(answer.folder))


def differing(by_point: Sequence[Mapping[str, Figure]]) -> list[str]:
    """Return the headlines that differ between plans, those that matter most first; all where none does."""
    every = {name: f for found in by_point for name, f in found.items()}
    values = {name: {str(found[name].headline.value) for found in by_point if name in found} for name in every}
    apart = [name for name in every if len(values[name]) > 1] or list(every)
    return sorted(apart, key=lambda name: -every[name].headline.weight)


def point_cell(figure: Figure | None, members: int) -> str:
    """Return a headline of one plan of a sweep, with its range where there are several futures."""
    if figure is None:
        return DASH
    h, q = figure.headline, figure.over
    if members == 1:
        return h.text_of(h.value)
    return f"{h.text_of(q.median)} ({h.in_cell(Span(q.low, q.median, q.high, q.without, q.members))})"


def compare(answer: Paired, rows: int) -> RenderableType:
    """Return the headlines of two plans in the same futures, and the range of their difference."""
    head = Text.assemble(
        (f"A  {answer.a}", "bold"), f"  {answer.a_hash[:8]}\n", (f"B  {answer.b}", "bold"), f"  {answer.b_hash[:8]}"
    )
    table = Fitting(PAIR_COLUMNS, [pair_row(p) for p in answer.headlines[:rows]])
    foot = Text(
        f"{answer.done:,} futures, the same in both. Amounts are over {answer.window.first} to {answer.window.last}.",
        style="dim",
    )
    return Group(head, table, foot, *failures(answer.failures), kept_in(answer.folder))


def pair_row(pair: Pair) -> tuple[str, ...]:
    """Return a headline of two plans: both medians, the range of the difference, how often B is above A."""
    h, d = pair.a.headline, pair.difference
    ends = (DASH, DASH) if math.isnan(d.low) else tuple(_signed(h, v) for v in (d.low, d.high))
    apart = ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
    above = DASH if math.isnan(pair.above_share) else f"{pair.above_share:.0%}"
    return (pair.name, h.text_of(pair.a.over.median), h.text_of(pair.b.over.median), apart, above)


def _signed(headline: Headline, value: float) -> str:
    """Return a difference with its sign, that of dates in days or months."""
    text = error_text(headline, abs(value))
    return text if not value else f"{'-' if value < 0 else '+'}{text}"


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
