"""Names of models: which architecture of the catalog a published name means.

Tables write a model as its repository, with variant words, dates and precisions
(``nvidia/Llama-3.3-70B-Instruct-FP4``). Names that are another's architecture are those of
:mod:`gigaplan.plan.aliases`.
"""

from __future__ import annotations

import re

from gigaplan import catalog
from gigaplan.catalog.names import plain_name
from gigaplan.plan.aliases import model_names
from gigaplan.plan.architectures import architecture_of

VARIANT = re.compile(
    r"instruct|chat|it|hf|base|preview|turbo|latest|exp|fast|original|dense|moe|model|lora|sft|amd|"
    r"thinking|reasoning|terminus|speciale"
    r"|(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])|(2[0-9])(0[1-9]|1[0-2])|20\d\d(0[1-9]|1[0-2])?([0-2]\d|3[01])?|\d{6}"
)
"""Words of a name that say nothing about its architecture: training, and a date (``0528`` is a month and a day,
``2507`` a year and a month, ``20250528`` and ``250528`` all three)."""
STATED = re.compile(
    r"fp8|fp4|nvfp4|mxfp4|bf16|fp16|bfloat16|float16|int8|int4|uint4|w8a8|w4a16|w4a8|w4afp8|awq|gptq|gguf|kv|kv8|ocp|"
    r"quark|quantized|dynamic|static|per|tensor|pertensor|block|channel|hybrid|mtp|eagle\d?|speculative"
)
"""Words of a name that state a precision or speculation: in tables these are columns; anywhere else they would be
overheard, so that such a name is refused."""
RELEASE = re.compile(r"v\d+")
"""A word that begins a version: of the weights where it stands behind a size or a variant (``8x7B-Instruct-v0.1``),
of the model where it stands behind its name (``DeepSeek-V3``), and then it is never dropped."""
SIZE = re.compile(r"a?\d+[bt]")
MIXTURE = re.compile(r"\d+x\d+[bt]")
OTHER_MODEL = re.compile(
    r"mini|lite|flash|small|air|nano|tiny|micro|medium|large|max|pro|plus|ultra|super|coder|code|next|vl|vision|omni|"
    r"audio|distill|distilled|pruned"
)
"""Words of a name that say that the model is another than the one named before them: of another size or shape."""
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
def models_named(name: str, *, table: bool = False) -> tuple[str, ...]:
    """Return the catalog's models that a name may mean: none, one, or several that it leaves open.

    Tried in turn: the name, then the name without its organisation; in tables also without what stands in brackets.
    Each is tried whole, then without words that say nothing about the architecture, then without trailing sizes, which
    must be those of the model.

    Parameters
    ----------
    name
        The name as somebody has written it.
    table
        Whether it stands in a table of measurements: there a name may state a precision, and end in words of its own.
    """
    short = re.sub(r"\(.*?\)", " ", name) if table else name
    tried = [name, name.rsplit("/", maxsplit=1)[-1], short, short.rsplit("/", maxsplit=1)[-1]]
    return next((found for candidate in dict.fromkeys(tried) if (found := _named(candidate, table=table))), ())


def _named(name: str, *, table: bool) -> tuple[str, ...]:
    """Return the catalog's models for the words of one form of a name, or nothing."""
    known = model_names()
    words = [w for w in plain_name(_benchmark_name(name)).split("_") if w]
    silent = [_says_nothing(words, k, table=table) for k in range(len(words))]
    telling = [(w, False) for w, nothing in zip(words, silent, strict=True) if not nothing]
    for some in (list(zip(words, silent, strict=True)), telling):
        for trailing in range(len(some)):
            kept, dropped = some[: len(some) - trailing], some[len(some) - trailing :]
            if all(nothing or SIZE.fullmatch(w) for w, nothing in dropped):
                sizes = [w for w, _ in dropped if SIZE.fullmatch(w)]
                models = known.get("".join(w for w, _ in kept), ())
                if found := tuple(m for m in models if all(_has_size(m, w) for w in sizes)):
                    return found
    return _variant_of(words, [w for w, _ in telling]) if table else ()


def _variant_of(*names: list[str]) -> tuple[str, ...]:
    """Return the model that a name begins with, where the words behind it are its author's own.

    Numbers, and words of :data:`OTHER_MODEL`, say that another model is meant.
    """
    known = model_names()
    for words in names:
        for length in range(len(words) - 1, 0, -1):
            key = "".join(words[:length])
            other = any(OTHER_MODEL.fullmatch(w) or re.search(r"\d", w) for w in words[length:])
            if key in known and re.search(r"\d", key) and not other:
                return known[key]
    return ()


def _says_nothing(words: list[str], k: int, *, table: bool) -> bool:
    """Return whether a word of a name says nothing about its architecture, where it stands."""
    if VARIANT.fullmatch(words[k]) or (table and STATED.fullmatch(words[k])):
        return True
    begin = k
    while begin > 0 and words[begin].isdigit():
        begin -= 1
    before = words[begin - 1] if begin else ""
    behind = (VARIANT, STATED, SIZE, MIXTURE)
    return bool(RELEASE.fullmatch(words[begin])) and any(pattern.fullmatch(before) for pattern in behind)


def _has_size(model: str, word: str) -> bool:
    """Return whether a model has so many parameters in all (``671b``), or so many that one token visits (``a37b``)."""
    size = float(word.strip("abt")) * (TRILLION if word.endswith("t") else BILLION)
    architecture = architecture_of(catalog.load(), model)
    count = architecture.active_parameters if word.startswith("a") else architecture.parameters
    return abs(size / count - 1) < SIZE_TOLERANCE


def _benchmark_name(name: str) -> str:
    """Return a model's name without a benchmark's accuracy class (``llama2-70b-99.9``) and version letters."""
    text = re.sub(r"-99(\.9)?$", "", name.strip())
    text = re.sub(r"(?i)^(meta|nvidia|amd|hf|models?)[-_ ](?=[a-z])", "", text)
    text = re.sub(r"(?i)llama[\s_-]*v(?=\d)", "Llama ", text)
    return re.sub(r"(?i)^(llama|qwen|gemma|phi|glm)-?(\d)", r"\1-\2", text)
