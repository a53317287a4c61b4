"""Training runs inside a whole plan: they hold their GPUs, serving gets the rest, and more GPUs finish earlier."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from rich.console import Console

from gigaplan import catalog, plan
from gigaplan.layers.training import TrainingJob, train
from gigaplan.plan.resolve import model_of
from gigaplan.plan.scenario import Scenario
from gigaplan.report import terminal
from gigaplan.report.runs import missed
from gigaplan.results.result import Result
from gigaplan.simulate import laws
from gigaplan.simulate.couplings.run_layouts import RunLayouts
from gigaplan.simulate.engine import simulate
from gigaplan.training.step import model_flops_per_token
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import Resolution

FIRST, NEXT = "training.runs.first frontier run", "training.runs.next frontier run"
NO_SHARE = "training.share={'2026-01': 0 %}"
"""Nothing is held for training but what runs hold."""
THERE = f"{FIRST}.start=2027-03-15"
"""When buildings 1 and 2 stand full: no run waits for racks."""


@cache
def went(*changes: str, resolution: Resolution = Resolution.REPRESENTATIVE) -> tuple[Scenario, Result]:
    """Return the campus plan with some changes, resolved and simulated."""
    scenario = plan.resolve(plan.load("campus-1gw", [*changes, f"horizon.resolution={resolution}"]))
    return scenario, simulate(scenario)


def power_of_runs(scenario: Scenario, result: Result) -> tuple[Array, Array]:
    """Return the IT power of the GPUs that runs hold and of all that are up, by month [kW]: reckoned from the
    result."""
    kw = scenario.fleet.it_kw_per_gpu
    names = [g.name for g in scenario.fleet.generations]
    mine = kw[:, [names.index(r.generation) for r in scenario.training.runs]]
    held = np.einsum("mrn,mr->mn", result["run_gpus"], mine)
    return held, np.einsum("mgn,mg->mn", result["gpus_available"], kw)


def text_of(result: Result) -> str:
    console = Console(width=200, file=io.StringIO())
    console.print(terminal.render(result, full=True))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def days_of(result: Result, run: int = 0) -> tuple[float, float]:
    return float(result.central("run_start_day")[run]), float(result.central("run_done_day")[run])


def test_a_run_takes_as_long_as_its_arithmetic() -> None:
    """Model FLOPs over the dense peak of its precision, at the layout's utilisation and the expected goodput."""
    scenario, result = went(THERE)
    run = scenario.training.runs[0]
    flop = model_flops_per_token(scenario.architectures[run.model], run.sequence_tokens) * run.tokens
    kept = result.central("run_mfu_share")[0] * result.central("run_goodput_share")[0]
    speed = run.gpus * scenario.devices[run.generation].peak_flops_per_s(run.precision) * kept
    start, done = days_of(result)
    assert start == (dt.date(2027, 3, 15) - dt.date(2026, 1, 1)).days
    assert done - start == pytest.approx(flop / speed / 86400)
    assert result.central("run_tokens_done")[0, -1] == pytest.approx(run.tokens)


@pytest.mark.parametrize(
    "changes", [(), (NO_SHARE,), (NO_SHARE, "uncertainty.members=3"), (THERE, f"{FIRST}.gpus=75000")]
)
def test_what_runs_hold_is_held_for_training(changes: tuple[str, ...]) -> None:
    scenario, result = went(*changes)
    held, whole = power_of_runs(scenario, result)
    assert held.max() > 0
    share = result["training_share"]
    assert (share * whole >= held * (1 - 1e-9)).all()
    assert (share >= scenario.training.share - 1e-12).all()
    least = np.maximum(np.divide(held, whole, out=np.zeros_like(held), where=whole > 0), scenario.training.share)
    np.testing.assert_allclose(share, least, rtol=1e-9, atol=1e-12)  # and no more than either asks for


