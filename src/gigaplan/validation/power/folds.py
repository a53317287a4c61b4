"""Constants of node power that never saw a row's system, or any system of its maker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from gigaplan import catalog
from gigaplan.plan.resolve import node_draw_of
from gigaplan.power.inputs import NodeDraw
from gigaplan.validation.power.rows import table

FOLDS = "power_folds.csv"


@cache
def folds() -> Mapping[str, NodeDraw]:
    """Return the constants of each fold: fitted without one system, or without one maker."""
    shipped = node_draw_of(catalog.load())
    by: dict[str, dict[str, float]] = defaultdict(dict)
    for row in table(FOLDS):
        by[row["fold"]][row["constant"]] = float(row["value"])
    return {name: replace(shipped, **values) for name, values in by.items()}
