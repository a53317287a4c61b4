"""Files of training measurements: a log of a known tool, told from a table by its content, as rows of a table."""

from __future__ import annotations

import re
from pathlib import Path

from gigaplan.measurements import logs
from gigaplan.measurements.cells import MOST_SHOWN
from gigaplan.measurements.documents import json_documents
from gigaplan.measurements.files import LOGS, TOOLS, Found
from gigaplan.measurements.tables import parse_table, read_text
from gigaplan.vocabulary.errors import Place, PlanError, Problem, UnsupportedError

READ = "; ".join(["table of training steps (CSV)", *(str(tool.NAME) for tool in LOGS)])
LOOKS = (
    ("a torchtitan log", re.compile(r"\bstep:\s*\d+\s+.*\btps:\s*[\d,]+")),
    ("an MLPerf log (:::MLLOG)", re.compile(r":::MLLOG ")),
    ("a log of Hugging Face's Trainer", re.compile(r"\{'loss': .*'epoch': ")),
    ("a DeepSpeed log", re.compile(r"RunningAvgSamplesPerSec=")),
    (
        "NeMo's or Lightning's progress bar: print lines instead, as NeMo 2 does by default",
        re.compile(r"\bEpoch \d+:.*(it/s|s/it)\b"),
    ),
)
"""What logs that aren't read look like, and how each is known."""


def read_rows(path: Path) -> Found:
    """Return the rows of a table or of a training log of a known tool, whichever a file holds.

    Parameters
    ----------
    path
        The file; its name doesn't matter.

    Raises
    ------
    PlanError
        If it can't be read, or is of no known kind; the message says what it looks like and what is read.
    """
    text = read_text(path)
    if tool := next((t for t in LOGS if t.recognise(text)), None):
        try:
            found = logs.rows(tool.runs(text))
        except UnsupportedError as error:
            remedy = "give a whole log of a longer run, or a table"
            raise PlanError([Problem(f"{tool.NAME}: {error}", Place(str(path)), remedy=remedy)]) from None
        stated = {"dp", *(c for row in found for c in row)}  # a table needs the column, if empty
        return Found(str(tool.NAME), tuple(c for c in logs.COLUMNS if c in stated), found)
    if looks := next((name for name, pattern in LOOKS if pattern.search(text)), ""):
        raise _unknown(f"it looks like {looks}", path)
    if (documents := json_documents(text, path)) is not None:
        served = next((t for t in TOOLS if documents and t.recognise(documents[0])), None)
        raise _unknown(f"it is a result of serving ({served.NAME})" if served else "it is JSON", path)
    columns, rows = parse_table(text, path)
    if len(columns) == 1:  # no table has one column alone
        raise _unknown(f"its first line is '{text.lstrip().splitlines()[0].strip()[:MOST_SHOWN]}'", path)
    return Found("", columns, rows)


def _unknown(shown: str, path: Path) -> PlanError:
    remedy = "give a CSV table, or a log of one of these"
    return PlanError(
        [Problem("is no table or log of training that is known", Place(str(path)), shown, READ, "", remedy)]
    )
