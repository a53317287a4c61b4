"""Failures in closed form and one by one: worked examples, limits, laws, and a comparison of the two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gigaplan.compute.compiled import compiled
from gigaplan.training.failure_events import _train
from gigaplan.training.failure_records import Run, record_type
from gigaplan.training.failures import SimulatedRuns, simulate_runs
from gigaplan.training.inputs import Failures
from gigaplan.training.reliability import (
    Hazards,
    Recovery,
    best_interval_s,
    best_spares,
    daly_2006,
    enough_share,
    expected_share,
    failures_per_s,
    hazards,
    in_repair,
    mean_time_to_failure_s,
    renewal_share,
    waiting_share,
    young_1974,
)
from gigaplan.vocabulary.errors import InputError

DAY = 86_400.0
PARTS = (
    "useful_s",
    "repeated_s",
    "straggler_s",
    "degraded_s",
    "checkpoint_s",
    "detection_s",
    "restart_s",
    "waiting_s",
    "planned_s",
    "outage_s",
)
MODES: tuple[Recovery, ...] = ("restart", "elastic", "groups")
PLAIN = Hazards(
    units=256,
    spares=256,
    unit_failures_per_s=0.02 / DAY,
    replaced_share=0.8,
    rack_failures_per_s=0.0,
    rack_units=1,
    outages_per_s=0.0,
    outage_s=3600.0,
    detection_s=60.0,
    hang_share=0.1,
    hang_detection_s=1800.0,
    restart_s=600.0,
    stall_s=120.0,
    repair_s=DAY,
    rack_repair_s=DAY / 2,
    lemon_share=0.0,
    lemon_multiple=20.0,
    lemon_found_share=0.3,
    stragglers_per_s=0.0,
    straggler_s=3600.0,
    straggler_speed_share=0.75,
    planned_per_s=0.0,
    planned_s=600.0,
    checkpoint_stop_s=10.0,
    checkpoint_lag_s=60.0,
    interval_s=900.0,
    group_share=1 / 32,
)
FULL = replace(
    PLAIN,
    spares=8,
    rack_failures_per_s=1e-4 / DAY,
    rack_units=4,
    outages_per_s=0.05 / DAY,
    lemon_share=0.01,
    stragglers_per_s=1e-3 / DAY,
    planned_per_s=1 / DAY,
)


def goodput(
    h: Hazards, recovery: Recovery = "restart", days: float = 100.0, n_trials: int = 300
) -> tuple[float, float, SimulatedRuns]:
    """Return the goodput of all trials together, its standard error, and the trials."""
    found = simulate_runs(h, recovery, days * DAY, n_trials=n_trials, seed=3)
    return days * DAY / float(found.wall_s.mean()), float(found.goodput_share.std()) / np.sqrt(n_trials), found


# Worked examples and limits


def test_young_and_daly_by_hand() -> None:
    """Young (1974): a checkpoint of 10 s and a failure a day: sqrt(2 x 10 x 86,400) = 1,314.5 s. Daly (2006) adds 1.7
    s a cycle, less 10 s."""
    assert float(young_1974(10.0, DAY)) == pytest.approx(1314.53, abs=0.01)
    assert float(daly_2006(10.0, DAY)) == pytest.approx(
        1314.53 * (1 + np.sqrt(10 / 2 / DAY) / 3 + 10 / 18 / DAY) - 10, abs=0.01
    )


def test_renewal_is_daly_s_complete_model() -> None:
    """Daly (2006): time of work T is M exp(R / M) (exp((t + c) / M) - 1) T / t; M 6 h, R 10 min, c 1 min, t 30 min:
    1.1095 T."""
    m, r, c, t = 21_600.0, 600.0, 60.0, 1800.0
    predicted = float(renewal_share(t, m, c, restarted_share=np.exp(-r / m)))
    assert 1 / predicted == pytest.approx(m * np.exp(r / m) * np.expm1((t + c) / m) / t)
    assert 1 / predicted == pytest.approx(1.1095, abs=1e-4)
    assert float(renewal_share(t, 1e12, c)) == pytest.approx(t / (t + c))


def test_erlang_and_poisson_by_hand() -> None:
    """Two units in repair on average: no spare suffices exp(-2) of the time, two exp(-2) (1 + 2 + 2). Erlang B for
    load 2, three places: 4/19."""
    h = replace(PLAIN, unit_failures_per_s=2 / DAY / 256 / 0.8)
    assert in_repair(h, 5) == pytest.approx(stats.poisson(2).pmf(np.arange(6)))
    assert enough_share(h, 2)[-1] == pytest.approx(np.exp(-2) * 5)
    assert waiting_share(h, np.array([2.0]))[0] == pytest.approx((8 / 6) / (1 + 2 + 2 + 8 / 6))
    assert waiting_share(h, np.array([2.0]))[0] == pytest.approx(4 / 19)


def test_batches_in_repair_have_their_mean_and_variance() -> None:
    """Racks of 4 with exponential repair: mean 4 a, variance 4 a (1 + 3 / 2): the integral of 2 C(4, 2) p^2 over p is
    6."""
    h = replace(PLAIN, unit_failures_per_s=0.0, rack_failures_per_s=1 / 256 / DAY, rack_units=4, rack_repair_s=3 * DAY)
    p = in_repair(h, 200)
    n = np.arange(p.size)
    mean = float(p @ n)
    assert p.sum() == pytest.approx(1)
    assert mean == pytest.approx(12)
    assert float(p @ n**2) - mean**2 == pytest.approx(12 + 2 * 3 * 6 / 2)


def test_mean_times_by_hand() -> None:
    """128 servers, 0.02 failures each a day: one every 0.39 days; with an outage every ten days, 1 / 2.66."""
    assert float(mean_time_to_failure_s(128, 0.02, 0.0)) / DAY == pytest.approx(1 / 2.56)
    assert float(mean_time_to_failure_s(128, 0.02, 0.1)) / DAY == pytest.approx(1 / 2.66)
    assert mean_time_to_failure_s(np.array([1, 128]), 0.02, 0.1)[1] == mean_time_to_failure_s(128, 0.02, 0.1)


def test_nothing_fails() -> None:
    quiet = replace(PLAIN, unit_failures_per_s=0.0)
    share, _, found = goodput(quiet, n_trials=2)
    assert share == pytest.approx(900 / 910, rel=1e-5)
    assert found.interruptions.sum() == 0 and found.finished.all()


def test_units_of_servers_and_of_racks() -> None:
    f = Failures(
        **{f.name: 0.1 for f in fields(Failures)}
        | {
            "rack_servers": 4.0,
            "lemon_multiple": 11.0,
            "server_repair_s": 100.0,
            "tray_repair_s": 10.0,
            "rack_repair_s": 20.0,
            "checkpoint_bandwidth_bytes_per_s": 1e6,
            "domain_failures_per_gpu_day": 0.01,
        }
    )
    small = hazards(f, gpus=1024, unit_gpus=8, state_bytes=1e12, groups=16)
    large = hazards(f, gpus=1152, unit_gpus=72, state_bytes=1e12, groups=16)
    assert (small.units, large.units) == (128, 16)
    assert float(np.mean(failures_per_s(small))) * DAY == pytest.approx(128 * 0.1 * (0.9 + 0.1 / 4) + 0.1)
    assert float(np.mean(failures_per_s(large))) * DAY == pytest.approx(16 * (9 * 0.1 + 0.72) + 0.1)
    assert float(np.mean(small.checkpoint_lag_s)) == pytest.approx(1e12 / 1024 / 1e6)
    waits = hazards(f, gpus=1024, unit_gpus=8, state_bytes=1e12, waits_for_write=True)
    assert (
        float(np.mean(waits.checkpoint_stop_s)) == pytest.approx(0.1 + 1e12 / 1024 / 1e6)
        and waits.checkpoint_lag_s == 0
    )
    assert (small.repair_s, large.repair_s, large.rack_repair_s) == (100.0, 10.0, 20.0)


# The two together

TOGETHER: dict[str, tuple[Hazards, Recovery, float]] = {
    "failures alone": (PLAIN, "restart", 0.0),
    "eight times as many": (replace(PLAIN, units=2048, spares=2048), "restart", 0.0),
    "no lag": (replace(PLAIN, checkpoint_lag_s=0.0), "restart", 0.0),
    "planned stops": (replace(PLAIN, planned_per_s=3 / DAY), "restart", 0.0),
    "outages": (replace(PLAIN, outages_per_s=1 / DAY), "restart", 0.0),
    "whole racks": (replace(PLAIN, rack_failures_per_s=2e-3 / DAY, rack_units=4), "restart", 0.0),
    "no spare": (replace(PLAIN, spares=0), "restart", 0.006),
    "few spares": (replace(PLAIN, spares=3), "restart", 0.006),
    "few spares and racks": (
        replace(PLAIN, spares=6, rack_failures_per_s=2e-3 / DAY, rack_units=4, rack_repair_s=DAY),
        "restart",
        0.01,
    ),
    "stragglers": (replace(PLAIN, stragglers_per_s=5e-3 / DAY), "restart", 0.004),
    "lemons": (replace(PLAIN, spares=12, lemon_share=0.02), "restart", 0.01),
    "all of it": (FULL, "restart", 0.02),
    "elastic": (replace(FULL, spares=4), "elastic", 0.02),
    "groups": (replace(FULL, spares=4), "groups", 0.01),
}


@pytest.mark.parametrize("case", TOGETHER)
def test_trials_agree_with_the_closed_form(case: str) -> None:
    """Exact where failures, restarts, checkpoints, planned stops and outages act: within four standard errors. Where
    spares run out,
    lemons come and go or stragglers overlap, the closed form is a mean of means: within the stated part of the time."""
    h, recovery, tolerance = TOGETHER[case]
    share, error, found = goodput(h, recovery)
    assert share == pytest.approx(expected_share(h, recovery), abs=4 * error + tolerance)
    assert found.finished.all()


def test_interruptions_are_those_of_a_poisson_process() -> None:
    _, _, found = goodput(replace(PLAIN, detection_s=0.0, hang_share=0.0, restart_s=1e-3), n_trials=400)
    expected = float(failures_per_s(PLAIN)) * found.wall_s.mean()
    assert found.interruptions.mean() == pytest.approx(expected, rel=0.01)
    assert found.interruptions.var() == pytest.approx(expected, rel=0.25)


# Laws

KINDS = st.sampled_from(MODES)
SOME = st.builds(
    replace,
    st.just(FULL),
    units=st.sampled_from([8, 64, 300]),
    spares=st.integers(0, 12),
    unit_failures_per_s=st.floats(1e-9, 2e-6),
    rack_failures_per_s=st.floats(0, 1e-7),
    outages_per_s=st.floats(0, 1e-5),
    lemon_share=st.floats(0, 0.1),
    checkpoint_lag_s=st.floats(0, 2000),
    interval_s=st.floats(30, 1e4),
    planned_per_s=st.floats(0, 1e-4),
    stragglers_per_s=st.floats(0, 1e-6),
    replaced_share=st.floats(0, 1),
)


@settings(max_examples=60)
@given(SOME, KINDS)
def test_law_all_parts_add_up_to_the_wall_clock(h: Hazards, recovery: Recovery) -> None:
    found = simulate_runs(h, recovery, 30 * DAY, n_trials=4, seed=1, limit_s=120 * DAY)
    whole = sum(getattr(found, name) for name in PARTS)
    assert whole == pytest.approx(found.wall_s, rel=1e-9)
    assert all((getattr(found, f.name) >= -1e-6).all() for f in fields(found) if f.name != "min_spares")
    assert (found.goodput_share <= 1 + 1e-12).all()
    assert found.useful_s[found.finished > 0] == pytest.approx(30 * DAY)
    assert (found.wall_s[found.finished == 0] == 120 * DAY).all()


@given(SOME, KINDS, st.floats(1.1, 5))
def test_law_goodput_is_a_share_and_falls_with_the_failure_rate(h: Hazards, recovery: Recovery, times: float) -> None:
    one = expected_share(h, recovery)
    assert 0 <= one <= 1
    assert expected_share(replace(h, unit_failures_per_s=h.unit_failures_per_s * times), recovery) <= one + 1e-12
    assert expected_share(replace(h, outages_per_s=h.outages_per_s * times), recovery) <= one + 1e-12


def test_goodput_of_trials_falls_with_the_failure_rate_and_rises_with_spares() -> None:
    for recovery in MODES:
        shares = [
            goodput(replace(FULL, unit_failures_per_s=r / DAY), recovery, n_trials=60)[0] for r in (0.005, 0.02, 0.08)
        ]
        assert shares == sorted(shares, reverse=True), recovery
        some = [goodput(replace(FULL, spares=k), recovery, n_trials=60) for k in (0, 4, 40)]
        assert all(b[0] >= a[0] - 3 * (a[1] + b[1]) for a, b in pairwise(some)), recovery


@given(SOME, KINDS)
def test_law_more_spares_never_make_it_worse(h: Hazards, recovery: Recovery) -> None:
    shares = [expected_share(replace(h, spares=k), recovery) for k in range(12)]
    assert all(b >= a - 1e-12 for a, b in pairwise(shares))
    assert all(np.diff(enough_share(h, 12)) >= -1e-12)


@settings(max_examples=25)
@given(SOME, KINDS)
def test_law_the_interval_found_beats_its_neighbours(h: Hazards, recovery: Recovery) -> None:
    t = best_interval_s(h, recovery)
    best = expected_share(replace(h, interval_s=t), recovery)
    least, most = max(1.0, h.checkpoint_lag_s - h.checkpoint_stop_s), DAY
    for near in (t * 0.8, t * 0.95, t * 1.05, t * 1.25):
        if least <= near <= most:
            assert expected_share(replace(h, interval_s=near), recovery) <= best * (1 + 1e-6)


@settings(max_examples=25)
@given(SOME, KINDS)
def test_law_the_spares_found_give_the_most_per_unit(h: Hazards, recovery: Recovery) -> None:
    k = best_spares(h, recovery)

    def worth(spares: int) -> float:
        return expected_share(replace(h, spares=spares), recovery) / (float(h.units) + spares)

    assert all(worth(n) <= worth(k) * (1 + 1e-9) for n in (max(k - 1, 0), k + 1, 0, 2 * k + 1))


def test_daly_s_optimum_is_near_the_exact_one() -> None:
    for rate in (0.002, 0.02, 0.2):
        h = replace(PLAIN, unit_failures_per_s=rate / DAY, checkpoint_lag_s=0.0)
        m = 1 / float(failures_per_s(h))
        assert best_interval_s(h) == pytest.approx(float(daly_2006(10.0, m)), rel=0.01)


# Scalar is vector, seeds, plain Python


def test_scalar_is_vector() -> None:
    rates = np.array([0.01, 0.02, 0.05]) / DAY
    many = simulate_runs(replace(FULL, unit_failures_per_s=rates), "restart", 20 * DAY, n_trials=3, seed=9)
    for k, rate in enumerate(rates):
        one = simulate_runs(replace(FULL, unit_failures_per_s=float(rate)), "restart", 20 * DAY, n_trials=3, seed=9)
        assert all(getattr(one, f.name)[k] == getattr(many, f.name)[k] for f in fields(SimulatedRuns))
    m = np.array([1e4, 1e5])
    assert renewal_share(300.0, m, 5.0)[1] == renewal_share(300.0, 1e5, 5.0)


@pytest.mark.parametrize("recovery", MODES)
def test_a_seed_gives_the_same_bytes_and_more_trials_leave_the_first_alone(recovery: Recovery) -> None:
    one, again, more = (simulate_runs(FULL, recovery, 20 * DAY, n_trials=n, seed=5) for n in (5, 5, 9))
    other = simulate_runs(FULL, recovery, 20 * DAY, n_trials=5, seed=6)
    for f in fields(SimulatedRuns):
        assert getattr(one, f.name).tobytes() == getattr(again, f.name).tobytes() == getattr(more, f.name)[:5].tobytes()
    assert (one.wall_s != other.wall_s).all()


IN_PLAIN_PYTHON = """
import json
from dataclasses import asdict
from gigaplan.training.failures import Hazards, simulate_runs
hazards = Hazards(**json.loads({hazards!r}))
for recovery in {modes!r}:
    found = simulate_runs(hazards, recovery, {work_s}, n_trials=1, seed=1)
    print(json.dumps({{name: float(value[0]) for name, value in asdict(found).items()}}))
