"""Coupling of capability to the largest run: what the best model so far is worth, and what its rise rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.plan.scenario import Scenario
from gigaplan.training.capability import eci, eci_interval
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR


@dataclass(frozen=True, slots=True)
class CapabilityReached:
    """Capability of the best model so far. Shapes: member M, bound of a range, month n."""

    eci: Array
    """(M, bound, n) low, central, high [ECI points]; nan before any run."""
    from_compute: Array
    """(M, n) its rise since the first run that a larger run brings [ECI points]."""
    from_methods: Array
    """(M, n) its rise since the first run that time brings at the same compute [ECI points]."""


def capability_reached(scenario: Scenario, flop: Array) -> CapabilityReached:
    """Return what the best model so far is worth, and its rise by cause.

    A model is worth what its run and its release make it; it stays as it is when later runs are smaller, and nothing is
    added by time in which nobody trains.

    Parameters
    ----------
    scenario : Scenario
        Scenario with the relation of capability to compute and date.
    flop : numpy.ndarray
        Run that ends with each month [FLOP], shape (M, n); 0 where there is none.

    Returns
    -------
    CapabilityReached
        Capability with its range, and the parts of its rise.
    """
    relation, axis = scenario.capability, scenario.axis
    ran = flop > 0
    of_run = np.where(ran, flop, relation.reference_flop)
    released = axis.edge_days[1:] - axis.days_since_start(relation.reference_date)
    years = np.broadcast_to(released / DAYS_PER_YEAR, flop.shape)
    low, high = eci_interval(of_run, years, relation)
    central = np.where(ran, eci(of_run, years, relation), -np.inf)
    best = _best_so_far(central)
    bounds = np.stack([np.take_along_axis(v, best, axis=-1) for v in (low, central, high)], axis=1)
    begun = np.logical_or.accumulate(ran, axis=-1)
    first = np.broadcast_to(np.argmax(ran, axis=-1)[:, None], flop.shape)
    decades, passed = (
        np.take_along_axis(v, best, axis=-1) - np.take_along_axis(v, first, axis=-1) for v in (np.log10(of_run), years)
    )
    return CapabilityReached(
        np.where(begun[:, None], bounds, np.nan),
        np.where(begun, column(relation.eci_per_decade_flop, 2) * decades, 0.0),
        np.where(begun, column(relation.eci_per_year, 2) * passed, 0.0),
    )


def _best_so_far(values: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return the place of the largest value up to each month, shape (M, n)."""
    months = np.arange(values.shape[-1])
    newest = np.where(values >= np.maximum.accumulate(values, axis=-1), months, 0)
    return np.maximum.accumulate(newest, axis=-1)
