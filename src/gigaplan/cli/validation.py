"""Verbs that hold gigaplan against published measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from gigaplan.cli.base import Json, app, print_json, show
from gigaplan.cli.completion import listed

validate_app = App(name="validate", help="Published measurements, our number, the error.")
predict_app = App(name="predict", help="Our number for each row of a table of configurations.")
calibrate_app = App(name="calibrate", help="Our constants refitted on your own measurements, kept as an overlay.")
app.command(validate_app)
app.command(calibrate_app)
app.command(predict_app)


@validate_app.command(name="inference")
def validate_inference(
    *,
    rows: Path | None = None,
    markdown: Path | None = None,
    html: Path | None = None,
    images: Path | None = None,
    every: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Hold the serving model against measured times, throughput, power and whole runs.

    Parameters
    ----------
    rows
        A table with the columns of inference_serving.csv, inference_throughput.csv (any metric, MLPerf's too),
        facts/mlperf_inference.csv or llmservingsim_vllm_requests.csv (default: the samples of all that come with gigaplan).
    markdown
        Also write the tables of errors to this file, for documentation.
    html
        File for a page with charts that needs no network.
    images
        Folder for the same charts as SVG pictures.
    every
        Show every figure, not only the errors of tables with many.
    """
    import dataclasses
    import os

    from gigaplan.report import published_view
    from gigaplan.report.serving_view import markdown as as_markdown
    from gigaplan.report.serving_view import validation
    from gigaplan.validation.serving.tables import validate_any
    from gigaplan.vocabulary.files import write_text

    answers = validate_any(rows)
    drawn = published_view.pictures(answers) if images else {}
    for name, picture in drawn.items():
        assert images is not None
        write_text(images / f"{name}.svg", picture)
    if markdown:
        beside = [os.path.relpath(images / f"{name}.svg", markdown.parent) for name in drawn] if images else []
        write_text(markdown, as_markdown(answers, beside))
    if html:
        write_text(html, published_view.html(answers))
    if json:
        return print_json([dataclasses.asdict(a) for a in answers])
    return show(validation(answers, every=every))


@validate_app.command(name="demand")
def validate_demand(*, json: Json = False) -> int:
    """Hold the demand model, fitted on what was known before 2025-09, against what came after."""
    from gigaplan.report.terminal import demand_validation
    from gigaplan.validation.demand import validate_demand as validate

    answer = validate()
    return print_json(answer.as_dict()) if json else show(demand_validation(answer))


@validate_app.command(name="capability")
def validate_capability(*, json: Json = False) -> int:
    """Hold capability from compute and date, fitted on models before 2025-09, against those that came after."""
    from gigaplan.report.capability_view import capability_validation
    from gigaplan.validation.capability import validate_capability as validate

    answer = validate()
    return print_json(answer.as_dict()) if json else show(capability_validation(answer))


@validate_app.command(name="power")
def validate_power(rows: Path | None = None, /, *, every: bool = False, json: Json = False) -> int:
    """Hold the power that a node draws in training against measured nodes, each answered without its own system.

    Parameters
    ----------
    rows
        A table with the columns of mlperf_training_power.csv (default: the one that comes with gigaplan).
    every
        Show every run, not only the means.
    """
    from gigaplan.report.training_view import power_validation
    from gigaplan.validation.power.node_power import validate_power as validate

    answer = validate(rows)
    return print_json(answer.as_dict()) if json else show(power_validation(answer, every=every))


