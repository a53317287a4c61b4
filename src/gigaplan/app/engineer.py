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


class ServingAsked(Strict):
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


class TrainingAsked(Strict):
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


def served(asked: ServingAsked, *, progress: Progress | None = None) -> dict[str, Any]:
    """Return the frontier of each pair: charts, the cheapest and the fastest point in words, and how far to trust it.

    Raises
    ------
    PlanError
        With every unknown name and every impossible number.
    Cancelled
        If ``progress`` returns False.
    """
    options = {k: v for k, v in asked.model_dump().items() if k not in ("models", "systems")}
    with texts_only():
        answer = frontier(asked.models, asked.systems, progress=progress, **options)
    return {
        "question": frontier_view.question(answer),
        "cards": list(frontier_view.cards(answer)),
        "charts": [chart_data(c) for c in frontier_view.all_charts(answer)],
        "notes": list(answer.notes),
        "command": _serving_command(asked),
    }


def trained(asked: TrainingAsked, *, progress: Progress | None = None) -> dict[str, Any]:
    """Return the fastest layout of a training run: its figures as pairs of name and text, and charts of the search.

    Raises
    ------
    PlanError
        With every unknown name and impossible number, and where no layout fits.
    Cancelled
        If ``progress`` returns False.
    """
    options = {k: v for k, v in asked.model_dump().items() if k not in ("model", "system") and v != ""}
    with texts_only():
        run = train(asked.model, asked.system, progress=progress, **options)
    return {
        "question": f"{train_view.title(run)}: {train_view.question(run)}",
        "rows": [list(row) for row in train_view.rows(run)],
        "charts": [chart_data(c) for c in train_view.charts(run)],
        "command": _training_command(asked),
    }


def _serving_command(asked: ServingAsked) -> str:
    """Return the line of the terminal that gives the same curves."""
    words = ["gigaplan", "frontier", ",".join(asked.models), ",".join(asked.systems)]
    words += ["--isl", f"{asked.input_tokens:g}", "--osl", f"{asked.output_tokens:g}"]
    if asked.cached_tokens:
        words += ["--cached", f"{asked.cached_tokens:g}"]
    for name, value in (("--ttft", asked.ttft_s), ("--tpot", asked.tpot_s)):
        words += [name, value if isinstance(value, str) else f"{value:g} s"]
    words += ["--engine", asked.engine]
    if asked.precision:
        words += ["--precision", asked.precision]
    return shlex.join(words)


def _training_command(asked: TrainingAsked) -> str:
    words = ["gigaplan", "train", asked.model, asked.system, "--gpus", str(asked.gpus)]
    if asked.tokens:
        words += ["--tokens", asked.tokens]
    return shlex.join([*words, "--seq", str(asked.sequence_tokens), "--precision", asked.precision])
