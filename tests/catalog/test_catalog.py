from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import gigaplan as gp
from gigaplan import catalog
from gigaplan.catalog import UnknownFactError, check
from gigaplan.catalog.catalog import data_folder
from gigaplan.catalog.check import REJECTED
from gigaplan.compute.device import Device
from gigaplan.plan.resolve import device_of
from gigaplan.vocabulary.bases import PowerBasis
from gigaplan.vocabulary.facts import Evidence

Row = dict[str, str]


@pytest.fixture
def doctored(tmp_path: Path) -> Callable[[Callable[[list[Row]], None]], list[str]]:
    """Copy the catalog, change the rows of one table, and return what the check says."""

    def change(edit: Callable[[list[Row]], None], table: str = "systems.csv") -> list[str]:
        folder = tmp_path / "data"
        shutil.copytree(data_folder(), folder, dirs_exist_ok=True)
        with (folder / table).open(newline="") as file:
            rows = list(csv.DictReader(file))
        edit(rows)
        with (folder / table).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return [str(p) for p in check(folder)]

    return change


def test_the_shipped_catalog_has_no_problem() -> None:
    assert [str(p) for p in check()] == []


def first(rows: list[Row], quantity: str) -> Row:
    return next(r for r in rows if r["quantity"] == quantity)


def own_assumption(rows: list[Row]) -> Row:
    return next(r for r in rows if r["source_title"] == "gigaplan's own assumption")


