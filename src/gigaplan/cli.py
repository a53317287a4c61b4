"""The terminal door. Verbs are thin: parse, call the function of the same name, print, set the exit code.

Exit codes: 0 done; 1 the answer is no (``check``); 2 the plan or the usage is wrong; 3 the machine stopped us;
130 Ctrl-C.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from cyclopts import App, CycloptsError, Parameter

from gigaplan._version import __version__

if TYPE_CHECKING:
    from gigaplan.simulate.result import Result
    from gigaplan.vocabulary.errors import PlanError

NO, WRONG, STOPPED, INTERRUPTED = 1, 2, 3, 130

app = App(
    name="gigaplan",
    help="From the megawatt to the token to the dollar: plan AI infrastructure with sourced numbers.",
    version=__version__,
    help_format="plaintext",
    result_action="return_value",
)
catalog_app = App(name="catalog", help="Facts and their sources.")
validate_app = App(name="validate", help="Published measurements, our number, the error.")
app.command(catalog_app)
app.command(validate_app)

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON on stdout.")]
Set = Annotated[
    list[str] | None,
    Parameter(name="--set", negative="", help="Change one value of the plan: path=value. May be repeated."),
]


@app.command
def run(plan: str, /, *, set: Set = None, out: Path | None = None, json: Json = False) -> int:
    """Simulate a plan, print a summary, keep the result and write its HTML report.

    Parameters
    ----------
    plan
        A built-in plan's name or a YAML file.
    out
        Folder to keep the result in (default: gigaplan-results/<plan>-<hash>).
    """
    from gigaplan import api

    result = api.run(plan, set or [])
    _warn(result)
    folder = api.save(result, out)
    if json:
        from gigaplan.report.select import summary

        return _print_json({**summary(result), "folder": str(folder)})
    from gigaplan.report.terminal import render

    console = _console()
    console.print(render(result))
    console.print(f"[dim]kept in[/] {folder}   [dim]report[/] {folder / 'report.html'}", soft_wrap=True)
    return 0


@app.command
def explain(result: Path, quantity: str, /, *, depth: int = 1, json: Json = False) -> int:
    """Show where a number comes from: formula, inputs, facts, sources.

    Parameters
    ----------
    result
        A folder that `gigaplan run` has written.
    quantity
        A result quantity, such as cost_per_mtok_usd.
    depth
        Levels of quantities to open; the ones below stand in one line each (JSON has them all).
    """
    from gigaplan import api

    kept = api.load(result)
    tree = api.explain(kept, quantity)
    if json:
        return _print_json(_explanation(tree))
    from gigaplan.report.terminal import explain_tree

    _console().print(explain_tree(kept, quantity, depth))
    return 0


@app.command
def check(plan: str, /, *, set: Set = None, json: Json = False) -> int:
    """Hold the announcement's claims against the model, on each basis. Exit 1 if one does not hold.

    Parameters
    ----------
    plan
        A built-in plan's name or a YAML file.
    """
    from gigaplan import api

    result, holds = api.check(plan, set or [])
    _warn(result)
    if json:
        import dataclasses

        _print_json({"holds": holds, "claims": [dataclasses.asdict(c) for c in result.claims]})
    else:
        from gigaplan.report.terminal import claims_table

        _console().print(claims_table(result))
    return 0 if holds else NO


@catalog_app.command(name="check")
def catalog_check(*, json: Json = False) -> int:
    """Find facts without source, unit or basis, and values outside their range. Exit 1 if there are any."""
    from gigaplan import catalog

    problems = catalog.check()
    if json:
        _print_json({"facts": len(catalog.load().facts), "problems": [p.as_dict() for p in problems]})
    else:
        for problem in problems:
            print(problem)
        print(f"{len(catalog.load().facts):,} facts, {len(problems)} problems, vintage {catalog.load().vintage}")
    return NO if problems else 0


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
    return _print_json(answer.as_dict()) if json else _show(inference_validation(answer))


@validate_app.command(name="demand")
def validate_demand(*, json: Json = False) -> int:
    """Hold the demand model, fitted on what was known before 2025-09, against what came after."""
    from gigaplan.report.terminal import demand_validation
    from gigaplan.validation.demand import validate_demand as validate

    answer = validate()
    return _print_json(answer.as_dict()) if json else _show(demand_validation(answer))


def main(tokens: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code; a user's mistake never shows a traceback."""
    given = list(sys.argv[1:] if tokens is None else tokens)
    sys.exit(_guarded(lambda: app(given, exit_on_error=False, print_error=True), as_json="--json" in given))


def _guarded(command: Callable[[], Any], *, as_json: bool) -> int:
    from gigaplan.vocabulary.errors import LawError, MachineError, PlanError

    try:
        return int(command() or 0)
    except PlanError as error:
        _report(error, as_json=as_json)
        return WRONG
    except CycloptsError:
        return WRONG
    except MachineError as error:
        print(f"gigaplan: {error}", file=sys.stderr)
        return STOPPED
    except LawError as error:
        print(
            f"gigaplan: a fault of gigaplan, not of the plan: {error}; please report it with the plan", file=sys.stderr
        )
        return STOPPED
    except BrokenPipeError:
        sys.stdout = None
        return 0
    except MemoryError:
        print("gigaplan: out of memory; shorten the horizon or take fewer members", file=sys.stderr)
        return STOPPED
    except KeyboardInterrupt:
        print("gigaplan: interrupted; nothing half-written was left", file=sys.stderr)
        return INTERRUPTED


def _report(error: PlanError, *, as_json: bool) -> None:
    """Print every problem of a plan, as JSON on stdout when that was asked for."""
    if as_json:
        _print_json({"problems": [p.as_dict() for p in error.problems]})
        return
    count = sum(p.severity == "error" for p in error.problems)
    for problem in error.problems:
        print(problem, file=sys.stderr)
    print(f"gigaplan: {count} {'problem' if count == 1 else 'problems'}; nothing was run or written", file=sys.stderr)


def _warn(result: Result) -> None:
    for warning in result.warnings:
        print(warning, file=sys.stderr)


def _explanation(tree: Any) -> dict[str, Any]:
    import dataclasses

    return {
        "quantity": dataclasses.asdict(tree.variable),
        "evidence": tree.evidence,
        "inputs": [_explanation(below) for below in tree.inputs],
        "facts": [dataclasses.asdict(e) for e in tree.entries],
    }


def _print_json(data: Any) -> int:
    """Print JSON; a number that doesn't exist (NaN) is null."""
    print(json.dumps(_finite(data), indent=1, default=str))
    return 0


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {k: _finite(v) for k, v in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(v) for v in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def _show(renderable: Any) -> int:
    _console().print(renderable)
    return 0


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


if __name__ == "__main__":
    main()
