"""Laws of aggregation: tokens times their price are their cost, shares are parts over wholes."""

from __future__ import annotations

import dataclasses
import re
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan import plan
from gigaplan.report.headline import Card, cards
from gigaplan.report.html import html
from gigaplan.report.select import summary
from gigaplan.report.terminal import explain_tree, render
from gigaplan.report.years import rows
from gigaplan.results.aggregate import aggregate, refused
from gigaplan.results.coordinates import parse_at, years
from gigaplan.results.explain import explain
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.variables import TIME, read_table, variables

PLANS = tuple(plan.builtin_names())


@cache
def result_of(name: str) -> Result:
    return gp.run(name)


def yearly(result: Result, name: str, *dims: str, **at: str) -> Array:
    return aggregate(result, name, [*dims, "year"], at).values


@pytest.mark.parametrize("name", PLANS)
def test_price_times_tokens_is_cost(name: str) -> None:
    result = result_of(name)
    cost, tokens = (yearly(result, n, "workload") for n in ("workload_cost_usd", "generated_tokens"))
    price = yearly(result, "cost_per_mtok_usd", "workload")
    assert np.isnan(price[tokens == 0]).all()
    assert (cost[tokens == 0] == 0).all()
    assert (price * tokens / 1e6)[tokens > 0] == pytest.approx(cost[tokens > 0])
    made = tokens.sum(axis=0)
    for all_serving in ("cost_per_mtok_all_usd", "cost_per_mtok_usd"):
        whole = yearly(result, all_serving)
        assert (whole * made / 1e6)[made > 0] == pytest.approx(cost.sum(axis=0)[made > 0])
        assert np.isnan(whole[made == 0]).all()


@pytest.mark.parametrize("name", PLANS)
def test_served_share_times_demand_is_served(name: str) -> None:
    result = result_of(name)
    for dims in (("workload",), ()):
        share, asked, served = (
            yearly(result, n, *dims) for n in ("served_share", "requests_asked_per_day", "requests_served_per_day")
        )
        assert (share * asked)[asked > 0] == pytest.approx(served[asked > 0])


@pytest.mark.parametrize("name", PLANS)
def test_other_averages_are_ratios_of_what_they_divide(name: str) -> None:
    result = result_of(name)
    available = yearly(result, "gpus_available") * years_h(result)
    training = yearly(result, "training_share") * available
    held = yearly(result, "training_gpu_hours") - yearly(result, "research_on_idle_gpu_hours")
    assert training == pytest.approx(held, rel=1e-9)
    hours = yearly(result, "gpu_hours", "workload")
    (overhead,) = [float(str(e.value).split()[0]) for e in result.ledger.under("inference.software.overhead")] or [1.0]
    requests = yearly(result, "requests_per_gpu_s", "workload") * hours * 3600 / overhead
    served = yearly(result, "requests_served_per_day", "workload") * years_h(result) / 24
    assert requests[hours > 0] == pytest.approx(served[hours > 0], rel=0.02), "speed x GPU-hours is what is served"


def years_h(result: Result) -> Array:
    months = np.array([m[:4] for m in result.labels["month"]])
    return np.array([result.axis.hours[months == y].sum() for y in years(result)])


def test_known_values() -> None:
    announced, lab = result_of("announced-2025-09"), result_of("lab-1mw")
    at = {"year": "2026"}
    assert float(aggregate(announced, "cost_per_mtok_all_usd", at=at).values) == pytest.approx(3.5999, abs=0.0005)
    assert float(aggregate(lab, "cost_per_mtok_all_usd", at=at).values) == pytest.approx(0.5092, abs=0.0005)
    share = aggregate(announced, "served_share", at={"workload": "long_context", **at})
    assert float(share.values) == pytest.approx(0.6917, abs=0.0005)
    assert share.reduction == "mean of the year"
    assert share.weighted_by == "requests_asked_per_day"


