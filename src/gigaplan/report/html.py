"""The HTML report: one file that holds its charts, numbers, claims and sources, and needs nothing else."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from markupsafe import Markup

from gigaplan.report import charts
from gigaplan.report.below_cost_line import below_cost_line
from gigaplan.report.events import first_tokens, limit_spans
from gigaplan.report.format import in_watts
from gigaplan.report.headline import answer, cards, hindsight, ranges
from gigaplan.report.page import template
from gigaplan.report.unserved_line import unserved_line
from gigaplan.report.years import rows
from gigaplan.results.coordinates import years
from gigaplan.results.lacking import if_held, left_out
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE
from gigaplan.vocabulary.facts import Evidence, Fact
from gigaplan.vocabulary.figures import figure_text, precisely


def html(result: Result) -> str:
    """Return the page of a result; the same result gives the same bytes."""
    drawn = charts.all_charts(result)
    return (
        template("report.html.j2").render(
            result=result,
            stamp=result.stamp,
            answer=answer(result),
            ranges=ranges(result),
            range_name=RANGE,
            left_out=left_out(result),
            cards=cards(result),
            evidence=list(Evidence),
            charts=drawn,
            first_tokens=if_held(first_tokens, result),
            limits=if_held(limit_spans, result),
            unserved=unserved_line(result),
            below_cost=below_cost_line(result),
            years=years(result),
            rows=rows(result),
            facts=result.facts(),
            hindsight=hindsight(result),
            later={f.id for f in result.ledger.hindsight()},
            conflicts=_conflicts(result),
            options=script({c.id: c.option for c in drawn.values()}),
            echarts=Markup(echarts()),
            draw=Markup(draw()),
            figure_text=figure_text,
            number=number,
            watts=lambda mw: in_watts(mw).of(mw),
        )
        + "\n"
    )


def number(fact: Fact) -> str:
    """Return a fact's value with its range, in six digits."""
    if isinstance(fact.value, str):
        return fact.value
    text = precisely(fact.number)
    if fact.low is None or fact.high is None:
        return text
    return f"{text} ({precisely(fact.low)} to {precisely(fact.high)})"


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
