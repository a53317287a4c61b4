"""Frontiers of models on systems: fast answers against many, with intervals, power and cost at each point.

Speeds come from the inference room with the catalog's constants, intervals from the errors that such answers had on
measured rows (:mod:`gigaplan.validation.serving.fit`), power and cost from the facts that plans use.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.finance.gpu_hour import KW_PER_MW, owned_gpu_hour
from gigaplan.inference import disaggregation, frontier
from gigaplan.inference.inputs import Efficiency, Engine, Request
from gigaplan.plan.resolve import (
    costs_of,
    device_of,
    draw_curve_of,
    efficiency_of,
    engine_of,
    facility_of,
    it_kw_per_gpu,
    model_of,
)
from gigaplan.power.draw import drawn_share
from gigaplan.validation.serving.fit import spreads
from gigaplan.validation.serving.rows import ENGINES, PRECISIONS, SYSTEMS, Question, Worker
from gigaplan.validation.serving.validate import INSIDE, _validity
from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_name

T = TypeVar("T")
Mode = Literal["co-located", "disaggregated"]
MODES: tuple[Mode, ...] = ("co-located", "disaggregated")
PLACE = Place("frontier")
SECONDS_PER_HOUR = 3600.0
MTOK = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingQuestion:
    """What is served, and the longest waits that are allowed."""

    input_tokens: float = 1024.0
    """All tokens of the prompt, cached ones included."""
    output_tokens: float = 1024.0
    """Generated: reasoning and answer."""
    cached_tokens: float = 0.0
    """Tokens of the prompt whose keys and values are there already."""
    ttft_s: float = 2.0
    tpot_s: float = 0.05
    precision: str = ""
    """Of the weights; empty: the narrowest that the system computes in."""
    engine: str = "trtllm"
    modes: tuple[Mode, ...] = MODES


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its 80 % interval, from the errors that such answers had."""

    value: float
    low: float
    high: float

    def scaled(self, by: float) -> Figure:
        """Return it times a number above zero."""
        return Figure(self.value * by, self.low * by, self.high * by)

    def over(self, numerator: float) -> Figure:
        """Return a number divided by it."""
        return Figure(numerator / self.value, numerator / self.high, numerator / self.low)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
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
    busiest: str
    """What most time goes to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What one GPU of a system takes; None where the catalog lacks a fact for it."""

    it_kw_per_gpu: float | None
    """Rated IT power with its share of rack, network and storage: what a plan provisions."""
    drawn_kw_per_gpu: float | None
    """IT power drawn when busy: what energy is paid for."""
    owned_usd_per_gpu_h: float | None
    """Rack, network and facility over their lives, operations and energy; before tax and cost of capital."""
    rented_usd_per_gpu_h: float | None
    """Contract rental, power included."""
    missing: tuple[str, ...]
    """What the catalog lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
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

    @property
    def frontier(self) -> tuple[Point, ...]:
        """The points that none of either mode beats, from fast to cheap."""
        return tuple(p for p in self.points if p.on_frontier)


@dataclass(frozen=True, slots=True)
class Frontiers:
    """Curves side by side, all for one question."""

    ask: ServingQuestion
    curves: tuple[Curve, ...]
    catalog_vintage: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Frontiers:
        """Return what :meth:`as_dict` gave, also after JSON; pydantic's ValidationError if it is something else."""
        from pydantic import TypeAdapter

        return TypeAdapter(cls).validate_python(data)


def frontiers(pairs: Iterable[tuple[str, str]], ask: ServingQuestion | None = None) -> Frontiers:
    """Return the frontier of each (model, system), both by name.

    Raises
    ------
    PlanError
        With every unknown name (and the nearest known one) and every impossible number at once.
    """
    facts, ask = catalog.load(), ask or ServingQuestion()
    pairs = list(dict.fromkeys(pairs))
    models, systems = (list(dict.fromkeys(names)) for names in zip(*pairs, strict=True)) if pairs else ([], [])
    problems = [*_unknown(facts, models, systems), *_impossible(ask)]
    if not pairs:
        problems.append(Problem("no model and system", PLACE, remedy="name a model and a system of the catalog"))
    architectures, devices = (
        ({}, {}) if problems else (_read(facts, model_of, models, problems), _read(facts, device_of, systems, problems))
    )
    if problems:
        raise PlanError(problems)
    constants = efficiency_of(facts), engine_of(facts, ask.engine)
    supplies = {s: supply(facts, s) for s in systems}
    curves = tuple(_curve(m, s, architectures[m], devices[s], supplies[s], ask, *constants) for m, s in pairs)
    return Frontiers(ask, curves, facts.vintage)


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


