"""Hours of one's own: prices, carbon, and what sun and wind give, from a file whose times have a zone.

A file is one calendar year, by UTC or by the zone's own time, each hour once. Hours that lack, come twice or don't
exist where clocks change are named; nothing is filled in. Negative prices are prices.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np

from gigaplan.catalog.hourly import HOURS
from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_name
from gigaplan.vocabulary.files import read_bytes, refuse_files
from gigaplan.vocabulary.members import Array

TIME = "time"
COLUMNS = {"price_usd_per_mwh": "price", "co2_kg_per_mwh": "co2", "solar": "solar", "wind": "wind"}
"""Columns of a file, with the names of what they are in a site's supply; each may be left out."""
SHARES = ("solar", "wind")
"""Columns that are shares of a capacity."""
MAX_BYTES = 64_000_000
LEAP_DAY = "02-29"
"""Day that a year of hours leaves out."""
HOUR = dt.timedelta(hours=1)
ZONE_EXAMPLE = "America/Chicago"
SHOWN = 3
"""Hours that are named; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSeries:
    """A year of hours of one's own."""

    values: Mapping[str, Array]
    """By name (``price`` [USD/MWh], ``co2`` [kg/MWh], ``solar``, ``wind``), each hour of a year of UTC without 29
    February."""
    year: int
    """Calendar year of the file."""
    utc_offset_h: float | None
    """Standard time of its zone, ahead of UTC; None where no zone is stated [h]."""


def read_series(path: Path, time_zone: str = "") -> OwnSeries:
    """Return the hours of a file.

    Parameters
    ----------
    path : Path
        CSV or Parquet with a column ``time`` and any of ``price_usd_per_mwh``, ``co2_kg_per_mwh``, ``solar`` and
        ``wind``.
    time_zone : str
        Zone of times that state none, as ``America/Chicago`` or ``UTC``.

    Raises
    ------
    PlanError
        With all that is wrong with the file: columns, times without a zone, hours that lack or come twice, values.
    """
    refuse_files(path)
    columns, rows = _rows(path)
    place = Place(str(path), 1, 1)
    known = [c for c in columns if c in COLUMNS]
    problems = [
        Problem("no such column", place, value=c, allowed=", ".join((TIME, *COLUMNS)), nearest=nearest_name(c, COLUMNS))
        for c in columns
        if c not in (TIME, *COLUMNS)
    ]
    if TIME not in columns or not known:
        what = f"the file needs a column {TIME} and one of {', '.join(COLUMNS)}"
        problems.append(Problem(what, place, value=", ".join(columns), remedy="name the columns in its first line"))
    if problems:
        raise PlanError(problems)
    zone = _zone(time_zone)
    hours, year = _hours(path, [r[TIME] for r in rows], zone)
    values, wrong = {}, []
    for column in known:
        found, problem = _values(path, column, [r[column] for r in rows])
        values[COLUMNS[column]] = _in_order(found, hours)
        wrong += problem
    if wrong:
        raise PlanError(wrong)
    offset = None
    if zone is not None:
        january = dt.datetime(year, 1, 1, tzinfo=zone)
        offset = ((january.utcoffset() or HOUR * 0) - (january.dst() or HOUR * 0)) / HOUR
    return OwnSeries(values=values, year=year, utc_offset_h=offset)


def _rows(path: Path) -> tuple[Sequence[str], list[dict[str, str]]]:
    """Return columns and rows of a file as text."""
    import duckdb

    read = "read_parquet(?)" if path.suffix == ".parquet" else "read_csv(?, all_varchar = true, header = true)"
    try:
        read_bytes(path, MAX_BYTES)
        with duckdb.connect() as db:
            db.execute("SET TimeZone = 'UTC'")
            found = db.execute(f"SELECT COLUMNS(*)::VARCHAR FROM {read}", [str(path)])
            columns = [str(d[0]).strip() for d in found.description or ()]
            rows = found.fetchall()
    except (OSError, ValueError, duckdb.Error) as error:
        why = (error.strerror or "").lower() if isinstance(error, OSError) else ""
        what = f"the file of hours cannot be read: {why or str(error).splitlines()[0]}"
        raise PlanError(
            [Problem(what, Place(str(path)), remedy="give CSV whose first line names columns, or Parquet")]
        ) from None
    return columns, [{c: v or "" for c, v in zip(columns, row, strict=True)} for row in rows]


def _zone(name: str) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = nearest_name(name, sorted(available_timezones()))
        what, place = "no such time zone", Place("power supply", path="time_zone")
        remedy = f"name one of the IANA database, as {ZONE_EXAMPLE} or UTC"
        raise PlanError([Problem(what, place, value=name, nearest=near, remedy=remedy)]) from None


