"""Names in tables of training speeds: systems with their limits, and architectures with what a row changes of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

from gigaplan import catalog
from gigaplan.catalog.names import plain_name
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.plan.resolve import device_of, model_of
from gigaplan.plan.resolver import meant_in_table
from gigaplan.validation.training.gpt_sizes import shape_of_size
from gigaplan.validation.training.sources import VOCABULARY_OF_GPT, source_of
from gigaplan.vocabulary.errors import PlanError, UnsupportedError

LAYERS_ALONE = re.compile(r"[ _-]dim[ _-]\d+[ _-]layers$", re.IGNORECASE)
"""How a table says that a row has the architecture's shape with another number of layers, which is in its column."""

FFN_OF_GPT = 4
"""Inner width of a plain feed-forward over hidden width (Vaswani et al. 2017)."""

MOST = 1e12
"""The largest whole number that a cell may hold."""

PLAIN = ("gpt", "mpt", "megatron", "turing")
"""How plain GPTs of a stated shape are called."""
PUBLISHED_GPTS = ("gpt_3_175b", "gpt_oss")
"""How names begin that are a published model's, whatever shape stands next to them."""


def system_of(gpu: str) -> str:
    """Return the catalog's system for a table's GPU, with its limits; UnsupportedError with the nearest name."""
    return meant_in_table("system", gpu) + _variant(gpu)


def _variant(gpu: str) -> str:
    """Return what a table states next to the name of a GPU about its power and memory, as ``@500W@2.4TB/s``."""
    power, memory = re.search(r"\b(\d{2,4}) ?W\b", gpu), re.search(r"\b(\d+(?:\.\d+)?) ?TB/s", gpu)
    return (f"@{power[1]}W" if power else "") + (f"@{memory[1]}TB/s" if memory else "")


def architecture_name(row: Mapping[str, str]) -> str:
    """Return the name of a row's architecture: the catalog's, with ``+`` and what the row changes, or a plain GPT's
    shape."""
    written = re.sub(r"\[.*?\]|\bLoRA\b", "", row.get("model", "")).strip()
    layers = optional_number(row, "layers", 0)
    shape = plain_name(written).startswith(PLAIN) and not plain_name(written).startswith(PUBLISHED_GPTS)
    if shape and all(row.get(k) for k in ("layers", "hidden", "heads")):
        return f"gpt:{layers}:{whole_number(row, 'hidden')}:{whole_number(row, 'heads')}"
    usual = shape_of_size(written) if shape and not layers else None
    if usual:
        return "gpt:" + ":".join(str(v) for v in usual)
    name = LAYERS_ALONE.sub("", written)
    found = meant_in_table("model", name)
    if name != written and layers:
        return f"{found}+{layers}"
    extra = found == "deepseek_v3" and "w/o mtp" not in row["model"].lower() and source_of(row) == "bridge"
    return f"{found}+{layers + 1}" if extra and layers else found


@catalog.per_catalog
def known(system: str, model: str) -> tuple[Device, Architecture]:
    """Return the device of a system and the architecture of a model; UnsupportedError if facts are missing.

    Parameters
    ----------
    system
        Name in the catalog, with limits behind an ``@``.
    model
        Name of an architecture, from :func:`architecture_name`.
    """
    try:
        return _device(system), _architecture(model)
    except PlanError as error:
        raise UnsupportedError("; ".join(p.message for p in error.problems)) from None


def architecture(model: str) -> Architecture:
    """Return the architecture of a model; UnsupportedError if facts are missing.

    Parameters
    ----------
    model
        Name of an architecture, from :func:`architecture_name`.
    """
    try:
        return _architecture(model)
    except PlanError as error:
        raise UnsupportedError("; ".join(p.message for p in error.problems)) from None


def _device(system: str) -> Device:
    """Return a system's device, slower where its name states that it draws less than its rating or to have slower
    memory."""
    facts = catalog.load()
    name, *limits = system.split("@")
    device = device_of(facts, name)
    for word in limits:
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


def whole_number(row: Mapping[str, str], name: str) -> int:
    """Return a cell's positive whole number; UnsupportedError if it holds none."""
    try:
        value = float(row.get(name) or "nan")
    except ValueError:
        value = math.nan
    if not 1 <= value <= MOST or value != int(value):
        raise UnsupportedError(f"'{name}' is missing or not a positive whole number: state the whole layout")
    return int(value)


def optional_number(row: Mapping[str, str], name: str, missing: int) -> int:
    """Return a cell's whole number, or what stands for one that is missing."""
    text = (row.get(name) or "").strip().lower()
    return int(float(text)) if re.fullmatch(r"\d{1,12}(\.0*)?", text) else missing
