"""Hourly quantities of many members need not be held; what is held is the same, and the result says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.results.result import Result
from gigaplan.simulate import engine, laws
from gigaplan.simulate.keep import SUMMARY, is_hourly
from gigaplan.vocabulary.errors import LawError, UnknownQuantityError
from gigaplan.vocabulary.variables import variables

CHANGES = {"uncertainty.members": 4, "horizon.end": "2026-07"}
HOURLY = {v.name for v in variables().values() if is_hourly(v)}


@pytest.fixture(scope="module")
def full() -> Result:
    return gp.run("lab-1mw", CHANGES, keep="all")


@pytest.mark.parametrize("keep", ["summary", ["requests_refused_per_h"], ()])
def test_hourly_quantities_of_the_central_member_alone(keep: str | list[str], full: Result, tmp_path: Path) -> None:
    result = gp.run("lab-1mw", CHANGES, keep=keep)
    named = set() if isinstance(keep, str) else set(keep)
    assert set(result.arrays) == set(variables())
    for name, array in full.arrays.items():
        members = 1 if name in HOURLY - named - set(SUMMARY) else len(array)
        np.testing.assert_array_equal(result[name], array[:members], err_msg=name)
        np.testing.assert_array_equal(result.central(name), full.central(name), err_msg=name)
        assert result.members(name) == (members if variables()[name].dims[0] == "member" else 1)
    assert result.keep == (tuple(named) or "summary")
    assert "hourly quantities of the central one only" in repr(result)
    assert sum(a.size for a in result.arrays.values()) < 0.7 * sum(a.size for a in full.arrays.values())
    again = gp.load(gp.save(result, tmp_path / "kept"))
    assert again.keep == result.keep
    for name in result.arrays:
        np.testing.assert_array_equal(again[name], result[name], err_msg=name)
    assert gp.rerun(tmp_path / "kept").same


def test_other_tools_see_what_is_left_out(tmp_path: Path) -> None:
    result = gp.run("lab-1mw", CHANGES, keep="summary")
    data = result.to_xarray()
    assert data["fleet_share"].dims == ("workload", "month", "day", "hour")
    assert data["fleet_share"].attrs["members"] == "the central one only"
    assert data["cost_usd"].dims[0] == "member"
    path = gp.export(result, "netcdf", tmp_path / "x.nc", ["fleet_share", "cost_usd"])
    with xarray.open_dataset(path, engine="scipy", decode_timedelta=False) as back:
        assert "member" not in back["fleet_share"].dims
    table = gp.export(result, "csv", tmp_path / "x.csv", ["fleet_share"])
    assert len(table.read_text().splitlines()) == 1 + result["fleet_share"].size


def test_summary_is_the_default_and_nonsense_is_refused(full: Result) -> None:
    assert full.keep == "all"
    assert gp.run("lab-1mw", CHANGES).keep == "summary"
    assert full["fleet_share"].shape[0] == 4
    with pytest.raises(UnknownQuantityError, match="nearest: fleet_share"):
        gp.run("lab-1mw", CHANGES, keep=["fleet_shares"])
    with pytest.raises(UnknownQuantityError, match="names of hourly quantities"):
        gp.run("lab-1mw", CHANGES, keep="cost_usd")


def test_laws_are_checked_before_anything_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    assemble = engine.assemble

    def broken(*given: object) -> object:
        arrays = assemble(*given)  # type: ignore[arg-type]
        share = np.array(arrays["fleet_share"])
        share[-1] += 2.0  # wrong in the last member only, which is dropped afterwards
        return arrays | {"fleet_share": share}

    monkeypatch.setattr(engine, "assemble", broken)
    with pytest.raises(LawError, match="GPUs allocated exceed"):
        gp.run("lab-1mw", CHANGES, keep="summary")
    assert callable(laws.check)


def test_the_terminal_takes_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "lab-1mw", *(w for k, v in CHANGES.items() for w in ("--set", f"{k}={v}"))]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--keep", "fleet_share", "--keep", "requests_refused_per_h", "--out", str(tmp_path / "kept")])
    assert stop.value.code == 0
    assert gp.load(tmp_path / "kept").keep == ("fleet_share", "requests_refused_per_h")
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main([*words, "--keep", "fleet_shares"])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "keep takes 'all', 'summary' or names of hourly quantities" in said
    assert "fleet_share" in said