@pytest.mark.parametrize("changes", [(), (NO_SHARE,), (NO_SHARE, "uncertainty.members=3")])
@pytest.mark.parametrize("resolution", Resolution)
def test_laws_hold_with_runs(changes: tuple[str, ...], resolution: Resolution) -> None:
    _, result = went(*changes, resolution=resolution)
    laws.check(result.arrays, result.axis)
    hours = result["gpus_available"] * result.axis.hours
    used = result["gpu_hours"].sum(axis=1) + result["training_gpu_hours"] + result["idle_gpu_hours"]
    np.testing.assert_allclose(used, hours, rtol=1e-9, atol=1e-6)
    held = result["training_gpu_hours"] - result["research_on_idle_gpu_hours"]
    np.testing.assert_allclose(held, result["training_share"][:, None] * hours, rtol=1e-9, atol=1e-6)
    assert result["idle_gpu_hours"].min() >= -1e-9 * hours.max()


def test_runs_never_hold_more_gpus_than_their_block_has() -> None:
    scenario, result = went(NO_SHARE)
    names = [g.name for g in scenario.fleet.generations]
    for r, run in enumerate(scenario.training.runs):
        up = result.central("gpus_available")[names.index(run.generation)]
        held = result.central("run_gpus")[r]
        assert (held <= up * (1 + 1e-12)).all()
        assert (up[held > 0] >= run.gpus).all()
        assert held.max() == pytest.approx(run.gpus) or (held > 0).sum() <= 2


def test_more_gpus_finish_earlier_where_they_stand() -> None:
    done = [days_of(went(NO_SHARE, THERE, f"{FIRST}.gpus={g}")[1]) for g in (20_000, 40_000, 60_000, 80_000)]
    taken = np.array([end - start for start, end in done])
    assert len({start for start, _ in done}) == 1
    assert (np.diff([end for _, end in done]) < 0).all()
    ideal = taken[0] * np.array([1, 1 / 2, 1 / 3, 1 / 4])
    assert (taken[1:] > ideal[1:]).all()  # more fail, and layouts fit less well


def test_a_larger_block_may_have_to_be_waited_for() -> None:
    """More GPUs than stand in January 2027: the run begins when they do, and may then be done later."""
    small, large = (days_of(went(NO_SHARE, f"{FIRST}.gpus={g}")[1]) for g in (40_000, 80_000))
    assert small[0] < large[0]
    assert large[1] - large[0] < small[1] - small[0]


@pytest.mark.parametrize(("gpus", "in_time"), [(80_000, True), (25_000, False)])
def test_a_deadline_is_kept_or_missed(gpus: int, in_time: bool) -> None:
    _, result = went(THERE, f"{FIRST}.gpus={gpus}", f"{FIRST}.tokens=60e12 tokens")
    deadline = (dt.date(2027, 7, 1) - dt.date(2026, 1, 1)).days
    assert result["run_deadline_day"][0] == deadline
    _, done = days_of(result)
    assert (done <= deadline) == in_time
    edge = result.axis.edges.index(dt.date(2027, 7, 1))
    share = result.central("run_tokens_done")[0, edge] / 60e12
    assert (share == pytest.approx(1)) == in_time
    if not in_time:
        assert 0.3 < share < 1


def test_a_run_too_large_for_its_site_never_starts_and_holds_nothing() -> None:
    _, result = went(NO_SHARE, f"{FIRST}.gpus=6000000")
    assert np.isnan(days_of(result)).all()
    assert result.central("run_gpus")[0].max() == 0
    assert result.central("run_tokens_done")[0].max() == 0
    assert not np.isnan(days_of(result, 1)[0])  # the next one goes on


def test_a_run_without_a_deadline_has_none() -> None:
    _, result = went(f"{FIRST}.deadline=null")
    assert np.isnan(result["run_deadline_day"][0])
    assert not np.isnan(result["run_deadline_day"][1])


