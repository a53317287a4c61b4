"""One door: every verb of the terminal is a function, every answer has one JSON form and shows itself in ten lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cyclopts import App

import gigaplan as gp
from gigaplan.api.json_form import plain
from gigaplan.cli import app, main

MAIN = ("llama_3_1_8b", "h100_hgx")
SITES = {"sites": "a=64,b=64", "wan_distance": "800 km"}
MEASURED = "gpu,model,precision,framework,tp,isl,osl,concurrency,ttft_ms,tpot_ms\n" + "".join(
    f"h100_sxm,llama_3_1_70b,fp8,vllm,4,1024,512,{c},{60 + 5 * c},{14 + 0.3 * c}\n" for c in (1, 4, 8, 16, 32)
)
ASKED = "gpu,model,isl,osl,concurrency,precision,framework,tp\nh100_sxm,llama_3_1_70b,1024,512,8,fp8,vllm,4\n"
STEPS = (
    "gpu,num_gpus,model,seq_len,global_batch,micro_batch,tp,pp,dp,cp,ep,vpp,precision,recompute,tokens_per_s_per_gpu\n"
    "H100,8,Llama-3 8B,8192,128,1,1,1,8,1,1,1,FP8,,11200\nH100,8,Llama-3 8B,8192,128,1,2,1,4,1,1,1,BF16,,8100\n"
    "H100,64,Llama-3 70B,8192,128,1,4,4,4,1,1,5,BF16,,1010\nH100,64,Llama-3 70B,8192,128,1,4,8,2,1,1,5,FP8,,1480\n"
)
PYTHON_ONLY = {"catalog_yaml", "compare_rules", "load", "request", "save", "to_json", "train_sites", "unused"}
"""What the terminal does inside other verbs: ``catalog show --yaml`` is one, ``explain FOLDER`` loads, ``run`` saves,
``train --sites`` trains on several, ``compare --rules`` compares within a plan."""

TERMINAL_ONLY = ("app_",)
"""The planner serves until Ctrl-C, and a team's users are its keeper's; what it asks are functions."""


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    with pytest.raises(SystemExit):
        main([*words, "--json"])
    out = capsys.readouterr().out
    return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))  # type: ignore[no-any-return]


def verbs(parent: App = app, above: str = "") -> Iterator[str]:
    """Return the functions' names of all commands."""
    for name in parent:
        if name.startswith("-"):
            continue
        command = parent[name]
        if any(not n.startswith("-") for n in command):
            yield from verbs(command, f"{above}{name}_")
        else:
            yield above + name
    if above and parent.default_command:
        yield f"{above}overview"


def test_every_verb_is_a_function_and_the_other_way_round() -> None:
    functions = {
        name for name in gp.__all__ if name.islower() and not name.startswith("_") and callable(getattr(gp, name))
    }
    assert {v for v in verbs() if not v.startswith(TERMINAL_ONLY)} == functions - PYTHON_ONLY
    assert set(gp.__all__) <= set(dir(gp))
    assert all(getattr(gp, name) is not None for name in gp.__all__)


