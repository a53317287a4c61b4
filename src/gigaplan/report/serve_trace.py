"""Requests of a window as events of a trace, for ui.perfetto.dev or chrome://tracing."""

from __future__ import annotations

import json
from typing import Any

from gigaplan.layers.serve_answer import ServeRun

US_PER_S = 1e6
REQUESTS, FLEET = 1, 2
"""Processes of the trace: the requests, and what is counted of all replicas."""


def trace_events(run: ServeRun) -> str:
    """Return the requests of a run's window as JSON in the trace event format, each on a lane of its own.

    Parameters
    ----------
    run : ServeRun
        The answer of the verb, with a window.
    """
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": pid, "args": {"name": name}}
        for pid, name in ((REQUESTS, "requests"), (FLEET, "all replicas"))
    ]
    ends: list[float] = []
    for one in sorted(run.window, key=lambda w: w.sent_s):
        lane = next((k for k, end in enumerate(ends) if end <= one.sent_s), len(ends))
        ends[lane : lane + 1] = [one.end_s]
        about = {"input tokens": one.input_tokens, "output tokens": one.output_tokens}
        place = {"pid": REQUESTS, "tid": lane}
        stages = (
            ("waits", one.sent_s, one.admitted_s),
            ("reads", one.admitted_s, one.first_token_s),
            ("decodes", one.first_token_s, one.end_s),
        )
        events += [
            {"ph": "X", "name": name, **place, "ts": US_PER_S * a, "dur": US_PER_S * (b - a), "args": about}
            for name, a, b in stages
            if b > a
        ]
    for moment in run.moments:
        counted = {"decoding": moment.running, "waiting": moment.waiting, "replicas": moment.replicas}
        events += [
            {"ph": "C", "name": name, "pid": FLEET, "ts": US_PER_S * moment.start_s, "args": {name: value}}
            for name, value in counted.items()
        ]
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"})
