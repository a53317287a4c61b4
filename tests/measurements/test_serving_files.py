"""Result files of serving benchmarks, with invented numbers in the form that each tool writes."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.measurements.files import read_rows
from gigaplan.validation.serving.measured import NEEDED, load_warnings, read_file
from gigaplan.validation.serving.predictions import ANSWER_COLUMNS
from gigaplan.vocabulary.errors import PlanError

MODEL = "meta-llama/Llama-3.1-70B-Instruct"
TTFT_MS, TPOT_MS, LATENCY_MS = 200.0, 16.0, 8376.0
"""Invented: 512 tokens, of which 511 follow the first."""
VLLM: dict[str, Any] = {
    "date": "20260102-030405",
    "endpoint_type": "vllm",
    "backend": "vllm",
    "label": None,
    "model_id": MODEL,
    "tokenizer_id": MODEL,
    "num_prompts": 160,
    "request_rate": "inf",
    "burstiness": 1.0,
    "max_concurrency": 16,
    "duration": 84.0,
    "completed": 160,
    "total_input_tokens": 163840,
    "total_output_tokens": 81920,
    "request_throughput": 1.9,
    "output_throughput": 975.0,
    "mean_ttft_ms": TTFT_MS,
    "median_ttft_ms": 111.0,
    "mean_tpot_ms": TPOT_MS,
    "median_tpot_ms": 11.0,
    "mean_e2el_ms": LATENCY_MS,
}
SGLANG: dict[str, Any] = {
    "tag": None,
    "backend": "sglang",
    "dataset_name": "random",
    "request_rate": float("inf"),
    "max_concurrency": 16,
    "random_input_len": 1024,
    "server_info": {
        "model_path": MODEL,
        "tp_size": 4,
        "pp_size": 1,
        "dp_size": 1,
        "ep_size": 1,
        "quantization": "fp8",
        "version": "0.5.0",
        "speculative_algorithm": None,
    },
    "completed": 160,
    "total_input_tokens": 163840,
    "total_output_tokens": 81920,
    "total_output_tokens_retokenized": 81900,
    "request_throughput": 1.9,
    "output_throughput": 975.0,
    "mean_e2e_latency_ms": LATENCY_MS,
    "mean_ttft_ms": TTFT_MS,
    "mean_tpot_ms": TPOT_MS,
    "accept_length": None,
}
AIPERF: dict[str, Any] = {
    "request_throughput": {"unit": "requests/sec", "avg": 1.9},
    "request_latency": {"unit": "s", "avg": LATENCY_MS / 1e3, "p50": 1.0},
    "time_to_first_token": {"unit": "ms", "avg": TTFT_MS, "p50": 1.0},
    "inter_token_latency": {"unit": "us", "avg": TPOT_MS * 1e3},
    "input_sequence_length": {"unit": "tokens", "avg": 1024.0},
    "output_sequence_length": {"unit": "tokens", "avg": 512.0},
    "output_token_throughput": {"unit": "tokens/sec", "avg": 975.0},
    "input_config": {"endpoint": {"model_names": [MODEL]}, "loadgen": {"concurrency": 16, "request_rate": None}},
}
AIPERF_CSV = """Metric,avg,min,max,p50
Input Sequence Length (tokens),"1,024.00",1000,1100,1024
Inter Token Latency (ms),16.00,9,30,15
Output Sequence Length (tokens),512.00,500,520,512
Request Latency (ms),"8,376.00",8000,9000,8300
Time to First Token (ms),200.00,100,400,150

