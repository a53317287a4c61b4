"""Frontiers of models on systems: fast answers against many, with intervals, power and cost at each point.

Speeds come from the inference room with the catalog's constants, intervals from the errors that such answers had on
measured rows (:mod:`gigaplan.accuracy.serving`), power and cost from the facts that plans use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np

from gigaplan import catalog
from gigaplan.accuracy import levels
from gigaplan.accuracy import serving as accuracy
from gigaplan.catalog import Catalog
from gigaplan.catalog.names import generation
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.finance.gpu_hour import KW_PER_MW
from gigaplan.inference import disaggregation, frontier
from gigaplan.inference.disaggregation import Pair
from gigaplan.inference.frontier import Rate
from gigaplan.inference.inputs import Drafts, Efficiency, Engine, Request
from gigaplan.inference.shares import TokenShares, token_shares
from gigaplan.inference.step import Stage
from gigaplan.layers.checks import catalog_name, too_long, unknown_names, unsuited_power, without_profiles
from gigaplan.layers.serving_levels import Given, draft_notes, level_of, levelled, release_notes, shown
from gigaplan.layers.serving_question import MODES, PLACE, Mode, ServingQuestion, impossible
from gigaplan.layers.supply import Supply, supply
from gigaplan.plan.names import family
from gigaplan.plan.own.catalogs import own_catalog
from gigaplan.plan.resolve import (
    device_at,
    model_of,
    serving_constants,
)
from gigaplan.plan.resolve.drafts import drafts_of
from gigaplan.vocabulary.errors import PlanError, Problem
from gigaplan.vocabulary.figures import short
from gigaplan.vocabulary.interval import Figure
from gigaplan.vocabulary.progress import Progress, tracked
from gigaplan.vocabulary.show import Brief, BriefRows, Items

__all__ = [
    "MODES",
    "Curve",
    "Fleet",
    "Frontiers",
    "Mode",
    "Point",
    "ServingQuestion",
    "Supply",
    "Workers",
    "frontiers",
    "supply",
]

T = TypeVar("T")

SECONDS_PER_HOUR = 3600.0
MTOK = 1e6
"""Tokens of a Mtok."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Workers of one kind."""

    does: Literal["both", "prefill", "decode"]
    count: int
    gpus: int
    """GPUs of one worker."""
    pipeline: int
    attention: Literal["heads", "requests"]
    """What ranks share out among them: each request's heads, or the requests."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Point(Brief):
    """One way to serve."""

    mode: Mode
    on_frontier: bool
    """Whether no point of either mode beats it in both speeds."""
    tokens_per_s_per_user: Figure
    output_tokens_per_s_per_gpu: Figure
    ttft_ms: Figure
    tpot_ms: Figure
    workers: tuple[Workers, ...]
    gpus: int
    """GPUs of all workers."""
    batch: int
    """Requests in flight on them."""
    output_tokens_per_s_per_it_mw: Figure | None
    usd_per_mtok_owned: Figure | None
    """Per million output tokens, of systems that are bought; the interval is that of speed."""
    usd_per_mtok_rented: Figure | None
    limit: str
    """What forbids a larger batch on this layout."""
    dominant_operator: str
    """What most time goes to."""

    def brief_rows(self) -> BriefRows:
        """Return the speeds, the cost and the GPUs."""
        return (
            ("tokens/s per user", self.tokens_per_s_per_user),
            ("tokens/s per GPU", self.output_tokens_per_s_per_gpu),
            ("TTFT, ms", self.ttft_ms),
            ("TPOT, ms", self.tpot_ms),
            ("USD per Mtok", self.usd_per_mtok_owned),
            ("GPUs", self.gpus),
            ("in flight", self.batch),
            ("limit", self.limit),
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Fleet(Brief):
    """Whole replicas of one way to serve on some GPUs: the way of which they serve most together."""

    gpus: int
    """GPUs that there are."""
    replicas: int
    gpus_left_over: int
    """GPUs that make no whole replica."""
    point: Point
    """One replica."""
    output_tokens_per_s: Figure
    """Of all replicas."""

    def brief_rows(self) -> BriefRows:
        """Return the replicas, what is left over and the speed of all."""
        return (
            ("replicas", self.replicas),
            ("GPUs left over", self.gpus_left_over),
            ("tokens/s in all", self.output_tokens_per_s),
        )

    @property
    def words(self) -> str:
        """Return the fleet in a sentence."""
        speed = self.output_tokens_per_s
        return (
            f"{self.gpus:,} GPUs: {self.replicas:,} {self.point.mode} replicas of {self.point.gpus:,}, "
            f"{self.gpus_left_over:,} left over; {speed.value:,.4g} ({speed.low:,.4g} to {speed.high:,.4g}) output "
            f"tokens/s in all, {self.point.output_tokens_per_s_per_gpu.value:,.4g} a GPU, "
            f"{self.point.tpot_ms.value:,.3g} ms per token"
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Curve(Brief):
    """One model on one system: points of all modes from fast to cheap, or why there are none."""

    model: str
    system: str
    precision: str
    engine: str
    validity: str
    """``inside`` where constants were fitted on such hardware and models, else what is new to them."""
    supply: Supply
    points: tuple[Point, ...]
    reasons: dict[str, str]
    """Why a mode has no point."""
    fleet: Fleet | None = None
    """What a number of GPUs gives in whole replicas, where one was asked for and they hold one."""

    @property
    def frontier(self) -> tuple[Point, ...]:
        """The points that none of either mode beats, from fast to cheap."""
        return Items(p for p in self.points if p.on_frontier)

    def brief_title(self) -> str:
        """Return what is served on what."""
        return f"{self.model} on {self.system}, {self.precision}, {self.engine}"

    def brief_rows(self) -> BriefRows:
        """Return the fastest and the cheapest point."""
        ends = (("fastest", self.frontier[0]), ("cheapest", self.frontier[-1])) if self.frontier else ()
        yield from ((name, p.brief_line()) for name, p in ends)
        yield "points", len(self.points)
        yield "trust", self.validity
        yield from self.reasons.items()

    def brief_line(self) -> str:
        """Return the speeds of the fastest and the cheapest point."""
        if not self.frontier:
            return "no point"
        user, gpu = (
            " to ".join(short(getattr(p, name).value) for p in (self.frontier[0], self.frontier[-1]))
            for name in ("tokens_per_s_per_user", "output_tokens_per_s_per_gpu")
        )
        return f"{user} tokens/s per user, {gpu} per GPU, {self.validity}"


@dataclass(frozen=True, slots=True, repr=False)
class Frontiers(Brief):
    """Curves side by side, all for one question."""

    question: ServingQuestion
    curves: tuple[Curve, ...]
    catalog_vintage: str
    notes: tuple[str, ...] = ()
    """A note on each model of the user's own, and on each overlay that constants come from."""

    def brief_title(self) -> str:
        """Return the question."""
        q = self.question
        request = f"{q.input_tokens:,.0f} tokens in, {q.output_tokens:,.0f} out"
        return f"Frontiers for {request}; first token within {q.ttft_s:g} s"

    def brief_rows(self) -> BriefRows:
        """Return the fastest and the cheapest point of each curve."""
        return ((f"{c.model} on {c.system}", c.brief_line()) for c in self.curves)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Frontiers:
        """Return the answer of which ``gp.to_json`` made a dictionary, also after JSON.

        Raises
        ------
        pydantic.ValidationError
            If it is something else.
        """
        from pydantic import TypeAdapter

        return TypeAdapter(cls).validate_python(data)


