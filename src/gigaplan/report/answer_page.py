"""The page of an answer, where its kind has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gigaplan.layers.serving import Frontiers
from gigaplan.layers.site_supply import SiteSupply
from gigaplan.layers.training import TrainRun
from gigaplan.layers.training_sites import SitesRun
from gigaplan.report import compare_page, frontier_view, published_view, sites_view, supply_view, train_view
from gigaplan.study.compare import Comparison
from gigaplan.validation.published import TableComparison
from gigaplan.validation.serving.validate import InferenceValidation

PAGES: dict[type, Callable[[Any], str]] = {
    Comparison: compare_page.html,
    Frontiers: frontier_view.html,
    SitesRun: sites_view.html,
    SiteSupply: supply_view.html,
    TrainRun: train_view.html,
}
OF_SEVERAL = (InferenceValidation, TableComparison)
"""Answers that share one page."""


def page_of(answer: Any) -> str | None:
    """Return the page of an answer; None where its kind has none.

    Parameters
    ----------
    answer : object
        What a verb returned; plans and studies write their pages where they are kept.
    """
    if isinstance(answer, list | tuple) and answer and all(isinstance(one, OF_SEVERAL) for one in answer):
        return published_view.html(answer)
    made = PAGES.get(type(answer))
    return None if made is None else made(answer)
