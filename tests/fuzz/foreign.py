"""Mutants of what other tools write and programs ask: benchmarks, configs, requests, coordinates, claims, caches.

Some of these come in through Python rather than the terminal; :func:`ask` is the command line of those, with the same
exit codes.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import sys
from dataclasses import astuple, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from mutants import (
    NUMBERS,
    ODD,
    SERVING,
    TRAINING,
    Mutant,
    at,
    branches,
    encoded,
    mutated_document,
    mutated_text,
    mutated_word,
)

import gigaplan as gp
from gigaplan import catalog, claims
from gigaplan.cli import main as gigaplan
from gigaplan.cli.streams import line
from gigaplan.inference.frontier import Choice, OperatingPoint
from gigaplan.report.explain_view import explain_tree
from gigaplan.results.coordinates import parse_at
from gigaplan.results.result import Result
from gigaplan.simulate import rate_cache
from gigaplan.vocabulary.errors import GigaplanError, MachineError, PlanError
from gigaplan.vocabulary.facts import Ledger
from gigaplan.vocabulary.files.stored import source_hash, stored_text
from gigaplan.vocabulary.variables import variables

TESTS = Path(__file__).parents[1]
SHORT = ("--set", "horizon.end=2026-09")
"""A short horizon, so that running a plan takes a moment."""


@cache
def samples() -> dict[str, tuple[str, str]]:
    """Return a result file of each benchmark, with its tool: those of the formats' own tests."""
    spec = importlib.util.spec_from_file_location("files", TESTS / "measurements" / "test_serving_files.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.FILES)


GIVEN = ("--gpu", "h100_sxm", "--model", "llama_3_1_70b", "--engine", "vllm", "--precision", "fp8")
WITHIN = {"--tp": "4"}
ABOUT = "system: h100_sxm\nmodel: llama_3_1_70b\nengine: vllm\nprecision: fp8\ntp: 4\n"


def _mutated(text: str, chance: random.Random) -> bytes:
    """Return a JSON or YAML text, or any other, with values or letters that stand where others were."""
    how = chance.random()
    if how < 0.3:
        return mutated_text(text, chance)
    try:
        document = json.loads(text)
        write = json.dumps
    except ValueError:
        document, write = yaml.safe_load(text), yaml.safe_dump
    if not isinstance(document, dict | list):
        return mutated_text(text, chance)
    changed = mutated_document(document, chance)
    return encoded(write([changed, document] if how > 0.97 else changed), chance)


def benchmarks(folder: Path, chance: random.Random) -> Mutant:
    """Return a command on a benchmark's mutated result file."""
    text, _ = samples()[chance.choice(sorted(samples()))]
    read, options = {"bench.dat": _mutated(text, chance)}, list(GIVEN)
    for name, value in WITHIN.items():
        options += [name, value] if chance.random() < 0.4 else []
    if chance.random() < 0.1:
        options[chance.randrange(len(options))] = chance.choice(ODD).replace("\x00", "")
    if chance.random() < 0.1:
        options = ["--about", "about.yaml"]
        read["about.yaml"] = _mutated(ABOUT, chance)
    verb = chance.choices((("predict", "inference"), ("calibrate", "serving"), ("validate", "inference")), (16, 1, 1))[
        0
    ]
    out = () if verb[0] == "validate" else ("--out", "out.csv")
    return Mutant((*verb, "bench.dat", *options, *out), read)


CONFIG_COMMANDS = (
    ("predict", "inference", "rows.csv", "--out", "out"),
    ("predict", "training", "steps.csv", "--out", "out"),
    ("frontier", "own", "h100_hgx"),
    ("train", "own", "h100_hgx", "--gpus", "64", "--tokens", "1T"),
)


@cache
def model_configs() -> dict[str, Any]:
    """Return configurations that were published."""
    return dict(json.loads((TESTS / "plan" / "own" / "configs.json").read_text()))


def own_tables() -> dict[str, bytes]:
    """Return tables whose first row names the model ``own``."""
    return {
        "rows.csv": SERVING.replace("Qwen/Qwen3-8B", "own").encode(),
        "steps.csv": TRAINING.replace("Llama-3.1 405B", "own").encode(),
    }


def configs(folder: Path, chance: random.Random) -> Mutant:
    """Return a command on a model's mutated ``config.json``."""
    config = _mutated(json.dumps(model_configs()[chance.choice(sorted(model_configs()))]), chance)
    name = "own" if chance.random() < 0.97 else chance.choice(ODD).replace("\x00", "")
    words = chance.choices(CONFIG_COMMANDS, (10, 6, 1, 1))[0]
    return Mutant((*words, "--model-config", f"{name}=config.json"), {"config.json": config, **own_tables()})


REQUESTS: dict[str, dict[str, Any]] = {
    "frontier": {
        "models": ["llama_3_1_8b"],
        "systems": ["h100_hgx"],
        "question": {"input_tokens": 1024, "output_tokens": 256, "ttft": "2 s", "tpot_s": 0.05, "engine": "vllm"},
    },
    "train": {
        "model": "llama_3_1_8b",
        "system": "h100_hgx",
        "gpus": 64,
        "tokens": "1T",
        "global_batch": 512,
        "layout": "tp2 pp1 mb1",
        "failures": {"trials": 5, "spares": 1, "checkpoint_interval": "10 min"},
    },
    "train sites": {
        "sites": "a=5000,b=3000",
        "wan_bandwidth": "10 Tbps",
        "distance_km": "1,200 km",
        "run": {"model": "llama_3_1_70b", "system": "gb300_nvl72", "tokens": "15T"},
    },
    "failures": {"trials": 5, "seed": 3, "elastic": True, "override": ["recovery_s=5 min"]},
    "new": {"name": "mine", "power": "40 MW it", "generation": "gb300_nvl72", "region": "ercot", "start": "2027"},
    "validate kernels": {"model": "llama_3_1_70b", "system": "h100_hgx", "tensor": 4, "batch": [1, 16]},
    "calibrate serving": {"gpu": "h100_sxm", "tp": 4, "concurrency": 16, "about": ["pp=2,dp=4"]},
}
"""A request of each kind, as a program writes it."""


def requests(folder: Path, chance: random.Random) -> Mutant:
    """Return a mutated request."""
    kind = chance.choice(sorted(REQUESTS))
    data = _mutated(json.dumps(REQUESTS[kind]), chance)
    shown = kind if chance.random() < 0.98 else mutated_word(kind, chance)
    return Mutant(("request", shown, "answered" if chance.random() < 0.1 else "read"), {"request.json": data})


COORDINATES = (
    ("cost_usd", "year=2026"),
    ("cost_usd", "year=horizon"),
    ("gpus_in_production", "generation=H200,month=2026-08"),
    ("tokens_served_per_day", "workload=chat,year=2026"),
    ("racks_accepted", "site=existing,edge=2026-07-01"),
    ("cost_per_mtok_usd", "workload=Agents, year=2026"),
)
PLACES = ("year=2026", "year=horizon", "month=2026-08", "generation=h200_hgx", "workload=chat", "site=existing", "")


def coordinates(folder: Path, chance: random.Random) -> Mutant:
    """Return a question at mutated coordinates of a saved result."""
    quantity, text = chance.choice(COORDINATES)
    if chance.random() < 0.6:
        quantity, text = chance.choice(sorted(variables())), chance.choice(PLACES)
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        what = chance.randrange(5)
        if what == 0:
            text = mutated_word(text, chance)
        elif what == 1:
            text += chance.choice((",", "=", ",,", ", ")) + chance.choice(ODD)
        elif what == 2:
            text = text.split("=")[0] + "=" + chance.choice(ODD)
        elif what == 3:
            text += "," + chance.choice(COORDINATES)[1]
        else:
            text = chance.choice(ODD) + text[chance.randrange(len(text) + 1) :]
    if chance.random() < 0.1:
        quantity = mutated_word(quantity, chance)
    words = ("explain", "kept", quantity, f"--at={text}") if chance.random() < 0.03 else ("at", quantity, text)
    return Mutant(tuple(word.replace("\x00", "") for word in words))


def shipped_claims(name: str) -> str:
    """Return the text of a set of claims that comes with gigaplan."""
    return (files("gigaplan") / "claims" / "data" / f"{name}.yaml").read_text("utf-8")


def claims_files(folder: Path, chance: random.Random) -> Mutant:
    """Return a mutated claims file that is checked on a saved result, now and then by the verb."""
    text = shipped_claims(chance.choice(claims.shipped()))
    if chance.random() < 0.5:
        data = mutated_text(text, chance)
    else:
        document = yaml.safe_load(text)
        changed = mutated_document(_fewer(document, chance), chance)
        data = encoded(yaml.safe_dump(changed, allow_unicode=True, sort_keys=False), chance)
    words = ("check", "lab-1mw", *SHORT, "--claims", "mine.yaml") if chance.random() < 0.05 else ("claims",)
    return Mutant(words, {"mine.yaml": data})


def _fewer(document: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Return a set of claims with a few of them, so that a change meets each more often."""
    names = sorted(document["claims"])
    kept = chance.sample(names, min(len(names), 2))
    return {**document, "claims": {k: document["claims"][k] for k in kept}}


def rates(folder: Path, chance: random.Random) -> Mutant:
    """Return a mutated file of stored rates that is read, now and then by a run; its checksum may be made right."""
    stored = json.loads((folder / "rates.json").read_text())
    how, forged = chance.random(), False
    if how < 0.3:
        data = mutated_text(json.dumps(stored), chance)
    else:
        changed = mutated_document(stored, chance)
        for _ in range(chance.randrange(4) if isinstance(changed, dict) else 0):
            # A reason or a point of a frontier, or a field of a point.
            paths = [p for p in branches(changed) if len(p) in (3, 4) and isinstance(at(changed, p[:-1]), list)]
            if paths:
                *above, key = chance.choice(paths)
                at(changed, tuple(above))[key] = chance.choice((*NUMBERS, "fp4", 10**400, -1e300))
        forged = chance.random() < 0.5 and isinstance(changed, dict)
        text = stored_text(changed.get("values")) if forged else json.dumps(changed)
        data = encoded(text, chance)
    verb = "run" if chance.random() < 0.03 else "read"
    return Mutant(("rates", verb, "forged" if forged else "as it was"), {"rates/mine.json": data})


def ask(words: tuple[str, ...]) -> None:
    """Answer what comes in through Python: leave with 0, or with 2 or 3 and the reason, as the command line does."""
    try:
        {"request": _request, "claims": _claims, "rates": _rates, "at": _at}[words[0]](*words[1:])
    except PlanError as error:
        line(error, stderr=True)
        sys.exit(2)
    except GigaplanError as error:
        line(error, stderr=True)
        sys.exit(3 if isinstance(error, MachineError) else 2)
    sys.exit(0)


PYTHON = ("request", "claims", "rates", "at")
"""First words that :func:`ask` answers."""


def _request(kind: str, how: str) -> None:
    data = Path("request.json").read_bytes()
    made = gp.request(kind, data.decode("utf-8", "replace"))
    hash(made)
    if how == "answered" and kind == "calibrate serving":
        print(made.columns)
    elif how == "answered" and kind in ("frontier", "train", "train sites"):
        answer = {"frontier": gp.frontier, "train": gp.train, "train sites": gp.train_sites}[kind]
        json.dumps(gp.to_json(answer(made)), allow_nan=False)  # type: ignore[operator]
    elif how == "answered" and kind == "failures":
        gp.train("llama_3_1_8b", "h100_hgx", gpus=64, tokens="1T", failures=made)
    elif how == "answered" and kind == "new":
        gp.new("out.yaml", made)


def _claims() -> None:
    made = claims.read("mine.yaml")
    kept = _kept(Path("kept").resolve())
    result = replace(kept, ledger=Ledger(list(kept.ledger.entries)))
    json.dumps(gp.to_json(list(claims.evaluate(result, catalog.load(), [made]))), allow_nan=False)


@cache
def _kept(folder: Path) -> Result:
    return gp.load(folder)


def _at(quantity: str, text: str) -> None:
    result = _kept(Path("kept").resolve())
    json.dumps(gp.to_json(gp.explain(result, quantity, text)), allow_nan=False)
    explain_tree(result, quantity, 1, parse_at(text, result))


def _rates(how: str, checksum: str) -> None:
    path, good = Path("rates/mine.json"), json.loads(Path("rates.json").read_text())["values"]
    if how == "run":
        path.rename(path.with_name(f"rates-{source_hash(rate_cache.ROOMS)}.json"))
        run_with(Path("rates"), "out")
        return
    stored = rate_cache.StoredRates(path)
    for key in (*good, "", "x"):
        rate = stored.get(key)
        if checksum == "as it was" and rate is not None:
            assert [rate.reason, *(list(astuple(p)) for p in rate.points)] == good.get(key), (
                "a changed rate is believed"
            )
    stored.put("x", Choice((OperatingPoint(0.0, 1.0, 1.0, 1.0, 1, 1, 0.9),)))
    stored.keep()
    assert rate_cache.StoredRates(path).get("x") is not None, "a rate is not stored"


def run_with(rates: Path, out: str) -> None:
    """Run a small plan with a folder of stored rates; leave with its exit code."""
    before = os.environ.get("GIGAPLAN_CACHE")
    os.environ["GIGAPLAN_CACHE"] = str(rates)
    rate_cache._stored_rates.cache_clear()
    try:
        gigaplan(("run", "lab-1mw", *SHORT, "--out", out))
    finally:
        del os.environ["GIGAPLAN_CACHE"]
        os.environ.update({} if before is None else {"GIGAPLAN_CACHE": before})
        rate_cache._stored_rates.cache_clear()
