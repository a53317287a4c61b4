"""The arithmetic that the notes of the world's facts claim: demand, workloads, money, build-out and power."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
import itertools
import math
from pathlib import Path
from statistics import mean, median

import numpy as np
import pytest

from gigaplan import catalog
from gigaplan.catalog.catalog import data_folder, group, tables
from gigaplan.catalog.check import check
from gigaplan.demand.inputs import TOKENS, Adoption, Shape, Workload
from gigaplan.demand.requests import growth_factor
from gigaplan.demand.sessions import calls_per_session, input_tokens
from gigaplan.finance.inputs import Costs, Tranches
from gigaplan.fleet.inputs import Ladder
from gigaplan.power.inputs import DrawCurve, Facility
from gigaplan.vocabulary.facts import Evidence, Fact
from gigaplan.vocabulary.time import DAYS_PER_YEAR
from gigaplan.vocabulary.units import parse_date

FACTS = catalog.load()
MINE = ("demand", "workloads", "capital", "deals", "sites", "ladder", "power", "labs")
MESSAGES = ("chat", "education", "multimodal", "reasoning", "long_context")
WORKLOADS = (*MESSAGES, "agents", "enterprise_api", "science")
AUGUST = dt.date(2025, 8, 1)
SHARED = Path(__file__).parents[2].parent / "shared" / "data"
GB200_KW = FACTS.find("gb200_nvl72", "rack_power_kw", power_basis="rack_tdp").number
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the project's source tables are not on this machine")


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def value(entity: str, quantity: str, date: str = "") -> float:
    return FACTS.find(entity, quantity, **({"date": date} if date else {})).number


def mine() -> list[Fact]:
    ids = {r["id"] for p in tables(data_folder(), quantities=False) if p.stem in MINE for r in rows(p)}
    return [f for f in FACTS.facts if f.id in ids]


def catalog_workload(name: str) -> Workload:
    """The workload as the catalog alone has it."""
    known = {f.name for f in dataclasses.fields(Workload)}
    numbers = {q: value(name, q) for q in known if FACTS.has(name, q) and q != "reference_date"}
    day = FACTS.find(name, "reference_date").day
    return Workload(name=name, driver="users", model="", reference_date=day, **numbers)


def tokens(workload: str) -> float:
    return sum(value(workload, f"{kind}_tokens") for kind in TOKENS if FACTS.has(workload, f"{kind}_tokens"))


def at_list_price(workload: str) -> float:
    """What a request's tokens cost at GPT-5's list prices [USD]."""
    per_token = {k: value("api_gpt_5", f"{k}_price_usd_per_mtok") / 1e6 for k in ("input", "cached", "output")}
    generated = value(workload, "reasoning_tokens") + value(workload, "output_tokens")
    media = value(workload, "media_tokens") if FACTS.has(workload, "media_tokens") else 0.0
    fresh = value(workload, "fresh_input_tokens") + media
    return (
        fresh * per_token["input"]
        + generated * per_token["output"]
        + value(workload, "cached_input_tokens") * per_token["cached"]
    )


def growth(workload: str, day: dt.date) -> float:
    years = (day - FACTS.find(workload, "reference_date").day).days / DAYS_PER_YEAR
    rate, decay = value(workload, "growth_per_year"), value(workload, "growth_decay_per_year")
    return float(growth_factor(np.array([years]), rate, decay)[0])


def requests_per_day(workload: str, day: dt.date, users: float) -> float:
    if FACTS.has(workload, "requests_per_day"):
        return value(workload, "requests_per_day") * growth(workload, day)
    return users * value(workload, "reach_share") * value(workload, "requests_per_user_day") * growth(workload, day)


def messages_per_user(day: dt.date) -> float:
    return sum(requests_per_day(w, day, 1.0) for w in MESSAGES)


def published_users(day: dt.date) -> float:
    """Weekly users between the published points, on a logarithmic scale."""
    points = [(parse_date(f.date), f.number) for f in FACTS.series("chatgpt", "weekly_users")]
    for (a, low), (b, high) in itertools.pairwise(points):
        if a <= day <= b:
            return float(low * (high / low) ** ((day - a) / (b - a)))
    raise AssertionError(f"{day} is outside the published points")


# The tables themselves


def test_tables_have_no_problem() -> None:
    assert [str(p) for p in check() if p.place.file.removesuffix(".csv") in MINE] == []


def test_each_conflict_has_one_choice_and_says_why() -> None:
    for alike in group(mine(), FACTS.quantities).values():
        chosen = [f for f in alike if f.chosen]
        assert len(chosen) <= 1
        assert all(f.note.startswith("rejected") for f in alike if not f.chosen), alike
        if len(alike) > 1:
            assert len(chosen) == 1, alike
            assert len(chosen[0].note) > 20, alike


def test_a_source_without_an_address_says_so_and_an_assumption_says_why() -> None:
    for f in mine():
        assert f.url.startswith(("https://", "http://")) or (
            f.url == "" and ("address not retained" in f.source_title or "own assumption" in f.source_title)
        ), f.id
        assert f.evidence != Evidence.ASSUMED or len(f.note) > 5, f.id


OF_SOME_WORKLOADS = (
    "later_models",
    "media_tokens",
    "turns_per_session",
    "calls_per_turn",
    "new_tokens_per_call",
    "system_tokens",
    "history_limit_tokens",
    "cache_hit_share",
    "context_growth_per_year",
    "reasoning_growth_per_year",
    "token_growth_decay_per_year",
    "price_elasticity",
    "price_saturation",
    "pricing",
    "usd_per_mtok_input",
    "usd_per_mtok_cached_input",
    "usd_per_mtok_output",
    "batch_share",
    "batch_discount_share",
    "priority_share",
    "priority_premium_share",
)


@pytest.mark.parametrize(
    ("contract", "entity", "elsewhere"),
    [
        (Ladder, "ladder", ()),
        (Facility, "facility", ("power_price_usd_per_mwh",)),
        (DrawCurve, "draw_curve", ()),
        (Costs, "build", ("lives_compared_years", "vendor", "it_life_years")),
        (Tranches, "tranches", ("investor", "milestone", "trigger_state")),
        (Shape, "demand_shape", ("region_offset_h", "region_share")),
        (Adoption, "adoption", ("reference_users", "reference_date", "rate_per_year", "curve", "points", "stray")),
        *(
            (Workload, w, ("name", "driver", "model", "deferrable", "hard_limits", *OF_SOME_WORKLOADS))
            for w in WORKLOADS
        ),
    ],
)
def test_every_field_that_a_plan_leaves_out_is_a_fact(contract: type, entity: str, elsewhere: tuple[str, ...]) -> None:
    own = FACTS.has(entity, "requests_per_day")
    driven = ("reach_share", "requests_per_user_day") if own else ("requests_per_day",)
    wanted = {f.name for f in dataclasses.fields(contract)} - {*elsewhere, *driven}
    assert [q for q in sorted(wanted) if not FACTS.has(entity, q)] == []


def test_every_region_has_one_power_price() -> None:
    for region in ("ercot", "pjm", "miso", "uae", "us"):
        assert value(region, "power_price_usd_per_mwh") > 0


# Demand


def test_messages_add_up_to_the_published_ones() -> None:
    at_700_m = 700e6 * messages_per_user(dt.date(2025, 8, 4))
    assert 2.6e9 <= at_700_m <= 3.05e9
    for day, quantity, date in (
        (dt.date(2024, 6, 24), "messages_per_day_consumer", "2024-06-24"),
        (dt.date(2025, 6, 24), "messages_per_day_consumer", "2025-06-24"),
        (dt.date(2025, 8, 4), "messages_per_day_all", "2025-08-04"),
    ):
        published = value("chatgpt", quantity, date) / published_users(day)
        assert messages_per_user(day) == pytest.approx(published, rel=0.08), day


def test_shares_of_messages_are_those_of_the_study() -> None:
    day = dt.date(2025, 7, 1)
    total = messages_per_user(day)
    assert requests_per_day("education", day, 1) / total == pytest.approx(
        value("use_tutoring", "message_share"), abs=0.01
    )
    assert requests_per_day("multimodal", day, 1) / total == pytest.approx(
        value("use_multimedia", "message_share"), abs=0.01
    )


def test_who_reasons_and_who_pays() -> None:
    paying = value("chatgpt", "paying_subscribers", "2025-07") / 650e6
    plus, free = value("plus_users", "reasoning_user_share"), value("free_users", "reasoning_user_share")
    reach = paying * plus + (1 - paying) * free
    assert value("reasoning", "reach_share") == pytest.approx(reach, rel=0.02)
    asked = paying * plus * 4 + (1 - paying) * free
    assert value("reasoning", "requests_per_user_day") == pytest.approx(asked / reach, rel=0.03)
    assert value("reasoning", "guaranteed_share") == pytest.approx(paying * plus * 4 / asked, abs=0.02)
    more = value("chatgpt", "paid_query_ratio")
    assert value("chat", "guaranteed_share") == pytest.approx(paying * more / (paying * more + 1 - paying), abs=0.01)


def test_prompts_follow_deepseeks_day() -> None:
    cached, ratio = value("deepseek_2025_02", "cached_input_share"), value("deepseek_2025_02", "input_per_generated")
    for w in ("chat", "education", "reasoning", "enterprise_api"):
        prompt = value(w, "fresh_input_tokens") + value(w, "cached_input_tokens")
        assert value(w, "cached_input_tokens") / prompt == pytest.approx(cached, abs=0.015)
        if w in ("chat", "education"):
            assert prompt / (tokens(w) - prompt) == pytest.approx(ratio, rel=0.01)
    short, long = (
        value("azure_2023_conversation", "prompt_tokens_mean"),
        value("kimi_2024_conversation", "prompt_tokens_mean"),
    )
    assert short < 1800 < long
    written = value("mlperf_deepseek_r1", "generated_tokens_mean")
    assert tokens("reasoning") - 3000 == pytest.approx(written, rel=0.01)


def test_api_requests_carry_the_published_tokens() -> None:
    published = value("openai", "api_tokens_per_day", "2025-10-06")
    assert value("enterprise_api", "requests_per_day") * tokens("enterprise_api") == pytest.approx(published, rel=0.005)
    # The second point was not fitted: what the note says of it.
    assert value("openai", "api_tokens_per_day", "2026-04") / published == pytest.approx(2.5)
    assert growth("enterprise_api", dt.date(2026, 4, 15)) == pytest.approx(2.15, abs=0.05)


def test_agents_carry_the_published_tokens_and_users() -> None:
    seats = 800e6 * value("agents", "reach_share")
    per_seat = value("agents", "requests_per_user_day") * tokens("agents")
    assert seats * per_seat == pytest.approx(value("openai", "codex_tokens_per_day"), rel=0.01)
    seat = FACTS.find("agent_seat", "tokens_per_seat_month")
    assert seat.low is not None
    assert seat.high is not None
    assert seat.low < per_seat * 30 < seat.high
    read = input_tokens(catalog_workload("agents"))
    assert read.fresh == pytest.approx(value("agents", "fresh_input_tokens"), rel=0.01)
    assert read.cached == pytest.approx(value("agents", "cached_input_tokens"), rel=0.01)
    # Programming requests of all kinds are shorter than an agent's, which carry their session.
    assert read.fresh + read.cached > value("openrouter_2025_code", "prompt_tokens_mean")
    users = (
        value("chatgpt", "codex_weekly_users", "2026-04-21") / seats / (published_users(dt.date(2026, 5, 18)) / 800e6)
    )
    assert growth("agents", dt.date(2026, 5, 18)) == pytest.approx(users, rel=0.1)


def agents_in_june_2026() -> dict[str, float]:
    """Prompt, cached share and completion of an agent's mean call in the week of the measured traces."""
    agents = catalog_workload("agents")
    years = np.array([(dt.date(2026, 6, 4) - agents.reference_date).days / DAYS_PER_YEAR])
    longer, harder = (
        float(growth_factor(years, rate, agents.token_growth_decay_per_year)[0])
        for rate in (agents.context_growth_per_year, agents.reasoning_growth_per_year)
    )
    read = input_tokens(agents)
    return {
        "prompt_tokens_mean": float(read.fresh + read.cached) * longer,
        "cached_share": float(read.cached / (read.fresh + read.cached)),
        "generated_tokens_mean": float(agents.output_tokens + agents.reasoning_tokens * harder),
    }


