"""Coupling of inference to the fleet: the best serving rate of every workload on every generation."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.demand.inputs import GENERATED, TOKENS, Workload
from gigaplan.demand.requests import growth_factor
from gigaplan.inference.frontier import Choice, choice, precision_for
from gigaplan.inference.inputs import NO_DRAFTS, Drafts, Efficiency, Engine, Request
from gigaplan.inference.percentiles import Percentile
from gigaplan.plan.scenario import Scenario
from gigaplan.simulate.couplings import slowness
from gigaplan.simulate.couplings.member_speeds import Question, member_factors
from gigaplan.simulate.couplings.slowness import Speeds
from gigaplan.simulate.rate_cache import StoredRates, WholeSearch, stored_rates
from gigaplan.vocabulary.draws import Picks
from gigaplan.vocabulary.files.stored import key_of
from gigaplan.vocabulary.members import Array, Uncertain, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR, SECONDS_PER_HOUR
from gigaplan.vocabulary.units import parse_date

REMEMBERED = 4096
"""Rates cached in memory, far more than a plan has."""
KEPT = 8
"""Scenarios whose rates are kept whole: those of the plans that one looks at, with one member and with many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Serving rates. Shapes: member M, workload W, generation G, year Y."""

    requests_per_gpu_s: Array
    """(M, W, G, Y) requests per GPU and second."""
    generated_tokens_per_gpu_s: Array
    """(M, W, G, Y) reasoning and output tokens."""
    worth: Array
    """(M, W, G, Y) what the mean request is worth as fast as it is served, over what it is worth within the limits."""
    within: Array
    """(M, W, G, Y) share of requests served at a point that keeps the limits."""
    ttft_ms: Array
    """(W, G, Y) as all below, of the central member."""
    tpot_ms: Array
    replica_gpus: Array
    replica_batch: Array
    overhead: Uncertain
    """GPU-hours of the service over those of the model alone."""
    reasons: tuple[str, ...]
    """Why a workload can't be served on a generation, in words; empty where it can."""

    @property
    def requests_per_gpu_h(self) -> Array:
        """(M, W, G, Y) requests per GPU and hour of a service, with what it takes over the model alone."""
        return self.requests_per_gpu_s * (SECONDS_PER_HOUR / column(self.overhead, 4))


def rates(scenario: Scenario, tokens_per_request: Array) -> Throughput:
    """Return how fast every generation serves every workload, where value is highest (search over layouts and batches).

    Requests are those of each calendar year, and so is the model that serves them. Serving software gains year by
    year on that of the measurements behind the model's constants; before them it is taken as it was then.

    Parameters
    ----------
    tokens_per_request : (M, W, token, Y).
    """
    cache = stored_rates()
    key = _content(scenario, tokens_per_request)
    found = cache.whole.get(key)
    if not isinstance(found, Throughput):
        found = _rates(scenario, tokens_per_request, cache)
        if len(cache.whole) >= KEPT:
            cache.whole.clear()
        cache.whole[key] = found
    return found


def _content(scenario: Scenario, tokens_per_request: Array) -> bytes:
    """Return all that the rates of a scenario follow from, written out: another date of a site leaves it as it is."""
    names = [g.name for g in scenario.fleet.generations]
    known = (scenario.axis, scenario.members, scenario.devices, scenario.architectures, scenario.efficiency)
    drawn = (scenario.picks, scenario.device_ratios, scenario.serving_error, scenario.engine, scenario.software)
    return pickle.dumps(
        (scenario.demand.workloads, names, known, drawn, tokens_per_request), protocol=pickle.HIGHEST_PROTOCOL
    )


def _rates(scenario: Scenario, tokens_per_request: Array, cache: StoredRates) -> Throughput:
    """Return the rates of a scenario that aren't remembered."""
    models = models_by_year(scenario)
    found, speeds = _searched(scenario, tokens_per_request, models, cache)
    reasons = _reasons(scenario, found)
    for others, members in other_models(scenario):
        choices_of, theirs = _searched(scenario, tokens_per_request, others, cache)
        speeds = speeds.of_members(theirs, members)
        reasons |= _reasons(scenario, choices_of)
    cache.keep()
    prices = slowness.prices_of_slowness(scenario.demand.workloads)
    means = slowness.means_at(slowness.points_of(found), prices)
    per_gpu_s = speeds.requests_per_gpu_s * software_gain(scenario)[:, None, None]
    return Throughput(
        requests_per_gpu_s=per_gpu_s,
        generated_tokens_per_gpu_s=per_gpu_s * generated_per_request(tokens_per_request)[:, :, None],
        worth=speeds.worth,
        within=speeds.within,
        ttft_ms=means["ttft_s"] * 1e3,
        tpot_ms=means["tpot_s"] * 1e3,
        replica_gpus=means["gpus"],
        replica_batch=means["batch"],
        overhead=scenario.software.overhead,
        reasons=tuple(reasons),
    )


