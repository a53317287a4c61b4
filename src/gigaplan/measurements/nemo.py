"""Logs of NeMo 2: lines of its ``ProgressPrinter``, and what NeMo and Lightning say of ranks before them.

A line has the metrics of an iteration, or their means since the last line; ``train_step_timing in s`` is the time of a
step [s]. Before training NeMo prints the ranks of each group (``megatron_init``), Lightning how many processes there
are, and the dataset its sequence length; model, GPU, precision and micro-batch are in no line.
"""

from __future__ import annotations

import re

from gigaplan.measurements.logs import Line, Run, add
from gigaplan.measurements.reports import Row, finite
from gigaplan.vocabulary.errors import UnsupportedError

NAME = "NeMo log"
KNOWN_BY = "lines with `Training epoch 0, iteration 20/99` and `train_step_timing in s: 6.41`"
STATES = (
    "time and batch of each iteration; GPUs, `tp`, `pp`, `cp` and sequence where what comes before training is in it"
)
LEAVES_OPEN = (
    "`gpu`, `model`, `micro_batch`, `precision`, `recompute`, `vpp`, `ep`; of progress lines alone the layout too"
)
LINE = re.compile(r"Training epoch \d+, iteration (\d+)/\d+\s*\|(.*)")
TIME, BATCH, STEP = "train_step_timing in s", "global_batch_size", "global_step"
SETTINGS = {
    "tp": re.compile(r"All tensor model parallel group ranks: \[\[([^\]]*)\]"),
    "pp": re.compile(r"All pipeline model parallel group ranks: \[\[([^\]]*)\]"),
    "cp": re.compile(r"All context parallel group ranks: \[\[([^\]]*)\]"),
    "num_gpus": re.compile(r"All distributed processes registered\. Starting with (\d+) processes"),
    "seq_len": re.compile(r"GPTDatasetConfig\(.*?\bsequence_length=(\d+)"),
}
"""Lines before training that state a column: the ranks of one group, or a number."""
GROUPS = ("tp", "pp", "cp")


def recognise(text: str) -> bool:
    """Return whether a text has a line of this log."""
    return LINE.search(text) is not None


def runs(text: str) -> list[Run]:
    """Return the runs of a log.

    Parameters
    ----------
    text
        The log, from any launcher: what stands before a line's own text doesn't matter.

    Raises
    ------
    UnsupportedError
        If lines have no times.
    """
    found: list[Run] = [Run()]
    lines, timed = text.splitlines(), False
    for number, line in enumerate(lines):
        if match := LINE.search(line):
            pairs = (part.partition(":") for part in match[2].split("|"))
            metrics = {name.strip(): value.strip() for name, _, value in pairs}
            whole = number + 1 < len(lines) or text.endswith(("\n", "\r"))
            if TIME in metrics and whole:
                timed = True
                step = finite(metrics.get(STEP, match[1]), STEP)
                batch = finite(metrics.get(BATCH), BATCH)
                add(found, Line(int(step), 1e3 * finite(metrics[TIME], TIME), batch))
        elif stated := _stated(line):
            if found[-1].lines:
                found.append(Run())
            found[-1].settings.update(stated)
    if not timed:
        raise UnsupportedError(f"its lines have no '{TIME}': train with NeMo's TimingCallback")
    return [run for run in found if run.lines]


def _stated(line: str) -> Row:
    """Return the column that a line before training states, if any."""
    for column, pattern in SETTINGS.items():
        if match := pattern.search(line):
            return {column: str(len(match[1].split(","))) if column in GROUPS else match[1]}
    return {}
