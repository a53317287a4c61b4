"""A run that would not fit the machine's memory is refused before it begins, in words."""

from __future__ import annotations

import pytest

import gigaplan as gp
from gigaplan.simulate import memory as size
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.variables import variables


def test_too_many_members_for_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "machine_bytes", lambda: int(2e9))
    with pytest.raises(PlanError, match=r"5,000 members .* GB; about [\d,]+ would fit"):
        gp.run("lab-1mw", {"uncertainty.members": 5000})
    assert gp.run("lab-1mw").stamp.members == 1


def test_the_estimate_is_the_result_times_the_work() -> None:
    result = gp.run("lab-1mw", {"uncertainty.members": 3})
    held = sum(result[name].size for name in variables()) * size.NUMBER_BYTES
    assert size.needed_bytes(result.labels, 3) == size.WORKING * held


def test_a_system_that_does_not_tell_its_memory_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "machine_bytes", lambda: 0)
    size.require_room(gp.run("lab-1mw").labels, 10**9)
