"""Tables of serving rows, recognised by their columns: predictions added to each row, or the errors of those with
results."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from gigaplan import catalog
from gigaplan.accuracy.validity import UNSUPPORTED
from gigaplan.measurements.tables import write_table
from gigaplan.plan.load import serving_engine_of
from gigaplan.plan.resolve import serving_constants
from gigaplan.validation.published import TableComparison, compare
from gigaplan.validation.serving import mlperf, throughput
from gigaplan.validation.serving import published as served
from gigaplan.validation.serving import requests as served_requests
from gigaplan.validation.serving.constants import Constants, shipped
from gigaplan.validation.serving.loads import loads_of
from gigaplan.validation.serving.measured import load_warnings, read_file
from gigaplan.validation.serving.predictions import ANSWER_COLUMNS, answer_all
from gigaplan.validation.serving.questions import NEEDED, SAMPLE, row_question
from gigaplan.validation.serving.validate import InferenceValidation, validate
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.files import refuse_unwritable
from gigaplan.vocabulary.files.kinds import PREDICTIONS
from gigaplan.vocabulary.progress import Progress, staged, tracked

PLACE = Place("predict")
Row = Mapping[str, str]
Cells = dict[str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of table: the columns that it is known by, and predictions for its rows as cells."""

    name: str
    columns: tuple[str, ...]
    added: tuple[str, ...]
    answers: Callable[[Sequence[Row], Constants | None], list[Cells]]


def _served(rows: Sequence[Row], using: Constants | None = None) -> list[Cells]:
    found = answer_all([row_question(row) for row in rows], out_of_sample=False, using=using)
    return [{k: _cell(getattr(a, k)) for k in ANSWER_COLUMNS} for a in found]


def _throughputs(rows: Sequence[Row], using: Constants | None = None) -> list[Cells]:
    if using is not None:
        remedy = "leave --with out, or give a table with the columns of inference_serving.csv"
        raise PlanError(
            [Problem("rows of throughput are predicted with the catalog's constants", PLACE, remedy=remedy)]
        )
    names = {"output_tokens_per_s_per_gpu": "per_gpu"}
    throughput.answer_all(list(loads_of(rows)))
    return [
        {k: _cell(getattr(a, names.get(k, k))) for k in throughput.ANSWER_COLUMNS} for a in map(throughput.tokens, rows)
    ]


KINDS = (
    Kind("inference_serving.csv", NEEDED, ANSWER_COLUMNS, _served),
    Kind(
        "inference_throughput.csv or inference_mlperf_v5_1.csv",
        throughput.COLUMNS,
        throughput.ANSWER_COLUMNS,
        _throughputs,
    ),
    Kind("facts/mlperf_inference.csv", mlperf.FACT_COLUMNS, throughput.ANSWER_COLUMNS, _throughputs),
)
REQUESTS = Kind("llmservingsim_vllm_requests.csv", served_requests.COLUMNS, (), lambda rows, using: [])
SAMPLES = {
    "held_serving_amd.csv": "InferenceX on AMD's MI300X and MI355X (Apache-2.0)",
    "held_serving_other.csv": "InferenceX on Intel's Gaudi 3 and Google's TPU v7 (Apache-2.0)",
    "held_sample.csv": "",
    "held_mlperf_facts.csv": "",
    "held_requests_sample.csv": "",
}
"""Further published rows that come with gigaplan; sources and licences stand in DATA_LICENSES.md. The title of
a table of serving rows, which no source in it gives, stands with it."""
RUNS = "LLMServingSim's runs of vLLM (MIT)"
OPTIONAL = ("value",)
"""Columns of results: a table is known without them."""


def recognise(columns: Sequence[str], path: Path, kinds: Sequence[Kind] = KINDS) -> Kind:
    """Return the kind of a table; PlanError says which columns the nearest kind would need.

    A row with a ``metric`` is one of throughput even where it names all that a serving row does.

    Parameters
    ----------
    columns
        Its columns.
    path
        The table, for the message.
    kinds
        Kinds of tables that it may be of.
    """
    lacking = {k.name: [c for c in k.columns if c not in columns and c not in OPTIONAL] for k in kinds}
    fits = [k for k in kinds if not lacking[k.name]]
    if fits:
        return next((k for k in fits if "metric" in k.columns and "metric" in columns), fits[0])
    near = min(kinds, key=lambda k: len(lacking[k.name]) / len(k.columns))
    raise PlanError(
        [
            Problem(
                f"columns are missing: {', '.join(lacking[near.name])}",
                Place(str(path), 1, 1),
                remedy=f"give a table with the columns of {'; of '.join(k.name for k in kinds)}",
            )
        ]
    )


