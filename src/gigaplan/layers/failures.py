"""What failures leave of one training run: simulated trials with the catalog's rates in their ranges, best interval and spares."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from annotated_types import Ge, Gt, Le

from gigaplan.catalog import Catalog
from gigaplan.plan.resolve import failures_of
from gigaplan.training.inputs import Failures
from gigaplan.training.memory import PARAMETER_BYTES, STATE_BYTES
from gigaplan.training.reliability import (
    SECONDS_PER_DAY,
    SERVER_GPUS,
    Hazards,
    Recovery,
    best_interval_s,
    best_spares,
    enough_share,
    expected_share,
    failures_per_s,
    hazards,
)
from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_name
from gigaplan.vocabulary.members import Array, triangular
from gigaplan.vocabulary.streams import stream
from gigaplan.vocabulary.units import Unit

if typing.TYPE_CHECKING:
    from gigaplan.training.failures import SimulatedRuns

PLACE = Place("train", path="failures")
ENTITY = "failures"
BYTES_PER_PARAMETER = PARAMETER_BYTES + STATE_BYTES
"""Of a checkpoint: working copy, FP32 master and two moments."""
CAUSES = {
    "failure_gpu": "GPU",
    "failure_host": "host",
    "failure_network": "network",
    "failure_software": "software",
    "failure_maintenance": "unplanned maintenance",
    "failure_timeout": "time-out without a cause",
}
REASONS = {
    "repeated_s": "work done again",
    "checkpoint_s": "checkpoints",
    "detection_s": "noticing",
    "restart_s": "restarting",
    "waiting_s": "waiting for repairs",
    "outage_s": "outages",
    "planned_s": "planned stops",
    "straggler_s": "stragglers",
    "degraded_s": "missing replicas",
}
HOPELESS = 0.05
"""Expected goodput below which a run is told to be impossible instead of simulated."""
LONGEST = 20.0
"""Times its ideal length after which a run is given up."""
MOST_FAILURES = 3e8
"""Of all trials together: some minutes of one core."""
SIZES = (1024, 4096, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576)
MODES: tuple[Recovery, ...] = ("restart", "elastic", "groups")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureOptions:
    """How a run is kept alive, and how it is simulated."""

    checkpoint_interval_s: float = 0.0
    """Training between two checkpoints; 0: the best."""
    spares: int | None = None
    """Servers or racks that stand by; None: the best number."""
    elastic: bool = False
    """Whether it goes on with a replica less where there is no spare."""
    groups: int = 0
    """Fault-tolerant groups that restart by themselves; 0: the whole run restarts."""
    waits_for_write: bool = False
    """Whether training stands until a checkpoint is written."""
    trials: int = 400
    """Simulated trials of the run."""
    seed: int = 0
    certain: bool = False
    """Whether facts stay at their central values instead of being drawn from their ranges in each trial."""
    facts: tuple[tuple[str, float], ...] = ()
    """Facts of one's own, by the names of the catalog's entity ``failures``, in its units; the same in each trial."""

    @property
    def recovery(self) -> Recovery:
        """What happens when a server fails."""
        return "groups" if self.groups else "elastic" if self.elastic else "restart"


@dataclass(frozen=True, slots=True)
class Range:
    """Mean and the middle 80 % of some trials."""

    mean: float
    p10: float
    p50: float
    p90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRun:
    """What trials of a run came to, and what the closed form gives at the central facts."""

    ask: FailureOptions
    recovery: Recovery
    unit: str
    units: int
    unit_gpus: int
    groups: int
    spares: int
    interval_s: float
    write_s: float
    """Until a checkpoint is safe."""
    mtbf_h: float
    """Between two interruptions of the whole run."""
    ideal_days: float
    days: Range
    goodput_share: Range
    interruptions: Range
    planned_stops: float
    replaced: float
    """Units taken out for repair."""
    finished_share: float
    """Share of the trials that were done within twenty times the ideal time."""
    lost_days: dict[str, float]
    """Mean, by reason."""
    interruptions_by_cause: dict[str, float]
    expected_share: float
    """By the closed form, at the central facts."""
    enough_share: float
    """Probability that the spares suffice at any time."""
    gpu_hours: float
    """Spares included, to the median end."""
    day_quantiles: tuple[float, ...]
    """Days at 0, 5, .. 100 % of trials."""
    interval_curve: tuple[tuple[float, float], ...]
    """(interval [s], expected goodput)."""
    spare_curve: tuple[tuple[int, float, float], ...]
    """(spares, expected goodput, probability that they suffice)."""
    size_curve: tuple[tuple[int, float, float, float], ...]
    """(GPUs, expected goodput by restart, elastic, groups of this run's size), each at its best interval and spares."""


def run_failures(
    facts: Catalog,
    ask: FailureOptions,
    *,
    gpus: int,
    system: str,
    parameters: float,
    replicas_of_layout: int,
    ideal_s: float,
) -> FailureRun:
    """Return what failures leave of a run that takes ``ideal_s`` without any.

    Raises
    ------
    PlanError
        With every impossible number at once; or if the run would hardly ever get on, with what would help.
    """
    from gigaplan.training.failures import simulate_runs

    problems = list(_impossible(ask, replicas_of_layout, ideal_s))
    if problems:
        raise PlanError(problems)
    unit = unit_gpus(facts, system)
    groups = ask.groups or replicas_of_layout
    size = {"gpus": gpus, "unit_gpus": unit, "state_bytes": BYTES_PER_PARAMETER * parameters}
    more = {"groups": groups, "waits_for_write": ask.waits_for_write}
    f = replace(failures_of(facts), **dict(ask.facts))
    central = hazards(f, **size, **more)  # type: ignore[arg-type]
    drawn = central if ask.certain else hazards(draws(facts, ask.trials, ask.seed, **dict(ask.facts)), **size, **more)  # type: ignore[arg-type]
    drawn = _chosen(drawn, ask)
    central = replace(central, spares=drawn.spares, interval_s=drawn.interval_s)
    kept = expected_share(central, ask.recovery)
    if kept < HOPELESS:
        raise PlanError([_hopeless(central, ask, kept)])
    most = MOST_FAILURES / (float(np.mean(failures_per_s(drawn))) * ask.trials)
    trials = simulate_runs(
        drawn,
        ask.recovery,
        ideal_s,
        n_trials=ask.trials,
        seed=ask.seed,
        limit_s=min(LONGEST * ideal_s, max(most, 2 * ideal_s)),
    )
    return _told(facts, f, ask, central, trials, kept, ideal_s, unit, groups, size)


def unit_gpus(facts: Catalog, system: str) -> int:
    """Return the GPUs that are taken out as one: of a rack that is one scale-up domain, else of a server."""
    rack = int(facts.find(system, "gpus_per_rack").number)
    domain = int(facts.find(system, "scaleup_gpus").number) if facts.has(system, "scaleup_gpus") else 1
    return rack if rack > SERVER_GPUS and domain >= rack else min(rack, SERVER_GPUS)


def read_facts(said: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return facts of one's own from texts like ``recovery_s=5 min``.

    Raises
    ------
    PlanError
        With every unknown name (the nearest known one is given), unit and impossible value at once.
    """
    hints = typing.get_type_hints(Failures, include_extras=True)
    place = Place("train", path="fact")
    found: dict[str, float] = {}
    problems = []
    for text in said:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or name not in hints:
            problems.append(
                Problem(
                    "no such fact of failures",
                    place,
                    value=text,
                    allowed=", ".join(hints),
                    nearest=nearest_name(name, hints),
                    remedy="write it like 'recovery_s=5 min'",
                )
            )
            continue
        marks = typing.get_args(hints[name])[1:]
        try:
            number = next(float(str(m.parse(value))) for m in marks if isinstance(m, Unit))
        except ValueError as error:
            problems.append(Problem(str(error), place, value=text, remedy=f"give {name} as a number with its unit"))
            continue
        if not all(_within(number, m) for m in marks):
            allowed = ", ".join(_bound(m) for m in marks if _bound(m))
            problems.append(
                Problem(
                    f"'{name}' is out of its bounds",
                    place,
                    value=value,
                    allowed=allowed,
                    remedy="give a possible value",
                )
            )
        found[name] = number
    if problems:
        raise PlanError(problems)
    return tuple(found.items())


def _within(number: float, mark: object) -> bool:
    return (
        (not isinstance(mark, Gt) or number > typing.cast(float, mark.gt))
        and (not isinstance(mark, Ge) or number >= typing.cast(float, mark.ge))
        and (not isinstance(mark, Le) or number <= typing.cast(float, mark.le))
    )


def _bound(mark: object) -> str:
    if isinstance(mark, Gt):
        return f"above {mark.gt}"
    return f"at least {mark.ge}" if isinstance(mark, Ge) else f"at most {mark.le}" if isinstance(mark, Le) else ""


def draws(facts: Catalog, replicas: int, seed: int, **fixed: Array | float) -> Failures:
    """Return the facts drawn from their ranges, one of each for each trial: triangular in the logarithm."""
    values: dict[str, Array | float] = {}
    for f in fields(Failures):
        fact = facts.find(ENTITY, f.name)
        low, high = fact.low, fact.high
        if f.name in fixed:
            values[f.name] = fixed[f.name]
        elif low is None or high is None:
            values[f.name] = fact.number
        else:
            values[f.name] = log_triangular(stream(seed, fact.id).random(replicas), low, fact.number, high)
    return Failures(**values)


def log_triangular(unit: Array, low: float, mode: float, high: float) -> Array:
    """Return the triangular distribution's quantiles at ``unit``, in the logarithm of numbers above zero."""
    return np.asarray(np.exp(triangular(unit, *(float(np.log(v)) for v in (low, mode, high)))))


def _chosen(h: Hazards, ask: FailureOptions) -> Hazards:
    """Return the hazards with the interval and the spares that were asked for, or the best of each."""
    interval = ask.checkpoint_interval_s or best_interval_s(h, ask.recovery)
    h = replace(h, interval_s=interval)
    return replace(h, spares=best_spares(h, ask.recovery) if ask.spares is None else ask.spares)


def _impossible(ask: FailureOptions, replicas_of_layout: int, ideal_s: float) -> Iterable[Problem]:
    def problem(what: str, value: object, allowed: str, remedy: str) -> Problem:
        return Problem(what, PLACE, value=str(value), allowed=allowed, remedy=remedy)

    t = ask.checkpoint_interval_s
    if not 0 <= t < float("inf"):
        yield problem(
            "'checkpoint-interval' must not be below zero",
            f"{t:g} s",
            "0 s (the best) or more",
            "write it like '10 min'",
        )
    elif t > ideal_s:
        yield problem(
            "'checkpoint-interval' is longer than the run",
            f"{t:,.0f} s",
            f"up to {ideal_s:,.0f} s",
            "checkpoint more often",
        )
    if ask.spares is not None and not 0 <= ask.spares <= 1_000_000:
        yield problem(
            "'spares' must lie between none and a million",
            ask.spares,
            "0 to 1,000,000",
            "leave it out for the best number",
        )
    if not 1 <= ask.trials <= 1_000_000:
        yield problem(
            "'trials' must lie between 1 and a million", ask.trials, "1 to 1,000,000", "take some hundreds"
        )
    if ask.seed < 0:
        yield problem("'seed' must not be below zero", ask.seed, "0 or more", "give another number")
    if ask.elastic and ask.groups:
        yield problem(
            "a run is elastic or has fault-tolerant groups",
            f"--elastic --groups {ask.groups}",
            "one of the two",
            "leave one out",
        )
    if ask.groups and not 2 <= ask.groups <= replicas_of_layout:
        most = f"2 to {replicas_of_layout:,}" if replicas_of_layout > 1 else "none: the layout has one data replica"
        yield problem(
            "groups are made of whole data replicas",
            f"{ask.groups:,} groups",
            most,
            "take fewer groups, or a layout with more data replicas",
        )
    elif ask.elastic and replicas_of_layout < 2:
        yield problem(
            "an elastic run needs a replica to lose", "one data replica", "", "take a layout with more data replicas"
        )


def _hopeless(h: Hazards, ask: FailureOptions, kept: float) -> Problem:
    minutes = 1 / float(np.mean(failures_per_s(h))) / 60
    cure = (
        "give more --spares, or leave it out for the best number"
        if ask.spares is not None
        and expected_share(replace(h, spares=best_spares(h, ask.recovery)), ask.recovery) >= HOPELESS
        else ("let groups restart by themselves (--groups N)" if ask.recovery != "groups" else "take fewer GPUs")
    )
    return Problem(
        f"failures leave {kept:.1%} of the time: one comes every {minutes:,.1f} min, and coming back takes {float(np.mean(h.restart_s)) / 60:,.0f} min and more",
        PLACE,
        value=f"{int(np.mean(h.units)):,} units, {int(np.mean(h.spares)):,} spares, recovery by {ask.recovery}",
        remedy=cure,
    )


def _told(
    facts: Catalog,
    f: Failures,
    ask: FailureOptions,
    h: Hazards,
    trials: SimulatedRuns,
    kept: float,
    ideal_s: float,
    unit: int,
    groups: int,
    size: dict[str, typing.Any],
) -> FailureRun:
    days = trials.wall_s / SECONDS_PER_DAY
    spares, units = int(np.mean(h.spares)), int(np.mean(h.units))
    return FailureRun(
        ask=ask,
        recovery=ask.recovery,
        unit="rack" if unit > SERVER_GPUS else "server",
        units=units,
        unit_gpus=unit,
        groups=groups,
        spares=spares,
        interval_s=float(np.mean(h.interval_s)),
        write_s=size["state_bytes"] / (size["gpus"] * float(np.mean(f.checkpoint_bandwidth_bytes_per_s))),
        mtbf_h=1 / float(np.mean(failures_per_s(h))) / 3600,
        ideal_days=ideal_s / SECONDS_PER_DAY,
        days=_range(days),
        goodput_share=_range(trials.goodput_share),
        interruptions=_range(trials.interruptions),
        planned_stops=float(trials.planned_stops.mean()),
        replaced=float(trials.replaced.mean()),
        finished_share=float(trials.finished.mean()),
        lost_days={k: float(getattr(trials, k).mean()) / SECONDS_PER_DAY for k in REASONS},
        interruptions_by_cause=_by_cause(facts, h, float(trials.interruptions.mean())),
        expected_share=kept,
        enough_share=float(enough_share(h, spares)[-1]),
        gpu_hours=float(np.median(days)) * 24 * (size["gpus"] + spares * unit),
        day_quantiles=tuple(float(q) for q in np.quantile(days, np.linspace(0, 1, 21))),
        interval_curve=_interval_curve(h, ask.recovery),
        spare_curve=_spare_curve(h, ask.recovery),
        size_curve=_size_curve(f, size, groups),
    )


def _range(values: Array) -> Range:
    p10, p50, p90 = (float(q) for q in np.quantile(values, (0.1, 0.5, 0.9)))
    return Range(float(values.mean()), p10, p50, p90)


def _by_cause(facts: Catalog, h: Hazards, interruptions: float) -> dict[str, float]:
    """Return the interruptions by cause: those of servers as Llama 3's were, those of racks and outages by their own rates."""
    whole = float(np.mean(failures_per_s(h)))
    racks = float(np.mean(h.units * np.asarray(h.rack_failures_per_s))) / whole
    out = float(np.mean(h.outages_per_s)) / whole
    found = {word: facts.find(e, "failure_share").number * (1 - racks - out) for e, word in CAUSES.items()}
    found |= {"whole rack": racks, "outage": out}
    return {word: share * interruptions for word, share in found.items()}


def _interval_curve(h: Hazards, recovery: Recovery) -> tuple[tuple[float, float], ...]:
    t = float(np.mean(h.interval_s)) * np.exp2(np.linspace(-3, 3, 25))
    return tuple((float(v), expected_share(replace(h, interval_s=v), recovery)) for v in t)


def _spare_curve(h: Hazards, recovery: Recovery) -> tuple[tuple[int, float, float], ...]:
    most = max(2 * int(np.mean(h.spares)), 8)
    ks = np.unique(np.round(np.linspace(0, most, min(most + 1, 25)))).astype(int)
    enough = enough_share(h, int(ks[-1]))
    return tuple((int(k), expected_share(replace(h, spares=int(k)), recovery), float(enough[k])) for k in ks)


def _size_curve(f: Failures, size: dict[str, typing.Any], groups: int) -> tuple[tuple[int, float, float, float], ...]:
    """Return the expected goodput by GPUs, with groups of the same size as this run's."""
    found = []
    for n in SIZES:
        some = max(round(groups * n / size["gpus"]), 1)
        h = hazards(f, gpus=n, unit_gpus=size["unit_gpus"], state_bytes=size["state_bytes"], groups=some)
        shares = [
            expected_share(
                _chosen(
                    replace(h, spares=0), FailureOptions(elastic=m == "elastic", groups=some if m == "groups" else 0)
                ),
                m,
            )
            for m in MODES
        ]
        found.append((n, shares[0], shares[1], shares[2]))
    return tuple(found)
