"""What is served when capacity is short: merit order, or what the plan's rule shares out.

The fleet is time-shared as one mix: a workload that occupies the share phi of the fleet is served
``phi x sum_g N_g s_(w,g)`` requests per hour (N GPUs of each generation, s requests per GPU and hour). What is
left in an hour is then one number, ``1 - reserved share - sum phi``, and demand is a share of the fleet
too. Interactive work runs in the hour of its demand, deferrable work in any hour of its day. The page
``docs/decisions/0004-proportional-mix.md`` says why, and what it costs against full specialisation.

A generation that can't serve a workload (s = 0) is idle during that workload's share: the price of one mix.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.allocation.inputs import AllocationRule
from gigaplan.allocation.outputs import Allocation
from gigaplan.allocation.rationing import allocate_by_shares
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array, in_blocks


def allocate(
    *,
    demand_per_h: Array,
    deferrable: NDArray[np.bool_],
    guaranteed_share: Array,
    value_usd_per_request: Array,
    requests_per_gpu_h: Array,
    gpus_available: Array,
    reserved_share: Array,
    reference_generation: int,
    rule: AllocationRule = "value",
) -> Allocation:
    """Return what is served, deferred and refused, guarantees first, then by the rule.

    Shapes: member M, workload W, generation G, month n, day D, hour H; M may be 1 where nothing varies.

    Parameters
    ----------
    demand_per_h : Array, shape (M, W, n, D, H)
        Demand [1/h].
    deferrable : NDArray[np.bool_], shape (W,)
        Whether a workload may run at any hour of its day.
    guaranteed_share : Array, shape (W,) or (M, W)
        Share of demand that is served before anything else, 0 to 1.
    value_usd_per_request : Array, shape (W,), (M, W) or (M, W, n)
        Value of one request, or its revenue where the rule is ``revenue`` [USD].
    requests_per_gpu_h : Array, shape (M, W, G) or (M, W, G, n)
        Requests served per GPU and hour [1/GPU/h], 0 where a generation cannot serve a workload.
    gpus_available : Array, shape (M, G, n) or (M, G, n, D)
        GPUs that are up [GPU].
    reserved_share : Array, shape (M, n)
        Share of the fleet held for training and research, 0 to 1.
    reference_generation : int
        Index of the generation on which value per GPU-hour is calculated.
    rule : AllocationRule
        Who is served first: by value or revenue per GPU-hour, in the order of the workloads (``priority``), or all at
        once (``proportional`` and ``max_min``, as :func:`~gigaplan.allocation.rationing.ration` has them).

    Returns
    -------
    Allocation
        Requests served, deferred and refused by hour, and the shares of the fleet that they take.

    Raises
    ------
    InputError
        If a share lies outside 0..1, or an amount is negative or not finite.
    """
    _refuse_bad(demand_per_h, requests_per_gpu_h, gpus_available, value_usd_per_request)
    _refuse_bad(guaranteed_share, reserved_share, top=1.0)
    speed = requests_per_gpu_h if requests_per_gpu_h.ndim == 4 else requests_per_gpu_h[..., None]
    fleet = gpus_available if gpus_available.ndim == 4 else gpus_available[..., None]
    value = np.atleast_2d(value_usd_per_request)
    value = value[:, None] if value.ndim == 2 else np.moveaxis(value, -1, 1)
    order = merit_order(value, np.moveaxis(speed[:, :, reference_generation], -1, 1))  # (M, n or 1, W)
    if rule == "priority":
        order = np.broadcast_to(np.arange(order.shape[-1]), order.shape)
    arrays = (demand_per_h, np.atleast_2d(guaranteed_share), order, speed, fleet, reserved_share)
    return Allocation(**in_blocks(partial(_allocated, deferrable, rule), arrays, demand_per_h[0].size))


def _allocated(
    deferrable: NDArray[np.bool_],
    rule: AllocationRule,
    demand_per_h: Array,
    guaranteed_share: Array,
    order: NDArray[np.intp],
    speed: Array,
    fleet: Array,
    reserved_share: Array,
) -> dict[str, NDArray[Any]]:
    """Return the fields of an allocation of some members."""
    fleet_per_h = (speed[..., None] * fleet[:, None]).sum(axis=2)[..., None]  # the whole fleet's, (M, W, n, D or 1, 1)
    demand_share = _share(demand_per_h, fleet_per_h)
    spare = (1 - reserved_share)[..., None, None]
    members = (max(len(order), len(guaranteed_share)), 1, 1, 1)
    capacity = np.broadcast_to(spare, np.broadcast_shapes(spare.shape, demand_share[:, 0].shape, members))
    if rule == "proportional" or rule == "max_min":  # noqa: PLR1714 - so that mypy knows which
        share, allocated = allocate_by_shares(demand_share, capacity, deferrable, guaranteed_share, rule)
    else:
        share, allocated = allocate_by_merit(demand_share, capacity, deferrable, guaranteed_share, order)
    share += schedule_deferrable(allocated, np.maximum(capacity - share.sum(axis=1), 0))
    run = share * fleet_per_h
    run = np.where(deferrable[:, None, None, None], run, np.minimum(run, demand_per_h))  # rounding serves no more
    served_now, deferred, refused = split_served(run, demand_per_h)
    return {
        "served_now": served_now,
        "deferred": deferred,
        "refused": refused,
        "run": run,
        "fleet_share": share,
        "reserved_share": np.broadcast_to(reserved_share, (run.shape[0], run.shape[2])),
        "order": np.broadcast_to(order, (run.shape[0], run.shape[2], run.shape[1])),
    }


def merit_order(value_usd_per_request: Array, reference_requests_per_gpu_h: Array) -> NDArray[np.intp]:
    """Return the workloads from first to last by value per GPU-hour on the reference generation.

    Ties go to the earlier workload. A workload that the reference generation cannot serve comes last.

    Parameters
    ----------
    value_usd_per_request : Array, shape (..., W)
        Value of one request [USD].
    reference_requests_per_gpu_h : Array, shape (..., W)
        Requests per GPU and hour on the reference generation [1/GPU/h].

    Returns
    -------
    NDArray[np.intp], shape (..., W)
        Indices of the workloads, highest value per GPU-hour [USD/GPU/h] first.

    Examples
    --------
    >>> merit_order(np.array([1.0, 2.0]), np.array([10.0, 20.0])).tolist()
    [1, 0]
    """
    return np.argsort(-(value_usd_per_request * reference_requests_per_gpu_h), axis=-1, kind="stable")


def allocate_by_merit(
    demand_share: Array,
    capacity: Array,
    deferrable: NDArray[np.bool_],
    guaranteed_share: Array,
    order: NDArray[np.intp],
) -> tuple[Array, Array]:
    """Return allocated interactive work by hour and allocated deferrable work by day, both as shares of the fleet.

    Greedy in merit order, guaranteed parts first. An interactive part takes ``min(demand, free)`` in each hour,
    scaled down where the day's slack (capacity less all that is allocated) is less than that; a deferrable part
    takes ``min(demand of the day, slack)``. The amounts that fit are a polymatroid, so greedy is optimal for the
    weights that it follows.

    Source: Edmonds (1970), Submodular functions, matroids, and certain polyhedra.

    Parameters
    ----------
    demand_share : Array, shape (M, W, n, D, H)
        Share of the fleet that would serve all demand [1].
    capacity : Array, shape (M, n, D, H)
        Share of the fleet free for serving [1].
    deferrable : NDArray[np.bool_], shape (W,)
        Whether a workload may run at any hour of its day.
    guaranteed_share : Array, shape (W,) or (M, W)
        Share of demand that is served before anything else.
    order : NDArray[np.intp], shape (W,) or (M, n, W)
        Workloads in merit order.

    Returns
    -------
    tuple[Array, Array]
        Interactive work by hour [1], shape (M, W, n, D, H), and deferrable work by day [h], shape (M, W, n, D).
    """
    free = np.array(capacity)  # what interactive work leaves in each hour
    slack = free.sum(axis=-1)  # what all accepted work leaves in the day
    hourly = np.zeros((free.shape[0], *demand_share.shape[1:]))
    daily = np.zeros(hourly.shape[:-1])
    members, workloads, months = hourly.shape[:3]
    demanded = np.broadcast_to(demand_share, hourly.shape)
    member, month = np.arange(members)[:, None], np.arange(months)
    # by rank: the workload of this rank in each member and month, and its demand by hour and day
    ranks = [(member, w, month) for w in np.moveaxis(np.broadcast_to(order, (members, months, workloads)), -1, 0)]
    of_ranks = [demanded[rank] for rank in ranks]
    of_days = [demand.sum(axis=-1) for demand in of_ranks]
    for part in (guaranteed_share, 1 - guaranteed_share):
        parts = np.broadcast_to(part, (members, workloads))
        for rank, of_demand, of_day in zip(ranks, of_ranks, of_days, strict=True):
            share, by_day = parts[rank[:2]][..., None], deferrable[rank[1]][..., None]
            fits = np.where(by_day[..., None], 0.0, np.minimum(share[..., None] * of_demand, free))
            total = np.where(by_day, share * of_day, fits.sum(axis=-1))
            taken = np.minimum(total, slack)
            fits *= np.divide(taken, total, out=np.ones_like(total), where=total > slack)[..., None]
            hourly[rank] += fits
            daily[rank] += np.where(by_day, taken, 0.0)
            free -= fits
            slack = np.maximum(slack - taken, 0)
    return hourly, daily


def schedule_deferrable(allocated: Array, leftover: Array) -> Array:
    """Return the hours in which allocated deferrable work runs.

    Pro rata to what interactive work leaves: it fills the valleys and never takes more than is left.
    Water-filling would level the load further at the price of a sort; what is served that day is the same.

    Parameters
    ----------
    allocated : Array, shape (M, W, n, D)
        Share of the fleet x hours allocated for the day [h].
    leftover : Array, shape (M, n, D, H)
        Share of the fleet left in each hour [1].

    Returns
    -------
    Array, shape (M, W, n, D, H)
        Share of the fleet [1] by the hour in which the work runs.
    """
    valley = _share(leftover, leftover.sum(axis=-1, keepdims=True))
    return np.asarray(allocated[..., None] * valley[:, None])


def split_served(run: Array, demand: Array) -> tuple[Array, Array, Array]:
    """Return requests served in their own hour, served in another hour of the day, and refused, by hour of demand.

    What runs in an hour serves that hour's own requests first; what runs beyond them serves other hours'
    requests, the same share of each hour's rest. So ``now + deferred + refused = asked`` in every hour, and over
    the day ``now + deferred = run``.

    Parameters
    ----------
    run : Array, shape (..., hour)
        Requests that run [1/h]; no more over the day than the day's demand.
    demand : Array, shape (..., hour)
        Demand [1/h].

    Returns
    -------
    tuple[Array, Array, Array]
        Requests served at once, deferred and refused [1/h], each in the shape of ``run``.
    """
    now = np.minimum(run, demand)
    rest = demand - now
    elsewhere = (run - now).sum(axis=-1, keepdims=True)
    deferred = rest * np.minimum(_share(elsewhere, rest.sum(axis=-1, keepdims=True)), 1)
    return now, deferred, rest - deferred


def _share(part: Array, whole: Array) -> Array:
    """Return part over whole, and 0 where the whole is 0."""
    out = np.zeros(np.broadcast_shapes(part.shape, whole.shape))
    return np.divide(part, whole, out=out, where=whole > 0)


def _refuse_bad(*arrays: Array, top: float = np.inf) -> None:
    """Raise InputError if a number lies outside 0..top or is not finite."""
    for array in arrays:
        good = (array >= 0) & (array <= top) & np.isfinite(array)
        if not good.all():
            raise InputError(f"{array[~good].flat[0]} can't be allocated: give finite numbers from 0 to {top:g}")