@pytest.mark.parametrize("name", PLANS)
def test_gpus_at_a_years_end_are_those_of_its_power(name: str) -> None:
    """Rows of GPUs under rows of power may be divided: power is GPUs times the IT power of each."""
    result = result_of(name)
    kw = {}
    for generation in result.labels["generation"]:
        path = f"fleet.generations.{generation}"
        stated = {e.path.removeprefix(f"{path}."): e.value for e in result.ledger.under(path)}
        ratio = next(e.value for e in result.ledger.under("fleet.generations.it_per_rack_power"))
        kw[generation] = float(stated["rack_power_kw"]) * float(ratio) / float(stated["gpus_per_rack"])
    gpus = aggregate(result, "gpus_in_production", ["generation", "site", "year"]).values
    power = aggregate(result, "power_state_mw", ["site", "year"], {"state": "producing"}).values
    each = np.array([kw[g] for g in result.labels["generation"]])
    assert np.einsum("gsy,g->sy", gpus, each) / 1e3 == pytest.approx(power, rel=1e-6, abs=1e-6)


def test_months_make_years_and_years_the_horizon(announced: Result) -> None:
    months = np.array([m[:4] for m in announced.labels["month"]])
    for name, row in variables().items():
        if row.reduction == "none" or "month" not in row.dims or row.weight_by or "day" in row.dims:
            continue
        array = announced.central(name)
        dims = [d for d in row.dims if d not in ("member", "month")]
        got = yearly(announced, name, *dims)
        for k, year in enumerate(years(announced)):
            part, hours = array[..., months == year], announced.axis.hours[months == year]
            want = {"sum": part.sum(axis=-1), "end": part[..., -1]}.get(
                row.reduction, (part * hours).sum(-1) / hours.sum()
            )
            np.testing.assert_allclose(got[..., k], want, err_msg=name)
        if row.reduction == "sum":
            np.testing.assert_allclose(aggregate(announced, name, dims).values, got.sum(axis=-1), err_msg=name)


def test_year_end_is_the_edge_that_closes_december(announced: Result) -> None:
    power = announced.central("power_state_mw")
    edges = announced.labels["edge"]
    for year, end in (("2026", "2027-01-01"), ("2033", "2034-01-01")):
        figure = aggregate(announced, "power_state_mw", ["state", "site"], {"year": year})
        assert (figure.values == power[..., edges.index(end)]).all()
        assert figure.reduction == "year end"
        month = aggregate(announced, "power_state_mw", ["state", "site"], {"month": f"{year}-12"})
        assert (month.values == figure.values).all()


@pytest.mark.parametrize(
    ("name", "dim", "label"),
    [
        ("capability_eci", "bound", "central"),
        ("largest_run_flop", "scope", "one site"),
        ("tokens_served_per_day", "token", "generated"),
        ("limit_mw", "limit", "racks"),
        ("cost_by_life_usd", "life", "5 years"),
        ("tranche_day", "tranche", "1"),
        ("racks_accepted", "generation", "vr_nvl72"),
        ("cost_per_task_usd", "workload", "chat"),
    ],
)
def test_what_may_not_be_summed_is_refused(announced: Result, name: str, dim: str, label: str) -> None:
    with pytest.raises(PlanError, match=f"{name} can't be (summed|averaged) over {dim}"):
        aggregate(announced, name)
    aggregate(announced, name, at={dim: label})
    listed = aggregate(announced, name, [dim])
    assert listed.labels[dim] == announced.labels[dim]


def test_a_largest_run_is_not_added_up(announced: Result) -> None:
    flop = announced.central("largest_run_flop")[0]
    got = aggregate(announced, "largest_run_flop", ["year"], {"scope": "one site"})
    assert got.reduction == "year end"
    assert (got.values == flop[11::12]).all()


def test_an_index_is_not_averaged_over_time(announced: Result) -> None:
    with pytest.raises(PlanError, match="binding_limit can't be summed over month"):
        aggregate(announced, "binding_limit", ["year"])
    assert len(aggregate(announced, "binding_limit", ["month"]).values) == announced.axis.months


