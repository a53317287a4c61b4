"""Names as people write them: of systems, regions, bases, limits and labels."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gigaplan.fleet.inputs import existing_label
from gigaplan.results.verdicts import Claim, Verdict

BASES = {
    "it": "IT",
    "facility": "at the meter",
    "rack_tdp": "rated racks",
    "rack_peak": "racks at their peak",
    "gpu_tgp": "GPUs alone",
}
"""Bases of power as people write them."""
SCOPES = {
    "one site": "the best block of one generation",
    "sites together": "with local updates: what counts of it, at most all that is held for training",
    "whole fleet": "all that is held for training, as if distance were nothing",
}
"""What the scopes of the largest training run mean."""
WORDS = {
    "vr": "Vera Rubin",
    "trainium2": "Trainium 2",
    "trainium3": "Trainium 3",
    "hgx": "",
    "oam8": "",
    "pcie": "PCIe",
}
"""Parts of systems' names that people write in another way."""
SHORTS = ("dgx", "ercot", "miso", "pjm", "uae", "rtx", "tpu", "cpx", "us")
SMALL = ("rest", "of", "the", "and")
EXISTING = "existing fleet"
"""What the GPUs that stand at the plan's start are called."""


@dataclass(frozen=True, slots=True)
class ClaimWords:
    """How a verdict is marked: a glyph, and the style of the page."""

    mark: str
    style: str


CLAIMS = {
    Verdict.HOLDS: ClaimWords("●", "holds"),
    Verdict.ASSUMED: ClaimWords("◌", "on-basis"),
    Verdict.ON_BASIS: ClaimWords("◐", "on-basis"),
    Verdict.FAILS: ClaimWords("○", "fails"),
    Verdict.UNKNOWN: ClaimWords("?", "unknown"),
}


def claim_words(claim: Claim) -> ClaimWords:
    """Return how a claim's verdict is marked."""
    return CLAIMS[claim.verdict]


def limit(name: str) -> str:
    """Return a limit of the build-out as people write it."""
    return "site dates" if name == "power" else name


def place(name: str) -> str:
    """Return a site's name as people write it: a block of the existing fleet says that it is one."""
    prefix = existing_label("")
    return f"existing {name.removeprefix(prefix)}" if name.startswith(prefix) else name


def title(name: str) -> str:
    """Return a label as people write it."""
    return name.replace("_", " ")


def system(name: str) -> str:
    """Return a system's name as people write it: ``rubin_ultra_nvl144`` is Rubin Ultra NVL144."""
    return " ".join(word for part in name.split("_") if (word := WORDS.get(part, _capital(part))))


FAMILIES = {
    "deepseek": ("DeepSeek", "-"),
    "glm": ("GLM", "-"),
    "gpt": ("GPT", "-"),
    "gpt_oss": ("gpt-oss", "-"),
    "ernie": ("ERNIE", " "),
    "exaone": ("EXAONE", " "),
    "mimo": ("MiMo", "-"),
    "minimax": ("MiniMax", "-"),
    "dbrx": ("DBRX", " "),
    "opt": ("OPT", "-"),
}
"""Families of models that people write in another way than with a capital, and what stands after their name."""
UNNUMBERED = ("megatron", "frontier")
"""Families without versions: the figures after their name are a size."""
ENGINES = {"trtllm": "TensorRT-LLM", "vllm": "vLLM", "sglang": "SGLang", "dynamo": "Dynamo"}


def engine(name: str) -> str:
    """Return a serving engine's name as people write it."""
    return ENGINES.get(name, title(name))


def model(name: str) -> str:
    """Return a model's name as people write it: ``deepseek_v3_1`` is DeepSeek-V3.1."""
    family = next((f for f in sorted(FAMILIES, key=len, reverse=True) if f"{name}_".startswith(f"{f}_")), "")
    first, _, rest = name.partition("_")
    written, joint = FAMILIES[family] if family else (first.capitalize(), " ")
    rest = name.removeprefix(family).lstrip("_") if family else rest
    kept_small = family == "gpt_oss"
    parts: list[str] = []
    for part in rest.split("_") if rest else []:
        decimal = part.isdigit() or (first in UNNUMBERED and part[:1].isdigit())
        if parts and decimal and parts[-1][-1:].isdigit():
            parts[-1] += f".{part}"
        else:
            parts.append(part)
    size = [p if kept_small else p.upper() if any(c.isdigit() for c in p) else p.capitalize() for p in parts]
    return " ".join([joint.join([written, *size[:1]]), *size[1:]])


def region(name: str) -> str:
    """Return a region's name as people write it: ``region_rest_of_asia`` is rest of Asia."""
    return " ".join(w if w in SMALL else _capital(w) for w in name.removeprefix("region_").split("_"))


def _capital(word: str) -> str:
    """Return a word with a capital, in capitals if it is short for something or has a number, 'v5p' as it is."""
    if re.fullmatch(r"v\d\w?", word):
        return word
    return word.upper() if word in SHORTS or any(c.isdigit() for c in word) else word.capitalize()
