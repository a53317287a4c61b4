"""Verbs of published measurements: validate against them, predict tables of configurations, refit constants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from gigaplan.cli.base import (
    OUTPUT,
    AllRows,
    Force,
    Html,
    Json,
    Markdown,
    Out,
    app,
    print_json,
    progress,
    show,
    verb,
    warn,
)
from gigaplan.cli.options import GROUPS, Given, flattened
from gigaplan.cli.streams import line

validate_app = App(
    name="validate",
    help="Compare the models with published measurements: the figure, the prediction, the error.",
    help_epilogue="Example: gigaplan validate inference",
)
predict_app = App(
    name="predict",
    help="Predict times, speed and memory for each row of a table of configurations.",
    help_epilogue="Example: gigaplan predict inference table.csv --out predicted.csv",
)
calibrate_app = App(
    name="calibrate",
    help="Refit the models' constants on your own measurements, and write them as an overlay.",
    help_epilogue="Example: gigaplan calibrate serving bench.json --gpu h100_sxm --out mine.yaml",
)
app.command(validate_app)
app.command(calibrate_app)
app.command(predict_app)

Configs = Annotated[
    list[str] | None,
    Parameter(
        name="--model-config",
        negative="",
        group=GROUPS["Model and system"],
        help="Hugging Face config.json of a model of your own that rows may name, as my_model=config.json. May be "
        "repeated.",
    ),
]
SystemConfigs = Annotated[
    list[str] | None,
    Parameter(
        name="--system-config",
        negative="",
        group=GROUPS["Model and system"],
        help="YAML file of a system of your own that rows may name, as my_rack=rack.yaml. May be repeated.",
    ),
]
Constants = Annotated[
    list[Path] | None,
    Parameter(
        name="--with",
        negative="",
        group=GROUPS["Model and system"],
        help="Overlay of 'gigaplan calibrate' with constants of your own. May be repeated, in order.",
    ),
]


@verb(validate_app, "inference", "validate inference measured.csv --html errors.html")
@flattened(inputs="gigaplan.api.requests:CalibrationInputs")
def validate_inference(
    table: Annotated[Path | None, Parameter(name=["--table", "--rows"])] = None,
    *,
    inputs: Given,
    markdown: Markdown = None,
    html: Html = None,
    images: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    all_rows: AllRows = False,
    json: Json = False,
) -> int:
    """Compare the serving model with measured times, throughput, power and whole runs.

    Parameters
    ----------
    table
        A table with the columns of inference_serving.csv, inference_throughput.csv (any metric, MLPerf's too),
        facts/mlperf_inference.csv or llmservingsim_vllm_requests.csv, or a result file of a benchmark (default: the
        samples that come with gigaplan).
    images
        Folder for the charts as SVG pictures.
    """
    import os

    from gigaplan import api
    from gigaplan.report import published_view
    from gigaplan.report.serving_view import markdown as as_markdown
    from gigaplan.report.serving_view import validation
    from gigaplan.vocabulary.files import slug, write_text
    from gigaplan.vocabulary.files.kinds import MARKDOWN, PAGE, PICTURE

    with progress("validating") as bar:
        answers = api.validate_inference(table, bar, **inputs)
    for answer in answers:
        warn(answer)
    drawn = published_view.pictures(answers) if images else {}
    for name, picture in drawn.items():
        assert images is not None
        write_text(images / f"{slug(name)}.svg", picture, PICTURE)
    if markdown:
        pictures = [os.path.relpath(images / f"{slug(name)}.svg", markdown.parent) for name in drawn] if images else []
        write_text(markdown, as_markdown(answers, pictures), MARKDOWN)
    if html:
        write_text(html, published_view.html(answers), PAGE)
    return print_json(answers) if json else show(validation(answers, every=all_rows))


@verb(validate_app, "training", "validate training run.log --gpu h100_sxm --model llama_3_1_8b")
@flattened(inputs="gigaplan.api.requests:TrainingInputs")
def validate_training(*tables: Path, inputs: Given, all_rows: AllRows = False, json: Json = False) -> int:
    """Compare the training model with published step times, memory, and what failures left of runs.

    Parameters
    ----------
    tables
        Tables with the columns of training_step.csv, training_vtrain_measured_a100.csv, training_mlperf.csv or
        training_simumax_b200_measured.csv, or training logs of Megatron-LM or NeMo (default: the sample that comes with
        gigaplan).
    """
    from rich.console import Group

    from gigaplan import api
    from gigaplan.report.failures_view import validation
    from gigaplan.report.training_view import training_validation

    with progress("validating") as bar:
        answer = api.validate_training(*tables, progress=bar, **inputs)
    warn(answer.steps)
    if json:
        return print_json(answer)
    return show(Group(training_validation(answer.steps, every=all_rows), "", validation(answer.failures)))


@verb(validate_app, "demand", "validate demand")
def validate_demand(*, json: Json = False) -> int:
    """Compare the demand model, fitted on what was known before 2025-09, with what came after."""
    from gigaplan import api
    from gigaplan.report.terminal import demand_validation

    answer = api.validate_demand()
    return print_json(answer) if json else show(demand_validation(answer))


@verb(validate_app, "history", "validate history --all-rows")
def validate_history(
    table: Path | None = None,
    /,
    *,
    members: int = 100,
    markdown: Markdown = None,
    all_rows: AllRows = False,
    json: Json = False,
) -> int:
    """Compare published users, tokens, revenue, spend, power and rents with plans that know what was public then.

    Parameters
    ----------
    table
        A table with columns quantity, entity, date, value, unit and known_since (default: the published figures that
        come with gigaplan).
    members
        Futures of each run.
    """
    from gigaplan import api
    from gigaplan.report import history_view
    from gigaplan.vocabulary.files import write_text
    from gigaplan.vocabulary.files.kinds import MARKDOWN

    with progress("runs") as bar:
        answer = api.validate_history(table, members, bar)
    if markdown:
        write_text(markdown, history_view.markdown(answer), MARKDOWN)
    return print_json(answer) if json else show(history_view.terminal(answer, every=all_rows))


@verb(validate_app, "capability", "validate capability")
def validate_capability(*, json: Json = False) -> int:
    """Compare capability from compute and date, fitted on models before 2025-09, with those that came after."""
    from gigaplan import api
    from gigaplan.report.capability_view import capability_validation

    answer = api.validate_capability()
    return print_json(answer) if json else show(capability_validation(answer))


@verb(validate_app, "costs", "validate costs")
def validate_costs(*, json: Json = False) -> int:
    """Compare costs of a gigawatt, of GPU-hours and of the largest contract with published ones."""
    from gigaplan import api
    from gigaplan.report.costs_view import cost_validation

    answer = api.validate_costs()
    return print_json(answer) if json else show(cost_validation(answer))


@verb(validate_app, "plans", "validate plans announced-2025-09")
def validate_plans(plan: str | None = None, /, *, all_rows: AllRows = False, json: Json = False) -> int:
    """Compare use of GPUs, margin and cost of a GPU-hour of plans with what was published.

    Parameters
    ----------
    plan
        A built-in plan's name or a YAML file (default: all built-in plans).
    """
    from gigaplan import api
    from gigaplan.report.bands_view import band_validation

    with progress("plans") as bar:
        answer = api.validate_plans(plan, bar)
    return print_json(answer) if json else show(band_validation(answer, every=all_rows))


@verb(validate_app, "power", "validate power --all-rows")
def validate_power(table: Path | None = None, /, *, all_rows: AllRows = False, json: Json = False) -> int:
    """Compare the power that a node draws in training with measured nodes, each predicted without its own system;
    without a table also facilities' PUE, water and peak power with what operators and Epoch AI published.

    Parameters
    ----------
    table
        A table with the columns of mlperf_training_power.csv (default: the one that comes with gigaplan).
    """
    from gigaplan import api
    from gigaplan.report.training_view import power_validation

    answer = api.validate_power(table)
    return print_json(answer) if json else show(power_validation(answer, every=all_rows))


@verb(validate_app, "kernels", "validate kernels llama_3_1_70b h100_hgx --tensor 4 --batch 1 16 64")
@flattened(layout="gigaplan.api.requests:KernelComparison")
def validate_kernels(*, layout: Given, all_rows: AllRows = False, markdown: Markdown = None, json: Json = False) -> int:
    """Compare the times of decode and prefill steps with those of NVIDIA's measured kernels (needs gigaplan[kernels]).

    Without MODEL and SYSTEM a set of layouts on several generations is compared.
    """
    from gigaplan import api
    from gigaplan.report import kernels_view
    from gigaplan.vocabulary.files import write_text
    from gigaplan.vocabulary.files.kinds import MARKDOWN

    with progress("steps") as bar:
        answer = api.validate_kernels(progress=bar, **layout)
    if markdown:
        write_text(markdown, kernels_view.markdown(answer), MARKDOWN)
    return print_json(answer) if json else show(kernels_view.terminal(answer, every=all_rows))


@verb(predict_app, "inference", "predict inference table.csv --out predicted.csv --with mine.yaml")
@flattened(inputs="gigaplan.api.requests:CalibrationInputs")
def predict_inference(
    table: Path,
    /,
    *,
    inputs: Given,
    out: Out,
    with_: Constants = None,
    model_config: Configs = None,
    system_config: SystemConfigs = None,
    json: Json = False,
) -> int:
    """Add TTFT, TPOT and tokens per GPU to each row of a table, with intervals and how far to trust them.

    Parameters
    ----------
    table
        A CSV table with the columns of inference_serving.csv, inference_throughput.csv, inference_mlperf_v5_1.csv or
        facts/mlperf_inference.csv, whose results may be empty or absent; or a result file of a benchmark.
    out
        The table to write.
    """
    from gigaplan import api

    with progress("") as bar:
        own: dict[str, Any] = {"model_configs": model_config or [], "system_configs": system_config or []}
        answer = api.predict_inference(table, out, with_ or [], bar, **own, **inputs)
    warn(answer)
    if json:
        return print_json(answer)
    line(f"{answer.answered:,} of {answer.rows:,} rows predicted; written to {out}")
    return 0


@verb(predict_app, "training", "predict training table.csv --out predicted.csv --anchor measured.csv")
@flattened(inputs="gigaplan.api.requests:TrainingInputs")
def predict_training(
    table: Path,
    /,
    *,
    inputs: Given,
    out: Out,
    anchor: Path | None = None,
    with_: Constants = None,
    model_config: Configs = None,
    system_config: SystemConfigs = None,
    json: Json = False,
) -> int:
    """Add step time, speed and memory to each row of a table, with an interval and how far to trust them.

    Parameters
    ----------
    table
        A CSV table with the columns of training_step.csv or its siblings, whose results may be empty or absent; or a
        training log of Megatron-LM or NeMo.
    out
        The table to write.
    anchor
        A table or log of measured steps: layouts that it holds follow its measurements.
    """
    from gigaplan import api

    with progress("") as bar:
        own: dict[str, Any] = {"model_configs": model_config or [], "system_configs": system_config or []}
        answer = api.predict_training(table, out, anchor, with_ or [], bar, **own, **inputs)
    warn(answer)
    if json:
        return print_json(answer)
    line(f"{answer.answered:,} of {answer.rows:,} rows predicted; written to {out}")
    return 0


@verb(calibrate_app, "serving", "calibrate serving bench.json --gpu h100_sxm --tp 8 --out mine.yaml")
@flattened(inputs="gigaplan.api.requests:CalibrationInputs")
def calibrate_serving(
    measured: list[Path], /, *, inputs: Given, out: Out, force: Force = False, json: Json = False
) -> int:
    """Refit an engine's constants on your own measurements; write those that the rows determine as an overlay for
    --with of run, frontier and predict.

    Parameters
    ----------
    measured
        One or more files: CSV tables with the columns of inference_serving.csv, or result files of vLLM's or SGLang's
        serving benchmark, AIPerf or GenAI-Perf, InferenceX, trtllm-bench, GuideLLM or the llm-d benchmark.
    out
        The overlay file to write.
    """
    from gigaplan import api
    from gigaplan.report.serving_view import calibration

    with progress("") as bar:
        answer = api.calibrate_serving(measured, out, progress=bar, force=force, **inputs)
    warn(answer)
    return print_json(answer, out) if json else show(calibration(answer, str(out)))


@verb(calibrate_app, "training", "calibrate training run1.log run2.log --gpu h100_sxm --out mine.yaml")
@flattened(inputs="gigaplan.api.requests:TrainingInputs")
def calibrate_training(
    measured: list[Path], /, *, inputs: Given, out: Out, force: Force = False, json: Json = False
) -> int:
    """Refit the constants of training on your own step times; write those that the rows determine as an overlay for
    --with of run, train and predict.

    Parameters
    ----------
    measured
        One or more CSV tables with the columns of training_step.csv or training_vtrain_measured_a100.csv, or training
        logs of Megatron-LM or NeMo, of one kind of software.
    out
        The overlay file to write.
    """
    from gigaplan import api
    from gigaplan.report.training_view import calibration

    with progress("refitting") as bar:
        answer = api.calibrate_training(measured, out, bar, force=force, **inputs)
    warn(answer)
    return print_json(answer, out) if json else show(calibration(answer, str(out)))