def predict(
    rows: Path,
    out: Path,
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
    given: Mapping[str, str] | None = None,
) -> tuple[int, int, tuple[str, ...]]:
    """Write a table with predictions added to each of its rows; return how many rows it has, how many are answered, and
    warnings of their loads.

    Parameters
    ----------
    rows
        The table, or a result file of a benchmark.
    out
        Where to write it with predictions.
    overlays
        Overlays of ``gigaplan calibrate serving``: their constants predict the rows of their engine.
    progress
        Called with (stages done, stages, what comes next); False cancels.
    given
        Values for what it leaves open, by column.

    Raises
    ------
    PlanError
        If the table can't be read or is of no known kind, or with all that is wrong with the overlays.
    """
    begin = staged(progress, 3)
    begin("reading the table")
    found = read_file(rows, given or {})
    columns, table = found.columns, found.rows
    kind = recognise(columns, rows)
    refuse_unwritable(out, PREDICTIONS)
    begin(f"predicting {len(table):,} rows")
    answers = kind.answers(table, own_constants(overlays))
    begin("writing the table")
    write_table(
        out,
        list(dict.fromkeys([*columns, *kind.added])),
        ({**row, **cells} for row, cells in zip(table, answers, strict=True)),
        PREDICTIONS,
    )
    answered = sum(not cells["validity"].startswith(UNSUPPORTED) for cells in answers)
    return len(table), answered, load_warnings(table)


def validate_any(
    rows: Path | None = None, progress: Progress | None = None, given: Mapping[str, str] | None = None
) -> tuple[InferenceValidation | TableComparison, ...]:
    """Return the errors on a table of any kind, by source; without one, on all samples that come with gigaplan.

    Parameters
    ----------
    rows
        The table, or a result file of a benchmark.
    progress
        Called with (tables done, tables, the next table); False cancels.
    given
        Values for what it leaves open, by column.

    Raises
    ------
    PlanError
        If the table can't be read or is of no known kind.
    """
    if rows is None:
        samples = [Path(str(files("gigaplan.validation") / "data" / name)) for name in SAMPLES]
        found: list[InferenceValidation | TableComparison] = []
        for path in tracked([None, *samples], progress, lambda p: p.name if p else SAMPLE):
            found += (
                [validate()] if path is None else _held(path) or (replace(validate(path), title=SAMPLES[path.name]),)
            )
        return tuple(found)
    return _held(rows, given) or (validate(rows, given),)


def own_constants(overlays: Sequence[str | Path]) -> Constants | None:
    """Return the shipped constants with those of overlays, each for its own engine; None without overlays.

    Raises
    ------
    PlanError
        With all that is wrong with the overlays.
    """
    if not overlays:
        return None
    here = shipped()
    engines = dict(here.engines)
    for overlay in overlays:
        engine = serving_engine_of(overlay)
        engines[engine] = serving_constants(catalog.load(), engine, [overlay]).engine
    return replace(here, engines=engines)


def _held(path: Path, given: Mapping[str, str] | None = None) -> tuple[TableComparison, ...]:
    """Return what a table holds, source by source; nothing for serving rows, which have errors of their own kind."""
    found = read_file(path, given or {})
    columns, table = found.columns, found.rows
    kind = recognise(columns, path, (*KINDS, REQUESTS))
    if kind is REQUESTS:
        apart = f"{RUNS}, steps at the level of each run's first third; the other two thirds"
        return (
            compare("requests", RUNS, served_requests.points(table)),
            compare("requests at their level", apart, served_requests.level_points(table)),
        )
    if kind.answers is not _throughputs:
        return ()
    by: dict[str, list[Row]] = defaultdict(list)
    for row in table:
        by[row.get("source") or row.get("source_title") or path.name].append(row)
    return tuple(compare(path.stem, source, map(served.point, some)) for source, some in by.items())


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.5g}" if math.isfinite(value) else ""
