"""The page of two plans over the same futures: how far each headline of the one is from that of the other."""

from __future__ import annotations

import math

from gigaplan.report.charts import base
from gigaplan.report.charts.base import LIST_HEIGHT, ROW_HEIGHT, Chart
from gigaplan.report.charts.palette import NAVY
from gigaplan.report.study_page import CARDS, FigureCard, whole
from gigaplan.report.study_view import PAIR_COLUMNS, pair_row
from gigaplan.results.spread import RANGE
from gigaplan.study.pairs import Pair, Paired

SHOWN = 15
"""Headlines of the chart; the table has them all."""


def html(answer: Paired) -> str:
    """Return the page of two plans over the same futures; the same study gives the same bytes."""
    missing = f" {answer.members - answer.done:,} could not be computed." if answer.done < answer.members else ""
    return whole(
        title=f"{_names(answer)} in the same {answer.done:,} futures",
        kicker="two plans, the same futures",
        intro=f"{answer_text(answer)}{missing}",
        notes=(
            "A conditional answer, not a forecast. In each future both plans have the same draws of what both leave "
            f"open; a difference is that within a future, {RANGE} of the futures lie between the ends of its range. "
            f"Amounts are over {answer.window.first} to {answer.window.last}.",
        ),
        cards=[_card(p) for p in answer.headlines[:CARDS]],
        charts_heading="How sure the differences are",
        charts=[above_chart(answer)],
        tables_heading="Every headline",
        tables=[_table(answer)],
        footer=f"A {answer.a_hash[:12]} · B {answer.b_hash[:12]} · seed {answer.seed} · {answer.done:,} members · ",
    )


def _names(answer: Paired) -> str:
    return f"{answer.a} as it is (A) and changed (B)" if answer.a == answer.b else f"{answer.a} (A) and {answer.b} (B)"


def answer_text(answer: Paired) -> str:
    """Return the differences that matter most, in words."""
    apart = [p for p in answer.headlines if p.score > 0][:3]
    if not apart:
        return "No headline differs between A and B."
    return f"What differs most: {'; '.join(f'{p.name} {_medians(p)}' for p in apart)}."


def above_chart(answer: Paired) -> Chart:
    """Return in how many futures each headline of B is above that of A."""
    apart = [p for p in answer.headlines if not math.isnan(p.above_share)]
    shown = [p for p in apart if p.above_share or p.difference.low or p.difference.high][:SHOWN]
    bars = base.bar("futures in which B is above A", [100 * p.above_share for p in shown], NAVY)
    drawn = base.horizontal_bars([bars], [p.name for p in shown], "% of the futures")
    drawn["xAxis"] |= {"min": 0, "max": 100}
    return Chart(
        "above",
        "In how many futures B is above A",
        drawn,
        "Near 100 or near 0 the sign of the difference is sure; near 50 it is not. Of dates, above is later; headlines "
        "that differ in no future are left out.",
        ("headline", "B above A"),
        tuple((p.name, f"{p.above_share:.0%}") for p in shown),
        LIST_HEIGHT + ROW_HEIGHT * len(shown),
    )


def _card(pair: Pair) -> FigureCard:
    *_, apart, above = pair_row(pair)
    name = f"{pair.name[:1].upper()}{pair.name[1:]}"
    return FigureCard(name, _medians(pair), f"B − A, {RANGE}: {apart}", f"B is above A in {above} of the futures")


def _medians(pair: Pair) -> str:
    h = pair.a.headline
    return f"{h.text_of(pair.a.over.median)} → {h.text_of(pair.b.over.median)}"


def _table(answer: Paired) -> tuple[str, tuple[str, ...], list[tuple[str, ...]], str]:
    words = f"Medians and {RANGE} of {answer.done:,} futures, the same in both."
    return f"{len(answer.headlines)} headlines", PAIR_COLUMNS, [pair_row(p) for p in answer.headlines], words
