"""Rows of measured nodes in training: the question of each, and what a GPU does in a step of its benchmark.

Activity comes from the training step in the layout that published recipes of the benchmark state
(``power_recipes.csv``), start-up from the run's length, limits from the catalog.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from gigaplan import catalog
from gigaplan.accuracy import power as accuracy
from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.catalog.names import generation
from gigaplan.measurements.tables import read_table
from gigaplan.plan.resolve import AIR_COOLED_GPUS, node_of, training_efficiency_of
from gigaplan.power.inputs import NodeDraw
from gigaplan.power.node import Activity, Node, activity_of, node_w, with_start_up
from gigaplan.training.inputs import Batch
from gigaplan.training.layer import FORWARD_AND_BACKWARD
from gigaplan.training.layout import Layouts
from gigaplan.training.step import step
from gigaplan.validation.training.names import known, system_of
from gigaplan.vocabulary.errors import Place, PlanError, Problem, UnsupportedError
from gigaplan.vocabulary.members import Array

MEASURED, RECIPES, COOLINGS = (f"power_{name}.csv" for name in ("measured", "recipes", "coolings"))

NEEDED = ("system", "benchmark", "nodes_logged")

GPUS_PER_TRAY = 4
"""Of an NVL72 compute tray, which its makers call a node."""

SYSTEM, MAKER = "system", "maker"


@dataclass(frozen=True, slots=True)
class Question:
    """The question of a row: which node trains what, with how many others, for how long, and where its power is
    measured."""

    name: str
    maker: str
    system: str
    benchmark: str
    gpus: int
    gpus_per_node: int
    node: Node
    at_plug: bool
    run_s: float
    """Of the whole run; infinite where the row doesn't say."""
    guesses: tuple[str, ...] = ()

    def fold(self, kind: str) -> str:
        """Return the fold of the row, by system or by maker."""
        return f"{kind} {self.name if kind == SYSTEM else self.maker}"


def read(path: Path | None = None, more: Sequence[str] = ()) -> list[dict[str, str]]:
    """Return the rows of a table, or of the one that comes with gigaplan; PlanError if it can't be read.

    Parameters
    ----------
    path
        The table, or None for the sample that comes with gigaplan.
    more
        Columns that are needed besides ``NEEDED``.
    """
    source = path or data_folder() / MEASURED
    columns, rows = read_table(source)
    missing = [k for k in (*NEEDED, *more) if k not in columns]
    if missing:
        raise PlanError(
            [
                Problem(
                    "columns are missing",
                    Place(str(source), 1, 1),
                    value=", ".join(missing),
                    remedy="give a table with the columns of mlperf_training_power.csv",
                )
            ]
        )
    return rows


def question(row: Mapping[str, str]) -> Question:
    """Return the question of a row.

    Raises
    ------
    UnsupportedError
        If its GPU is unknown, the catalog has no rated power of it, or the number of nodes is missing.
    """
    name = row.get("system", "")
    system = system_of(name)
    nodes = number(row, "nodes_logged")
    if not nodes >= 1:
        raise UnsupportedError(f"'nodes_logged' of {name} is missing or below one")
    rated_w, limit_w, in_rack = _rated(system)
    per_node = _gpus_per_node(name, in_rack)
    benchmark = row.get("benchmark", "")
    guesses = [] if any(r["benchmark"] == benchmark for r in table(RECIPES)) else [f"no recipe of '{benchmark}'"]
    if generation(system) not in accuracy.measured_generations():
        guesses.append(f"no measured node of {generation(system)} hardware")
    org = row.get("org", "")
    node = Node(
        gpus=float(per_node),
        gpu_limit_w=limit_w,
        rated_w=rated_w * per_node / in_rack,
        air_cooled=_air(name, org, in_rack),
    )
    run_s = number(row, "window_s")
    return Question(
        name=name,
        maker=re.split(r"[^a-z]", org.lower() or name.lower())[0],
        system=system,
        benchmark=benchmark,
        gpus=int(nodes) * per_node,
        gpus_per_node=per_node,
        node=node,
        at_plug="dc" not in re.split(r"[^a-z]", org.lower()),
        run_s=run_s if run_s > 0 else np.inf,
        guesses=tuple(guesses),
    )


