"""Two sources of step times behind one interface: ours is the stage, the tables' is asked rightly, and what happens
without it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.cli import main
from gigaplan.report import kernels_view
from gigaplan.validation.kernels import tables as kernels
from gigaplan.validation.kernels.compare import compare
from gigaplan.validation.kernels.layouts import CASES, Layout
from gigaplan.validation.kernels.physics import Physics
from gigaplan.validation.kernels.tables import MODELS, NAMES, KernelTables, precisions
from gigaplan.validation.serving.rows import known
from gigaplan.vocabulary.errors import MachineError, PlanError, UnsupportedError

DENSE = Layout(model="llama_3_1_70b", system="h100_hgx", precision="fp8", engine="trtllm", tensor=4)
APART = Layout(model="deepseek_r1", system="h200_hgx", precision="fp8", engine="trtllm", tensor=2, data=4, expert=8)
MEASURED = 0.8


def leave(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(args))
    assert isinstance(left.value.code, int)
    return left.value.code


class Tables:
    """Stands for ``EngineHandle``: operators whose times say what was asked."""

    lacking: tuple[str, ...] = ()
    asked: list[dict[str, Any]]

    def __init__(self, modes: dict[str, Any]) -> None:
        self.modes = modes

    @classmethod
    def compile(cls, path: str, system: str, engine: str, **chosen: Any) -> Tables:
        cls.asked.append({"path": path, "system": system, "engine": engine, **chosen})
        return cls(chosen)

    def predict_decode_latency(self, batch: int, context: int) -> float:
        if self.modes["fmha_quant_mode"] in self.lacking:
            raise RuntimeError(f"attention data missing for {self.modes['fmha_quant_mode']} at /a/folder\nmore")
        return 1.0

    predict_prefill_latency = predict_decode_latency

    def run_static_per_op(self, *, batch_size: int, isl: int, osl: int, mode: str) -> tuple[list[Any], list[Any]]:
        assert osl == 2  # one step
        operators = [("a_gemm", float(batch_size), 0.0, "silicon"), ("a_ar_1", float(isl), 0.0, "empirical")]
        return (operators, []) if mode == "static_ctx" else ([], operators)


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Tables]]:
    fresh = type("Fresh", (Tables,), {"asked": []})
    monkeypatch.setattr(kernels, "engine_handle", lambda: fresh)
    kernels.handle_of.cache_clear()
    yield fresh
    kernels.handle_of.cache_clear()


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("aiconfigurator_core", "aiconfigurator_core.sdk"):
        monkeypatch.setitem(sys.modules, name, None)
    kernels.handle_of.cache_clear()


@pytest.mark.usefixtures("missing")
def test_without_the_package_the_way_to_install_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MachineError, match=r"pip install 'gigaplan\[kernels\]'"):
        compare([DENSE])
    assert leave("validate", "kernels") == 3
    told = capsys.readouterr()
    assert "gigaplan[kernels]" in told.err
    assert not told.out


@pytest.mark.parametrize("layout", CASES, ids=str)
@pytest.mark.parametrize("batch", [16, 256])
def test_ours_is_the_stage(layout: Layout, batch: int) -> None:
    predicted = Physics()
    stage = predicted.stage(layout)
    step = stage.decode(np.asarray(float(batch)), np.asarray(4096.0))
    decode = predicted.decode(layout, batch, 4096)
    assert decode.kernels_s + decode.host_s == pytest.approx(float(step.total), rel=1e-12)
    assert decode.host_s == pytest.approx(
        stage.engine.step_overhead_s + np.ceil(batch / layout.data) * stage.engine.request_overhead_s, rel=1e-12
    )
    assert decode.alone_s == pytest.approx(decode.kernels_s - float(step.collectives), rel=1e-12)
    whole = float(stage.prefill_s(np.asarray(4096.0), np.asarray(0.0))) * layout.data
    assert predicted.prefill(layout, 4096).kernels_s == pytest.approx(whole, rel=1e-12)


@given(batch=st.integers(1, 512), more=st.integers(0, 512), tokens=st.integers(64, 32768))
def test_more_requests_and_longer_prompts_take_no_less(batch: int, more: int, tokens: int) -> None:
    predicted = Physics(catalog.load())
    for layout in (DENSE, APART):
        assert (
            predicted.decode(layout, batch, tokens).kernels_s
            <= predicted.decode(layout, batch + more, tokens + more).kernels_s
        )
        assert predicted.prefill(layout, tokens).kernels_s <= predicted.prefill(layout, tokens + more).kernels_s


def test_the_tables_are_asked_for_each_groups_requests_over_all_gpus(tables: type[Tables]) -> None:
    decode = KernelTables().decode(APART, 10, 4096)
    # Ten requests over four groups: the fullest has three. Times are in ms.
    assert decode.kernels_s == pytest.approx((3 + 4096) / 1e3)
    assert decode.exchanges_s == pytest.approx(4096 / 1e3)
    assert decode.measured_share == pytest.approx(3 / 4099)
    assert KernelTables().prefill(APART, 1024).kernels_s == pytest.approx((1 + 1024) / 1e3)
    (asked,) = tables.asked
    assert asked == {
        "path": "deepseek-ai/DeepSeek-R1",
        "system": "h200_sxm",
        "engine": "trtllm",
        "tp_size": 2,
        "attention_dp_size": 4,
        "moe_ep_size": 8,
        "moe_tp_size": 1,
        "gemm_quant_mode": "fp8_block",
        "moe_quant_mode": "fp8_block",
        "kvcache_quant_mode": "fp8",
        "fmha_quant_mode": "bfloat16",
    }


def test_the_next_closest_precision_is_taken_where_tables_lack_one(tables: type[Tables]) -> None:
    tables.lacking = ("bfloat16",)
    KernelTables().decode(DENSE, 1, 1024)
    assert [a["fmha_quant_mode"] for a in tables.asked] == ["bfloat16", "fp8"]
    tables.lacking = ("bfloat16", "fp8")
    kernels.handle_of.cache_clear()
    with pytest.raises(UnsupportedError, match=r"^attention data missing for bfloat16$"):
        KernelTables().decode(DENSE, 1, 1024)


def test_precisions_are_those_of_our_model() -> None:
    for model, precision, gemm, expert in (
        ("llama_3_1_70b", "fp8", "fp8", "fp8"),
        ("qwen3_32b", "fp8", "fp8_block", "fp8_block"),
        ("qwen3_32b", "fp4", "nvfp4", "nvfp4"),
        ("deepseek_r1", "fp4", "bfloat16", "nvfp4"),
        ("gpt_oss_120b", "fp4", "bfloat16", "w4a8_mxfp4_mxfp8"),
        ("qwen3_32b", "bf16", "bfloat16", "bfloat16"),
    ):
        first = next(precisions(model, known("h100_hgx", model)[1], precision))
        assert (first["gemm_quant_mode"], first["moe_quant_mode"]) == (gemm, expert)
        assert first["kvcache_quant_mode"] == ("bfloat16" if precision == "bf16" else "fp8")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"system": "mi355x_oam8"}, "no tables for system 'mi355x_oam8'"),
        ({"model": "yi_34b"}, "no tables for model 'yi_34b'"),
        ({"data": 2}, "dense"),
        ({"expert": 3}, "4 GPUs can't be 3 groups"),
    ],
)
def test_what_the_tables_lack_is_unsupported_with_the_reason(
    tables: type[Tables], change: dict[str, Any], words: str
) -> None:
    layout = Layout(**{**{k: getattr(DENSE, k) for k in DENSE.__slots__}, **change})
    answer = compare([layout, DENSE], batches=[1], contexts=[1024])
    assert words in answer.unsupported[str(layout)]
    assert {r.layout for r in answer.rows} == {DENSE}


def test_names_are_the_catalogs() -> None:
    facts = catalog.load()
    assert set(MODELS) <= set(facts.entities("layers"))
    assert set(NAMES) <= set(facts.entities("hbm_bandwidth_bytes_per_s"))


def test_the_comparison_counts_and_leaves_out_what_does_not_fit(tables: type[Tables]) -> None:
    answer = compare([DENSE, APART], batches=[1, 100_000], contexts=[1024, 2048])
    assert answer.left_out == 4
    assert [(r.does, r.requests, r.tokens) for r in answer.rows if r.layout == APART] == [
        ("prefill", 4, 1024),
        ("prefill", 4, 2048),
        ("decode", 4, 1024),
        ("decode", 4, 2048),
    ]
    found = {(s.name, s.does): s for s in answer.summaries}
    ratios = [r.predicted.kernels_s / r.tables.kernels_s for r in answer.rows if r.does == "decode"]
    assert found["all", "decode"].ratio == pytest.approx(np.median(ratios))
    assert found["all", "decode"].error == pytest.approx(np.median(np.abs(np.array(ratios) - 1)))
    assert found["model deepseek_r1", "decode"].rows == 2
    assert found["part: exchanges", "decode"].rows == 4
    page = kernels_view.markdown(answer)
    assert page.count(f"| {DENSE} | decode |") == 2
    assert "4 steps are left out" in page


@pytest.mark.usefixtures("tables")
def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    asked = ("validate", "kernels", "llama_3_1_8b", "h100_hgx", "--batch", "1", "8", "--context", "2048")
    assert leave(*asked, "--engine", "vllm", "--json", "--markdown", str(page)) == 0
    told = json.loads(capsys.readouterr().out)
    assert [r["requests"] for r in told["rows"]] == [1, 1, 8]
    assert told["rows"][0]["layout"]["precision"] == "fp8"
    assert "llama_3_1_8b fp8 on h100_hgx, vllm tp1" in page.read_text(encoding="utf-8")
    assert leave(*asked) == 0
    assert "tables ms" in capsys.readouterr().out
    assert leave("validate", "kernels") == 0
    assert "no tables for system 'vr_nvl72'" in " ".join(capsys.readouterr().out.split())


def test_all_that_is_wrong_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ("validate", "kernels", "lama_3_1_8b", "h100", "--tensor", "0", "--batch", "-1")
    assert leave(*wrong) == 2
    told = capsys.readouterr().err
    for words in ("llama_3_1_8b", "h100_hgx", "'tensor' must be 1 or more", "'batch' must be 1 or more"):
        assert words in told
    assert leave("validate", "kernels", "llama_3_1_8b") == 2
    assert "a model needs a system" in capsys.readouterr().err
    with pytest.raises(PlanError, match="no such engine"):
        compare([Layout(model="qwen3_32b", system="h100_hgx", precision="fp8", engine="tgi")])


def test_tables_are_a_source_of_step_times_too(tables: type[Tables]) -> None:
    times = KernelTables().step_times(APART)
    batch, context = np.array([[4.0], [10.0]]), np.array([1024.0, 4096.0])
    expected = [[KernelTables().decode(APART, b, c).kernels_s for c in (1024, 4096)] for b in (4, 10)]
    assert times.decode_s(batch, context) == pytest.approx(np.array(expected))
    alone = times.prefill_s(np.array([0.0, 512.0]), np.zeros(2))
    assert alone == pytest.approx([0.0, KernelTables().prefill(APART, 512).kernels_s])
    assert times.added_prefill_s(batch, context, np.array([0.0, 512.0]), np.zeros(2)) == pytest.approx(
        np.broadcast_to(alone, (2, 2))
    )
    assert tables.asked


@pytest.mark.parametrize("layout", [DENSE, APART], ids=str)
def test_the_model_is_a_source_of_step_times_too(layout: Layout) -> None:
    times, stage = Physics().step_times(layout), Physics().stage(layout)
    batch, context = np.array([8.0, 64.0]), np.array([1024.0, 4096.0])
    assert times.decode_s(batch, context) == pytest.approx(stage.decode_s(batch, context))
    assert times.prefill_s(context, np.zeros(2)) == pytest.approx(stage.prefill_s(context, np.zeros(2)))
    added = times.added_prefill_s(batch, context, context, np.zeros(2))
    assert (added > 0).all()
    assert (added <= times.prefill_s(context, np.zeros(2)) * (1 + 1e-9)).all()


def test_with_the_package_measured_kernels_answer() -> None:
    pytest.importorskip("aiconfigurator_core", reason="needs the extra 'kernels'")
    kernels.handle_of.cache_clear()
    answer = compare([DENSE, CASES[-1]], batches=[1, 64], contexts=[1024, 8192])
    assert "no tables for system" in answer.unsupported[str(CASES[-1])]
    decoded = [r for r in answer.rows if r.does == "decode"]
    assert len(decoded) == 4
    handle = kernels.handle_of(DENSE)
    for row in decoded:
        assert row.tables.kernels_s == pytest.approx(handle.predict_decode_latency(row.requests, row.tokens) / 1e3)
        assert row.tables.measured_share > MEASURED
        assert 0 < row.tables.exchanges_s < row.tables.kernels_s
    for row in answer.rows:
        if row.does == "prefill":
            assert row.tables.kernels_s == pytest.approx(handle.predict_prefill_latency(1, row.tokens) / 1e3)
        assert 0.3 < row.ratio < 3  # other than by a unit, a step or a group
