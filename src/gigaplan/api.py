"""Every verb as a function: what the terminal does, Python can do, with typed results."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gigaplan import catalog as facts
from gigaplan import plan as plans
from gigaplan.catalog import Found, Listed, Overview, Shown
from gigaplan.claims.check import check_claims
from gigaplan.layers.failures import FailureOptions
from gigaplan.layers.serving import MODES, Frontiers, Mode, ServingQuestion, frontiers
from gigaplan.layers.sites import SitesJob, read_bits_per_s, read_day, read_km, read_share
from gigaplan.layers.training import TrainingJob, TrainRun
from gigaplan.layers.training import train as run_training
from gigaplan.layers.training_sites import SitesRun, train_at_sites
from gigaplan.plan.json_schema import json_schema
from gigaplan.plan.starter import Start, copy_of, starter
from gigaplan.results import store
from gigaplan.results.export import export as export_result
from gigaplan.results.result import Result
from gigaplan.results.verdicts import Verdict
from gigaplan.simulate.engine import simulate
from gigaplan.simulate.keep import Keep
from gigaplan.study.compare import Comparison, Progress
from gigaplan.study.compare import compare as compare_results
from gigaplan.study.rerun import Rerun, held_against, sources_of
from gigaplan.validation.training.calibrate import TrainingCalibration
from gigaplan.validation.training.calibrate import calibrate_training as refit_training
from gigaplan.vocabulary.errors import InputError, Place, PlanError, Problem, nearest_name
from gigaplan.vocabulary.facts import Entry, Evidence
from gigaplan.vocabulary.files import write_text
from gigaplan.vocabulary.variables import Variable, variables

SCALES = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
RESULTS = Path("gigaplan-results")


Changes = Mapping[str, object] | Sequence[str]
"""``{"training.mfu_share": "35 %"}`` or ``["training.mfu_share=35 %"]``."""


def run(plan: str | Path, changes: Changes = (), overlays: Sequence[str | Path] = (), *, keep: Keep = "all") -> Result:
    """Simulate a plan.

    Parameters
    ----------
    plan : str or Path
        A built-in plan's name or a YAML file.
    changes : mapping or sequence of str
        ``{"training.mfu_share": "35 %"}`` or ``["training.mfu_share=35 %"]``; laid on last.
    overlays : sequence of str or Path
        YAML files laid on the plan in turn, each with a header ``overlay: {who, why, from}``.
    keep : str or collection of str
        Which hourly quantities to hold for every member: ``all``, ``summary`` (the central member alone), or their names.

    Raises
    ------
    PlanError
        With every problem of the plan at once.
    MachineError
        If the run takes more memory than is free; the message says how many members fit.
    """
    return run_sources(plans.sources_of(plan, _pairs(changes), overlays), keep)


def run_sources(sources: plans.Sources, keep: Keep = "all") -> Result:
    """Simulate a plan from its sources, as a kept result holds them; see :func:`run` for what raises."""
    loaded = plans.load_sources(sources)
    try:
        scenario = plans.resolve(loaded)
        result = replace(simulate(scenario, keep), sources=sources)
        return result.with_claims(check_claims(result, facts.load(), scenario.claims))
    except InputError as error:
        raise plans.placed(error, loaded) from None


def _pairs(changes: Changes) -> list[str]:
    return [f"{k}={v}" for k, v in changes.items()] if isinstance(changes, Mapping) else list(changes)


def new(
    path: str | Path = "plan.yaml",
    start: Start | None = None,
    *,
    like: str | Path | None = None,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    force: bool = False,
) -> Path:
    """Write a commented starter plan that runs at once, or a copy of another plan; return its path.

    Parameters
    ----------
    path : str or Path
        File to write; an existing one is kept unless ``force``.
    start : Start, optional
        Power, generation, model, region, start and name of the starter.
    like : str or Path, optional
        A plan to copy instead, by name or path, with ``changes`` and ``overlays`` laid on it.

    Raises
    ------
    PlanError
        If the file exists, a name isn't known, or the plan to copy is wrong.
    MachineError
        If the file can't be written; nothing half-written stays.
    """
    path = Path(path)
    if path.exists() and not force:
        remedy = "give another name, or --force to replace it"
        raise PlanError([Problem("this file exists already", Place(str(path)), remedy=remedy)])
    if like is None and (changes or overlays):
        remedy = "say with --from which plan to lay them on"
        raise PlanError([Problem("changes and overlays need a plan to copy", Place(str(path)), remedy=remedy)])
    if like is not None and start is not None:
        remedy = "change the copy with --set, or leave --from out"
        raise PlanError([Problem("a copy has its own power and names", Place(str(path)), remedy=remedy)])
    text = (
        starter(start or Start(name=path.stem))
        if like is None
        else copy_of(plans.sources_of(like, _pairs(changes), overlays))
    )
    return write_text(path, text)


def schema(*, overlay: bool = False) -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a plan, or of an overlay, for editors."""
    return json_schema(overlay=overlay)


