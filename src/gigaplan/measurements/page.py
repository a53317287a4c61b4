"""The page of file formats: what identifies each, what is read of it, and what it leaves open. ``make docs`` writes it
into docs/formats.md."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from gigaplan.measurements import files, logs

HEAD = """# Files that are read as measurements

A file is recognised by its content, whatever it is called; one that isn't known is refused with what it looks like.
What a file leaves open is given with it, by options or `--about`, and never assumed
([serving](guide-serving.md#files-of-your-benchmark), [training](guide-training.md#logs-of-your-runs)). Words that are
given take the place of the file's; a number that contradicts it is refused. CSV tables with gigaplan's own columns are
read too. This page is written by `make docs`.
"""
SERVING = """
## Serving: `predict inference`, `validate inference`, `calibrate serving`

Read are means over requests, never medians or percentiles. The load is completed requests per second times mean latency
where both are stated (Little 1961), else the cap.
"""
TRAINING = f"""
## Training: `predict training`, `validate training`, `calibrate training`

Read is the median over the lines of a run and a batch size, with the middle 80 %. Left out are a run's first line,
lines of the {logs.WARM_UP} iterations after it, and the first of a new batch size; {logs.MIN_LINES} lines must stay.
"""


def page() -> str:
    """Return the page as Markdown."""
    return HEAD + SERVING + table(files.TOOLS) + TRAINING + table(files.LOGS)


def table(tools: Iterable[ModuleType]) -> str:
    """Return the formats of tools as a table of Markdown.

    Parameters
    ----------
    tools
        Modules with their ``NAME``, ``KNOWN_BY``, ``STATES`` and ``LEAVES_OPEN``.
    """
    rows = [("format", "known by", "states", "leaves open"), ("---",) * 4]
    rows += [(t.NAME, t.KNOWN_BY, t.STATES, t.LEAVES_OPEN) for t in tools]
    return "\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    print(page(), end="")