def test_unknown_names_give_the_nearest() -> None:
    with pytest.raises(AttributeError, match="did you mean 'frontier'"):
        gp.fronteer  # noqa: B018
    with pytest.raises(gp.PlanError, match=r"nearest: *gpus"):
        gp.train(*MAIN, gpu=64)
    with pytest.raises(gp.PlanError, match=r"nearest: *ttft_s"):
        gp.frontier(*MAIN, ttf_s=1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("door")
    for name, text in (("measured.csv", MEASURED), ("asked.csv", ASKED), ("steps.csv", STEPS)):
        (folder / name).write_text(text)
    gp.save(gp.run("lab-1mw"), folder / "kept")
    return folder


ANSWERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "schema": ("schema", lambda f: gp.schema()),
    "run": ("run lab-1mw --out kept", lambda f: gp.load(f / "kept")),
    "check": ("check lab-1mw", lambda f: gp.check("lab-1mw")),
    "compare": (
        "compare lab-1mw --set fleet.profile=max_p",
        lambda f: gp.compare("lab-1mw", None, {"fleet.profile": "max_p"}),
    ),
    "explain": ("explain kept cost_usd", lambda f: gp.explain(f / "kept", "cost_usd")),
    "rerun": ("rerun kept", lambda f: gp.rerun(f / "kept")),
    "export": (
        "export kept --to csv --quantity cost_usd -o x.csv",
        lambda f: gp.export(f / "kept", "csv", "x.csv", ["cost_usd"]),
    ),
    "new": ("new plan.yaml --power 3MW --force", lambda f: gp.new("plan.yaml", power="3MW", force=True)),
    "catalog_overview": ("catalog", lambda f: gp.catalog_overview()),
    "catalog_list": ("catalog list systems", lambda f: gp.catalog_list("systems")),
    "catalog_search": ("catalog search rubin power", lambda f: gp.catalog_search("rubin power")),
    "catalog_show": ("catalog show vr_nvl72", lambda f: gp.catalog_show("vr_nvl72")),
    "catalog_check": ("catalog check", lambda f: gp.catalog_check()),
    "frontier": (
        "frontier gpt_oss_120b h200_hgx,l4 --ttft 1 s --isl 512",
        lambda f: gp.frontier("gpt_oss_120b", ["h200_hgx", "l4"], ttft_s=1.0, isl=512),
    ),
    "power_load": (
        "power load lab-1mw --year 2028",
        lambda f: gp.power_load("lab-1mw", year=2028),
    ),
    "power_supply": (
        "power supply ercot --load 1GW --grid 700MW --units engine=400MW,battery=50MW --dispatch",
        lambda f: gp.power_supply("ercot", load="1 GW", grid="700MW", units="engine=400MW,battery=50MW", dispatch=True),
    ),
    "train": ("train llama_3_1_8b h100_hgx --gpus 64 --tokens 1T", lambda f: gp.train(*MAIN, gpus=64, tokens="1T")),
    "train_sites": (
        "train llama_3_1_8b h100_hgx --sites a=64,b=64 --wan-distance 800km",
        lambda f: gp.train_sites(*MAIN, **SITES),
    ),
    "power_swings": (
        "power swings llama_3_1_8b h100_hgx --gpus 64 --ramp-limit 5",
        lambda f: gp.power_swings(*MAIN, gpus=64, ramp_limit=5.0),
    ),
    "serve": (
        "serve poisson --rate 4 --requests 200 --osl 64 --model llama_3_1_8b --system h100_hgx",
        lambda f: gp.serve("poisson", *MAIN, rate=4.0, requests="200", output_tokens=64.0),
    ),
    "validate_inference": ("validate inference", lambda f: gp.validate_inference()),
    "validate_training": ("validate training", lambda f: gp.validate_training()),
    "validate_power": ("validate power", lambda f: gp.validate_power()),
    "validate_demand": ("validate demand", lambda f: gp.validate_demand()),
    "validate_history": ("validate history --members 3", lambda f: gp.validate_history(members=3)),
    "validate_costs": ("validate costs", lambda f: gp.validate_costs()),
    "validate_plans": ("validate plans lab-1mw", lambda f: gp.validate_plans("lab-1mw")),
    "validate_capability": ("validate capability", lambda f: gp.validate_capability()),
    "predict_inference": (
        "predict inference asked.csv -o out.csv",
        lambda f: gp.predict_inference("asked.csv", "out.csv"),
    ),
    "predict_training": (
        "predict training steps.csv -o out.csv",
        lambda f: gp.predict_training("steps.csv", "out.csv"),
    ),
    "calibrate_serving": ("calibrate serving measured.csv -o o.yaml", lambda f: gp.calibrate_serving("measured.csv")),
    "calibrate_training": (
        "calibrate training steps.csv -o o.yaml --force",
        lambda f: gp.calibrate_training("steps.csv"),
    ),
    "study_montecarlo": (
        "study montecarlo lab-1mw --members 12 --out futures",
        lambda f: gp.study_montecarlo("lab-1mw", members=12, out="futures"),
    ),
    "study_sweep": (
        "study sweep lab-1mw --over power.facility.pue=1.1,1.2 --out grid",
        lambda f: gp.study_sweep("lab-1mw", over=["power.facility.pue=1.1,1.2"], out="grid"),
    ),
    "study_compare": (
        "study compare lab-1mw --set fleet.profile=max_p --members 10 --out pair",
        lambda f: gp.study_compare("lab-1mw", None, {"fleet.profile": "max_p"}, members=10, out="pair"),
    ),
    "study_sensitivity": (
        "study sensitivity lab-1mw --out decides",
        lambda f: gp.study_sensitivity("lab-1mw", out="decides"),
    ),
}
SAVED_IN = {"run": "kept", "calibrate_serving": "o.yaml", "calibrate_training": "o.yaml"}
"""Answers that the terminal saves apart, and where."""