FAULTS: dict[str, tuple[Callable[[list[Row]], None], str]] = {
    "no source": (lambda rows: rows[0].update(source_title=""), "no source"),
    "no unit": (lambda rows: rows[0].update(unit=""), "no unit"),
    "no value": (lambda rows: rows[0].update(value=""), "no value"),
    "no evidence": (lambda rows: rows[0].update(evidence=""), "no evidence"),
    "no confidence": (lambda rows: rows[0].update(confidence=""), "no confidence"),
    "another unit": (lambda rows: first(rows, "hbm_bytes").update(unit="GB"), "not the quantity's unit"),
    "no basis": (lambda rows: first(rows, "rack_power_kw").update(power_basis=""), "no power basis"),
    "unknown basis": (lambda rows: first(rows, "rack_power_kw").update(power_basis="rack"), "unknown power_basis"),
    "out of range": (lambda rows: first(rows, "hbm_bytes").update(value="80", low="", high=""), "plausible range"),
    "bound out of range": (lambda rows: first(rows, "hbm_bytes").update(high="1e15"), "high is outside"),
    "an assumption as a data sheet": (lambda rows: own_assumption(rows).update(evidence="datasheet"), "no evidence of"),
    "a fit as a measurement": (
        lambda rows: own_assumption(rows).update(source_title="gigaplan's fit on rows", evidence="measured"),
        "allowed: estimated",
    ),
    "a copy as a data sheet": (
        lambda rows: next(r for r in rows if r["evidence"] == "second-hand").update(evidence="datasheet"),
        "allowed: second-hand",
    ),
    "an assumption without a reason": (
        lambda rows: rows[0].update(evidence="assumed", note=""),
        "an assumed value without a reason",
    ),
    "range without its value": (lambda rows: rows[0].update(low="1000"), "does not hold its value"),
    "not a number": (lambda rows: rows[0].update(value="many"), "not a number"),
    "not finite": (lambda rows: rows[0].update(value="nan"), "does not hold its value"),
    "not a date": (lambda rows: rows[0].update(date="last year"), "not a date"),
    "no such month": (lambda rows: rows[0].update(date="2025-13"), "not a date"),
    "not a day": (lambda rows: first(rows, "first_ship_date").update(value="2026-02-30"), "not a day"),
    "no price year": (lambda rows: first(rows, "rack_price_usd").update(price_year=""), "price year"),
    "price year in words": (lambda rows: first(rows, "rack_price_usd").update(price_year="now"), "not a price year"),
    "no address": (lambda rows: rows[0].update(url="n/a"), "not an address"),
    "unknown quantity": (lambda rows: rows[0].update(quantity="gpus_per_rak"), "nearest: gpus_per_rack"),
    "unknown evidence": (lambda rows: rows[0].update(evidence="rumour"), "unknown evidence"),
    "id twice": (lambda rows: rows[1].update(id=rows[0]["id"]), "id given twice"),
    "two chosen": (lambda rows: [r.update(chosen="yes") for r in rows] and None, "say the same thing"),
    "none chosen": (lambda rows: first(rows, "hbm_bytes").update(chosen="no"), "no fact of its group is chosen"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault: str, doctored: Callable[..., list[str]]) -> None:
    edit, says = FAULTS[fault]
    problems = [re.sub(r":\s+", ": ", p) for p in doctored(edit)]
    assert any(says in p for p in problems), problems
    assert all(p.startswith("systems.csv:") for p in problems)


QUANTITY_FAULTS: dict[str, tuple[Callable[[list[Row]], None], str]] = {
    "twice": (lambda rows: rows.append(dict(rows[0])), "quantity given twice"),
    "no meaning": (lambda rows: rows[0].update(meaning=""), "no meaning"),
    "unknown kind of basis": (lambda rows: rows[0].update(basis_kind="watts"), "unknown basis_kind"),
    "series neither yes nor no": (lambda rows: rows[0].update(series="sometimes"), "unknown series"),
    "range in words": (lambda rows: rows[0].update(min="little"), "not two numbers"),
}


@pytest.mark.parametrize("fault", QUANTITY_FAULTS)
def test_each_fault_of_quantities_is_found(fault: str, doctored: Callable[..., list[str]]) -> None:
    edit, says = QUANTITY_FAULTS[fault]
    problems = doctored(edit, "quantities_hardware.csv")
    assert any(says in p and p.startswith("quantities_hardware.csv:") for p in problems), problems


def test_evidence_and_source_agree_over_all_facts() -> None:
    """What gigaplan assumed is no data sheet; what it calculated, an estimate; the names of all systems are sourced."""
    facts = catalog.load().facts
    assumptions = [f for f in facts if "own assumption" in f.source_title]
    assert len(assumptions) > 200 and {f.evidence for f in assumptions} == {Evidence.ASSUMED}
    calculated = [f for f in facts if f.source_title.startswith("gigaplan") and "own" not in f.source_title]
    assert {f.evidence for f in calculated} == {Evidence.ESTIMATED}
    for f in facts:
        if f.evidence == Evidence.ASSUMED:
            assert "own" in f.source_title.split() or f.note, f.id
            assert f.confidence != "high", f.id
        if f.quantity in ("vendor", "package"):
            published = (Evidence.DATASHEET, Evidence.SECOND_HAND, Evidence.ANNOUNCED)
            assert f.evidence in published and "gigaplan" not in f.source_title, f.id


FILINGS = re.compile(r"10-[KQ]|8-K|S-1|CFO commentary|financial summary|exhibit|Commission")


def test_what_is_filed_names_a_filing() -> None:
    """Rules, scripts and calls are published, not filed."""
    filed = [f for f in catalog.load().facts if f.evidence == Evidence.FILED]
    assert filed
    for f in filed:
        assert FILINGS.search(f.source_title), f.id


def test_a_problem_names_its_line(doctored: Callable[..., list[str]]) -> None:
    problems = doctored(lambda rows: rows[4].update(source_title=""))
    assert [p.splitlines()[0].split(": ")[0] for p in problems] == ["systems.csv:6:1"]


def test_rows_of_another_shape_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data_folder(), folder)
    with (folder / "systems.csv").open("a") as file:
        file.write("vr_nvl72.short,vr_nvl72\n")
    (folder / "quantities_odd.csv").write_text("quantity,unit\nodd,1\n")
    said = [str(p) for p in check(folder)]
    assert any("not the catalog's columns" in p for p in said)
    assert any("not the columns of quantities" in p for p in said)


def test_look_up_on_a_basis() -> None:
    facts = catalog.load()
    assert facts.find("vr_nvl72", "rack_power_kw", profile="max_q", power_basis="rack_tdp").number == 190
    assert facts.find("vr_nvl72", "hbm_bytes").number == 288e9
    assert len(facts.all("vr_nvl72", "hbm_bandwidth_bytes_per_s")) == 4
    assert facts.has("dgx_1", "rack_power_kw")
    assert not facts.has("dgx_1", "peak_fp4_flops_per_s")


