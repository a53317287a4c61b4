"""Verbs of saved results: save, load, explain, export, run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from gigaplan.api.plans import Changes, result_of, run_sources, simulate_sources, sources_given
from gigaplan.results import store
from gigaplan.results.coordinates import parse_at
from gigaplan.results.explain import Explanation
from gigaplan.results.explain import explain as explain_figure
from gigaplan.results.export import FORMS
from gigaplan.results.export import export as export_result
from gigaplan.results.result import Result
from gigaplan.simulate import rate_cache
from gigaplan.simulate.keep import Keep
from gigaplan.study.rerun import Rerun, compare_with_saved, sources_of
from gigaplan.vocabulary.errors import Place, PlanError, Problem, unknown_choice
from gigaplan.vocabulary.files import command, named_file, slug, temporary_folder, write_text
from gigaplan.vocabulary.files.kinds import PAGE
from gigaplan.vocabulary.labels import meant
from gigaplan.vocabulary.progress import Progress, share_of

RESULTS = Path("gigaplan-results")
WORKBOOK = "xlsx"
"""The form of an export that is drawn as a report is, besides those of a table."""
PAGE_FORM = "html"
EXPORTED = (*FORMS, WORKBOOK, PAGE_FORM)
SIMULATING, STEPS = 8, 10
"""Steps of a run that is saved, as its progress tells them: those of the simulation, and all."""


class Saved(NamedTuple):
    """A result and the folder that holds it."""

    result: Result
    folder: Path


def save(result: Result, folder: str | Path | None = None, progress: Progress | None = None) -> Path:
    """Save a result with its HTML report in a folder (default: ``gigaplan-results/<plan>-<hash>``); return it.

    Parameters
    ----------
    result : Result
        The result.
    folder : str or Path, optional
        Where; a result that is there already is replaced at one instant, any other folder is refused.
    progress : callable, optional
        Called with (steps done, steps, the next one); False cancels, and the folder stays as it was.

    Raises
    ------
    PlanError
        If the folder holds anything that gigaplan has not written.
    MachineError
        If the folder can't be written or the disk is full; nothing half-written stays.
    Cancelled
        If ``progress`` returns False.
    """
    return _save(result, folder, progress).folder


def run_and_save(
    plan: str | Path,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    folder: str | Path | None = None,
    progress: Progress | None = None,
    *,
    keep: Keep = "summary",
) -> Saved:
    """Simulate a plan and save its result with its HTML report: sooner than :func:`run` and :func:`save` in turn.

    Parameters
    ----------
    plan, changes, overlays, keep
        As in :func:`run`, whose errors this raises too.
    folder
        As in :func:`save`, whose errors this raises too.
    progress : callable, optional
        Called with (steps done, steps, the next one); False cancels.

    Returns
    -------
    Saved
        The result and its folder.
    """
    simulated = simulate_sources(sources_given(plan, changes, overlays), share_of(progress, 0, SIMULATING, STEPS), keep)
    return _save(simulated.result, folder, share_of(progress, SIMULATING, STEPS, STEPS), simulated.judged)


def _save(
    result: Result,
    folder: str | Path | None,
    progress: Progress | None,
    complete: Callable[[Result], Result] = lambda result: result,
) -> Saved:
    """Save a result, with its claims judged while its tables are written where they aren't yet."""
    from gigaplan.report.html import html

    name = slug(f"{slug(result.stamp.plan)}-{result.stamp.plan_hash[:8]}")
    read = (result.sources.file, *(file for file, _ in result.sources.overlays)) if result.sources else ()
    to = Path(folder) if folder else RESULTS / name
    with command(*read):
        return Saved(store.save_and_complete(result, to, complete, {"report.html": html}, progress), to)


def load(folder: str | Path) -> Result:
    """Read a saved result."""
    return store.load(Path(folder))


def explain(result: Result | str | Path, quantity: str, at: Mapping[str, str] | str = "") -> Explanation:
    """Return the tree below a figure: its value, formula, inputs, facts, sources.

    Parameters
    ----------
    result : Result, str or Path
        A result, the folder that holds one, or a plan by name or path, which is run.
    quantity : str
        A result quantity.
    at : mapping or str
        Coordinates of the figure, as ``{"workload": "chat", "year": "2031"}`` or ``"workload=chat,year=2031"``.

    Raises
    ------
    PlanError
        If there is no such quantity, dim or label; the nearest name is given.
    """
    given = result_of(result)
    return explain_figure(given, quantity, parse_at(at, given) if isinstance(at, str) else at)


