"""HiGHS, given arrays directly, and started each time from where it ended before."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from gigaplan.power.supply.program import KUSD, Columns
from gigaplan.vocabulary.members import Array

INSTALL = "pip install highspy"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the line with which HiGHS greets off standard output, which may be JSON; no option of HiGHS does."""
    try:
        sys.stdout.flush()
        kept = os.dup(1)
    except (OSError, AttributeError, ValueError):  # standard output is closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


class NotSolvedError(RuntimeError):
    """HiGHS ended a dispatch otherwise than with an optimum."""


class Dispatcher:
    """The hours of one site, solved for one set of capacities after another.

    Parameters
    ----------
    columns : Columns
        The programme.

    Raises
    ------
    ImportError
        Where highspy is not installed.
    """

    def __init__(self, columns: Columns) -> None:
        import highspy
        from scipy import sparse

        lp = columns.program
        rows, cols, values = (np.concatenate(part) for part in zip(*lp.entries, strict=True))
        matrix = sparse.csc_matrix((values, (rows, cols)), shape=(lp.rows, lp.columns))
        matrix.sum_duplicates()
        given = highspy.HighsLp()
        given.num_col_, given.num_row_ = lp.columns, lp.rows
        given.col_cost_ = np.concatenate(lp.costs)
        given.col_lower_, given.col_upper_ = np.concatenate(lp.lows), np.concatenate(lp.highs)
        given.row_lower_, given.row_upper_ = np.concatenate(lp.row_lows), np.concatenate(lp.row_highs)
        given.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        given.a_matrix_.start_, given.a_matrix_.index_ = matrix.indptr, matrix.indices
        given.a_matrix_.value_ = matrix.data
        self.columns, self.solves = columns, 0
        self._optimal = highspy.HighsModelStatus.kOptimal
        with _quiet():
            self._highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        self._highs.setOptionValue("output_flag", False)
        self._highs.setOptionValue("solver", "simplex")
        self._highs.passModel(given)

    def solve(self, capacity_mw: Array) -> tuple[float, Array, Array, Array]:
        """Return the hours of least cost at some capacities.

        Parameters
        ----------
        capacity_mw : array
            Of units, then batteries [MW].

        Returns
        -------
        tuple of (float, array, array, array)
            Cost [USD], columns, reduced costs of columns and duals of rows [USD].

        Raises
        ------
        NotSolvedError
            With HiGHS's own word for any end but an optimum.
        """
        for column, size in zip(self.columns.capacity, capacity_mw, strict=True):
            self._highs.changeColBounds(int(column), float(size), float(size))
        self._highs.run()
        self.solves += 1
        status = self._highs.getModelStatus()
        if status != self._optimal:
            raise NotSolvedError(self._highs.modelStatusToString(status))
        found = self._highs.getSolution()
        cost = self._highs.getInfo().objective_function_value / KUSD
        return cost, np.array(found.col_value), np.array(found.col_dual) / KUSD, np.array(found.row_dual) / KUSD
