"""Verbs of training: a run on a system, rows answered, published steps held against ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from gigaplan.cli.base import Json, app, print_json, progress, show
from gigaplan.cli.completion import listed
from gigaplan.cli.validation import calibrate_app, predict_app, validate_app

Constants = Annotated[
    list[Path] | None,
    Parameter(name="--with", negative="", help="Take constants from an overlay of 'gigaplan calibrate training'."),
]

if TYPE_CHECKING:
    from gigaplan.layers.failures import FailureOptions


@app.command(name="train")
def train(
    model: Annotated[str, listed("layers")],
    system: Annotated[str, listed("hbm_bandwidth_bytes_per_s")],
    /,
    *,
    gpus: int = 0,
    tokens: str = "",
    global_batch: float = 0,
    seq: int = 8192,
    precision: Literal["bf16", "fp8", "fp4", "mxfp8", "nvfp4"] = "bf16",
    layout: str = "",
    search: bool = False,
    offload: bool = False,
    release: str = "",
    imbalance: float = 1.0,
    pod: int = 0,
    spine_share: float = 1.0,
    sites: str = "",
    wan_bandwidth: str = "",
    wan_distance: str = "",
    inner_steps: float = 0,
    efficiency: str = "95 %",
    by: str = "",
    run_days: float = 0,
    plan: str = "",
    failures: bool = False,
    checkpoint_interval: str = "",
    spares: int | None = None,
    elastic: bool = False,
    groups: int = 0,
    sync_checkpoint: bool = False,
    replicas: int = 400,
    seed: int = 0,
    central: bool = False,
    fact: Annotated[list[str] | None, Parameter(negative="")] = None,
    with_: Constants = None,
    html: Path | None = None,
    json: Json = False,
) -> int:
    """Show how a model trains on a system: the step taken apart, memory, utilisation, days, energy, cost.

    Without a layout the fastest one that fits is searched for.

    Parameters
    ----------
    model
        A model of the catalog.
    system
        A system of the catalog.
    gpus
        GPUs of the run; with --sites those of all, or left out where sites have their own.
    tokens
        Tokens in all, as 15.6e12 or 15.6T (default: 20 per active parameter).
    global_batch
        Sequences of one step (default: 16 million tokens).
    seq
        Tokens of a sequence.
    precision
        Of matrix products.
    layout
        Ranks and more, as "tp8 pp16 vpp6 cp2 ep8 etp1 mb1 recompute=selective schedule=zb fsdp"; dp follows.
    search
        Show the best layouts beside the one given.
    offload
        Try layouts too that keep the optimiser's state in the host's memory.
    release
        Month in which the training software came out, as 2025-11 (default: the newest). Older software is slower on new hardware.
    imbalance
        Tokens of the rank whose experts are visited most, over the mean.
    pod
        GPUs that the scale-out network joins at full speed (default: all of them).
    spine_share
        Share of the scale-out bandwidth left between pods, as 0.143 where the spine is oversubscribed 1:7.
    sites
        Sites that train together, as "abilene,shackelford" (GPUs by their power in the catalog, or by --plan) or with GPUs as
        "a=50000,b=30000@2028-01".
    wan_bandwidth
        What each site sends to the others at once, as "10 Tbps".
    wan_distance
        Between any two sites as the crow flies, as "1,200 km" (default: from their positions in the catalog).
    inner_steps
        Steps between two exchanges of local updates (default: the best of 30 to 500).
    efficiency
        Part of the time that is to go into training, for which bandwidth and distance are told.
    by
        Day by which the largest run of the sites is asked for.
    run_days
        Longest time that the largest run may take (default: 100 days).
    plan
        A plan whose fleet says how many GPUs of the system each site has, month by month.
    failures
        Simulate the run from launch to the last token, failure by failure. The options below change how.
    checkpoint_interval
        Training between two checkpoints, as "10 min" (default: the best).
    spares
        Servers, or racks that are one scale-up domain, that stand by (default: the best number).
    elastic
        Go on with a data replica less where there is no spare.
    groups
        Fault-tolerant groups of data replicas, which restart by themselves.
    sync_checkpoint
        Let training stand until a checkpoint is written.
    replicas
        SimulatedRuns to simulate.
    seed
        The same seed gives the same lives.
    central
        Keep facts at their central values; otherwise each life draws its own from their ranges.
    fact
        One of your own facts on failures, as "recovery_s=5 min" (names: gigaplan catalog show failures). May be repeated.
    html
        File for a page with charts that needs no network.
    """
    from gigaplan import api
    from gigaplan.report import train_view
    from gigaplan.vocabulary.files import write_text

    lives = _failures(
        failures,
        checkpoint_interval,
        spares,
        elastic,
        groups,
        sync_checkpoint,
        replicas,
        seed,
        central,
        fact or [],
        sites,
    )
    _of_sites(
        sites,
        ("--wan-bandwidth", wan_bandwidth),
        ("--wan-distance", wan_distance),
        ("--inner-steps", inner_steps),
        ("--by", by),
        ("--run-days", run_days),
        ("--plan", plan),
    )
    if sites:
        from gigaplan.report import sites_view

        together = api.train_sites(
            model,
            system,
            sites=sites,
            gpus=gpus,
            tokens=tokens or 0.0,
            sequence_tokens=seq,
            global_batch_sequences=global_batch,
            precision=precision,
            layout=layout,
            offload=offload,
            wan_bandwidth=wan_bandwidth,
            wan_distance=wan_distance,
            inner_steps=inner_steps,
            efficiency=efficiency,
            by=by,
            run_days=run_days,
            plan=plan,
            overlays=with_ or [],
        )
        if html is not None:
            write_text(html, sites_view.html(together))
        if json:
            return print_json(together.as_dict())
        show(sites_view.terminal(together))
        if html is not None:
            print(f"the page is {html}")
        return 0
    with progress("simulating" if lives else "searching"):
        run = api.train(
            model,
            system,
            gpus=gpus,
            tokens=tokens or 0.0,
            sequence_tokens=seq,
            global_batch_sequences=global_batch,
            precision=precision,
            layout=layout,
            search=search,
            offload=offload,
            release=release,
            imbalance=imbalance,
            pod_gpus=pod,
            spine_share=spine_share,
            overlays=with_ or [],
            failures=lives,
        )
    if html is not None:
        write_text(html, train_view.html(run))
    if json:
        return print_json(run.as_dict())
    show(train_view.terminal(run))
    if html is not None:
        print(f"the page is {html}")
    return 0


def _of_sites(sites: str, *options: tuple[str, object]) -> None:
    """Refuse options of several sites where none are named."""
    from gigaplan.vocabulary.errors import Place, PlanError, Problem

    if not sites:
        said = [
            Problem(f"{name} is of several sites", Place("train"), value=str(value), remedy="name them with --sites")
            for name, value in options
            if value
        ]
        if said:
            raise PlanError(said)


def _failures(
    wanted: bool,
    interval: str,
    spares: int | None,
    elastic: bool,
    groups: int,
    sync: bool,
    replicas: int,
    seed: int,
    central: bool,
    facts: list[str],
    sites: str,
) -> bool | FailureOptions:
    """Return how failures are simulated; PlanError with what is wrong with the options."""
    from gigaplan.layers.failures import PLACE, FailureOptions, read_facts
    from gigaplan.vocabulary.errors import PlanError, Problem
    from gigaplan.vocabulary.units import parse_quantity

    problems = []
    given = [
        name
        for name, said in (
            ("--checkpoint-interval", interval),
            ("--spares", spares is not None),
            ("--elastic", elastic),
            ("--groups", groups),
            ("--sync-checkpoint", sync),
            ("--replicas", replicas != FailureOptions().trials),
            ("--seed", seed),
            ("--central", central),
            ("--fact", facts),
        )
        if said
    ]
    if given and not wanted:
        problems.append(
            Problem("options of failures without them", PLACE, value=", ".join(given), remedy="add --failures")
        )
    if wanted and sites:
        problems.append(
            Problem(
                "failures are simulated for a run on one site",
                PLACE,
                value=f"--sites {sites}",
                remedy="leave --sites or --failures out",
            )
        )
    seconds = 0.0
    try:
        seconds = parse_quantity(interval, "s") if interval else 0.0
    except ValueError as error:
        problems.append(Problem(str(error), PLACE, value=interval, remedy='write --checkpoint-interval "10 min"'))
    own: tuple[tuple[str, float], ...] = ()
    try:
        own = read_facts(facts)
    except PlanError as error:
        problems += error.problems
    if problems:
        raise PlanError(problems)
    if not wanted:
        return False
    return FailureOptions(
        checkpoint_interval_s=seconds,
        spares=spares,
        elastic=elastic,
        groups=groups,
        waits_for_write=sync,
        trials=replicas,
        seed=seed,
        certain=central,
        facts=own,
    )


@validate_app.command(name="training")
def validate_training(*rows: Path, every: bool = False, json: Json = False) -> int:
    """Hold the training model against published step times, memory, and what failures left of runs.

    Parameters
    ----------
    rows
        Tables with the columns of training_step.csv, training_vtrain_measured_a100.csv, training_mlperf.csv or
        training_simumax_b200_measured.csv (default: the sample that comes with gigaplan).
    every
        Show every row, not only the largest errors.
    """
    import dataclasses

    from rich.console import Group

    from gigaplan.report.failures_view import validation
    from gigaplan.report.training_view import training_validation
    from gigaplan.validation.training.failures import validate_failures
    from gigaplan.validation.training.validate import validate

    answer, failed = validate(rows), validate_failures()
    if json:
        return print_json({**answer.as_dict(), "failures": [dataclasses.asdict(r) for r in failed]})
    return show(Group(training_validation(answer, every=every), "", validation(failed)))


@predict_app.command(name="training")
def predict_training(
    rows: Path,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    anchor: Path | None = None,
    with_: Constants = None,
    json: Json = False,
) -> int:
    """Add our step time, speed and memory to each row of a table, with an interval and how far to trust them.

    Parameters
    ----------
    rows
        A CSV table with the columns of training_step.csv or its siblings; results may be empty or absent.
    out
        The table to write.
    anchor
        A table of measured steps with the same columns: layouts that it holds follow its measurements.
    """
    from gigaplan.validation.training.validate import predict

    count, answered = predict(rows, out, anchor, with_ or [])
    if json:
        return print_json({"rows": count, "answered": answered, "out": str(out)})
    print(f"{answered:,} of {count:,} rows answered; written to {out}")
    return 0


@calibrate_app.command(name="training")
def calibrate_training(
    measured: list[Path], /, *, out: Annotated[Path, Parameter(name=["--out", "-o"])], json: Json = False
) -> int:
    """Refit the constants of training on your own step times; write them as an overlay for --with of run, train and predict.

    Parameters
    ----------
    measured
        CSV tables with the columns of training_step.csv or training_vtrain_measured_a100.csv, of one kind of software.
    out
        The overlay file to write.
    """
    from gigaplan import api
    from gigaplan.report.training_view import calibration

    with progress("refitting") as told:
        answer = api.calibrate_training(measured, out, told)
    return print_json({**answer.as_dict(), "out": str(out)}) if json else show(calibration(answer, str(out)))