def test_agents_pass_through_the_measured_sessions() -> None:
    """GitHub Copilot's coding agent, 1 to 7 June 2026."""
    for quantity, found in agents_in_june_2026().items():
        measured = FACTS.find("copilot_agent_2026_06", quantity)
        assert measured.low is not None
        assert measured.high is not None
        assert measured.low < found < measured.high
        assert found == pytest.approx(measured.number, rel=0.02)
    agents = catalog_workload("agents")
    assert calls_per_session(agents) == pytest.approx(30.9, rel=0.01)
    assert agents.requests_per_user_day / calls_per_session(agents) == pytest.approx(2.5, rel=0.05)


@needs_shared
def test_agents_are_what_the_case_asks_for() -> None:
    (case,) = (r for r in rows(SHARED.parent / "cases" / "cases.csv") if r["case"] == "B14")
    prompt, cached, completion = case["right_value"].split(", ")
    asked = (float(prompt.split()[0]) * 1e3, float(cached.split()[0]) / 100, float(completion))
    assert list(agents_in_june_2026().values()) == pytest.approx(asked, rel=0.02)


def test_growth_ends_where_the_notes_say() -> None:
    ends = {"chat": 2.2, "education": 3.8, "reasoning": 7.4, "agents": 46, "enterprise_api": 55, "science": 73}
    for w, end in ends.items():
        assert math.exp(value(w, "growth_per_year") / value(w, "growth_decay_per_year")) == pytest.approx(end, rel=0.02)


