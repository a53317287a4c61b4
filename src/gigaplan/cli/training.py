"""The verb of training: a run on a system, on one site or several, with failures or without."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from gigaplan.cli.base import Html, Json, app, print_json, progress, show, verb
from gigaplan.cli.options import GROUPS, Given, flattened
from gigaplan.cli.streams import line

Simulate = Annotated[bool, Parameter(negative="", show_default=False, group=GROUPS["Failures"])]


@verb(app, "train", 'train llama_3_1_405b h100_hgx --gpus 16384 --tokens 15.6T --layout "tp8 pp16 vpp6 cp2 mb1"')
@flattened(
    job="gigaplan.layers.training:TrainingJob",
    together="gigaplan.layers.sites:SitesJob",
    recovery="gigaplan.layers.failures:FailureOptions",
)
def train(
    *, job: Given, together: Given, failures: Simulate = False, recovery: Given, html: Html = None, json: Json = False
) -> int:
    """Show how a model trains on a system: the step by its parts, memory, utilisation, days, energy, cost.

    Without a layout the fastest one that fits is searched for.

    Parameters
    ----------
    failures
        Simulate the run from launch to the last token, failure by failure. The options of this group change how.
    """
    from gigaplan import api
    from gigaplan.report import sites_view, train_view

    options = _failure_options(recovery, failures, together, job)
    if "sites" in together:
        with progress("sites") as bar:
            sites = api.train_sites(**job, **together, progress=bar)
        return _print(sites, sites_view, html, json)
    with progress("searching") as bar:
        run = api.train(**job, failures=options, progress=bar)
    return _print(run, train_view, html, json)


def _failure_options(recovery: Given, failures: bool, together: Given, job: Given) -> Any:
    """Return how failures are simulated; PlanError with every option that has nothing to change, or a wrong value."""
    from gigaplan.api import requests
    from gigaplan.layers.failures import PLACE, FailureOptions
    from gigaplan.layers.sites import SitesJob
    from gigaplan.layers.training import TrainingJob
    from gigaplan.vocabulary.errors import Place, PlanError, Problem

    def named(cls: type, given: Given) -> list[str]:
        return [
            f"--{option.name or name.replace('_', '-')}"
            for name, (_, option) in requests.markers(cls).items()
            if name in given
        ]

    problems = []
    if recovery and not failures:
        value = ", ".join(named(FailureOptions, recovery))
        problems.append(Problem("options of failures without them", PLACE, value=value, remedy="add --failures"))
    if failures and "sites" in together:
        what, value = "failures are simulated for a run on one site", f"--sites {together['sites']}"
        problems.append(Problem(what, PLACE, value=value, remedy="leave --sites or --failures out"))
    if "sites" not in together:
        what = "is for a run over several sites"
        problems += (
            Problem(f"{name} {what}", Place("train"), value=str(value), remedy="name the sites with --sites")
            for name, value in zip(named(SitesJob, together), together.values(), strict=True)
        )
    read: dict[type, Any] = {}
    for cls, given in ((TrainingJob, job), (FailureOptions, recovery)):
        try:
            read[cls] = requests.read(cls, given, "train")
        except PlanError as error:
            problems += error.problems
    if problems:
        raise PlanError(problems)
    return read[FailureOptions] if failures else False


def _print(answer: Any, view: Any, html: Path | None, json: bool) -> int:
    from gigaplan.vocabulary.files import write_text
    from gigaplan.vocabulary.files.kinds import PAGE

    if html is not None:
        write_text(html, view.html(answer), PAGE)
    if json:
        return print_json(answer)
    show(view.terminal(answer))
    if html is not None:
        line(f"Report written to {html}")
    return 0
