"""The page of a sensitivity study: which assumptions decide a plan, and what each does to the figures."""

from __future__ import annotations

import math

import numpy as np

from gigaplan.report.charts import base
from gigaplan.report.charts.base import LIST_HEIGHT, ROW_HEIGHT, Chart
from gigaplan.report.charts.palette import GOLD, NAVY
from gigaplan.report.fact_words import fact_words
from gigaplan.report.study_page import CARDS, FIRST_NAMES, FigureCard, whole
from gigaplan.report.study_view import DAYS_PER_MONTH, effect_columns, effect_row, range_of
from gigaplan.results.spread import RANGE
from gigaplan.study.sensitivity import Deciding, Effect, Sensitive, Sensitivity

SHOWN = 15
"""Inputs of a chart."""
LISTED, MIN_SHARE = 40, 0.0005
"""Inputs of a table, and the share below which one decides nothing that is worth a row."""
BARE, COUNTED = ("", "1", "share"), ("month", "year", "day", "hour")
"""Units that aren't written, and those that are things to be counted."""
FIGURES = 4
"""Headlines that have a chart and a table of their own."""


def html(answer: Sensitivity) -> str:
    """Return the page of a study of what decides a plan; the same study gives the same bytes."""
    named = [d for d in answer.deciding if d.inputs]
    figures = first_figures(answer)
    return whole(
        title=f"What decides {answer.plan}",
        kicker="assumptions and what they decide",
        intro=answer_text(answer),
        notes=(
            "A conditional answer, not a forecast. An input decides a headline by the share of its variance that rests "
            "on it; the shares here are means over all headlines, by how much each matters.",
        ),
        cards=[_card(d) for d in named[:CARDS]],
        charts_heading="What the figures rest on",
        charts=[deciding_chart(answer), *(c for k, f in enumerate(figures) if (c := _tornado(f, k)))],
        tables_heading="What decides",
        tables=[
            _deciding(answer),
            *(_effects(answer.method, f) for f in figures),
        ],
        footer=f"Plan {answer.plan_hash[:12]} · seed {answer.seed} · {answer.members:,} members · ",
    )


def answer_text(answer: Sensitivity) -> str:
    """Return which inputs decide most."""
    named = [d for d in answer.deciding if d.inputs and d.share > 0][:3]
    if not named:
        return "No input that is looked at moves a headline."
    words = ", ".join(f"{fact_words(d.name)} ({d.share:.0%})" for d in named)
    return f"The headlines rest most on {words}: {answer.method}, {answer.members:,} members."


def first_figures(answer: Sensitivity) -> list[Sensitive]:
    """Return the headlines that matter most of those that an input moves."""
    moved = [s for s in answer.headlines if s.effects and s.effects[0].share > 0]
    by_name = {s.headline.name: s for s in moved}
    chosen = [by_name[n] for n in FIRST_NAMES if n in by_name]
    rest = sorted((s for s in moved if s not in chosen), key=lambda s: -s.headline.weight)
    return [*chosen, *rest][:FIGURES]


def deciding_chart(answer: Sensitivity) -> Chart:
    """Return how much of all headlines rests on each input."""
    shown = [d for d in answer.deciding if d.inputs and d.share >= MIN_SHARE][:SHOWN]
    names = [fact_words(d.name) for d in shown]
    bars = base.bar("share of the headlines' variance", [100 * d.share for d in shown], NAVY)
    return Chart(
        "decides",
        f"What decides {answer.plan}",
        base.horizontal_bars([bars], names, "% of the headlines' variance"),
        f"Mean share by how much each headline matters; {answer.method}, {answer.members:,} members.",
        ("input", "share"),
        tuple((name, f"{100 * d.share:.1f} %") for name, d in zip(names, shown, strict=True)),
        LIST_HEIGHT + ROW_HEIGHT * len(shown),
    )


def _card(one: Deciding) -> FigureCard:
    central, ends, unit, evidence = range_of(one)
    unit = "" if unit in BARE else f" {unit}s" if unit in COUNTED else f" {unit}"
    detail = f"of the headlines' variance; central {central}{unit}" + (f", {evidence}" if evidence else "")
    return FigureCard(_capital(fact_words(one.name)), f"{one.share:.0%}", f"{RANGE}: {ends}{unit}", detail)


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _tornado(of: Sensitive, number: int) -> Chart | None:
    """Return what a headline becomes with each input at either end of its range; None where no end is known."""
    h = of.headline
    known = [e for e in _deciding_effects(of) if any(math.isfinite(_apart(of, v)) for v in (e.low, e.high))][:SHOWN]
    if not known:
        return None
    unit = "months" if h.unit == "date" else "%"
    names = [fact_words(e.input) for e in known]
    ends = {"input at its low end": [e.low for e in known], "input at its high end": [e.high for e in known]}
    series = [
        base.bar(name, np.array([_apart(of, v) for v in values]), colour, None) | {"barGap": "-100%"}
        for (name, values), colour in zip(ends.items(), (GOLD, NAVY), strict=True)
    ]
    first = known[0]
    return Chart(
        f"effects-{number}",
        _capital(h.name),
        base.horizontal_bars(series, names, f"{unit} from {h.text}"),
        f"{h.text} with every input at its central value. {_sentence(of, first)}",
        ("input", "share", "at low", "at high"),
        tuple((fact_words(e.input), f"{e.share:.0%}", h.text_of(e.low), h.text_of(e.high)) for e in known),
        LIST_HEIGHT + ROW_HEIGHT * len(known),
    )


def _deciding_effects(of: Sensitive) -> list[Effect]:
    """Return the effects of inputs on which a headline rests at all."""
    return [e for e in of.effects if e.share >= MIN_SHARE]


def _sentence(of: Sensitive, first: Effect) -> str:
    h = of.headline
    ends = " to ".join(h.text_of(v) for v in (first.low, first.high))
    return f"{_capital(fact_words(first.input))} alone makes it {ends}, from its low to its high end."


def _apart(of: Sensitive, value: float) -> float:
    """Return how far a figure is from its central one, in percent, a date in months; nan where there is no saying."""
    h = of.headline
    if h.unit == "date":
        return (value - h.central) / DAYS_PER_MONTH
    return 100 * (value / h.central - 1) if h.central else math.nan


def _deciding(answer: Sensitivity) -> tuple[str, tuple[str, ...], list[tuple[str, ...]], str]:
    columns = ("input", "decides", "central", RANGE, "unit", "evidence")
    decide = [d for d in answer.deciding if d.share >= MIN_SHARE]
    rows = [(d.name, f"{d.share:.1%}", *range_of(d)) for d in decide[:LISTED]]
    words = "decides: mean share of the headlines' variance, by how much they matter."
    left_out = f" {len(answer.deciding) - len(rows):,} inputs that decide less are left out; JSON has them all."
    return f"The first {len(rows)} inputs", columns, rows, words + left_out


def _effects(method: str, of: Sensitive) -> tuple[str, tuple[str, ...], list[tuple[str, ...]], str]:
    rows = [effect_row(method, of, e) for e in _deciding_effects(of)[:LISTED]]
    return of.headline.name, effect_columns(method), rows, f"{of.headline.text} with every input at its central value."
