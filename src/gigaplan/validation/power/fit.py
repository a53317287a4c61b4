"""Fitting what nodes draw in training, by what their GPUs do.

``python -m gigaplan.validation.power.fit`` renews the constants and residuals of the catalog and the constants of
each fold, in seconds; run it after :mod:`gigaplan.validation.training.fit`, whose steps say what GPUs do.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gigaplan import catalog
from gigaplan.accuracy import power as accuracy
from gigaplan.accuracy.residuals import COVERED
from gigaplan.catalog.catalog import data_folder as catalog_folder
from gigaplan.catalog.names import generation
from gigaplan.plan.resolve import AIR_COOLED_GPUS, node_draw_of, node_of
from gigaplan.power.inputs import NodeDraw
from gigaplan.power.node import Activity, node_w
from gigaplan.validation.power.folds import FOLDS
from gigaplan.validation.power.rows import MAKER, SYSTEM, Question, data_folder, number, power_w, question, read
from gigaplan.validation.residual_facts import Source, count_fact, ratio_fact, write_catalog_table
from gigaplan.validation.training.names import system_of
from gigaplan.vocabulary.files import whole_file
from gigaplan.vocabulary.files.kinds import DATA
from gigaplan.vocabulary.members import Array

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


@dataclass(frozen=True, slots=True)
class Group:
    """Runs of one system and benchmark, measured at one place, as one: mean power and mean length."""

    node_question: Question
    mean_w: float


def groups(rows: Sequence[Mapping[str, str]]) -> list[Group]:
    """Return the rows as the fit sees them: each system, benchmark and place of measurement once."""
    by: dict[tuple[object, ...], list[tuple[Question, float]]] = defaultdict(list)
    for row in rows:
        q, w = question(row), number(row, "mean_node_W")
        if w > 0:
            by[q.name, q.benchmark, q.at_plug].append((q, w))
    return [
        Group(
            replace(some[0][0], run_s=float(np.mean([q.run_s for q, _ in some]))), float(np.mean([w for _, w in some]))
        )
        for some in by.values()
    ]


def fit(some: Sequence[Group]) -> NodeDraw:
    """Return the constants that answer groups best: least squares of logarithms, each constant pulled to where hardware
    suggests that it lies by how sure that is; one more row is the most that an air-cooled node of eight H100 was seen
    to draw in training (Latif et al. 2024), all of its GPUs computing."""
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
        off = [np.log(power_w(g.node_question, with_) / g.mean_w) for g in some]
        off.append(np.log(float(node_w(busy, most.node_question.node, with_)) / most.mean_w))
        return np.concatenate([np.array(off) / NOISE, y])

    return made(least_squares(residual, np.zeros_like(start)).x)


def _most_seen() -> Group:
    """Return the air-cooled node of eight H100 at the most that it was seen to draw."""
    share = next(f for f in catalog.load().all("draw_curve", "busy_share") if f.id == "draw_curve.busy_share.maximum")
    node = node_of(catalog.load(), "h100_hgx")
    node_question = Question("node", "", "h100_hgx", "", AIR_COOLED_GPUS, AIR_COOLED_GPUS, node, True, np.inf)
    return Group(node_question, share.number * float(node.rated_w))


def main() -> None:
    """Fit on the measured rows and write what the package ships."""
    rows = read()
    some = groups(rows)
    whole = fit(some)
    names = (*SPEC, "start_up_s")
    apart = {
        name: fit([g for g in some if g.node_question.fold(kind) != name])
        for kind in (SYSTEM, MAKER)
        for name in sorted({g.node_question.fold(kind) for g in some})
    }
    with whole_file(data_folder() / FOLDS, DATA) as work, work.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["fold", "constant", "value"])
        writer.writerows([name, n, f"{getattr(e, n):.5g}"] for name, e in apart.items() for n in names)
    left = [number(row, "mean_node_W") / power_w(q, apart[q.fold(SYSTEM)]) for row in rows for q in [question(row)]]
    _write_residuals(rows, left)
    own = np.median([abs(power_w(g.node_question, whole) / g.mean_w - 1) for g in some])
    _write_facts(
        whole,
        f"fitted with the others on {len(rows)} measured runs of {len(some)} systems, benchmarks and places, held "
        f"to where hardware suggests that each lies; median error left {own:.1%} in sample; "
        "errors out of sample: docs/accuracy.md",
    )


def _write_residuals(rows: Sequence[Mapping[str, str]], ratios: Sequence[float]) -> None:
    """Write measured over predicted of all rows, and how many each hardware generation has, as facts of the catalog."""
    low, median, high = (float(q) for q in np.quantile(ratios, (COVERED[0], 0.5, COVERED[1])))
    facts = [
        count_fact(accuracy.RESIDUALS, len(rows), SOURCE, NOTE),
        ratio_fact(accuracy.RESIDUALS, "node_power_over_predicted", (low, median, high), SOURCE, NOTE),
    ]
    for name, count in sorted(Counter(generation(system_of(r["system"])) for r in rows).items()):
        facts.append(count_fact(f"{accuracy.ROWS}.{name}", count, SOURCE, FITTED))
    write_catalog_table("residuals_power.csv", facts)


def _write_facts(curve: NodeDraw, note: str) -> None:
    path = catalog_folder() / "calibration_power.csv"
    table_rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    for row in table_rows:
        if row["quantity"] in (*SPEC, "start_up_s"):
            row.update(value=f"{getattr(curve, row['quantity']):.4g}", note=note)
    write_catalog_table(path.name, table_rows)


SOURCE = Source(
    "gigaplan's fit on MLPerf Training power rows", "https://github.com/mlcommons/training_results_v4.0", "2026-11-24"
)
NOTE = "each run predicted by constants fitted without its own system (docs/accuracy.md)"
FITTED = "measured runs that the power constants were fitted on"


if __name__ == "__main__":
    main()
