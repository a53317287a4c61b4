"""Verbs that hold the training model against published step times, and answer rows with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gigaplan.cli.base import Json, print_json, show
from gigaplan.cli.validation import predict_app, validate_app


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
