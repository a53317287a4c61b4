"""Names of hardware: which of the catalog's systems a GPU's name means, and which hardware generation a system is of.

Tables write one GPU in many ways: ``NVIDIA H100-SXM-80GB``, ``h100_sxm``, ``HGX H100``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gigaplan.catalog.catalog import load, per_catalog
from gigaplan.vocabulary.errors import UnsupportedError, nearest_name

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
def system_of(gpu: str) -> str:
    """Return the catalog's system that a table's name of a GPU means.

    Raises
    ------
    UnsupportedError
        If there is none; the message names the nearest.
    """
    name = plain_name(gpu)
    known = load().entities("hbm_bandwidth_bytes_per_s")
    if not name:
        raise UnsupportedError("no GPU is named: name one in the column 'gpu'")
    for candidate in (SYSTEMS.get(name, name), *(k for k in known if plain_name(_package(k)) == name)):
        if candidate in known:
            return candidate
    found = next((system for pattern, system in MARKS if re.search(pattern, name)), "")
    if found in known:
        return found
    raise UnsupportedError(f"no system for GPU '{gpu}'{nearest_hint(name, [*SYSTEMS, *known], 'systems')}")


@per_catalog
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
    facts = load()
    return str(facts.find(system, "package").value) if facts.has(system, "package") else ""


def nearest_hint(name: str, known: Sequence[str], kind: str) -> str:
    """Return the end of a message about an unknown name: the nearest one, or how to list those that are known."""
    near = nearest_name(name, known)
    return f"; nearest is '{near}'" if near else f"; gigaplan catalog list {kind} shows those that are known"


def plain_name(text: str) -> str:
    """Return a name in small letters, with one underscore for all that is neither letter nor number."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
