"""The question of a fleet of replicas that serves requests one by one, and what it may not say."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

from gigaplan.inference.options import ROUTERS
from gigaplan.layers.serve_traces import PLACE, UNITS
from gigaplan.layers.serving_question import DEFAULT_TOKENS, ServingQuestion
from gigaplan.vocabulary.errors import Problem, allowed_names, nearest_name
from gigaplan.vocabulary.options import Count, Option, Quantity

SCHEDULERS = ("fcfs", "priority")
"""Orders in which a replica admits requests."""
MADE = "poisson"
"""Name of made traffic."""
RANKS = 8
"""Priorities that are distinguished."""
GROUP = "Replicas"
FLEET = "Fleet over time"
EVENT = re.compile(r"\s*(?P<number>[0-9]+)\s*@\s*(?P<time>.+?)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeJob:
    """Requests, what serves them, and how: a trace or made traffic on replicas of a model."""

    trace: Annotated[str, Option(argument=True)] = ""
    """File with a row for each request (CSV, Parquet, JSON lines: arrival, input, output), azure_conv_2023 or
    azure_code_2023, or poisson for made traffic of --rate, --isl and --osl."""
    model: Annotated[str, Option(group="Model and system", entities=("layers",))]
    """A model of the catalog."""
    system: Annotated[str, Option(group="Model and system", entities=("hbm_bandwidth_bytes_per_s",))]
    """A system of the catalog."""
    replicas: Annotated[int, Option(group=GROUP)] = 0
    """Replicas (default: as many as the fast model says, or fit on --gpus)."""
    prefill_replicas: Annotated[int, Option(group=GROUP)] = 0
    """Further replicas that only read prompts; the others then only decode, and keys and values travel (default: none).
    """
    gpus_per_replica: Annotated[int, Option(group=GROUP)] = 0
    """GPUs of one replica, attention split by heads (default: the layout that serves most within the limits)."""
    router: Annotated[str, Option(group=GROUP, choices=ROUTERS)] = "least_outstanding"
    """How requests are given to replicas."""
    scheduler: Annotated[str, Option(group=GROUP, choices=SCHEDULERS)] = "fcfs"
    """Order in which a replica admits: first come, or by the trace's column priority, 0 first."""
    max_sequences: Annotated[int, Option(group=GROUP)] = 0
    """Most requests that a replica runs at once (default: as many as the fast model has in flight, 256 at least)."""
    max_batched_tokens: Annotated[int, Option(group=GROUP)] = 0
    """Most tokens of one step, decoded and read (default: 8,192 for each group with its own requests)."""
    block_tokens: Annotated[int, Option(group=GROUP)] = 16
    """Tokens of one block of the key-value cache."""
    max_waiting: Annotated[int, Option(group=GROUP)] = 0
    """Most requests that wait at a replica; more are refused (default: no limit)."""
    gather: Annotated[int, Option("gather-prompts", group=GROUP)] = 0
    """Prompts that are read together, as groups of data parallel attention wait for one another; fewer wait 50 steps at
    most (default: each is read at once)."""
    hash_tokens: Annotated[int, Option(group=GROUP)] = 512
    """Tokens of each prefix hash of the trace, as Mooncake's; 0 leaves hashes out."""
    rate_per_s: Annotated[float, Option("rate", group="Requests")] = 0.0
    """Mean requests per second; a trace's times are stretched to it (default: the trace's own)."""
    requests: Annotated[float, Option(group="Requests"), Count("requests")] = 0.0
    """Requests in all (default: the whole trace once, 20,000 of made traffic)."""
    burst: Annotated[float, Option(group="Requests")] = 1.0
    """Variation of gaps between made arrivals: 1 is Poisson, above 1 comes in bursts (Gamma)."""
    input_variation: Annotated[float, Option("isl-cv", group="Requests")] = 0.0
    """Standard deviation of made prompts over their mean (log-normal)."""
    output_variation: Annotated[float, Option("osl-cv", group="Requests")] = 0.0
    """The same of made answers."""
    swing: Annotated[float, Option(group="Requests"), Quantity("share", "60 %")] = 0.0
    """How far the rate of made traffic rises above its mean at eight in the evening, and falls below it at eight in the
    morning; the traffic begins at midnight."""
    seed: Annotated[int, Option(group="Requests")] = 0
    """Seed of made traffic."""
    time_unit: Annotated[str, Option(group="Requests", choices=tuple(UNITS))] = ""
    """Unit of the trace's times (default: what its column says; seconds)."""
    autoscale: Annotated[int, Option(group=FLEET)] = 0
    """Most replicas that an autoscaler may ask for; those that are there at first are the fewest (default: none)."""
    startup_s: Annotated[float, Option("startup", group=FLEET, words=True), Quantity("s", "3 min")] = 180.0
    """Time until a new replica takes requests, as "3 min"."""
    scale_target: Annotated[float, Option(group=FLEET), Quantity("share", "70 %")] = 0.7
    """Requests in flight that the autoscaler wants on a replica, as a share of those at the fast model's best point."""
    fail: Annotated[tuple[str, ...], Option(group=FLEET)] = ()
    """Replicas that fail at a time, as 2@20min: what they have is sent again. May be repeated."""
    repair_s: Annotated[float, Option("repair", group=FLEET, words=True), Quantity("s", "10 min")] = math.inf
    """Time until failed replicas take requests again (default: they don't)."""
    drain: Annotated[tuple[str, ...], Option(group=FLEET)] = ()
    """Replicas that take no more requests from a time on, as 1@30min: what they have is done. May be repeated."""
    size: Annotated[bool, Option(group=FLEET)] = False
    """Search for the fewest replicas of which --share of the requests keep both limits."""
    share: Annotated[float, Option(group=FLEET), Quantity("share", "99 %")] = 0.99
    """Share of requests that must keep both limits, with --size."""
    window_s: Annotated[float, Option("window", group=FLEET, words=True), Quantity("s", "60 s")] = 0.0
    """Time whose requests are kept one by one, for --perfetto, as "60 s" (default: none)."""
    window_start_s: Annotated[float, Option("window-start", group=FLEET, words=True), Quantity("s", "30 min")] = 0.0
    """When that begins, as "30 min"."""
    question: ServingQuestion = field(default_factory=ServingQuestion)
    """Limits of good requests, lengths of made ones, precision and engine."""

    @property
    def is_made(self) -> bool:
        """Whether traffic is made instead of read."""
        return self.trace == MADE


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to replicas at a time."""

    at_s: float
    what: str
    """``fail`` or ``drain``."""
    replicas: int


def events(job: ServeJob) -> list[Event]:
    """Return what a job says of failures and drains; ValueError says what to write."""
    return [_event(what, text) for what in ("fail", "drain") for text in getattr(job, what)]


def _event(what: str, text: str) -> Event:
    found = EVENT.fullmatch(text)
    if found is None or int(found["number"]) < 1:
        raise ValueError(f"'{text}' is no number of replicas and a time; write it as 2@20min")
    at_s = Quantity("s", "20 min", bare=True).parse(found["time"])
    if not isinstance(at_s, float) or at_s < 0:
        raise ValueError(f"'{text}' has a time below zero")
    return Event(at_s, what, int(found["number"]))


def impossible_job(job: ServeJob) -> Iterator[Problem]:
    """Yield a problem for each number that can't be, and each word that isn't known."""
    if not job.trace:
        yield Problem("no requests are named", PLACE, remedy="name a trace or poisson, or give --day and --plan")
    for name, word, words in (
        ("router", job.router, ROUTERS),
        ("scheduler", job.scheduler, SCHEDULERS),
        ("time unit", job.time_unit, ("", *UNITS)),
    ):
        if word not in words:
            allowed, near = allowed_names(w for w in words if w), nearest_name(word, words)
            what = f"no such {name}"
            yield Problem(what, PLACE, value=word, allowed=allowed, nearest=near, remedy="name one of these")
    for option, value, lowest in (
        ("replicas", job.replicas, 0),
        ("prefill-replicas", job.prefill_replicas, 0),
        ("gpus-per-replica", job.gpus_per_replica, 0),
        ("max-sequences", job.max_sequences, 0),
        ("max-batched-tokens", job.max_batched_tokens, 0),
        ("max-waiting", job.max_waiting, 0),
        ("hash-tokens", job.hash_tokens, 0),
        ("gather-prompts", job.gather, 0),
        ("rate", job.rate_per_s, 0),
        ("requests", job.requests, 0),
        ("burst", job.burst, 0),
        ("isl-cv", job.input_variation, 0),
        ("osl-cv", job.output_variation, 0),
        ("seed", job.seed, 0),
        ("autoscale", job.autoscale, 0),
        ("startup", job.startup_s, 0),
        ("window", job.window_s, 0),
        ("window-start", job.window_start_s, 0),
    ):
        if not lowest <= value < math.inf:
            remedy = f"give a finite number, {lowest} or more"
            yield Problem(f"'--{option}' can't be {value:g}", PLACE, value=f"{value:g}", remedy=remedy)
    if job.block_tokens < 1 or job.block_tokens & (job.block_tokens - 1):
        remedy = "give a power of two, as 16"
        yield Problem("'--block-tokens' must be a power of two", PLACE, value=f"{job.block_tokens}", remedy=remedy)
    if 0 < job.max_batched_tokens < job.max_sequences:
        yield Problem(
            "a step must have a token for each request",
            PLACE,
            value=f"--max-batched-tokens {job.max_batched_tokens:,}",
            allowed=f"{job.max_sequences:,} and more",
            remedy="give more tokens, or fewer --max-sequences",
        )
    yield from _wrong_shares(job)
    yield from _at_odds(job)


def _wrong_shares(job: ServeJob) -> Iterator[Problem]:
    """Yield a problem for each share, time and event of the fleet that can't be."""
    for option, value, example in (("scale-target", job.scale_target, "70 %"), ("share", job.share, "99 %")):
        if not 0 < value <= 1:
            what = f"'--{option}' is above zero and at most one"
            yield Problem(what, PLACE, value=f"{value:g}", remedy=f"write it as {example}")
    if 0 < job.requests < 1 or job.requests % 1:
        what = "'--requests' is a whole number"
        yield Problem(what, PLACE, value=f"{job.requests:g}", remedy="give one or more, as 20K")
    if not 0 <= job.swing < 1:
        what, remedy = "'--swing' is a share below one", "write it as 60 %"
        yield Problem(what, PLACE, value=f"{job.swing:g}", remedy=remedy)
    if not job.repair_s > 0:
        yield Problem("'--repair' must be above zero", PLACE, value=f"{job.repair_s:g}", remedy="write it as 10 min")
    if math.isfinite(job.repair_s) and not job.fail:
        yield Problem("nothing fails that could be repaired", PLACE, value="--repair", remedy="give --fail 1@10min")
    if job.size and (job.replicas or job.question.gpus or job.autoscale or job.fail or job.drain):
        what = "the number of replicas is what is searched for"
        remedy = "leave out --replicas, --gpus, --autoscale, --fail and --drain"
        yield Problem(what, PLACE, value="--size", remedy=remedy)
    if job.prefill_replicas and (not job.replicas or job.autoscale or job.fail or job.drain or job.size):
        what = "prefill apart from decode needs a number of each, which stays"
        remedy = "give --replicas, and leave out --autoscale, --fail, --drain and --size"
        yield Problem(what, PLACE, value="--prefill-replicas", remedy=remedy)
    for what in ("fail", "drain"):
        for text in getattr(job, what):
            try:
                _event(what, text)
            except ValueError as error:
                yield Problem(str(error), PLACE, value=text, remedy=f"write --{what} 2@20min")


