"""Choices that a plan leaves open, in studies of what decides: each option is one that is run."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan.plan.load import load
from gigaplan.plan.resolve import resolve
from gigaplan.study.design import Case, Design
from gigaplan.study.indices import HIGH, LOW, Given, OneAtATime
from gigaplan.study.options import draws_at, influence_of, levels_of, parts_of, places
from gigaplan.study.work import rows_of
from gigaplan.vocabulary.sampling import Choice, Part, Sampler

PLAN, PATH = "lab-1mw", "demand.workloads.chat.model"
OPTIONS = {"qwen3_32b": 0.5, "llama_3_1_405b": 0.45, "gpt_oss_120b": 0.05}
CHANGES = {"horizon.end": "2026-12", PATH: {"one_of": OPTIONS}}
TEXTS = ["horizon.end=2026-12", f"{PATH}={{one_of: {{qwen3_32b: 0.5, llama_3_1_405b: 0.45, gpt_oss_120b: 0.05}}}}"]
ENERGY = "energy at the meter"


def of_choice(answer: gp.Sensitivity, name: str) -> object:
    headline = next(s for s in answer.headlines if s.headline.name == name)
    return next(e for e in headline.effects if e.input == PATH)


@pytest.fixture(scope="module")
def tornado(tmp_path_factory: pytest.TempPathFactory) -> gp.Sensitivity:
    return gp.study_sensitivity(PLAN, TEXTS, out=tmp_path_factory.mktemp("s") / "tornado", workers=1)


def test_a_tornado_runs_each_option(tornado: gp.Sensitivity) -> None:
    found = dict(of_choice(tornado, ENERGY).options)  # type: ignore[attr-defined]
    assert list(found) == list(OPTIONS)
    for name, value in found.items():
        alone = gp.run(PLAN, {"horizon.end": "2026-12", PATH: name, "uncertainty.members": 1})
        assert value == pytest.approx(float(alone["facility_energy_mwh"].sum()), rel=1e-9)
    assert len(set(found.values())) == len(OPTIONS)
    assert of_choice(tornado, ENERGY).share > 0  # type: ignore[attr-defined]
    assert not any(math.isfinite(v) for v in (of_choice(tornado, ENERGY).low, of_choice(tornado, ENERGY).high))  # type: ignore[attr-defined]


def test_the_answer_says_what_the_choice_is(tornado: gp.Sensitivity) -> None:
    (one,) = next(d for d in tornado.deciding if d.name == PATH).inputs
    assert (one.central, one.low, one.high) == ("qwen3_32b", None, None)
    assert one.distribution == "one of qwen3_32b 50%, llama_3_1_405b 45%, gpt_oss_120b 5%"
    data = gp.to_json(tornado)["headlines"]
    effect = next(e for h in data if h["name"] == ENERGY for e in h["effects"] if e["input"] == PATH)
    assert list(effect["options"]) == list(OPTIONS) and effect["low"] is None


def test_sobol_indices_vary_the_choice(tornado: gp.Sensitivity, tmp_path: Path) -> None:
    place = [d.name for d in tornado.deciding].index(PATH) + 1
    members = 12 * (place + 3) + 1
    answer = gp.study_sensitivity(PLAN, TEXTS, method="sobol", inputs=place, members=members, out=tmp_path, workers=1)
    assert of_choice(answer, ENERGY).total > 0  # type: ignore[attr-defined]
    assert of_choice(answer, ENERGY).options == of_choice(tornado, ENERGY).options  # type: ignore[attr-defined]


def test_a_draw_in_the_middle_of_each_part_takes_that_option() -> None:
    plan = load(PLAN, TEXTS)
    choice = resolve(plan, Part(2)).chosen[PATH]
    drawn = np.array([p.at for p in parts_of([choice])])
    (picks,) = resolve(plan, Part(4, 0, 1, {PATH: drawn})).picks.values()
    assert picks.numbers.tolist() == [0, 0, 1, 2]  # the central member has the likeliest


WEIGHTS = st.lists(st.integers(1, 30), min_size=2, max_size=6).map(lambda w: tuple(x / sum(w) for x in w))


@given(st.lists(WEIGHTS, min_size=1, max_size=3))
def test_parts_share_out_the_whole_draw(weights: list[tuple[float, ...]]) -> None:
    choices = [Choice(tuple(f"{k}{i}" for i in range(len(w))), w, "g") for k, w in enumerate(weights)]
    parts = parts_of(choices)
    assert sum(p.weight for p in parts) == pytest.approx(1.0)
    sampler = Sampler(len(parts) + 1, 0, points={"g": np.array([p.at for p in parts])})
    names = [[c.options[i] for i in sampler.pick(str(k), c)[1:]] for k, c in enumerate(choices)]
    assert [p.name for p in parts] == [", ".join(dict.fromkeys(n)) for n in zip(*names, strict=True)]


def test_one_at_a_time_puts_a_choice_at_its_options_alone() -> None:
    parts = {"b": parts_of([Choice(("x", "y", "z"), (0.2, 0.2, 0.6))])}
    design = OneAtATime(("a", "b", "c"), places(parts, frozenset()))
    assert design.members == 7 and design.of("b") == slice(2, 5)
    rows = design.rows(1, 7)
    np.testing.assert_allclose(rows["b"], [np.nan, np.nan, 0.1, 0.3, 0.7, np.nan, np.nan])
    assert rows["c"][5:].tolist() == [LOW, HIGH]
    assert places(parts, frozenset({"b"}))["b"][:2] == (LOW, HIGH)
    later = design.rows(4, 2)
    assert set(later) == {"b"} and later["b"].tolist() == rows["b"][3:5].tolist()


def test_a_choice_between_two_equal_halves_counts_as_a_range_of_the_same_variance() -> None:
    """Two values one apart, each half the time, have a variance of 1/4; a normal range of 80 % is 2.56 deviations."""
    parts = parts_of([Choice(("a", "b"), (0.5, 0.5))])
    assert influence_of(parts, np.array([[1.0], [2.0]]))[0] == pytest.approx(2.5631**2 / 4, rel=1e-4)
    assert influence_of(parts, np.array([[1.0], [np.nan]]))[0] == 0.0


@given(st.integers(2, 8))
def test_elementary_effects_reach_each_option(count: int) -> None:
    parts = parts_of([Choice(tuple(map(str, range(count))), (1 / count,) * count)])
    levels = levels_of({"x": parts})
    share = np.linspace(0, 1, levels)
    assert set(draws_at(parts, share, with_numbers=False)) == {p.at for p in parts}
    even = draws_at(parts, share, with_numbers=True)
    assert even[0] <= LOW and even[-1] >= HIGH and (np.diff(even) > 0).all()


def test_chunks_have_the_same_headlines_whatever_their_members() -> None:
    """Gigawatts whose dates are given are the central member's: medians differ from chunk to chunk."""
    plan = load("lab-1mw", ["horizon.end=2026-12"])
    late, early = (Given(("ladder.ready_lag_months",), np.full((64, 1), at)) for at in (0.99, 0.01))
    names = []
    for points in (late, early):
        design = Design(
            kind="t", plans=(plan.hash,), cases=(Case(plan.sources),), members=65, points=points, fans=False
        )
        names.append([h.name for h in rows_of(design, 0, 1, 64).headlines])
    assert names[0] == names[1]
