"""Verbs of published measurements: validate against them, predict tables of configurations, refit constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from gigaplan.api.arguments import Fields
from gigaplan.api.requests import CalibrationInputs, KernelComparison, TrainingInputs, named_texts, read
from gigaplan.plan.own.catalogs import own_catalog
from gigaplan.validation.bands import BandValidation
from gigaplan.validation.bands import validate_plans as run_bands
from gigaplan.validation.capability import CapabilityValidation
from gigaplan.validation.capability import validate_capability as run_capability
from gigaplan.validation.costs import CostValidation
from gigaplan.validation.costs import validate_costs as run_costs
from gigaplan.validation.demand import DemandValidation
from gigaplan.validation.demand import validate_demand as run_demand
from gigaplan.validation.history.validate import MEMBERS as HISTORY_MEMBERS
from gigaplan.validation.history.validate import HistoryValidation
from gigaplan.validation.history.validate import validate_history as run_history
from gigaplan.validation.kernels import compare as kernels
from gigaplan.validation.power.node_power import PowerValidation
from gigaplan.validation.power.node_power import validate_power as run_power
from gigaplan.validation.published import TableComparison
from gigaplan.validation.refit import distinct
from gigaplan.validation.serving import tables as serving
from gigaplan.validation.serving.calibrate import Calibration
from gigaplan.validation.serving.calibrate import calibrate_serving as refit_serving
from gigaplan.validation.serving.validate import InferenceValidation
from gigaplan.validation.training import validate as training
from gigaplan.validation.training.calibrate import TrainingCalibration
from gigaplan.validation.training.calibrate import calibrate_training as refit_training
from gigaplan.validation.training.failures import FailureRow, validate_failures
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.files import command, named_file, refuse_unwritable, write_text
from gigaplan.vocabulary.files.kinds import OVERLAY
from gigaplan.vocabulary.progress import Progress, report, staged
from gigaplan.vocabulary.show import LINES, Brief, BriefRows, Items

FEWEST_MEMBERS = 2
"""Futures that have a range: the central one and another."""
File: TypeAlias = str | Path
Configs: TypeAlias = Sequence[str] | Mapping[str, Any]
"""Files of things of the user's own, ``NAME=FILE`` each, or files and facts by name."""


@dataclass(frozen=True, slots=True, repr=False)
class Predicted(Brief):
    """A table with predictions: its rows, how many have one, and the file."""

    rows: int
    answered: int
    out: Path
    warnings: tuple[str, ...] = ()

    def brief_title(self) -> str:
        """Return how many rows are predicted."""
        return f"{self.answered} of {self.rows} rows predicted"

    def brief_rows(self) -> BriefRows:
        """Return the file."""
        return (("written to", str(self.out)),)


@dataclass(frozen=True, slots=True, repr=False)
class ValidatedTraining(Brief):
    """Published steps and memory, and what failures left of published runs, with the predictions."""

    steps: training.TrainingValidation
    failures: tuple[FailureRow, ...]

    def brief_rows(self) -> BriefRows:
        """Return the errors of the steps, and how many figures of failures hold."""
        yield from list(self.steps.brief_rows())[: LINES - 1]
        holding = sum(row.holds for row in self.failures)
        yield "failures", f"{holding} of {len(self.failures)} published figures lie in the predicted range"


def validate_inference(
    table: File | None = None,
    progress: Progress | None = None,
    inputs: CalibrationInputs | None = None,
    **options: Annotated[Any, Fields(CalibrationInputs)],
) -> Items[InferenceValidation | TableComparison]:
    """Return the errors of the serving model on measured times, throughput, power and whole runs, by source.

    Parameters
    ----------
    table : str or Path, optional
        A table with the columns of inference_serving.csv, inference_throughput.csv (any metric, MLPerf's too),
        facts/mlperf_inference.csv or llmservingsim_vllm_requests.csv, or a result file of a benchmark, as of
        :func:`calibrate_serving`; the samples that come with gigaplan if left out.
    progress : callable, optional
        Called with (tables done, tables, the next table); False cancels.
    inputs : CalibrationInputs, optional
        What the file leaves open.
    **options
        Fields of :class:`CalibrationInputs` instead: ``gpu="h100_sxm", tp=8``.

    Raises
    ------
    PlanError
        If the table can't be read or is of no known kind.
    """
    given = (inputs or read(CalibrationInputs, options, "validate inference")).columns
    return Items(serving.validate_any(None if table is None else Path(table), progress, given))


