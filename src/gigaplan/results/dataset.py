"""A result as an xarray Dataset.

Names, dims, units and meanings are taken from the result's rows of the variable table when the Dataset is made, so that
they can't drift. Days are dates there, not numbers since a start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.results.labelled import Labelled
from gigaplan.vocabulary.errors import MachineError
from gigaplan.vocabulary.variables import Variable

if TYPE_CHECKING:
    import xarray

NO_XARRAY = "this needs xarray, which isn't installed: pip install 'gigaplan[xarray]'"
DIMS = {
    "member": "Sample of the uncertain facts; 0 is the central one",
    "month": "Interval of the plan, by its first day",
    "edge": "Ends of the intervals: stocks stand on edges",
    "year": "Calendar year",
    "hour": "Hour of the day (UTC)",
}
"""What the dims that are numbers or dates mean."""


def to_xarray(result: Labelled) -> xarray.Dataset:
    """Return a result as a Dataset: coordinates are labels, attributes hold unit, kind, meaning, formula and evidence.

    Months and edges are dates; days on which something happens are dates too (NaT: never). A quantity that is held for
    the central member only has no dim ``member``, and its attribute ``members`` says so.

    Parameters
    ----------
    result : Labelled
        The result.

    Returns
    -------
    xarray.Dataset
        All its quantities.

    Raises
    ------
    MachineError
        If xarray isn't installed; the message says how to install it.
    """
    try:
        import xarray
    except ImportError:
        raise MachineError(NO_XARRAY) from None
    rows = [result.variable(name) for name in result.arrays]
    data = {
        v.name: xarray.Variable(_dims(result, v), _values(result, v), _attributes(result, v), _encoding(result, v))
        for v in rows
    }
    dims = tuple(dict.fromkeys(d for v in rows for d in v.dims))
    coords = {d: xarray.Variable((d,), _labels(result, d), {"long_name": DIMS[d]} if d in DIMS else {}) for d in dims}
    hours = {"long_name": "Duration of the interval", "units": "h"}
    coords["interval_hours"] = xarray.Variable(("month",), result.axis.hours, hours)
    return xarray.Dataset(data, coords, _about(result))


def _central_only(result: Labelled, v: Variable) -> bool:
    return v.dims[:1] == ("member",) and result.members(v.name) < result.stamp.members


def _dims(result: Labelled, v: Variable) -> tuple[str, ...]:
    return v.dims[1:] if _central_only(result, v) else v.dims


def _values(result: Labelled, v: Variable) -> NDArray[Any]:
    array = result.central(v.name) if _central_only(result, v) else result[v.name]
    if not _is_date(v):
        return array
    start = np.datetime64(result.axis.start, "ns")
    days = np.where(np.isnan(array), 0, array).astype("timedelta64[D]")
    return np.where(np.isnan(array), np.datetime64("NaT", "ns"), start + days)


def _is_date(v: Variable) -> bool:
    return v.unit == "days" and v.name.endswith("_day")


def _labels(result: Labelled, dim: str) -> NDArray[Any]:
    if dim == "member":
        return np.arange(result.stamp.members)
    names = result.labels[dim]
    if dim in ("month", "edge"):
        return np.array(names, dtype="datetime64[ns]")
    return np.array([int(n) for n in names]) if dim in ("year", "hour") else np.array(names, dtype=str)


def _attributes(result: Labelled, v: Variable) -> dict[str, str]:
    known = {"long_name": v.meaning, "kind": v.kind, "room": v.room, "formula": v.formula}
    if not _is_date(v):
        known["units"] = v.unit
    if _central_only(result, v):
        known["members"] = "the central one only"
    return {**known, "evidence": str(result.evidence(v.name))}


def _encoding(result: Labelled, v: Variable) -> dict[str, str]:
    """Return how dates are written in a file: as days since the start, NaN where there is none."""
    return {"units": f"days since {result.axis.start}", "dtype": "float64"} if _is_date(v) else {}


def _about(result: Labelled) -> dict[str, str]:
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