def _at_odds(job: ServeJob) -> Iterator[Problem]:
    """Yield a problem for what the kind of traffic has no use for."""
    question = job.question
    if job.is_made and not job.rate_per_s > 0:
        yield Problem("made traffic needs a rate", PLACE, remedy="give --rate, in requests per second")
    if job.is_made and job.burst == 0:
        yield Problem("'--burst' must be above zero", PLACE, value="0", remedy="give 1 for Poisson arrivals")
    if not job.is_made:
        lengths = (question.input_tokens, question.output_tokens, question.cached_tokens)
        stated = lengths != (DEFAULT_TOKENS, DEFAULT_TOKENS, 0.0) or job.input_variation or job.output_variation
        if stated or job.burst != 1 or job.swing:
            what = "lengths, bursts and hours are the trace's own"
            remedy = "leave --isl, --osl, --cached, --isl-cv, --osl-cv, --burst and --swing out"
            yield Problem(what, PLACE, remedy=remedy)
    if job.replicas and question.gpus:
        value = f"--replicas {job.replicas}, --gpus {question.gpus}"
        yield Problem("replicas follow from GPUs", PLACE, value=value, remedy="give one of the two")
    if len(question.modes) == 1 and "disaggregated" in question.modes:
        what = "prefill and decode are apart where replicas of both are given"
        yield Problem(what, PLACE, value="disaggregated", remedy="leave modes out, and give --prefill-replicas")