def save(result: Result, folder: str | Path | None = None) -> Path:
    """Keep a result with its HTML report in a folder (default: ``gigaplan-results/<plan>-<hash>``); return it."""
    from gigaplan.report.html import html

    name = f"{result.stamp.plan}-{result.stamp.plan_hash[:8]}"
    return store.save(result, Path(folder) if folder else RESULTS / name, {"report.html": html(result)})


def load(folder: str | Path) -> Result:
    """Read a kept result."""
    return store.load(Path(folder))


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a number comes from: its row of the variable table, what it is made of, and the facts below it."""

    variable: Variable
    evidence: Evidence
    inputs: tuple[Explanation, ...]
    entries: tuple[Entry, ...]


def explain(result: Result | str | Path, quantity: str) -> Explanation:
    """Return the tree below a result quantity: formula, inputs, facts, sources.

    Raises
    ------
    PlanError
        If there is no such quantity; the nearest name is given.
    """
    result = result if isinstance(result, Result) else load(result)
    table = variables()
    if quantity not in table:
        raise PlanError(
            [
                Problem(
                    "no such quantity",
                    Place("explain"),
                    value=quantity,
                    allowed=", ".join(table),
                    nearest=nearest_name(quantity, table),
                    remedy="name a result quantity",
                )
            ]
        )
    row = table[quantity]
    below = tuple(explain(result, name) for name in row.inputs if not name.startswith("input:"))
    paths = [name.removeprefix("input:") for name in row.inputs if name.startswith("input:")]
    entries = tuple(dict.fromkeys(e for path in paths for e in result.ledger.under(path)))
    return Explanation(row, result.evidence(quantity), below, entries)


def check(plan: str | Path, changes: Changes = (), overlays: Sequence[str | Path] = ()) -> tuple[Result, bool]:
    """Simulate a plan and say whether every claim that it makes holds on some basis or can't be told."""
    result = run(plan, changes, overlays)
    return result, all(c.verdict != Verdict.FAILS for c in result.claims)


def compare(
    a: Result | str | Path,
    b: Result | str | Path | None = None,
    changes: Changes = (),
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
) -> Comparison:
    """Lay two plans or results side by side: what differs, by what matters, and which inputs make the difference.

    Parameters
    ----------
    a, b : Result, str or Path
        A result, a kept result's folder, or a plan by name or path; without ``b``, A itself.
    changes, overlays
        As in :func:`run`, laid on B, which must then be a plan.
    progress : callable, optional
        Called with (step, steps, what) before each run.

    Raises
    ------
    PlanError
        If one is neither plan nor result, or the two share no month.
    """
    other = a if b is None else b
    if (changes or overlays) and (isinstance(other, Result) or _kept(other)):
        name = other.stamp.plan if isinstance(other, Result) else str(other)
        remedy = "give B as a plan, or leave --set and --with out"
        raise PlanError([Problem("a kept result can't be changed", Place(name), remedy=remedy)])
    first = _result(a)
    second = other if isinstance(other, Result) else _result(other, changes, overlays)
    try:
        return compare_results(first, second, progress)
    except InputError as error:
        raise PlanError([Problem(str(error), Place("compare"))]) from None


