"""One run over several sites: what the exchange between them adds to a step, and what fewer exchanges save and cost.

Every site holds whole replicas and one uplink to a network between the sites that isn't the bottleneck. Gradients are
summed inside each site first and only sums travel (hierarchical all-reduce). Three methods differ in how often and how
much:

- synchronous: the gradients of every step, hidden behind the backward pass as far as they go;
- local updates (DiLoCo: Douillard et al. 2023, arXiv:2311.08105): each site takes H steps alone, then what they learnt
is
  averaged while all wait;
- streamed updates (Douillard et al. 2025, arXiv:2501.18512): the same in fragments, one after the other, each hidden
  behind the next few steps and sent in four bits.

All three are one :class:`Scheme`: fragments that are exchanged in turn, each with time behind which it hides. Arrays
broadcast: candidates, bandwidths and distances are evaluated at once. Sites are as fast as each other here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from gigaplan.vocabulary.members import Array, Uncertain
from gigaplan.vocabulary.units import Unit

ArrayLike = Array | float
SPEED_OF_LIGHT_KM_PER_S = 299_792.458
"""In vacuum; exact, by the definition of the metre. (Importing scipy.constants for it takes 80 ms.)"""
EARTH_RADIUS_KM = 6371.0
"""Mean radius of the Earth (IUGG)."""
BACKWARD_SHARE = 2 / 3
"""Part of forward and backward that is backward: twice the forward's products."""
ROUNDING = 1e-9
"""Keeps a whole number of gaps whole."""
MAX_SITES = 12
"""Sites whose every combination is tried: 4,095 of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fibre:
    """How far signals travel and how fast: facts of the catalog's entity ``wan``."""

    group_index: Annotated[float, Ge(1), Unit("1")]
    """Speed of light in vacuum over that of a signal."""
    route_factor: Annotated[float, Ge(1), Unit("1")]
    """Length of a route over the distance as the crow flies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalUpdates:
    """How sites learn alone: facts of the catalog's entity ``local_updates``."""

    inner_steps: Annotated[float, Ge(1), Unit("1")]
    """Steps between two exchanges of the same parameters."""
    overlap_steps: Annotated[float, Ge(0), Unit("1")]
    """Steps behind which the exchange of a fragment may hide."""
    layers_per_fragment: Annotated[float, Gt(0), Unit("1")]
    """Layers of the model that are exchanged together."""
    outer_bytes_per_parameter: Annotated[float, Gt(0), Unit("byte")]
    """Bytes on the wire per parameter of local updates (DiLoCo)."""
    streamed_bytes_per_parameter: Annotated[float, Gt(0), Unit("byte")]
    """Bytes on the wire per parameter of streamed updates, in four bits."""
    reference_inner_steps: Annotated[float, Ge(1), Unit("1")]
    """Steps at which the increase of the loss by number of sites was measured."""
    loss_exponent: Annotated[Uncertain, Gt(0), Unit("1")]
    """Power of compute with which the loss falls."""


