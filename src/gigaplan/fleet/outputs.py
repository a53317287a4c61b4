"""Results of the fleet room: arrays over members, sites, generations and months."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What is bought and scrapped, over the months of the horizon, those before it and some after it.

    What was bought before the horizon is still in the books, and what is ready after its end is paid for within it.
    Shapes: member M, generation G, place P, month N.
    """

    racks_delivered: Array
    """(M, G, P, N) racks delivered in the month [racks]."""
    racks_retired: Array
    """(M, G, P, N) racks retired in the month [racks]."""
    ready_mw: Array
    """(M, P, N) IT power made ready in the month [MW]."""
    earlier: int
    """Months before the horizon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOut:
    """The build-out. Places are the sites, then the blocks of the existing fleet; states are exclusive.

    Shapes: member M, place P, generation G, state S (the ladder), limit L, month n, edge n + 1.
    """

    places: tuple[str, ...]
    """Names of the places: sites, then blocks of the existing fleet."""
    power_state_mw: Array
    """(M, S, P, edge) IT power in each state of the ladder [MW]; sums over S to what has been announced by then."""
    racks: Array
    """(M, G, P, edge) racks accepted and not retired [racks]."""
    racks_producing: Array
    """(M, G, P, edge) racks past the producing lag and not retired [racks]."""
    racks_delivered: Array
    """(M, G, P, month) racks delivered in the month [racks]; retirements are ``racks_retired``."""
    racks_retired: Array
    """(M, G, P, month) racks retired in the month [racks]."""
    gpus_producing: Array
    """(M, G, month) GPUs past the producing lag, mean over the month, before availability [GPUs]."""
    gpus_in_production: Array
    """(M, G, P, edge) GPUs of the racks producing [GPUs]."""
    gpus_available: Array
    """(M, G, month) GPUs producing times availability [GPUs]."""
    limit_mw: Array
    """(M, L, month) IT megawatts of racks that each limit would let in this month if it alone bound [MW]; ``power`` is
    all that dates and lags make ready and nothing fills, the others let in their part of that."""
    binding: NDArray[np.int64]
    """(M, month) index of the binding limit, -1 where no power awaited racks."""
    orders: Orders
    """What is bought and scrapped, months before and after the horizon included."""
    first_token_days: Array
    """(M, P) first day of producing, as days since the start of the horizon; nan if never."""
    free_share: Array | float = 1.0
    """(M, G, month) share of the GPUs available that no customer has reserved [share]."""
    powered_share: Array | float = 1.0
    """(M, G, P, month) work that GPUs do on what their site's supply gives, over what they do at full power [share]; in
    ``gpus_available`` already."""

    @property
    def gpus_free(self) -> Array:
        """(M, G, month) GPUs available that no customer has reserved, for serving and training [GPUs]."""
        return np.asarray(self.gpus_available * self.free_share)

    @property
    def powered_of_fleet(self) -> Array | float:
        """(M, G, month) the share of full work that power leaves to each generation, over all its places [share]."""
        if np.ndim(self.powered_share) == 0:
            return self.powered_share
        gpus = (self.gpus_in_production[..., :-1] + self.gpus_in_production[..., 1:]) / 2
        work, whole = (gpus * self.powered_share).sum(axis=2), gpus.sum(axis=2)
        return np.asarray(np.divide(work, whole, out=np.ones_like(whole), where=whole > 0))

    def first_token(self, place: int, start: dt.date) -> dt.date | None:
        """Return the date of first token of a place for the first member.

        Parameters
        ----------
        place : int
            Index into ``places``.
        start : dt.date
            First day of the horizon.

        Returns
        -------
        dt.date | None
            The date, or None if the place never produces.
        """
        days = float(self.first_token_days[0, place])
        return None if math.isnan(days) else start + dt.timedelta(days=int(days))
