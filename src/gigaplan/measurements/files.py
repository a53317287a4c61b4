"""Files of measurements: a result file of a known tool, told from a table by its content, as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from gigaplan.measurements import aiperf, guidellm, inferencex, llmd, megatron, nemo, sglang, trtllm, vllm
from gigaplan.measurements.cells import MOST_SHOWN
from gigaplan.measurements.documents import json_documents, yaml_documents
from gigaplan.measurements.reports import COLUMNS, Row
from gigaplan.measurements.tables import parse_table, read_text
from gigaplan.vocabulary.errors import Place, PlanError, Problem, UnsupportedError

TOOLS: tuple[ModuleType, ...] = (inferencex, sglang, vllm, aiperf, trtllm, guidellm, llmd)
"""Modules of the tools, each with its ``NAME``, ``recognise`` and ``rows``."""
LOGS: tuple[ModuleType, ...] = (megatron, nemo)
"""Modules of training logs, each with its ``NAME``, ``recognise`` and ``runs``."""
READ = "; ".join(str(tool.NAME) for tool in TOOLS)
SHOWN_KEYS = 6
"""Keys of an unknown file that a message names."""
LOOKS: tuple[tuple[str, Callable[[Mapping[str, object]], bool]], ...] = (
    (
        "AIPerf's records of single requests: give the summary, profile_export_aiperf.json",
        lambda d: {"metadata", "metrics"} <= d.keys(),
    ),
    ("AIPerf's slices of time: give the summary, profile_export_aiperf.json", lambda d: "timeslices" in d),
    ("vllm bench latency: give a result of vllm bench serve", lambda d: {"avg_latency", "percentiles"} <= d.keys()),
    (
        "vllm bench throughput: give a result of vllm bench serve",
        lambda d: {"elapsed_time", "tokens_per_second"} <= d.keys(),
    ),
    ("a Hugging Face config.json, which is a model and no measurement", lambda d: "architectures" in d),
)
"""What files that aren't read look like, and how each is known."""


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of a file, and the tool that wrote it, "" for a table."""

    tool: str
    columns: tuple[str, ...]
    rows: list[Row]


def read_rows(path: Path) -> Found:
    """Return the rows of a table or of a result file of a known tool, whichever a file holds.

    Parameters
    ----------
    path
        The file; its name doesn't matter.

    Raises
    ------
    PlanError
        If it can't be read, is cut off, or is of no known kind; the message says what it looks like and what is read.
    """
    text = read_text(path)
    if aiperf.recognise(text):
        return _found([text], path)
    documents = json_documents(text, path)
    if documents is None:
        documents = yaml_documents(text, path)
    if documents is not None:
        return _found(documents, path)
    if log := next((t for t in LOGS if t.recognise(text)), None):
        raise _refused(f"it is a {log.NAME}, which the verbs of training read", path)
    columns, rows = parse_table(text, path)
    return Found("", columns, rows)


def _found(documents: list[object], path: Path) -> Found:
    """Return the rows of documents that are all of one tool."""
    if not documents:
        raise PlanError([Problem("no measured row", Place(str(path)), remedy="give a file with results")])
    tool = next((t for t in TOOLS if t.recognise(documents[0])), None)
    if tool is None:
        raise _unknown(documents[0], path)
    rows: list[Row] = []
    for k, document in enumerate(documents):
        if not tool.recognise(document):
            raise _unknown(document, path, f"value {k + 1} ")
        try:
            rows += tool.rows(document)
        except UnsupportedError as error:
            remedy = "correct the file, or leave this run out"
            problem = Problem(f"run {k + 1} of {tool.NAME} can't be read: {error}", Place(str(path)), remedy=remedy)
            raise PlanError([problem]) from None
    columns = tuple(c for c in COLUMNS if any(c in row for row in rows))
    return Found(str(tool.NAME), columns, rows)


def _unknown(document: object, path: Path, which: str = "") -> PlanError:
    """Return the error for a document of no known tool, with what it looks like."""
    if isinstance(document, Mapping):
        looks = next((name for name, fits in LOOKS if fits(document)), "")
        keys = ", ".join(str(k)[:MOST_SHOWN] for k in list(document)[:SHOWN_KEYS])
        shown = f"it looks like {looks}" if looks else f"it has the keys {keys}" if keys else "it is empty"
    else:
        shown = f"it is a single {type(document).__name__}"
    return _refused(shown, path, which)


def _refused(shown: str, path: Path, which: str = "") -> PlanError:
    message = f"{which}is no result of a benchmark that is known"
    remedy = "give a CSV table, or a result of one of these"
    return PlanError([Problem(message, Place(str(path)), value=shown, allowed=READ, remedy=remedy)])
