"""What a notebook shows of an answer: the sentence, figures with ranges, charts as still pictures, tables; offline.

Nothing in it runs: no script, no file is loaded, every text is escaped. Light and dark follow the notebook's theme.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from typing import Any

from gigaplan.catalog import Listed, Shown
from gigaplan.layers.serving import Frontiers
from gigaplan.layers.training import TrainRun
from gigaplan.layers.training_sites import SitesRun
from gigaplan.report import (
    charts,
    compare_page,
    deciding_page,
    frontier_view,
    sites_view,
    still,
    study_page,
    train_view,
)
from gigaplan.report.answer import answer as answer_text
from gigaplan.report.answer import ranges
from gigaplan.report.catalog_view import entities
from gigaplan.report.charts import Chart
from gigaplan.report.fact_words import entity_title
from gigaplan.report.headline import cards
from gigaplan.report.page import text_of
from gigaplan.report.words import claim_words
from gigaplan.results.explain import Explanation
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE, with_range
from gigaplan.results.verdicts import Claim
from gigaplan.study.compare import Comparison
from gigaplan.study.montecarlo import MonteCarlo
from gigaplan.study.sensitivity import Sensitivity
from gigaplan.vocabulary.figures import figure_text

Rows = Sequence[Sequence[str]]
BY_CLICK = " Workloads: click a name."
"""What a still picture can't do."""
MOST = 200
"""Entities or facts that one answer shows."""
FIGURES = 12
"""Rows of a table that a notebook shows."""


