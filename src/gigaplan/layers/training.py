"""One training run on a system: its step taken apart, memory, speed, days, energy and cost; for a layout or for the best ones.

Times come from the training room with the catalog's constants, intervals from the errors that such answers had on
published steps (:mod:`gigaplan.validation.training.fit`), power and cost from the facts that plans use.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from gigaplan import catalog
from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.layers.failures import FailureOptions, FailureRun, run_failures
from gigaplan.layers.serving import Figure, Supply, _unknown, supply
from gigaplan.plan.resolve import TrainingConstants, device_of, model_of, node_draw_of, node_of, training_constants
from gigaplan.power.node import activity_of, gpu_w, it_w, node_w
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.training.layout import DUALPIPE, FULL, SELECTIVE, Layouts, chunks_of
from gigaplan.training.memory import memory_parts
from gigaplan.training.reliability import SECONDS_PER_DAY
from gigaplan.training.search import (
    RatedLayout,
    SearchResult,
    free_bytes,
    layout_at,
    layouts,
    memory_of,
    pareto,
    search,
)
from gigaplan.training.step import FORWARD_AND_BACKWARD, model_flops_per_token, step
from gigaplan.validation.power.node_power import measured_generations
from gigaplan.validation.power.node_power import spread as power_spread
from gigaplan.validation.training.fit import spread
from gigaplan.validation.training.rows import (
    MODERN,
    Question,
    generation,
    launched_by_host,
    unfused_experts,
    years_behind,
)
from gigaplan.validation.training.validate import _validity
from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_name

PLACE = Place("train")
TOKENS_PER_PARAMETER = 20.0
"""Where no tokens are said: compute-optimal by Hoffmann et al. (2022), of active parameters."""
USUAL_BATCH_TOKENS = 16e6
PRECISIONS = {"bf16": "bf16", "fp8": "fp8", "fp4": "fp4", "mxfp8": "fp8", "nvfp4": "fp4"}
"""Names of precisions and what products then are in."""
BY_BLOCKS = ("mxfp8", "nvfp4", "fp4")
"""Those whose scales go by blocks; with plain FP8 one scale serves a tensor."""
SCHEDULES = {"1f1b": 0.0, "zb": 1.0, "dualpipe": DUALPIPE}
RECOMPUTES = {"none": 0.0, "selective": SELECTIVE, "full": FULL}
NUMBERS = {
    "tp": "tensor",
    "pp": "pipeline",
    "vpp": "chunks",
    "cp": "context",
    "ep": "expert",
    "etp": "expert_tensor",
    "dp": "data",
    "mb": "micro_batch",
}
FLAGS = {"fsdp": "fully_sharded", "offload": "offload"}
WORDS = {"recompute": RECOMPUTES, "schedule": SCHEDULES}
PARTS = {
    "compute": "products, attention, norms",
    "bubble": "waiting stages",
    "tensor_exchange": "tensor and context exchange",
    "expert_exchange": "tokens to experts",
    "pipeline_exchange": "between stages",
    "gradients": "gradients and weights",
    "optimiser": "optimiser",
    "overhead": "host and fixed",
}
CANDIDATES = 12
EXAMPLE = "tp8 pp16 vpp6 cp2 mb1 recompute=selective"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """What is trained, on how many GPUs, in which layout (empty: the best)."""

    model: str
    system: str
    gpus: int
    tokens: float = 0.0
    """In all; 0: twenty per active parameter (Hoffmann et al. 2022)."""
    sequence_tokens: int = 8192
    global_batch_sequences: float = 0.0
    """Of one step; 0: 16 million tokens."""
    precision: str = "bf16"
    layout: str = ""
    search: bool = False
    """Whether the best layouts are told too where one is given."""
    offload: bool = False
    """Whether layouts that keep the optimiser's state in the host are tried."""
    release: str = ""
    """When the software came out, as ``2025-11``; empty: as new as what the constants describe."""
    imbalance: float = 1.0
    """Tokens of the rank whose experts are visited most, over the mean."""
    pod_gpus: int = 0
    """GPUs that the scale-out network joins at full speed; 0: all."""
    spine_share: float = 1.0
    """Share of the scale-out bandwidth that is left between pods."""
    failures: FailureOptions | None = None
    """How the run is kept alive, where failures are to be simulated."""
    overlays: tuple[str, ...] = ()
    """Files with constants of your own, as ``gigaplan calibrate training`` writes them."""

    @property
    def math(self) -> str:
        """What products are in: bf16, fp8 or fp4."""
        return PRECISIONS.get(self.precision, self.precision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One layout with its time, as shares of a GPU's memory and peak."""

    layout: str
    step_s: float
    tokens_per_s_per_gpu: float
    mfu_share: float
    memory_gb: float
    parts_s: dict[str, float]
    memory_gb_by_part: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The best of all layouts with so many ranks by tensor and stage."""

    tensor: int
    pipeline: int
    tokens_per_s_per_gpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRun:
    """A run in one layout: what a step takes and what the run takes, without failures."""

    ask: TrainingJob
    best: Candidate
    plan: RatedLayout
    step_s: Figure
    tokens_per_s: Figure
    tokens: float
    batch_tokens: float
    flop: float
    """Model FLOP of the run, causal attention counted once."""
    days: Figure
    model_tflops_per_gpu: float
    mfu_share: dict[str, float]
    """Over the dense peak of the precision, by convention."""
    free_gb: float
    supply: Supply
    it_mw: float | None
    """Rated, network and storage included: what a site must have."""
    drawn_mw: Figure | None
    """IT power drawn over the run, by what the GPUs do in a step."""
    gpu_power_w: dict[str, float]
    """A GPU's draw by what it does, and its mean over a step [W]."""
    energy_mwh: float | None
    """IT energy of the run, as drawn."""
    gpu_hours: float
    usd_owned: float | None
    usd_rented: float | None
    validity: str
    seen: int
    """Layouts looked at; 1 where one was given."""
    fitting: int
    candidates: tuple[Candidate, ...]
    """The fastest, from fast to slow."""
    frontier: tuple[Candidate, ...]
    """Those that no other beats in both speed and memory."""
    cells: tuple[Cell, ...]
    notes: tuple[str, ...]
    """What overlays say of themselves."""
    catalog_vintage: str
    failures: FailureRun | None = None
    """What failures leave of it, where that was asked."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return dataclasses.asdict(self)


def train(ask: TrainingJob) -> TrainRun:
    """Return a run in the layout given, or in the fastest that fits.

    Raises
    ------
    PlanError
        With every unknown name, impossible number and rank that doesn't divide at once; or if nothing fits, with what
        would make it fit.
    """
    facts = catalog.load()
    problems = [replace(p, place=PLACE) for p in _unknown(facts, [ask.model], [ask.system])] + list(_impossible(ask))
    constants = training_constants(facts)
    try:
        constants = training_constants(facts, ask.overlays)
    except PlanError as error:
        problems += error.problems
    if problems:
        raise PlanError(problems)
    model = model_of(facts, ask.model)
    device = replace(device_of(facts, ask.system), pod_gpus=ask.pod_gpus, spine_share=ask.spine_share)
    efficiency = constants.efficiency
    batch = _batch(ask)
    given = read_layout(ask.layout) if ask.layout else {}
    problems = [
        *_topology(ask, device),
        *_narrow(ask, device),
        *(_divides(given, ask, device, model, batch) if ask.layout else []),
    ]
    if problems:
        raise PlanError(problems)
    found = None
    if ask.search or not ask.layout:
        found = search(device, model, batch, layouts(device, model, batch, ask.gpus, offload=ask.offload), efficiency)
    plan = (
        _given_plan(given, ask, device, model, batch, efficiency)
        if ask.layout
        else _best(found, ask, device, model, batch, efficiency)
    )
    known = device, model, batch, efficiency
    run = _run(ask, plan, found, known, supply(facts, ask.system), facts.vintage, constants)
    if ask.failures is None:
        return run
    lives = run_failures(
        facts,
        ask.failures,
        gpus=ask.gpus,
        system=ask.system,
        parameters=model.parameters,
        replicas_of_layout=int(plan.data),
        ideal_s=run.days.value * SECONDS_PER_DAY,
    )
    return replace(run, failures=lives)


def read_layout(text: str) -> dict[str, float]:
    """Return the fields of a layout that a text names: ``tp8 pp16 vpp6 cp2 ep8 etp1 mb1 recompute=selective schedule=zb fsdp offload``.

    Raises
    ------
    PlanError
        With every word that is no part of a layout.
    """
    found: dict[str, float] = {}
    problems = []
    for word in re.split(r"[\s,]+", text.strip().lower()):
        number = re.fullmatch(r"([a-z]+)=?(\d+)", word)
        name, _, said = word.partition("=")
        if number and number[1] in NUMBERS and int(number[2]) > 0:
            found[NUMBERS[number[1]]] = float(number[2])
        elif word in FLAGS:
            found[FLAGS[word]] = 1.0
        elif name in WORDS and said in WORDS[name]:
            found[name] = float(WORDS[name][said])
        else:
            known = [*NUMBERS, *FLAGS, *(f"{k}={v}" for k, words in WORDS.items() for v in words)]
            problems.append(
                Problem(
                    "no part of a layout",
                    PLACE,
                    value=word,
                    allowed=", ".join(known),
                    nearest=nearest_name(re.sub(r"\d+$", "", word), known),
                    remedy=f"write it like '{EXAMPLE}'",
                )
            )
    if problems:
        raise PlanError(problems)
    return found


def told(plan: RatedLayout) -> str:
    """Return a layout in short, as :func:`read_layout` reads it."""
    parts = [f"{k}{getattr(plan, name)}" for k, name in NUMBERS.items() if getattr(plan, name) > 1 or k == "mb"]
    parts += [f"recompute={k}" for k, v in RECOMPUTES.items() if v and v == plan.recompute]
    parts += [f"schedule={k}" for k, v in SCHEDULES.items() if v and v == plan.schedule]
    return " ".join([*parts, *(k for k, name in FLAGS.items() if getattr(plan, name))])


def _batch(ask: TrainingJob) -> Batch:
    sequences = ask.global_batch_sequences or _usual_sequences(ask)
    return Batch(
        global_batch_tokens=sequences * ask.sequence_tokens,
        sequence_tokens=ask.sequence_tokens,
        precision=ask.math,
        years_behind=years_behind(ask.release, ask.system),
        launched_by_host=launched_by_host({"date": ask.release}, ask.system),
        unfused_experts=unfused_experts({"date": ask.release}, ask.system),
        block_scaled=float(ask.precision in BY_BLOCKS),
        imbalance=ask.imbalance,
    )


def _usual_sequences(ask: TrainingJob) -> float:
    """Return about ``USUAL_BATCH_TOKENS``, in a number of sequences that the odd part of the GPUs divides."""
    odd = ask.gpus // (ask.gpus & -ask.gpus)
    wanted = USUAL_BATCH_TOKENS / ask.sequence_tokens
    return float(odd * 2 ** max(round(np.log2(wanted / odd)), 0))


def _impossible(ask: TrainingJob) -> list[Problem]:
    found = [
        Problem(
            f"'{name}' must be above zero",
            PLACE,
            value=f"{value:g}",
            remedy="say how many GPUs the run has: --gpus 16384"
            if name == "gpus"
            else "give a finite number above zero",
        )
        for name, value, least in (
            ("gpus", ask.gpus, 1),
            ("tokens", ask.tokens, 0),
            ("seq", ask.sequence_tokens, 1),
            ("global-batch", ask.global_batch_sequences, 0),
        )
        if not least <= value < float("inf")
    ]
    if ask.precision not in PRECISIONS:
        found.append(
            Problem(
                "no such precision",
                PLACE,
                value=ask.precision,
                allowed=", ".join(PRECISIONS),
                nearest=nearest_name(ask.precision, list(PRECISIONS)),
                remedy="name one of them",
            )
        )
    if ask.release and not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", ask.release):
        found.append(
            Problem(
                "no such month",
                PLACE,
                value=ask.release,
                allowed="a month from 2020-01 on",
                remedy="write when the software came out, as 2025-11",
            )
        )
    if not 1 <= ask.imbalance < float("inf"):
        found.append(
            Problem(
                "'imbalance' is the busiest rank's tokens over the mean",
                PLACE,
                value=f"{ask.imbalance:g}",
                allowed="1 or more",
                remedy="give 1 for balanced routing",
            )
        )
    if ask.pod_gpus < 0 or not 0 < ask.spine_share <= 1:
        found.append(
            Problem(
                "'pod' is a number of GPUs and 'spine-share' a share",
                PLACE,
                value=f"{ask.pod_gpus}, {ask.spine_share:g}",
                allowed="pod from 0 (all), spine-share above 0 up to 1",
                remedy="for a 1:7 oversubscribed spine give 0.143",
            )
        )
    return found


def _narrow(ask: TrainingJob, device: Device) -> list[Problem]:
    """Return a problem if the system can't multiply in the precision that is asked for."""
    peaks = {"fp8": device.peak_fp8_flops_per_s, "fp4": device.peak_fp4_flops_per_s}
    if peaks.get(ask.math, 1.0) > 0:
        return []
    able = ["bf16", *(p for p, peak in peaks.items() if peak > 0)]
    return [
        Problem(
            f"{ask.system} doesn't multiply in {ask.math}",
            PLACE,
            value=ask.precision,
            allowed=", ".join(able),
            remedy="take one of these, or another system",
        )
    ]


def _topology(ask: TrainingJob, device: Device) -> list[Problem]:
    if ask.gpus > device.scaleup_gpus and not device.scaleout_bandwidth_bytes_per_s:
        return [
            Problem(
                f"{ask.system} has no scale-out network in the catalog",
                PLACE,
                value=f"{ask.gpus:,} GPUs",
                allowed=f"up to {device.scaleup_gpus} GPUs, one scale-up domain",
                remedy="take fewer GPUs, or another system",
            )
        ]
    return []


def _divides(
    given: Mapping[str, float], ask: TrainingJob, device: Device, model: Architecture, batch: Batch
) -> list[Problem]:
    """Return a problem for each rank of a layout that doesn't divide what it splits, with the nearest that does."""
    t, p, c = (int(given.get(k, 1)) for k in ("tensor", "pipeline", "context"))
    found = []

    def problem(what: str, value: str, remedy: str) -> None:
        found.append(Problem(what, PLACE, value=value, remedy=remedy))

    split = t * p * c
    data = int(given.get("data", max(ask.gpus // split, 1)))
    if split * data != ask.gpus:
        near = max(ask.gpus // split, 1) * split
        problem(
            f"tp x pp x cp x dp is {split * data:,}, not {ask.gpus:,} GPUs",
            f"tp{t} pp{p} cp{c} dp{data}",
            f"leave dp out, and take {near:,} or {near + split:,} GPUs, or ranks whose product divides {ask.gpus:,}",
        )
    if model.heads % t:
        problem(f"tp must divide {model.heads} attention heads", f"tp{t}", f"take tp{_near(model.heads, t)}")
    if t > device.scaleup_gpus:
        problem(
            "tp is wider than a scale-up domain", f"tp{t}", f"take tp{_near(model.heads, device.scaleup_gpus)} or less"
        )
    if p > model.layers:
        problem(f"pp is more than {model.layers} layers", f"pp{p}", f"take pp{model.layers} or less")
    chunks = int(given.get("chunks", 1))
    if chunks * p > max(model.layers, p):
        problem(
            f"pp x vpp is more than {model.layers} layers",
            f"pp{p} vpp{chunks}",
            f"take vpp{max(model.layers // p, 1)} or less",
        )
    if ask.sequence_tokens % c:
        problem(
            f"cp must divide a sequence of {ask.sequence_tokens:,} tokens",
            f"cp{c}",
            f"take cp{_near(ask.sequence_tokens, c)}",
        )
    e, x = int(given.get("expert", 1)), int(given.get("expert_tensor", 1))
    if e > 1 and not model.experts:
        problem("the model has no experts", f"ep{e}", "leave ep out")
    elif model.experts and model.experts % e:
        problem(f"ep must divide {model.experts} experts", f"ep{e}", f"take ep{_near(model.experts, e)}")
    if (t * c * data) % (e * x):
        problem(
            f"ep x etp must divide the {t * c * data:,} ranks of a stage",
            f"ep{e} etp{x}",
            f"take ep{_near(t * c * data // x, e)}",
        )
    sequences, micro = batch.global_batch_tokens / batch.sequence_tokens, int(given.get("micro_batch", 1))
    if sequences % (data * micro):
        near = max(round(sequences / (data * micro)), 1) * data * micro
        problem(
            f"dp x mb must divide a batch of {sequences:,.0f} sequences",
            f"dp{data} mb{micro}",
            f"take --global-batch {near:,}",
        )
    if given.get("offload") and not device.host_bandwidth_bytes_per_s:
        problem("the catalog has no bandwidth to the host for this system", "offload", "leave offload out")
    return found


def _near(whole: int, wanted: int) -> int:
    """Return the divisor of a number that is nearest in ratio to what was wanted."""
    divisors = [k for k in range(1, whole + 1) if whole % k == 0]
    return min(divisors, key=lambda k: abs(np.log(k / wanted)))


def _given_plan(
    given: Mapping[str, float],
    ask: TrainingJob,
    device: Device,
    model: Architecture,
    batch: Batch,
    efficiency: TrainingEfficiency,
) -> RatedLayout:
    fixed = dict.fromkeys(("tensor", "pipeline", "context", "micro_batch", "expert", "chunks"), 1.0)
    fixed.update(given)
    split = fixed["tensor"] * fixed["pipeline"] * fixed["context"]
    fixed["data"] = ask.gpus / split
    at = Layouts(**{f.name: np.array([fixed.get(f.name, 0.0)]) for f in fields(Layouts)})
    found = search(device, model, batch, at, efficiency)
    if not found.fitting:
        raise PlanError([_too_large(at, ask, device, model, batch, efficiency)])
    return layout_at(found, 0)


def _best(
    found: SearchResult | None,
    ask: TrainingJob,
    device: Device,
    model: Architecture,
    batch: Batch,
    efficiency: TrainingEfficiency,
) -> RatedLayout:
    assert found is not None
    if not found.seen:
        said = f"{ask.gpus:,} GPUs can't share {batch.global_batch_tokens / batch.sequence_tokens:,.0f} sequences"
        raise PlanError(
            [
                Problem(
                    said,
                    PLACE,
                    value=f"{ask.gpus:,} GPUs",
                    remedy="take a larger --global-batch, fewer GPUs, or a number with more divisors",
                )
            ]
        )
    if not found.fitting:
        raise PlanError([_none_fits(found.min_memory_bytes, ask, device, model, batch, efficiency)])
    return layout_at(found, 0)


def _none_fits(
    least: float, ask: TrainingJob, device: Device, model: Architecture, batch: Batch, efficiency: TrainingEfficiency
) -> Problem:
    room = free_bytes(device, efficiency)
    for times in (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        more = replace(batch, global_batch_tokens=batch.global_batch_tokens * times)
        if search(device, model, more, layouts(device, model, more, ask.gpus * times), efficiency).fitting:
            break
    return Problem(
        f"{ask.model} does not fit: {least / 1e9:,.0f} GB per GPU in the smallest layout, {room / 1e9:,.0f} GB free",
        PLACE,
        value=f"{ask.gpus:,} GPUs of {ask.system}",
        remedy=f"take {ask.gpus * times:,} GPUs"
        + (", or try --offload" if not ask.offload and device.host_bandwidth_bytes_per_s else ""),
    )


def _too_large(
    at: Layouts, ask: TrainingJob, device: Device, model: Architecture, batch: Batch, efficiency: TrainingEfficiency
) -> Problem:
    """Return by how much a layout is too large, and the first change that makes it fit."""
    room, least = free_bytes(device, efficiency), float(memory_of(model, batch, at, efficiency)[0])
    changes: Sequence[dict[str, float]] = (
        {"recompute": SELECTIVE},
        {"recompute": FULL},
        {"micro_batch": 1.0, "recompute": FULL},
        {"offload": 1.0, "recompute": FULL} if device.host_bandwidth_bytes_per_s else {"recompute": FULL},
    )
    for change in changes:
        other = replace(at, **{k: np.array([v]) for k, v in change.items()})
        if float(memory_of(model, batch, other, efficiency)[0]) <= room:
            remedy = f"take '{told(layout_at(search(device, model, batch, other, efficiency), 0))}'"
            break
    else:
        found = search(device, model, batch, layouts(device, model, batch, ask.gpus), efficiency)
        remedy = f"take '{told(layout_at(found, 0))}'" if found.fitting else "take more GPUs: no layout of so many fits"
    return Problem(
        f"the layout takes {least / 1e9:,.0f} GB per GPU, {(least - room) / 1e9:,.0f} GB more than are free",
        PLACE,
        value=ask.layout,
        allowed=f"up to {room / 1e9:,.0f} GB",
        remedy=remedy,
    )


def question_of(ask: TrainingJob, plan: RatedLayout, batch: Batch, software: str = MODERN) -> Question:
    """Return the row of a table that a run would be: how far to trust it follows from rows like it."""
    return Question(
        ask.system,
        ask.model,
        ask.math,
        software,
        batch.years_behind,
        batch.launched_by_host,
        batch.block_scaled,
        ask.sequence_tokens,
        batch.global_batch_tokens / batch.sequence_tokens,
        ask.gpus,
        plan.tensor,
        plan.pipeline,
        plan.data,
        plan.context,
        plan.expert,
        plan.chunks,
        plan.micro_batch,
        plan.recompute,
        plan.fully_sharded,
    )


def _run(
    ask: TrainingJob,
    plan: RatedLayout,
    found: SearchResult | None,
    with_: tuple[Device, Architecture, Batch, TrainingEfficiency],
    cost: Supply,
    vintage: str,
    constants: TrainingConstants,
) -> TrainRun:
    device, model, batch, efficiency = with_
    asked = question_of(ask, plan, batch, constants.software)
    validity = _validity(asked)
    low, high = spread(asked, extrapolated=validity != "inside")
    time = Figure(plan.step_s, plan.step_s * low, plan.step_s * high)
    speed = time.over(batch.global_batch_tokens)
    tokens = ask.tokens or TOKENS_PER_PARAMETER * model.active_parameters
    days = speed.over(tokens / SECONDS_PER_DAY)
    per_token = model_flops_per_token(model, float(ask.sequence_tokens))
    hours = days.value * 24 * ask.gpus
    drawn, gpu_power = _drawn(ask, plan, with_, cost)
    some = [layout_at(found, k) for k in range(min(CANDIDATES, found.fitting))] if found else []
    best = [layout_at(found, int(k)) for k in pareto(found)[:CANDIDATES]] if found else []
    return TrainRun(
        ask=ask,
        best=_candidate(plan, ask.gpus, with_),
        plan=plan,
        step_s=time,
        tokens_per_s=speed,
        tokens=tokens,
        batch_tokens=batch.global_batch_tokens,
        flop=tokens * per_token,
        days=days,
        model_tflops_per_gpu=speed.value * per_token / ask.gpus / 1e12,
        mfu_share=_conventions(plan, speed.value, ask, device, model),
        free_gb=free_bytes(device, efficiency) / 1e9,
        supply=cost,
        it_mw=None if cost.it_kw_per_gpu is None else cost.it_kw_per_gpu * ask.gpus / 1e3,
        drawn_mw=drawn,
        gpu_power_w=gpu_power,
        energy_mwh=None if drawn is None else drawn.value * days.value * 24,
        gpu_hours=hours,
        usd_owned=None if cost.owned_usd_per_gpu_h is None else cost.owned_usd_per_gpu_h * hours,
        usd_rented=None if cost.rented_usd_per_gpu_h is None else cost.rented_usd_per_gpu_h * hours,
        validity=validity,
        seen=found.seen if found else 1,
        fitting=found.fitting if found else 1,
        candidates=tuple(_candidate(p, ask.gpus, with_) for p in some),
        frontier=tuple(_candidate(p, ask.gpus, with_) for p in best),
        cells=_cells(found, ask.gpus) if found else (),
        notes=constants.notes,
        catalog_vintage=vintage,
    )


def _drawn(
    ask: TrainingJob, plan: RatedLayout, with_: tuple[Device, Architecture, Batch, TrainingEfficiency], cost: Supply
) -> tuple[Figure | None, dict[str, float]]:
    """Return the IT power drawn [MW], and a GPU's draw by what it does [W]; None and nothing where the catalog lacks limits.

    Network and storage beside the racks are taken at their rated power: switches hardly follow the load.
    """
    device, model, batch, efficiency = with_
    try:
        node = node_of(catalog.load(), ask.system)
    except UnknownFactError:
        return None, {}
    curve = node_draw_of(catalog.load())
    activity = activity_of(*step(device, model, batch, plan.layout, efficiency).activity)
    rack = float(node_w(activity, node, curve)[0])
    limit = float(node.gpu_limit_w)
    draws = {
        "computing": curve.computing_draw_share,
        "moving": curve.moving_draw_share,
        "waiting": curve.waiting_draw_share,
    }
    by = {name: share * limit for name, share in draws.items()} | {"mean": float(gpu_w(activity, limit, curve)[0])}
    low, high = power_spread(extrapolated=generation(ask.system) not in measured_generations())
    whole = float(it_w(activity, node, 1e3 * (cost.it_kw_per_gpu or 0.0) * float(node.gpus), curve)[0])
    drawn = (whole + min(rack * edge, float(node.rated_w)) - rack for edge in (1.0, low, high))
    return Figure(*(w * ask.gpus / float(node.gpus) / 1e6 for w in drawn)), by


def _conventions(
    plan: RatedLayout, tokens_per_s: float, ask: TrainingJob, device: Device, model: Architecture
) -> dict[str, float]:
    """Return utilisation by convention: causal attention counted once or as a full square, and with what is recomputed.

    The second is that of PaLM (Chowdhery et al. 2022) and Megatron, the third is called hardware FLOPs utilisation.
    """
    peak = ask.gpus * device.peak_flops_per_s(ask.math)
    causal = model_flops_per_token(model, float(ask.sequence_tokens))
    weights = FORWARD_AND_BACKWARD * 2 * (model.active_parameters - model.embedding_parameters)
    again = 1 + (plan.recompute >= FULL) / FORWARD_AND_BACKWARD
    flops = {"causal": causal, "full square": 2 * causal - weights, "hardware": causal * again}
    return {name: tokens_per_s * f / peak for name, f in flops.items()}


def _candidate(
    plan: RatedLayout, gpus: int, with_: tuple[Device, Architecture, Batch, TrainingEfficiency]
) -> Candidate:
    device, model, batch, efficiency = with_
    at = plan.layout
    one = step(device, model, batch, at, efficiency)
    micro = batch.global_batch_tokens / (at.micro_batch * float(batch.sequence_tokens) * at.data)
    held = memory_parts(model, batch, at, efficiency, micro, chunks_of(model, at))
    return Candidate(
        layout=told(plan),
        step_s=plan.step_s,
        tokens_per_s_per_gpu=plan.tokens_per_s / gpus,
        mfu_share=plan.mfu_share,
        memory_gb=plan.memory_bytes / 1e9,
        parts_s={k: float(getattr(one, k)[0]) for k in PARTS},
        memory_gb_by_part={f.name: float(getattr(held, f.name)[0]) / 1e9 for f in fields(held)},
    )


def _cells(found: SearchResult, gpus: int) -> tuple[Cell, ...]:
    """Return the fastest layout for each pair of tensor and stage ranks."""
    best: dict[tuple[int, int], float] = {}
    for t, p, speed in zip(found.at.tensor, found.at.pipeline, found.step.tokens_per_s, strict=True):  # fast to slow
        best.setdefault((int(t), int(p)), float(speed))
    return tuple(Cell(tensor=t, pipeline=p, tokens_per_s_per_gpu=v / gpus) for (t, p), v in sorted(best.items()))