Metric,Value
Request Throughput (requests/sec),1.90
"""
INFERENCEX: dict[str, Any] = {
    "hw": "h100-cw_1",
    "conc": 16,
    "model": MODEL,
    "framework": "vllm",
    "precision": "fp8",
    "spec_decoding": "none",
    "disagg": False,
    "isl": 1024,
    "osl": 1024,
    "is_multinode": False,
    "tp": 4,
    "pp": 1,
    "ep": 1,
    "dp_attention": "false",
    "output_tput_per_gpu": 240.0,
    "mean_ttft": TTFT_MS / 1e3,
    "mean_tpot": TPOT_MS / 1e3,
    "mean_e2el": LATENCY_MS / 1e3,
}
TRTLLM: dict[str, Any] = {
    "engine": {"model": MODEL, "version": "1.2.0", "backend": "Pytorch", "dtype": "bfloat16", "quantization": "FP8"},
    "machine": {"name": "NVIDIA H100 80GB HBM3"},
    "world_info": {"tp_size": 4, "pp_size": 1, "ep_size": 1, "world_size": 4, "max_batch_size": 512},
    "request_info": {"avg_num_concurrent_requests": 16.0, "avg_input_length": 1024.0, "avg_output_length": 512.0},
    "performance": {
        "avg_request_latency_ms": LATENCY_MS,
        "request_throughput_req_s": 1.9,
        "system_output_throughput_tok_s": 975.0,
    },
    "streaming_metrics": {"avg_ttft_ms": TTFT_MS, "avg_tpot_ms": TPOT_MS},
}


def _mean(value: float) -> dict[str, Any]:
    return {"successful": {"mean": value, "median": value / 2}, "errored": {"mean": 0.0}}


GUIDELLM: dict[str, Any] = {
    "metadata": {"version": 1},
    "args": {"target": "http://localhost:8000", "model": MODEL},
    "benchmarks": [
        {
            "config": {"strategy": {"type_": "concurrent", "streams": 16}, "backend": {"model": MODEL}},
            "metrics": {
                "time_to_first_token_ms": _mean(TTFT_MS),
                "time_per_output_token_ms": _mean(99.0),
                "inter_token_latency_ms": _mean(TPOT_MS),
                "request_latency": _mean(LATENCY_MS / 1e3),
                "prompt_token_count": _mean(1024.0),
                "output_token_count": _mean(512.0),
                "output_tokens_per_second": _mean(975.0),
                "requests_per_second": _mean(1.9),
            },
        }
    ],
}
LLMD: dict[str, Any] = {
    "version": "0.2",
    "run": {"uid": "invented"},
    "scenario": {
        "stack": [
            {
                "metadata": {"label": "vllm-0"},
                "standardized": {
                    "kind": "inference_engine",
                    "tool": "vllm",
                    "tool_version": "0.12",
                    "role": "replica",
                    "replicas": 2,
                    "model": {"name": MODEL},
                    "accelerator": {"model": "NVIDIA-H100-80GB-HBM3", "count": 4, "parallelism": {"tp": 4, "dp": 1}},
                },
            }
        ],
        "load": {"standardized": {"tool": "vllm-benchmark", "concurrency": 32}},
    },
    "results": {
        "request_performance": {
            "aggregate": {
                "requests": {
                    "total": 320,
                    "input_length": {"units": "count", "mean": 1024.0},
                    "output_length": {"units": "count", "mean": 512.0},
                },
                "latency": {
                    "time_to_first_token": {"units": "s", "mean": TTFT_MS / 1e3},
                    "time_per_output_token": {"units": "ms/token", "mean": TPOT_MS},
                    "request_latency": {"units": "ms", "mean": LATENCY_MS},
                },
                "throughput": {
                    "output_token_rate": {"units": "tokens/s", "mean": 1950.0},
                    "request_rate": {"units": "queries/s", "mean": 3.8},
                },
            }
        }
    },
}
FILES: dict[str, tuple[str, str]] = {
    "vllm": (json.dumps(VLLM), "vllm"),
    "sglang": (json.dumps(SGLANG) + "\n", "SGLang"),
    "aiperf": (json.dumps(AIPERF, indent=2), "AIPerf"),
    "aiperf csv": (AIPERF_CSV, "AIPerf"),
    "inferencex": (json.dumps([INFERENCEX]), "InferenceX"),
    "trtllm": (json.dumps(TRTLLM), "trtllm-bench"),
    "guidellm": (json.dumps(GUIDELLM), "GuideLLM"),
    "guidellm yaml": (yaml.safe_dump(GUIDELLM), "GuideLLM"),
    "llm-d": (yaml.safe_dump(LLMD), "llm-d"),
}
GIVEN = {"gpu": "h100_sxm", "model": MODEL, "engine": "vllm", "precision": "fp8"}


def written(tmp_path: Path, text: str, name: str = "results.dat") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def given_for(path: Path) -> dict[str, str]:
    """Return what completes a file, with the numbers that it leaves open."""
    row = read_rows(path).rows[0]
    return {**GIVEN, **{k: v for k, v in {"tp": "4", "concurrency": "16"}.items() if not row.get(k)}}


@pytest.mark.parametrize("name", FILES)
def test_each_format_is_recognised_by_its_content_and_read_in_our_units(tmp_path: Path, name: str) -> None:
    text, tool = FILES[name]
    path = written(tmp_path, text)
    assert tool in read_rows(path).tool
    (row,) = read_file(path, given_for(path)).rows
    assert float(row["ttft_ms"]) == pytest.approx(TTFT_MS)
    assert float(row["tpot_ms"]) == pytest.approx(TPOT_MS)
    assert float(row["e2e_ms"]) == pytest.approx(LATENCY_MS)
    # InferenceX states no rate of requests, all others both it and the latency.
    assert float(row["concurrency"]) == pytest.approx(16 if name == "inferencex" else 1.9 * LATENCY_MS / 1e3)
    lengths = (921.6, 921.6) if name == "inferencex" else (1024.0, 512.0)
    assert (float(row["isl"]), float(row["osl"])) == pytest.approx(lengths)


@pytest.mark.parametrize("name", FILES)
def test_a_result_file_and_a_table_of_its_numbers_are_predicted_alike(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, FILES[name][0])
    given = given_for(path)
    row = read_file(path, given).rows[0]
    table = tmp_path / "table.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        columns = [
            *NEEDED,
            *(c for c in ("tp", "engine", "engine_version", "precision", "n_gpus", "dp", "pp") if row.get(c)),
        ]
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerow(row)
    gp.predict_inference(path, tmp_path / "a.csv", about=tuple(f"{k}={v}" for k, v in given.items()))
    gp.predict_inference(table, tmp_path / "b.csv")
    found = []
    for out in ("a.csv", "b.csv"):
        with (tmp_path / out).open(encoding="utf-8", newline="") as file:
            found.append(next(csv.DictReader(file)))
    compared = [c for c in ANSWER_COLUMNS if c != "assumed"]
    assert [found[0][c] for c in compared] == [found[1][c] for c in compared]
    assert found[0]["validity"].startswith(("inside", "extrapolated"))


@pytest.mark.parametrize("name", ["vllm", "sglang", "inferencex", "trtllm", "guidellm"])
def test_a_file_that_was_cut_off_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, FILES[name][0].rstrip()[:-20])
    with pytest.raises(PlanError) as wrong:
        read_rows(path)
    (problem,) = wrong.value.problems
    assert "cut off" in problem.message
    assert problem.place.line == 1


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ('{"metadata": {}, "metrics": {}}', "AIPerf's records of single requests"),
        ('{"avg_latency": 1.0, "percentiles": {}}', "vllm bench latency"),
        ('{"architectures": ["LlamaForCausalLM"]}', "config.json"),
        ('{"colour": "red", "size": 3}', "it has the keys colour, size"),
        ("colour: red\nsize: 3\n", "it has the keys colour, size"),
        ('["a"]', "it is a single str"),
    ],
)
def test_an_unknown_file_says_what_it_looks_like_and_what_is_read(tmp_path: Path, text: str, looks: str) -> None:
    with pytest.raises(PlanError) as wrong:
        read_rows(written(tmp_path, text))
    (problem,) = wrong.value.problems
    assert looks in problem.value
    assert "vllm bench serve" in problem.allowed


def test_results_that_were_appended_are_one_row_each(tmp_path: Path) -> None:
    text = "\n".join(json.dumps({**VLLM, "max_concurrency": n}) for n in (1, 4, 16))
    assert [r["max_concurrency"] for r in read_rows(written(tmp_path, text)).rows] == ["1", "4", "16"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_concurrency": None}, "sent at once"),
        ({"mean_tpot_ms": None}, ""),
        ({"completed": 0}, "isl, osl"),
        ({"backend": "openai"}, "engine"),
    ],
)
def test_what_a_file_leaves_open_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = written(tmp_path, json.dumps({**VLLM, **change}))
    with pytest.raises(PlanError) as wrong:
        gp.calibrate_serving(path, gpu="h100_sxm", tp=4, precision="fp8")
    assert words in wrong.value.problems[0].message


def test_a_paced_run_without_a_cap_has_the_load_of_littles_law(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps({**VLLM, "max_concurrency": None, "request_rate": 2.0}))
    (row,) = read_rows(path).rows
    assert float(row["concurrency"]) == pytest.approx(1.9 * LATENCY_MS / 1e3)
    assert row["request_rate"] == "2"


def with_load(name: str, cap: float, requests_per_s: float) -> str:
    """Return a file of a tool with another cap and another rate of completed requests."""
    if name == "vllm":
        return json.dumps({**VLLM, "max_concurrency": cap, "request_throughput": requests_per_s})
    if name == "sglang":
        return json.dumps({**SGLANG, "max_concurrency": cap, "request_throughput": requests_per_s})
    if name == "aiperf":
        config = {**AIPERF["input_config"], "loadgen": {"concurrency": cap}}
        rate = {"unit": "requests/sec", "avg": requests_per_s}
        return json.dumps({**AIPERF, "input_config": config, "request_throughput": rate})
    if name == "trtllm":
        info = {**TRTLLM["request_info"], "avg_num_concurrent_requests": cap}
        performance = {**TRTLLM["performance"], "request_throughput_req_s": requests_per_s}
        return json.dumps({**TRTLLM, "request_info": info, "performance": performance})
    report: dict[str, Any] = json.loads(json.dumps(GUIDELLM if name == "guidellm" else LLMD))
    if name == "guidellm":
        benchmark = report["benchmarks"][0]
        benchmark["config"]["strategy"]["streams"] = cap
        benchmark["metrics"]["requests_per_second"] = _mean(requests_per_s)
    else:  # of two replicas
        report["scenario"]["load"]["standardized"]["concurrency"] = 2 * cap
        aggregate = report["results"]["request_performance"]["aggregate"]
        aggregate["throughput"]["request_rate"]["mean"] = 2 * requests_per_s
    return json.dumps(report)


@pytest.mark.parametrize("name", ["vllm", "sglang", "aiperf", "trtllm", "guidellm", "llm-d"])
@pytest.mark.parametrize(
    ("load", "words"),
    [(60.0, "the client was not saturated"), (99.0, ""), (104.0, ""), (120.0, "not of one run")],
)
def test_the_load_is_rate_times_latency_and_the_cap_a_check(tmp_path: Path, name: str, load: float, words: str) -> None:
    path = written(tmp_path, with_load(name, 100.0, load / LATENCY_MS * 1e3))
    row = read_file(path, given_for(path)).rows[0]
    assert float(row["concurrency"]) == pytest.approx(load)
    assert float(row["max_concurrency"]) == 100
    (warning,) = load_warnings([row]) or ("",)
    assert words in warning
    assert bool(words) == bool(warning)


@pytest.mark.parametrize("tool", ["--request-rate", "trace"])
def test_a_paced_client_need_not_reach_its_cap(tmp_path: Path, tool: str) -> None:
    result = {**SGLANG, "max_concurrency": 64} | {"request_rate": "trace" if tool == "trace" else 2.0}
    (row,) = read_rows(written(tmp_path, json.dumps(result))).rows
    assert float(row["concurrency"]) == pytest.approx(1.9 * LATENCY_MS / 1e3)
    assert load_warnings([row]) == ()


def test_a_burst_that_was_not_streamed_is_told_both(tmp_path: Path) -> None:
    info = {**TRTLLM["request_info"], "avg_num_concurrent_requests": None}
    document = {k: v for k, v in TRTLLM.items() if k != "streaming_metrics"}
    (row,) = read_rows(written(tmp_path, json.dumps({**document, "request_info": info}))).rows
    assert "not streamed" in row["notes"]
    assert ";" in row["notes"]


def test_a_file_without_a_rate_keeps_its_cap(tmp_path: Path) -> None:
    (row,) = read_rows(written(tmp_path, json.dumps({**VLLM, "request_throughput": None}))).rows
    assert row["concurrency"] == "16"
    assert "max_concurrency" not in row


def test_a_load_that_falls_short_is_told_by_every_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [{**VLLM, "max_concurrency": cap, "request_throughput": 1.0} for cap in (4, 8, 16, 32)]
    path = written(tmp_path, json.dumps(runs))
    options = ["--gpu", "h100_sxm", "--tp", "4", "--precision", "fp8"]
    words = "row 4: 8.376 requests were in flight by Little's law, the stated cap is 32"
    for verb in (["predict", "inference"], ["validate", "inference"]):
        out = ["--out", str(tmp_path / "o.csv")] if verb[0] == "predict" else []
        with pytest.raises(SystemExit) as left:
            main([*verb, str(path), *options, *out])
        assert left.value.code == 0
        assert words in capsys.readouterr().err
    assert words in " ".join(gp.calibrate_serving(path, gpu="h100_sxm", tp=4, precision="fp8").warnings)


def test_only_a_median_is_not_taken_for_a_mean(tmp_path: Path) -> None:
    result = {k: v for k, v in VLLM.items() if not k.startswith("mean_")}
    row = read_rows(written(tmp_path, json.dumps(result))).rows[0]
    assert "ttft_ms" not in row
    assert "tpot_ms" not in row


def test_given_words_replace_the_files_and_numbers_must_agree(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps({**VLLM, "model_id": "our-chat-model"}))
    given = {"gpu": "h100_sxm", "model": "llama_3_1_70b", "tp": "4", "precision": "fp8"}
    assert read_file(path, given).rows[0]["model"] == "llama_3_1_70b"
    with pytest.raises(PlanError, match="states concurrency 16"):
        read_file(path, {**given, "concurrency": "8"})


@pytest.mark.parametrize(
    "write",
    [
        lambda p: ("about.yaml", "system: h100_sxm\ntp: 4\nprecision: fp8\n"),
        lambda p: ("about.csv", "gpu,tp,precision\nh100_sxm,4,fp8\n"),
    ],
)
def test_what_is_open_may_stand_in_a_file(tmp_path: Path, write: Callable[[Path], tuple[str, str]]) -> None:
    name, text = write(tmp_path)
    sidecar = written(tmp_path, text, name)
    path = written(tmp_path, json.dumps(VLLM))
    assert gp.predict_inference(path, tmp_path / "o.csv", about=(str(sidecar),)).answered == 1


def test_an_unknown_column_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps(VLLM))
    with pytest.raises(PlanError) as wrong:
        gp.predict_inference(path, tmp_path / "o.csv", about=("precison=fp8",))
    assert wrong.value.problems[0].nearest == "precision"


def test_an_unknown_unit_is_refused(tmp_path: Path) -> None:
    text = json.dumps({**AIPERF, "time_to_first_token": {"unit": "fortnights", "avg": 1.0}})
    with pytest.raises(PlanError, match="fortnights"):
        read_rows(written(tmp_path, text))


def test_a_summary_with_line_ends_of_another_system_is_read_and_one_that_is_no_csv_is_refused(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, AIPERF_CSV)).rows
    path = tmp_path / "mac.csv"
    path.write_bytes(AIPERF_CSV.replace("\n", "\r").encode())
    assert read_rows(path).rows == rows
    with pytest.raises(PlanError, match="can't be read"):
        read_rows(written(tmp_path, f'{AIPERF_CSV}"{"x" * 200_000}"\n'))
