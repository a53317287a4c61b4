"""Ways to train one model together at several sites: what each exchanges, what that adds to a step, and what counts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from gigaplan.catalog import Catalog
from gigaplan.layers.site_failures import GoodputBySize, goodput_of
from gigaplan.layers.sites import Site, SitesJob
from gigaplan.layers.training import TrainRun
from gigaplan.plan.resolve import (
    REPLICAS,
)
from gigaplan.training.exchanges import GRADIENT_WIRE_BYTES
from gigaplan.training.reliability import SECONDS_PER_DAY
from gigaplan.training.sites import (
    Fibre,
    Link,
    LocalUpdates,
    Scheme,
    effective_compute_share,
    exposed_s,
    loss_increase,
    max_latency_s,
    propagation_s,
    reach_km,
    required_uplink_bytes_per_s,
    time_share,
    transmission_s,
)
from gigaplan.vocabulary.interval import Figure
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.show import Brief

BITS_PER_BYTE = 8.0

METHODS = ("synchronous", "local updates", "streamed updates")

INNER_STEPS = (30, 50, 100, 200, 300, 500)
"""Steps between exchanges that are tried where a job states none: those of published runs."""

GRID_BITS_PER_S = np.logspace(9, 16, 57)
"""Uplinks of the curves."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Method(Brief):
    """One way to train together. Shares are of all GPUs as if they were one site."""

    BRIEF: ClassVar[tuple[str, ...]] = (
        "name",
        "step_s",
        "share",
        "tokens_per_s",
        "days",
        "over_largest_site",
        "uplink_needed_bits_per_s",
        "distance_allowed_km",
        "beyond",
    )

    name: str
    inner_steps: float
    pieces: int
    sent_bytes_per_step: float
    """By each site, mean over steps."""
    exchange_s: float
    """One exchange of all parameters, on the uplink and on the way."""
    exposed_s: Figure
    """What it adds to a step, mean over steps."""
    step_s: Figure
    time_share: Figure
    """Time that trains rather than waits for the network."""
    effective_compute_share: Figure
    """Compute that counts: with local updates part of it only makes up for a higher loss."""
    goodput_share: float
    """What failures leave by the best recovery: restarts of all that train in step (with local updates of one's own
    site), or fault-tolerant groups of one replica; spares counted."""
    share: Figure
    """Time and compute together: efficiency against one site with all GPUs, failures not counted."""
    tokens_per_s: Figure
    days: Figure
    """Until the model is as good as on one site, failures not counted."""
    over_largest_site: float
    """Speed that counts, failures included, over that of the largest site alone."""
    uplink_needed_bits_per_s: float | None
    """For the share of the time requested; None where the distance forbids it at any bandwidth."""
    distance_allowed_km: float | None
    """Between sites, as the crow flies, for the same with this uplink; None where the uplink is too slow at any
    distance."""
    curve: tuple[float, ...]
    """``share`` by uplink, over the grid of the answer."""
    beyond: str
    """What has not been demonstrated, empty where it has been."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the methods of a run share: the run on one site, the sites, and the network between them."""

    job: SitesJob
    one: TrainRun
    """The same GPUs on one site."""
    sites: tuple[Site, ...]
    parameters: float
    layers: int
    fibre: Fibre
    link: Link
    step_s: Array
    """The slowest site's step alone [s]: central, low and high."""
    hidden_s: Array
    """Time behind which gradients hide [s]: central, low and high."""
    goodput: GoodputBySize
    facts: Catalog


def scheme_of(name: str, x: Exchange, local: LocalUpdates, *, central: bool = True) -> Scheme:
    """Return when sites exchange what, by one method.

    Parameters
    ----------
    name
        One of ``METHODS``.
    x, local
        The run, and how sites learn alone between two exchanges.
    central
        Whether times are the central ones, else all three.
    """
    step_s, hidden_s = (x.step_s[0], x.hidden_s[0]) if central else (x.step_s, x.hidden_s)
    if name == "synchronous":
        return Scheme(x.parameters * GRADIENT_WIRE_BYTES, overlap_s=hidden_s)
    if name == "local updates":
        return Scheme(x.parameters * local.outer_bytes_per_parameter, local.inner_steps)
    pieces = float(min(math.ceil(x.layers / local.layers_per_fragment), int(local.inner_steps)))
    slack = min(local.overlap_steps, local.inner_steps) * step_s
    return Scheme(x.parameters * local.streamed_bytes_per_parameter, local.inner_steps, pieces, slack, unreduced=True)


def best_pace(name: str, x: Exchange, local: LocalUpdates) -> LocalUpdates:
    """Return local updates with the steps between exchanges that the job states, or with the best of those that were
    tried.

    Parameters
    ----------
    name
        One of ``METHODS``.
    x
        The run, its sites and the network.
    local
        How sites learn alone between two exchanges.
    """
    steps = (x.job.inner_steps,) if x.job.inner_steps else INNER_STEPS
    tried = [replace(local, inner_steps=float(h)) for h in steps]

    def share(one: LocalUpdates) -> float:
        kept = effective_compute(name, np.asarray(x.link.sites), one, x.facts)[0]
        return float(time_share(x.step_s[0], scheme_of(name, x, one), x.link) * kept)

    return max(tried, key=share)


