"""Wrong plans: every problem at once, each with its place and what to do; nothing run, nothing written, no
traceback."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from gigaplan import catalog, plan
from gigaplan.cli import main
from gigaplan.plan.paths import section_fields
from gigaplan.vocabulary.errors import PlanError

Write = Callable[..., Path]

OWN = """\
gigaplan: 1
name: own
title: A plan with all that may be mistaken
horizon: {start: 2026-01, end: 2036-01}
announced:
  power: {value: 1.5 GW facility, evidence: assumed}
models:
  own_frontier: {layers: 96, hidden: 16384, heads: 128, kv_heads: 8, head_dim: 128,
    experts: 256, experts_per_token: 8, ffn_expert: 8192, vocab: 200000}
fleet:
  generations: [gb200_nvl72, gb300_nvl72, vr_nvl72]
  reference_generation: gb300_nvl72
  opening:
    rented GB200: {power: 90 MW it, generation: gb200_nvl72, date: 2025-12-31}
  sites:
    Prairie:
      region: miso
      announced: 2025-06-01
      phases:
        building 1: {power: 250 MW facility, energised: 2026-08-01, generation: gb300_nvl72}
        building 2: {power: 750 MW facility, energised: 2027-01-01}
    Abilene:
      region: ercot
      rented: 100 %
      contract:
        counterparty: Oracle
        usd_per_it_mw_year: 17e6 USD/MW/year
        years: 5 years
      phases:
        all: {power: 300 MW facility, energised: 2026-08-01}
    CoreWeave:
      region: ercot
      rented: 100 %
      contract: {counterparty: CoreWeave}
      phases:
        all: {power: 200 MW facility, energised: 2026-08-01}
demand:
  adoption: {reference_users: 565460000, ceiling_users: 2600000000}
  workloads:
    chat: {driver: users, model: deepseek_v3}
training:
  share: {'2026-01': 60 %, '2030-01': 40 %, '2036-01': 35 %}
  runs:
    first frontier run:
      model: own_frontier
      tokens: 100e12 tokens
      site: Prairie
      generation: gb300_nvl72
      gpus: 60000
      start: 2027-01-15
      deadline: 2027-07-01
      milestones: {'2027-04-01': 50 %}
    next frontier run: {model: own_frontier, tokens: 250e12 tokens, site: Prairie, generation: vr_nvl72, gpus: 100000,
    start: 2028-09-01}
finance:
  equity:
    first round:
      investor: NVIDIA
      amount_usd: {value: $30B, evidence: announced, source: press}
      date: 2026-02-27
    second round:
      investor: SoftBank
      amount_usd: $30B
      date: 2026-03-27
  guaranties:
    residual values:
      guarantor: NVIDIA
      amount_usd: {value: $105B, evidence: filed}
      start: {value: 2028-07-01, note: when it is ready}
      years: {value: 20 years, evidence: filed}
"""
TEXT = {"announced": (files("gigaplan.plan") / "builtin" / "announced-2025-09.yaml").read_text(), "own": OWN}

TEACHING = "education: {driver: users, model: deepseek_v3"
"""A workload of the announced plan, left open for one setting more."""
RUN = "gpus: 60000\n"
"""The last plain line of the campus plan's first run."""
START, TERM = "start: {value: 2028-07-01, note", "years: {value: 20 years,"
RUNS, FRONTIER, WORK = "training.runs.first frontier run", "models.own_frontier", "demand.workloads.education"
CLOUD, MONEY, RESIDUAL = (
    "fleet.sites.CoreWeave.contract",
    "finance.equity.first round",
    "finance.guaranties.residual values",
)