def test_day_and_year_shapes() -> None:
    night = FACTS.find("demand_shape", "night_share")
    assert night.high == pytest.approx(2 * value("deepseek_2025_02", "mean_over_peak_nodes") - 1, abs=0.005)
    fell = value("chatgpt", "messages_per_day_consumer", "2025-07") / value(
        "chatgpt", "messages_per_day_consumer", "2025-06-24"
    )
    grew = published_users(dt.date(2025, 7, 15)) / published_users(dt.date(2025, 7, 1))
    assert value("demand_shape", "summer_share") == pytest.approx(fell / grew, abs=0.02)
    assert sum(value(r, "share_of_use") for r in FACTS.entities("share_of_use")) == pytest.approx(1)


# Money


def test_revenue_of_all_workloads_is_the_run_rate() -> None:
    def revenue(day: dt.date, users: float) -> float:
        return 365 * sum(requests_per_day(w, day, users) * value(w, "revenue_usd_per_request") for w in WORKLOADS)

    august = revenue(AUGUST, published_users(dt.date(2025, 8, 1)))
    assert (
        value("openai", "revenue_usd_per_year", "2025-07-30")
        <= august
        <= value("openai", "revenue_usd_per_year", "2025-08-01")
    )
    # Not fitted: the end of 2025 and August 2026.
    assert revenue(dt.date(2025, 12, 31), 900e6) == pytest.approx(20e9, rel=0.1)
    assert revenue(dt.date(2026, 8, 6), 1000e6) == pytest.approx(40e9, rel=0.25)


