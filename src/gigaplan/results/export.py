"""A result as one file for other tools: a long table in Parquet or CSV, or NetCDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gigaplan.results import longtable
from gigaplan.results.dataset import to_xarray
from gigaplan.results.labelled import Labelled
from gigaplan.results.quantiles import figures, has_ranges, is_date
from gigaplan.results.spread import array_of_members, spread_of
from gigaplan.vocabulary.errors import Place, PlanError, unknown_choice
from gigaplan.vocabulary.files import whole_file
from gigaplan.vocabulary.files.kinds import EXPORTS
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress, staged

FORMS = ("parquet", "csv", "netcdf")
"""Forms of a table; a workbook is drawn as a report is, from the same figures."""
MEMBERS = ("figures", "all")


def export(
    result: Labelled,
    form: str,
    path: Path,
    names: Sequence[str] = (),
    progress: Progress | None = None,
    *,
    members: str = "figures",
) -> Path:
    """Write a result, or some of its quantities, as one file.

    Parameters
    ----------
    result : Labelled
        The result.
    form : str
        ``parquet`` and ``csv``: a long table, one row per number, with its labels, unit and kind; dims that none of the
        quantities has are left out. ``netcdf``: NetCDF 3 (64-bit), without quantities that have nothing to count (no
        tranche, no run).
    path : Path
        File to write.
    names : sequence of str
        Quantities to write; all if left out.
    progress : callable, optional
        Called with (steps done, steps, the next one); False cancels, and nothing half-written stays.
    members : str
        What a long table of a run with ranges has: ``figures``, the median with the low and the high end of its range;
        ``all``, a row for every member. NetCDF always has all.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    Cancelled
        If ``progress`` returns False.
    PlanError
        If there is no such form, quantity or choice of members; the nearest is given.
    MachineError
        If the file can't be written, or NetCDF is requested without xarray; nothing half-written stays.
    """
    names = [result.meant(n) for n in names]
    _check("form", FORMS, [form])
    _check("choice of members", MEMBERS, [members])
    _check("quantity", tuple(result.arrays), names)
    chosen = [n for n in result.arrays if not names or n in names]
    if form == "netcdf":
        _netcdf(result, path, chosen, progress)
    else:
        with whole_file(path, EXPORTS[form]) as work:
            shown, ends = with_ends(result) if members == "figures" and has_ranges(result) else (result, None)
            longtable.write(shown, work, chosen, form=form, about=True, further=ends, progress=progress)
    return path


def with_ends(result: Labelled) -> tuple[Labelled, dict[str, dict[str, Array]]]:
    """Return a result of figures alone, without a member axis, and the low and high ends of their ranges."""
    rows = {n: replace(v, dims=tuple(d for d in v.dims if d != "member")) for n, v in result.rows.items()}
    ranges = {n: spread_of(array_of_members(result, n), date=is_date(v)) for n, v in rows.items() if n in result}
    ends = {"low": {n: r.low for n, r in ranges.items()}, "high": {n: r.high for n, r in ranges.items()}}
    return replace(result, arrays={n: figures(result, n) for n in result.arrays}, rows=rows), ends


def _check(what: str, allowed: Sequence[str], given: Sequence[str]) -> None:
    problems = [
        unknown_choice(f"no such {what}", Place("export"), name, allowed, "check the spelling")
        for name in given
        if name not in allowed
    ]
    if problems:
        raise PlanError(problems)


def _netcdf(result: Labelled, path: Path, chosen: Sequence[str], progress: Progress | None) -> None:
    begin = staged(progress, 2)
    begin("collecting")
    data = to_xarray(result)
    empty = [n for n in chosen if 0 in result[n].shape]
    data = data[[n for n in chosen if n not in empty]]
    data = data.drop_vars([c for c in data.coords if data[c].size == 0])
    if empty:
        data.attrs["left_out"] = f"nothing to count: {', '.join(empty)}"
    begin("writing")
    with whole_file(path, EXPORTS["netcdf"]) as work:
        data.to_netcdf(work, engine="scipy", format="NETCDF3_64BIT")