def validate_training(
    *tables: File,
    progress: Progress | None = None,
    inputs: TrainingInputs | None = None,
    **options: Annotated[Any, Fields(TrainingInputs)],
) -> ValidatedTraining:
    """Return the errors of the training model on published step times, memory, and what failures left of runs.

    Parameters
    ----------
    *tables : str or Path
        Tables with the columns of training_step.csv or its siblings, or training logs of Megatron-LM or NeMo; the
        sample that comes with gigaplan if left out.
    progress : callable, optional
        Called with (stages done, stages, what comes next); False cancels.
    inputs : TrainingInputs, optional
        What the files leave open.
    **options
        Fields of :class:`TrainingInputs` instead: ``gpu="h100_sxm", about=("tp=8",)``.

    Raises
    ------
    PlanError
        If a table can't be read or lacks columns.
    """
    given = (inputs or read(TrainingInputs, options, "validate training")).columns
    begin = staged(progress, 2)
    begin("steps")
    steps = training.validate([Path(t) for t in tables], given)
    begin("failures")
    return ValidatedTraining(steps, tuple(validate_failures()))


def validate_history(
    table: File | None = None, members: int = HISTORY_MEMBERS, progress: Progress | None = None
) -> HistoryValidation:
    """Return published users, tokens, revenue, spend, power and rents next to those of plans, by date.

    Inside the data, a year ahead with the facts of then, and where the latest figures fell among the futures of the
    facts known at the announcement; with errors, the coverage of the 80 % range, and what can't be compared.

    Parameters
    ----------
    table : str or Path, optional
        A table with columns quantity, entity, date, value, unit and known_since; the published figures that come with
        gigaplan if left out.
    members : int
        Futures of each run, the central one among them.
    progress : callable, optional
        Called with (runs done, runs, the next one); False cancels.

    Raises
    ------
    PlanError
        If the table can't be read or lacks columns, or there are fewer than two futures.
    """
    if members < FEWEST_MEMBERS:
        problem = Problem("a range needs futures", Place("members"), value=str(members), allowed="2 or more")
        raise PlanError([problem])
    return run_history(None if table is None else Path(table), progress, members)


def validate_power(table: File | None = None) -> PowerValidation:
    """Return the errors of the power that a node draws in training, each row predicted without its own system; without
    a table also PUE, water and peak power of facilities next to what operators and Epoch AI published.

    Parameters
    ----------
    table : str or Path, optional
        A table with the columns of mlperf_training_power.csv; the one that comes with gigaplan if left out.

    Raises
    ------
    PlanError
        If the table can't be read, or with all the columns that it lacks.
    """
    return run_power(None if table is None else Path(table))


def validate_demand() -> DemandValidation:
    """Return the errors of the demand model, fitted on what was known before 2025-09, on what came after."""
    return run_demand()


def validate_capability() -> CapabilityValidation:
    """Return the errors of capability from compute and date, fitted on models before 2025-09, on those after."""
    return run_capability()


def validate_costs() -> CostValidation:
    """Return published costs of a gigawatt, of GPU-hours and of the largest contract, each with its prediction."""
    return run_costs()


def validate_plans(plan: str | Path | None = None, progress: Progress | None = None) -> BandValidation:
    """Return use of GPUs, margin and cost of a GPU-hour of plans by year, next to what was published of each.

    Parameters
    ----------
    plan : str or Path, optional
        A built-in plan's name or a file; all built-in plans if left out.
    progress : callable, optional
        Called with (plans done, plans, the next one); False cancels.

    Raises
    ------
    PlanError
        If a plan can't be read or is wrong.
    """
    return run_bands(() if plan is None else (plan,), progress)


def validate_kernels(
    layout: KernelComparison | None = None,
    progress: Progress | None = None,
    **options: Annotated[Any, Fields(KernelComparison)],
) -> kernels.Comparison:
    """Return the times of decode and prefill steps next to those of NVIDIA's measured kernels.

    Parameters
    ----------
    layout : KernelComparison, optional
        The layout; a set of layouts on several generations if model and system are left out.
    progress : callable, optional
        Called with (layouts done, layouts, the next layout); False cancels.
    **options
        Fields of :class:`KernelComparison` instead: ``model="llama_3_1_70b", system="h100_hgx", tensor=4``.

    Raises
    ------
    PlanError
        With every unknown name and impossible number at once.
    MachineError
        If the extra ``kernels`` isn't installed; the message says how to install it.
    """
    comparison = layout or read(KernelComparison, options, "kernels")
    if bool(comparison.model) != bool(comparison.system):
        remedy = "name a model and a system, or neither for the set that comes with gigaplan"
        given = comparison.model or comparison.system
        raise PlanError([Problem("a model needs a system", kernels.PLACE, value=given, remedy=remedy)])
    layouts: Sequence[kernels.Layout] = kernels.CASES
    if comparison.model:
        split = {
            "engine": comparison.engine,
            "tensor": comparison.tensor,
            "data": comparison.data,
            "expert": comparison.expert,
        }
        layouts = (kernels.layout_of(comparison.model, comparison.system, precision=comparison.precision, **split),)
    return kernels.compare(
        layouts, comparison.batch or kernels.BATCHES, comparison.context or kernels.CONTEXTS, progress
    )


