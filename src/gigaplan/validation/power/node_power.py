"""Node power in training: ours against measured nodes of MLPerf Training, and the fit of what nodes draw.

A row names a system and a benchmark. Its activity comes from our own training step in the layout that published recipes of
the benchmark state (``power_recipes.csv``), its start-up from the run's length, its limits from the catalog. Errors are
honest: a row's answer comes from constants that never saw its system, or its maker; intervals are what such errors were.

``python -m gigaplan.validation.power.node_power`` renews the constants of the catalog, those of each fold and the spread, in
seconds; run it after :mod:`gigaplan.validation.training.fit`, whose steps say what GPUs do.
"""

from __future__ import annotations

import csv
import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from gigaplan import catalog
from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.plan.resolve import AIR_COOLED_GPUS, node_draw_of, node_of, training_efficiency_of
from gigaplan.power.inputs import NodeDraw
from gigaplan.power.node import Activity, Node, activity_of, node_w, with_start_up
from gigaplan.training.inputs import Batch
from gigaplan.training.layout import Layouts
from gigaplan.training.step import FORWARD_AND_BACKWARD, step
from gigaplan.validation.serving.names import UnsupportedError
from gigaplan.validation.tables import read_table
from gigaplan.validation.training.rows import generation, known, system_of
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.members import Array

MEASURED, RECIPES, COOLINGS, FOLDS, SPREADS = (
    f"power_{name}.csv" for name in ("measured", "recipes", "coolings", "folds", "spreads")
)
NEEDED = ("system", "benchmark", "nodes_logged")
SPEC: Mapping[str, tuple[float, float]] = {
    "computing_draw_share": (0.92, 0.06),
    "moving_draw_share": (0.5, 0.15),
    "waiting_draw_share": (0.4, 0.15),
    "idle_draw_share": (0.15, 0.05),
    "rest_draw_share": (0.4, 0.15),
    "fan_share": (0.15, 0.05),
}
"""Constants: where hardware suggests that each lies, and how far from it it may well be."""
START_UP_S = (60.0, 1.0)
"""The same of the start-up, the second as a logarithm."""
NOISE = 0.04
"""Scatter of a system's mean about the model, as a logarithm: what a constant's own doubt is weighed against."""
GPUS_PER_TRAY = 4
"""Of an NVL72 compute tray, which its makers call a node."""
COVERED = (0.1, 0.9)
INSIDE, EXTRAPOLATED, UNSUPPORTED = "inside", "extrapolated", "unsupported"
WIDER = 1.5
"""How much wider, in logarithms, an interval is for a benchmark or a generation without a measured row."""
SYSTEM, MAKER = "system", "maker"


@dataclass(frozen=True, slots=True)
class Question:
    """What a row asks: which node trains what, with how many others, for how long, and where its power is measured."""

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


@dataclass(frozen=True, slots=True)
class Row:
    """One measured node and our answer [W]; errors are ours over measured, less one."""

    org: str
    system: str
    benchmark: str
    gpus: int
    at_plug: bool
    published_w: float
    ours_w: float
    low_w: float
    high_w: float
    error: float
    """With constants that never saw the system."""
    maker_error: float
    """With constants that never saw any system of its maker."""
    rated_error: float
    """Of a busy rack's usual share of rated power, as plans assume where nothing else is known."""
    validity: str


@dataclass(frozen=True, slots=True)
class Summary:
    """Errors over some rows, as shares; the bias is the median error with its sign."""

    name: str
    rows: int
    median_abs: float
    p90_abs: float
    bias: float
    covered: float
    width: float


@dataclass(frozen=True)
class PowerValidation:
    """Every answered row, the summaries, and why others can't be answered."""

    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    unsupported: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return dataclasses.asdict(self)


def validate_power(path: Path | None = None) -> PowerValidation:
    """Return published, ours and error of each row of a table with the columns of mlperf_training_power.csv.

    Raises
    ------
    PlanError
        If the table can't be read, or with all the columns that it lacks.
    """
    asked = []
    unsupported = []
    for row in read(path, ("mean_node_W",)):
        try:
            asked.append((row, question(row), _number(row, "mean_node_W")))
        except UnsupportedError as error:
            unsupported.append(str(error))
    rows = tuple(_row(row, q, w) for row, q, w in asked if w > 0)
    return PowerValidation(rows, tuple(_summaries(rows)), tuple(unsupported))


