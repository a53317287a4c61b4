"""One training run on a system: its step by part, memory, speed, days, energy and cost; for a layout or for the
best ones.

Times come from the training room with the catalog's constants, intervals from the errors that such answers had on
published steps (:mod:`gigaplan.accuracy.training`), power and cost from the facts that plans use.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from gigaplan import catalog
from gigaplan.accuracy import training as accuracy
from gigaplan.accuracy.validity import INSIDE
from gigaplan.catalog import Catalog
from gigaplan.catalog.names import generation
from gigaplan.layers.checks import unknown_names, unsuited_power, without_profiles
from gigaplan.layers.failures import FailureRun, run_failures
from gigaplan.layers.supply import Supply, supply
from gigaplan.layers.training_job import PLACE, TrainingJob, batch_of, impossible, named_in_catalog, unsuited
from gigaplan.layers.training_layout import layout_text, read_layout, undivided
from gigaplan.layers.training_plan import Setup, best_plan, given_plan
from gigaplan.layers.training_power import drawn_power
from gigaplan.plan.names import shape_name
from gigaplan.plan.own.catalogs import own_catalog
from gigaplan.plan.resolve import TrainingConstants, device_at, model_of, training_constants
from gigaplan.training.layer import FORWARD_AND_BACKWARD
from gigaplan.training.layout import FULL, chunks_of
from gigaplan.training.memory import memory_parts
from gigaplan.training.reliability import SECONDS_PER_DAY
from gigaplan.training.search import RatedLayout, SearchResult, layout_at, pareto
from gigaplan.training.step import model_flops_per_token, step
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.figures import short
from gigaplan.vocabulary.interval import Figure
from gigaplan.vocabulary.progress import Progress, staged
from gigaplan.vocabulary.show import Brief, BriefRows, with_unit

__all__ = ["PARTS", "Candidate", "Cell", "TrainRun", "TrainingJob", "layout_text", "read_layout", "train"]

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
"""Layouts that an answer lists."""
MODERN_SOFTWARE = "modern"
"""Kind of training software of 2023 and later, as overlays name it."""
HOURS_PER_DAY = 24


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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TrainRun(Brief):
    """A run in one layout: what a step takes and what the run takes, without failures."""

    job: TrainingJob
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
    """Memory of a GPU that a proposed layout may take: all but a reserve for what is not counted."""
    hbm_gb: float
    """All memory of a GPU; a layout that the job states may take it."""
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
    """What is to be known of models of the user's own, and what overlays say of themselves."""
    catalog_vintage: str
    failures: FailureRun | None = None
    """What failures leave of it, where they are simulated."""

    def brief_title(self) -> str:
        """Return what is trained on what."""
        return f"Training of {self.job.model} on {self.job.gpus:,} GPUs of {self.job.system}"

    def brief_rows(self) -> BriefRows:
        """Return the layout, what a step and the run take, and how far to trust them."""
        kilowatts = None if self.drawn_mw is None else self.drawn_mw.scaled(1e3)
        costs = ((self.usd_owned, "USD owned"), (self.usd_rented, "USD rented"))
        return (
            ("layout", self.best.layout),
            ("step", with_unit(self.step_s, "s")),
            ("speed", f"{with_unit(self.tokens_per_s, 'tokens/s')}, {self.model_tflops_per_gpu:.0f} TFLOP/s a GPU"),
            ("run", f"{with_unit(self.days, 'days')} without failures"),
            ("with failures", "" if self.failures is None else f"{short(self.failures.days.p50)} days (median)"),
            ("power", with_unit(kilowatts, "kW IT drawn")),
            ("energy", with_unit(self.energy_mwh, "MWh IT")),
            ("cost", ", ".join([with_unit(self.gpu_hours, "GPU-hours"), *(short(v, u) for v, u in costs if v)])),
            ("trust", self.validity),
        )


