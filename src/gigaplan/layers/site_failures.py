"""What failures leave of a run over several sites: restarts of all, fault-tolerant groups, and sites that fail apart.

Shares are those of :mod:`gigaplan.training.reliability` at the best interval and number of spares, spares counted as
GPUs that don't train. Groups are single replicas of the layout, which restart by themselves while the others go on
(fault-tolerant data parallelism).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gigaplan.catalog import Catalog
from gigaplan.layers.failures import BYTES_PER_PARAMETER, unit_gpus
from gigaplan.plan.resolve import failures_of
from gigaplan.training.reliability import (
    Recovery,
    best_interval_s,
    best_spares,
    expected_share,
    failures_per_s,
    hazards,
)
from gigaplan.training.sites import goodput_between_exchanges
from gigaplan.vocabulary.members import Array

SIZES = 24
"""Numbers of GPUs at which goodput is calculated; in between it is taken along their logarithm."""


@dataclass(frozen=True, slots=True)
class GoodputBySize:
    """Goodput by the number of GPUs. Shapes: size."""

    log_gpus: Array
    restart: Array
    """All stop and load the last checkpoint."""
    groups: Array
    """Only the replica that is hit restarts."""
    mtbf_s: Array
    """Between failures of the whole."""

    def restarted(self, gpus: Array) -> Array:
        """Return the share that restarts of all leave of so many GPUs."""
        return np.interp(np.log(np.maximum(gpus, 1.0)), self.log_gpus, self.restart)

    def grouped(self, gpus: Array) -> Array:
        """Return the share that fault-tolerant groups leave."""
        return np.interp(np.log(np.maximum(gpus, 1.0)), self.log_gpus, self.groups)

    def best(self, gpus: Array) -> Array:
        """Return the better of the two."""
        return np.maximum(self.restarted(gpus), self.grouped(gpus))

    def mean_time_s(self, gpus: Array) -> Array:
        """Return the mean time between failures [s]."""
        return np.exp(np.interp(np.log(np.maximum(gpus, 1.0)), self.log_gpus, np.log(self.mtbf_s)))


def goodput_by_size(
    facts: Catalog, system: str, minimum: float, most: float, replica_gpus: int, parameters: float
) -> GoodputBySize:
    """Return the goodput of a system between two numbers of GPUs.

    Parameters
    ----------
    facts, system
        The catalog, and a system of it.
    least, most
        Numbers of GPUs.
    replica_gpus
        GPUs of one data replica.
    parameters
        Of the model; its checkpoint is as large as its state.
    """
    unit = unit_gpus(facts, system)
    sizes = np.unique(np.round(np.geomspace(max(minimum, 1.0), max(most, minimum, 1.0), SIZES)))
    failures = failures_of(facts)

    def share(gpus: float, recovery: Recovery) -> tuple[float, float]:
        groups = max(round(gpus / replica_gpus), 1)
        h = hazards(
            failures, gpus=int(gpus), unit_gpus=unit, state_bytes=BYTES_PER_PARAMETER * parameters, groups=groups
        )
        h = replace(h, interval_s=best_interval_s(h, recovery))
        h = replace(h, spares=best_spares(h, recovery))
        units = float(np.mean(h.units))
        spare = units / (units + float(np.mean(h.spares)))
        return expected_share(h, recovery) * spare, float(1 / np.mean(failures_per_s(h)))

    restart = np.array([share(n, "restart") for n in sizes])
    groups = np.array([share(n, "groups")[0] for n in sizes])
    return GoodputBySize(np.log(sizes), restart[:, 0], groups, restart[:, 1])


def goodput_of(
    goodput: GoodputBySize, gpus: Array, chosen: NDArray[np.bool_], period_s: float, *, in_step: bool
) -> Array:
    """Return what failures leave of each choice of sites on each day, by the better recovery.

    Parameters
    ----------
    goodput
        Of the system, by size.
    gpus
        Of each site on each day; shape (site, day).
    chosen
        Sites of each choice; shape (choice, site).
    period_s
        Between two exchanges [s]; a failure that stops its own site holds up the others there.
    in_step
        Whether all sites take every step together, so that one failure stops all that have no groups.

    Returns
    -------
    Array
        Share of time [1]; shape (choice, day).
    """
    total = chosen.astype(float) @ gpus
    best = goodput.best(total)
    if in_step:
        return best
    works = np.logical_and(chosen.T[:, :, None], (gpus > 0)[:, None, :])
    share = np.where(works, np.broadcast_to(goodput.best(gpus)[:, None, :], works.shape), 1.0)
    apart = goodput_between_exchanges(
        period_s, share, np.broadcast_to(goodput.mean_time_s(gpus)[:, None, :], works.shape)
    )
    return np.maximum(best, apart)
