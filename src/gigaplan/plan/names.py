"""Names of models: which architecture of the catalog a published name means.

Tables write a model as its repository, with variant words, dates and precisions
(``nvidia/Llama-3.3-70B-Instruct-FP4``). Names that are another's architecture are those of
:mod:`gigaplan.plan.aliases`.
"""

from __future__ import annotations

import re

from gigaplan import catalog
from gigaplan.catalog.names import nearest_hint, plain_name
from gigaplan.plan.aliases import model_key, model_names
from gigaplan.plan.resolve import model_of
from gigaplan.vocabulary.errors import UnsupportedError

VARIANT = re.compile(
    r"instruct|chat|it|hf|base|preview|turbo|latest|exp|fast|original|dense|moe|model|"
    r"fp8|fp4|nvfp4|mxfp4|bf16|fp16|bfloat16|float16|int8|int4|uint4|w8a8|w4a16|w4a8|w4afp8|awq|gptq|gguf|kv|kv8|ocp|"
    r"quark|amd|quantized|dynamic|static|"
    r"per|tensor|pertensor|block|channel|hybrid|mtp|eagle\d?|speculative|thinking|reasoning|terminus|speciale|v\d|\d"
    r"|(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])|(2[0-9])(0[1-9]|1[0-2])|20\d\d(0[1-9]|1[0-2])?([0-2]\d|3[01])?|\d{6}"
    r"|\d+e|\d+x"
)
"""Words of a name that say nothing about its architecture: training, precision, and a date (``0528`` is a month and a
day, ``2507`` a year and a month, ``20250528`` and ``250528`` all three)."""
SIZE = re.compile(r"a?\d+[bt]")
SIZE_WORDS = frozenset(("mini", "lite", "flash", "small", "air", "nano", "tiny", "micro", "medium", "large"))
"""Words of a name that say that the model is of another size than the one named before them."""
SIZE_TOLERANCE = 0.15
"""By how much a size in a name may differ from the count of parameters, as a share: it is rounded, and may count what
others leave out."""
BILLION, TRILLION = 1e9, 1e12


def family(model: str) -> str:
    """Return the models of one architecture under one name: DeepSeek V3 and R1 differ in training only.

    A model of the user's own is in the family of the catalog's model that has its shape, else in one of its own.
    """
    own = catalog.load().origins.get(model)
    if own is not None:
        return family(own) if own else model
    return "deepseek" if model.startswith("deepseek") else model


def shape_name(model: str) -> str:
    """Return the catalog's model that has the shape of a model of the user's own, else the model's own name."""
    return catalog.load().origins.get(model, "") or model


@catalog.per_catalog
def model_name(name: str) -> str:
    """Return the catalog's model that a published name means.

    Tried in turn: the name, the name without its organisation, without what stands in brackets; each first whole, then
    without words that say nothing about the architecture, then without trailing sizes.

    Raises
    ------
    UnsupportedError
        If there is none; the message names the nearest.
    """
    short = re.sub(r"\(.*?\)", " ", name)
    tried = [name, name.rsplit("/", maxsplit=1)[-1], short, short.rsplit("/", maxsplit=1)[-1]]
    for candidate in dict.fromkeys(tried):
        if found := _named(candidate):
            return found
    last = plain_name(short.rsplit("/", maxsplit=1)[-1])
    hint = nearest_hint(last, list(model_names().values()), "models")
    raise UnsupportedError(f"no architecture for model '{name}'{hint}")


def _named(name: str) -> str:
    """Return the catalog's model for the words of one form of a name, or nothing."""
    known = model_names()
    words = [w for w in plain_name(_benchmark_name(name)).split("_") if w]
    if not words:
        return ""
    telling = [w for k, w in enumerate(words) if not VARIANT.fullmatch(w) or (w.isdigit() and 0 < k <= 3)]
    for some in (words, telling):
        for trailing in range(len(some)):
            dropped = some[len(some) - trailing :]
            if all(VARIANT.fullmatch(w) or SIZE.fullmatch(w) for w in dropped):
                model = known.get(model_key("_".join(some[: len(some) - trailing])), "")
                if model and all(_has_size(model, w) for w in dropped if SIZE.fullmatch(w)):
                    return model
    # A name with words of its own behind a known one is a variant of it, unless numbers or a word say that it is of
    # another size.
    for some in (words, telling):
        for length in range(len(some) - 1, 0, -1):
            key = model_key("_".join(some[:length]))
            other = any(w in SIZE_WORDS or re.search(r"\d", w) for w in some[length:])
            if key in known and re.search(r"\d", key) and not other:
                return known[key]
    return ""


def _has_size(model: str, word: str) -> bool:
    """Return whether a model has so many parameters in all, or so many that one token visits."""
    size = float(word.strip("abt")) * (TRILLION if word.endswith("t") else BILLION)
    architecture = model_of(catalog.load(), model)
    return any(abs(size / n - 1) < SIZE_TOLERANCE for n in (architecture.parameters, architecture.active_parameters))


def _benchmark_name(name: str) -> str:
    """Return a model's name without a benchmark's accuracy class (``llama2-70b-99.9``) and version letters."""
    text = re.sub(r"-99(\.9)?$", "", name.strip())
    text = re.sub(r"(?i)^(meta|nvidia|amd|hf|models?)[-_ ](?=[a-z])", "", text)
    text = re.sub(r"(?i)llama[\s_-]*v(?=\d)", "Llama ", text)
    return re.sub(r"(?i)^(llama|qwen|gemma|phi|glm)-?(\d)", r"\1-\2", text)