WRONG = {
    "unknown key": ("horizon:", "horizn:", "nearest: *horizon"),
    "unknown key deep down": ("energised: {value: 2027-06-15", "energized: {value: 2027-06-15", "nearest: *energised"),
    "missing key": ("  reference_generation: gb200_nvl72\n", "", "'reference_generation' is missing"),
    "duplicate key": ("  profile: max_q\n", "  profile: max_q\n  profile: max_p\n", "given twice"),
    "duplicate site": ("    Milam:\n", "    Michigan:\n", "'Michigan' is given twice"),
    "missing unit": ("power: 420 MW it", "power: 420", "unit and basis are missing"),
    "missing basis": ("power: 420 MW it", "power: 420 MW", "basis is missing"),
    "unknown basis": ("power: 420 MW it", "power: 420 MW facilty", "nearest is 'facility'"),
    "unit of another kind": ("power: 420 MW it", "power: 420 MWh it", "not a unit of the same kind"),
    "mixed bases in a site": ("power: 420 MW it", "power: 420 MW facility", "different bases"),
    "basis without a conversion": (
        "power: {value: 422 MW it",
        "power: {value: 422 MW gpu_tgp",
        "no sourced conversion",
    ),
    "phase without power": ("power: 420 MW it", "power: 0 MW it", "phase without power"),
    "negative power": ("power: 420 MW it", "power: -420 MW it", "zero or more"),
    "opening without power": (
        "value: 200 MW it, evidence: announced, source: 'OpenAI, A",
        "value: 0 MW it, evidence: announced, source: 'OpenAI, A",
        "existing block without power",
    ),
    "NaN power": ("power: 420 MW it", "power: .nan", "unit and basis are missing"),
    "NaN share": ("finance:\n", "finance:\n  costs: {network_share: .nan}\n", "not a finite number"),
    "share above one": (
        "finance:\n",
        "finance:\n  costs: {network_share: 120 %}\n",
        "at most 1",
    ),
    "dates out of order": (
        "construction: 2025-03\n",
        "construction: 2024-03\n",
        "'construction' comes before 'announced'",
    ),
    "not a date": ("date: 2023-12-31", "date: last winter", "not a date"),
    "no such day": ("date: 2023-12-31", "date: 2023-02-31", "the calendar has no such day"),
    "horizon backwards": ("end: 2034-01", "end: 2023-01", "ends before it starts"),
    "horizon too long": ("end: 2034-01", "end: 2134-01", "horizon is too long"),
    "unknown generation": ("gb300_nvl72, vr_nvl72]", "gb300_nvl72, vr_nvl27]", "nearest: *vr_nvl72"),
    "generation named twice": ("gb300_nvl72, vr_nvl72]", "gb300_nvl72, vr_nvl72, vr_nvl72]", "named twice"),
    "unknown model": (
        "education: {driver: users, model: deepseek_v3}",
        "education: {driver: users, model: deepsek_v3}",
        "nearest: *deepseek_v3",
    ),
    "unknown driver": ("science: {driver: own,", "science: {driver: onw,", "allowed:"),
    "a site called as an existing one": ("    Milam:\n", "    opening 2023 Hopper:\n", "has this label in results"),
    "unknown claim": ("claims: [A1, A2,", "claims: [A1, A22,", "no such claim"),
    "unknown region": ("region: uae", "region: uea", "nearest: *uae"),
    "unknown state": ("trigger_state: {value: accepted", "trigger_state: {value: acepted", "nearest: *accepted"),
    "unknown evidence": (
        "value: 10 GW it, evidence: announced",
        "value: 10 GW it, evidence: anounced",
        "nearest: *announced",
    ),
    "a number where a name is meant": ("investor: NVIDIA", "investor: 3", "allowed: +text"),
    "a list where sections are meant": ("demand:\n", "demand: []\nold:\n", "unknown name"),
    "no phases": (
        "      phases:\n        first 200 MW:",
        "      phases: {}\n      other:\n        first 200 MW:",
        "empty\n    allowed: one entry or more",
    ),
    "bad indentation": ("horizon: {start", "horizon: start: {start", "not YAML"),
    "unclosed bracket": ("generations: [h100_hgx,", "generations: [[h100_hgx,", "not YAML"),
    "unknown alias": ("region: uae", "region: *there", "no anchor"),
    "two documents": ("gigaplan: 1\n", "gigaplan: 1\n---\n", "more than one document"),
    "workload without facts": (
        "    science: {driver: own",
        "    sciense: {driver: own",
        "neither in the plan nor a fact",
    ),
    "training date": ("finance:\n", "training: {share: {soon: 40 %}}\nfinance:\n", "not a date"),
    "a tag that would run code": (
        "investor: NVIDIA",
        "investor: !!python/object/apply:os.system ['true']",
        "allowed: +text",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_plan_says_what_and_where(
    name: str, write: Write, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    old, new, says = WRONG[name]
    path = write(old, new)
    with pytest.raises(SystemExit) as left:
        main(["run", str(path), "--out", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert left.value.code == 2
    assert re.search(says, said.err), said.err
    assert re.search(rf"{re.escape(str(path))}:\d+:\d+: error", said.err), said.err
    assert "Traceback" not in said.err
    assert not said.out
    assert not (tmp_path / "out").exists()


def test_all_problems_come_at_once_in_the_order_of_the_document(write: Write) -> None:
    path = write("power: 420 MW it", "power: 0 MW it")
    text = path.read_text().replace("end: 2034-01", "end: soon").replace("model: deepseek_v3}", "model: deepsek_v3}", 1)
    path.write_text(text.replace("investor: NVIDIA", "inwestor: NVIDIA"))
    with pytest.raises(PlanError) as wrong:
        plan.load(path)
    problems = [p for p in wrong.value.problems if p.severity == "error"]
    assert len(problems) >= 4
    lines = [p.place.line for p in problems]
    assert lines == sorted(lines)


def test_json_problems_have_their_places(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    path = write("region: uae", "region: uea")
    with pytest.raises(SystemExit):
        main(["run", str(path), "--json"])
    problem = json.loads(capsys.readouterr().out)["problems"][0]
    assert problem["nearest"] == "uae"
    assert problem["line"] > 0


def refused(path: Path, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        plan.load(path)


def test_files_that_are_no_plans(tmp_path: Path, write: Write) -> None:
    refused(tmp_path, "a folder")
    refused(tmp_path / "nothing.yaml", "no such plan")
    refused(Path("anounced-2025-09"), "announced-2025-09")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("name: Mégawatt".encode("latin-1"))
    refused(latin, "not UTF-8")
    refused(write(text=""), "empty")
    refused(write(text="just words"), "mapping of sections")
    refused(write(text="a: \x00"), "not YAML")
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(100_000_000)
    refused(large, "100,000,000 bytes")
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    refused(fifo, "not a regular file")


def test_a_yaml_bomb_does_not_go_off(write: Write) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    refused(write(text="\n".join(lines)), "too many values")
    refused(write(text="[" * 5000), "nested too deep")
    refused(write(text="a: " + "- " * 5000), "nested too deep|not YAML")


def test_implausible_is_a_warning_and_the_run_goes_on(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = plan.load(write("power: {value: 10 GW it", "power: {value: 10 MW it"))
    assert any("10 MW" in w.value and w.severity == "warning" for w in loaded.warnings)
    loaded = plan.load(write("last 853 MW: {power: 853 MW it", "last 853 MW: {power: 853 GW it"))
    assert any("unusual" in w.message for w in loaded.warnings)
    assert any("add up" in w.message for w in loaded.warnings)


def test_changes_from_the_command_line() -> None:
    loaded = plan.load(
        "announced-2025-09", ["fleet.profile=max_p", "training.mfu_share=35 %", "announced.power=12 GW it"]
    )
    assert loaded.document.training.mfu_share == 0.35
    assert loaded.document.announced.power.value == 12000
    assert loaded.hash != plan.load("announced-2025-09").hash
    for change, says in (
        ("fleet.profil=max_p", "nearest"),
        ("nothing", "path=value"),
        ("flet.profile=max_p", "fleet"),
        ("fleet.profile=max_x", "max_q"),
        ("horizon.start.x=1", "holds no names"),
    ):
        with pytest.raises(PlanError, match=says):
            plan.load("announced-2025-09", [change])


def teaching(setting: str) -> tuple[str, str]:
    """Return the replacement that gives the announced plan's education one setting more."""
    return TEACHING, f"{TEACHING}, {setting}"


def first_run(setting: str) -> tuple[str, str]:
    """Return the replacement that gives the campus plan's first run one setting more."""
    return RUN, f"{RUN}      {setting}\n"


# By plan and mistake: what is replaced by what, the path of the problem, and what its message says.
MISTAKES = {
    "announced": {
        "later model misspelt": (
            *teaching("later_models: {'2027-01': deepsek_r1}"),
            f"{WORK}.later_models.2027-01",
            "no such model(.|\n)*nearest: deepseek_r1",
        ),
        "later model by no date": (
            *teaching("later_models: {next year: deepseek_r1}"),
            f"{WORK}.later_models.next year",
            "not a date(.|\n)*do: +write a date",
        ),
        "later models the wrong way round": (
            *teaching("later_models: {deepseek_r1: 2027-01}"),
            f"{WORK}.later_models.deepseek_r1",
            "no such model",
        ),
        "later models as a list": (
            *teaching("later_models: [deepseek_r1]"),
            f"{WORK}.later_models",
            "not allowed here",
        ),
        "two models from one day": (
            *teaching("later_models: {2027-07: deepseek_r1, '2027-07-16': kimi_k2}"),
            f"{WORK}.later_models.2027-07-16",
            "two values for one day(.|\n)*2027-07-16 and 2027-07",
        ),
        "devices serve more than all": (
            *teaching("edge_share: {'2027-01': 140 %}"),
            f"{WORK}.edge_share.2027-01",
            "found: +140 %, read as 1.4\n +allowed: at most 1",
        ),
        "a share of 40 on devices": (
            *teaching("edge_share: {'2027-01': 40}"),
            f"{WORK}.edge_share.2027-01",
            "found: +40\n +allowed: at most 1\n +do: +write '40 %'",
        ),
        "devices serve less than nothing": (
            *teaching("edge_share: {'2027-01': -4 %}"),
            f"{WORK}.edge_share.2027-01",
            "found: +-4 %, read as -0.04(.|\n)*at least 0",
        ),
        "a share on devices without a date": (*teaching("edge_share: 40 %"), f"{WORK}.edge_share", "found: +40 %"),
        "a thirteenth month": (
            *teaching("edge_share: {2027-13: 40 %}"),
            f"{WORK}.edge_share.2027-13",
            "the calendar has no such day or month",
        ),
        "no number on devices": (
            *teaching("edge_share: {2027-12: .nan}"),
            f"{WORK}.edge_share.2027-12",
            "not a finite number",
        ),
        "the devices' month twice": (
            *teaching("edge_share: {2027-12: 4 %, 2027-12: 5 %}"),
            "",
            "'2027-12' is given twice",
        ),
        "a unit in a price index": (
            "demand:\n",
            "demand:\n  price_index: {2025-01: 1 USD}\n",
            "demand.price_index.2025-01",
            "'USD' is a unit where a plain number",
        ),
        "a price index of nothing": (
            "demand:\n",
            "demand:\n  price_index: {2025-01: 1, 2026-01: 0}\n",
            "demand.price_index.2026-01",
            "allowed: above 0",
        ),
        "a negative price index": (
            "demand:\n",
            "demand:\n  price_index: {2026-01: -0.5}\n",
            "demand.price_index.2026-01",
            "found: +-0.5",
        ),
        "an endless price index": (
            "demand:\n",
            "demand:\n  price_index: {2026-01: .inf}\n",
            "demand.price_index.2026-01",
            "not a finite number",
        ),
        "a price index as a list": (
            "demand:\n",
            "demand:\n  price_index: [1, 0.5]\n",
            "demand.price_index",
            "not allowed here",
        ),
        "prices by no date": (
            "demand:\n",
            "demand:\n  price_index: {later: 0.5}\n",
            "demand.price_index.later",
            "not a date",
        ),
        "users' region misspelt": (
            "demand:\n",
            "demand:\n  regions: [region_uss]\n",
            "demand.regions.0",
            "nearest: region_us\n",
        ),
        "a power region for users": (
            "demand:\n",
            "demand:\n  regions: [ercot]\n",
            "demand.regions.0",
            "allowed: region_us, ",
        ),
        "users nowhere": (
            "demand:\n",
            "demand:\n  regions: []\n",
            "demand.regions",
            "an empty list(.|\n)*remove the line",
        ),
        "a region twice": (
            "demand:\n",
            "demand:\n  regions: [region_us, region_japan, region_us]\n",
            "demand.regions.2",
            "named twice",
        ),
        "one region where a list is meant": (
            "demand:\n",
            "demand:\n  regions: region_us\n",
            "demand.regions",
            "allowed: a list\n",
        ),
        "software's unknown setting": (
            "  software: {like: large_lab}\n",
            "  software: {gains_per_year: 20 %/year}\n",
            "demand.software.gains_per_year",
            "nearest: gain_per_year",
        ),
        "software gains no rate": (
            "  software: {like: large_lab}\n",
            "  software: {gain_per_year: 0.2}\n",
            "demand.software.gain_per_year",
            "the unit is missing(.|\n)*do: +write for example '40 %/year'",
        ),
        "software that gets slower": (
            "  software: {like: large_lab}\n",
            "  software: {gain_per_year: -20 %/year}\n",
            "demand.software.gain_per_year",
            "at least 0",
        ),
        "software on no day": (
            "  software: {like: large_lab}\n",
            "  software: {reference_date: 2026-02-30}\n",
            "demand.software.reference_date",
            "the calendar has no such day",
        ),
        "a ceiling below today's users": (
            "demand:\n",
            "demand:\n  adoption: {ceiling_users: 1e6}\n",
            "demand.adoption.ceiling_users",
            "more users at the reference date than the ceiling(.|\n)*1,000,000",
        ),
        "newest among misspelt": (
            "  profile: max_q\n",
            "  profile: max_q\n  newest_among: [vr_nvl27]\n",
            "fleet.newest_among.0",
            "nearest: vr_nvl72",
        ),
        "newest among another plan's": (
            "  profile: max_q\n",
            "  profile: max_q\n  newest_among: [b300_hgx]\n",
            "fleet.newest_among.0",
            "b300_hgx is in the catalog, but is no generation of this plan(.|\n)*nearest: b200_hgx",
        ),
        "newest among none": (
            "  profile: max_q\n",
            "  profile: max_q\n  newest_among: []\n",
            "fleet.newest_among",
            "an empty list",
        ),
        "newest among one twice": (
            "  profile: max_q\n",
            "  profile: max_q\n  newest_among: [vr_nvl72, vr_nvl72]\n",
            "fleet.newest_among.1",
            "named twice",
        ),
        "a phase on a generation of no list": (
            "power: 420 MW it, energised",
            "power: 420 MW it, generation: b300_hgx, energised",
            "fleet.sites.Shackelford.phases.buildings 1-3.generation",
            "allowed: .*newest\n",
        ),
        "dollars for megawatts": (
            "power: 420 MW it",
            "power: 420 USD it",
            "fleet.sites.Shackelford.phases.buildings 1-3.power",
            "'USD' is not a unit of the same kind as 'MW'",
        ),
        "endless power": (
            "power: 420 MW it",
            "power: 1e999 MW it",
            "fleet.sites.Shackelford.phases.buildings 1-3.power",
            "not a finite number",
        ),
        "gigawatts for dollars": (
            "finance:\n",
            "finance:\n  systems: {vr_nvl72: {rack_price_usd: 3 MW}}\n",
            "finance.systems.vr_nvl72.rack_price_usd",
            "'MW' is not a unit of the same kind as 'USD'(.|\n)*do: +write for example",
        ),
        "a system's unknown setting": (
            "finance:\n",
            "finance:\n  systems: {vr_nvl72: {rack_cost_usd: $3M}}\n",
            "finance.systems.vr_nvl72.rack_cost_usd",
            "allowed: rack_price_usd",
        ),
        "a price of another plan's system": (
            "finance:\n",
            "finance:\n  systems: {vr_nvl27: {rack_price_usd: $3M}}\n",
            "finance.systems.vr_nvl27",
            "nearest: vr_nvl72",
        ),
        "supply in gigawatts": (
            "  profile: max_q\n",
            "  profile: max_q\n  systems: {vr_nvl72: {supply_cap_racks_per_month: 900 GW}}\n",
            "fleet.systems.vr_nvl72.supply_cap_racks_per_month",
            "write for example '900 racks/month'",
        ),
        "an availability of 95": (
            "  profile: max_q\n",
            "  profile: max_q\n  ladder: {availability: 95}\n",
            "fleet.ladder.availability",
            "found: +95",
        ),
        "negative lag": (
            "  profile: max_q\n",
            "  profile: max_q\n  ladder: {ready_lag_months: -2 months}\n",
            "fleet.ladder.ready_lag_months",
            "at least 0",
        ),
        "an idle rack busier than a busy one": (
            "demand:\n",
            "power: {draw: {idle_share: 90 %, busy_share: 40 %}}\ndemand:\n",
            "power.draw.idle_share",
            "an idle rack draws more than a busy one(.|\n)*0.9",
        ),
        "power priced by the megawatt": (
            "demand:\n",
            "power: {facility: {power_price_usd_per_mwh: 77 USD/MW}}\ndemand:\n",
            "power.facility.power_price_usd_per_mwh",
            "write for example '77 USD/MWh'",
        ),
        "a PUE below one": (
            "demand:\n",
            "power: {facility: {pue: 0.9}}\ndemand:\n",
            "power.facility.pue",
            "at least 1",
        ),
        "own driver that asks nothing": (
            TEACHING,
            TEACHING.replace("users", "own"),
            WORK,
            "there is no demand: driver 'own' needs 'requests_per_day'(.|\n)*do: +add",
        ),
        "users' driver that asks nothing": (
            "science: {driver: own,",
            "science: {driver: users,",
            "demand.workloads.science",
            "there is no demand: driver 'users' needs 'reach_share'",
        ),
        "a wait in bare numbers": (
            *teaching("ttft_s: 2"),
            f"{WORK}.ttft_s",
            "the unit is missing(.|\n)*do: +write for example '80 ms'",
        ),
        "a negative wait": (*teaching("ttft_s: -2 s"), f"{WORK}.ttft_s", "above 0"),
        "perhaps deferrable": (*teaching("deferrable: maybe"), f"{WORK}.deferrable", "found: +maybe"),
        "demand that rises with prices": (
            *teaching("price_elasticity: 1.5"),
            f"{WORK}.price_elasticity",
            "at most 0",
        ),
        "a session of no turns": (
            *teaching("turns_per_session: 0"),
            f"{WORK}.turns_per_session",
            "at least 1",
        ),
        "a cache of 110 %": (*teaching("cache_hit_share: 110 %"), f"{WORK}.cache_hit_share", "at most 1"),
        "tokens for dollars": (
            *teaching("value_usd_per_request: 5 tokens"),
            f"{WORK}.value_usd_per_request",
            "'tokens' is not a unit of the same kind as 'USD'",
        ),
        "a tranche for no power": (
            "milestone: {value: 1 GW it",
            "milestone: {value: 0 GW it",
            "finance.tranches.milestone",
            "a milestone without power",
        ),
        "a tranche on a basis that nothing is counted in": (
            "milestone: {value: 1 GW it",
            "milestone: {value: 1 GW gpu_tgp",
            "finance.tranches.milestone",
            "allowed: it, facility",
        ),
        "no members": (
            "announced:\n",
            "uncertainty: {members: 0}\nannounced:\n",
            "uncertainty.members",
            "at least 1",
        ),
        "a million members": (
            "announced:\n",
            "uncertainty: {members: 1000000}\nannounced:\n",
            "uncertainty.members",
            "10000",
        ),
        "a section without settings": (
            "announced:\n",
            "uncertainty:\nannounced:\n",
            "uncertainty",
            "do: +indent its settings below it",
        ),
        "no workloads": ("  workloads:\n", "  workloads: {}\n  others:\n", "demand.workloads", "one entry or more"),
        "a format of another time": ("gigaplan: 1\n", "gigaplan: 2\n", "gigaplan", "found: +2"),
        "claims as one word": ("claims: [A1,", "claims: A1\nmore: [A1,", "claims", "allowed: a list\n"),
    },
    "own": {
        "a run of no known model": (
            "model: own_frontier\n",
            "model: own_fronteer\n",
            f"{RUNS}.model",
            "no such model(.|\n)*nearest: own_frontier",
        ),
        "a run nowhere": (
            "site: Prairie\n",
            "site: Prairy\n",
            f"{RUNS}.site",
            "allowed: Prairie, Abilene, CoreWeave, opening rented GB200(.|\n)*nearest: Prairie",
        ),
        "a run on a generation that the plan has not": (
            "generation: gb300_nvl72\n      gpus",
            "generation: h100_hgx\n      gpus",
            f"{RUNS}.generation",
            "allowed: gb200_nvl72, gb300_nvl72, vr_nvl72",
        ),
        "a run of negative GPUs": (
            RUN,
            "gpus: -60000\n",
            f"{RUNS}.gpus",
            "found: +-60000\n +allowed: at least 1",
        ),
        "a run of no GPUs": (RUN, "gpus: 0\n", f"{RUNS}.gpus", "at least 1"),
        "half a GPU": (RUN, "gpus: 60000.5\n", f"{RUNS}.gpus", "allowed: a whole number\n"),
        "GPUs with a letter": (RUN, "gpus: 60k\n", f"{RUNS}.gpus", "found: +60k"),
        "a run without GPUs": (f"      {RUN}", "", f"{RUNS}.gpus", "'gpus' is missing(.|\n)*add a line"),
        "a run without a start": ("      start: 2027-01-15\n", "", f"{RUNS}.start", "'start' is missing"),
        "FLOP for tokens": (
            "tokens: 100e12 tokens",
            "tokens: 1e27 FLOP",
            f"{RUNS}.tokens",
            "'FLOP' is not a unit of the same kind as 'token'",
        ),
        "no tokens": ("tokens: 100e12 tokens", "tokens: 0 tokens", f"{RUNS}.tokens", "above 0"),
        "endless tokens": ("tokens: 100e12 tokens", "tokens: .inf", f"{RUNS}.tokens", "not a finite number"),
        "a deadline before the start": (
            "deadline: 2027-07-01",
            "deadline: 2026-07-01",
            f"{RUNS}.deadline",
            "2026-07-01 before 2027-01-15(.|\n)*put the deadline after",
        ),
        "a precision that nobody trains in": (
            *first_run("precision: fp6"),
            f"{RUNS}.precision",
            "'bf16', 'fp8' or 'fp4'",
        ),
        "a run's unknown setting": (*first_run("milestone: 3"), f"{RUNS}.milestone", "nearest: milestones"),
        "trained again twelve times": (
            *first_run("restart_share: 12"),
            f"{RUNS}.restart_share",
            "at most 1",
        ),
        "batches of nothing": (
            *first_run("global_batch_tokens: 0 tokens"),
            f"{RUNS}.global_batch_tokens",
            "above 0",
        ),
        "milestones that fall": (
            "'2027-04-01': 50 %}",
            "'2027-04-01': 50 %, '2027-06-01': 40 %}",
            f"{RUNS}.milestones.2027-06-01",
            "0.4 after 0.5\n +allowed: 0.5 to 1(.|\n)*let the shares rise",
        ),
        "milestones out of order that fall": (
            "'2027-04-01': 50 %}",
            "'2027-04-01': 50 %, '2027-03-01': 60 %}",
            f"{RUNS}.milestones.2027-04-01",
            "0.5 after 0.6",
        ),
        "more than all tokens": (
            "'2027-04-01': 50 %}",
            "'2027-04-01': 150 %}",
            f"{RUNS}.milestones.2027-04-01",
            "found: +150 %, read as 1.5\n",
        ),
        "a milestone of 50": (
            "'2027-04-01': 50 %}",
            "'2027-04-01': 50}",
            f"{RUNS}.milestones.2027-04-01",
            "found: +50",
        ),
        "a milestone in spring": (
            "'2027-04-01': 50 %}",
            "spring: 50 %}",
            f"{RUNS}.milestones.spring",
            "not a date",
        ),
        "milestones as a list": ("{'2027-04-01': 50 %}", "[50 %]", f"{RUNS}.milestones", "not allowed here"),
        "a run without settings": (
            "    next frontier run: ",
            "    little run:\n    next frontier run: ",
            "training.runs.little run",
            "indent its settings",
        ),
        "two runs of one name": (
            "    next frontier run: ",
            "    first frontier run: ",
            "",
            "given twice(.|\n)*the first is on line",
        ),
        "a training share of 60": ("'2026-01': 60 %,", "'2026-01': 60,", "training.share.2026-01", "found: +60"),
        "a training share without a date": (
            "share: {'2026-01': 60 %, '2030-01': 40 %, '2036-01': 35 %}",
            "share: 40 %",
            "training.share",
            "found: +40 %",
        ),
        "a training share twice a day": (
            "'2026-01': 60 %,",
            "'2026-01': 60 %, '2026-01-16': 50 %,",
            "training.share.2026-01-16",
            "two values for one day",
        ),
        "an MFU of 40": ("training:\n", "training:\n  mfu_share: 40\n", "training.mfu_share", "found: +40"),
        "ninety of what": ("training:\n", "training:\n  run_days: 90\n", "training.run_days", "the unit is missing"),
        "a run of a century": (
            "training:\n",
            "training:\n  run_days: 100 years\n",
            "training.run_days",
            "at most 3,650 days",
        ),
        "a model without layers": (
            "own_frontier: {layers: 96, ",
            "own_frontier: {",
            f"{FRONTIER}.layers",
            "'layers' is missing",
        ),
        "a model of no layers": ("layers: 96", "layers: 0", f"{FRONTIER}.layers", "at least 1"),
        "many heads": ("heads: 128", "heads: many", f"{FRONTIER}.heads", "found: +many"),
        "a model's unknown part": ("hidden: 16384", "hidden: 16384, hiden: 1", f"{FRONTIER}.hiden", "nearest: hidden"),
        "more groups than heads": (
            "kv_heads: 8",
            "kv_heads: 256",
            f"{FRONTIER}.kv_heads",
            "allowed: a divisor of 128 heads",
        ),
        "heads that can't be shared out": (
            "kv_heads: 8",
            "kv_heads: 7",
            f"{FRONTIER}.kv_heads",
            "found: +7\n +allowed: a divisor",
        ),
        "more experts for a token than there are": (
            "experts_per_token: 8",
            "experts_per_token: 512",
            f"{FRONTIER}.experts_per_token",
            "found: +512\n +allowed: 1 to 256",
        ),
        "experts that no token uses": (
            "experts_per_token: 8, ",
            "",
            f"{FRONTIER}.experts_per_token",
            "allowed: 1 to 256",
        ),
        "experts without a width": ("ffn_expert: 8192, ", "", f"{FRONTIER}.ffn_expert", "experts without a width"),
        "a model without a feed-forward part": (
            "experts: 256, experts_per_token: 8, ffn_expert: 8192, ",
            "",
            f"{FRONTIER}.ffn_dense",
            "no feed-forward part",
        ),
        "two of a switch": (
            "layers: 96",
            "layers: 96, plain_ffn: 2",
            f"{FRONTIER}.plain_ffn",
            "found: +2\n +allowed: 0 .no. or 1",
        ),
        "a state without a width": (
            "layers: 96",
            "layers: 96, linear_value_heads: 32",
            f"{FRONTIER}.linear_head_dim",
            "without a width",
        ),
        "a latent without values": (
            "layers: 96",
            "layers: 96, mla_kv_lora: 512",
            f"{FRONTIER}.mla_v_head",
            "without a width of values",
        ),
        "more dense layers than layers": (
            "layers: 96",
            "layers: 96, first_dense_layers: 97",
            f"{FRONTIER}.first_dense_layers",
            "allowed: 0 to 96",
        ),
        "a contract's unknown term": (
            "{counterparty: CoreWeave}",
            "{counterparty: CoreWeave, year: 5 years}",
            f"{CLOUD}.year",
            "nearest: years",
        ),
        "a contract with a number": (
            "{counterparty: CoreWeave}",
            "{counterparty: 7}",
            f"{CLOUD}.counterparty",
            "allowed: text\n",
        ),
        "a contract as a word": ("{counterparty: CoreWeave}", "CoreWeave", CLOUD, "indent its settings"),
        "negative rent": (
            "{counterparty: CoreWeave}",
            "{usd_per_it_mw_year: -17e6 USD/MW/year}",
            f"{CLOUD}.usd_per_it_mw_year",
            "found: +-17e6 USD/MW/year, read as -1.7e\\+07\n",
        ),
        "rent per kilowatt": (
            "{counterparty: CoreWeave}",
            "{usd_per_it_mw_year: 17e3 USD/kW}",
            f"{CLOUD}.usd_per_it_mw_year",
            "'USD/kW' is not a unit of the same kind",
        ),
        "rent in bare numbers": (
            "{counterparty: CoreWeave}",
            "{usd_per_it_mw_year: 17e6}",
            f"{CLOUD}.usd_per_it_mw_year",
            "the unit is missing",
        ),
        "a term of five": ("{counterparty: CoreWeave}", "{years: 5}", f"{CLOUD}.years", "write for example '5 years'"),
        "a negative term": (
            "{counterparty: CoreWeave}",
            "{years: -5 years}",
            f"{CLOUD}.years",
            "at least 0",
        ),
        "an opening block's unknown term": (
            "date: 2025-12-31}",
            "date: 2025-12-31, contract: {counterparti: Oracle}}",
            "fleet.opening.rented GB200.contract.counterparti",
            "nearest: counterparty",
        ),
        "an opening block's lease in dollars": (
            "date: 2025-12-31}",
            "date: 2025-12-31, contract: {lease_usd_per_it_mw_year: $2M}}",
            "fleet.opening.rented GB200.contract.lease_usd_per_it_mw_year",
            "'USD' is not a unit of the same kind",
        ),
        "an opening block of another plan's generation": (
            "generation: gb200_nvl72, date",
            "generation: b200_hgx, date",
            "fleet.opening.rented GB200.generation",
            "allowed: gb200_nvl72, gb300_nvl72, vr_nvl72",
        ),
        "rented a hundredfold": (
            "      rented: 100 %\n",
            "      rented: 100\n",
            "fleet.sites.Abilene.rented",
            "found: +100\n(.|\n)*write '100 %'",
        ),
        "equity without an amount": (
            "      amount_usd: {value: $30B, evidence: announced, source: press}\n",
            "",
            f"{MONEY}.amount_usd",
            "'amount_usd' is missing",
        ),
        "negative equity": ("value: $30B", "value: -$30B", f"{MONEY}.amount_usd", "above 0"),
        "equity in gigawatts": (
            "value: $30B",
            "value: 30 GW",
            f"{MONEY}.amount_usd",
            "'GW' is not a unit of the same kind as 'USD'(.|\n)*do: +write for example",
        ),
        "equity in bare billions": ("value: $30B", "value: 30B", f"{MONEY}.amount_usd", "'B' is not a unit"),
        "equity in euros": (
            "value: $30B",
            "value: 30 billion EUR",
            f"{MONEY}.amount_usd",
            "'EUR' is not a unit known here",
        ),
        "equity on no day": ("date: 2026-02-27", "date: 2026-02-29", f"{MONEY}.date", "the calendar has no such day"),
        "equity without an investor": (
            "      investor: SoftBank\n",
            "      invester: SoftBank\n",
            "finance.equity.second round.invester",
            "nearest: investor",
        ),
        "equity as a list": ("  equity:\n", "  equity: []\n  more:\n", "finance.equity", "not allowed here"),
        "a guaranty by nobody": ("      guarantor: NVIDIA\n", "", f"{RESIDUAL}.guarantor", "'guarantor' is missing"),
        "a guaranty of gigawatts": ("value: $105B", "value: 105 GW", f"{RESIDUAL}.amount_usd", "'GW' is not a unit"),
        "a guaranty for no time": (TERM, "years: {value: 0 years,", f"{RESIDUAL}.years", "above 0"),
        "a guaranty for a share of time": (TERM, "years: {value: 20 %,", f"{RESIDUAL}.years", "the unit is missing"),
    },
}
EACH = [(base, name) for base, some in MISTAKES.items() for name in some]

# Possible and yet odd: the run goes on with a warning.
ODDITIES = {
    "announced": {
        "a model after the end": (
            *teaching("later_models: {2057-01: deepseek_r1}"),
            f"{WORK}.later_models.2057-01",
            "after the horizon ends, so it never takes over",
        ),
        "a number that the driver does not read": (
            *teaching("requests_per_day: 5"),
            f"{WORK}.requests_per_day",
            "does not read",
        ),
        "a price of slowness where limits are hard": (
            *teaching("hard_limits: true, slowness_elasticity: 2"),
            f"{WORK}.slowness_elasticity",
            "without a price",
        ),
        "a spread of prompts where the mean request keeps the limits": (
            *teaching("within_share: 0, prompt_cv: 2"),
            f"{WORK}.prompt_cv",
            "the limits hold for the mean request",
        ),
        "kilowatts for megawatts": ("power: 420 MW it", "power: 420 kW it", "announced.power", "add up to 9,580.42 MW"),
        "an opening block after the end": (
            "date: 2023-12-31",
            "date: 2043-12-31",
            "fleet.opening.2023 Hopper.date",
            "not there in time",
        ),
        "systems before they ship": (
            "generation: gb200_nvl72\n      date",
            "generation: vr_nvl72\n      date",
            "fleet.opening.2025 GB200.date",
            "exists before vr_nvl72 ships",
        ),
    },
    "own": {
        "a run larger than any site": (
            RUN,
            "gpus: 6000000\n",
            f"{RUNS}.gpus",
            "6,000,000 GPUs(.|\n)*of gb300_nvl72 at Prairie",
        ),
        "a site from before": (
            "energised: 2026-08-01",
            "energised: 2025-12-15",
            "fleet.sites.Prairie.phases.building 1.energised",
            "before the horizon starts, so what was spent on it by then is in no account",
        ),
        "packages of no date": (
            "\nfleet:\n",
            "\nfleet:\n  ladder: {packaging_start_gpus_per_month: 5000 1/month}\n",
            "fleet.ladder.packaging_start_gpus_per_month",
            "add packaging_reference_date, 2024-01-01 is taken",
        ),
        "a run from before": ("start: 2027-01-15", "start: 2020-01-15", f"{RUNS}.start", "before the horizon starts"),
        "a run after the end": (
            "start: 2027-01-15\n      deadline: 2027-07-01\n      milestones: {'2027-04-01': 50 %}",
            "start: 2047-01-15\n      deadline: 2047-07-01",
            f"{RUNS}.start",
            "after the horizon ends, so it trains nothing",
        ),
        "a milestone before the start": (
            "'2027-04-01': 50 %}",
            "'2026-04-01': 50 %}",
            f"{RUNS}.milestones.2026-04-01",
            "allowed: 2027-01-15 to 2027-07-01",
        ),
        "a milestone after the deadline": (
            "'2027-04-01': 50 %}",
            "'2028-04-01': 50 %}",
            f"{RUNS}.milestones.2028-04-01",
            "after the run's deadline",
        ),
        "rent for what is owned": (
            "      rented: 100 %\n      contract: {counterparty: CoreWeave}",
            "      contract: {usd_per_it_mw_year: 1e7 USD/MW/year}",
            f"{CLOUD}.usd_per_it_mw_year",
            "nothing is rented",
        ),
        "rent of an opening block that is owned": (
            "date: 2025-12-31}",
            "date: 2025-12-31, rented: 0, contract: {usd_per_it_mw_year: 1e7 USD/MW/year}}",
            "fleet.opening.rented GB200.contract.usd_per_it_mw_year",
            "nothing is rented",
        ),
        "neither rent nor lease": (
            "      rented: 100 %\n      contract: {counterparty: CoreWeave}",
            "      contract: {counterparty: CoreWeave, years: 5 years}",
            CLOUD,
            "neither rent nor lease",
        ),
        "lease for what is rented": (
            "{counterparty: CoreWeave}",
            "{lease_usd_per_it_mw_year: 1e6 USD/MW/year}",
            f"{CLOUD}.lease_usd_per_it_mw_year",
            "all is rented",
        ),
        "equity from before": ("date: 2026-02-27", "date: 2016-02-27", f"{MONEY}.date", "its money is not counted"),
        "a guaranty after the end": (
            START,
            "start: {value: 2058-07-01, note",
            f"{RESIDUAL}.start",
            "it guarantees nothing",
        ),
    },
}
EACH_ODDITY = [(base, name) for base, some in ODDITIES.items() for name in some]


def changed(folder: Path, base: str, old: str, new: str) -> tuple[Path, range]:
    """Write a plan with one replacement; return the file and the lines that the replacement takes."""
    text = TEXT[base]
    assert old in text, f"{old!r} is not in {base}"
    path = folder / "plan.yaml"
    path.write_text(text.replace(old, new, 1))
    first = text[: text.index(old)].count("\n") + 1
    return path, range(first, first + new.rstrip("\n").count("\n") + 1)


@pytest.mark.parametrize(("base", "name"), EACH)
def test_a_mistake_is_told_with_its_place_and_its_remedy(base: str, name: str, tmp_path: Path) -> None:
    old, new, where, says = MISTAKES[base][name]
    path, lines = changed(tmp_path, base, old, new)
    with pytest.raises(PlanError) as wrong:
        plan.resolve(plan.load(path))
    errors = [p for p in wrong.value.problems if p.severity == "error"]
    found = [p for p in errors if re.search(says, str(p)) and p.place.path == where]
    assert len(found) == 1, str(wrong.value)
    (problem,) = found
    assert problem.place.file == str(path)
    assert problem.place.line in lines if new else 0 < problem.place.line <= lines.start, str(problem)
    assert problem.place.column > 0
    assert problem.remedy
    choices = name == "no workloads"  # the choice of models that then stands nowhere is one problem more
    assert len(errors) <= 2 + choices, str(wrong.value)


@pytest.mark.parametrize(("base", "name"), EACH_ODDITY)
def test_an_oddity_is_told_and_the_run_goes_on(base: str, name: str, tmp_path: Path) -> None:
    old, new, where, says = ODDITIES[base][name]
    path, lines = changed(tmp_path, base, old, new)
    loaded = plan.load(path)
    plan.resolve(loaded)
    (problem,) = loaded.warnings
    assert re.search(says, str(problem)), str(problem)
    assert problem.place.path == where
    assert problem.place.line in lines or where == "announced.power"
    assert problem.remedy.endswith("the run goes on") or "lengthen" in problem.remedy


def test_the_built_in_plans_have_no_oddities() -> None:
    for name in plan.builtin_names():
        assert plan.load(name).warnings == ()


@pytest.mark.parametrize("base", MISTAKES)
def test_several_mistakes_at_once_are_all_told(base: str, tmp_path: Path) -> None:
    """Mistakes of a plan that its structure survives, all made together: each is told as if it were alone."""
    text = TEXT[base]
    together = {
        "announced": (
            "later model misspelt",
            "newest among misspelt",
            "a tranche for no power",
            "a ceiling below today's users",
            "dollars for megawatts",
        ),
        "own": (
            "a run nowhere",
            "milestones that fall",
            "a deadline before the start",
            "heads that can't be shared out",
            "a precision that nobody trains in",
            "a term of five",
            "equity in gigawatts",
            "a guaranty of gigawatts",
            "equity on no day",
        ),
    }[base]
    for name in together:
        old, new, *_ = MISTAKES[base][name]
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(PlanError) as wrong:
        plan.load(path)
    errors = [p for p in wrong.value.problems if p.severity == "error"]
    for name in together:
        _, _, where, says = MISTAKES[base][name]
        assert any(re.search(says, str(p)) and p.place.path == where for p in errors), name
    assert len(errors) == len(together)
    assert [p.place.line for p in errors] == sorted(p.place.line for p in errors)


def test_a_mistake_that_aliases_repeat_is_told_once(tmp_path: Path) -> None:
    text = OWN.replace("contract:\n        counterparty: Oracle\n", "contract: &terms\n        counterparti: Oracle\n")
    path = tmp_path / "plan.yaml"
    path.write_text(text.replace("{counterparty: CoreWeave}", "*terms"))
    with pytest.raises(PlanError) as wrong:
        plan.load(path)
    (problem,) = wrong.value.problems
    assert problem.nearest == "counterparty"
    assert problem.place.path == "fleet.sites.Abilene.contract.counterparti"


def test_published_models_are_not_refused(tmp_path: Path) -> None:
    """Every architecture of the catalog, written out in a plan under another name, keeps the rules for models."""
    facts = catalog.load()
    fields = section_fields(("models", "any"))
    models = {
        f"my {name}": {field: int(facts.find(name, field).number) for field in fields if facts.has(name, field)}
        for name in facts.entities("layers")
    }
    assert len(models) > 10
    document = yaml.safe_load(OWN)
    document["models"] |= models
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(document))
    assert len(plan.load(path).document.models) == len(models) + 1


def test_a_change_may_take_a_value_back() -> None:
    """``path=`` and ``path=null`` leave the value to the catalog, or leave out what may be left out."""
    for change in ("training.runs.domain model.deadline=", "training.runs.domain model.deadline=null"):
        assert plan.load("lab-1mw", [change]).document.training.runs["domain model"].deadline is None
    with pytest.raises(PlanError, match="settings by name"):
        plan.load("lab-1mw", ["training="])


def test_lives_to_compare_are_a_list_of_positive_numbers(write: Write) -> None:
    good = plan.load(write("finance:\n", "finance:\n  costs: {lives_compared_years: [3, 4.5]}\n"))
    assert plan.resolve(good).finance.costs.lives_compared_years == (3.0, 4.5)
    for wrong in ("[-3]", "[long]", "[]", "5"):
        refused(write("finance:\n", f"finance:\n  costs: {{lives_compared_years: {wrong}}}\n"), "lives_compared_years")
