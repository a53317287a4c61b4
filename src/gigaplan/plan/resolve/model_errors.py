"""What is uncertain of serving and training speed: devices, and the errors that the models themselves have.

Each error is drawn from the residuals of its model's calibration. A part of them is common to all systems and kinds of
model: they come from one model, and from one fit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from gigaplan.accuracy import serving, training
from gigaplan.accuracy.validity import INSIDE
from gigaplan.catalog.names import generation
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.inputs import Efficiency
from gigaplan.plan.names import family, shape_name
from gigaplan.plan.resolve.filler import Filler, type_hints
from gigaplan.training.programme import PlannedRun
from gigaplan.vocabulary.facts import Evidence
from gigaplan.vocabulary.interval import Interval
from gigaplan.vocabulary.members import Uncertain, column
from gigaplan.vocabulary.sampling import Spread

DEVICE_FIELDS = (
    ("peak_bf16_flops_per_s", "peak_fp8_flops_per_s", "peak_fp4_flops_per_s"),
    ("hbm_bandwidth_bytes_per_s",),
    ("hbm_bytes",),
    ("scaleup_bandwidth_bytes_per_s",),
    ("scaleout_bandwidth_bytes_per_s",),
)
"""Fields of a device that may be uncertain; those of one entry move together."""
MEMORY = ("hbm_bytes",)
CLOCK = ("clock_share",)
LOAD = "server"
"""The MLPerf scenario whose errors a plan's rates have: requests arrive one by one, and limits are kept."""
ROOMS = {"serving_error": "inference", "training_error": "training"}
"""The room whose model an error is of."""
BELOW_ALL = 0.0
"""No speed is below zero."""


LARGE_GPUS = 16_384
"""GPUs of a large run: more than one server, which is all that its kind depends on."""
RESERVE = ("serving_model", "memory_reserve_share", "inference.efficiency.memory_reserve_share")
"""The fact that says what share of the memory stays free, and where it is read."""


def device_ratios(filler: Filler, system: str, clock: Uncertain = 1.0) -> dict[tuple[str, ...], Uncertain]:
    """Return what is uncertain of a system's device: fields that move together, and their draws over the central.

    Parameters
    ----------
    filler
        Finds facts and draws.
    system
        Name of the system.
    clock
        Clock at its power limit over that at the rated power.
    """
    found: dict[tuple[str, ...], Uncertain] = {}
    known = {name for names in DEVICE_FIELDS for name in names if filler.facts.has(system, name)}
    for names in DEVICE_FIELDS:
        facts = [filler.facts.find(system, name) for name in names if name in known]
        ranged = [f for f in facts if f.low is not None and f.high is not None and f.number > 0]
        if ranged:
            hint = type_hints(Device)[names[0]]
            found[tuple(n for n in names if n in known)] = (
                filler.drawn(ranged[0], hint, f"inference.devices.{system}.{ranged[0].quantity}") / ranged[0].number
            )
    clocks = column(clock, 1)
    if len(clocks) > 1:
        found[CLOCK] = clocks / clocks[0]
    found[MEMORY] = found.get(MEMORY, 1.0) * _memory_ratio(filler)
    return found


def _memory_ratio(filler: Filler) -> Uncertain:
    """Return the memory that a layout may fill over the central member's: what stays free is uncertain."""
    entity, quantity, path = RESERVE
    fact = filler.facts.find(entity, quantity)
    hint = type_hints(Efficiency)[quantity]
    return (1 - filler.drawn(fact, hint, path)) / (1 - fact.number)


def serving_errors(
    filler: Filler, systems: Iterable[str], architectures: Iterable[str]
) -> dict[tuple[str, str], Uncertain]:
    """Return measured over predicted serving throughput by system and model, drawn.

    Parameters
    ----------
    filler
        Finds facts and draws.
    systems
        Names of the generations.
    architectures
        Names of the models.
    """
    found: dict[tuple[str, str], Uncertain] = {}
    for system in systems:
        new = generation(system) not in serving.measured_generations()
        vendor = "nvidia" if _vendor(filler, system) == "NVIDIA" else "other"
        kind = serving.throughput_kind(scenario=LOAD, vendor=vendor, first_round=False)
        interval = serving.throughput_interval(kind=kind, new_hardware=new)
        for model in architectures:
            found[system, model] = _drawn(filler, "serving_error", f"{generation(system)}.{family(model)}", interval)
    return found


def step_errors(
    filler: Filler, runs: Iterable[PlannedRun], architectures: Mapping[str, Architecture], *, modern: bool
) -> dict[tuple[str, str], Uncertain]:
    """Return measured over predicted time of a step by run and model, drawn.

    Parameters
    ----------
    filler
        Finds facts and draws.
    runs
        Runs of the plan.
    architectures
        Models by name.
    modern
        Whether the software is of 2023 or later.
    """
    found: dict[tuple[str, str], Uncertain] = {}
    for run in runs:
        kind = training.kind(modern=modern, experts=architectures[run.model].experts > 0, gpus=run.gpus)
        validity = training.validity(
            generation=generation(run.generation),
            precision=run.precision,
            kind=kind,
            family=shape_name(run.model),
            modern=modern,
        )
        interval = training.interval(kind=kind, extrapolated=validity != INSIDE)
        found[run.name, run.model] = _drawn(filler, "training_error", f"{generation(run.generation)}.{kind}", interval)
    return found


def large_step_errors(filler: Filler, systems: Iterable[str], *, modern: bool) -> dict[str, Uncertain]:
    """Return measured over predicted time of a step of the largest runs by system, drawn.

    No run of such a size is published with its layout, so that the interval is that of what nobody has measured.

    Parameters
    ----------
    filler
        Finds facts and draws.
    systems
        Names of the generations.
    modern
        Whether the software is of 2023 or later.
    """
    kind = training.kind(modern=modern, experts=True, gpus=LARGE_GPUS)
    interval = training.interval(kind=kind, extrapolated=True)
    path = "training.largest.step_over_predicted"
    return {s: _drawn(filler, "training_error", f"{generation(s)}.largest", interval, path) for s in systems}


def _drawn(filler: Filler, model: str, of: str, interval: Interval, path: str = "") -> Uncertain:
    """Return the draws of one error, partly those that all errors of the model have in common."""
    path = path or f"{ROOMS[model]}.efficiency.{model}"
    shared = filler.facts.find(model, "shared_error_share").number
    spread = Spread(1.0, interval.low, interval.high, lower=BELOW_ALL)
    lead = (f"{model}.shared", math.sqrt(shared))
    return filler.draws.draw(f"{model}.{of}", spread, f"{path}.{of}", Evidence.ESTIMATED, lead)


def _vendor(filler: Filler, system: str) -> str:
    """Return who makes a system, "" where the catalog doesn't say."""
    return str(filler.facts.find(system, "vendor").value) if filler.facts.has(system, "vendor") else ""
