"""The verb that serves requests one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gigaplan.cli.base import NO, OUTPUT, Json, app, as_named_file, print_json, progress, show, verb
from gigaplan.cli.options import Given, flattened

WORDS = ("ttft_s", "tpot_s", "power_per_gpu_w", "startup_s", "repair_s", "window_s", "window_start_s")
"""Options whose words are joined: ``2 s`` needs no quotes."""

Perfetto = Annotated[Path | None, Parameter(group=OUTPUT, converter=as_named_file, show_default=False)]


@verb(app, "serve", "serve azure_conv_2023 --model llama_3_1_70b --system h100_hgx --replicas 2")
@flattened(job="gigaplan.layers.serve_job:ServeJob", question="gigaplan.layers.serving:ServingQuestion")
def serve(*, job: Given, question: Given, perfetto: Perfetto = None, json: Json = False) -> int:
    """Serve requests one by one on replicas of a model: percentiles of waits, queues, memory, energy and cost.

    Requests are a trace's or made. Steps are those of continuous batching with chunked prefill, blocks of memory and
    preemption; --ttft and --tpot are the limits of a good request. Exit 1 if --size finds no number that holds them.

    Parameters
    ----------
    perfetto
        File for the requests of --window as a trace that ui.perfetto.dev shows.
    """
    from gigaplan import api
    from gigaplan.report.serve_view import terminal

    joined = {k: " ".join(v) if k in WORDS else v for k, v in question.items()}
    job |= {k: " ".join(v) for k, v in job.items() if k in WORDS}
    with progress("requests") as bar:
        answer = api.serve(**job, **joined, progress=bar)
    if perfetto is not None:
        from gigaplan.report.serve_trace import trace_events
        from gigaplan.vocabulary.files import write_text
        from gigaplan.vocabulary.files.kinds import TRACE

        write_text(perfetto, trace_events(answer), TRACE)
    shown = print_json(answer) if json else show(terminal(answer))
    return shown or (NO if answer.holds is False else 0)
