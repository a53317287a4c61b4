"""A training site's load by the second: what its steps, a checkpoint, a start and a fault do to the grid, and what
smoothing takes.

Times come from the training step of the layout, powers from the node model at what GPUs do in each part of it; both are
those of ``gigaplan train``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.layers.supply import supply
from gigaplan.layers.training import TrainRun, train
from gigaplan.layers.training_job import TrainingJob, named_in_catalog
from gigaplan.plan.own.catalogs import own_catalog
from gigaplan.plan.ratings import node_at, node_draw_of
from gigaplan.power.node import Activity, activity_of, it_w
from gigaplan.power.swings import (
    BAND_HZ,
    SAMPLES_PER_S,
    Piece,
    Store,
    Swing,
    floored,
    ramped,
    series,
    spectrum,
    stored,
    swing,
)
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.options import Option, Quantity
from gigaplan.vocabulary.progress import Progress
from gigaplan.vocabulary.show import Brief, BriefRows

PLACE = Place("power swings")
GROUP = "Swings"
KW, MW = 1e3, 1e6
"""Watts of a kW and of a MW."""
MJ_PER_MWH = 3600.0
FEWEST_STEPS, SHORTEST_S, LONGEST_S = 12, 180.0, 900.0
"""Steps, and seconds, for which the run is seen before a checkpoint; swings are those of the last half, when stores
have found the mean."""
IDLE_S = 20.0
"""Time before the start and after the fault [s]."""
LONGEST_MEAN_S = 30.0
"""A store averages over no longer: it answers to what comes next [s]."""
TRACE_EVERY_S = 0.1
"""Between two points of the answer's trace [s]."""
LARGEST = 5
"""Frequencies that an answer lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwingsQuestion:
    """A run, what smooths its load, and what an interconnection allows; 0 for none of either."""

    run: TrainingJob
    """What is trained, on what, in which layout."""
    floor: Annotated[float, Option("floor", group=GROUP), Quantity("share", "80 %")] = 0.0
    """Least power of the GPUs while the run holds them, as a share of the site's IT power while they compute."""
    ramp_mw_per_s: Annotated[float, Option("ramp", group=GROUP)] = 0.0
    """Fastest that the GPUs may change their power in all, in MW/s: clocks rise slowly, idle work fills what falls."""
    rack_storage_j_per_gpu: Annotated[float, Option("rack-storage", group=GROUP)] = 0.0
    """Energy that the racks' supplies store, in joules for each GPU."""
    battery_mw: Annotated[float, Option("battery-mw", group=GROUP)] = 0.0
    """Power of a battery of the site, in MW."""
    battery_mwh: Annotated[float, Option("battery-mwh", group=GROUP)] = 0.0
    """Energy of that battery, in MWh."""
    ramp_limit_mw_per_s: Annotated[float, Option("ramp-limit", group=GROUP)] = 0.0
    """Largest change within a second that the interconnection allows, in MW/s."""
    oscillation_limit_mw: Annotated[float, Option("oscillation-limit", group=GROUP)] = 0.0
    """Largest amplitude of one frequency between 0.1 and 20 Hz that it allows, in MW."""
    range_limit_mw: Annotated[float, Option("range-limit", group=GROUP)] = 0.0
    """Largest difference between highest and lowest power while steps run that it allows, in MW."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Limit(Brief):
    """A limit of an interconnection and whether the smoothed load keeps it."""

    name: str
    allowed: float
    found: float
    unit: str
    holds: bool

    def brief_line(self) -> str:
        """Return what is found, what is allowed, and the answer."""
        return f"{self.found:.3g} of {self.allowed:.3g} {self.unit}: {'kept' if self.holds else 'missed'}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SwingsRun(Brief):
    """A site's load by the second without and with what smooths it; IT power at the racks' plugs."""

    question: SwingsQuestion
    layout: str
    step_s: float
    """Time of a step [s]."""
    parts: dict[str, tuple[float, float]]
    """Parts of a step and events: seconds, and IT power of the site meanwhile [MW]."""
    bare: Swing
    """The load as it is."""
    smoothed: Swing
    """What the grid sees."""
    frequencies: tuple[tuple[float, float, float], ...]
    """Largest frequencies of the load in the band of concern: hertz, amplitude without and with smoothing [MW]."""
    energy_share: float
    """Energy that smoothing adds to the time seen, over the load's: floors, ramps and losses of storage; what remains
    in storage is counted as given back."""
    lost_work_share: float
    """Energy of the load that a ramp does not let GPUs draw, over the load's: about the work that is lost."""
    limits: tuple[Limit, ...]
    trace_s: float
    """Between two points of the traces [s]."""
    bare_mw: tuple[float, ...]
    """The load as it is, by point [MW]."""
    smoothed_mw: tuple[float, ...]
    """What the grid sees, by point [MW]."""
    notes: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether every limit is kept."""
        return all(limit.holds for limit in self.limits)

    def brief_title(self) -> str:
        """Return what runs where."""
        job = self.question.run
        return f"Load by the second: {job.model} on {job.gpus:,} GPUs of {job.system}"

    def brief_rows(self) -> BriefRows:
        """Return the step, its swings without and with smoothing, what that takes, and the limits."""
        yield "step", f"{self.step_s:.3g} s, {self.layout}"
        for name, one in (("as it is", self.bare), ("at the grid", self.smoothed)):
            yield (
                name,
                f"{one.mean_mw:.3g} MW, range {one.range_mw:.3g} MW, ramp {one.ramp_mw_per_s:.3g} MW/s, "
                f"{one.amplitude_mw:.2g} MW at {one.frequency_hz:.2g} Hz",
            )
        yield "smoothing takes", f"{self.energy_share:+.2%} energy, {self.lost_work_share:.2%} of the work"
        yield from ((limit.name, limit.brief_line()) for limit in self.limits)


def swings(question: SwingsQuestion, progress: Progress | None = None) -> SwingsRun:
    """Return a site's load by the second without and with what smooths it.

    Parameters
    ----------
    question
        The run, what smooths it and what is allowed.
    progress
        Called with (stages done, stages, what comes next); False cancels.

    Raises
    ------
    PlanError
        With every number that can't be, and every unknown name; or if the catalog rates no power of the system.
    """
    problems = list(_impossible(question))
    if problems:
        raise PlanError(problems)
    job = question.run
    run = train(job, progress)
    with own_catalog(job.model_configs, job.system_configs, models=[job.model], systems=[job.system]):
        parts = _parts(catalog.load(), named_in_catalog(job), run)
        return _answer(question, run, parts, catalog.load())


def _impossible(question: SwingsQuestion) -> Iterator[Problem]:
    for name, value in (
        ("ramp", question.ramp_mw_per_s),
        ("rack-storage", question.rack_storage_j_per_gpu),
        ("battery-mw", question.battery_mw),
        ("battery-mwh", question.battery_mwh),
        ("ramp-limit", question.ramp_limit_mw_per_s),
        ("oscillation-limit", question.oscillation_limit_mw),
        ("range-limit", question.range_limit_mw),
    ):
        if not 0 <= value < math.inf:
            remedy = "give a finite number, 0 for none"
            yield Problem(f"'{name}' can't be below zero", PLACE, value=f"{value:g}", remedy=remedy)
    if not 0 <= question.floor <= 1:
        words = "'floor' is a share of the power while GPUs compute"
        yield Problem(words, PLACE, value=f"{question.floor:g}", allowed="0 to 100 %", remedy="write 80 %")
    if bool(question.battery_mw) != bool(question.battery_mwh):
        size = f"{question.battery_mw:g} MW, {question.battery_mwh:g} MWh"
        yield Problem("a battery has power and energy", PLACE, value=size, remedy="give both, or neither")
    if question.run.failures is not None:
        yield Problem(
            "failures are simulated by 'gigaplan train'", PLACE, value="failures", remedy="leave them out here"
        )


def _parts(facts: Catalog, job: TrainingJob, run: TrainRun) -> dict[str, tuple[float, float]]:
    """Return the parts of a step and other states: seconds, and the site's IT power [MW]."""
    power = supply(facts, job.system, job.power)
    if power.it_kw_per_gpu is None:
        raise PlanError(
            [
                Problem(
                    "the catalog rates no power of this system",
                    PLACE,
                    value=job.system,
                    remedy="take another system, or one of your own that states its rack's power",
                )
            ]
        )
    node, curve = node_at(facts, job.system, job.power), node_draw_of(facts)
    rated_w = KW * power.it_kw_per_gpu * float(node.gpus)

    def site_mw(computing: float, moving: float, waiting: float, idle: float = 0.0) -> float:
        times = (np.array(t) for t in (computing, moving, waiting, idle))
        activity: Activity = activity_of(*times)
        return float(it_w(activity, node, rated_w, curve)) * job.gpus / float(node.gpus) / MW

    step = run.best.parts_s
    moving = step["tensor_exchange"] + step["expert_exchange"] + step["pipeline_exchange"]
    waiting = step["bubble"] + step["overhead"]
    last = step["gradients"] + step["optimiser"]
    return {
        "compute": (step["compute"] + moving, site_mw(step["compute"], moving, 0.0)),
        "wait": (waiting, site_mw(0.0, 0.0, 1.0)),
        "exchange": (last, site_mw(0.0, 1.0, 0.0)),
        "checkpoint": (facts.find("swings", "checkpoint_stall_s").number, site_mw(0.0, 0.0, 1.0)),
        "idle": (IDLE_S, site_mw(0.0, 0.0, 0.0, 1.0)),
    }


