"""Further published rows: runs request by request, phases, benchmarks in long tables, and how they are held."""

from __future__ import annotations

import csv
import math
import re
import xml.etree.ElementTree as Xml
from pathlib import Path

import numpy as np
import pytest

from gigaplan import catalog
from gigaplan.inference.step import Stage
from gigaplan.plan.resolve import device_of, model_of
from gigaplan.report import published_view, serving_view
from gigaplan.validation.published import Point, TableComparison, compare
from gigaplan.validation.serving import phases as served_phases
from gigaplan.validation.serving import published as served
from gigaplan.validation.serving import requests as served_requests
from gigaplan.validation.serving import tables as v
from gigaplan.validation.serving.constants import shipped
from gigaplan.validation.serving.validate import InferenceValidation
from gigaplan.vocabulary.errors import PlanError

LONG = {
    "source": "a source",
    "gpu": "h100-80gb",
    "n_gpus": "8",
    "model": "llama2-70b",
    "precision": "",
    "engine": "",
    "tp": "8",
    "isl": "512",
    "osl": "128",
    "concurrency": "1",
    "metric": "prompt_time",
    "value": "53.4",
    "unit": "ms",
}


def stage(system: str = "rtx_pro_6000_server", model: str = "llama_3_1_8b") -> Stage:
    facts, one = catalog.load(), np.array(1.0)
    constants = shipped()
    return Stage(
        device_of(facts, system),
        model_of(facts, model),
        "bf16",
        constants.efficiency,
        constants.engines["vllm"],
        one,
        one,
        0 * one,
    )


@pytest.fixture(scope="module")
def everything() -> tuple[InferenceValidation | TableComparison, ...]:
    return v.validate_any()


def test_prompts_read_together_share_weights_and_attend_alone() -> None:
    s = stage()
    one = served_phases.together_s(s, 64.0, 0.0, 1.0)
    assert one == pytest.approx(float(s.prefill_s(np.array(64.0), np.array(0.0))))
    assert one < served_phases.together_s(s, 64.0, 0.0, 8.0) < 8 * one
    assert served_phases.together_s(s, 4096.0, 0.0, 8.0) == pytest.approx(
        8 * served_phases.together_s(s, 4096.0, 0.0, 1.0), rel=0.1
    )


def test_phases() -> None:
    prompt, token, whole = (served.point({**LONG, "metric": m}) for m in ("prompt_time", "token_time", "e2e_time"))
    assert whole.predicted == pytest.approx(prompt.predicted + 127 * token.predicted)
    assert 8 * prompt.predicted > served.point({**LONG, "concurrency": "8"}).predicted > 3 * prompt.predicted
    assert served.point({**LONG, "tp": "4"}).predicted > prompt.predicted
    power = served.point({**LONG, "metric": "average_power", "value": "0.6", "unit": "fraction (file units)"})
    assert 0.5 < power.predicted < 1
    for change, words in (
        ({"gpu": "h100-80gb-pcap"}, "times 1.3"),
        ({"metric": "average_power", "value": "0"}, "not measured"),
        ({"tp": "1"}, "does not hold"),
        ({"tp": "x"}, "missing or not"),
        ({"metric": "itl_p99"}, "gap between"),
        ({"metric": "cows"}, "input or an outcome"),
        ({"metric": "TTFT Mean (measured vLLM)"}, "need its requests"),
    ):
        odd = served.point({**LONG, **change})
        assert odd.validity.startswith("unsupported: ")
        assert re.search(words, odd.validity), odd.validity


def test_a_benchmark_at_a_concurrency() -> None:
    row = {
        **LONG,
        "gpu": "B200 HGX 179GB",
        "model": "Qwen/Qwen3-32B",
        "precision": "FP8",
        "engine": "vllm",
        "tp": "1",
        "n_gpus": "1",
    }
    each, first, whole = (
        served.point({**row, "metric": m, "concurrency": "16"}) for m in ("tpot", "ttft", "output_throughput")
    )
    assert whole.predicted == pytest.approx(16 * 128 / (first.predicted + 128 * each.predicted) * 1e3)
    peak = served.point({**row, "metric": "peak_output_throughput", "concurrency": "peak over 1..1024"})
    assert peak.predicted > whole.predicted


