"""Every system of the catalog resolves to a device, and generations stand where they should."""

from __future__ import annotations

import pytest

from gigaplan import catalog
from gigaplan.plan.resolve import device_of, it_kw_per_gpu

FACTS = catalog.load()
SYSTEMS = FACTS.entities("peak_bf16_flops_per_s")


def test_the_catalog_has_every_vendor_and_generation() -> None:
    assert len(SYSTEMS) >= 30
    assert {"NVIDIA", "AMD", "Google", "Amazon", "Broadcom"} <= {str(FACTS.find(s, "vendor").value) for s in SYSTEMS}


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_is_a_device_that_can_be(system: str) -> None:
    device = device_of(FACTS, system)
    if device.peak_fp8_flops_per_s:
        assert 0.9 <= device.peak_fp8_flops_per_s / device.peak_bf16_flops_per_s <= 4.5
    if device.peak_fp4_flops_per_s:
        assert device.peak_fp4_flops_per_s >= device.peak_fp8_flops_per_s
    assert 5 <= device.peak_bf16_flops_per_s / device.hbm_bandwidth_bytes_per_s <= 4000
    assert FACTS.find(system, "package").value


def test_each_generation_of_one_maker_is_faster_than_the_one_before() -> None:
    for line in (
        ("v100_dgx", "a100_hgx", "h100_hgx", "b200_hgx", "gb300_nvl72", "vr_nvl72", "rubin_ultra_nvl144"),
        ("mi300x_oam8", "mi355x_oam8", "mi455x_helios"),
        ("tpu_v4", "tpu_v5p", "tpu_v6e", "tpu_v7_ironwood"),
    ):
        peaks = [device_of(FACTS, s).peak_bf16_flops_per_s for s in line]
        assert peaks == sorted(peaks)
        dates = [FACTS.find(s, "first_ship_date").day for s in line]
        assert dates == sorted(dates)


def test_what_is_announced_or_assumed_has_a_range() -> None:
    for quantity in ("peak_fp4_flops_per_s", "peak_bf16_flops_per_s", "hbm_bandwidth_bytes_per_s", "rack_power_kw"):
        fact = FACTS.find("rubin_ultra_nvl144", quantity)
        assert fact.low is not None
        assert fact.high is not None
        assert fact.low < fact.high


def number(system: str, quantity: str, **basis: str) -> float:
    return FACTS.find(system, quantity, **basis).number


def test_rents_of_later_racks_are_vera_rubins_times_the_price_of_a_package() -> None:
    rent = number("vr_nvl72", "rental_usd_per_gpu_h", price_basis="contract")
    package = number("vr_nvl72", "rack_price_usd", price_basis="contract") / 72
    for system in ("mi455x_helios", "rubin_ultra_nvl144"):
        own = number(system, "rack_price_usd") / number(system, "gpus_per_rack")
        assert number(system, "rental_usd_per_gpu_h") == pytest.approx(rent * own / package, rel=0.03), system


def test_a_trainium_is_rented_at_the_price_of_its_megawatt() -> None:
    chips = 1e3 / it_kw_per_gpu(FACTS, "trainium3_ultra")
    a_year = number("aws_openai_2026", "lease_usd_per_mw_year")
    assert number("trainium3_ultra", "rental_usd_per_gpu_h") == pytest.approx(a_year / chips / 8760, rel=0.01)


@pytest.mark.parametrize("system", ["mi300x_oam8", "mi355x_oam8"])
def test_an_amd_node_takes_half_as_much_again_as_its_packages(system: str) -> None:
    packages_kw = number(system, "gpu_tgp_w") * number(system, "gpus_per_rack") / 1e3
    assert number(system, "rack_power_kw") == pytest.approx(1.5 * packages_kw, rel=0.015)


def test_rubins_relatives_keep_its_ratios() -> None:
    fp4, fp8, bf16 = (number("vr_nvl72", f"peak_{p}_flops_per_s") for p in ("fp4", "fp8", "bf16"))
    for system in ("rubin_cpx", "rubin_ultra_nvl144"):
        own = number(system, "peak_fp4_flops_per_s")
        assert number(system, "peak_fp8_flops_per_s") == pytest.approx(own * fp8 / fp4), system
        assert number(system, "peak_bf16_flops_per_s") == pytest.approx(own * bf16 / fp4, rel=0.01), system
    one_way = 1.5e15 / number("rubin_ultra_nvl144", "scaleup_gpus") / 2
    assert number("rubin_ultra_nvl144", "scaleup_bandwidth_bytes_per_s") == pytest.approx(one_way, rel=0.01)


def test_power_at_abilene_is_that_of_the_buildings_of_one_generation() -> None:
    """Buildings 1 and 2: 211 MW of IT and 295 at the meter; 3 and 4 bring 210 more; 100,800 GPUs in each pair."""
    for system, basis, mw in (("gb200_nvl72", "it", 211), ("gb200_nvl72", "facility", 295), ("gb300_nvl72", "it", 210)):
        per_gpu_kw = number(system, "all_in_power_kw_per_gpu", power_basis=basis)
        assert per_gpu_kw == pytest.approx(mw / 100.8, abs=0.006), (system, basis)
