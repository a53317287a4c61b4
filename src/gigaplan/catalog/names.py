"""Names of hardware: which of the catalog's systems a GPU's name means, and which hardware generation a system is of.

Tables write one GPU in many ways: ``NVIDIA H100-SXM-80GB``, ``h100_sxm``, ``HGX H100``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gigaplan.catalog.catalog import load, per_catalog

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
    (r"gb_?300(?!\d)", "gb300_nvl72"),
    (r"gb_?200(?!\d)", "gb200_nvl72"),
    (r"gb_?10(?!\d)|dgx_?spark", "gb10"),
    (r"gh_?200(?!\d)", "gh200_nvl2"),
    (r"b300(?!\d)", "b300_hgx"),
    (r"b200(?!\d)", "b200_hgx"),
    (r"h200.*(nvl|pcie)", "h200_nvl"),
    (r"h200(?!\d)", "h200_hgx"),
    (r"h100.*nvl", "h100_nvl"),
    (r"h100.*pcie", "h100_pcie"),
    (r"h100(?!\d)", "h100_hgx"),
    (r"h800(?!\d)", "h800_hgx"),
    (r"h20(?!\d)", "h20_hgx"),
    (r"a800(?!\d)", "a800_hgx"),
    (r"a100.*pcie", "a100_pcie"),
    (r"a100.*(?<!\d)40", "a100_40gb_hgx"),
    (r"a100(?!\d)", "a100_hgx"),
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
    (r"v100(?!\d)", "v100_dgx"),
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
"""Marks of GPUs in longer names, the more particular first; a bare GPU is read as the system named here in tables."""
OPEN = {
    "h100_hgx": ("h100_nvl", "h100_pcie"),
    "h200_hgx": ("h200_nvl",),
    "a100_hgx": ("a100_40gb_hgx", "a100_pcie"),
    "a100_40gb_hgx": ("a100_pcie",),
}
"""Systems that the bare name of a GPU leaves open, next to the one that tables mean by it."""
FORMS = frozenset(("sxm", "sxm2", "sxm4", "sxm5", "hgx", "dgx", "hbm3"))
"""Words that say which form of a GPU is meant: its module, or the memory that the module alone has."""
ANY_GPU = re.compile(
    r"nvidia|amd|intel|google|aws|instinct|habana|geforce|tesla|arc|gpus?|accelerators?|\d+x|x\d+|\d+gb?|"
    r"hbm\d?e?|sxm\d?|hgx|dgx|oam|pcie|grace|blackwell|hopper|ampere|ada|tpu|superchip|tensor|core"
)
"""Words of a GPU's name that tell nothing further: vendor, family, count, memory and form."""
MEMORY = re.compile(r"(\d+)gb?")
MEMORY_TOLERANCE = 0.08
"""By how much a memory in a name may differ from the catalog's, as a share: some count GB, some GiB."""
GENERATIONS = {
    "a1": "ampere",
    "h1": "hopper",
    "h2": "hopper",
    "h8": "hopper",
    "gh": "hopper",
    "b2": "blackwell",
    "b3": "blackwell",
    "gb": "blackwell",
    "vr": "rubin",
}
"""How names of systems begin, and what their compute die's generation is called."""


def generation(system: str) -> str:
    """Return a system's hardware generation, or what its name begins with where no generation is known.

    Parameters
    ----------
    system
        Name in the catalog, such as ``h100_hgx``; what follows an ``@`` counts for nothing. A system of the user's own
        is of the generation of the system that it is like, else of one that nothing was fitted on.
    """
    own = load().origins.get(system.split("@", maxsplit=1)[0])
    if own is not None:
        return generation(own) if own else system
    return GENERATIONS.get(system[:2], system.split("_", maxsplit=1)[0])


@per_catalog
def systems_named(gpu: str, *, table: bool = False) -> tuple[str, ...]:
    """Return the catalog's systems that a name of a GPU or system may mean: none, one, or several that it leaves open.

    Parameters
    ----------
    gpu
        The name as somebody has written it.
    table
        Whether it stands in a table of measurements, whose names carry words about the machine and the memory around
        the GPU. Elsewhere every word of the name must fit the system.
    """
    name = plain_name(gpu)
    known = load().entities("hbm_bandwidth_bytes_per_s")
    key = without_separators(gpu)
    for candidate in (SYSTEMS.get(name, ""), *(k for k in known if key and key in _own_keys(k))):
        if candidate in known:
            return (candidate,)
    found, mark = next(((s, m) for p, s in MARKS if (m := re.search(p, name))), ("", None))
    if mark is None or found not in known or not (table or _fits(found, name, mark.group())):
        return ()
    return (found, *_left_open(found, name))


def _own_keys(system: str) -> tuple[str, str]:
    """Return a system's name and its GPU's, without separators."""
    return without_separators(system), without_separators(_package(system))


def _left_open(system: str, name: str) -> tuple[str, ...]:
    """Return the other systems that a name leaves open: those with the same GPU in another form."""
    words = name.split("_")
    if FORMS.intersection(words) or system not in OPEN:
        return ()
    known = load().entities("hbm_bandwidth_bytes_per_s")
    return tuple(s for s in OPEN[system] if s in known and not _other_memory(s, words))


def _fits(system: str, name: str, mark: str) -> bool:
    """Return whether every word of a name is part of its mark, of the system's own name, or fits the system."""
    rest = [w for w in name.replace(mark, "_").split("_") if w]
    own = {*system.split("_"), *plain_name(_package(system)).split("_")}
    return all(w in own or ANY_GPU.fullmatch(w) for w in rest) and not _other_memory(system, name.split("_"))


def _other_memory(system: str, words: Sequence[str]) -> bool:
    """Return whether a name states another memory than a system's GPU has."""
    facts = load()
    sizes = [float(m[1]) for w in words if (m := MEMORY.fullmatch(w))]
    has = facts.find(system, "hbm_bytes").number / 1e9 if facts.has(system, "hbm_bytes") else 0.0
    return any(abs(size / has - 1) > MEMORY_TOLERANCE for size in sizes if has)


@per_catalog
def of_two_kinds(gpu: str) -> bool:
    """Return whether a name lists GPUs of two kinds, as mixed clusters do."""
    parts = [p for p in re.split(r"[,;+]", gpu) if p.strip()]
    return len({found[0] for part in parts if (found := systems_named(part, table=True))}) > 1


def _package(system: str) -> str:
    facts = load()
    return str(facts.find(system, "package").value) if facts.has(system, "package") else ""


def plain_name(text: str) -> str:
    """Return a name in small letters, with one underscore for all that is neither letter nor number."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def without_separators(text: str) -> str:
    """Return a name in small letters and numbers alone."""
    return re.sub(r"[^a-z0-9]+", "", text.lower())
