"""What decides a figure: shares of its variance by input, nothing named for noise, the same on every door."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape
from tests.report.test_report import printed

import gigaplan as gp
from gigaplan.report.headline import cards
from gigaplan.report.html import html
from gigaplan.report.select import summary
from gigaplan.report.terminal import render
from gigaplan.results.aggregate import aggregate
from gigaplan.results.contributions import (
    CHANCE,
    SHOWN,
    Contributions,
    Source,
    _scores,
    contributions,
    decompose,
    depended_on,
    sources_of,
)
from gigaplan.results.explain import explain
from gigaplan.results.result import Result
from gigaplan.vocabulary.draws import Draw
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.facts import Evidence
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.sampling import Sampler, Spread

MEMBERS = 100
EFFECTS = {"a": 3.0, "b": 2.0, "c": 1.0, "d": 0.5}
"""Slopes of a model with known shares: 9, 4, 1 and 0.25 of 14.25."""
NOISE_INPUTS = 150


def draws(members: int, seed: int = 0) -> dict[str, Draw]:
    """Standard normal draws of the inputs of the known model, and of many that do nothing."""
    random, sampler = np.random.default_rng(seed), Sampler(members, 0)
    spread = Spread(0.0, -1.2815515655446004, 1.2815515655446004)
    names = [*EFFECTS, *(f"noise {k}" for k in range(NOISE_INPUTS))]
    return {
        n: Draw(
            name=n,
            values=random.normal(size=members) if seed else sampler.draw(n, spread),
            paths=(n,),
            evidence=Evidence.ASSUMED,
        )
        for n in names
    }


def known(of: dict[str, Draw]) -> Array:
    return np.asarray(sum(slope * of[n].values for n, slope in EFFECTS.items()))


def found(of: dict[str, Draw], figures: Array) -> Contributions:
    return decompose(figures[1:], list(sources_of(of.values())))


@pytest.mark.parametrize(("members", "within"), [(1001, 0.06), (301, 0.1)])
def test_shares_of_a_model_with_known_ones(members: int, within: float) -> None:
    of = draws(members)
    total = sum(s**2 for s in EFFECTS.values())
    shares = {c.input: c.share for c in found(of, known(of)).inputs}
    for name, slope in EFFECTS.items():
        assert shares.get(name, 0.0) == pytest.approx(slope**2 / total, abs=within)
    assert list(shares)[:3] == ["a", "b", "c"]


def test_a_hundred_members_name_what_is_large_and_little_else() -> None:
    wrong = 0
    for seed in range(1, 21):
        of = draws(MEMBERS, seed)
        shares = {c.input: c.share for c in found(of, known(of)).inputs}
        assert list(shares)[:2] == ["a", "b"]
        assert shares["a"] == pytest.approx(0.63, abs=0.25)
        wrong += len(set(shares) - set(EFFECTS))
    assert wrong <= 3


def test_noise_is_never_named() -> None:
    of = draws(MEMBERS)
    sources = list(sources_of(of.values()))
    random = np.random.default_rng(5)
    named = [bool(decompose(random.normal(size=MEMBERS - 1), sources).inputs) for _ in range(50)]
    assert np.mean(named) <= CHANCE + 3 * math.sqrt(CHANCE / 50)
    nothing = decompose(random.normal(size=MEMBERS - 1), sources)
    assert "stands out" in nothing.text and nothing.rest == 1.0 and nothing.evidence_text == ""


SHAPES: dict[str, Callable[[dict[str, Array]], Array]] = {
    "sum": lambda x: 3 * x["a"] + 2 * x["b"] + x["c"],
    "product": lambda x: np.exp(x["a"] + 0.5 * x["b"]) * (1 + np.exp(x["c"])),
    "ceiling": lambda x: np.minimum(2 * x["a"] + x["b"], 0.5),
    "few values": lambda x: np.round(x["a"] + x["b"]),
    "later of two": lambda x: np.maximum(x["a"] + 0.3 * x["c"], x["b"]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_inputs_that_do_not_matter_are_seldom_named(shape: str) -> None:
    """Of 155 inputs three matter at most, by functions of all the kinds that plans have."""
    runs, wrong, right = 30, 0, 0
    for seed in range(1, runs + 1):
        of = draws(MEMBERS, seed)
        named = {c.input for c in found(of, SHAPES[shape]({n: d.values for n, d in of.items()})).inputs}
        wrong += len(named - {"a", "b", "c"})
        right += "a" in named
    # each search ends with one try that may name a wrong input by chance, and each that does has one more
    expected = runs * CHANCE / (1 - CHANCE)
    assert wrong <= expected + 3 * math.sqrt(expected)
    assert right == runs


def test_a_bent_effect_counts_whole() -> None:
    """An input that binds on one side alone: by a straight line it would have less than it decides."""
    random = np.random.default_rng(3)
    x = random.normal(size=(2000, 2))
    figures = np.minimum(x[:, 0], 0.0) + 0.1 * x[:, 1]
    sources = [Source(n, Evidence.ASSUMED, x[:, k : k + 1]) for k, n in enumerate("xy")]
    got = {c.input: c.share for c in decompose(figures, sources).inputs}
    scores = _scores(figures[:, None])[:, 0]
    parts = np.array_split(scores[np.argsort(x[:, 0])], 50)
    alone = np.var([part.mean() for part in parts]) / np.var(scores)  # what goes once x is known
    assert got["x"] == pytest.approx(alone, abs=0.09)
    assert got["x"] > np.corrcoef(x[:, 0], scores)[0, 1] ** 2 + 0.03


def test_the_next_ones_are_listed_as_not_distinguished() -> None:
    of = draws(MEMBERS, 4)
    got = found(of, known(of))
    assert len(got.inputs) + len(got.indistinct) == SHOWN
    assert not {c.input for c in got.inputs} & set(got.indistinct)
    assert f"not distinguished from chance: {', '.join(got.indistinct)}" in got.text
    assert got.as_data()["indistinct"] == list(got.indistinct)
    many_members = found(draws(3001), known(draws(3001)))
    assert [c.input for c in many_members.inputs[:4]] == list(EFFECTS)


@settings(max_examples=10)
@given(st.integers(1, 10**6))
def test_only_the_order_of_a_figure_counts(seed: int) -> None:
    """A figure on another scale, and inputs on another scale, have the same shares."""
    of = draws(61, seed)
    figures = known(of)
    other = {n: dataclasses.replace(d, values=np.exp(d.values)) for n, d in of.items()}
    assert found(of, figures) == found(other, np.exp(figures / 2))


@settings(max_examples=15)
@given(st.integers(1, 10**6), st.floats(0.1, 10))
def test_shares_and_the_rest_add_up_to_one(seed: int, scale: float) -> None:
    of = draws(61, seed)
    noise = np.random.default_rng(seed).normal(size=61) * scale
    got = found(of, known(of) + noise)
    assert sum(c.share for c in got.inputs[:SHOWN]) + got.rest == pytest.approx(1.0)
    assert sum(got.by_evidence.values()) == pytest.approx(sum(c.share for c in got.inputs))
    assert all(0 < c.share <= 1 for c in got.inputs)


def test_inputs_of_a_group_are_one_input() -> None:
    of = draws(301)
    values = of["a"].values
    same = [
        Draw(name=n, values=by * values, paths=(n,), evidence=e, group="site")
        for n, by, e in (("a1", 1.0, Evidence.MEASURED), ("a2", 2.0, Evidence.ANNOUNCED))
    ]
    others = {n: d for n, d in of.items() if n != "a"}
    got = decompose(known(of)[1:], list(sources_of([*same, *others.values()])))
    assert [c.input for c in got.inputs[:2]] == ["site", "b"]
    assert got.inputs[0].evidence == Evidence.ANNOUNCED
    assert list(got.by_evidence) == ["announced", "assumed"]


def test_what_several_errors_have_in_common_is_an_input_of_its_own() -> None:
    sampler, spread = Sampler(1001, 0), Spread(1.0, 0.5, 2.0, lower=0.0)
    lead = ("error.shared", math.sqrt(0.5))
    errors = [
        Draw(
            name=f"error.{k}",
            values=sampler.draw(f"error.{k}", spread, lead),
            paths=("x",),
            evidence=Evidence.ESTIMATED,
            follows=lead[0],
            correlation=lead[1],
        )
        for k in range(2)
    ]
    shared = Draw(name=lead[0], values=sampler.unit(lead[0]), paths=("x",), evidence=Evidence.ESTIMATED)
    figures = np.log(errors[0].values) + np.log(errors[1].values)
    got = decompose(figures[1:], list(sources_of([*errors, shared])))
    shares = {c.input: c.share for c in got.inputs}
    # Of the sum of two scores with correlation 1/2 the common part makes up 2/3.
    assert shares["error.shared"] == pytest.approx(2 / 3, abs=0.05)
    assert shares["error.0"] == pytest.approx(1 / 6, abs=0.04)


def test_several_columns_are_one_input() -> None:
    """A choice among three has two columns; its share is that of both together."""
    random = np.random.default_rng(2)
    choice = random.integers(0, 3, 600)
    columns = np.stack([choice == k for k in (1, 2)], axis=1).astype(float)
    figures = np.array([0.0, 5.0, 1.0])[choice] + random.normal(size=600)
    sources = [Source("choice", Evidence.ASSUMED, columns)]
    sources += [Source(f"n{k}", Evidence.ASSUMED, random.normal(size=(600, 1))) for k in range(40)]
    got = decompose(figures, sources)
    assert [c.input for c in got.inputs] == ["choice"]
    assert got.inputs[0].share > 0.6


@cache
def many() -> Result:
    return gp.run("announced-2025-09", {"uncertainty.members": MEMBERS}, keep="summary")


def test_one_answer_on_every_door() -> None:
    result = many()
    page, terminal, told = html(result), printed(render(result, full=True), 4000), summary(result)
    for card, data in zip(cards(result), told["headlines"], strict=True):
        assert card.decided is not None
        assert data["decided_by"] == card.decided.as_data()
        assert str(escape(card.decided_text)) in page and card.decided.badge in page
        assert f"{card.name}: {card.decided_text}" in terminal
        told_by = explain(result, card.variable, card.at)
        assert told_by.decided == card.decided
        assert gp.to_json(told_by)["decided_by"] == json.loads(json.dumps(card.decided.as_data()))
    assert "rests on:" not in page


def test_one_member_decides_nothing() -> None:
    result = gp.run("lab-1mw")
    assert result.draws == ()
    assert all(card.decided is None for card in cards(result))
    assert "Decided by" not in printed(render(result, full=True), 200)
    assert "decided_by" not in gp.to_json(explain(result, "cost_usd"))


def test_what_is_named_moves_the_figure_one_at_a_time() -> None:
    """First tokens: the lags that are named move them by more than those that aren't, in the order of their shares."""
    card = next(c for c in cards(many()) if c.variable == "first_token_day")
    assert card.decided is not None
    facts = {f.id: f for f in many().facts()}

    def moved(name: str) -> float:
        ends = []
        for end in (facts[name].low, facts[name].high):
            result = gp.run(
                "announced-2025-09", {f"fleet.{name}": f"{end} months", "uncertainty.members": 1}, keep="summary"
            )
            ends.append(float(aggregate(result, card.variable, at=card.at).values))
        return ends[1] - ends[0]

    lags = [n for n in facts if n.startswith("ladder.") and n.endswith("_lag_months") and facts[n].low is not None]
    by_move = sorted(lags, key=moved, reverse=True)
    assert {c.input for c in card.decided.inputs[:2]} <= set(by_move[:3])


