"""Rank correlations that a plan states: drawn as stated, refused where they can't be, one input of a headline."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

import gigaplan as gp
from gigaplan.plan.load import Plan, load
from gigaplan.report.headline import cards
from gigaplan.results.contributions import sources_of
from gigaplan.vocabulary.correlations import Correlation, by_name, clusters, nearest_correlations
from gigaplan.vocabulary.sampling import Choice, Sampler, Spread

PRICE, PUE, LOSS = (f"power.facility.{n}" for n in ("power_price_usd_per_mwh", "pue", "loss_share"))
RANGES = {PRICE: "55 to 80 USD/MWh", PUE: "1.1 to 1.3", LOSS: "2 to 8 %"}
BUILD = ("build.life_years", "facility.it_per_rack_power")
WIDE = Spread(10.0, 5.0, 40.0, lower=0.0)
RANK = st.floats(-0.95, 0.95)


def plan_of(correlations: list[tuple[str, str, float]], tmp_path: Path, members: int = 200) -> Path:
    text = "".join(f"    - {{between: ['{a}', '{b}'], rank: {rank}}}\n" for a, b, rank in correlations)
    path = tmp_path / "together.yaml"
    path.write_text(
        "overlay: {who: me, why: together, from: 2026-11}\n"
        f"uncertainty:\n  members: {members}\n  correlations:\n{text}"
        + "power:\n  facility:\n"
        + "".join(f"    {name.rpartition('.')[2]}: {stated}\n" for name, stated in RANGES.items())
    )
    return path


def loaded(correlations: list[tuple[str, str, float]], tmp_path: Path) -> Plan:
    return load("lab-1mw", overlays=[plan_of(correlations, tmp_path)])


@given(RANK, st.sampled_from([None, "uniform", "triangular"]))
def test_draws_have_the_rank_correlation_that_is_stated(rank: float, dist: str | None) -> None:
    sampler = Sampler(4001, 0, correlated=by_name(list(clusters([Correlation("a", "b", rank)]))))
    plain = Sampler(4001, 0)
    other = Spread(0.5, 0.0, 1.0, dist and type(Spread(0, 0, 0).drawn_as)(dist))  # type: ignore[arg-type]
    a, b = sampler.draw("a", WIDE), sampler.draw("b", other)
    assert spearmanr(a[1:], b[1:]).statistic == pytest.approx(rank, abs=0.05)
    np.testing.assert_allclose(a, plain.draw("a", WIDE), rtol=1e-9)
    # Each alone is distributed as before.
    assert np.quantile(b[1:], [0.1, 0.5, 0.9]) == pytest.approx(
        np.quantile(plain.draw("b", other)[1:], [0.1, 0.5, 0.9]), abs=0.02
    )
    assert (a[0], b[0]) == (WIDE.central, other.central)


def test_a_chain_hangs_together_and_others_stay_as_they_are() -> None:
    found = list(clusters([Correlation("a", "b", 0.6), Correlation("c", "d", -0.5), Correlation("b", "e", 0.3)]))
    assert [c.names for c in found] == [("c", "d"), ("a", "b", "e")] or [c.names for c in found] == [
        ("a", "b", "e"),
        ("c", "d"),
    ]
    sampler, plain = Sampler(4001, 0, correlated=by_name(found)), Sampler(4001, 0)
    draws = {n: sampler.draw(n, WIDE)[1:] for n in "abcdef"}
    stated = {("a", "b"): 0.6, ("c", "d"): -0.5, ("b", "e"): 0.3}
    for pair in itertools.combinations("abcdef", 2):
        got = spearmanr(draws[pair[0]], draws[pair[1]]).statistic
        assert got == pytest.approx(stated.get(pair, 0.0), abs=0.06)
    np.testing.assert_array_equal(draws["f"], plain.draw("f", WIDE)[1:])


def test_a_choice_may_be_correlated() -> None:
    sampler = Sampler(2001, 0, correlated=by_name(list(clusters([Correlation("model", "price", 0.8)]))))
    picked = sampler.pick("model", Choice(("small", "large"), (0.7, 0.3)))
    price = sampler.draw("price", WIDE)
    assert picked[1:].mean() == pytest.approx(0.3, abs=0.02)
    assert np.median(price[1:][picked[1:] == 1]) > 1.5 * np.median(price[1:][picked[1:] == 0])


@given(st.lists(RANK, min_size=3, max_size=3))
def test_the_nearest_that_can_be_can_be(ranks: list[float]) -> None:
    pairs = [Correlation(a, b, r) for (a, b), r in zip(itertools.combinations("abc", 2), ranks, strict=True)]
    (one,) = clusters(pairs)
    nearest = nearest_correlations(one.scores)
    np.testing.assert_allclose(np.diag(nearest), 1.0)
    assert np.linalg.eigvalsh(nearest)[0] > 0
    if one.possible and np.linalg.eigvalsh(one.scores)[0] > 1e-3:
        np.testing.assert_allclose(nearest, one.scores, atol=1e-8)
    if not one.possible:
        assert all(offered.possible for offered in clusters(one.nearest()))


def test_the_example_of_higham() -> None:
    """Higham (2002, section 4): the nearest to 1 1 0 / 1 1 1 / 0 1 1 is at distance 0.5278 (Frobenius)."""
    table = np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]])
    found = nearest_correlations(table)
    assert np.linalg.norm(found - table) == pytest.approx(0.5278, abs=1e-3)
    assert found[0, 1] == pytest.approx(0.7607, abs=1e-3)
    assert found[0, 2] == pytest.approx(0.1573, abs=1e-3)


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([(PRICE, PUE, 0.9), (PUE, LOSS, 0.9), (PRICE, LOSS, -0.9)], "isn't positive definite"),
        ([(PRICE, PUE, 0.9), (PUE, LOSS, 0.9), (PRICE, LOSS, -0.9)], "the nearest that can be: "),
        ([(PRICE, "power.facility.pues", 0.5)], "nearest: power.facility.pue"),
        ([(PRICE, "build.life_yeers", 0.5)], "nearest: build.life_years"),
        ([(PRICE, "name", 0.5)], "this has no range"),
        ([(PRICE, PRICE, 0.5)], "both have one draw"),
        ([(PRICE, PUE, 0.5), (PUE, PRICE, 0.4)], "stands here twice"),
        ([(PRICE, PUE, 1.5)], "rank"),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(pairs: list[tuple[str, str, float]], says: str, tmp_path: Path) -> None:
    with pytest.raises(gp.PlanError) as refused:
        loaded(pairs, tmp_path)
    assert says in str(refused.value)
    assert all(p.place.line for p in refused.value.problems)


def test_the_nearest_that_is_offered_is_taken(tmp_path: Path) -> None:
    with pytest.raises(gp.PlanError) as refused:
        loaded([(PRICE, PUE, 0.9), (PUE, LOSS, 0.9), (PRICE, LOSS, -0.9)], tmp_path)
    (problem,) = refused.value.problems
    offered = problem.remedy.removeprefix("the nearest that can be: ").split("; ")
    pairs = [(a, b.rpartition(" ")[0], float(b.rpartition(" ")[2])) for a, b in (o.split(" and ") for o in offered)]
    assert loaded(pairs, tmp_path).correlations


def test_a_run_draws_them_and_counts_them_as_one_input(tmp_path: Path) -> None:
    pairs = [(PRICE, PUE, 0.8), (*BUILD, -0.6)]
    result = gp.run("lab-1mw", overlays=[plan_of(pairs, tmp_path)], keep="summary")
    draws = {d.name: d for d in result.draws}
    for a, b, rank in pairs:
        assert spearmanr(draws[a].values[1:], draws[b].values[1:]).statistic == pytest.approx(rank, abs=0.1)
    assert abs(spearmanr(draws[PRICE].values[1:], draws[LOSS].values[1:]).statistic) < 0.2
    names = [s.name for s in sources_of(result.draws)]
    assert f"{PRICE} with {PUE}" in names and PRICE not in names
    assert next(s for s in sources_of(result.draws) if s.name == f"{PRICE} with {PUE}").columns.shape[1] == 2
    assert len(cards(result)) > 0
    again = gp.load(gp.save(result, tmp_path / "kept"))
    assert again.draws == result.draws


def test_a_correlation_without_effect_is_said(tmp_path: Path) -> None:
    unread = gp.run("lab-1mw", overlays=[plan_of([(PRICE, "vr_nvl72.supply_cap_racks_per_month", 0.5)], tmp_path, 12)])
    assert any("no input of this plan draws from vr_nvl72" in w for w in unread.warnings)
    one = gp.run("lab-1mw", {"uncertainty.members": 1}, [plan_of([(PRICE, PUE, 0.5)], tmp_path)])
    assert any("one member draws nothing" in w for w in one.warnings)


def test_what_follows_another_already_is_refused(tmp_path: Path) -> None:
    with pytest.raises(gp.PlanError, match=r"follows capability\.eci_per_decade_flop already"):
        gp.run("lab-1mw", overlays=[plan_of([(PRICE, "capability.eci_per_year", 0.5)], tmp_path, 12)])
