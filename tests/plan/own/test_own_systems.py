"""Systems of one's own: a copy of a catalog's gives its answers, what is missing or wrong is refused at once."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan import catalog
from gigaplan.cli import main
from gigaplan.plan.document import parse
from gigaplan.plan.load import load
from gigaplan.plan.own.catalogs import own_catalog
from gigaplan.plan.own.kinds import COST, KINDS, SYSTEM, WITHOUT_EFFECT
from gigaplan.plan.own.written import own_yaml, words_of
from gigaplan.plan.resolve import device_of
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.facts import Fact

LIKE = "gb300_nvl72"
SLOW = "{like: gb300_nvl72, hbm_bandwidth_bytes_per_s: 6.4 TB/s}"
ROWS = (
    "gpu,precision,model,isl,osl,concurrency,tp,ttft_ms,tpot_ms,framework\n"
    "{0},fp8,Llama-3.3-70B,1024,1024,64,8,,,trtllm\n"
)
SATURATED = (
    "gpu,n_gpus,model,metric,precision,engine,tp,isl,osl\n"
    "{0},8,Llama 3.3 70B,output_throughput_per_gpu,fp8,trtllm,8,1000,1000\n"
    "{0},8,llama2-70b-99,Offline Tokens/s,fp8,trtllm,,,\n"
)
STEPS = (
    "gpu,num_gpus,model,seq_len,global_batch,micro_batch,tp,pp,dp,cp,ep,vpp,precision,recompute,tokens_per_s_per_gpu\n"
    "{0},64,Llama-3 70B,8192,128,1,4,4,4,1,1,5,BF16,,\n"
)


@pytest.fixture
def rack(tmp_path: Path) -> Path:
    """A file of a system that copies one of the catalog."""
    file = tmp_path / "rack.yaml"
    file.write_text(own_yaml(LIKE))
    return file


def plan_with(folder: Path, systems: str, name: str = "my_rack") -> Path:
    """Write a starter plan of 3 MW whose only generation is a system of its own."""
    file = folder / f"{name}.yaml"
    text = gp.new(file, power="3 MW it", generation=LIKE, force=True).read_text()
    for old in (f"generations: [{LIKE}]", f"reference_generation: {LIKE}"):
        assert old in text
        text = text.replace(old, old.replace(LIKE, name))
    file.write_text(f"{text}\n{systems}\n".replace('name: "my_rack"', 'name: "plan"'))
    return file


def renamed(answer: object) -> Any:
    """Return an answer's JSON in which the own system has the catalog's name, without what says that it is one."""

    def without(part: Any) -> Any:
        if isinstance(part, dict):
            return {k: without(v) for k, v in part.items() if k != "system_configs"}
        if not isinstance(part, list):
            return part
        return [without(v) for v in part if not str(v).startswith("System ") and "has no effect" not in str(v)]

    return without(json.loads(json.dumps(gp.to_json(answer)).replace("my_rack", LIKE)))


def refused(systems: str, folder: Path, name: str = "my_rack") -> str:
    with pytest.raises(PlanError) as error:
        load(plan_with(folder, systems, name))
    return str(error.value)


def test_every_fact_that_may_be_stated_is_a_quantity_of_the_catalog_in_its_unit() -> None:
    quantities = catalog.load().quantities
    for kind in KINDS:
        assert set(kind.facts) <= set(quantities)
        assert {*kind.needed, *kind.needed_in_plans} <= set(kind.facts)
        for name, how in kind.facts.items():
            symbols = [m.symbol for m in getattr(how, "__metadata__", ()) if hasattr(m, "symbol")]
            assert symbols in ([], [quantities[name].unit]), name


@pytest.mark.parametrize("system", catalog.load().entities("peak_bf16_flops_per_s"))
def test_an_exported_system_is_the_same_device(system: str) -> None:
    with own_catalog(
        (), [f"mine={yaml.safe_dump(yaml.safe_load(own_yaml(system)), default_flow_style=True, width=10**6)}"]
    ):
        facts = catalog.load()
        assert device_of(facts, "mine") == device_of(facts, system)


def test_a_copy_is_served_and_trained_alike(rack: Path) -> None:
    own = {"system_configs": [f"my_rack={rack}"]}
    first, mine = (gp.frontier("gpt_oss_120b", s, **o) for s, o in ((LIKE, {}), ("my_rack", own)))  # type: ignore[arg-type]
    assert renamed(first) == renamed(mine)
    job: dict[str, Any] = {"gpus": 72, "tokens": "1T"}
    first, mine = (gp.train("llama_3_1_8b", s, **job, **o) for s, o in ((LIKE, {}), ("my_rack", own)))
    assert renamed(first) == renamed(mine)
    sites = {"sites": "a=72,b=72", "wan_distance": "800 km"}
    first, mine = (gp.train_sites("llama_3_1_8b", s, **sites, **o) for s, o in ((LIKE, {}), ("my_rack", own)))
    assert renamed(first) == renamed(mine)
    first, mine = (gp.train("llama_3_1_8b", s, **job, failures=True, **o) for s, o in ((LIKE, {}), ("my_rack", own)))
    assert renamed(first) == renamed(mine)


@pytest.mark.parametrize(("rows", "predict"), [(ROWS, "inference"), (SATURATED, "inference"), (STEPS, "training")])
def test_a_copy_is_predicted_alike(rack: Path, tmp_path: Path, rows: str, predict: str) -> None:
    texts = []
    for system, own in ((LIKE, {}), ("my_rack", {"my_rack": str(rack)})):
        (tmp_path / "rows.csv").write_text(rows.format(system))
        function = gp.predict_inference if predict == "inference" else gp.predict_training
        answer = function(tmp_path / "rows.csv", tmp_path / "out.csv", system_configs=own)  # type: ignore[operator]
        assert answer.answered == answer.rows
        texts.append((tmp_path / "out.csv").read_text().replace("my_rack", LIKE))
    assert texts[0] == texts[1]


def test_a_copy_runs_alike_to_the_last_bit_of_every_member(rack: Path, tmp_path: Path) -> None:
    changes = {"uncertainty.members": 6}
    first = gp.run(plan_with(tmp_path, "", LIKE), changes)
    for systems in (f"systems: {{my_rack: {{like: {LIKE}}}}}", "systems: {my_rack: {config: rack.yaml}}"):
        mine = gp.run(plan_with(tmp_path, systems), changes)
        for name, array in first.arrays.items():
            np.testing.assert_array_equal(array, mine[name], err_msg=name)
        assert mine.labels["generation"] == ("my_rack",)


def test_what_is_stated_is_read_with_its_source_and_file(rack: Path, tmp_path: Path) -> None:
    more = "rack_power_kw: {value: 150 kW rack_tdp, low: 140 kW, high: 155 kW, evidence: filed, source: the order}"
    result = gp.run(plan_with(tmp_path, f"systems: {{my_rack: {{config: rack.yaml, {more}}}}}"))
    read = {e.fact.id: e.fact for e in result.ledger.entries if e.fact}
    power, memory = read["my_rack.rack_power_kw.rack_tdp"], read["my_rack.hbm_bytes"]
    assert (power.value, power.low, power.high, power.evidence) == (150.0, 140.0, 155.0, "filed")
    assert power.source_title == "stated by the user in my_rack.yaml: the order"
    assert memory.source_title.startswith("stated by the user in rack.yaml: ")
    note = next(n for n in result.notes if n.startswith("System my_rack"))
    assert "is gb300_nvl72 with rack_power_kw 150 kW rack_tdp instead of 142 kW rack_tdp" in note


def test_a_file_that_changes_is_never_answered_from_stored_rates(tmp_path: Path) -> None:
    file, plan = tmp_path / "rack.yaml", plan_with(tmp_path, "systems: {my_rack: {config: rack.yaml}}")
    speeds, frontiers = [], []
    for bandwidth in ("8 TB/s", "4 TB/s", "8 TB/s"):
        file.write_text(f"like: {LIKE}\nhbm_bandwidth_bytes_per_s: {bandwidth}\n")
        speeds.append(gp.run(plan).central("requests_per_gpu_s").sum())
        frontiers.append(gp.frontier("gpt_oss_120b", "my_rack", system_configs=str(file), ttft_s=1.0).curves[0].points)
    assert speeds[0] == speeds[2] > speeds[1]
    assert frontiers[0] == frontiers[2] != frontiers[1]


def test_rows_follow_a_changed_system_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS.format("my_rack"))
    texts = []
    for bandwidth in ("8 TB/s", "4 TB/s"):
        own = {"my_rack": {"like": LIKE, "hbm_bandwidth_bytes_per_s": bandwidth}}
        gp.predict_inference(tmp_path / "rows.csv", tmp_path / "out.csv", system_configs=own)
        texts.append((tmp_path / "out.csv").read_text())
    assert texts[0] != texts[1]


@settings(deadline=None, max_examples=20)
@given(share=st.floats(0.3, 1.0))
def test_less_bandwidth_never_serves_faster(share: float) -> None:
    own = {"my_rack": {"like": LIKE, "hbm_bandwidth_bytes_per_s": f"{8 * share!r} TB/s"}}
    curves = gp.frontier("gpt_oss_120b", f"{LIKE},my_rack", system_configs=own).curves
    best = [max(p.output_tokens_per_s_per_gpu.value for p in c.points) for c in curves]
    assert best[1] <= best[0] * (1 + 1e-9)


def test_a_new_system_needs_no_like_and_is_extrapolated(tmp_path: Path) -> None:
    facts = {k: v for k, v in yaml.safe_load(own_yaml(LIKE)).items() if k != "like"}
    (tmp_path / "new.yaml").write_text(yaml.safe_dump(facts))
    known = gp.frontier("gpt_oss_120b", LIKE).curves[0]
    mine = gp.frontier("gpt_oss_120b", "new", system_configs=[tmp_path / "new.yaml"]).curves[0]
    speeds = [[p.output_tokens_per_s_per_gpu.value for p in c.points] for c in (mine, known)]
    assert speeds[0] == speeds[1]
    assert known.validity == f"extrapolated: no measured row of {LIKE}, only of other blackwell boards"
    assert "no measured row of new hardware" in mine.validity


WRONG = {
    "unknown system": ("{like: gb300_nvl27}", "nearest: gb300_nvl72"),
    "unknown fact": ("{like: gb300_nvl72, hbm_memory: 288 GB}", "nearest: hbm_bytes"),
    "unit": ("{like: gb300_nvl72, hbm_bytes: 288 TFLOP/s}", "not a unit of the same kind as 'byte'"),
    "no unit": ("{like: gb300_nvl72, hbm_bandwidth_bytes_per_s: 8}", "write for example '8 TB/s'"),
    "part of a GPU": ("{like: gb300_nvl72, gpus_per_rack: 72.5}", "a whole number"),
    "beyond any number": (f"{{like: gb300_nvl72, gpus_per_rack: 1{'0' * 400}}}", "at most"),
    "no GPUs": ("{like: gb300_nvl72, gpus_per_rack: 0}", "at least 1"),
    "no memory": ("{like: gb300_nvl72, hbm_bytes: 0 GB}", "above 0"),
    "no rack power": ("{like: gb300_nvl72, rack_power_kw: 0 kW rack_tdp}", "above 0"),
    "no basis": ("{like: gb300_nvl72, rack_power_kw: 142 kW}", "the basis is missing"),
    "another basis": ("{like: gb300_nvl72, rack_power_kw: 142 kW it}", "basis"),
    "range": ("{like: gb300_nvl72, hbm_bytes: {value: 2 GB, low: 3 GB, high: 4 GB}}", "does not hold its value"),
    "half a range": ("{like: gb300_nvl72, hbm_bytes: {value: 2 GB, low: 1 GB}}", "state both"),
    "a range of words": ("{like: gb300_nvl72, hbm_bytes: 3 GB to 2 GB}", "does not hold its value"),
    "a range of dates": ("{like: gb300_nvl72, first_ship_date: 2026-01 to 2027-01}", "not a range"),
    "central twice": (
        "{like: gb300_nvl72, hbm_bytes: {value: 2 GB, central: 2 GB, low: 1 GB, high: 3 GB}}",
        "'value' and 'central' are the same thing",
    ),
    "no whole middle": ("{like: gb300_nvl72, gpus_per_rack: 71 to 72}", "state 'central' too"),
    "two profiles": ("{like: vr_nvl72, gpu_tgp_w: 1.8 kW max_q to 1.9 kW max_p}", "one value has one power profile"),
    "no distribution": ("{like: gb300_nvl72, hbm_bytes: {low: 2 GB, high: 3 GB, dist: lognormal}}", "dist"),
    "evidence": ("{like: gb300_nvl72, hbm_bytes: {value: 2 GB, evidence: gossip}}", "not a class of evidence"),
    "profile twice": (
        "{like: vr_nvl72, gpu_tgp_w: [1.8 kW max_q, 1.9 kW max_q]}",
        "two values for one power profile",
    ),
    "missing file": ("{config: rock.yaml}", "no such file"),
    "no mapping": ("3", "a system is a mapping of its facts"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_facts_are_refused_where_they_stand(name: str, tmp_path: Path, rack: Path) -> None:
    stated, words = WRONG[name]
    text = refused(f"systems: {{my_rack: {stated}}}", tmp_path)
    assert words in " ".join(text.split())
    assert text.count("error: ") == 1, text
    assert "systems.my_rack" in text or "evidence" in text


@pytest.mark.parametrize(
    ("stated", "quantity", "range_"),
    [
        ("rack_price_usd: $3M to $4.6M", "rack_price_usd", (3e6, 3.8e6, 4.6e6)),
        ("rack_price_usd: 3 to 4.6 million USD", "rack_price_usd", (3e6, 3.8e6, 4.6e6)),
        ("rack_price_usd: {low: $3M, central: $4M, high: $4.6M}", "rack_price_usd", (3e6, 4e6, 4.6e6)),
        ("rack_price_usd: {low: $3M, high: $4.6M, source: a quote}", "rack_price_usd", (3e6, 3.8e6, 4.6e6)),
        ("rack_power_kw: 120 to 140 kW rack_tdp", "rack_power_kw", (120, 130, 140)),
        ("rack_power_kw: [120 kW to 140 kW rack_tdp max_q]", "rack_power_kw", (120, 130, 140)),
        ("gpu_tgp_w: 1.2 to 1.4 kW", "gpu_tgp_w", (1200, 1300, 1400)),
    ],
)
def test_ranges_are_written_as_in_any_other_section(
    stated: str, quantity: str, range_: tuple[float, ...], tmp_path: Path
) -> None:
    (fact,) = facts_of(f"{{like: {LIKE}, {stated}}}", quantity)
    assert (fact.low, fact.value, fact.high) == pytest.approx(range_)
    (tmp_path / "mine.yaml").write_text(f"like: {LIKE}\n{stated}\n")
    with own_catalog((), [str(tmp_path / "mine.yaml")]):
        assert fact.value == next(f.value for f in catalog.load().all("mine", quantity))


CHANGED: dict[str, Any] = {
    "peak_bf16_flops_per_s": "2 PFLOP/s",
    "hbm_bandwidth_bytes_per_s": "6 TB/s",
    "scaleup_bandwidth_bytes_per_s": "600 GB/s",
    "scaleout_bandwidth_bytes_per_s": "70 GB/s",
    "host_bandwidth_bytes_per_s": "150 GB/s",
    "gpu_tgp_w": "1 kW",
    "rack_power_kw": "100 kW rack_tdp",
    "rack_price_usd": "$3M",
    "rental_usd_per_gpu_h": "2.5 USD/h",
    "vendor": "amd",
    "gpus_per_rack": 60,
    "first_ship_date": "2029-06-01",
    "supply_start_racks_per_month": "70 racks/month",
    "supply_growth_per_year": "3.3 1/year",
    "supply_cap_racks_per_month": "480 racks/month",
}
"""Facts otherwise than those of the catalog's; peaks of other precisions and memory decide in other questions alone."""