def train(job: TrainingJob, progress: Progress | None = None) -> TrainRun:
    """Return a run in the layout given, or in the fastest that fits.

    Parameters
    ----------
    job
        What is trained, and on what.
    progress
        Called with (stages done, stages, what comes next); False cancels.

    Raises
    ------
    PlanError
        With every unknown name, impossible number and rank that doesn't divide at once; or if nothing fits, with what
        would make it fit.
    """
    with own_catalog(job.model_configs, job.system_configs, models=[job.model], systems=[job.system]) as notes:
        run = _train(job, progress)
    return replace(run, notes=(*notes, *run.notes))


def _train(job: TrainingJob, progress: Progress | None) -> TrainRun:
    """Return a run with a model of the catalog in use; see :func:`train` for what raises."""
    facts, job = catalog.load(), named_in_catalog(job)
    constants = _constants(facts, job)
    model = model_of(facts, job.model)
    device = replace(device_at(facts, job.system, job.power), pod_gpus=job.pod_gpus, spine_share=job.spine_share)
    setup = Setup(device, model, batch_of(job), constants.efficiency)
    given = read_layout(job.layout) if job.layout else {}
    problems = [
        *unsuited_power(facts, [job.system], job.power, PLACE),
        *unsuited(job, device),
        *(undivided(given, job, device, model, setup.batch) if job.layout else []),
    ]
    if problems:
        raise PlanError(problems)
    begin = staged(progress, 1 + (job.failures is not None))
    begin("layouts")
    found = None
    if job.search or not job.layout:
        found = setup.search(setup.layouts(job.gpus, offload=job.offload))
    plan = given_plan(given, job, setup) if found is None or job.layout else best_plan(found, job, setup)
    run = _run(job, plan, found, setup, constants, facts)
    if job.failures is None:
        return run
    begin("failures")
    failures = run_failures(
        facts,
        job.failures,
        gpus=job.gpus,
        system=job.system,
        parameters=model.parameters,
        replicas_of_layout=int(plan.data),
        ideal_s=run.days.value * SECONDS_PER_DAY,
    )
    return replace(run, failures=failures)


def _constants(facts: Catalog, job: TrainingJob) -> TrainingConstants:
    """Return the constants of a job, with those of its overlays; PlanError with all that is wrong with its names and
    numbers."""
    problems = unknown_names([job.model], [job.system], PLACE) + impossible(job)
    constants = training_constants(facts)
    try:
        constants = training_constants(facts, job.overlays)
    except PlanError as error:
        problems += error.problems
    if problems:
        raise PlanError(problems)
    return constants


def _validity(job: TrainingJob, setup: Setup, software: str) -> tuple[str, str]:
    """Return the key of residuals of a run, and how far its answer is to be trusted."""
    modern = software == MODERN_SOFTWARE
    kind = accuracy.kind(modern=modern, experts=setup.model.experts > 0, gpus=job.gpus)
    validity = accuracy.validity(
        generation=generation(job.system), precision=job.math, kind=kind, family=shape_name(job.model), modern=modern
    )
    return kind, validity