def _kept(given: str | Path) -> bool:
    return Path(given).is_dir() and str(given) not in plans.builtin_names()


def _result(given: Result | str | Path, changes: Changes = (), overlays: Sequence[str | Path] = ()) -> Result:
    """Return a result: given, kept in a folder, or of a plan."""
    if isinstance(given, Result):
        return given
    return load(given) if _kept(given) else run(given, changes, overlays)


def catalog_overview() -> Overview:
    """Return what the catalog holds: facts and entities by kind, by table and by evidence."""
    return facts.overview()


def catalog_list(kind: str = "") -> tuple[Listed, ...]:
    """Return the entities of a kind (systems, models, sites, deals, ...), or all; PlanError gives the nearest kind."""
    return facts.listing(kind)


def catalog_search(words: str | Sequence[str], limit: int = 20) -> Found:
    """Return the facts in which words are met, best first, and the nearest word to each that is met nowhere."""
    return facts.search(words, limit)


def catalog_show(name: str) -> tuple[Shown, ...]:
    """Return the facts of an entity, a quantity, ``entity.quantity`` or an id, each with its rivals.

    Raises
    ------
    PlanError
        If there is no such name; the nearest is given.
    """
    return facts.show(name)


def export(result: Result | str | Path, to: str, out: str | Path | None = None, quantities: Sequence[str] = ()) -> Path:
    """Write a result, or some of its quantities, as one file for other tools; return its path.

    Parameters
    ----------
    result : Result, str or Path
        A result, or the folder that holds one.
    to : str
        ``parquet`` or ``csv`` (a long table with labels, unit and kind) or ``netcdf`` (needs the extra ``xarray``).
    out : str or Path, optional
        File to write (default: the plan's name with .parquet, .csv or .nc).
    quantities : sequence of str
        Result quantities to write; all if left out.

    Raises
    ------
    PlanError
        If there is no such form or quantity.
    MachineError
        If the file can't be written, or xarray isn't there for NetCDF.
    """
    result = result if isinstance(result, Result) else load(result)
    ending = "nc" if to == "netcdf" else to
    return export_result(
        result, to, Path(out) if out is not None else Path(f"{result.stamp.plan}.{ending}"), quantities
    )


def rerun(folder: str | Path, out: str | Path | None = None) -> Rerun:
    """Run a kept result's plan again and say whether it comes out byte for byte the same.

    Parameters
    ----------
    folder
        What :func:`save` has written.
    out
        Where to keep the second run; it is thrown away if left out.

    Raises
    ------
    PlanError
        If the folder holds no result, or one that was kept without its plan's text.
    """
    kept = Path(folder)
    again = run_sources(sources_of(kept), store.read_keep(kept))
    if out is not None and Path(out).resolve() == kept.resolve():
        remedy = "give another folder with --out"
        raise PlanError([Problem("the second run would overwrite the first", Place(str(out)), remedy=remedy)])
    with tempfile.TemporaryDirectory() as work:
        where = save(again, out if out is not None else Path(work) / "again")
        answer = held_against(kept, where)
    return replace(answer, kept_in="" if out is None else str(out))