def test_subscriptions_bring_what_the_note_says() -> None:
    subscribers = value("chatgpt", "paying_subscribers", "2025-07")
    paid = 12 * (subscribers * 20 + value("chatgpt", "paying_business_users", "2025-08-04") * 27)
    a_year = 365 * sum(
        requests_per_day(w, AUGUST, 700e6) * value(w, "revenue_usd_per_request") for w in (*MESSAGES, "agents")
    )
    assert a_year == pytest.approx(paid, rel=0.1)


def test_agents_bring_what_was_reported_for_codex() -> None:
    day = dt.date(2026, 5, 23)
    steps = requests_per_day("agents", day, published_users(day))
    assert 365 * steps * value("agents", "revenue_usd_per_request") == pytest.approx(
        value("codex", "revenue_usd_per_year"), rel=0.2
    )


@pytest.mark.parametrize(
    ("workload", "times"),
    [
        ("chat", 1),
        ("multimodal", 1),
        ("reasoning", 1),
        ("long_context", 1),
        ("enterprise_api", 1),
        ("agents", 3),
        ("education", 0.1),
        ("science", 0.23),
    ],
)
def test_values_are_list_prices_times_a_weight(workload: str, times: float) -> None:
    assert value(workload, "value_usd_per_request") == pytest.approx(times * at_list_price(workload), rel=0.05)


def test_training_share_is_its_share_of_compute_spending() -> None:
    for year in ("2024", "2025"):
        rd, served = value("openai", "rd_compute_usd", year), value("openai", "inference_compute_usd", year)
        assert value("training", "training_share", f"{year}-07-01") == pytest.approx(rd / (rd + served), abs=1e-4)
    training, serving = (
        value("nvidia_openai_2026", "training_capacity_mw"),
        value("nvidia_openai_2026", "inference_capacity_mw"),
    )
    assert value("training", "training_share", "2026-07-01") == training / (training + serving)


def test_a_gigawatt_costs_what_epoch_says() -> None:
    rack_mw = GB200_KW * value("facility", "it_per_rack_power") / 1e3
    racks = FACTS.find("gb200_nvl72", "rack_price_usd", price_basis="contract").number / rack_mw
    total = value("build", "facility_usd_per_it_mw") + racks * (1 + value("build", "network_share"))
    it, site = (FACTS.find("build", "capital_usd_per_mw", power_basis=b).number for b in ("it", "facility"))
    assert total == pytest.approx(it, rel=0.1)
    assert it / value("facility", "facility_to_it_peak") == pytest.approx(site, rel=0.02)
    network = FACTS.find("build", "network_share")
    assert network.low == pytest.approx((37.88e6 - 11.77e6) / racks - 1, abs=0.01)
    assert network.high == pytest.approx(14.25 / 39, abs=0.01)
    assert 0.12 < network.number < 14.25 / 52.4


def test_the_vendors_share() -> None:
    vendor = FACTS.find("build", "vendor_share")
    assert vendor.number == pytest.approx(35 / (55 - 12.5), abs=0.01)
    assert vendor.low == pytest.approx(39 / (100 - 100 / 3 - 1.25), abs=0.01)
    assert vendor.high == pytest.approx(35 / (55 * 2 / 3), abs=0.01)