def answered(verb: str, folder: Path, facts: dict[str, Any]) -> tuple[Any, str]:
    """Return the figures of a verb on a system of one's own, and what is said of it."""
    own = {"my_rack": {"like": LIKE, **facts}}
    if verb == "a frontier":
        curves = gp.frontier("gpt_oss_120b", "my_rack", system_configs=own)
        return renamed(curves), " ".join(curves.notes)
    if verb == "a training run alone":
        run = gp.train("llama_3_1_8b", "my_rack", gpus=72, tokens="1T", system_configs=own)
        return renamed(run), " ".join(run.notes)
    serving = verb == "predictions of serving"
    (folder / "rows.csv").write_text((ROWS if serving else STEPS).format("my_rack"))
    predict = gp.predict_inference if serving else gp.predict_training
    found = predict(folder / "rows.csv", folder / "out.csv", system_configs=own)
    return (folder / "out.csv").read_text(), " ".join(found.warnings)


@pytest.mark.parametrize("verb", [v for v in WITHOUT_EFFECT if not v.startswith("a plan")])
def test_facts_without_effect_are_told_and_have_none(verb: str, tmp_path: Path) -> None:
    plain, _ = answered(verb, tmp_path, {})
    idle = {q: CHANGED[q] for q in WITHOUT_EFFECT[verb]}
    same, said = answered(verb, tmp_path, idle)
    assert json.dumps(same) == json.dumps(plain)
    for quantity in idle:
        assert f"systems.my_rack.{quantity}: has no effect in {verb}" in said
    for quantity in ("peak_bf16_flops_per_s", "hbm_bandwidth_bytes_per_s", "gpu_tgp_w", *COST):
        if quantity not in idle:
            other, said = answered(verb, tmp_path, {quantity: CHANGED[quantity]})
            assert json.dumps(other) != json.dumps(plain), quantity
            assert "has no effect" not in said


