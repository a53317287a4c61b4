"""When requests come to each kind of replica: stretches of the day with a constant rate each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.catalog.names import plain_name
from gigaplan.study.day.fleet import DayFleet
from gigaplan.study.day.job import PLACE, SECONDS_PER_DAY, DayJob, SiteEvent, site_events
from gigaplan.study.day.regions import nearest_first, spread
from gigaplan.vocabulary.errors import PlanError, Problem, allowed_names, nearest_name
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import HOURS, SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Streams:
    """Requests over a day. Shapes: kind K, workload W, region R, site S, stretch X."""

    edges_s: Array
    """(X + 1,) beginnings of the stretches and the end of the day [s]."""
    per_replica_s: Array
    """(K, X) requests per second to each replica of a kind, those that are sent again among them [1/s]."""
    site_replicas: Array
    """(K,) replicas like it that share the stream of their site [replicas]."""
    fails: NDArray[np.bool_]
    """(K, X) whether the kind's site fails as the stretch begins."""
    again_share: Array
    """(W, X) share of a stretch's requests that were sent before, to a site that failed [share]."""
    failed_s: Array
    """(X,) when that site failed [s]."""
    by_site_s: Array
    """(W, R, S, X) requests per second of each region at each site, without those that are sent again [1/s]."""
    near_share: Array
    """(W,) share of the day's requests that are served at the site nearest to them that has replicas [share]."""
    rejected: Array
    """(W,) requests for which no site was left [requests]."""


def events_of(job: DayJob, fleet: DayFleet) -> list[tuple[SiteEvent, int]]:
    """Return the failures of a day with the site's place; PlanError if there is no such site."""
    found = []
    for event in site_events(job):
        at = [k for k, s in enumerate(fleet.sites) if plain_name(s) == plain_name(event.site)]
        if not at:
            what, near = "no such site has GPUs at work on that day", nearest_name(event.site, fleet.sites)
            remedy, allowed = "name one that does", allowed_names(fleet.sites)
            raise PlanError([Problem(what, PLACE, value=event.site, allowed=allowed, nearest=near, remedy=remedy)])
        found.append((event, at[0]))
    return found


def streams(fleet: DayFleet, job: DayJob, lost: Mapping[tuple[int, str], float] | None = None) -> Streams:
    """Return when requests come to each kind of replica.

    A site that fails loses what it has. For the time of the failover its requests go there in vain; then they and what
    it had are sent to the others, within as much time again, and all later ones too, until it is repaired.

    Parameters
    ----------
    fleet : DayFleet
        The fleet and its demand.
    job : DayJob
        Failures, and the load up to which sites take those near them.
    lost : mapping, optional
        Requests that a site had when it failed, by the place of the failure and workload.
    """
    events, failover, repair = events_of(job, fleet), job.failover_s, job.repair_s
    times = [h * SECONDS_PER_HOUR for h in range(HOURS + 1)]
    for event, _ in events:
        times += [event.at_s + k * failover for k in range(3)] + [event.at_s + repair]
    edges = np.unique([t for t in times if t <= SECONDS_PER_DAY])
    begins = edges[:-1]
    down = np.zeros((len(fleet.sites), len(begins)), dtype=np.bool_)
    unseen, again = np.zeros_like(down), np.full(len(begins), -1)
    for e, (event, site) in enumerate(events):
        since = begins - event.at_s
        down[site] |= (since >= 0) & (since < repair)
        unseen[site] |= (since >= 0) & (since < min(failover, repair))
        again[(since >= failover) & (since < 2 * failover)] = e
    by_site = _by_site(fleet, job.spill, begins, down & ~unseen)
    kind_site = np.array([fleet.sites.index(k.site) for k in fleet.kinds])
    kind_work = np.array([fleet.workloads.index(k.workload) for k in fleet.kinds])
    weight = np.array([k.per_s * k.replicas for k in fleet.kinds])
    capacity = np.zeros((len(fleet.workloads), len(fleet.sites)))
    np.add.at(capacity, (kind_work, kind_site), weight)
    at_site = by_site.sum(axis=1)  # (W, S, X)
    in_vain = at_site * down
    extra = np.zeros_like(at_site)
    rejected = np.zeros(len(fleet.workloads))
    never_down = ~down.any(axis=1)
    length = np.diff(edges)
    for e, (event, site) in enumerate(events):
        missed = (in_vain[:, site] * length)[:, (begins >= event.at_s) & (begins < event.at_s + failover)].sum(axis=1)
        missed += np.array([(lost or {}).get((e, w), 0.0) for w in fleet.workloads])
        others = capacity * never_down
        most, when = others.sum(axis=1), again == e
        rejected += np.where(most > 0, 0.0, missed) if when.any() else missed
        part = np.divide(others, most[:, None], out=np.zeros_like(others), where=most[:, None] > 0)
        if when.any():
            extra[:, :, when] += (part * missed[:, None] / length[when].sum())[..., None]
    arriving = np.where(down, 0.0, at_site) + extra
    total = arriving.sum(axis=1)
    fails = np.zeros((len(fleet.kinds), len(begins)), dtype=np.bool_)
    for event, site in events:
        fails[np.ix_(kind_site == site, begins == event.at_s)] = True
    share = weight / np.array([k.replicas for k in fleet.kinds]) / capacity[kind_work, kind_site]
    return Streams(
        edges_s=edges,
        per_replica_s=arriving[kind_work, kind_site] * share[:, None],
        site_replicas=1 / share,
        fails=fails,
        again_share=np.divide(extra.sum(axis=1), total, out=np.zeros_like(total), where=total > 0),
        failed_s=np.array([events[e][0].at_s if e >= 0 else 0.0 for e in again]),
        by_site_s=by_site,
        near_share=_near_share(fleet, by_site, capacity, length),
        rejected=rejected,
    )


def _by_site(fleet: DayFleet, spill: float, begins: Array, closed: NDArray[np.bool_]) -> Array:
    """Return the requests per second of each region at each site: (W, R, S, X)."""
    order = nearest_first(fleet.region_offset_h, fleet.site_offset_h)
    shape = len(fleet.workloads), len(fleet.regions), len(fleet.sites), len(begins)
    found = np.zeros(shape)
    for w, name in enumerate(fleet.workloads):
        capacity = np.zeros(len(fleet.sites))
        for k in fleet.kinds_of(name):
            capacity[fleet.sites.index(fleet.kinds[k].site)] += fleet.kinds[k].per_s * fleet.kinds[k].replicas
        if not capacity.any():
            continue
        for x, begin in enumerate(begins):
            hour = int(begin // SECONDS_PER_HOUR)
            found[w, :, :, x] = spread(fleet.demand_per_s[w, :, hour], capacity * ~closed[:, x], order, spill)
    return found


def _near_share(fleet: DayFleet, by_site: Array, capacity: Array, length: Array) -> Array:
    """Return the share of requests that are served at the nearest site with replicas: (W,)."""
    order = nearest_first(fleet.region_offset_h, fleet.site_offset_h)
    day = (by_site * length).sum(axis=-1)  # (W, R, S)
    found = np.full(len(fleet.workloads), np.nan)
    for w in range(len(fleet.workloads)):
        nearest = [next((s for s in row if capacity[w, s] > 0), -1) for row in order]
        if day[w].sum() > 0:
            found[w] = sum(day[w, r, s] for r, s in enumerate(nearest) if s >= 0) / day[w].sum()
    return found