def test_a_plan_without_runs_has_no_rows_of_them() -> None:
    scenario, result = went("training.runs={}")
    for name in ("run_gpus", "run_tokens_done", "run_start_day", "run_done_day"):
        assert result[name].shape[:2] == (1, 0)
    np.testing.assert_allclose(result.central("training_share"), scenario.training.share)
    laws.check(result.arrays, result.axis)


def test_runs_take_their_gpus_from_serving_while_they_run_and_only_then() -> None:
    """A run takes work from those who are worth least; months in which nothing is held are as if there were no run."""
    busy = "demand.workloads.enterprise_api.requests_per_day=3e9"
    _, without = went(NO_SHARE, busy, "training.runs={}")
    _, result = went(NO_SHARE, busy)
    held = result.central("run_gpus").sum(axis=0) > 0
    assert 2 <= held.sum() <= 20
    value, other = (r.central("value_served_usd").sum(axis=0) for r in (result, without))
    np.testing.assert_allclose(value[~held], other[~held], rtol=1e-9)
    assert (value <= other * (1 + 1e-9)).all()
    assert (value[held] < other[held] * (1 - 1e-6)).any()
    refused, before = (r.central("requests_refused_per_day").sum(axis=0) for r in (result, without))
    assert (refused >= before * (1 - 1e-9) - 1e-3).all()
    assert refused[held].sum() > before[held].sum()


def test_training_bears_the_cost_of_what_runs_hold() -> None:
    scenario, result = went(NO_SHARE, "market.idle=stand_idle")
    held, whole = power_of_runs(scenario, result)
    share = np.divide(held, whole, out=np.zeros_like(held), where=whole > 0)
    np.testing.assert_allclose(
        result["training_cost_usd"], share * result["cost_usd"].sum(axis=1), rtol=1e-9, atol=1e-3
    )


def test_twice_the_tokens_take_twice_the_days() -> None:
    one, two = (days_of(went(NO_SHARE, THERE, f"{FIRST}.tokens={t} tokens")[1]) for t in ("50e12", "100e12"))
    assert two[1] - two[0] == pytest.approx(2 * (one[1] - one[0]))


def test_a_smaller_model_trains_faster_but_less_well() -> None:
    big, small = went(NO_SHARE, THERE), went(NO_SHARE, THERE, f"{FIRST}.model=deepseek_v3")
    active = [s.architectures[s.training.runs[0].model].active_parameters for s, _ in (big, small)]
    days = [end - start for start, end in (days_of(r) for _, r in (big, small))]
    assert days[1] < days[0]
    assert days[1] / days[0] > active[1] / active[0]  # narrower experts fill the hardware less


def test_a_run_may_stand_on_what_was_there_before() -> None:
    _, result = went(
        NO_SHARE,
        f"{FIRST}.site=opening rented GB200",
        f"{FIRST}.generation=gb200_nvl72",
        f"{FIRST}.gpus=20000",
        f"{FIRST}.start=2026-02-01",
    )
    start, done = days_of(result)
    assert start == 31
    assert result.central("run_gpus")[0, 2] == 20_000
    assert done > 60
    _, elsewhere = went(NO_SHARE, f"{FIRST}.site=opening rented GB200", f"{FIRST}.gpus=20000")
    assert np.isnan(days_of(elsewhere)).all()  # that block holds no GB300


def test_two_runs_on_one_block_take_turns_in_a_plan() -> None:
    same = [f"{NEXT}.generation=gb300_nvl72", f"{NEXT}.start=2027-03-20", f"{NEXT}.gpus=60000", f"{NEXT}.deadline=null"]
    _, result = went(NO_SHARE, THERE, *same)
    (_, first_done), (next_start, _) = days_of(result), days_of(result, 1)
    assert next_start >= first_done
    both = (result.central("run_gpus") > 0).sum(axis=0)
    assert both.max() == 1


def test_runs_go_alike_at_both_resolutions() -> None:
    (_, kinds), (_, hourly) = (went(resolution=r) for r in Resolution)
    for name in ("run_gpus", "run_tokens_done", "run_start_day", "run_done_day", "training_share", "largest_run_flop"):
        np.testing.assert_array_equal(kinds[name], hourly[name], err_msg=name)


