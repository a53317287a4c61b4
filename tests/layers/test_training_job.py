"""A training run as an answer: layouts in words, parts that add up, what is wrong and what would mend it."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan import catalog
from gigaplan.cli import main
from gigaplan.layers.training import TrainingJob, read_layout, train
from gigaplan.layers.training_job import unsuited
from gigaplan.layers.training_layout import layout_text
from gigaplan.plan.resolve import device_of, model_of, training_efficiency_of
from gigaplan.training.inputs import Batch
from gigaplan.training.layout import Layouts
from gigaplan.training.search import RatedLayout, layout_at, layouts, memory_of, pareto, search
from gigaplan.training.step import step
from gigaplan.vocabulary.errors import PlanError

FACTS = catalog.load()
EFFICIENCY = training_efficiency_of(FACTS)
H100, MODEL = device_of(FACTS, "h100_hgx"), model_of(FACTS, "llama_3_1_405b")
LLAMA = TrainingJob(model="llama_3_1_405b", system="h100_hgx", gpus=16_384, tokens=15.6e12, global_batch_sequences=2048)
BATCH = Batch(global_batch_tokens=2048 * 8192, sequence_tokens=8192, precision="bf16")


def layout(**changed: float) -> Layouts:
    plain = {
        "tensor": 8.0,
        "pipeline": 16.0,
        "data": 128.0,
        "expert": 1.0,
        "micro_batch": 1.0,
        "recompute": 0.0,
        "context": 1.0,
        "chunks": 1.0,
    }
    return Layouts(**{f.name: np.array([(plain | changed).get(f.name, 0.0)]) for f in fields(Layouts)})


def both(**changed: float) -> tuple[float, float]:
    one = step(H100, MODEL, BATCH, layout(**changed), EFFICIENCY)
    return float(one.total[0]), float(one.memory_bytes[0])


def problems(ask: TrainingJob) -> list[str]:
    with pytest.raises(PlanError) as caught:
        train(ask)
    return [str(p) for p in caught.value.problems]


def test_llama_3_herd() -> None:
    """Grattafiori et al. 2024, table 4: 16,384 GPUs, TP 8, CP 1, PP 16, DP 128, 8,192 tokens: 400 TFLOP/s a GPU, 41
    %."""
    run = train(replace(LLAMA, layout="tp8 pp16 vpp7 mb1 recompute=selective"))
    assert run.plan.data == 128
    assert run.step_s.low < run.batch_tokens * 6 * 405e9 / 400e12 / 16_384 < run.step_s.high
    assert run.mfu_share["full square"] == pytest.approx(0.41, abs=0.05)


def test_what_a_run_tells_adds_up() -> None:
    run = train(LLAMA)
    assert sum(run.best.parts_s.values()) == pytest.approx(run.step_s.value)
    assert sum(run.best.memory_gb_by_part.values()) == pytest.approx(run.best.memory_gb)
    assert run.best.memory_gb <= run.free_gb
    assert run.tokens_per_s.value * run.step_s.value == pytest.approx(run.batch_tokens)
    assert run.days.value * 86_400 * run.tokens_per_s.value == pytest.approx(run.tokens)
    assert run.days.low < run.days.value < run.days.high
    assert run.mfu_share["causal"] <= min(run.mfu_share["full square"], run.mfu_share["hardware"]) < 1
    assert run.flop / (run.gpu_hours * 3600) == pytest.approx(run.model_tflops_per_gpu * 1e12)
    speeds = [c.tokens_per_s_per_gpu for c in run.candidates]
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[0] == max(c.tokens_per_s_per_gpu for c in run.cells)
    memory = [c.memory_gb for c in run.frontier]
    assert memory == sorted(memory, reverse=True)


def test_a_layout_in_words_and_back() -> None:
    text = "tp8 pp16 vpp6 cp2 ep4 etp1 dp4 mb2 recompute=full schedule=zb fsdp offload"
    assert read_layout(text) == read_layout(text.replace(" ", ",").replace("tp8", "tp=8"))
    run = train(replace(LLAMA, search=True))
    again = train(replace(LLAMA, layout=run.best.layout))
    assert again.step_s == run.step_s
    assert layout_text(again.plan) == run.best.layout


def test_every_wrong_word_is_named_at_once() -> None:
    said = problems(replace(LLAMA, model="lama_3", system="h200_hgxx", gpus=0, precision="fp7"))
    assert len(said) == 4
    assert "nearest: h200_hgx" in said[1]
    said = problems(replace(LLAMA, layout="tp8 ppp3 recompute=some"))
    assert len(said) == 2
    assert "ppp3" in said[0] and "recompute=full" in said[1]


def test_every_rank_that_does_not_divide_is_named_with_the_nearest_that_does() -> None:
    said = "\n".join(problems(replace(LLAMA, layout="tp12 pp200 cp3 ep2 dp2 mb5", global_batch_sequences=2047)))
    for word in ("tp12", "take tp", "pp200", "cp3", "no experts", "not 16,384 GPUs", "take a global batch of"):
        assert word in said, word
    many = "\n".join(problems(TrainingJob(model="deepseek_v3", system="h100_hgx", gpus=64, layout="tp4 ep48 mb1")))
    assert "ep must divide 256 experts" in many and "take ep" in many


def test_what_does_not_fit_says_by_how_much_and_what_would() -> None:
    said = problems(replace(LLAMA, layout="tp8 pp16 vpp7 mb1"))[0]
    assert re.search(r"\d+ GB more than the 86 GB of one", said)
    mended = re.search(r"take '(.*)'", said)
    assert mended
    assert train(replace(LLAMA, layout=mended[1])).best.memory_gb <= 86
    few = problems(replace(LLAMA, gpus=16))[0]
    more = re.search(r"take ([\d,]+) GPUs", few)
    assert more
    count = int(more[1].replace(",", ""))
    assert train(replace(LLAMA, gpus=count, global_batch_sequences=4096)).best.memory_gb < 80
    alone = list(unsuited(LLAMA, replace(H100, scaleout_bandwidth_bytes_per_s=0.0)))
    assert "up to 8 GPUs" in str(alone[0])


def test_schedules_recomputation_and_offload() -> None:
    plain, zero, dual = (both(schedule=float(k)) for k in range(3))
    assert dual[0] < plain[0] and zero[0] < plain[0]
    assert zero[1] == plain[1] and dual[1] > plain[1]
    some, whole = both(recompute=0.5), both(recompute=1.0)
    assert plain[0] < some[0] < whole[0]
    assert plain[1] > some[1] > whole[1]
    away = both(offload=1.0)
    assert away[0] > plain[0] and away[1] < plain[1]


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([8, 16, 24, 64]), st.sampled_from(["llama_3_1_8b", "qwen3_30b_a3b"]), st.sampled_from([32, 48, 64])
)
def test_law_the_search_finds_what_brute_force_finds(gpus: int, name: str, sequences: int) -> None:
    model = model_of(FACTS, name)
    batch = Batch(global_batch_tokens=sequences * 4096.0, sequence_tokens=4096, precision="bf16")
    at = layouts(H100, model, batch, gpus)
    found = search(H100, model, batch, at, EFFICIENCY)
    room = H100.hbm_bytes * (1 - EFFICIENCY.training_reserve_share)
    every = step(H100, model, batch, at, EFFICIENCY)
    fits = every.memory_bytes <= room
    assert found.fitting == fits.sum()
    if found.fitting:
        assert layout_at(found, 0).tokens_per_s == pytest.approx(every.tokens_per_s[fits].max())
        speeds, memory = every.tokens_per_s[fits], every.memory_bytes[fits]
        for k in pareto(found):
            p: RatedLayout = layout_at(found, int(k))
            assert not ((speeds > p.tokens_per_s) & (memory <= p.memory_bytes)).any()


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([1, 2, 4]), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([1.0, 4.0]))
def test_law_memory_grows_with_the_micro_batch(micro: int, recompute: float, chunks: float) -> None:
    at = layout(recompute=recompute, chunks=chunks, micro_batch=float(micro))
    more = replace(at, micro_batch=at.micro_batch * 2)
    assert memory_of(MODEL, BATCH, more, EFFICIENCY)[0] >= memory_of(MODEL, BATCH, at, EFFICIENCY)[0]


def leave(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(words))
    return int(left.value.code or 0)


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "run.html"
    words = ["train", "deepseek_v3", "gb200_nvl72", "--gpus", "2304", "--tokens", "14.8T", "--precision", "fp8"]
    assert leave(*words, "--html", str(page)) == 0
    out = capsys.readouterr().out
    for word in ("utilisation", "waiting stages", "memory of the fullest GPU", "GPU-hours", "tokens to experts"):
        assert word in out, word
    text = page.read_text(encoding="utf-8")
    assert "chart-heat" in text and "chart-step" in text
    assert not re.search(r"""(src|href)=["']https?:""", text)
    assert leave(*words, "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["tokens"] == 14.8e12
    run = gp.train("deepseek_v3", "gb200_nvl72", gpus=2304, tokens="14.8 T tokens", precision="fp8")
    assert data == json.loads(json.dumps(gp.to_json(run), allow_nan=False))
    assert leave("train", "deepseek_v3", "gb200_nvl72", "--gpus", "2304", "--tokens", "many") == 2
    assert "many" in capsys.readouterr().err