Found = list[list[list[Choice]]]
"""Choices of operating points by workload, generation and year."""


def _searched(
    scenario: Scenario, tokens_per_request: Array, models: list[list[str]], cache: StoredRates
) -> tuple[Found, Speeds]:
    """Return the operating points of the models of each workload and year at the central inputs, and how each member's
    requests are served."""

    def search(q: Question) -> Choice:
        model = models[q.workload][q.year]
        served = scenario.architectures[model], scenario.drafts.get(model, NO_DRAFTS)
        return _choice(cache, q.device, *served, q.request, scenario.efficiency, scenario.engine, q.percentile)

    central = questions(scenario, tokens_per_request)
    prices = slowness.prices_of_slowness(scenario.demand.workloads)
    whole = cache.search(_whole_key(scenario, tokens_per_request, models, prices[0]))
    found = _choices(whole, central, search)
    speeds = slowness.speeds_at(slowness.points_of(found), prices)
    if scenario.members == 1:
        return found, speeds

    @functools.cache
    def alone(q: Question) -> tuple[float, float]:
        return slowness.speed_alone(search(q), float(prices[0, q.workload]))

    factors = member_factors(scenario, tokens_per_request, models, central, alone, whole=whole)
    whole.keep()
    return found, speeds.followed(*factors)


def _choices(whole: WholeSearch, central: list[list[list[Question]]], search: Callable[[Question], Choice]) -> Found:
    """Return the choices of all questions, as they are stored or searched one by one."""
    shape = len(central), len(central[0]), len(central[0][0])
    flat = whole.choices(prod(shape))
    if flat is None:
        flat = [search(q) for rows in central for row in rows for q in row]
        whole.put_choices(flat)
    at = iter(flat)
    return [[[next(at) for _ in row] for row in rows] for rows in central]


def _whole_key(scenario: Scenario, tokens_per_request: Array, models: list[list[str]], prices: Array) -> str:
    """Return the hash of all that a whole search follows from: the questions, the models, the constants, the prices of
    slowness, and the order of the labels."""
    served = {name: (scenario.architectures[name], scenario.drafts.get(name)) for row in models for name in row}
    requests = [_requests(w, tokens_per_request[0, i]) for i, w in enumerate(scenario.demand.workloads)]
    percentiles = [slowness.percentile_of(w) for w in scenario.demand.workloads]
    constants = scenario.efficiency, scenario.engine
    return key_of(scenario.devices, served, models, requests, percentiles, constants, prices.tolist())


def _reasons(scenario: Scenario, found: Found) -> dict[str, None]:
    """Return why workloads can't be served on generations, in words."""
    return dict.fromkeys(
        f"{w.name} on {g}: {r.reason}"
        for w, rows in zip(scenario.demand.workloads, found, strict=True)
        for g, row in zip(scenario.devices, rows, strict=True)
        for r in row
        if r.reason and (w.hard_limits or not r.points)
    )


def other_models(scenario: Scenario) -> Iterator[tuple[list[list[str]], NDArray[np.bool_]]]:
    """Yield models by workload and year other than the central ones that members may have, and which members of which
    workload have them, (M, W)."""
    left_open = [_left_open(scenario, w) for w in scenario.demand.workloads]
    combinations = [list(itertools.product(*(p.options for p in picks.values()))) for picks in left_open]
    for k in range(max(map(len, combinations), default=0)):
        chosen: dict[str, str] = {}
        members = np.zeros((scenario.members, len(left_open)), dtype=bool)
        for w, (picks, options) in enumerate(zip(left_open, combinations, strict=True)):
            if not picks or k >= len(options):
                continue
            chosen |= dict(zip(picks, options[k], strict=True))
            has = [np.array(p.options)[p.numbers] == name for p, name in zip(picks.values(), options[k], strict=True)]
            members[:, w] = np.all(has, axis=0)
        models = models_by_year(scenario, chosen)
        if members[1:].any() and models != models_by_year(scenario):
            yield models, members


