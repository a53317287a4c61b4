"""The day of a site's first token: racks produce there, and requests run on their generation."""

from __future__ import annotations

import numpy as np

from gigaplan.fleet.outputs import BuildOut
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import TimeAxis


def first_token_days(built: BuildOut, serving_gpu_hours: Array, axis: TimeAxis) -> Array:
    """Return the first day on which tokens are served at each place, to the month.

    Racks that only train generate no token for anybody: their place waits for the first month in which one of its
    generations serves. What a generation serves is spread evenly over its places.

    Parameters
    ----------
    built : BuildOut
        Racks in production by place, and the first day of production.
    serving_gpu_hours : Array, shape (M, W, G, n)
        GPU-hours of each workload [GPU h].
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (M, P)
        Days since the start of the horizon [day]; nan if never.
    """
    serves = serving_gpu_hours.sum(axis=1) > 0  # (M, G, n)
    produces = built.racks_producing[..., 1:] > 0  # (M, G, P, n), at the month's end
    served = (produces & serves[:, :, None]).any(axis=1)
    month = served.argmax(axis=-1)
    waits = month > produces.any(axis=1).argmax(axis=-1)
    days = np.where(waits, axis.edge_days[month], built.first_token_days)
    return np.where(served.any(axis=-1), days, np.nan)
