"""Failures of a run as an answer: facts in their ranges, published figures, what is wrong and what would mend it."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan import catalog
from gigaplan.cli import main
from gigaplan.layers.failures import (
    CAUSES,
    REASONS,
    FailureOptions,
    FailureRun,
    draws,
    log_triangular,
    read_facts,
    run_failures,
    unit_gpus,
)
from gigaplan.layers.training import TrainingJob, train
from gigaplan.plan.resolve import failures_of, from_facts
from gigaplan.report import failures_view
from gigaplan.training.failures import simulate_runs
from gigaplan.training.inputs import Reliability
from gigaplan.training.reliability import SECONDS_PER_DAY, goodput, hazards
from gigaplan.validation.training.failures import validate_failures
from gigaplan.vocabulary.errors import PlanError

FACTS = catalog.load()
LLAMA = TrainingJob(
    model="llama_3_1_405b",
    system="h100_hgx",
    gpus=16_384,
    tokens=15.6e12,
    global_batch_sequences=2048,
    layout="tp8 pp16 vpp7 mb1 recompute=selective",
    failures=FailureOptions(trials=200),
)
SHARED = Path(__file__).parents[3] / "shared" / "data" / "reliability"


def failures(**changed: object) -> FailureRun:
    run = train(replace(LLAMA, failures=replace(FailureOptions(trials=200), **changed)))  # type: ignore[arg-type]
    assert run.failures is not None
    return run.failures


def problems(ask: TrainingJob = LLAMA, **changed: object) -> list[str]:
    with pytest.raises(PlanError) as caught:
        train(replace(ask, failures=replace(FailureOptions(), **changed)))  # type: ignore[arg-type]
    return [str(p) for p in caught.value.problems]


def test_published_figures_hold_with_rates_of_other_sources() -> None:
    rows = {r.name: r for r in validate_failures(n_trials=400)}
    llama = rows["Llama 3, 54 days: interruptions"]
    assert llama.published == "419" and "Llama" not in llama.rates_from
    assert llama.low <= 419 <= llama.high
    assert llama.high / llama.low < 3.5
    effective = rows["Llama 3: effective time"]
    assert effective.low <= 0.9 <= effective.high < 1
    for gpus, said in (("8", 47.7), ("1,024", 7.9)):
        predicted = rows[f"RSC, {gpus} GPUs: time to failure"].predicted
        assert 1 / 1.5 < predicted / said < 1.5
    assert not rows["  by 1 / (N r), hardware alone"].holds


def test_no_rate_comes_from_what_it_is_held_against() -> None:
    """Llama 3's counts set the catalog's choice, which the validation leaves out; no mean time to failure of RSC is a
    fact."""
    rate = "failures_per_server_day"
    chosen = FACTS.find("failures", rate)
    assert chosen.number == pytest.approx(419 / 54 / 2048, rel=1e-3)
    drawn = draws(FACTS, 50, 0, failures_per_server_day=0.1)
    assert drawn.failures_per_server_day == 0.1
    shared = FACTS.all("failures_shared", rate)
    parts = [f.number for f in shared if not f.chosen]
    assert len(parts) == 3
    assert FACTS.find("failures_shared", rate).number == pytest.approx(np.exp(np.log(parts).mean()), rel=0.01)
    measured = (1 / 47.7, 24 / 7.9 / 128)
    assert all(abs(f.number / m - 1) > 0.01 for f in shared for m in measured)


def test_shares_by_cause_are_counts_of_419() -> None:
    shares = [FACTS.find(e, "failure_share").number for e in CAUSES]
    assert sum(shares) == pytest.approx(1, abs=1e-4)
    assert [round(419 * s) for s in shares] == [268, 21, 35, 56, 32, 7]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the source tables are not on this machine")
def test_facts_follow_from_the_source_tables() -> None:
    def read(name: str) -> list[dict[str, str]]:
        with (SHARED / name).open(newline="") as file:
            return list(csv.DictReader(file))

    llama = {r["component"]: int(r["count"]) for r in read("llama3_405b_interruptions.csv")}
    assert sum(llama.values()) == 419
    software = llama["Software Bug"] + llama["Dependency"]
    assert round(419 * FACTS.find("failure_software", "failure_share").number) == software
    taken = 419 - software - llama["NCCL Watchdog Timeouts"]
    assert FACTS.find("failures", "replaced_share").number == pytest.approx(taken / 419, abs=0.005)
    byte = {r["symptom"]: int(r["count"]) for r in read("byterobust_incidents.csv")}
    unwanted = sum(byte.values()) - byte["Code/Data Adjustment"]
    assert FACTS.find("failures", "hang_share").number == pytest.approx(byte["Job Hang"] / unwanted, abs=0.001)
    hardware = (
        "CUDA Error",
        "Infiniband Error",
        "GPU Memory Error",
        "GPU Unavailable",
        "Disk Fault",
        "OS Kernel Panic",
    )
    share = sum(byte[s] for s in hardware) / sum(byte.values())
    over = next(
        f for f in FACTS.all("failures_shared", "failures_per_server_day") if f.id.endswith("over_hardware_share")
    )
    assert over.number == pytest.approx(0.0065 / share, rel=0.01)


def test_the_simple_goodput_of_plans_agrees_with_lives() -> None:
    """Plans take one rate, one restart and one stop a checkpoint; trials with nothing else come to the same, restarts
    of one length."""
    r = from_facts(FACTS, Reliability, "reliability")
    f = replace(
        failures_of(FACTS),
        failures_per_server_day=8 * r.interruptions_per_gpu_day,
        rack_wide_share=0.0,
        outages_per_day=0.0,
        detection_s=0.0,
        hang_share=0.0,
        recovery_s=r.restart_s,
        lemon_share=0.0,
        slow_spells_per_server_day=0.0,
        planned_stops_per_day=0.0,
        checkpoint_stop_s=r.checkpoint_write_s,
        checkpoint_bandwidth_bytes_per_s=1e15,
    )
    for gpus, tolerance in ((1024, 0.003), (16_384, 0.003), (65_536, 0.02)):
        h = hazards(f, gpus=gpus, unit_gpus=8, state_bytes=1e12, spares=1000)
        h = replace(h, interval_s=float(goodput(gpus, r).interval_s))
        trials = simulate_runs(h, "restart", 60 * SECONDS_PER_DAY, n_trials=100, seed=0)
        assert 60 * SECONDS_PER_DAY / trials.wall_s.mean() == pytest.approx(
            float(goodput(gpus, r).share), abs=tolerance
        )


def test_figures_of_a_run() -> None:
    run = failures()
    assert run.unit == "server" and run.units == 2048 and run.recovery == "restart"
    assert set(run.lost_days) == set(REASONS)
    assert run.days.p10 < run.days.p50 < run.days.p90
    assert run.day_quantiles == tuple(sorted(run.day_quantiles))
    assert 0.8 < run.goodput_share.mean < 0.97
    assert max(run.interval_curve, key=lambda p: p[1])[0] == pytest.approx(run.interval_s, rel=0.4)
    assert run.finished_share == 1 and run.undone_days == 0


def check_parts_add_up(run: dict[str, Any]) -> None:
    """Check that all figures of a run are means of the same trials: parts add up to their whole."""
    days, interruptions = run["days"]["mean"], run["interruptions"]["mean"]
    assert sum(run["lost_days"].values()) == pytest.approx(run["lost"]["mean"], rel=1e-6, abs=1e-9)
    assert run["ideal_days"] - run["undone_days"] + run["lost"]["mean"] == pytest.approx(days, rel=1e-6)
    assert run["goodput_share"]["mean"] * days == pytest.approx(run["ideal_days"] - run["undone_days"], rel=1e-6)
    assert sum(run["interruptions_by_cause"].values()) == pytest.approx(interruptions)
    assert run["gpu_hours"] == pytest.approx(24 * days * run["gpus_held"])
    if interruptions:
        assert interruptions * run["mtbf_h"] == pytest.approx(24 * days)
    else:
        assert run["mtbf_h"] is None
    if run["enough_share"] == 1:
        assert run["lost_days"]["waiting_s"] == 0
    if run["finished_share"] == 1:
        assert run["undone_days"] == pytest.approx(0, abs=1e-6 * run["ideal_days"])


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    gpus=st.sampled_from((8, 256, 16_384)),
    days=st.sampled_from((0.01, 3.0, 60.0)),
    recovery=st.sampled_from(({}, {"elastic": True}, {"groups": 8})),
    spares=st.sampled_from((None, 0, 2)),
    often=st.sampled_from((1.0, 8.0)),
    seed=st.integers(0, 1000),
)
def test_parts_of_a_run_add_up_to_their_whole(
    gpus: int, days: float, recovery: dict[str, Any], spares: int | None, often: float, seed: int
) -> None:
    """In Python, in JSON, and in the terminal to the digits shown."""
    options = FailureOptions(trials=8, spares=spares, seed=seed, **recovery)
    rate = FACTS.find("failures", "failures_per_server_day").number
    run = run_failures(
        FACTS,
        replace(options, facts=(("failures_per_server_day", often * rate),)),
        gpus=gpus,
        system="h100_hgx",
        parameters=7e10,
        replicas_of_layout=8,
        ideal_s=days * SECONDS_PER_DAY,
    )
    check_parts_add_up(gp.to_json(run))
    shown = dict(failures_view.rows(run))
    whole, ideal, lost = (
        float(text.replace(",", "")) for text in re.findall(r"(\S+) (?:\(|without)", shown["run"])[:3]
    )
    last_digit = 10.0 ** -max(2 - math.floor(math.log10(whole)), 0)
    undone = run.undone_days
    assert whole == pytest.approx(ideal - undone + lost, abs=2 * last_digit)
    assert ("100%" in shown["spares"]) is False
    assert ("all trials" in shown["spares"]) == (run.enough_share == 1)


def test_spares_that_lack_in_one_trial_are_not_enough_in_all() -> None:
    run = failures()
    assert run.lost_days["waiting_s"] > 0 and 0.9 < run.enough_share < 1
    assert failures(spares=200).enough_share == 1 and failures(spares=200).lost_days["waiting_s"] == 0


def test_trials_that_are_given_up_lack_work() -> None:
    run = failures(spares=0, facts=(("failures_per_server_day", 0.006),))
    check_parts_add_up(gp.to_json(run))
    assert run.finished_share < 1 and run.undone_days > 0
    assert "not done" in dict(failures_view.rows(run))["run"]
    assert "not done" in dict(failures_view.rows(run))["unfinished"]


def test_facts_in_their_ranges_spread_wider_than_chance() -> None:
    drawn, central = failures(), failures(certain=True)
    width = [r.goodput_share.p90 - r.goodput_share.p10 for r in (drawn, central)]
    assert width[0] > 3 * width[1]
    assert central.goodput_share.mean == pytest.approx(central.expected_share, abs=0.005)


def test_what_is_asked_for_is_taken() -> None:
    run = failures(checkpoint_interval_s=1800.0, spares=3, seed=2)
    assert (run.interval_s, run.spares) == (1800.0, 3)
    assert run.lost_days["waiting_s"] > failures().lost_days["waiting_s"]
    assert failures(seed=2) != failures(seed=3) and failures(seed=2) == failures(seed=2)
    waits = failures(waits_for_write=True)
    assert waits.interval_s > failures().interval_s


def test_facts_of_one_s_own() -> None:
    own = read_facts(
        ["recovery_s=5 min", "failures_per_server_day = 0.002/day", "lemon_share=1 %", "lemon_multiple=50"]
    )
    assert dict(own) == {"recovery_s": 300, "failures_per_server_day": 0.002, "lemon_share": 0.01, "lemon_multiple": 50}
    run = failures(facts=own)
    assert run.interruptions.mean == pytest.approx(0.6 * failures().interruptions.mean, rel=0.3)
    assert run.lost_days["restart_s"] < 0.5 * failures().lost_days["restart_s"]
    with pytest.raises(PlanError) as caught:
        read_facts(["recovery=5 min", "recovery_s=5", "lemon_share=2", "hang_share"])
    said = [str(p) for p in caught.value.problems]
    assert len(said) == 4
    assert "nearest: recovery_s" in said[0] and "at most" in said[2]


def test_recoveries() -> None:
    short = {"spares": 4}
    stops, elastic, groups = (failures(**short, **how) for how in ({}, {"elastic": True}, {"groups": 64}))
    assert stops.goodput_share.mean < elastic.goodput_share.mean < groups.goodput_share.mean
    assert groups.lost_days["repeated_s"] < 0.1 * stops.lost_days["repeated_s"]
    assert elastic.lost_days["waiting_s"] == groups.lost_days["waiting_s"] == 0
    assert elastic.lost_days["degraded_s"] > 0


def test_racks_that_are_one_domain() -> None:
    assert [unit_gpus(FACTS, s) for s in ("h100_hgx", "gb200_nvl72", "dgx_1")] == [8, 72, 8]
    run = train(
        TrainingJob(model="llama_3_1_405b", system="gb200_nvl72", gpus=2304, failures=FailureOptions(trials=50))
    ).failures
    assert run is not None
    assert (run.unit, run.units) == ("rack", 32)
    assert run.interruptions_by_cause["whole rack"] > 0.2 * run.interruptions.mean


def test_draws_stay_in_their_ranges() -> None:
    drawn = draws(FACTS, 500, 1)
    for name in ("failures_per_server_day", "recovery_s", "lemon_multiple", "slow_spells_per_server_day"):
        fact, values = FACTS.find("failures", name), np.asarray(getattr(drawn, name))
        assert fact.low is not None and fact.high is not None
        assert fact.low <= values.min() < fact.number < values.max() <= fact.high, name
    assert log_triangular(np.array([0.0, 1.0]), 2.0, 3.0, 8.0) == pytest.approx([2, 8])


def test_every_wrong_number_is_named_at_once() -> None:
    said = problems(checkpoint_interval_s=-1.0, spares=-5, trials=0, seed=-1, elastic=True, groups=2)
    assert len(said) == 5
    assert "one of the two" in said[4]
    assert "longer than the run" in problems(checkpoint_interval_s=1e9)[0]
    assert "too long for trials" in problems(replace(LLAMA, tokens=1e17))[0]
    assert "2 to 128" in problems(groups=4000)[0]
    alone = problems(replace(LLAMA, gpus=256, tokens=1e12, layout="tp8 pp32 vpp3 mb1 recompute=full"), elastic=True)
    assert "a replica to lose" in alone[0]


def test_a_run_that_would_never_end_says_what_would_help() -> None:
    said = problems(_large())[0]
    assert "failures leave" in said and "--groups" in said
    assert "--spares" in problems(_large(131_072), spares=0)[0]
    run = train(replace(_large(), failures=FailureOptions(groups=64, trials=5))).failures
    assert run is not None and run.finished_share == 1


def _large(gpus: int = 1_048_576) -> TrainingJob:
    return replace(LLAMA, gpus=gpus, global_batch_sequences=gpus / 8, tokens=100e12)


def leave(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(words))
    return int(left.value.code or 0)


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "run.html"
    words = ["train", "llama_3_1_70b", "h100_hgx", "--gpus", "1024", "--tokens", "2T", "--failures", "--trials", "50"]
    assert leave(*words, "--html", str(page)) == 0
    out = capsys.readouterr().out
    for word in ("interruptions", "restarting", "GPU-hours, spares included", "(the best)", "closed form"):
        assert word in out, word
    text = page.read_text(encoding="utf-8")
    for id in ("lost", "days", "interval", "spares", "sizes", "causes"):
        assert f'id="chart-{id}"' in text, id
    assert not re.search(r"""(src|href)=["']https?:""", text)
    assert leave(*words, "--checkpoint-interval", "20 min", "--spares", "2", "--seed", "4", "--json") == 0
    data = json.loads(capsys.readouterr().out)["failures"]
    assert (data["interval_s"], data["spares"], data["options"]["seed"]) == (1200, 2, 4)
    ask = FailureOptions(checkpoint_interval_s=1200, spares=2, seed=4, trials=50)
    again = gp.to_json(gp.train("llama_3_1_70b", "h100_hgx", gpus=1024, tokens="2T", failures=ask))["failures"]
    assert data == json.loads(json.dumps(again))
    check_parts_add_up(data)


def test_wrong_options_of_the_verb(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "llama_3_1_70b", "h100_hgx", "--gpus", "1024"]
    assert leave(*words, "--spares", "2", "--elastic") == 2
    assert "--spares, --elastic" in capsys.readouterr().err
    assert leave(*words, "--failures", "--checkpoint-interval", "soon") == 2
    assert "10 min" in capsys.readouterr().err
    assert leave(*words, "--failures", "--sites", "a=512,b=512") == 2
    assert "one site" in capsys.readouterr().err


def test_the_validation_verb_shows_failures(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("validate", "training", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["failures"]
    assert {r["name"] for r in rows} >= {"Llama 3, 54 days: interruptions", "RSC, 8 GPUs: time to failure"}
