"""The HTML report: one file that holds its charts, numbers, claims and sources, and needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files

from markupsafe import Markup

from gigaplan.report import charts
from gigaplan.report.answer import answer, ranges
from gigaplan.report.charts import Chart
from gigaplan.report.charts.ladder import ladder
from gigaplan.report.events import first_tokens
from gigaplan.report.format import fixed, in_watts
from gigaplan.report.headline import cards, hindsight
from gigaplan.report.influence import FIRST, by_influence, fact_text
from gigaplan.report.page import template
from gigaplan.report.unserved_line import unserved_line
from gigaplan.report.words import claim_words
from gigaplan.report.years import rows
from gigaplan.results.coordinates import years
from gigaplan.results.lacking import if_held, left_out
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE
from gigaplan.vocabulary.facts import Evidence, Fact
from gigaplan.vocabulary.figures import figure_text

TABS: Mapping[str, charts.ColourBy] = {"ladder-place": "place", "ladder-generation": "generation"}
"""The ladder again, stacked by another dimension, behind a tab."""


def html(result: Result) -> str:
    """Return the page of a result; the same result gives the same bytes."""
    front = charts.planner_charts(result)
    tabs = {chart_id: chart for chart_id, by in TABS.items() if (chart := _tab(result, chart_id, by))}
    more, figures = charts.more_charts(result), cards(result)
    drawn = front | tabs | more
    return (
        template("report.html.j2").render(
            result=result,
            stamp=result.stamp,
            answer=answer(result),
            ranges=ranges(result),
            range_name=RANGE,
            left_out=left_out(result),
            cards=figures,
            evidence=list(Evidence),
            charts=drawn,
            front=[c for c in front if c != "ladder"],
            tabs=[c for c in ("ladder", *TABS) if c in drawn],
            tab_names=dict(zip(("ladder", *TABS), ("state", *TABS.values()), strict=True)),
            more=list(more),
            first_tokens=if_held(first_tokens, result),
            unserved=unserved_line(result),
            years=years(result),
            rows=rows(result),
            facts=by_influence(result, figures),
            shown_first=FIRST,
            hindsight=hindsight(result),
            later={f.id for f in result.ledger.hindsight()},
            conflicts=_conflicts(result),
            options=script({c.id: c.option for c in drawn.values()}),
            echarts=Markup(echarts()),
            draw=Markup(draw()),
            figure_text=figure_text,
            claim_words=claim_words,
            number=fact_text,
            watts=_in_one_scale(result),
        )
        + "\n"
    )


def _in_one_scale(result: Result) -> Callable[[float], str]:
    """Return what writes the power of sites, all in the unit of the largest."""
    unit = in_watts(max((s.power_mw for s in if_held(first_tokens, result) or ()), default=0.0))
    return lambda mw: f"{fixed(mw / unit.size)} {unit.name}"


def _tab(result: Result, chart_id: str, by: charts.ColourBy) -> Chart | None:
    """Return the ladder stacked by another dimension, None where a saved result can't give it."""
    found = if_held(ladder, result, colour_by=by)
    return replace(found, id=chart_id) if found else None


def _conflicts(result: Result) -> list[tuple[Fact, list[Fact]]]:
    """Return the facts that the run used although other sources differ, with those."""
    from gigaplan import catalog

    used = {f.id for f in result.facts()}
    return [(chosen, others) for chosen, others in catalog.load().conflicts() if chosen.id in used]


def script(data: object) -> Markup:
    """Return JSON that can't end its script element."""
    return Markup(json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"))


@cache
def echarts() -> str:
    """Return the charts' library, fit to stand in a page."""
    return (
        (files("gigaplan.report") / "vendor" / "echarts.min.js")
        .read_text(encoding="utf-8")
        .replace("</script", "<\\/script")
    )


@cache
def draw() -> str:
    """Return the script that draws the charts of a page."""
    return (files("gigaplan.report") / "templates" / "charts.js").read_text(encoding="utf-8")