def test_members_with_fewer_gpus_up_may_wait_longer() -> None:
    """A run begins with the first month in which its block has enough GPUs that are up, in each member its own."""
    scenario, result = went(NO_SHARE, f"{FIRST}.gpus=80000", "uncertainty.members=12", "uncertainty.seed=4")
    starts, enough = result["run_start_day"][:, 0], result["gpus_available"][:, 1] >= 80_000
    begun = ~np.isnan(starts)
    assert begun.tolist() == enough.any(axis=-1).tolist()
    asked = result.axis.days_since_start(scenario.training.runs[0].start)
    first = np.maximum(result.axis.edge_days[enough.argmax(axis=-1)], asked)
    np.testing.assert_array_equal(starts[begun], first[begun])
    assert np.ptp(starts[begun]) > 0


def test_a_missed_deadline_says_by_how_much_and_what_would_meet_it() -> None:
    scenario, result = went(THERE, f"{FIRST}.gpus=25000", f"{FIRST}.tokens=60e12 tokens")
    run = scenario.training.runs[0]
    late, needed = float(result.central("run_late_days")[0]), int(result["run_gpus_needed"][0])
    start, done = days_of(result)
    deadline = (dt.date(2027, 7, 1) - dt.date(2026, 1, 1)).days
    assert late == pytest.approx(done - deadline) and late > 0
    by_then = float(result.central("run_tokens_by_deadline")[0])
    assert by_then == pytest.approx(run.tokens * (deadline - start) / (done - start))
    assert float(result["run_latest_start_day"][0]) == pytest.approx(deadline - (done - start))
    met = days_of(went(THERE, f"{FIRST}.gpus={needed}", f"{FIRST}.tokens=60e12 tokens")[1])
    assert met[1] <= deadline  # what it says would meet the deadline does
    fewer = days_of(went(THERE, f"{FIRST}.gpus=25000", f"{FIRST}.tokens={by_then:.0f} tokens")[1])
    assert fewer[1] == pytest.approx(deadline, abs=0.01)
    told = missed(result)
    assert len(told) == 2  # and its milestone
    for word in (
        "misses its deadline 2027-07-01",
        f"{late:,.0f} days",
        "instead of 25 k",
        "or a start by 20",
        ", its GPUs there or ",
        "tokens instead of 60 T",
    ):
        assert word in told[0], word
    assert "misses its milestone of 50%" in told[1]
    assert "Late" in text_of(result) and "misses its deadline" in text_of(result)


def test_a_run_whose_site_is_late_is_told_which_and_what_would_do() -> None:
    late = "training.runs.domain model.deadline=2026-09-20", "training.runs.domain model.start=2026-02-01"
    scenario = plan.resolve(plan.load("lab-1mw", late))
    result = simulate(scenario)
    (told,) = missed(result)
    begun, done = (result.day(days) for days in days_of(result))
    assert begun and done
    assert f"Its site is late: 128 GPUs stand at Campus hall from {begun}" in told
    assert f"{(begun - dt.date(2026, 2, 1)).days:,} days after the run's start 2026-02-01" in told
    assert "these GPUs there, and a start, by 2026-09-" in told
    assert "0 tokens instead" not in told
    # what it says would meet the deadline does
    moved = done + dt.timedelta(days=1)
    assert f"or a deadline of {moved}" in told
    in_time = plan.load("lab-1mw", [late[1], f"training.runs.domain model.deadline={moved}"])
    assert not missed(simulate(plan.resolve(in_time)))


def test_a_run_in_time_has_nothing_to_say() -> None:
    _, result = went(THERE, f"{FIRST}.gpus=80000", f"{FIRST}.tokens=30e12 tokens", f"{FIRST}.milestones={{}}")
    assert result.central("run_late_days")[0] == 0
    assert np.isnan(result["run_gpus_needed"][0]) and np.isnan(result["run_latest_start_day"][0])
    assert not missed(result)