def test_all_wrong_coordinates_are_named_at_once(announced: Result) -> None:
    with pytest.raises(PlanError) as caught:
        aggregate(announced, "served_share", ["yaer"], {"workload": "chatt", "site": "Abilene"})
    text = str(caught.value)
    assert "year" in text
    assert "chat" in text
    assert "has no dim 'site'" in text
    assert len(caught.value.problems) == 3
    with pytest.raises(PlanError, match=r"nearest: +cost_per_mtok"):
        aggregate(announced, "cost_per_mtok")


def test_coordinates_as_people_write_them(announced: Result) -> None:
    assert parse_at("workload=chat, year=2031", announced) == {"workload": "chat", "year": "2031"}
    assert parse_at("") == {}
    with pytest.raises(PlanError) as caught:
        parse_at("wrokload=chat,workload=chatt,2031", announced)
    text = str(caught.value)
    assert "nearest: workload" in text
    assert "'2031' is not dim=label" in text or "chatt,2031" in text


def test_tokens_are_summed_on_a_stated_basis_only(announced: Result) -> None:
    array = announced.central("tokens_served_per_day")[:, :, -1]
    tokens = announced.labels["token"]
    at = {"month": announced.labels["month"][-1]}
    for basis, kinds in (("generated", ("reasoning", "output")), ("processed", tokens)):
        got = aggregate(announced, "tokens_served_per_day", ["workload"], {"token": basis, **at})
        assert got.values == pytest.approx(array[:, [tokens.index(k) for k in kinds]].sum(axis=1))
        assert got.summed_over == ("token",)


def test_all_members_come_first() -> None:
    result = gp.run("lab-1mw", {"uncertainty.members": 4})
    for name in ("cost_per_mtok_usd", "served_share", "capital_usd", "power_state_mw", "tpot_ms"):
        by = [*refused(result, variables()[name]), "year"]
        one, every = (aggregate(result, name, by, members=m) for m in ("central", "all"))  # type: ignore[arg-type]
        assert every.dims == ("member", *one.dims)
        np.testing.assert_allclose(every.values[0], one.values)
        assert len(every.labels["member"]) == len(every.values)
    assert len(aggregate(result, "cost_usd", members="all").values) == 4


def test_order_of_dims_is_that_asked_for(announced: Result) -> None:
    a = aggregate(announced, "gpu_hours", ["year", "generation", "workload"]).values
    b = aggregate(announced, "gpu_hours", ["workload", "year", "generation"]).values
    assert (np.moveaxis(b, 0, 2) == a).all()


weights = st.lists(st.floats(0, 1e9), min_size=24, max_size=24)
prices = st.lists(st.floats(0, 1e6), min_size=24, max_size=24)


@given(weights, prices)
def test_a_weighted_mean_of_any_weights(weight: list[float], price: list[float]) -> None:
    """Price times weight is conserved; the mean lies between the extremes; nothing served has no price."""
    base = short_result()
    tokens, paid = np.array(weight).reshape(1, 1, 24), np.array(price).reshape(1, 1, 24)
    tokens = np.where(tokens < 1e-6, 0, tokens)
    arrays = {"generated_tokens": tokens, "cost_per_mtok_usd": np.where(tokens > 0, paid, np.nan)}
    result = dataclasses.replace(base, arrays={**base.arrays, **arrays}, labels={**base.labels, "workload": ("one",)})
    got = yearly(result, "cost_per_mtok_usd", "workload")[0]
    for k in range(2):
        t, p = tokens[0, 0, 12 * k : 12 * k + 12], paid[0, 0, 12 * k : 12 * k + 12]
        if not t.sum():
            assert np.isnan(got[k])
            continue
        assert got[k] * t.sum() == pytest.approx((t * p).sum())
        assert p[t > 0].min() * (1 - 1e-9) <= got[k] <= p[t > 0].max() * (1 + 1e-9)


@cache
def short_result() -> Result:
    return gp.run("lab-1mw", {"horizon.end": "2028-01"})


