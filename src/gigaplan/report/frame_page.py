"""The page of a view for one reader, a lender or the developer of a site: what the planner's frames show, to print."""

from __future__ import annotations

from markupsafe import Markup

from gigaplan.report import html as page
from gigaplan.report.frames import FRAMES, frame, largest
from gigaplan.report.page import style_sheet, template
from gigaplan.report.words import place
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE
from gigaplan.vocabulary.errors import Place, PlanError, unknown_choice

WHOLE = "plan"
VIEWS = (WHOLE, *FRAMES)
"""Whose page: of everything in a plan, of a lender, of the developer of one site."""
KICKERS = {"lender": "what a lender looks at", "site": "what the developer of a site looks at"}


def view(result: Result, kind: str = WHOLE, site: str = "") -> str:
    """Return the page of a view; the same result gives the same bytes.

    Parameters
    ----------
    result : Result
        A simulated plan.
    kind : str
        One of :data:`VIEWS`.
    site : str
        The site of its developer's view; the one with most power if empty.

    Raises
    ------
    PlanError
        If there is no such view or site; the nearest is given.
    """
    if kind not in VIEWS:
        raise PlanError([unknown_choice("no such view", Place("view"), kind, VIEWS, "name one of them")])
    if kind == WHOLE:
        return page.html(result)
    name = site or (largest(result) if kind == "site" else "")
    found = frame(result, kind, name)
    return (
        template("frame.html.j2").render(
            stamp=result.stamp,
            kicker=KICKERS[kind],
            title=f"{place(name)}: {result.stamp.title}" if name else result.stamp.title,
            frame=found,
            range_name=RANGE,
            style=Markup(style_sheet()),
            options=page.script({c.id: c.option for c in found.charts}),
            echarts=Markup(page.echarts()),
            draw=Markup(page.draw()),
        )
        + "\n"
    )