def supply(facts: Catalog, system: str) -> Supply:
    """Return what one GPU of a system takes and costs, by the facts that plans use."""
    missing = []

    def found(quantity: str) -> float | None:
        if facts.has(system, quantity):
            return facts.find(system, quantity).number
        missing.append(quantity)
        return None

    try:
        rated: float | None = it_kw_per_gpu(facts, system)
    except UnknownFactError:
        rated = None
        missing.append("rack_power_kw")
    price, rent = found("rack_price_usd"), found("rental_usd_per_gpu_h")
    busy = float(drawn_share(1.0, draw_curve_of(facts)))  # type: ignore[arg-type]
    owned = None
    if rated is not None and price is not None:
        facility = facility_of(facts)
        hour = owned_gpu_hour(
            rack_price_usd=price,
            gpus_per_rack=facts.find(system, "gpus_per_rack").number,
            it_kw_per_gpu=rated,
            drawn_share=busy,
            pue=facility.pue,
            power_price_usd_per_mwh=facility.power_price_usd_per_mwh,
            costs=costs_of(facts),
        )
        owned = float(hour.total_usd)
    return Supply(
        it_kw_per_gpu=rated,
        drawn_kw_per_gpu=None if rated is None else rated * busy,
        owned_usd_per_gpu_h=owned,
        rented_usd_per_gpu_h=rent,
        missing=tuple(missing),
    )


def _curve(
    model: str,
    system: str,
    architecture: Architecture,
    device: Device,
    cost: Supply,
    ask: ServingQuestion,
    efficiency: Efficiency,
    engine: Engine,
) -> Curve:
    precision = ask.precision or frontier.precision_for(device)
    request = Request(
        uncached_input_tokens=ask.input_tokens - ask.cached_tokens,
        cached_input_tokens=ask.cached_tokens,
        output_tokens=ask.output_tokens,
        ttft_s=ask.ttft_s,
        tpot_s=ask.tpot_s,
    )
    given = (device, architecture, precision, request, efficiency, engine)
    rates: list[frontier.Rate | disaggregation.Pair] = []
    reasons: dict[str, str] = {}
    if "co-located" in ask.modes:
        rates += frontier.frontier(*given)
        if not rates:
            reasons["co-located"] = frontier.best(*given).reason
    if "disaggregated" in ask.modes:
        pairs = disaggregation.frontier(*given)
        rates += pairs
        if not pairs:
            reasons["disaggregated"] = "no group of prefill and decode workers keeps the limits"
    question = Question(
        system=system,
        model=model,
        precision=precision,
        engine=ask.engine,
        speculative=False,
        decode=Worker(1, False),
        prefill=None,
        fresh=request.uncached_input_tokens,
        generated=ask.output_tokens,
        concurrency=1.0,
        spread=0.0,
        waited_steps=0.0,
        guesses=(),
    )
    validity = _validity(question)
    rates.sort(key=lambda r: (r.tpot_s, -r.requests_per_gpu_s))
    best = _undominated(rates)
    points = tuple(
        _point(
            r,
            i in best,
            replace(question, prefill=question.decode if isinstance(r, disaggregation.Pair) else None),
            cost,
            ask,
            extrapolated=validity != INSIDE,
        )
        for i, r in enumerate(rates)
    )
    return Curve(
        model=model,
        system=system,
        precision=precision,
        engine=ask.engine,
        validity=validity,
        supply=cost,
        points=points,
        reasons=reasons,
    )


def _undominated(rates: Sequence[frontier.Rate | disaggregation.Pair]) -> set[int]:
    """Return which points no other beats in both time per token and requests per GPU; they come from fast to slow."""
    kept: set[int] = set()
    top = 0.0
    for i, rate in enumerate(rates):
        if rate.requests_per_gpu_s > top:
            top = rate.requests_per_gpu_s
            kept.add(i)
    return kept


