"""``--set`` reaches every path of the schema, shifts dates, and says what is wrong where it was written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import plan
from gigaplan.plan.document import parse
from gigaplan.plan.paths import section_fields, takes_entries, type_at
from gigaplan.plan.schema import PlanDocument
from gigaplan.plan.set import change
from gigaplan.plan.shift import read_shift
from gigaplan.vocabulary.errors import PlanError

HEADER = "overlay: {who: A. Planner, why: a later grid, from: 2026-11-20}\n"
MODEL = "{layers: 24, hidden: 2048, heads: 16, kv_heads: 4, ffn_dense: 8192, vocab: 32000}"


def changed(*changes: str, base: str = "lab-1mw", overlays: tuple[Path, ...] = ()) -> PlanDocument:
    return plan.load(base, changes, overlays).document


def refused(*changes: str, base: str = "lab-1mw", overlays: tuple[Path, ...] = ()) -> Any:
    with pytest.raises(PlanError) as wrong:
        plan.load(base, changes, overlays)
    return wrong.value.problems


@pytest.fixture
def over(tmp_path: Path) -> Callable[[str], Path]:
    def make(body: str) -> Path:
        path = tmp_path / "over.yaml"
        path.write_text(HEADER + body)
        return path

    return make


def test_sections_that_the_plan_leaves_out() -> None:
    document = changed(
        "finance.systems.b300_hgx.rack_price_usd=$0.5M",
        "fleet.systems.b300_hgx.first_ship_date=2026-03",
        "training.reliability.restart_s=10 min",
        "finance.tranches={investor: a bank, milestone: 0.5 MW it, trigger_state: accepted, total_usd: $1M,"
        " amount_per_milestone_usd: $1M}",
    )
    assert document.finance.systems["b300_hgx"].rack_price_usd == 5e5
    assert document.fleet.systems["b300_hgx"].first_ship_date == dt.date(2026, 3, 16)
    assert document.training.reliability.restart_s == 600
    assert document.finance.tranches.investor == "a bank"


def test_a_new_site_a_new_workload_and_an_own_model() -> None:
    document = changed(
        "fleet.sites.Annex.region=us",
        "fleet.sites.Annex.phases.all.power=200 kW it",
        "fleet.sites.Annex.phases.all.energised=2028-01",
        f"models.mine={MODEL}",
        "demand.workloads.library.like=chat",
        "demand.workloads.library.driver=own",
        "demand.workloads.library.model=mine",
        "demand.workloads.library.requests_per_day=1000",
    )
    assert document.fleet.sites["Annex"].phases["all"].power.value == 0.2
    assert document.demand.workloads["library"].model == "mine"


def test_names_with_dots_and_items_of_lists() -> None:
    named = '"St. Louis 1.2 GW"'
    document = changed(
        f"fleet.sites.{named}.region=us",
        f"fleet.sites.{named}.phases={{all: {{power: 1 MW it, energised: 2028-01}}}}",
        "fleet.sites.St. Louis 1.2 GW.region=ercot",
        "fleet.generations.0=h100_hgx",
        "fleet.opening.old cluster.generation=h100_hgx",
    )
    assert document.fleet.sites["St. Louis 1.2 GW"].region == "ercot"
    assert document.fleet.generations == ["h100_hgx", "b300_hgx"]


def test_every_path_of_the_schema_can_be_reached() -> None:
    """A value put at any path of the schema stands there afterwards."""
    root = parse("name: bare", "bare")

    def paths(path: tuple[str, ...]) -> list[tuple[str, ...]]:
        below = ["any"] if takes_entries(path) else section_fields(path)
        return [found for name in below for found in paths((*path, name))] or [path]

    found = paths(())
    assert len(found) > 150
    for path in found:
        assert type_at(path) is not None
        node, whole = change(root, f"{'.'.join(path)}=x").at(path)
        assert whole, path
        assert node.value == "x", path


def test_a_change_leaves_what_aliases_share_alone() -> None:
    root = parse("training: &t {mfu_share: 1}\nfinance: *t", "base")
    assert change(root, "training.mfu_share=2").plain() == {"training": {"mfu_share": 2}, "finance": {"mfu_share": 1}}
    assert root.plain() == {"training": {"mfu_share": 1}, "finance": {"mfu_share": 1}}


def test_a_misspelt_entry_has_a_nearest_name() -> None:
    (problem,) = refused("fleet.sites.Campus hal.region=us")
    assert problem.nearest == "Campus hall"
    assert problem.place.file == "--set fleet.sites.Campus hal.region=us"


def test_wrong_changes_are_told_together_each_at_its_own_place() -> None:
    problems = refused("fleet.profil=max_p", "finance.cost=1")
    assert [p.place.file for p in problems] == ["--set finance.cost=1", "--set fleet.profil=max_p"]
    (inner,) = refused("power.facility={pue: 1.2, loss_shore: 3 %}")
    text = "power.facility={pue: 1.2, loss_shore: 3 %}"
    assert inner.place.column == text.index("loss_shore") + 1


SHIFTS = [
    ("2026-09-01", "+12 months", "2027-09-01"),
    ("2026-09-01", "-2 quarters", "2026-03-01"),
    ("2024-02-29", "+1 year", "2025-02-28"),
    ("2026-01-31", "+1 month", "2026-02-28"),
    ("2026-09-01", "+30 days", "2026-10-01"),
    ("2026-09-01", "- 1 week", "2026-08-25"),
    ("2026-11", "+2 months", "2027-01"),
    ("2026", "+1.5 years", "2027-12-30"),
    ("2026-Q4", "+1 quarter", "2027-02-14"),
]


@pytest.mark.parametrize(("date", "shift", "expected"), SHIFTS)
def test_how_dates_move(date: str, shift: str, expected: str) -> None:
    found = read_shift(shift)
    assert found is not None
    assert found.move(date) == expected


@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)), st.integers(-600, 600), st.integers(0, 600))
def test_law_moves_add_up_on_the_first_of_a_month(day: dt.date, one: int, more: int) -> None:
    first = day.replace(day=1).isoformat()
    steps = [read_shift(f"{n:+d} months") for n in (one, more, one + more)]
    a, b, both = (s.move for s in steps if s is not None)
    assert b(a(first)) == both(first)


@pytest.mark.parametrize("text", ["12 months", "+12", "+12 moons", "+0.3 months", 12, None])
def test_what_is_no_shift(text: object) -> None:
    assert read_shift(text) is None


def test_a_date_and_a_whole_site_slip() -> None:
    before = changed().fleet.sites["Campus hall"]
    one = changed("fleet.sites.Campus hall.phases.first half.energised=+12 months").fleet.sites["Campus hall"]
    assert one.phases["first half"].energised == dt.date(2027, 9, 1)
    assert one.phases["second half"] == before.phases["second half"]
    assert one.announced == before.announced
    whole = changed("fleet.sites.Campus hall=-2 quarters").fleet.sites["Campus hall"]
    assert whole.announced == dt.date(2025, 7, 1)
    assert [p.energised for p in whole.phases.values()] == [dt.date(2026, 3, 1), dt.date(2027, 3, 1)]
    assert [p.power for p in whole.phases.values()] == [p.power for p in before.phases.values()]
    every = changed("fleet.sites.*.phases.*.energised=+1 year").fleet.sites["Campus hall"]
    assert [p.energised for p in every.phases.values()] == [dt.date(2027, 9, 1), dt.date(2028, 9, 1)]
    assert every.announced == before.announced


def test_a_shift_may_state_its_source_and_note() -> None:
    path = "fleet.sites.Campus hall.phases.first half.energised"
    loaded = plan.load("lab-1mw", [f"{path}={{value: +12 months, note: the grid is late, evidence: estimated}}"])
    phase = loaded.document.fleet.sites["Campus hall"].phases["first half"]
    assert phase.energised == dt.date(2027, 9, 1)
    known = loaded.provenance[path]
    assert (known.note, known.evidence) == ("the grid is late", "estimated")
    (problem,) = refused(f"{path}={{value: +12 moons, note: the grid is late}}")
    assert "no unit by which dates move" in problem.message
    (problem,) = refused("power.facility.power_price_usd_per_mwh={value: +12 months, note: late}")
    assert problem.value == "+12 months"


def test_names_that_are_dates_slip_too() -> None:
    assert changed("training=+6 months").training.share == {"2026-07": 0.4, "2032-07": 0.4}
    assert changed("training=+6 years").training.share == {"2032-01": 0.4, "2038-01": 0.4}


def test_the_ledger_says_what_was_shifted() -> None:
    loaded = plan.load("lab-1mw", ["fleet.sites.Campus hall=+12 months"])
    entries = {e.path: e for e in plan.resolve(loaded).ledger.entries}
    entry = entries["fleet.sites.Campus hall.phases.first half.energised"]
    assert entry.value == "2027-09-01"
    assert entry.source == "2026-09-01 shifted by +12 months"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("fleet.sites.Campus hall.phases.first half.contracted", "there is no date here"),
        ("finance.costs", "there is no date here"),
        ("fleet.profile", "only dates can be shifted"),
        ("fleet.ladder.ready_lag_months", "only dates can be shifted"),
    ],
)
def test_shifts_of_nothing_are_refused(path: str, says: str, over: Callable[[str], Path]) -> None:
    (problem,) = refused(f"{path}=+12 months")
    assert says in problem.message
    assert problem.place.file == f"--set {path}=+12 months"
    assert problem.place.path == path
    assert "+12 months" in problem.allowed
    body = "+12 months"
    for name in reversed(path.split(".")):
        body = f"{{{name}: {body}}}"
    file = over(body[1:-1] + "\n")
    (problem,) = refused(overlays=(file,))
    assert says in problem.message
    assert (problem.place.file, problem.place.line) == (str(file), 2)


def test_a_shift_beyond_the_calendar_or_of_no_date() -> None:
    (problem,) = refused("horizon.start=+9000 years")
    assert "can't be shifted" in problem.message
    (problem,) = refused("horizon.start=soon", "horizon.start=+1 year")
    assert "can't be shifted" in problem.message


def test_an_overlay_shifts_the_bases_dates(over: Callable[[str], Path]) -> None:
    file = over("fleet:\n  sites:\n    Campus hall:\n      phases:\n        first half: {energised: +12 months}\n")
    assert changed(overlays=(file,)).fleet.sites["Campus hall"].phases["first half"].energised == dt.date(2027, 9, 1)
    whole = over(
        "fleet:\n  sites:\n    Campus hall: +1 year\n"
        "training:\n  runs:\n    domain model: {start: {value: +30 days, evidence: filed, source: the permit}}\n"
    )
    loaded = plan.load("lab-1mw", (), (whole,))
    assert [p.energised.year for p in loaded.document.fleet.sites["Campus hall"].phases.values()] == [2027, 2028]
    run = {e.path: e for e in plan.resolve(loaded).ledger.entries}["training.runs.domain model.start"]
    assert (run.value, run.source) == ("2027-02-14", "the permit; 2027-01-15 shifted by +30 days")
    assert changed("training.runs.domain model.start=+1 day", overlays=(whole,)).training.runs[
        "domain model"
    ].start == dt.date(2027, 2, 15)


def test_a_plan_itself_has_no_date_to_shift(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(plan.load("lab-1mw").sources.text.replace("start: 2027-01-15", "start: +12 months"))
    with pytest.raises(PlanError, match="not a date"):
        plan.load(path)


@pytest.mark.parametrize("text", ["$4.1M", "4.1M USD", "4.1 M USD", "4.1 million USD", "4100000 USD", "4,100,000 USD"])
def test_ways_to_write_money(text: str) -> None:
    system = changed(f"finance.systems.b300_hgx.rack_price_usd={text}").finance.systems["b300_hgx"]
    assert system.rack_price_usd == pytest.approx(4.1e6, rel=1e-12)


@pytest.mark.parametrize("text", ["4.1M", "4.1", "4.1 m USD", "4.1mUSD", "$4.1m", "4,1M USD", "38B", "4.1 MM USD"])
def test_ambiguous_money_is_refused_with_the_forms(text: str) -> None:
    (problem,) = refused(f"finance.systems.b300_hgx.rack_price_usd='{text}'")
    assert "'$4.1M' or '4.1M USD'" in problem.remedy
    assert problem.place.path == "finance.systems.b300_hgx.rack_price_usd"


def test_a_shift_that_would_make_two_dates_one_is_refused() -> None:
    stated = "training.share={2027-01-30: 40 %, 2027-01-31: 60 %}"
    assert changed(stated, "training.share=+1 day").training.share
    (problem,) = refused(stated, "training.share=+1 month")
    assert "both become 2027-02-28" in problem.message and problem.place.path == "training.share"