def _pieces(parts: dict[str, tuple[float, float]], step_s: float) -> tuple[list[Piece], float]:
    """Return idle, start, steps, a checkpoint, steps, a fault, idle; and for how long the steps run undisturbed."""
    steady_s = min(max(FEWEST_STEPS * step_s, SHORTEST_S), LONGEST_S)
    count = max(round(steady_s / step_s), 1)
    one = [Piece(seconds=s, mw=mw) for s, mw in (parts[n] for n in ("compute", "wait", "exchange"))]
    idle = Piece(seconds=parts["idle"][0], mw=parts["idle"][1], running=False)
    stall = Piece(seconds=parts["checkpoint"][0], mw=parts["checkpoint"][1])
    return [idle, *one * count, stall, *one * 2, one[0], idle], count * step_s


def _answer(
    question: SwingsQuestion, run: TrainRun, parts: dict[str, tuple[float, float]], facts: Catalog
) -> SwingsRun:
    step_s = sum(parts[n][0] for n in ("compute", "wait", "exchange"))
    pieces, steady_s = _pieces(parts, step_s)
    load, held = series(pieces)
    first = round(IDLE_S * SAMPLES_PER_S)
    steady = slice(first + round(steady_s / 2 * SAMPLES_PER_S), first + round(steady_s * SAMPLES_PER_S))
    bare = swing(load, steady)
    grid, returned_mj, lost_mj = _smoothed(question, load, held, bare, facts, parts["compute"][1])
    after = swing(grid, steady)
    used = load.sum() / SAMPLES_PER_S
    added = grid.sum() / SAMPLES_PER_S - returned_mj + lost_mj - used
    return SwingsRun(
        question=question,
        layout=run.best.layout,
        step_s=step_s,
        parts=parts,
        bare=bare,
        smoothed=after,
        frequencies=tuple(_largest(load[steady], grid[steady])),
        energy_share=float(added / used),
        lost_work_share=float(lost_mj / used),
        limits=tuple(_limits(question, after)),
        trace_s=TRACE_EVERY_S,
        bare_mw=_thinned(load),
        smoothed_mw=_thinned(grid),
        notes=run.notes,
    )


