"""Speeds under a power limit: published and predicted, and the fit of the clock's constants.

``python -m gigaplan.validation.power.limits`` renews the constants of the catalog and those of each fold. Rows are
fitted on where training was bound by arithmetic at its limit; each is predicted by constants that never saw its GPU,
and rows of other sources by the constants that ship.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from gigaplan import catalog
from gigaplan.catalog.catalog import data_folder as catalog_folder
from gigaplan.compute.clock import ClockCurve, clock_share, power_share
from gigaplan.plan.resolve import clock_curve_of
from gigaplan.validation.power.rows import data_folder, table
from gigaplan.validation.residual_facts import write_catalog_table
from gigaplan.vocabulary.files import whole_file
from gigaplan.vocabulary.files.kinds import DATA
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.show import Brief, error_text

FITTED_FROM = 0.48
"""Lowest limit over the rated power of the rows that are fitted on."""
LIMITS, FOLDS = "power_limits.csv", "power_limit_folds.csv"
COMPUTE, FIT = "compute", "fit"
START: Mapping[str, tuple[float, float]] = {"static_power_share": (0.3, 0.15), "clock_exponent": (3.0, 2.0)}
"""Constants: where hardware suggests that each lies (idle with memory active; the cube of dynamic power), and how far
from it it may well be."""
STATIC_BOUNDS, EXPONENT_BOUNDS = (0.0, 0.9), (1.0, 8.0)
"""What they may be at all."""
NOISE = 0.05
"""Scatter of a kind of work about the model, as a logarithm: what a constant's own doubt is weighed against."""


@dataclass(frozen=True, slots=True, repr=False)
class LimitRow(Brief):
    """One published speed under a power limit and its prediction."""

    source: str
    gpu: str
    work: str
    bound: str
    """What bounds the work: 'compute', as fast as the clock, or 'memory', which the limit leaves alone."""
    limit_share: float
    """Power limit over the rated power."""
    rows: int
    """Measured rows behind the figure, which is their median."""
    published: float
    """Speed over that at the rated power."""
    predicted: float
    error: float
    """Predicted over published, less one."""
    fitted: bool
    """Whether other GPUs of the same source were fitted on; never the row's own."""
    valid: bool
    """Whether a plan may state such a limit."""

    def brief_line(self) -> str:
        """Return published, predicted and the error."""
        return f"{self.published:.2f} published, {self.predicted:.2f} predicted ({error_text(self.error)})"


@dataclass(frozen=True, slots=True)
class _Measured:
    """A row of the table, as numbers."""

    row: Mapping[str, str]
    limit_share: float
    speed_share: float

    @property
    def kind(self) -> tuple[str, str]:
        """The GPU and the kind of work, whatever its batch."""
        return self.row["gpu"], self.row["workload"].split(",")[0]


def measured() -> tuple[_Measured, ...]:
    """Return the published speeds under power limits."""
    return tuple(
        _Measured(r, float(r["limit_w"]) / float(r["rated_w"]), float(r["speed_share"])) for r in table(LIMITS)
    )


def validate_limits() -> tuple[LimitRow, ...]:
    """Return published and predicted speed under every limit, medians of rows that differ in batch or context alone."""
    by: dict[tuple[str, ...], list[_Measured]] = defaultdict(list)
    for m in measured():
        by[m.row["source"], *m.kind, m.row["bound"], f"{m.limit_share:.3f}"].append(m)
    return tuple(_row(some) for some in by.values())


def _row(some: Sequence[_Measured]) -> LimitRow:
    first = some[0]
    fitted = first.row["role"] == FIT
    curve = folds()[first.row["gpu"]] if fitted else clock_curve_of(catalog.load())
    published = float(np.median([m.speed_share for m in some]))
    predicted = float(clock_share(first.limit_share, curve)) if first.row["bound"] == COMPUTE else 1.0
    return LimitRow(
        source=first.row["source"],
        gpu=first.row["gpu"],
        work=first.kind[1],
        bound=first.row["bound"],
        limit_share=first.limit_share,
        rows=len(some),
        published=published,
        predicted=predicted,
        error=predicted / published - 1,
        fitted=fitted,
        valid=_valid(first),
    )


