"""Requests on replicas: traces of several formats and what is wrong with them, routers, laws, and the fast model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.layers.serve_traces import open_trace

MAIN = ("llama_3_1_8b", "h100_hgx")
SHARED = Path("/work/shared/data/traces")


def serve(trace: str | Path = "poisson", **more: Any) -> gp.ServeRun:
    made = {"rate": 8.0, "requests": 600, "output_tokens": 128.0} if trace == "poisson" else {}
    return gp.serve(trace, *MAIN, **{**made, **more})


def written(folder: Path, text: str, name: str = "trace.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def rows(times: Any, name: str = "arrival_s,input_tokens,output_tokens") -> str:
    return "\n".join([name, *(f"{t},{100 + k % 50},{20 + k % 7}" for k, t in enumerate(times))]) + "\n"


def test_requests_are_conserved_and_percentiles_rise() -> None:
    run = serve()
    assert run.arrived == run.served + sum(run.refused.values()) == 600
    for times in (run.ttft_ms, run.tpot_ms, run.latency_ms):
        known = [times.p50, times.p90, times.p95, times.p99]
        assert known == sorted(known)  # type: ignore[type-var]
        assert times.mean.low < times.mean.value < times.mean.high
    arrived = sum(m.arrived_per_s for m in run.moments) * run.span_s / len(run.moments)
    assert arrived == pytest.approx(600, rel=0.02)
    assert run.latency_ms.mean.value == pytest.approx(run.ttft_ms.mean.value + 127 * run.tpot_ms.mean.value, rel=1e-6)
    assert run.joules_per_token == pytest.approx(1e3 * (run.it_kw or 0) * run.end_s / (128 * 600))


def test_a_light_load_takes_what_the_fast_model_says_of_one_request() -> None:
    run = serve(rate=0.2, requests=40, gpus_per_replica=1)
    from gigaplan import catalog
    from gigaplan.inference.step import Stage
    from gigaplan.layers.serve_job import ServeJob
    from gigaplan.layers.serve_replica import choose

    job = ServeJob(trace="poisson", model=MAIN[0], system=MAIN[1], gpus_per_replica=1, rate_per_s=1.0)
    stage: Stage = choose(catalog.load(), job, (1024.0, 0.0, 128.0)).stage
    alone = float(stage.decode_s(np.array(1.0), np.array(1024.0 + 64)))
    assert run.tpot_ms.p50 == pytest.approx(1e3 * alone, rel=0.02)
    assert run.batch == pytest.approx(1.0, abs=0.1)
    assert run.queue == 0


def test_the_same_seed_gives_the_same_answer_and_another_one_another() -> None:
    assert serve(seed=3) == serve(seed=3)
    assert serve(seed=3).ttft_ms != serve(seed=4).ttft_ms


def test_bursts_wait_longer_and_more_replicas_less() -> None:
    crowded = {"rate": 60.0, "requests": 3000, "replicas": 1}
    even, bursts, two = serve(**crowded), serve(**crowded, burst=4), serve(**{**crowded, "replicas": 2})
    assert bursts.ttft_ms.p99 > even.ttft_ms.p99  # type: ignore[operator]
    assert two.ttft_ms.p50 < even.ttft_ms.p50  # type: ignore[operator]


def test_overload_is_said_and_a_limit_of_the_queue_refuses() -> None:
    run = serve(rate=500.0, requests=4000, replicas=1)
    assert run.overloaded
    assert any("grows without end" in n for n in run.notes)
    refused = serve(rate=500.0, requests=4000, replicas=1, max_waiting=10)
    assert refused.refused["too many waited"] > 1000
    assert refused.arrived == refused.served + sum(refused.refused.values())
    assert not serve().overloaded


def test_every_router_serves_all_and_prefix_aware_finds_more(tmp_path: Path) -> None:
    lines = [
        {
            "timestamp": 300 * k,
            "input_length": 2048,
            "output_length": 20,
            "hash_ids": [1000 * (k * 7 % 12) + j for j in range(4)],
            "session_id": k % 12,
        }
        for k in range(400)
    ]
    path = written(tmp_path, "\n".join(json.dumps(line) for line in lines), "trace.jsonl")
    found = {}
    for router in ("round_robin", "session_sticky", "least_outstanding", "least_kv", "prefix_aware"):
        run = serve(path, replicas=3, router=router)
        assert run.served == 400
        assert "times are read as ms" in run.notes
        found[router] = run.cached_share
    assert found["prefix_aware"] > 0.9
    assert min(found.values()) > 0.5  # each of three replicas soon has the twelve prefixes
    assert serve(path, hash_tokens=0).cached_share == 0


def test_one_request_has_no_rate_and_one_token_no_time_per_token(tmp_path: Path) -> None:
    alone = written(tmp_path, rows([3.0]))
    with pytest.raises(gp.PlanError, match="come at once"):
        serve(alone)
    run = serve(alone, replicas=1)
    assert run.served == 1
    single = serve(output_tokens=1.0, replicas=1)
    assert single.tpot_ms.p50 is None
    assert np.isnan(single.tpot_ms.mean.value)
    assert gp.to_json(single)["tpot_ms"]["mean"]["value"] is None


def test_priorities_change_who_waits(tmp_path: Path) -> None:
    text = "arrival_s,input_tokens,output_tokens,priority\n"
    text += "".join(f"{k * 0.002:.3f},1000,50,{k % 2}\n" for k in range(1500))
    path = written(tmp_path, text)
    first, fair = (serve(path, replicas=1, scheduler=s, max_sequences=32) for s in ("priority", "fcfs"))
    assert first.ttft_ms.p50 < fair.ttft_ms.p50  # type: ignore[operator]
    assert first.ttft_ms.mean.value == pytest.approx(fair.ttft_ms.mean.value, rel=0.01)
    assert first.served == fair.served == 1500


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("arrival_s,input_tokens,output_tokens", 1.0),
        ("arrival_ms,ContextTokens,GeneratedTokens", 1e-3),
        ("arrived_at,num_prefill_tokens,num_decode_tokens", 1.0),
        ("Timestamp,Request tokens,Response tokens", 1.0),
    ],
)
def test_names_of_columns_that_traces_have(tmp_path: Path, header: str, unit: float) -> None:
    trace = open_trace(str(written(tmp_path, rows(np.arange(60) * 0.5 / unit, header))))
    assert trace.span_s == pytest.approx(59 * 0.5)
    piece = next(iter(trace.pieces()))
    assert piece.arrival_s[:3] == pytest.approx([0, 0.5, 1.0])
    assert piece.input_tokens[:2].tolist() == [100, 101]
    assert piece.output_tokens[:2].tolist() == [20, 21]


def test_dates_epochs_and_rows_out_of_order(tmp_path: Path) -> None:
    dates = [f"2023-11-16 18:17:{s:02d}.5000000" for s in range(50)]
    assert open_trace(str(written(tmp_path, rows(dates, "TIMESTAMP,ContextTokens,GeneratedTokens")))).span_s == 49
    for factor in (1, 1000, 10**6, 10**9):
        trace = open_trace(str(written(tmp_path, rows([(1_700_000_000 + k) * factor for k in range(50)]))))
        assert trace.span_s == pytest.approx(49)
    mixed = open_trace(str(written(tmp_path, rows([3.0, 1.0, 2.0, 0.5]))))
    assert mixed.notes == ("rows out of order: sorted by arrival",)
    assert np.concatenate([p.arrival_s for p in mixed.pieces()]) == pytest.approx([0, 0.5, 1.5, 2.5])


def test_a_wrong_unit_of_time_is_said_and_may_be_stated(tmp_path: Path) -> None:
    path = written(tmp_path, rows(range(0, 100_000, 1000)))
    with pytest.raises(gp.PlanError, match="hardly seconds"):
        serve(path)
    assert serve(path, time_unit="ms").span_s == pytest.approx(99)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("arrival_s,input_tokens,output_tokens\n", "has no request|neither numbers"),
        ("arrival_s,input_tokens,output_tokens\n1,100,0\n", "has no request"),
        ("arrival_s,input_tokens,output_tokens\n1,-5,10\n2,5,10\n", "below zero"),
        ("when,input_tokens,output_tokens\n1,5,10\n", "no column of arrival"),
        ("arrival_s,input_tokens,output_tokens\nsoon,5,10\nlater,5,3\n", "neither numbers nor dates"),
        ("", "no column|can't be read"),
        ("\x00\x01\x02", "no column|can't be read"),
    ],
)
def test_a_trace_that_cannot_be_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(gp.PlanError, match=says):
        serve(written(tmp_path, text))


def test_rows_that_are_no_requests_are_left_out_and_long_ones_refused(tmp_path: Path) -> None:
    text = rows([0.0, 1.0, 2.0]) + "3,100,0\n4,1e15,10\n5,300000,10\n,5,5\n6,100,10\n"
    run = serve(written(tmp_path, text), replicas=1)
    assert run.arrived == 5
    assert run.refused == {"longer than the model or the key-value cache takes": 1}
    assert run.served == 4
    assert sum("left out" in n for n in run.notes) == 3


def test_what_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(gp.PlanError) as raised:
        serve(replicas=-1, router="best", rate=-2.0, burst=0, block_tokens=24, max_sequences=64, max_batched_tokens=8)
    assert len(raised.value.problems) >= 6
    with pytest.raises(gp.PlanError, match="the trace's own"):
        serve("azure_code_2023", input_tokens=5.0)
    with pytest.raises(gp.PlanError, match=r"nearest: *azure_code_2023"):
        serve("azure_code_203")
    with pytest.raises(gp.PlanError, match="needs a rate"):
        serve(rate=0)
    with pytest.raises(gp.PlanError, match="can't hold the weights"):
        gp.serve("poisson", "llama_3_1_405b", "h100_hgx", rate=1.0, gpus_per_replica=1)
    with pytest.raises(gp.PlanError, match="must divide"):
        serve(gpus_per_replica=3)
    with pytest.raises(gp.PlanError, match="no layout keeps the limits"):
        serve(ttft_s=1e-6)
    with pytest.raises(gp.PlanError, match="no whole replica"):
        serve(gpus=4, gpus_per_replica=8)


def test_gpus_make_replicas_and_a_trace_is_stretched_and_repeated() -> None:
    run = serve("azure_code_2023", gpus=4, rate=20.0, requests=20_000)
    assert run.replicas * run.gpus_per_replica == 4
    assert run.arrived == 20_000
    assert run.arrived / run.span_s == pytest.approx(20, rel=0.05)
    assert any("over and over" in n for n in run.notes)


def test_the_terminal_shows_what_python_gives(capsys: pytest.CaptureFixture[str]) -> None:
    words = "serve poisson --rate 8 --requests 300 --osl 64 --cached 512 --model llama_3_1_8b --system h100_hgx"
    with pytest.raises(SystemExit):
        main(words.split())
    text = capsys.readouterr().out
    for word in ("first token", "per token", "fast model", "Prefix cache", "requests in a batch", "output tokens per"):
        assert word in text.replace("\n", " ")


@pytest.mark.skipif(not SHARED.exists(), reason="the traces are not on this machine")
@pytest.mark.parametrize(
    ("name", "requests", "hours"),
    [
        ("azure2023/AzureLLMInferenceTrace_conv.csv", 19_366, 0.97),
        ("mooncake/conversation_trace.jsonl", 12_031, 0.98),
        ("vidur/splitwise_code.csv", 8_819, 0.95),
    ],
)
def test_published_traces_are_read_as_they_are(name: str, requests: int, hours: float) -> None:
    trace = open_trace(str(SHARED / name))
    assert trace.rows == requests
    assert trace.span_s / 3600 == pytest.approx(hours, abs=0.01)
    assert not trace.dropped


def test_the_fewest_replicas_hold_and_one_fewer_does_not() -> None:
    run = serve(rate=90.0, requests=3000, size=True, gpus_per_replica=1)
    assert run.holds
    assert run.good_share >= 0.99
    tried = dict(run.tried)
    assert tried[run.replicas] == run.good_share
    assert tried.get(run.replicas - 1, 0.0) < 0.99
    assert serve(rate=90.0, requests=3000, replicas=run.replicas, gpus_per_replica=1).good_share == run.good_share
    never = serve(rate=8.0, requests=200, size=True, gpus_per_replica=1, tpot_s="1 ms")
    assert never.holds is False
    words = "serve poisson --rate 8 --requests 200 --model llama_3_1_8b --system h100_hgx --gpus-per-replica 1"
    with pytest.raises(SystemExit) as left:
        main([*words.split(), "--tpot", "1ms", "--size", "--json"])
    assert left.value.code == 1


def test_what_a_failed_replica_had_is_sent_again() -> None:
    crowded = {"rate": 80.0, "requests": 4000, "replicas": 3, "gpus_per_replica": 1}
    whole = serve(**crowded)
    failed = serve(**crowded, fail=["1@10s"])
    repaired = serve(**crowded, fail=["1@10s"], repair="10 s")
    for run in (failed, repaired):
        assert run.resent > 0
        assert run.arrived == run.served == 4000
    assert whole.ttft_ms.p99 < repaired.ttft_ms.p99 <= failed.ttft_ms.p99  # type: ignore[operator]
    assert {m.replicas for m in failed.moments} == {3, 2}
    assert failed.moments[-1].replicas == 2
    assert repaired.moments[-1].replicas == 3
    assert repaired.replica_hours < whole.replica_hours * repaired.end_s / whole.end_s
    none = serve(**{**crowded, "replicas": 1}, fail=["1@10s"])
    assert none.refused["no replica took requests"] > 0
    assert none.arrived == none.served + sum(none.refused.values())


def test_a_drained_replica_ends_what_it_has() -> None:
    run = serve(rate=20.0, requests=1000, replicas=2, gpus_per_replica=1, drain=["1@20s"])
    assert run.served == 1000
    assert run.resent == 0
    assert run.moments[-1].replicas == 1
    assert run.replica_hours < 2 * run.end_s / 3600


def test_an_autoscaler_adds_replicas_after_their_start_up_and_drains_them() -> None:
    crowded = {"rate": 150.0, "requests": 30_000, "replicas": 1, "gpus_per_replica": 1}
    fixed, scaled = serve(**crowded), serve(**crowded, autoscale=8, startup="30 s")
    assert 1 < scaled.most_replicas <= 8
    assert scaled.moments[0].replicas == 1
    assert next(m.start_s for m in scaled.moments if m.replicas > 1) + scaled.span_s / 96 >= 30
    assert scaled.latency_ms.mean.value < fixed.latency_ms.mean.value
    assert scaled.served == fixed.served == 30_000
    assert pytest.approx(sum(m.done_per_s for m in scaled.moments) * scaled.span_s / 96, rel=0.25) == 30_000


def test_fleets_that_cannot_be_are_refused() -> None:
    for wrong, says in (
        ({"fail": ["two@10s"]}, "2@20min"),
        ({"drain": ["1@soon"]}, "2@20min|number with a unit"),
        ({"repair": "5 min"}, "nothing fails"),
        ({"size": True, "replicas": 2}, "what is searched for"),
        ({"autoscale": 1, "replicas": 2}, "fewer than there are"),
        ({"share": 1.5}, "at most one"),
        ({"replicas": 10**9}, "more requests at once"),
        ({"replicas": 2, "fail": ["3@1s"]}, "more replicas fail than"),
        ({"requests": 0.2}, "whole number"),
    ):
        with pytest.raises(gp.PlanError, match=says):
            serve(**wrong)


def test_prefill_apart_leaves_decode_undisturbed_and_takes_its_own_replicas() -> None:
    crowded = {"rate": 60.0, "requests": 3000, "gpus_per_replica": 1, "output_tokens": 128.0}
    together, apart = serve(**crowded, replicas=4), serve(**crowded, replicas=2, prefill_replicas=2)
    assert apart.served == together.served == 3000
    assert apart.tpot_ms.p99 < together.tpot_ms.p99  # type: ignore[operator]
    assert apart.replica_hours == pytest.approx(4 * apart.end_s / 3600, rel=1e-6)
    assert "for prefill" in apart.brief_title()
    for wrong in ({"prefill_replicas": 2}, {"prefill_replicas": 2, "replicas": 2, "fail": ["1@10s"]}):
        with pytest.raises(gp.PlanError, match="needs a number of each"):
            serve(**wrong)


def test_the_rate_follows_the_hour() -> None:
    run = serve(rate=0.5, requests=43_200, output_tokens=16.0, swing="60 %", replicas=1, router="round_robin")
    assert run.span_s == pytest.approx(86_400, rel=0.02)
    hours = np.array([m.arrived_per_s for m in run.moments])
    assert hours[[79, 80, 81]].mean() == pytest.approx(0.5 * 1.6, rel=0.1)  # a quarter of an hour each
    assert hours[[31, 32, 33]].mean() == pytest.approx(0.5 * 0.4, rel=0.2)
    assert hours.mean() == pytest.approx(0.5, rel=0.02)
    with pytest.raises(gp.PlanError, match="below one"):
        serve(swing="120 %")


def test_the_window_keeps_its_requests_and_perfetto_reads_them(tmp_path: Path) -> None:
    run = serve(rate=20.0, requests=1000, window="5 s", window_start="10 s")
    assert 60 < len(run.window) < 140
    for one in run.window:
        assert 10 <= one.sent_s < 15
        assert one.sent_s <= one.admitted_s < one.first_token_s < one.end_s
    assert serve(rate=20.0, requests=1000).window == ()
    path = tmp_path / "trace.json"
    words = "serve poisson --rate 20 --requests 400 --osl 64 --window 5s --model llama_3_1_8b --system h100_hgx"
    with pytest.raises(SystemExit):
        main([*words.split(), "--perfetto", str(path)])
    events = json.loads(path.read_text())["traceEvents"]
    assert {e["ph"] for e in events} == {"M", "X", "C"}
    assert all(e["dur"] > 0 for e in events if e["ph"] == "X")
