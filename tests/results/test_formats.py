"""Saved results of every format read by name and label, whatever today's variable table looks like."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import gigaplan as gp
from gigaplan.results import formats, labelled, store, summary
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import GigaplanError, PlanError, UnknownQuantityError
from gigaplan.vocabulary.variables import Variable, variables

FORMATS = Path(__file__).parent / "formats"
LATER = {
    "supply_limit_mw",
    "binding_supply",
    "energy_by_source_mwh",
    "unpowered_energy_mwh",
    "energy_co2_t",
    "water_m3",
    "generated_tokens",
    "gpus_in_production",
    "racks_in_production",
    "research_on_idle_gpu_hours",
    "sold_gpu_hours",
    "unrequested_share",
    "gpu_hour_cost_usd",
    "gpu_hour_rent_usd",
    "cost_per_request_usd",
    "market_cost_per_request_usd",
    "price_per_request_usd",
    "clearing_price_usd_per_gpu_h",
    "sold_usd",
    "sold_cost_usd",
    "revenue_over_stated",
    "largest_run_gpus",
    "largest_run_learners",
    "largest_run_flops_per_gpu",
    "trend_run_flop",
    "largest_run_over_trend",
    "capability_from_compute_eci",
    "capability_from_methods_eci",
    "within_limits_share",
    "worth_as_served_share",
    "slowness_price_factor",
    "value_lost_to_slowness_usd",
    "full_gpu_hour_cost_usd",
    "cost_of_capital_usd",
    "interest_usd",
    "tax_usd",
    "debt_usd",
    "debt_service_usd",
    "debt_service_cover",
    "full_workload_cost_usd",
    "full_cost_per_mtok_usd",
    "full_cost_per_mtok_all_usd",
    "flow_usd",
    "party_cash_usd",
    "party_assets_usd",
    "party_debt_usd",
    "party_worth_usd",
    "party_npv_usd",
    "party_npv_of_end_usd",
    "party_irr",
    "party_payback_day",
    "party_peak_funding_usd",
    "gpu_clock_share",
    "requests_lost_per_day",
    "gpus_unreserved",
    "reserved_gpu_hours",
    "customer_gpu_hours",
    "for_sale_gpu_hours",
    "for_sale_tokens",
    "price_per_mtok_usd",
    "customer_fee_usd",
    "customer_credit_usd",
    "customer_revenue_usd",
    "customer_cost_usd",
    "customer_margin_usd",
    "workload_margin_usd",
    "revenue_over_full_cost",
    "generation_rent_usd_per_gpu_h",
    "marginal_revenue_usd_per_gpu_h",
    "clearing_revenue_usd_per_gw_year",
    "next_gw_cost_usd_per_gw_year",
    "next_gw_benefit_cost_ratio",
    "next_gw_clearing_benefit_cost_ratio",
    "added_gw_benefit_cost_ratio",
    "added_gw_clearing_benefit_cost_ratio",
    "tranche_producing_day",
    "tranche_it_mw",
    "tranche_gpus",
    "tranche_tokens_per_day",
    "tranche_capital_usd",
    "tranche_payback_day",
}
"""Quantities that the variable table got after these results were saved."""
NUMBERS = sorted(int(p.name) for p in FORMATS.iterdir() if p.is_dir())


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Variable]:
    """A variable table that a test may change as a later version would."""
    changed = dict(variables())
    monkeypatch.setattr(formats, "variables", lambda: changed)
    monkeypatch.setattr(labelled, "variables", lambda: changed)
    return changed


def copied(number: int, tmp_path: Path) -> Path:
    return Path(shutil.copytree(FORMATS / str(number), tmp_path / "kept"))


def edited(folder: Path, **changes: Any) -> Path:
    path = folder / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


def test_there_is_a_saved_result_of_every_format() -> None:
    assert [*formats.READERS] == NUMBERS
    assert NUMBERS[-1] == formats.FORMAT


@pytest.mark.parametrize("number", NUMBERS)
def test_a_saved_result_of_every_format_reads(number: int) -> None:
    result = gp.load(FORMATS / str(number))
    assert result.stamp.members == 2
    assert result.labels["site"] == ("Campus hall", "opening old cluster", "opening old hall")
    assert result.existing == (False, True, True)
    assert (result.new_sites(), result.existing_sites()) == ([0], [1, 2])
    # A quantity along labels that the plan has none of has no number that could be lacking.
    empty = {name for name in LATER & set(result.arrays) if not result[name].size}
    assert set(result.arrays) == (set(variables()) - LATER) | empty
    lacks = [w for w in result.warnings if "left out" in w or "does not hold" in w]
    assert len(lacks) == 1
    assert all(name in lacks[0] for name in LATER - empty)
    assert len(result.ledger.entries) == 60
    assert result["gpus_available"].shape == (2, 2, 4)
    assert result["gpus_available"].sum() == pytest.approx(2420.440082527774, rel=1e-12)
    assert result["gpus_available"][1, 1, 3] == pytest.approx(238.41008314553076, rel=1e-12)
    assert result["cost_usd"].sum() == pytest.approx(4695752.835549601, rel=1e-12)
    assert result["fleet_share"].sum() == pytest.approx(3.9207794825242033, rel=1e-12)
    producing = result.central("power_state_mw")[result.index("state", "producing"), :, -1]
    assert list(producing) == pytest.approx([0.0, 0.1, 0.5])
    assert np.isnan(result["first_token_day"][:, 0]).all()
    assert result["tranche_day"].shape == (2, 0)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_table_in_another_order_changes_nothing(number: int, table: dict[str, Variable]) -> None:
    before = gp.load(FORMATS / str(number))
    assert variables()["gpus_available"].dims == variables()["gpus_producing"].dims
    rows = list(table.items())
    rows.reverse()
    table.clear()
    table.update(rows)
    after = gp.load(FORMATS / str(number))
    assert [*after.arrays] == [name for name, _ in rows if name in before.arrays]
    for name, array in before.arrays.items():
        np.testing.assert_array_equal(after[name], array, err_msg=name)
    assert not np.array_equal(after["gpus_available"], after["gpus_producing"])


@pytest.mark.parametrize("number", NUMBERS)
def test_new_removed_and_changed_quantities_are_left_out_in_words(number: int, table: dict[str, Variable]) -> None:
    before = gp.load(FORMATS / str(number))
    table["steam_m3"] = replace(table["revenue_usd"], name="steam_m3", unit="m3")
    del table["revenue_usd"]
    table["weekly_users"] = replace(table["weekly_users"], unit="thousand users")
    table["cost_usd"] = replace(table["cost_usd"], dims=("member", "month"))
    after = gp.load(FORMATS / str(number))
    said = "\n".join(after.warnings)
    assert "this version of gigaplan does not know: revenue_usd" in said
    assert re.search(r"the saved result does not hold: .*steam_m3", said)
    assert ("cost_usd" in said and "weekly_users" in said) or number == 1
    gone = {"revenue_usd", "cost_usd", "weekly_users", "steam_m3"}
    if number == 1:  # says no units, so that a changed one can't be seen
        gone.remove("weekly_users")
    empty = {name for name in LATER & set(before.arrays) if not before[name].size}
    assert set(after.arrays) == (set(table) - gone - LATER) | empty
    for name, array in after.arrays.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    with pytest.raises(UnknownQuantityError, match="does not hold the quantity"):
        after.variable("steam_m3")


def test_the_rows_used_are_saved_and_win_over_todays(tmp_path: Path, table: dict[str, Variable]) -> None:
    table["tranche_usd"] = replace(table["tranche_usd"], meaning="Something else", formula="other")
    result = gp.load(FORMATS / "2")
    assert result.variable("tranche_usd") == variables()["tranche_usd"]
    folder = copied(2, tmp_path)
    rows = json.loads((folder / "result.json").read_text())["quantities"]
    del rows["tranche_usd"]["formula"]  # a column that a still older version did not have
    rows["tranche_usd"]["colour"] = "red"  # one that a later version has
    assert gp.load(edited(folder, quantities=rows)).variable("tranche_usd").formula == "other"


@pytest.mark.parametrize(("column", "value"), [("inputs", [1]), ("inputs", "all"), ("unit", ["USD"]), ("kind", 3)])
def test_a_row_of_other_types_was_altered(column: str, value: object, tmp_path: Path) -> None:
    folder = copied(2, tmp_path)
    rows = json.loads((folder / "result.json").read_text())["quantities"]
    rows["revenue_usd"][column] = value
    with pytest.raises(PlanError, match=r"revenue_usd.*was altered"):
        gp.load(edited(folder, quantities=rows))


def test_a_fact_that_is_no_number_was_altered(tmp_path: Path) -> None:
    folder = copied(2, tmp_path)
    ledger = json.loads((folder / "result.json").read_text())["ledger"]
    entry = next(e for e in ledger if e["fact"] and e["fact"]["unit"] not in ("text", "date"))
    entry["fact"]["value"] = "1 GW facility"
    with pytest.raises(PlanError, match=r"ledger\.\d+\.fact\.value.*1 GW facility.*was altered"):
        gp.load(edited(folder, ledger=ledger))


def test_a_cut_or_altered_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    folder = copied(2, tmp_path)
    path = folder / "result.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(PlanError, match=r"was cut or altered(.|\n)*do: +give a folder .* or run the plan again"):
        gp.load(folder)
    path.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
    with pytest.raises(PlanError, match="checksum differs"):
        gp.load(folder)
    path.unlink()
    with pytest.raises(PlanError, match=r"result.parquet: No such file"):
        gp.load(folder)
    (folder / "result.json").write_text("[]")
    with pytest.raises(PlanError, match="not one that gigaplan has written"):
        gp.load(folder)


def test_a_table_of_members_that_was_cut_or_altered_is_refused(tmp_path: Path) -> None:
    folder = copied(3, tmp_path)
    path = folder / "members.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(PlanError, match=r"members.parquet has .* was cut or altered"):
        gp.load(folder)
    with duckdb.connect() as db:
        db.execute(f"COPY (FROM '{FORMATS}/3/members.parquet' WHERE variable <> 'cost_usd') TO '{path}'")
    seal = {"sha256": formats.checksum(path), "bytes": path.stat().st_size}
    with pytest.raises(PlanError, match=r"members.parquet has .* rows, but .* belong to this result"):
        gp.load(edited(folder, members_parquet=seal))
    path.unlink()
    with pytest.raises(PlanError, match=r"members.parquet: No such file"):
        gp.load(folder)


def test_a_table_of_members_is_one_query_away() -> None:
    result = gp.load(FORMATS / "3")
    with duckdb.connect() as db:
        query = "SELECT sum(member_1) FROM '{}' WHERE variable = 'cost_usd' AND month = '2026-03'"
        found = db.execute(query.format(FORMATS / "3" / "members.parquet")).fetchone()
    month = result.labels["month"].index("2026-03")
    assert found == pytest.approx((result["cost_usd"][1, :, month].sum(),))


def test_a_later_format_and_a_missing_part_are_refused(tmp_path: Path) -> None:
    folder = edited(copied(2, tmp_path), format=99)
    with pytest.raises(PlanError, match="format 99, this version of gigaplan reads 1, 2, 3"):
        gp.load(folder)
    data = json.loads((FORMATS / "2" / "result.json").read_text())
    del data["axis"]
    (folder / "result.json").write_text(json.dumps(data))
    with pytest.raises(PlanError, match=r"result\.json lacks 'axis'"):
        gp.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("WHERE variable <> 'cost_usd' OR month <> '2026-02'", "does not hold every number of .*cost_usd"),
        ("UNION ALL BY NAME SELECT 'cost_usd' AS variable, '00000' AS member, 'power' AS line, 1.0 AS value", "hold"),
    ],
)
def test_format_1_without_a_checksum_notices_rows_that_are_gone(tmp_path: Path, change: str, message: str) -> None:
    folder = copied(1, tmp_path)
    with duckdb.connect() as db:
        db.execute(f"CREATE TABLE t AS FROM read_parquet('{folder}/result.parquet') {change}")
        db.execute(f"COPY t TO '{folder}/result.parquet' (FORMAT parquet)")
    with pytest.raises(PlanError, match=message):
        gp.load(folder)


def test_format_1_in_another_order_of_rows_reads_the_same(tmp_path: Path) -> None:
    folder = copied(1, tmp_path)
    with duckdb.connect() as db:
        db.execute(f"CREATE TABLE t AS FROM read_parquet('{folder}/result.parquet') ORDER BY value")
        db.execute(f"COPY t TO '{folder}/result.parquet' (FORMAT parquet)")
    before, after = gp.load(FORMATS / "1"), gp.load(folder)
    for name, array in before.arrays.items():
        np.testing.assert_array_equal(after[name], array, err_msg=name)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    result = gp.run("lab-1mw", {"uncertainty.members": 3, "horizon.end": "2026-09"})
    store.save(result, tmp_path / "kept")
    again = gp.load(tmp_path / "kept")
    for name in variables():
        np.testing.assert_array_equal(again[name], result[name], err_msg=name)
    assert {**vars(again), "arrays": None} == {**vars(result), "arrays": None}


def test_many_rows_are_written_in_order_and_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = gp.run("lab-1mw", {"uncertainty.members": 2, "horizon.end": "2026-09"})
    one = store.save(result, tmp_path / "one") / "result.parquet"
    monkeypatch.setattr("gigaplan.results.longtable.BATCH", 1000)  # the same rows, in many parts
    monkeypatch.setattr("gigaplan.results.longtable.TOGETHER", 500)
    monkeypatch.setattr("gigaplan.results.membertable.TOGETHER", 500)
    monkeypatch.setattr("gigaplan.results.membertable.SMALL", 500)
    many = store.save(result, tmp_path / "many") / "result.parquet"
    with duckdb.connect() as db:
        rows = [db.execute(f"SELECT * FROM read_parquet('{p}')").fetchall() for p in (one, many)]
        kinds = db.execute(f"DESCRIBE FROM read_parquet('{one}')").fetchall()
        tables = [db.execute(f"SELECT * FROM '{p.with_name('members.parquet')}'").fetchall() for p in (one, many)]
    assert len(rows[0]) == sum(result.central(name).size for name in result.arrays)
    assert len(tables[0]) == sum(result[n][0].size for n in result.arrays if result.members(n) > 1)
    assert str(tables[0]) == str(tables[1])
    assert str(rows[0]) == str(rows[1])  # NaN is equal to itself in text
    assert [name for name, _ in dict.fromkeys((r[0], 0) for r in rows[0])] == [
        n for n in result.arrays if result[n].size
    ]
    assert {k[0]: k[1] for k in kinds}["value"] == "DOUBLE"
    assert [p.name for p in many.parent.iterdir()] == [p.name for p in one.parent.iterdir()]
    again = gp.load(many.parent)
    for name in variables():
        np.testing.assert_array_equal(again[name], result[name], err_msg=name)


def test_labels_are_distinct_so_that_numbers_are_found_again(tmp_path: Path) -> None:
    result = gp.run("lab-1mw", {"finance.costs.lives_compared_years": "[5, 3, 5]", "horizon.end": "2026-03"})
    assert result.labels["life"] == ("5 years", "3 years", "5 years (2)")
    again = gp.load(gp.save(result, tmp_path / "kept"))
    np.testing.assert_array_equal(again["cost_by_life_usd"], result["cost_by_life_usd"])
    labels = {d: list(names) for d, names in result.labels.items()}
    edited(tmp_path / "kept", labels={**labels, "life": ["5 years", "3 years", "5 years"]})
    with pytest.raises(PlanError, match="two labels along life are the same"):
        gp.load(tmp_path / "kept")


def test_an_unknown_quantity_names_the_nearest() -> None:
    result = gp.load(FORMATS / "2")
    for ask in (result.__getitem__, result.central, result.variable, result.evidence, result.table):
        with pytest.raises(KeyError, match="nearest: revenue_usd") as error:
            ask("revenue")
        assert isinstance(error.value, GigaplanError)
    assert "revenue_usd" in result
    assert "revenue" not in result


def test_what_one_sees_of_a_result_is_ten_lines(announced: Result) -> None:
    for result in (gp.load(FORMATS / "2"), announced):
        lines = repr(result).splitlines()
        assert len(lines) == 10
        assert max(map(len, lines)) <= 160
    text = repr(announced)
    assert "announced-2025-09" in text
    assert f"{len(variables())} quantities" in text
    assert "existing: opening 2023 Hopper" in text
    assert str(announced.claims[0].verdict) in text
    assert summary.html(announced).count("<tr>") == 8


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT 'cost_usd' AS variable, 1.0 AS value FROM range(5000000)", "rows, but at most"),
        ("SELECT 'cost_usd' AS variable, 1.0 AS value, 'x' AS colour FROM range(3)", "has the columns"),
    ],
)
def test_a_footer_is_checked_before_its_rows(query: str, message: str, tmp_path: Path) -> None:
    folder = copied(1, tmp_path)
    with duckdb.connect() as db:
        db.execute(f"COPY ({query}) TO '{folder}/result.parquet' (FORMAT parquet)")
    with pytest.raises(PlanError, match=message):
        gp.load(folder)


def test_a_result_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    folder = copied(2, tmp_path)
    (folder / "result.json").write_text("[" * 100_000)
    with pytest.raises(PlanError, match="nested too deeply"):
        gp.load(folder)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        (
            {"ledger": [{"path": ["a"], "value": "1", "evidence": "assumed", "fact": None, "source": ""}]},
            "ledger.0.path",
        ),
        ({"ledger": [{"path": "a", "value": {}, "evidence": "assumed", "fact": None, "source": ""}]}, "ledger.0.value"),
        ({"ledger": 7}, "ledger"),
        ({"notes": [None]}, "notes.0"),
        ({"assumptions": []}, "assumptions"),
        ({"stamp": {"members": "many", "plan_hash": "x", "version": "1"}}, "stamp"),
    ],
)
def test_a_part_of_another_type_is_named(changes: dict[str, Any], place: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=re.escape(place) + r".* of result.json is not what gigaplan writes"):
        gp.load(edited(copied(2, tmp_path), **changes))


@pytest.mark.parametrize("number", [1, 2])
def test_a_quantity_that_has_got_members_since_reads_as_it_was(number: int) -> None:
    result = gp.load(FORMATS / str(number))
    assert variables()["tokens_per_request"].dims[0] == "member"
    assert result.variable("tokens_per_request").dims == ("workload", "token", "year")
    assert result.central("tokens_per_request").shape == tuple(
        len(result.labels[d]) for d in ("workload", "token", "year")
    )
