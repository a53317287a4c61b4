"""A result as one file for other tools: a long table in Parquet or CSV, or NetCDF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gigaplan.results import longtable
from gigaplan.results.dataset import to_xarray
from gigaplan.results.labelled import Labelled
from gigaplan.vocabulary.errors import Place, PlanError, unknown_choice
from gigaplan.vocabulary.files import whole_file
from gigaplan.vocabulary.files.kinds import EXPORTS
from gigaplan.vocabulary.progress import Progress, staged

FORMS = ("parquet", "csv", "netcdf")


def export(
    result: Labelled, form: str, path: Path, names: Sequence[str] = (), progress: Progress | None = None
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

    Returns
    -------
    Path
        The file.

    Raises
    ------
    Cancelled
        If ``progress`` returns False.
    PlanError
        If there is no such form or quantity; the nearest is given.
    MachineError
        If the file can't be written, or NetCDF is requested without xarray; nothing half-written stays.
    """
    names = [result.meant(n) for n in names]
    _check("form", FORMS, [form])
    _check("quantity", tuple(result.arrays), names)
    chosen = [n for n in result.arrays if not names or n in names]
    if form == "netcdf":
        _netcdf(result, path, chosen, progress)
    else:
        with whole_file(path, EXPORTS[form]) as work:
            longtable.write(result, work, chosen, form=form, about=True, progress=progress)
    return path


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
