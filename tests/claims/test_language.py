"""The language of claims: every kind of mistake is found, with its place, what is allowed and the nearest name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import gigaplan as gp
from gigaplan import claims
from gigaplan import plan as plans
from gigaplan.plan.claims import shipped_ids
from gigaplan.results.verdicts import Claim
from gigaplan.vocabulary.errors import PlanError, Problem

HEAD = "source: {title: me, date: 2026-01}\nclaims:\n  mine:\n    says: so\n"


def problems(path: Path, text: str) -> tuple[Problem, ...]:
    path.write_text(text)
    with pytest.raises(PlanError) as caught:
        claims.read(path)
    return caught.value.problems


@pytest.mark.parametrize(
    ("statement", "message", "nearest"),
    [
        ("quantity: gpus_produsing, reduce: max, at_least: 1", "no such result quantity", "gpus_producing"),
        ("quantity: gpus_producing, at: {sites: new}, reduce: max, at_least: 1", "has no such dim", ""),
        ("quantity: gpus_producing, at: {generation: []}, reduce: max, at_least: 1", "no label is named", ""),
        ("quantity: gpus_producing, at: {genration: vr_nvl72}, reduce: max, at_least: 1", "no such dim", "generation"),
        (
            "quantity: gpus_producing, at: {generation: vr_nvl71}, reduce: max, at_least: 1",
            "no such generation",
            "vr_nvl72",
        ),
        ("quantity: power_state_mw, at: {state: acepted}, reduce: max, at_least: 1", "no such state", "accepted"),
        (
            "quantity: power_state_mw, at: {state: accepted or beyon}, reduce: max, at_least: 1",
            "no such state",
            "accepted or beyond",
        ),
        (
            "quantity: tokens_served_per_day, at: {token: generatd}, reduce: max, at_least: 1",
            "no such token",
            "generated",
        ),
        ("quantity: gpus_producing, over: {generation: maxx}, reduce: max, at_least: 1", "no such way to fold", "max"),
        ("quantity: gpus_producing, reduce: maxi, at_least: 1", "no such reduction over time", "max"),
        ("quantity: gpus_producing, at_least: 1", "'reduce' is missing", ""),
        ("quantity: run_mfu_share, over: {run: max}, reduce: max, at_least: 1", "is one number", ""),
        ("quantity: weekly_users, reduce: max, reached: {at_least: 1}, happens: true", "at every moment", ""),
        ("quantity: weekly_users, reduce: sum, at_least: 1", "a level is not summed over time", ""),
        ("quantity: largest_run_flop, at: {scope: one site}, reduce: sum, at_least: 1", "not summed over time", ""),
        ("quantity: cost_per_mtok_all_usd, reduce: mean, at_least: 1", "a price has no plain mean", ""),
        ("quantity: served_share, over: {workload: min}, reduce: mean, at_least: 1", "a share has no plain mean", ""),
        ("quantity: served_share, reduce: min, at_least: 1", "cannot be summed over workload", ""),
        (
            "quantity: served_share, over: {workload: sum}, reduce: min, at_least: 1",
            "cannot be summed over workload",
            "",
        ),
        ("quantity: capability_eci, reduce: max, at_least: 1", "no parts of a whole", ""),
        ("quantity: shadow_price_usd_per_gpu_h, reduce: max, at_least: 1", "cannot be summed over day", ""),
        ("quantity: weekly_users, reduce: max, bases: [itt], at_least: 1", "no such basis of power", "it"),
        ("quantity: weekly_users, reduce: max, bases: {flop: [fp4_dense]}, at_least: 1", "unknown name", "flops"),
        (
            "quantity: weekly_users, reduce: max, bases: {flops: [fp4_dens]}, at_least: 1",
            "no such basis of flops",
            "fp4_dense",
        ),
        ("quantity: weekly_users, reduce: max, at_leest: 1", "unknown name", "at_least"),
        ("quantity: weekly_users, reduce: max", "nothing decides this statement", ""),
        ("reduce: max, at_least: 1", "a value is read from one source", ""),
        ("quantity: weekly_users, fact: loi_2025_09.capacity_mw, at_least: 1", "a value is read from one source", ""),
        ("fact: loi_2025_09.capacity_mv, at_least: 1", "no fact 'capacity_mv'", ""),
        ("fact: capacity, at_least: 1", "named by its entity and its quantity", ""),
        ("fact: vr_nvl72.gpu_tgp_w, on: {profil: max_q}, at_least: 1", "unknown name", "profile"),
        ("fact: loi_2025_09.capacity_mw, reduce: max, at_least: 1", "says nothing of a fact", ""),
        ("gpus_in: 1 GW, at_least: 1", "'of' is missing", ""),
        ("gpus_in: 1 GW, of: vr_nvl, at_least: 1", "no such system", "vr_nvl72"),
        ("peak_of: vr_nvl, at_least: 1", "no such system", "vr_nvl72"),
        ("quantity: weekly_users, reduce: max, system: vr_nvl, at_least: 1", "no such system", "vr_nvl72"),
        ("quantity: weekly_users, reduce: max, at_least: many", "not a number", ""),
        ("quantity: weekly_users, reduce: max, at_least: 3 wats", "not a unit known here", ""),
        ("quantity: weekly_users, reduce: max, between: 3", "has two ends", ""),
        ("quantity: weekly_users, reduce: max, not_before: 2026", "bounds a date", ""),
        ("quantity: first_token_day, over: {site: min}, at_least: 3", "bounds a number", ""),
        ("quantity: first_token_day, over: {site: min}, by: soon", "not a date", ""),
        ("quantity: weekly_users, reduce: max, at_least: 1, during: summer", "not a date", ""),
        ("quantity: weekly_users, reduce: max, at_least: 1, tolerance: much", "not a number", ""),
        ("quantity: weekly_users, reduce: max, at_least: 1, absent: ignore", "what the plan lacks", ""),
        ("quantity: weekly_users, reduce: max, at_least: 1, skip: none", "not a value to skip", ""),
        ("quantity: weekly_users, reduce: max, at_least: 1, otherwise: fine", "not a verdict", ""),
        ("quantity: weekly_users, reduce: last, years: upp, at_least: 1", "no such step", "up"),
        ("quantity: weekly_users, reduce: last, growth: {from: 2026}, at_least: 1", "'to' is missing", ""),
        (
            "quantity: weekly_users, reduce: last, years: up, growth: {from: 2026, to: 2027}, at_least: 1",
            "one reduction over time",
            "",
        ),
        ("quantity: weekly_users, months: {at_leest: 3}, at_least: 1", "a condition is one comparison", ""),
        ("quantity: gpus_producing, reduce: max, each: generatoin, at_least: 1", "no such dim", "generation"),
        (
            "quantity: gpus_producing, reduce: max, each: generation, count: generation, at_least: 1",
            "one dim stays apart",
            "",
        ),
        (
            "quantity: gpus_producing, reduce: max, among: {generation: {above: 1}}, at_least: 1",
            "what is compared is missing",
            "",
        ),
        ("quantity: capital_usd, reduce: sum, during: 2030 to 2027, at_most: 1", "ends before it begins", ""),
        ("quantity: capital_usd, reduce: sum, at_most: {quantity: cost_usd, reduce: sum, during: 1}", "not a date", ""),
        ("quantity: it_power_drawn_mw, reduce: max, unit: GWh, at_most: 1", "a unit of another kind", ""),
        ("quantity: weekly_users, reduce: max, unit: GW, at_most: 1", "a unit of another kind", ""),
        ("quantity: requests_asked_per_day, reduce: sum, unit: requests/day, at_most: 1", "of another kind", ""),
        ("quantity: weekly_users, reduce: max, at_least: 1, tolerance: 100 %", "a tolerance lies between", ""),
        ("quantity: weekly_users, reduce: max, at_least: 1, tolerance: -5 %", "a tolerance lies between", ""),
    ],
)
def test_a_wrong_statement(tmp_path: Path, statement: str, message: str, nearest: str) -> None:
    found = problems(tmp_path / "mine.yaml", f"{HEAD}    statements:\n      - {{{statement}}}\n")
    checked = [p for p in found if message in p.message]
    assert checked, [str(p) for p in found]
    assert checked[0].place.line == 6
    assert checked[0].place.column >= 9
    assert nearest in (checked[0].nearest, "")
    assert checked[0].remedy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("claims: {}", "'source' is missing"),
        ("source: {title: me}", "'claims' is missing"),
        ("source: {titel: me}\nclaims: {}", "unknown name"),
        ("source: {url: x}\nclaims: {}", "'title' is missing"),
        ("source: {title: me, date: someday}\nclaims: {}", "not a date"),
        ("source: {title: me}\nclaims: {a: {statements: []}}", "'says' is missing"),
        ("source: {title: me}\nclaims: {a: {says: so}}", "'statements' is missing"),
        ("source: {title: me}\nclaims: {a: so}", "not allowed here"),
        ("source: {title: me}\nclaims: {a: {says: so, statements: []}}", "nothing is listed here"),
        ("source: {title: me}\nclaims: {a: {says: so, statements: [{}]}}", "nothing is written here"),
        ("source: {title: me}\nclaims: {a: {says: so, statements: [{readings: []}]}}", "nothing is listed here"),
        ("source: {title: me}\nclaims: {a: {says: so, statements: [{readings: [{}]}]}}", "nothing is written here"),
        ("source: {title: me}\nclaims: {a/b: {says: so, statements: []}}", "not an id for a claim"),
        ("source: {title: me}\nclaims: {a: {says: so, statements: [], because: '{x}'}}", "no figure of this claim"),
        ("source: {title: me}\nclaims: {a: {says: so, statements: [], because: {maybe: x}}}", "unknown name"),
        (
            "source: {title: me}\nclaims: {a: {says: so, statements: [], because: '{x'}}",
            "not a sentence with placeholders",
        ),
    ],
)
def test_a_wrong_file(tmp_path: Path, text: str, message: str) -> None:
    assert any(message in p.message for p in problems(tmp_path / "mine.yaml", text))


def test_all_problems_at_once_in_the_order_of_the_document(tmp_path: Path) -> None:
    wrong = "{quantity: gpus, reduce: max, at_least: 1}"
    found = problems(
        tmp_path / "mine.yaml", f"{HEAD}    statements:\n      - {wrong}\n      - {wrong}\n    becuse: x\n"
    )
    assert [p.place.line for p in found] == [6, 7, 8]


def test_no_such_file_or_set(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as caught:
        claims.read("amd-openai-2025")
    assert caught.value.problems[0].nearest == "amd-openai-2025-10"
    with pytest.raises(PlanError):
        claims.read(tmp_path / "none.yaml")


def plan_with(tmp_path: Path, text: str) -> Path:
    whole = plans.load("lab-1mw").sources.text
    path = tmp_path / "plan.yaml"
    path.write_text(whole.replace("claims: [A6, A11, A14]", f"claims: {text}"))
    return path


def claims_of(path: Path) -> list[tuple[str, str]]:
    return [(s.name, c.id) for s in plans.resolve(plans.load(path)).claims for c in s.claims]


def test_a_plan_names_shipped_claims(tmp_path: Path) -> None:
    path = plan_with(tmp_path, "[A6, stargate-2025-01/money, A1, amd-openai-2025-10]")
    assert claims_of(path) == [
        ("announcement-2025-09", "A6"),
        ("announcement-2025-09", "A1"),
        ("stargate-2025-01", "money"),
        ("amd-openai-2025-10", "capacity"),
        ("amd-openai-2025-10", "first-gigawatt"),
    ]
    assert set(claims.shipped()) <= set(shipped_ids())


def test_a_plan_writes_its_own_claims(tmp_path: Path) -> None:
    own = "{ours: {says: so, statements: [{quantity: weekly_users, reduce: max, at_least: 1}]}, shipped: [A6]}"
    path = plan_with(tmp_path, own)
    assert claims_of(path) == [("plan", "ours"), ("announcement-2025-09", "A6")]


@pytest.mark.parametrize(
    ("text", "message", "nearest"),
    [
        ("[A6, A66]", "no such claim that can be checked", ""),
        ("[amd-openai-2025-1]", "no such claim that can be checked", "amd-openai-2025-10, broadcom-openai-2025-10"),
        ("{shipped: [A66]}", "no such claim that can be checked", ""),
        (
            "{ours: {says: so, statements: [{quantity: users, reduce: max, at_least: 1}]}}",
            "no such result quantity",
            "",
        ),
    ],
)
def test_wrong_claims_of_a_plan_come_with_its_other_problems(
    tmp_path: Path, text: str, message: str, nearest: str
) -> None:
    path = plan_with(tmp_path, text)
    path.write_text(path.read_text().replace("reference_generation: ", "reference_generation: no_"))
    with pytest.raises(PlanError) as caught:
        plans.load(path)
    found = [p for p in caught.value.problems if message in p.message]
    assert len(caught.value.problems) == 2, [str(p) for p in caught.value.problems]
    assert found[0].place.line
    assert nearest in (found[0].nearest, "")


def test_a_rate_that_is_summed_over_time_is_what_it_counts(tmp_path: Path) -> None:
    text = (
        "source: {title: me}\nclaims:\n  a:\n    says: so\n    statements:\n"
        "      - {quantity: requests_asked_per_day, reduce: sum, during: 2030, at_least: 1}\n"
        "      - {quantity: requests_per_gpu_s, over: {generation: max, workload: max}, reduce: sum, during: 2030,"
        " at_least: 1}\n"
    )
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    answer = gp.check("announced-2025-09", claims=[path])
    daily, per_second = answer.result.claims[0].figures
    result = answer.result
    of_year = [m.startswith("2030") for m in result.labels["month"]]
    days = result.axis.hours[of_year] / 24
    total = (result.central("requests_asked_per_day").sum(axis=0)[of_year] * days).sum()
    assert daily.unit == "requests" and daily.value == pytest.approx(total)
    rate = result.central("requests_per_gpu_s").max(axis=(0, 1))[result.labels["year"].index("2030")]
    assert per_second.unit == "requests/GPU" and per_second.value == pytest.approx(rate * days.sum() * 86400)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "power_state_mw, at: {site: new, state: accepted or beyond}",
            "power_state_mw, at: {site: announced, state: Accepted or beyond}",
        ),
        ("gpus_producing, at: {generation: vr_nvl72}", "gpus_producing, at: {generation: VR}"),
        ("served_share, at: {workload: agents}", "served_share, at: {workload: Agents}"),
    ],
)
def test_a_claim_names_labels_as_a_report_shows_them(checked: Callable[..., Claim], one: str, other: str) -> None:
    found = [checked(f"[{{quantity: {text}, reduce: last, at_least: 0}}]").figures[0].value for text in (one, other)]
    assert found[0] == found[1] > 0


def test_a_year_among_the_labels_of_a_claim_is_given_with_during(checked: Callable[..., Claim]) -> None:
    with pytest.raises(PlanError, match=r"time is not given with 'at'(.|\n)*write 'during: 2027'"):
        checked("[{quantity: weekly_users, at: {year: 2027}, reduce: max, at_least: 0}]")
