from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gigaplan import catalog
from gigaplan.catalog import UnknownFactError, check
from gigaplan.catalog.catalog import data_folder
from gigaplan.compute.device import Device
from gigaplan.plan.resolve import device_of, model_of
from gigaplan.vocabulary.bases import PowerBasis

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


FAULTS: dict[str, tuple[Callable[[list[Row]], None], str]] = {
    "no source": (lambda rows: rows[0].update(source_title=""), "no source"),
    "no unit": (lambda rows: rows[0].update(unit=""), "no unit"),
    "another unit": (lambda rows: first(rows, "hbm_bytes").update(unit="GB"), "not the quantity's unit"),
    "no basis": (lambda rows: first(rows, "rack_power_kw").update(power_basis=""), "no power basis"),
    "unknown basis": (lambda rows: first(rows, "rack_power_kw").update(power_basis="rack"), "unknown power_basis"),
    "out of range": (lambda rows: first(rows, "hbm_bytes").update(value="80", low="", high=""), "plausible range"),
    "range without its value": (lambda rows: rows[0].update(low="1000"), "does not hold its value"),
    "not a number": (lambda rows: rows[0].update(value="many"), "not a number"),
    "not a date": (lambda rows: rows[0].update(date="last year"), "not a date"),
    "no price year": (lambda rows: first(rows, "rack_price_usd").update(price_year=""), "price year"),
    "unknown quantity": (lambda rows: rows[0].update(quantity="gpus_per_rak"), "unknown quantity"),
    "unknown evidence": (lambda rows: rows[0].update(evidence="rumour"), "unknown evidence"),
    "id twice": (lambda rows: rows[1].update(id=rows[0]["id"]), "id given twice"),
    "two chosen": (lambda rows: [r.update(chosen="yes") for r in rows] and None, "say the same thing"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault: str, doctored: Callable[..., list[str]]) -> None:
    edit, says = FAULTS[fault]
    problems = doctored(edit)
    assert any(says in p for p in problems), problems
    assert all("systems.csv:" in p for p in problems)


def test_look_up() -> None:
    facts = catalog.load()
    assert facts.find("vr_nvl72", "rack_power_kw", profile="max_q", power_basis="rack_tdp").number == 190
    with pytest.raises(UnknownFactError, match="needs a basis or date"):
        facts.find("vr_nvl72", "rack_power_kw")
    with pytest.raises(UnknownFactError, match="nearest is 'vr_nvl72'"):
        facts.find("vr_nvl27", "hbm_bytes")
    assert [f.date for f in facts.series("chatgpt", "weekly_users")] == sorted(
        f.date for f in facts.series("chatgpt", "weekly_users")
    )
    assert len(facts.all("vr_nvl72", "hbm_bandwidth_bytes_per_s")) >= 3
    assert any(chosen.id.startswith("vr_nvl72.hbm_bandwidth") for chosen, _ in facts.conflicts())


def test_conflicts_say_why_one_was_chosen() -> None:
    for chosen, others in catalog.load().conflicts():
        assert chosen.note or all(o.note for o in others), chosen.id


def test_the_generations_that_the_plan_needs_are_there() -> None:
    facts = catalog.load()
    for system in ("h100_hgx", "h200_hgx", "b200_hgx", "gb200_nvl72", "gb300_nvl72", "vr_nvl72"):
        assert isinstance(device_of(facts, system), Device)
    assert facts.find("dgx_1", "system_peak_fp16_flops_per_s").number == 170e12
    assert {f.power_basis for f in facts.all("vr_nvl72", "rack_power_kw")} >= {
        PowerBasis.RACK_TDP,
        PowerBasis.RACK_PEAK,
    }


@pytest.mark.parametrize("model", catalog.load().entities("params_total"))
def test_recounted_parameters_agree_with_what_is_published(model: str) -> None:
    facts = catalog.load()
    architecture = model_of(facts, model)
    assert architecture.parameters == pytest.approx(facts.find(model, "params_total").number, rel=0.03)
    active = facts.find(model, "params_active").number
    assert architecture.active_parameters == pytest.approx(active, rel=0.2)
    assert architecture.active_parameters <= architecture.parameters
