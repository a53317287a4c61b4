"""Names are read in any case at every door: plans, quantities, dims, claims, paths of changes, choices."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

import gigaplan as gp
from gigaplan import plan
from gigaplan.cli import main
from gigaplan.plan.set import change
from gigaplan.plan.sources import root_of, sources_of


@cache
def result() -> gp.Result:
    return gp.run("Lab-1MW", {"horizon.end": "2027-07", "Claims": "[a6]"})


def leave(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(args))
    assert isinstance(left.value.code, int)
    return left.value.code


def test_a_plan_by_its_name_in_any_case_and_a_file_of_that_name_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert result().stamp.plan == "lab-1mw"
    assert plan.builtin_name("LAB 1MW") == "lab-1mw"
    assert plan.builtin_name("lab-2mw") == ""
    monkeypatch.chdir(tmp_path)
    Path("Lab-1MW").write_text("")
    assert plan.builtin_name("Lab-1MW") == ""


def test_quantities_dims_and_labels_of_a_result() -> None:
    exact = result().table("cost_usd", "year", {"line": "energy"}).values  # type: ignore[arg-type]
    assert (result().table("Cost_USD", "Year", {"Line": "Energy"}).values == exact).all()  # type: ignore[arg-type]
    assert result().variable("COST usd").name == "cost_usd"
    assert (result()["Cost-USD"] == result()["cost_usd"]).all()
    for at in ("Year=2026,LINE=energy", {"Year": "2026", "line": "Energy"}):
        assert gp.explain(result(), "Cost_USD", at).figures[0].value == exact[0]
    with pytest.raises(gp.PlanError, match="nearest: cost_usd"):
        result().table("Cost_USDs")


def test_claims(tmp_path: Path) -> None:
    assert [c.id for c in result().claims] == ["A6"]
    assert [c.id for c in gp.check("lab-1mw", {"horizon.end": "2027-07"}, claims=["a6"]).result.claims] == ["A6"]
    with pytest.raises(gp.PlanError, match="no claims called 'a66'"):
        gp.check("lab-1mw", claims=["a66"])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Fleet.Sites.campus hall.Region=uae", "fleet.sites.Campus hall.region=uae"),
        ("fleet.sites.CAMPUS-HALL.phases.First_Half.energised=+3 months", ""),
        ("fleet.sites.*.Region=uae", "fleet.sites.*.region=uae"),
        ("demand.workloads.Chat.Model=qwen3_8b", "demand.workloads.chat.model=qwen3_8b"),
    ],
)
def test_paths_of_changes(written: str, meant: str) -> None:
    root = root_of(sources_of("lab-1mw"))
    meant = meant or "fleet.sites.Campus hall.phases.first half.energised=+3 months"
    assert change(root, written).plain() == change(root, meant).plain() != root.plain()


def test_choices_in_python_and_in_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gp.frontier("gpt_oss_120b", "l4", precision="FP8") == gp.frontier("gpt_oss_120b", "l4", precision="fp8")
    assert gp.TrainingJob(model="m", system="s", precision="MXFP8").precision == "mxfp8"
    assert gp.ServingQuestion(engine="VLLM").engine == "vllm"
    assert gp.export(result(), "CSV", tmp_path / "a.csv", ["Cost_USD"]).read_bytes().count(b"cost_usd") > 2
    for words in (["--precision", "FP8"], ["--precision=FP8", "--engine", "VLLM"]):
        assert leave("frontier", "gpt_oss_120b", "l4", *words) == 0
    assert leave("frontier", "gpt_oss_120b", "l4", "--precision", "FP7") == 2
    folder = str(gp.save(result(), tmp_path / "kept"))
    assert leave("export", folder, "--to", "CSV", "--out", str(tmp_path / "b.csv"), "--quantity", "Cost_USD") == 0
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()
    assert leave("explain", folder, "Cost_USD", "--at", "Year=2026") == 0
    assert "found:   FP7" in capsys.readouterr().err
