"""Whatever stands in a field of a request, the message is in the words of whoever wrote it, and says what to do."""

from __future__ import annotations

import re

import pytest

import gigaplan as gp
from gigaplan.api import requests

ODD = (
    *(
        None,
        True,
        7,
        -1,
        0,
        1.5,
        float("nan"),
        10**400,
        "",
        "x",
        "12 GW",
        "-5",
        "2027-13",
        [],
        ["a"],
        [1],
        {},
        {"a": 1},
    ),
    *([[]], (1, 2), b"x", "1e9999", "nan", "-1 s", {"value": 1}, [None]),
)
"""Values of every kind, few of which any field takes."""
LIBRARY = re.compile(
    r"input should|valid |pydantic|NoneType|\bstr\b|\bint\b|\bdict\b|tuple|field required|datetime", re.I
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
                    assert not LIBRARY.search(problem.message), (name, value, problem)
                    assert problem.remedy not in ("", "give a value of this kind"), (name, value, problem)
                    assert problem.place.path or problem.message == "no such field", (name, value, problem)
                    refused += 1
    assert refused > 20
