"""Measured nodes: honest errors, what a row asks, the fit again, wrong input, and what a run draws."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gigaplan as gp
from gigaplan import catalog
from gigaplan.accuracy import power as accuracy
from gigaplan.accuracy.validity import EXTRAPOLATED, INSIDE
from gigaplan.cli import main
from gigaplan.layers.training import TrainingJob, train
from gigaplan.plan.resolve import node_draw_of, node_of
from gigaplan.validation.power.fit import fit, groups
from gigaplan.validation.power.folds import folds
from gigaplan.validation.power.node_power import validate_power
from gigaplan.validation.power.rows import MAKER, SYSTEM, power_w, question, read
from gigaplan.vocabulary.errors import PlanError, UnsupportedError

ROWS = read()
SHIPPED = node_draw_of(catalog.load())


def leave(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(args))
    assert isinstance(left.value.code, int)
    return left.value.code


def row(system: str) -> dict[str, str]:
    return next(dict(r) for r in ROWS if system in r["system"])


def test_honest_errors_stay_where_they_are() -> None:
    found = {s.name: s for s in validate_power().summaries}
    left, apart = found["all, each system left out"], found["all, each maker left out"]
    assert left.rows == apart.rows == len(ROWS) == 86
    assert left.median_abs < 0.06
    assert apart.median_abs < 0.06
    assert 0.75 <= left.covered <= 0.85
    assert left.width < 1.4
    assert left.median_abs < found["the same, a busy rack's share of rated power"].median_abs / 3


def test_each_fold_is_what_a_fit_without_it_gives() -> None:
    some = groups(ROWS)
    assert len({g.node_question.name for g in some}) == 5
    assert {g.node_question.fold(kind) for g in some for kind in (SYSTEM, MAKER)} == set(folds())
    for kind, name in ((SYSTEM, "system 8xSMC-H100-SXM-80GB"), (MAKER, "maker smc")):
        rest = [g for g in some if g.node_question.fold(kind) != name]
        assert len(rest) < len(some)
        again, left = fit(rest), [g.node_question for g in some if g.node_question.fold(kind) == name]
        for asked in left:
            assert power_w(asked, folds()[name]) == pytest.approx(power_w(asked, again), rel=0.03)


def test_the_shipped_constants_are_the_fit() -> None:
    some = groups(ROWS)
    again = fit(some)
    for g in some:
        assert power_w(g.node_question, SHIPPED) == pytest.approx(power_w(g.node_question, again), rel=0.03)


def test_answers_never_look_at_watts() -> None:
    for r in ROWS[::9]:
        blind = {
            **r,
            **dict.fromkeys(("mean_node_W", "min_node_W", "max_node_W", "energy_MJ_nodes", "total_power_file"), ""),
        }
        assert power_w(question(blind), SHIPPED) == power_w(question(r), SHIPPED)


def test_what_a_row_asks() -> None:
    dell, lenovo, many = (question(row(s)) for s in ("XE9680", "SR780a", "64xSMC"))
    assert (dell.system, dell.gpus, dell.gpus_per_node, dell.node.air_cooled, dell.maker) == (
        "h100_hgx",
        64,
        8,
        1.0,
        "dell",
    )
    assert (lenovo.system, lenovo.gpus, lenovo.gpus_per_node, lenovo.node.air_cooled) == ("b200_hgx", 8, 8, 0.0)
    assert many.gpus == 512
    plug, behind = (next(r for r in ROWS if r["org"] == org) for org in ("smc-ac-power", "smc-dc-power"))
    assert question(plug).at_plug and not question(behind).at_plug
    tray = question({**row("XE9680"), "system": "18xGB200-NVL72"})
    assert (tray.gpus_per_node, tray.node.air_cooled, tray.node.gpus) == (4, 0.0, 4.0)
    assert float(tray.node.rated_w) == pytest.approx(float(node_of(catalog.load(), "gb200_nvl72").rated_w) / 18)


def test_what_is_new_has_a_wider_range() -> None:
    old = row("XE9680")
    assert question(old).guesses == ()
    other = question({**old, "benchmark": "stable_diffusion"})
    assert "stable_diffusion" in other.guesses[0]
    assert power_w(other, SHIPPED) < float(other.node.rated_w)
    plain, wide = accuracy.interval(extrapolated=False), accuracy.interval(extrapolated=True)
    assert wide.low < plain.low < 1 < plain.high < wide.high
    assert {r.validity for r in validate_power().rows} == {INSIDE}


def test_a_longer_run_draws_more() -> None:
    asked = question(row("8xSMC"))
    drawn = [power_w(replace(asked, run_s=s), SHIPPED) for s in (30.0, 120.0, 1200.0, np.inf)]
    assert drawn == sorted(drawn)
    assert drawn[0] < drawn[-1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"system": "8xAbacus"}, "no system for GPU"),
        ({"nodes_logged": ""}, "nodes_logged"),
        ({"nodes_logged": "some"}, "nodes_logged"),
    ],
)
def test_rows_that_cannot_be_asked_say_why(change: dict[str, str], words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        question({**row("XE9680"), **change})


def test_bad_tables_say_all_that_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "short.csv"
    path.write_text("org,watts\nDell,7000\n")
    assert leave("validate", "power", str(path)) == 2
    told = capsys.readouterr().err
    for name in ("system", "benchmark", "nodes_logged", "mean_node_W"):
        assert name in told
    with pytest.raises(PlanError, match="cannot be read"):
        read(tmp_path / "nowhere.csv")


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    mine = tmp_path / "mine.csv"
    some = [row("XE9680"), {**row("XE9680"), "system": "8xAbacus"}, {**row("SR780a"), "benchmark": "bert"}]
    with mine.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(some[0]))
        writer.writeheader()
        writer.writerows(some)
    assert leave("validate", "power", str(mine), "--all-rows") == 0
    told = capsys.readouterr().out
    assert "XE9680" in told
    assert "1 rows can't be answered: no system for GPU '8xAbacus'" in told
    assert leave("validate", "power", str(mine), "--json") == 0
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [r["validity"].split(":")[0] for r in data["rows"]] == [INSIDE, EXTRAPOLATED]


def test_what_a_run_draws() -> None:
    ask = TrainingJob(
        model="llama_3_1_405b", system="h100_hgx", gpus=16_384, tokens=15.6e12, global_batch_sequences=2048
    )
    run = train(ask)
    assert run.drawn_mw is not None and run.it_mw is not None and run.energy_mwh is not None
    assert run.drawn_mw.low < run.drawn_mw.value < run.drawn_mw.high <= run.it_mw * (1 + 1e-9)
    # energy of the run is the energy of its steps: power x days
    assert run.energy_mwh == pytest.approx(run.drawn_mw.value * run.days.value * 24)
    limit = float(node_of(catalog.load(), "h100_hgx").gpu_limit_w)
    assert run.gpu_power_w["waiting"] < run.gpu_power_w["mean"] < run.gpu_power_w["computing"] <= limit
    parts = run.best.parts_s
    moving = sum(
        parts[k] for k in ("tensor_exchange", "expert_exchange", "pipeline_exchange", "gradients", "optimiser")
    )
    waiting = parts["bubble"] + parts["overhead"]
    by_part = (
        parts["compute"] * run.gpu_power_w["computing"]
        + moving * run.gpu_power_w["moving"]
        + waiting * run.gpu_power_w["waiting"]
    )
    assert by_part == pytest.approx(run.gpu_power_w["mean"] * run.step_s.value)


def test_a_run_whose_system_has_no_limits_says_none() -> None:
    run = gp.train("llama_3_8b", "a100_pcie", gpus=8)
    assert (run.drawn_mw is None) == (run.energy_mwh is None)