def test_facts_without_effect_in_a_plan(tmp_path: Path) -> None:
    def ran(facts: str, *changes: str) -> gp.Result:
        file = plan_with(tmp_path, f"systems: {{my_rack: {{like: {LIKE}{facts}}}}}")
        return gp.run(file, [*changes, "horizon.end=2028-01", "uncertainty.members=1"])

    idle = ", host_bandwidth_bytes_per_s: 150 GB/s"
    plain, other = ran(""), ran(idle)
    for name in plain.arrays:
        np.testing.assert_array_equal(plain[name], other[name])
    said = " ".join(other.warnings)
    assert "host_bandwidth_bytes_per_s: has no effect in a plan" in said
    other = ran(", gpu_tgp_w: 1 kW")  # sets the clock at which large runs train
    assert (plain["largest_run_flops_per_gpu"] != other["largest_run_flops_per_gpu"]).any()
    assert "gpu_tgp_w" not in " ".join(other.warnings)
    assert "has no effect" not in " ".join(plain.warnings)


def facts_of(stated: str, quantity: str) -> list[Fact]:
    """Return the facts of a quantity of a system of one's own, or of its plan's."""
    with own_catalog((), [f"mine={stated}"]):
        return [f for f in catalog.load().all("mine", quantity) if f.source_title.startswith("stated by the user")]


