"""One training run over several sites: each method's step and losses, the network that it needs, the largest run by a date.

The step on one site is that of :mod:`gigaplan.layers.training`; what the exchange between sites adds comes from the training
room (:mod:`gigaplan.training.sites`), positions and power of sites, the network and the losses of local updates from the catalog.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.layers.serving import Figure, _unknown
from gigaplan.layers.site_failures import Kept, kept_by_size, left_of
from gigaplan.layers.sites import PLACE, Site, SitesJob, apart_km, counted, read_sites, sites_of, strange
from gigaplan.layers.training import PLACE as TRAIN_PLACE
from gigaplan.layers.training import TrainRun, _impossible, _usual_sequences, read_layout, told, train
from gigaplan.plan.resolve import (
    REPLICAS,
    device_of,
    fibre_of,
    local_updates_of,
    model_of,
    scaling_laws_of,
    training_constants,
)
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.training.layout import Layouts
from gigaplan.training.reliability import SECONDS_PER_DAY
from gigaplan.training.scaling import parameters_in_range
from gigaplan.training.search import layout_at, layouts, search
from gigaplan.training.sites import (
    BACKWARD_SHARE,
    Fibre,
    Link,
    LocalUpdates,
    Scheme,
    combinations,
    exposed_s,
    kept_share,
    latency_allowed_s,
    latency_s,
    longest,
    loss_rise,
    reach_km,
    sending_s,
    time_share,
    travel_s,
    uplink_needed_bytes_per_s,
)
from gigaplan.training.step import GRADIENT_WIRE_BYTES, step
from gigaplan.vocabulary.errors import PlanError, Problem
from gigaplan.vocabulary.members import Array

BITS_PER_BYTE = 8.0
METHODS = ("synchronous", "local updates", "streamed updates")
MOST_DOUBLINGS, WORTH = 10, 1.1
"""A batch that nobody gave is doubled while that makes a GPU faster by a tenth, up to the largest known."""
INNER_STEPS = (30, 50, 100, 200, 300, 500)
"""Steps between exchanges that are tried where none are said: those of published runs."""
ROUNDING = 1e-9
"""By which one site alone is preferred to the same compute of several."""
GRID_BITS_PER_S = np.logspace(9, 16, 57)
"""Uplinks of the curves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to train together. Shares are of all GPUs as if they were one site."""

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
    kept_share: Figure
    """Compute that counts: with local updates part of it only makes up for a higher loss."""
    goodput_share: float
    """What failures leave by the best recovery: restarts of all that train in step (with local updates of one's own site), or
    fault-tolerant groups of one replica; spares counted."""
    share: Figure
    """Time and compute together: efficiency against one site with all GPUs, failures not counted."""
    tokens_per_s: Figure
    days: Figure
    """Until the model is as good as on one site, failures not counted."""
    over_largest_site: float
    """Speed that counts, failures included, over that of the largest site alone."""
    uplink_needed_bits_per_s: float | None
    """For the share of the time asked for; None where the distance forbids it at any bandwidth."""
    distance_allowed_km: float | None
    """Between sites, as the crow flies, for the same with this uplink; None where the uplink is too slow at any distance."""
    curve: tuple[float, ...]
    """``share`` by uplink, over the grid of the answer."""
    beyond: str
    """What nobody has shown, empty where it has been."""


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
    """Of the model asked for."""
    parameters: Figure
    """Of a compute-optimal model with as much compute as counts; the range is that of scaling laws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SitesRun:
    """A run over several sites."""

    ask: SitesJob
    one: TrainRun
    """The same GPUs on one site."""
    sites: tuple[Site, ...]
    distance_km: float
    """Longest between two sites, as the crow flies."""
    latency_ms: float
    """One way, along the fibre."""
    uplink_bits_per_s: float
    hidden_s: float
    """Time behind which the exchange of gradients hides: the backward pass of the last micro-batch."""
    outer_gb_per_gpu: float
    """Further memory of local updates: parameters at the last exchange and their momentum, in FP32, sharded over a site."""
    methods: tuple[Method, ...]
    best: str
    fibre_pairs: int
    """Of each site, for its uplink."""
    route_usd: float
    """Of routes from each site to the next nearest, if they were built."""
    grid_bits_per_s: tuple[float, ...]
    run_days: float
    largest: tuple[Largest, ...]
    """All sites together by each method, the best single site, and the best of all choices, without repetition."""
    notes: tuple[str, ...]
    catalog_vintage: str

    def method(self, name: str) -> Method:
        """Return one method by name."""
        return next(m for m in self.methods if m.name == name)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class _Replica:
    """What one replica is: its layout and the sequences that it takes in a step."""

    words: str
    gpus: int
    multiple: int
    """Replicas of a site come in multiples of this: experts are spread over them."""
    sequences: float


def train_at_sites(ask: SitesJob) -> SitesRun:
    """Return how sites train one model together by every method, and the largest run by a date if one is asked for.

    Raises
    ------
    PlanError
        With every unknown name and impossible number at once; or if a site can't hold one replica, with what would.
    """
    facts = catalog.load()
    said, problems = read_sites(ask.sites)
    problems += [replace(p, place=TRAIN_PLACE) for p in _unknown(facts, [ask.run.model], [ask.run.system])]
    problems += [*_impossible(replace(ask.run, gpus=ask.run.gpus or 1)), *strange(ask)]
    if problems:
        raise PlanError(problems)
    named = counted(sites_of(facts, ask, said), ask)
    apart, problems = apart_km(named, ask)
    if problems:
        raise PlanError(problems)
    model, device, efficiency = (
        model_of(facts, ask.run.model),
        device_of(facts, ask.run.system),
        training_constants(facts, ask.run.overlays).efficiency,
    )
    replica = _replica(ask, named, device, model, efficiency)
    sites = _whole(named, replica)
    together = sum(s.gpus for s in sites) // replica.gpus
    one = train(
        replace(
            ask.run,
            gpus=together * replica.gpus,
            global_batch_sequences=together * replica.sequences,
            layout=replica.words,
        )
    )
    return _answer(facts, ask, sites, apart, one, model)


def _replica(
    ask: SitesJob, sites: Sequence[Site], device: Device, model: Architecture, efficiency: TrainingEfficiency
) -> _Replica:
    """Return the layout of one replica: the one given, or the fastest on the smallest site with its part of the batch."""
    gpus, least = sum(s.gpus for s in sites), min(s.gpus for s in sites)
    batch = ask.run.global_batch_sequences or _usual_sequences(replace(ask.run, gpus=_round(gpus)))
    if ask.run.layout:
        given = read_layout(ask.run.layout)
        split = int(given.get("tensor", 1) * given.get("pipeline", 1) * given.get("context", 1))
        words = re.sub(r"\bdp=?\d+\b", "", ask.run.layout).strip()
        return _sized(words, given, split, batch, gpus)
    some = least if ask.run.gpus or least == _round(least) else _round(least)
    most = catalog.load().find("training", "largest_batch_tokens").number / ask.run.sequence_tokens
    best, speed = None, 0.0
    for times in range(1 if ask.run.global_batch_sequences else MOST_DOUBLINGS):
        whole = batch * 2**times
        part = float(max(round(whole * some / gpus), 1))
        shape = Batch(
            global_batch_tokens=part * ask.run.sequence_tokens,
            sequence_tokens=ask.run.sequence_tokens,
            precision=ask.run.math,
        )
        found = search(device, model, shape, layouts(device, model, shape, some, offload=ask.run.offload), efficiency)
        if best is not None and (whole > most or not found.fitting or found.step.tokens_per_s[0] < speed * WORTH):
            break
        if found.fitting:
            best, speed = (layout_at(found, 0), whole), float(found.step.tokens_per_s[0])
    if best is None:
        raise PlanError(_no_replica(ask, sites, some, part))
    plan, whole = best
    at = {f.name: float(getattr(plan, f.name)) for f in fields(Layouts)}
    words = " ".join(w for w in told(plan).split() if not w.startswith("dp"))
    return _sized(words, at, plan.tensor * plan.pipeline * plan.context, whole, gpus)


def _no_replica(ask: SitesJob, sites: Sequence[Site], gpus: int, sequences: float) -> list[Problem]:
    """Return why no layout fits the smallest site."""
    name = min(sites, key=lambda s: s.gpus).name
    try:
        train(replace(ask.run, gpus=gpus, global_batch_sequences=sequences, layout=""))
    except PlanError as error:
        return [
            replace(
                p,
                place=PLACE,
                message=f"the smallest site, {name}: {p.message}",
                remedy=f"{p.remedy}, or leave {name} out",
            )
            for p in error.problems
        ]
    return [Problem("no layout fits the smallest site", PLACE, value=name, remedy="leave it out, or give it more GPUs")]


def _sized(words: str, at: Mapping[str, float], split: int, batch: float, gpus: int) -> _Replica:
    """Return a replica with its sequences of a step, whole micro-batches."""
    micro = int(at.get("micro_batch", 1) or 1)
    spread = int((at.get("expert", 1) or 1) * (at.get("expert_tensor", 0) or 1))
    within = int((at.get("tensor", 1) or 1) * (at.get("context", 1) or 1))
    each = max(round(batch / max(gpus // split, 1) / micro), 1) * micro
    return _Replica(words, split, spread // math.gcd(spread, within), float(each))


def _round(gpus: int) -> int:
    """Return the largest power of two that is no more than a number."""
    return 1 << (max(gpus, 1).bit_length() - 1)


def _whole(sites: Sequence[Site], replica: _Replica) -> tuple[Site, ...]:
    """Return the sites with whole replicas.

    Raises
    ------
    PlanError
        With every site that holds none.
    """
    unit = replica.gpus * replica.multiple
    found = tuple(replace(s, gpus=s.gpus // unit * unit) for s in sites)
    small = [(was, s) for was, s in zip(sites, found, strict=True) if not s.gpus]
    if small:
        raise PlanError(
            [
                Problem(
                    f"a site holds at least one replica, {unit:,} GPUs of layout '{replica.words}'",
                    PLACE,
                    value=f"{s.name} with {was.gpus:,}",
                    remedy="give it more GPUs, leave it out, or take a --layout with fewer GPUs to a replica",
                )
                for was, s in small
            ]
        )
    return found


def _answer(
    facts: Catalog, ask: SitesJob, sites: tuple[Site, ...], apart: Array, one: TrainRun, model: Architecture
) -> SitesRun:
    fibre, local = fibre_of(facts), local_updates_of(facts)
    uplink = ask.uplink_bits_per_s or facts.find("wan", "uplink_bits_per_s").number
    far = float(apart.max())
    link = Link(float(len(sites)), uplink / BITS_PER_BYTE, float(latency_s(far, fibre)))
    times, hidden = _step_s(one, sites, facts)
    some = [n for s in sites for n in (*s.counts, s.gpus) if n > 0]
    replica = one.plan.tensor * one.plan.pipeline * one.plan.context
    kept_by = kept_by_size(
        facts, one.ask.system, min(some), sum(max(*s.counts, s.gpus) for s in sites), replica, float(model.parameters)
    )
    pace = {name: _paced(name, ask, model, local, link, times, hidden, facts) for name in METHODS}
    methods = tuple(
        _method(name, ask, one, model, pace[name], fibre, link, times, hidden, sites, kept_by, facts)
        for name in METHODS
    )
    best = max(methods, key=lambda m: m.share.value * m.goodput_share).name
    days = ask.run_days or facts.find("training", "run_days").number
    pairs = math.ceil(uplink / facts.find("wan", "fibre_pair_bits_per_s").number)
    return SitesRun(
        ask=ask,
        one=one,
        sites=sites,
        distance_km=far,
        latency_ms=float(link.latency_s) * 1e3,
        uplink_bits_per_s=uplink,
        hidden_s=float(hidden[0]),
        outer_gb_per_gpu=_outer_gb(model, sites),
        methods=methods,
        best=best,
        fibre_pairs=pairs,
        route_usd=_tree_km(apart) * fibre.route_factor * facts.find("wan", "route_usd_per_km").number,
        grid_bits_per_s=tuple(float(b) for b in GRID_BITS_PER_S),
        run_days=days,
        largest=_largest(facts, ask, sites, apart, one, model, pace, fibre, uplink, times, hidden, kept_by, days)
        if ask.by
        else (),
        notes=_notes(ask, sites, one),
        catalog_vintage=facts.vintage,
    )


def _paced(
    name: str,
    ask: SitesJob,
    model: Architecture,
    local: LocalUpdates,
    link: Link,
    times: Array,
    hidden: Array,
    facts: Catalog,
) -> LocalUpdates:
    """Return local updates with the steps between exchanges asked for, or with the best of those that were tried."""
    steps = (ask.inner_steps,) if ask.inner_steps else INNER_STEPS
    tried = [replace(local, inner_steps=float(h)) for h in steps]

    def share(one: LocalUpdates) -> float:
        scheme = _scheme(name, float(model.parameters), model.layers, one, times[0], hidden[0])
        return float(time_share(times[0], scheme, link) * _kept(name, np.asarray(link.sites), one, facts)[0])

    return max(tried, key=share)


def _step_s(one: TrainRun, sites: Sequence[Site], facts: Catalog) -> tuple[Array, Array]:
    """Return the slowest site's step alone, and the time behind which gradients hide [s]: central, low and high.

    A site sums gradients over its own ranks only, which takes no longer than over all.
    """
    plan = one.plan
    efficiency = training_constants(facts, one.ask.overlays).efficiency
    per_replica = one.batch_tokens / plan.data
    slowest = 0.0
    for gpus in {s.gpus for s in sites}:
        data = gpus // (plan.tensor * plan.pipeline * plan.context)
        at = replace(plan.layout, data=np.array([float(data)]))
        batch = Batch(
            global_batch_tokens=per_replica * data, sequence_tokens=one.ask.sequence_tokens, precision=one.ask.math
        )
        alone = step(device_of(facts, one.ask.system), model_of(facts, one.ask.model), batch, at, efficiency)
        slowest = max(slowest, float(alone.total[0]))
    spread = np.array([1.0, one.step_s.low / one.step_s.value, one.step_s.high / one.step_s.value])
    micro = per_replica / (plan.micro_batch * one.ask.sequence_tokens)
    return slowest * spread, BACKWARD_SHARE * one.best.parts_s["compute"] / micro * spread


def _scheme(name: str, parameters: float, layers: int, local: LocalUpdates, step_s: Array, hidden_s: Array) -> Scheme:
    """Return when sites exchange what, by one method."""
    if name == "synchronous":
        return Scheme(parameters * GRADIENT_WIRE_BYTES, slack_s=hidden_s)
    if name == "local updates":
        return Scheme(parameters * local.outer_bytes_per_parameter, local.inner_steps)
    pieces = float(min(math.ceil(layers / local.layers_per_fragment), int(local.inner_steps)))
    slack = min(local.overlap_steps, local.inner_steps) * step_s
    return Scheme(parameters * local.streamed_bytes_per_parameter, local.inner_steps, pieces, slack, unreduced=True)


def _kept(name: str, sites: Array | float, local: LocalUpdates, facts: Catalog) -> tuple[Array, Array, Array]:
    """Return the part of the compute that counts: central, low and high."""
    if name == "synchronous":
        whole = np.ones(np.shape(sites))
        return whole, whole, whole
    found = []
    decade = facts.find("local_updates", "loss_rise_share_per_decade")
    some = [facts.find(f"local_updates_{n}", "loss_rise_share") for n in REPLICAS]
    for bound in ("value", "high", "low"):
        rises = {float(n): float(getattr(f, bound)) for n, f in zip(REPLICAS, some, strict=True)}
        rise = loss_rise(sites, local.inner_steps, rises, float(getattr(decade, bound)), local)
        found.append(kept_share(rise, local))
    return found[0], found[1], found[2]


def _method(
    name: str,
    ask: SitesJob,
    one: TrainRun,
    model: Architecture,
    local: LocalUpdates,
    fibre: Fibre,
    link: Link,
    times: Array,
    hidden: Array,
    sites: Sequence[Site],
    kept_by: Kept,
    facts: Catalog,
) -> Method:
    scheme = _scheme(name, float(model.parameters), model.layers, local, times, hidden)
    central = _scheme(name, float(model.parameters), model.layers, local, times[0], hidden[0])
    added, trained = exposed_s(times, scheme, link), time_share(times, scheme, link)
    kept = [float(k) for k in _kept(name, float(len(sites)), local, facts)]
    shares = np.array([trained[0] * kept[0], trained.min() * kept[1], trained.max() * kept[2]])
    share = _figure(shares)
    speed = one.tokens_per_s.value * one.step_s.value / (times + added)
    needed = float(uplink_needed_bytes_per_s(ask.share, times[0], central, link)) * BITS_PER_BYTE
    allowed = float(latency_allowed_s(ask.share, times[0], central, link))
    grid = time_share(times[0], central, replace(link, uplink_bytes_per_s=GRID_BITS_PER_S / BITS_PER_BYTE)) * kept[0]
    tokens_per_s = _figure(speed)
    counted = _figure(speed * np.array([kept[0], kept[2], kept[1]]))
    pieces, steps = float(np.asarray(scheme.pieces)), float(np.asarray(scheme.inner_steps))
    each = np.array([float(s.gpus) for s in sites])
    every = np.ones((1, len(each)), dtype=bool)
    left = float(left_of(kept_by, each[:, None], every, steps * float(times[0]), in_step=name == "synchronous")[0, 0])
    alone = float(kept_by.best(each.max()))
    return Method(
        name=name,
        inner_steps=steps,
        pieces=int(pieces),
        sent_bytes_per_step=float(sending_s(central, replace(link, uplink_bytes_per_s=1.0))) * pieces / steps,
        exchange_s=float(sending_s(central, link) * pieces + travel_s(central, link)),
        exposed_s=_figure(added),
        step_s=_figure(times + added),
        time_share=_figure(trained),
        kept_share=_figure(np.array(kept)),
        goodput_share=left,
        share=share,
        tokens_per_s=tokens_per_s,
        days=counted.over(one.tokens / SECONDS_PER_DAY),
        over_largest_site=share.value * left * float(each.sum()) / (float(each.max()) * alone),
        uplink_needed_bits_per_s=needed if math.isfinite(needed) else None,
        distance_allowed_km=float(reach_km(allowed, fibre)) if math.isfinite(allowed) else None,
        curve=tuple(float(v) for v in grid),
        beyond=_beyond(name, float(model.parameters), local, len(sites), facts),
    )


def _figure(values: Array) -> Figure:
    """Return a figure of a central value and others that bound it."""
    return Figure(float(values[0]), float(values.min()), float(values.max()))


def _beyond(name: str, parameters: float, local: LocalUpdates, sites: int, facts: Catalog) -> str:
    """Return in what a question goes beyond what was tried."""
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


def _outer_gb(model: Architecture, sites: Sequence[Site]) -> float:
    """Return what local updates keep on each GPU of the smallest site [GB]: parameters and momentum in FP32 (Douillard et al. 2025)."""
    fp32 = 4.0
    return 2 * fp32 * float(model.parameters) / min(s.gpus for s in sites) / 1e9


def _tree_km(apart: Array) -> float:
    """Return the length of the shortest routes that join all sites [km] (a minimum spanning tree)."""
    from scipy.sparse.csgraph import minimum_spanning_tree

    return float(minimum_spanning_tree(apart).sum())


def _largest(
    facts: Catalog,
    ask: SitesJob,
    sites: tuple[Site, ...],
    apart: Array,
    one: TrainRun,
    model: Architecture,
    pace: Mapping[str, LocalUpdates],
    fibre: Fibre,
    uplink: float,
    times: Array,
    hidden: Array,
    kept_by: Kept,
    days: float,
) -> tuple[Largest, ...]:
    """Return the largest runs by a date: of all sites by each method, of the best one alone, and of the best choice.

    Each day gives what the GPUs of the chosen sites train, sites joining as their power comes.
    """
    assert ask.by is not None
    calendar = [ask.by - dt.timedelta(days=k) for k in range(math.ceil(days), 0, -1)]
    part = np.ones(len(calendar))
    part[0] = days - (len(calendar) - 1)  # the run may begin within its first day
    gpus = np.stack([s.on(calendar) for s in sites])
    chosen = combinations(len(sites))
    active = chosen[:, :, None] & (gpus > 0)
    count = active.sum(axis=1)
    total = (chosen[:, :, None] * gpus).sum(axis=1)
    link = Link(
        np.maximum(count, 1), uplink / BITS_PER_BYTE, latency_s(longest(apart, active.transpose(0, 2, 1)), fibre)
    )
    per_gpu = one.flop / one.tokens * one.tokens_per_s.value / one.ask.gpus
    trusted = np.array([1.0, one.step_s.value / one.step_s.high, one.step_s.value / one.step_s.low])
    done, counts, goodput = [], [], []
    for name in METHODS:
        local = pace[name]
        scheme = _scheme(name, float(model.parameters), model.layers, local, times[0], hidden[0])
        period = float(np.asarray(scheme.inner_steps)) * float(times[0])
        left = left_of(kept_by, gpus, chosen, period, in_step=name == "synchronous")
        works = total * time_share(times[0], scheme, link) * part
        done.append((works * left).sum(axis=1) * per_gpu * SECONDS_PER_DAY)
        goodput.append((works * left).sum(axis=1) / np.maximum(works.sum(axis=1), 1e-30))
        counts.append(np.stack(_kept(name, count.max(axis=1).astype(float), local, facts)))
    flop, kept = np.stack(done), np.stack(counts)  # (method, choice), (method, bound, choice)
    central = flop * kept[:, 0]
    alone = np.flatnonzero(chosen.sum(axis=1) == 1)
    best = int(np.argmax(central * np.where(chosen.sum(axis=1) == 1, 1.0 + ROUNDING, 1.0)))
    picked = [(m, len(chosen) - 1) for m in range(len(METHODS))]
    picked += [(0, int(alone[np.argmax(central[0, alone])])), divmod(best, len(chosen))]

    def told(m: int, k: int) -> Largest:
        single = bool(chosen[k].sum() == 1)
        return Largest(
            sites=tuple(s.name for s, c in zip(sites, chosen[k], strict=True) if c),
            method="alone" if single else METHODS[m],
            gpus=int(total[k, -1]),
            goodput_share=float(goodput[m][k]),
            flop=_figure(flop[m, k] * trusted),
            counted_flop=_figure(flop[m, k] * trusted * kept[m, :, k]),
            tokens=float(flop[m, k] / (one.flop / one.tokens)),
            parameters=_size(float(central[m, k]), facts),
        )

    every = (told(0 if chosen[k].sum() == 1 else m, k) for m, k in picked)
    return tuple({(r.sites, r.method): r for r in every}.values())


def _size(flop: float, facts: Catalog) -> Figure:
    low, central, high = (float(v) for v in parameters_in_range(flop, scaling_laws_of(facts)))
    return Figure(central, low, high)


def _notes(ask: SitesJob, sites: Sequence[Site], one: TrainRun) -> tuple[str, ...]:
    asked = ask.run.global_batch_sequences
    sequences = one.batch_tokens / ask.run.sequence_tokens
    notes = []
    if asked and round(sequences) != round(asked):
        notes.append(
            f"a step is {sequences:,.0f} sequences instead of {asked:,.0f}: each replica takes whole micro-batches"
        )
    left = sum(int(s.on([ask.by or dt.date.max])[0]) - s.gpus for s in sites)
    if left > 0 and not ask.by:
        notes.append(f"{left:,} GPUs are left over: sites hold whole replicas")
    return tuple(notes)