def predict_inference(
    table: File,
    out: File,
    overlays: Sequence[File] = (),
    progress: Progress | None = None,
    inputs: CalibrationInputs | None = None,
    *,
    model_configs: Sequence[str] = (),
    system_configs: Configs = (),
    **options: Annotated[Any, Fields(CalibrationInputs)],
) -> Predicted:
    """Write a table with TTFT, TPOT and tokens per GPU predicted for each row, with intervals and validity.

    Parameters
    ----------
    table : str or Path
        A table with the columns of inference_serving.csv, inference_throughput.csv, inference_mlperf_v5_1.csv or
        facts/mlperf_inference.csv, whose results may be empty or absent; or a result file of a benchmark, as of
        :func:`calibrate_serving`.
    out : str or Path
        The table to write.
    overlays : sequence of str or Path
        Overlays of :func:`calibrate_serving`, for the rows of their engine.
    progress : callable, optional
        Called with (stages done, stages, what comes next); False cancels.
    inputs : CalibrationInputs, optional
        What the file leaves open.
    model_configs : sequence of str
        Models of your own that rows may name, each a Hugging Face config.json: ``my_model=config.json``.
    system_configs : sequence of str, or mapping of str to facts
        Systems of your own that rows may name: ``my_rack=rack.yaml``, or ``{"my_rack": {"like": "gb300_nvl72"}}``.
    **options
        Fields of :class:`CalibrationInputs` instead: ``gpu="h100_sxm", tp=8``.

    Raises
    ------
    PlanError
        If the table can't be read or is of no known kind, or with all that is wrong with the overlays.
    MachineError
        If the table can't be written; nothing half-written stays.
    """
    own = model_configs, named_texts(system_configs)
    with command(table, *overlays), own_catalog(*own, used_for="predictions of serving") as notes:
        given = (inputs or read(CalibrationInputs, options, "predict inference")).columns
        rows, answered, warnings = serving.predict(Path(table), named_file(out), overlays, progress, given)
        return Predicted(rows, answered, named_file(out), (*_without_effect(notes), *warnings))


def predict_training(
    table: File,
    out: File,
    anchor: File | None = None,
    overlays: Sequence[File] = (),
    progress: Progress | None = None,
    inputs: TrainingInputs | None = None,
    *,
    model_configs: Sequence[str] = (),
    system_configs: Configs = (),
    **options: Annotated[Any, Fields(TrainingInputs)],
) -> Predicted:
    """Write a table with step time, speed and memory predicted for each row, with an interval and validity.

    Parameters
    ----------
    table : str or Path
        A table with the columns of training_step.csv or its siblings, whose results may be empty or absent; or a
        training log of Megatron-LM or NeMo.
    out : str or Path
        The table to write.
    anchor : str or Path, optional
        A table or log of measured steps: layouts that it holds follow its measurements.
    overlays : sequence of str or Path
        Overlays of :func:`calibrate_training`, for the rows of their kind of software.
    progress : callable, optional
        Called with (stages done, stages, what comes next); False cancels.
    inputs : TrainingInputs, optional
        What the files leave open.
    model_configs : sequence of str
        Models of your own that rows may name, each a Hugging Face config.json: ``my_model=config.json``.
    system_configs : sequence of str, or mapping of str to facts
        Systems of your own that rows may name: ``my_rack=rack.yaml``, or ``{"my_rack": {"like": "gb300_nvl72"}}``.
    **options
        Fields of :class:`TrainingInputs` instead: ``gpu="h100_sxm", about=("tp=8",)``.

    Raises
    ------
    PlanError
        If a table can't be read or lacks columns, or with all that is wrong with the overlays.
    MachineError
        If the table can't be written; nothing half-written stays.
    """
    staged(progress, 1)("predicting")
    near = None if anchor is None else Path(anchor)
    own = model_configs, named_texts(system_configs)
    with command(table, anchor, *overlays), own_catalog(*own, used_for="predictions of training") as notes:
        given = (inputs or read(TrainingInputs, options, "predict training")).columns
        counts = training.predict(Path(table), named_file(out), near, overlays, given)
        return Predicted(*counts, named_file(out), _without_effect(notes))