def test_draws_outside_of_the_lineage_are_not_looked_at() -> None:
    result = many()
    dates = depended_on(result, "first_token_day")
    assert dates < depended_on(result, "cost_per_mtok_all_usd")
    assert "ladder.ready_lag_months" in dates and not any(n.startswith("chat.") for n in dates)
    assert "serving_error.shared" in depended_on(result, "requests_per_gpu_s")
    assert "training_error.shared" not in depended_on(result, "capital_usd")


def test_nothing_is_said_of_a_figure_without_spread_or_members() -> None:
    result = many()
    assert contributions(result, "cost_usd", np.ones(MEMBERS)) is None
    assert contributions(result, "cost_usd", np.full(MEMBERS, np.nan)) is None
    assert contributions(result, "facility_power_mw", np.ones(1)) is None  # kept for the central member alone
    never = np.where(np.arange(MEMBERS) % 3, np.nan, 1.0)
    assert contributions(result, "first_token_day", never, date=True) is not None


def test_draws_are_saved_and_checked(tmp_path: Path) -> None:
    result = gp.run("lab-1mw", {"uncertainty.members": 12}, keep="summary")
    folder = gp.save(result, tmp_path / "kept")
    again = gp.load(folder)
    assert again.draws == result.draws
    for mine, kept in zip(result.draws, again.draws, strict=True):
        np.testing.assert_array_equal(mine.values, kept.values)
    path = folder / "draws.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(PlanError, match=r"draws\.parquet was altered"):
        gp.load(folder)
    path.unlink()
    with pytest.raises(PlanError, match=r"draws\.parquet"):
        gp.load(folder)
