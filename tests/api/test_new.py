"""A starter plan runs at once, explains every line, and never takes the place of a file that is there."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan import plan
from gigaplan.cli import main
from gigaplan.plan.starter import Start, starter
from gigaplan.vocabulary.errors import MachineError, PlanError


def leave(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(args))
    assert isinstance(left.value.code, int)
    return left.value.code


SIZES = [
    ("1MW", "qwen3_32b"),
    ("100 MW", "gpt_oss_120b"),
    ("2 GW facility", "llama_3_1_405b"),
    ("150 MW rack_tdp", "kimi_k2"),
]


@pytest.mark.parametrize(("power", "model"), SIZES)
def test_the_starter_runs_at_once_at_any_size(power: str, model: str, tmp_path: Path) -> None:
    path = gp.new(tmp_path / "mine.yaml", gp.Start(name="mine", power=power, model=model))
    result = gp.run(path)
    assert result.warnings == ()
    assert result.stamp.plan == "mine"
    assert result.labels["workload"] == ("chat", "science")
    assert result.central("tokens_served_per_day").sum() > 0
    gp.save(result, tmp_path / "kept")
    # Chat and the queue request eight tenths of what training leaves of the last year, and all of that is served.
    assert result.central("unrequested_share")[-12:].mean() == pytest.approx(0.2, abs=0.06)
    assert result.central("served_share")[:, -12:].min() > 0.99
    serving_gpu_h = result.central("gpu_hours").sum(axis=(0, 1))
    first = int((serving_gpu_h > 0).argmax())
    per_gpu_h = result.central("revenue_usd")[first] / serving_gpu_h[first]
    rent_usd = plan.resolve(plan.load(path)).finance.generations[0].rental_usd_per_gpu_h
    assert per_gpu_h / np.ravel(rent_usd)[0] == pytest.approx(2, rel=0.05), "revenue of a GPU-hour over its rent"


def test_the_starter_is_in_its_regions_time_and_invents_no_money(tmp_path: Path) -> None:
    path = gp.new(tmp_path / "mine.yaml", gp.Start(region="uae"))
    document = plan.load(path).document
    assert document.fleet.sites["First site"].utc_offset_h == 4
    assert not document.finance.equity


def test_every_line_says_what_it_means(tmp_path: Path) -> None:
    text = gp.new(tmp_path / "mine.yaml").read_text()
    for line in text.splitlines():
        assert "#" in line or not line.strip() or line.strip().startswith("- "), line
    assert "@" not in text
    for name in ("ercot", "gpt_oss_120b", "vr_nvl72", "A11"):
        assert name in text


def test_every_generation_region_and_model_of_the_starter_is_accepted(tmp_path: Path) -> None:
    text = gp.new(tmp_path / "mine.yaml").read_text()
    line = next(x for x in text.splitlines() if x.strip().startswith("generations:"))
    for name in line.split("Allowed: ")[1].rstrip(".").split(", "):
        path = gp.new(tmp_path / "mine.yaml", gp.Start(generation=name, region="ercot", model="qwen3_32b"), force=True)
        assert plan.resolve(plan.load(path)).reference_generation == name


def test_mistakes_come_all_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    options = ["--power", "100", "--generation", "gb30", "--region", "ercto", "--start", "soon", "--model", "gpt"]
    assert leave("new", str(path), *options) == 2
    said = capsys.readouterr().err
    assert "5 problems" in said
    assert "nearest: ercot" in said
    assert "unit" in said
    assert not path.exists()
    for power in ("0 MW", "-5 MW", "100 MWh", "5 MW gpu_tgp", ""):
        with pytest.raises(PlanError):
            gp.new(path, gp.Start(power=power))


def test_a_file_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("precious")
    assert leave("new", str(path)) == 2
    assert "--force" in capsys.readouterr().err
    assert path.read_text() == "precious"
    assert leave("new", str(path), "--force", "--power", "3MW") == 0
    assert plan.load(path).document.announced.power.value == 3
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="cannot write"):
        gp.new(tmp_path / "file" / "plan.yaml")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "mine.yaml"]


def test_a_copy_keeps_comments_and_a_changed_copy_says_what_was_laid_on(tmp_path: Path) -> None:
    path = gp.new(tmp_path / "copy.yaml", like="lab-1mw")
    assert path.read_text() == plan.load("lab-1mw").sources.text
    over = tmp_path / "over.yaml"
    over.write_text("overlay: {who: me, why: to see, from: 2026-11}\nhorizon: {end: 2031-01}\n")
    path = gp.new(tmp_path / "other.yaml", like="lab-1mw", changes={"fleet.profile": "max_p"}, overlays=[over])
    assert "Overlay" in path.read_text().splitlines()[1]
    loaded = plan.load("lab-1mw", ["fleet.profile=max_p"], [over])
    assert plan.load(path).root.plain() == loaded.root.plain()


@pytest.mark.parametrize("name", plan.builtin_names())
def test_a_changed_copy_of_any_plan_is_that_plan(name: str, tmp_path: Path) -> None:
    path = gp.new(tmp_path / "copy.yaml", like=name, changes={"title": "'1e6'"})
    assert plan.load(path).root.plain() == plan.load(name, ["title='1e6'"]).root.plain()


RACK = "like: gb300_nvl72\nrack_price_usd: $3.9M\n"


@pytest.mark.parametrize("written", ["rack.yaml", "'rack.yaml'", '"rack.yaml" # my rack', "{value: rack.yaml}"])
@pytest.mark.parametrize("changed", [False, True])
def test_a_copy_in_another_folder_finds_the_files_that_the_plan_names(
    written: str, changed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there" / "deeper"
    here.mkdir()
    there.mkdir(parents=True)
    (here / "rack.yaml").write_text(RACK)
    text = plan.load("lab-1mw").sources.text
    if written.startswith("{"):  # a model's file may have its source
        (here / "rack.yaml").write_text(json.dumps(CONFIG))
        (here / "plan.yaml").write_text(f"{text}\nmodels:\n  mine:\n    config: {written}\n")
    else:
        (here / "plan.yaml").write_text(f"{text}\nsystems:\n  mine:\n    config: {written}\n")
    monkeypatch.chdir(here)
    changes = {"title": "another"} if changed else {}
    copy = gp.new(there / "plan.yaml", like="plan.yaml", changes=changes)
    same_folder = gp.new(Path("second.yaml"), like=here / "plan.yaml")
    assert same_folder.read_text() == (here / "plan.yaml").read_text()
    monkeypatch.chdir(tmp_path)
    assert (
        plan.load(copy).document.title == (changes or {"title": plan.load(here / "plan.yaml").document.title})["title"]
    )
    assert "../../here/rack.yaml" in copy.read_text()
    if not changed:
        assert "../../here/rack.yaml" in copy.read_text().splitlines()[-1]
        assert "my rack" in copy.read_text() or "#" not in written


def test_a_file_of_an_overlay_and_of_a_change_are_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("over", "new"):
        (tmp_path / name).mkdir()
    (tmp_path / "over" / "rack.yaml").write_text(RACK)
    (tmp_path / "set.yaml").write_text(RACK)
    header = "overlay: {who: me, why: to see, from: 2026-11}\n"
    (tmp_path / "over" / "over.yaml").write_text(f"{header}systems: {{mine: {{config: rack.yaml}}}}\n")
    monkeypatch.chdir(tmp_path)
    changes = {"systems.other.config": "set.yaml"}
    copy = gp.new("new/plan.yaml", like="lab-1mw", changes=changes, overlays=["over/over.yaml"])
    assert "config: ../over/rack.yaml" in copy.read_text()
    assert "config: ../set.yaml" in copy.read_text()
    monkeypatch.chdir(tmp_path / "new")
    assert plan.load("plan.yaml").root.plain()["systems"]["mine"]["like"] == "gb300_nvl72"


CONFIG = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}


def test_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "mine.yaml")
    assert leave("new", path, "--set", "fleet.profile=max_p") == 2
    assert "--from" in capsys.readouterr().err
    assert leave("new", path, "--from", "lab-1mw", "--power", "3MW") == 2
    assert leave("new", path, "--from", "lab-2mw") == 2
    assert "nearest: lab-1mw" in capsys.readouterr().err
    assert leave("new", path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["path"] == path
    assert leave("run", path, "--out", str(tmp_path / "out")) == 0


@pytest.mark.parametrize(
    "name",
    [
        "123.yaml",
        "null.yaml",
        "# x.yaml",
        "a b\nc.yaml",
        "'\":{}.yaml",
        "\x1b[31m.yaml",
        "été.yaml",
        "\udcff.yaml",
        "1e6",
    ],
)
def test_whatever_the_file_is_called_the_plan_loads(name: str, tmp_path: Path) -> None:
    written = gp.new(tmp_path / name, power="100 MW it")
    assert plan.load(written).document.fleet.sites


@given(
    st.one_of(st.text(max_size=12), st.sampled_from(["0001", "9999", "2150", "2000", "-5", "1e9"])),
    st.one_of(st.text(max_size=12), st.sampled_from(["1e-300 MW", "1e300 MW", "0 MW", "-1 GW", "1 W", "nan MW"])),
)
@settings(deadline=None, max_examples=40)
def test_a_starter_loads_or_is_refused(start: str, power: str) -> None:
    from gigaplan.plan.load import load_sources
    from gigaplan.plan.sources import Sources

    with contextlib.suppress(gp.PlanError):
        text = starter(Start(start=start, power=power))
        assert load_sources(Sources("p.yaml", text)).document.fleet.sites