def test_a_run_that_never_begins_or_never_ends_says_so() -> None:
    _, never = went(f"{FIRST}.gpus=6000000")
    assert "never begins" in missed(never)[0]
    assert len(missed(never)) == 1  # its milestone goes without saying
    _, endless = went(f"{FIRST}.tokens=1e18 tokens")
    assert "not done within the horizon" in missed(endless)[0] and "at least" in missed(endless)[0]
    assert "the rest not within the horizon" in missed(endless)[1]


def test_a_milestone_is_met_when_its_share_is_done() -> None:
    scenario, result = went()
    run = scenario.training.runs[0]
    ((date, share),) = run.milestones
    day = (date - dt.date(2026, 1, 1)).days
    assert result.labels["milestone"] == (f"{run.name} {date}",)
    assert result["milestone_day"][0] == day and result["milestone_share"][0] == share
    start, done = days_of(result)
    assert result.central("milestone_done_share")[0] == pytest.approx((day - start) / (done - start))
    assert result.central("milestone_late_days")[0] == pytest.approx(max(start + share * (done - start) - day, 0))


def test_the_model_of_the_largest_run() -> None:
    scenario, result = went("training.runs={}")
    flop, size = result.central("largest_run_flop"), result.central("largest_run_parameters")
    np.testing.assert_allclose(size[:, 1], np.sqrt(flop / 120))
    assert (size[:, 0] <= size[:, 1]).all() and (size[:, 1] <= size[:, 2]).all()
    tokens = result.central("largest_run_tokens")
    np.testing.assert_allclose(6 * size[:, 1] * tokens[:, 1], flop)
    one, together, whole = flop
    assert (one <= together * (1 + 1e-12)).all() and (together <= whole * (1 + 1e-12)).all()
    few = plan.resolve(plan.load("announced-2025-09"))
    several = simulate(few).central("largest_run_flop")
    assert (several[1] > several[0] * 1.1).any()  # many sites together do more than one
    assert scenario.training.together.inner_steps == scenario.training.together.reference_inner_steps


def test_racks_of_runs_draw_what_their_steps_do() -> None:
    """The plan and the verb 'train' draw the same for one run; a plan whose GPUs' limits are unknown takes them as
    busy."""
    scenario, _ = went(NO_SHARE)
    run, curve = scenario.training.runs[0], scenario.draw
    use = RunLayouts(scenario).busy_share(run)
    assert 0.5 < use < 1
    other = replace(run, model="llama_3_1_405b", precision="bf16", global_batch_tokens=2048.0 * 8192, gpus=8192)
    model = model_of(catalog.load(), "llama_3_1_405b")
    known = replace(scenario, architectures={**scenario.architectures, "llama_3_1_405b": model})
    verb = train(TrainingJob(model="llama_3_1_405b", system=other.generation, gpus=8192, global_batch_sequences=2048))
    assert verb.drawn_mw is not None and verb.it_mw is not None
    share = curve.idle_share + (curve.busy_share - curve.idle_share) * RunLayouts(known).busy_share(other)
    assert share * verb.it_mw == pytest.approx(min(verb.drawn_mw.value, curve.busy_share * verb.it_mw), rel=0.01)
    assert RunLayouts(replace(scenario, nodes={})).busy_share(run) == 1


def test_a_run_that_waits_more_takes_less_energy() -> None:
    scenario, result = went(NO_SHARE)
    busy = simulate(replace(scenario, nodes={}))
    held = result["run_gpus"].sum(axis=1) > 0
    less = busy["it_power_drawn_mw"].sum(axis=1) - result["it_power_drawn_mw"].sum(axis=1)
    assert (less[held] > 0).all()
    assert np.abs(less[~held]).max() < 1e-9
    np.testing.assert_allclose(busy["run_tokens_done"], result["run_tokens_done"])