# Build-out


def test_limits_lie_above_what_the_customers_sites_show() -> None:
    for limit in ("transformer_mw_per_month", "labour_mw_per_month"):
        for shown in ("customer_fastest_month", "customer_fastest_year", "customer_projected_year"):
            assert value("ladder", limit) >= value(f"epoch_{shown}", "energised_mw_per_month")


def test_packages_are_a_frontier_labs_share() -> None:
    share = value("frontier_lab", "world_compute_share")
    made = {d: value("nvidia", "packages_per_month", d) for d in ("2023-12-31", "2024-03-31", "2025-12-31")}
    january = (made["2023-12-31"] + made["2024-03-31"]) / 2
    start = value("ladder", "packaging_start_gpus_per_month")
    assert start == pytest.approx(share * january, rel=0.02)
    assert made["2025-12-31"] / made["2023-12-31"] == pytest.approx(1.59**2, rel=0.01)
    assert start * (1 + value("ladder", "packaging_growth_per_year")) ** 2.5 == pytest.approx(share * 530e3, rel=0.02)
    assert value("ladder", "packaging_cap_gpus_per_month") == pytest.approx(share * 3 * 400e3)


# What had happened by November 2026

KNOWN = dt.date(2026, 11, 23)
COUNTERPARTIES = (
    "nvidia_openai_2025",
    "nvidia_openai_2026",
    "nvidia_ports_pike",
    "sb_energy_ports_pike",
    "sb_energy_milam",
    "amd_openai",
    "broadcom_openai",
    "aws_openai_2025",
    "aws_openai_2026",
    "microsoft_openai",
    "oracle_openai",
    "coreweave_openai",
    "cerebras_openai",
    "google_openai",
    "g42_openai",
    "openai_camellia",
)
EPOCH_SITES = {
    "site_abilene": "OpenAI Stargate Abilene",
    "site_dona_ana": "OpenAI Stargate New Mexico",
    "site_fairwater_atlanta": "Microsoft Fairwater Atlanta",
    "site_fairwater_wisconsin": "Microsoft Fairwater Wisconsin",
    "site_denton": "CoreWeave Denton TX",
    "site_goodyear": "Microsoft Goodyear",
    "site_helios": "Coreweave Helios",
    "site_michigan": "OpenAI Stargate Michigan",
    "site_milam": "OpenAI Stargate Milam",
    "site_shackelford": "OpenAI Stargate Shackelford",
    "site_uae": "OpenAI Stargate UAE",
    "site_wisconsin": "OpenAI Stargate Wisconsin",
}
NAMED = ("site_abilene", "site_fairwater_atlanta", "site_fairwater_wisconsin", "site_denton", "site_goodyear")


def day(entity: str, quantity: str) -> dt.date:
    return dt.date.fromisoformat(str(FACTS.find(entity, quantity).value))


def power(site: str, at: str, basis: str = "it") -> float:
    """Power of a site in operation at a date [MW]."""
    known = [f.number for f in FACTS.series(site, f"{basis}_power_mw") if f.date <= at]
    return known[-1] if known else 0.0


def named_sites(at: str) -> float:
    """The lab's share of the sites that name it [IT MW]."""
    return sum(power(s, at) * (value(s, "user_share") if FACTS.has(s, "user_share") else 1.0) for s in NAMED)


def months(a: str, b: str) -> float:
    return (parse_date(b) - parse_date(a)).days / DAYS_PER_YEAR * 12


def test_each_agreement_has_a_day_and_says_what_took_its_place() -> None:
    for entity in COUNTERPARTIES:
        assert dt.date(2025, 1, 1) < day(entity, "signed_date") <= KNOWN, entity
    for entity in FACTS.entities("replaced_by"):
        later = str(FACTS.find(entity, "replaced_by").value)
        assert day(entity, "signed_date") < day(later, "signed_date")
        assert value(entity, "definitive_agreement") < value(later, "definitive_agreement")


def test_the_round_adds_up() -> None:
    paid = [value(f"{who}_openai_2026", "equity_usd") for who in ("nvidia", "softbank", "amazon")]
    promised = value("amazon_openai_2026", "equity_conditional_usd")
    assert sum(paid) + promised == value("openai_round_2026", "equity_usd")
    assert value("openai_round_2026_close", "equity_usd") > value("openai_round_2026", "equity_usd")
    assert value("openai_round_2026", "post_money_usd") - value("openai_round_2026", "equity_usd") == 730e9
    assert value("nvidia_openai_2026", "equity_usd") < value("nvidia", "equity_purchases_usd")


