"""Training logs, with invented numbers in the form that each tool prints."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.measurements import logs, megatron, nemo
from gigaplan.validation.training.measured import read_file
from gigaplan.validation.training.predictions import ANSWER_COLUMNS
from gigaplan.validation.training.questions import read
from gigaplan.vocabulary.errors import PlanError, UnsupportedError

ARGUMENTS = {
    "bf16": "True",
    "context_parallel_size": "1",
    "data_parallel_size": "2",
    "expert_model_parallel_size": "1",
    "expert_tensor_parallel_size": "4",
    "fp16": "False",
    "fp8": "None",
    "fp8_recipe": "delayed",
    "global_batch_size": "128",
    "hidden_size": "4096",
    "log_interval": "1",
    "micro_batch_size": "1",
    "mtp_num_layers": "None",
    "num_attention_heads": "32",
    "num_experts": "None",
    "num_layers": "32",
    "pipeline_model_parallel_size": "1",
    "recompute_granularity": "None",
    "seq_length": "8192",
    "split": "[949, 50, 1]",
    "tensor_model_parallel_size": "4",
    "use_torch_fsdp2": "False",
    "virtual_pipeline_model_parallel_size": "None",
    "world_size": "8",
}
STEP_MS = 16500.0
GIVEN = {"gpu": "h100_sxm", "model": "llama_3_1_8b"}
NEMO_GIVEN = {**GIVEN, "precision": "bf16", "micro_batch": "1", "recompute": "none"}
RANKS = """[NeMo I 2026-09-01 10:00:00 nemo_logging:393] Rank 0 has context parallel group: [0]
[NeMo I 2026-09-01 10:00:00 nemo_logging:393] All context parallel group ranks: [[0], [1], [2], [3], [4], [5], [6], [7]]
[NeMo I 2026-09-01 10:00:00 nemo_logging:393] All model parallel group ranks: [[0, 1, 2, 3], [4, 5, 6, 7]]
[NeMo I 2026-09-01 10:00:00 nemo_logging:393] All tensor model parallel group ranks: [[0, 1, 2, 3], [4, 5, 6, 7]]
[NeMo I 2026-09-01 10:00:00 nemo_logging:393] All pipeline model parallel group ranks: [[0], [1], [2], [3], [4], [5]]
distributed_backend=nccl
All distributed processes registered. Starting with 8 processes
[NeMo I 2026-09-01 10:00:04 utils:302] Building GPTDataset splits with sizes=[12800, 0, 0] and config=GPTDatasetConfig(\
random_seed=1234, sequence_length=8192, blend=None)
"""


def times(count: int, step_ms: float = STEP_MS) -> list[float]:
    """Return times of iterations [ms]: one that compiles, some that warm up, then a step and its scatter of 1 %."""
    return [step_ms * (4 if k == 1 else 1.2 if k <= 6 else 1 + 0.01 * (k % 3 - 1)) for k in range(1, count + 1)]


def arguments(**changed: str | None) -> str:
    values = {k: v for k, v in {**ARGUMENTS, **changed}.items() if v is not None}
    lines = [f"  {name} {'.' * (48 - len(name))} {value}" for name, value in values.items()]
    head, foot = f"{'-' * 24} arguments {'-' * 24}", f"{'-' * 20} end of arguments {'-' * 21}"
    return "\n".join([head, *lines, "  a_name_that_is_longer_than_forty_eight_characters_is  None", foot]) + "\n"


def megatron_lines(
    count: int = 40, every: int = 1, batch: int = 128, prefix: str = " [2026-09-01 10:00:00.12]", begin: int = 0
) -> str:
    """Return what ``training_log`` prints, a line each ``every`` iterations."""
    found = []
    for k in range(every, count + 1, every):
        mean = np.mean(times(count)[k - every : k])
        found.append(
            f"{prefix} iteration {begin + k:8d}/{500:8d} | consumed samples: {batch * k:12d} | elapsed time per "
            f"iteration (ms): {mean:.1f} | throughput per GPU (TFLOP/s/GPU): 402.1 | learning rate: 3.0E-05 | global "
            f"batch size: {batch:5d} | lm loss: 1.100000E+01 | loss scale: 1.0 | grad norm: 1.000 | "
            "number of skipped iterations:   0 | number of nan iterations:   0 |"
        )
    return "\n".join(found) + "\n"


def nemo_lines(count: int = 40, prefix: str = "") -> str:
    """Return what the ``ProgressPrinter`` prints of each iteration."""
    return "".join(
        f"{prefix}Training epoch 0, iteration {k}/99 | lr: 1.961e-07 | global_batch_size: 128 | global_step: {k} | "
        f"reduced_train_loss: 11.07 | train_step_timing in s: {t / 1e3:.4}"
        + (f" | consumed_samples: {128 * (k + 1)}\n" if k else "\n")
        for k, t in enumerate(times(count))
    )


FILES = {
    "megatron": (arguments() + megatron_lines(), GIVEN, "Megatron-LM log"),
    "megatron by a launcher": (
        re.sub(r"^", "3: [rank7]: ", arguments() + megatron_lines(), flags=re.MULTILINE),
        GIVEN,
        "Megatron-LM log",
    ),
    "nemo": (RANKS + nemo_lines(), NEMO_GIVEN, "NeMo log"),
    "nemo by a launcher": (
        re.sub(r"^", "pretraining/0 [default0]:", RANKS + nemo_lines(), flags=re.MULTILINE),
        NEMO_GIVEN,
        "NeMo log",
    ),
}


def written(tmp_path: Path, text: str, name: str = "run.out") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", FILES)
def test_a_log_is_the_median_of_its_steady_iterations(tmp_path: Path, name: str) -> None:
    text, given_, tool = FILES[name]
    found = read_file(written(tmp_path, text), given_)
    assert found.tool == tool
    (row,) = found.rows
    kept = times(40)[11:]  # without the first line and the ten iterations after it
    assert row["lines"] == str(len(kept))
    assert float(row["value"]) == pytest.approx(np.median(kept), rel=1e-3)
    assert float(row["value_p10"]) < float(row["value"]) < float(row["value_p90"])
    stated = {"num_gpus": "8", "tp": "4", "pp": "1", "cp": "1", "seq_len": "8192", "global_batch": "128"}
    assert {k: row[k] for k in stated} == stated
    assert row["precision"] == "bf16"


@pytest.mark.parametrize("name", FILES)
def test_a_log_and_a_table_of_its_numbers_are_predicted_alike(tmp_path: Path, name: str) -> None:
    text, given_, _ = FILES[name]
    path = written(tmp_path, text)
    row = read_file(path, given_).rows[0]
    row["dp"] = "2"
    columns = [c for c in row if row[c]]
    table = written(tmp_path, f"{','.join(columns)}\n" + ",".join(f'"{row[c]}"' for c in columns) + "\n", "t.csv")
    about = tuple(f"{k}={v}" for k, v in given_.items())
    answers = []
    for source, options in ((path, {"about": about}), (table, {})):
        assert gp.predict_training(source, tmp_path / "out.csv", **options).answered == 1
        answers.append(read(tmp_path / "out.csv")[0])
    compared = [c for c in ANSWER_COLUMNS if c != "assumed"]
    assert [answers[0][c] for c in compared] == [answers[1][c] for c in compared]
    assert float(answers[0]["low"]) < STEP_MS < float(answers[0]["high"]) * 1.2


@pytest.mark.parametrize(
    ("text", "leaves_open"),
    [
        (arguments() + megatron_lines(), "gpu, model"),
        (megatron_lines(), "gpu, num_gpus, model, seq_len, micro_batch, tp, pp, cp, precision, recompute"),
        (RANKS + nemo_lines(), "gpu, model, micro_batch, precision, recompute"),
        (nemo_lines(), "gpu, num_gpus, model, seq_len, micro_batch, tp, pp, cp, precision, recompute"),
        (arguments(context_parallel_size=None) + megatron_lines(), "gpu, model, cp"),
    ],
)
def test_what_a_log_leaves_open_is_named_and_never_assumed(tmp_path: Path, text: str, leaves_open: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(PlanError) as wrong:
        gp.predict_training(path, tmp_path / "out.csv")
    (problem,) = wrong.value.problems
    assert problem.message.endswith(f"leaves open {leaves_open}")
    assert "--gpu, --model" in problem.remedy
    assert not (tmp_path / "out.csv").exists()


def test_experts_and_chunks_must_be_stated_where_there_are_any(tmp_path: Path) -> None:
    text = arguments(expert_model_parallel_size=None) + megatron_lines()
    mixtral = {"gpu": "h100_sxm", "model": "mixtral_8x7b"}
    with pytest.raises(PlanError, match="leaves open ep"):
        read_file(written(tmp_path, text), mixtral)
    (row,) = read_file(written(tmp_path, text), {**mixtral, "ep": "8"}).rows
    assert row["ep"] == "8"
    with pytest.raises(PlanError, match="leaves open vpp"):
        read_file(written(tmp_path, nemo_lines()), {**NEMO_GIVEN, **LAYOUT, "pp": "2"})


LAYOUT = {"num_gpus": "8", "seq_len": "8192", "tp": "4", "pp": "1", "cp": "1"}


@pytest.mark.parametrize(
    ("changed", "column", "value"),
    [
        ({"fp8": "hybrid"}, "precision", "fp8 delayed"),
        ({"fp8": "hybrid", "fp8_recipe": "mxfp8"}, "precision", "mxfp8"),
        ({"fp8": "e4m3", "fp8_recipe": "blockwise"}, "precision", "fp8 blockwise"),
        ({"fp8": "hybrid", "fp8_recipe": None}, "precision", "fp8"),
        ({"fp4": "e2m1"}, "precision", "nvfp4"),
        ({"bf16": "False", "fp16": "True"}, "precision", "fp16"),
        ({"bf16": "False"}, "precision", "fp32"),
        ({"recompute_granularity": "selective"}, "recompute", "selective"),
        ({"recompute_granularity": "full", "recompute_method": "uniform"}, "recompute", "full"),
        (
            {"recompute_granularity": "full", "recompute_method": "block", "recompute_num_layers": "3"},
            "recompute",
            "full, 3 layers of a stage",
        ),
        ({"virtual_pipeline_model_parallel_size": "5"}, "vpp", "5"),
        ({"use_torch_fsdp2": "True"}, "fsdp", "yes"),
        ({"use_megatron_fsdp": "True", "data_parallel_sharding_strategy": "optim_grads_params"}, "fsdp", "yes"),
        ({"use_megatron_fsdp": "True", "data_parallel_sharding_strategy": "optim"}, "fsdp", ""),
        ({"mtp_num_layers": "1"}, "layers", "33"),
    ],
)
def test_arguments_of_megatron_as_columns(changed: dict[str, str | None], column: str, value: str) -> None:
    (run,) = megatron.runs(arguments(**changed) + megatron_lines())
    assert run.settings.get(column, "") == value


def test_what_rows_do_not_describe_is_refused(tmp_path: Path) -> None:
    block = {"recompute_granularity": "full", "recompute_method": "block", "recompute_num_layers": "3"}
    path = written(tmp_path, arguments(**block) + megatron_lines())
    gp.predict_training(path, tmp_path / "out.csv", **GIVEN)
    assert "'recompute' is 'full, 3 layers of a stage'" in read(tmp_path / "out.csv")[0]["validity"]
    wide = written(tmp_path, arguments(num_experts="8") + megatron_lines())
    with pytest.raises(PlanError, match="expert_tensor_parallel_size"):
        read_file(wide, GIVEN)


def test_a_number_that_contradicts_the_log_is_refused_and_a_word_takes_its_place(tmp_path: Path) -> None:
    path = written(tmp_path, arguments() + megatron_lines())
    with pytest.raises(PlanError, match="states tp 4"):
        read_file(path, {**GIVEN, "tp": "8"})
    assert read_file(path, {**GIVEN, "precision": "fp8"}).rows[0]["precision"] == "fp8"


@given(interval=st.sampled_from([1, 2, 5, 10, 20]), lines=st.integers(1, 60))
def test_warm_up_is_the_first_line_and_ten_iterations(interval: int, lines: int) -> None:
    """Whatever the interval: no line that is kept holds any of the first eleven iterations that are logged."""
    run = logs.Run({}, [logs.Line(interval * k, float(interval * k), 128.0) for k in range(1, lines + 1)])
    expected = [t for t in range(2 * interval, interval * lines + 1, interval) if t > interval + logs.WARM_UP]
    if len(expected) < logs.MIN_LINES:
        with pytest.raises(UnsupportedError, match="too few"):
            logs.rows([run])
    else:
        (row,) = logs.rows([run])
        assert row["lines"] == str(len(expected))
        assert float(row["value"]) == np.median(expected)


def test_a_growing_batch_and_a_restart_are_rows_of_their_own(tmp_path: Path) -> None:
    text = arguments() + megatron_lines() + megatron_lines(batch=256, begin=40)
    assert [r["global_batch"] for r in read_file(written(tmp_path, text), GIVEN).rows] == ["128", "256"]
    again = arguments() + megatron_lines() + megatron_lines()
    assert [r["lines"] for r in read_file(written(tmp_path, again), GIVEN).rows] == ["29", "29"]
    twice = arguments() + "".join(2 * (line + "\n") for line in megatron_lines().splitlines())
    assert [r["lines"] for r in read_file(written(tmp_path, twice), GIVEN).rows] == ["29"]
    two = arguments() + megatron_lines() + arguments(tensor_model_parallel_size="2") + megatron_lines()
    assert [r["tp"] for r in read_file(written(tmp_path, two), GIVEN).rows] == ["4", "2"]


def test_a_line_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    for text, given_ in ((arguments() + megatron_lines(), GIVEN), (RANKS + nemo_lines(), NEMO_GIVEN)):
        whole = read_file(written(tmp_path, text), given_).rows[0]
        end = text.rindex("(ms): ") + 7 if "(ms)" in text else text.rindex("in s: ") + 7
        cut = read_file(written(tmp_path, text[:end]), given_).rows[0]
        assert int(cut["lines"]) == int(whole["lines"]) - 1
        assert float(cut["value_p10"]) > 0.9 * float(whole["value_p10"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (arguments() + megatron_lines(12), "12 lines of iterations, too few"),
        (nemo_lines().replace("train_step_timing in s", "step"), "its lines have no 'train_step_timing in s'"),
    ],
)
def test_a_log_that_is_too_short_or_has_no_times_says_so(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        read_file(written(tmp_path, text), GIVEN)


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("[titan] step: 10  loss: 7.1  memory: 40.1GiB(42%)  tps: 7,123  mfu: 41.2%\n", "a torchtitan log"),
        ("Epoch 0:   1%|   | 795/77225 [9:07:58<878:01:48, 41.36s/it, loss=3.1, global_step=794.0]\n", "progress bar"),
        ("{'loss': 1.5, 'grad_norm': 0.3, 'learning_rate': 1e-05, 'epoch': 0.1}\n", "Hugging Face's Trainer"),
        (':::MLLOG {"namespace": "", "time_ms": 1}\n', "an MLPerf log"),
        ('{"architectures": ["LlamaForCausalLM"]}', "it is JSON"),
        (json.dumps({"backend": "vllm", "total_input_tokens": 1, "total_output_tokens": 1, "mean_ttft_ms": 1}), "vllm"),
        ("the quick brown fox\njumps\n", "its first line is 'the quick brown fox'"),
    ],
)
def test_an_unknown_file_says_what_it_looks_like_and_what_is_read(tmp_path: Path, text: str, looks: str) -> None:
    with pytest.raises(PlanError) as wrong:
        gp.predict_training(written(tmp_path, text), tmp_path / "out.csv")
    (problem,) = wrong.value.problems
    assert looks in problem.value
    assert "Megatron-LM log; NeMo log" in problem.allowed


def test_logs_serve_every_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Four runs of a cluster that is slower than predicted by a quarter."""
    runs = []
    for k, (tp, gpus, batch) in enumerate(((4, 8, 128), (2, 8, 128), (4, 16, 256), (2, 16, 128), (1, 8, 64))):
        changed = {"tensor_model_parallel_size": tp, "world_size": gpus, "data_parallel_size": gpus // tp}
        words = {name: str(value) for name, value in changed.items()}
        head = arguments(**words, recompute_granularity="full", global_batch_size=str(batch))
        path = written(tmp_path, head + megatron_lines(batch=batch), f"run{k}.log")
        gp.predict_training(path, tmp_path / "p.csv", **GIVEN)
        factor = 1.25 * float(read(tmp_path / "p.csv")[0]["step_time_ms"]) / STEP_MS
        lines = re.sub(
            r"(?<=\(ms\): )[\d.]+", lambda m, f=factor: f"{float(m[0]) * f:.1f}", megatron_lines(batch=batch)
        )
        runs.append(str(written(tmp_path, head + lines, f"run{k}.log")))
    options = ["--gpu", "h100_sxm", "--about", "model=llama_3_1_8b"]
    overlay = str(tmp_path / "mine.yaml")
    for words_ in (
        ["calibrate", "training", *runs, *options, "-o", overlay],
        ["predict", "training", runs[0], *options, "--with", overlay, "-o", str(tmp_path / "out.csv")],
        ["validate", "training", *runs, *options],
    ):
        with pytest.raises(SystemExit) as left:
            main(words_)
        assert left.value.code == 0, capsys.readouterr()
    answer = read(tmp_path / "out.csv")[0]
    assert float(answer["step_time_ms"]) == pytest.approx(float(answer["value"]), rel=0.05)
    assert nemo.recognise(nemo_lines()) and not nemo.recognise(megatron_lines())


def test_a_log_given_to_a_verb_of_serving_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as wrong:
        gp.predict_inference(written(tmp_path, nemo_lines()), tmp_path / "out.csv")
    assert "it is a NeMo log, which the verbs of training read" in wrong.value.problems[0].value


def test_what_a_table_leaves_open_is_given_too(tmp_path: Path) -> None:
    table = written(tmp_path, "seq_len,global_batch,micro_batch,num_gpus,dp,precision\n8192,128,1,8,2,\n", "t.csv")
    about = written(tmp_path, "system: h100_sxm\ntp: 4\npp: 1\n", "about.yaml")
    given_ = {"model": "llama_3_1_8b", "precision": "bf16", "about": (str(about), "recompute=full")}
    assert gp.predict_training(table, tmp_path / "out.csv", **given_).answered == 1
    row = read(tmp_path / "out.csv")[0]
    assert (row["gpu"], row["tp"], row["recompute"], row["model_answered"]) == ("h100_sxm", "4", "full", "llama_3_1_8b")
    with pytest.raises(PlanError) as wrong:
        gp.predict_training(table, tmp_path / "out.csv", about=("microbatch=1",))
    assert wrong.value.problems[0].nearest == "micro_batch"