@cache
def style() -> str:
    """Return the style sheet of every answer, with the colours of charts by day and by night."""
    sheet = text_of("notebook.css").replace("DAY", still.variables(night=False))
    return sheet.replace("NIGHT", still.variables(night=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is shown of an answer."""

    title: str
    sentence: str = ""
    note: str = ""
    cards: tuple[tuple[str, str, str, str], ...] = ()
    """Name, figure, range, detail."""
    charts: tuple[Chart, ...] = ()
    tables: tuple[tuple[str, tuple[str, ...], Rows], ...] = ()
    """Caption, columns, rows."""


def html(answer: object) -> str:
    """Return an answer as HTML for a notebook; empty where it has no view of its own.

    Parameters
    ----------
    answer : object
        What a function of gigaplan returns.
    """
    for kind, make in SEVERAL:
        if _is_all(answer, kind):
            return _html(make(answer))
    if hasattr(answer, "result") and hasattr(answer, "holds"):
        return _html(_checked(answer))
    view = next((make for kind, make in VIEWS if isinstance(answer, kind)), None)
    return _html(view(answer)) if view else ""


def _html(view: View) -> str:
    parts = [f"<style>{style()}</style>", f"<h4>{escape(view.title)}</h4>"]
    parts += [f'<p class="{c}">{escape(t)}</p>' for c, t in (("a", view.sentence), ("s", view.note)) if t]
    if view.cards:
        parts.append(f'<div class="c">{"".join(_card(*card) for card in view.cards)}</div>')
    if drawn := [_figure(c) for c in view.charts if still.can_draw(c)]:
        parts.append(f'<div class="g">{"".join(drawn)}</div>')
    parts += [_table(*table) for table in view.tables]
    return f'<div class="gigaplan">{"".join(parts)}</div>'


def _card(name: str, figure: str, spread: str, detail: str) -> str:
    shown = f'<span class="s">{RANGE}: {escape(spread)}</span><br/>' if spread else ""
    named = f'<span class="s">{escape(name)}</span><b>{escape(figure)}</b>'
    return f'<div>{named}{shown}<span class="s">{escape(detail)}</span></div>'


def _figure(chart: Chart) -> str:
    unit = f"{chart.heading}: {chart.figures}" if chart.figures else chart.heading
    chart = replace(chart, caption=chart.caption.removesuffix(BY_CLICK))
    return (
        f"<figure><figcaption><strong>{escape(chart.heading)}</strong><small>{escape(chart.caption)}</small></figcaption>"
        f"{still.legend(chart)}{still.picture(chart)}<details><summary>The numbers</summary>"
        f"{_table(unit, chart.columns, chart.rows)}</details></figure>"
    )


def _table(caption: str, columns: Sequence[str], rows: Rows) -> str:
    head = "".join(f'<th scope="col">{escape(c)}</th>' if c else "<td></td>" for c in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(c)}</td>" for c in row[1:]) + "</tr>"
        for row in rows
    )
    top = f"<thead><tr>{head}</tr></thead>" if any(columns) else ""
    return f'<div class="o"><table><caption>{escape(caption)}</caption>{top}<tbody>{body}</tbody></table></div>'


def _result(result: Result) -> View:
    return View(
        title=result.stamp.title,
        sentence=answer_text(result),
        note=ranges(result),
        cards=tuple((c.name, c.value, c.range, "; ".join(filter(None, (c.detail, c.moved)))) for c in cards(result)),
        charts=tuple(charts.planner_charts(result).values()),
        tables=(_claims_table(result.claims),) if result.claims else (),
    )


def _claims_table(claims: Iterable[Claim]) -> tuple[str, tuple[str, ...], Rows]:
    found = [
        (f"{claim_words(c).mark} {c.id}", c.says, str(c.verdict), c.futures.text if c.futures else "") for c in claims
    ]
    return "Claims", ("", "says", "verdict", "futures"), found


def _checked(answer: Any) -> View:
    """Return the view of a checked plan: what holds, claim by claim."""
    result = answer.result
    holds = "No claim fails on every basis." if answer.holds else "Some claims do not hold."
    found = (_claims_table(result.claims),) if result.claims else ()
    return View(title=result.stamp.title, sentence=holds if result.claims else "No claims.", tables=found)


def _claims(claims: Any) -> View:
    return View(title=f"{len(claims)} claims", tables=(_claims_table(claims),))


def _claim(claim: Claim) -> View:
    rows = [(f.name, figure_text(f.value, f.unit), str(f.basis)) for f in claim.figures]
    return View(
        title=f"Claim {claim.id}",
        sentence=f"{claim.says}: {claim.verdict}.",
        note=claim.because,
        tables=(("Its figures", ("", "value", "basis"), rows),) if rows else (),
    )


def _comparison(answer: Comparison) -> View:
    figures = [compare_page.both(d) for d in answer.differences]
    rows = [
        (f.name, with_range(f.a, f.a_range), with_range(f.b, f.b_range), with_range(f.change, f.change_range))
        for f in figures[:FIGURES]
    ]
    drawn = charts.planner_charts(*answer.results) if answer.results else {}
    return View(
        title=f"A: {answer.a.title}. B, dashed: {answer.b.title}",
        sentence=compare_page.answer_text(answer),
        note=compare_page.ranges_text(answer),
        cards=tuple((c.name, c.change, c.change_range, f"A {c.a}, B {c.b}") for c in compare_page.cards(answer)),
        charts=tuple(drawn.values()),
        tables=((f"The first {len(rows)} of {len(figures)} figures that differ", ("", "A", "B", "B − A"), rows),),
    )


def _montecarlo(answer: MonteCarlo) -> View:
    first = study_page.first_figures(answer)
    return View(
        title=f"{answer.done:,} futures of {answer.plan}",
        sentence=study_page.answer_text(answer),
        note=f"Kept in {answer.folder}",
        cards=tuple((c.name, c.value, c.range, c.detail) for c in map(study_page.card, first)),
        charts=tuple(study_page.fans(answer)),
    )


def _sensitivity(answer: Sensitivity) -> View:
    return View(
        title=answer.brief_title(),
        sentence=deciding_page.answer_text(answer),
        charts=(deciding_page.deciding_chart(answer),),
    )


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _frontiers(answer: Frontiers) -> View:
    found = tuple((c["name"], c["value"], "", c["detail"]) for c in frontier_view.cards(answer))
    drawn = tuple(frontier_view.all_charts(answer))
    return View(
        title="Latency against throughput", sentence=f"{frontier_view.question(answer)}.", cards=found, charts=drawn
    )


def _train(run: TrainRun) -> View:
    rows = [tuple(row) for row in train_view.rows(run)]
    return View(
        title=train_view.title(run),
        sentence=f"{train_view.question(run)}.",
        charts=tuple(train_view.charts(run)),
        tables=(("The run", ("", ""), rows),),
    )


def _sites(run: SitesRun) -> View:
    return View(
        title=sites_view.title(run), sentence=f"{sites_view.question(run)}.", charts=tuple(sites_view.charts(run))
    )


def _explanation(tree: Explanation) -> View:
    rows = [(name, " ".join(str(value).split())) for name, value in tree.brief_rows() if str(value)]
    facts = [
        (e.fact.id, f"{e.value} {e.unit}".strip(), str(e.fact.evidence), f"{e.fact.source_title}, {e.fact.date}")
        for e in tree.entries
        if e.fact
    ]
    tables: list[tuple[str, tuple[str, ...], Rows]] = [("The figure", ("", ""), rows)]
    if facts:
        tables.append(
            (
                f"The first {min(len(facts), FIGURES)} of {len(facts)} facts",
                ("", "value", "evidence", "source"),
                facts[:FIGURES],
            )
        )
    return View(title=tree.brief_title(), sentence=tree.variable.meaning, tables=tuple(tables))


def _entities(listed: Any) -> View:
    """Return the view of a list of the catalog: a line for each entity."""
    rows = [(e.title, e.name, ", ".join(e.figures), f"{e.facts}", f"{e.sources}") for e in entities(listed[:MOST])]
    columns = ("", "name", "main figures", "facts", "sources")
    more = f", the first {MOST}" if len(listed) > MOST else ""
    return View(title="Catalog", tables=((f"{len(listed)} entities{more}", columns, rows),))


def _facts(shown: Any) -> View:
    """Return the view of facts of the catalog, each with its range, evidence and source."""
    rows = [
        (
            one.fact.id,
            one.human,
            one.span,
            str(one.fact.evidence),
            f"{one.fact.source_title}, {one.fact.date}",
            one.meaning,
        )
        for one in shown[:MOST]
    ]
    columns = ("", "value", "range", "evidence", "source", "meaning")
    first = entity_title(shown[0].fact.entity)
    return View(title=first, tables=((f"{len(shown)} facts", columns, rows),))


def _is_all(answer: object, kind: type) -> bool:
    return isinstance(answer, tuple) and bool(answer) and all(isinstance(one, kind) for one in answer)


SEVERAL: tuple[tuple[type, Callable[[Any], View]], ...] = ((Claim, _claims), (Listed, _entities), (Shown, _facts))
"""Kinds of which several are shown together."""
VIEWS: tuple[tuple[Any, Callable[[Any], View]], ...] = (
    (Result, _result),
    (Comparison, _comparison),
    (MonteCarlo, _montecarlo),
    (Sensitivity, _sensitivity),
    (Frontiers, _frontiers),
    (TrainRun, _train),
    (SitesRun, _sites),
    (Explanation, _explanation),
    (Claim, _claim),
)
"""Kinds of answers and what is shown of each."""
