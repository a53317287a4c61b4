"""Failures: published counts, times and effective time compared with predictions, with rates that come from other
sources.

Nothing is fitted here. Rates of one source are never used for that source's own figures; where a published figure is
about a formula (what a given rate makes of a run), the rate is part of the question and the row says so.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from importlib.resources import files

import numpy as np

from gigaplan import catalog
from gigaplan.accuracy.residuals import COVERED
from gigaplan.catalog import Catalog
from gigaplan.layers.failures import BYTES_PER_PARAMETER, draws, log_triangular
from gigaplan.plan.resolve import failures_of, model_of
from gigaplan.training.reliability import (
    SECONDS_PER_DAY,
    SERVER_GPUS,
    best_interval_s,
    best_spares,
    expected_share,
    hazards,
    mean_time_to_failure_s,
    renewal_share,
)
from gigaplan.vocabulary.figures import short
from gigaplan.vocabulary.show import Brief
from gigaplan.vocabulary.streams import stream

SAMPLE = "training_failures.csv"
TRIALS = 2000
"""Trials that are simulated."""
RSC_GPUS = (2048, 4096)
"""GPUs of jobs on RSC (Kokolis et al. 2025): those with a published effective time."""
RSC_LARGE_GPUS = 1024  # the larger job with a published time to failure
LARGE_GPUS = 100_000
TWO_MINUTES_S = 120.0  # interval and restart that RSC-2's rate is combined with
WITHIN = 1.5
"""Factor within which a mean time to failure must lie."""
NEAR = 0.05
"""Of a published share within which the closed form must come out from that source's own rate."""
RATE = "failures_per_server_day"
OTHERS = ("rsc_1", "rsc_2", "ft_hsdp", "semianalysis_h100")
"""Rates of large production clusters of eight-GPU servers in addition to Llama 3's own. Left out: OPT-175B (a small
cluster of 2021), Aegis (every failure of a public cloud's tasks), Minder (a lower bound)."""
WITH_OPT = (*OTHERS, "opt_machines")
SHARED = ("aegis_a100", "opt_restarts", "rsc_1_over_hardware_share")
GROUPS, PARAMETERS = 48, 1e12
"""Data replicas and parameters of the run on 100,000 GPUs, which FT-HSDP leaves open; 24 or 200 replicas move its
effective time by a point."""


@dataclass(frozen=True, slots=True, repr=False)
class FailureRow(Brief):
    """One published figure and the predicted one."""

    name: str
    published: str
    predicted: float
    low: float
    high: float
    """Of the middle 80 % of trials, or over the sources of the rate; equal where there is no range."""
    unit: str
    holds: bool
    rates_from: str

    def brief_line(self) -> str:
        """Return the published and the predicted figure."""
        predicted = f"{self.predicted:.1%}" if self.unit == "share" else short(self.predicted, self.unit)
        return f"{self.name}: published {self.published}, predicted {predicted}"


def validate_failures(n_trials: int = TRIALS, seed: int = 0) -> tuple[FailureRow, ...]:
    """Return every published figure on failures and the predicted one.

    Parameters
    ----------
    n_trials
        Trials that are simulated.
    seed
        Of the random streams.
    """
    facts = catalog.load()
    published = _published()
    return (
        *_llama_3(facts, published, OTHERS, n_trials, seed),
        *_llama_3(facts, published, WITH_OPT, n_trials, seed)[:1],
        *_mean_times(facts, published),
        *_formula(facts, published),
    )


def _published() -> dict[str, float]:
    text = (files("gigaplan.validation") / "data" / SAMPLE).read_text(encoding="utf-8")
    return {row["quantity"]: float(row["value"]) for row in csv.DictReader(text.splitlines())}


def _rates(facts: Catalog, entity: str, names: tuple[str, ...]) -> dict[str, float]:
    by_id = {f.id: f.number for f in facts.all(entity, RATE)}
    return {n: by_id[f"{entity}.{RATE}.{n}"] for n in names}


def _llama_3(
    facts: Catalog, published: dict[str, float], names: tuple[str, ...], n_trials: int, seed: int
) -> tuple[FailureRow, ...]:
    """Return interruptions and effective time of 54 days on 16,384 H100 with the rates of other sources.

    Each trial draws its rate between the least and the largest of them, most often near their geometric mean; what a
    failure costs comes from the catalog's ranges, planned stops from ByteRobust's ratio.
    """
    from gigaplan.training.failures import simulate_runs

    rates = np.array(list(_rates(facts, "failures", names).values()))
    middle = float(np.exp(np.log(rates).mean()))
    rate = log_triangular(
        stream(seed, f"rate {len(names)}").random(n_trials), float(rates.min()), middle, float(rates.max())
    )
    gpus, days = int(published["llama_3_gpus"]), published["llama_3_days"]
    planned = rate * gpus / SERVER_GPUS * published["byterobust_planned"] / published["byterobust_unwanted"]
    h = hazards(
        draws(facts, n_trials, seed, failures_per_server_day=rate, planned_stops_per_day=planned),
        gpus=gpus,
        unit_gpus=SERVER_GPUS,
        state_bytes=BYTES_PER_PARAMETER * model_of(facts, "llama_3_1_405b").parameters,
    )
    h = replace(h, interval_s=best_interval_s(h))
    h = replace(h, spares=best_spares(h))
    trials = simulate_runs(h, "restart", np.inf, n_trials=n_trials, seed=seed, limit_s=days * SECONDS_PER_DAY)
    source = "RSC-1, RSC-2, FT-HSDP, SemiAnalysis" + (", OPT-175B" if "opt_machines" in names else "")
    effective = trials.goodput_share + trials.straggler_s / trials.wall_s
    rows = []
    for name, values, figure, unit, minimum in (
        (
            "Llama 3, 54 days: interruptions",
            trials.interruptions,
            published["llama_3_interruptions"],
            "",
            False,
        ),
        ("Llama 3: effective time", effective, published["llama_3_effective_share"], "share", True),
    ):
        low, high = (float(q) for q in np.quantile(values, COVERED))
        text = f"> {figure:.0%}" if minimum else f"{figure:,.0f}"
        rows.append(FailureRow(name, text, float(np.median(values)), low, high, unit, low <= figure <= high, source))
    return tuple(rows)


