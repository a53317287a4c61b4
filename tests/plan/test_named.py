"""Names in plans are read by the one resolver; the plan's own names come first, and what follows sees the catalog's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import gigaplan as gp
from gigaplan.plan.load import load
from gigaplan.plan.sources import builtin_text

WRITTEN = {
    "h200_hgx": "H200",
    "b300_hgx": "NVIDIA B300",
    "region: us": "region: US",
    "qwen3_32b": "Qwen/Qwen3-32B",
    "model: gpt_oss_120b": "model: openai/gpt-oss-120b",
    "region_us": "US",
    "site: Campus hall": "site: campus-hall",
}


def test_a_plan_in_published_names_is_the_plan_in_the_catalogs(tmp_path: Path) -> None:
    text = builtin_text("lab-1mw")
    plain, other = tmp_path / "a.yaml", tmp_path / "b.yaml"
    plain.write_text(text)
    for ours, theirs in WRITTEN.items():
        assert ours in text
        text = text.replace(ours, theirs)
    other.write_text(text)
    a, b = load(plain), load(other)
    assert a.hash == b.hash
    assert a.document == b.document


@pytest.mark.parametrize(
    ("change", "said", "nearest"),
    [
        ("demand.workloads.chat.model=gpt-oss", "this may be any of 2 models", "gpt_oss_120b, gpt_oss_20b"),
        ("demand.workloads.chat.model=Kimi-K2.9", "no such model", "kimi_k2"),
        ("demand.workloads.chat.model=Qwen3-32B-FP8", "no such model", "qwen3_32b"),
        ("fleet.generations=[b300_hgx, H200, B300]", "named twice", ""),
        ("fleet.systems={B300: {life_years: 5 years}, b300_hgx: {life_years: 4 years}}", "this is b300_hgx", ""),
    ],
)
def test_what_a_name_leaves_open_is_refused(change: str, said: str, nearest: str) -> None:
    with pytest.raises(gp.PlanError) as raised:
        load("lab-1mw", [change])
    assert any(re.match(said, p.message) and p.nearest == nearest for p in raised.value.problems)


def test_the_plans_own_names_come_first() -> None:
    shape = "{layers: 8, hidden: 1024, heads: 8, kv_heads: 8, vocab: 32000, ffn_dense: 4096}"
    own = load("lab-1mw", [f"models.DeepSeek-V3={shape}", "demand.workloads.chat.model=deepseek v3"])
    assert own.document.demand.workloads["chat"].model == "DeepSeek-V3"
    catalogs = load("lab-1mw", ["demand.workloads.chat.model=deepseek v3"])
    assert catalogs.document.demand.workloads["chat"].model == "deepseek_v3"


def test_an_overlay_adds_to_what_the_plan_states_under_another_spelling(tmp_path: Path) -> None:
    over = tmp_path / "over.yaml"
    over.write_text("overlay: {who: me, why: test, from: me}\nfleet: {systems: {B300: {life_years: 5 years}}}\n")
    cap = "fleet.systems={b300_hgx: {supply_cap_racks_per_month: 90 racks/month}}"
    systems = load("lab-1mw", [cap], [over]).document.fleet.systems
    assert list(systems) == ["b300_hgx"]
    systems = load("lab-1mw", ["fleet.systems.b300_hgx.supply_cap_racks_per_month=90 racks/month"], [over])
    changed = systems.document.fleet.systems["b300_hgx"]
    assert (changed.life_years, changed.supply_cap_racks_per_month) == (5, 90)
