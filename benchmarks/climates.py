"""Makes ``catalog/data/climates.npz`` from weather files: dry and wet bulb by hour of UTC, in tenths of a degree.

``python benchmarks/climates.py FOLDER`` with the folder that holds the files named below. Wet bulbs are psychrolib's
(``pip install psychrolib``), the only use of it: the package itself reads what this writes.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

TARGET = Path(__file__).parents[1] / "src/gigaplan/catalog/data/climates.npz"
SEA_LEVEL_PA, M_PER_SCALE = 101_325.0, 8_434.0
NSRDB = {"abilene": "32.31714_-100.18", "fort_stockton": "30.6617_-101.7096", "north_minnesota": "47.5_-93.0"}
OPEN_METEO = {"dallas": "US-TEX-ERCO", "philadelphia": "US-MIDA-PJM"}


def rows_of(hours_utc: list[dt.datetime], dry: list[float], humid: np.ndarray, pressure: np.ndarray) -> Any:
    """Return month, hour, dry and wet bulb [tenths of a degree] of each hour."""
    import psychrolib

    psychrolib.SetUnitSystem(psychrolib.SI)
    wet = psychrolib.GetTWetBulbFromRelHum(np.array(dry), np.clip(humid, 0, 1), pressure)
    clock = np.array([(t.month, t.hour) for t in hours_utc])
    return np.column_stack([clock, np.round(10 * np.array(dry)), np.round(10 * wet)]).astype(np.int16)


def nsrdb(path: Path) -> Any:
    with path.open() as file:
        every = list(csv.reader(file))
    zone, rows = float(every[1][9]), [dict(zip(every[2], r, strict=False)) for r in every[3:]]
    import psychrolib

    psychrolib.SetUnitSystem(psychrolib.SI)
    dry, dew = (np.array([float(r[k]) for r in rows]) for k in ("Temperature", "Dew Point"))
    humid = psychrolib.GetRelHumFromTDewPoint(dry, np.minimum(dew, dry))
    times = [
        dt.datetime(*(int(r[k]) for k in ("Year", "Month", "Day", "Hour"))) - dt.timedelta(hours=zone) for r in rows
    ]
    return rows_of(times, dry.tolist(), humid, np.array([100 * float(r["Pressure"]) for r in rows]))


def open_meteo(paths: list[Path]) -> Any:
    parts = []
    for path in paths:
        page = json.loads(path.read_text())
        hourly, off = page["hourly"], dt.timedelta(seconds=page["utc_offset_seconds"])
        pressure = SEA_LEVEL_PA * np.exp(-page["elevation"] / M_PER_SCALE)
        keep = [
            k
            for k, (t, h) in enumerate(zip(hourly["temperature_2m"], hourly["relative_humidity_2m"], strict=True))
            if t is not None and h is not None
        ]
        times = [dt.datetime.fromisoformat(hourly["time"][k]) - off for k in keep]
        dry = [float(hourly["temperature_2m"][k]) for k in keep]
        humid = np.array([hourly["relative_humidity_2m"][k] / 100 for k in keep])
        parts.append(rows_of(times, dry, humid, np.full(len(keep), pressure)))
    return np.concatenate(parts)


def epw(path: Path) -> Any:
    with path.open(encoding="latin-1") as file:
        every = list(csv.reader(file))
    zone, rows = float(every[0][8]), every[8:]
    # An hour of an EPW file is the one that ends then, of a year that need not be the same in every month.
    times = [dt.datetime(2001, int(r[1]), int(r[2]), int(r[3]) - 1) - dt.timedelta(hours=zone) for r in rows]
    dry = [float(r[6]) for r in rows]
    humid, pressure = (np.array([float(r[k]) for r in rows]) for k in (8, 9))
    return rows_of(times, dry, humid / 100, pressure)


def main() -> None:
    folder = Path(sys.argv[1])
    found = {n: nsrdb(next(folder.glob(f"wind_solar/{p}_psmv3*.csv"))) for n, p in NSRDB.items()}
    found |= {n: open_meteo(sorted(folder.glob(f"weather/openmeteo_{p}_*.json"))) for n, p in OPEN_METEO.items()}
    found["pittsburgh"] = epw(folder / "weather/USA_PA_Pittsburgh_TMY3.epw")
    np.savez_compressed(TARGET, **found)
    for name, rows in found.items():
        dry, wet = rows[:, 2] / 10, rows[:, 3] / 10
        print(f"{name}: {len(rows)} hours, dry {dry.mean():.1f} ({dry.min()} to {dry.max()}), wet to {wet.max()}")


if __name__ == "__main__":
    main()
