"""Cost of intelligence: a worked example, limits, laws of the split, trends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gigaplan.finance.intelligence import (
    DRIVERS,
    HARDWARE,
    IntelligenceCost,
    cost_factor,
    divisia_2004,
    intelligence_cost,
    log_trend,
)
from gigaplan.vocabulary.errors import InputError

M, G, W, N = 2, 3, 2, 5


def inputs(**changed: Any) -> dict[str, Any]:
    """Two generations; the new one comes in over three months and is a quarter as dear; all else stands still."""
    plain: dict[str, Any] = {
        "full_use_usd_per_mtok": np.array([[[4.0, 4.0, 4.0], [1.0, 1.0, 1.0]]]),
        "token_share": np.array([[[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]]]),
        "utilisation": np.ones((1, 3)),
        "software_factor": np.ones((1, 3)),
        "model_factor": np.ones((1, 3)),
        "tokens_per_task": np.full((1, 1, 3), 1000.0),
    }
    return plain | changed


def driver(cost: IntelligenceCost, name: str) -> Any:
    return cost.log_fall[:, DRIVERS.index(name)]


def test_by_hand() -> None:
    """4 USD at full use falls to 1; half full at first; software and model halve it each; a task has 1,000 tokens."""
    cost = intelligence_cost(
        **inputs(
            utilisation=np.array([[0.5, 0.5, 0.8]]),
            software_factor=np.array([[1.0, 0.8, 0.5]]),
            model_factor=np.array([[1.0, 0.7, 0.25]]),
            tokens_per_task=np.array([[[1000.0, 2000.0, 4000.0]]]),
        )
    )
    assert cost.usd_per_mtok[0] == pytest.approx([8.0, 2.5 / 0.5 * 0.8, 1 / 0.8 * 0.5])
    assert cost.usd_per_task[0, 0] == pytest.approx(cost.usd_per_mtok[0] * np.array([1000, 2000, 4000]) / 1e6)
    assert cost.usd_per_task_constant[0, 0] == pytest.approx(cost.usd_per_mtok[0] * np.array([1, 0.7, 0.25]) / 1e3)
    assert cost.log_fall[0, :, -1] == pytest.approx([np.log(4), 0, np.log(0.8 / 0.5), np.log(2), np.log(4)])
    assert cost.tokens_log_rise[0, 0] == pytest.approx(np.log([1, 2, 4]))
    assert cost.share_of_fall[0, :, -1].sum() == pytest.approx(1)
    assert np.isnan(cost.share_of_fall[0, :, 0]).all(), "the first month has nothing to share out"


def test_ang_2004_by_hand() -> None:
    """Two parts, one step, weights by the logarithmic mean as the paper defines them."""
    share, cost = np.array([[0.7, 0.4], [0.3, 0.6]]), np.array([[5.0, 4.0], [2.0, 1.5]])

    def mean(a: float, b: float) -> float:
        return (a - b) / np.log(a / b)

    before, after = (share * cost)[:, 0], (share * cost)[:, 1]
    whole = mean(after.sum(), before.sum())
    weight = [mean(a, b) / whole for a, b in zip(after, before, strict=True)]
    mix, within = divisia_2004([share, cost])
    assert mix[1] == pytest.approx(np.dot(weight, np.log(share[:, 1] / share[:, 0])))
    assert within[1] == pytest.approx(np.dot(weight, np.log(cost[:, 1] / cost[:, 0])))
    assert mix[1] + within[1] == pytest.approx(np.log(after.sum() / before.sum()), rel=1e-12)


def test_a_generation_that_comes_is_the_limit_of_one_that_was_hardly_there() -> None:
    cost = np.array([[4.0, 3.5], [1.0, 0.9]])
    exact = divisia_2004([np.array([[1.0, 0.6], [0.0, 0.4]]), cost])
    for tiny, off in ((1e-6, 0.2), (1e-30, 0.02)):
        near = divisia_2004([np.array([[1 - tiny, 0.6], [tiny, 0.4]]), cost])
        assert [n[1] for n in near] == pytest.approx([e[1] for e in exact], abs=off)


def test_a_part_that_comes_with_two_factors_at_once_gives_each_half() -> None:
    share, cost = np.array([[1.0, 0.5], [0.0, 0.5]]), np.array([[2.0, 2.0], [0.0, 2.0]])
    mix, within = divisia_2004([share, cost])
    assert mix[1] + within[1] == pytest.approx(0, abs=1e-12)
    assert within[1] == pytest.approx(0.5 * 1.0 / 2.0), "half of the part's 1.0, over the sum of 2.0"


@given(x=arrays(float, (3, M, G, N), elements=st.sampled_from([0.0, 0.01, 1.0, 1.0 + 1e-9, 7.0])))
def test_divisia_leaves_no_remainder(x: Any) -> None:
    x[:, :, 0] += 0.1
    effects = divisia_2004(list(x))
    total = np.prod(x, axis=0).sum(axis=1)
    assert sum(effects) == pytest.approx(np.log(total / total[:, :1]), abs=1e-9)


def test_nothing_changes_nothing_falls() -> None:
    still = inputs(token_share=np.array([[[0.3] * 3, [0.7] * 3]]))
    cost = intelligence_cost(**still)
    assert cost.log_fall == pytest.approx(np.zeros((1, 5, 3)), abs=0)
    assert np.isnan(cost.share_of_fall).all()
    assert (cost.usd_per_task == cost.usd_per_task_constant).all()


def test_one_generation_only_gets_cheaper_itself() -> None:
    alone = inputs(full_use_usd_per_mtok=np.array([[[4.0, 3.0, 2.0]]]), token_share=np.ones((1, 1, 3)))
    cost = intelligence_cost(**alone)
    assert driver(cost, "new_generations") == pytest.approx(0)
    assert driver(cost, "same_generation")[0] == pytest.approx(np.log([1, 4 / 3, 2]))


def test_what_makes_it_dearer_has_a_negative_share() -> None:
    cost = intelligence_cost(**inputs(utilisation=np.array([[0.8, 0.6, 0.4]])))
    assert driver(cost, "utilisation")[0, -1] == pytest.approx(-np.log(2))
    assert cost.total_log_fall[0, -1] == pytest.approx(np.log(2))
    assert cost.share_of_fall[0, :, -1] == pytest.approx([2, 0, -1, 0, 0])


positive = st.floats(0.01, 100)


@st.composite
def anything(draw: Any) -> dict[str, Any]:
    share = draw(arrays(float, (M, G, N), elements=st.sampled_from([0.0, 0.0, 1e-9, 0.2, 1.0, 3.0])))
    share[:, 0] += 1e-3
    return {
        "full_use_usd_per_mtok": draw(arrays(float, (M, G, N), elements=positive)),
        "token_share": share / share.sum(axis=1, keepdims=True),
        "utilisation": draw(arrays(float, (M, N), elements=st.floats(0.05, 1))),
        "software_factor": draw(arrays(float, (M, N), elements=positive)),
        "model_factor": draw(arrays(float, (M, N), elements=positive)),
        "tokens_per_task": draw(arrays(float, (M, W, N), elements=st.floats(1, 1e6))),
    }


@given(x=anything())
def test_drivers_add_up_to_the_whole_fall(x: dict[str, Any]) -> None:
    cost = intelligence_cost(**x)
    for w in range(W):
        fell = np.log(cost.usd_per_task_constant[:, w, :1] / cost.usd_per_task_constant[:, w])
        assert cost.total_log_fall == pytest.approx(fell, abs=1e-9)
        rose = np.log(cost.usd_per_task[:, w] / cost.usd_per_task[:, w, :1])
        fixed_model = cost.log_fall[:, : DRIVERS.index("model")].sum(axis=1)
        assert cost.tokens_log_rise[:, w] - fixed_model == pytest.approx(rose, abs=1e-9)


@given(x=anything())
def test_a_member_alone_is_the_same_member_among_others(x: dict[str, Any]) -> None:
    whole = intelligence_cost(**x)
    alone = intelligence_cost(**{k: v[1:] for k, v in x.items()})
    assert alone.log_fall[0] == pytest.approx(whole.log_fall[1], abs=1e-12)
    assert alone.usd_per_task[0] == pytest.approx(whole.usd_per_task[1])


@given(x=anything(), k=st.floats(0.01, 100))
def test_dollars_of_another_year_change_no_share(x: dict[str, Any], k: float) -> None:
    dearer = x | {"full_use_usd_per_mtok": x["full_use_usd_per_mtok"] * k}
    one, other = intelligence_cost(**x), intelligence_cost(**dearer)
    assert other.log_fall == pytest.approx(one.log_fall, abs=1e-9)
    assert other.usd_per_mtok == pytest.approx(one.usd_per_mtok * k)


@given(x=anything())
def test_the_order_of_generations_does_not_matter(x: dict[str, Any]) -> None:
    turned = x | {k: x[k][:, ::-1] for k in ("full_use_usd_per_mtok", "token_share")}
    assert intelligence_cost(**turned).log_fall == pytest.approx(intelligence_cost(**x).log_fall, abs=1e-9)


def test_members_of_length_one_broadcast() -> None:
    cost = intelligence_cost(**inputs(software_factor=np.array([[1.0, 0.9, 0.8], [1.0, 0.7, 0.5], [1.0, 1.0, 1.0]])))
    assert cost.log_fall.shape == (3, len(DRIVERS), 3)
    assert cost.usd_per_task.shape == (3, 1, 3)
    assert driver(cost, HARDWARE[0])[:, -1] == pytest.approx([np.log(4)] * 3)


def test_gains_by_hand() -> None:
    """1.6 times a year for ever; then with a rate that halves as e^(-ln 2 t): what is left to come is finite."""
    years = np.array([0.0, 1.0, 2.0, 100.0])
    assert cost_factor(1.6, 0.0, years)[0, :3] == pytest.approx([1, 1 / 1.6, 1 / 1.6**2])
    decay = np.log(2)
    found = cost_factor(1.6, decay, years)[0]
    assert found[1] == pytest.approx(1.6 ** -(0.5 / decay))
    assert found[-1] == pytest.approx(1.6 ** -(1 / decay))
    assert cost_factor(np.array([1.0, 2.0]), 0.3, years).shape == (2, 4)
    assert cost_factor(1.0, 0.3, years) == pytest.approx(1)


@given(gain=st.floats(1, 50), t=st.floats(0.01, 5), decay=st.floats(0.001, 3))
def test_decay_keeps_cost_higher_and_small_decay_is_none(gain: float, t: float, decay: float) -> None:
    years = np.array([t])
    assert cost_factor(gain, decay, years) >= cost_factor(gain, 0.0, years) * (1 - 1e-12)
    assert cost_factor(gain, 1e-9, years) == pytest.approx(cost_factor(gain, 0.0, years), rel=1e-6)


def test_a_trend_that_is_exactly_exponential() -> None:
    years = np.array([0.0, 0.5, 2.0])
    trend = log_trend(years, 3 * 0.5**years)
    assert trend.growth_per_year == pytest.approx(-0.5)
    assert trend.log_slope_error == pytest.approx(0, abs=1e-12)
    assert trend.points == 3
    assert np.isnan(log_trend(years[:2], years[:2] + 1).log_slope_error)


def test_a_trend_as_numpys_polynomial_has_it() -> None:
    years, values = np.array([0.0, 0.7, 0.9, 1.1]), np.array([10.0, 30.0, 20.0, 50.0])
    slope, cov = np.polyfit(years, np.log(values), 1, cov=True)
    trend = log_trend(years, values)
    assert trend.log_slope == pytest.approx(slope[0])
    assert trend.log_slope_error == pytest.approx(np.sqrt(cov[0, 0]))


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"token_share": np.full((1, 2, 3), 0.4)}, "add up to 1"),
        ({"token_share": np.array([[[2.0] * 3, [-1.0] * 3]])}, "add up to 1"),
        ({"utilisation": np.array([[0.5, 0.0, 0.5]])}, "'utilisation'.*month 2"),
        ({"utilisation": np.array([[0.5, 1.1, 0.5]])}, "at most 1"),
        ({"software_factor": np.array([[1.0, 1.0, np.nan]])}, "'software_factor'.*month 3"),
        ({"tokens_per_task": np.zeros((1, 1, 3))}, "'tokens_per_task'.*first month that serves"),
    ],
)
def test_what_has_no_logarithm_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        intelligence_cost(**inputs(**changed))


def test_other_impossible_inputs_are_refused() -> None:
    with pytest.raises(InputError, match="month 2 has no cost"):
        divisia_2004([np.array([[1.0, 0.0]]), np.ones((1, 2))])
    with pytest.raises(InputError, match="factor above 0"):
        cost_factor(0.0, 0.1, np.zeros(1))
    with pytest.raises(InputError, match="below 0"):
        cost_factor(1.5, -0.1, np.zeros(1))
    with pytest.raises(InputError, match="two dates"):
        log_trend(np.zeros(3), np.ones(3))
    with pytest.raises(InputError, match="above 0"):
        log_trend(np.arange(2.0), np.array([1.0, 0.0]))