def test_errors_are_those_of_the_points() -> None:
    def point(predicted: float, validity: str = "inside") -> Point:
        return Point("kind", "gpu", "model", "", "", "s", 1.0, predicted, 0.9 * predicted, 1.1 * predicted, validity)

    nan = math.nan
    found = compare(
        "t",
        "s",
        [
            point(1.05),
            point(1.5),
            point(0.8),
            point(nan, "unsupported: why"),
            Point("k", "", "", "", "", "s", nan, 1, 1, 1, "inside"),
        ],
    )
    kind = next(e for e in found.errors if e.kind == "kind")
    assert kind.rows == 3
    assert kind.median_abs == pytest.approx(0.2)
    assert kind.bias == pytest.approx(0.05)
    assert kind.covered == pytest.approx(1 / 3)
    assert found.reasons == {"why": 1, "no published figure": 1}
    assert found.left_out == 2


def test_without_a_table_every_sample_is_held(everything: tuple[InferenceValidation | TableComparison, ...]) -> None:
    sources = {a.source: a for a in everything if isinstance(a, TableComparison)}
    assert isinstance(everything[0], InferenceValidation)
    for word in (
        "TensorRT-LLM",
        "MLPerf Inference v5.1",
        "MLPerf Inference v6.1",
        "Vultr",
        "DeepSeek",
        "InferSim",
        "Splitwise",
        "LLMServingSim",
    ):
        assert any(word in s for s in sources), word
    runs = next(a for s, a in sources.items() if "LLMServingSim" in s)
    assert len(runs.points) == 4 * 12
    assert np.median([abs(p.error) for p in runs.points]) < 0.3
    prompts = [e for a in sources.values() for e in a.errors if e.kind == "prompt_time"]
    assert prompts[0].median_abs < 0.3
    vera = [p for a in sources.values() for p in a.points if p.gpu == "vr_nvl72" and p.answered]
    assert len(vera) == 3
    assert all(p.low <= p.published <= p.high for p in vera)


def test_told_as_text_markdown_page_and_pictures(everything: tuple[InferenceValidation | TableComparison, ...]) -> None:
    text = serving_view.markdown(everything, ["images/a.svg"])
    assert text.count("\n## ") == len(everything)
    assert "![a](images/a.svg)" in text
    first, second = (published_view.html(everything) for _ in range(2))
    assert first == second
    assert "http://" not in first.split("<script>")[0]
    charts = published_view.all_charts(everything)
    assert {c.id for c in charts} == {
        "ttft",
        "tpot",
        "throughput",
        "by-gpu",
        "by-model",
        "by-engine",
        "by-precision",
        "coverage",
    }
    for name, picture in published_view.pictures(everything).items():
        assert picture.startswith("<svg "), name
        assert '"nan"' not in picture
        assert Xml.fromstring(picture) is not None


def test_tables_are_recognised(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(LONG))
        writer.writeheader()
        writer.writerows([LONG, {**LONG, "source": "another"}, {**LONG, "source": "another", "value": ""}])
    one, other = v.validate_any(path)
    assert isinstance(one, TableComparison)
    assert isinstance(other, TableComparison)
    assert (one.source, len(one.points), other.source, other.left_out) == ("a source", 1, "another", 1)
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(PlanError, match="columns are missing"):
        v.validate_any(tmp_path / "odd.csv")
    (tmp_path / "runs.csv").write_text(
        ",".join((*served_requests.COLUMNS, "first_token_ts", "last_token_ts"))
        + "\nrtx_4090,nobody,1,8,64,5,5,0,1,2\n"
        + "rtx_4090,llama_3_1_8b,1,8,64,5,5,nan,1,2\nrtx_4090,llama_3_1_8b,1,8,0,5,5,0,1,2\n",
        encoding="utf-8",
    )
    for runs in v.validate_any(tmp_path / "runs.csv"):  # with constants as shipped, and with their own level
        assert isinstance(runs, TableComparison)
        assert len(runs.reasons) == 3
        assert sum(runs.reasons.values()) == 3


def test_at_the_level_of_its_first_requests_the_rest_of_a_run_is_as_measured() -> None:
    """Three dense runs within 5 % in TPOT and the whole request, 10 % at its 99th percentile, 20 % in TTFT."""
    sample = Path(served_requests.__file__).parents[1] / "data" / "held_requests_sample.csv"
    rows = list(csv.DictReader(sample.read_text(encoding="utf-8").splitlines()))
    aims = {"tpot mean": 0.05, "latency mean": 0.05, "latency p99": 0.1, "ttft mean": 0.2}
    found = [p for p in served_requests.level_points(rows) if p.kind in aims]
    assert len(found) == 4 * len(aims)
    missed = {(p.kind, p.model) for p in found if abs(p.error) > aims[p.kind]}
    assert missed <= {("tpot mean", "qwen3_30b_a3b"), ("latency mean", "qwen3_30b_a3b")}