def frontier(
    models: str | Sequence[str],
    systems: str | Sequence[str],
    *,
    input_tokens: float = 1024.0,
    output_tokens: float = 1024.0,
    cached_tokens: float = 0.0,
    ttft_s: float = 2.0,
    tpot_s: float = 0.05,
    precision: str = "",
    engine: str = "trtllm",
    modes: Sequence[Mode] = MODES,
    more: Sequence[tuple[str, str]] = (),
) -> Frontiers:
    """Return the fastest and the cheapest ways to serve each model on each system, and all between.

    Parameters
    ----------
    models, systems : str or sequence of str
        Names of the catalog; every model is put on every system.
    input_tokens, output_tokens, cached_tokens : float
        Tokens of a request; cached ones are part of the input.
    ttft_s, tpot_s : float
        Longest time to the first token, and for each token after it [s].
    precision : str
        ``bf16``, ``fp8`` or ``fp4``; the narrowest that the system computes in if left out.
    engine : str
        ``trtllm``, ``vllm`` or ``sglang``.
    modes : sequence of str
        ``co-located``, ``disaggregated``, or both.
    more : sequence of (str, str)
        Further (model, system) pairs.

    Raises
    ------
    PlanError
        With every unknown name (the nearest known one is given) and every impossible number at once.
    """
    ask = ServingQuestion(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=cached_tokens,
        ttft_s=ttft_s,
        tpot_s=tpot_s,
        precision=precision,
        engine=engine,
        modes=tuple(modes),
    )
    names = [[n] if isinstance(n, str) else list(n) for n in (models, systems)]
    return frontiers([*((m, s) for m in names[0] for s in names[1]), *more], ask)


def train(
    model: str,
    system: str,
    *,
    gpus: int,
    tokens: float | str = 0.0,
    sequence_tokens: int = 8192,
    global_batch_sequences: float = 0.0,
    precision: str = "bf16",
    layout: str = "",
    search: bool = False,
    offload: bool = False,
    release: str = "",
    imbalance: float = 1.0,
    pod_gpus: int = 0,
    spine_share: float = 1.0,
    failures: bool | FailureOptions = False,
    overlays: Sequence[str | Path] = (),
) -> TrainRun:
    """Return how a model trains on some GPUs of a system, in the layout given or in the fastest that fits.

    Parameters
    ----------
    model, system : str
        Names of the catalog.
    gpus : int
        GPUs of the run.
    tokens : float or str
        Tokens in all, as a number or as ``15.6 T``; twenty per active parameter if left out.
    sequence_tokens, global_batch_sequences : float
        Tokens of a sequence, sequences of a step (16 million tokens if left out).
    precision : str
        Of matrix products: ``bf16``, ``fp8``, ``mxfp8``, ``fp4`` or ``nvfp4``.
    layout : str
        As ``tp8 pp16 vpp6 cp2 mb1 recompute=selective``; empty for the fastest.
    search, offload : bool
        Whether the best layouts are told beside a given one; whether the host's memory may hold the optimiser's state.
    release : str
        Month in which the software came out, as ``2025-11``; empty for the newest.
    imbalance : float
        Tokens of the rank whose experts are visited most, over the mean.
    pod_gpus, spine_share : int, float
        GPUs that the scale-out network joins at full speed (0: all), and the share of its bandwidth left beyond.
    failures : bool or FailureOptions
        Whether failures are simulated from launch to the last token, and how: interval between checkpoints, spares, recovery.
    overlays : sequence of str or Path
        Files with constants of your own, as :func:`calibrate_training` writes them.

    Raises
    ------
    PlanError
        With every unknown name, impossible number and rank that doesn't divide at once.
    """
    return run_training(
        TrainingJob(
            model=model,
            system=system,
            gpus=gpus,
            tokens=_tokens(tokens),
            sequence_tokens=sequence_tokens,
            global_batch_sequences=global_batch_sequences,
            precision=precision,
            layout=layout,
            search=search,
            offload=offload,
            release=release,
            imbalance=imbalance,
            pod_gpus=pod_gpus,
            spine_share=spine_share,
            failures=(FailureOptions() if failures else None) if isinstance(failures, bool) else failures,
            overlays=tuple(str(o) for o in overlays),
        )
    )