@pytest.mark.parametrize(
    ("entity", "quantity", "bases", "says"),
    [
        ("vr_nvl72", "rack_power_kw", {}, "needs a basis or date: vr_nvl72.rack_power_kw.max_q.rack_tdp"),
        ("vr_nvl72", "rack_power_kw", {"power_basis": "facility"}, "with power_basis 'facility'; there is vr_nvl72"),
        ("vr_nvl72", "hbm_bytes", {"profil": "max_q"}, "nearest is 'profile'"),
        ("vr_nvl27", "hbm_bytes", {}, "nearest is 'vr_nvl72'"),
        ("vr_nvl72", "hbm_byte", {}, r"nearest is 'hbm_bytes' \('vr_nvl72' has 23 names, which"),
        ("dgx_1", "peak_fp4_flops_per_s", {}, "nearest is 'peak_fp16_flops_per_s'"),
    ],
)
def test_a_look_up_that_fails_says_what_there_is(entity: str, quantity: str, bases: Row, says: str) -> None:
    with pytest.raises(UnknownFactError, match=says):
        catalog.load().find(entity, quantity, **bases)


def test_series_are_in_order_and_hold_what_is_chosen() -> None:
    facts = catalog.load()
    users = facts.series("chatgpt", "weekly_users")
    assert [f.date for f in users] == sorted(f.date for f in users)
    assert all(f.chosen for f in users)
    every = facts.series("nvidia_b200", "packages_per_month")
    assert facts.series("nvidia_b200", "packages_per_month", date=every[0].date) == every[:1]


def test_entities() -> None:
    facts = catalog.load()
    assert {"vr_nvl72", "dgx_1"} <= set(facts.entities("rack_power_kw"))
    assert facts.entities("rack_power_kw", prefix="gb") == ["gb200_nvl72", "gb300_nvl72"]
    assert "td_cowen" not in facts.entities("gpus_per_gw")
    assert set(facts.entities("hbm_bytes")) < set(facts.entities())


def test_conflicts_say_why_one_was_chosen_and_why_others_were_not() -> None:
    conflicts = catalog.load().conflicts()
    assert any(chosen.id.startswith("vr_nvl72.hbm_bandwidth") for chosen, _ in conflicts)
    for chosen, others in conflicts:
        assert chosen.note, chosen.id
        assert all(o.note.startswith(REJECTED) for o in others), chosen.id


def test_the_vintage_changes_with_the_tables_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def vintage() -> str:
        catalog.shipped.cache_clear()
        return catalog.load().vintage

    shipped = vintage()
    folder = tmp_path / "data"
    shutil.copytree(data_folder(), folder)
    try:
        monkeypatch.setattr("gigaplan.catalog.catalog.data_folder", lambda: folder)
        assert vintage() == shipped
        table = folder / "systems.csv"
        table.write_text(table.read_text().replace(",132,120,132,kW,", ",131,120,132,kW,"))
        assert vintage() != shipped
        assert vintage().split("+")[0] == shipped.split("+")[0]
    finally:
        monkeypatch.undo()
        catalog.shipped.cache_clear()


def test_the_generations_that_the_plan_needs_are_there() -> None:
    facts = catalog.load()
    for system in ("h100_hgx", "h200_hgx", "b200_hgx", "gb200_nvl72", "gb300_nvl72", "vr_nvl72"):
        assert isinstance(device_of(facts, system), Device)
    assert facts.find("dgx_1", "system_peak_fp16_flops_per_s").number == 170e12
    assert {f.power_basis for f in facts.all("vr_nvl72", "rack_power_kw")} >= {
        PowerBasis.RACK_TDP,
        PowerBasis.RACK_PEAK,
    }


def test_a_site_is_shown_with_or_without_the_catalogs_prefix() -> None:
    assert [*gp.catalog_show("abilene")] == [*gp.catalog_show("site_abilene")]