def test_the_one_that_it_is_like_may_be_written_as_people_do(tmp_path: Path) -> None:
    with own_catalog((), ["mine={like: GB300}"]):
        assert catalog.load().origins["mine"] == LIKE
    plan = load(plan_with(tmp_path, "regions: {home: {like: ERCOT, power_price_usd_per_mwh: 40 to 60 USD/MWh}}", LIKE))
    assert any("Region home is ercot with power_price_usd_per_mwh 50 USD/MWh" in n for n in plan.document.notes)


def test_all_that_is_missing_is_named_at_once_with_unit_and_example(tmp_path: Path) -> None:
    text = refused(
        "systems: {my_rack: {hbm_bandwidth_bytes_per_s: 8 TB/s, hbm_bytes: 280 GB, scaleup_gpus: 72}}", tmp_path
    )
    for quantity in {*SYSTEM.needed, *SYSTEM.needed_in_plans, "scaleup_bandwidth_bytes_per_s"} - {
        "hbm_bandwidth_bytes_per_s",
        "hbm_bytes",
        "scaleup_gpus",
    }:
        example = next(f for f in catalog.load().all(LIKE, quantity) if f.chosen)
        assert f"'{quantity}' of system 'my_rack' is missing" in text
        assert f"'{quantity}: {words_of(example)}', as {LIKE} has" in text
    assert text.count("is missing") == 10


