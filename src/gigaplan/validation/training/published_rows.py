"""The loader of published training tables: it fills in what their publications state elsewhere.

It reads rows of the tables in :mod:`gigaplan.validation.published_tables` only. Results are never read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from gigaplan.catalog.names import generation
from gigaplan.training.layout import FULL, SELECTIVE
from gigaplan.training.software import ALL_TO_ALL, dispatcher, predates_layer_graphs, years_behind
from gigaplan.validation.training.names import architecture_name, known, optional_number, system_of, whole_number
from gigaplan.validation.training.recipes import Recipe, recipe_of
from gigaplan.validation.training.rows import Question
from gigaplan.validation.training.sources import MODERN, released, software_of, source_of
from gigaplan.vocabulary.errors import UnsupportedError

BLOCKS = ("mx", "nvfp4", "block")
"""Words in a table's precision that say that scales go by blocks."""

ONE_NODE = 8
"""GPUs up to which vTrain's table has times put together from profiled operators (they are a sum of layers,
micro-batches and ends to 0.1 %), whose head runs at a quarter of its speed where tensor ranks don't pad the
vocabulary; larger ones are measured runs."""


def question(row: Mapping[str, str]) -> Question:
    """Return the question of a row.

    Raises
    ------
    UnsupportedError
        If system, model or layout are unknown, or the layout does not give the row's GPUs.
    """
    frozen = float("lora" in row.get("model", "").lower())
    guesses: list[str] = []
    layout = {k: whole_number(row, k) for k in ("tp", "pp", "global_batch", "seq_len", "num_gpus")}
    layout["cp"] = optional_number(row, "cp", 1)
    layout |= _micro_and_data(row, layout, guesses)
    # torchtitan's local batch goes in parts through the stages
    parts = re.search(r"microbatch (\d+) x", row.get("notes") or "")
    layout["micro_batch"] = int(parts[1]) if parts else layout["micro_batch"]
    system, model = system_of(row.get("gpu", "")), architecture_name(row)
    layers = known(system, model)[1].layers
    _check_layout(layout, layers)
    chunks = optional_number(row, "vpp", 0) or _guessed_chunks(row, layout["pp"], layers, guesses)
    software, release = software_of(row), released(row)
    # With a fixed capacity (tokens dropped) there are no counts of tokens to wait for.
    drops = "tokendrop" in (row.get("model") or "")
    precision, blocks = _precision(row.get("precision", "")), any(w in row.get("precision", "").lower() for w in BLOCKS)
    layout["ep"] = optional_number(row, "ep", 1)
    recipe = None
    if source_of(row) == "bridge":
        plain = {"tp": layout["tp"], "pp": layout["pp"], "ep": layout["ep"]}
        plain |= {"num_gpus": layout["num_gpus"], "micro_batch": layout["micro_batch"]}
        name = model.partition("+")[0]
        recipe = recipe_of(name, system, precision, block_scaled=blocks, release=release, layout=plain)
    found = Question(
        system=system,
        model=model,
        precision=precision,
        software=software,
        years_behind=0.0 if software != MODERN else years_behind(release, generation(system)),
        launched_by_host=0.0,
        block_scaled=float(blocks),
        sequence=layout["seq_len"],
        sequences=layout["global_batch"],
        gpus=layout["num_gpus"],
        tensor=layout["tp"],
        pipeline=layout["pp"],
        data=layout["dp"],
        context=layout["cp"],
        expert=layout["ep"],
        chunks=chunks,
        micro_batch=layout["micro_batch"],
        recompute=_recompute(row) or (SELECTIVE if recipe is not None and recipe.recomputed else 0.0),
        fully_sharded=_sharded(row),
        guesses=tuple(guesses),
        odd_vocabulary=float(source_of(row) == "vtrain" and layout["num_gpus"] <= ONE_NODE and layout["tp"] == 1),
        frozen=frozen,
    )
    return replace(found, **_launches(release, generation(system), recipe, drops=drops))  # type: ignore[arg-type]


