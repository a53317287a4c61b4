"""On a terminal of 80 columns no number and no name is cut, whatever the verb."""

from __future__ import annotations

import pytest

from gigaplan import cli

VERBS = {
    "run": ["run", "actual-2026-11"],
    "run in full": ["run", "actual-2026-11", "--full"],
    "check": ["check", "announced-2025-09"],
    "compare": ["compare", "lab-1mw", "neocloud-100mw"],
    "explain": ["explain", "lab-1mw", "cost_usd"],
    "frontier": ["frontier", "deepseek_r1", "gb200_nvl72"],
    "train": ["train", "llama_3_1_405b", "h100_hgx", "--gpus", "16384", "--failures", "--trials", "20"],
    "sites": ["train", "llama_3_1_405b", "h100_hgx", "--sites", "abilene=8192,milam=8192"],
    "catalog": ["catalog", "show", "vr_nvl72"],
    "list": ["catalog", "list", "systems"],
    "search": ["catalog", "search", "rack power"],
    "demand": ["validate", "demand"],
    "capability": ["validate", "capability"],
    "training": ["validate", "training"],
    "inference": ["validate", "inference"],
    "power": ["validate", "power"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_cut_at_80_columns(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(str(tmp_path))
    with pytest.raises(SystemExit) as end:
        cli.main(VERBS[verb])
    out = capsys.readouterr().out
    assert end.value.code in (0, 1)
    assert "…" not in out and out.strip()
    whole = verb.startswith("run")  # the folder is printed in one piece
    assert max(len(line) for line in out.splitlines()) <= 80 or whole