def _run(
    job: TrainingJob,
    plan: RatedLayout,
    found: SearchResult | None,
    setup: Setup,
    constants: TrainingConstants,
    facts: Catalog,
) -> TrainRun:
    """Return what a step and the run take, without failures."""
    kind, validity = _validity(job, setup, constants.software)
    time = accuracy.interval(kind=kind, extrapolated=validity != INSIDE).of(plan.step_s)
    speed = time.over(setup.batch.global_batch_tokens)
    per_parameter = facts.find("scaling_law", "tokens_per_parameter").number
    tokens = job.tokens or per_parameter * setup.model.active_parameters
    days = speed.over(tokens / SECONDS_PER_DAY)
    flop_per_token = model_flops_per_token(setup.model, float(job.sequence_tokens))
    hours = days.value * HOURS_PER_DAY * job.gpus
    cost = supply(facts, job.system, job.power)
    drawn, gpu_power = drawn_power(job, plan, setup, cost.it_kw_per_gpu)
    some = [layout_at(found, k) for k in range(min(CANDIDATES, found.fitting))] if found else []
    best = [layout_at(found, int(k)) for k in pareto(found)[:CANDIDATES]] if found else []
    return TrainRun(
        job=job,
        best=_candidate(plan, job.gpus, setup),
        plan=plan,
        step_s=time,
        tokens_per_s=speed,
        tokens=tokens,
        batch_tokens=setup.batch.global_batch_tokens,
        flop=tokens * flop_per_token,
        days=days,
        model_tflops_per_gpu=speed.value * flop_per_token / job.gpus / 1e12,
        mfu_share=_conventions(plan, speed.value, job, setup),
        free_gb=setup.free_bytes / 1e9,
        hbm_gb=setup.device.hbm_bytes / 1e9,
        supply=cost,
        it_mw=None if cost.it_kw_per_gpu is None else cost.it_kw_per_gpu * job.gpus / 1e3,
        drawn_mw=drawn,
        gpu_power_w=gpu_power,
        energy_mwh=None if drawn is None else drawn.value * days.value * HOURS_PER_DAY,
        gpu_hours=hours,
        usd_owned=None if cost.owned_usd_per_gpu_h is None else cost.owned_usd_per_gpu_h * hours,
        usd_rented=None if cost.rented_usd_per_gpu_h is None else cost.rented_usd_per_gpu_h * hours,
        validity=validity,
        seen=found.seen if found else 1,
        fitting=found.fitting if found else 1,
        candidates=tuple(_candidate(p, job.gpus, setup) for p in some),
        frontier=tuple(_candidate(p, job.gpus, setup) for p in best),
        cells=_cells(found, job.gpus) if found else (),
        notes=(*constants.notes, *without_profiles(facts, [job.system], job.power)),
        catalog_vintage=facts.vintage,
    )


def _conventions(plan: RatedLayout, tokens_per_s: float, job: TrainingJob, setup: Setup) -> dict[str, float]:
    """Return utilisation by convention: causal attention counted once or as a full square, and with what is recomputed.

    The second is that of PaLM (Chowdhery et al. 2022) and Megatron, the third is called hardware FLOPs utilisation.
    """
    model = setup.model
    peak = job.gpus * setup.device.peak_flops_per_s(job.math)
    causal = model_flops_per_token(model, float(job.sequence_tokens))
    weights = FORWARD_AND_BACKWARD * 2 * (model.active_parameters - model.embedding_parameters)
    again = 1 + (plan.recompute >= FULL) / FORWARD_AND_BACKWARD
    flops = {"causal": causal, "full square": 2 * causal - weights, "hardware": causal * again}
    return {name: tokens_per_s * f / peak for name, f in flops.items()}


def _candidate(plan: RatedLayout, gpus: int, setup: Setup) -> Candidate:
    model, batch, efficiency = setup.model, setup.batch, setup.efficiency
    at = plan.layout
    one = step(setup.device, model, batch, at, efficiency)
    micro = batch.global_batch_tokens / (at.micro_batch * float(batch.sequence_tokens) * at.data)
    by_part = memory_parts(model, batch, at, efficiency, micro, chunks_of(model, at))
    return Candidate(
        layout=layout_text(plan),
        step_s=plan.step_s,
        tokens_per_s_per_gpu=plan.tokens_per_s / gpus,
        mfu_share=plan.mfu_share,
        memory_gb=plan.memory_bytes / 1e9,
        parts_s={k: float(getattr(one, k)[0]) for k in PARTS},
        memory_gb_by_part={f.name: float(getattr(by_part, f.name)[0]) / 1e9 for f in fields(by_part)},
    )


def _cells(found: SearchResult, gpus: int) -> tuple[Cell, ...]:
    """Return the fastest layout for each pair of tensor and stage ranks."""
    best: dict[tuple[int, int], float] = {}
    for t, p, speed in zip(found.at.tensor, found.at.pipeline, found.step.tokens_per_s, strict=True):  # fast to slow
        best.setdefault((int(t), int(p)), float(speed))
    return tuple(Cell(tensor=t, pipeline=p, tokens_per_s_per_gpu=v / gpus) for (t, p), v in sorted(best.items()))
