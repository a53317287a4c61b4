"""Errors travel between processes with all their problems."""

from __future__ import annotations

import pickle

import pytest

from gigaplan.vocabulary.errors import ArgumentsError, Place, PlanError, Problem, UnknownQuantityError

PROBLEM = Problem("wrong", Place("plan.yaml", 3, 1, "fleet.none"), value="x", remedy="mend it")


@pytest.mark.parametrize(
    "error", [PlanError([PROBLEM]), ArgumentsError([PROBLEM, PROBLEM]), UnknownQuantityError("none", "gpu", ["gpus"])]
)
def test_an_error_is_the_same_after_a_journey(error: PlanError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.problems == error.problems
