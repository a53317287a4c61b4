"""The verb that serves requests one by one."""

from __future__ import annotations

from gigaplan.cli.base import Json, app, print_json, progress, show, verb
from gigaplan.cli.options import Given, flattened


@verb(app, "serve", "serve azure_conv_2023 --model llama_3_1_70b --system h100_hgx --replicas 2")
@flattened(job="gigaplan.layers.serve_job:ServeJob", question="gigaplan.layers.serving:ServingQuestion")
def serve(*, job: Given, question: Given, json: Json = False) -> int:
    """Serve requests one by one on replicas of a model: percentiles of waits, queues, memory, energy and cost.

    Requests are a trace's or made. Steps are those of continuous batching with chunked prefill, blocks of memory and
    preemption; --ttft and --tpot are the limits of a good request.
    """
    from gigaplan import api
    from gigaplan.report.serve_view import terminal

    joined = {k: " ".join(v) if k in ("ttft_s", "tpot_s", "power_per_gpu_w") else v for k, v in question.items()}
    with progress("requests") as bar:
        answer = api.serve(**job, **joined, progress=bar)
    return print_json(answer) if json else show(terminal(answer))
