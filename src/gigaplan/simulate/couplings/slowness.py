"""Coupling of the price of slowness to serving speed: at which points of each frontier requests are served."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from gigaplan.demand.inputs import Workload
from gigaplan.inference.frontier import Choice, OperatingPoint
from gigaplan.inference.percentiles import Percentile
from gigaplan.inference.slowness import SMALLEST, mixture, slopes_after
from gigaplan.vocabulary.members import Array, stack

REMEMBERED = 8192
"""Tables of frontiers kept in memory."""
FIELDS = ("log_slowness", "requests_per_gpu_s", "ttft_s", "tpot_s", "gpus", "batch", "within")
"""Fields of an operating point, in order."""
_fields_of = attrgetter(*FIELDS)
Choices = Sequence[Sequence[Sequence[Choice]]]
"""Choices by workload, generation and year."""


@dataclass(frozen=True, slots=True)
class Speeds:
    """How requests are served. Shapes: member M, workload W, generation G, year Y."""

    requests_per_gpu_s: Array
    """(M, W, G, Y) requests per GPU and second, over all points at which they are served; 0 where nothing serves."""
    worth: Array
    """(M, W, G, Y) what the mean request is worth as it is served, over what it is worth within the limits [share]."""
    within: Array
    """(M, W, G, Y) share of requests that keep both limits as they are served [share]."""

    def of_members(self, others: Speeds, members: NDArray[np.bool_]) -> Speeds:
        """Return these speeds with those of others for some members of each workload, (M, W)."""
        which = members[:, :, None, None]
        pairs = zip((self.requests_per_gpu_s, self.worth, self.within), _fields(others), strict=True)
        return Speeds(*(np.where(which, other, own) for own, other in pairs))

    def followed(self, rate: Array, worth: Array) -> Speeds:
        """Return these speeds times the factors that a member's rates and worth follow by."""
        return Speeds(self.requests_per_gpu_s * rate, np.minimum(self.worth * worth, 1.0), self.within)


def _fields(speeds: Speeds) -> tuple[Array, Array, Array]:
    return speeds.requests_per_gpu_s, speeds.worth, speeds.within


@dataclass(frozen=True, slots=True)
class Points:
    """Operating points of all frontiers, (W, G, Y, point) each; what fills up an axis serves nobody."""

    fields: Array
    """(W, G, Y, field, point) fields of each operating point."""
    slopes: Array
    """(W, G, Y, point) slopes of the hull after each point."""

    def field(self, name: str) -> Array:
        """Return one field, (W, G, Y, point)."""
        return np.asarray(self.fields[..., FIELDS.index(name), :])


def points_of(choices: Choices) -> Points:
    """Return the operating points of choices as arrays.

    Parameters
    ----------
    choices : sequence of sequence of sequence of Choice
        By workload, generation and year.
    """
    tables = [[[_table(c) for c in row] for row in rows] for rows in choices]
    most = max(t.shape[1] for rows in tables for row in rows for t in row)
    shape = (len(tables), len(tables[0]), len(tables[0][0]), len(FIELDS) + 1, most)
    found = np.zeros(shape)
    for w, rows in enumerate(tables):
        for g, row in enumerate(rows):
            for y, table in enumerate(row):
                found[w, g, y, :, : table.shape[1]] = table
    return Points(found[..., :-1, :], found[..., -1, :])


@lru_cache(maxsize=REMEMBERED)
def _table(choice: Choice) -> Array:
    """Return the fields of a choice's points and the slopes after them, (field + 1, point); zeros if there are none."""
    if not choice.points:
        return np.zeros((len(FIELDS) + 1, 1))
    fields = np.array([_fields_of(p) for p in choice.points], dtype=float).T
    return np.vstack([fields, slopes_after(fields[0], np.log(fields[1]))])


def prices_of_slowness(workloads: Sequence[Workload]) -> Array:
    """Return the price of slowness of each workload: (M or 1, W), infinite where its limits are hard."""
    return stack(np.inf if w.hard_limits else w.slowness_elasticity for w in workloads)


def speeds_at(points: Points, elasticity: Array) -> Speeds:
    """Return how requests are served at a price of slowness.

    A fleet's requests take ``sum(share / rate)`` GPU-seconds each, over the points at which they are served.

    Parameters
    ----------
    points : Points
        Operating points.
    elasticity : Array, shape (M or 1, W)
        Mean price of slowness of each workload [1].
    """
    rate, slow = points.field("requests_per_gpu_s"), points.field("log_slowness")
    price = elasticity[:, :, None, None, None]
    mixed = mixture(slow, points.slopes, price)
    # Over the time that they would take at the first point, so that one point alone gives its rate to the digit.
    times = (mixed.share * np.divide(rate[..., :1], rate, out=np.zeros_like(rate), where=rate > 0)).sum(axis=-1)
    # At an infinite price nothing late is worth serving.
    serves = (rate[..., 0] > 0) & (np.isfinite(price[..., 0]) | (slow[..., 0] == 0))
    per_gpu_s = np.divide(rate[..., 0], times, out=np.zeros_like(times), where=serves)
    within = np.where(serves, (mixed.share * points.field("within")).sum(axis=-1), 0.0)
    return Speeds(per_gpu_s, np.where(serves, mixed.worth, 0.0), within)


