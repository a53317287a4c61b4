"""Training runs in a programme: by hand, as laws, and the largest run against a sum over every day of its window."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.training.programme import (
    SECONDS_PER_DAY,
    PlannedRun,
    Progress,
    day_of,
    largest_run_flop,
    progress,
    tokens_by,
)
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import TimeAxis

AXIS = TimeAxis(dt.date(2026, 1, 1), dt.date(2028, 1, 1))
N = AXIS.months
LENGTHS = np.diff(AXIS.edge_days)
PER_DAY = 1e9
"""Tokens that a run of the tests trains in a day."""
SPEED = PER_DAY / SECONDS_PER_DAY


def run(days: float, start: str = "2026-01-01", **changes: Any) -> PlannedRun:
    """Return a run that takes so many days on its block."""
    values: dict[str, Any] = {
        "name": "r",
        "model": "m",
        "site": "s",
        "generation": "g",
        "gpus": 100,
        "tokens": days * PER_DAY,
        "start": dt.date.fromisoformat(start),
    }
    return PlannedRun(**{**values, **changes})


def went(*runs: PlannedRun, gpus: Any = 100.0, speeds: Any = None) -> Progress:
    """Return the progress of runs on blocks of so many GPUs: one number, or by month, or (member, run, month)."""
    block = np.asarray(gpus, dtype=float)
    block = block if block.ndim == 3 else np.broadcast_to(block, (1, len(runs), N))
    return progress(runs, block, np.full(len(runs), SPEED) if speeds is None else np.asarray(speeds), AXIS)


def test_one_run_by_hand() -> None:
    """From 11 January on, forty days: 21 of them in January, 19 in February."""
    got = went(run(40, "2026-01-11"))
    assert got.start_days.tolist() == [[10.0]]
    assert got.done_days == pytest.approx(np.array([[50.0]]))
    assert got.tokens_done[0, 0, :4] == pytest.approx(np.array([0, 21, 40, 40]) * PER_DAY)
    assert got.gpus[0, 0, :3] == pytest.approx([100 * 21 / 31, 100 * 19 / 28, 0])


def test_a_run_waits_for_its_block() -> None:
    gpus = np.where(np.arange(N) >= 3, 100.0, 99.0)  # there from April on
    got = went(run(10, "2026-01-11"), gpus=gpus)
    assert got.start_days[0, 0] == AXIS.edge_days[3]
    assert got.done_days[0, 0] == pytest.approx(AXIS.edge_days[3] + 10)
    assert (got.tokens_done[0, 0, :4] == 0).all()


def test_a_block_too_small_never_starts() -> None:
    got = went(run(10), gpus=99.9)
    assert np.isnan(got.start_days).all() and np.isnan(got.done_days).all()
    assert got.tokens_done.max() == 0 and got.gpus.max() == 0


def test_a_run_that_the_horizon_cuts_has_begun_and_is_not_done() -> None:
    got = went(run(40, "2027-12-02"))
    assert got.start_days[0, 0] == AXIS.edge_days[-1] - 30
    assert np.isnan(got.done_days).all()
    assert got.tokens_done[0, 0, -1] == pytest.approx(30 * PER_DAY)


def test_a_run_from_before_the_horizon_begins_with_it_and_one_after_it_never() -> None:
    before, after = went(run(5, "2020-01-01")), went(run(5, "2028-01-01"))
    assert before.start_days[0, 0] == 0
    assert before.done_days[0, 0] == pytest.approx(5)
    assert np.isnan(after.start_days).all() and after.gpus.max() == 0


def test_a_lost_block_stops_a_run_until_it_is_back() -> None:
    gpus = np.full(N, 100.0)
    gpus[1:3] = 0.0
    got = went(run(41), gpus=gpus)
    assert got.tokens_done[0, 0, :5] == pytest.approx(np.array([0, 31, 31, 31, 41]) * PER_DAY)
    assert got.start_days[0, 0] == 0
    assert got.done_days[0, 0] == pytest.approx(AXIS.edge_days[3] + 10)


def test_trained_again_takes_as_much_longer() -> None:
    plain, again = went(run(20)), went(run(20, restart_share=0.5))
    assert again.done_days[0, 0] == pytest.approx(1.5 * plain.done_days[0, 0])
    assert again.tokens_done[0, 0, -1] == pytest.approx(20 * PER_DAY)  # counted once


def test_two_runs_of_one_block_take_turns() -> None:
    """The second needs the whole block too: it begins with the month after the first has ended."""
    first, second = run(40, "2026-01-05"), run(10, "2026-01-20")
    got = went(first, second)
    assert got.done_days[0, 0] == pytest.approx(44)
    assert got.start_days[0, 1] == AXIS.edge_days[2]
    assert got.done_days[0, 1] == pytest.approx(AXIS.edge_days[2] + 10)


def test_runs_that_do_not_fit_together_never_overlap() -> None:
    """The first ends within a month: the second, too large beside it, begins with the next one and no earlier."""
    got = went(run(40, gpus=60), run(40, gpus=60))
    assert got.done_days[0, 0] == pytest.approx(40)
    assert got.start_days[0, 1] == AXIS.edge_days[2]
    assert went(run(40, gpus=60), run(40, gpus=40)).start_days.tolist() == [[0.0, 0.0]]


def test_turns_go_by_start_and_not_by_place_in_the_plan() -> None:
    early, late = run(40, "2026-01-05"), run(40, "2026-01-06")
    assert went(early, late).done_days[0, 0] == pytest.approx(44)
    assert went(late, early).done_days[0, 1] == pytest.approx(44)
    same = went(run(10), run(10))  # of one day: the first named first
    assert same.start_days[0, 0] == 0 and same.start_days[0, 1] == AXIS.edge_days[1]


def test_a_run_too_large_lets_a_smaller_one_pass() -> None:
    got = went(run(10, gpus=500), run(10, "2026-01-02"))
    assert np.isnan(got.start_days[0, 0])
    assert got.start_days[0, 1] == 1


def test_runs_of_a_large_block_go_side_by_side_and_other_blocks_are_their_own() -> None:
    both = went(run(10), run(10), gpus=200.0)
    assert both.start_days.tolist() == [[0.0, 0.0]]
    apart = went(run(10), run(10, site="t"), run(10, generation="h"))
    assert apart.start_days.tolist() == [[0.0, 0.0, 0.0]]


def test_members_have_each_their_own_block() -> None:
    gpus = np.stack([np.full((1, N), 100.0), np.full((1, N), 50.0)])
    got = went(run(10), gpus=gpus)
    assert got.start_days[0, 0] == 0 and np.isnan(got.start_days[1, 0])


def test_no_runs_are_no_trouble() -> None:
    got = progress([], np.zeros((1, 0, N)), np.zeros(0), AXIS)
    assert got.tokens_done.shape == (1, 0, N + 1)


starts = st.dates(dt.date(2025, 6, 1), dt.date(2028, 6, 1))
some_runs = st.lists(
    st.builds(
        lambda days, start, gpus, site, share: run(days, start.isoformat(), gpus=gpus, site=site, restart_share=share),
        st.floats(0.01, 1500),
        starts,
        st.integers(1, 300),
        st.sampled_from("st"),
        st.floats(0, 1),
    ),
    min_size=1,
    max_size=5,
)


def blocks(runs: list[PlannedRun], seed: int) -> Array:
    """Blocks that grow and shrink, the same for runs of one site: (member, run, month)."""
    rng = np.random.default_rng(seed)
    by_site = {site: rng.uniform(0, 400, (2, N)) for site in "st"}
    return np.stack([by_site[r.site] for r in runs], axis=1)


@given(some_runs, st.integers(0, 10**6))
def test_law_tokens_are_conserved(runs: list[PlannedRun], seed: int) -> None:
    """Tokens done are the days that a run held its GPUs, times its speed; no more than asked; never undone."""
    gpus = blocks(runs, seed)
    speeds = np.random.default_rng(seed).uniform(0.1, 10, len(runs)) * SPEED
    got = progress(runs, gpus, speeds, AXIS)
    for r, one in enumerate(runs):
        days = got.gpus[:, r] / one.gpus * LENGTHS
        trained = days * speeds[r] * SECONDS_PER_DAY / (1 + one.restart_share)
        done = got.tokens_done[:, r]
        np.testing.assert_allclose(np.diff(done, axis=-1), trained, rtol=1e-6, atol=1e-9 * one.tokens)
        assert (np.diff(done, axis=-1) >= -1e-9 * one.tokens).all()
        assert (done[:, -1] <= one.tokens * (1 + 1e-9)).all()
        finished = ~np.isnan(got.done_days[:, r])
        assert (np.isclose(done[:, -1], one.tokens, rtol=1e-11) == finished).all()
        began = got.start_days[:, r]
        assert (began[~np.isnan(began)] >= max(AXIS.days_since_start(one.start), 0)).all()
        assert (got.done_days[finished, r] > began[finished]).all()


@given(some_runs, st.integers(0, 10**6))
def test_law_runs_never_hold_more_than_their_block(runs: list[PlannedRun], seed: int) -> None:
    gpus = blocks(runs, seed)
    got = went(*runs, gpus=gpus)
    for site in "st":
        mine = [r for r, one in enumerate(runs) if one.site == site]
        if mine:
            at_once = sum((got.gpus[:, r] > 0) * runs[r].gpus for r in mine)
            assert (at_once <= gpus[:, mine[0]] * (1 + 1e-12)).all()
            assert (got.gpus[:, mine].sum(axis=1) <= at_once * (1 + 1e-12)).all()
    held = got.gpus > 0
    for r, one in enumerate(runs):
        assert (gpus[:, r][held[:, r]] >= one.gpus).all()  # only where its whole block is there


@given(some_runs, st.integers(0, 10**6), st.floats(1, 3))
def test_law_a_faster_run_alone_is_never_later(runs: list[PlannedRun], seed: int, faster: float) -> None:
    """More GPUs in a run's block make it faster: each run on its own is done no later, at any edge."""
    gpus = blocks(runs, seed)
    for r, one in enumerate(runs):
        slow = went(one, gpus=gpus[:, [r]])
        fast = went(one, gpus=gpus[:, [r]], speeds=[SPEED * faster])
        assert (fast.tokens_done >= slow.tokens_done * (1 - 1e-9) - 1e-9 * one.tokens).all()
        more = went(one, gpus=gpus[:, [r]] * faster)
        assert (more.tokens_done >= slow.tokens_done * (1 - 1e-9) - 1e-9 * one.tokens).all()


