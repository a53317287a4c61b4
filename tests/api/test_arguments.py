"""Wrong calls of verbs: every wrong argument at once, with what is allowed, the nearest name and what to do."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.vocabulary.errors import Problem

VERBS = [name for name in gp.__all__ if isinstance(getattr(gp, name), FunctionType)]
JOB = gp.TrainingJob(model="llama_3_1_8b", system="h100_hgx", gpus=64)


def wrong(call: Callable[[], object]) -> dict[str, Problem]:
    """Return a call's problems by argument; an unknown one stands under its own name."""
    with pytest.raises(gp.PlanError) as raised:
        call()
    return {p.place.path or p.value: p for p in raised.value.problems}


def arguments(name: str) -> list[inspect.Parameter]:
    """Return what a verb takes, its ``*tables`` and ``**options`` apart."""
    known = inspect.signature(getattr(gp, name)).parameters.values()
    return [p for p in known if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]


def test_there_are_verbs() -> None:
    assert {"run", "frontier", "train", "validate_training", "to_json"} <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_argument_names_itself_and_the_nearest(verb: str) -> None:
    for one in arguments(verb):
        misspelt = f"{one.name}x"
        problem = wrong(lambda misspelt=misspelt: getattr(gp, verb)(**{misspelt: None}))[misspelt]
        assert problem.nearest.split(", ")[0] == one.name
        assert problem.remedy == f"write {one.name}="
        assert one.name in problem.allowed or problem.allowed.split()[1] == "names,"
    alone = wrong(lambda: getattr(gp, verb)(zzzzzzzz=None))["zzzzzzzz"]
    assert (alone.nearest, alone.remedy) == ("", "remove it")
    assert str(alone.place) == f"gigaplan.{verb}()"


@pytest.mark.parametrize("verb", VERBS)
def test_every_missing_argument_is_named(verb: str) -> None:
    needed = [p.name for p in arguments(verb) if p.default is p.empty]
    if needed:
        problems = wrong(getattr(gp, verb))
        assert list(problems) == needed
        assert all(p.message == f"'{name}' is missing" for name, p in problems.items())
        assert all(p.remedy.startswith(f"call {verb}({needed[0]}") for p in problems.values())


@pytest.mark.parametrize("verb", VERBS)
def test_too_many_and_twice(verb: str) -> None:
    known = arguments(verb)
    places = [p for p in known if p.kind is p.POSITIONAL_OR_KEYWORD]
    if verb == "validate_training":
        assert wrong(lambda: gp.validate_training("a.csv", 5))["tables"].value == "5"
        return
    assert "too many arguments without a name" in {
        p.message for p in wrong(lambda: getattr(gp, verb)(*[None] * (len(places) + 1))).values()
    }
    if places:
        twice = text(lambda: getattr(gp, verb)("x", **{places[0].name: "y"}))
        assert f"{places[0].name}: given by place and by name" in twice


@pytest.mark.parametrize("verb", [v for v in VERBS if v != "to_json"])
def test_every_kind_is_checked(verb: str) -> None:
    """An object of no kind is refused for every argument, all at once, with what is allowed in words."""

    class Odd:
        pass

    known = [p.name for p in arguments(verb)]
    if known:
        problems = wrong(lambda: getattr(gp, verb)(**{name: Odd() for name in known}))
        assert list(problems) == known
        for problem in problems.values():
            assert (problem.message, problem.value) == ("of the wrong kind", "a Odd")
            assert problem.allowed and "[" not in problem.allowed and "Optional" not in problem.allowed


def text(call: Callable[[], object]) -> str:
    with pytest.raises(gp.PlanError) as raised:
        call()
    return str(raised.value)


def test_texts() -> None:
    assert text(lambda: gp.run("announced-2025-09", overlay="a.yaml", changes="a=b")) == (
        "gigaplan.run(): error: no such argument\n"
        "    found:   overlay\n"
        "    allowed: plan, changes, overlays, progress, keep\n"
        "    nearest: overlays\n"
        "    do:      write overlays=\n"
        "gigaplan.run(): error: changes: of the wrong kind\n"
        "    found:   'a=b'\n"
        "    allowed: a dictionary or a list of texts\n"
        "    do:      write ['a=b']"
    )
    assert text(lambda: gp.run(5)) == (  # type: ignore[arg-type]
        "gigaplan.run(): error: plan: of the wrong kind\n"
        "    found:   5\n"
        "    allowed: text or a path\n"
        "    do:      call run(plan, changes=(), overlays=(), progress=None, *, keep='summary')"
    )
    assert text(lambda: gp.explain(gp.run("lab-1mw"))) == (  # type: ignore[call-arg]
        "gigaplan.explain(): error: quantity: 'quantity' is missing\n    do:      call explain(result, quantity, at='')"
    )
    assert text(lambda: gp.schema(True)) == (  # type: ignore[call-arg, misc]
        "gigaplan.schema(): error: too many arguments without a name\n"
        "    found:   1\n"
        "    allowed: none\n"
        "    do:      give the others by name: overlay="
    )


def test_a_misspelt_argument_is_not_missing_too() -> None:
    problems = wrong(lambda: gp.frontier(modle="gpt_oss_120b", systems="l4", ttft_s="many"))  # type: ignore[call-arg]
    assert set(problems) == {"modle", "ttft_s (--ttft)"}
    assert problems["modle"].nearest == "models, modes"


def test_a_line_of_the_plan_is_no_argument() -> None:
    problem = wrong(lambda: gp.run("announced-2025-09", memebrs=3))["memebrs"]  # type: ignore[call-arg]
    assert problem.allowed == "plan, changes, overlays, progress, keep"
    assert problem.remedy == "change the plan: changes={'uncertainty.members': 3}"
    assert wrong(lambda: gp.run("announced-2025-09", powerr=3))["powerr"].remedy == "remove it"  # type: ignore[call-arg]