def test_guaranties_of_ports_pike_add_up() -> None:
    guarded, more = value("nvidia_ports_pike", "capacity_mw"), value("nvidia_ports_pike", "option_capacity_mw")
    assert guarded + more == pytest.approx(value("sb_energy_ports_pike", "capacity_mw"), rel=0.01)
    a_year = value("nvidia_ports_pike", "guarantee_usd") / guarded / value("nvidia_ports_pike", "lease_years")
    assert value("nvidia_ports_pike", "guaranteed_usd_per_it_mw_year") == pytest.approx(a_year)
    assert value("nvidia_ports_pike", "guarantee_usd") < value("nvidia_2026_08", "guarantee_usd")
    per_gpu_kw = guarded * 1e3 / value("nvidia_ports_pike", "gpus_expected")
    assert per_gpu_kw == pytest.approx(
        FACTS.find("vr_nvl72", "all_in_power_kw_per_gpu", power_basis="it").number, abs=0.01
    )
    assert power("site_ports_pike", "2030-12-31") == guarded
    assert power("site_ports_pike", "2032-12-31") == value("sb_energy_ports_pike", "capacity_mw")


def test_parts_of_agreements_add_up() -> None:
    assert value("aws_openai", "commitment_usd") == sum(
        value(f"aws_openai_{y}", "commitment_usd") for y in (2025, 2026)
    )
    parts = [value(f"coreweave_openai_{m}", "commitment_usd") for m in ("2025_03", "2025_05", "2025_09")]
    assert sum(parts) == value("coreweave_openai", "commitment_usd")
    added = [f.number for f in FACTS.series("cerebras_openai", "capacity_added_mw")]
    assert sum(added) == value("cerebras_openai", "capacity_mw")
    assert sum(added) + value("cerebras_openai", "option_capacity_mw") == 2000
    for maker in ("amd_openai", "cerebras_openai"):
        assert value(maker, "warrant_vested_shares") < value(maker, "warrant_shares")
    seen = sum(f.number for f in FACTS.series("broadcom_openai", "capacity_added_mw"))
    assert seen < value("broadcom_openai", "capacity_mw")


@pytest.mark.parametrize("cloud", ["aws_openai_2025", "coreweave_openai"])
def test_power_bought_from_a_cloud_lies_between_two_prices(cloud: str) -> None:
    a_year = value(cloud, "commitment_usd") / value(cloud, "commitment_years")
    dear = FACTS.find("oracle_openai", "lease_usd_per_mw_year", power_basis="it").number
    cheap = value("epoch_1gw_life_5", "cost_usd_per_it_mw_year")
    bought = FACTS.find(cloud, "capacity_mw")
    assert bought.low == pytest.approx(a_year / dear, rel=0.01)
    assert bought.high == pytest.approx(a_year / cheap, rel=0.01)
    assert bought.number == pytest.approx(a_year / math.sqrt(dear * cheap), rel=0.01)


def test_leases_are_their_sums_over_power_and_years() -> None:
    meter, it = (FACTS.find("oracle_openai", "lease_usd_per_mw_year", power_basis=b).number for b in ("facility", "it"))
    terms = [value("oracle_openai", q) for q in ("commitment_usd", "capacity_mw", "commitment_years")]
    assert meter == pytest.approx(terms[0] / terms[1] / terms[2])
    assert it == pytest.approx(meter * value("facility", "facility_to_it_peak"))
    aws = [value("aws_openai_2026", q) for q in ("commitment_usd", "capacity_mw", "commitment_years")]
    assert value("aws_openai_2026", "lease_usd_per_mw_year") == pytest.approx(aws[0] / aws[1] / aws[2])
    owed = FACTS.find("cerebras_openai", "commitment_usd").high
    assert owed is not None
    power_mw = value("cerebras_openai", "capacity_mw")
    assert value("cerebras_openai", "lease_usd_per_mw_year") == pytest.approx(owed / power_mw / 3.5)
    assert value("applied_digital_ellendale", "shell_lease_usd_per_it_mw_year") == pytest.approx(11e9 / 15 / 400)
    assert value("galaxy_helios", "shell_lease_usd_per_it_mw_year") == pytest.approx(1e9 / 526)


def test_sites_only_grow_and_say_what_is_still_ahead() -> None:
    for site in FACTS.entities("it_power_mw", prefix="site_"):
        for quantity in ("it_power_mw", "facility_power_mw"):
            series = FACTS.series(site, quantity)
            numbers = [f.number for f in series]
            assert numbers == sorted(numbers), (site, quantity)
            ahead = [f for f in series if parse_date(f.date) > KNOWN]
            assert all("projection" in f.note for f in ahead), (
                site,
                [f.id for f in ahead if "projection" not in f.note],
            )
            estimates = [f for f in series if f.date > "2026-08-03" and f.source_title.startswith("Epoch")]
            assert all("projection" in f.note for f in estimates if "_building_" not in site), site