# The largest run


def by_day(flop_per_month: Array) -> Array:
    """Spread each month's FLOP over its days, from the calendar alone."""
    return np.repeat(flop_per_month / LENGTHS, LENGTHS.astype(int))


@given(st.integers(0, 10**6), st.integers(1, 900))
def test_the_largest_run_is_the_sum_of_its_windows_days(seed: int, days: int) -> None:
    flop = np.random.default_rng(seed).uniform(0, 1e25, N)
    daily = by_day(flop)
    ends = AXIS.edge_days[1:].astype(int)
    brute = [daily[max(end - days, 0) : end].sum() for end in ends]
    np.testing.assert_allclose(largest_run_flop(flop, float(days), AXIS), brute, rtol=1e-9)


def test_the_largest_run_by_hand() -> None:
    flop = np.where(np.arange(N) < 2, LENGTHS * 1e20, 0.0)  # January and February alone
    largest = largest_run_flop(flop, 40.0, AXIS)
    assert largest[:3] == pytest.approx(np.array([31, 40, 9]) * 1e20)
    assert largest[3:].max() == 0


@given(st.integers(0, 10**6), st.floats(0.5, 2000), st.floats(1, 4))
def test_law_more_days_and_more_compute_make_a_larger_run(seed: int, days: float, more: float) -> None:
    flop = np.random.default_rng(seed).uniform(0, 1e25, (2, 3, N))
    base = largest_run_flop(flop, days, AXIS)
    assert base.shape == (2, 3, N)
    scale = flop.max() * 1e-9
    assert (largest_run_flop(flop, days * more, AXIS) >= base - scale).all()
    np.testing.assert_allclose(largest_run_flop(flop * more, days, AXIS), base * more, rtol=1e-9, atol=scale)
    assert (base <= np.cumsum(flop, axis=-1) + scale).all()
    assert (base >= 0).all()
    whole = largest_run_flop(flop, 1e5, AXIS)
    np.testing.assert_allclose(whole, np.cumsum(flop, axis=-1))


