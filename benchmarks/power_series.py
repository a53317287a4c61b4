"""Write the hourly series of power that gigaplan ships: ``python benchmarks/power_series.py FOLDER``.

The folder holds ``prices/``, ``carbon/`` and ``wind_solar/`` as their publishers name the files. Solar capacity factors
are pvlib's (Anderson et al., 2023): single-axis tracking with backtracking, Perez transposition, Faiman's cell
temperature and PVWatts' direct current with its standard losses of 14 %, and an inverter loading of 1.3. Wind capacity
factors are a turbine of 4.2 MW with a rotor of 136 m: power by air density and wind speed at the hub up to a
power coefficient of 0.42, and losses of 16 %. Needs pvlib, pandas and pyarrow; gigaplan itself needs none of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pvlib
import pyarrow as pa
import pyarrow.parquet as pq

OUT = Path(__file__).parents[1] / "src" / "gigaplan" / "catalog" / "series"
PRICES = {"ercot": "US-TEX-ERCO", "pjm": "US-MIDA-PJM"}
CARBON = {"ercot": "ERCO", "pjm": "PJM", "miso": "MISO"}
PLACES = {  # name: (solar file, wind file)
    "abilene": ("32.31714_-100.18_psmv3_60_2013.csv", "32.31714_-100.18_windtoolkit_2013_60min_100m_120m.srw"),
    "fort_stockton": ("30.6617_-101.7096_psmv3_60_2013.csv", "30.6617_-101.7096_windtoolkit_2013_60min_80m_100m.srw"),
    "clovis": ("34.22_-102.75_psmv3_60_2013.csv", "34.22_-102.75_windtoolkit_2013_60min_100m_120m.srw"),
    "north_minnesota": ("47.5_-93.0_psmv3_60_2013.csv", "47.5_-93.0_windtoolkit_2013_60min_100m_120m.srw"),
}
DC_AC, DC_LOSS, INVERTER = 1.3, 0.14, 0.96
RATED_W, ROTOR_M, POWER_COEFFICIENT, CUT_OUT_M_S, WIND_LOSS = 4.2e6, 136.0, 0.42, 25.0, 0.16
GAS_CONSTANT_J_PER_KG_K, KELVIN, PASCAL_PER_ATM = 287.05, 273.15, 101_325.0


def solar(path: Path) -> np.ndarray:
    """Return the capacity factor of each hour, local standard time."""
    head = pd.read_csv(path, nrows=1)
    data = pd.read_csv(path, skiprows=2)
    zone = int(head["Local Time Zone"][0])
    times = pd.DatetimeIndex(
        pd.to_datetime(data[["Year", "Month", "Day", "Hour", "Minute"]]).dt.tz_localize(f"Etc/GMT{-zone:+d}")
    )
    data.index = times
    where = pvlib.location.Location(
        head["Latitude"][0], head["Longitude"][0], tz=str(times.tz), altitude=head["Elevation"][0]
    )
    sun = where.get_solarposition(times)
    turned = pvlib.tracking.singleaxis(
        sun["apparent_zenith"], sun["azimuth"], axis_azimuth=180, max_angle=60, backtrack=True, gcr=0.35
    )
    tilt, azimuth = turned["surface_tilt"].fillna(0), turned["surface_azimuth"].fillna(180)
    on = pvlib.irradiance.get_total_irradiance(
        tilt, azimuth, sun["apparent_zenith"], sun["azimuth"], data["DNI"], data["GHI"], data["DHI"],
        dni_extra=pvlib.irradiance.get_extra_radiation(times), model="perez", albedo=0.2,
        airmass=where.get_airmass(times)["airmass_relative"],
    )["poa_global"].fillna(0)  # fmt: skip
    cell = pvlib.temperature.faiman(on, data["Temperature"], data["Wind Speed"])
    direct = pvlib.pvsystem.pvwatts_dc(on, cell, DC_AC, -0.0035) * (1 - DC_LOSS)
    return np.clip(np.asarray(direct) * INVERTER, 0, 1)


def wind(path: Path) -> np.ndarray:
    """Return the capacity factor of each hour at 100 m, local standard time."""
    lines = path.read_text().splitlines()
    names, heights = lines[2].split(","), [float(h) for h in lines[4].split(",")]
    table = np.array([[float(v) for v in line.split(",")] for line in lines[5:] if line.strip()])

    def at_hub(name: str) -> np.ndarray:
        return table[:, next(k for k, (n, h) in enumerate(zip(names, heights, strict=True)) if n == name and h == 100)]

    density = at_hub("Pressure") * PASCAL_PER_ATM / (GAS_CONSTANT_J_PER_KG_K * (at_hub("Temperature") + KELVIN))
    speed = at_hub("Speed")
    power = 0.5 * POWER_COEFFICIENT * density * np.pi * (ROTOR_M / 2) ** 2 * speed**3
    return np.where(speed < CUT_OUT_M_S, np.minimum(power, RATED_W) / RATED_W, 0) * (1 - WIND_LOSS)


def write(name: str, columns: dict[str, np.ndarray]) -> None:
    """Write a file of 32-bit columns."""
    OUT.mkdir(exist_ok=True)
    table = pa.table({k: pa.array(np.asarray(v, dtype=np.float32)) for k, v in columns.items()})
    pq.write_table(table, OUT / name, compression="zstd", compression_level=19)
    print(name, table.num_rows, {k: round(float(np.nanmean(v)), 3) for k, v in columns.items()})


def hours(frame: pd.DataFrame, column: str, value: str, year: int) -> np.ndarray:
    """Return a year's hours in UTC; a missing hour is an error."""
    at = pd.to_datetime(frame[column], utc=True)
    series = pd.Series(frame[value].to_numpy(float), index=at)
    series = series[~series.index.duplicated()].sort_index()
    wanted = pd.date_range(f"{year}-01-01", f"{year + 1}-01-01", freq="h", tz="UTC", inclusive="left")
    gaps = ~wanted.isin(series.index)
    if gaps.any():
        print("  missing hours", year, int(gaps.sum()), list(wanted[gaps][:3]))
    return series.reindex(wanted).interpolate(limit=24).bfill(limit=24).to_numpy()


def main(folder: Path) -> None:
    for year in (2022, 2023, 2024):
        found = {
            r: hours(
                pd.read_csv(folder / "prices" / f"{f}_electricity_prices_{year}.csv"),
                "Datetime (UTC)", "Price (USD/MWh)", year,
            )
            for r, f in PRICES.items()
        }  # fmt: skip
        write(f"usd_per_mwh_{year}.parquet", found)
    found = {
        r: hours(pd.read_csv(folder / "carbon" / f"{f}_NG_&_avgCI.csv"), "timestamp", "avg_CI", 2022)
        for r, f in CARBON.items()
    }
    write("grid_co2_kg_per_mwh_2022.parquet", found)
    places = {}
    for place, (sun, air) in PLACES.items():
        ahead = -int(pd.read_csv(folder / "wind_solar" / sun, nrows=1)["Local Time Zone"][0])
        places[f"{place}_solar"] = np.roll(solar(folder / "wind_solar" / sun), ahead)  # UTC, the year taken as a ring
        places[f"{place}_wind"] = np.roll(wind(folder / "wind_solar" / air), ahead)
    write("capacity_factors_2013.parquet", places)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