def _smoothed(
    question: SwingsQuestion, load: Array, held: Array, bare: Swing, facts: Catalog, busy_mw: float
) -> tuple[Array, float, float]:
    """Return what the grid sees, the energy by which stores are fuller at the end [MJ] and the load not drawn [MJ]."""
    now = floored(load, held, question.floor * busy_mw)
    lost = 0.0
    if question.ramp_mw_per_s:
        slow = ramped(now, question.ramp_mw_per_s)
        lost = float(np.maximum(load - slow, 0.0).sum()) / SAMPLES_PER_S
        now = slow
    fuller = 0.0
    rack_mj = question.rack_storage_j_per_gpu * question.run.gpus / MW
    stores = (
        (bare.peak_mw, rack_mj, "rack_storage_efficiency"),
        (question.battery_mw, MJ_PER_MWH * question.battery_mwh, "battery_efficiency"),
    )
    for power_mw, energy_mj, name in stores:
        if not energy_mj:
            continue
        mean_s = min(energy_mj / (2 * max(float(np.ptp(now)), 1e-6)), LONGEST_MEAN_S)
        store = Store(
            power_mw=power_mw, energy_mj=energy_mj, efficiency=facts.find("swings", name).number, mean_s=mean_s
        )
        now, energy, _ = stored(now, store)
        fuller += float(energy[-1]) - energy_mj / 2
    return now, fuller, lost


def _largest(load: Array, grid: Array) -> Iterator[tuple[float, float, float]]:
    """Yield the largest frequencies of a load in the band of concern, those that no neighbour tops."""
    hertz, before = spectrum(load)
    _, after = spectrum(grid)
    top = np.flatnonzero((before[1:-1] >= before[:-2]) & (before[1:-1] >= before[2:])) + 1
    top = top[(hertz[top] >= BAND_HZ[0]) & (hertz[top] <= BAND_HZ[1])]
    for k in top[np.argsort(-before[top])][:LARGEST]:
        yield float(hertz[k]), float(before[k]), float(after[k])


def _limits(question: SwingsQuestion, after: Swing) -> Iterator[Limit]:
    for name, allowed, found, unit in (
        ("ramp", question.ramp_limit_mw_per_s, after.ramp_mw_per_s, "MW/s"),
        ("oscillation", question.oscillation_limit_mw, after.amplitude_mw, "MW"),
        ("range", question.range_limit_mw, after.range_mw, "MW"),
    ):
        if allowed:
            yield Limit(name=name, allowed=allowed, found=found, unit=unit, holds=found <= allowed)


def _thinned(load: Array) -> tuple[float, ...]:
    """Return means over the points of a trace."""
    each = round(TRACE_EVERY_S * SAMPLES_PER_S)
    whole = len(load) // each * each
    return tuple(float(x) for x in np.round(load[:whole].reshape(-1, each).mean(axis=1), 4))
