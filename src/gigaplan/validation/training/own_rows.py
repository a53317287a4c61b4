"""The reader of users' training rows: what a row says is computed, or the row is refused.

Labels (``id``, ``source``, ``url``, ``notes``) are never read; ``date`` is that of the software, as ``2026-03``, and
``software`` its kind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gigaplan import catalog
from gigaplan.catalog.names import generation, plain_name
from gigaplan.compute.transformer import Architecture
from gigaplan.measurements.cells import Cells
from gigaplan.plan.resolve import model_of
from gigaplan.plan.resolver import meant_in_table
from gigaplan.training.layout import FULL, SELECTIVE
from gigaplan.training.ranks import Ranks, misfits
from gigaplan.training.software import (
    ALL_GATHER,
    ALL_TO_ALL,
    DISPATCHERS,
    dispatcher,
    predates_layer_graphs,
    years_behind,
)
from gigaplan.validation.training.gpt_sizes import shape_of_size
from gigaplan.validation.training.names import PLAIN, PUBLISHED_GPTS, known
from gigaplan.validation.training.names import architecture as named_architecture
from gigaplan.validation.training.rows import Question
from gigaplan.validation.training.sources import CLASSIC, CLASSIC_SPLIT, MODERN
from gigaplan.vocabulary.errors import UnsupportedError

BLOCK = "block"
PRECISIONS = {
    **dict.fromkeys(("bf16", "bfloat16", "fp16", "float16", "fp16/bf16(mixed)", "ampbf16"), "bf16"),
    **dict.fromkeys(("fp8", "fp8cs", "fp8delayed", "fp8tensorwise", "fp8rowwise", "ampfp8"), "fp8"),
    **dict.fromkeys(("mxfp8", "fp8mx", "fp8block", "fp8blockwise"), f"fp8 {BLOCK}"),
    **dict.fromkeys(("fp4", "nvfp4", "mxfp4"), f"fp4 {BLOCK}"),
}
"""Precisions of matrix products as tables write them, with the width and whether scales go by blocks."""
RECOMPUTES = {"none": "none", "no": "none", "selective": "selective", "full": "full"}
SHARES = {"none": 0.0, "selective": SELECTIVE, "full": FULL}
SOFTWARE = {re.sub(r"[\s_-]+", "", name): name for name in (MODERN, CLASSIC, CLASSIC_SPLIT)}
POWER = re.compile(r"\b(\d+(?:\.\d+)?) ?W\b")
BANDWIDTH = re.compile(r"\b(\d+(?:\.\d+)?) ?TB/s")
RESULTS = ("value", "tokens_per_s_per_gpu")
LAYERS = "layers"
ADAPTERS = re.compile(r"[\[(]?\b(?:q?lora|peft)\b[\])]?", re.IGNORECASE)
"""How a model's name says that adapters are trained on its frozen weights."""
SHAPE = (LAYERS, "hidden", "heads")


def question(row: Mapping[str, str]) -> Question:
    """Return the question of a user's row.

    Raises
    ------
    UnsupportedError
        With every cell that can't be read, or what else stands against the row.
    """
    cells = Cells(row)
    system, model = _system(cells), _model(cells)
    gpus, sequence, batch = (cells.count(k) for k in ("num_gpus", "seq_len", "global_batch"))
    tensor, pipeline, context, expert, micro = (cells.count(k, 1) for k in ("tp", "pp", "cp", "ep", "micro_batch"))
    chunks = 1 if cells.text("vpp").lower() in ("n/a", "none") else cells.count("vpp", 1)
    data = _data(cells, gpus, tensor * pipeline * context)
    width, _, block = cells.word("precision", PRECISIONS, "bf16").partition(" ")
    recompute = SHARES[cells.word("recompute", RECOMPUTES, "none")]
    sharded = cells.flag("fsdp")
    wide = cells.count("bf16_layers") if cells.text("bf16_layers") else 0
    software, release = cells.word("software", SOFTWARE, MODERN), _date(cells)
    _read_results(cells)
    device, architecture = known(system, model)
    old = predates_layer_graphs(release, generation(system))
    sent = _dispatcher(cells, release, generation(system), architecture)
    cells.check()
    _check_ranks(
        Ranks(
            tensor=tensor,
            pipeline=pipeline,
            context=context,
            data=data,
            expert=expert,
            chunks=chunks,
            micro_batch=micro,
            gpus=gpus,
            sequence_tokens=sequence,
            sequences=batch,
            scaleup_gpus=device.scaleup_gpus,
            model=architecture,
        )
    )
    return Question(
        system=system,
        model=model,
        precision=width,
        software=software,
        years_behind=0.0 if software != MODERN else years_behind(release, generation(system)),
        launched_by_host=old,
        block_scaled=float(block == BLOCK),
        sequence=sequence,
        sequences=batch,
        gpus=gpus,
        tensor=tensor,
        pipeline=pipeline,
        data=data,
        context=context,
        expert=expert,
        chunks=chunks,
        micro_batch=micro,
        recompute=recompute,
        fully_sharded=sharded,
        unfused_experts=old,
        **_beyond_layout(row, sent, wide),  # type: ignore[arg-type]
        assumed=tuple(cells.assumed),
        ran=False,
        by_user=True,
    )


