"""The verb that serves requests one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from gigaplan.cli.base import NO, OUTPUT, Json, Set, app, as_named_file, print_json, progress, show, verb
from gigaplan.cli.options import Given, flattened
from gigaplan.cli.studies import stoppable

WORDS = ("ttft_s", "tpot_s", "power_per_gpu_w", "startup_s", "repair_s", "window_s", "window_start_s", "failover_s")
"""Options whose words are joined: ``2 s`` needs no quotes."""
OF_DAY = ("fail", "repair_s", "burst", "max_waiting", "seed")
"""Options of replicas that a plan's day has too."""

Perfetto = Annotated[Path | None, Parameter(group=OUTPUT, converter=as_named_file, show_default=False)]


@verb(app, "serve", "serve azure_conv_2023 --model llama_3_1_70b --system h100_hgx --replicas 2")
@flattened(
    job="gigaplan.layers.serve_job:ServeJob",
    question="gigaplan.layers.serving:ServingQuestion",
    day="gigaplan.study.day.job:DayJob",
)
def serve(
    *, job: Given, question: Given, day: Given, set: Set = None, perfetto: Perfetto = None, json: Json = False
) -> int:
    """Serve requests one by one on replicas of a model: percentiles of waits, queues, memory, energy and cost.

    Requests are a trace's or made, or those of a plan's whole day (--day and --plan). Steps are those of continuous
    batching with chunked prefill, blocks of memory and preemption; --ttft and --tpot are the limits of a good request.
    Exit 1 if --size finds no number that holds them.

    Parameters
    ----------
    perfetto
        File for the requests of --window as a trace that ui.perfetto.dev shows.
    """
    job, question, day = ({k: " ".join(v) if k in WORDS else v for k, v in of.items()} for of in (job, question, day))
    if day or set:
        _refuse_others(job, question, perfetto)
        return _day(day | job, set or [], question.get("overlays") or [], json=json)
    from gigaplan import api
    from gigaplan.report.serve_view import terminal

    with progress("requests") as bar:
        answer = api.serve(**{"trace": "", **job}, **question, progress=bar)
    if perfetto is not None:
        from gigaplan.report.serve_trace import trace_events
        from gigaplan.vocabulary.files import write_text
        from gigaplan.vocabulary.files.kinds import TRACE

        write_text(perfetto, trace_events(answer), TRACE)
    shown = print_json(answer) if json else show(terminal(answer))
    return shown or (NO if answer.holds is False else 0)


def _day(day: Given, changes: list[str], overlays: list[str], *, json: bool) -> int:
    """Serve a plan's day."""
    from gigaplan import api
    from gigaplan.report.day_view import terminal

    plan, date = day.pop("plan", ""), day.pop("day", "")
    with stoppable(), progress("requests") as bar:
        answer = api.serve_day(plan, date, changes, overlays, bar, **day)
    return print_json(answer) if json else show(terminal(answer))


def _refuse_others(job: Given, question: Given, perfetto: Any) -> None:
    """Raise PlanError for options that a plan's day has no use for."""
    from gigaplan.vocabulary.errors import Place, PlanError, Problem

    others = [k for k in (*job, *question) if k not in (*OF_DAY, "overlays")] + ["perfetto"] * (perfetto is not None)
    if others:
        names = ", ".join("TRACE" if k == "trace" else f"--{k.removesuffix('_s').replace('_', '-')}" for k in others)
        what, remedy = "a day's requests, replicas and limits are the plan's", "leave these out, or change the plan"
        raise PlanError([Problem(what, Place("serve"), value=names, remedy=remedy)])
