"""The doors through which things come, each with what makes mutants for it, and every command before it is mutated."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import foreign
import mutants
import workbooks
from mutants import Mutant

DOORS: dict[str, Callable[[Path, random.Random], Mutant]] = {
    "plan": mutants.plans,
    "--set": mutants.settings,
    "overlay": mutants.overlays,
    "table": mutants.tables,
    "result": mutants.results,
    "options": mutants.options,
    "benchmark": foreign.benchmarks,
    "config": foreign.configs,
    "request": foreign.requests,
    "--at": foreign.coordinates,
    "claims": foreign.claims_files,
    "rates": foreign.rates,
    "workbook": workbooks.workbooks,
}
"""What makes a mutant for each door."""
SHARES = {
    "plan": 0.18,
    "--set": 0.12,
    "overlay": 0.07,
    "table": 0.1,
    "result": 0.08,
    "options": 0.1,
    "benchmark": 0.07,
    "config": 0.05,
    "request": 0.05,
    "--at": 0.05,
    "claims": 0.05,
    "rates": 0.05,
    "workbook": 0.03,
}
"""Shares of all mutants."""


def sound(folder: Path) -> list[Mutant]:
    """Return every command as it is before it is mutated; ``folder/kept`` holds a sound result."""
    read = {
        "rows.csv": mutants.SERVING.encode(),
        "steps.csv": mutants.TRAINING.encode(),
        "constants.yaml": (mutants.HEADER + mutants.CONSTANTS).encode(),
    }
    read |= {f"over{k}.yaml": (mutants.HEADER + text).encode() for k, text in enumerate(mutants.OVERLAYS)}
    commands = [("check", name) for name in mutants.PLANS]
    commands += [("check", "lab-1mw", "--with", f"over{k}.yaml") for k in range(len(mutants.OVERLAYS))]
    commands += [("frontier", "llama_3_1_8b", "h100_hgx", "--engine", "vllm", "--with", "constants.yaml")]
    commands += [
        ("predict", "inference", "rows.csv", "--out", "out"),
        ("predict", "training", "steps.csv", "--out", "o2"),
    ]
    commands += [tuple(w if w != "result" else "kept" for w in words) for words in mutants.RESULT_COMMANDS]
    commands += [("explain", "kept", quantity, f"--at={text}") for quantity, text in foreign.COORDINATES]
    return [*(Mutant(words, read) for words in (*commands, *mutants.OPTIONS)), *_foreign(folder)]


def _foreign(folder: Path) -> list[Mutant]:
    """Return a command for each thing that other tools or programs give."""
    found = []
    for text, _ in foreign.samples().values():
        options = {**foreign.WITHIN, "--tp": "4"}
        left = [word for name, value in options.items() for word in (name, value)]
        words = ("predict", "inference", "bench.dat", *foreign.GIVEN, *left, "--out", "out.csv")
        found.append(Mutant(words, {"bench.dat": text.encode()}))
    config = json.dumps(next(iter(foreign.model_configs().values()))).encode()
    for words in foreign.CONFIG_COMMANDS:
        read = {"config.json": config, **foreign.own_tables()}
        found.append(Mutant((*words, "--model-config", "own=config.json"), read))
    for kind, data in foreign.REQUESTS.items():
        found.append(Mutant(("request", kind, "answered"), {"request.json": json.dumps(data).encode()}))
    sets = foreign.claims.shipped()
    found += [Mutant(("claims",), {"mine.yaml": foreign.shipped_claims(name).encode()}) for name in sets]
    cache = (folder / "rates.json").read_bytes()
    found.append(Mutant(workbooks.COMMAND, {"book.xlsx": (folder / workbooks.KEPT).read_bytes()}))
    return [*found, *(Mutant(("rates", how, "as it was"), {"rates/mine.json": cache}) for how in ("read", "run"))]
