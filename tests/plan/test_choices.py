"""Models that a plan leaves open: read or refused at their place, drawn by weight, computed once and picked."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan.plan.load import load
from gigaplan.report.headline import cards
from gigaplan.results.contributions import contributions
from gigaplan.results.result import Result
from gigaplan.results.spread import of_members
from gigaplan.vocabulary.sampling import Choice, Sampler

PATH = "demand.workloads.chat.model"
TWO = "{one_of: {qwen3_32b: 0.6, gpt_oss_120b: 0.4}}"
MEMBERS = 24


def run(model: str, path: str = PATH, members: int = MEMBERS) -> Result:
    return gp.run("lab-1mw", {path: model, "uncertainty.members": members}, keep="summary")


@given(st.lists(st.floats(0.05, 1), min_size=2, max_size=5), st.integers(0, 20))
def test_options_are_drawn_by_their_weights(weights: list[float], number: int) -> None:
    shares = [w / math.fsum(weights) for w in weights]
    choice = Choice(tuple(f"m{k}" for k in range(len(shares))), tuple(shares))
    picked = Sampler(1025, 3).pick(f"choice {number}", choice)
    assert picked[0] == int(np.argmax(shares))
    assert np.bincount(picked[1:], minlength=len(shares)) / 1024 == pytest.approx(
        shares, abs=0.02
    )  # four standard errors of 31 blocks


def test_names_are_read_as_everywhere_and_the_likeliest_is_central() -> None:
    plan = load("lab-1mw", [f"{PATH}={{one_of: {{Qwen3-32B: 30 %, gpt-oss-120b: 0.7}}, evidence: announced}}"])
    assert plan.document.demand.workloads["chat"].model == "gpt_oss_120b"
    assert plan.choices[PATH] == Choice(("qwen3_32b", "gpt_oss_120b"), (0.3, 0.7))
    assert plan.provenance[PATH].evidence == "announced"


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        (PATH, "{one_of: {qwen3_32b: 0.6, gpt_oss_120b: 0.6}}", "must add up to 1"),
        (
            PATH,
            "{one_of: {qwen3_32b: 60 %, gpt_oss_120b: 60 %}}",
            "write {one_of: {qwen3_32b: 0.5, gpt_oss_120b: 0.5}}",
        ),
        (PATH, "{one_of: {qwen3_32b: 1}}", "needs options"),
        (PATH, "{one_of: [qwen3_32b, gpt_oss_120b]}", "needs options"),
        (PATH, "{one_of: {qwen3_32: 0.6, gpt_oss_120b: 0.4}}", "nearest: qwen3_32b"),
        (PATH, "{one_of: {qwen3_32b: -0.6, gpt_oss_120b: 1.6}}", "a weight lies above 0"),
        (PATH, "{one_of: {qwen3_32b: much, gpt_oss_120b: 0.4}}", "share"),
        (PATH, "{one_of: {qwen3_32b: 0.6, gpt_oss_120b: 0.4}, low: 3}", "'low' next to the options"),
        ("fleet.reference_generation", "{one_of: {h200_hgx: 0.6, b300_hgx: 0.4}}", "a choice isn't possible here"),
        ("power.facility.pue", "{one_of: {1.2: 0.6, 1.3: 0.4}}", "a range of a number"),
        ("fleet.sites", "{A: {region: {one_of: {us: 0.5, ercot: 0.5}}}}", "a choice isn't possible here"),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(path: str, text: str, says: str) -> None:
    with pytest.raises(gp.PlanError) as refused:
        load("lab-1mw", [f"{path}={text}"])
    assert says in str(refused.value)
    assert all(p.place.line for p in refused.value.problems)


def test_a_member_has_the_rates_of_its_model() -> None:
    both, one, other = run(TWO), run("qwen3_32b"), run("gpt_oss_120b")
    (draw,) = [d for d in both.draws if d.options]
    chat = both.labels["workload"].index("chat")
    for name in ("requests_per_gpu_s", "generated_tokens_per_gpu_s"):
        for k, alone in enumerate((one, other)):
            has = draw.values == k
            assert has.any()
            np.testing.assert_array_equal(both[name][has][:, chat], alone[name][has][:, chat])
    rest = [w for w in range(len(both.labels["workload"])) if w != chat]
    np.testing.assert_array_equal(both["requests_per_gpu_s"][:, rest], one["requests_per_gpu_s"][:, rest])
    assert both["cost_usd"][0] == pytest.approx(one["cost_usd"][0])  # the central member has the likeliest


def test_a_training_run_has_the_speed_of_its_model() -> None:
    path = "training.runs.domain model.model"
    both = run("{one_of: {llama_3_1_8b: 0.5, qwen3_32b: 0.5}}", path)
    alone = [run(name, path) for name in ("llama_3_1_8b", "qwen3_32b")]
    (draw,) = [d for d in both.draws if d.options]
    picked = draw.values.astype(int)
    mfu = [of_members(r, "run_mfu_share", ["run"])[:, 0] for r in alone]
    expected = [float(mfu[k][0]) for k in picked]
    got = of_members(both, "run_mfu_share", ["run"])[:, 0]
    assert got[0] == pytest.approx(expected[0])
    assert len(set(picked[1:])) == 2


def test_a_later_model_may_be_left_open(tmp_path: Path) -> None:
    overlay = tmp_path / "later.yaml"
    text = "demand: {workloads: {chat: {later_models: {2027: " + TWO + "}}}}"
    overlay.write_text("overlay: {who: me, why: open, from: 2026-11}\nuncertainty: {members: 24}\n" + text)
    result = gp.run("lab-1mw", {PATH: "gpt_oss_120b"}, [overlay], keep="summary")
    fixed = gp.run("lab-1mw", {PATH: "gpt_oss_120b", "uncertainty.members": MEMBERS}, keep="summary")
    (draw,) = [d for d in result.draws if d.options]
    chat = result.labels["workload"].index("chat")
    same = [
        np.array_equal(result["requests_per_gpu_s"][m, chat], fixed["requests_per_gpu_s"][m, chat]) for m in range(24)
    ]
    assert same == [v == 1 for v in draw.values]


def test_a_choice_may_decide_a_figure() -> None:
    result = run("{one_of: {qwen3_32b: 0.5, llama_3_1_405b: 0.5}}", members=100)
    figures = of_members(result, "requests_per_gpu_s", ("workload", "generation", "year"))
    chat = result.labels["workload"].index("chat")
    found = contributions(result, "requests_per_gpu_s", figures[:, chat, -1, -1])
    assert found is not None
    assert found.inputs[0].input == PATH
    assert found.inputs[0].share > 0.5
    assert all(card.decided is None or card.decided.candidates > 1 for card in cards(result))


def test_with_one_member_the_likeliest_is_taken_and_said() -> None:
    result = run(TWO, members=1)
    assert any("choices have no effect with one member" in w for w in result.warnings)
    values = [e.value for e in result.ledger.under(PATH)]
    assert values == ["qwen3_32b", "gpt_oss_120b"]


def test_it_is_saved_and_read(tmp_path: Path) -> None:
    result = run(TWO)
    again = gp.load(gp.save(result, tmp_path / "kept"))
    assert again.draws == result.draws
    assert gp.rerun(tmp_path / "kept").same