def power_w(node_question: Question, curve: NodeDraw) -> float:
    """Return the predicted mean power of the row's node over its run [W].

    Parameters
    ----------
    node_question
        The question of a row.
    curve
        Constants of node power.
    """
    busy = _activity(node_question.system, node_question.benchmark, node_question.gpus)
    return float(
        node_w(
            with_start_up(busy, node_question.run_s, curve), node_question.node, curve, at_plug=node_question.at_plug
        )
    )


@cache
def _activity(system: str, benchmark: str, gpus: int) -> Activity:
    """Return what a GPU does in a step of a benchmark, in the layout of the nearest published recipe."""
    recipe = _recipe(benchmark, generation(system), gpus)
    device, model = known(system, recipe["model"])
    tp, cp, pp, vpp = (float(recipe[k]) for k in ("tp", "cp", "pp", "vpp"))
    data = max(gpus // int(tp * cp * pp), 1)
    sequences, sequence = max(float(recipe["batch"]), float(data)), int(recipe["sequence"])

    def one(value: float) -> Array:
        return np.array([value])

    at = Layouts(
        tensor=one(tp),
        pipeline=one(pp),
        expert=one(1.0),
        data=one(float(data)),
        micro_batch=one(1.0),
        recompute=one(0.0),
        context=one(cp),
        chunks=one(vpp),
    )
    batch = Batch(global_batch_tokens=sequences * sequence, sequence_tokens=sequence, precision="fp8")
    found = step(device, model, batch, at, training_efficiency_of(catalog.load()))
    computing, moving, waiting = (float(v[0]) for v in found.activity)
    if recipe["frozen"] == "1":  # low-rank adaptors: no gradients of weights, nothing to sum or to update
        computing *= (FORWARD_AND_BACKWARD - 1) / FORWARD_AND_BACKWARD
        moving -= float(found.gradients[0] + found.optimiser[0])
    shares = activity_of(one(computing), one(moving), one(waiting))
    return Activity(
        computing=float(shares.computing[0]),  # type: ignore[index]
        moving=float(shares.moving[0]),  # type: ignore[index]
        waiting=float(shares.waiting[0]),  # type: ignore[index]
    )


def _recipe(benchmark: str, kind: str, gpus: int) -> Mapping[str, str]:
    """Return the recipe nearest in scale: of the benchmark, on the generation, where there are any."""
    some = list(table(RECIPES))
    for key, value in (("benchmark", benchmark), ("generation", kind)):
        some = [r for r in some if r[key] == value] or some
    return min(some, key=lambda r: abs(np.log(float(r["gpus"]) / gpus)))


def _rated(system: str) -> tuple[float, float, int]:
    """Return the rated power of a system's rack [W], the limit of one GPU [W], and the GPUs in the rack."""
    try:
        rack = node_of(catalog.load(), system)
    except UnknownFactError:
        raise UnsupportedError(f"the catalog has no rated power of {system}") from None
    return float(rack.rated_w), float(rack.gpu_limit_w), int(rack.gpus)


def _gpus_per_node(name: str, in_rack: int) -> int:
    """Return the GPUs of a node: as many as its name says right before that of its GPU (``8xB200``), else the usual."""
    if in_rack > AIR_COOLED_GPUS:
        return GPUS_PER_TRAY
    stated = re.search(r"(\d{1,2})x?(?=(?:gh|a|b|h|mi)\d{2,3})", name.lower())
    return int(stated[1]) if stated and 0 < int(stated[1]) <= in_rack else in_rack


def _air(name: str, org: str, in_rack: int) -> float:
    """Return whether a node has fans of its own: by words of its name, else by its size."""
    words = f"{org} {name}".lower()
    return next((float(r["air"]) for r in table(COOLINGS) if r["word"] in words), float(in_rack <= AIR_COOLED_GPUS))


def number(row: Mapping[str, str], name: str) -> float:
    """Return a cell's number; nan where it holds none."""
    try:
        return float(row.get(name) or "nan")
    except ValueError:
        return float("nan")


@cache
def table(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a table that comes with gigaplan."""
    with (data_folder() / name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def data_folder() -> Path:
    """Return the folder of the tables that come with gigaplan."""
    return Path(str(files("gigaplan.validation"))) / "data"
