"""Names in benchmark tables: which system a GPU's name means, and which architecture a model's.

Tables write one GPU in many ways (``NVIDIA H100-SXM-80GB``, ``h100_sxm``, ``HGX H100``) and one model as its repository, with
variant words, dates and precisions (``nvidia/Llama-3.3-70B-Instruct-FP4``). Names that are another's architecture stand in
``serving_names.csv``, each with the reason.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from gigaplan import catalog
from gigaplan.plan.resolve import model_of
from gigaplan.vocabulary.errors import nearest_name

SYSTEMS = {
    "h100_sxm": "h100_hgx",
    "h200_sxm": "h200_hgx",
    "b200_sxm": "b200_hgx",
    "b300_sxm": "b300_hgx",
    "gb200": "gb200_nvl72",
    "gb300": "gb300_nvl72",
    "vr200": "vr_nvl72",
    "a100_sxm": "a100_hgx",
}
"""Names of GPUs in benchmark tables and the systems that hold them; other names are matched with the catalog's."""
MARKS = (
    (r"rubin_?ultra|vr_?300|kyber", "rubin_ultra_nvl144"),
    (r"rubin_?cpx", "rubin_cpx"),
    (r"vera_?rubin|vr_?200|vr_?nvl|rubin|r200", "vr_nvl72"),
    (r"gb_?300", "gb300_nvl72"),
    (r"gb_?200", "gb200_nvl72"),
    (r"gb_?10(?!\d)|dgx_?spark", "gb10"),
    (r"gh_?200", "gh200_nvl2"),
    (r"b300", "b300_hgx"),
    (r"b200", "b200_hgx"),
    (r"h200.*(nvl|pcie)", "h200_nvl"),
    (r"h200", "h200_hgx"),
    (r"h100.*nvl", "h100_nvl"),
    (r"h100.*pcie", "h100_pcie"),
    (r"h100", "h100_hgx"),
    (r"h800", "h800_hgx"),
    (r"h20(?!\d)", "h20_hgx"),
    (r"a800", "a800_hgx"),
    (r"a100.*pcie", "a100_pcie"),
    (r"a100.*(?<!\d)40", "a100_40gb_hgx"),
    (r"a100", "a100_hgx"),
    (r"mi_?455x?", "mi455x_helios"),
    (r"mi_?355x?", "mi355x_oam8"),
    (r"mi_?350x?", "mi350x_oam8"),
    (r"mi_?325x?", "mi325x_oam8"),
    (r"mi_?300x?(?!a)", "mi300x_oam8"),
    (r"rtx_?pro_?6000|6000_?pro|pro_?6000", "rtx_pro_6000_server"),
    (r"6000_?ada|ada_?6000", "rtx_6000_ada"),
    (r"rtx_?5090", "rtx_5090"),
    (r"rtx_?4090", "rtx_4090"),
    (r"(?<![a-z0-9])l40s", "l40s"),
    (r"(?<![a-z0-9])l40(?!\d)", "l40"),
    (r"(?<![a-z0-9])l20(?!\d)", "l20"),
    (r"(?<![a-z0-9])l4(?!\d)", "l4"),
    (r"(?<![a-z0-9])a10g?(?![0-9a-z])", "a10"),
    (r"(?<![a-z0-9])a40(?!\d)", "a40"),
    (r"(?<![a-z0-9])a30(?!\d)", "a30"),
    (r"v100", "v100_dgx"),
    (r"gaudi_?3", "gaudi_3"),
    (r"gaudi_?2", "gaudi_2"),
    (r"b60(?!\d)", "b60"),
    (r"ironwood|tpu_?v?7|tpu7x", "tpu_v7_ironwood"),
    (r"trillium|tpu_?v?6", "tpu_v6e"),
    (r"v5p", "tpu_v5p"),
    (r"v5e|v5_?lite", "tpu_v5e"),
    (r"tpu_?v4", "tpu_v4"),
    (r"trainium_?3|trn_?3", "trainium3_ultra"),
    (r"trainium_?2|trn_?2", "trainium2_ultra"),
)
"""Marks of GPUs in longer names, the more particular first."""
VARIANT = re.compile(
    r"instruct|chat|it|hf|base|preview|turbo|latest|exp|fast|original|dense|moe|model|"
    r"fp8|fp4|nvfp4|mxfp4|bf16|fp16|bfloat16|float16|int8|int4|uint4|w8a8|w4a16|w4a8|w4afp8|awq|gptq|gguf|kv|kv8|ocp|quark|amd|quantized|dynamic|static|"
    r"per|tensor|pertensor|block|channel|hybrid|mtp|eagle\d?|speculative|thinking|reasoning|terminus|speciale|v\d|\d"
    r"|0528|0324|0905|2407|2411|2501|2503|2506|2507|2508|2512|\d{6,8}|\d+e|\d+x"
)
"""Words of a name that say nothing about its architecture: training, precision, date."""
SIZE = re.compile(r"a?\d+[bt]")
NEAR, BILLION, TRILLION = 0.15, 1e9, 1e12
"""A size in a name is rounded, and may count what others leave out."""