def frontiers(
    pairs: Iterable[tuple[str, str]], question: ServingQuestion | None = None, progress: Progress | None = None
) -> Frontiers:
    """Return the frontier of each model on its system.

    Parameters
    ----------
    pairs
        Names of a model and a system of the catalog, for each curve.
    question
        What is served and how fast; None: 1,024 tokens in and out.
    progress
        Called with (pairs done, pairs, the next pair) before each pair; False cancels.

    Raises
    ------
    PlanError
        With every unknown name (and the nearest known one) and every impossible number at once.
    """
    question, pairs = question or ServingQuestion(), list(dict.fromkeys(pairs))
    models, systems = ([pair[i] for pair in pairs] for i in (0, 1))
    own = question.model_configs, question.system_configs
    with own_catalog(*own, models=models, systems=systems, used_for="a frontier") as notes:
        return _frontiers(pairs, question, progress, notes)


def _frontiers(
    pairs: Sequence[tuple[str, str]], question: ServingQuestion, progress: Progress | None, notes: tuple[str, ...]
) -> Frontiers:
    """Return the frontiers of pairs of the catalog in use; see :func:`frontiers` for what raises."""
    facts = catalog.load()
    pairs = list(dict.fromkeys((catalog_name("model", m), catalog_name("system", s)) for m, s in pairs))
    models, systems = (list(dict.fromkeys(names)) for names in zip(*pairs, strict=True)) if pairs else ([], [])
    problems = [*unknown_names(models, systems, PLACE), *impossible(question)]
    if not problems:
        problems = unsuited_power(facts, systems, question.power, PLACE)
    if not pairs:
        problems.append(Problem("no model and system", PLACE, remedy="name a model and a system of the catalog"))
    architectures: dict[str, Architecture] = {}
    devices: dict[str, Device] = {}
    if not problems:
        architectures = _read(facts, model_of, models, problems)
        devices = _read(facts, partial(device_at, power=question.power), systems, problems)
    if not problems:
        problems = too_long(facts, models, question.input_tokens + question.output_tokens, PLACE)
    if problems:
        raise PlanError(problems)
    constants = serving_constants(facts, question.engine, question.overlays)
    supplies = {s: supply(facts, s, question.power) for s in systems}
    curves = tuple(
        _curve((m, s), architectures[m], devices[s], supplies[s], question, constants.efficiency, constants.engine)
        for m, s in tracked(pairs, progress, " on ".join)
    )
    releases = [n for c in curves for n in release_notes((c.model, c.system), c.precision, question)]
    releases += [n for m in models for n in draft_notes(facts, m, question)]
    power = without_profiles(facts, systems, question.power)
    return Frontiers(question, curves, facts.vintage, (*notes, *constants.notes, *releases, *power))


