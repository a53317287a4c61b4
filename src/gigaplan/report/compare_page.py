"""The page of a comparison: who is ahead, the figures of both, both on one axis, causes, lines that differ."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from gigaplan._version import __version__
from gigaplan.report import charts
from gigaplan.report import html as page
from gigaplan.report.compare_view import causes_text, change_range, change_text, what_ranges_are
from gigaplan.report.headline import asks
from gigaplan.report.leads import leads, ranges, sentence
from gigaplan.report.page import style_sheet, template
from gigaplan.results.spread import RANGE
from gigaplan.study.compare import Comparison, Difference, InputDifference

FIRST_TOKENS = "first tokens of the announced sites"
GPUS, TOKENS = "GPUs producing at the peak", "generated tokens a day, last 12 months"
FULL_COST = "cost per million generated tokens, last 12 months, cost of capital included"
OF_QUESTION = {
    "announcement": (FIRST_TOKENS, GPUS, FULL_COST, "tranches released"),
    "build_or_rent": ("cost", "net present value of the plan", "most funding needed", FIRST_TOKENS),
    "capacity": (GPUS, TOKENS, FULL_COST, FIRST_TOKENS),
    "load": ("energy at the meter", "facility power drawn at the peak", "cost", FIRST_TOKENS),
}
"""The figures that answer what plan A asks."""
CARDS = 4


@dataclass(frozen=True, slots=True)
class Both:
    """A figure of both plans as text: itself, its ranges, the difference and what causes it."""

    name: str
    a: str
    a_range: str
    b: str
    b_range: str
    change: str
    change_range: str
    because: str


def both(difference: Difference) -> Both:
    """Return a figure that differs as text."""
    here, there, apart = difference.headline, difference.other, difference.span
    return Both(
        here.name,
        here.text,
        here.range_text,
        there.text,
        there.range_text,
        change_text(difference),
        change_range(apart, here) if apart else "",
        causes_text(difference),
    )


def answer_text(answer: Comparison) -> str:
    """Return which plan is ahead in what, by how much and since when; how many figures differ where the results are no
    longer at hand."""
    if answer.results is None:
        return f"{len(answer.differences)} figures differ, {len(answer.same)} do not."
    if not answer.differences:
        return f"No figure differs ({len(answer.same)} compared)."
    return sentence(leads(*answer.results), _first_tokens(answer))


def ranges_text(answer: Comparison) -> str:
    """Return the ranges of the differences in one sentence; empty where there are none."""
    return ranges(leads(*answer.results)) if answer.results and answer.differences else ""


def _first_tokens(answer: Comparison) -> str:
    """Return the plan with the earlier first tokens, and by how much; empty where they come alike or never."""
    found = next((d for d in answer.differences if d.headline.name == FIRST_TOKENS), None)
    if found is None or found.b == found.headline.value or found.b != found.b:
        return ""
    change, here, there = change_text(found), found.headline.date, found.b
    if found.headline.value != found.headline.value:
        return f"B first tokens ({found.other.date}, which A never has)"
    who = "B" if there < found.headline.value else "A"
    mine, theirs = (found.other.date, here) if who == "B" else (here, found.other.date)
    return f"{who} first tokens ({change.lstrip('+-')} earlier: {mine[:7]}, not {theirs[:7]})"


def cards(answer: Comparison) -> list[Both]:
    """Return the four figures that differ and answer what A asks; what is missing is filled up by what matters."""
    by_name = {d.headline.name: d for d in answer.differences}
    question = asks(answer.results[0]) if answer.results else "capacity"
    chosen = [by_name[n] for n in OF_QUESTION[question] if n in by_name]
    rest = sorted((d for d in answer.differences if d not in chosen), key=lambda d: -d.headline.weight)
    return [both(d) for d in (*chosen, *rest)[:CARDS]]


def lines_by_group(answer: Comparison) -> dict[str, list[InputDifference]]:
    """Return the lines of the plans that differ, by the group that they are swapped with."""
    groups: dict[str, list[InputDifference]] = {}
    for line in answer.inputs:
        if line.kind == "plan":
            groups.setdefault(line.group or "no figure", []).append(line)
    return groups


def html(answer: Comparison) -> str:
    """Return the page of a comparison; the same comparison gives the same bytes.

    Parameters
    ----------
    answer : Comparison
        Two results side by side; without them at hand the page has no charts.
    """
    drawn = charts.planner_charts(*answer.results) if answer.results else {}
    theirs = charts.planner_charts(answer.results[1]) if answer.results else {}
    figures = [both(d) for d in answer.differences]
    claims = {c.id: c.says for result in answer.results or () for c in result.claims}
    return (
        template("compare.html.j2").render(
            answer=answer,
            sentence=answer_text(answer),
            ranges=ranges_text(answer),
            range_name=RANGE,
            cards=cards(answer),
            charts=drawn,
            theirs=theirs,
            figures=figures,
            ranged=any(f.a_range or f.b_range for f in figures),
            how=what_ranges_are(answer) if any(f.a_range or f.b_range for f in figures) else "",
            caused=[f for f in figures if f.because],
            says=claims,
            groups=lines_by_group(answer),
            facts=[line for line in answer.inputs if line.kind == "fact"],
            style=Markup(style_sheet()),
            options=page.script({c.id: c.option for c in drawn.values()}),
            echarts=Markup(page.echarts()),
            draw=Markup(page.draw()),
            version=__version__,
        )
        + "\n"
    )
