"""A result in other people's forms: an xarray Dataset, NetCDF, and one long table as Parquet or CSV.

Names, dims, units and meanings are written from the variable table when the form is made, so they can't drift. Days are
dates there, not numbers since a start.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.results import store
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import MachineError, Place, PlanError, Problem, nearest_name
from gigaplan.vocabulary.files import whole_file
from gigaplan.vocabulary.variables import Variable, variables

if TYPE_CHECKING:
    import xarray

FORMS = ("parquet", "csv", "netcdf")
NO_XARRAY = "this needs xarray, which isn't installed: pip install 'gigaplan[xarray]'"
DIMS = {
    "member": "Sample of the uncertain facts; 0 is the central one",
    "month": "Interval of the plan, by its first day",
    "edge": "Ends of the intervals: stocks stand on edges",
    "year": "Calendar year",
    "hour": "Hour of the day (UTC)",
}
"""What the dims that are numbers or dates mean."""


def to_xarray(result: Result) -> xarray.Dataset:
    """Return a result as a Dataset: coordinates are labels, attributes hold unit, kind, meaning, formula and evidence.

    Months and edges are dates; days on which something happens are dates too (NaT: never).

    Raises
    ------
    MachineError
        If xarray isn't installed; the message says how to install it.
    """
    try:
        import xarray
    except ImportError:
        raise MachineError(NO_XARRAY) from None
    dims = tuple(dict.fromkeys(d for v in variables().values() for d in v.dims))
    data = {
        name: xarray.Variable(v.dims, _values(result, v), _attributes(result, v), _encoding(result, v))
        for name, v in variables().items()
    }
    coords = {d: xarray.Variable((d,), _labels(result, d), {"long_name": DIMS[d]} if d in DIMS else {}) for d in dims}
    hours = {"long_name": "Duration of the interval", "units": "h"}
    coords["interval_hours"] = xarray.Variable(("month",), result.axis.hours, hours)
    return xarray.Dataset(data, coords, _about(result))


def _values(result: Result, v: Variable) -> NDArray[Any]:
    array = result[v.name]
    if not _is_date(v):
        return array
    start = np.datetime64(result.axis.start, "ns")
    days = np.where(np.isnan(array), 0, array).astype("timedelta64[D]")
    return np.where(np.isnan(array), np.datetime64("NaT", "ns"), start + days)


def _is_date(v: Variable) -> bool:
    return v.unit == "days" and v.name.endswith("_day")


def _labels(result: Result, dim: str) -> NDArray[Any]:
    if dim == "member":
        return np.arange(result.stamp.members)
    names = result.labels[dim]
    if dim in ("month", "edge"):
        return np.array(names, dtype="datetime64[ns]")
    return np.array([int(n) for n in names]) if dim in ("year", "hour") else np.array(names, dtype=str)


def _attributes(result: Result, v: Variable) -> dict[str, str]:
    said = {"long_name": v.meaning, "kind": v.kind, "room": v.room, "formula": v.formula}
    if not _is_date(v):
        said["units"] = v.unit
    return {**said, "evidence": str(result.evidence(v.name))}


def _encoding(result: Result, v: Variable) -> dict[str, str]:
    """Return how dates are kept in a file: as days since the start, not a number where there is none."""
    return {"units": f"days since {result.axis.start}", "dtype": "float64"} if _is_date(v) else {}


def _about(result: Result) -> dict[str, str]:
    stamp = result.stamp
    return {
        "title": stamp.title,
        "plan": stamp.plan,
        "plan_hash": stamp.plan_hash,
        "source": f"gigaplan {stamp.version}, catalog {stamp.catalog_vintage}, seed {stamp.seed}",
        "resolution": str(result.axis.resolution),
        "notes": "\n".join(result.notes),
        "claims": "\n".join(f"{c.id} {c.says}: {c.verdict}" for c in result.claims),
    }


def export(result: Result, form: str, path: Path, names: Sequence[str] = ()) -> Path:
    """Write a result, or some of its quantities, as one file; return its path.

    ``parquet`` and ``csv``: a long table, one row per number, with its labels, unit and kind; dims that no quantity asked
    for has are left out. ``netcdf``: NetCDF 3 (64-bit), without quantities that have nothing to count (no tranche, no run).

    Raises
    ------
    PlanError
        If there is no such form or quantity; the nearest is given.
    MachineError
        If the file can't be written, or NetCDF is asked for without xarray; nothing half-written stays.
    """
    _check("form", form, FORMS, [form] if form not in FORMS else [])
    table = variables()
    _check("quantity", "", tuple(table), [n for n in names if n not in table])
    chosen = [v for name, v in table.items() if not names or name in names]
    if form == "netcdf":
        _netcdf(result, path, chosen)
    else:
        with whole_file(path) as work:
            store.write_long(result, work, [v.name for v in chosen], form=form, about=True)
    return path


def _check(what: str, value: str, allowed: Sequence[str], wrong: Sequence[str]) -> None:
    if wrong:
        raise PlanError(
            Problem(
                f"no such {what}",
                Place("export"),
                value=name or value,
                allowed=", ".join(allowed),
                nearest=nearest_name(name, allowed),
                remedy="check the spelling",
            )
            for name in wrong
        )


def _netcdf(result: Result, path: Path, chosen: Sequence[Variable]) -> None:
    data = to_xarray(result)
    empty = [v.name for v in chosen if 0 in result[v.name].shape]
    data = data[[v.name for v in chosen if v.name not in empty]]
    data = data.drop_vars([c for c in data.coords if data[c].size == 0])
    if empty:
        data.attrs["left_out"] = f"nothing to count: {', '.join(empty)}"
    with whole_file(path) as work:
        data.to_netcdf(work, engine="scipy", format="NETCDF3_64BIT")
