"""Figures that documents and plans' notes state are those that the model and the catalog give."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import yaml

import gigaplan as gp
from gigaplan import catalog
from gigaplan.plan.resolve import it_kw_per_gpu
from gigaplan.validation.demand import validate_demand

ROOT = Path(__file__).parents[1]
BUILTIN = ROOT / "src/gigaplan/plan/builtin"
FACTS = catalog.load()
PER_MESSAGE = re.compile(r"([\d.]+) Wh\s+\(Vera Rubin\) to\s+([\d.]+)\s+Wh\s+\(H100\)")
MESSAGES = ("chat", "education", "multimodal", "reasoning", "long_context")
STATED_WH = 0.34
"""What the lab's chief executive stated for an average query in 2025."""


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def announced() -> gp.Result:
    return gp.run("announced-2025-09")


def message_wh(workload: str, generation: str) -> float:
    """Energy at the meter of one request of 2025 on a busy GPU [Wh]."""
    result = announced()
    at = (workload, generation, "2025")
    labels = [list(result.labels[dim]) for dim in ("workload", "generation", "year")]
    per_s = result.central("requests_per_gpu_s")[tuple(names.index(n) for names, n in zip(labels, at, strict=True))]
    busy, pue = FACTS.find("draw_curve", "busy_share").number, FACTS.find("facility", "pue").number
    return float(it_kw_per_gpu(FACTS, generation) * 1e3 * busy * pue / (per_s * 3600))


@pytest.mark.parametrize(
    "page",
    [
        "docs/accuracy.md",
        "docs/decisions/0003-stand-in-models.md",
        "src/gigaplan/plan/builtin/announced-2025-09.yaml",
        "src/gigaplan/plan/builtin/actual-2026-11.yaml",
    ],
)
def test_the_energy_of_a_message_is_the_results(page: str) -> None:
    stated = PER_MESSAGE.findall(text(page))
    assert stated == [(f"{message_wh('chat', 'vr_nvl72'):.2f}", f"{message_wh('chat', 'h100_hgx'):.2f}")]


def test_the_stated_query_takes_more_than_a_message_on_any_generation() -> None:
    assert all(message_wh("chat", generation) < STATED_WH for generation in announced().labels["generation"])


def test_the_mean_over_all_messages_is_the_results() -> None:
    result = announced()
    month, workloads = list(result.labels["month"]).index("2025-07"), list(result.labels["workload"])
    served = {w: result.central("requests_served_per_day")[workloads.index(w), month] for w in MESSAGES}
    means = [
        sum(served[w] * message_wh(w, g) for w in MESSAGES) / sum(served.values()) for g in ("gb200_nvl72", "h100_hgx")
    ]
    on_both = re.search(r"mean is ([\d.]+) Wh on GB200 and\s+([\d.]+) Wh on H100", text("docs/accuracy.md"))
    assert on_both is not None
    assert [float(stated) for stated in on_both.groups()] == pytest.approx(means, rel=0.05)


def test_the_table_of_weekly_users_is_what_validation_gives() -> None:
    """Every point from August 2025 on, in order: those that came after and the last known one."""
    found = re.findall(
        r"^\| (\d{4}-\d\d) \| ([\d.]+) (M|B) \| ([\d.]+) (M|B) \| ([+−][\d.]+) % \|", text("docs/accuracy.md"), re.M
    )
    unit = {"M": 1e6, "B": 1e9}
    points = [p for p in validate_demand().points if p.quantity == "weekly_users" and p.date >= "2025-08"]
    assert [row[0] for row in found] == [p.date[:7] for p in points]
    for (_, published, m, predicted, n, error), point in zip(found, points, strict=True):
        assert float(published) * unit[m] == point.published
        assert float(predicted) * unit[n] == pytest.approx(point.predicted, rel=0.005)
        assert float(error.replace("−", "-")) == pytest.approx(point.error * 100, abs=0.05)


def stated(value: object) -> float:
    """Return the number of a plan's value such as ``{value: 18000 racks/month, note: ...}``."""
    return float(str(value["value"] if isinstance(value, dict) else value).split()[0])


def test_the_world_plan_says_how_much_more_suppliers_give() -> None:
    plan = yaml.safe_load((BUILTIN / "world-250gw.yaml").read_text(encoding="utf-8"))
    ladder = plan["fleet"]["ladder"]
    times = [
        stated(plan["fleet"]["systems"]["vr_nvl72"]["supply_cap_racks_per_month"])
        / FACTS.find("vr_nvl72", "supply_cap_racks_per_month").number,
        *(
            stated(ladder[name]) / FACTS.find("ladder", name).number
            for name in ("packaging_cap_gpus_per_month", "transformer_mw_per_month", "labour_mw_per_month")
        ),
    ]
    said = re.search(r"(\d+) times the racks, (\d+) .* packages, (\d+) .* transformers and (\d+) ", plan["notes"][1])
    assert said is not None and [int(n) for n in said.groups()] == [round(n) for n in times]


def test_the_campus_plan_says_how_much_less_its_it_power_is() -> None:
    less = 1 - 1 / FACTS.find("facility", "facility_to_it_peak").number
    note = yaml.safe_load((BUILTIN / "campus-1gw.yaml").read_text(encoding="utf-8"))["notes"][0]
    assert f"the IT power is {less * 100:.0f} % less" in note


def test_the_lab_begins_with_the_nodes_that_its_note_counts() -> None:
    result = gp.run("lab-1mw")
    old = list(result.labels["generation"]).index("h200_hgx")
    stock = result.central("gpus_producing")
    assert stock[old, 0] == pytest.approx(64, abs=0.5)
