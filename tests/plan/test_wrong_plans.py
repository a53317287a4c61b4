"""Wrong plans: every problem at once, each with its place and what to do; nothing run, nothing written, no traceback."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gigaplan import plan
from gigaplan.cli import main
from gigaplan.vocabulary.errors import PlanError

Write = Callable[..., Path]

WRONG = {
    "unknown key": ("horizon:", "horizn:", "nearest: *horizon"),
    "unknown key deep down": ("energised: {value: 2027-06-15", "energized: {value: 2027-06-15", "nearest: *energised"),
    "missing key": ("  reference_generation: gb200_nvl72\n", "", "'reference_generation' is missing"),
    "duplicate key": ("  profile: max_q\n", "  profile: max_q\n  profile: max_p\n", "given twice"),
    "duplicate site": ("    Milam:\n", "    Michigan:\n", "'Michigan' is given twice"),
    "missing unit": ("power: 420 MW it", "power: 420", "unit and basis are missing"),
    "missing basis": ("power: 420 MW it", "power: 420 MW", "basis is missing"),
    "unknown basis": ("power: 420 MW it", "power: 420 MW facilty", "nearest is 'facility'"),
    "unit of another kind": ("power: 420 MW it", "power: 420 MWh it", "not a unit of the same kind"),
    "mixed bases in a site": ("power: 420 MW it", "power: 420 MW facility", "different bases"),
    "basis without a conversion": (
        "power: {value: 422 MW it",
        "power: {value: 422 MW gpu_tgp",
        "no sourced conversion",
    ),
    "phase without power": ("power: 420 MW it", "power: 0 MW it", "phase without power"),
    "negative power": ("power: 420 MW it", "power: -420 MW it", "zero or more"),
    "opening without power": (
        "value: 200 MW it, evidence: announced, source: 'OpenAI, A",
        "value: 0 MW it, evidence: announced, source: 'OpenAI, A",
        "opening block without power",
    ),
    "NaN power": ("power: 420 MW it", "power: .nan", "unit and basis are missing"),
    "NaN share": ("finance:\n", "finance:\n  costs: {network_share: .nan}\n", "not a finite number"),
    "share above one": (
        "finance:\n",
        "finance:\n  costs: {network_share: 120 %}\n",
        "less than or equal to 1",
    ),
    "dates out of order": (
        "construction: 2025-03\n",
        "construction: 2024-03\n",
        "'construction' comes before 'announced'",
    ),
    "not a date": ("date: 2023-12-31", "date: last winter", "not a date"),
    "no such day": ("date: 2023-12-31", "date: 2023-02-31", "day is out of range"),
    "horizon backwards": ("end: 2034-01", "end: 2023-01", "ends before it starts"),
    "horizon too long": ("end: 2034-01", "end: 2134-01", "horizon is too long"),
    "unknown generation": ("gb300_nvl72, vr_nvl72]", "gb300_nvl72, vr_nvl27]", "nearest: *vr_nvl72"),
    "generation named twice": ("gb300_nvl72, vr_nvl72]", "gb300_nvl72, vr_nvl72, vr_nvl72]", "named twice"),
    "unknown model": (
        "education: {driver: users, model: deepseek_v3}",
        "education: {driver: users, model: deepsek_v3}",
        "nearest: *deepseek_v3",
    ),
    "unknown driver": ("science: {driver: own,", "science: {driver: onw,", "allowed:"),
    "a site called opening": ("    Milam:\n", "    opening Milam:\n", "may not begin with"),
    "unknown claim": ("claims: [A1, A2,", "claims: [A1, A22,", "no such claim"),
    "unknown region": ("region: uae", "region: uea", "nearest: *uae"),
    "unknown state": ("trigger_state: {value: accepted", "trigger_state: {value: acepted", "nearest: *accepted"),
    "unknown evidence": (
        "value: 10 GW it, evidence: announced",
        "value: 10 GW it, evidence: anounced",
        "nearest: *announced",
    ),
    "a number where a name is meant": ("investor: NVIDIA", "investor: 3", "valid string"),
    "a list where sections are meant": ("demand:\n", "demand: []\nold:\n", "unknown name"),
    "no phases": (
        "      phases:\n        first 200 MW:",
        "      phases: {}\n      other:\n        first 200 MW:",
        "at least 1",
    ),
    "bad indentation": ("horizon: {start", "horizon: start: {start", "not YAML"),
    "unclosed bracket": ("generations: [h100_hgx,", "generations: [[h100_hgx,", "not YAML"),
    "unknown alias": ("region: uae", "region: *there", "no anchor"),
    "two documents": ("gigaplan: 1\n", "gigaplan: 1\n---\n", "more than one document"),
    "workload without facts": (
        "    science: {driver: own",
        "    sciense: {driver: own",
        "neither in the plan nor a fact",
    ),
    "training date": ("finance:\n", "training: {share: {soon: 40 %}}\nfinance:\n", "not a date"),
    "a tag that would run code": (
        "investor: NVIDIA",
        "investor: !!python/object/apply:os.system ['true']",
        "valid string",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_plan_says_what_and_where(
    name: str, write: Write, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    old, new, says = WRONG[name]
    path = write(old, new)
    with pytest.raises(SystemExit) as left:
        main(["run", str(path), "--out", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert left.value.code == 2
    assert re.search(says, said.err), said.err
    assert re.search(rf"{re.escape(str(path))}:\d+:\d+: error", said.err), said.err
    assert "Traceback" not in said.err
    assert not said.out
    assert not (tmp_path / "out").exists()


def test_all_problems_come_at_once_in_the_order_of_the_document(write: Write) -> None:
    path = write("power: 420 MW it", "power: 0 MW it")
    text = path.read_text().replace("end: 2034-01", "end: soon").replace("model: deepseek_v3}", "model: deepsek_v3}", 1)
    path.write_text(text.replace("investor: NVIDIA", "inwestor: NVIDIA"))
    with pytest.raises(PlanError) as wrong:
        plan.load(path)
    problems = [p for p in wrong.value.problems if p.severity == "error"]
    assert len(problems) >= 4
    lines = [p.place.line for p in problems]
    assert lines == sorted(lines)


def test_json_problems_have_their_places(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    path = write("region: uae", "region: uea")
    with pytest.raises(SystemExit):
        main(["run", str(path), "--json"])
    problem = json.loads(capsys.readouterr().out)["problems"][0]
    assert problem["nearest"] == "uae"
    assert problem["line"] > 0


def refused(path: Path, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        plan.load(path)


def test_files_that_are_no_plans(tmp_path: Path, write: Write) -> None:
    refused(tmp_path, "a folder")
    refused(tmp_path / "nothing.yaml", "no such plan")
    refused(Path("anounced-2025-09"), "announced-2025-09")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("name: Mégawatt".encode("latin-1"))
    refused(latin, "not UTF-8")
    refused(write(text=""), "empty")
    refused(write(text="just words"), "mapping of sections")
    refused(write(text="a: \x00"), "not YAML")
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(100_000_000)
    refused(large, "100,000,000 bytes")
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    refused(fifo, "not a regular file")


def test_a_yaml_bomb_does_not_go_off(write: Write) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    refused(write(text="\n".join(lines)), "too many values")
    refused(write(text="[" * 5000), "nested too deep")
    refused(write(text="a: " + "- " * 5000), "nested too deep|not YAML")


def test_implausible_is_a_warning_and_the_run_goes_on(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = plan.load(write("power: {value: 10 GW it", "power: {value: 10 MW it"))
    assert any("10 MW" in w.value and w.severity == "warning" for w in loaded.warnings)
    loaded = plan.load(write("last 853 MW: {power: 853 MW it", "last 853 MW: {power: 853 GW it"))
    assert any("unusual" in w.message for w in loaded.warnings)
    assert any("add up" in w.message for w in loaded.warnings)


def test_changes_from_the_command_line() -> None:
    loaded = plan.load(
        "announced-2025-09", ["fleet.profile=max_p", "training.mfu_share=35 %", "announced.power=12 GW it"]
    )
    assert loaded.document.training.mfu_share == 0.35
    assert loaded.document.announced.power.value == 12000
    assert loaded.hash != plan.load("announced-2025-09").hash
    for change, says in (
        ("fleet.profil=max_p", "nearest"),
        ("nothing", "path=value"),
        ("flet.profile=max_p", "fleet"),
        ("fleet.profile=max_x", "max_q"),
        ("horizon.start.x=1", "holds no names"),
    ):
        with pytest.raises(PlanError, match=says):
            plan.load("announced-2025-09", [change])