def test_abilene_building_by_building() -> None:
    buildings = [f"site_abilene_building_{n}" for n in range(1, 9)]
    for kind, final in (
        ("it", power("site_abilene", "2026-12-31")),
        ("facility", power("site_abilene", "2026-12-31", "facility")),
    ):
        assert sum(power(b, "2026-12-31", kind) for b in buildings) == pytest.approx(final, rel=0.005)
    ready = [day(b, "operational_date") for b in buildings]
    assert ready == sorted(ready)
    for f in FACTS.series("site_abilene", "buildings_operational"):
        assert sum(d <= parse_date(f.date) for d in ready) == f.number, f.date
    handed_over = FACTS.find("site_abilene", "delivered_share", date="2026-09-10").number
    assert power("site_abilene", "2026-09-10") / handed_over == pytest.approx(
        power("site_abilene", "2026-12-31"), rel=0.03
    )
    assert "projection" in FACTS.find("site_abilene_building_8", "operational_date").note


def test_what_was_energised_over_stated_spans() -> None:
    ends = {y: FACTS.find("openai", "compute_available_mw", date=f"{y}-12-31").number for y in (2024, 2025)}
    rate = {e: value(e, "energised_mw_per_month") for e in FACTS.entities("energised_mw_per_month")}
    assert rate["openai_2025"] == pytest.approx((ends[2025] - ends[2024]) / 12, abs=0.01)
    a_year = named_sites("2025-12-31") - named_sites("2024-12-31")
    assert rate["openai_named_sites_2025"] == pytest.approx(a_year / 12, abs=0.01)
    assert a_year / (ends[2025] - ends[2024]) == pytest.approx(0.4, abs=0.01)
    since = named_sites("2026-09-10") - named_sites("2025-12-31")
    assert rate["openai_named_sites_2026"] == pytest.approx(since / months("2026-01-01", "2026-09-10"), rel=0.002)
    first = months(str(FACTS.find("site_abilene_building_1", "operational_date").value), "2026-09-10")
    assert rate["abilene_first_year"] == pytest.approx(power("site_abilene", "2026-09-10") / first, rel=0.002)


def test_vera_rubin_shipped_in_this_order() -> None:
    steps = ("azure_rack", "coreweave_rack", "full_production", "production_shipments", "racks_at_clouds")
    days = [day(f"vera_rubin_{s}", "event_date") for s in steps]
    assert days == sorted(days)
    assert days[3] == FACTS.find("vr_nvl72", "first_ship_date").day
    shown = FACTS.find("vera_rubin_coreweave", "gpus_installed")
    assert shown.number == 7 * value("vr_nvl72", "gpus_per_rack")
    assert parse_date(shown.date) > days[-1]


def test_the_fleet_at_the_end_of_2025_by_generation() -> None:
    watts = {"hopper": 1453, "blackwell": 2090, "ampere": 926}
    share = {c: value(f"openai_fleet_2025_{c}", "chip_share") for c in watts}
    assert sum(share.values()) == pytest.approx(1)
    stated = FACTS.find("openai", "compute_available_mw", date="2025-12-31").number
    mean_w = sum(share[c] * watts[c] for c in watts)
    for c, w in watts.items():
        expected = stated * share[c] * w / mean_w
        assert value(f"openai_fleet_2025_{c}", "fleet_power_mw") == pytest.approx(expected, abs=1)
    equivalents = stated * 1e6 / mean_w * (share["hopper"] + 2.527 * share["blackwell"] + 0.315 * share["ampere"])
    modelled = FACTS.find("openai", "h100_equivalents", date="2025-12-31")
    assert equivalents == pytest.approx(modelled.number, rel=0.05)
    assert value("openai", "world_compute_share") < value("frontier_lab", "world_compute_share")


@needs_shared
def test_the_labs_share_of_chips_sold() -> None:
    makers = ("Nvidia total", "Google TPU total", "Amazon cumulative Trainium", "AMD total")
    sold = {
        m: float(r["value"])
        for r in rows(SHARED / "facts/epoch_chip_sales_cumulative.csv")
        for m in makers
        if r["entity"].startswith(m) and r["quantity"] == "h100e_cumulative" and r["date"] == "2025-12-31"
    }
    used = FACTS.find("openai", "h100_equivalents", date="2025-12-31").number
    assert used / sum(sold.values()) == pytest.approx(value("openai", "world_compute_share"), abs=0.001)
    assert used / sold["Nvidia total"] == pytest.approx(value("frontier_lab", "world_compute_share"), abs=0.005)


