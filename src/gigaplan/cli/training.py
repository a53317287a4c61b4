"""Verbs of training: a run on a system, rows answered, published steps held against ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from gigaplan.cli.base import Json, app, print_json, show
from gigaplan.cli.completion import listed
from gigaplan.cli.validation import predict_app, validate_app


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
    precision: Literal["bf16", "fp8", "fp4"] = "bf16",
    layout: str = "",
    search: bool = False,
    offload: bool = False,
    sites: str = "",
    wan_bandwidth: str = "",
    wan_distance: str = "",
    inner_steps: float = 0,
    efficiency: str = "95 %",
    by: str = "",
    run_days: float = 0,
    plan: str = "",
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
    html
        File for a page with charts that needs no network.
    """
    from gigaplan import api
    from gigaplan.report import train_view
    from gigaplan.simulate.store import write_text

    if sites:
        from gigaplan.report import sites_view

        together = api.train_sites(
            model, system, sites=sites, gpus=gpus, tokens=tokens or 0.0, sequence_tokens=seq, global_batch_sequences=global_batch,
            precision=precision, layout=layout, offload=offload, wan_bandwidth=wan_bandwidth, wan_distance=wan_distance,
            inner_steps=inner_steps, efficiency=efficiency, by=by, run_days=run_days, plan=plan,
        )  # fmt: skip
        if html is not None:
            write_text(html, sites_view.html(together))
        if json:
            return print_json(together.as_dict())
        show(sites_view.terminal(together))
        if html is not None:
            print(f"the page is {html}")
        return 0
    run = api.train(
        model, system, gpus=gpus, tokens=tokens or 0.0, sequence_tokens=seq, global_batch_sequences=global_batch,
        precision=precision, layout=layout, search=search, offload=offload,
    )  # fmt: skip
    if html is not None:
        write_text(html, train_view.html(run))
    if json:
        return print_json(run.as_dict())
    show(train_view.terminal(run))
    if html is not None:
        print(f"the page is {html}")
    return 0


@validate_app.command(name="training")
def validate_training(*rows: Path, every: bool = False, json: Json = False) -> int:
    """Hold the training model against published step times and memory.

    Parameters
    ----------
    rows
        Tables with the columns of training_step.csv, training_vtrain_measured_a100.csv, training_mlperf.csv or
        training_simumax_b200_measured.csv (default: the sample that comes with gigaplan).
    every
        Show every row, not only the largest errors.
    """
    from gigaplan.report.training_view import training_validation
    from gigaplan.validation.training import validate

    answer = validate(rows)
    return print_json(answer.as_dict()) if json else show(training_validation(answer, every=every))


@predict_app.command(name="training")
def predict_training(
    rows: Path,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    anchor: Path | None = None,
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
    from gigaplan.validation.training import predict

    count, answered = predict(rows, out, anchor)
    if json:
        return print_json({"rows": count, "answered": answered, "out": str(out)})
    print(f"{answered:,} of {count:,} rows answered; written to {out}")
    return 0