def _mean_times(facts: Catalog, published: dict[str, float]) -> tuple[FailureRow, ...]:
    """Return mean times to failure of jobs on RSC: what counts every cause, and what counts hardware alone."""
    shared = facts.find("failures_shared", RATE).number
    outages = facts.find("failures", "outages_per_day").number
    some = _rates(facts, "failures_shared", SHARED)
    hardware = _rates(facts, "failures", ("rsc_1",))["rsc_1"]
    found = []
    for gpus, key, scale, unit in (
        (SERVER_GPUS, "rsc_mttf_8_gpus_days", 1.0, "days"),
        (RSC_LARGE_GPUS, "rsc_mttf_1024_gpus_hours", 24.0, "h"),
    ):
        figure = published[key]

        def predicted(rate: float, out: float, servers: float = gpus / SERVER_GPUS, scale: float = scale) -> float:
            return float(mean_time_to_failure_s(servers, rate, out)) / SECONDS_PER_DAY * scale

        each = [predicted(r, outages) for r in some.values()]
        value, alone = predicted(shared, outages), predicted(hardware, 0.0)
        found += [
            FailureRow(
                f"RSC, {gpus:,} GPUs: time to failure",
                f"{figure:g} {unit}",
                value,
                min(each),
                max(each),
                unit,
                1 / WITHIN <= value / figure <= WITHIN,
                "Aegis, OPT-175B, RSC-1 hardware over ByteRobust's share",
            ),
            FailureRow(
                "  by 1 / (N r), hardware alone",
                f"{figure:g} {unit}",
                alone,
                alone,
                alone,
                unit,
                1 / WITHIN <= alone / figure <= WITHIN,
                "RSC-1 hardware",
            ),
        ]
    return tuple(found)


def _formula(facts: Catalog, published: dict[str, float]) -> tuple[FailureRow, ...]:
    """Return what the closed form makes of published rates: the rate is part of the question."""
    rsc = published["rsc_1_failures_per_server_day"]
    restart = facts.find("failures", "recovery_s").number
    rows = []

    def share(servers: float, rate: float, interval_s: float, stop_s: float, restart_s: float) -> float:
        m = SECONDS_PER_DAY / (servers * rate)
        return float(renewal_share(interval_s, m, stop_s, restarted_share=np.exp(-restart_s / m)))

    for gpus in RSC_GPUS:
        value = share(gpus / SERVER_GPUS, rsc, 3600.0, 0.0, restart)
        figure = published["rsc_ettr_60_min"]
        rows.append(
            FailureRow(
                f"RSC-1, {gpus:,} GPUs: effective time",
                f"> {figure:.0%}",
                value,
                value,
                value,
                "share",
                value >= figure,
                "given: rate, 60 min interval, 10 min restart",
            )
        )
    value = share(
        LARGE_GPUS / SERVER_GPUS, published["rsc_2_failures_per_server_day"], TWO_MINUTES_S, 0.0, TWO_MINUTES_S
    )
    rows.append(
        FailureRow(
            "RSC-2's rate, 100,000 GPUs: effective time",
            "90 %",
            value,
            value,
            value,
            "share",
            abs(value - published["rsc_100k_ettr"]) <= NEAR,
            "given: rate, 2 min interval and restart",
        )
    )
    return (*rows, *_ft_hsdp(facts, published))


def _ft_hsdp(facts: Catalog, published: dict[str, float]) -> tuple[FailureRow, ...]:
    """Return effective time at 100,000 GPUs with a failure every 18 minutes: all restart, and groups of data replicas.

    The published 44 % is of all time, restart of ten minutes; a second source reads it as time lost.
    """
    rate = SECONDS_PER_DAY / published["ft_hsdp_mtbf_s"] / (LARGE_GPUS / SERVER_GPUS)
    f = replace(
        failures_of(facts),
        failures_per_server_day=rate,
        lemon_share=0.0,
        recovery_s=published["ft_hsdp_restart_s"],
        group_stall_s=published["ft_hsdp_stall_s"],
        hang_share=0.0,
        detection_s=0.0,
        slow_spells_per_server_day=0.0,
    )
    rows = []
    for name, groups, key in (
        ("all restart", 1, "ft_hsdp_ett_before"),
        ("fault-tolerant groups", GROUPS, "ft_hsdp_ett_after"),
    ):
        h = hazards(
            f, gpus=LARGE_GPUS, unit_gpus=SERVER_GPUS, state_bytes=BYTES_PER_PARAMETER * PARAMETERS, groups=groups
        )
        mode = "groups" if groups > 1 else "restart"
        h = replace(h, interval_s=best_interval_s(h, mode), spares=best_spares(h, mode))  # type: ignore[arg-type]
        value = expected_share(h, mode)  # type: ignore[arg-type]
        figure = published[key]
        rows.append(
            FailureRow(
                f"FT-HSDP, {name}: effective time",
                f"{figure:.0%}",
                value,
                value,
                value,
                "share",
                abs(value - figure) <= NEAR,
                "given: a failure every 18 min, 10 and 3 min stop",
            )
        )
    return tuple(rows)
