"""The largest run of some GPUs: goodput at any size, curves of what any number of them trains, speeds by size."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.plan.resolve import from_facts, model_of
from gigaplan.plan.resolve.lookup import device_of
from gigaplan.training.failures import simulate_runs
from gigaplan.training.inputs import GroupRecovery, LargeModel, Reliability, TrainingEfficiency
from gigaplan.training.largest import (
    GRID,
    STEPS_PER_OCTAVE,
    best_in_step,
    best_of_learners,
    on_grid,
    trained_by,
    training_gpus,
)
from gigaplan.training.reliability import (
    Hazards,
    failures_per_gpu_day,
    goodput,
    rate_ratio,
    share_with_groups,
    share_with_restarts,
    straggler_share,
)
from gigaplan.training.trend import FrontierTrend, trend_flop
from gigaplan.training.utilisation import SIZES, speed_by_size, widened
from gigaplan.vocabulary.members import Array

DAY = 86_400.0
RELIABILITY = Reliability(interruptions_per_gpu_day=0.000474, restart_s=600.0, checkpoint_write_s=30.0)
RECOVERY = GroupRecovery(
    groups_since=dt.date(2026, 1, 30),
    learners_since=dt.date(2026, 4, 23),
    practice_lag_years=0.0,
    rate_age_years=1.5,
    rate_fall_per_year=0.3,
    rate_floor_share=0.3,
    domain_failures_per_gpu_day=0.00026,
    group_stall_s=180.0,
    outages_per_day=0.002,
    outage_s=3600.0,
    checkpoint_stop_s=2.0,
    replaced_share=0.85,
    server_repair_s=DAY,
    tray_repair_s=9000.0,
    slow_spells_per_server_day=0.00025,
    slow_spell_s=4320.0,
    slow_speed_share=0.746,
)
SAFE = replace(RECOVERY, domain_failures_per_gpu_day=0.0, outages_per_day=0.0, slow_spells_per_server_day=0.0)
NEVER = replace(RELIABILITY, interruptions_per_gpu_day=1e-30)
LARGE = LargeModel(
    model_width=1.0,
    sequence_tokens=8192,
    reference_batch_tokens=62.9e6,
    reference_batch_flop=3.3e24,
    batch_exponent=0.3271,
    dense_mfu_share=0.41,
    days=100.0,
)


def rate(age_years: float = 1.5, unit: int = 72) -> Array:
    """Failures per GPU and day at an age."""
    return failures_per_gpu_day(rate_ratio(np.array(age_years), RECOVERY), unit, RELIABILITY, RECOVERY)


def curve(recovery: GroupRecovery = RECOVERY, reliability: Reliability = RELIABILITY, per_gpu: float = 1e15) -> Array:
    """What up to so many GPUs train in one step, groups recovering by themselves."""
    per_day = failures_per_gpu_day(np.array(1.0), 72, reliability, recovery)
    kept = share_with_groups(GRID, per_day, 1024.0, 72, reliability, recovery)
    return best_in_step(GRID * per_gpu * kept * straggler_share(GRID, recovery))


# Worked examples and limits


def test_meta_on_100_000_gpus() -> None:
    """A failure every 18 minutes: ten minutes of restart leave 44 %, stalls of three leave 80 % (arXiv:2602.00277)."""
    gpus, per_day = np.array(100_000.0), np.array(80 / 100_000)
    restarts = share_with_restarts(gpus, per_day, RELIABILITY)
    groups = share_with_groups(gpus, per_day, 1024.0, 8, RELIABILITY, RECOVERY) * straggler_share(gpus, RECOVERY)
    assert restarts == pytest.approx(0.44, abs=0.07)  # their checkpoints are not stated
    assert groups == pytest.approx(0.80, abs=0.03)


def test_the_rate_by_age_by_hand() -> None:
    assert rate_ratio(1.5, RECOVERY) == pytest.approx(1.0)
    assert rate_ratio(0.0, RECOVERY) == pytest.approx(0.3 + 0.7 * np.exp(0.45))
    assert rate_ratio(-3.0, RECOVERY) == rate_ratio(0.0, RECOVERY)  # before the first shipment
    assert rate_ratio(1e3, RECOVERY) == pytest.approx(0.3)
    assert rate(unit=8) == pytest.approx(0.000474)
    assert rate(unit=72) == pytest.approx(0.000734)


def test_restarts_are_the_goodput_of_plans_at_the_published_rate() -> None:
    gpus = np.array([8.0, 1e3, 16_384.0, 1e6])
    expected = goodput(gpus, RELIABILITY).share
    np.testing.assert_allclose(share_with_restarts(gpus, np.array(0.000474), RELIABILITY), expected, rtol=1e-12)


def test_where_nothing_fails_all_gpus_train_all_the_time() -> None:
    gpus = np.array([1.0, 72.0, 1e5, 1e7])
    none = np.zeros(())
    np.testing.assert_allclose(share_with_groups(gpus, none, 1024.0, 72, NEVER, SAFE), 1.0, atol=1e-4)
    np.testing.assert_allclose(share_with_restarts(gpus, none, NEVER), 1.0, atol=1e-9)
    found = trained_by(np.array([[1.0, 100.0, 12_345.0, 3e6]]), curve(SAFE, NEVER)[None])
    np.testing.assert_allclose(found[0], 1e15 * np.array([1.0, 100.0, 12_345.0, 3e6]), rtol=1e-4)


def test_of_too_many_gpus_only_the_best_number_trains_in_step() -> None:
    """With stalls alone, n exp(-n r s) is largest at 1 / (r s)."""
    per_day = 1e-3
    kept = share_with_groups(
        GRID, np.array(per_day), 1.0, 8, replace(NEVER, restart_s=0.0), replace(SAFE, server_repair_s=1e-9)
    )
    in_step = best_in_step(GRID * kept)
    most = DAY / (per_day * SAFE.group_stall_s)
    assert in_step[-1] == pytest.approx(most / np.e, rel=0.01)
    assert in_step[-1] == in_step[np.searchsorted(GRID, 1.2 * most)]


def test_learners_by_hand() -> None:
    """Past the best number of one step, two learners of half each train twice that, of which a share counts."""
    in_step = np.minimum(GRID, 1024.0)
    found, learners = best_of_learners(in_step, np.array([1.0, 0.9, 0.6]))
    at = {n: int(np.searchsorted(GRID, n)) for n in (512.0, 1024.0, 2048.0, 4096.0)}
    assert found[at[512.0]] == 512
    assert found[at[1024.0]] == 1024
    assert found[at[2048.0]] == pytest.approx(0.9 * 2048)
    assert found[at[4096.0]] == pytest.approx(0.6 * 4096)
    assert [learners[at[n]] for n in (512.0, 1024.0, 2048.0, 4096.0)] == [1, 1, 2, 4]
    np.testing.assert_array_equal(best_of_learners(in_step, np.array([1.0]))[0], in_step)


def test_who_trains_by_hand() -> None:
    """One step takes 1,024 GPUs at most: the others stand, or are learners of their own where that counts for more."""
    in_step, gpus = np.minimum(GRID, 1024.0)[None], np.array([[100.0, 700.0, 1500.0, 5000.0]])
    used, learners = training_gpus(gpus, in_step, np.ones_like(in_step))
    np.testing.assert_allclose(used[0], [100, 700, 1024, 1024])
    assert (learners == 1).all()
    used, learners = training_gpus(gpus, in_step, best_of_learners(in_step, np.array([1.0, 0.9, 0.6]))[1])
    np.testing.assert_allclose(used[0], [100, 700, 1500, 4096])
    assert learners[0].tolist() == [1, 1, 2, 4]


def test_sizes_between_and_beyond_those_known() -> None:
    known = on_grid(np.array([3.0, 1.0]), np.array([1024.0, 4096.0]))
    assert known[0] == 3 and known[-1] == 1
    assert known[np.searchsorted(GRID, 2048.0)] == pytest.approx(2.0)


def test_the_trend_by_hand() -> None:
    trend = FrontierTrend(
        reference_date=dt.date(2025, 7, 9),
        reference_flop=5e26,
        training_compute_growth_per_year=4.6,
        feasible_flop=2e29,
    )
    assert trend_flop(10.0, trend) == 2e29
    np.testing.assert_allclose(trend_flop(np.array([-1.0, 0.0, 2.0]), trend), 5e26 * np.array([1 / 4.6, 1, 4.6**2]))


def test_a_wider_model_has_about_the_square_of_the_parameters() -> None:
    model = model_of(catalog.load(), "kimi_k2")
    wide = widened(model, 3.0)
    assert wide.hidden == 3 * model.hidden and wide.heads == 3 * model.heads and wide.experts == model.experts
    assert 7 < wide.active_parameters / model.active_parameters < 9.5
    assert widened(model, 1.0) is model


def test_a_batch_grows_with_compute_from_the_published_one() -> None:
    same = LARGE.reference_batch_flop / (LARGE.dense_mfu_share * LARGE.days * DAY)
    tokens = LARGE.batch_tokens(np.array([same, 10 * same]))
    assert tokens[0] == pytest.approx(62.9e6)
    assert tokens[1] / tokens[0] == pytest.approx(10**0.3271)


def test_llama_3_405b_on_h100_is_about_as_fast_as_published() -> None:
    """41 % of the BF16 peak on 16,384 GPUs (The Llama 3 herd of models, table 4)."""
    facts = catalog.load()
    e = from_facts(facts, TrainingEfficiency, "training_model")
    device = device_of(facts, "h100_hgx")
    found = speed_by_size(device, model_of(facts, "llama_3_1_405b"), "bf16", False, e, LARGE)
    assert found.flops_per_s[SIZES.index(4.0**7)] / device.peak_bf16_flops_per_s == pytest.approx(0.41, rel=0.12)


def test_narrow_formats_are_faster_by_less_than_their_peaks() -> None:
    facts = catalog.load()
    e = from_facts(facts, TrainingEfficiency, "training_model")
    device, model = device_of(facts, "gb200_nvl72"), widened(model_of(facts, "kimi_k2"), 3.0)
    bf16, fp8, fp4 = (
        speed_by_size(device, model, p, p != "bf16", e, LARGE).flops_per_s for p in ("bf16", "fp8", "fp4")
    )
    assert (bf16 > 0).all()
    assert (bf16 < fp8).all() and (fp8 < fp4).all()
    assert (fp8 < 2 * bf16).all() and (fp4 < 4 * bf16).all()
    assert (np.diff(fp4[2:]) < 0).all()  # a batch that grows more slowly than the run fills GPUs less


def test_a_system_that_holds_no_layout_trains_nothing() -> None:
    facts = catalog.load()
    e = from_facts(facts, TrainingEfficiency, "training_model")
    small = replace(device_of(facts, "h100_hgx"), hbm_bytes=1e9)
    found = speed_by_size(small, model_of(facts, "kimi_k2"), "bf16", False, e, LARGE)
    assert not found.flops_per_s.any()
    assert (found.group_gpus > 0).all()


# The closed form against failures one by one


@pytest.mark.parametrize("units", [250, 1400, 5600])
def test_groups_agree_with_trials(units: int) -> None:
    """18,000 to 400,000 GPUs in racks of 72, replica groups of 14 racks: within 3 % of the time, and on the low
    side where stalls and stragglers meet most."""
    gpus, unit, group = 72.0 * units, 72, 14
    per_gpu_day = float(rate())
    in_repair = gpus * per_gpu_day * 0.85 * 9000 / DAY
    spares = round(in_repair + 2 * np.sqrt(in_repair))
    zero = dict.fromkeys(("rack_failures_per_s", "hang_share", "hang_detection_s", "detection_s", "lemon_share"), 0.0)
    h = Hazards(
        units=units,
        spares=spares,
        unit_failures_per_s=unit * per_gpu_day / DAY,
        replaced_share=0.85,
        rack_units=1,
        outages_per_s=0.002 / DAY,
        outage_s=3600.0,
        restart_s=600.0,
        stall_s=180.0,
        repair_s=9000.0,
        rack_repair_s=9000.0,
        lemon_multiple=1.0,
        lemon_found_share=0.0,
        stragglers_per_s=9 * 0.00025 / DAY,
        straggler_s=4320.0,
        straggler_speed_share=0.746,
        planned_per_s=0.0,
        planned_s=0.0,
        checkpoint_stop_s=2.0,
        checkpoint_lag_s=0.0,
        interval_s=20_000.0,
        group_share=group / units,
        **zero,
    )
    trials = simulate_runs(h, "groups", 10 * DAY, n_trials=12, seed=5)
    of_those_up = units / (units + spares - in_repair)  # what is in repair isn't among GPUs that are up
    n = np.array(gpus)
    kept = share_with_groups(n / of_those_up, np.array(per_gpu_day), group * 72.0, unit, RELIABILITY, RECOVERY)
    kept = kept * straggler_share(n, RECOVERY)
    found = 10 * DAY / float(trials.wall_s.mean()) * of_those_up
    assert found - 0.03 < kept < found + 0.005


# Laws


@given(st.lists(st.floats(1, 1e8), min_size=2, max_size=6), st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 100))
def test_law_more_gpus_never_train_less(gpus: list[float], two: float, four: float, worse: float) -> None:
    reliability = replace(RELIABILITY, interruptions_per_gpu_day=0.000474 * worse)
    found, _ = best_of_learners(curve(RECOVERY, reliability), np.array([1.0, two, four]))
    trained = trained_by(np.array([sorted(gpus)]), found[None])[0]
    assert (np.diff(trained) >= -1e-12 * trained[:-1]).all()
    assert (trained <= np.array(sorted(gpus)) * 1e15 * (1 + 1e-12)).all()


@given(st.floats(1, 1e7), st.floats(0, 10), st.floats(0, 10))
def test_law_older_systems_fail_less_and_train_more(gpus: float, age: float, later: float) -> None:
    young, old = (rate(a) for a in (age, age + later))
    assert old <= young
    n = np.array(gpus)
    for share in (
        lambda r: share_with_restarts(n, r, RELIABILITY),
        lambda r: share_with_groups(n, r, 1024.0, 72, RELIABILITY, RECOVERY),
    ):
        assert 0 <= share(young) <= share(old) + 1e-12 <= 1 + 1e-9


@given(st.lists(st.floats(1, 1e7), min_size=1, max_size=4))
def test_law_scalar_is_vector(gpus: list[float]) -> None:
    """Members, months and numbers of GPUs at once give what each gives alone."""
    n = np.array(gpus)
    together = share_with_groups(n[None, None], rate() * np.ones((2, 3, 1)), 1024.0, 72, RELIABILITY, RECOVERY)
    assert together.shape == (2, 3, len(gpus))
    alone = [float(share_with_groups(np.array(g), rate(), 1024.0, 72, RELIABILITY, RECOVERY)) for g in gpus]
    np.testing.assert_allclose(together, np.broadcast_to(alone, together.shape), rtol=1e-12)
    whole = curve()
    rows = trained_by(np.stack([n, n[::-1]]), np.stack([whole, 2 * whole]))
    one = [float(trained_by(np.array([[g]]), whole[None])[0, 0]) for g in gpus]
    np.testing.assert_allclose(rows, [one, 2 * np.array(one)[::-1]], rtol=1e-12)


def test_members_of_every_fact_are_evaluated_at_once() -> None:
    members = np.array([1.0, 0.5, 2.0])
    reliability = replace(RELIABILITY, interruptions_per_gpu_day=members * 1e-3, restart_s=members * 300)
    recovery = replace(RECOVERY, group_stall_s=members * 60, rate_fall_per_year=members * 0.2)
    ages, sizes = np.array([[0.5, 3.0]]), GRID[None, None]

    def shares(reliability: Reliability, recovery: GroupRecovery) -> Array:
        per_day = failures_per_gpu_day(rate_ratio(ages, recovery), 72, reliability, recovery)[..., None]
        return share_with_groups(sizes, per_day, 1024.0, 72, reliability, recovery)

    together = shares(reliability, recovery)
    assert together.shape == (3, 2, len(GRID))
    for k in range(3):
        one = {"interruptions_per_gpu_day": members[k] * 1e-3, "restart_s": members[k] * 300}
        its = {"group_stall_s": members[k] * 60, "rate_fall_per_year": members[k] * 0.2}
        np.testing.assert_allclose(
            together[k], shares(replace(RELIABILITY, **one), replace(RECOVERY, **its))[0], rtol=1e-12
        )


def test_the_grid_is_fine_enough() -> None:
    """Four numbers an octave find the best number of GPUs to a per cent of what it trains."""
    fine = 2.0 ** np.linspace(np.log2(GRID[0]), np.log2(GRID[-1]), 20 * len(GRID))
    kept = share_with_groups(fine, rate(), 1024.0, 72, RELIABILITY, RECOVERY) * straggler_share(fine, RECOVERY)
    best = np.maximum.accumulate(fine * 1e15 * kept)
    np.testing.assert_allclose(trained_by(fine[None], curve()[None])[0], best, rtol=0.01)
    assert len(GRID) == STEPS_PER_OCTAVE * 20 + 1
