"""Names of the catalog are themselves, size words count, and messages of unknown names give the nearest."""

from __future__ import annotations

import pytest

import gigaplan as gp
from gigaplan.plan.resolver import candidates, known_names, meant_in_table, resolved
from gigaplan.plan.set import change
from gigaplan.plan.sources import root_of, sources_of


@pytest.mark.parametrize("kind", ["model", "system", "region", "site", "plan"])
def test_every_name_is_itself(kind: str) -> None:
    for name in known_names(kind):
        assert resolved(kind, name) == name
        assert kind not in ("model", "system") or meant_in_table(kind, name) == name


def test_case_separators_and_the_prefix_of_sites_do_not_matter() -> None:
    assert resolved("system", "H100-HGX") == "h100_hgx"
    assert resolved("site", "Abilene") == "site_abilene"
    assert resolved("model", "deepseek-ai/DeepSeek-V2-Lite") == "deepseek_v2_lite"
    assert resolved("system", "h100_hgxx") == resolved("model", "Phi-4-mini") == ""
    assert candidates("system", "H100") == ("h100_hgx", "h100_nvl", "h100_pcie")
    assert meant_in_table("system", "H100") == "h100_hgx"


@pytest.mark.parametrize("date", ["0528", "2507", "250528", "20250528", "2025"])
def test_a_date_in_a_name_says_nothing_of_the_architecture(date: str) -> None:
    assert resolved("model", f"deepseek-ai/DeepSeek-V3-{date}") == "deepseek_v3"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fleet.sites.Abilen=+6 months", "there is no site 'Abilen' whose dates could be shifted"),
        ("fleet.sites.Abilene=+6 monts", "'monts' is no unit by which dates move"),
    ],
)
def test_a_shift_that_is_misspelt(text: str, said: str) -> None:
    with pytest.raises(gp.PlanError) as caught:
        change(root_of(sources_of("announced-2025-09")), text)
    (problem,) = caught.value.problems
    assert problem.message == said
    assert problem.nearest in ("Abilene", "months")


def test_a_run_without_gpus_says_that_they_are_missing() -> None:
    with pytest.raises(gp.PlanError) as caught:
        gp.train("llama_3_1_405b", "h100", gpus=0)
    assert {p.message: (p.value, p.nearest) for p in caught.value.problems} == {
        "this may be any of 3 systems": ("h100", "h100_hgx, h100_nvl, h100_pcie"),
        "'gpus' is missing": ("", ""),
    }