@needs_shared
def test_sites_are_those_of_epochs_table() -> None:
    timeline = rows(SHARED / "power/epoch/data_center_timelines.csv")
    for site, name in EPOCH_SITES.items():
        for quantity, column in (("it_power_mw", "IT power (MW)"), ("facility_power_mw", "Power (MW)")):
            for f in FACTS.series(site, quantity):
                if not f.source_title.startswith("Epoch AI Frontier Data Centers"):
                    continue
                then = [float(r[column]) for r in timeline if r["Data center"] == name and r["Date"] == f.date]
                assert then == [f.number], f.id


@needs_shared
def test_dates_of_abilene_slipped_as_noted() -> None:
    before: dict[float, str] = {}
    for r in rows(SHARED / "facts/epoch_data_centers.csv"):
        if r["entity"].startswith("OpenAI-Oracle Stargate Abilene") and r["quantity"] == "power":
            before[float(r["value"])] = r["date"]
    for facility_mw, entity in ((590, "abilene_buildings_3_4"), (1180, "abilene_buildings_5_8")):
        now = next(f.date for f in FACTS.series("site_abilene", "facility_power_mw") if f.number == facility_mw)
        assert months(before[facility_mw], now) == pytest.approx(value(entity, "schedule_slip_months"), abs=0.1)


# Power


def test_power_of_a_gpu_and_of_a_busy_node() -> None:
    per_gpu_kw = GB200_KW * value("facility", "it_per_rack_power") / 72
    assert per_gpu_kw == pytest.approx(211 / 100.8, rel=0.01)
    busy = {f.id.rsplit(".")[-1]: f.number for f in FACTS.all("draw_curve", "busy_share")}
    assert busy["busy_share"] == pytest.approx((busy["maximum"] + busy["intensive"]) / 2)
    assert busy["gpt3"] == pytest.approx(6.85 / 10.2, abs=0.005)
    assert value("draw_curve", "idle_share") == pytest.approx((8 * 0.12 + 1) / 10.2, abs=0.01)


@needs_shared
def test_means_computed_from_the_source_tables() -> None:
    for kind, entity in (("conv", "azure_2023_conversation"), ("code", "azure_2023_code")):
        requests = rows(SHARED / f"traces/azure2023/AzureLLMInferenceTrace_{kind}.csv")
        for column, quantity in (("ContextTokens", "prompt_tokens_mean"), ("GeneratedTokens", "generated_tokens_mean")):
            assert mean(int(r[column]) for r in requests) == pytest.approx(value(entity, quantity), abs=0.05)
    for region, name in (("ercot", "US-TEX-ERCO"), ("pjm", "US-MIDA-PJM")):
        for year in ("2022", "2023", "2024"):
            table = rows(SHARED / f"power/prices/{name}_electricity_prices_{year}.csv")
            prices = [float(r["Price (USD/MWh)"]) for r in table]
            assert mean(prices) == pytest.approx(value(region, "wholesale_price_usd_per_mwh", year), abs=0.005)


@needs_shared
def test_figures_computed_from_epochs_timelines() -> None:
    timeline = rows(SHARED / "power/epoch/data_center_timelines.csv")
    powered = [r for r in timeline if float(r["IT power (MW)"] or 0) > 0 and float(r["Power (MW)"]) > 0]
    ratios = [float(r["Power (MW)"]) / float(r["IT power (MW)"]) for r in powered]
    assert median(ratios) == pytest.approx(value("facility", "facility_to_it_peak"), abs=0.005)
    assert len(ratios) == 268
    users = {r["Name"]: r["Users"] for r in rows(SHARED / "power/epoch/data_centers.csv")}
    added: dict[str, float] = {}
    for site in {r["Data center"] for r in timeline if "OpenAI" in users.get(r["Data center"], "")}:
        top = 0.0
        for r in sorted((r for r in timeline if r["Data center"] == site), key=lambda r: r["Date"]):
            now = float(r["IT power (MW)"] or 0)
            added[r["Date"][:7]] = added.get(r["Date"][:7], 0) + max(now - top, 0)
            top = max(now, top)
    fastest = max(mw for month, mw in added.items() if "2024-01" <= month <= "2026-07")
    assert fastest == pytest.approx(value("epoch_customer_fastest_month", "energised_mw_per_month"))
    year_2028 = sum(mw for month, mw in added.items() if month.startswith("2028")) / 12
    assert year_2028 == pytest.approx(value("epoch_customer_projected_year", "energised_mw_per_month"), abs=0.1)