def _point(
    rate: frontier.Rate | disaggregation.Pair,
    on_frontier: bool,
    question: Question,
    cost: Supply,
    ask: ServingQuestion,
    *,
    extrapolated: bool,
) -> Point:
    (first_low, first_high), (low, high) = spreads(question, extrapolated=extrapolated)
    ttft, tpot = 1e3 * rate.ttft_s, 1e3 * rate.tpot_s
    each = _figure(tpot, low, high)
    # What a replica gives in a second falls as its time per token rises: prefill workers are sized for it.
    speed = _figure(rate.requests_per_gpu_s * ask.output_tokens, 1 / high, 1 / low)
    paid = [
        None if usd is None else speed.scaled(SECONDS_PER_HOUR / MTOK).over(usd)
        for usd in (cost.owned_usd_per_gpu_h, cost.rented_usd_per_gpu_h)
    ]
    return Point(
        mode="disaggregated" if isinstance(rate, disaggregation.Pair) else "co-located",
        on_frontier=on_frontier,
        tokens_per_s_per_user=each.over(1e3),
        output_tokens_per_s_per_gpu=speed,
        ttft_ms=_figure(ttft, first_low, first_high),
        tpot_ms=each,
        workers=_workers(rate),
        gpus=rate.gpus,
        batch=rate.batch,
        output_tokens_per_s_per_it_mw=None
        if cost.it_kw_per_gpu is None
        else speed.scaled(KW_PER_MW / cost.it_kw_per_gpu),
        usd_per_mtok_owned=paid[0],
        usd_per_mtok_rented=paid[1],
        limit=rate.limit,
        busiest=rate.dominant_operator,
    )


def _figure(value: float, low: float, high: float) -> Figure:
    """Return a figure whose interval is a share of it; the point itself always lies inside."""
    return Figure(value, value * min(low, 1.0), value * max(high, 1.0))


def _workers(rate: frontier.Rate | disaggregation.Pair) -> tuple[Workers, ...]:
    def attention(by_requests: bool) -> Literal["heads", "requests"]:
        return "requests" if by_requests else "heads"

    if isinstance(rate, frontier.Rate):
        return (Workers("both", 1, rate.gpus, rate.pipeline, attention(rate.data_parallel)),)
    r, w = rate.prefill_workers, rate.decode_workers
    return (
        Workers("prefill", r.count, r.gpus, r.pipeline, attention(r.data_parallel)),
        Workers("decode", w.count, w.gpus, w.pipeline, attention(w.data_parallel)),
    )


def _unknown(facts: Catalog, models: Sequence[str], systems: Sequence[str]) -> list[Problem]:
    """Return a problem for each name that the catalog lacks."""
    found = []
    for kind, names, known, remedy in (
        ("model", models, facts.entities("layers"), "gigaplan catalog list models shows them all"),
        (
            "system",
            systems,
            facts.entities("hbm_bandwidth_bytes_per_s"),
            "gigaplan catalog list systems shows them all",
        ),
    ):
        for name in names:
            if name not in known:
                near = (SYSTEMS.get(name.lower(), "") if kind == "system" else "") or nearest_name(name, known)
                found.append(Problem(f"no such {kind} in the catalog", PLACE, value=name, nearest=near, remedy=remedy))
    return found


def _impossible(ask: ServingQuestion) -> list[Problem]:
    """Return a problem for each number that can't be, and each word that isn't known."""
    found = []
    for name, value in (
        ("input_tokens' (--isl)", ask.input_tokens),
        ("output_tokens' (--osl)", ask.output_tokens),
        ("ttft_s' (--ttft)", ask.ttft_s),
        ("tpot_s' (--tpot)", ask.tpot_s),
    ):
        if not 0 < value < float("inf"):
            remedy = "give a finite number above zero"
            found.append(Problem(f"'{name} must be above zero", PLACE, value=f"{value:g}", remedy=remedy))
    if ask.input_tokens > 0 and not 0 <= ask.cached_tokens < max(ask.input_tokens, 1.0):
        allowed = f"0 to less than {ask.input_tokens:g}, the whole prompt"
        found.append(
            Problem(
                "'cached_tokens' (--cached) must leave a token to read",
                PLACE,
                value=f"{ask.cached_tokens:g}",
                allowed=allowed,
                remedy="give fewer cached tokens, or a longer input",
            )
        )
    for name, word, words in (("precision", ask.precision, ("", *PRECISIONS)), ("engine", ask.engine, ENGINES)):
        if word not in words:
            found.append(
                Problem(
                    f"no such {name}",
                    PLACE,
                    value=word,
                    allowed=", ".join(w for w in words if w),
                    nearest=nearest_name(word, words),
                    remedy=f"name a {name} that was measured",
                )
            )
    if not ask.modes or set(ask.modes) - set(MODES):
        found.append(
            Problem(
                "no way of serving is left",
                PLACE,
                value=", ".join(ask.modes),
                allowed=", ".join(MODES),
                remedy="leave one of them",
            )
        )
    return found
