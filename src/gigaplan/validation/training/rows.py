"""Reading rows of published training speeds: from a table's words to what the training model is asked, or why it can't be.

The columns are those of ``training_step.csv``, ``training_vtrain_measured_a100.csv``, ``training_mlperf.csv`` and
``training_simumax_b200_measured.csv``; results are never read here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from gigaplan import catalog
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.plan.resolve import device_of, model_of
from gigaplan.training.layout import FULL, SELECTIVE
from gigaplan.validation.serving import names as serving_names
from gigaplan.validation.serving.names import UnsupportedError
from gigaplan.vocabulary.errors import PlanError

SYSTEMS = (
    ("gb300", "gb300_nvl72"),
    ("gb200", "gb200_nvl72"),
    ("b300", "b300_hgx"),
    ("b200", "b200_hgx"),
    ("h200", "h200_hgx"),
    ("h100", "h100_hgx"),
    ("h800", "h800_hgx"),
    ("a100_pcie", "a100_pcie"),
    ("a100_40gb", "a100_40gb_hgx"),
    ("a100", "a100_hgx"),
    ("mi300x", "mi300x"),
    ("mi325x", "mi325x"),
)
"""Words in a table's name of a GPU and the system that holds it; the first that is found counts."""
MODELS = {
    "deepseek_v3": "deepseek_v3",
    "gpt_oss_120b": "gpt_oss_120b",
    "qwen3_30b_a3b": "qwen3_30b_a3b",
    "qwen3_235b_a22b": "qwen3_235b_a22b",
    "llama_3_70b": "llama_3_70b",
    "llama_3_8b": "llama_3_8b",
    "llama_3_1_405b": "llama_3_1_405b",
    "gpt_3_175b": "gpt_3_175b",
    "llama_3_405b": "llama_3_1_405b",
    "deepseek_v2": "deepseek_v2",
}
"""How a table's model begins and the catalog's architecture."""
VOCABULARY_OF_GPT = 51200
"""GPT-2's 50,257 tokens, padded to a multiple of 1,024 for tensor ranks as Megatron's recipes do."""
FFN_OF_GPT = 4
"""Inner width of a plain feed-forward over hidden width (Vaswani et al. 2017)."""
PLAIN = ("gpt", "mpt", "megatron", "turing")
"""How plain GPTs of a stated shape are called."""
CLASSIC, MODERN, CLASSIC_SPLIT = "classic", "modern", "classic, split by sequence"
"""Megatron of 2022, Megatron-Core of 2023 and later, and the former with what tensor ranks don't split split by sequence."""
SOURCES = (
    ("vtrain", "vTrain"),
    ("mlperf", "MLPerf"),
    ("simumax", "SimuMax B200"),
    ("bridge", "Megatron-Bridge"),
    ("sc21", "Megatron 2021"),
    ("korthikanti", "Megatron 2022"),
    ("torchtitan", "torchtitan"),
    ("mosaicml", "MosaicML"),
    ("herd of models", "Llama 3"),
    ("deepseek-v3 technical", "DeepSeek-V3"),
)
"""Words in a row's source and what summaries call its table."""
STAND_INS = ("nemotron_3", "deepseek_v4", "qwen3_next", "qwen3_5", "kimi_linear")
"""Models whose mixing layers (states between attention, sparse attention) the step model takes for others of their size; their rows
test and set nothing."""
FITTED_SOURCES = ("vtrain", "mlperf", "simumax", "bridge")
"""Tables that set constants; the others only test them."""
GENERATIONS = {
    "a1": "ampere",
    "h1": "hopper",
    "h2": "hopper",
    "h8": "hopper",
    "gh": "hopper",
    "b2": "blackwell",
    "b3": "blackwell",
    "gb": "blackwell",
}
FIRST_SHIPPED = {"hopper": 2022.75, "blackwell": 2025.0}
"""When servers with a generation were first shipped in number, as years (NVIDIA's announcements)."""
MATURE_AFTER_YEARS = 1.5
"""Software gains on a new generation in its first years; then speeds of one layout stay (H100 rows of 2025 and 2026)."""
BLOCKS = ("mx", "nvfp4", "block")
"""Words in a table's precision that say that scales go by blocks."""
RELEASES = {"Megatron-LM 0.14": "2025-09"}
"""Software that a source names and when it came out, where that is long before the row's date."""
ONE_NODE = 8
"""GPUs up to which vTrain's table has times put together from profiled operators (they are a sum of layers, micro-batches and ends to
0.1 %), whose head runs at a quarter of its speed where tensor ranks don't pad the vocabulary; larger ones are measured runs."""
GRAPHS_OF_EXPERTS = "2026-06"
"""First release of Megatron-Bridge (26.06) whose mixture rows on GB200 rise together in one layout."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a row asks of the training model; ``tokens`` are those of one step."""

    system: str
    model: str
    precision: str
    software: str
    years_behind: float
    launched_by_host: float
    block_scaled: float
    sequence: int
    sequences: float
    gpus: int
    tensor: int
    pipeline: int
    data: int
    context: int
    expert: int
    chunks: int
    micro_batch: int
    recompute: float
    """1 where whole layers are computed again, 0.5 where what is cheap is."""
    fully_sharded: bool
    guesses: tuple[str, ...] = ()
    odd_vocabulary: float = 0.0
    unfused_experts: float = 0.0

    @property
    def tokens(self) -> float:
        """Tokens of one step."""
        return self.sequence * self.sequences

    @property
    def micro_batches(self) -> float:
        """Micro-batches that one data rank works through in a step."""
        return self.sequences / (self.data * self.micro_batch)


