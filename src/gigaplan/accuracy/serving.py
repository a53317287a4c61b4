"""Accuracy of the serving model: intervals of times and throughput, and on what its constants were fitted.

Intervals are 80 % of the errors of rows that were each predicted by constants fitted without their own hardware
generation and model family (docs/accuracy.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from gigaplan import catalog
from gigaplan.accuracy import residuals
from gigaplan.accuracy.validity import validity as validity_of
from gigaplan.vocabulary.interval import Interval

RESIDUALS, ROWS = "serving_residuals", "serving_rows"
THROUGHPUT, RANGE = "throughput_residuals", "serving_range"
ROUNDING = 1e-3
"""Relative rounding of a stated range's edge."""
EXTRAPOLATED = 1.3
"""How much wider, in logarithms, an interval is on hardware or models without a measured row: set so that hardware
generations left out whole are covered (docs/accuracy.md)."""
CO_LOCATED = "co_located"
STATED, NOT_STATED = "disaggregated.stated", "disaggregated.not_stated"
"""Kinds of disaggregated rows: whether the number of workers is stated."""


@dataclass(frozen=True, slots=True)
class TimeIntervals:
    """Intervals of measured over predicted times."""

    ttft: Interval
    """Of the time to first token."""
    tpot: Interval
    """Of the time per output token."""


def kind(*, engine: str, disaggregated: bool, workers_stated: bool = True) -> str:
    """Return the key of residuals for one way to serve.

    Parameters
    ----------
    engine
        Serving engine: ``vllm``, ``sglang`` or ``trtllm``.
    disaggregated
        Whether prefill and decode have workers of their own.
    workers_stated
        Whether the number of these workers is known rather than guessed.
    """
    if not disaggregated:
        return f"{CO_LOCATED}.{engine}"
    return STATED if workers_stated else NOT_STATED


def interval(*, kind: str, extrapolated: bool) -> TimeIntervals:
    """Return the 80 % intervals of measured over predicted times.

    Parameters
    ----------
    kind
        Key of residuals, from :func:`kind`.
    extrapolated
        Whether the hardware or the model has no measured row. Intervals of co-located serving are wider then; those of
        disaggregated serving, which were never fitted, are as they are.

    Raises
    ------
    UnknownKindError
        If there are no residuals of such a kind.
    """
    residuals.check_key("serving kind", kind, [".".join(k) for k in residuals.keys(RESIDUALS)])
    by = EXTRAPOLATED if extrapolated and kind.startswith(CO_LOCATED) else 1.0
    ttft, tpot = (
        residuals.interval(f"{RESIDUALS}.{kind}", f"{time}_over_predicted").widened(by) for time in ("ttft", "tpot")
    )
    return TimeIntervals(ttft, tpot)


@cache
def measured_generations() -> frozenset[str]:
    """Return the hardware generations whose rows the constants were fitted on."""
    return frozenset(generation for generation, _ in residuals.keys(ROWS))


@cache
def measured_families() -> frozenset[str]:
    """Return the model families whose rows the constants were fitted on."""
    return frozenset(family for _, family in residuals.keys(ROWS))


def validity(*, generation: str, family: str, workers_stated: bool = True, further: Sequence[str] = ()) -> str:
    """Return ``inside`` where constants were fitted on such hardware and models, else ``extrapolated`` with the
    reasons.

    Parameters
    ----------
    generation, family
        Hardware generation of the system and family of the model (:mod:`gigaplan.catalog.names`).
    workers_stated
        False where the number of workers is a guess.
    further
        Other reasons against the constants.
    """
    reasons = []
    if generation not in measured_generations():
        reasons.append(f"no measured row of {generation} hardware")
    if family not in measured_families():
        reasons.append(f"no measured row of {family}")
    if not workers_stated:
        reasons.append("the number of workers is not stated")
    return validity_of([*reasons, *further])


def beyond_range(*, input_over_output: float, active_parameters: float) -> tuple[str, ...]:
    """Return why a request or a model lies beyond the rows that the constants were fitted on.

    Parameters
    ----------
    input_over_output
        Input tokens of a request over its output tokens [1].
    active_parameters
        Parameters of the model that a token visits [1].
    """
    largest = catalog.load().find(RANGE, "largest_input_over_output").number
    smallest = catalog.load().find(RANGE, "smallest_active_parameters").number
    reasons = []
    if input_over_output > largest:
        often = f"input is {input_over_output:,.0f} times the output, of measured rows at most {largest:,.0f}"
        reasons.append(f"{often} (not in the interval)")
    if active_parameters < smallest * (1 - ROUNDING):
        size, measured = (f"{n / 1e9:,.1f} B" for n in (active_parameters, smallest))
        small = f"{size} active parameters, of measured rows at least {measured}"
        reasons.append(f"{small}: launches may set the pace (not in the interval)")
    return tuple(reasons)


def throughput_kind(*, scenario: str, vendor: str, first_round: bool) -> str:
    """Return the key of throughput residuals.

    Parameters
    ----------
    scenario
        ``saturated``, or an MLPerf scenario: ``offline``, ``server`` or ``interactive``.
    vendor
        Of the hardware, whose software it is: ``nvidia`` or ``other``.
    first_round
        Whether it is MLPerf's first round with this benchmark.
    """
    return f"{scenario}.{vendor}.{'first' if first_round else 'later'}"


def throughput_interval(*, kind: str, new_hardware: bool) -> Interval:
    """Return the 80 % interval of measured over predicted tokens per second.

    Parameters
    ----------
    kind
        Key of residuals, from :func:`throughput_kind`.
    new_hardware
        Whether the hardware generation has no measured row: the interval is wider about the median error then.

    Raises
    ------
    UnknownKindError
        If there are no residuals of such a kind.
    """
    residuals.check_key("throughput kind", kind, [".".join(k) for k in residuals.keys(THROUGHPUT)])
    fact = catalog.load().find(f"{THROUGHPUT}.{kind}", "throughput_over_predicted")
    assert fact.low is not None
    assert fact.high is not None
    return about_median(fact.low, fact.number, fact.high, new_hardware=new_hardware)


def about_median(low: float, median: float, high: float, *, new_hardware: bool) -> Interval:
    """Return an interval of errors, widened about their median on new hardware, that holds the prediction itself.

    Parameters
    ----------
    low, median, high
        Quantiles of measured over predicted [1].
    new_hardware
        Whether the hardware generation has no measured row.
    """
    by = EXTRAPOLATED if new_hardware else 1.0
    middle = np.log(median)
    edges = (float(np.exp(middle + by * (np.log(edge) - middle))) for edge in (low, high))
    return Interval(*edges).holding_one()