def _read(
    facts: Catalog, read: Callable[[Catalog, str], T], names: Sequence[str], problems: list[Problem]
) -> dict[str, T]:
    """Return what is read of each name; facts that are missing become problems."""
    found = {}
    for name in names:
        try:
            found[name] = read(facts, name)
        except PlanError as error:
            problems += [replace(p, place=PLACE) for p in error.problems]
    return found


def _curve(
    names: tuple[str, str],
    architecture: Architecture,
    device: Device,
    cost: Supply,
    question: ServingQuestion,
    efficiency: Efficiency,
    engine: Engine,
) -> Curve:
    """Return the curve of one (model, system)."""
    model, system = names
    precision = question.precision or frontier.precision_for(device)
    request = Request(
        uncached_input_tokens=question.input_tokens - question.cached_tokens,
        cached_input_tokens=question.cached_tokens,
        output_tokens=question.output_tokens,
        ttft_s=question.ttft_s,
        tpot_s=question.tpot_s,
    )
    given = (device, architecture, precision, request, efficiency, engine)
    drafts = drafts_of(catalog.load(), model, question.drafts, question.accepted_tokens)
    level = level_of(names, precision, question)
    at_once = levelled(given, level)
    rates: list[Rate | Pair] = []
    reasons: dict[str, str] = {}
    if "co-located" in question.modes:
        rates += (shown(r, level) for r in frontier.frontier(*at_once, drafts=drafts))
        if not rates:
            reasons["co-located"] = frontier.best(*at_once, drafts=drafts).reason
    if "disaggregated" in question.modes:
        pairs = disaggregation.frontier(*given, drafts=drafts)
        rates += pairs
        if not pairs:
            reasons["disaggregated"] = "no group of prefill and decode workers keeps the limits"
    reach = _reach(names, architecture, request, question, level)
    rates.sort(key=lambda r: (r.tpot_s, -r.requests_per_gpu_s))
    best = _undominated(rates)

    def point(rate: Rate | Pair, *, on_frontier: bool) -> Point:
        return _point(rate, on_frontier, cost, question, _errors(given, drafts, rate, reach, question, level))

    points = tuple(point(r, on_frontier=i in best) for i, r in enumerate(rates))
    whole = _best_fleet(given, drafts, question, level) if question.gpus else None
    on_frontier = any(whole == rates[i] for i in best)
    best_of_fleet = None if whole is None else point(whole, on_frontier=on_frontier)
    return Curve(
        model=model,
        system=system,
        precision=precision,
        engine=question.engine,
        validity=reach.validity,
        supply=cost,
        points=points,
        reasons=reasons,
        fleet=None if best_of_fleet is None else _fleet(best_of_fleet, question.gpus),
    )


def _reach(
    names: tuple[str, str], architecture: Architecture, request: Request, question: ServingQuestion, level: levels.Level
) -> accuracy.Reach:
    """Return how far a curve lies beyond the measured rows."""
    model, system = names
    return accuracy.reach(
        generation=generation(system),
        family=family(model),
        active_parameters=architecture.active_parameters,
        input_over_output=request.uncached_input_tokens / question.output_tokens,
        engine=question.engine,
        release=question.engine_version,
        board=system,
        level=level,
        further=levels.unmeasured_drafts(family=family(model), engine=question.engine, speculative=question.drafts > 0),
    )


def _errors(
    given: Given,
    drafts: Drafts,
    rate: Rate | Pair,
    reach: accuracy.Reach,
    question: ServingQuestion,
    level: levels.Level,
) -> accuracy.TimeIntervals:
    """Return the intervals of one way to serve."""
    apart = isinstance(rate, Pair)
    of = _shares(given if apart else levelled(given, level), drafts, rate)
    decode_s = question.output_tokens * rate.tpot_s
    return accuracy.interval(
        kind=accuracy.kind(
            engine=question.engine, experts=given[1].experts > 0, disaggregated=apart, drafts=drafts.number > 0
        ),
        reach=reach,
        reading_share=float(of.reading),
        decode_share=decode_s / (rate.ttft_s + decode_s),
        launch_share=float(of.launches),
        level=levels.NONE if apart else level,
    )