def _read_results(cells: Cells) -> None:
    for name in RESULTS:
        cells.result(name)
    cells.check()


def _beyond_layout(row: Mapping[str, str], sent: str, wide: int) -> dict[str, float]:
    """Return how tokens reach experts, how many layers keep BF16, and whether adapters are trained."""
    return {
        "copy_per_expert": float(sent == ALL_TO_ALL),
        "every_token": float(sent == ALL_GATHER),
        "wide_layers": float(wide),
        "frozen": float(bool(ADAPTERS.search(row.get("model") or ""))),
    }


def _check_ranks(ranks: Ranks) -> None:
    if wrong := misfits(ranks):
        raise UnsupportedError("; ".join(f"{m.what} ({m.value}): {m.remedy}" for m in wrong))


def model_answered(row: Mapping[str, str]) -> str:
    """Return the architecture that a row names, "" where it names none."""
    return _model(Cells(row))


def _system(cells: Cells) -> str:
    """Return the system of a row, with the power and memory that are stated next to its name behind an ``@``."""
    text = cells.text("gpu")
    power, memory = POWER.search(text), BANDWIDTH.search(text)
    plain = BANDWIDTH.sub("", POWER.sub("", text)).strip()
    for found, what in ((power, "power"), (memory, "memory bandwidth")):
        if found and not float(found[1]) > 0:
            cells.refuse("gpu", f"a {what} above zero, or leave it out")
    try:
        limits = (f"@{power[1]}W" if power else "") + (f"@{memory[1]}TB/s" if memory else "")
        return meant_in_table("system", plain) + limits
    except UnsupportedError as error:
        cells.wrong.append(str(error))
        return ""


def _model(cells: Cells) -> str:
    """Return the architecture of a row: the catalog's, with as many layers as the row states, or a plain GPT's."""
    text = ADAPTERS.sub("", cells.text("model")).strip()
    stated = {k: cells.count(k) for k in SHAPE if cells.text(k)}
    if plain_name(text).startswith(PLAIN) and len(stated) == len(SHAPE):
        return "gpt:" + ":".join(str(stated[k]) for k in SHAPE)
    usual = shape_of_size(text) if plain_name(text).startswith(PLAIN) and not stated else None
    if usual and not plain_name(text).startswith(PUBLISHED_GPTS):
        for column, number in zip(SHAPE, usual, strict=True):
            cells.assume(column, number, "of the usual table of GPTs of that size")
        return "gpt:" + ":".join(str(v) for v in usual)
    try:
        if not text:
            raise UnsupportedError("'model' is empty: name one of the catalog")
        name = meant_in_table("model", text)
    except UnsupportedError as error:
        cells.wrong.append(f"{error}; a plain GPT of another shape is called GPT, with its {', '.join(SHAPE)}")
        return ""
    architecture = model_of(catalog.load(), name)
    for column in ("hidden", "heads"):
        there = int(getattr(architecture, column))
        if stated.get(column, there) != there:
            cells.refuse(column, f"{there}, as {name} has it, or leave it empty")
    layers = stated.get(LAYERS, architecture.layers)
    return name if layers == architecture.layers else _with_layers(cells, name, layers, architecture)


def _with_layers(cells: Cells, name: str, layers: int, whole: Architecture) -> str:
    """Return the name of a model with another number of layers than it has, a fact of the run that is told."""
    found = f"{name}+{layers}"
    cells.assume(LAYERS, layers, f"as the row states; {name} has {whole.layers}")
    dense = named_architecture(found).first_dense_layers
    if dense != whole.first_dense_layers:
        cells.assume("dense layers", dense, f"the row leaves them open; {name} has {whole.first_dense_layers}")
    return found


def _dispatcher(cells: Cells, release: str, hardware: str, model: Architecture) -> str:
    """Return how tokens reach their experts: as stated, else as is usual with software of that age."""
    usual = dispatcher(release, hardware)
    if not model.experts:
        return usual
    if cells.text("dispatcher"):
        return cells.word("dispatcher", {name: name for name in DISPATCHERS}, usual)
    cells.assume("dispatcher", usual, "as is usual with software of this age")
    return usual


def _data(cells: Cells, gpus: int, replica: int) -> int:
    if cells.text("dp"):
        return cells.count("dp")
    data = max(gpus // replica, 1)
    cells.assume("dp", data, "num_gpus over tp x pp x cp")
    return data


def _date(cells: Cells) -> str:
    """Return the date of the software, "" for the newest."""
    text = cells.text("date")
    if not text:
        cells.assume("date", "of the newest software")
    elif not re.fullmatch(r"(19|20)\d\d(-(0[1-9]|1[0-2])(-\d\d)?)?", text):
        cells.refuse("date", "the date of the software, as 2026 or 2026-03, or leave it empty")
    return text