@pytest.mark.parametrize("name", ["gb200_nvl72", "newest", "ercot", "My-Rack"])
def test_names_stand_for_one_thing(name: str, tmp_path: Path) -> None:
    assert f"systems.{name}: " in refused(f"systems: {{{name}: {{like: {LIKE}}}}}", tmp_path)


def test_what_is_stated_twice_is_refused_and_what_is_unusual_is_told(tmp_path: Path) -> None:
    text = plan_with(tmp_path, f"systems: {{my_rack: {{like: {LIKE}, rack_price_usd: $4M}}}}").read_text()
    (tmp_path / "twice.yaml").write_text(
        text.replace("\nfinance: {}", "\nfinance: {systems: {my_rack: {rack_price_usd: $5M}}}")
    )
    with pytest.raises(PlanError, match="stated for this system here and in finance"):
        load(tmp_path / "twice.yaml")
    more = "hbm_bandwidth_bytes_per_s: 8 GB/s, rack_power_kw: 90 kW rack_tdp"
    plan = load(plan_with(tmp_path, f"systems: {{my_rack: {{like: {LIKE}, {more}}}, spare: {{like: {LIKE}}}}}"))
    words = " ".join(str(w) for w in plan.warnings)
    assert "an unusual value of 'hbm_bandwidth_bytes_per_s'" in words
    assert "GPUs alone may draw more than their rack is rated for" in words
    assert "nothing in the plan uses this system" in words


