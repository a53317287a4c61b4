"""Results in other people's forms carry the same numbers, labels, units and meanings."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest
import xarray

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.results.result import Result
from gigaplan.results.spread import spread
from gigaplan.vocabulary.errors import MachineError, PlanError
from gigaplan.vocabulary.variables import variables


def leave(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(args))
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.fixture(scope="module")
def lab() -> Result:
    return gp.run("lab-1mw", {"uncertainty.members": 2}, keep="all")


def test_a_dataset_says_what_the_variable_table_says(lab: Result) -> None:
    data = lab.to_xarray()
    for name, v in variables().items():
        assert data[name].dims == v.dims
        assert data[name].attrs["long_name"] == v.meaning
        assert data[name].attrs.get("units", "days") == v.unit
        assert data[name].attrs["evidence"] == str(lab.evidence(name))
    assert data.attrs["plan_hash"] == lab.stamp.plan_hash
    hall = data["gpus_producing"].sel(member=0, generation="b300_hgx", month="2028-01-01")
    assert float(hall) == lab.central("gpus_producing")[1, lab.index("month", "2028-01")]
    weight = data["interval_hours"]
    total = float((data["it_power_drawn_mw"].isel(member=0) * weight).sum())
    assert total == pytest.approx(lab.central("it_energy_mwh").sum())


def test_days_are_dates_and_never_is_not_a_time() -> None:
    late = gp.run("lab-1mw", {"fleet.sites.Campus hall.phases.second half.energised": "2031-10-01"})
    data = gp.run("lab-1mw", {"horizon.end": "2026-03"}).to_xarray()
    assert np.isnat(data["first_token_day"].sel(site="Campus hall").values).all()
    day = late.to_xarray()["first_token_day"].isel(member=0).sel(site="Campus hall").values
    assert str(day)[:10] == str(late.day(late.central("first_token_day")[0]))


def test_netcdf_comes_back_as_it_was(lab: Result, tmp_path: Path) -> None:
    path = gp.export(lab, "netcdf", tmp_path / "lab.nc")
    whole = lab.to_xarray()
    with xarray.open_dataset(path, engine="scipy", decode_timedelta=False) as back:
        assert "tranche_day" in back.attrs["left_out"]
        assert len(back.data_vars) + len(back.attrs["left_out"].split(", ")) == len(variables())
        for name in back.data_vars:
            np.testing.assert_array_equal(back[name].values, whole[name].values, err_msg=str(name))
            assert back[name].attrs["long_name"] == whole[name].attrs["long_name"]
        assert list(back["site"].values) == list(lab.labels["site"])
        assert back["month"].values[0] == np.datetime64("2026-01-01")


def test_long_tables_have_labels_units_and_every_number(lab: Result, tmp_path: Path) -> None:
    path = gp.export(lab, "parquet", tmp_path / "it's.parquet")
    with duckdb.connect() as db:
        db.execute(f"CREATE VIEW kept AS FROM read_parquet('{str(path).replace(chr(39), chr(39) * 2)}')")
        count = db.execute("SELECT count(*) FROM kept").fetchall()
        about = db.execute("SELECT DISTINCT variable, unit, kind FROM kept").fetchall()
        cost = db.execute("SELECT sum(value) FROM kept WHERE variable = 'cost_usd' AND member = '00000'").fetchall()
    assert count == [(sum(a.size for a in lab.arrays.values()),)]
    assert {r[0]: r[1:] for r in about} == {n: (v.unit, v.kind) for n, v in variables().items() if lab[n].size}
    assert cost[0][0] == pytest.approx(lab.central("cost_usd").sum())


def test_a_long_table_of_many_members_has_figures_and_their_ranges(tmp_path: Path) -> None:
    many = gp.run("lab-1mw", {"uncertainty.members": 12, "horizon.end": "2028-01"})
    path = gp.export(many, "csv", tmp_path / "figures.csv", ["cost_usd", "first_token_day"])
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = spread(many, "cost_usd", ("line", "month"))
    assert found is not None
    first = next(r for r in rows if (r["month"], r["line"]) == ("2027-12", "energy"))
    place = many.index("line", "energy"), many.index("month", "2027-12")
    for column, ends in (("value", found.median), ("low", found.low), ("high", found.high)):
        assert float(first[column]) == pytest.approx(ends[place]), column
    assert "member" not in rows[0]
    day = next(r for r in rows if r["variable"] == "first_token_day")
    assert float(day["low"]) <= float(day["value"]) <= float(day["high"])
    assert gp.export(many, "csv", path, ["cost_usd"]) == path, "its own table is replaced"
    every = gp.export(many, "csv", tmp_path / "all.csv", ["cost_usd"], members="all").read_text().splitlines()
    assert len(every) == 1 + many["cost_usd"].size
    with pytest.raises(PlanError, match="no such choice of members"):
        gp.export(many, "csv", tmp_path / "no.csv", members="some")


def test_some_quantities_alone(lab: Result, tmp_path: Path) -> None:
    path = gp.export(lab, "csv", tmp_path / "some.csv", ["revenue_usd", "cost_usd"])
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["variable", "member", "month", "line", "value", "unit", "kind"]
    assert {r["variable"] for r in rows} == {"revenue_usd", "cost_usd"}
    assert len(rows) == lab["revenue_usd"].size + lab["cost_usd"].size
    revenue = [float(r["value"]) for r in rows if r["variable"] == "revenue_usd" and r["member"] == "00001"]
    np.testing.assert_allclose(revenue, lab["revenue_usd"][1])
    alone = gp.export(lab, "netcdf", tmp_path / "some.nc", ["revenue_usd"])
    with xarray.open_dataset(alone, engine="scipy", decode_timedelta=False) as back:
        assert list(back.data_vars) == ["revenue_usd"]


def test_the_verb_and_its_mistakes(lab: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = str(gp.save(lab, tmp_path / "kept"))
    out = tmp_path / "x.csv"
    assert leave("export", kept, "--to", "csv", "-o", str(out), "--quantity", "cost_usd", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["path"], told["bytes"]) == ("file", str(out), out.stat().st_size)
    assert leave("export", kept, "--to", "xls") == 2
    capsys.readouterr()
    assert leave("export", kept, "--to", "csv", "-o", str(out), "--quantity", "cost_usdd") == 2
    assert "nearest: cost_usd" in capsys.readouterr().err
    assert leave("export", str(tmp_path), "--to", "csv") == 2
    assert "no readable result" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert leave("export", kept, "--to", "csv", "-o", str(tmp_path / "file" / "x.csv")) == 3
    assert "cannot write" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "kept", "x.csv"]
    with pytest.raises(PlanError, match="no such form"):
        gp.export(lab, "xls", out)


def test_without_xarray_it_says_how_to_install_it(
    lab: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = str(gp.save(lab, tmp_path / "kept"))
    monkeypatch.setitem(sys.modules, "xarray", None)
    assert leave("export", kept, "--to", "netcdf", "-o", str(tmp_path / "x.nc")) == 3
    assert "pip install 'gigaplan[xarray]'" in capsys.readouterr().err
    assert not (tmp_path / "x.nc").exists()
    with pytest.raises(MachineError, match="xarray"):
        lab.to_xarray()


@pytest.mark.parametrize("members", [1, 2])
def test_every_quantity_is_in_a_long_table_that_holds_all(tmp_path: Path, members: int) -> None:
    """Those that are one number of the plan too, whether it has one future or several."""
    result = gp.run("lab-1mw", {"uncertainty.members": members})
    path = gp.export(result, "csv", tmp_path / "all.csv", members="all" if members > 1 else "figures")
    with path.open(encoding="utf-8") as file:
        there = {row["variable"] for row in csv.DictReader(file)}
    assert there == {name for name in variables() if result[name].size}