def test_how_much_by_when_by_hand() -> None:
    """Forty days from 11 January: a quarter of it by the 21st, all by 20 February."""
    got = went(run(40, "2026-01-11"))
    assert tokens_by(got, 0, 20.0, AXIS)[0] == pytest.approx(10 * PER_DAY)
    assert tokens_by(got, 0, 5.0, AXIS)[0] == 0
    assert tokens_by(got, 0, 700.0, AXIS)[0] == pytest.approx(40 * PER_DAY)
    assert day_of(got, 0, 10 * PER_DAY)[0] == pytest.approx(20.0)
    assert day_of(got, 0, 40 * PER_DAY)[0] == pytest.approx(got.done_days[0, 0])
    assert np.isnan(day_of(got, 0, 41 * PER_DAY)[0])
    gpus = np.full(N, 100.0)
    gpus[1] = 0.0  # none in February
    broken = went(run(40, "2026-01-11"), gpus=gpus)
    assert tokens_by(broken, 0, 45.0, AXIS)[0] == pytest.approx(21 * PER_DAY)
    assert day_of(broken, 0, 22 * PER_DAY)[0] == pytest.approx(31 + 28 + 1)


@given(st.floats(1, 300), st.floats(0, 1), st.integers(0, 200))
def test_law_what_is_done_by_a_day_was_done_on_it(days: float, share: float, later: int) -> None:
    got = went(run(days, str(dt.date(2026, 1, 1) + dt.timedelta(days=later))))
    when = float(day_of(got, 0, share * days * PER_DAY)[0])
    assert tokens_by(got, 0, when, AXIS)[0] == pytest.approx(share * days * PER_DAY, rel=1e-6, abs=1e-3 * PER_DAY)