@validate_app.command(name="silicon")
def validate_silicon(
    model: Annotated[str | None, listed("layers")] = None,
    system: Annotated[str | None, listed("hbm_bandwidth_bytes_per_s")] = None,
    /,
    *,
    precision: Literal["fp4", "fp8", "bf16"] | None = None,
    engine: Literal["trtllm", "vllm", "sglang"] = "trtllm",
    tensor: int = 1,
    data: int = 1,
    expert: int = 1,
    batch: Annotated[list[int] | None, Parameter(consume_multiple=True, negative="")] = None,
    context: Annotated[list[int] | None, Parameter(consume_multiple=True, negative="")] = None,
    every: Annotated[bool, Parameter(negative="")] = False,
    markdown: Path | None = None,
    json: Json = False,
) -> int:
    """Show our times of decode and prefill steps beside those of NVIDIA's measured kernels (needs gigaplan[silicon]).

    Without MODEL and SYSTEM a set of layouts on several generations is compared.

    Parameters
    ----------
    model, system
        By the catalog's names.
    precision
        Of the weights (default: the narrowest that the system computes in).
    engine
        The serving software whose kernels and constants are taken.
    tensor
        GPUs over which one request's heads lie.
    data
        Groups of such GPUs that each have requests of their own (models with experts).
    expert
        Groups of GPUs that each hold experts of their own.
    batch
        Requests of each group (default: 1 16 64 256).
    context
        Tokens of each request, and of a prompt (default: 1024 8192).
    every
        Show every step, not only what they say together.
    markdown
        Also write the comparison to this file, for documentation.
    """
    import dataclasses

    from gigaplan.cli.base import progress
    from gigaplan.report import kernels_view
    from gigaplan.validation.kernels import compare as kernels
    from gigaplan.vocabulary.errors import PlanError, Problem
    from gigaplan.vocabulary.files import write_text

    if (model is None) != (system is None):
        remedy = "name a model and a system, or neither for the set that comes with gigaplan"
        raise PlanError([Problem("a system is missing", kernels.PLACE, value=str(model), remedy=remedy)])
    layouts = kernels.CASES
    if model is not None and system is not None:
        given = {"engine": engine, "tensor": tensor, "data": data, "expert": expert}
        layouts = (kernels.layout_of(model, system, precision=precision or "", **given),)
    with progress("steps") as told:
        answer = kernels.compare(layouts, batch or kernels.BATCHES, context or kernels.CONTEXTS, told)
    if markdown:
        write_text(markdown, kernels_view.markdown(answer))
    if json:
        return print_json(dataclasses.asdict(answer))
    return show(kernels_view.terminal(answer, every=every))


@predict_app.command(name="inference")
def predict_inference(
    rows: Path, /, *, out: Annotated[Path, Parameter(name=["--out", "-o"])], json: Json = False
) -> int:
    """Add our TTFT, TPOT and tokens per GPU to each row of a table, with intervals and how far to trust them.

    Parameters
    ----------
    rows
        A CSV table with the columns of inference_serving.csv, inference_throughput.csv, inference_mlperf_v5_1.csv or
        facts/mlperf_inference.csv; results may be empty or absent.
    out
        The table to write.
    """
    from gigaplan.validation.serving.tables import predict
    from gigaplan.validation.tables import refuse_same

    refuse_same(out, rows)
    count, answered = predict(rows, out)
    if json:
        return print_json({"rows": count, "answered": answered, "out": str(out)})
    print(f"{answered:,} of {count:,} rows answered; written to {out}")
    return 0


@calibrate_app.command(name="serving")
def calibrate_serving(
    measured: list[Path],
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    gpu: str = "",
    model: str = "",
    precision: str = "",
    engine: str = "",
    tp: int | None = None,
    concurrency: int | None = None,
    json: Json = False,
) -> int:
    """Refit an engine's constants on your own measurements; write them as an overlay for 'gigaplan run --with'.

    Parameters
    ----------
    measured
        CSV tables with the columns of inference_serving.csv, or JSON of vLLM's or SGLang's serving benchmark, GenAI-Perf or AIPerf.
    out
        The overlay file to write.
    gpu, model, precision, engine, tp, concurrency
        What the files leave open.
    """
    import dataclasses

    from gigaplan.report.serving_view import calibration
    from gigaplan.validation.serving.calibrate import calibrate_serving as calibrate
    from gigaplan.validation.tables import refuse_same
    from gigaplan.vocabulary.files import write_text

    given = {"gpu": gpu, "model": model, "precision": precision, "engine": engine}
    given |= {"tp": str(tp or ""), "concurrency": str(concurrency or "")}
    refuse_same(out, *measured)
    answer = calibrate(measured, given)
    write_text(out, answer.overlay(", ".join(p.name for p in measured)))
    if json:
        return print_json({**dataclasses.asdict(answer), "out": str(out)})
    return show(calibration(answer, str(out)))