def train_sites(
    model: str,
    system: str,
    *,
    sites: str,
    gpus: int = 0,
    tokens: float | str = 0.0,
    sequence_tokens: int = 8192,
    global_batch_sequences: float = 0.0,
    precision: str = "bf16",
    layout: str = "",
    offload: bool = False,
    wan_bandwidth: str = "",
    wan_distance: str = "",
    inner_steps: float = 0.0,
    efficiency: float | str = 0.95,
    by: str = "",
    run_days: float = 0.0,
    plan: str = "",
    overlays: Sequence[str | Path] = (),
) -> SitesRun:
    """Return how several sites train one model together: synchronously, or with local updates; and the largest run by a date.

    Parameters
    ----------
    sites : str
        As ``abilene,shackelford`` (GPUs by the catalog's power, or by ``plan``) or with GPUs as ``a=50000,b=30000@2028-01``.
    wan_bandwidth, wan_distance : str
        What a site sends at once, ``10 Tbps``; distance between any two sites as the crow flies, ``1,200 km``.
    inner_steps : float
        Steps between two exchanges of local updates.
    efficiency : float or str
        Part of the time that is to go into training, for which bandwidth and distance are told.
    by, run_days
        Day by which the largest run is asked for, and the longest time that it may take [day].
    plan : str
        A plan whose fleet says the GPUs of each site.

    All others are as in :func:`train`; ``gpus`` are shared evenly among sites without a number.

    Raises
    ------
    PlanError
        With every unknown name and impossible number at once.
    """
    run = TrainingJob(
        model=model,
        system=system,
        gpus=gpus,
        tokens=_tokens(tokens),
        sequence_tokens=sequence_tokens,
        global_batch_sequences=global_batch_sequences,
        precision=precision,
        layout=layout,
        offload=offload,
        overlays=tuple(str(o) for o in overlays),
    )
    return train_at_sites(
        SitesJob(
            run=run,
            sites=sites,
            uplink_bits_per_s=read_bits_per_s(wan_bandwidth) if wan_bandwidth else 0.0,
            distance_km=read_km(wan_distance) if wan_distance else 0.0,
            inner_steps=inner_steps,
            share=read_share(efficiency) if isinstance(efficiency, str) else efficiency,
            by=read_day(by) if by else None,
            run_days=run_days,
            plan=plan,
        )
    )


def calibrate_training(
    measured: str | Path | Sequence[str | Path], out: str | Path | None = None, progress: Progress | None = None
) -> TrainingCalibration:
    """Return the constants of training refitted on measured step times; write them as an overlay if ``out`` is given.

    Parameters
    ----------
    measured : str, Path or sequence of them
        Tables with the columns of training_step.csv or training_vtrain_measured_a100.csv, of one kind of software.
    out : str or Path, optional
        Overlay for :func:`run` and :func:`train`.
    progress : callable, optional
        Called with (step, steps, what) before each group of rows is left out.

    Raises
    ------
    PlanError
        If a table can't be read or lacks columns, fewer than four rows can be answered, or kinds of software are mixed.
    MachineError
        If the file can't be written; nothing half-written stays.
    """
    paths = [Path(p) for p in ([measured] if isinstance(measured, str | Path) else measured)]
    answer = refit_training(paths, progress)
    if out is not None:
        write_text(Path(out), answer.overlay(", ".join(p.name for p in paths)))
    return answer


def _tokens(said: float | str) -> float:
    """Return tokens of a number or of a text like ``15.6T``; PlanError if it is neither."""
    if not isinstance(said, str):
        return float(said)
    found = re.fullmatch(r"\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*([kMBT]?)\s*(?:tokens?)?\s*", said, re.IGNORECASE)
    try:
        return float(found[1]) * SCALES[found[2].upper()] if found else float(said)
    except ValueError:
        remedy = "write 15.6e12 or 15.6T"
        raise PlanError(
            [Problem("not a number of tokens", Place("train", path="tokens"), value=said, remedy=remedy)]
        ) from None