class UnsupportedError(ValueError):
    """The row can't be answered; the message says why."""


@cache
def system_of(gpu: str) -> str:
    """Return the catalog's system for a table's GPU; UnsupportedError with the nearest name."""
    name = plain(gpu)
    known = catalog.load().entities("hbm_bandwidth_bytes_per_s")
    if not name:
        raise UnsupportedError("no GPU is named: name one in the column 'gpu'")
    for candidate in (SYSTEMS.get(name, name), *(k for k in known if plain(_package(k)) == name)):
        if candidate in known:
            return candidate
    found = next((system for pattern, system in MARKS if re.search(pattern, name)), "")
    if found in known:
        return found
    raise UnsupportedError(f"no system for GPU '{gpu}'{_nearest(name, [*SYSTEMS, *known], 'systems')}")


@cache
def of_two_kinds(gpu: str) -> bool:
    """Return whether a name lists GPUs of two kinds, as mixed clusters do."""
    parts = [p for p in re.split(r"[,;+]", gpu) if p.strip()]
    found = set()
    for part in parts:
        try:
            found.add(system_of(part))
        except UnsupportedError:
            continue
    return len(found) > 1


def _package(system: str) -> str:
    facts = catalog.load()
    return str(facts.find(system, "package").value) if facts.has(system, "package") else ""


@cache
def model_name(name: str) -> str:
    """Return the catalog's model for a published name; UnsupportedError with the nearest one.

    Tried in turn: the name, the name without its organisation, without what stands in brackets; each first whole, then
    without words that say nothing about the architecture, then without trailing sizes.
    """
    short = re.sub(r"\(.*?\)", " ", name)
    tried = [name, name.rsplit("/", maxsplit=1)[-1], short, short.rsplit("/", maxsplit=1)[-1]]
    for candidate in dict.fromkeys(tried):
        if found := _named(candidate):
            return found
    last = plain(short.rsplit("/", maxsplit=1)[-1])
    raise UnsupportedError(f"no architecture for model '{name}'{_nearest(last, list(_models().values()), 'models')}")


def _nearest(name: str, known: Sequence[str], kind: str) -> str:
    near = nearest_name(name, known)
    return f"; nearest is '{near}'" if near else f"; gigaplan catalog list {kind} shows those that are known"


def _named(name: str) -> str:
    """Return the catalog's model for the words of one form of a name, or nothing."""
    known = _models()
    words = [w for w in plain(_benchmark_name(name)).split("_") if w]
    if not words:
        return ""
    telling = [w for k, w in enumerate(words) if not VARIANT.fullmatch(w) or (w.isdigit() and 0 < k <= 3)]
    for some in (words, telling):
        for trailing in range(len(some)):
            dropped = some[len(some) - trailing :]
            if all(VARIANT.fullmatch(w) or SIZE.fullmatch(w) for w in dropped):
                model = known.get(_key("_".join(some[: len(some) - trailing])), "")
                if model and all(_has_size(model, w) for w in dropped if SIZE.fullmatch(w)):
                    return model
    # A name with words of its own behind a known one is a variant of it, unless numbers say that it is another.
    for some in (words, telling):
        for length in range(len(some) - 1, 0, -1):
            key = _key("_".join(some[:length]))
            if key in known and re.search(r"\d", key) and not any(re.search(r"\d", w) for w in some[length:]):
                return known[key]
    return ""


def _has_size(model: str, word: str) -> bool:
    """Return whether a model has so many parameters in all, or so many that one token visits."""
    size = float(word.strip("abt")) * (TRILLION if word.endswith("t") else BILLION)
    architecture = model_of(catalog.load(), model)
    return any(abs(size / n - 1) < NEAR for n in (architecture.parameters, architecture.active_parameters))


def _benchmark_name(name: str) -> str:
    """Return a model's name without a benchmark's accuracy class (``llama2-70b-99.9``) and version letters."""
    text = re.sub(r"-99(\.9)?$", "", name.strip())
    text = re.sub(r"(?i)^(meta|nvidia|amd|hf|models?)[-_ ](?=[a-z])", "", text)
    text = re.sub(r"(?i)llama[\s_-]*v(?=\d)", "Llama ", text)
    return re.sub(r"(?i)^(llama|qwen|gemma|phi|glm)-?(\d)", r"\1-\2", text)


@cache
def _models() -> Mapping[str, str]:
    """Return the catalog's models by their names without separators, and by the names of others of the same architecture."""
    known = {_key(k): k for k in catalog.load().entities("layers")}
    path = Path(str(files("gigaplan.validation") / "data" / "serving_names.csv"))
    with path.open(encoding="utf-8", newline="") as file:
        others = {_key(r["name"]): r["model"] for r in csv.DictReader(file)}
    return {**others, **known}


def _key(text: str) -> str:
    return text.replace("_", "")


def plain(text: str) -> str:
    """Return a name in small letters, with one low line for all that is neither letter nor number."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