REQUESTS = [name for name in gp.__all__ if name in gp._REQUESTS]


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_refuses_wrong_names_as_verbs_do(name: str) -> None:
    cls = getattr(gp, name)
    fields = [f.name for f in dataclasses.fields(cls)]
    needed = {f.name: "x" for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING}
    for field in fields:
        given = {k: v for k, v in needed.items() if k != field}
        problem = wrong(lambda given=given, field=field: cls(**given, **{f"{field}x": None}))[f"{field}x"]
        assert problem.nearest.split(", ")[0] == field
        assert problem.remedy == f"write {field}="
        assert str(problem.place) == f"gigaplan.{name}()"
    assert list(wrong(cls) if needed else needed) == list(needed)
    assert "too many arguments" in wrong(lambda: cls("x", **needed))["1"].message
    made = cls(**needed)
    assert dataclasses.replace(made) == made == pickle.loads(pickle.dumps(made))
    with pytest.raises(TypeError):
        cls(zzzzzzzz=None, **needed)


def test_every_request_has_the_door() -> None:
    from gigaplan.api.requests import KINDS

    studies = {"StudyRequest", "SweepRequest", "SensitivityRequest"}  # of a plan, not of a file of their own
    assert {path.partition(":")[2] for path in KINDS.values()} | {"ServingQuestion"} == set(REQUESTS) | studies


def test_true_is_no_number() -> None:
    (problem,) = wrong(lambda: gp.train("llama_3_1_8b", "h100_hgx", gpus=True)).values()
    assert (problem.value, problem.allowed) == ("True", "a whole number")
    (problem,) = wrong(lambda: gp.frontier("gpt_oss_120b", "l4", ttft_s=True)).values()
    assert problem.allowed == "a number"


def test_fields_of_a_request_are_known_by_name() -> None:
    problems = wrong(lambda: gp.train("llama_3_1_8b", "h100_hgx", gpu=64, tokens="many", failures="yes"))
    assert problems["gpu"].nearest == "gpus"
    assert problems["failures"].allowed == "True or False or a FailureOptions"
    assert "15.6T" in problems["tokens"].remedy
    assert wrong(lambda: gp.train_sites("m", "s", site="a=1"))["site"].nearest.startswith("sites")
    assert gp.frontier("gpt_oss_120b", "l4", isl=512) == gp.frontier("gpt_oss_120b", "l4", input_tokens=512)


def test_a_system_that_is_not_named() -> None:
    assert "train: error: no system is named" in text(lambda: gp.train("llama_3_1_8b", gpus=64))


def test_a_request_says_all(tmp_path: Path) -> None:
    """What would be ignored beside a whole request is refused."""
    asked = gp.FrontierRequest(models=("gpt_oss_120b",), systems=("l4",))
    question = gp.ServingQuestion(ttft_s=1.0)
    calls: dict[str, Callable[[], object]] = {
        "gpus=": lambda: gp.train(JOB, gpus=128),
        "system=, failures=": lambda: gp.train(JOB, "h100_hgx", failures=True),
        "systems=, isl=": lambda: gp.frontier(asked, "l4", isl=5),
        "isl=": lambda: gp.frontier("gpt_oss_120b", "l4", question=question, isl=512),
        "region=": lambda: gp.new(tmp_path / "x.yaml", gp.Start(name="x"), region="ercot"),
        "tp=": lambda: gp.calibrate_serving("m.csv", inputs=gp.CalibrationInputs(), tp=8),
        "tensor=": lambda: gp.validate_kernels(gp.KernelComparison(), tensor=2),
    }
    for others, call in calls.items():
        (problem,) = wrong(call).values()
        assert (problem.value, problem.message[-18:]) == (others, " says this already")
    assert not (tmp_path / "x.yaml").exists()
    assert gp.train(JOB, progress=lambda *_: True) == gp.train(JOB)
    assert gp.frontier("gpt_oss_120b", "l4", question=question) == gp.frontier("gpt_oss_120b", "l4", ttft_s=1.0)


def test_kinds_of_others_are_taken() -> None:
    found = gp.catalog_search(["rubin", "power"], np.int64(3))  # type: ignore[arg-type]
    assert len(found.hits) == 3
    assert wrong(lambda: gp.catalog_search("rubin", True))["limit"].allowed == "a whole number"
    assert gp.frontier(iter(["gpt_oss_120b"]), ("l4",)) == gp.frontier("gpt_oss_120b", "l4")
    assert wrong(lambda: gp.frontier(["gpt_oss_120b", 3]))["models"].value == "['gpt_oss_120b', 3]"  # type: ignore[list-item]
    pairs = wrong(lambda: gp.frontier([], more=["ab"]))["more"]  # type: ignore[list-item]
    assert pairs.allowed == "a list of tuples (text, text)"


def test_it_is_a_type_error_too_and_has_one_json_form() -> None:
    with pytest.raises(TypeError) as raised:
        gp.run()  # type: ignore[call-arg]
    answer = gp.to_json(raised.value)
    assert answer["kind"] == "plan_error"
    assert answer["problems"][0]["path"] == "plan"


def test_the_door_looks_like_the_verb() -> None:
    from gigaplan.api.plans import run

    assert gp.run is gp.run
    assert (gp.run.__name__, gp.run.__doc__) == ("run", run.__doc__)
    assert inspect.signature(gp.run) == inspect.signature(run)
    assert pickle.loads(pickle.dumps(gp.run)) is gp.run


def test_help_needs_no_check_of_arguments() -> None:
    """The door is loaded with the first verb, and loads no pydantic of its own."""
    program = "import sys, gigaplan, gigaplan.api.arguments; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
