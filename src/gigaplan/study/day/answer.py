"""What came of a plan's day: who waited, where and when, and what it took."""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan.study.day.job import DayJob
from gigaplan.vocabulary.show import Brief, BriefRows

SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
"""Percentiles that an answer gives."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DayTimes(Brief):
    """One kind of time over requests that were served [ms]; None where none was."""

    mean: float | None
    p50: float | None
    """Percentiles: within 0.2 % of those of the simulated requests."""
    p90: float | None
    p95: float | None
    p99: float | None

    def brief_line(self) -> str:
        """Return the mean and percentiles."""
        known = ((k, getattr(self, k)) for k in ("mean", *SHARES))
        return ", ".join(f"{k} {v:,.4g}" for k, v in known if v is not None)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DayHour(Brief):
    """One hour of the day, UTC; what ends after midnight counts for the last one."""

    hour: int
    arrived_per_s: float
    good_share: float | None
    """Requests within the limits, over those that came or were refused in this hour; None where none did."""
    ttft_p99_ms: float | None
    """Within 1.6 %."""
    waiting: float
    """Requests that wait, on the mean."""
    busy_share: float
    """Share of the time in which replicas have steps."""
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DayPart(Brief):
    """A workload, or a site: its replicas and what they did."""

    name: str
    replicas: int
    gpus: int
    peak_load: float
    """Requests of the peak hour over what the fast model says that the replicas serve."""
    requests: int
    """Requests that came, those that were sent again once more."""
    served: int
    refused: int
    """Requests refused, since too many waited or they were too long."""
    preempted: int
    good_share: float | None
    """Requests served within both limits, over those that came; None where none did."""
    ttft_ms: DayTimes
    tpot_ms: DayTimes
    latency_ms: DayTimes
    batch: float
    """Requests that a replica decodes at once, on the mean over its steps."""
    kv_share: float
    """Share of the key-value cache that is held, on the mean."""
    busy_share: float
    read_share: float
    """Share of busy time by which reading prompts lengthens steps."""
    output_tokens: float
    it_mw: float | None
    """IT power on the mean of the day; None where the catalog lacks a rated power."""
    joules_per_token: float | None
    usd_per_mtok_owned: float | None
    usd_per_mtok_rented: float | None
    hours: tuple[DayHour, ...]

    @property
    def worst_hour(self) -> DayHour | None:
        """The hour in which fewest requests keep the limits."""
        known = [h for h in self.hours if h.good_share is not None]
        return min(known, key=lambda h: h.good_share or 0.0, default=None)

    def brief_line(self) -> str:
        """Return how many keep the limits."""
        worst = self.worst_hour
        if self.good_share is None or worst is None or worst.good_share is None:
            return f"{self.replicas:,} replicas, no requests"
        at = f"{worst.good_share:.1%} in the hour from {worst.hour}:00"
        return f"{self.replicas:,} replicas, {self.good_share:.1%} within the limits, {at}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DayWorkload(Brief):
    """A workload of the plan on this day, simulated and by the fast model."""

    part: DayPart
    model: str
    unserved_share: float
    """Requests that the plan itself does not serve, for want of GPUs [share]."""
    near_share: float | None
    """Requests served at the nearest site that has replicas [share]."""
    lost: int
    """Requests that a failed site had; they are sent again."""
    rejected: int
    """Requests of a failed site for which no site was left."""
    fast_good_share: float
    """What the fast model says: requests within both limits, in the peak hour [share]."""
    fast_ttft_ms: float
    fast_tpot_ms: float

    def brief_line(self) -> str:
        """Return the part's line next to the fast model."""
        return f"{self.part.brief_line()}; fast model {self.fast_good_share:.1%}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DayRun(Brief):
    """A day of a plan's fleet."""

    job: DayJob
    plan: str
    day: str
    day_type: str
    simulated: int
    """Requests that were simulated one by one."""
    whole: DayPart
    workloads: tuple[DayWorkload, ...]
    sites: tuple[DayPart, ...]
    kinds: int
    """Kinds of replicas: workload, generation, layout and site."""
    tasks: int
    done_before: int
    """Of these, those that an earlier start had done."""
    folder: str
    notes: tuple[str, ...]

    def brief_title(self) -> str:
        """Return what day it is, and of how many requests."""
        return f"{self.plan} on {self.day}: {self.whole.requests:,} requests on {self.whole.gpus:,} GPUs"

    def brief_rows(self) -> BriefRows:
        """Return each workload."""
        for w in self.workloads:
            yield w.part.name, w.brief_line()
        yield "TTFT, ms", self.whole.ttft_ms.brief_line()
        yield "TPOT, ms", self.whole.tpot_ms.brief_line()