def read(path: Path | None = None, more: Sequence[str] = ()) -> list[dict[str, str]]:
    """Return the rows of a table, or of the one that comes with gigaplan; PlanError if it can't be read."""
    source = path or _data() / MEASURED
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
    """Return what a row asks.

    Raises
    ------
    UnsupportedError
        If its GPU is unknown, the catalog has no rated power of it, or the number of nodes is missing.
    """
    name = row.get("system", "")
    system = system_of(name)
    nodes = _number(row, "nodes_logged")
    if not nodes >= 1:
        raise UnsupportedError(f"'nodes_logged' of {name} is missing or below one")
    rated_w, limit_w, in_rack = _rated(system)
    per_node = _gpus_per_node(name, in_rack)
    benchmark = row.get("benchmark", "")
    guesses = [] if any(r["benchmark"] == benchmark for r in _table(RECIPES)) else [f"no recipe of '{benchmark}'"]
    if generation(system) not in measured_generations():
        guesses.append(f"no measured node of {generation(system)} hardware")
    org = row.get("org", "")
    node = Node(
        gpus=float(per_node),
        gpu_limit_w=limit_w,
        rated_w=rated_w * per_node / in_rack,
        air_cooled=_air(name, org, in_rack),
    )
    run_s = _number(row, "window_s")
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


def power_w(asked: Question, curve: NodeDraw) -> float:
    """Return our mean power of the row's node over its run [W]."""
    busy = _activity(asked.system, asked.benchmark, asked.gpus)
    return float(node_w(with_start_up(busy, asked.run_s, curve), asked.node, curve, at_plug=asked.at_plug))


@cache
def _activity(system: str, benchmark: str, gpus: int) -> Activity:
    """Return what a GPU does in a step of a benchmark, by our own step in the layout of the nearest published recipe."""
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
    some = list(_table(RECIPES))
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
    said = re.search(r"(\d{1,2})x?(?=(?:gh|a|b|h|mi)\d{2,3})", name.lower())
    return int(said[1]) if said and 0 < int(said[1]) <= in_rack else in_rack


def _air(name: str, org: str, in_rack: int) -> float:
    """Return whether a node has fans of its own: by words of its name, else by its size."""
    words = f"{org} {name}".lower()
    return next((float(r["air"]) for r in _table(COOLINGS) if r["word"] in words), float(in_rack <= AIR_COOLED_GPUS))


@cache
def measured_generations() -> frozenset[str]:
    """Return the hardware generations of which nodes were measured."""
    return frozenset(generation(system_of(r["system"])) for r in read())


@dataclass(frozen=True, slots=True)
class Group:
    """Runs of one system and benchmark, measured at one place, as one: mean power and mean length."""

    asked: Question
    mean_w: float


def groups(rows: Sequence[Mapping[str, str]]) -> list[Group]:
    """Return the rows as the fit sees them: each system, benchmark and place of measurement once."""
    by: dict[tuple[object, ...], list[tuple[Question, float]]] = defaultdict(list)
    for row in rows:
        q, w = question(row), _number(row, "mean_node_W")
        if w > 0:
            by[q.name, q.benchmark, q.at_plug].append((q, w))
    return [
        Group(
            replace(some[0][0], run_s=float(np.mean([q.run_s for q, _ in some]))), float(np.mean([w for _, w in some]))
        )
        for some in by.values()
    ]


def fit(some: Sequence[Group]) -> NodeDraw:
    """Return the constants that answer groups best: least squares of logarithms, each constant held to where hardware
    suggests that it lies by how sure that is; one more row is the most that an air-cooled node of eight H100 was seen to
    draw in training (Latif et al. 2024), all of its GPUs computing."""
    from scipy.optimize import least_squares

    start = np.array([v for v, _ in SPEC.values()] + [np.log(START_UP_S[0])])
    doubt = np.array([s for _, s in SPEC.values()] + [START_UP_S[1]])
    curve = node_draw_of(catalog.load())
    most = _most_seen()
    busy = Activity(computing=1.0, moving=0.0, waiting=0.0)

    def made(y: Array) -> NodeDraw:
        x = start + doubt * y
        shares = dict(zip(SPEC, np.clip(x[:-1], 1e-3, 1.0).tolist(), strict=True))
        return replace(curve, **shares, start_up_s=float(np.exp(x[-1])))

    def residual(y: Array) -> Array:
        with_ = made(y)
        off = [np.log(power_w(g.asked, with_) / g.mean_w) for g in some]
        off.append(np.log(float(node_w(busy, most.asked.node, with_)) / most.mean_w))
        return np.concatenate([np.array(off) / NOISE, y])

    return made(least_squares(residual, np.zeros_like(start)).x)


def _most_seen() -> Group:
    """Return the air-cooled node of eight H100 at the most that it was seen to draw."""
    share = next(f for f in catalog.load().all("draw_curve", "busy_share") if f.id == "draw_curve.busy_share.maximum")
    node = node_of(catalog.load(), "h100_hgx")
    asked = Question("node", "", "h100_hgx", "", AIR_COOLED_GPUS, AIR_COOLED_GPUS, node, True, np.inf)
    return Group(asked, share.number * float(node.rated_w))


