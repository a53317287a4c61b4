"""Logs of Megatron-LM, and of what prints its lines: Megatron-Bridge, Megatron-DeepSpeed and others.

``training_log`` of Megatron-LM prints a line each ``--log-interval`` with the mean time of the iterations since the
last one [ms]; evaluation and checkpoints are not in it. Its arguments, one a line with dots behind the name, come first
(``_print_args``): they state the layout, the batch, the sequence, the precision and the model's shape, but neither the
GPU nor the model's name. Megatron-Bridge prints the lines without the arguments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gigaplan.measurements.logs import Line, Run, add
from gigaplan.measurements.reports import Row, finite
from gigaplan.vocabulary.errors import UnsupportedError

NAME = "Megatron-LM log"
KNOWN_BY = "lines with `iteration 20/500` and `elapsed time per iteration (ms): 5821.3`"
STATES = (
    "time and batch of each iteration; with its arguments also GPUs, layout, sequence, precision, recomputation and "
    "the model's shape"
)
LEAVES_OPEN = "`gpu`, `model`; without its arguments (Megatron-Bridge) the layout too"
LINE = re.compile(r"\biteration\s+(\d+)\s*/\s*\w+\s*\|(.*?)\belapsed time per iteration \(ms\):\s*([\d.]+)\s*\|(.*)")
BATCH = re.compile(r"\bglobal batch size:\s*(\d+)\s*\|")
BEGIN, END = re.compile(r"-{3,} arguments -{3,}"), re.compile(r"-{3,} end of arguments -{3,}")
ARGUMENT = re.compile(r"(?:^|\s)(\w+) \.+ (.*)$")
COLUMNS = {
    "num_gpus": "world_size",
    "seq_len": "seq_length",
    "global_batch": "global_batch_size",
    "micro_batch": "micro_batch_size",
    "tp": "tensor_model_parallel_size",
    "pp": "pipeline_model_parallel_size",
    "dp": "data_parallel_size",
    "cp": "context_parallel_size",
    "ep": "expert_model_parallel_size",
    "vpp": "virtual_pipeline_model_parallel_size",
    "layers": "num_layers",
    "hidden": "hidden_size",
    "heads": "num_attention_heads",
}
"""Arguments that are a column of their own."""
FP8 = {"delayed": "fp8 delayed", "tensorwise": "fp8 tensorwise", "blockwise": "fp8 blockwise", "mxfp8": "mxfp8"}
"""Recipes of FP8 and the precision that each is."""
SHARDED = "optim_grads_params"
"""Strategy of Megatron's own sharded data parallelism in which weights are sharded too."""


def recognise(text: str) -> bool:
    """Return whether a text has a line of this log."""
    return LINE.search(text) is not None


def runs(text: str) -> list[Run]:
    """Return the runs of a log.

    Parameters
    ----------
    text
        The log, from any rank or launcher: what stands before a line's own text doesn't matter.

    Raises
    ------
    UnsupportedError
        If the settings of a run aren't modelled.
    """
    found: list[Run] = []
    arguments: dict[str, str] | None = None
    for line in text.splitlines():
        if BEGIN.search(line):
            arguments = {}
        elif arguments is not None and END.search(line):
            found.append(Run(settings(arguments)))
            arguments = None
        elif arguments is not None and (match := ARGUMENT.search(line)):
            arguments[match[1]] = match[2].strip()
        elif "elapsed time" in line and (match := LINE.search(line)):
            if not found:
                found.append(Run())
            batch = BATCH.search(line)
            time_ms = finite(match[3], "elapsed time per iteration")
            add(found, Line(int(match[1]), time_ms, float(batch[1]) if batch else float("nan")))
    return [run for run in found if run.lines]


def settings(arguments: Mapping[str, str]) -> Row:
    """Return the columns that arguments state.

    Parameters
    ----------
    arguments
        Values by name, as Megatron prints them.

    Raises
    ------
    UnsupportedError
        If experts are split by tensor ranks, which rows don't describe.
    """
    stated = {k: v for k, v in arguments.items() if v != "None"}
    if "num_experts" in stated and stated.get("expert_tensor_parallel_size", "1") != "1":
        raise UnsupportedError("experts split by tensor ranks (expert_tensor_parallel_size) aren't read")
    found = {column: stated[name] for column, name in COLUMNS.items() if name in stated}
    if "pp" in found:
        found.setdefault("vpp", "1")
    if "layers" in found and "mtp_num_layers" in stated:  # layers that predict further tokens are layers too
        found["layers"] = str(int(found["layers"]) + int(stated["mtp_num_layers"]))
    if precision := _precision(stated):
        found["precision"] = precision
    if "recompute_granularity" in arguments:
        found["recompute"] = _recompute(stated)
    sharded = stated.get("use_megatron_fsdp") == "True" and stated.get("data_parallel_sharding_strategy") == SHARDED
    if sharded or stated.get("use_torch_fsdp2") == "True":
        found["fsdp"] = "yes"
    return found


def _precision(stated: Mapping[str, str]) -> str:
    """Return the precision of matrix products, "" where arguments state none."""
    if "fp4" in stated:
        return "nvfp4"
    if "fp8" in stated:
        return FP8.get(stated.get("fp8_recipe", ""), "fp8")
    for name in ("bf16", "fp16"):
        if stated.get(name) == "True":
            return name
    return "fp32" if {"bf16", "fp16"} <= stated.keys() else ""


def _recompute(stated: Mapping[str, str]) -> str:
    """Return what is computed again: where only some layers are, their number too, which no row describes."""
    granularity = stated.get("recompute_granularity", "none")
    if granularity == "full" and stated.get("recompute_method") == "block":
        return f"full, {stated.get('recompute_num_layers', 'some')} layers of a stage"
    return granularity
