"""Accuracy of the node power model: the interval of a node's draw, and which hardware generations were measured.

The interval is 80 % of the errors of rows that were each predicted by constants fitted without their own system
(docs/accuracy.md).
"""

from __future__ import annotations

from functools import cache

from gigaplan.accuracy import residuals
from gigaplan.vocabulary.interval import Interval

RESIDUALS, ROWS = "power_residuals.node", "power_rows"
EXTRAPOLATED = 1.5
"""How much wider, in logarithms, an interval is for a benchmark or a generation without a measured row."""


def interval(*, extrapolated: bool) -> Interval:
    """Return the 80 % interval of measured over predicted power of a node in training.

    Parameters
    ----------
    extrapolated
        Whether the benchmark or the hardware generation has no measured row.
    """
    return residuals.interval(RESIDUALS, "node_power_over_predicted").widened(EXTRAPOLATED if extrapolated else 1.0)


@cache
def measured_generations() -> frozenset[str]:
    """Return the hardware generations of which nodes were measured."""
    return frozenset(generation for (generation,) in residuals.keys(ROWS))
