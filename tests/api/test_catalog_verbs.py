"""Looking round in the catalog."""

from __future__ import annotations

import json

import pytest

import gigaplan as gp
from gigaplan import catalog
from gigaplan.catalog import human
from gigaplan.cli import main
from gigaplan.vocabulary.errors import PlanError


def leave(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(args))
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.mark.parametrize(
    "value, unit, said",
    [
        (192e9, "byte", "192 GB"),
        (8e12, "byte/s", "8 TB/s"),
        (2.5e15, "FLOP/s", "2.5 PFLOP/s"),
        (0.4, "share", "40 %"),
        (0.35, "1/year", "35 %/year"),
        (3.4e6, "USD", "$3.4 M"),
        (-2e9, "USD", "-$2 B"),
        (11_770_000, "USD/MW", "$11.77 M/MW"),
        (77, "USD/MWh", "$77/MWh"),
        (1200, "MW", "1.2 GW"),
        (0.5, "MW", "500 kW"),
        (132, "kW", "132 kW"),
        (578, "MW/month", "578 MW/month"),
        (3.2e-6, "s", "3.2 µs"),
        (0, "s", "0 s"),
        (5e7, "user", "50 M user"),
        (1.3, "1", "1.3"),
        (72, "1", "72"),
        ("2025-07-01", "date", "2025-07-01"),
        ("logistic", "text", "logistic"),
        (float("nan"), "MW", "–"),
    ],
)
def test_values_as_people_write_them(value: float | str, unit: str, said: str) -> None:
    assert human(value, unit) == said


def test_the_overview_counts_what_is_there() -> None:
    told = gp.catalog_overview()
    facts = catalog.load()
    assert told.facts == len(facts.facts) == sum(t.facts for t in told.tables) == sum(told.evidence.values())
    kinds = {k.name: k for k in told.kinds}
    assert kinds["models"].entities == len(facts.entities("layers"))
    assert all(k.entities > 0 and k.facts >= k.entities for k in told.kinds)


def test_lists_by_kind() -> None:
    systems = {e.entity: e for e in gp.catalog_list("systems")}
    assert set(systems) >= {"h100_hgx", "vr_nvl72", "dgx_1"}
    assert "rack_power_kw" in systems["vr_nvl72"].quantities
    assert "deepseek_v3" not in systems
    assert {e.entity for e in gp.catalog_list("regions")} >= {"ercot", "uae"}
    assert len(gp.catalog_list()) == gp.catalog_overview().entities
    with pytest.raises(PlanError, match=r"nearest: *systems"):
        gp.catalog_list("sistems")


def test_search_ranks_what_is_met_in_more_and_weightier_places() -> None:
    found = gp.catalog_search("vr_nvl72 rack power")
    assert found.hits[0].fact.id.startswith("vr_nvl72.rack_power_kw")
    assert [h.score for h in found.hits] == sorted((h.score for h in found.hits), reverse=True)
    assert gp.catalog_search("vr_nvl72 rack power", limit=1).total == found.total > 1
    both = gp.catalog_search(["ercot", "price"])
    assert all("ercot" in h.fact.id for h in both.hits)


def test_search_says_what_it_sought_instead() -> None:
    found = gp.catalog_search("bandwith hbm")
    assert found.nearest == {"bandwith": "bandwidth"}
    assert "hbm_bandwidth" in found.hits[0].fact.quantity
    nothing = gp.catalog_search("qqqqzzzz")
    assert nothing.hits == ()
    assert nothing.nearest == {"qqqqzzzz": ""}


def test_show_gives_rivals_and_the_reason() -> None:
    shown = gp.catalog_show("facility.facility_to_it_peak")
    chosen = next(s for s in shown if s.fact.chosen)
    assert {r.id for r in chosen.rivals} == {s.fact.id for s in shown} - {chosen.fact.id}
    assert chosen.why.startswith("chosen")
    assert chosen.human == "1.3"
    assert chosen.span == "1.13 to 1.74"
    other = next(s for s in shown if not s.fact.chosen)
    assert other.why == chosen.why


def test_show_by_entity_quantity_and_id() -> None:
    assert {s.fact.entity for s in gp.catalog_show("vr_nvl72")} == {"vr_nvl72"}
    assert len({s.fact.entity for s in gp.catalog_show("power_price_usd_per_mwh")}) > 3
    (one,) = gp.catalog_show("facility.facility_to_it_peak.frontier")
    assert not one.fact.chosen
    for name, near in (("vr_nvl27", "vr_nvl72"), ("vr_nvl72.rack_powr_kw", "rack_power_kw"), ("puee", "pue")):
        with pytest.raises(PlanError, match=rf"nearest: *{near}"):
            gp.catalog_show(name)


def test_in_the_terminal_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["catalog"], "facts"),
        (["catalog", "list", "models"], "deepseek_v3"),
        (["catalog", "search", "rubin", "power"], "vr_nvl72"),
        (["catalog", "show", "facility.facility_to_it_peak"], "not chosen: 1.4"),
    ):
        assert leave(*words) == 0
        assert said in capsys.readouterr().out
        assert leave(*words, "--json") == 0
        assert json.loads(capsys.readouterr().out)
    assert leave("catalog", "show", "vr_nvl27") == 2
    assert "nearest: vr_nvl72" in capsys.readouterr().err
    assert leave("catalog", "list", "sistems", "--json") == 2
    assert json.loads(capsys.readouterr().out)["problems"][0]["nearest"] == "systems"
