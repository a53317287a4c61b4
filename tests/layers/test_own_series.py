"""Hours of one's own from a file: zones and clock changes, and everything that a file of hours may lack."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.layers.own_series import read_series
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.files import texts_only

CHICAGO = ZoneInfo("America/Chicago")
Rows = list[tuple[str, str]]
Write = Callable[..., Path]


def utc_year(year: int = 2023) -> list[dt.datetime]:
    first = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
    hours = (dt.datetime(year + 1, 1, 1, tzinfo=dt.UTC) - first) // dt.timedelta(hours=1)
    return [first + dt.timedelta(hours=h) for h in range(hours)]


def local_year(year: int = 2024) -> Rows:
    """A calendar year of Chicago's own times without offsets, as markets publish it: the price is the hour of UTC."""
    begin, end = (dt.datetime(y, 1, 1, tzinfo=CHICAGO).astimezone(dt.UTC) for y in (year, year + 1))
    hours = [begin + dt.timedelta(hours=h) for h in range((end - begin) // dt.timedelta(hours=1))]
    return [(f"{h.astimezone(CHICAGO):%Y-%m-%d %H:%M}", f"{h.hour}") for h in hours]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(rows: Sequence[tuple[str, ...]], columns: str = "time,price_usd_per_mwh") -> Path:
        path = tmp_path / "hours.csv"
        path.write_text("\n".join([columns, *(",".join(r) for r in rows), ""]))
        return path

    return written


def test_a_year_of_utc_is_as_it_stands(write: Write) -> None:
    rows = [(f"{h:%Y-%m-%dT%H:%MZ}", f"{k - 100}", "0.5") for k, h in enumerate(utc_year())]
    found = read_series(write(rows, "time,price_usd_per_mwh,wind"))
    np.testing.assert_array_equal(found.values["price"], np.arange(8760) - 100)
    assert (found.values["wind"] == 0.5).all()
    assert (found.year, found.utc_offset_h) == (2023, None)


def test_a_local_year_of_366_days_with_both_clock_changes_is_put_in_hours_of_utc(write: Write) -> None:
    found = read_series(write(local_year()), "America/Chicago")
    np.testing.assert_array_equal(found.values["price"].reshape(365, 24), np.tile(np.arange(24.0), (365, 1)))
    assert (found.year, found.utc_offset_h) == (2024, -6)


def test_parquet_reads_as_csv_does(write: Write, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    csv = write([(f"{h:%Y-%m-%dT%H:%MZ}", f"{k}") for k, h in enumerate(utc_year())])
    path = tmp_path / "hours.parquet"
    duckdb.sql(f"COPY (SELECT * FROM read_csv('{csv}')) TO '{path}' (FORMAT parquet)")
    found = read_series(path, "UTC")
    np.testing.assert_array_equal(found.values["price"], np.arange(8760.0))


@pytest.mark.parametrize(
    ("slip", "zone", "words"),
    [
        (lambda r: [*r[:500], *r[502:]], "America/Chicago", "2 hours lack"),
        (lambda r: [*r, r[40]], "America/Chicago", "hours come twice|hours lack"),
        (lambda r: list(dict(r).items()), "America/Chicago", "1 hours lack"),
        (lambda r: [*r, ("2024-03-10 02:30", "1")], "America/Chicago", "clocks jump over this hour"),
        (lambda r: r[:-24], "America/Chicago", "24 hours lack"),
        (lambda r: r[24:], "America/Chicago", "not one calendar year"),
        (lambda r: [*r, ("2025-01-01 00:00", "1")], "America/Chicago", "of another year"),
        (lambda r: r, "", "a time without a zone"),
        (lambda r: r, "America/Chicagoo", "nearest: America/Chicago"),
        (lambda r: [("noon", "1"), *r], "America/Chicago", "no time"),
        (lambda r: [(r[0][0], ""), *r[1:]], "America/Chicago", "no value"),
        (lambda r: [(r[0][0], "nan"), (r[1][0], "inf"), *r[2:]], "America/Chicago", "1 more"),
    ],
)
def test_what_a_file_lacks_is_named(write: Write, slip: Callable[[Rows], Rows], zone: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        read_series(write(slip(local_year())), zone)


def test_columns_and_shares_are_checked(write: Write) -> None:
    rows = [(f"{h:%Y-%m-%dT%H:%MZ}", "1.5") for h in utc_year()]
    with pytest.raises(PlanError, match="allowed: a share of 0 to 1"):
        read_series(write(rows, "time,solar"))
    with pytest.raises(PlanError, match="nearest: price_usd_per_mwh"):
        read_series(write(rows, "time,price_usd_per_mw"))
    with pytest.raises(PlanError, match="needs a column time"):
        read_series(write(rows, "hour,solar"))


def test_a_region_of_ones_own_is_dispatched_at_its_prices(write: Write) -> None:
    pytest.importorskip("highspy")
    path = write([(f"{h:%Y-%m-%dT%H:%MZ}", "40", "0.25") for h in utc_year()], "time,price_usd_per_mwh,solar")
    run = gp.power_supply("norway", load="100 MW", units="solar=100MW", dispatch=True, series=str(path))
    assert run.energy_mwh["solar"] == pytest.approx(0.25 * 100 * 8760)
    assert run.usd_by_part["grid energy"] == pytest.approx(40 * 75 * 8760)
    with pytest.raises(PlanError, match="no hourly prices"):
        gp.power_supply("norway", load="100 MW", units="solar=100MW", dispatch=True)
    with pytest.raises(PlanError, match="--time-zone is the zone"):
        gp.power_supply("ercot", load="100 MW", units="solar=100MW", dispatch=True, time_zone="UTC")


def test_a_server_reads_no_file_of_its_own(write: Write) -> None:
    path = write([])
    with texts_only(), pytest.raises(PlanError, match="names no file"):
        read_series(path)
