"""Laws of running and saving at once: what is saved is what running and saving in turn save."""

from pathlib import Path

import pytest

from gigaplan import api
from gigaplan.results import store
from gigaplan.results.verdicts import Verdict
from gigaplan.vocabulary.errors import InputError, PlanError
from gigaplan.vocabulary.progress import Cancelled

PLAN = "lab-1mw"


@pytest.mark.parametrize("members", [1, 12])
def test_is_running_and_saving_in_turn(tmp_path: Path, members: int) -> None:
    changes = [f"uncertainty.members={members}"]
    result, folder = api.run_and_save(PLAN, changes, folder=tmp_path / "at-once")
    in_turn = api.save(api.run(PLAN, changes), tmp_path / "in-turn")
    assert {p.name for p in folder.iterdir()} == {p.name for p in in_turn.iterdir()}
    for one in folder.iterdir():
        assert one.read_bytes() == (in_turn / one.name).read_bytes(), one.name
    assert result.claims == api.load(folder).claims
    assert any(c.verdict == Verdict.HOLDS for c in result.claims)


def test_nothing_is_left_of_a_run_that_is_cancelled_while_it_is_saved(tmp_path: Path) -> None:
    def stop(done: int, total: int, what: str) -> bool:
        return done < total - 1

    with pytest.raises(Cancelled):
        api.run_and_save(PLAN, folder=tmp_path / "mine", progress=stop)
    assert not list(tmp_path.iterdir())


def test_progress_never_goes_back(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    api.run_and_save(PLAN, folder=tmp_path / "mine", progress=lambda done, total, _: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]


def test_nothing_is_left_where_a_claim_cannot_be_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> object:
        raise InputError("no such claim")

    monkeypatch.setattr("gigaplan.api.plans.evaluate", refused)
    with pytest.raises(PlanError, match="no such claim"):
        api.run_and_save(PLAN, ["uncertainty.members=12"], folder=tmp_path / "mine")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("members", [1, 12])
def test_a_large_result_says_how_far_its_tables_are_and_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: int
) -> None:
    monkeypatch.setattr(store, "QUICK", 0)
    result = api.run(PLAN, [f"uncertainty.members={members}"])
    seen: list[str] = []
    api.save(result, tmp_path / "whole", lambda done, total, what: seen.append(what))
    assert "labels" in seen
    with pytest.raises(Cancelled):
        api.save(result, tmp_path / "stopped", lambda done, total, what: what != "labels")
    assert [p.name for p in tmp_path.iterdir()] == ["whole"]
