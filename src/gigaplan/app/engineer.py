"""The frame of a performance engineer: serving frontiers and training layouts, by the questions of those two verbs."""

from __future__ import annotations

import shlex
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from gigaplan.api.layers import frontier, train
from gigaplan.app.answers import chart_data
from gigaplan.app.requests import Strict, Word
from gigaplan.report import frontier_view, train_view
from gigaplan.vocabulary.files import texts_only
from gigaplan.vocabulary.progress import Progress

MOST_NAMES = 4
"""Models and systems of one question: sixteen pairs at the most."""
MOST_GPUS = 2_000_000
Names = Annotated[tuple[Word, ...], Field(min_length=1, max_length=MOST_NAMES)]
Text = Annotated[str, StringConstraints(max_length=40)]


class ServingQuery(Strict):
    """What is served on what, within which waits; fields as of :class:`gigaplan.layers.serving.ServingQuestion`.

    Attributes
    ----------
    models, systems : tuple of str
        Names of the catalog; every model is put on every system.
    input_tokens, output_tokens, cached_tokens : float
        Lengths of a request [token].
    ttft_s, tpot_s : str or float
        Longest waits for the first token and for each further one, as ``500 ms``, or in seconds.
    engine, precision : str
        Serving software, and precision of the weights; empty for the narrowest that the system computes in.
    """

    models: Names = ("gpt_oss_120b",)
    systems: Names = ("gb300_nvl72",)
    input_tokens: float = 1024.0
    output_tokens: float = 1024.0
    cached_tokens: float = 0.0
    ttft_s: float | Text = 2.0
    tpot_s: float | Text = 0.05
    engine: Word = "trtllm"
    precision: Word = ""


class TrainingQuery(Strict):
    """What is trained on what; fields as of :class:`gigaplan.layers.training_job.TrainingJob`.

    Attributes
    ----------
    model, system : str
        Names of the catalog.
    gpus : int
        GPUs of the run.
    tokens : str
        Tokens in all, as ``15.6T``; empty for twenty per active parameter.
    sequence_tokens : int
        Tokens of a sequence.
    precision : str
        Precision of matrix products.
    """

    model: Word = "llama_3_1_405b"
    system: Word = "gb300_nvl72"
    gpus: Annotated[int, Field(ge=1, le=MOST_GPUS)] = 4608
    tokens: Text = ""
    sequence_tokens: Annotated[int, Field(ge=1, le=10_000_000)] = 8192
    precision: Word = "bf16"


def served(query: ServingQuery, *, progress: Progress | None = None) -> dict[str, Any]:
    """Return the frontier of each pair: charts, the cheapest and the fastest point in words, and how far to trust it.

    Raises
    ------
    PlanError
        With every unknown name and every impossible number.
    Cancelled
        If ``progress`` returns False.
    """
    options = {k: v for k, v in query.model_dump().items() if k not in ("models", "systems")}
    with texts_only():
        answer = frontier(query.models, query.systems, progress=progress, **options)
    return {
        "question": frontier_view.question(answer),
        "cards": list(frontier_view.cards(answer)),
        "charts": [chart_data(c) for c in frontier_view.all_charts(answer)],
        "notes": list(answer.notes),
        "command": _serving_command(query),
    }


def trained(query: TrainingQuery, *, progress: Progress | None = None) -> dict[str, Any]:
    """Return the fastest layout of a training run: its figures as pairs of name and text, and charts of the search.

    Raises
    ------
    PlanError
        With every unknown name and impossible number, and where no layout fits.
    Cancelled
        If ``progress`` returns False.
    """
    options = {k: v for k, v in query.model_dump().items() if k not in ("model", "system") and v != ""}
    with texts_only():
        run = train(query.model, query.system, progress=progress, **options)
    return {
        "question": f"{train_view.title(run)}: {train_view.question(run)}",
        "rows": [list(row) for row in train_view.rows(run)],
        "charts": [chart_data(c) for c in train_view.charts(run)],
        "command": _training_command(query),
    }


def _serving_command(query: ServingQuery) -> str:
    """Return the line of the terminal that gives the same curves."""
    words = ["gigaplan", "frontier", ",".join(query.models), ",".join(query.systems)]
    words += ["--isl", f"{query.input_tokens:g}", "--osl", f"{query.output_tokens:g}"]
    if query.cached_tokens:
        words += ["--cached", f"{query.cached_tokens:g}"]
    for name, value in (("--ttft", query.ttft_s), ("--tpot", query.tpot_s)):
        words += [name, value if isinstance(value, str) else f"{value:g} s"]
    words += ["--engine", query.engine]
    if query.precision:
        words += ["--precision", query.precision]
    return shlex.join(words)


def _training_command(query: TrainingQuery) -> str:
    words = ["gigaplan", "train", query.model, query.system, "--gpus", str(query.gpus)]
    if query.tokens:
        words += ["--tokens", query.tokens]
    return shlex.join([*words, "--seq", str(query.sequence_tokens), "--precision", query.precision])