def _left_open(scenario: Scenario, work: Workload) -> dict[str, Picks]:
    """Return the models of a workload that the plan leaves open, by path; a later one's ends with its day."""
    path = f"demand.workloads.{work.name}"
    later = f"{path}.later_models."
    found = {k: p for k, p in scenario.picks.items() if k == f"{path}.model"}
    dated = {k.removeprefix(later): p for k, p in scenario.picks.items() if k.startswith(later)}
    return found | {f"{later}{parse_date(day)}": p for day, p in dated.items()}


def questions(scenario: Scenario, tokens_per_request: Array) -> list[list[list[Question]]]:
    """Return what is searched for at the central inputs, by workload, generation and year.

    Parameters
    ----------
    tokens_per_request : (M, W, token, Y).
    """
    return [
        [
            [
                Question(i, name, y, request, device, slowness.percentile_of(w))
                for y, request in enumerate(_requests(w, tokens_per_request[0, i]))
            ]
            for name, device in scenario.devices.items()
        ]
        for i, w in enumerate(scenario.demand.workloads)
    ]


def models_by_year(scenario: Scenario, chosen: Mapping[str, str] | None = None) -> list[list[str]]:
    """Return the model that serves each workload in each calendar year: that of the year's middle.

    Parameters
    ----------
    chosen : mapping of str to str, optional
        Other models than the central ones, by path.
    """
    chosen = chosen or {}

    def on(work: Workload, day: dt.date) -> str:
        path = f"demand.workloads.{work.name}"
        first = chosen.get(f"{path}.model", work.model)
        later = ((d, chosen.get(f"{path}.later_models.{d}", name)) for d, name in work.later_models)
        return [first, *(name for date, name in later if date <= day)][-1]

    return [[on(w, day) for day in scenario.axis.year_middles] for w in scenario.demand.workloads]


def software_gain(scenario: Scenario) -> Array:
    """Return serving throughput by software alone over that of the constants' measurements: (m, year), 1 before them.

    ``exp(g (1 - exp(-d t)) / d)``, t years after the reference date: gains fade as engines near the roofline.
    """
    s = scenario.software
    days = [(middle - s.reference_date).days for middle in scenario.axis.year_middles]
    years = np.maximum(np.array(days) / DAYS_PER_YEAR, 0.0)
    return growth_factor(years, column(s.gain_per_year, 2), column(s.gain_decay_per_year, 2))


def generated_per_request(tokens_per_request: Array) -> Array:
    """Return reasoning and output tokens of a request: (..., token, Y) -> (..., Y)."""
    return np.asarray(tokens_per_request[..., [TOKENS.index(t) for t in GENERATED], :].sum(axis=-2))


def _requests(work: Workload, tokens: Array) -> list[Request]:
    """Return the mean request of each year."""
    by_kind = dict(zip(TOKENS, tokens, strict=True))
    return [
        Request(
            uncached_input_tokens=float(by_kind["fresh_input"][y] + by_kind["media"][y]),
            cached_input_tokens=float(by_kind["cached_input"][y]),
            output_tokens=float(by_kind["reasoning"][y] + by_kind["output"][y]),
            ttft_s=work.ttft_s,
            tpot_s=work.tpot_s,
        )
        for y in range(tokens.shape[1])
    ]


@lru_cache(maxsize=REMEMBERED)
def _choice(
    cache: StoredRates,
    device: Device,
    architecture: Architecture,
    drafts: Drafts,
    request: Request,
    efficiency: Efficiency,
    engine: Engine,
    percentile: Percentile | None,
) -> Choice:
    """Remember choices within a process and on disk: a changed input elsewhere leaves them as they are."""
    key = key_of(device, architecture, drafts, request, efficiency, engine, percentile)
    found = cache.get(key)
    if found is None:
        precision = precision_for(device)
        given = device, architecture, precision, request, efficiency, engine
        found = choice(*given, drafts=drafts, percentile=percentile)
        cache.put(key, found)
    return found
