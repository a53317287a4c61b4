"""Mutants of what a user may give to gigaplan: each is a command with the files that it reads.

Every generator takes a random source and yields nothing but what a person, an editor, a broken disk or a foreign tool
may produce. None knows which answer is right: whatever comes in, the program computes it or refuses it.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

PLANS = ("lab-1mw", "neocloud-100mw", "announced-2025-09", "actual-2026-11")
ODD = (
    *(
        "",
        " ",
        "x",
        "nan",
        "inf",
        "-inf",
        "null",
        "~",
        "yes",
        "no",
        "true",
        "0",
        "-1",
        "1e308",
        "1e-308",
        "1e400",
        "0x1F",
        "1_000",
    ),
    *(
        "-5 MW it",
        "1e9 GW it",
        "0 MW it",
        "10 W it",
        "5 MW",
        "5 mw IT",
        "1,5 MW it",
        "5 MW it 3",
        "60 M",
        "1 GW facility",
        "99 %",
        "200 %",
    ),
    *(
        "2026-13",
        "0001-01",
        "9999-12",
        "2026-02-30",
        "2026-Q5",
        "2026-H2",
        "26-01",
        "+12 months",
        "-1e6 months",
        "2026-01-01T00:00",
    ),
    *(
        "$-5B",
        "$1e30",
        "1 token",
        "1e30 tokens",
        "3 s",
        "2 h",
        "1e-9 s",
        "1e9 s",
        "5 EUR",
        "12 USD/MWh",
        "1 ms",
        "7 furlongs",
    ),
    *(
        "vr_nvl72",
        "VR NVL72",
        "h100",
        "deepseek",
        "llama_3_1_70b_mini",
        "region_mars",
        "us",
        "ercot",
        "[A]",
        "a.b",
        "../../etc/passwd",
    ),
    *(
        "{low: 1, high: 0}",
        "{value: }",
        "[1, 2",
        "{",
        "*x",
        "&x",
        "!!python/object:os.system x",
        "<<: *x",
        "|",
        ">",
        "- - -",
        "? :",
    ),
    *(
        "\u202e5",
        "\x1b[31m",
        "5\u00a0MW it",
        "\uff15 MW it",
        "5 MW it",
        "'",
        '"',
        "#",
        ": :",
        "\ttab",
        "=1+1",
        "\ud7ff",
        "\U0001f680",
    ),
)
"""Values that people, editors and spreadsheets have put where something else was due."""
NUMBERS = (
    None,
    True,
    False,
    -1,
    0,
    1,
    7.5,
    1e-9,
    1e9,
    1e308,
    float("nan"),
    float("inf"),
    [],
    {},
    [1],
    {"value": 1},
    [[]],
)
NOISE = (
    "\x00",
    "\ufeff",
    "\u202e",
    "\x1b]0;x\x07",
    "\r",
    "\x85",
    "\u2028",
    "\t",
    "%",
    "&a ",
    "*a ",
    "- ",
    ": ",
    "'",
    '"',
    "{",
    "]",
)


@dataclass(frozen=True)
class Mutant:
    """A command and the files that it reads, by name in the working folder."""

    words: tuple[str, ...]
    files: dict[str, bytes] = field(default_factory=dict)

    def prepare(self, folder: Path) -> None:
        """Write the files."""
        for name, data in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)


def built_in(name: str) -> str:
    """Return the text of a built-in plan."""
    return (files("gigaplan.plan") / "builtin" / f"{name}.yaml").read_text("utf-8")


def mutated_text(text: str, chance: random.Random) -> bytes:
    """Return a text as an editor, a merge or a broken copy may leave it."""
    lines = text.split("\n")
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        k = chance.randrange(len(lines))
        what = chance.randrange(11)
        if what == 0:
            del lines[k]
        elif what == 1:
            lines.insert(k, lines[chance.randrange(len(lines))])
        elif what == 2:
            lines[k] = " " * chance.randrange(9) + lines[k].lstrip()
        elif what == 3 and ":" in lines[k]:
            lines[k] = lines[k].split(":", 1)[0] + ": " + chance.choice(ODD)
        elif what == 4 and ":" in lines[k]:
            lines[k] = mutated_word(lines[k].split(":", 1)[0], chance) + ":" + lines[k].split(":", 1)[1]
        elif what == 5:
            lines[k] = mutated_word(lines[k], chance)
        elif what == 6:
            lines = lines[: max(1, k)]
        elif what == 7:
            lines[k] += chance.choice(NOISE)
        elif what == 8:
            at = chance.randrange(len(lines))
            lines[k], lines[at] = lines[at], lines[k]
        elif what == 9:
            lines[k] = "".join(chance.choice(ODD) if c.isdigit() and chance.random() < 0.2 else c for c in lines[k])
        else:
            at = chance.randrange(len(lines[k]) + 1)
            lines[k] = lines[k][:at] + chance.choice(NOISE) + lines[k][at:]
        lines = lines or [""]
    return encoded("\n".join(lines), chance)


def encoded(text: str, chance: random.Random) -> bytes:
    """Return a text in bytes, now and then in another encoding or with bytes that no encoding has."""
    how = chance.randrange(60)
    if how == 0:
        return text.encode("utf-16", "surrogatepass")
    if how == 1:
        return b"\xef\xbb\xbf" + text.encode("utf-8", "surrogatepass")
    data = bytearray(text.encode("latin-1", "replace") if how == 2 else text.encode("utf-8", "surrogatepass"))
    if how < 6 and data:
        for _ in range(chance.randrange(1, 9)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def mutated_word(word: str, chance: random.Random) -> str:
    """Return a word with a slip of the hand."""
    if not word:
        return chance.choice(ODD)
    k = chance.randrange(len(word))
    return chance.choice(
        (
            word[:k] + word[k + 1 :],
            word[:k] + word[k] + word[k:],
            word[:k] + chance.choice("aeXZ09_-. []\u00e9") + word[k + 1 :],
            word[k:] + word[:k],
            word.upper(),
            word + chance.choice(ODD),
        )
    )


def branches(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of everything below the root of a document."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from branches(value, (*path, key))


def at(node: Any, path: tuple[Any, ...]) -> Any:
    """Return what stands at a path."""
    for key in path:
        node = node[key]
    return node


def mutated_document(document: Any, chance: random.Random) -> Any:
    """Return a document in which values, keys and branches stand where others were."""
    changed = copy.deepcopy(document)
    for _ in range(chance.choice((1, 1, 2, 3))):
        paths = list(branches(changed))
        if not paths:
            return changed
        *above, key = chance.choice(paths)
        parent = at(changed, tuple(above))
        what = chance.randrange(7)
        if what == 0:
            del parent[key]
        elif what == 1:
            parent[key] = copy.deepcopy(at(changed, chance.choice(paths)))
        elif what == 2:
            parent[key] = copy.deepcopy(chance.choice(NUMBERS))
        elif what == 3 and isinstance(parent, dict):
            parent[mutated_word(str(key), chance)] = parent.pop(key)
        elif what == 4 and isinstance(parent[key], int | float):
            parent[key] = parent[key] * 10 ** chance.choice((-12, -3, -1, 1, 3, 12))
        elif what == 5 and isinstance(parent, dict):
            parent[chance.choice(("", "name", "value", "0", "x", 5, None))] = copy.deepcopy(chance.choice(NUMBERS))
        else:
            parent[key] = chance.choice(ODD)
    return changed


def plans(folder: Path, chance: random.Random) -> Mutant:
    """Return a command on a mutated plan."""
    name = chance.choice(PLANS)
    text = built_in(name)
    if chance.random() < 0.5:
        data = mutated_text(text, chance)
    else:
        changed = mutated_document(yaml.safe_load(text), chance)
        data = encoded(yaml.safe_dump(changed, allow_unicode=True, sort_keys=False), chance)
    words = ("check", "mine.yaml")
    if chance.random() < 0.05:
        words = ("run", "mine.yaml", *(("--json",) if chance.random() < 0.3 else ()))
    return Mutant(words, {"mine.yaml": data})


def settings(folder: Path, chance: random.Random) -> Mutant:
    """Return a command with mutated ``--set`` options."""
    name = chance.choice(PLANS)
    document = yaml.safe_load(built_in(name))
    words = ["run" if chance.random() < 0.03 else "check", name]
    for _ in range(chance.choice((1, 1, 2))):
        path = ".".join(str(part) for part in chance.choice(list(branches(document))))
        if chance.random() < 0.2:
            path = mutated_word(path, chance)
        sign = "=" if chance.random() < 0.95 else chance.choice(("", "==", ":", " = "))
        words += ["--set", f"{path}{sign}{chance.choice(ODD)}"]
    return Mutant(tuple(w.replace("\x00", "") for w in words))


HEADER = "overlay:\n  who: A. Planner\n  why: what if power came late\n  from: 2026-11-20\n"
OVERLAYS = (
    "demand:\n  workloads:\n    chat: {output_tokens: 700 tokens}\nhorizon: {end: 2026-09}\n",
    "finance:\n  costs:\n    it_life_years: {value: 5 years, evidence: filed, source: the filing}\n",
)
CONSTANTS = (
    "demand:\n  software:\n    engine: vllm\n  engine:\n"
    "    step_overhead_s: {value: 0.0003 s, evidence: measured, source: m.csv}\n"
    "    mixing_share:\n      value: '0.8268'\n      evidence: measured\n      source: m.csv\n      note: my rows\n"
)


def overlays(folder: Path, chance: random.Random) -> Mutant:
    """Return a command with a mutated overlay."""
    if chance.random() < 0.5:
        overlay = mutated_text(HEADER + chance.choice(OVERLAYS), chance)
        return Mutant(("check", "lab-1mw", "--with", "over.yaml"), {"over.yaml": overlay})
    overlay = mutated_text(HEADER + CONSTANTS, chance)
    return Mutant(
        ("frontier", "llama_3_1_8b", "h100_hgx", "--engine", "vllm", "--with", "over.yaml"), {"over.yaml": overlay}
    )


SERVING = (
    "id,source,gpu,n_gpus,model,precision,engine,engine_version,mode,tp,pp,ep,dp,isl,osl,concurrency,tpot_ms,ttft_ms\n"
    "a,mine,h200_sxm,1,Qwen/Qwen3-8B,bf16,vllm,0.18.0,agg,1,1,1,1,9000,30,16,14.1,900\n"
    "b,mine,H100,8,meta-llama/Llama-3.1-70B-Instruct,fp8,sglang,0.5,agg,8,1,1,1,1024,1024,64,22,350\n"
    "c,mine,B200,8,deepseek-ai/DeepSeek-V3,fp4,trtllm,1.0,agg,8,1,8,1,1024,256,32,,\n"
)
TRAINING = (
    "source,gpu,num_gpus,model,seq_len,global_batch,micro_batch,tp,pp,dp,cp,ep,vpp,precision,recompute,step_time_s\n"
    "mine,H100,512,Llama-3.1 405B,8192,256,1,8,8,8,1,1,8,BF16,,40\n"
    "mine,H100,16,Mixtral 8x7B,4096,128,1,1,1,16,1,8,1,BF16,,\n"
)


def mutated_table(text: str, chance: random.Random) -> bytes:
    """Return a table as a spreadsheet or a script may leave it."""
    rows = [line.split(",") for line in text.strip().split("\n")]
    for _ in range(chance.choice((1, 1, 2, 3))):
        row = chance.choice(rows)
        k = chance.randrange(len(row)) if row else 0
        what = chance.randrange(9)
        if what < 4 and row:
            row[k] = chance.choice((*ODD, "awq", "gptq", "int4", "tp4 dp2", "5.5", "8 ", "-8", "1e3", "mode", "disagg"))
        elif what == 4 and row:
            row[k] = mutated_word(row[k], chance)
        elif what == 5 and row:
            del row[k]
        elif what == 6:
            row.insert(k, chance.choice(ODD))
        elif what == 7:
            rows.insert(chance.randrange(len(rows) + 1), list(row))
        elif len(rows) > 1:
            del rows[chance.randrange(len(rows))]
    separator = chance.choice((",", ",", ",", ",", ";", "\t", "|"))
    return encoded("\n".join(separator.join(row) for row in rows) + "\n", chance)


def tables(folder: Path, chance: random.Random) -> Mutant:
    """Return a command on a mutated table of rows."""
    if chance.random() < 0.6:
        verb = ("calibrate", "serving") if chance.random() < 0.05 else ("predict", "inference")
        return Mutant((*verb, "rows.csv", "--out", "out"), {"rows.csv": mutated_table(SERVING, chance)})
    verb = ("calibrate", "training") if chance.random() < 0.05 else ("predict", "training")
    return Mutant((*verb, "rows.csv", "--out", "out"), {"rows.csv": mutated_table(TRAINING, chance)})


RESULT_COMMANDS = (
    ("explain", "result", "cost_usd"),
    ("explain", "result", "gpus_in_production", "--at", "year=2026"),
    ("export", "result", "--to", "csv", "--out", "out.csv"),
    ("compare", "result", "result"),
    ("rerun", "result"),
)


def results(folder: Path, chance: random.Random) -> Mutant:
    """Return a command on a mutated result folder; ``folder/kept`` holds a sound one."""
    kept = {p.name: p.read_bytes() for p in (folder / "kept").iterdir()}
    name = chance.choice(sorted(kept))
    data = kept[name]
    what = chance.randrange(6)
    if what == 0:
        del kept[name]
    elif what == 1:
        kept[name] = data[: chance.randrange(len(data) + 1)]
    elif what == 2:
        kept[name] = kept[chance.choice(sorted(kept))]
    elif name.endswith(".json") and what < 5:
        kept[name] = json.dumps(mutated_document(json.loads(data), chance)).encode("utf-8", "surrogatepass")
    else:
        changed = bytearray(data)
        for _ in range(chance.randrange(1, 20)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        kept[name] = bytes(changed)
    words = chance.choices(RESULT_COMMANDS, (3, 3, 3, 1, 1))[0]
    return Mutant(words, {f"result/{k}": v for k, v in kept.items()})


OPTIONS = (
    ("frontier", "llama_3_1_8b", "h100_hgx", "--ttft", "2 s", "--tpot", "50 ms", "--isl", "1024", "--osl", "256"),
    ("train", "llama_3_1_8b", "h100_hgx", "--gpus", "64", "--tokens", "1T", "--global-batch", "512"),
    ("train", "llama_3_1_70b", "gb300_nvl72", "--gpus", "1152", "--tokens", "15T", "--layout", "tp8 pp1 mb1"),
    ("predict", "inference", "rows.csv", "--out", "out"),
    ("explain", "lab-1mw", "cost_usd", "--at", "year=2026"),
    ("catalog", "show", "h100_hgx"),
    ("catalog", "search", "h100"),
    ("new", "out.yaml", "--power", "150 MW", "--region", "ercot", "--start", "2027"),
)


def options(folder: Path, chance: random.Random) -> Mutant:
    """Return a command whose words are mutated."""
    words = list(chance.choice(OPTIONS))
    for _ in range(chance.choice((1, 1, 2))):
        k = chance.randrange(1, len(words))
        words[k] = chance.choice(ODD) if chance.random() < 0.5 else mutated_word(words[k], chance)
    return Mutant(tuple(word.replace("\x00", "") for word in words), {"rows.csv": SERVING.encode()})


def clean(folder: Path, keep: frozenset[str]) -> None:
    """Remove what the last command wrote or read."""
    for path in folder.iterdir():
        if path.name not in keep:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