def _without_effect(notes: Sequence[str]) -> tuple[str, ...]:
    """Return the notes on own systems that say that a fact has no effect."""
    return tuple(note for note in notes if "has no effect in" in note)


def calibrate_serving(
    measured: File | Sequence[File],
    out: File | None = None,
    inputs: CalibrationInputs | None = None,
    progress: Progress | None = None,
    *,
    force: bool = False,
    **options: Annotated[Any, Fields(CalibrationInputs)],
) -> Calibration:
    """Return an engine's constants refitted on measurements; write those that the rows determine as an overlay if
    ``out`` is given.

    Parameters
    ----------
    measured : str, Path or sequence of them
        CSV tables with the columns of inference_serving.csv, or result files of vLLM's or SGLang's serving benchmark,
        AIPerf or GenAI-Perf, InferenceX, trtllm-bench, GuideLLM or the llm-d benchmark, whatever they are called.
    out : str or Path, optional
        Overlay for :func:`run`, :func:`frontier` and :func:`predict_inference`.
    inputs : CalibrationInputs, optional
        What the files leave open.
    progress : callable, optional
        Called with (stages done, stages, what comes next); False cancels.
    force : bool
        Whether to write the overlay although, on rows left out, it is no better than what ships or off by over half.
    **options
        Fields of :class:`CalibrationInputs` instead: ``gpu="h100_sxm", tp=8``.

    Raises
    ------
    PlanError
        If a file can't be read, a column is missing, fewer than four rows can be answered, or engines are mixed; or,
        unless forced, if the refit isn't worth an overlay.
    MachineError
        If the overlay can't be written; nothing half-written stays.
    """
    paths = _paths(measured)
    open_ = inputs or read(CalibrationInputs, options, "calibrate serving")
    given = open_.columns
    if out is not None:
        with command(*paths):
            refuse_unwritable(named_file(out), OVERLAY)
    staged(progress, 1)("refitting")
    answer = refit_serving(paths, given)
    if out is not None:
        _write_overlay(answer, paths, named_file(out), force=force)
    return answer


def calibrate_training(
    measured: File | Sequence[File],
    out: File | None = None,
    progress: Progress | None = None,
    inputs: TrainingInputs | None = None,
    *,
    force: bool = False,
    **options: Annotated[Any, Fields(TrainingInputs)],
) -> TrainingCalibration:
    """Return the constants of training refitted on measured step times; write those that the rows determine as an
    overlay if ``out`` is given.

    Parameters
    ----------
    measured : str, Path or sequence of them
        Tables with the columns of training_step.csv or training_vtrain_measured_a100.csv, or training logs of
        Megatron-LM or NeMo, of one kind of software.
    out : str or Path, optional
        Overlay for :func:`run` and :func:`train`.
    progress : callable, optional
        Called with (groups done, groups, the next group of rows to leave out); False cancels.
    inputs : TrainingInputs, optional
        What the files leave open.
    force : bool
        Whether to write the overlay although, on rows left out, it is no better than what ships or off by over half.
    **options
        Fields of :class:`TrainingInputs` instead: ``gpu="h100_sxm", about=("tp=8",)``.

    Raises
    ------
    PlanError
        If a table can't be read or lacks columns, fewer than four rows can be answered, or kinds of software are mixed;
        or, unless forced, if the refit isn't worth an overlay.
    MachineError
        If the file can't be written; nothing half-written stays.
    """
    paths = _paths(measured)
    if out is not None:
        with command(*paths):
            refuse_unwritable(named_file(out), OVERLAY)
    given = (inputs or read(TrainingInputs, options, "calibrate training")).columns
    report(progress, 0, 1, "all rows")
    answer = refit_training(paths, progress, given)
    if out is not None:
        _write_overlay(answer, paths, named_file(out), force=force)
    return answer


def _write_overlay(answer: Calibration | TrainingCalibration, paths: Sequence[Path], out: Path, *, force: bool) -> None:
    """Write a refit as an overlay; PlanError, with its errors, if it isn't worth one and isn't forced."""
    if answer.refusal and not (force and answer.determined):
        remedy = "measure more layouts, lengths or scales" + (", or write it with --force" if answer.determined else "")
        message = f"the overlay is not written: {answer.refusal}"
        raise PlanError([Problem(message, Place(str(out)), value=answer.error_summary, remedy=remedy)])
    with command(*paths):
        write_text(out, answer.overlay(", ".join(p.name for p in distinct(paths)[0])), OVERLAY)


def _paths(given: File | Sequence[File]) -> list[Path]:
    return [Path(p) for p in ([given] if isinstance(given, str | Path) else given)]