@cache
def folds() -> Mapping[str, NodeDraw]:
    """Return the constants of each fold: fitted without one system, or without one maker."""
    shipped = node_draw_of(catalog.load())
    by: dict[str, dict[str, float]] = defaultdict(dict)
    for row in _table(FOLDS):
        by[row["fold"]][row["constant"]] = float(row["value"])
    return {name: replace(shipped, **values) for name, values in by.items()}


@cache
def spread(*, extrapolated: bool = False) -> tuple[float, float]:
    """Return low and high of measured over ours: 80 % of honest errors."""
    row = next(iter(_table(SPREADS)))
    further = WIDER if extrapolated else 1.0
    return float(row["low"]) ** further, float(row["high"]) ** further


def _row(row: Mapping[str, str], asked: Question, published: float) -> Row:
    shipped = node_draw_of(catalog.load())
    ours, apart = (power_w(asked, folds().get(asked.fold(kind), shipped)) for kind in (SYSTEM, MAKER))
    low, high = spread(extrapolated=bool(asked.guesses))
    validity = f"{EXTRAPOLATED}: {'; '.join(asked.guesses)}" if asked.guesses else INSIDE
    usual = catalog.load().find("draw_curve", "busy_share").number * float(asked.node.rated_w)
    return Row(
        org=row.get("org", ""),
        system=asked.name,
        benchmark=asked.benchmark,
        gpus=asked.gpus,
        at_plug=asked.at_plug,
        published_w=published,
        ours_w=ours,
        low_w=ours * low,
        high_w=ours * high,
        error=ours / published - 1,
        maker_error=apart / published - 1,
        rated_error=usual / published - 1,
        validity=validity,
    )


def _summaries(rows: Sequence[Row]) -> Iterator[Summary]:
    by: dict[str, list[Row]] = defaultdict(list)
    for r in rows:
        by[f"{r.system}, {r.benchmark}, {'plug' if r.at_plug else 'behind supplies'}"].append(r)
    for name, some in by.items():
        yield _summary(name, some, "error")
    if rows:
        yield _summary("all, each system left out", rows, "error")
        yield _summary("all, each maker left out", rows, "maker_error")
        yield _summary("the same, a busy rack's share of rated power", rows, "rated_error")


def _summary(name: str, rows: Sequence[Row], error: str) -> Summary:
    off = np.array([getattr(r, error) for r in rows])
    ours = [r.published_w * (1 + e) for r, e in zip(rows, off, strict=True)]
    inside = [
        o * r.low_w / r.ours_w <= r.published_w <= o * r.high_w / r.ours_w for o, r in zip(ours, rows, strict=True)
    ]
    width = float(np.median([r.high_w / r.low_w for r in rows]))
    return Summary(
        name,
        len(rows),
        float(np.median(np.abs(off))),
        float(np.quantile(np.abs(off), COVERED[1])),
        float(np.median(off)),
        float(np.mean(inside)),
        width,
    )


def _number(row: Mapping[str, str], name: str) -> float:
    try:
        return float(row.get(name) or "nan")
    except ValueError:
        return float("nan")


@cache
def _table(name: str) -> tuple[dict[str, str], ...]:
    with (_data() / name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def _data() -> Path:
    return Path(str(files("gigaplan.validation"))) / "data"


def main() -> None:
    """Fit on the measured rows and write what the package ships."""
    rows = read()
    some = groups(rows)
    whole = fit(some)
    names = (*SPEC, "start_up_s")
    apart = {
        name: fit([g for g in some if g.asked.fold(kind) != name])
        for kind in (SYSTEM, MAKER)
        for name in sorted({g.asked.fold(kind) for g in some})
    }
    with (_data() / FOLDS).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["fold", "constant", "value"])
        writer.writerows([name, n, f"{getattr(e, n):.5g}"] for name, e in apart.items() for n in names)
    left = [_number(row, "mean_node_W") / power_w(q, apart[q.fold(SYSTEM)]) for row in rows for q in [question(row)]]
    with (_data() / SPREADS).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["rows", "low", "high"])
        writer.writerow([len(left), *(f"{v:.4g}" for v in np.quantile(left, COVERED))])
    own = np.median([abs(power_w(g.asked, whole) / g.mean_w - 1) for g in some])
    _write_facts(
        whole,
        f"fitted with the others on {len(rows)} measured runs of {len(some)} systems, benchmarks and places, held to where "
        f"hardware suggests that each lies; median error left {own:.1%} in sample; honest errors: docs/accuracy.md",
    )


def _write_facts(curve: NodeDraw, note: str) -> None:
    from gigaplan.catalog.catalog import data_folder

    path = data_folder() / "calibration_power.csv"
    kept = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    for row in kept:
        if row["quantity"] in (*SPEC, "start_up_s"):
            row.update(value=f"{getattr(curve, row['quantity']):.4g}", note=note)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(kept[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)


if __name__ == "__main__":
    main()
