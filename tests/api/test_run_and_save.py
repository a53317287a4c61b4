"""Laws of running and saving at once: what is saved is what running and saving in turn save."""

from pathlib import Path

import pytest

from gigaplan import api
from gigaplan.results.verdicts import Verdict
from gigaplan.vocabulary.errors import PlanError
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


def test_a_claim_that_names_what_is_not_there_leaves_no_folder(tmp_path: Path) -> None:
    claims = tmp_path / "claims.yaml"
    claims.write_text("claims: what\n")
    (tmp_path / "out").mkdir()
    with pytest.raises(PlanError):
        api.run_and_save(PLAN, [f"claims={claims}"], folder=tmp_path / "out" / "mine")
    assert not list((tmp_path / "out").iterdir())
