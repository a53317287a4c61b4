"""Weather by the hour that comes with gigaplan: dry and wet bulb of six places, by hour of UTC.

Made by ``benchmarks/climates.py`` from the National Solar Radiation Database (2013; public domain), Open-Meteo (2022 to
2024; CC BY 4.0) and a typical year of NREL's TMY3 (public domain); wet bulbs by psychrolib (Meyer and Thevenard 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

HOURS = 8760
"""Hours of a year without 29 February."""
TENTH = 0.1
"""Degrees of one unit of the file."""
SOURCES = {
    "abilene": "NSRDB PSM 3.2 of 2013, 32.33 N 100.18 W, Texas",
    "fort_stockton": "NSRDB PSM 3.2 of 2013, 30.66 N 101.71 W, Texas",
    "north_minnesota": "NSRDB PSM 3.2 of 2013, 47.5 N 93.0 W, Minnesota",
    "dallas": "Open-Meteo 2022 to 2024, 32.79 N 96.82 W, Texas (CC BY 4.0)",
    "philadelphia": "Open-Meteo 2022 to 2024, 39.96 N 75.17 W, Pennsylvania (CC BY 4.0)",
    "pittsburgh": "NREL TMY3, station 725205, 40.35 N 79.92 W, Pennsylvania",
}
"""Each climate and where it is from."""


@dataclass(frozen=True, slots=True)
class Climate:
    """Hours of one or several years at a place."""

    name: str
    source: str
    month: NDArray[np.int64]
    """Month of each hour of UTC, 1 to 12."""
    hour: NDArray[np.int64]
    """Hour of the day in UTC, 0 to 23."""
    dry_bulb_c: NDArray[np.float64]
    """Temperature of the air [degC]."""
    wet_bulb_c: NDArray[np.float64]
    """Its wet-bulb temperature [degC]."""


@cache
def climate(name: str) -> Climate:
    """Return a climate by its name.

    Parameters
    ----------
    name : str
        One of :data:`SOURCES`.

    Returns
    -------
    Climate
        Its hours.

    Examples
    --------
    >>> round(float(climate("abilene").dry_bulb_c.mean()), 1)
    16.8
    """
    with as_file(files("gigaplan.catalog") / "data" / "climates.npz") as path, np.load(path) as every:
        rows = every[name]
    month, hour, dry, wet = (np.asarray(column) for column in rows.T)
    return Climate(name, SOURCES[name], month.astype(int), hour.astype(int), dry * TENTH, wet * TENTH)


def first_year(at: Climate) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return dry and wet bulb of a climate's first year, from the first hour of 1 January of UTC on: (8760,) each.

    A file that begins with a local year has the hours before it, by UTC, at its end.

    Parameters
    ----------
    at : Climate
        The climate.

    Examples
    --------
    >>> dry, wet = first_year(climate("abilene"))
    >>> len(dry), bool((wet <= dry).all())
    (8760, True)
    """
    begins = int(at.hour[0])
    return np.roll(at.dry_bulb_c[:HOURS], begins), np.roll(at.wet_bulb_c[:HOURS], begins)