@pytest.mark.parametrize("name", ANSWERS)
def test_the_terminal_and_python_give_one_json(
    name: str, files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "power_supply":
        pytest.importorskip("highspy")
    monkeypatch.chdir(files)
    words, function = ANSWERS[name]
    said = printed(capsys, *words.split())
    answer = function(files)
    assert said["gigaplan"] == gp.__version__
    assert said["format"] == 2
    assert said == json.loads(json.dumps(gp.to_json(answer, SAVED_IN.get(name)), allow_nan=False))
    assert ("saved_in" in said) == (name in SAVED_IN or name == "rerun")
    if name not in ("run", "new", "export", "schema"):  # a result has its own short form, a path is a path
        text, table = repr(answer), getattr(answer, "_repr_html_", lambda: "<table>")()
        assert len(text.splitlines()) <= 10, text
        assert len(text) < 1500
        assert table.startswith(("<table>", '<div class="gigaplan">'))


def test_every_function_is_compared() -> None:
    compared = {v for v in verbs() if not v.startswith(TERMINAL_ONLY)}
    assert compared - set(ANSWERS) == {"validate_kernels"}, "kernels are an extra"


def test_values_become_plain() -> None:
    assert plain({"a": np.array([1.0, np.nan]), "b": np.float64("inf"), 1: {"y", "x"}}) == {
        "a": [1.0, None],
        "b": None,
        "1": ["x", "y"],
    }
    with pytest.raises(TypeError, match="no answer"):
        gp.to_json(3.0)


def test_requests_from_json() -> None:
    job = gp.request("train", '{"model": "llama_3_1_8b", "system": "h100_hgx", "gpus": 64, "tokens": "2T"}')
    assert job == gp.TrainingJob(model=MAIN[0], system=MAIN[1], gpus=64, tokens=2e12)
    failing = gp.request("train", {"model": "m", "system": "s", "failures": {"checkpoint_interval_s": "10 min"}})
    assert failing.failures == gp.FailureOptions(checkpoint_interval_s=600.0)
    sites = gp.request("train sites", {"run": {"model": "m", "system": "s"}, "sites": "a=1", "by": "2028-06-30"})
    assert str(sites.by) == "2028-06-30"
    asked = gp.request("frontier", {"models": ["gpt_oss_120b"], "systems": ["h200_hgx"], "question": {"ttft_s": 1.5}})
    assert asked.question == gp.ServingQuestion(ttft_s=1.5)
    assert gp.frontier(asked) == gp.frontier("gpt_oss_120b", "h200_hgx", ttft_s="1500 ms")


def test_wrong_requests_say_all_at_once() -> None:
    with pytest.raises(gp.PlanError) as raised:
        gp.request("train", {"model": "m", "gpu": 1, "tokens": "many", "seq": "long", "failures": {"spares": "few"}})
    by_place = {p.place.path or p.value: p for p in raised.value.problems}
    assert by_place["gpu"].nearest == "gpus"
    assert "15.6T" in by_place["tokens"].remedy
    assert set(by_place) == {"gpu", "tokens", "sequence_tokens (--seq)", "spares", "system"}
    for kind, data in (("trane", {}), ("train", "{"), ("train", "[]")):
        with pytest.raises(gp.PlanError):
            gp.request(kind, data)


@pytest.mark.parametrize(
    ("kind", "data", "field"),
    [
        ("train", {"model": "m", "system": "s", "failures": 7.5}, "failures"),
        ("train sites", {"run": "fast", "sites": "a=1"}, "run"),
        ("frontier", {"models": ["m"], "systems": ["s"], "question": None}, "question"),
    ],
)
def test_a_request_within_a_request_is_an_object_too(kind: str, data: dict[str, Any], field: str) -> None:
    with pytest.raises(gp.PlanError, match="is an object of fields") as wrong:
        gp.request(kind, data)
    assert wrong.value.problems[0].place.path == field


def test_progress_is_told_and_may_cancel(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    long: dict[str, Callable[[Any], object]] = {
        "run": lambda p: gp.run("lab-1mw", progress=p),
        "check": lambda p: gp.check("lab-1mw", progress=p),
        "compare": lambda p: gp.compare("lab-1mw", None, {"fleet.profile": "max_p"}, progress=p),
        "rerun": lambda p: gp.rerun("kept", "again", progress=p),
        "frontier": lambda p: gp.frontier(["gpt_oss_120b"], ["l4", "h200_hgx"], progress=p),
        "train": lambda p: gp.train(*MAIN, gpus=64, progress=p),
        "failures": lambda p: gp.train(*MAIN, gpus=64, failures=True, progress=p),
        "serve": lambda p: gp.serve("azure_code_2023", *MAIN, progress=p),
        "sites": lambda p: gp.train_sites(*MAIN, **SITES, progress=p),
        "validate inference": lambda p: gp.validate_inference(progress=p),
        "validate training": lambda p: gp.validate_training(progress=p),
        "validate history": lambda p: gp.validate_history(progress=p),
        "predict": lambda p: gp.predict_inference("asked.csv", "never.csv", progress=p),
        "predict training": lambda p: gp.predict_training("steps.csv", "never.csv", progress=p),
        "calibrate": lambda p: gp.calibrate_serving("measured.csv", "never.yaml", progress=p),
        "calibrate training": lambda p: gp.calibrate_training("steps.csv", "never.yaml", p),
    }
    before = {p.name for p in files.iterdir()}
    for name, verb in long.items():
        seen: list[tuple[int, int, str]] = []

        def stop(done: int, total: int, what: str, seen: list[tuple[int, int, str]] = seen) -> bool:
            seen.append((done, total, what))
            return False

        with pytest.raises(gp.Cancelled, match="cancelled before step"):
            pytest.fail(f"{name} went on: {verb(stop)!r}")
        assert len(seen) == 1, name
        assert 0 <= seen[0][0] < seen[0][1]
    assert {p.name for p in files.iterdir()} == before, "something was written"
    steps: list[tuple[int, int]] = []
    gp.run("lab-1mw", progress=lambda done, total, what: steps.append((done, total)))
    assert [done for done, _ in steps] == list(range(steps[0][1]))


def test_calibrated_constants_reach_frontier_and_predict(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(files)
    gp.calibrate_serving("measured.csv", "mine.yaml")
    asked = {"precision": "fp8", "engine": "vllm", "modes": ["co-located"]}
    shipped = gp.frontier("llama_3_1_70b", "h100_hgx", **asked)
    own = gp.frontier("llama_3_1_70b", "h100_hgx", **asked, overlays=["mine.yaml"])
    assert own.curves != shipped.curves
    assert "gigaplan calibrate serving" in own.notes[0]
    words = "frontier llama_3_1_70b h100_hgx --precision fp8 --engine vllm --co-located --with mine.yaml"
    assert printed(capsys, *words.split())["curves"] == gp.to_json(own)["curves"]
    gp.predict_inference("asked.csv", "shipped.csv")
    gp.predict_inference("asked.csv", "own.csv", ["mine.yaml"])
    assert Path("own.csv").read_text() != Path("shipped.csv").read_text()
    with pytest.raises(gp.PlanError, match="those of vllm, not of trtllm"):
        gp.frontier("llama_3_1_70b", "h100_hgx", overlays=["mine.yaml"])
    Path("other.yaml").write_text("overlay: {who: me, why: to see, from: here}\nhorizon: {end: 2031-01}\n")
    with pytest.raises(gp.PlanError, match=r"no constants of serving \(demand.engine\)"):
        gp.frontier("llama_3_1_70b", "h100_hgx", overlays=["other.yaml"])
    with pytest.raises(gp.PlanError, match="no engine"):
        gp.predict_inference("asked.csv", "never.csv", ["other.yaml"])
