"""Renewing the errors on rows of throughput.

``python -m gigaplan.validation.serving.throughput_errors TABLE ...`` writes the errors of tables with results
(``throughput_residuals.csv``) and their spreads in the catalog (``residuals_throughput.csv``).
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import product
from pathlib import Path

from gigaplan.accuracy import serving as accuracy
from gigaplan.accuracy.validity import is_supported
from gigaplan.catalog.names import generation
from gigaplan.validation.residual_facts import Source, count_fact, ratio_fact, write_catalog_table
from gigaplan.validation.serving import mlperf
from gigaplan.validation.serving.loads import VENDORS, load_of, published, vendor
from gigaplan.validation.serving.throughput import tokens
from gigaplan.validation.serving.throughput_residuals import MIN_GROUPS, RESIDUALS, ROUNDS, quantiles, residuals
from gigaplan.vocabulary.files import whole_file
from gigaplan.vocabulary.files.kinds import DATA

DIGITS = 9
"""Significant digits of a spread in the catalog: answers are written with five."""


def write_spreads() -> None:
    """Write the spread of each kind, vendor and round as facts of the catalog."""
    facts = []
    for kind in sorted({r.kind for r in residuals()}):
        for of, round_ in product(VENDORS, ROUNDS):
            entity = f"{accuracy.THROUGHPUT}.{kind}.{of}.{round_}"
            spread, rows = quantiles(kind, of, round_, "")
            facts.append(count_fact(entity, rows, SOURCE, NOTE))
            facts.append(ratio_fact(entity, "throughput_over_predicted", spread, SOURCE, NOTE, DIGITS))
    write_catalog_table("residuals_throughput.csv", facts)


def write_residuals(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    """Write the errors of rows with results, hardware not yet on sale left out."""
    found = []
    for row in rows:
        value, predicted = published(row), tokens(row)
        if value > 0 and is_supported(predicted.validity):
            load = load_of(row)
            guessed = load.layout is None and mlperf.lengths_are_guessed(load.model)
            if not load.mixed and not guessed and not _is_preview(load.system):
                kind = (load.kind, vendor(load.system), ROUNDS[not load.first_round], load.system, load.model)
                found.append([*kind, f"{math.log(value / predicted.per_gpu):.4f}"])
    with whole_file(path, DATA) as work, work.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["kind", "vendor", "round", "system", "model", "log"])
        writer.writerows(sorted(found))


def _is_preview(system: str) -> bool:
    """Return whether a system is one that is predicted from its data sheet only."""
    return generation(system) == "rubin"


def main(tables: Sequence[Path]) -> None:
    """Renew the errors and spreads that come with gigaplan from tables with results."""
    rows = []
    for path in tables:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows += [{k: v or "" for k, v in row.items() if k} for row in csv.DictReader(file)]
    write_residuals(rows, Path(str(files("gigaplan.validation") / "data" / RESIDUALS)))
    residuals.cache_clear()
    quantiles.cache_clear()
    write_spreads()


SOURCE = Source(
    "gigaplan's errors on TensorRT-LLM's performance overview and MLPerf Inference results",
    "https://github.com/mlcommons/inference_results_v5.1",
    "2026-11-24",
)
NOTE = (
    "nothing was fitted on these rows; a system and model with many rows weighs by their root; "
    f"where rows of one vendor and round are of fewer than {MIN_GROUPS} systems and models, "
    "those of all rounds count, then those of all vendors (docs/accuracy.md)"
)


if __name__ == "__main__":
    main([Path(p) for p in sys.argv[1:]])
