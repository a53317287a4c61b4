"""The same run again: byte for byte, from the kept result alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.vocabulary.errors import PlanError


def leave(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(args))
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Keep a run of a file with an overlay and a change; then lose the file and the overlay."""
    from gigaplan.plan.sources import builtin_text

    plan, over = tmp_path / "mine.yaml", tmp_path / "over.yaml"
    plan.write_text(builtin_text("lab-1mw"))
    over.write_text("overlay: {who: me, why: to see, from: 2026-11}\nannounced: {power: 2 MW it}\n")
    result = gp.run(plan, {"uncertainty.members": 3, "training.mfu_share": "30 %"}, [over])
    assert result.warnings  # they name the overlay's line, so its text must come back too
    folder = gp.save(result, tmp_path / "kept")
    plan.unlink()
    over.unlink()
    return folder


def edit(folder: Path, **changes: object) -> None:
    path = folder / "result.json"
    data = json.loads(path.read_text())
    data.update(changes)
    path.write_text(json.dumps(data, indent=1, sort_keys=True))


def test_byte_for_byte_without_the_plans_file(kept: Path, tmp_path: Path) -> None:
    answer = gp.rerun(kept)
    assert answer.same
    assert [name for name, _ in answer.files] == [
        "draws.parquet",
        "members.parquet",
        "report.html",
        "result.json",
        "result.parquet",
    ]
    assert answer.saved_in == ""
    again = gp.rerun(kept, tmp_path / "again")
    assert (tmp_path / "again" / "result.parquet").read_bytes() == (kept / "result.parquet").read_bytes()
    assert again.saved_in == str(tmp_path / "again")
    assert gp.rerun(tmp_path / "again").same


def test_what_differs_is_said(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stamp = json.loads((kept / "result.json").read_text())["stamp"]
    edit(kept, stamp={**stamp, "version": "0.0.9", "catalog_vintage": "older"})
    answer = gp.rerun(kept)
    assert not answer.same
    assert ("version", "0.0.9", gp.__version__) in answer.changed
    assert ("catalog_vintage", "older", stamp["catalog_vintage"]) in answer.changed
    assert answer.figures == ()
    assert dict(answer.files)["result.parquet"]
    assert leave("rerun", str(kept)) == 1
    out = capsys.readouterr().out
    assert "saved 0.0.9" in out
    assert "Every number is the same" in out


def test_facts_and_figures_that_changed_are_named(kept: Path) -> None:
    data = json.loads((kept / "result.json").read_text())
    ledger = data["ledger"]
    entry = next(e for e in ledger if e["fact"] and e["path"] == "training.run_days")
    entry["value"] = "77"
    edit(kept, ledger=ledger, sources={**data["sources"], "changes": ["uncertainty.members=3"]})
    answer = gp.rerun(kept)
    assert "training_flop" in dict(answer.figures)
    assert [(f.path, f.a[:2]) for f in answer.facts if f.path == "training.run_days"] == [("training.run_days", "77")]
    assert [d for _, d in answer.figures] == sorted((d for _, d in answer.figures), reverse=True)


def test_results_that_cannot_be_run_again(kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PlanError, match="overwrite the first"):
        gp.rerun(kept, kept)
    (kept / "result.parquet").write_bytes(b"gone")
    assert "no readable result" in gp.rerun(kept).unreadable
    edit(kept, sources=None)
    assert leave("rerun", str(kept)) == 2
    assert "without its plan's text" in capsys.readouterr().err
    assert leave("rerun", str(tmp_path / "nothing")) == 2
    assert "no readable result" in capsys.readouterr().err


def test_in_the_terminal_and_as_json(kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("rerun", str(kept), "--out", str(tmp_path / "again")) == 0
    assert "byte for byte" in capsys.readouterr().out
    assert leave("rerun", str(kept), "--json") == 0
    assert json.loads(capsys.readouterr().out)["same"] is True


def test_the_set_of_files_is_compared_and_notes_do_not_count(kept: Path) -> None:
    (kept / "notes.txt").write_text("notes")
    assert gp.rerun(kept).same
    (kept / "result.parquet").unlink()
    answer = gp.rerun(kept)
    assert not answer.same
    assert dict(answer.files) == {
        "draws.parquet": True,
        "members.parquet": True,
        "report.html": True,
        "result.json": True,
        "result.parquet": False,
    }


def test_a_cache_cannot_confirm_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from gigaplan.simulate import rate_cache

    def faster(choice: rate_cache.Choice) -> rate_cache.Choice:
        points = (replace(p, requests_per_gpu_s=10 * p.requests_per_gpu_s) for p in choice.points)
        return replace(choice, points=tuple(points))

    class Wrong(rate_cache.StoredRates):
        def put(self, key: str, rate: rate_cache.Choice) -> None:
            super().put(key, faster(rate))

        def get(self, key: str) -> rate_cache.Choice | None:
            found = super().get(key)
            return found and faster(found)

        def search(self, key: str) -> rate_cache.WholeSearch:
            return rate_cache.WholeSearch(None)

    wrong = Wrong(None)
    gp.run("lab-1mw", {"horizon.end": "2026-09"})
    monkeypatch.setattr(rate_cache, "_stored_rates", lambda: wrong)
    for _ in range(2):
        from gigaplan.simulate.couplings import throughput

        throughput._choice.cache_clear()
        folder = gp.save(gp.run("lab-1mw", {"horizon.end": "2026-09"}), tmp_path / "kept")
    assert not gp.rerun(folder).same