ROW = {
    "name": "x",
    "room": "r",
    "dims": "workload month",
    "kind": "price",
    "unit": "USD",
    **dict.fromkeys(("sum_over", "weight_by", "over_time", "meaning", "formula", "inputs"), ""),
}


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, "nothing weighs"),
        ({"weight_by": "y"}, "no quantity: y"),
        ({"weight_by": "w", "sum_over": "workload"}, "both summed and weighed"),
        ({"weight_by": "hours", "sum_over": "site"}, "over a dim that it hasn't got"),
        ({"kind": "amount", "weight_by": "hours"}, "amounts are summed"),
        ({"weight_by": "x"}, "can't be summed over time"),
        ({"weight_by": "w", "dims": "month"}, "can't be summed over workload"),
        ({"weight_by": "hours", "over_time": "never"}, "over_time 'never'"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(changes: dict[str, str], wrong: str) -> None:
    weight = ROW | {"name": "w", "kind": "amount"}
    lines = [",".join(ROW), *(",".join(r.values()) for r in (ROW | changes, weight))]
    with pytest.raises(ValueError, match=wrong):
        read_table("\n".join(lines))


def same_figure(said: str, card: Card, result: Result) -> bool:
    """Return whether the first line of an explanation has a card's figure, in the digits that it shows."""
    if card.variable.endswith("_day"):
        day = result.day(card.number)
        return said == (str(day) if day else "never")
    number, letter = re.fullmatch(r"(-?[\d.,]+) ?([kMBT]?)\b.*", said).groups()  # type: ignore[union-attr]
    value = float(number.replace(",", "")) * {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(letter, 1.0)
    return value == pytest.approx(card.number, rel=5e-3)


@pytest.mark.parametrize("name", PLANS)
def test_a_headline_is_one_figure_everywhere(name: str) -> None:
    """Page card = JSON = what explain says = what Python gives; the terminal's last year shows the same text."""
    from tests.report.test_report import printed

    result = result_of(name)
    page, terminal, told = html(result), printed(render(result), 80), summary(result)["headlines"]
    for card, data in zip(cards(result), told, strict=True):
        python = aggregate(result, card.variable, at=card.at)
        tree = explain(result, card.variable, card.at)
        assert len(tree.figures) == 1
        for value in (data["value"], float(python.values), tree.figures[0].value):
            assert value == pytest.approx(card.number, nan_ok=True)
        assert data["text"] == card.value
        assert f'<p class="value">{card.value}</p>' in page
        assert f"<code>{card.explained}</code>" in page
        line = next(line for line in terminal.splitlines() if line.startswith(card.name))
        assert line.removeprefix(card.name).strip() == card.value
        said = printed(explain_tree(result, card.variable, 1, card.at), 200).splitlines()[0]
        assert same_figure(said.split(" = ")[1], card, result), said
        assert tree.aggregate.reduction == data["is"] == card.reduction
    shown = {r.variable: r for r in rows(result) if r.at.get("token") == "generated" or not r.at}
    for card in (c for c in cards(result) if c.variable in ("full_cost_per_mtok_all_usd", "tokens_served_per_day")):
        row = shown[card.variable]
        assert row.values[-1] == pytest.approx(card.number, nan_ok=True)
        assert card.value.lstrip("$") == row.texts[-1] or float(card.value.lstrip("$")) == pytest.approx(
            float(row.texts[-1]), abs=0.005
        )
        assert row.texts[-1] in printed(render(result, full=True), 100)


@pytest.mark.parametrize("name", PLANS)
def test_every_row_of_the_yearly_table_is_explained(name: str) -> None:
    result = result_of(name)
    for row in rows(result):
        for k, year in enumerate(years(result)):
            figure = explain(result, row.variable, {**row.at, "year": year}).figures[0]
            assert figure.value == pytest.approx(row.values[k], nan_ok=True), (row.name, year)


def test_explaining_shows_dates_and_every_factor(announced: Result) -> None:
    days = explain(announced, "tranche_day")
    assert days.figures[0].date.startswith("2027-")
    assert [dict(f.at) for f in days.figures][:2] == [{"tranche": "1"}, {"tranche": "2"}]
    power = explain(announced, "power_state_mw", {"state": "producing", "year": "2031"})
    assert any(e.path.endswith("facility_to_it_peak") for e in power.entries)
    price = explain(announced, "cost_per_mtok_usd", {"workload": "chat", "year": "2031"})
    cost, tokens = price.inputs
    assert price.figures[0].value == pytest.approx(cost.figures[0].value / tokens.figures[0].value * 1e6)
    assert {e.aggregate.at["workload"] for e in price.inputs} == {"chat"}
    listed = explain(announced, "capability_eci", {"year": "2031"})
    assert [f.at["bound"] for f in listed.figures] == ["low", "central", "high"]


@pytest.mark.parametrize("name", ["announced-2025-09", "lab-1mw", "neocloud-100mw"])
def test_a_mean_lies_between_the_least_and_the_largest_of_what_is_averaged(name: str) -> None:
    """Over every dim that is averaged; dims that are summed are summed first."""
    result = result_of(name)
    for quantity, row in variables().items():
        if row.reduction != "mean":
            continue
        array = result.central(quantity)
        dims = [d for d in row.dims if d != "member"]
        summed = tuple(i for i, d in enumerate(dims) if d in row.sum_over)
        stay = [d for d in dims if d in refused(result, row) and d not in TIME]
        entries = array.sum(axis=summed)
        got = aggregate(result, quantity, stay, {"year": "horizon"} if row.time else {}).values
        finite = got[np.isfinite(got)]
        if not finite.size or not np.isfinite(entries).any():
            continue
        slack = 1e-9 * np.nanmax(np.abs(entries))
        assert np.nanmin(entries) - slack <= finite.min() and finite.max() <= np.nanmax(entries) + slack, quantity


def test_hours_of_a_day_are_averaged_and_not_added(announced: Result) -> None:
    axis = announced.axis
    months = np.array([m[:4] for m in announced.labels["month"]]) == "2030"
    energy = yearly(announced, "facility_energy_mwh")
    power = yearly(announced, "facility_power_mw")
    k = years(announced).index("2030")
    assert power[k] == pytest.approx(energy[k] / axis.hours[months].sum(), rel=1e-9)
    asked = yearly(announced, "requests_asked_per_h", "workload")
    daily = yearly(announced, "requests_asked_per_day", "workload")
    assert asked * 24 == pytest.approx(daily, rel=1e-9)


def test_what_is_held_for_the_central_member_is_not_passed_off_as_others() -> None:
    result = gp.run("lab-1mw", {"uncertainty.members": 4}, keep="summary")
    whole = gp.run("lab-1mw", {"uncertainty.members": 4}, keep="all")
    some, every = (aggregate(r, "fleet_share", ["workload", "year"], members="all") for r in (result, whole))
    assert some.labels["member"] == whole.names("member")[:1] and len(every.labels["member"]) == 4
    np.testing.assert_allclose(some.values, every.values[:1])


def test_a_year_that_the_horizon_cuts_is_named() -> None:
    result = gp.run("announced-2025-09", {"horizon.end": "2031-08"})
    assert aggregate(result, "revenue_usd", ["year"]).reduction == "sum over the year (2031: 7 months)"
    assert aggregate(result, "revenue_usd", [], {"year": "2030"}).reduction == "sum over the year"
    assert aggregate(result, "revenue_usd", [], {"year": "2031"}).reduction == "sum over the year (2031: 7 months)"


def test_labels_are_known_by_the_names_that_a_report_shows(announced: Result) -> None:
    assert parse_at("workload=long context", announced) == {"workload": "long_context"}
    assert parse_at("site=new", announced) == {"site": "announced"}
    assert parse_at("limit=site dates", announced) == {"limit": "power"}
    assert parse_at("generation=VR", announced) == {"generation": "vr_nvl72"}
