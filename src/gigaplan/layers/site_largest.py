"""The largest run of some sites that ends by a date."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.catalog import Catalog
from gigaplan.layers.site_failures import goodput_of
from gigaplan.layers.site_methods import (
    METHODS,
    Exchange,
    central_and_bounds,
    effective_compute,
    scheme_of,
)
from gigaplan.plan.resolve import (
    scaling_laws_of,
)
from gigaplan.training.reliability import SECONDS_PER_DAY
from gigaplan.training.scaling import parameters_in_range
from gigaplan.training.sites import (
    Link,
    LocalUpdates,
    combinations,
    latency_s,
    longest,
    time_share,
)
from gigaplan.vocabulary.interval import Figure
from gigaplan.vocabulary.members import Array

MIN_WORK = 1e-30
ROUNDING = 1e-9
"""By which one site alone is preferred to the same compute of several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Largest:
    """The largest run of some sites that ends by a date."""

    sites: tuple[str, ...]
    method: str
    gpus: int
    """On its last day."""
    goodput_share: float
    """What failures leave of its time, by the best recovery."""
    flop: Figure
    """Model FLOP done, failures counted."""
    counted_flop: Figure
    """Those that count towards the loss."""
    tokens: float
    """Of the model requested."""
    parameters: Figure
    """Of a compute-optimal model with as much compute as counts; the range is that of scaling laws."""


@dataclass(frozen=True, slots=True)
class _Choices:
    """All choices of sites on each day before a date. Shapes: c choices, s sites, d days."""

    calendar: tuple[dt.date, ...]
    part: Array
    """Of each day that the run trains; (d,)."""
    gpus: Array
    """Of each site; (s, d)."""
    chosen: NDArray[np.bool_]
    """(c, s)."""
    count: Array
    """Sites of a choice that have GPUs; (c, d)."""
    total: Array
    """GPUs of a choice; (c, d)."""
    link: Link

    @classmethod
    def of(cls, x: Exchange, by: dt.date, days: float, apart_km: Array) -> _Choices:
        """Return the choices for a run of so many days; it may begin within its first day."""
        calendar = tuple(by - dt.timedelta(days=k) for k in range(math.ceil(days), 0, -1))
        part = np.ones(len(calendar))
        part[0] = days - (len(calendar) - 1)
        gpus = np.stack([s.on(calendar) for s in x.sites])
        chosen = combinations(len(x.sites))
        active = chosen[:, :, None] & (gpus > 0)
        count = active.sum(axis=1)
        total = (chosen[:, :, None] * gpus).sum(axis=1)
        latency = latency_s(longest(apart_km, active.transpose(0, 2, 1)), x.fibre)
        link = Link(np.maximum(count, 1), x.link.uplink_bytes_per_s, latency)
        return cls(calendar, part, gpus, chosen, count, total, link)

    @property
    def single(self) -> NDArray[np.bool_]:
        """Which choices are one site; (c,)."""
        return np.asarray(self.chosen.sum(axis=1) == 1)


@dataclass(frozen=True, slots=True)
class _Runs:
    """What each method makes of each choice. Shapes: m methods, c choices, 3 for central, low and high."""

    flop: Array
    """Model FLOP done; (m, c)."""
    goodput: Array
    """(m, c)."""
    kept: Array
    """Part of the compute that counts; (m, 3, c)."""

    @classmethod
    def of(cls, x: Exchange, choices: _Choices, pace: Mapping[str, LocalUpdates]) -> _Runs:
        """Return the runs of every method; each day gives what the GPUs of the chosen sites train."""
        per_gpu = x.one.flop / x.one.tokens * x.one.tokens_per_s.value / x.one.job.gpus
        flop, goodput, kept = [], [], []
        for name in METHODS:
            local = pace[name]
            scheme = scheme_of(name, x, local)
            period_s = float(np.asarray(scheme.inner_steps)) * float(x.step_s[0])
            left = goodput_of(x.goodput, choices.gpus, choices.chosen, period_s, in_step=name == "synchronous")
            works = choices.total * time_share(x.step_s[0], scheme, choices.link) * choices.part
            flop.append((works * left).sum(axis=1) * per_gpu * SECONDS_PER_DAY)
            goodput.append((works * left).sum(axis=1) / np.maximum(works.sum(axis=1), MIN_WORK))
            kept.append(np.stack(effective_compute(name, choices.count.max(axis=1).astype(float), local, x.facts)))
        return cls(np.stack(flop), np.stack(goodput), np.stack(kept))

    @property
    def counted(self) -> Array:
        """Model FLOP that count, central; (m, c)."""
        return np.asarray(self.flop * self.kept[:, 0])


def largest_runs(
    x: Exchange, by: dt.date, days: float, apart_km: Array, pace: Mapping[str, LocalUpdates]
) -> tuple[Largest, ...]:
    """Return the largest runs by a date: of all sites by each method, of the best one alone, and of the best choice.

    Parameters
    ----------
    x
        The run, its sites and the network.
    by, days
        Last day of the run, and its longest time [day].
    apart_km
        Distances between sites [km]; shape (site, site).
    pace
        How sites learn alone between exchanges, by method.
    """
    choices = _Choices.of(x, by, days, apart_km)
    runs = _Runs.of(x, choices, pace)
    single, counted = choices.single, runs.counted
    alone = np.flatnonzero(single)
    best = int(np.argmax(counted * np.where(single, 1.0 + ROUNDING, 1.0)))
    picked = [(m, len(single) - 1) for m in range(len(METHODS))]
    picked += [(0, int(alone[np.argmax(counted[0, alone])])), divmod(best, len(single))]
    every = (_largest(0 if single[k] else m, k, x, choices, runs) for m, k in picked)
    return tuple({(r.sites, r.method): r for r in every}.values())


def _largest(m: int, k: int, x: Exchange, choices: _Choices, runs: _Runs) -> Largest:
    """Return the run of one method with one choice of sites."""
    step = x.one.step_s
    trusted = np.array([1.0, step.value / step.high, step.value / step.low])
    flop = runs.flop[m, k]
    return Largest(
        sites=tuple(s.name for s, c in zip(x.sites, choices.chosen[k], strict=True) if c),
        method="alone" if choices.single[k] else METHODS[m],
        gpus=int(choices.total[k, -1]),
        goodput_share=float(runs.goodput[m][k]),
        flop=central_and_bounds(flop * trusted),
        counted_flop=central_and_bounds(flop * trusted * runs.kept[m, :, k]),
        tokens=float(flop / (x.one.flop / x.one.tokens)),
        parameters=_parameters(float(runs.counted[m, k]), x.facts),
    )


def _parameters(flop: float, facts: Catalog) -> Figure:
    """Return the parameters of a compute-optimal model; the range is that of scaling laws."""
    low, central, high = (float(v) for v in parameters_in_range(flop, scaling_laws_of(facts)))
    return Figure(central, low, high)