def _launches(release: str, hardware: str, recipe: Recipe | None, *, drops: bool) -> dict[str, float]:
    """Return what a run launches, fuses and sends: of its recipe, or as was usual with software of its age."""
    if recipe is None:
        old = predates_layer_graphs(release, hardware)
        each = float(dispatcher(release, hardware) == ALL_TO_ALL)
        return {"launched_by_host": 0.0 if drops else old, "unfused_experts": old, "copy_per_expert": each}
    return {
        "launched_by_host": float(recipe.graphs != "full" and not drops),
        "unfused_experts": float(not recipe.fused_experts),
        "copy_per_expert": float(recipe.dispatcher == ALL_TO_ALL),
        "expert_overlap": float(recipe.overlap),
        "dense_graphs": float(recipe.graphs in ("dense", "full")),
        "narrow_attention": float(recipe.narrow_attention),
    }


def _micro_and_data(row: Mapping[str, str], layout: Mapping[str, int], guesses: list[str]) -> dict[str, int]:
    """Return micro-batch and data ranks, as usual where a table leaves them out."""
    found = {}
    for name, usual in (("micro_batch", 1), ("dp", layout["num_gpus"] // (layout["tp"] * layout["pp"] * layout["cp"]))):
        found[name] = whole_number(row, name) if row.get(name) else max(usual, 1)
        if not row.get(name):
            guesses.append(f"{name} not stated, {found[name]} assumed")
    return found


def _check_layout(layout: Mapping[str, int], layers: int) -> None:
    """Refuse a layout that doesn't give the row's GPUs, splits layers, or leaves data ranks without a sequence."""
    gpus = layout["tp"] * layout["pp"] * layout["dp"] * layout["cp"]
    if gpus != layout["num_gpus"]:
        raise UnsupportedError(
            f"tp x pp x dp x cp is {gpus:,}, not num_gpus {layout['num_gpus']:,}: correct one of them"
        )
    if layout["pp"] > layers:
        raise UnsupportedError(f"pp {layout['pp']} is more than the model's {layers} layers")
    minimum = layout["dp"] * layout["micro_batch"]
    if layout["global_batch"] < minimum:
        raise UnsupportedError(f"global_batch {layout['global_batch']} is less than dp x micro_batch, {minimum}")


def _guessed_chunks(row: Mapping[str, str], stages: int, layers: int, guesses: list[str]) -> int:
    """Return the chunks of each stage (virtual pipeline) where the table leaves them out."""
    if stages > 1 and source_of(row) == "mlperf":
        chunks = max(layers // stages, 1)
        guesses.append(f"vpp not stated, {chunks} guessed: one layer each, as in the same recipe a release before")
        return chunks
    if stages > 1 and "interleaved" in (row.get("vpp") or "").lower():
        guesses.append("chunks of the interleaved schedule not stated, 1 guessed")
    return 1


def _recompute(row: Mapping[str, str]) -> float:
    text = (row.get("recompute") or "").lower()
    return FULL if "full" in text else SELECTIVE if "selective" in text else 0.0


def _sharded(row: Mapping[str, str]) -> bool:
    """Return whether weights are sharded over the data ranks (FSDP, ZeRO-3)."""
    stated = f"{row.get('notes') or ''} {row.get('model') or ''}".lower()
    return (
        optional_number(row, "fsdp", 0) > 0 or "fsdp" in stated or "zero-3" in stated or source_of(row) == "torchtitan"
    )


def _precision(text: str) -> str:
    name = text.lower()
    if "ambiguous" in name or "?" in name:
        raise UnsupportedError(f"the precision '{text}' is not certain")
    for word, precision in (("fp4", "fp4"), ("fp8", "fp8"), ("bf16", "bf16"), ("fp16", "bf16")):
        if word in name:
            return precision
    raise UnsupportedError(f"precision '{text}' is none of bf16, fp16, fp8 and fp4")