@dataclass(frozen=True, slots=True)
class Link:
    """What joins sites. Every field broadcasts."""

    sites: ArrayLike
    """Number of sites."""
    uplink_bytes_per_s: ArrayLike
    """What each site sends and receives at once [byte/s]."""
    latency_s: ArrayLike
    """Longest time of a signal between two of them, one way [s]."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """When sites exchange what. Every field broadcasts."""

    bytes_each: ArrayLike
    """All parameters, as a site sends them [byte]."""
    inner_steps: ArrayLike = 1.0
    """Steps between two exchanges of the same parameters, H."""
    fragments: ArrayLike = 1.0
    """Fragments that are exchanged in turn, evenly over H steps, P."""
    overlap_s: ArrayLike = 0.0
    """Time that the exchange of one fragment may overlap with [s]."""
    unreduced: bool = False
    """Whether each site sends its own to every other, to be summed there, instead of sums to be handed back."""


def great_circle_km(latitude_deg: Array, longitude_deg: Array) -> Array:
    """Return the distances between places as the crow flies, by the haversine formula (Sinnott 1984).

    Valid on a sphere: within 0.6 % of distances on the Earth.

    Parameters
    ----------
    latitude_deg : numpy.ndarray
        Latitudes [degree], shape (place,).
    longitude_deg : numpy.ndarray
        Longitudes [degree], shape (place,).

    Returns
    -------
    numpy.ndarray
        Distances [km], shape (place, place).

    Examples
    --------
    >>> between = great_circle_km(np.array([0.0, 0.0]), np.array([0.0, 90.0]))
    >>> round(float(between[0, 1]))  # a quarter of the equator
    10008
    """
    north, east = np.radians(np.asarray(latitude_deg, dtype=float)), np.radians(np.asarray(longitude_deg, dtype=float))
    half = (
        np.sin((north[:, None] - north) / 2) ** 2
        + np.cos(north[:, None]) * np.cos(north) * np.sin((east[:, None] - east) / 2) ** 2
    )
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))))


def latency_s(distance_km: ArrayLike, fibre: Fibre) -> Array:
    """Return the time of a signal over a distance, one way: ``d f n / c``; equipment adds microseconds.

    Parameters
    ----------
    distance_km : float or numpy.ndarray
        Distance as the crow flies, d [km], any shape.
    fibre : Fibre
        Route factor f and group index n.

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the distance.
    """
    return np.asarray(
        np.asarray(distance_km, dtype=float) * fibre.route_factor * fibre.group_index / SPEED_OF_LIGHT_KM_PER_S
    )


def reach_km(latency: ArrayLike, fibre: Fibre) -> Array:
    """Return how far apart sites may lie for a latency: the inverse of :func:`latency_s`.

    Parameters
    ----------
    latency : float or numpy.ndarray
        Time of a signal one way [s], any shape.
    fibre : Fibre
        Route factor and group index.

    Returns
    -------
    numpy.ndarray
        Distance as the crow flies [km], shape of the latency.
    """
    return np.asarray(
        np.asarray(latency, dtype=float) * SPEED_OF_LIGHT_KM_PER_S / (fibre.route_factor * fibre.group_index)
    )


def transmission_s(scheme: Scheme, link: Link) -> Array:
    """Return the time that the uplink is busy with one fragment (transmission delay).

    Sums: every site sends each other its share, sums its own and hands it back, ``2 (S - 1) / S`` of the bytes (the
    least that an all-reduce can do; Patarasuk and Yuan 2009). Unreduced: all of it to each other site, ``S - 1``
    times.

    Parameters
    ----------
    scheme : Scheme
        What is exchanged, and when.
    link : Link
        Sites and their uplinks.

    Returns
    -------
    numpy.ndarray
        Time [s], broadcast shape of both.
    """
    sites = np.maximum(np.asarray(link.sites, dtype=float), 1.0)
    copies = (sites - 1) if scheme.unreduced else 2 * (sites - 1) / sites
    return np.asarray(copies * scheme.bytes_each / scheme.fragments / link.uplink_bytes_per_s)


def propagation_s(scheme: Scheme, link: Link) -> Array:
    """Return the time that signals of one fragment are on their way (propagation delay): there, and for sums back
    again.

    Parameters
    ----------
    scheme : Scheme
        What is exchanged, and when.
    link : Link
        Sites and the latency between them.

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the link; zero for one site.
    """
    trips = 1 if scheme.unreduced else 2
    return np.where(np.asarray(link.sites) > 1, trips * np.asarray(link.latency_s, dtype=float), 0.0)


def exposed_s(step_s: ArrayLike, scheme: Scheme, link: Link) -> Array:
    """Return what exchanges between sites add to a step, mean over the steps.

    A fragment goes out every ``g = H t / P`` and takes ``x`` on the uplink and ``l`` on its way; it must be back after
    the time that it may overlap with. In a steady state each fragment makes all wait for ``max((x + l - overlap) / k,
    x - g, 0)``, where ``k = floor(overlap / g) + 1`` fragments are under way: each wait also gives time to the others,
    and the uplink can't fall behind. A test compares this with fragments followed one by one.

    Parameters
    ----------
    step_s : float or numpy.ndarray
        Time of one step of a site alone, t [s].
    scheme : Scheme
        What is exchanged, and when.
    link : Link
        Sites, their uplinks and the latency between them.

    Returns
    -------
    numpy.ndarray
        Time [s], broadcast shape of all.
    """
    step = np.asarray(step_s, dtype=float)
    gap = scheme.inner_steps * step / scheme.fragments
    under_way = _under_way(scheme, gap)
    # one wait shifts the due times of all fragments under way, so each bears only its part of a delay
    sending = transmission_s(scheme, link)
    late = (sending + propagation_s(scheme, link) - scheme.overlap_s) / under_way
    wait = np.maximum(np.maximum(late, sending - gap), 0.0)
    return np.asarray(wait * scheme.fragments / scheme.inner_steps)


def time_share(step_s: ArrayLike, scheme: Scheme, link: Link) -> Array:
    """Return the part of the time in which sites train rather than wait for each other.

    Parameters
    ----------
    step_s : float or numpy.ndarray
        Time of one step of a site alone [s].
    scheme : Scheme
        What is exchanged, and when.
    link : Link
        Sites, their uplinks and the latency between them.

    Returns
    -------
    numpy.ndarray
        Share 0..1, broadcast shape of all.
    """
    step = np.asarray(step_s, dtype=float)
    return np.asarray(step / (step + exposed_s(step, scheme, link)))


def required_uplink_bytes_per_s(share: ArrayLike, step_s: ArrayLike, scheme: Scheme, link: Link) -> Array:
    """Return the uplink that keeps a share of the time for training: the inverse of :func:`time_share`.

    Parameters
    ----------
    share : float or numpy.ndarray
        Share of the time for training, 0..1.
    step_s : float or numpy.ndarray
        Time of one step of a site alone [s].
    scheme : Scheme
        What is exchanged, and when.
    link : Link
        Sites and the latency between them; its bandwidth isn't used.

    Returns
    -------
    numpy.ndarray
        Uplink [byte/s], broadcast shape of all; infinite where the distance alone takes too long.
    """
    allowed, gap, under_way = _allowed(share, step_s, scheme)
    one = transmission_s(scheme, Link(link.sites, 1.0, link.latency_s))  # bytes on the uplink
    time = np.minimum(allowed * under_way + scheme.overlap_s - propagation_s(scheme, link), gap + allowed)
    return np.where(
        one > 0, np.divide(one, time, out=np.full(np.broadcast(one, time).shape, np.inf), where=time > 0), 0.0
    )


def max_latency_s(share: ArrayLike, step_s: ArrayLike, scheme: Scheme, link: Link) -> Array:
    """Return the longest latency between two sites that keeps a share of the time for training.

    Parameters
    ----------
    share : float or numpy.ndarray
        Share of the time for training, 0..1.
    step_s : float or numpy.ndarray
        Time of one step of a site alone [s].
    scheme : Scheme
        What is exchanged, and when.
    link : Link
        Sites and their uplinks; its latency isn't used.

    Returns
    -------
    numpy.ndarray
        Latency one way [s], broadcast shape of all; nan where the uplink alone is too slow.
    """
    allowed, gap, under_way = _allowed(share, step_s, scheme)
    sending = transmission_s(scheme, link)
    trips = 1 if scheme.unreduced else 2
    left = (allowed * under_way + scheme.overlap_s - sending) / trips
    return np.where((sending <= gap + allowed) & (left >= 0), left, np.nan)


def _allowed(share: ArrayLike, step_s: ArrayLike, scheme: Scheme) -> tuple[Array, Array, Array]:
    """Return the wait for each fragment that a share of time leaves, the gap between fragments [s], and how many are
    under way."""
    step = np.asarray(step_s, dtype=float)
    gap = np.asarray(scheme.inner_steps * step / scheme.fragments)
    return np.asarray(gap * (1 / np.asarray(share) - 1)), gap, _under_way(scheme, gap)


def _under_way(scheme: Scheme, gap_s: ArrayLike) -> Array:
    """Return the fragments that wait for the same delay: those sent from one until it must be back, itself included."""
    return np.floor(np.asarray(scheme.overlap_s) / gap_s + ROUNDING) + 1


def loss_increase(
    sites: ArrayLike, inner_steps: ArrayLike, rises: dict[float, float], per_decade: float, facts: LocalUpdates
) -> Array:
    """Return by how much the final loss of local updates lies above that of data parallel, as a share of it.

    Measured increases are interpolated in the logarithm of the number of sites, and go on with the last slope beyond
    them.

    Parameters
    ----------
    sites : float or numpy.ndarray
        Sites that learn alone between two exchanges, any shape.
    inner_steps : float or numpy.ndarray
        Steps between two exchanges, any shape that broadcasts with it.
    rises : dict of float to float
        Measured increase by number of sites, at ``reference_inner_steps``. One site has none.
    per_decade : float
        Further increase for ten times the inner steps.
    facts : LocalUpdates
        Constants, for the reference inner steps.

    Returns
    -------
    numpy.ndarray
        Increase over the loss, broadcast shape of both.
    """
    known = {1.0: 0.0, **rises}
    at = np.log2(np.array(sorted(known)))
    value = np.array([known[k] for k in sorted(known)])
    # measured at 1, 2, 4, 8 .. sites: even steps in the logarithm
    x = np.log2(np.maximum(np.asarray(sites, dtype=float), 1.0))
    beyond = np.maximum(x - at[-1], 0.0) * max((value[-1] - value[-2]) / (at[-1] - at[-2]), 0.0)
    more = per_decade * np.log10(np.maximum(np.asarray(inner_steps, dtype=float) / facts.reference_inner_steps, 1.0))
    return np.asarray(np.interp(x, at, value) + beyond + np.where(x > 0, more, 0.0))


def effective_compute_share(rise: ArrayLike, facts: LocalUpdates) -> Array:
    """Return the part of the compute that counts: a run with that much, in step, ends at the same loss.

    Loss falls as ``C^-e``, so that a loss higher by a share r is that of ``(1 + r)^(-1 / e)`` of the compute. A lower
    loss is not counted as a gain.

    Parameters
    ----------
    rise : float or numpy.ndarray
        Increase of the loss, r, any shape.
    facts : LocalUpdates
        Constants, for the exponent e.

    Returns
    -------
    numpy.ndarray
        Share 0..1, shape of the increase.
    """
    return np.minimum((1 + np.asarray(rise, dtype=float)) ** (-1 / facts.loss_exponent), 1.0)


def goodput_between_exchanges(period_s: ArrayLike, goodput: Array, mtbf_s: Array) -> Array:
    """Return the part of the time that makes progress where failures stop only their own site until all meet again.

    In a period each site loses ``T (1 / g - 1)`` on average, ``n = T / (g M)`` failures; the slowest makes the others
    wait. The mean of the largest loss is no more than the sum of all, and no more than the largest mean and ``s sqrt(2
    ln S)``, ``s`` the largest standard deviation of a loss, its mean over ``sqrt(n)`` (losses about normal; Boucheron,
    Lugosi and Massart 2013, section 2.5). The smaller of the two is taken: this tends to the first where failures are
    rare.

    Parameters
    ----------
    period_s : float or numpy.ndarray
        Work between two exchanges, T [s], shape (...).
    goodput : numpy.ndarray
        Goodput g of each site alone, shape (site, ...); 1 where a site doesn't take part.
    mtbf_s : numpy.ndarray
        Mean time between failures M of each site [s], shape (site, ...); any where a site doesn't take part.

    Returns
    -------
    numpy.ndarray
        Share 0..1, shape (...).
    """
    lost = np.asarray(period_s) * (1 / goodput - 1)
    failures = np.asarray(period_s) / goodput / mtbf_s
    spread = np.divide(lost, np.sqrt(failures), out=np.zeros(np.shape(lost)), where=failures > 0)
    # the largest of S normal losses lies s sqrt(2 ln S) above their mean at most
    taking_part = np.maximum((lost > 0).sum(axis=0), 1)
    most = lost.max(axis=0) + spread.max(axis=0) * np.sqrt(2 * np.log(taking_part))
    return np.asarray(period_s / (period_s + np.minimum(lost.sum(axis=0), most)))


def largest_joint_compute(flop: Array, counts: Array) -> Array:
    """Return the most compute that counts of any number of sites that train together.

    The largest k sites are the best k; every k is tried. What the exchange takes is left out: streamed updates hide it.

    Parameters
    ----------
    flop : numpy.ndarray
        Compute of each site alone [FLOP], shape (site, ...).
    counts : numpy.ndarray
        Share of the compute that counts with 1, 2, .. sites, shape (site,) or (site, ...).

    Returns
    -------
    numpy.ndarray
        Compute [FLOP], shape (...).
    """
    largest_first = -np.sort(-flop, axis=0)
    some = np.cumsum(largest_first, axis=0) * counts.reshape(*counts.shape, *([1] * (flop.ndim - counts.ndim)))
    return np.asarray(some.max(axis=0))


def combinations(sites: int) -> NDArray[np.bool_]:
    """Return every choice of at least one site.

    Parameters
    ----------
    sites : int
        Number of sites; ``MAX_SITES`` at most, as choices double with each.

    Returns
    -------
    numpy.ndarray
        Whether a site is chosen, shape (choice, site); the last choice is all of them.
    """
    return np.asarray((np.arange(1, 2**sites)[:, None] >> np.arange(sites)) % 2 == 1)


def longest(between: Array, chosen: NDArray[np.bool_]) -> Array:
    """Return the largest value of a matrix between sites among those chosen.

    Parameters
    ----------
    between : numpy.ndarray
        Values between two sites, shape (site, site).
    chosen : numpy.ndarray
        Whether a site is chosen, shape (..., site).

    Returns
    -------
    numpy.ndarray
        Largest value, shape (...); 0 where one site is chosen.
    """
    pairs = chosen[..., :, None] & chosen[..., None, :]
    return np.asarray(np.where(pairs, between, 0.0).max(axis=(-2, -1)))
