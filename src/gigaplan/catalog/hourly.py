"""Hourly series that gigaplan ships: prices, carbon and what sun and wind give, by hours of UTC."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import as_file, files

import numpy as np

from gigaplan.vocabulary.members import Array

PRICE_YEARS = (2022, 2023, 2024)
"""Years with prices of every region that has any (electricity maps of HPE's sustain-cluster, MIT)."""
CARBON_YEAR, RESOURCE_YEAR = 2022, 2013
"""Years of the carbon series (EIA) and of sun and wind (NSRDB and the WIND Toolkit of NREL)."""
PLACES = ("abilene", "fort_stockton", "clovis", "north_minnesota")
"""Places with series of sun and wind."""
HOURS = 8760
"""Hours of a year; those of 29 February are left out."""
LEAP_DAY_FROM, LEAP_DAY_TO = 1416, 1440
"""Hours of a leap year that are 29 February: 59 days after the first."""


def place_of(region: str, named: str | None) -> str:
    """Return the place whose sun and wind stand for a region, the one that is named first; "" where none is known."""
    return named or ("abilene" if region == "ercot" else "")


def usd_per_mwh(region: str, year: int) -> Array | None:
    """Return a region's price in each hour of a year [USD/MWh]; None where none is shipped."""
    return _column(f"usd_per_mwh_{year}.parquet", region)


def grid_co2_kg_per_mwh(region: str) -> Array | None:
    """Return the mean carbon dioxide of a region's generation in each hour [kg/MWh]; None where none is shipped."""
    return _column(f"grid_co2_kg_per_mwh_{CARBON_YEAR}.parquet", region)


def capacity_factor(place: str, kind: str) -> Array | None:
    """Return what solar or wind at a place gives over its capacity in each hour; None where none is shipped."""
    return _column(f"capacity_factors_{RESOURCE_YEAR}.parquet", f"{place}_{kind}")


@lru_cache(maxsize=64)
def _column(file: str, name: str) -> Array | None:
    import duckdb

    with as_file(files("gigaplan.catalog") / "series" / file) as path, duckdb.connect() as db:
        known = [str(row[0]) for row in db.execute("DESCRIBE FROM read_parquet(?)", [str(path)]).fetchall()]
        if name not in known:
            return None
        found = db.execute(f'SELECT "{name}" AS v FROM read_parquet(?)', [str(path)]).fetchnumpy()["v"]
    values = np.asarray(found, dtype=float)
    values = values if len(values) == HOURS else np.delete(values, np.s_[LEAP_DAY_FROM:LEAP_DAY_TO])
    values.flags.writeable = False
    return values