def test_gpus_of_an_own_system_and_the_json_schema(tmp_path: Path) -> None:
    file = plan_with(tmp_path, f"systems: {{my_rack: {{like: {LIKE}, gpus_per_rack: 36, scaleup_gpus: 36}}}}")
    text = file.read_text().replace("power: 3 MW it # Power of this phase", "gpus: 720 my_rack # Power of this phase")
    file.write_text(text.replace("generation: newest", "# newest"))
    assert gp.run(file).central("racks_accepted")[..., -1].sum() == pytest.approx(20)
    schema = jsonschema.Draft202012Validator(gp.schema())
    assert not list(schema.iter_errors(parse(file.read_text(), "plan").plain()))
    wrong = text.replace("gpus_per_rack: 36", "gpus_per_rack: many").replace("like:", "liek:")
    assert len(list(schema.iter_errors(parse(wrong, "plan").plain()))) >= 2


def test_exported_systems_and_regions_fit_the_json_schema() -> None:
    whole = gp.schema()
    for kind, section in zip(KINDS, ("OwnSystem", "OwnRegion"), strict=True):
        schema = jsonschema.Draft202012Validator({**whole["$defs"][section], "$defs": whole["$defs"]})
        for name in catalog.load().entities(kind.mark):
            stated = parse(own_yaml(name), name).plain()
            assert not list(schema.iter_errors(stated)), name
            assert list(schema.iter_errors({**stated, "like": "none"})), name  # type: ignore[dict-item]


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.sampled_from(["8 TB/s", "142 kW rack_tdp", "x", "{", "=", ""]),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "low", "high", "evidence", "config", "like", "max_q", "3"]), below, max_size=3
        )
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=60)
@given(facts=st.dictionaries(st.sampled_from([*SYSTEM.facts, "like", "config", "junk"]), JUNK, max_size=5))
def test_whatever_is_stated_is_computed_or_refused(facts: dict[str, Any]) -> None:
    text = json.dumps(facts).replace("NaN", ".nan").replace("-Infinity", "-.inf").replace("Infinity", ".inf")
    with contextlib.suppress(PlanError), own_catalog((), [f"mine={text}"]):
        assert device_of(catalog.load(), "mine").hbm_bytes > 0


def test_a_kept_result_is_run_again_without_its_file(rack: Path, tmp_path: Path) -> None:
    folder = gp.save(gp.run(plan_with(tmp_path, "systems: {my_rack: {config: rack.yaml}}")), tmp_path / "kept")
    rack.unlink()
    assert gp.rerun(folder).same


def test_the_terminal_takes_files_and_facts(
    rack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words, code in (
        (["catalog", "show", "GB300-NVL72", "--yaml"], 0),
        (["frontier", "gpt_oss_120b", "my_rack", "--system-config", "my_rack=rack.yaml", "--json"], 0),
        (["train", "llama_3_1_8b", "slow", "--gpus", "64", "--system-config", f"slow={SLOW}", "--json"], 0),
        (["train", "llama_3_1_8b", "slow", "--gpus", "64", "--system-config", "slow={hbm_bytes: 3 GB}"], 2),
        (["catalog", "show", "gpt_oss_120b", "--yaml"], 2),
    ):
        with pytest.raises(SystemExit) as leaving:
            main(words)
        assert leaving.value.code == code, words
    out, err = capsys.readouterr()
    assert out.startswith(own_yaml(LIKE))
    assert "hbm_bandwidth_bytes_per_s 6.4 TB/s instead of 8 TB/s" in out
    assert "Traceback" not in err
    assert "'gpus_per_rack' of system 'slow' is missing" in err
