"""Verbs that hold gigaplan against published measurements."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from gigaplan.cli.base import Json, app, print_json, show

validate_app = App(name="validate", help="Published measurements, our number, the error.")
app.command(validate_app)


@validate_app.command(name="inference")
def validate_inference(*, rows: Path | None = None, json: Json = False) -> int:
    """Hold the serving model against measured TTFT and TPOT.

    Parameters
    ----------
    rows
        A table with the columns of inference_serving.csv (default: the sample that comes with gigaplan).
    """
    from gigaplan.report.terminal import inference_validation
    from gigaplan.validation.inference import validate

    answer = validate(rows)
    return print_json(answer.as_dict()) if json else show(inference_validation(answer))


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
