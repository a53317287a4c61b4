"""The engineer's frame: the figures of two verbs, and what no request can make them do."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from pydantic import ValidationError

import gigaplan as gp
from gigaplan.app.engineer import ServingQuery, TrainingQuery, served, trained
from gigaplan.report import frontier_view, train_view
from gigaplan.vocabulary.errors import PlanError


def test_serving_is_the_frontier_of_the_terminal_and_of_python() -> None:
    found = served(ServingQuery(ttft_s="500 ms", input_tokens=2048))
    answer = gp.frontier("gpt_oss_120b", "gb300_nvl72", input_tokens=2048, ttft_s="500 ms")
    assert found["cards"] == list(frontier_view.cards(answer))
    assert [c["id"] for c in found["charts"]] == ["frontier", "wait", "power", "cost"]
    assert found["charts"][0]["rows"] == [list(r) for r in frontier_view.all_charts(answer)[0].rows]
    words = shlex.split(found["command"])
    assert words[:4] == ["gigaplan", "frontier", "gpt_oss_120b", "gb300_nvl72"]
    assert words[words.index("--ttft") + 1] == "500 ms"
    assert words[words.index("--isl") + 1] == "2048"


def test_a_tighter_limit_leaves_fewer_points() -> None:
    loose, tight = (served(ServingQuery(tpot_s=limit))["charts"][0]["option"]["series"][0] for limit in (0.05, 0.01))
    assert 0 < len(tight["data"]) < len(loose["data"])
    assert max(float(p[3]) for p in tight["data"]) <= 10


def test_the_limit_and_all_points_lie_between_the_ends_of_the_axis_of_waits() -> None:
    for limit in (0.3, 1.0, 60.0):
        found = served(ServingQuery(ttft_s=limit))
        option = next(c["option"] for c in found["charts"] if c["id"] == "wait")
        waits_ms = [p[1] for s in option["series"] for p in s["data"]]
        assert option["yAxis"]["min"] <= min(waits_ms) <= max(waits_ms) <= 1000 * limit < option["yAxis"]["max"]
        assert found["cards"][0]["layout"].count("x") >= 2, "the cheapest and the fastest layout"


def test_training_is_the_run_of_the_terminal_and_of_python() -> None:
    found = trained(TrainingQuery(model="llama_3_1_8b", system="h100_hgx", gpus=256, tokens="1T"))
    run = gp.train("llama_3_1_8b", "h100_hgx", gpus=256, tokens="1T")
    assert found["rows"] == [list(r) for r in train_view.rows(run)]
    assert {"step", "memory", "heat"} <= {c["id"] for c in found["charts"]}
    assert found["command"].startswith("gigaplan train llama_3_1_8b h100_hgx --gpus 256 --tokens 1T")


def test_wrong_names_and_numbers_are_refused_with_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no such model"):
        served(ServingQuery(models=("no_such_model",)))
    with pytest.raises(PlanError, match="above zero"):
        served(ServingQuery(tpot_s=0))
    with pytest.raises(PlanError, match="does not fit"):
        trained(TrainingQuery(gpus=1))
    secret = tmp_path / "config.json"
    secret.write_text('{"topsecret": 1}')
    with pytest.raises(PlanError) as refused:
        served(ServingQuery(models=(str(secret)[:60],)))
    assert "topsecret" not in str(refused.value)


@pytest.mark.parametrize(
    "given", [{"model_configs": ["a=/etc/passwd"]}, {"overlays": ["x"]}, {"models": ["m"] * 5}, {"models": []}]
)
def test_files_and_long_lists_are_no_part_of_a_question(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ServingQuery.model_validate(given)
