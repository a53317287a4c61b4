"""The price of slowness: closed forms against sampled requests, limits, and laws of rates over limits and prices."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.inference.frontier import Choice, OperatingPoint, best, choice, precision_for
from gigaplan.inference.inputs import Request
from gigaplan.inference.percentiles import Percentile, further, percentile_tpot_s, share_within
from gigaplan.inference.slowness import corners, log_slowness, mixture, slopes_after
from gigaplan.plan.resolve import device_of, model_of, serving_constants
from gigaplan.simulate.couplings.slowness import points_of, speed_alone, speeds_at

AGENT = Request(uncached_input_tokens=7900, cached_input_tokens=47100, output_tokens=505, ttft_s=8, tpot_s=0.04)
CHAT = Request(uncached_input_tokens=800, cached_input_tokens=1000, output_tokens=350, ttft_s=1.5, tpot_s=0.05)
P90 = Percentile(0.9, 1.8, np.inf)
CASES = [
    ("gb200_nvl72", "kimi_k2_5", AGENT, P90),
    ("h100_hgx", "kimi_k2_5", AGENT, None),
    ("h100_hgx", "deepseek_v3", CHAT, P90),
    ("h200_hgx", "frontier_1_8t", AGENT, None),  # the slowest stand-in: at 20 ms a token nothing keeps its limit
    ("vr_nvl72", "deepseek_v3", CHAT, None),
]
PRICE = st.floats(0.05, 20)


@cache
def found(system: str, model: str, request: Request, percentile: Percentile | None) -> Choice:
    facts = catalog.load()
    device, constants = device_of(facts, system), serving_constants(facts, "trtllm", ())
    given = device, model_of(facts, model), precision_for(device), request, constants.efficiency, constants.engine
    return choice(*given, percentile=percentile)


def within(limit_s: float, case: tuple[str, str, Request, Percentile | None]) -> Choice:
    system, model, request, percentile = case
    return found(system, model, replace(request, tpot_s=limit_s), percentile)


def drawn(seed: int, points: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    slow, rate = np.cumsum(rng.exponential(0.3, points)) - 0.1, np.cumsum(rng.exponential(0.5, points))
    hull = corners((slow := slow - min(slow[0], 0.0)).tolist(), rate.tolist())
    return slow[hull], rate[hull]


@given(seed=st.integers(0, 10_000), points=st.integers(1, 9), price=st.floats(0.1, 5))
@settings(max_examples=25)
def test_the_closed_form_agrees_with_requests_that_choose_one_by_one(seed: int, points: int, price: float) -> None:
    slow, rate = drawn(seed, points)
    x = price * -np.log1p(-(np.arange(40_000) + 0.5) / 40_000)  # quantiles of the exponential distribution
    at = (rate - x[:, None] * slow).argmax(axis=1)
    mixed = mixture(slow, slopes_after(slow, rate), np.array([price]))
    np.testing.assert_allclose(mixed.share, np.bincount(at, minlength=len(slow)) / len(x), atol=1e-4)
    assert float(mixed.worth) == pytest.approx(np.exp(-x * slow[at]).mean(), abs=1e-4)


@given(seed=st.integers(0, 10_000), points=st.integers(1, 9), price=PRICE)
def test_arrays_give_what_one_choice_gives_alone(seed: int, points: int, price: float) -> None:
    choices = [
        Choice(
            tuple(OperatingPoint(a, np.exp(b), 1.0, 0.1, 8, 64, 0.9) for a, b in zip(*drawn(seed + k, n), strict=True))
        )
        for k, n in enumerate((points, 3))
    ]
    at = speeds_at(points_of([[choices]]), np.array([[price]]))
    for y, one in enumerate(choices):
        alone = speed_alone(one, price)
        assert (at.requests_per_gpu_s[0, 0, 0, y], at.worth[0, 0, 0, y]) == pytest.approx(alone, rel=1e-9)


def test_corners_are_those_of_the_concave_hull() -> None:
    rng = np.random.default_rng(3)
    slow, rate = np.sort(rng.uniform(0, 3, 60)), np.sort(rng.uniform(0, 5, 60))
    hull = corners(slow.tolist(), rate.tolist())
    assert hull[0] == 0
    assert hull[-1] == 59
    assert (np.diff(slopes_after(slow[hull], rate[hull])) < 0).all()
    assert (np.interp(slow, slow[hull], rate[hull]) >= rate - 1e-12).all()


def test_both_limits_count_in_seconds_of_the_answer() -> None:
    request = Request(uncached_input_tokens=1, cached_input_tokens=0, output_tokens=100, ttft_s=2, tpot_s=0.08)
    times = [(1.0, 0.05), (2.0, 0.08), (4.0, 0.05), (1.0, 0.1), (4.0, 0.1)]
    slow = [float(np.exp(log_slowness(np.array(a), np.array(b), request))) for a, b in times]
    assert slow == pytest.approx([1.0, 1.0, 1.2, 1.2, 1.4])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("limit_s", [0.02, 0.03, 0.04, 0.05, 0.08])
def test_at_an_infinite_price_the_answer_is_that_of_hard_limits_to_the_digit(
    case: tuple[str, str, Request, Percentile | None], limit_s: float
) -> None:
    system, model, request, percentile = case
    facts = catalog.load()
    device, constants = device_of(facts, system), serving_constants(facts, "trtllm", ())
    architecture, limited = model_of(facts, model), replace(request, tpot_s=limit_s)
    hard = best(
        device,
        architecture,
        precision_for(device),
        limited,
        constants.efficiency,
        constants.engine,
        percentile=percentile,
    )
    soft = within(limit_s, case)
    rate, worth = speed_alone(soft, np.inf)
    assert (rate, worth) == (hard.requests_per_gpu_s, 1.0 if hard.requests_per_gpu_s else 0.0)
    assert bool(soft.reason) == bool(hard.reason)
    at = speeds_at(points_of([[[soft]]]), np.array([[np.inf]]))
    assert (at.requests_per_gpu_s.item(), at.worth.item()) == (rate, worth)
    if rate:
        assert (soft.points[0].tpot_s, soft.points[0].batch) == (hard.tpot_s, hard.batch)


@given(case=st.sampled_from(CASES), limit_s=st.floats(0.015, 0.1), price=st.floats(0.05, 2))
@settings(max_examples=100, deadline=None)
def test_law_a_rate_is_continuous_in_the_limit_and_never_falls_with_it(
    case: tuple[str, str, Request, Percentile | None], limit_s: float, price: float
) -> None:
    """Before, a rate doubled at some limits and stood still at others."""
    (rate, worth), (laxer, laxer_worth) = (speed_alone(within(x, case), price) for x in (limit_s, 1.01 * limit_s))
    assert rate * (1 - 1e-9) <= laxer <= rate * 1.01 ** (2 + 2 * price)
    assert worth <= 1
    assert laxer * laxer_worth >= rate * worth * (1 - 1e-9)


PERCENTILED = [(system, model, request, P90) for system, model, request, _ in CASES]


def share_within_limits(limit_s: float, case: tuple[str, str, Request, Percentile | None], price: float) -> float:
    return float(speeds_at(points_of([[[within(limit_s, case)]]]), np.array([[price]])).within.item())


@given(case=st.sampled_from(PERCENTILED), limit_s=st.floats(0.018, 0.1), price=st.floats(0.25, 3))
@settings(max_examples=60, deadline=None)
def test_law_the_share_within_limits_is_continuous(
    case: tuple[str, str, Request, Percentile | None], limit_s: float, price: float
) -> None:
    """Before, a limit laxer by 1 % moved it by up to 0.7: a corner a hair late counted as wholly late."""
    one, laxer = (share_within_limits(x, case, price) for x in (limit_s, 1.01 * limit_s))
    assert -0.12 <= laxer - one <= 0.1


@given(case=st.sampled_from(PERCENTILED), of_limit=st.floats(0.05, 1.0), price=st.floats(0.25, 3))
@settings(max_examples=40, deadline=None)
def test_law_the_share_within_limits_is_continuous_in_the_limit_of_the_first_token(
    case: tuple[str, str, Request, Percentile | None], of_limit: float, price: float
) -> None:
    system, model, request, percentile = case
    one, laxer = (
        share_within_limits(0.05, (system, model, replace(request, ttft_s=x * request.ttft_s), percentile), price)
        for x in (of_limit, 1.01 * of_limit)
    )
    assert -0.12 <= laxer - one <= 0.1


@pytest.mark.parametrize(("case", "most"), list(zip(PERCENTILED, (0.12, 0.05, 0.16, 0.03, 0.5), strict=True)))
def test_law_the_share_within_limits_rises_with_them_but_for_steps_between_batches(
    case: tuple[str, str, Request, Percentile | None], most: float
) -> None:
    """A laxer limit draws requests to the next batch of the grid, which most of them are a little late at.

    Most so where a whole step of the grid costs little: a chat on Vera Rubin at 20 ms.
    """
    shares = np.array([share_within_limits(x, case, 1.0) for x in np.geomspace(0.018, 0.1, 25)])
    falls = np.maximum.accumulate(shares) - shares
    assert falls.max() <= most
    octaves = np.array([shares[k : k + 9].mean() for k in range(0, 17, 8)])
    assert (np.diff(octaves) > -0.02).all()


@pytest.mark.parametrize("case", PERCENTILED)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_at_hard_limits_at_least_the_share_that_they_hold_for_keeps_them(
    case: tuple[str, str, Request, Percentile | None], share: float
) -> None:
    system, model, request, _ = case
    given = system, model, request, Percentile(share, 1.8, np.inf)
    for limit_s in (0.02, 0.03, 0.05, 0.08):
        if speed_alone(within(limit_s, given), np.inf)[0]:
            assert share_within_limits(limit_s, given, np.inf) >= share
        for point in within(limit_s, given).points:
            assert (point.within >= share) == (point.log_slowness == 0)


def test_a_share_within_a_limit_is_that_of_requests_in_flight_that_vary() -> None:
    """The law of the time per token, asked for the share at a limit, and that share for its limit again."""
    batch = np.geomspace(1, 4096, 25)
    tpot = 0.01 + 1e-4 * batch
    for share in (0.3, 0.5, 0.7, 0.9, 0.99):
        p = Percentile(share, 1.3, np.inf)
        other = further(p)
        second = tpot if other is None else percentile_tpot_s(tpot, batch, batch, other)
        found = share_within(0.0295, percentile_tpot_s(tpot, batch, batch, p)[15], second[15], p)
        again = percentile_tpot_s(tpot, batch, batch, Percentile(found, 1.3, np.inf))[15]
        assert again == pytest.approx(0.0295, rel=1e-6)


@given(case=st.sampled_from(CASES), limit_s=st.sampled_from([0.02, 0.04, 0.07]), price=PRICE, more=st.floats(1, 10))
def test_law_a_rate_never_rises_with_the_price_of_slowness(
    case: tuple[str, str, Request, Percentile | None], limit_s: float, price: float, more: float
) -> None:
    one = within(limit_s, case)
    rate, dearer = (speed_alone(one, p)[0] for p in (price, price * more))
    hard = speed_alone(one, np.inf)[0]
    assert rate * (1 + 1e-12) >= dearer >= hard * (1 - 1e-12)
    assert speed_alone(one, 0.0)[0] == pytest.approx(one.points[-1].requests_per_gpu_s)


def test_what_cannot_keep_its_limits_serves_at_a_loss_of_worth() -> None:
    late = within(0.02, CASES[3])
    assert late.reason.startswith("too slow")
    assert speed_alone(late, np.inf) == (0.0, 0.0)
    rate, worth = speed_alone(late, 1.0)
    assert rate > 0
    assert 0 < worth < 0.9


def test_what_does_not_fit_serves_at_no_price() -> None:
    facts = catalog.load()
    device, constants = device_of(facts, "h100_hgx"), serving_constants(facts, "trtllm", ())
    small = replace(device, hbm_bytes=1e9, scaleout_bandwidth_bytes_per_s=0.0)
    one = choice(small, model_of(facts, "kimi_k2_5"), "fp8", CHAT, constants.efficiency, constants.engine)
    assert not one.points
    assert one.reason.startswith("does not fit")
    assert speed_alone(one, 1.0) == (0.0, 0.0)
    assert speeds_at(points_of([[[one]]]), np.array([[1.0]])).requests_per_gpu_s.item() == 0.0