def _valid(row: _Measured) -> bool:
    """Return whether a plan may state a row's limit."""
    curve = clock_curve_of(catalog.load())
    return row.limit_share >= float(power_share(curve.min_clock_share, curve))


def limits_line(rows: Sequence[LimitRow]) -> str:
    """Return the median errors of rows within the relation's validity, by what bounds the work.

    Parameters
    ----------
    rows
        Compared rows.
    """
    parts = []
    for words, some in (
        ("bound by arithmetic, GPU left out", [r for r in rows if r.bound == COMPUTE and r.fitted and r.valid]),
        ("bound by arithmetic, other sources", [r for r in rows if r.bound == COMPUTE and not r.fitted and r.valid]),
        ("bound by memory", [r for r in rows if r.bound != COMPUTE and r.valid]),
    ):
        if some:
            off = float(np.median([abs(r.error) for r in some]))
            parts.append(f"{words}: {error_text(off)} of {len(some)}")
    return "; ".join(parts)


@cache
def folds() -> Mapping[str, ClockCurve]:
    """Return the constants fitted without one GPU, by its name."""
    shipped = clock_curve_of(catalog.load())
    by: dict[str, dict[str, float]] = defaultdict(dict)
    for row in table(FOLDS):
        by[row["gpu"]][row["constant"]] = float(row["value"])
    return {name: replace(shipped, **values) for name, values in by.items()}


def fit(some: Sequence[_Measured], min_clock_share: float) -> ClockCurve:
    """Return the constants that answer rows best: least squares of logarithms, each kind of work weighing alike, each
    constant pulled to where hardware suggests that it lies.

    Parameters
    ----------
    some
        Rows bound by arithmetic.
    min_clock_share
        Lowest clock, which isn't fitted.
    """
    from scipy.optimize import least_squares

    limit, speed = (np.array([getattr(m, name) for m in some]) for name in ("limit_share", "speed_share"))
    alike = Counter(m.kind for m in some)
    weight = 1 / np.sqrt([alike[m.kind] / len({x.limit_share for x in some if x.kind == m.kind}) for m in some])
    start, doubt = (np.array([v[i] for v in START.values()]) for i in (0, 1))

    def made(y: Array) -> ClockCurve:
        static, exponent = start + doubt * y
        return ClockCurve(
            static_power_share=float(np.clip(static, *STATIC_BOUNDS)),
            clock_exponent=float(np.clip(exponent, *EXPONENT_BOUNDS)),
            min_clock_share=min_clock_share,
        )

    def residual(y: Array) -> Array:
        return np.concatenate([weight * np.log(clock_share(limit, made(y)) / speed) / NOISE, y])

    return made(least_squares(residual, np.zeros(len(START))).x)


def main() -> None:
    """Fit on the rows and write what the package ships."""
    lowest = catalog.load().find("gpu_clock", "min_clock_share").number
    some = [m for m in measured() if m.row["role"] == FIT and m.limit_share >= FITTED_FROM]
    whole = fit(some, lowest)
    gpus = sorted({m.row["gpu"] for m in some})
    apart = {gpu: fit([m for m in some if m.row["gpu"] != gpu], lowest) for gpu in gpus}
    with whole_file(data_folder() / FOLDS, DATA) as work, work.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["gpu", "constant", "value"])
        writer.writerows([gpu, n, f"{getattr(e, n):.4g}"] for gpu, e in apart.items() for n in START)
    _write_facts(whole)


def _write_facts(curve: ClockCurve) -> None:
    path = catalog_folder() / "calibration_power.csv"
    lines = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    for line in lines:
        if line["entity"] == "gpu_clock" and line["quantity"] in START:
            line.update(value=f"{getattr(curve, line['quantity']):.3g}")
    write_catalog_table(path.name, lines)


if __name__ == "__main__":
    main()