"""


def test_compiled_and_plain_python_are_the_same() -> None:
    h = replace(FULL, spares=2)
    code = IN_PLAIN_PYTHON.format(hazards=json.dumps(asdict(h)), modes=MODES, work_s=20 * DAY)
    plain = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        check=True,
        text=True,
    )
    for recovery, line in zip(MODES, plain.stdout.splitlines(), strict=True):
        found = asdict(simulate_runs(h, recovery, 20 * DAY, n_trials=1, seed=1))
        assert json.loads(line) == {name: float(value[0]) for name, value in found.items()}


def cycles() -> tuple[Any, Any]:
    """Return the constants of some checkpoint cycles and a run that has just started."""
    p = np.zeros(1, dtype=[("interval_s", float), ("checkpoint_stop_s", float)]).view(np.recarray)
    return p[0], np.zeros(1, dtype=record_type(Run)).view(np.recarray)[0]


@given(st.floats(0, 5e4), st.floats(0.1, 1), st.floats(10, 1e4), st.floats(0, 100), st.floats(0, 1))
def test_law_training_at_once_is_training_bit_by_bit(left: float, speed: float, t: float, c: float, cut: float) -> None:
    def work(run: Any) -> float:
        return float(run.fresh_s + run.written_s + run.safe_s)

    (p, whole), (_, cut_up) = cycles(), cycles()
    p.interval_s, p.checkpoint_stop_s = t, c
    trained_s = _train(p, whole, left, speed)
    _train(p, cut_up, left * cut, speed)
    _train(p, cut_up, left * (1 - cut), speed)
    assert work(cut_up) == pytest.approx(work(whole), rel=1e-9, abs=1e-6)
    assert work(whole) == pytest.approx(trained_s * speed, rel=1e-9, abs=1e-6)


def test_a_run_without_an_end_is_refused() -> None:
    with pytest.raises(InputError, match="give one of the two"):
        simulate_runs(PLAIN, "restart", np.inf, n_trials=1, seed=0)


def test_a_trial_without_an_end_of_work_stops_at_its_limit() -> None:
    found = simulate_runs(FULL, "restart", np.inf, n_trials=3, seed=0, limit_s=10 * DAY)
    assert (found.wall_s == 10 * DAY).all() and not found.finished.any()


def test_groups_keep_a_hundred_thousand_gpus_at_work() -> None:
    """Where a restart takes longer than failures stay away, groups that restart alone still train."""
    large = replace(
        FULL, units=12_500, spares=1000, unit_failures_per_s=0.006 / DAY, lemon_share=0.0, group_share=1 / 64
    )
    assert expected_share(large, "groups") > 0.7 > 2 * expected_share(large, "restart")
    assert goodput(large, "groups", days=5, n_trials=4)[0] == pytest.approx(expected_share(large, "groups"), abs=0.02)


def test_golden_trials(golden: Any) -> None:
    found = {
        mode: {
            f.name: getattr(simulate_runs(replace(FULL, spares=3), mode, 30 * DAY, n_trials=3, seed=7), f.name).tolist()
            for f in fields(SimulatedRuns)
        }
        for mode in MODES
    }
    golden("training-trials.json", found)


def test_code_that_can_t_be_kept_on_disk_is_compiled_all_the_same() -> None:
    space: dict[str, Any] = {}
    exec("def twice(x):\n    return 2 * x", space)
    assert compiled(space["twice"])(4) == 8
