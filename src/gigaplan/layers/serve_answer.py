"""What came of requests on replicas: times, queues, memory, energy and cost."""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan.layers.serve_job import ServeJob
from gigaplan.vocabulary.interval import Figure
from gigaplan.vocabulary.show import Brief, BriefRows

SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
"""Percentiles that an answer gives."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Times(Brief):
    """One kind of time over all requests that were served [ms]."""

    mean: Figure
    """Mean; the interval is that of the model's errors on measured rows, 80 %."""
    p50: float | None
    """Percentiles: 0.2 % at most from those of the simulated requests; None where none was served."""
    p90: float | None
    p95: float | None
    p99: float | None

    def brief_line(self) -> str:
        """Return the mean and percentiles."""
        ends = ", ".join(f"{k} {v:,.4g}" for k in SHARES if (v := getattr(self, k)) is not None)
        return f"mean {self.mean.value:,.4g}, {ends}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Moment(Brief):
    """A stretch of the arrivals' time."""

    start_s: float
    arrived_per_s: float
    done_per_s: float
    running: float
    """Requests that decode, on the mean, of all replicas."""
    waiting: int
    """Requests in queues at its end."""
    kv_share: float
    """Share of the key-value cache that is held, on the mean."""
    replicas: int
    """Replicas that take requests at its end."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Watched(Brief):
    """One request of the window."""

    sent_s: float
    admitted_s: float
    first_token_s: float
    end_s: float
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FastModel(Brief):
    """What the fast model of plans says of the same mean request, one after another in steady state."""

    replicas: int | None
    """Replicas that hold the limits for the mean request; None where no batch does."""
    requests_per_s: float
    """Most that one replica serves within the limits."""
    ttft_ms: float
    tpot_ms: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ServeRun(Brief):
    """What came of requests on replicas."""

    job: ServeJob
    precision: str
    layout: str
    validity: str
    """``inside`` where constants were fitted on such hardware and models, else what is new to them."""
    gpus_per_replica: int
    replicas: int
    """Replicas at the beginning."""
    prefill_replicas: int
    """Further replicas that only read prompts."""
    kv_tokens: float
    """Tokens that the key-value cache of one replica holds."""
    max_sequences: int
    max_batched_tokens: int
    arrived: int
    """Requests that came: those served, refused and lost, as all are waited for."""
    served: int
    refused: dict[str, int]
    """Requests that were not served, by reason."""
    mean_input: float
    mean_output: float
    span_s: float
    """From the first to the last arrival."""
    end_s: float
    """When the last request was done."""
    ttft_ms: Times
    tpot_ms: Times
    latency_ms: Times
    """From sending to the last token."""
    good_share: float
    """Requests served within both limits, over those that came."""
    output_tokens_per_s_per_gpu: float
    """Of requests served, over the time to the last one's end."""
    batch: float
    """Requests that a replica decodes at once, on the mean over its steps."""
    queue: float
    """Requests that wait, on the mean, of all replicas."""
    kv_share: float
    """Share of the key-value cache that is held, on the mean."""
    busy_share: float
    """Share of the time in which replicas have steps."""
    read_share: float
    """Share of it by which reading prompts lengthens steps."""
    preempted: int
    """Times that a request lost its memory and was read again."""
    cached_share: float
    """Share of prompt tokens that were found in the prefix cache."""
    it_kw: float | None
    """IT power of all replicas on the mean; None where the catalog lacks a rated power."""
    joules_per_token: float | None
    """IT energy over output tokens."""
    usd_per_mtok_owned: float | None
    """Cost of all replicas from the first arrival to the last end, per million output tokens, of systems bought."""
    usd_per_mtok_rented: float | None
    overloaded: bool
    """Whether the queue grows to the end of the arrivals, so that waits depend on how long one looks."""
    most_replicas: int
    """Most replicas that were held at once."""
    replica_hours: float
    """Hours for which replicas were held: starting, at work or draining."""
    resent: int
    """Requests sent again, since their replica failed."""
    tried: tuple[tuple[int, float], ...]
    """Numbers of replicas that the search for the fewest tried, with the share of requests within the limits."""
    holds: bool | None
    """Whether the share that was asked for keeps the limits; None where none was."""
    fast: FastModel
    moments: tuple[Moment, ...]
    window: tuple[Watched, ...]
    """Requests of the window that was asked for, those that were served."""
    notes: tuple[str, ...]

    def brief_title(self) -> str:
        """Return what is served on what."""
        first = f"{self.prefill_replicas} x {self.gpus_per_replica} for prefill and " if self.prefill_replicas else ""
        return f"{self.job.model} on {first}{self.replicas} x {self.gpus_per_replica} {self.job.system}, {self.layout}"

    def brief_rows(self) -> BriefRows:
        """Return the times and what share of requests keeps the limits."""
        yield "TTFT, ms", self.ttft_ms.brief_line()
        yield "TPOT, ms", self.tpot_ms.brief_line()
        yield "whole, ms", self.latency_ms.brief_line()
        yield "within the limits", f"{self.good_share:.2%} of {self.arrived:,} requests"
        yield "in a batch", self.batch
        yield "waiting", "grows without end" if self.overloaded else self.queue
        if self.holds is not None:
            yield "fewest replicas", self.replicas if self.holds else "none holds"
        yield "fast model's replicas", self.fast.replicas
        yield "trust", self.validity