def export(
    result: Result | str | Path,
    to: str,
    out: str | Path | None = None,
    quantities: Sequence[str] = (),
    progress: Progress | None = None,
    *,
    members: str = "figures",
    view: str = "plan",
    site: str = "",
) -> Path:
    """Write a result, or some of its quantities, as one file for other tools; return its path.

    Parameters
    ----------
    result : Result, str or Path
        A result, or the folder that holds one.
    to : str
        ``parquet`` or ``csv`` (a long table with labels, unit and kind), ``netcdf`` (needs the extra ``xarray``),
        ``xlsx`` (a workbook: summary, inputs, every room by year, and money with live formulas), or ``html`` (a page).
    out : str or Path, optional
        File to write (default: the plan's name with .parquet, .csv, .nc, .xlsx or .html).
    quantities : sequence of str
        Result quantities to write; all if left out. A workbook has all.
    progress : callable, optional
        Called with (steps done, steps, the next one); False cancels, and nothing half-written stays.
    members : str
        What a long table of a run with ranges has: ``figures`` (each with the low and the high end of its range) or
        ``all`` (a row for every member).
    view : str
        Whose page: ``plan`` (everything), ``lender`` (loans, cash, returns by party) or ``site`` (its developer).
    site : str
        The site of that view; the one with most power if empty.

    Raises
    ------
    PlanError
        If there is no such form, quantity, choice of members, view or site, or if a workbook or a page is to have some
        quantities alone.
    MachineError
        If the file can't be written, or xarray isn't there for NetCDF.
    Cancelled
        If ``progress`` returns False.
    """
    with command():
        result = result if isinstance(result, Result) else load(result)
        to = meant(to, EXPORTED, by_beginning=False)
        if to not in EXPORTED:
            raise PlanError([unknown_choice("no such form", Place("export"), to, EXPORTED, "check the spelling")])
        ending = "nc" if to == "netcdf" else to
        path = named_file(out) if out is not None else Path(f"{slug(result.stamp.plan)}.{ending}")
        if to == PAGE_FORM:
            from gigaplan.report.frame_page import view as page_of

            _refuse_parts(quantities, members, "page")
            return write_text(path, page_of(result, view, site), PAGE)
        _refuse_views(view, site)
        if to == WORKBOOK:
            from gigaplan.report.workbook import workbook

            _refuse_parts(quantities, members, "workbook")
            return workbook(result, path, progress)
        return export_result(result, to, path, quantities, progress, members=members)


def _refuse_views(view: str, site: str) -> None:
    """Refuse what is stated of a page where something else is written."""
    given = {"view": "" if view == "plan" else view, "site": site}
    problems = [
        Problem(f"a {what} is chosen for a page", Place("export"), value=value, remedy="add --to html, or leave it out")
        for what, value in given.items()
        if value
    ]
    if problems:
        raise PlanError(problems)


def _refuse_parts(quantities: Sequence[str], members: str, form: str) -> None:
    """Refuse what is stated of a long table where a workbook or a page is written."""
    remedy = "leave it out, or export a long table: --to parquet or --to csv"
    given = {"quantities": ", ".join(quantities), "members": "" if members == "figures" else members}
    problems = [
        Problem(f"a {form} takes no choice of {what}", Place("export"), value=value, remedy=remedy)
        for what, value in given.items()
        if value
    ]
    if problems:
        raise PlanError(problems)


def rerun(folder: str | Path, out: str | Path | None = None, progress: Progress | None = None) -> Rerun:
    """Run a saved result's plan again and compare: does it come out byte for byte the same?

    Parameters
    ----------
    folder
        What :func:`save` has written.
    out
        Where to save the second run; it is deleted if left out.
    progress : callable, optional
        As in :func:`run`.

    Raises
    ------
    PlanError
        If the folder holds no result, or one that was saved without its plan's text.
    """
    saved = Path(folder)
    with rate_cache.without_stored_rates():
        again = run_sources(sources_of(saved), progress, store.read_keep(saved))
    if out is not None and Path(out).resolve() == saved.resolve():
        remedy = "give another folder with --out"
        raise PlanError([Problem("the second run would overwrite the first", Place(str(out)), remedy=remedy)])
    with temporary_folder() as work:
        where = save(again, out if out is not None else work / "again", progress)
        answer = compare_with_saved(saved, where)
    return replace(answer, saved_in="" if out is None else str(out))