def _shares(given: Given, drafts: Drafts, rate: Rate | Pair) -> TokenShares:
    """Return what a token's time is made of on the workers that decode."""
    device, architecture, precision, request, efficiency, engine = given
    worker = rate if isinstance(rate, Rate) else rate.decode_workers
    count = 1 if isinstance(rate, Rate) else rate.decode_workers.count
    gpus, stages, by_requests = (
        np.array(float(v)) for v in (worker.gpus / worker.pipeline, worker.pipeline, worker.data_parallel)
    )
    stage = Stage(device, architecture, precision, efficiency, engine, gpus, stages, by_requests, drafts=drafts)
    context = request.cached_input_tokens + request.uncached_input_tokens + request.output_tokens / 2
    batch = rate.batch / (worker.pipeline * count)
    return token_shares(stage, *(np.array(float(v)) for v in (batch, context, rate.tpot_s)))


def _best_fleet(given: Given, drafts: Drafts, question: ServingQuestion, level: levels.Level) -> Rate | Pair | None:
    """Return the way to serve of which whole replicas on a question's GPUs serve most together, None if none fits."""
    found: list[Rate | Pair] = []
    if "co-located" in question.modes:
        best = frontier.best(*levelled(given, level), drafts=drafts, fleet_gpus=question.gpus)
        found += [] if best.reason else [shown(best, level)]
    if "disaggregated" in question.modes:
        found += [p for p in [disaggregation.best(*given, drafts=drafts, fleet_gpus=question.gpus)] if p is not None]
    return max(found, key=lambda r: r.requests_per_gpu_s * (question.gpus // r.gpus * r.gpus), default=None)


def _fleet(point: Point, gpus: int) -> Fleet:
    """Return whole replicas of a way to serve on some GPUs."""
    replicas, left = divmod(gpus, point.gpus)
    speed = point.output_tokens_per_s_per_gpu.scaled(float(gpus - left))
    return Fleet(gpus=gpus, replicas=replicas, gpus_left_over=left, point=point, output_tokens_per_s=speed)


def _undominated(rates: Sequence[Rate | Pair]) -> set[int]:
    """Return which points no other beats in both time per token and requests per GPU; they come from fast to slow."""
    retained: set[int] = set()
    top = 0.0
    for i, rate in enumerate(rates):
        if rate.requests_per_gpu_s > top:
            top = rate.requests_per_gpu_s
            retained.add(i)
    return retained


def _point(
    rate: Rate | Pair, on_frontier: bool, cost: Supply, question: ServingQuestion, error_of: accuracy.TimeIntervals
) -> Point:
    """Return one way to serve with its intervals and what it costs."""
    tpot_ms = error_of.tpot.of(1e3 * rate.tpot_s)
    # What a replica yields in a second falls as whole requests take longer, however first token and others share it;
    # prefill workers of their own are sized for the time per token.
    whole = error_of.tpot if isinstance(rate, Pair) else error_of.latency
    speed = whole.inverse().of(rate.requests_per_gpu_s * question.output_tokens)
    mtok_per_hour = speed.scaled(SECONDS_PER_HOUR / MTOK)
    owned, rented = (
        None if usd is None else mtok_per_hour.over(usd)
        for usd in (cost.owned_usd_per_gpu_h, cost.rented_usd_per_gpu_h)
    )
    kw = cost.it_kw_per_gpu
    return Point(
        mode="disaggregated" if isinstance(rate, Pair) else "co-located",
        on_frontier=on_frontier,
        tokens_per_s_per_user=tpot_ms.over(1e3),
        output_tokens_per_s_per_gpu=speed,
        ttft_ms=error_of.ttft.of(1e3 * rate.ttft_s),
        tpot_ms=tpot_ms,
        workers=_workers(rate),
        gpus=rate.gpus,
        batch=rate.batch,
        output_tokens_per_s_per_it_mw=None if kw is None else speed.scaled(KW_PER_MW / kw),
        usd_per_mtok_owned=owned,
        usd_per_mtok_rented=rented,
        limit=rate.limit,
        dominant_operator=rate.dominant_operator,
    )


def _workers(rate: Rate | Pair) -> tuple[Workers, ...]:
    """Return the workers of one way to serve, by kind."""

    def attention(by_requests: bool) -> Literal["heads", "requests"]:
        return "requests" if by_requests else "heads"

    if isinstance(rate, Rate):
        return (Workers("both", 1, rate.gpus, rate.pipeline, attention(rate.data_parallel)),)
    prefill, decode = rate.prefill_workers, rate.decode_workers
    return (
        Workers("prefill", prefill.count, prefill.gpus, prefill.pipeline, attention(prefill.data_parallel)),
        Workers("decode", decode.count, decode.gpus, decode.pipeline, attention(decode.data_parallel)),
    )