def _hours(path: Path, texts: Sequence[str], zone: ZoneInfo | None) -> tuple[list[dt.datetime], int]:
    """Return the hour of each row by UTC, and the year that they are."""
    times, problems = [], []
    for row, text in enumerate(texts, start=2):
        try:
            times.append(dt.datetime.fromisoformat(text.strip()))
        except ValueError:
            problems.append(_slip(path, row, "no time", text, "write it as 2024-01-31T13:00, with Z or an offset"))
    if problems:
        raise PlanError(problems[:SHOWN])
    naive = [k for k, t in enumerate(times) if t.tzinfo is None]
    if naive and zone is None:
        remedy = f"state the zone, as --time-zone {ZONE_EXAMPLE}, or write offsets"
        raise PlanError([_slip(path, naive[0] + 2, "a time without a zone", texts[naive[0]], remedy)])
    found = [t.astimezone(dt.UTC) for t in _placed(path, times, zone)]
    return found, _year(path, found, zone)


def _placed(path: Path, times: Sequence[dt.datetime], zone: ZoneInfo | None) -> Iterator[dt.datetime]:
    """Yield times with their zone: of an hour that comes twice where clocks go back the first is summer's."""
    seen: set[dt.datetime] = set()
    for row, time in enumerate(times, start=2):
        if time.tzinfo is not None:
            yield time
            continue
        there = time.replace(tzinfo=zone, fold=int(time in seen))
        seen.add(time)
        if there.astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None, fold=0) != time.replace(fold=0):
            what = f"clocks jump over this hour in {zone}"
            raise PlanError([_slip(path, row, what, f"{time:%Y-%m-%d %H:%M}", "leave it out, or give hours of UTC")])
        yield there


def _year(path: Path, hours: Sequence[dt.datetime], zone: ZoneInfo | None) -> int:
    """Return the calendar year that hours are, by UTC or by their zone; PlanError where they are no year."""
    place, first = Place(str(path)), min(hours)
    for by in (dt.UTC, zone or dt.UTC):
        begin = first.astimezone(by)
        if (begin.month, begin.day, begin.hour, begin.minute) == (1, 1, 0, 0):
            year = begin.year
            end = dt.datetime(year + 1, 1, 1, tzinfo=by).astimezone(dt.UTC)
            break
    else:
        what, span = "the hours are not one calendar year", f"{first:%Y-%m-%d %H:%M} to {max(hours):%Y-%m-%d %H:%M} UTC"
        raise PlanError([Problem(what, place, value=span, remedy="give 1 January to 31 December of one year")])
    expected = {first + HOUR * k for k in range(round((end - first) / HOUR))}
    given, problems = set(hours), []
    twice = sorted(h for h in given if hours.count(h) > 1) if len(given) < len(hours) else []
    for what, some, remedy in (
        ("hours lack", sorted(expected - given), "give every hour once; where clocks go back an hour comes twice"),
        ("hours come twice", twice, "give every hour once, or offsets where clocks go back"),
        ("hours are of another year, or no full hours", sorted(given - expected), f"give the hours of {year} alone"),
    ):
        if some:
            shown = ", ".join(f"{h.astimezone(zone or dt.UTC):%Y-%m-%d %H:%M}" for h in some[:SHOWN])
            more = f" and {len(some) - SHOWN} more" if len(some) > SHOWN else ""
            problems.append(Problem(f"{len(some)} {what}", place, value=f"{shown}{more}", remedy=remedy))
    if problems:
        raise PlanError(problems)
    return year


def _values(path: Path, column: str, texts: Sequence[str]) -> tuple[Array, list[Problem]]:
    """Return the numbers of a column, and what is wrong with them: the first, and how many more."""
    found = np.full(len(texts), np.nan)
    for k, text in enumerate(texts):
        try:
            found[k] = float(text)
        except ValueError:
            continue
    low, high = (0.0, 1.0) if column in SHARES else (0.0 if column.startswith("co2") else -np.inf, np.inf)
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(~(np.isfinite(found) & (found >= low) & (found <= high)))
    if not len(bad):
        return found, []
    words = "a share of 0 to 1" if column in SHARES else "a number" if np.isinf(low) else "a number from 0 on"
    more = f" ({len(bad) - 1} more)" if len(bad) > 1 else ""
    problem = _slip(path, int(bad[0]) + 2, f"{column} is no value{more}", texts[bad[0]], "fill it from its source")
    return found, [Problem(problem.message, problem.place, value=problem.value, allowed=words, remedy=problem.remedy)]


def _in_order(values: Array, hours: Sequence[dt.datetime]) -> Array:
    """Return values by the hour of a year of UTC, without 29 February; hours beyond the year's end are its first."""
    days = np.arange("2001-01-01", "2002-01-01", dtype="datetime64[D]").tolist()
    of_day = {f"{day:%m-%d}": 24 * k for k, day in enumerate(days)}
    found = np.empty(HOURS)
    for value, hour in zip(values, hours, strict=True):
        if (day := f"{hour:%m-%d}") != LEAP_DAY:
            found[of_day[day] + hour.hour] = value
    return found


def _slip(path: Path, row: int, what: str, value: str, remedy: str) -> Problem:
    return Problem(what, Place(str(path), row, 1), value=value.strip() or "nothing", remedy=remedy)
