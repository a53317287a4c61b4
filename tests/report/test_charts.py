"""Charts of every built-in plan: what flows in flows out, and a chart with nothing to show is not drawn."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

import gigaplan as gp
from gigaplan import plan
from gigaplan.demand.inputs import GENERATED
from gigaplan.report import charts
from gigaplan.report.charts import base, build, cash, cost, flow, money
from gigaplan.report.events import last_year, unserved, weekday
from gigaplan.report.format import counted, in_dollars, in_watts
from gigaplan.report.format import money as dollars
from gigaplan.report.html import html
from gigaplan.report.terminal import render
from gigaplan.report.words import model, system
from gigaplan.results.aggregate import aggregate
from gigaplan.results.result import Result

PLANS = tuple(plan.builtin_names())


@cache
def result_of(name: str, *changes: str) -> Result:
    return gp.run(name, changes)


@pytest.mark.parametrize("name", PLANS)
def test_every_plan_has_a_whole_report(name: str) -> None:
    result = result_of(name)
    drawn = charts.all_charts(result)
    assert set(charts.planner_charts(result)) == {"ladder", "demand", "cost", "cash", "day", "training"}
    assert {"watts", "timeline", "payments", "books"} <= set(drawn)
    for chart in drawn.values():
        json.dumps(chart.option, allow_nan=False)
        assert chart.rows, chart.id
        assert all(len(row) == len(chart.columns) for row in chart.rows), chart.id
        assert "nan" not in [cell for row in chart.rows for cell in row], chart.id
    page = html(result)
    for chart in drawn.values():
        assert f'id="chart-{chart.id}"' in page, chart.id
    waits = [s for s in drawn["demand"].option["series"] if "not served" in s["name"]]
    assert bool(waits) == bool(unserved(result))
    assert ("runs" in drawn) == bool(result.labels["run"])
    assert ("tranches" in drawn) == bool(result.labels["tranche"])
    render(result)


@pytest.mark.parametrize("name", PLANS)
def test_power_is_conserved_from_meters_to_uses(name: str) -> None:
    result = result_of(name)
    drawn = flow.watts(result)
    assert drawn is not None
    names, bars = drawn.option["yAxis"]["data"], drawn.option["series"][1]["data"]
    unit = in_watts(1.0) if " kW" in drawn.caption else in_watts(2e3) if " GW" in drawn.caption else in_watts(1e2)
    steps = {name: value * unit.size for name, value in zip(names, bars, strict=True)}
    year = last_year(result)
    hours = float(result.axis.hours[year].sum())
    facility, it = (float(result.central(f"{n}_energy_mwh")[:, year].sum()) / hours for n in ("facility", "it"))
    assert steps.pop("at the meters") == pytest.approx(facility, rel=1e-4)
    assert steps.pop("reaches IT") == pytest.approx(it, rel=1e-3)
    assert sum(steps.values()) == pytest.approx(it, rel=1e-3), "the uses share it out"


@pytest.mark.parametrize("name", PLANS)
def test_money_in_is_money_out(name: str) -> None:
    result = result_of(name)
    uses, sources, left = cash.uses_and_sources(result)
    assert sum(uses.values()) == pytest.approx(sum(sources.values()) + left, rel=1e-9, abs=1.0)
    flows = money._flows(result)
    into = sum(v for _, b, v, _ in flows if b == money.PLAN)
    out = sum(v for a, _, v, _ in flows if a == money.PLAN)
    assert into == pytest.approx(out, rel=1e-6), "over the horizon, what comes to the plan leaves it"


def test_the_waterfall_ends_at_the_cost_of_a_token() -> None:
    result = result_of("announced-2025-09")
    drawn = cost.waterfall(result)
    assert drawn is not None
    year = last_year(result)
    made = result.central("tokens_served_per_day")[:, [result.index("token", t) for t in GENERATED]]
    tokens = float((made.sum(axis=(0, 1)) * result.axis.hours)[year].sum()) / 24
    paid = float(result.central("workload_cost_usd")[:, year].sum())
    assert float(drawn.rows[-1][1].replace(",", "")) == pytest.approx(paid / tokens * 1e6, rel=2e-3)


def test_the_same_charts_at_every_hour() -> None:
    days, hours = result_of("neocloud-100mw"), result_of("neocloud-100mw", "horizon.resolution=hourly")
    assert set(charts.all_charts(days)) == set(charts.all_charts(hours))
    for name in ("facility_power_mw", "requests_asked_per_h"):
        a, b = weekday(days, name), weekday(hours, name)
        assert a.shape == b.shape
        assert np.median(np.abs(a - b)[a > 0] / a[a > 0]) < 0.02


def test_a_long_list_of_sites_is_shortened() -> None:
    result = result_of("world-250gw")
    drawn = build.gantt(result)
    assert len(drawn.option["yAxis"]["data"]) <= build.MOST_ROWS
    assert len(drawn.rows) == len(result.new_sites()), "the table has all"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("h100_hgx", "H100"),
        ("vr_nvl72", "Vera Rubin NVL72"),
        ("tpu_v5p", "TPU v5p"),
        ("v100_dgx", "V100 DGX"),
        ("rubin_ultra_nvl144", "Rubin Ultra NVL144"),
        ("trainium3_ultra", "Trainium 3 Ultra"),
    ],
)
def test_names_of_systems(name: str, written: str) -> None:
    assert system(name) == written


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("deepseek_r1", "DeepSeek-R1"),
        ("deepseek_v3_1", "DeepSeek-V3.1"),
        ("llama_3_1_405b", "Llama 3.1 405B"),
        ("llama_2_7b", "Llama 2 7B"),
        ("gpt_oss_120b", "gpt-oss-120b"),
        ("gpt_3_175b", "GPT-3 175B"),
        ("glm_4_5_air", "GLM-4.5 Air"),
        ("kimi_k2_5", "Kimi K2.5"),
        ("megatron_1_7b", "Megatron 1.7B"),
        ("frontier_1_8t", "Frontier 1.8T"),
        ("minimax_m2_5", "MiniMax-M2.5"),
    ],
)
def test_names_of_models(name: str, written: str) -> None:
    assert model(name) == written


def test_units_are_easily_read() -> None:
    assert in_watts(31_000).of(31_309) == "31.3 GW"
    assert in_watts(0.4).of(0.4) == "400 kW"
    assert counted(560, "GPUs").of(560) == "560 GPUs"
    assert in_dollars(2.5e9).of(2.5e9) == "2.50 billion USD"
    assert dollars(0.001) == "$0"
    assert base.numbers([float("nan"), 1.23456789]) == [None, 1.23457]


@pytest.mark.parametrize("name", PLANS)
def test_suppliers_are_named_by_all_that_they_are_paid_for(name: str) -> None:
    result = result_of(name)
    (paid, suppliers) = next((v, b) for a, b, v, what in money._flows(result) if a == money.PLAN and what == "costs")
    capital = aggregate(result, "capital_usd", ["component"])
    lines = aggregate(result, "cost_usd", ["line"])
    network = float(capital.values[capital.labels["component"].index("network")])
    energy = float(lines.values[lines.labels["line"].index("energy")])
    for word, amount in (("network", network), ("energy", energy)):
        assert (word in suppliers) == (amount >= 0.01 * paid and amount > 0), suppliers
    upkeep = float(lines.values[lines.labels["line"].index("operations")])
    sold = float(aggregate(result, "vendor_flow_usd").values)
    assert paid == pytest.approx(float(capital.values.sum()) - sold + energy + upkeep, rel=1e-9, abs=1.0)


def test_the_flow_of_power_divides_by_what_gpu_hours_draw_and_says_so() -> None:
    drawn = flow.watts(result_of("announced-2025-09"))
    assert drawn is not None and "power that their GPU-hours draw" in drawn.caption


@pytest.mark.parametrize("name", PLANS)
def test_gigawatts_add_up_to_the_same_whatever_colours_them(name: str) -> None:
    """What produces is one total: the parts by place and by generation, and the existing and the new fleet."""
    result = result_of(name)
    for by in ("place", "generation"):
        option = charts.planner_charts(result, colour_by=by)["ladder"].option
        parts = np.sum([[v for _, v in s["data"]] for s in option["series"] if s.get("stack") == "parts"], axis=0)
        whole = next(s for s in option["series"] if s["name"] == "all that produces")
        np.testing.assert_allclose(parts, [v for _, v in whole["data"]], rtol=2e-5, atol=1e-9)
    option = charts.planner_charts(result)["ladder"].option
    built = [s for s in option["series"] if s["name"] in ("existing fleet", "producing")]
    whole = next(s for s in option["series"] if s["name"] == "all that produces")
    producing = np.sum([[v for _, v in s["data"]] for s in built], axis=0)
    np.testing.assert_allclose(producing, [v for _, v in whole["data"]], rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize("name", PLANS)
def test_what_is_served_and_what_is_not_is_the_demand(name: str) -> None:
    option = charts.planner_charts(result_of(name))["demand"].option
    parts = np.sum([[v for _, v in s["data"]] for s in option["series"] if s.get("stack") == "parts"], axis=0)
    whole = [v for _, v in next(s for s in option["series"] if s["name"] == "demand")["data"]]
    np.testing.assert_allclose(parts, whole, rtol=2e-3)


def test_charts_over_time_share_one_axis_with_today_and_a_paler_future() -> None:
    result = result_of("announced-2025-09")
    drawn = [c for c in charts.planner_charts(result, result).values() if c.option["shows"]["time"]]
    axes = [c.option["xAxis"][0] if isinstance(c.option["xAxis"], list) else c.option["xAxis"] for c in drawn]
    grids = [c.option["grid"][0] if isinstance(c.option["grid"], list) else c.option["grid"] for c in drawn]
    assert len(drawn) == 5
    assert {(a["type"], a["min"], a["max"]) for a in axes} == {("time", "2024-01-01", "2034-01-01")}
    assert len({(g["left"], g["right"]) for g in grids}) == 1
    for chart in drawn:
        first = chart.option["series"][0]
        assert first["markLine"]["data"] == [{"xAxis": "2025-09-22"}], "the day up to which the plan knows"
        assert first["markArea"]["data"][0][0] == {"xAxis": "2025-09-22"}
        assert [s for s in chart.option["series"] if s["name"].startswith("plan B")], chart.id


def test_first_tokens_and_tranches_are_marked_and_named() -> None:
    option = charts.planner_charts(result_of("announced-2025-09"))["ladder"].option
    marks = next(s for s in option["series"] if "markPoint" in s)["markPoint"]["data"]
    said = [e["text"] for e in option["shows"]["events"]]
    assert len(marks) == len(said)
    assert "first tokens at Abilene" in said and said.count("$10 B released") == 10


def test_the_script_has_the_colours_of_the_palette() -> None:
    from gigaplan.report.charts.palette import NIGHT
    from gigaplan.report.html import draw

    for light, dark in NIGHT.items():
        assert f"'{light}': '{dark}'" in draw()