def speed_alone(choice: Choice, elasticity: float) -> tuple[float, float]:
    """Return requests per GPU and second of one choice and their worth, as :func:`speeds_at`, without arrays.

    Parameters
    ----------
    choice : Choice
        Operating points.
    elasticity : float
        Mean price of slowness [1].
    """
    points, e = choice.points, max(elasticity, SMALLEST)
    if not points or (points[0].log_slowness > 0 and math.isinf(e)):
        return 0.0, 0.0
    times = worth = above = slope = 0.0
    first = points[0].requests_per_gpu_s
    for k, p in enumerate(points):
        left = above * math.exp(-slope * p.log_slowness)
        before = above
        later = points[k + 1] if k + 1 < len(points) else None
        slope = 0.0 if later is None else _slope(p, later)
        above = math.exp(-slope / e)
        times += (above - before) * (first / p.requests_per_gpu_s)
        mean = 1 / (1 + e * p.log_slowness) if p.log_slowness else 1.0
        worth += mean * (above * math.exp(-slope * p.log_slowness) - left)
    return first / times, worth


def _slope(a: OperatingPoint, b: OperatingPoint) -> float:
    return math.log(b.requests_per_gpu_s / a.requests_per_gpu_s) / (b.log_slowness - a.log_slowness)


def means_at(points: Points, elasticity: Array) -> dict[str, Array]:
    """Return mean times over the central member's requests, and the replica that serves most of them: (W, G, Y) each.

    Parameters
    ----------
    points : Points
        Operating points.
    elasticity : Array, shape (M or 1, W)
        Mean price of slowness of each workload [1].
    """
    share = mixture(points.field("log_slowness"), points.slopes, elasticity[0, :, None, None, None]).share
    served = speeds_at(points, elasticity[:1]).requests_per_gpu_s[0] > 0
    most = share.argmax(axis=-1)[..., None]
    means = {name: (share * points.field(name)).sum(axis=-1) for name in ("ttft_s", "tpot_s")}
    replica = {name: np.take_along_axis(points.field(name), most, axis=-1)[..., 0] for name in ("gpus", "batch")}
    return {name: np.where(served, values, 0.0) for name, values in (means | replica).items()}


def percentile_of(work: Workload) -> Percentile | None:
    """Return which share of a workload's requests its limits hold for; None where they hold for the mean request."""
    if not work.within_share:
        return None
    return Percentile(share=work.within_share, prompt_cv=work.prompt_cv, longest_over_mean=np.inf)


def mean_worth(requests: Array, worth: Array) -> Array:
    """Return the worth of the mean request of a fleet, over what each generation serves.

    Parameters
    ----------
    requests : Array, shape (M, W, G, n)
        Requests that each generation serves if a workload has the whole fleet [1/h].
    worth : Array, shape (M, W, G, n)
        Worth of its mean request on each [share].

    Returns
    -------
    Array, shape (M, W, n)
        Worth [share]; nan where nothing serves.
    """
    whole, part = requests.sum(axis=2), (requests * worth).sum(axis=2)
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0))


def log_price_factor(worth: Array, dated: NDArray[np.int_]) -> Array:
    """Return the logarithm of the price that a request seems to have, slowness counted, over the price that is set.

    A buyer to whom an answer is worth the part ``v`` pays a price as if it were ``1 / v`` times as high. Demand is
    stated as it was at the reference date, at the slowness of then; where nothing served then, as within the limits.

    Parameters
    ----------
    worth : Array, shape (M, W, n)
        Worth of the mean request as it is served [share]; nan where nothing serves.
    dated : Array of int, shape (W,)
        Month of each workload's reference date; before it the factor is 1.

    Returns
    -------
    Array, shape (M, W, n)
        Logarithm of the factor [1].
    """
    months = worth.shape[-1]
    log_worth = np.log(np.where(worth > 0, worth, 1.0))  # within the limits where nobody knows
    then = np.take_along_axis(log_worth, np.clip(dated, 0, months - 1)[None, :, None], axis=-1)
    within = (dated >= 0) & (dated < months)
    since = np.arange(months) >= dated[:, None]
    return np.where(since & (worth > 0), np.where(within[:, None], then, 0.0) - log_worth, 0.0)
