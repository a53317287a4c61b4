"""Training across sites as an answer: sites from text, catalog and plan, what is wrong and what would mend it, the
largest run."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gigaplan as gp
from gigaplan import catalog
from gigaplan.cli import main
from gigaplan.layers.site_failures import goodput_by_size as kept_by_size
from gigaplan.layers.site_failures import goodput_of as left_of
from gigaplan.layers.sites import SitesJob, read_sites
from gigaplan.layers.training import TrainingJob
from gigaplan.layers.training_sites import METHODS, SitesRun, train_at_sites
from gigaplan.plan.resolve import failures_of
from gigaplan.report import sites_view
from gigaplan.training.reliability import best_interval_s, best_spares, expected_share, failures_per_s, hazards
from gigaplan.training.sites import combinations
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.options import Quantity

FACTS = catalog.load()
RUN = TrainingJob(model="llama_3_1_405b", system="h100_hgx", gpus=16_384, tokens=15.6e12, global_batch_sequences=2048)
ASK = SitesJob(run=RUN, sites="a,b", distance_km=1000.0, uplink_bits_per_s=1e13)


@pytest.fixture(scope="module")
def together() -> SitesRun:
    return train_at_sites(ASK)


def run_verb(words: list[str]) -> int:
    with pytest.raises(SystemExit) as left:
        main(words)
    return int(left.value.code or 0)


def problems(job: SitesJob) -> str:
    with pytest.raises(PlanError) as caught:
        train_at_sites(job)
    return "\n".join(str(p) for p in caught.value.problems)


def test_what_is_told_adds_up(together: SitesRun) -> None:
    assert [s.gpus for s in together.sites] == [8192, 8192]
    assert together.one.job.gpus == 16_384 and together.one.batch_tokens == 2048 * 8192
    for m in together.methods:
        assert m.step_s.value == pytest.approx(m.exposed_s.value + m.step_s.value * m.time_share.value)
        assert m.share.value == pytest.approx(m.time_share.value * m.effective_compute_share.value)
        for figure in (m.share, m.days, m.step_s, m.effective_compute_share, m.tokens_per_s):
            assert figure.low <= figure.value <= figure.high
        assert m.days.value * m.tokens_per_s.value * m.effective_compute_share.value * 86_400 == pytest.approx(15.6e12)
        assert 0 < m.goodput_share < 1
        assert len(m.curve) == len(together.grid_bits_per_s)
    synchronous, local, streamed = (together.method(n) for n in METHODS)
    assert synchronous.effective_compute_share.value == 1 and not synchronous.beyond
    assert local.sent_bytes_per_step * local.inner_steps == pytest.approx(synchronous.sent_bytes_per_step)
    assert streamed.sent_bytes_per_step * 4 * streamed.inner_steps == pytest.approx(synchronous.sent_bytes_per_step)
    assert "10 billion" in local.beyond


def test_one_site_and_an_endless_network_lose_nothing() -> None:
    alone = train_at_sites(replace(ASK, sites="a"))
    near = train_at_sites(replace(ASK, uplink_bits_per_s=1e24, distance_km=1e-6))
    assert all(m.exposed_s.value == 0 and m.effective_compute_share.value == 1 for m in alone.methods)
    assert all(m.exposed_s.value < 1e-9 for m in near.methods)
    assert near.method("synchronous").share.value == pytest.approx(1.0)
    # gradients are summed over fewer ranks, and weights updated by fewer
    assert near.methods[0].step_s.value == pytest.approx(near.one.step_s.value, rel=1e-3)


def test_the_best_method_follows_the_network() -> None:
    fast = train_at_sites(replace(ASK, uplink_bits_per_s=1e18, distance_km=1.0, inner_steps=100.0))
    slow = train_at_sites(replace(ASK, uplink_bits_per_s=1e11))
    assert fast.best == "synchronous"
    assert slow.best == "streamed updates"
    assert slow.method("synchronous").share.value < 0.2
    fewer = train_at_sites(replace(ASK, uplink_bits_per_s=1e9))
    assert fewer.method("local updates").inner_steps > slow.method("local updates").inner_steps > 30


def test_what_is_needed_is_enough() -> None:
    some = train_at_sites(replace(ASK, share=0.9))
    need = some.method("synchronous").uplink_needed_bits_per_s
    assert need is not None
    given = train_at_sites(replace(ASK, uplink_bits_per_s=need, share=0.9))
    assert given.method("synchronous").time_share.value == pytest.approx(0.9, rel=1e-6)
    far = given.method("local updates").distance_allowed_km
    assert far is not None and far > 20_000


def test_sites_of_the_catalog_lie_where_they_lie() -> None:
    two = gp.train_sites("llama_3_1_8b", "h100_hgx", sites="abilene=64,Fairwater Wisconsin=64")
    assert two.distance_km == pytest.approx(1543, abs=30)
    assert two.latency_ms == pytest.approx(two.distance_km * 1.3 * 1.468 / 299_792 * 1e3, rel=1e-3)


def test_the_largest_run_by_a_date() -> None:
    job = SitesJob(
        run=replace(RUN, gpus=0),
        sites="a=8192,b=8192@2027-03-20",
        distance_km=1000.0,
        uplink_bits_per_s=1e14,
        by=dt.date(2027, 4, 10),
        run_days=40.0,
    )
    late, early = train_at_sites(job), train_at_sites(replace(job, sites="a=8192,b=8192@2026-01-01"))
    never = train_at_sites(replace(job, sites="a=8192"))
    most, alone = max(r.counted_flop.value for r in late.largest), never.largest[-1].counted_flop.value
    assert alone < most < max(r.counted_flop.value for r in early.largest)  # b joins when it comes
    single = never.largest[0]
    a_day = never.one.flop / never.one.tokens * never.one.tokens_per_s.value * 86_400
    assert single.flop.value == pytest.approx(40 * a_day * single.goodput_share)
    assert single.tokens == pytest.approx(single.flop.value / (never.one.flop / never.one.tokens))
    assert single.parameters.low < single.parameters.value < single.parameters.high
    longer = train_at_sites(replace(job, run_days=80.0))
    assert max(r.counted_flop.value for r in longer.largest) > most
    slow = train_at_sites(replace(job, uplink_bits_per_s=1e6, inner_steps=1.0))
    best = max(slow.largest, key=lambda r: r.counted_flop.value)
    assert best.sites == ("a",) and best.method == "alone"  # a network that slow is worth nothing


def test_sites_by_the_power_of_the_catalog() -> None:
    run = gp.train_sites("llama_3_1_405b", "gb200_nvl72", sites="abilene,shackelford", by="2028-06")
    abilene = run.sites[0]
    assert 843e3 / abilene.gpus == pytest.approx(2.1, abs=0.1)  # kW of IT power per GPU
    assert run.one.batch_tokens <= 63e6 * 1.1
    assert len(run.largest) >= 4


def test_sites_of_a_plan() -> None:
    run = gp.train_sites("llama_3_1_405b", "vr_nvl72", sites="abilene,michigan", plan="announced-2025-09", by="2028-12")
    assert [s.name for s in run.sites] == ["Abilene", "Michigan"]
    assert all("announced-2025-09" in s.source for s in run.sites)
    counts = run.sites[1].counts
    assert counts[0] == 0 and counts[-1] > counts[0]
    said = problems(SitesJob(run=replace(RUN, system="vr_nvl72", gpus=0), sites="abilen", plan="announced-2025-09"))
    assert "nearest: Abilene" in said
    said = problems(SitesJob(run=replace(RUN, system="a100_dgx", gpus=0), sites="abilene", plan="announced-2025-09"))
    assert "no such system" in said


def test_experts_are_whole_on_every_site() -> None:
    run = gp.train_sites(
        "deepseek_v3",
        "h100_hgx",
        sites="a=3000,b=2100",
        wan_distance="500 km",
        layout="pp4 ep64 mb1 recompute=full",
        precision="fp8",
        sequence_tokens=4096,
    )
    assert all(s.gpus % 256 == 0 for s in run.sites)
    assert any("left over" in n for n in run.notes)


def test_every_mistake_is_named_at_once() -> None:
    said = problems(
        SitesJob(run=replace(RUN, model="lama_3", precision="fp7"), sites="a=b,c", share=1.5, uplink_bits_per_s=-1.0)
    )
    for word in ("no such model", "no such precision", "not a site", "--efficiency", "--wan-bandwidth"):
        assert word in said, word
    assert "--wan-distance" in problems(SitesJob(run=RUN, sites="abilene,nowhere"))
    assert "nearest: abilene" in problems(SitesJob(run=replace(RUN, gpus=0), sites="abilen,milam"))
    assert "no GPUs on 2026-01-01" in problems(
        SitesJob(run=replace(RUN, gpus=0, system="gb200_nvl72"), sites="milam", by=dt.date(2026, 1, 1))
    )
    assert "the sites have 8,192 GPUs" in problems(replace(ASK, sites="a=8192"))
    assert "nothing is left" in problems(replace(ASK, sites="a=16384,b"))
    small = problems(SitesJob(run=replace(RUN, gpus=0), sites="a=100,b=8192", distance_km=10.0))
    assert "the smallest site, a" in small and "leave a out" in small
    assert "a site holds at least one replica" in problems(
        SitesJob(
            run=replace(RUN, gpus=0, layout="tp8 pp16 vpp7 mb1 recompute=selective"),
            sites="a=100,b=8192",
            distance_km=10.0,
        )
    )
    many = ",".join(f"s{k}=64" for k in range(13))
    assert "too many sites" in problems(SitesJob(run=replace(RUN, gpus=0), sites=many, distance_km=10.0))


def test_the_verb(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "sites.html"
    words = ["train", "llama_3_1_8b", "h100_hgx", "--sites", "a=64,b=64", "--wan-distance", "800 km", "--by", "2027-06"]
    assert run_verb([*words, "--html", str(page)]) == 0
    told = capsys.readouterr().out
    for word in ("synchronous", "streamed", "800 km apart", "the largest run that ends by"):
        assert word in told, word
    text = page.read_text(encoding="utf-8")
    assert "chart-uplink" in text and "chart-largest" in text and "chart-step" in text
    assert run_verb([*words, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [m["name"] for m in data["methods"]] == list(METHODS)
    assert run_verb([*words, "--wan-bandwidth", "much"]) == 2
    assert "10 Tbps" in capsys.readouterr().err
    assert run_verb(["train", "llama_3_1_8b", "h100_hgx"]) == 2
    assert (
        run_verb(["train", "llama_3_1_8b", "h100_hgx", "--gpus", "64", "--by", "2027-06", "--inner-steps", "50"]) == 2
    )
    said = capsys.readouterr().err
    assert "--by is for a run over several sites" in said and "--inner-steps is" in said


def test_a_view_of_every_figure(together: SitesRun) -> None:
    assert {c.id for c in sites_view.charts(together)} == {"uplink", "sites"}
    assert sites_view.bits(4.5e15) == "4.50 Pbit/s"
    assert len(sites_view.method_rows(together)) == 3


def test_failures_in_step_and_apart() -> None:
    """The better recovery counts; sites that fail apart never keep less than all in step, nor more than one of them
    alone."""
    kept = kept_by_size(FACTS, "h100_hgx", 8192.0, 400_000.0, 512, 405e9)
    gpus = np.array([[100_000.0, 8192.0], [200_000.0, 0.0], [100_000.0, 8192.0]])
    chosen = combinations(3)
    together = left_of(kept, gpus, chosen, 500.0, in_step=True)
    apart = left_of(kept, gpus, chosen, 500.0, in_step=False)
    assert together.shape == apart.shape == (7, 2)
    assert (apart >= together - 1e-12).all()
    assert (apart[-1] <= kept.best(gpus[:, :]).min(axis=0, where=gpus > 0, initial=1.0) + 1e-12).all()
    sizes = np.geomspace(8192, 400_000, 30)
    assert (np.diff(kept.best(sizes)) < 0).all() and (np.diff(kept.mean_time_s(sizes)) < 0).all()
    direct = replace(hazards(failures_of(FACTS), gpus=8192, unit_gpus=8, state_bytes=14 * 405e9, groups=16), spares=0)
    direct = replace(direct, interval_s=best_interval_s(direct, "groups"))
    direct = replace(direct, spares=best_spares(direct, "groups"))
    share = expected_share(direct, "groups") * 1024 / (1024 + float(np.mean(direct.spares)))
    assert float(kept.grouped(np.array(8192.0))) == pytest.approx(share, rel=1e-9)
    assert float(kept.mean_time_s(np.array(8192.0))) == pytest.approx(1 / float(failures_per_s(direct)))


def test_texts() -> None:
    bandwidth = Quantity("bit/s", "10 Tbps")
    assert bandwidth.parse("10 Tbps") == bandwidth.parse("10Tbit/s") == bandwidth.parse("1.25 TB/s") == 1e13
    assert Quantity("km").parse("1,200 km") == 1200
    for wrong in ("10", "10 km", "fast", "10 TBq"):
        with pytest.raises(ValueError, match="10 Tbps"):
            bandwidth.parse(wrong)
    found, wrong_parts = read_sites("a=8k, b = 1.5e4 @ 2027-01, b=30000@2028-01")
    assert not wrong_parts
    assert [(s.name, [c for _, c in s.counts]) for s in found] == [("a", [8000]), ("b", [15_000, 30_000])]
