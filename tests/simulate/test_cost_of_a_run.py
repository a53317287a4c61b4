"""What a run must not do because it is slow: counted rather than timed."""

from __future__ import annotations

import subprocess
import sys
import typing
from typing import Any

import pytest

from gigaplan import plan

PLAN = "lab-1mw"


def test_a_second_plan_evaluates_no_annotation_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fields of a class don't change; evaluating their types took half of the time of resolving a plan."""
    plan.resolve(plan.load(PLAN))

    def evaluated(cls: Any, *_: object, **__: object) -> typing.NoReturn:
        raise AssertionError(f"the annotations of {cls.__name__} were evaluated again")

    monkeypatch.setattr(typing, "get_type_hints", evaluated)
    assert plan.resolve(plan.load(PLAN)).name == PLAN


def test_a_run_imports_nothing_that_it_can_do_without() -> None:
    code = (
        f"import sys, gigaplan; gigaplan.run('{PLAN}', {{'uncertainty.members': 1}}); "
        "print(sorted({'scipy.constants', 'scipy.optimize', 'scipy.special', 'numpy.f2py', 'duckdb', 'jinja2'} "
        "& set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