def question(row: Mapping[str, str]) -> Question:
    """Return what a row asks.

    Raises
    ------
    UnsupportedError
        If system, model or layout are unknown, the layout does not give the row's GPUs, or weights stay frozen.
    """
    guesses: list[str] = []
    name = row.get("model", "")
    if "lora" in name.lower():
        raise UnsupportedError("fine-tuning with frozen weights (LoRA) is not modelled")
    layout = {k: _whole(row, k) for k in ("tp", "pp", "micro_batch", "global_batch", "seq_len", "num_gpus")}
    apart = re.search(
        r"microbatch (\d+) x", row.get("notes") or ""
    )  # torchtitan's local batch goes in parts through stages
    layout["micro_batch"] = int(apart[1]) if apart else layout["micro_batch"]
    context, chunks = _optional(row, "cp", 1), _optional(row, "vpp", 0)
    data = _whole(row, "dp")
    system, model = system_of(row.get("gpu", "")), architecture_name(row)
    gpus = layout["tp"] * layout["pp"] * data * context
    if gpus != layout["num_gpus"]:
        raise UnsupportedError(
            f"tp x pp x dp x cp is {gpus:,}, not num_gpus {layout['num_gpus']:,}: correct one of them"
        )
    _, architecture = known(system, model)
    if layout["pp"] > architecture.layers:
        raise UnsupportedError(f"pp {layout['pp']} is more than the model's {architecture.layers} layers")
    if layout["global_batch"] < data * layout["micro_batch"]:
        raise UnsupportedError(
            f"global_batch {layout['global_batch']} is less than dp x micro_batch, {data * layout['micro_batch']}"
        )
    if not chunks:
        chunks = 1
        if layout["pp"] > 1 and _source(row) == "mlperf":
            chunks = max(architecture.layers // layout["pp"], 1)
            guesses.append(f"vpp not stated, {chunks} guessed: one layer each, as in the same recipe a release before")
        elif layout["pp"] > 1 and "interleaved" in (row.get("vpp") or "").lower():
            guesses.append("chunks of the interleaved schedule not stated, 1 guessed")
    software = _software(row)
    return Question(
        system,
        model,
        _precision(row.get("precision", "")),
        software,
        0.0 if software != MODERN else years_behind(_released(row), system),
        launched_by_host(row, system),
        float(any(w in row.get("precision", "").lower() for w in BLOCKS)),
        layout["seq_len"],
        layout["global_batch"],
        gpus,
        layout["tp"],
        layout["pp"],
        data,
        context,
        _optional(row, "ep", 1),
        chunks,
        layout["micro_batch"],
        _recompute(row),
        _sharded(row),
        tuple(guesses),
        float(_source(row) == "vtrain" and layout["num_gpus"] <= ONE_NODE and layout["tp"] == 1),
        unfused_experts(row, system),
    )


def published_step_s(row: Mapping[str, str]) -> float:
    """Return the published step time [s]; nan where the table has none (throughput of MLPerf's GPT-3 holds evaluation).

    Megatron's hardware FLOP count what is recomputed: ``96 B s l h^2 (1 + s/6h + V/16lh)`` (Narayanan et al. 2021, equation 3).
    """
    scale = {
        "iteration_time_ms": 1e-3,
        "iteration_time_s": 1.0,
        "median_step_time_s": 1.0,
        "step_time_s_from_blocks": 1.0,
    }
    metric, source = row.get("metric") or "", _source(row)
    try:
        if metric in scale:
            return float(row["value"]) * scale[metric]
        gpus, batch, sequence = (float(row[k]) for k in ("num_gpus", "global_batch", "seq_len"))
        if metric == "hw_tflops_per_gpu" and source == "sc21":
            layers, hidden = float(row["layers"]), float(row["hidden"])
            further = 1 + sequence / (6 * hidden) + VOCABULARY_OF_GPT / (16 * layers * hidden)
            return 96 * batch * sequence * layers * hidden**2 * further / (float(row["value"]) * 1e12 * gpus)
        tokens = metric == "tokens_per_s_per_gpu" and source in ("torchtitan", "mosaicml")
        speed = float((row["value"] if tokens else "" if metric else row.get("tokens_per_s_per_gpu")) or "nan")
        return batch * sequence / speed / gpus
    except (ValueError, KeyError, ZeroDivisionError):
        return math.nan


def published_memory_gib(row: Mapping[str, str]) -> float:
    """Return the published peak memory [GiB]; nan where the table has none."""
    try:
        return float(row["value"]) if row.get("metric") in ("peak_alloc_gib", "peak_mem_gib") else math.nan
    except ValueError:
        return math.nan


def fitted_source(row: Mapping[str, str]) -> bool:
    """Return whether a row's table may set constants; of unknown tables none does."""
    return _source(row) in FITTED_SOURCES


def sets_constants(row: Mapping[str, str], q: Question) -> bool:
    """Return whether a row sets constants: of a table that may, with an architecture that is no stand-in for another."""
    return fitted_source(row) and not stands_in(q.model)


def stands_in(model: str) -> bool:
    """Return whether a model is answered by an architecture that only resembles it."""
    return model.startswith(STAND_INS)


def duplicate(row: Mapping[str, str]) -> bool:
    """Return whether a table says that a row repeats another."""
    return "duplicate" in (row.get("recompute") or "")


def table_of(row: Mapping[str, str]) -> str:
    """Return the kind of table that a row comes from, for summaries."""
    source = _source(row)
    if source == "vtrain":
        return (
            "vTrain multi-node"
            if (row.get("num_gpus") or "0").isdigit() and int(row["num_gpus"]) > 8
            else "vTrain single-node"
        )
    return dict(SOURCES).get(source, "other")


def _source(row: Mapping[str, str]) -> str:
    text = (row.get("source") or "").lower()
    return next((word for word, _ in SOURCES if word in text), "")


def _software(row: Mapping[str, str]) -> str:
    """Return the kind of software: of 2022 without flash attention (vTrain's Megatron-DeepSpeed, Megatron's own papers), or later."""
    if _source(row) in ("vtrain", "sc21", "korthikanti") or "megatron-deepspeed" in (row.get("source") or "").lower():
        return CLASSIC_SPLIT if "sequence parallel" in (row.get("recompute") or "") else CLASSIC
    return MODERN


def _recompute(row: Mapping[str, str]) -> float:
    text = (row.get("recompute") or "").lower()
    return FULL if "full" in text else SELECTIVE if "selective" in text else 0.0


def _sharded(row: Mapping[str, str]) -> bool:
    """Return whether weights are sharded over the data ranks (FSDP, ZeRO-3)."""
    stated = f"{row.get('notes') or ''} {row.get('model') or ''}".lower()
    return _optional(row, "fsdp", 0) > 0 or "fsdp" in stated or "zero-3" in stated or _source(row) == "torchtitan"


def years_behind(date: str, system: str) -> float:
    """Return how far software of a date is from mature on a system's generation [years]; 0 where no date is stated."""
    match = re.match(r"(\d{4})(?:-(0[1-9]|1[0-2])(?!\d))?", date or "")
    first = FIRST_SHIPPED.get(generation(system))
    if not match or first is None:
        return 0.0
    return min(max(first + MATURE_AFTER_YEARS - (int(match[1]) + int(match[2] or 6) / 12), 0.0), 1.0)


def _released(row: Mapping[str, str]) -> str:
    """Return the date of a row's software: of the release that its source names, else of the row."""
    return next((d for name, d in RELEASES.items() if name in (row.get("source") or "")), row.get("date") or "")


def launched_by_host(row: Mapping[str, str], system: str) -> float:
    """Return 1 where software launches experts kernel by kernel and waits for their counts: before graphs of whole layers
    with experts came, which serve Blackwell and later; with a fixed capacity (tokens dropped) there is nothing to wait for."""
    if "tokendrop" in (row.get("model") or ""):
        return 0.0
    return float((_released(row) or "9999") < GRAPHS_OF_EXPERTS or generation(system) in ("ampere", "hopper"))


def unfused_experts(row: Mapping[str, str], system: str) -> float:
    """Return 1 where software permutes, pads and casts tokens for their experts by kernels of their own: until kernels that do
    all in one came with the graphs of whole layers, on Blackwell and later."""
    return float((_released(row) or "9999") < GRAPHS_OF_EXPERTS or generation(system) in ("ampere", "hopper"))


def generation(system: str) -> str:
    """Return a system's hardware generation."""
    return GENERATIONS.get(system[:2], system.split("_", maxsplit=1)[0])


def system_of(gpu: str) -> str:
    """Return the catalog's system for a table's GPU; UnsupportedError with the nearest name."""
    name = _plain(gpu)
    known_systems = catalog.load().entities("hbm_bandwidth_bytes_per_s")
    for word, system in SYSTEMS:
        if word in name and system in known_systems:
            return system + _variant(gpu)
    return serving_names.system_of(gpu) + _variant(gpu)


def _variant(gpu: str) -> str:
    """Return what a table says beside the name of a GPU about its power and memory, as ``@500W@2.4TB/s``."""
    power, memory = re.search(r"\b(\d{2,4}) ?W\b", gpu), re.search(r"\b(\d+(?:\.\d+)?) ?TB/s", gpu)
    return (f"@{power[1]}W" if power else "") + (f"@{memory[1]}TB/s" if memory else "")


def architecture_name(row: Mapping[str, str]) -> str:
    """Return the name of a row's architecture: the catalog's, with ``+`` and what the row changes, or a plain GPT's shape."""
    name = _plain(re.sub(r"\[.*?\]", "", row.get("model", "")))
    layers = _optional(row, "layers", 0)
    for begin, found in sorted(MODELS.items(), key=lambda m: -len(m[0])):
        if name.startswith(begin):
            if "dim" in name and layers:
                return f"{found}+{layers}"
            extra = found == "deepseek_v3" and "w/o mtp" not in row["model"].lower() and _source(row) == "bridge"
            return f"{found}+{layers + 1}" if extra and layers else found
    if name.startswith(PLAIN) and all(row.get(k) for k in ("layers", "hidden", "heads")):
        return f"gpt:{layers}:{_whole(row, 'hidden')}:{_whole(row, 'heads')}"
    return serving_names.model_name(re.sub(r"\[.*?\]", "", row.get("model", "")).strip())


@cache
def known(system: str, model: str) -> tuple[Device, Architecture]:
    """Return the device of a system and the architecture of a model; UnsupportedError if facts are missing."""
    try:
        return _device(system), _architecture(model)
    except PlanError as error:
        raise UnsupportedError("; ".join(p.message for p in error.problems)) from None


def _device(system: str) -> Device:
    """Return a system's device, slower where it is said to draw less than its rating or to have slower memory."""
    facts = catalog.load()
    name, *said = system.split("@")
    device = device_of(facts, name)
    for word in said:
        if word.endswith("TB/s"):
            device = replace(device, hbm_bandwidth_bytes_per_s=float(word[:-4]) * 1e12)
        else:
            device = replace(device, rated_w=min(float(word[:-1]), device.rated_w))
    return device


def _architecture(model: str) -> Architecture:
    if model.startswith("gpt:"):
        layers, hidden, heads = (int(v) for v in model.split(":")[1:])
        return Architecture(
            layers=layers,
            hidden=hidden,
            heads=heads,
            kv_heads=heads,
            ffn_dense=FFN_OF_GPT * hidden,
            vocab=VOCABULARY_OF_GPT,
            plain_ffn=1,
            tied_embeddings=1,
        )
    name, _, layers_given = model.partition("+")
    found = model_of(catalog.load(), name)
    if not layers_given:
        return found
    count = int(layers_given)
    dense = (
        found.first_dense_layers if count > found.layers else min(found.first_dense_layers, 1) if found.experts else 0
    )
    return replace(found, layers=count, first_dense_layers=dense)


def _precision(text: str) -> str:
    name = text.lower()
    if "ambiguous" in name or "?" in name:
        raise UnsupportedError(f"the precision '{text}' is not certain")
    for word, precision in (("fp4", "fp4"), ("fp8", "fp8"), ("bf16", "bf16"), ("fp16", "bf16")):
        if word in name:
            return precision
    raise UnsupportedError(f"precision '{text}' is none of bf16, fp16, fp8 and fp4")


def _whole(row: Mapping[str, str], name: str) -> int:
    try:
        value = float(row.get(name) or "nan")
    except ValueError:
        value = math.nan
    if not value >= 1 or value != int(value):
        raise UnsupportedError(f"'{name}' is missing or not a positive whole number: state the whole layout")
    return int(value)


def _optional(row: Mapping[str, str], name: str, missing: int) -> int:
    text = (row.get(name) or "").strip().lower()
    return int(float(text)) if re.fullmatch(r"\d+(\.0*)?", text) else missing


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
