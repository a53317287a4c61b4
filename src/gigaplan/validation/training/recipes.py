"""What the published recipes of a table's runs state next to the layout: dispatcher, overlap, graphs, fused kernels.

``training_recipes.csv`` holds the performance recipes of NVIDIA's Megatron-Bridge (Apache-2.0) from release 0.2.2 to
0.5.0, each from the release on in which it last changed. They are inputs of runs; no result is among them.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

RECIPES = "training_recipes.csv"
LAYOUT = ("num_gpus", "tp", "pp", "ep", "micro_batch")
"""Columns by which the recipe that is nearest to a row is chosen, where a model has several on a system."""
MONTH = len("2025-11")
MONTHS = 12  # of a year
AHEAD = 2
"""Months by which the recipe of a container may come before the release that it is kept in."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a recipe states beyond the layout."""

    dispatcher: str
    """``alltoall``, ``deepep`` or ``hybridep``."""
    overlap: bool
    """Whether the exchange with experts takes place while another micro-batch computes."""
    graphs: str
    """What is launched from graphs: ``none``, ``router``, ``dense`` (attention too) or ``full`` (whole iterations)."""
    fused_experts: bool
    """Whether the experts' products, activation and casts are one kernel."""
    narrow_attention: bool
    """Whether attention's products are in FP8."""
    recomputed: bool
    """Whether something cheap is computed again in the backward pass."""


@cache
def _recipes() -> Mapping[tuple[str, ...], list[dict[str, str]]]:
    path = files("gigaplan.validation") / "data" / RECIPES
    by: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        by[row["model"], row["system"], row["precision"], row["block_scaled"]].append(row)
    return by


def recipe_of(
    model: str, system: str, precision: str, *, block_scaled: bool, release: str, layout: Mapping[str, int]
) -> Recipe | None:
    """Return the recipe of a published run: the newest up to its release of the layout nearest to it, or None.

    Parameters
    ----------
    model, system
        Names of the catalog.
    precision
        Precision of products: bf16, fp8 or fp4.
    block_scaled
        Whether their scales go by blocks.
    release
        Month of the run's software.
    layout
        The run's columns ``LAYOUT``.
    """
    there = _recipes().get((model, system, precision, str(int(block_scaled))), [])
    known = [r for r in there if r["release"] <= release[:MONTH]]
    # a container may be newer than the release that it is named by: the recipe of its own layout comes first
    if not known:
        return None
    after = [r for r in there if release[:MONTH] < r["release"] <= _months_later(release[:MONTH], AHEAD)]
    same = [r for r in known if _agrees(r, layout)] or [r for r in after[::-1] if _agrees(r, layout)]
    row = same[-1] if same else max(known, key=lambda r: (sum(int(r[c]) == layout[c] for c in LAYOUT), r["release"]))
    return Recipe(
        row["dispatcher"],
        row["overlap"] == "1",
        row["graphs"],
        row["fused_experts"] == "1",
        row["fp8_attention"] == "1",
        bool(row["recompute_modules"]),
    )


def _months_later(month: str, months: int) -> str:
    year, _, number = month.partition("-")
    count = int(year) * MONTHS + int(number or 1) - 1 + months
    return f"{count // MONTHS}-{count % MONTHS + 1:02d}"


def _agrees(row: Mapping[str, str], layout: Mapping[str, int]) -> bool:
    return all(int(row[c]) == layout[c] for c in LAYOUT)
