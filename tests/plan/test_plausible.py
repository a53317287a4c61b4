"""Amounts far outside what is plausible give a warning with the range; impossible ones are refused."""

from __future__ import annotations

import pytest

import gigaplan as gp
from gigaplan import plan
from gigaplan.plan.checks.plausible import plausible_ranges
from gigaplan.plan.paths import settings, type_at, unit_at
from gigaplan.vocabulary.errors import Problem
from gigaplan.vocabulary.units import factor

MESSAGE = "outside the plausible range"
SLIPS = {
    "demand.workloads.chat.ttft_s=2 h": ("2 h, read as 7,200 s", "0.01 to 3,600 s"),
    "demand.workloads.chat.tpot_s=50 us": ("50 us, read as 5e-05 s", "0.001 to 60 s"),
    "power.facility.pue=4": ("4", "1 to 2.5"),
    "finance.costs.it_life_years=80 years": ("80 years", "1 to 15 years"),
    "power.facility.power_price_usd_per_mwh=77000 USD/MWh": ("77000 USD/MWh", "1 to 500 USD/MWh"),
    "finance.systems.vr_nvl72.rack_price_usd=$38B": ("$38B, read as 38,000,000,000 USD", "10,000 to 60,000,000 USD"),
    "fleet.ladder.ready_lag_months=40 years": ("40 years, read as 480 months", "0 to 60 months"),
    "demand.workloads.chat.output_tokens=20M tokens": (
        "20M tokens, read as 20,000,000 tokens",
        "0 to 10,000,000 tokens",
    ),
    "announced.power=3 TW it": ("3 TW it, read as 3,000,000 MW", "0.001 to 2,000,000 MW"),
    "demand.price_index={2027-01: 5000}": ("5000", "1e-06 to 1,000"),
}
IMPOSSIBLE = {
    "demand.workloads.chat.ttft_s=0 s": "above 0 s",
    "power.facility.pue=0.9": "at least 1",
    "fleet.ladder.ready_lag_months=100 years": "at most 600 months",
    "training.mfu_share=120 %": "at most 1",
    "finance.costs.it_life_years=0 years": "above 0 years",
}


def implausible(*changes: str) -> list[Problem]:
    return [w for w in plan.load("announced-2025-09", changes).warnings if w.message == MESSAGE]


@pytest.mark.parametrize("change", SLIPS)
def test_a_slip_is_a_warning_with_the_range(change: str) -> None:
    (warning,) = implausible(change)
    path, _, text = change.partition("=")
    assert warning.severity == "warning"
    assert (warning.value, warning.allowed) == SLIPS[change]
    assert warning.place.path.startswith(path)
    assert warning.place.file == f"--set {path}={text}"


@pytest.mark.parametrize("change", IMPOSSIBLE)
def test_the_impossible_is_refused(change: str) -> None:
    with pytest.raises(gp.PlanError) as raised:
        plan.load("announced-2025-09", [change])
    assert IMPOSSIBLE[change] in raised.value.problems[0].allowed


def test_warnings_reach_the_result() -> None:
    result = gp.run("lab-1mw", {"power.facility.pue": 2.6})
    (warning,) = [w for w in result.warnings if MESSAGE in w]
    assert warning == (
        "--set power.facility.pue=2.6:1:20: warning: power.facility.pue: outside the plausible range\n"
        "    found:   2.6\n"
        "    allowed: 1 to 2.5\n"
        "    do:      check the unit and the zeros; the run goes on"
    )


@pytest.mark.parametrize("name", plan.builtin_names())
def test_no_built_in_plan_is_implausible(name: str) -> None:
    assert not [w for w in plan.load(name).warnings if w.message == MESSAGE]


def test_the_ends_of_a_range_are_plausible() -> None:
    assert not implausible("demand.workloads.chat.ttft_s=3600 s", "power.facility.pue=2.5")
    assert implausible("demand.workloads.chat.ttft_s=3601 s")


def test_every_amount_with_a_unit_has_a_range_of_its_unit() -> None:
    spans = plausible_ranges()
    without = {line for line in settings() if type_at(line) is float and unit_at(line) not in ("", "1", "share")}
    assert without <= set(spans)
    assert set(spans) <= set(settings())
    for line, span in spans.items():
        assert span.low < span.high, line
        if unit_at(line) not in ("", span.unit):
            assert factor(span.unit, unit_at(line)) == pytest.approx(1), line
