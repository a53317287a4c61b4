"""Plans with a model's configuration, and with GPUs instead of power."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

import gigaplan as gp
from gigaplan.plan.load import load
from gigaplan.vocabulary.errors import PlanError

CONFIGS = json.loads((Path(__file__).parent / "configs.json").read_text())
POWER, GENERATION = "fleet.sites.First site.phases.all of it.power", "generation: newest"


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A starter plan whose phase states 1,440 GB300, next to the configuration of a model."""
    file = gp.new(tmp_path / "plan.yaml", power="3 MW it")
    text = file.read_text().replace("power: 3 MW it # Power of this phase", "gpus: 1,440 GB300 # Power of this phase")
    file.write_text(text.replace(GENERATION, f"# {GENERATION}"))
    (tmp_path / "config.json").write_text(json.dumps(CONFIGS["qwen3_8b"]))
    return file


def changed(plan: Path, old: str, new: str) -> Path:
    assert old in plan.read_text()
    plan.write_text(plan.read_text().replace(old, new))
    return plan


def test_gpus_become_power_in_whole_racks_and_the_fleet_has_them(plan: Path) -> None:
    result = gp.run(plan)
    assert result.central("racks_accepted")[..., -1].sum() == pytest.approx(20)
    entry = next(e for e in result.ledger.entries if e.path == POWER)
    assert "1,440 GPUs of gb300_nvl72 are 20 racks of 72" in entry.source
    assert any("20 racks of 72" in note for note in result.notes)
    at = load(plan).root.place(("fleet", "sites", "First site", "phases", "all of it", "power"))
    assert plan.read_text().splitlines()[at.line - 1].strip().startswith("gpus: 1,440 GB300")


@pytest.mark.parametrize(
    ("stated", "racks"),
    [
        ("{gpus: 1440, generation: gb300_nvl72}", 20),
        ("1441 x GB300 GPUs", 21),
        ("{value: '1,440 GB300', evidence: filed, source: the order}", 20),
    ],
)
def test_gpus_are_written_in_several_ways(plan: Path, stated: str, racks: int) -> None:
    result = gp.run(changed(plan, "1,440 GB300", stated))
    assert result.central("racks_accepted")[..., -1].sum() == pytest.approx(racks)
    entry = next(e for e in result.ledger.entries if e.path == POWER)
    assert ("the order" in entry.source) == ("the order" in stated)


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ("1,440", "needs one generation"),
        ("1,440 GB900", "GB900"),
        ("some GB300", "not a number of GPUs"),
        ("0 GB300", "above zero"),
        ("1,440 GB300\n          power: 40 MW it", "they differ"),
        ("1,440 GB300\n          generation: newest", "needs one generation"),
        ("1,440 GB300\n          generation: b200_hgx", "state it once"),
        ("[1, 2]", "not a number of GPUs"),
    ],
)
def test_gpus_that_cant_be_are_refused_at_their_line(plan: Path, stated: str, words: str) -> None:
    with pytest.raises(PlanError) as error:
        load(changed(plan, "1,440 GB300", stated))
    assert any(words in str(p) for p in error.value.problems)
    assert all(p.place.line for p in error.value.problems)


def test_the_same_power_stated_twice_is_accepted(plan: Path) -> None:
    power = next(e.value for e in gp.run(plan).ledger.entries if e.path == POWER)
    number = power.split()[0]
    found = load(changed(plan, "1,440 GB300", f"1,440 GB300\n          power: {number} MW it"))
    assert found.document.fleet.sites["First site"].phases["all of it"].power.value == pytest.approx(float(number))


def test_a_configuration_is_a_model_of_the_plan_and_the_result_runs_again_without_the_file(plan: Path) -> None:
    changed(plan, "model: gpt_oss_120b # Model", "model: mine # Model")
    changed(plan, "\ndemand:", "\nmodels:\n  mine: {config: config.json}\n\ndemand:")
    result = gp.run(plan)
    entry = next(e for e in result.ledger.entries if e.path == "inference.models.mine.hidden")
    assert (entry.value, str(entry.evidence)) == ("4096", "datasheet")
    assert "config.json (qwen3)" in entry.source
    folder = gp.save(result, plan.parent / "kept")
    (plan.parent / "config.json").unlink()
    assert gp.rerun(folder).same
    with pytest.raises(PlanError, match="no such model configuration"):
        gp.run(plan)


def test_a_stated_field_wins_over_the_configuration(plan: Path) -> None:
    changed(plan, "\ndemand:", "\nmodels:\n  mine: {config: config.json, layers: 12}\n\ndemand:")
    model = load(plan).document.models["mine"]
    assert (model.layers, model.hidden) == (12, 4096)


def test_the_schema_accepts_both_and_neither_alone_is_missing(plan: Path) -> None:
    changed(plan, "\ndemand:", "\nmodels:\n  mine: {config: config.json}\n\ndemand:")
    document = yaml.safe_load(plan.read_text())
    document["horizon"] = {k: str(v)[:7] for k, v in document["horizon"].items()}
    phase = document["fleet"]["sites"]["First site"]["phases"]["all of it"]
    phase["energised"] = str(phase["energised"])
    document["fleet"]["sites"]["First site"]["announced"] = "2027-01-01"
    validator = jsonschema.Draft202012Validator(gp.schema())
    assert not list(validator.iter_errors(document))
    del phase["gpus"]
    assert list(validator.iter_errors(document))
