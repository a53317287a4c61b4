"""The page of a sweep: how the headlines go with the lines of a plan, one plan after the other."""

from __future__ import annotations

import math

from gigaplan.report.charts import base
from gigaplan.report.charts.base import LIST_HEIGHT, ROW_HEIGHT, Chart
from gigaplan.report.charts.palette import NAVY
from gigaplan.report.study_page import CARDS, FigureCard, whole
from gigaplan.report.study_view import DAYS_PER_MONTH, differing, point_cell
from gigaplan.results.spread import RANGE
from gigaplan.study.montecarlo import Figure
from gigaplan.study.sweep import Point, Sweep

MOST_BARS = 40
"""Plans of a chart; the table has them all."""
CHARTS = 6


def html(answer: Sweep) -> str:
    """Return the page of a sweep; the same sweep gives the same bytes."""
    by_point = [{f.name: f for f in p.headlines} for p in answer.points]
    names = differing(by_point)
    futures = f"{answer.members:,} futures each: figures are medians. " if answer.members > 1 else ""
    return whole(
        title=f"{answer.plan}: {len(answer.points):,} plans",
        kicker="a grid of plans",
        intro=answer_text(answer, names),
        notes=(
            f"A conditional answer, not a forecast. {futures}Charts and cards have the headlines that differ most.",
        ),
        cards=[card for name in names if (card := _card(answer, name))][:CARDS],
        charts_heading="How the figures go with the lines",
        charts=[c for k, name in enumerate(names) if (c := _chart(answer, name, k))][:CHARTS],
        tables_heading="Every plan",
        tables=[_table(answer, names)],
        footer=f"Plan {answer.plan_hash[:12]} · seed {answer.seed} · {answer.members:,} members · ",
    )


def answer_text(answer: Sweep, names: list[str]) -> str:
    """Return what is varied, and how many headlines follow."""
    lines = " and ".join(answer.paths)
    every = {f.name for p in answer.points for f in p.headlines}
    return f"{len(answer.points):,} plans by {lines}: {len(names)} of {len(every)} headlines differ between them."


def words_of(point: Point) -> str:
    """Return what tells a plan from the others."""
    return ", ".join(point.values.values())


def _found(answer: Sweep, name: str) -> list[tuple[Point, Figure]]:
    """Return a headline in the plans in which there is a number of it."""
    each = ((p, f) for p in answer.points for f in p.headlines if f.name == name)
    return [(p, f) for p, f in each if math.isfinite(_value(f, answer.members))]


def _value(figure: Figure, members: int) -> float:
    return figure.headline.value if members == 1 else figure.over.median


def _card(answer: Sweep, name: str) -> FigureCard | None:
    """Return the lowest and the highest of a headline, with the plans that have them."""
    found = _found(answer, name)
    if not found:
        return None
    ordered = sorted(found, key=lambda pair: _value(pair[1], answer.members))
    (first, low), (last, high) = ordered[0], ordered[-1]
    texts = [f.headline.text_of(_value(f, answer.members)) for f in (low, high)]
    detail = f"to {texts[1]} with {words_of(last)}"
    return FigureCard(f"{name[:1].upper()}{name[1:]}", texts[0], f"with {words_of(first)}", detail)


def _chart(answer: Sweep, name: str, number: int) -> Chart | None:
    """Return a headline by plan: a date in months after the earliest."""
    found = _found(answer, name)[:MOST_BARS]
    if not found:
        return None
    head = found[0][1].headline
    values = [_value(f, answer.members) for _, f in found]
    earliest = min(values)
    dates = head.unit == "date"
    numbers = [(v - earliest) / DAYS_PER_MONTH for v in values] if dates else values
    unit = f"months after {head.text_of(earliest)}" if dates else head.unit
    labels = [words_of(p) for p, _ in found]
    left_out = f" The first {MOST_BARS} plans." if len(answer.points) > MOST_BARS else ""
    return Chart(
        f"by-plan-{number}",
        f"{name[:1].upper()}{name[1:]}",
        base.horizontal_bars([base.bar(name, numbers, NAVY)], labels, unit),
        f"By {', '.join(answer.paths)}.{left_out}",
        ("plan", f"median ({RANGE})" if answer.members > 1 else name),
        tuple((label, point_cell(f, answer.members)) for label, (_, f) in zip(labels, found, strict=True)),
        LIST_HEIGHT + ROW_HEIGHT * len(found),
    )


def _table(answer: Sweep, names: list[str]) -> tuple[str, tuple[str, ...], list[tuple[str, ...]], str]:
    columns = (*(path.rpartition(".")[2].replace("_", " ") for path in answer.paths), *names)
    rows = []
    for point in answer.points:
        found = {f.name: f for f in point.headlines}
        rows.append((*point.values.values(), *(point_cell(found.get(n), answer.members) for n in names)))
    return (
        f"{len(rows)} plans",
        columns,
        rows,
        f"By {', '.join(answer.paths)}. sweep.csv has every headline of every plan.",
    )
