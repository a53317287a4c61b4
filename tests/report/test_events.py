"""What the report says of events agrees with the months of the result, and a plan without a GPU has a report too."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import gigaplan as gp
from gigaplan.plan.starter import Start, starter
from gigaplan.report import charts, events
from gigaplan.report.format import digits_of, short
from gigaplan.report.html import html
from gigaplan.report.terminal import render
from gigaplan.report.unserved_line import unserved_line
from gigaplan.report.words import limit
from gigaplan.report.years import rows
from gigaplan.results.result import Result
from gigaplan.vocabulary.figures import figure_text

BUILT_IN = ("announced-2025-09", "actual-2026-11", "lab-1mw", "neocloud-100mw")


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_month_of_a_span_is_bound_by_its_limit_and_every_bound_month_is_in_one(name: str) -> None:
    result = gp.run(name)
    codes = result.central("binding_limit").astype(int)
    months = list(result.labels["month"])
    covered = {}
    for limit_name, first, last in events.limit_spans(result):
        for month in months[months.index(first) : months.index(last) + 1]:
            covered[month] = limit_name
    assert covered == {m: limit(result.labels["limit"][c]) for m, c in zip(months, codes, strict=True) if c >= 0}
    counted = {b.name: b.months for b in events.binding_limits(result)}
    assert counted == {n: list(covered.values()).count(n) for n in set(covered.values())}


@pytest.mark.parametrize("change", ["horizon.end=2027-02", "fleet.sites.First site.phases.all of it.energised=2031-10"])
def test_a_plan_without_tokens_has_every_view(change: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(starter(Start()))
    result = gp.run(plan, [change])
    folder = gp.save(result, tmp_path / "kept")
    screen = io.StringIO()
    Console(file=screen, width=100).print(render(result, full=True))
    assert "never" in screen.getvalue() and "there never is a GPU" in screen.getvalue()
    assert "nan" not in screen.getvalue().lower()
    assert (folder / "report.html").stat().st_size > 10_000
    assert gp.to_json(result) and gp.to_json(gp.explain(folder, "cost_usd", at="year=2027"))


def test_months_before_the_first_gpus_are_mentioned(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(starter(Start()))
    result = gp.run(plan)
    early, begin = events.before_supply(result)
    supply = result.central("gpus_available").sum(axis=0)
    months = list(result.labels["month"])
    assert early == months.index(begin) > 0
    assert not supply[: months.index(begin)].any() and supply[months.index(begin)] > 0


@given(st.floats(-1e307, 1e307))
def test_no_number_but_zero_reads_as_zero_and_none_has_a_wall_of_digits(value: float) -> None:
    for text in (digits_of(value), short(value)):
        number = text.split()[0].replace(",", "")
        assert (float(number) == 0) == (value == 0)
    assert len(short(value)) < 12
    factor = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(short(value).rpartition(" ")[2], 1.0)
    shown = float(short(value).split()[0].replace(",", "")) * factor
    assert np.isclose(shown, value, rtol=0.06 if abs(value) < 1e-3 else 0.006)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2180.0, "billion USD", "2,180 billion USD"),
        (1, "sites", "1 site"),
        (2, "sites", "2 sites"),
        (2.72e26, "FLOP", "2.72e26 FLOP"),
        (0.4, "share", "40%"),
        (0.148, "share", "14.8%"),
        (0.9996, "share", "99.9%"),
        (1440.0, "MW", "1.44 GW"),
        ("2026-11-01", "date", "2026-11-01"),
        (25.0, "1", "25"),
    ],
)
def test_figures_of_claims_are_in_plain_units(value: float | str, unit: str, text: str) -> None:
    assert figure_text(value, unit) == text


CASES = {
    "served at once": ("lab-1mw", ()),
    "served after the first GPUs": ("", ()),
    "never served": ("", ("fleet.sites.First site.phases.all of it.energised=2031-10",)),
    "short of demand after the first GPUs": ("", ("fleet.sites.First site.phases.all of it.power=2 MW it",)),
    "an existing fleet is short": ("announced-2025-09", ()),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_unserved_only_where_the_table_shows_it_in_every_month(case: str, tmp_path: Path) -> None:
    name, changes = CASES[case]
    plan = tmp_path / "plan.yaml"
    plan.write_text(starter(Start()))
    result = gp.run(name or plan, changes)
    line = unserved_line(result)
    demand, served = (result.central(f"tokens_{k}_per_day").sum(axis=(0, 1)) for k in ("asked", "served"))
    assert (line == "nothing: all demand is served") == np.allclose(demand, served, rtol=1e-9)
    early, begin = events.before_supply(result)
    months = list(result.labels["month"])
    if early and begin:
        days = result.axis.hours[: months.index(begin)] / 24
        generated = [result.index("token", t) for t in ("reasoning", "output")]
        missing = (result.central("tokens_asked_per_day")[:, generated].sum(axis=(0, 1))[: len(days)] * days).sum()
        assert f"{early} months before the first GPUs in {begin} ({short(missing)} generated tokens" in line
    assert line.rstrip(".") in html(result), "the page says the same"


def test_a_little_unserved_demand_is_not_nothing(announced: Result) -> None:
    share = np.ones_like(announced.arrays["served_share"])
    share[..., 5] = 0.9995
    nearly = dataclasses.replace(announced, arrays={**announced.arrays, "served_share": share})
    assert unserved_line(nearly) == "nearly nothing: at most 0.050% of a workload in a month"


@pytest.mark.parametrize("name", BUILT_IN)
def test_gpus_of_the_yearly_table_come_whole_and_noise_is_not_shown(name: str) -> None:
    result = gp.run(name)
    for row in rows(result):
        if row.variable == "gpus_in_production":
            assert all("." not in t or t[-1] in "kMBT" for t in row.texts), row
    for chart in charts.all_charts(result).values():
        assert not [c for row in chart.rows for c in row if "e-1" in c], chart.id


def test_sites_with_commas_in_their_names_are_kept_apart() -> None:
    result = gp.run("actual-2026-11")
    screen = io.StringIO()
    Console(file=screen, width=1000).print(render(result, full=True))
    line = next(t for t in screen.getvalue().splitlines() if t.startswith("First tokens  "))
    assert [p for p in line.split("; ") if p.startswith("Broadcom, sites to be named 20")]
