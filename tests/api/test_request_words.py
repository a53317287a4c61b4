"""Whatever stands in a field of a request, the message is in the words of whoever wrote it, and says what to do."""

from __future__ import annotations

import datetime as dt
import re

import pytest

import gigaplan as gp
from gigaplan.api import requests

ODD = (
    *(None, True, 7, -1, 0, 1.5, float("nan"), float("inf"), 10**400, dt.date(2026, 1, 1), b"x", object(), {1}),
    *("", "x", "12 GW", "-5", "2027-13", "1e9999", "nan", "-1 s", "9" * 5000),
    *([], ["a"], [1], [[]], [None], [["a", "b", "c"]], (1, 2), {}, {"a": 1}, {"value": 1}, {1: 2}),
)
"""Values of every kind, few of which any field takes."""
LIBRARY = re.compile(
    r"input should|valid |pydantic|NoneType|\b(str|int|float|bool|dict|integer|boolean|mapping)\b|tuple|"
    r"field required|datetime|unable to parse|instance of|\bctx\b",
    re.I,
)
"""Words of Python or of a library."""


@pytest.mark.parametrize("kind", requests.KINDS)
def test_every_field_refuses_odd_values_in_plain_words(kind: str) -> None:
    refused = 0
    for name in requests.names(requests.load_class(requests.KINDS[kind])):
        for value in ODD:
            try:
                gp.request(kind, {name: value})
            except gp.PlanError as error:
                for problem in error.problems:
                    said = " ".join((problem.message, problem.allowed, problem.remedy))
                    assert not LIBRARY.search(said), (name, value, problem)
                    assert problem.allowed or problem.message != "not allowed here", (name, value, problem)
                    assert problem.remedy not in ("", "give a value of this kind"), (name, value, problem)
                    assert problem.place.path or problem.message == "no such field", (name, value, problem)
                    refused += 1
    assert refused > 20