def effective_compute(
    name: str, sites: Array | float, local: LocalUpdates, facts: Catalog
) -> tuple[Array, Array, Array]:
    """Return the part of the compute that counts: central, low and high.

    Parameters
    ----------
    name
        One of ``METHODS``.
    sites
        Number of sites; any shape.
    local
        How sites learn alone between two exchanges.
    facts
        The catalog.
    """
    if name == "synchronous":
        whole = np.ones(np.shape(sites))
        return whole, whole, whole
    found = []
    decade = facts.find("local_updates", "loss_rise_share_per_decade")
    some = [facts.find(f"local_updates_{n}", "loss_rise_share") for n in REPLICAS]
    for bound in ("value", "high", "low"):
        rises = {float(n): float(getattr(f, bound)) for n, f in zip(REPLICAS, some, strict=True)}
        rise = loss_increase(sites, local.inner_steps, rises, float(getattr(decade, bound)), local)
        found.append(effective_compute_share(rise, local))
    return found[0], found[1], found[2]


def method_of(name: str, x: Exchange, local: LocalUpdates) -> Method:
    """Return what one method gives.

    Parameters
    ----------
    name
        One of ``METHODS``.
    x, local
        The run, and how sites learn alone between two exchanges.
    """
    scheme, central = scheme_of(name, x, local, central=False), scheme_of(name, x, local)
    link, step_s = x.link, x.step_s[0]
    added, trained = exposed_s(x.step_s, scheme, link), time_share(x.step_s, scheme, link)
    kept = [float(k) for k in effective_compute(name, float(len(x.sites)), local, x.facts)]
    share = central_and_bounds(np.array([trained[0] * kept[0], trained.min() * kept[1], trained.max() * kept[2]]))
    speed = x.one.tokens_per_s.value * x.one.step_s.value / (x.step_s + added)
    counted = central_and_bounds(speed * np.array([kept[0], kept[2], kept[1]]))
    pieces, steps = float(np.asarray(scheme.fragments)), float(np.asarray(scheme.inner_steps))
    goodput, over_largest = _goodput(name, x, steps, share.value)
    uplink, distance = _needed(x, central)
    grid = replace(link, uplink_bytes_per_s=GRID_BITS_PER_S / BITS_PER_BYTE)
    return Method(
        name=name,
        inner_steps=steps,
        pieces=int(pieces),
        sent_bytes_per_step=float(transmission_s(central, replace(link, uplink_bytes_per_s=1.0))) * pieces / steps,
        exchange_s=float(transmission_s(central, link) * pieces + propagation_s(central, link)),
        exposed_s=central_and_bounds(added),
        step_s=central_and_bounds(x.step_s + added),
        time_share=central_and_bounds(trained),
        effective_compute_share=central_and_bounds(np.array(kept)),
        goodput_share=goodput,
        share=share,
        tokens_per_s=central_and_bounds(speed),
        days=counted.over(x.one.tokens / SECONDS_PER_DAY),
        over_largest_site=over_largest,
        uplink_needed_bits_per_s=uplink,
        distance_allowed_km=distance,
        curve=tuple(float(v) for v in time_share(step_s, central, grid) * kept[0]),
        beyond=_beyond(name, x, local),
    )


def _goodput(name: str, x: Exchange, inner_steps: float, share: float) -> tuple[float, float]:
    """Return the goodput by the best recovery, and the speed that counts over that of the largest site alone."""
    each = np.array([float(s.gpus) for s in x.sites])
    every = np.ones((1, len(each)), dtype=bool)
    period_s = inner_steps * float(x.step_s[0])
    left = float(goodput_of(x.goodput, each[:, None], every, period_s, in_step=name == "synchronous")[0, 0])
    alone = float(x.goodput.best(each.max()))
    return left, share * left * float(each.sum()) / (float(each.max()) * alone)


def _needed(x: Exchange, central: Scheme) -> tuple[float | None, float | None]:
    """Return the uplink [bit/s] and the distance [km] that the job's share of the time needs; None where nothing will
    do."""
    step_s = x.step_s[0]
    uplink = float(required_uplink_bytes_per_s(x.job.share, step_s, central, x.link)) * BITS_PER_BYTE
    latency = float(max_latency_s(x.job.share, step_s, central, x.link))
    return (
        uplink if math.isfinite(uplink) else None,
        float(reach_km(latency, x.fibre)) if math.isfinite(latency) else None,
    )


def central_and_bounds(values: Array) -> Figure:
    """Return the figure of a central value, which comes first, and others that bound it."""
    return Figure(float(values[0]), float(values.min()), float(values.max()))


def _beyond(name: str, x: Exchange, local: LocalUpdates) -> str:
    """Return in what a question goes beyond what was tried."""
    parameters, sites, facts = x.parameters, len(x.sites), x.facts
    if name == "synchronous" or sites < 2:
        return ""
    largest, most = (facts.find("local_updates", q).number for q in ("largest_parameters", "most_replicas"))
    longest_steps = facts.find("local_updates", "inner_steps").high or math.inf
    found = [
        words
        for words, beyond in (
            (f"above {largest / 1e9:,.0f} billion parameters", parameters > largest),
            (f"more than {most:,.0f} sites", sites > most),
            (f"more than {longest_steps:,.0f} inner steps", local.inner_steps > longest_steps),
        )
        if beyond
    ]
    return f"losses never measured {', '.join(found)}" if found else ""
